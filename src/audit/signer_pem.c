/* The public keys of checkpoints as PEM text.
 * SPDX-License-Identifier: Apache-2.0 */
#include "audit/signer.h"
#include "base/base64.h"

#define LINE_CHARS 64u
#define SPKI_MAX_BYTES 2048u

static const char begin_mark[] = "-----BEGIN PUBLIC KEY-----";
static const char end_mark[] = "-----END PUBLIC KEY-----";

/* What comes before the raw key in a SubjectPublicKeyInfo of that kind: it is always the same. */
static const uint8_t ed25519_head[] = { 0x30, 0x2a, 0x30, 0x05, 0x06, 0x03,
                                        0x2b, 0x65, 0x70, 0x03, 0x21, 0x00 };
static const uint8_t ml_dsa_65_head[] = { 0x30, 0x82, 0x07, 0xb2, 0x30, 0x0b, 0x06, 0x09,
                                          0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x03,
                                          0x12, 0x03, 0x82, 0x07, 0xa1, 0x00 };

static hsm_err put_block(hsm_bytes head, hsm_bytes key, hsm_buf *out)
{
    uint8_t der[SPKI_MAX_BYTES];
    char text[HSM_BASE64_CHARS(SPKI_MAX_BYTES)];
    const size_t der_len = head.len + key.len;
    const size_t text_len = HSM_BASE64_CHARS(der_len);

    memcpy(der, head.data, head.len);
    memcpy(der + head.len, key.data, key.len);
    hsm_base64_encode(hsm_bytes_of(der, der_len), text);
    HSM_TRY(hsm_buf_append(out, hsm_bytes_of_text(begin_mark)));
    for (size_t at = 0; at < text_len; at += LINE_CHARS) {
        const size_t left = text_len - at;

        HSM_TRY(hsm_buf_append(out, hsm_bytes_of_text("\n")));
        HSM_TRY(
            hsm_buf_append(out, hsm_bytes_of(text + at, left < LINE_CHARS ? left : LINE_CHARS)));
    }
    HSM_TRY(hsm_buf_append(out, hsm_bytes_of_text("\n")));
    HSM_TRY(hsm_buf_append(out, hsm_bytes_of_text(end_mark)));
    return hsm_buf_append(out, hsm_bytes_of_text("\n"));
}

hsm_err hsm_signer_public_to_pem(const hsm_signer_public *keys, hsm_buf *out_pem)
{
    HSM_TRY(put_block(hsm_bytes_of(ed25519_head, sizeof ed25519_head),
                      hsm_bytes_of(keys->ed25519, sizeof keys->ed25519), out_pem));
    return put_block(hsm_bytes_of(ml_dsa_65_head, sizeof ml_dsa_65_head),
                     hsm_bytes_of(keys->ml_dsa_65, sizeof keys->ml_dsa_65), out_pem);
}

/* Copies the raw key if the DER is of that kind. */
static bool take_key(hsm_bytes der, hsm_bytes head, uint8_t *out, size_t len)
{
    if (der.len != head.len + len ||
        !hsm_bytes_equal(hsm_bytes_of(der.data, head.len), hsm_bytes_of(head.data, head.len)))
        return false;
    memcpy(out, der.data + head.len, len);
    return true;
}

/* The bytes between the marks, without blanks, decoded. */
static hsm_err decode_block(hsm_bytes text, uint8_t *der, size_t *der_len)
{
    char dense[HSM_BASE64_CHARS(SPKI_MAX_BYTES)];
    size_t len = 0;

    for (size_t i = 0; i < text.len; i++) {
        const char c = (char)text.data[i];

        if (c == '\n' || c == '\r' || c == ' ' || c == '\t')
            continue;
        HSM_CHECK(len < sizeof dense, HSM_E_DATA);
        dense[len++] = c;
    }
    return hsm_base64_decode(hsm_bytes_of(dense, len), der, der_len);
}

/* What follows the first `mark` in text; false: there is none. */
static bool after(hsm_bytes text, const char *mark, hsm_bytes *out_before, hsm_bytes *out_after)
{
    const uint8_t *found = text.len == 0 ? NULL : memmem(text.data, text.len, mark, strlen(mark));

    if (found == NULL)
        return false;
    const size_t at = (size_t)(found - text.data);
    *out_before = hsm_bytes_of(text.data, at);
    *out_after = hsm_bytes_of(found + strlen(mark), text.len - at - strlen(mark));
    return true;
}

hsm_err hsm_signer_public_from_pem(hsm_bytes pem, hsm_signer_public *out_keys)
{
    hsm_signer_public keys;
    hsm_bytes before;
    unsigned found_ed25519 = 0;
    unsigned found_ml_dsa = 0;

    while (after(pem, begin_mark, &before, &pem)) {
        uint8_t der[SPKI_MAX_BYTES];
        size_t der_len = sizeof der;

        HSM_CHECK(after(pem, end_mark, &before, &pem), HSM_E_DATA);
        HSM_CHECK(decode_block(before, der, &der_len) == HSM_OK, HSM_E_DATA);
        const hsm_bytes spki = hsm_bytes_of(der, der_len);
        found_ed25519 += take_key(spki, hsm_bytes_of(ed25519_head, sizeof ed25519_head),
                                  keys.ed25519, sizeof keys.ed25519);
        found_ml_dsa += take_key(spki, hsm_bytes_of(ml_dsa_65_head, sizeof ml_dsa_65_head),
                                 keys.ml_dsa_65, sizeof keys.ml_dsa_65);
    }
    HSM_CHECK(found_ed25519 == 1 && found_ml_dsa == 1, HSM_E_DATA);
    *out_keys = keys;
    return HSM_OK;
}
