/* Sequences of C_... calls: which functions, on which sessions and keys, with which mechanisms,
 * templates and buffers is the input's choice (tests/abi/functions.h says what each argument is).
 * Nothing outside the caller's memory is touched, and no sequence latches the error state.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "abi/functions.h"
#include "fuzz.h"
#include "params.h"
#include "world.h"

enum {
    CALLS_MAX = 40,
    ARGS_MAX = 10,
    SESSIONS = 2,
    OBJECTS_MAX = 64,
    ROOM_MAX_BYTES = 600,
    RESULT_BYTES = 512, /* the largest structure, or a list's length */
    RSA_BITS_MAX = 2048,
    ITERATIONS_MAX = 1000,
};

typedef CK_RV (*any_function)(uintptr_t, uintptr_t, uintptr_t, uintptr_t, uintptr_t, uintptr_t,
                              uintptr_t, uintptr_t, uintptr_t, uintptr_t);

typedef struct function_row {
    const char *name;
    const char *kinds;
    void (*function)(void);
} function_row;

#define ROW(name, since, kinds) { #name, kinds, (void (*)(void))name },
static const function_row functions[] = { ABI_FUNCTIONS(ROW) };
enum { FUNCTION_COUNT = sizeof functions / sizeof functions[0] };

/* Functions whose results are new objects, kept for later calls. */
static const char *const makers[] = {
    "C_CreateObject", "C_CopyObject", "C_GenerateKey",    "C_GenerateKeyPair",
    "C_UnwrapKey",    "C_DeriveKey",  "C_EncapsulateKey", "C_DecapsulateKey",
};
/* After these the world is made anew, which takes long: chosen one time in 256. */
static const char *const destroyers[] = {
    "C_Initialize",       "C_Finalize", "C_InitToken", "C_InitPIN",       "C_SetPIN",
    "C_CloseAllSessions", "C_Logout",   "C_Login",     "C_DestroyObject",
};
/* Functions whose argument for which any value will do is a pointer. */
static const char *const takes_pointers[] = { "C_GetInterface", "C_SignMessageNext",
                                              "C_VerifyMessageNext", "C_OpenSession" };
/* Lists, whose length counts elements. */
static const struct {
    const char *name;
    size_t element_bytes;
} listers[] = {
    { "C_GetSlotList", sizeof(CK_SLOT_ID) },
    { "C_GetMechanismList", sizeof(CK_MECHANISM_TYPE) },
    { "C_GetInterfaceList", sizeof(CK_INTERFACE) },
};

static bool is_among(const char *name, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(names[i], name) == 0)
            return true;
    }
    return false;
}
#define IS_AMONG(name, names) is_among(name, names, sizeof(names) / sizeof((names)[0]))

typedef struct run {
    fuzz_input *input;
    fuzz_world *world;
    CK_SESSION_HANDLE sessions[SESSIONS];
    CK_OBJECT_HANDLE objects[OBJECTS_MAX];
    size_t object_count;
    uintptr_t last_len; /* of the argument before: for its length */
} run;

static uintptr_t choose_session(run *r)
{
    const uint8_t choice = fuzz_u8(r->input);

    return choice == 255 ? fuzz_u32(r->input) : r->sessions[choice % SESSIONS];
}

static uintptr_t choose_object(run *r)
{
    const size_t known = r->world->key_count + r->object_count;
    const size_t choice = fuzz_below(r->input, known + 1);

    if (choice == known)
        return fuzz_u32(r->input);
    return choice < r->world->key_count ? r->world->keys[choice]
                                        : r->objects[choice - r->world->key_count];
}

/* A parameter that would take minutes is made small; everything else stays as it came. */
static void spare_time(CK_MECHANISM *mechanism)
{
    CK_ULONG iterations = 0;
    const size_t at = offsetof(CK_PKCS5_PBKD2_PARAMS2, iterations);

    if (mechanism->mechanism != CKM_PKCS5_PBKD2 ||
        mechanism->ulParameterLen != sizeof(CK_PKCS5_PBKD2_PARAMS2))
        return;
    memcpy(&iterations, (uint8_t *)mechanism->pParameter + at, sizeof iterations);
    iterations %= ITERATIONS_MAX;
    memcpy((uint8_t *)mechanism->pParameter + at, &iterations, sizeof iterations);
}

static uintptr_t make_mechanism(run *r)
{
    CK_MECHANISM *mechanism = fuzz_room(r->input, sizeof *mechanism);
    const size_t which = fuzz_below(r->input, r->world->mechanism_count + 1);

    if (mechanism == NULL)
        return 0;
    mechanism->mechanism =
        which < r->world->mechanism_count ? r->world->mechanisms[which] : fuzz_u32(r->input);
    if (mechanism->mechanism == CKM_SLH_DSA_KEY_PAIR_GEN)
        mechanism->mechanism = CKM_ML_DSA_KEY_PAIR_GEN; /* its small sets sign for seconds */
    fuzz_param(r->input, mechanism->mechanism, &mechanism->pParameter, &mechanism->ulParameterLen);
    spare_time(mechanism);
    return (uintptr_t)mechanism;
}

static uintptr_t make_template(run *r)
{
    CK_ULONG count = 0;
    CK_ATTRIBUTE *tmpl = fuzz_template(r->input, &count);

    for (CK_ULONG i = 0; i < count; i++) {
        CK_ULONG bits = 0;

        if (tmpl[i].type != CKA_MODULUS_BITS || tmpl[i].ulValueLen != sizeof bits ||
            tmpl[i].pValue == NULL)
            continue;
        memcpy(&bits, tmpl[i].pValue, sizeof bits);
        bits = bits > RSA_BITS_MAX ? RSA_BITS_MAX : bits;
        memcpy(tmpl[i].pValue, &bits, sizeof bits);
    }
    r->last_len = count;
    return (uintptr_t)tmpl;
}

static uintptr_t make_input(run *r)
{
    r->last_len = fuzz_below(r->input, ROOM_MAX_BYTES);

    void *block = fuzz_block(r->input, r->last_len);
    if (block == NULL)
        r->last_len = 0;
    return (uintptr_t)block;
}

static uintptr_t make_pin(run *r)
{
    r->last_len = strlen(FUZZ_USER_PIN);

    void *block = fuzz_room(r->input, r->last_len);
    if (block != NULL)
        memcpy(block, FUZZ_USER_PIN, r->last_len);
    return (uintptr_t)block;
}

static uintptr_t make_room(run *r, const char *name)
{
    size_t element_bytes = 1;

    for (size_t i = 0; i < sizeof listers / sizeof listers[0]; i++) {
        if (strcmp(listers[i].name, name) == 0)
            element_bytes = listers[i].element_bytes;
    }
    r->last_len = fuzz_below(r->input, ROOM_MAX_BYTES);
    if (r->last_len < 16)
        return 0; /* asks for the length */
    void *block = fuzz_room(r->input, r->last_len * element_bytes);
    if (block == NULL)
        r->last_len = 0;
    return (uintptr_t)block;
}

static uintptr_t make_result(run *r)
{
    void *block = fuzz_room(r->input, RESULT_BYTES);

    if (block != NULL)
        memcpy(block, &r->last_len, sizeof r->last_len);
    return (uintptr_t)block;
}

static uintptr_t make_message_param(run *r)
{
    CK_VOID_PTR param = NULL;
    CK_ULONG len = 0;

    fuzz_message_param(r->input, &param, &len);
    r->last_len = len;
    return (uintptr_t)param;
}

static uintptr_t make_function_name(run *r)
{
    static const char *const names[] = { "C_Sign",    "C_SignFinal",       "C_SignRecover",
                                         "C_Decrypt", "C_GenerateKeyPair", "C_DeriveKey" };
    const size_t which = fuzz_below(r->input, sizeof names / sizeof names[0] + 1);

    return (uintptr_t)(which < sizeof names / sizeof names[0] ? names[which] : "C_Digest");
}

static uintptr_t make_argument(run *r, const function_row *row, char kind)
{
    switch (kind) {
    case 'h':
        return choose_session(r);
    case 's':
        return fuzz_u8(r->input) == 255;
    case 'o':
        return choose_object(r);
    case 'c':
        return fuzz_u8(r->input) >= 250 ? 0 : make_mechanism(r);
    case 'm':
        return make_mechanism(r);
    case 't':
        return make_template(r);
    case 'i':
        return make_input(r);
    case 'p':
        return make_pin(r);
    case 'r':
        return make_room(r, row->name);
    case 'q':
        return make_result(r);
    case 'g':
        return make_message_param(r);
    case 'f':
        return make_function_name(r);
    case 'j':
        return fuzz_u8(r->input) == 255 ? 0 : make_result(r);
    case 'n':
    case 'l':
    case 'z':
        return r->last_len;
    case 'a':
        r->last_len = fuzz_below(r->input, RESULT_BYTES / sizeof(CK_ULONG));
        return r->last_len;
    case 'u':
        return IS_AMONG(row->name, takes_pointers) ? 0 : fuzz_u8(r->input);
    case 'V':
        return fuzz_u8(r->input);
    case 'F':
        return CKF_SERIAL_SESSION | (fuzz_u8(r->input) % 2 == 0 ? CKF_RW_SESSION : 0);
    case 'W':
        return CKF_DONT_BLOCK;
    default: /* reserved */
        return 0;
    }
}

/* Every place for a result is a block that was zero: what is there now may be a handle. */
static void keep_objects(run *r, const function_row *row, const uintptr_t *a)
{
    for (size_t i = 0; row->kinds[i] != '\0'; i++) {
        if (row->kinds[i] != 'q' || a[i] == 0 || r->object_count == OBJECTS_MAX)
            continue;
        memcpy(&r->objects[r->object_count++], (const void *)a[i], sizeof r->objects[0]);
    }
}

static CK_RV call(const function_row *row, const uintptr_t *a)
{
    const any_function function = (any_function)row->function;

    return function(a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7], a[8], a[9]);
}

static void call_one(run *r)
{
    const function_row *row = &functions[fuzz_below(r->input, FUNCTION_COUNT)];
    uintptr_t a[ARGS_MAX] = { 0 };

    if (IS_AMONG(row->name, destroyers) && fuzz_u8(r->input) != 255)
        return;
    r->last_len = 0;
    for (size_t i = 0; row->kinds[i] != '\0'; i++) {
        a[i] = make_argument(r, row, row->kinds[i]);
        if (r->input->block_count == FUZZ_BLOCKS_MAX)
            return; /* NULL where there should be something is another test */
    }
    const CK_RV rv = call(row, a);
    if (rv == CKR_GENERAL_ERROR) {
        (void)fprintf(stderr, "%s answers CKR_GENERAL_ERROR\n", row->name);
        FUZZ_REQUIRE(rv != CKR_GENERAL_ERROR);
    }
    if (rv == CKR_OK && IS_AMONG(row->name, makers))
        keep_objects(r, row, a);
    if (rv == CKR_OK && strcmp(row->name, "C_OpenSession") == 0)
        memcpy(&r->sessions[1], (const void *)a[4], sizeof r->sessions[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_input input = fuzz_input_of(data, size);
    run r = { .input = &input, .world = fuzz_world_get() };

    for (size_t i = 0; i < SESSIONS; i++)
        (void)C_OpenSession(0, CKF_SERIAL_SESSION | (i == 0 ? CKF_RW_SESSION : CKF_ASYNC_SESSION),
                            NULL, NULL, &r.sessions[i]);
    for (int i = 0; i < CALLS_MAX && input.len > 0 && input.block_count < FUZZ_BLOCKS_MAX; i++)
        call_one(&r);
    for (size_t i = 0; i < r.object_count; i++) /* those of the token stay else */
        (void)C_DestroyObject(r.world->session, r.objects[i]);
    for (size_t i = 0; i < SESSIONS; i++)
        (void)C_CloseSession(r.sessions[i]);
    fuzz_input_clear(&input);
    return 0;
}
