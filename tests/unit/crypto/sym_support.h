/* What the tests of symmetric mechanisms share: hex, keys, parameters, an open operation.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef UNIT_CRYPTO_SYM_SUPPORT_H
#define UNIT_CRYPTO_SYM_SUPPORT_H

#include "crypto/crypt.h"
#include "support/check.h"

#define BLOB_BYTES 1024

typedef struct blob {
    uint8_t data[BLOB_BYTES];
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

/* Lower-case hex of at most BLOB_BYTES bytes. */
static inline blob unhex(const char *text)
{
    blob out = { .len = 0 };

    for (; text[2 * out.len] != '\0' && out.len < BLOB_BYTES; out.len++)
        out.data[out.len] =
            (uint8_t)(hex_digit(text[2 * out.len]) << 4 | hex_digit(text[2 * out.len + 1]));
    return out;
}

static inline hsm_crypto *open_crypto(void)
{
    const hsm_crypto_options options = { .backend = "openssl", .may_sign_sha1 = true };
    hsm_crypto *crypto = NULL;

    CHECK_OK(hsm_crypto_create(&options, &crypto));
    return crypto;
}

static inline hsm_key *secret_key(hsm_crypto *crypto, CK_KEY_TYPE type, hsm_bytes value)
{
    hsm_key_parts parts = { .key_class = CKO_SECRET_KEY, .key_type = type };
    hsm_key *key = NULL;

    parts.part[HSM_PART_VALUE] = value;
    CHECK_OK(hsm_key_create(crypto, &parts, &key));
    return key;
}

/* The parameter of a mechanism, with the memory that it points to. */
typedef struct param {
    CK_MECHANISM mechanism;
    CK_GCM_PARAMS gcm;
    CK_AES_CTR_PARAMS ctr;
    CK_CCM_PARAMS ccm;
    CK_CHACHA20_PARAMS chacha20;
    CK_SALSA20_CHACHA20_POLY1305_PARAMS poly1305;
    CK_ULONG mac_len;
} param;

static inline void param_plain(param *p, CK_MECHANISM_TYPE id, blob *iv)
{
    p->mechanism = (CK_MECHANISM){ id, iv->len == 0 ? NULL : iv->data, iv->len };
}

static inline void param_gcm(param *p, blob *iv, blob *aad, CK_ULONG tag_bits)
{
    p->gcm = (CK_GCM_PARAMS){ iv->data, iv->len, iv->len * 8, aad->data, aad->len, tag_bits };
    p->mechanism = (CK_MECHANISM){ CKM_AES_GCM, &p->gcm, sizeof p->gcm };
}

static inline void param_ccm(param *p, blob *nonce, blob *aad, CK_ULONG data_len, CK_ULONG mac_len)
{
    p->ccm = (CK_CCM_PARAMS){ data_len, nonce->data, nonce->len, aad->data, aad->len, mac_len };
    p->mechanism = (CK_MECHANISM){ CKM_AES_CCM, &p->ccm, sizeof p->ccm };
}

/* iv: 4 bytes of counter, 12 of nonce. */
static inline void param_chacha20(param *p, blob *iv)
{
    p->chacha20 = (CK_CHACHA20_PARAMS){ iv->data, 32, iv->data + 4, 96 };
    p->mechanism = (CK_MECHANISM){ CKM_CHACHA20, &p->chacha20, sizeof p->chacha20 };
}

static inline void param_chacha20_poly1305(param *p, blob *nonce, blob *aad)
{
    p->poly1305 =
        (CK_SALSA20_CHACHA20_POLY1305_PARAMS){ nonce->data, nonce->len * 8, aad->data, aad->len };
    p->mechanism = (CK_MECHANISM){ CKM_CHACHA20_POLY1305, &p->poly1305, sizeof p->poly1305 };
}

static inline void param_ctr(param *p, CK_ULONG bits, const blob *counter)
{
    p->ctr = (CK_AES_CTR_PARAMS){ .ulCounterBits = bits };
    memcpy(p->ctr.cb, counter->data, sizeof p->ctr.cb);
    p->mechanism = (CK_MECHANISM){ CKM_AES_CTR, &p->ctr, sizeof p->ctr };
}

static inline void param_mac(param *p, CK_MECHANISM_TYPE id, CK_ULONG mac_len)
{
    p->mac_len = mac_len;
    p->mechanism = (CK_MECHANISM){ id, mac_len == 0 ? NULL : &p->mac_len,
                                   mac_len == 0 ? 0 : sizeof p->mac_len };
}

/* Opens an operation as the core does. */
static inline hsm_err begin(hsm_crypt *crypt, hsm_op op, const param *p, hsm_key *key)
{
    const hsm_mech *mech = hsm_mech_find(p->mechanism.mechanism);
    hsm_mech_params params;

    HSM_CHECK(mech != NULL && (mech->ops & op) != 0, HSM_E_MECHANISM);
    HSM_TRY(hsm_mech_params_read(mech, &p->mechanism, &params));
    return hsm_crypt_begin(crypt, op, mech, &params, key);
}

/* A whole message into `out`, whose room is BLOB_BYTES. */
static inline hsm_err single(hsm_crypt *crypt, hsm_bytes in, blob *out)
{
    hsm_out room = hsm_out_of(out->data, BLOB_BYTES);
    const hsm_err err = hsm_crypt_single(crypt, in, &room);

    out->len = room.len;
    return err;
}

#endif
