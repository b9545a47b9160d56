/* A virtual machine's snapshot that is resumed twice, with the library open: everything random differs
 * in the copies, though their memory is the same. That it is the same shows in what may repeat. */
#include "pkcs11/pkcs11_craton.h"
#include "support.h"
#include "support/snapshot.h"

enum { ROOM_BYTES = 20000, CHUNK_BYTES = 16, COPIES = 2, PARTS_MAX = 2 };

/* What one copy made. */
typedef struct result {
    CK_RV rv;
    CK_ULONG len;
    CK_BYTE data[ROOM_BYTES];
} result;

static CK_SESSION_HANDLE session;
static CK_OBJECT_HANDLE aes_key;
/* CKA_CLASS and so on of what comes out of an encapsulation. */
static attrs secret_tmpl;

/* --- key pairs ---------------------------------------------------------------------------------- */

typedef struct kind {
    CK_MECHANISM_TYPE mechanism;
    CK_ULONG set;                       /* CKA_PARAMETER_SET; 0: none */
    const char *curve;                  /* DER of CKA_EC_PARAMS, hexadecimal */
    CK_ATTRIBUTE_TYPE parts[PARTS_MAX]; /* of the private key; 0: none */
    CK_ATTRIBUTE_TYPE use;              /* of the private key */
} kind;

static const kind p_256_kind = {
    CKM_EC_KEY_PAIR_GEN, 0, "06082a8648ce3d030107", { CKA_VALUE }, CKA_SIGN
};
static const kind ed_25519_kind = {
    CKM_EC_EDWARDS_KEY_PAIR_GEN, 0, "06032b6570", { CKA_VALUE }, CKA_SIGN
};
static const kind x_25519_kind = {
    CKM_EC_MONTGOMERY_KEY_PAIR_GEN, 0, "06032b656e", { CKA_VALUE }, CKA_DERIVE
};
static const kind rsa_kind = {
    CKM_RSA_PKCS_KEY_PAIR_GEN, 0, NULL, { CKA_PRIME_1, CKA_PRIME_2 }, CKA_SIGN
};
static const kind ml_kem_kind = {
    CKM_ML_KEM_KEY_PAIR_GEN, CKP_ML_KEM_768, NULL, { CKA_SEED }, CKA_DECAPSULATE
};
static const kind ml_dsa_kind = {
    CKM_ML_DSA_KEY_PAIR_GEN, CKP_ML_DSA_44, NULL, { CKA_SEED }, CKA_SIGN
};
static const kind slh_dsa_kind = {
    CKM_SLH_DSA_KEY_PAIR_GEN, CKP_SLH_DSA_SHA2_128F, NULL, { CKA_VALUE }, CKA_SIGN
};
static const kind hybrid_kind = {
    CKM_CRATON_COMP_KEM_KEY_PAIR_GEN,
    CKP_CRATON_COMP_KEM_MLKEM768_X25519,
    NULL,
    { CKA_VALUE },
    CKA_DECAPSULATE,
};
static const kind composite_kind = {
    CKM_CRATON_COMP_SIG_KEY_PAIR_GEN,
    CKP_CRATON_COMP_SIG_MLDSA44_ECDSA_P256_SHA256,
    NULL,
    { CKA_VALUE },
    CKA_SIGN,
};

static CK_RV make(const kind *of, pair *out)
{
    CK_MECHANISM mechanism = { of->mechanism, NULL, 0 };
    attrs pub = { .count = 0 };
    attrs priv = { .count = 0 };
    CK_BYTE curve[16];

    if (of->mechanism == CKM_RSA_PKCS_KEY_PAIR_GEN) {
        put_ulong(&pub, CKA_MODULUS_BITS, 2048);
        put_bool(&pub, CKA_ENCRYPT, true);
        put_bool(&pub, CKA_WRAP, true);
        put_bool(&pub, CKA_ENCAPSULATE, true);
    }
    if (of->set != 0)
        put_ulong(&pub, CKA_PARAMETER_SET, of->set);
    if (of->curve != NULL)
        put_bytes(&pub, CKA_EC_PARAMS, curve, from_hex(of->curve, curve, sizeof curve));
    if (of->use == CKA_DECAPSULATE || of->use == CKA_DERIVE)
        put_bool(&pub, CKA_ENCAPSULATE, true);
    put_bool(&priv, of->use, true);
    put_bool(&priv, CKA_SENSITIVE, false);
    put_bool(&priv, CKA_EXTRACTABLE, true);
    return p11->C_GenerateKeyPair(session, &mechanism, pub.at, pub.count, priv.at, priv.count,
                                  &out->public_key, &out->private_key);
}

/* --- what the copies do ------------------------------------------------------------------------- */

typedef struct row row;
struct row {
    const char *label;
    void (*run)(const row *self, int copy, result *out);
    const kind *kind; /* made anew, or that of the key */
    CK_MECHANISM_TYPE mechanism;
    void *param;
    CK_ULONG param_len;
    CK_ULONG compared; /* bytes; 0: all */
    bool has_own_data; /* each copy's differs */
    bool may_repeat;
};

/* A pair of each kind that is used, made before the copies are. */
static struct {
    const kind *kind;
    pair keys;
} made[] = {
    { .kind = &p_256_kind },  { .kind = &x_25519_kind },   { .kind = &rsa_kind },
    { .kind = &ml_kem_kind }, { .kind = &ml_dsa_kind },    { .kind = &slh_dsa_kind },
    { .kind = &hybrid_kind }, { .kind = &composite_kind },
};

static pair keys_of(const row *self)
{
    for (size_t i = 0; i < ARRAY_LEN(made); i++) {
        if (made[i].kind == self->kind)
            return made[i].keys;
    }
    return (pair){ CK_INVALID_HANDLE, CK_INVALID_HANDLE };
}

static CK_MECHANISM mechanism_of(const row *self)
{
    return (CK_MECHANISM){ self->mechanism, self->param, self->param_len };
}

static void take_attr(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, result *out)
{
    CK_ATTRIBUTE attr = { type, out->data + out->len, sizeof out->data - out->len };

    if (out->rv == CKR_OK)
        out->rv = p11->C_GetAttributeValue(session, object, &attr, 1);
    if (out->rv == CKR_OK)
        out->len += attr.ulValueLen;
}

static void draw(const row *self, int copy, result *out)
{
    (void)self;
    (void)copy;
    out->len = 64;
    out->rv = p11->C_GenerateRandom(session, out->data, out->len);
}

static void make_secret(const row *self, int copy, result *out)
{
    CK_MECHANISM mechanism = mechanism_of(self);
    CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;
    attrs tmpl = { .count = 0 };

    (void)copy;
    put_ulong(&tmpl, CKA_VALUE_LEN, 32);
    put_bool(&tmpl, CKA_SENSITIVE, false);
    put_bool(&tmpl, CKA_EXTRACTABLE, true);
    out->rv = p11->C_GenerateKey(session, &mechanism, tmpl.at, tmpl.count, &key);
    take_attr(key, CKA_VALUE, out);
}

static void make_pair(const row *self, int copy, result *out)
{
    pair keys = { CK_INVALID_HANDLE, CK_INVALID_HANDLE };

    (void)copy;
    out->rv = make(self->kind, &keys);
    for (size_t i = 0; i < PARTS_MAX && self->kind->parts[i] != 0; i++)
        take_attr(keys.private_key, self->kind->parts[i], out);
}

static void sign(const row *self, int copy, result *out)
{
    CK_MECHANISM mechanism = mechanism_of(self);
    CK_BYTE data[32] = { self->has_own_data ? (CK_BYTE)copy : 7 };

    out->len = sizeof out->data;
    out->rv = p11->C_SignInit(session, &mechanism, keys_of(self).private_key);
    if (out->rv == CKR_OK)
        out->rv = p11->C_Sign(session, data, sizeof data, out->data, &out->len);
}

static void encrypt(const row *self, int copy, result *out)
{
    CK_MECHANISM mechanism = mechanism_of(self);
    CK_BYTE data[32] = { 1 };

    (void)copy;
    out->len = sizeof out->data;
    out->rv = p11->C_EncryptInit(session, &mechanism, keys_of(self).public_key);
    if (out->rv == CKR_OK)
        out->rv = p11->C_Encrypt(session, data, sizeof data, out->data, &out->len);
}

static void wrap(const row *self, int copy, result *out)
{
    CK_MECHANISM mechanism = mechanism_of(self);

    (void)copy;
    out->len = sizeof out->data;
    out->rv = p11->C_WrapKey(session, &mechanism, keys_of(self).public_key, aes_key, out->data,
                             &out->len);
}

static void encapsulate(const row *self, int copy, result *out)
{
    CK_MECHANISM mechanism = mechanism_of(self);
    CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;

    (void)copy;
    out->len = sizeof out->data;
    out->rv = p11_3->C_EncapsulateKey(session, &mechanism, keys_of(self).public_key, secret_tmpl.at,
                                      secret_tmpl.count, out->data, &out->len, &key);
    take_attr(key, CKA_VALUE, out);
}

/* Only the vector: under the same one the ciphertexts would be the same of course. */
static void make_vector(const row *self, int copy, result *out)
{
    CK_MECHANISM mechanism = mechanism_of(self);
    CK_BYTE tag[16];
    CK_BYTE data[16] = { (CK_BYTE)copy };
    CK_ULONG len = sizeof data;
    CK_GCM_MESSAGE_PARAMS gcm = {
        out->data, 12, 0, self->may_repeat ? CKG_GENERATE_COUNTER : CKG_GENERATE_RANDOM, tag, 128
    };

    out->len = gcm.ulIvLen;
    out->rv = p11_3->C_MessageEncryptInit(session, &mechanism, aes_key);
    if (out->rv == CKR_OK)
        out->rv = p11_3->C_EncryptMessage(session, &gcm, sizeof gcm, NULL, 0, data, sizeof data,
                                          data, &len);
}

static CK_RSA_PKCS_PSS_PARAMS pss = { CKM_SHA256, CKG_MGF1_SHA256, 32 };
static CK_RSA_PKCS_OAEP_PARAMS oaep = { CKM_SHA256, CKG_MGF1_SHA256, CKZ_DATA_SPECIFIED, NULL, 0 };
static CK_ECDH1_DERIVE_PARAMS ecdh = { CKD_NULL, 0, NULL, 0, NULL };
static CK_RSA_AES_KEY_WRAP_PARAMS rsa_aes = { 256, &oaep };

static const row rows[] = {
    /* The nonce follows from the key, the message and the generator's state, and no seed is drawn:
     * so it is the copies' state that is the same, in the instance that key pairs draw from. */
    { .label = "ECDSA of one message",
      .run = sign,
      .kind = &p_256_kind,
      .mechanism = CKM_ECDSA,
      .may_repeat = true },
    { .label = "ECDSA of two messages",
      .run = sign,
      .kind = &p_256_kind,
      .mechanism = CKM_ECDSA,
      .has_own_data = true },
    { .label = "C_GenerateRandom", .run = draw },
    { .label = "AES key", .run = make_secret, .mechanism = CKM_AES_KEY_GEN },
    { .label = "generic secret", .run = make_secret, .mechanism = CKM_GENERIC_SECRET_KEY_GEN },
    { .label = "P-256 key pair", .run = make_pair, .kind = &p_256_kind },
    { .label = "Ed25519 key pair", .run = make_pair, .kind = &ed_25519_kind },
    { .label = "X25519 key pair", .run = make_pair, .kind = &x_25519_kind },
    { .label = "RSA key pair", .run = make_pair, .kind = &rsa_kind },
    { .label = "ML-KEM key pair", .run = make_pair, .kind = &ml_kem_kind },
    { .label = "ML-DSA key pair", .run = make_pair, .kind = &ml_dsa_kind },
    { .label = "SLH-DSA key pair", .run = make_pair, .kind = &slh_dsa_kind },
    { .label = "composite KEM key pair", .run = make_pair, .kind = &hybrid_kind },
    { .label = "composite signature key pair", .run = make_pair, .kind = &composite_kind },
    { .label = "X25519 encapsulation",
      .run = encapsulate,
      .kind = &x_25519_kind,
      .mechanism = CKM_ECDH1_DERIVE,
      .param = &ecdh,
      .param_len = sizeof ecdh },
    { .label = "ML-KEM encapsulation",
      .run = encapsulate,
      .kind = &ml_kem_kind,
      .mechanism = CKM_ML_KEM },
    { .label = "composite encapsulation",
      .run = encapsulate,
      .kind = &hybrid_kind,
      .mechanism = CKM_CRATON_COMP_KEM },
    { .label = "RSA encapsulation",
      .run = encapsulate,
      .kind = &rsa_kind,
      .mechanism = CKM_RSA_X_509 },
    { .label = "ML-DSA", .run = sign, .kind = &ml_dsa_kind, .mechanism = CKM_ML_DSA },
    /* R, on which the rest depends: of few-time keys the same ones may be chosen. */
    { .label = "SLH-DSA",
      .run = sign,
      .kind = &slh_dsa_kind,
      .mechanism = CKM_SLH_DSA,
      .compared = 16 },
    /* The part of ML-DSA; the other is an ECDSA of one message. */
    { .label = "composite signature",
      .run = sign,
      .kind = &composite_kind,
      .mechanism = CKM_CRATON_COMP_SIG,
      .compared = 2400 },
    { .label = "PSS",
      .run = sign,
      .kind = &rsa_kind,
      .mechanism = CKM_SHA256_RSA_PKCS_PSS,
      .param = &pss,
      .param_len = sizeof pss },
    { .label = "OAEP",
      .run = encrypt,
      .kind = &rsa_kind,
      .mechanism = CKM_RSA_PKCS_OAEP,
      .param = &oaep,
      .param_len = sizeof oaep },
    { .label = "PKCS #1 v1.5 encryption",
      .run = encrypt,
      .kind = &rsa_kind,
      .mechanism = CKM_RSA_PKCS },
    { .label = "RSA AES key wrapping",
      .run = wrap,
      .kind = &rsa_kind,
      .mechanism = CKM_RSA_AES_KEY_WRAP,
      .param = &rsa_aes,
      .param_len = sizeof rsa_aes },
    { .label = "vector of AES-GCM", .run = make_vector, .mechanism = CKM_AES_GCM },
    /* As documented: a number in memory, or on each copy's disk. */
    { .label = "counted vector", .run = make_vector, .mechanism = CKM_AES_GCM, .may_repeat = true },
};

/* --- comparing ---------------------------------------------------------------------------------- */

typedef struct resumption {
    const row *row;
    int copy;
    result *results; /* shared; one a copy */
} resumption;

static void run_in_copy(void *arg)
{
    const resumption *self = arg;

    self->row->run(self->row, self->copy, &self->results[self->copy]);
}

/* Whether a stretch of this place is the same in both. Zeros pad the hints of ML-DSA. */
static bool repeats_at(const result *a, const result *b, size_t at, size_t end)
{
    static const CK_BYTE zeros[CHUNK_BYTES];
    const size_t left = end - at;
    const size_t len = left < CHUNK_BYTES ? left : CHUNK_BYTES;

    return len >= CHUNK_BYTES / 2 && memcmp(a->data + at, b->data + at, len) == 0 &&
           memcmp(a->data + at, zeros, len) != 0;
}

static void compare(const row *r, const result *a, const result *b)
{
    REQUIRE_OK(a->rv);
    REQUIRE_OK(b->rv);
    if (r->compared == 0)
        CHECK_EQ(a->len, b->len);
    const size_t end = r->compared > 0 ? r->compared : a->len;
    REQUIRE_THAT(end >= 12 && a->len >= end && b->len >= end);
    if (r->may_repeat) {
        CHECK_BYTES(a->data, a->len, b->data, b->len);
        return;
    }
    for (size_t at = 0; at < end; at += CHUNK_BYTES)
        REQUIRE_THAT(!repeats_at(a, b, at, end));
}

/* So many that nonces are made in advance: what the copies have of them must not be used after a seed. */
static void sign_often(void)
{
    static const row signing = { .run = sign, .kind = &p_256_kind, .mechanism = CKM_ECDSA };
    static result out;

    for (int i = 0; i < 20; i++) {
        sign(&signing, 0, &out);
        REQUIRE_OK(out.rv);
    }
}

static void nothing_repeats(void)
{
    FIXTURE(fix);
    result *results = snapshot_shared(COPIES * sizeof *results);

    REQUIRE_THAT(results != NULL && p11_3 != NULL);
    session = fix.session;
    aes_key = generate_aes(session, 32, false, "wrapped");
    for (size_t i = 0; i < ARRAY_LEN(made); i++)
        REQUIRE_OK(make(made[i].kind, &made[i].keys));
    sign_often();
    put_ulong(&secret_tmpl, CKA_CLASS, CKO_SECRET_KEY);
    put_ulong(&secret_tmpl, CKA_KEY_TYPE, CKK_GENERIC_SECRET);
    put_bool(&secret_tmpl, CKA_SENSITIVE, false);
    put_bool(&secret_tmpl, CKA_EXTRACTABLE, true);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CASE(rows[i].label);
        memset(results, 0, COPIES * sizeof *results);
        /* Both of the same moment: this process does nothing in between. */
        for (int copy = 0; copy < COPIES; copy++) {
            resumption once = { &rows[i], copy, results };

            CHECK_THAT(snapshot_resume(run_in_copy, &once));
        }
        compare(&rows[i], &results[0], &results[1]);
    }
}

static const check_test tests[] = { CHECK_TEST(nothing_repeats) };

int main(int argc, char **argv)
{
    /* The copies of a machine have a disk each; these here would share the log. */
    fixture_settings = "[audit]\nenabled = false\n";
    return check_main(tests, ARRAY_LEN(tests), argc, argv);
}
