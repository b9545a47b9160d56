/* A PKCS#11 module as an application uses it: Init plus single-part call, token keys.
 * SPDX-License-Identifier: Apache-2.0 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/rows.h"
#include "pkcs11/pkcs11.h"

typedef struct p11 {
    CK_FUNCTION_LIST *f;
    CK_SLOT_ID slot;
    CK_SESSION_HANDLE session; /* logged in */
    CK_OBJECT_HANDLE key[BENCH_KEY_COUNT];
    CK_OBJECT_HANDLE public_key[BENCH_KEY_COUNT];
} p11;

#define PIN "1234-abcd"

static CK_BBOOL yes = CK_TRUE;
static CK_BBOOL no = CK_FALSE;
static uint8_t data[4096];

static bool is_ok(const char *what, CK_RV rv)
{
    if (rv != CKR_OK)
        (void)fprintf(stderr, "bench: %s: 0x%lx\n", what, (unsigned long)rv);
    return rv == CKR_OK;
}

/* NSS's own module: its parameters come in a longer struct, and its database has one token that is
 * there from the start, the second of its slots, whose SO logs in without a PIN. */
static bool is_nss(const char *module_path)
{
    return strstr(module_path, "softokn") != NULL;
}

static CK_RV initialize(const p11 *state, const char *module_path)
{
    struct {
        CK_C_INITIALIZE_ARGS standard; /* its pReserved is LibraryParameters there */
        void *reserved;
    } args = { .standard.flags = CKF_OS_LOCKING_OK };
    const char *folder = getenv("BENCH_DIRECTORY");
    char parameters[4200];

    (void)snprintf(parameters, sizeof parameters,
                   "configdir='sql:%s' certPrefix='' keyPrefix='' secmod='secmod.db' flags=",
                   folder == NULL ? "." : folder);
    if (is_nss(module_path))
        args.standard.pReserved = parameters;
    return state->f->C_Initialize(&args);
}

static bool init_token(p11 *state, CK_SLOT_ID *slots, CK_ULONG count)
{
    CK_UTF8CHAR pin[] = PIN;
    CK_UTF8CHAR label[32];

    memset(label, ' ', sizeof label);
    memcpy(label, "bench", 5);
    if (!is_ok("C_InitToken", state->f->C_InitToken(slots[0], pin, sizeof pin - 1, label)))
        return false;
    /* SoftHSM gives an initialised token another slot number. */
    return is_ok("C_GetSlotList", state->f->C_GetSlotList(CK_TRUE, slots, &count));
}

static bool make_token(p11 *state, bool is_nss_db)
{
    const CK_FLAGS flags = CKF_SERIAL_SESSION | CKF_RW_SESSION;
    CK_SLOT_ID slots[16];
    CK_ULONG count = 16;
    CK_UTF8CHAR pin[] = PIN;
    const CK_ULONG so_pin_len = is_nss_db ? 0 : sizeof pin - 1;

    if (!is_ok("C_GetSlotList", state->f->C_GetSlotList(CK_TRUE, slots, &count)) ||
        count < (is_nss_db ? 2 : 1))
        return false;
    if (!is_nss_db && !init_token(state, slots, 16))
        return false;
    state->slot = slots[is_nss_db ? 1 : 0];
    return is_ok("C_OpenSession",
                 state->f->C_OpenSession(state->slot, flags, NULL, NULL, &state->session)) &&
           is_ok("C_Login SO", state->f->C_Login(state->session, CKU_SO, pin, so_pin_len)) &&
           is_ok("C_InitPIN", state->f->C_InitPIN(state->session, pin, sizeof pin - 1)) &&
           is_ok("C_Logout", state->f->C_Logout(state->session)) &&
           is_ok("C_Login", state->f->C_Login(state->session, CKU_USER, pin, sizeof pin - 1));
}

static uint8_t oid_p256[] = { 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07 };
static uint8_t oid_p384[] = { 0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22 };
static uint8_t oid_ed25519[] = { 0x06, 0x03, 0x2b, 0x65, 0x70 };

static CK_RV make_pair(p11 *state, bench_key key, bool is_token, CK_OBJECT_HANDLE *out_public,
                       CK_OBJECT_HANDLE *out_private)
{
    static const struct {
        bench_key key;
        CK_MECHANISM_TYPE mech;
        CK_ULONG bits;
        uint8_t *oid;
        CK_ULONG oid_len;
    } kinds[] = {
        { BENCH_KEY_RSA_2048, CKM_RSA_PKCS_KEY_PAIR_GEN, 2048, NULL, 0 },
        { BENCH_KEY_RSA_3072, CKM_RSA_PKCS_KEY_PAIR_GEN, 3072, NULL, 0 },
        { BENCH_KEY_RSA_4096, CKM_RSA_PKCS_KEY_PAIR_GEN, 4096, NULL, 0 },
        { BENCH_KEY_P256, CKM_EC_KEY_PAIR_GEN, 0, oid_p256, sizeof oid_p256 },
        { BENCH_KEY_P384, CKM_EC_KEY_PAIR_GEN, 0, oid_p384, sizeof oid_p384 },
        { BENCH_KEY_ED25519, CKM_EC_EDWARDS_KEY_PAIR_GEN, 0, oid_ed25519, sizeof oid_ed25519 },
    };
    size_t at = 0;

    while (kinds[at].key != key)
        at++;
    CK_MECHANISM mech = { kinds[at].mech, NULL, 0 };
    CK_ULONG bits = kinds[at].bits;
    CK_BBOOL *token = is_token ? &yes : &no;
    uint8_t exponent[] = { 0x01, 0x00, 0x01 };
    CK_ATTRIBUTE public_template[] = {
        { CKA_TOKEN, token, 1 },
        { CKA_VERIFY, &yes, 1 },
        { bits != 0 ? CKA_MODULUS_BITS : CKA_EC_PARAMS, bits != 0 ? (void *)&bits : kinds[at].oid,
          bits != 0 ? sizeof bits : kinds[at].oid_len },
        { CKA_PUBLIC_EXPONENT, exponent, sizeof exponent }, /* RSA: NSS wants it */
    };
    CK_ATTRIBUTE private_template[] = {
        { CKA_TOKEN, token, 1 },
        { CKA_PRIVATE, &yes, 1 },
        { CKA_SENSITIVE, &yes, 1 },
        { CKA_SIGN, &yes, 1 },
    };
    return state->f->C_GenerateKeyPair(state->session, &mech, public_template, bits != 0 ? 4 : 3,
                                       private_template, 4, out_public, out_private);
}

static bool make_secret(p11 *state, bench_key key)
{
    const bool is_aes = key == BENCH_KEY_AES_256;
    CK_MECHANISM mech = { is_aes ? CKM_AES_KEY_GEN : CKM_GENERIC_SECRET_KEY_GEN, NULL, 0 };
    CK_ULONG len = 32;
    CK_ATTRIBUTE tmpl[] = {
        { CKA_TOKEN, &yes, 1 },
        { CKA_PRIVATE, &yes, 1 },
        { CKA_SENSITIVE, &yes, 1 },
        { CKA_VALUE_LEN, &len, sizeof len },
        { is_aes ? CKA_ENCRYPT : CKA_SIGN, &yes, 1 },
    };

    return is_ok("C_GenerateKey",
                 state->f->C_GenerateKey(state->session, &mech, tmpl, 5, &state->key[key]));
}

static bool make_keys(p11 *state)
{
    for (bench_key key = BENCH_KEY_RSA_2048; key <= BENCH_KEY_ED25519; key++) {
        if (!is_ok("C_GenerateKeyPair",
                   make_pair(state, key, true, &state->public_key[key], &state->key[key])))
            state->key[key] = CK_INVALID_HANDLE; /* the row says "not supported" */
    }
    return make_secret(state, BENCH_KEY_AES_256) && make_secret(state, BENCH_KEY_HMAC);
}

static p11 *load(const char *module_path)
{
    CK_RV (*get_list)(CK_FUNCTION_LIST * *list) = NULL;
    p11 *state = calloc(1, sizeof *state);
    void *module = dlopen(module_path, RTLD_NOW | RTLD_LOCAL);

    if (state == NULL || module == NULL) {
        (void)fprintf(stderr, "bench: %s\n", module == NULL ? dlerror() : "no memory");
        free(state);
        return NULL;
    }
    *(void **)&get_list = dlsym(module, "C_GetFunctionList");
    if (get_list == NULL || get_list(&state->f) != CKR_OK ||
        !is_ok("C_Initialize", initialize(state, module_path))) {
        free(state);
        return NULL;
    }
    return state;
}

void *bench_p11_open(const char *module_path)
{
    p11 *state = load(module_path);

    if (state != NULL && make_token(state, is_nss(module_path)) && make_keys(state))
        return state;
    free(state);
    return NULL;
}

void *bench_p11_open_again(const char *module_path)
{
    const CK_FLAGS flags = CKF_SERIAL_SESSION | CKF_RW_SESSION;
    p11 *state = load(module_path);

    if (state != NULL &&
        is_ok("C_OpenSession", state->f->C_OpenSession(0, flags, NULL, NULL, &state->session)))
        return state;
    free(state);
    return NULL;
}

void bench_p11_close(void *opened)
{
    p11 *state = opened;

    (void)state->f->C_Finalize(NULL);
    free(state);
}

CK_FUNCTION_LIST *bench_p11_functions(void *opened)
{
    return ((p11 *)opened)->f;
}

CK_SESSION_HANDLE bench_p11_session(void *opened)
{
    return ((p11 *)opened)->session;
}

typedef struct loop {
    p11 *state;
    const bench_row *row;
    CK_SESSION_HANDLE session;
    CK_MECHANISM mech;
    CK_GCM_PARAMS gcm;
    uint8_t signature[1024];
    CK_ULONG signature_len;
} loop;

static CK_RV one_sign(loop *l)
{
    CK_ULONG len = sizeof l->signature;
    CK_RV rv = l->state->f->C_SignInit(l->session, &l->mech, l->state->key[l->row->key]);

    if (rv == CKR_OK)
        rv = l->state->f->C_Sign(l->session, data, l->row->data_bytes, l->signature, &len);
    l->signature_len = len;
    return rv;
}

static CK_RV one_verify(loop *l)
{
    const CK_RV rv =
        l->state->f->C_VerifyInit(l->session, &l->mech, l->state->public_key[l->row->key]);

    return rv != CKR_OK ? rv
                        : l->state->f->C_Verify(l->session, data, l->row->data_bytes, l->signature,
                                                l->signature_len);
}

static CK_RV one_encrypt(loop *l)
{
    uint8_t out[4096 + 16];
    CK_ULONG len = sizeof out;
    const CK_RV rv = l->state->f->C_EncryptInit(l->session, &l->mech, l->state->key[l->row->key]);

    return rv != CKR_OK ? rv
                        : l->state->f->C_Encrypt(l->session, data, l->row->data_bytes, out, &len);
}

static CK_RV one_digest(loop *l)
{
    uint8_t out[64];
    CK_ULONG len = sizeof out;
    const CK_RV rv = l->state->f->C_DigestInit(l->session, &l->mech);

    return rv != CKR_OK ? rv
                        : l->state->f->C_Digest(l->session, data, l->row->data_bytes, out, &len);
}

static CK_RV one_pair(loop *l)
{
    CK_OBJECT_HANDLE made[2];
    CK_RV rv = make_pair(l->state, l->row->key, false, &made[0], &made[1]);

    for (int i = 0; i < 2 && rv == CKR_OK; i++)
        rv = l->state->f->C_DestroyObject(l->session, made[i]);
    return rv;
}

static CK_RV one_session(loop *l)
{
    CK_SESSION_HANDLE session = 0;
    const CK_RV rv =
        l->state->f->C_OpenSession(l->state->slot, CKF_SERIAL_SESSION, NULL, NULL, &session);

    return rv != CKR_OK ? rv : l->state->f->C_CloseSession(session);
}

static bool one_of(void *arg)
{
    static CK_RV (*const one[])(loop * l) = {
        [BENCH_SIGN] = one_sign,          [BENCH_VERIFY] = one_verify,
        [BENCH_ENCRYPT] = one_encrypt,    [BENCH_DIGEST] = one_digest,
        [BENCH_GENERATE_PAIR] = one_pair, [BENCH_SESSION] = one_session,
    };
    loop *l = arg;

    return is_ok(l->row->name, one[l->row->kind](l));
}

static bool prepare(loop *l)
{
    const bench_row *row = l->row;

    l->mech = (CK_MECHANISM){ row->mechanism, NULL, 0 };
    if (row->mechanism == CKM_AES_GCM) {
        l->gcm = (CK_GCM_PARAMS){ .pIv = data, .ulIvLen = 12, .ulIvBits = 96, .ulTagBits = 128 };
        l->mech.pParameter = &l->gcm;
        l->mech.ulParameterLen = sizeof l->gcm;
    }
    if (row->key != BENCH_KEY_NONE && row->kind != BENCH_GENERATE_PAIR &&
        l->state->key[row->key] == CK_INVALID_HANDLE)
        return false;
    return row->kind != BENCH_VERIFY || one_sign(l) == CKR_OK;
}

double bench_p11_run(void *opened, const bench_row *row, double seconds)
{
    p11 *state = opened;
    loop l = { .state = state, .row = row, .session = state->session };
    CK_SESSION_HANDLE *held = calloc(row->sessions_open + 1u, sizeof *held);
    unsigned open = 0;
    double rate = -1;

    while (held != NULL && open < row->sessions_open &&
           state->f->C_OpenSession(state->slot, CKF_SERIAL_SESSION, NULL, NULL, &held[open]) ==
               CKR_OK)
        open++;
    if (held != NULL && open == row->sessions_open && prepare(&l))
        rate = bench_repeat(one_of, &l, bench_cpu, seconds);
    while (open > 0)
        (void)state->f->C_CloseSession(held[--open]);
    free(held);
    return rate;
}

typedef struct worker {
    pthread_t thread;
    loop l;
    double seconds;
    double rate;
} worker;

static void *work(void *arg)
{
    worker *w = arg;

    w->rate = bench_repeat(one_of, &w->l, bench_now, w->seconds);
    return NULL;
}

double bench_p11_run_threads(void *opened, const bench_row *row, double seconds, unsigned threads)
{
    enum { THREADS_MAX = 64 };
    worker workers[THREADS_MAX];
    p11 *state = opened;
    unsigned started = 0;
    double sum = 0;

    while (started < threads && started < THREADS_MAX) {
        worker *w = &workers[started];

        *w = (worker){ .l = { .state = state, .row = row }, .seconds = seconds };
        if (state->f->C_OpenSession(state->slot, CKF_SERIAL_SESSION, NULL, NULL, &w->l.session) !=
                CKR_OK ||
            !prepare(&w->l) || pthread_create(&w->thread, NULL, work, w) != 0)
            break;
        started++;
    }
    for (unsigned i = 0; i < started; i++) {
        (void)pthread_join(workers[i].thread, NULL);
        (void)state->f->C_CloseSession(workers[i].l.session);
        sum += workers[i].rate;
    }
    return started == threads ? sum : -1;
}
