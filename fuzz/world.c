/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fuzz.h"

#define SO_PIN "fuzz-so-pin"
#define REQUIRE_OK(call) FUZZ_REQUIRE((call) == CKR_OK)

static CK_BBOOL yes = CK_TRUE;

static CK_UTF8CHAR *text(const char *value)
{
    return (CK_UTF8CHAR *)(uintptr_t)value;
}

/* A configuration of our own, whatever the user has; nothing is written but this file. */
static void configure(void)
{
    char path[] = "/tmp/craton-fuzz.XXXXXX";
    const char *const settings =
        "[token]\npersist_objects = false\nmax_sessions = 64\nmax_rw_sessions = 64\n"
        "[security]\npbkdf2_iterations = 100000\n[audit]\nenabled = false\n";
    const int fd = mkstemp(path);

    FUZZ_REQUIRE(fd >= 0);
    FUZZ_REQUIRE(write(fd, settings, strlen(settings)) == (ssize_t)strlen(settings));
    (void)close(fd);
    FUZZ_REQUIRE(setenv("CRATON_HSM_CONFIG", path, 1) == 0);
    REQUIRE_OK(C_Initialize(NULL));
    (void)unlink(path);
}

static void add_secret(fuzz_world *world, CK_KEY_TYPE type, CK_ULONG bytes)
{
    CK_OBJECT_CLASS class = CKO_SECRET_KEY;
    CK_BYTE value[64];
    CK_ATTRIBUTE tmpl[] = {
        { CKA_CLASS, &class, sizeof class },   { CKA_KEY_TYPE, &type, sizeof type },
        { CKA_VALUE, value, bytes },           { CKA_ENCRYPT, &yes, sizeof yes },
        { CKA_DECRYPT, &yes, sizeof yes },     { CKA_SIGN, &yes, sizeof yes },
        { CKA_VERIFY, &yes, sizeof yes },      { CKA_WRAP, &yes, sizeof yes },
        { CKA_UNWRAP, &yes, sizeof yes },      { CKA_DERIVE, &yes, sizeof yes },
        { CKA_EXTRACTABLE, &yes, sizeof yes },
    };

    memset(value, 0x5a, sizeof value);
    REQUIRE_OK(C_CreateObject(world->session, tmpl, sizeof tmpl / sizeof tmpl[0],
                              &world->keys[world->key_count++]));
}

/* One attribute of the public template says what is made; uses are what the type has. */
typedef struct pair_row {
    CK_MECHANISM_TYPE mechanism;
    CK_ATTRIBUTE_TYPE attribute;
    CK_ULONG number;
    const char *bytes; /* instead of the number, bytes_len of them */
    CK_ULONG bytes_len;
    CK_ATTRIBUTE_TYPE public_uses[3];
    CK_ATTRIBUTE_TYPE private_uses[3];
} pair_row;

static const pair_row pairs[] = {
    { CKM_RSA_PKCS_KEY_PAIR_GEN,
      CKA_MODULUS_BITS,
      2048,
      NULL,
      0,
      { CKA_VERIFY, CKA_ENCRYPT, CKA_WRAP },
      { CKA_SIGN, CKA_DECRYPT, CKA_UNWRAP } },
    { CKM_EC_KEY_PAIR_GEN,
      CKA_EC_PARAMS,
      0,
      "\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07",
      10,
      { CKA_VERIFY },
      { CKA_SIGN, CKA_DERIVE } },
    { CKM_EC_EDWARDS_KEY_PAIR_GEN,
      CKA_EC_PARAMS,
      0,
      "\x06\x03\x2b\x65\x70",
      5,
      { CKA_VERIFY },
      { CKA_SIGN } },
    { CKM_EC_MONTGOMERY_KEY_PAIR_GEN,
      CKA_EC_PARAMS,
      0,
      "\x06\x03\x2b\x65\x6e",
      5,
      { 0 },
      { CKA_DERIVE } },
    { CKM_ML_DSA_KEY_PAIR_GEN,
      CKA_PARAMETER_SET,
      CKP_ML_DSA_44,
      NULL,
      0,
      { CKA_VERIFY },
      { CKA_SIGN } },
    { CKM_ML_KEM_KEY_PAIR_GEN,
      CKA_PARAMETER_SET,
      CKP_ML_KEM_768,
      NULL,
      0,
      { CKA_ENCAPSULATE },
      { CKA_DECAPSULATE } },
};

static CK_ULONG put_uses(CK_ATTRIBUTE *tmpl, const CK_ATTRIBUTE_TYPE uses[3])
{
    CK_ULONG count = 0;

    for (; count < 3 && uses[count] != 0; count++)
        tmpl[count] = (CK_ATTRIBUTE){ uses[count], &yes, sizeof yes };
    return count;
}

static void add_pair(fuzz_world *world, const pair_row *row)
{
    CK_MECHANISM mechanism = { row->mechanism, NULL, 0 };
    CK_ULONG number = row->number;
    CK_ATTRIBUTE public_tmpl[4];
    CK_ATTRIBUTE private_tmpl[4];
    CK_ULONG public_count = put_uses(public_tmpl, row->public_uses);
    CK_ULONG private_count = put_uses(private_tmpl, row->private_uses);
    CK_OBJECT_HANDLE *made = &world->keys[world->key_count];

    public_tmpl[public_count++] =
        row->bytes != NULL
            ? (CK_ATTRIBUTE){ row->attribute, (void *)(uintptr_t)row->bytes, row->bytes_len }
            : (CK_ATTRIBUTE){ row->attribute, &number, sizeof number };
    private_tmpl[private_count++] = (CK_ATTRIBUTE){ CKA_EXTRACTABLE, &yes, sizeof yes };
    REQUIRE_OK(C_GenerateKeyPair(world->session, &mechanism, public_tmpl, public_count,
                                 private_tmpl, private_count, &made[0], &made[1]));
    world->key_count += 2;
}

static void make_token(fuzz_world *world)
{
    CK_UTF8CHAR label[32];

    memset(label, ' ', sizeof label);
    REQUIRE_OK(C_InitToken(0, text(SO_PIN), strlen(SO_PIN), label));
    REQUIRE_OK(C_OpenSession(0, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &world->session));
    REQUIRE_OK(C_Login(world->session, CKU_SO, text(SO_PIN), strlen(SO_PIN)));
    REQUIRE_OK(C_InitPIN(world->session, text(FUZZ_USER_PIN), strlen(FUZZ_USER_PIN)));
    REQUIRE_OK(C_Logout(world->session));
    REQUIRE_OK(C_Login(world->session, CKU_USER, text(FUZZ_USER_PIN), strlen(FUZZ_USER_PIN)));
}

static void make_world(fuzz_world *world)
{
    memset(world, 0, sizeof *world);
    (void)C_Finalize(NULL);
    configure();
    make_token(world);
    add_secret(world, CKK_AES, 32);
    world->aes = world->keys[0];
    add_secret(world, CKK_GENERIC_SECRET, 48);
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++)
        add_pair(world, &pairs[i]);
    world->mechanism_count = FUZZ_MECHANISMS_MAX;
    REQUIRE_OK(C_GetMechanismList(0, world->mechanisms, &world->mechanism_count));
}

static bool is_whole(const fuzz_world *world)
{
    CK_SESSION_INFO info;
    CK_OBJECT_CLASS class;

    if (world->key_count == 0 || C_GetSessionInfo(world->session, &info) != CKR_OK ||
        info.state != CKS_RW_USER_FUNCTIONS)
        return false;
    for (size_t i = 0; i < world->key_count; i++) {
        CK_ATTRIBUTE attr = { CKA_CLASS, &class, sizeof class };

        if (C_GetAttributeValue(world->session, world->keys[i], &attr, 1) != CKR_OK)
            return false;
    }
    return true;
}

fuzz_world *fuzz_world_get(void)
{
    static fuzz_world world;

    if (!is_whole(&world))
        make_world(&world);
    return &world;
}
