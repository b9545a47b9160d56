/* What the tests of asymmetric keys share: hex, keys from parts, one-call sign and verify.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef UNIT_CRYPTO_ASYM_SUPPORT_H
#define UNIT_CRYPTO_ASYM_SUPPORT_H

#include <stdio.h>
#include <stdlib.h>

#include "crypto/crypt.h"
#include "support/check.h"

#define ROOM_BYTES 4096

typedef struct blob {
    uint8_t data[ROOM_BYTES];
    size_t len;
} blob;

static inline hsm_bytes view(const blob *b)
{
    return hsm_bytes_of(b->data, b->len);
}

static inline unsigned hex_digit(char c)
{
    return c <= '9' ? (unsigned)(c - '0') : (unsigned)(c - 'a') + 10;
}

/* Lower-case hex of at most ROOM_BYTES bytes. */
static inline hsm_bytes unhex(const char *text, blob *out)
{
    CHECK_THAT(strlen(text) % 2 == 0 && strlen(text) / 2 <= ROOM_BYTES);
    for (out->len = 0; out->len < strlen(text) / 2 && out->len < ROOM_BYTES; out->len++)
        out->data[out->len] =
            (uint8_t)(hex_digit(text[2 * out->len]) << 4 | hex_digit(text[2 * out->len + 1]));
    return view(out);
}

/* The service most tests use: weak RSA is allowed, nothing else is special. */
static inline hsm_crypto *open_crypto(void)
{
    const hsm_crypto_options options = { .backend = "openssl",
                                         .may_use_weak_rsa = true,
                                         .may_sign_sha1 = true };
    hsm_crypto *crypto = NULL;

    CHECK_OK(hsm_crypto_create(&options, &crypto));
    return crypto;
}

static inline const hsm_curve *curve_named(const char *name)
{
    size_t count = 0;
    const hsm_curve *rows = hsm_curve_table(&count);

    for (size_t i = 0; i < count; i++) {
        if (strcmp(rows[i].name, name) == 0)
            return &rows[i];
    }
    CHECK_STR(name, "a curve of the table");
    return &rows[0];
}

/* Parts of a key on a curve; value or point may be empty. */
static inline hsm_key_parts curve_parts(CK_OBJECT_CLASS key_class, const hsm_curve *curve,
                                        hsm_bytes value, hsm_bytes point)
{
    hsm_key_parts parts = { .key_class = key_class, .key_type = curve->key_type };

    parts.part[HSM_PART_PARAMS] = hsm_bytes_of(curve->oid, curve->oid_len);
    parts.part[HSM_PART_VALUE] = value;
    parts.part[HSM_PART_POINT] = point;
    return parts;
}

/* A generated pair: the parts, and both halves as keys. */
typedef struct pair {
    hsm_key_bundle bundle;
    hsm_key *private_key;
    hsm_key *public_key;
} pair;

static inline bool pair_parse(hsm_crypto *crypto, pair *p)
{
    hsm_key_parts public_parts = p->bundle.parts;

    public_parts.key_class = CKO_PUBLIC_KEY;
    return CHECK_OK(hsm_key_create(crypto, &p->bundle.parts, &p->private_key)) &&
           CHECK_OK(hsm_key_create(crypto, &public_parts, &p->public_key));
}

static inline const hsm_mech *keygen_mech(CK_KEY_TYPE key_type)
{
    return hsm_mech_find(key_type == CKK_EC           ? CKM_EC_KEY_PAIR_GEN
                         : key_type == CKK_EC_EDWARDS ? CKM_EC_EDWARDS_KEY_PAIR_GEN
                                                      : CKM_EC_MONTGOMERY_KEY_PAIR_GEN);
}

static inline bool pair_on_curve(hsm_crypto *crypto, const hsm_curve *curve, pair *p)
{
    const hsm_keygen request = { .mech = keygen_mech(curve->key_type),
                                 .key_type = curve->key_type,
                                 .ec_params = hsm_bytes_of(curve->oid, curve->oid_len) };

    *p = (pair){ 0 };
    return CHECK_OK(hsm_keygen_run(crypto, &request, &p->bundle)) && pair_parse(crypto, p);
}

static inline bool pair_rsa(hsm_crypto *crypto, uint32_t bits, pair *p)
{
    const hsm_keygen request = { .mech = hsm_mech_find(CKM_RSA_PKCS_KEY_PAIR_GEN),
                                 .key_type = CKK_RSA,
                                 .bits = bits };

    *p = (pair){ 0 };
    return CHECK_OK(hsm_keygen_run(crypto, &request, &p->bundle)) && pair_parse(crypto, p);
}

static inline void pair_clear(pair *p)
{
    hsm_key_destroy(p->private_key);
    hsm_key_destroy(p->public_key);
    hsm_key_bundle_clear(&p->bundle);
}

/* One operation from begin to end. params may be NULL. */
static inline hsm_err run_once(hsm_crypt *crypt, hsm_op op, CK_MECHANISM_TYPE id,
                               const hsm_mech_params *params, hsm_key *key)
{
    static const hsm_mech_params none;

    return hsm_crypt_begin(crypt, op, hsm_mech_find(id), params == NULL ? &none : params, key);
}

/* The whole operation; the result goes to out. */
static inline hsm_err whole(hsm_crypt *crypt, hsm_op op, CK_MECHANISM_TYPE id,
                            const hsm_mech_params *params, hsm_key *key, hsm_bytes in, blob *out)
{
    hsm_out room = hsm_out_of(out->data, sizeof out->data);
    hsm_err err = run_once(crypt, op, id, params, key);

    if (err == HSM_OK)
        err = hsm_crypt_single(crypt, in, &room);
    hsm_crypt_end(crypt);
    out->len = err == HSM_OK ? room.len : 0;
    return err;
}

static inline hsm_err verify_whole(hsm_crypt *crypt, CK_MECHANISM_TYPE id,
                                   const hsm_mech_params *params, hsm_key *key, hsm_bytes in,
                                   hsm_bytes signature)
{
    hsm_err err = run_once(crypt, HSM_OP_VERIFY, id, params, key);

    if (err == HSM_OK)
        err = hsm_crypt_verify(crypt, in, signature);
    hsm_crypt_end(crypt);
    return err;
}

/* Files for the openssl command. */
static inline bool write_file(const char *name, hsm_bytes data)
{
    FILE *file = fopen(name, "wb");
    const bool is_written = file != NULL && fwrite(data.data, 1, data.len, file) == data.len;

    return file != NULL && fclose(file) == 0 && is_written;
}

static inline bool read_file(const char *name, blob *out)
{
    FILE *file = fopen(name, "rb");

    out->len = file == NULL ? 0 : fread(out->data, 1, sizeof out->data, file);
    if (file != NULL)
        (void)fclose(file);
    return out->len > 0;
}

#endif
