/* Known answers: published vectors through the C_ functions of the built module.
 *
 * A reader (stanza.c, json.c) turns a file into cases; a handler (wycheproof*.c, acvp*.c, nist.c,
 * own.c) turns a case into a job, the shape that a mechanism needs; exec*.c runs the job and judges
 * the answer; tally.c counts by mechanism. files.c is the table that joins them.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef KAT_H
#define KAT_H

#include "../abi/support.h"

/* --- a vector: names and values ---------------------------------------------------------------- */

typedef struct span {
    const uint8_t *data;
    size_t len;
} span;

/* Memory that lives as long as the file it was read from. */
typedef struct arena arena;

typedef struct field {
    const char *name;
    const char *value;
    struct field *next;
} field;

typedef struct kat_case {
    arena *memory;
    const char *file;
    size_t number; /* line, or the number the publisher gave */
    field *first;
    field *last;
    const struct kat_case *group; /* its fields count too; NULL: none */
    const struct kat_case *keys;  /* stanzas that define keys, a list through .next_key */
    const struct kat_case *next_key;
} kat_case;

arena *arena_create(void);
void arena_destroy(arena *memory);
/* Never NULL: the program ends when there is no memory. Zeroed. */
void *arena_take(arena *memory, size_t len);
char *arena_text(arena *memory, const char *text, size_t len);

void case_add(kat_case *c, const char *name, const char *value);
/* The first field of that name, here or in the group; NULL: none. */
const char *case_text(const kat_case *c, const char *name);
bool case_has(const kat_case *c, const char *name);
bool case_is(const kat_case *c, const char *name, const char *value);
/* Whether one of the fields of that name has that value. */
bool case_any(const kat_case *c, const char *name, const char *value);
CK_ULONG case_number(const kat_case *c, const char *name);
/* The bytes of a hexadecimal field; empty when there is none. */
span case_hex(const kat_case *c, const char *name);
/* The same of a value: hexadecimal, or text in quotes. */
span value_bytes(const kat_case *c, const char *value);
span hex_bytes(arena *memory, const char *hex, size_t len);
/* What follows "prefix:" in a field `name` (OpenSSL's Ctrl = prefix:rest); NULL: none. */
const char *case_control(const kat_case *c, const char *name, const char *prefix);
span span_join(arena *memory, span a, span b);
span span_of_text(const char *text);
bool span_equal(span a, span b);
/* Fails a file that can not be read as what it should be: ends the program. */
_Noreturn void kat_die(const char *file, size_t line, const char *why);

/* --- what a file is run with ------------------------------------------------------------------- */

typedef struct tally tally;
typedef struct kat {
    CK_SESSION_HANDLE session;
    tally *counts;
    const char *file;            /* relative to the folder of vectors */
    CK_MECHANISM_TYPE mechanism; /* of the file's row, or 0 */
    const char *arg;             /* of the file's row, or NULL */
    CK_OBJECT_HANDLE rsa_key;    /* the last one, and its template as bytes */
    uint8_t rsa_template[8192];
    size_t rsa_template_len;
} kat;
typedef void kat_handler(kat *k, const kat_case *c);

/* Readers: call the handler for every case. */
void read_json(kat *k, const char *path, kat_handler *handler);
void read_stanzas(kat *k, const char *path, kat_handler *handler);

/* --- a job: what a mechanism needs ------------------------------------------------------------- */

typedef enum expectation { MUST_WORK, MUST_FAIL, MAY_FAIL } expectation;

typedef union job_params {
    CK_GCM_PARAMS gcm;
    CK_CCM_PARAMS ccm;
    CK_AES_CTR_PARAMS ctr;
    CK_CHACHA20_PARAMS chacha_block;
    CK_KEY_DERIVATION_STRING_DATA string;
    CK_SALSA20_CHACHA20_POLY1305_PARAMS chacha;
    CK_RSA_PKCS_OAEP_PARAMS oaep;
    CK_RSA_PKCS_PSS_PARAMS pss;
    CK_MAC_GENERAL_PARAMS mac_len;
    CK_EDDSA_PARAMS eddsa;
    CK_ECDH1_DERIVE_PARAMS ecdh;
    CK_X9_42_DH1_DERIVE_PARAMS x9_42;
    CK_HKDF_PARAMS hkdf;
    CK_SP800_108_KDF_PARAMS kbkdf;
    CK_PKCS5_PBKD2_PARAMS2 pbkdf2;
    CK_SP800_108_FEEDBACK_KDF_PARAMS feedback;
    CK_AES_CBC_ENCRYPT_DATA_PARAMS cbc_data;
    CK_OBJECT_HANDLE handle;
    CK_TLS12_MASTER_KEY_DERIVE_PARAMS tls_master;
    CK_TLS12_EXTENDED_MASTER_KEY_DERIVE_PARAMS tls_extended;
    CK_TLS12_KEY_MAT_PARAMS tls_keys;
    CK_TLS_KDF_PARAMS tls_kdf;
    CK_IKE_PRF_DERIVE_PARAMS ike;
    CK_IKE1_PRF_DERIVE_PARAMS ike1;
    CK_IKE1_EXTENDED_DERIVE_PARAMS ike1_extended;
    CK_IKE2_PRF_PLUS_DERIVE_PARAMS ike2;
    CK_SIGN_ADDITIONAL_CONTEXT context;
    CK_HASH_SIGN_ADDITIONAL_CONTEXT hash_context;
} job_params;

/* What TLS keys come out of, and the handles they come in. */
typedef struct key_material {
    CK_SSL3_KEY_MAT_OUT out;
    uint8_t client_iv[16];
    uint8_t server_iv[16];
} key_material;

typedef struct job {
    CK_MECHANISM mechanism;
    job_params params;
    CK_PRF_DATA_PARAM data_params[4]; /* KBKDF */
    CK_SP800_108_COUNTER_FORMAT counter;
    key_material material;
    CK_VERSION version;
    attrs key;     /* the key, or the private key */
    attrs pub;     /* the public key, where both are used */
    attrs derived; /* what is unwrapped or derived, beside class, type and length */
    span in;
    span want;
    expectation expect;
    bool is_multi_part; /* run again in pieces */
    bool is_one_way;    /* decrypt, or verify, only */
    bool is_data;       /* what is derived is a data object */
} job;

/* In place: a job points into itself and is never copied. */
void job_start(job *j, CK_MECHANISM_TYPE type);

/* Hash functions, by any of the names that publishers use. */
typedef struct hash_row {
    const char *name; /* lower case, letters and digits only */
    size_t len;
    CK_MECHANISM_TYPE digest, hmac, hmac_general, rsa, pss, ecdsa;
    CK_ULONG mgf, kdf, kdf_sp800, pbkdf2;
} hash_row;
const hash_row *hash_find(const char *name);

void param_iv(job *j, span iv);
void param_gcm(job *j, span iv, span aad, size_t tag_len);
void param_ccm(job *j, span nonce, span aad, size_t tag_len, size_t data_len);
void param_chacha(job *j, span nonce, span aad);
void param_chacha_block(job *j, span counter, span nonce);
void param_string(job *j, span data);
void param_ctr(job *j, span block, CK_ULONG bits);
void param_mac_len(job *j, size_t len);
void param_oaep(job *j, const hash_row *hash, const hash_row *mgf, span label);
void param_pss(job *j, const hash_row *hash, const hash_row *mgf, CK_ULONG salt_len);
void param_eddsa(job *j, bool is_prehash, span context);
void param_ecdh(job *j, CK_ULONG kdf, span shared, span point);
/* The public value itself, or of X9.42, without a KDF; empty: to decapsulate. */
void param_dh(job *j, span public_value);
void param_x9_42(job *j, span public_value);
void param_context(job *j, span context, CK_ULONG hedge);
void param_hkdf(job *j, const hash_row *hash, bool extract, bool expand, span salt, span info);
void param_kbkdf(job *j, CK_MECHANISM_TYPE prf, CK_ULONG width_bits, span before, span after);
/* The same, after param_kbkdf(): the modes whose iteration variable is a value of the PRF, followed by
 * the counter. Feedback has an IV. */
void param_chained(job *j);
void param_feedback(job *j, span iv);
void param_cbc_data(job *j, span iv, span data);
void param_handle(job *j, CK_OBJECT_HANDLE handle);
void param_tls_master(job *j, const hash_row *hash, span client, span server);
void param_tls_extended(job *j, const hash_row *hash, span session_hash);
/* Sizes in bits: MAC key, key, IV. */
void param_tls_keys(job *j, const hash_row *hash, const span randoms[static 2],
                    const CK_ULONG bits[static 3]);
void param_hashed(job *j, CK_MECHANISM_TYPE hash, span context, CK_ULONG hedge);
void param_pbkdf2(job *j, const hash_row *hash, span password, span salt, CK_ULONG iterations);
void param_tls_kdf(job *j, CK_MECHANISM_TYPE hash, span label, span first, span second);

/* Keys as templates of C_CreateObject. Spans must live as long as the job. */
void key_secret(attrs *key, CK_KEY_TYPE type, span value);
/* DER of CKA_EC_PARAMS for a curve by any of its names; empty: unknown to this table. */
span curve_params(const char *name);
size_t curve_bytes(const char *name);
CK_KEY_TYPE curve_key_type(const char *name);
void key_ec_public(attrs *key, const kat_case *c, const char *curve, span point);
void key_ec_private(attrs *key, const char *curve, span value);
/* Diffie-Hellman, from the fields Prime, Base and Subprime (X9.42) of a stanza. */
void key_dh(attrs *key, CK_OBJECT_CLASS class, const kat_case *c, span value);
/* Post-quantum keys: "ML-DSA-44", "SLH-DSA-SHA2-128f", "ML-KEM-768". False: no such set. */
bool key_pqc_public(attrs *key, const char *set, span value);
bool key_pqc_private(attrs *key, const char *set, span value, span seed);
CK_MECHANISM_TYPE pqc_mechanism(const char *set);
/* From SubjectPublicKeyInfo and from PKCS#8 or PKCS#1. False: not one this reader knows. */
bool key_from_spki(attrs *key, const kat_case *c, span der);
bool key_from_pkcs8(attrs *key, const kat_case *c, span der);
/* The CKA_KEY_TYPE that is in a template. */
CK_KEY_TYPE key_type_of(const attrs *key);
/* An attribute of a template; empty: not there. */
span key_attr(const attrs *key, CK_ATTRIBUTE_TYPE type);
span pem_bytes(arena *memory, const char *base64);
/* r and s from a DER signature, each part_len bytes. False: not strict DER, or too long. */
bool signature_raw(arena *memory, span der, size_t part_len, span *out_raw);
/* Curve name and point of a strict SubjectPublicKeyInfo of an EC or Montgomery key. */
bool spki_point(span der, const char **out_curve, span *out_point);
/* DER OCTET STRING around bytes. */
span der_octets(arena *memory, span body);

/* --- running ----------------------------------------------------------------------------------- */

void run_digest(kat *k, const kat_case *c, job *j);
/* Encrypts in to want and back; MUST_FAIL: want must not decrypt. */
void run_cipher(kat *k, const kat_case *c, job *j);
/* MAC of in is want. */
void run_mac(kat *k, const kat_case *c, job *j);
/* Verifies signature want of in with the key. */
void run_verify(kat *k, const kat_case *c, job *j);
/* Signs in with the key to exactly want. */
void run_sign(kat *k, const kat_case *c, job *j);
/* Recovers want from the signature in. */
void run_recover(kat *k, const kat_case *c, job *j);
/* Wraps a generic secret of value in to want and unwraps it. */
void run_wrap(kat *k, const kat_case *c, job *j);
/* Unwraps want to a key of value in; the wrapping itself is random. */
void run_unwrap(kat *k, const kat_case *c, job *j);
/* Derives want from the key; C_GenerateKey when the template `key` is empty. */
void run_derive(kat *k, const kat_case *c, job *j);
/* Derives TLS keys; together they are want. */
void run_key_material(kat *k, const kat_case *c, job *j);
/* Derives the public key of the private one; its CKA_EC_POINT is want. */
void run_public(kat *k, const kat_case *c, job *j);
/* Decapsulates in to want. */
void run_decapsulate(kat *k, const kat_case *c, job *j);
/* Imports the private key; its CKA_VALUE is want, its CKA_PUBLIC_KEY_INFO ends with in. */
void run_import(kat *k, const kat_case *c, job *j);
/* Only imports the key `pub` or `key`, whichever is there; judges by expect. */
void run_import_only(kat *k, const kat_case *c, job *j);

/* Whether the module offers it; false was counted as excluded. */
bool is_offered(kat *k, const kat_case *c, CK_MECHANISM_TYPE type, CK_FLAGS flags);

/* --- counting ---------------------------------------------------------------------------------- */

tally *tally_create(void);
void tally_destroy(tally *t);
void kat_pass(kat *k, CK_MECHANISM_TYPE type);
__attribute__((format(printf, 4, 5))) void kat_fail(kat *k, const kat_case *c,
                                                    CK_MECHANISM_TYPE type, const char *format,
                                                    ...);
void kat_exclude(kat *k, CK_MECHANISM_TYPE type, const char *reason);
/* Of a vector for which PKCS#11 has no mechanism at all. */
void kat_exclude_named(kat *k, const char *what, const char *reason);
size_t tally_failed(const tally *t);
size_t tally_passed(const tally *t, CK_MECHANISM_TYPE type);
void tally_print(const tally *t);

/* CKM_ names and numbers, from the header. */
const char *mechanism_name(CK_MECHANISM_TYPE type); /* without CKM_; NULL: unknown */
bool mechanism_number(const char *name, CK_MECHANISM_TYPE *out_type);

/* The number of a return value in the message of a failure, with its name where it is common. */
const char *rv_text(CK_RV rv);

/* --- the table --------------------------------------------------------------------------------- */

typedef struct file_row {
    const char *pattern; /* fnmatch(3), relative to the folder */
    void (*read)(kat *k, const char *path, kat_handler *handler);
    kat_handler *handler;
    CK_MECHANISM_TYPE mechanism;
    const char *arg;
} file_row;
/* NULL: no row. */
const file_row *file_find(const char *name);

kat_handler wy_mac, wy_hmac, wy_gmac, wy_cipher, wy_xts, wy_aead, wy_keywrap, wy_kmac;
kat_handler wy_ecdh, wy_ecdsa, wy_eddsa, wy_rsa_sign, wy_rsa_pss, wy_rsa_verify;
kat_handler wy_oaep, wy_rsa_decrypt, wy_hkdf, wy_pbkdf2;
kat_handler wy_mldsa, wy_mlkem;
kat_handler acvp_cts, acvp_wrap, acvp_kdf, acvp_ecdsa, acvp_ecx, acvp_rsa, acvp_pqc, acvp_drbg;
kat_handler nist_cmac, nist_hmac, nist_kas, nist_kbkdf, nist_tls, nist_wrap;
kat_handler own_case;
/* Runs a vector of IKE; false: it is none. */
bool own_ike(kat *k, const kat_case *c, job *j);

#endif
