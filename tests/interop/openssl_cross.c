#include "openssl_cross.h"

#include <stdarg.h>
#include <stdio.h>

#define EC(name, curve, der, bytes)                                                     \
    {                                                                                   \
        .label = name, .genpkey = "-algorithm EC -pkeyopt ec_paramgen_curve:" curve,    \
        .gen = CKM_EC_KEY_PAIR_GEN, .type = CKK_EC, .params = der, .number_len = bytes, \
        .can_sign = true, .can_derive = true                                            \
    }
#define ML_DSA(name, number)                                                          \
    {                                                                                 \
        .label = name, .genpkey = "-algorithm " name, .gen = CKM_ML_DSA_KEY_PAIR_GEN, \
        .type = CKK_ML_DSA, .set = number, .can_sign = true, .has_forms = true        \
    }
#define SLH_DSA(name, number)                                                          \
    {                                                                                  \
        .label = name, .genpkey = "-algorithm " name, .gen = CKM_SLH_DSA_KEY_PAIR_GEN, \
        .type = CKK_SLH_DSA, .set = number, .can_sign = true                           \
    }
#define ML_KEM(name, number)                                                          \
    {                                                                                 \
        .label = name, .genpkey = "-algorithm " name, .gen = CKM_ML_KEM_KEY_PAIR_GEN, \
        .type = CKK_ML_KEM, .set = number, .has_forms = true                          \
    }

const cross_kind cross_kinds[] = {
    { .label = "RSA-2048",
      .genpkey = "-quiet -algorithm RSA -pkeyopt rsa_keygen_bits:2048",
      .gen = CKM_RSA_PKCS_KEY_PAIR_GEN,
      .type = CKK_RSA,
      .set = 2048,
      .can_sign = true,
      .can_decrypt = true },
    EC("P-224", "secp224r1", "06052b81040021", 28),
    EC("P-256", "P-256", "06082a8648ce3d030107", 32),
    EC("P-384", "P-384", "06052b81040022", 48),
    EC("P-521", "P-521", "06052b81040023", 66),
    EC("secp256k1", "secp256k1", "06052b8104000a", 32),
    EC("brainpoolP256r1", "brainpoolP256r1", "06092b2403030208010107", 32),
    EC("brainpoolP384r1", "brainpoolP384r1", "06092b240303020801010b", 48),
    EC("brainpoolP512r1", "brainpoolP512r1", "06092b240303020801010d", 64),
    { .label = "Ed25519",
      .genpkey = "-algorithm ED25519",
      .gen = CKM_EC_EDWARDS_KEY_PAIR_GEN,
      .type = CKK_EC_EDWARDS,
      .params = "06032b6570",
      .can_sign = true },
    { .label = "Ed448",
      .genpkey = "-algorithm ED448",
      .gen = CKM_EC_EDWARDS_KEY_PAIR_GEN,
      .type = CKK_EC_EDWARDS,
      .params = "06032b6571",
      .can_sign = true },
    { .label = "X25519",
      .genpkey = "-algorithm X25519",
      .gen = CKM_EC_MONTGOMERY_KEY_PAIR_GEN,
      .type = CKK_EC_MONTGOMERY,
      .params = "06032b656e",
      .can_derive = true },
    { .label = "X448",
      .genpkey = "-algorithm X448",
      .gen = CKM_EC_MONTGOMERY_KEY_PAIR_GEN,
      .type = CKK_EC_MONTGOMERY,
      .params = "06032b656f",
      .can_derive = true },
    ML_DSA("ML-DSA-44", CKP_ML_DSA_44),
    ML_DSA("ML-DSA-65", CKP_ML_DSA_65),
    ML_DSA("ML-DSA-87", CKP_ML_DSA_87),
    SLH_DSA("SLH-DSA-SHA2-128s", CKP_SLH_DSA_SHA2_128S),
    SLH_DSA("SLH-DSA-SHA2-128f", CKP_SLH_DSA_SHA2_128F),
    SLH_DSA("SLH-DSA-SHA2-192s", CKP_SLH_DSA_SHA2_192S),
    SLH_DSA("SLH-DSA-SHA2-192f", CKP_SLH_DSA_SHA2_192F),
    SLH_DSA("SLH-DSA-SHA2-256s", CKP_SLH_DSA_SHA2_256S),
    SLH_DSA("SLH-DSA-SHA2-256f", CKP_SLH_DSA_SHA2_256F),
    SLH_DSA("SLH-DSA-SHAKE-128s", CKP_SLH_DSA_SHAKE_128S),
    SLH_DSA("SLH-DSA-SHAKE-128f", CKP_SLH_DSA_SHAKE_128F),
    SLH_DSA("SLH-DSA-SHAKE-192s", CKP_SLH_DSA_SHAKE_192S),
    SLH_DSA("SLH-DSA-SHAKE-192f", CKP_SLH_DSA_SHAKE_192F),
    SLH_DSA("SLH-DSA-SHAKE-256s", CKP_SLH_DSA_SHAKE_256S),
    SLH_DSA("SLH-DSA-SHAKE-256f", CKP_SLH_DSA_SHAKE_256F),
    ML_KEM("ML-KEM-512", CKP_ML_KEM_512),
    ML_KEM("ML-KEM-768", CKP_ML_KEM_768),
    ML_KEM("ML-KEM-1024", CKP_ML_KEM_1024),
};
const size_t cross_kind_count = ARRAY_LEN(cross_kinds);

const cross_kind *cross_kind_of(const char *label)
{
    size_t at = 0;

    while (strcmp(cross_kinds[at].label, label) != 0)
        at++;
    return &cross_kinds[at];
}

bool cross_openssl(const fixture *fix, const char *format, ...)
{
    char command[900];
    const int start = snprintf(command, sizeof command, "\"$CRATON_HSM_OPENSSL\" ");
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(command + start, sizeof command - (size_t)start, format, arguments);
    va_end(arguments);
    return run_command(fix, command);
}

size_t cross_read(const fixture *fix, const char *name, void *out, size_t room)
{
    char path[128];
    size_t len = SIZE_MAX;

    (void)snprintf(path, sizeof path, "%s/%s", fix->dir, name);
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return len;
    len = fread(out, 1, room, file);
    (void)fclose(file);
    return len;
}

bool cross_same(const fixture *fix, const char *one, const char *other)
{
    char command[200];

    (void)snprintf(command, sizeof command, "cmp %s %s", one, other);
    return run_command(fix, command);
}

static void put_uses(attrs *tmpl, const cross_kind *kind)
{
    put_bool(tmpl, CKA_SENSITIVE, false);
    put_bool(tmpl, CKA_EXTRACTABLE, true);
    if (kind->can_sign)
        put_bool(tmpl, CKA_SIGN, true);
    if (kind->can_derive)
        put_bool(tmpl, CKA_DERIVE, true);
    if (kind->can_decrypt)
        put_bool(tmpl, CKA_DECRYPT, true);
    if (kind->type == CKK_ML_KEM)
        put_bool(tmpl, CKA_DECAPSULATE, true);
}

pair cross_generate(const fixture *fix, const cross_kind *kind)
{
    static const uint8_t exponent[] = { 0x01, 0x00, 0x01 };
    CK_MECHANISM mechanism = { kind->gen, NULL, 0 };
    pair keys = { CK_INVALID_HANDLE, CK_INVALID_HANDLE };
    attrs public_tmpl = { .count = 0 };
    attrs private_tmpl = { .count = 0 };
    uint8_t params[16];

    if (kind->type == CKK_RSA) {
        put_ulong(&public_tmpl, CKA_MODULUS_BITS, kind->set);
        put_bytes(&public_tmpl, CKA_PUBLIC_EXPONENT, exponent, sizeof exponent);
    } else if (kind->params != NULL) {
        put_bytes(&public_tmpl, CKA_EC_PARAMS, params,
                  from_hex(kind->params, params, sizeof params));
    } else {
        put_ulong(&public_tmpl, CKA_PARAMETER_SET, kind->set);
    }
    put_uses(&private_tmpl, kind);
    CHECK_OK(p11->C_GenerateKeyPair(fix->session, &mechanism, public_tmpl.at, public_tmpl.count,
                                    private_tmpl.at, private_tmpl.count, &keys.public_key,
                                    &keys.private_key));
    return keys;
}

/* DER of genpkey would be RSA's or EC's own form, not PKCS#8. */
bool cross_genpkey(const fixture *fix, const cross_kind *kind, const char *name)
{
    return cross_openssl(fix, "genpkey %s -out made.pem", kind->genpkey) &&
           cross_openssl(fix, "pkcs8 -topk8 -nocrypt -in made.pem -outform DER -out %s.key",
                         name) &&
           cross_openssl(fix, "pkey -in made.pem -pubout -outform DER -out %s.pub", name);
}

/* Keys travel as CBC with padding, under a key of the session that both halves may use. */
static CK_BYTE transport_iv[16];
static const CK_MECHANISM transport = { CKM_AES_CBC_PAD, transport_iv, sizeof transport_iv };

pair cross_import(const fixture *fix, const cross_kind *kind, const char *name)
{
    static CK_BYTE plain[CROSS_ROOM], sealed[CROSS_ROOM];
    const CK_OBJECT_HANDLE key = generate_aes(fix->session, 32, false, "transport");
    CK_MECHANISM mechanism = transport;
    CK_MECHANISM to_public = { CKM_PUB_KEY_FROM_PRIV_KEY, NULL, 0 };
    pair keys = { CK_INVALID_HANDLE, CK_INVALID_HANDLE };
    CK_ULONG len = sizeof sealed;
    attrs tmpl = { .count = 0 };
    char file[64];

    (void)snprintf(file, sizeof file, "%s.key", name);
    const size_t plain_len = cross_read(fix, file, plain, sizeof plain);
    put_ulong(&tmpl, CKA_CLASS, CKO_PRIVATE_KEY);
    put_ulong(&tmpl, CKA_KEY_TYPE, kind->type);
    put_uses(&tmpl, kind);
    CHECK_OK(p11->C_EncryptInit(fix->session, &mechanism, key));
    CHECK_OK(p11->C_Encrypt(fix->session, plain, plain_len, sealed, &len));
    CHECK_OK(p11->C_UnwrapKey(fix->session, &mechanism, key, sealed, len, tmpl.at, tmpl.count,
                              &keys.private_key));
    CHECK_OK(
        p11->C_DeriveKey(fix->session, &to_public, keys.private_key, NULL, 0, &keys.public_key));
    return keys;
}

static bool write_public(const fixture *fix, CK_OBJECT_HANDLE key, const char *name)
{
    CK_BYTE info[4096];
    char file[64];
    const size_t len = get_attr(fix->session, key, CKA_PUBLIC_KEY_INFO, info, sizeof info);

    (void)snprintf(file, sizeof file, "%s.pub", name);
    return len != SIZE_MAX && write_file(fix, file, info, len);
}

bool cross_export(const fixture *fix, const pair *keys, const char *name)
{
    static CK_BYTE plain[CROSS_ROOM], sealed[CROSS_ROOM];
    const CK_OBJECT_HANDLE key = generate_aes(fix->session, 32, false, "transport");
    CK_MECHANISM mechanism = transport;
    CK_ULONG sealed_len = sizeof sealed;
    CK_ULONG len = sizeof plain;
    char file[64];

    (void)snprintf(file, sizeof file, "%s.key", name);
    return CHECK_OK(p11->C_WrapKey(fix->session, &mechanism, key, keys->private_key, sealed,
                                   &sealed_len)) &&
           CHECK_OK(p11->C_DecryptInit(fix->session, &mechanism, key)) &&
           CHECK_OK(p11->C_Decrypt(fix->session, sealed, sealed_len, plain, &len)) &&
           write_file(fix, file, plain, len) && write_public(fix, keys->public_key, name);
}
