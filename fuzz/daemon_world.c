/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon_world.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/process.h"
#include "cratond/internal.h"
#include "cratond/server.h"
#include "fuzz.h"
#include <craton_hsm.pb-c.h>

enum {
    RUNS_MAX = 500, /* inputs, after which the world is made anew: its audit log grows */
    PATH_MAX_BYTES = 64,
    TURNS_MAX = 100000, /* a daemon that works longer on one input never ends */
};

#define SERVICE "/craton_hsm.HsmService/"

/* Beside what the targets see. */
static struct {
    daemon_world world;
    hsm_config *config;
    peer *home;
    uint64_t session;
    char folder[PATH_MAX_BYTES];
    unsigned runs;
} all;

/* --- the daemon ----------------------------------------------------------------------------------- */

static void remove_folder(void)
{
    char path[PATH_MAX];
    DIR *folder = opendir(all.folder);

    for (const struct dirent *at = NULL; folder != NULL && (at = readdir(folder)) != NULL;) {
        (void)snprintf(path, sizeof path, "%s/%s", all.folder, at->d_name);
        (void)unlink(path); /* not the folder itself nor its parent */
    }
    if (folder != NULL)
        (void)closedir(folder);
    (void)rmdir(all.folder);
}

static void close_world(void)
{
    peer_destroy(all.home);
    all.home = NULL;
    server_close(all.world.server);
    all.world.server = NULL;
    hsm_config_destroy(all.config);
    all.config = NULL;
    remove_folder();
}

static void open_daemon(void)
{
    static const pool_options no_threads = { .waiting_max = { 1000, 1000 } };
    char text[1024];

    (void)snprintf(all.folder, sizeof all.folder, "/tmp/craton-fuzz.XXXXXX");
    FUZZ_REQUIRE(mkdtemp(all.folder) != NULL);
    const int len = snprintf(
        text, sizeof text,
        "[token]\npersist_objects = false\nslot_count = 2\n[security]\npbkdf2_iterations = 100000\n"
        "[algorithms]\nallow_weak_rsa = true\n"
        "[audit]\nlog_path = \"%s/audit.jsonl\"\nlog_level = \"auth\"\ndurability = \"batch\"\n"
        "[daemon]\nallow_insecure = true\nbind_unix = \"%s/d.sock\"\nreflection = true\n"
        "idle_timeout_secs = 0\nmax_login_attempts = 0\n",
        all.folder, all.folder);
    FUZZ_REQUIRE(hsm_config_parse(hsm_bytes_of(text, (size_t)len), "fuzz", &all.config, NULL) ==
                 HSM_OK);
    FUZZ_REQUIRE(hsm_core_process_watch() == HSM_OK);
    FUZZ_REQUIRE(server_open_with(all.config, &no_threads, &all.world.server) == HSM_OK);
}

peer *daemon_world_connect(daemon_world *world, known *of)
{
    int ends[2];

    FUZZ_REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) == 0);
    conn_accept(world->server, ends[0], NULL);
    return peer_create(ends[1], of);
}

static bool receive(peer *const *clients, size_t count)
{
    bool has_any = false;

    for (size_t i = 0; i < count; i++)
        has_any = peer_receive(clients[i]) || has_any;
    return has_any;
}

void daemon_world_settle(daemon_world *world, peer *const *clients, size_t count)
{
    server *of = world->server;
    unsigned turns = 0;
    bool is_busy = true;

    for (size_t i = 0; i < count; i++)
        peer_send(clients[i]);
    while (is_busy) {
        FUZZ_REQUIRE(turns++ < TURNS_MAX);
        FUZZ_REQUIRE(server_turn(of, 0) == HSM_OK);
        is_busy = pool_run_waiting(of->workers) > 0 || of->unread != NULL;
        is_busy = receive(clients, count) || is_busy;
    }
}

/* --- its first client ----------------------------------------------------------------------------- */

/* A call that has to be answered with this status; its answer is learnt from. */
static int call_home(const char *name, const void *request)
{
    const rpc_method *method = rpc_find(hsm_bytes_of_text(name));
    hsm_buf message = { 0 };

    FUZZ_REQUIRE(method != NULL);
    const size_t len = protobuf_c_message_get_packed_size(request);
    FUZZ_REQUIRE(hsm_buf_reserve(&message, len + 1) == HSM_OK);
    message.len = protobuf_c_message_pack(request, message.data);
    const peer_stream *stream = peer_put_call(all.home, method, hsm_buf_view(&message));
    hsm_buf_clear(&message);
    daemon_world_settle(&all.world, &all.home, 1);
    FUZZ_REQUIRE(stream->is_over && stream->has_status && !all.home->is_over);
    const int status = stream->status;
    all.home->stream_count = 0;
    return status;
}

static ProtobufCBinaryData bytes_of(const void *data, size_t len)
{
    return (ProtobufCBinaryData){ .len = len, .data = (uint8_t *)(uintptr_t)data };
}

static void log_in(uint64_t user)
{
    CratonHsm__LoginRequest login = CRATON_HSM__LOGIN_REQUEST__INIT;

    login.session_handle = all.session;
    login.user_type = user;
    login.pin = bytes_of(REQUEST_PIN, strlen(REQUEST_PIN));
    FUZZ_REQUIRE(call_home(SERVICE "Login", &login) == 0);
}

static void make_token(void)
{
    CratonHsm__InitTokenRequest token;
    CratonHsm__OpenSessionRequest open = CRATON_HSM__OPEN_SESSION_REQUEST__INIT;
    CratonHsm__InitPINRequest pin = CRATON_HSM__INIT_PINREQUEST__INIT;
    CratonHsm__LogoutRequest logout = CRATON_HSM__LOGOUT_REQUEST__INIT;

    craton_hsm__init_token_request__init(&token);
    token.so_pin = bytes_of(REQUEST_PIN, strlen(REQUEST_PIN));
    token.label = (char *)(uintptr_t)REQUEST_LABEL;
    FUZZ_REQUIRE(call_home(SERVICE "InitToken", &token) == 0);
    open.read_write = 1;
    FUZZ_REQUIRE(call_home(SERVICE "OpenSession", &open) == 0);
    all.session = all.world.known.sessions[0];
    log_in(CKU_SO);
    pin.session_handle = all.session;
    pin.pin = token.so_pin;
    FUZZ_REQUIRE(call_home(SERVICE "InitPIN", &pin) == 0);
    logout.session_handle = all.session;
    FUZZ_REQUIRE(call_home(SERVICE "Logout", &logout) == 0);
    log_in(CKU_USER);
}

/* --- its keys --------------------------------------------------------------------------------------- */

enum { ATTRS_MAX = 12 };

typedef struct wire_template {
    CratonHsm__Attribute attrs[ATTRS_MAX];
    CratonHsm__Attribute *list[ATTRS_MAX];
    size_t count;
} wire_template;

static CK_BBOOL yes = CK_TRUE;

static void add(wire_template *to, CK_ATTRIBUTE_TYPE type, const void *value, size_t len)
{
    CratonHsm__Attribute *made = &to->attrs[to->count];

    FUZZ_REQUIRE(to->count < ATTRS_MAX);
    craton_hsm__attribute__init(made);
    made->attr_type = type;
    made->value = bytes_of(value, len);
    to->list[to->count++] = made;
}

static void add_uses(wire_template *to, const CK_ATTRIBUTE_TYPE uses[3])
{
    for (size_t i = 0; i < 3 && uses[i] != 0; i++)
        add(to, uses[i], &yes, sizeof yes);
}

static void make_secret(CK_KEY_TYPE type, size_t len)
{
    static const CK_ATTRIBUTE_TYPE uses[][3] = {
        { CKA_ENCRYPT, CKA_DECRYPT, CKA_EXTRACTABLE },
        { CKA_SIGN, CKA_VERIFY, CKA_DERIVE },
        { CKA_WRAP, CKA_UNWRAP },
    };
    static const CK_BYTE value[64] = { 0x5a };
    CratonHsm__CreateObjectRequest create = CRATON_HSM__CREATE_OBJECT_REQUEST__INIT;
    const CK_OBJECT_CLASS class = CKO_SECRET_KEY;
    wire_template tmpl = { .count = 0 };

    add(&tmpl, CKA_CLASS, &class, sizeof class);
    add(&tmpl, CKA_KEY_TYPE, &type, sizeof type);
    add(&tmpl, CKA_VALUE, value, len);
    for (size_t i = 0; i < HSM_ARRAY_LEN(uses); i++)
        add_uses(&tmpl, uses[i]);
    create.session_handle = all.session;
    create.template_ = tmpl.list;
    create.n_template_ = tmpl.count;
    FUZZ_REQUIRE(call_home(SERVICE "CreateObject", &create) == 0);
}

typedef struct pair_row {
    CK_MECHANISM_TYPE mechanism;
    CK_ATTRIBUTE_TYPE attribute; /* of the public key, that says what is made */
    CK_ULONG number;
    const char *bytes; /* instead of the number */
    size_t len;
    CK_ATTRIBUTE_TYPE public_uses[3];
    CK_ATTRIBUTE_TYPE private_uses[3];
} pair_row;

#define P256 "\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07"
#define ED25519 "\x06\x03\x2b\x65\x70"
#define X25519 "\x06\x03\x2b\x65\x6e"
#define OID(text) 0, text, sizeof(text) - 1
#define SIZE(number) number, NULL, 0

static const pair_row pairs[] = {
    { CKM_RSA_PKCS_KEY_PAIR_GEN,
      CKA_MODULUS_BITS,
      SIZE(1024),
      { CKA_VERIFY, CKA_ENCRYPT, CKA_WRAP },
      { CKA_SIGN, CKA_DECRYPT, CKA_UNWRAP } },
    { CKM_EC_KEY_PAIR_GEN, CKA_EC_PARAMS, OID(P256), { CKA_VERIFY }, { CKA_SIGN, CKA_DERIVE } },
    { CKM_EC_EDWARDS_KEY_PAIR_GEN, CKA_EC_PARAMS, OID(ED25519), { CKA_VERIFY }, { CKA_SIGN } },
    { CKM_EC_MONTGOMERY_KEY_PAIR_GEN, CKA_EC_PARAMS, OID(X25519), { 0 }, { CKA_DERIVE } },
    { CKM_ML_DSA_KEY_PAIR_GEN,
      CKA_PARAMETER_SET,
      SIZE(CKP_ML_DSA_44),
      { CKA_VERIFY },
      { CKA_SIGN } },
    { CKM_ML_KEM_KEY_PAIR_GEN,
      CKA_PARAMETER_SET,
      SIZE(CKP_ML_KEM_768),
      { CKA_ENCAPSULATE },
      { CKA_DECAPSULATE } },
};

static void make_pair(const pair_row *row)
{
    CratonHsm__GenerateKeyPairRequest pair = CRATON_HSM__GENERATE_KEY_PAIR_REQUEST__INIT;
    CratonHsm__Mechanism mechanism = CRATON_HSM__MECHANISM__INIT;
    wire_template public_tmpl = { .count = 0 };
    wire_template private_tmpl = { .count = 0 };

    mechanism.mechanism_type = row->mechanism;
    add(&public_tmpl, row->attribute, row->bytes != NULL ? row->bytes : (const void *)&row->number,
        row->bytes != NULL ? row->len : sizeof row->number);
    add_uses(&public_tmpl, row->public_uses);
    add(&private_tmpl, CKA_EXTRACTABLE, &yes, sizeof yes);
    add(&private_tmpl, CKA_LABEL, REQUEST_LABEL, row == pairs ? strlen(REQUEST_LABEL) : 0);
    add_uses(&private_tmpl, row->private_uses);
    pair.session_handle = all.session;
    pair.mechanism = &mechanism;
    pair.public_template = public_tmpl.list;
    pair.n_public_template = public_tmpl.count;
    pair.private_template = private_tmpl.list;
    pair.n_private_template = private_tmpl.count;
    FUZZ_REQUIRE(call_home(SERVICE "GenerateKeyPair", &pair) == 0);
}

/* The last pair's public point becomes the `value` that is known. */
static void learn_point(void)
{
    CratonHsm__GetAttributeValueRequest get = CRATON_HSM__GET_ATTRIBUTE_VALUE_REQUEST__INIT;
    uint64_t point = CKA_EC_POINT;

    get.session_handle = all.session;
    get.object_handle = all.world.known.objects[all.world.known.object_count - 2];
    get.attribute_types = &point;
    get.n_attribute_types = 1;
    FUZZ_REQUIRE(call_home(SERVICE "GetAttributeValue", &get) == 0);
}

static bool find_objects(void)
{
    CratonHsm__FindObjectsRequest find = CRATON_HSM__FIND_OBJECTS_REQUEST__INIT;

    find.session_handle = all.session;
    return call_home(SERVICE "FindObjects", &find) == 0;
}

static void make_keys(void)
{
    CratonHsm__GetMechanismListRequest list = CRATON_HSM__GET_MECHANISM_LIST_REQUEST__INIT;

    make_secret(CKK_AES, 32);
    make_secret(CKK_GENERIC_SECRET, 48);
    for (size_t i = 0; i < HSM_ARRAY_LEN(pairs); i++) {
        make_pair(&pairs[i]);
        if (pairs[i].mechanism == CKM_EC_KEY_PAIR_GEN)
            learn_point();
    }
    FUZZ_REQUIRE(call_home(SERVICE "GetMechanismList", &list) == 0);
    all.world.known.object_count = 0;
    FUZZ_REQUIRE(find_objects()); /* those that were made, and those that every token has */
    all.world.known.fixed_objects = all.world.known.object_count;
}

static void make_world(void)
{
    static bool is_registered = false;

    if (!is_registered)
        (void)atexit(close_world);
    is_registered = true;
    if (all.world.server != NULL)
        close_world();
    memset(&all, 0, sizeof all);
    open_daemon();
    all.home = daemon_world_connect(&all.world, &all.world.known);
    peer_put_preface(all.home, true);
    make_token();
    make_keys();
}

/* --- between inputs --------------------------------------------------------------------------------- */

static bool is_fixed(uint64_t handle)
{
    const known *of = &all.world.known;

    for (size_t i = 0; i < of->fixed_objects; i++) {
        if (of->objects[i] == handle)
            return true;
    }
    return false;
}

/* Token objects of the last input go; how many objects are still there, 0 without a login. */
static size_t count_fixed(void)
{
    CratonHsm__DestroyObjectRequest destroy = CRATON_HSM__DESTROY_OBJECT_REQUEST__INIT;
    known seen = { .object_count = 0 };
    size_t count = 0;

    all.home->known = &seen;
    bool is_whole = find_objects();
    for (size_t i = 0; i < seen.object_count; i++) {
        destroy.session_handle = all.session;
        destroy.object_handle = seen.objects[i];
        if (is_fixed(seen.objects[i]))
            count++;
        else
            is_whole = call_home(SERVICE "DestroyObject", &destroy) == 0 && is_whole;
    }
    all.home->known = &all.world.known;
    return is_whole ? count : 0;
}

static bool is_whole(void)
{
    return all.world.server != NULL && all.runs++ < RUNS_MAX && !all.home->is_over &&
           count_fixed() == all.world.known.fixed_objects;
}

daemon_world *daemon_world_get(void)
{
    if (!is_whole())
        make_world();
    return &all.world;
}

void daemon_world_require_rest(daemon_world *world)
{
    const server *of = world->server;

    daemon_world_settle(world, NULL, 0);
    FUZZ_REQUIRE(of->conn_count == 1 && of->conns->call_count == 0 && of->conns->bytes == 0);
    FUZZ_REQUIRE(of->watchers == NULL);
    FUZZ_REQUIRE(atomic_load(&of->sessions_open) <= 1);
}
