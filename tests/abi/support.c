#include "support.h"

#include <dlfcn.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

CK_FUNCTION_LIST *p11;
CK_FUNCTION_LIST_3_2 *p11_3;

const char *fixture_settings;
const char *fixture_place;

static void *handle;

static _Noreturn void give_up(const char *what, const char *why)
{
    printf("Bail out! %s: %s\n", what, why == NULL ? "unknown" : why);
    exit(1);
}

void *module_symbol(const char *name)
{
    return dlsym(handle, name);
}

void *module_handle(void)
{
    return handle;
}

bool module_is_ours(void)
{
    const char *path = getenv("CRATON_HSM_MODULE");

    return path != NULL && strstr(path, "craton") != NULL;
}

void module_load(void)
{
    const char *path = getenv("CRATON_HSM_MODULE");
    CK_C_GetFunctionList get_list = NULL;
    CK_C_GetInterface get_interface = NULL;
    CK_VERSION version = { 3, 2 };
    CK_INTERFACE *interface = NULL;

    if (handle != NULL)
        return;
    if (path == NULL)
        give_up("CRATON_HSM_MODULE", "is not set");
    handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (handle == NULL)
        give_up(path, dlerror());
    *(void **)&get_list = dlsym(handle, "C_GetFunctionList");
    if (get_list == NULL || get_list(&p11) != CKR_OK)
        give_up(path, "no function list");
    *(void **)&get_interface = dlsym(handle, "C_GetInterface");
    if (get_interface != NULL && get_interface(NULL, &version, &interface, 0) == CKR_OK)
        p11_3 = interface->pFunctionList;
}

/* The configuration of ours and of SoftHSM2, which is often there to compare. */
static bool write_config(const fixture *fix)
{
    char text[512];
    char path[128];

    (void)snprintf(text, sizeof text,
                   "[token]\nlabel = \"fresh\"\nstorage_path = \"%s/store\"\nslot_count = 2\n"
                   "max_sessions = 300\nmax_rw_sessions = 200\n"
                   "[security]\npbkdf2_iterations = 100000\nmax_failed_logins = 3\n%s",
                   fix->dir, fixture_settings != NULL ? fixture_settings : "");
    if (!write_file(fix, "craton_hsm.toml", text, strlen(text)))
        return false;
    (void)snprintf(path, sizeof path, "%s/craton_hsm.toml", fix->dir);
    (void)setenv("CRATON_HSM_CONFIG", path, 1);

    (void)snprintf(path, sizeof path, "%s/tokens", fix->dir);
    (void)mkdir(path, 0700);
    (void)snprintf(text, sizeof text, "directories.tokendir = %s\nobjectstore.backend = file\n",
                   path);
    (void)snprintf(path, sizeof path, "%s/softhsm2.conf", fix->dir);
    (void)setenv("SOFTHSM2_CONF", path, 1);
    return write_file(fix, "softhsm2.conf", text, strlen(text));
}

const char *place_in_memory(void)
{
    return access("/dev/shm", W_OK | X_OK) == 0 ? "/dev/shm" : NULL;
}

fixture fixture_prepare(void)
{
    fixture fix = { .slot = 0 };

    (void)snprintf(fix.dir, sizeof fix.dir, "%s/craton-abi-XXXXXX",
                   fixture_place != NULL ? fixture_place : "/tmp");
    module_load();
    if (mkdtemp(fix.dir) == NULL || !write_config(&fix))
        give_up("a temporary directory", "can not be made");
    return fix;
}

CK_SLOT_ID first_slot(void)
{
    CK_SLOT_ID slots[16] = { 0 };
    CK_ULONG count = ARRAY_LEN(slots);

    CHECK_OK(p11->C_GetSlotList(CK_TRUE, slots, &count));
    return slots[0];
}

static bool init_token(fixture *fix)
{
    CK_UTF8CHAR label[32];
    CK_SESSION_HANDLE session;

    memset(label, ' ', sizeof label);
    memcpy(label, TOKEN_LABEL, strlen(TOKEN_LABEL));
    if (!CHECK_OK(p11->C_InitToken(first_slot(), utf8(SO_PIN), strlen(SO_PIN), label)))
        return false;
    fix->slot = first_slot(); /* some modules number slots anew */
    session = open_session(fix, true);
    return CHECK_OK(login(session, CKU_SO, SO_PIN)) &&
           CHECK_OK(p11->C_InitPIN(session, utf8(USER_PIN), strlen(USER_PIN))) &&
           CHECK_OK(p11->C_CloseSession(session));
}

fixture fixture_start(void)
{
    fixture fix = fixture_prepare();

    if (!CHECK_OK(p11->C_Initialize(NULL)) || !init_token(&fix))
        return fix;
    fix.session = open_session(&fix, true);
    fix.is_ready =
        fix.session != CK_INVALID_HANDLE && CHECK_OK(login(fix.session, CKU_USER, USER_PIN));
    return fix;
}

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *where)
{
    (void)status;
    (void)kind;
    (void)where;
    return remove(path);
}

void fixture_stop(fixture *fix)
{
    (void)p11->C_Finalize(NULL);
    if (getenv("CRATON_HSM_TEST_KEEP") == NULL)
        (void)nftw(fix->dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

CK_SESSION_HANDLE open_session(const fixture *fix, bool is_rw)
{
    CK_SESSION_HANDLE session = CK_INVALID_HANDLE;
    const CK_FLAGS flags = CKF_SERIAL_SESSION | (is_rw ? CKF_RW_SESSION : 0);

    CHECK_OK(p11->C_OpenSession(fix->slot, flags, NULL, NULL, &session));
    return session;
}

CK_RV login(CK_SESSION_HANDLE session, CK_USER_TYPE user, const char *pin)
{
    return p11->C_Login(session, user, utf8(pin), strlen(pin));
}

static CK_ATTRIBUTE *next_attr(attrs *tmpl, CK_ATTRIBUTE_TYPE type)
{
    CK_ATTRIBUTE *attr = &tmpl->at[tmpl->count++];

    attr->type = type;
    return attr;
}

void put_bool(attrs *tmpl, CK_ATTRIBUTE_TYPE type, bool value)
{
    CK_BBOOL *room = &tmpl->bools[tmpl->count];

    *room = value ? CK_TRUE : CK_FALSE;
    put_bytes(tmpl, type, room, sizeof *room);
}

void put_ulong(attrs *tmpl, CK_ATTRIBUTE_TYPE type, CK_ULONG value)
{
    CK_ULONG *room = &tmpl->ulongs[tmpl->count];

    *room = value;
    put_bytes(tmpl, type, room, sizeof *room);
}

void put_bytes(attrs *tmpl, CK_ATTRIBUTE_TYPE type, const void *value, size_t len)
{
    CK_ATTRIBUTE *attr = next_attr(tmpl, type);

    attr->pValue = (void *)(uintptr_t)value;
    attr->ulValueLen = len;
}

void put_text(attrs *tmpl, CK_ATTRIBUTE_TYPE type, const char *text)
{
    put_bytes(tmpl, type, text, strlen(text));
}

CK_OBJECT_HANDLE import_secret(CK_SESSION_HANDLE session, CK_KEY_TYPE type, const void *value,
                               size_t len)
{
    CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;
    attrs tmpl = { .count = 0 };

    put_ulong(&tmpl, CKA_CLASS, CKO_SECRET_KEY);
    put_ulong(&tmpl, CKA_KEY_TYPE, type);
    put_bool(&tmpl, CKA_SENSITIVE, false);
    put_bool(&tmpl, CKA_EXTRACTABLE, true);
    put_bool(&tmpl, CKA_ENCRYPT, true);
    put_bool(&tmpl, CKA_DECRYPT, true);
    put_bool(&tmpl, CKA_SIGN, true);
    put_bool(&tmpl, CKA_VERIFY, true);
    put_bool(&tmpl, CKA_WRAP, true);
    put_bool(&tmpl, CKA_UNWRAP, true);
    put_bytes(&tmpl, CKA_VALUE, value, len);
    CHECK_OK(p11->C_CreateObject(session, tmpl.at, tmpl.count, &key));
    return key;
}

CK_OBJECT_HANDLE generate_aes(CK_SESSION_HANDLE session, CK_ULONG bytes, bool is_token,
                              const char *label)
{
    CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;
    CK_MECHANISM mechanism = { CKM_AES_KEY_GEN, NULL, 0 };
    attrs tmpl = { .count = 0 };

    put_ulong(&tmpl, CKA_VALUE_LEN, bytes);
    put_bool(&tmpl, CKA_TOKEN, is_token);
    put_text(&tmpl, CKA_LABEL, label);
    put_bool(&tmpl, CKA_ENCRYPT, true);
    put_bool(&tmpl, CKA_DECRYPT, true);
    put_bool(&tmpl, CKA_WRAP, true);
    put_bool(&tmpl, CKA_UNWRAP, true);
    put_bool(&tmpl, CKA_SIGN, true);
    put_bool(&tmpl, CKA_VERIFY, true);
    put_bool(&tmpl, CKA_SENSITIVE, false);
    put_bool(&tmpl, CKA_EXTRACTABLE, true);
    CHECK_OK(p11->C_GenerateKey(session, &mechanism, tmpl.at, tmpl.count, &key));
    return key;
}

static const uint8_t oid_p_256[] = { 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07 };
static const uint8_t oid_p_384[] = { 0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22 };
static const uint8_t oid_ed_25519[] = { 0x06, 0x03, 0x2b, 0x65, 0x70 };
static const uint8_t oid_x_25519[] = { 0x06, 0x03, 0x2b, 0x65, 0x6e };

const pair_kind rsa_2048 = { .mechanism = CKM_RSA_PKCS_KEY_PAIR_GEN,
                             .rsa_bits = 2048,
                             .can_sign = true };
const pair_kind p_256 = { CKM_EC_KEY_PAIR_GEN, oid_p_256, sizeof oid_p_256, 0, true, true };
const pair_kind p_384 = { CKM_EC_KEY_PAIR_GEN, oid_p_384, sizeof oid_p_384, 0, true, true };
const pair_kind ed_25519 = {
    CKM_EC_EDWARDS_KEY_PAIR_GEN, oid_ed_25519, sizeof oid_ed_25519, 0, true, false
};
const pair_kind x_25519 = {
    CKM_EC_MONTGOMERY_KEY_PAIR_GEN, oid_x_25519, sizeof oid_x_25519, 0, false, true
};

pair generate_pair(CK_SESSION_HANDLE session, const pair_kind *kind, bool is_token,
                   const char *label)
{
    static const uint8_t exponent[] = { 0x01, 0x00, 0x01 };
    const bool is_rsa = kind->rsa_bits > 0;
    CK_MECHANISM mechanism = { kind->mechanism, NULL, 0 };
    pair keys = { CK_INVALID_HANDLE, CK_INVALID_HANDLE };
    attrs pub = { .count = 0 };
    attrs priv = { .count = 0 };

    put_bool(&pub, CKA_TOKEN, is_token);
    put_text(&pub, CKA_LABEL, label);
    put_bool(&pub, CKA_VERIFY, kind->can_sign);
    put_bool(&pub, CKA_ENCRYPT, is_rsa);
    put_bool(&pub, CKA_WRAP, is_rsa);
    if (is_rsa) {
        put_bool(&pub, CKA_VERIFY_RECOVER, true);
        put_ulong(&pub, CKA_MODULUS_BITS, kind->rsa_bits);
        put_bytes(&pub, CKA_PUBLIC_EXPONENT, exponent, sizeof exponent);
    } else {
        put_bytes(&pub, CKA_EC_PARAMS, kind->params, kind->params_len);
    }
    put_bool(&priv, CKA_TOKEN, is_token);
    put_text(&priv, CKA_LABEL, label);
    put_bool(&priv, CKA_SIGN, kind->can_sign);
    put_bool(&priv, CKA_DECRYPT, is_rsa);
    put_bool(&priv, CKA_UNWRAP, is_rsa);
    put_bool(&priv, CKA_DERIVE, kind->can_derive);
    if (is_rsa)
        put_bool(&priv, CKA_SIGN_RECOVER, true);
    CHECK_OK(p11->C_GenerateKeyPair(session, &mechanism, pub.at, pub.count, priv.at, priv.count,
                                    &keys.public_key, &keys.private_key));
    return keys;
}

CK_OBJECT_HANDLE create_data(CK_SESSION_HANDLE session, bool is_token, bool is_private,
                             const char *label)
{
    CK_OBJECT_HANDLE object = CK_INVALID_HANDLE;
    attrs tmpl = { .count = 0 };

    put_ulong(&tmpl, CKA_CLASS, CKO_DATA);
    put_bool(&tmpl, CKA_TOKEN, is_token);
    put_bool(&tmpl, CKA_PRIVATE, is_private);
    put_text(&tmpl, CKA_LABEL, label);
    put_text(&tmpl, CKA_VALUE, "some data");
    CHECK_OK(p11->C_CreateObject(session, tmpl.at, tmpl.count, &object));
    return object;
}

CK_MECHANISM dh_agreement(CK_KEY_TYPE type, void *peer, CK_ULONG len,
                          CK_X9_42_DH1_DERIVE_PARAMS *room)
{
    if (type == CKK_DH)
        return (CK_MECHANISM){ CKM_DH_PKCS_DERIVE, peer, len };
    *room = (CK_X9_42_DH1_DERIVE_PARAMS){ .kdf = CKD_NULL,
                                          .pPublicData = peer,
                                          .ulPublicDataLen = len };
    return (CK_MECHANISM){ CKM_X9_42_DH_DERIVE, room, sizeof *room };
}

size_t find_all(CK_SESSION_HANDLE session, attrs *tmpl, CK_OBJECT_HANDLE *found, size_t max)
{
    CK_ULONG total = 0;
    CK_ULONG count = 1;

    if (!CHECK_OK(p11->C_FindObjectsInit(session, tmpl->at, tmpl->count)))
        return SIZE_MAX;
    while (total < max && count > 0) {
        if (!CHECK_OK(p11->C_FindObjects(session, found + total, max - total, &count)))
            break;
        total += count;
    }
    CHECK_OK(p11->C_FindObjectsFinal(session));
    return total;
}

size_t find_label(CK_SESSION_HANDLE session, const char *label, CK_OBJECT_HANDLE *found, size_t max)
{
    attrs tmpl = { .count = 0 };

    put_text(&tmpl, CKA_LABEL, label);
    return find_all(session, &tmpl, found, max);
}

size_t get_attr(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type,
                void *value, size_t room)
{
    CK_ATTRIBUTE attr = { type, value, room };

    if (!CHECK_OK(p11->C_GetAttributeValue(session, object, &attr, 1)))
        return SIZE_MAX;
    return attr.ulValueLen;
}

CK_RV ask_attr(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type)
{
    uint8_t value[4096];
    CK_ATTRIBUTE attr = { type, value, sizeof value };

    return p11->C_GetAttributeValue(session, object, &attr, 1);
}

bool get_bool(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type)
{
    CK_BBOOL value = CK_FALSE;

    CHECK_EQ(get_attr(session, object, type, &value, sizeof value), sizeof value);
    return value == CK_TRUE;
}

bool write_file(const fixture *fix, const char *name, const void *data, size_t len)
{
    char path[192];
    FILE *file;

    (void)snprintf(path, sizeof path, "%s/%s", fix->dir, name);
    file = fopen(path, "wb");
    if (file == NULL)
        return false;
    const bool is_written = fwrite(data, 1, len, file) == len;
    (void)chmod(path, 0600);
    return fclose(file) == 0 && is_written;
}

int audit_lines_with(const fixture *fix, const char *first, const char *second)
{
    char path[256];
    static char line[16384];
    int count = 0;

    (void)snprintf(path, sizeof path, "%s/store/craton_hsm_audit.jsonl", fix->dir);
    FILE *file = fopen(path, "r");
    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        count += strstr(line, first) != NULL && strstr(line, second) != NULL;
    if (file != NULL)
        (void)fclose(file);
    return count;
}

bool run_command(const fixture *fix, const char *command)
{
    char line[1024];

    (void)snprintf(line, sizeof line, "cd '%s' && { %s; } >command.log 2>&1", fix->dir, command);
    return system(line) == 0;
}

bool has_command(const char *name)
{
    char line[128];

    (void)snprintf(line, sizeof line, "command -v %s >/dev/null", name);
    return system(line) == 0;
}

static int digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

size_t from_hex(const char *hex, uint8_t *out, size_t room)
{
    size_t len = 0;

    while (*hex != '\0' && len < room) {
        if (*hex == ' ') {
            hex++;
            continue;
        }
        out[len++] = (uint8_t)(digit(hex[0]) << 4 | digit(hex[1]));
        hex += 2;
    }
    return len;
}
