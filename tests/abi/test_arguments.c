/* Every function with every argument wrong: table-driven from functions.h. */
#include "functions.h"
#include "support.h"

enum { ARGS_MAX = 10, ROOM = 4096 };

typedef struct function_row {
    const char *name;
    const char *kinds; /* a letter for each argument, see functions.h */
} function_row;

#define ROW(name, since, kinds) { #name, kinds },
static const function_row functions[] = { ABI_FUNCTIONS(ROW) };

/* All arguments of the standard's functions are as wide as a pointer or are promoted to it, so one
 * shape of call serves all of them on the machines this is built for. */
typedef CK_RV (*any_function)(uintptr_t, uintptr_t, uintptr_t, uintptr_t, uintptr_t, uintptr_t,
                              uintptr_t, uintptr_t, uintptr_t, uintptr_t);

__attribute__((no_sanitize("undefined"))) static CK_RV call(const char *name, const uintptr_t *a)
{
    any_function function = NULL;

    *(void **)&function = module_symbol(name);
    return function(a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7], a[8], a[9]);
}

/* Valid values for all arguments. */
typedef struct world {
    const fixture *fix;
    CK_OBJECT_HANDLE aes;
    CK_OBJECT_HANDLE hmac;
    pair rsa;
    pair ec;
    CK_MECHANISM mechanism;
    CK_ECDH1_DERIVE_PARAMS derive;
    CK_GCM_MESSAGE_PARAMS message;
    CK_ATTRIBUTE attrs[4];
    CK_BBOOL yes;
    CK_BYTE in[ROOM];
    CK_BYTE out[ROOM];
    CK_BYTE results[2][ROOM];
} world;

static bool starts(const char *name, const char *with)
{
    return strncmp(name, with, strlen(with)) == 0;
}

static bool ends(const char *name, const char *with)
{
    const size_t len = strlen(name);

    return len >= strlen(with) && strcmp(name + len - strlen(with), with) == 0;
}

static const struct {
    const char *prefix;
    CK_MECHANISM_TYPE mechanism;
} mechanisms[] = {
    { "C_Encrypt", CKM_AES_ECB },         { "C_Decrypt", CKM_AES_ECB },
    { "C_Digest", CKM_SHA256 },           { "C_SignRecover", CKM_RSA_PKCS },
    { "C_VerifyRecover", CKM_RSA_PKCS },  { "C_Sign", CKM_SHA256_HMAC },
    { "C_Verify", CKM_SHA256_HMAC },      { "C_GenerateKeyPair", CKM_EC_KEY_PAIR_GEN },
    { "C_GenerateKey", CKM_AES_KEY_GEN }, { "C_WrapKey", CKM_AES_KEY_WRAP },
    { "C_UnwrapKey", CKM_AES_KEY_WRAP },  { "C_DeriveKey", CKM_ECDH1_DERIVE },
    { "C_MessageEncrypt", CKM_AES_GCM },  { "C_MessageDecrypt", CKM_AES_GCM },
    { "C_Message", CKM_SHA256_HMAC },
};

static void choose_mechanism(world *w, const char *name)
{
    w->mechanism = (CK_MECHANISM){ CKM_SHA256, NULL, 0 };
    for (size_t i = 0; i < ARRAY_LEN(mechanisms); i++) {
        if (starts(name, mechanisms[i].prefix)) {
            w->mechanism.mechanism = mechanisms[i].mechanism;
            break;
        }
    }
    if (ends(name, "wrapKeyAuthenticated") || starts(name, "C_WrapKeyAuth"))
        w->mechanism = (CK_MECHANISM){ CKM_AES_GCM, &w->message, sizeof w->message };
    if (w->mechanism.mechanism == CKM_ECDH1_DERIVE) {
        w->mechanism.pParameter = &w->derive;
        w->mechanism.ulParameterLen = sizeof w->derive;
    }
}

static CK_OBJECT_HANDLE choose_object(const world *w, const char *name)
{
    if (starts(name, "C_SignRecover"))
        return w->rsa.private_key;
    if (starts(name, "C_VerifyRecover"))
        return w->rsa.public_key;
    if (starts(name, "C_Sign") || starts(name, "C_Verify") || starts(name, "C_MessageSign") ||
        starts(name, "C_MessageVerify"))
        return w->hmac;
    return starts(name, "C_DeriveKey") ? w->ec.private_key : w->aes;
}

/* A valid value for argument i. */
static uintptr_t valid(world *w, const function_row *row, size_t i)
{
    const CK_ULONG room = ROOM;

    memcpy(w->results[i % 2], &room, sizeof room);
    switch (row->kinds[i]) {
    case 'h':
        return w->fix->session;
    case 's':
        return w->fix->slot;
    case 'o':
        return choose_object(w, row->name);
    case 'm':
    case 'c':
        choose_mechanism(w, row->name);
        return (uintptr_t)&w->mechanism;
    case 't':
        return (uintptr_t)w->attrs;
    case 'n':
        return 1;
    case 'i':
    case 'p':
        return (uintptr_t)w->in;
    case 'l':
        return 16;
    case 'r':
        return (uintptr_t)w->out;
    case 'q':
        return (uintptr_t)w->results[i % 2];
    case 'a':
        return 8;
    case 'g':
        return (uintptr_t)&w->message;
    case 'z':
        return sizeof w->message;
    case 'F':
        return CKF_SERIAL_SESSION | CKF_RW_SESSION;
    case 'W':
        return CKF_DONT_BLOCK;
    case 'V':
        return CKS_LAST_VALIDATION_OK;
    case 'f':
        return (uintptr_t) "C_Sign";
    default: /* 'u', 'e', 'v', 'x', 'j' */
        return 0;
    }
}

static void all_valid(world *w, const function_row *row, uintptr_t *a)
{
    memset(a, 0, ARGS_MAX * sizeof *a);
    for (size_t i = 0; row->kinds[i] != '\0'; i++)
        a[i] = valid(w, row, i);
}

static void open_one(world *w, const char *prefix)
{
    CK_SESSION_HANDLE session = w->fix->session;
    CK_OBJECT_HANDLE key = choose_object(w, prefix);

    choose_mechanism(w, prefix);
    if (strcmp(prefix, "C_Encrypt") == 0)
        CHECK_OK(p11->C_EncryptInit(session, &w->mechanism, key));
    else if (strcmp(prefix, "C_Decrypt") == 0)
        CHECK_OK(p11->C_DecryptInit(session, &w->mechanism, key));
    else if (strcmp(prefix, "C_Digest") == 0)
        CHECK_OK(p11->C_DigestInit(session, &w->mechanism));
    else if (strcmp(prefix, "C_SignRecover") == 0)
        CHECK_OK(p11->C_SignRecoverInit(session, &w->mechanism, key));
    else if (strcmp(prefix, "C_VerifyRecover") == 0)
        CHECK_OK(p11->C_VerifyRecoverInit(session, &w->mechanism, key));
    else if (strcmp(prefix, "C_Sign") == 0)
        CHECK_OK(p11->C_SignInit(session, &w->mechanism, key));
    else
        CHECK_OK(p11->C_VerifyInit(session, &w->mechanism, key));
}

/* The operation on messages that a function belongs to, open, and with a message in parts for those
 * that continue one. */
static void open_message(world *w, const char *name)
{
    CK_SESSION_HANDLE session = w->fix->session;
    CK_MECHANISM gcm = { CKM_AES_GCM, NULL, 0 };
    CK_MECHANISM hmac = { CKM_SHA256_HMAC, NULL, 0 };
    const bool is_in_parts = ends(name, "MessageNext");
    CK_GCM_MESSAGE_PARAMS *param = &w->message;

    CHECK_OK(p11_3->C_MessageEncryptInit(session, &gcm, w->aes));
    CHECK_OK(p11_3->C_MessageDecryptInit(session, &gcm, w->aes));
    CHECK_OK(p11_3->C_MessageSignInit(session, &hmac, w->hmac));
    CHECK_OK(p11_3->C_MessageVerifyInit(session, &hmac, w->hmac));
    if (is_in_parts) {
        CHECK_OK(p11_3->C_EncryptMessageBegin(session, param, sizeof *param, NULL, 0));
        CHECK_OK(p11_3->C_DecryptMessageBegin(session, param, sizeof *param, NULL, 0));
        CHECK_OK(p11_3->C_SignMessageBegin(session, NULL, 0));
        CHECK_OK(p11_3->C_VerifyMessageBegin(session, NULL, 0));
    }
}

static const char *const operations[] = { "C_Encrypt", "C_Decrypt",     "C_Digest",       "C_Sign",
                                          "C_Verify",  "C_SignRecover", "C_VerifyRecover" };

/* Leaves the session with all operations open, or, for functions that open one, with none. */
static void set_stage(world *w, const function_row *row)
{
    CK_SESSION_HANDLE session = w->fix->session;

    CHECK_OK(p11_3->C_SessionCancel(session, ~0UL));
    if (ends(row->name, "Init"))
        return;
    for (size_t i = 0; i < ARRAY_LEN(operations); i++)
        open_one(w, operations[i]);
    CHECK_OK(p11->C_FindObjectsInit(session, NULL, 0));
    open_message(w, row->name);
    if (!starts(row->name, "C_VerifySignature"))
        return;
    /* In the place of the other verification, with the same mechanism and key. */
    CHECK_OK(p11->C_VerifyInit(session, NULL, 0));
    w->mechanism = (CK_MECHANISM){ CKM_SHA256_HMAC, NULL, 0 };
    CHECK_OK(p11_3->C_VerifySignatureInit(session, &w->mechanism, w->hmac, w->in, 32));
}

static void set_up(world *w, const fixture *fix)
{
    CK_BYTE point[67];
    CK_ATTRIBUTE attr = { CKA_EC_POINT, point, sizeof point };

    *w = (world){ .fix = fix, .yes = CK_TRUE };
    memset(w->in, 'i', sizeof w->in);
    w->aes = generate_aes(fix->session, 32, false, "aes");
    w->hmac = import_secret(fix->session, CKK_GENERIC_SECRET, w->in, 32);
    w->rsa = generate_pair(fix->session, &rsa_2048, false, "rsa");
    w->ec = generate_pair(fix->session, &p_256, false, "ec");
    CHECK_OK(p11->C_GetAttributeValue(fix->session, w->ec.public_key, &attr, 1));
    memcpy(w->out, point, sizeof point);
    w->derive = (CK_ECDH1_DERIVE_PARAMS){ CKD_NULL, 0, NULL, 65, w->out + 2 };
    w->message = (CK_GCM_MESSAGE_PARAMS){ w->in, 12, 0, CKG_NO_GENERATE, w->in + 64, 128 };
    w->attrs[0] = (CK_ATTRIBUTE){ CKA_TOKEN, &w->yes, sizeof w->yes };
}

#define WORLD(name)                                  \
    FIXTURE(name##_fix);                             \
    world *name = &the_world;                        \
    if (p11_3 == NULL || !module_is_ours())          \
        SKIP("the answers of other modules differ"); \
    set_up(name, &name##_fix)

static world the_world; /* too large for a stack */

static void uninitialised_library(void)
{
    FIXTURE_PREPARED(fix);
    uintptr_t a[ARGS_MAX] = { 0 };

    (void)fix;
    for (size_t i = 0; i < ARRAY_LEN(functions); i++) {
        const char *name = functions[i].name;

        if (strcmp(name, "C_Initialize") == 0 || strcmp(name, "C_GetFunctionList") == 0 ||
            starts(name, "C_GetInterface") || module_symbol(name) == NULL)
            continue;
        CASE(name);
        CHECK_EQ(call(name, a), CKR_CRYPTOKI_NOT_INITIALIZED);
    }
}

static void bad_session_handles(void)
{
    static const CK_SESSION_HANDLE bad[] = { 0, ~0UL, 0x12345678UL, 1UL << 31 };
    WORLD(w);
    uintptr_t a[ARGS_MAX];

    for (size_t i = 0; i < ARRAY_LEN(functions); i++) {
        if (functions[i].kinds[0] != 'h')
            continue;
        CASE(functions[i].name);
        all_valid(w, &functions[i], a);
        for (size_t j = 0; j < ARRAY_LEN(bad); j++) {
            a[0] = bad[j];
            CHECK_EQ(call(functions[i].name, a), CKR_SESSION_HANDLE_INVALID);
        }
    }
}

static void bad_slots(void)
{
    WORLD(w);
    uintptr_t a[ARGS_MAX];

    for (size_t i = 0; i < ARRAY_LEN(functions); i++) {
        if (functions[i].kinds[0] != 's')
            continue;
        CASE(functions[i].name);
        all_valid(w, &functions[i], a);
        a[0] = 2; /* the fixture has two */
        CHECK_EQ(call(functions[i].name, a), CKR_SLOT_ID_INVALID);
        a[0] = ~0UL;
        CHECK_EQ(call(functions[i].name, a), CKR_SLOT_ID_INVALID);
    }
}

static bool is_handle_error(CK_RV rv)
{
    return rv == CKR_OBJECT_HANDLE_INVALID || rv == CKR_KEY_HANDLE_INVALID ||
           rv == CKR_WRAPPING_KEY_HANDLE_INVALID || rv == CKR_UNWRAPPING_KEY_HANDLE_INVALID;
}

static void bad_object_handles(void)
{
    static const CK_OBJECT_HANDLE bad[] = { 0, ~0UL, 0x7654321UL };
    WORLD(w);
    uintptr_t a[ARGS_MAX];

    for (size_t i = 0; i < ARRAY_LEN(functions); i++) {
        for (size_t at = 0; functions[i].kinds[at] != '\0'; at++) {
            if (functions[i].kinds[at] != 'o')
                continue;
            CASE(functions[i].name);
            for (size_t j = 0; j < ARRAY_LEN(bad); j++) {
                all_valid(w, &functions[i], a);
                set_stage(w, &functions[i]);
                choose_mechanism(w, functions[i].name);
                a[at] = bad[j];
                const CK_RV rv = call(functions[i].name, a);
                if (!is_handle_error(rv))
                    CHECK_EQ(rv, CKR_OBJECT_HANDLE_INVALID);
            }
        }
    }
}

/* Pointers that may not be NULL with what else is given. */
static bool is_required(char kind)
{
    return kind == 'g' || kind == 'q' || kind == 'i' || kind == 'p' || kind == 't' || kind == 'm';
}

static void null_pointers(void)
{
    WORLD(w);
    uintptr_t a[ARGS_MAX];
    size_t count = 0;

    for (size_t i = 0; i < ARRAY_LEN(functions); i++) {
        for (size_t at = 0; functions[i].kinds[at] != '\0'; at++) {
            if (!is_required(functions[i].kinds[at]))
                continue;
            CASE(functions[i].name);
            set_stage(w, &functions[i]);
            all_valid(w, &functions[i], a);
            a[at] = 0;
            CHECK_EQ(call(functions[i].name, a), CKR_ARGUMENTS_BAD);
            count++;
        }
    }
    CHECK_THAT(count > 70);
}

/* Lengths and counts that no object in memory can have. */
static void absurd_lengths(void)
{
    static const CK_ULONG absurd[] = { ~0UL, ~0UL - 15, ~0UL / 2 + 1 };
    WORLD(w);
    uintptr_t a[ARGS_MAX];

    for (size_t i = 0; i < ARRAY_LEN(functions); i++) {
        for (size_t at = 0; functions[i].kinds[at] != '\0'; at++) {
            if (strchr("lnz", functions[i].kinds[at]) == NULL)
                continue;
            CASE(functions[i].name);
            for (size_t j = 0; j < ARRAY_LEN(absurd); j++) {
                set_stage(w, &functions[i]);
                all_valid(w, &functions[i], a);
                a[at] = absurd[j];
                CHECK_EQ(call(functions[i].name, a), CKR_ARGUMENTS_BAD);
            }
        }
    }
}

static void reserved_pointers(void)
{
    WORLD(w);
    CK_SLOT_ID slot;

    CHECK_EQ(p11->C_Finalize(w), CKR_ARGUMENTS_BAD);
    CHECK_EQ(p11->C_WaitForSlotEvent(CKF_DONT_BLOCK, &slot, w), CKR_ARGUMENTS_BAD);
}

/* No function that continues an operation does anything where none is open. */
static void no_operation_open(void)
{
    static const char *const continuing[] = {
        "C_Encrypt",
        "C_EncryptUpdate",
        "C_EncryptFinal",
        "C_Decrypt",
        "C_DecryptUpdate",
        "C_DecryptFinal",
        "C_Digest",
        "C_DigestUpdate",
        "C_DigestKey",
        "C_DigestFinal",
        "C_Sign",
        "C_SignUpdate",
        "C_SignFinal",
        "C_SignRecover",
        "C_Verify",
        "C_VerifyUpdate",
        "C_VerifyFinal",
        "C_VerifyRecover",
        "C_DigestEncryptUpdate",
        "C_DecryptDigestUpdate",
        "C_FindObjects",
        "C_SignEncryptUpdate",
        "C_FindObjectsFinal",
        "C_DecryptVerifyUpdate",
        "C_EncryptMessage",
        "C_EncryptMessageBegin",
        "C_EncryptMessageNext",
        "C_MessageEncryptFinal",
        "C_DecryptMessage",
        "C_DecryptMessageBegin",
        "C_DecryptMessageNext",
        "C_MessageDecryptFinal",
        "C_SignMessage",
        "C_SignMessageBegin",
        "C_SignMessageNext",
        "C_MessageSignFinal",
        "C_VerifyMessage",
        "C_VerifyMessageBegin",
        "C_VerifyMessageNext",
        "C_MessageVerifyFinal",
    };
    WORLD(w);
    uintptr_t a[ARGS_MAX];
    size_t count = 0;

    for (size_t i = 0; i < ARRAY_LEN(functions); i++) {
        for (size_t j = 0; j < ARRAY_LEN(continuing); j++) {
            if (strcmp(functions[i].name, continuing[j]) != 0)
                continue;
            CASE(continuing[j]);
            CHECK_OK(p11_3->C_SessionCancel(w->fix->session, ~0UL));
            all_valid(w, &functions[i], a);
            CHECK_EQ(call(functions[i].name, a), CKR_OPERATION_NOT_INITIALIZED);
            count++;
        }
    }
    CHECK_EQ(count, ARRAY_LEN(continuing));
}

static void mechanism_parameters(void)
{
    static const CK_MECHANISM_TYPE with[] = { CKM_AES_CBC, CKM_AES_CTR, CKM_AES_GCM };
    WORLD(w);
    CK_BYTE param[256] = { 0 };
    CK_SESSION_HANDLE session = w->fix->session;

    for (size_t i = 0; i < ARRAY_LEN(with); i++) {
        const CK_MECHANISM bad[] = {
            { with[i], NULL, 0 },     { with[i], NULL, 16 },  { with[i], param, 0 },
            { with[i], param, 1 },    { with[i], param, 15 }, { with[i], param, sizeof param },
            { with[i], param, ~0UL },
        };

        for (size_t j = 0; j < ARRAY_LEN(bad); j++) {
            CK_MECHANISM mechanism = bad[j];

            CHECK_EQ(p11->C_EncryptInit(session, &mechanism, w->aes), CKR_MECHANISM_PARAM_INVALID);
            CHECK_OK(p11->C_EncryptInit(session, NULL, 0));
        }
    }
    CK_MECHANISM surplus = { CKM_SHA256, param, 4 };
    CHECK_EQ(p11->C_DigestInit(session, &surplus), CKR_MECHANISM_PARAM_INVALID);
    CK_MECHANISM unknown = { 0x7fffffffUL, NULL, 0 };
    CHECK_EQ(p11->C_DigestInit(session, &unknown), CKR_MECHANISM_INVALID);
    CHECK_EQ(p11->C_EncryptInit(session, &unknown, w->aes), CKR_MECHANISM_INVALID);
}

/* The caller's structures may lie at any address. */
static void unaligned_pointers(void)
{
    WORLD(w);
    CK_SESSION_HANDLE session = w->fix->session;
    uint8_t room[512];
    CK_MECHANISM mechanism = { CKM_SHA256, NULL, 0 };
    CK_ATTRIBUTE attr = { CKA_LABEL, room + 257, 64 };
    CK_ULONG len = 32;
    CK_OBJECT_HANDLE found = CK_INVALID_HANDLE;

    memcpy(room + 1, &mechanism, sizeof mechanism);
    CHECK_OK(p11->C_DigestInit(session, (void *)(room + 1)));
    memcpy(room + 1, &len, sizeof len);
    CHECK_OK(p11->C_Digest(session, w->in, 3, room + 99, (void *)(room + 1)));
    memcpy(&len, room + 1, sizeof len);
    CHECK_EQ(len, 32);

    memcpy(room + 3, &attr, sizeof attr);
    CHECK_OK(p11->C_GetAttributeValue(session, w->aes, (void *)(room + 3), 1));
    memcpy(&attr, room + 3, sizeof attr);
    CHECK_BYTES(room + 257, attr.ulValueLen, "aes", 3);
    CHECK_OK(p11->C_FindObjectsInit(session, (void *)(room + 3), 1));
    CHECK_OK(p11->C_FindObjects(session, (void *)(room + 101), 4, (void *)(room + 201)));
    memcpy(&len, room + 201, sizeof len);
    CHECK_EQ(len, 1);
    memcpy(&found, room + 101, sizeof found);
    CHECK_EQ(found, w->aes);
    CHECK_OK(p11->C_GetSessionInfo(session, (void *)(room + 5)));
    len = 4;
    memcpy(room + 201, &len, sizeof len);
    CHECK_OK(p11->C_GetSlotList(CK_TRUE, (void *)(room + 7), (void *)(room + 201)));
    memcpy(&len, room + 201, sizeof len);
    CHECK_EQ(len, 2);
}

static const check_test tests[] = {
    CHECK_TEST(uninitialised_library),
    CHECK_TEST(bad_session_handles),
    CHECK_TEST(bad_slots),
    CHECK_TEST(bad_object_handles),
    CHECK_TEST(null_pointers),
    CHECK_TEST(absurd_lengths),
    CHECK_TEST(reserved_pointers),
    CHECK_TEST(no_operation_open),
    CHECK_TEST(mechanism_parameters),
    CHECK_TEST(unaligned_pointers),
};
CHECK_MAIN(tests)
