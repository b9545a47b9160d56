/* Ciphers: known answers, every split into parts, places of input and output, lengths, errors.
 * SPDX-License-Identifier: Apache-2.0 */
#include "sym_support.h"
#include "vectors_modes.h"

/* A vector with its key and parameter ready. */
typedef struct prepared {
    blob key_value, iv, aad, plain, sealed;
    param param;
    hsm_key *key;
    bool takes_parts;
} prepared;

static void prepare(hsm_crypto *crypto, const cipher_vector *v, prepared *p)
{
    CASE(v->label);
    p->key_value = unhex(v->key);
    p->iv = unhex(v->iv);
    p->aad = unhex(v->aad);
    p->plain = unhex(v->plain);
    p->sealed = unhex(v->sealed);
    if (v->mech == CKM_AES_GCM)
        param_gcm(&p->param, &p->iv, &p->aad, 128);
    else if (v->mech == CKM_AES_CCM)
        param_ccm(&p->param, &p->iv, &p->aad, p->plain.len, p->sealed.len - p->plain.len);
    else if (v->mech == CKM_CHACHA20)
        param_chacha20(&p->param, &p->iv);
    else if (v->mech == CKM_CHACHA20_POLY1305)
        param_chacha20_poly1305(&p->param, &p->iv, &p->aad);
    else if (v->mech == CKM_AES_CTR) {
        const blob counter = unhex("f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff");

        param_ctr(&p->param, 128, &counter);
    } else
        param_plain(&p->param, v->mech, &p->iv);
    p->key = secret_key(crypto, hsm_mech_find(v->mech)->key_type, view(&p->key_value));
    p->takes_parts = hsm_mech_find(v->mech)->is_multi_part;
}

/* Calls check(crypt, vector, prepared) for every vector. */
static void for_each(void (*check)(hsm_crypt *crypt, const cipher_vector *v, prepared *p))
{
    HSM_AUTO(hsm_crypto_drop) hsm_crypto *crypto = open_crypto();
    hsm_crypt *crypt = NULL;

    REQUIRE_OK(hsm_crypt_create(crypto, &crypt));
    for (size_t i = 0; i < HSM_ARRAY_LEN(cipher_vectors) + HSM_ARRAY_LEN(mode_vectors); i++) {
        const cipher_vector *v = i < HSM_ARRAY_LEN(cipher_vectors)
                                     ? &cipher_vectors[i]
                                     : &mode_vectors[i - HSM_ARRAY_LEN(cipher_vectors)];
        prepared p = { 0 };

        prepare(crypto, v, &p);
        check(crypt, v, &p);
        hsm_crypt_end(crypt);
        hsm_key_destroy(p.key);
    }
    hsm_crypt_destroy(crypt);
}

static void known_answer(hsm_crypt *crypt, const cipher_vector *v, prepared *p)
{
    blob out;

    if (v->is_valid) {
        CHECK_OK(begin(crypt, HSM_OP_ENCRYPT, &p->param, p->key));
        CHECK_OK(single(crypt, view(&p->plain), &out));
        CHECK_BYTES(out.data, out.len, p->sealed.data, p->sealed.len);
    }
    CHECK_OK(begin(crypt, HSM_OP_DECRYPT, &p->param, p->key));
    const hsm_err err = single(crypt, view(&p->sealed), &out);
    if (v->is_valid) {
        CHECK_OK(err);
        CHECK_BYTES(out.data, out.len, p->plain.data, p->plain.len);
    } else {
        CHECK_THAT(err == HSM_E_ENCRYPTED_DATA || err == HSM_E_ENCRYPTED_DATA_LEN);
    }
}

static void known_answers(void)
{
    for_each(known_answer);
}

/* in gives want when cut at every place; out is only as large as result_len says. */
static void check_splits(hsm_crypt *crypt, hsm_op op, const prepared *p, const blob *in,
                         const blob *want)
{
    for (size_t cut = 0; cut <= in->len; cut++) {
        blob got;
        hsm_out out = hsm_out_of(got.data, BLOB_BYTES);

        CHECK_OK(begin(crypt, op, &p->param, p->key));
        CHECK_OK(hsm_crypt_update(crypt, hsm_bytes_of(in->data, cut), &out));
        CHECK_THAT(hsm_crypt_has_parts(crypt));
        got.len = out.len;
        out = hsm_out_of(got.data + got.len, BLOB_BYTES - got.len);
        CHECK_OK(hsm_crypt_update(crypt, hsm_bytes_of(in->data + cut, in->len - cut), &out));
        got.len += out.len;
        out = hsm_out_of(got.data + got.len, BLOB_BYTES - got.len);
        CHECK_OK(hsm_crypt_final(crypt, &out));
        got.len += out.len;
        hsm_crypt_end(crypt);
        if (!CHECK_BYTES(got.data, got.len, want->data, want->len))
            return;
    }
}

static void splits_of(hsm_crypt *crypt, const cipher_vector *v, prepared *p)
{
    if (!p->takes_parts || !v->is_valid)
        return;
    check_splits(crypt, HSM_OP_ENCRYPT, p, &p->plain, &p->sealed);
    check_splits(crypt, HSM_OP_DECRYPT, p, &p->sealed, &p->plain);
}

static void every_split(void)
{
    for_each(splits_of);
}

static void byte_by_byte_of(hsm_crypt *crypt, const cipher_vector *v, prepared *p)
{
    blob got = { .len = 0 };

    if (!p->takes_parts || !v->is_valid)
        return;
    CHECK_OK(begin(crypt, HSM_OP_DECRYPT, &p->param, p->key));
    for (size_t i = 0; i < p->sealed.len; i++) {
        hsm_out out = hsm_out_of(got.data + got.len, BLOB_BYTES - got.len);
        hsm_out ask = hsm_out_of(NULL, 0);

        CHECK_OK(hsm_crypt_update(crypt, hsm_bytes_of(p->sealed.data + i, 1), &ask));
        CHECK_OK(hsm_crypt_update(crypt, hsm_bytes_of(p->sealed.data + i, 1), &out));
        CHECK_EQ(ask.len, out.len); /* a question for the length takes nothing in */
        got.len += out.len;
    }
    hsm_out out = hsm_out_of(got.data + got.len, BLOB_BYTES - got.len);
    CHECK_OK(hsm_crypt_final(crypt, &out));
    got.len += out.len;
    CHECK_BYTES(got.data, got.len, p->plain.data, p->plain.len);
}

static void byte_by_byte(void)
{
    for_each(byte_by_byte_of);
}

/* Output on top of the input, and at every small distance from it. */
static void places_of(hsm_crypt *crypt, const cipher_vector *v, prepared *p)
{
    if (!v->is_valid)
        return;
    for (size_t in_at = 0; in_at <= 20; in_at++) {
        for (size_t out_at = 0; out_at <= 20; out_at += 4) {
            blob room = { .len = 0 };
            hsm_out out = hsm_out_of(room.data + out_at, p->sealed.len);

            memcpy(room.data + in_at, p->plain.data, p->plain.len);
            CHECK_OK(begin(crypt, HSM_OP_ENCRYPT, &p->param, p->key));
            CHECK_OK(hsm_crypt_single(crypt, hsm_bytes_of(room.data + in_at, p->plain.len), &out));
            CHECK_BYTES(room.data + out_at, out.len, p->sealed.data, p->sealed.len);

            memcpy(room.data + in_at, p->sealed.data, p->sealed.len);
            out = hsm_out_of(room.data + out_at, p->sealed.len);
            CHECK_OK(begin(crypt, HSM_OP_DECRYPT, &p->param, p->key));
            CHECK_OK(hsm_crypt_single(crypt, hsm_bytes_of(room.data + in_at, p->sealed.len), &out));
            if (!CHECK_BYTES(room.data + out_at, out.len, p->plain.data, p->plain.len))
                return;
        }
    }
}

static void input_and_output_overlap(void)
{
    for_each(places_of);
}

/* In place with a part held back: the second part's output starts before its input. */
static void parts_in_place_of(hsm_crypt *crypt, const cipher_vector *v, prepared *p)
{
    if (!p->takes_parts || !v->is_valid)
        return;
    for (size_t cut = 0; cut <= p->plain.len; cut++) {
        blob first = p->plain;
        blob second = p->plain;
        blob got;
        hsm_out out = hsm_out_of(first.data, BLOB_BYTES);

        CHECK_OK(begin(crypt, HSM_OP_ENCRYPT, &p->param, p->key));
        CHECK_OK(hsm_crypt_update(crypt, hsm_bytes_of(first.data, cut), &out));
        memcpy(got.data, first.data, out.len);
        got.len = out.len;
        out = hsm_out_of(second.data + cut, BLOB_BYTES - cut);
        CHECK_OK(
            hsm_crypt_update(crypt, hsm_bytes_of(second.data + cut, p->plain.len - cut), &out));
        memcpy(got.data + got.len, second.data + cut, out.len);
        got.len += out.len;
        out = hsm_out_of(got.data + got.len, BLOB_BYTES - got.len);
        CHECK_OK(hsm_crypt_final(crypt, &out));
        got.len += out.len;
        if (!CHECK_BYTES(got.data, got.len, p->sealed.data, p->sealed.len))
            return;
    }
}

static void parts_in_place(void)
{
    for_each(parts_in_place_of);
}

/* Every room from none to enough: a short one keeps the operation and says how much is needed. */
static void rooms_of(hsm_crypt *crypt, const cipher_vector *v, prepared *p)
{
    blob got;

    if (!v->is_valid)
        return;
    CHECK_OK(begin(crypt, HSM_OP_DECRYPT, &p->param, p->key));
    hsm_out out = hsm_out_of(NULL, 0);
    CHECK_OK(hsm_crypt_single(crypt, view(&p->sealed), &out));
    CHECK_THAT(out.len >= p->plain.len && out.len <= p->sealed.len);
    for (size_t cap = 0; cap < p->plain.len; cap++) {
        out = hsm_out_of(got.data, cap);
        CHECK_ERR(hsm_crypt_single(crypt, view(&p->sealed), &out), HSM_E_BUFFER_TOO_SMALL);
        CHECK_THAT(out.len >= p->plain.len);
    }
    out = hsm_out_of(got.data, p->plain.len);
    CHECK_OK(hsm_crypt_single(crypt, view(&p->sealed), &out));
    CHECK_BYTES(got.data, out.len, p->plain.data, p->plain.len);

    CHECK_OK(begin(crypt, HSM_OP_ENCRYPT, &p->param, p->key));
    out = hsm_out_of(got.data, p->sealed.len - 1);
    CHECK_ERR(hsm_crypt_single(crypt, view(&p->plain), &out), HSM_E_BUFFER_TOO_SMALL);
    CHECK_EQ(out.len, p->sealed.len);
    out = hsm_out_of(got.data, p->sealed.len);
    CHECK_OK(hsm_crypt_single(crypt, view(&p->plain), &out));
    CHECK_BYTES(got.data, out.len, p->sealed.data, p->sealed.len);
}

static void every_room(void)
{
    for_each(rooms_of);
}

/* Nothing comes out before the end, whose length is then known exactly. */
static bool gathers(CK_MECHANISM_TYPE mech)
{
    return mech == CKM_AES_GCM || mech == CKM_AES_CCM || mech == CKM_AES_CTS ||
           mech == CKM_AES_XTS || mech == CKM_CHACHA20_POLY1305;
}

/* The end of a decryption in parts is not lost when the room was too small for it. */
static void late_final_of(hsm_crypt *crypt, const cipher_vector *v, prepared *p)
{
    blob got;

    if (!p->takes_parts || !v->is_valid || gathers(v->mech))
        return;
    CHECK_OK(begin(crypt, HSM_OP_DECRYPT, &p->param, p->key));
    hsm_out out = hsm_out_of(got.data, BLOB_BYTES);
    CHECK_OK(hsm_crypt_update(crypt, view(&p->sealed), &out));
    const size_t before = out.len;
    const size_t rest = p->plain.len - before;
    for (size_t cap = 0; cap < rest; cap++) {
        out = hsm_out_of(got.data + before, cap);
        CHECK_ERR(hsm_crypt_final(crypt, &out), HSM_E_BUFFER_TOO_SMALL);
        CHECK_EQ(out.len, rest);
    }
    out = hsm_out_of(NULL, 0);
    CHECK_OK(hsm_crypt_final(crypt, &out));
    CHECK_THAT(out.len >= rest);
    out = hsm_out_of(got.data + before, rest);
    CHECK_OK(hsm_crypt_final(crypt, &out));
    CHECK_BYTES(got.data, before + out.len, p->plain.data, p->plain.len);
}

static void late_final(void)
{
    for_each(late_final_of);
}

/* Wherever one bit is wrong, an authenticated decryption fails, gives nothing, and gives the same
 * error in one part and in several. */
static void flips_of(hsm_crypt *crypt, const cipher_vector *v, prepared *p)
{
    const bool is_authentic = v->mech == CKM_AES_GCM || v->mech == CKM_AES_KEY_WRAP ||
                              v->mech == CKM_AES_KEY_WRAP_KWP || v->mech == CKM_AES_KEY_WRAP_PAD ||
                              v->mech == CKM_AES_KEY_WRAP_PKCS7 || v->mech == CKM_AES_CCM ||
                              v->mech == CKM_CHACHA20_POLY1305;
    static const uint8_t zeros[BLOB_BYTES];

    if (!is_authentic || !v->is_valid)
        return;
    for (size_t i = 0; i < p->sealed.len; i++) {
        blob bad = p->sealed;
        blob got;
        hsm_out out = hsm_out_of(got.data, p->sealed.len);

        bad.data[i] ^= 0x10;
        memset(got.data, 0xee, p->sealed.len);
        CHECK_OK(begin(crypt, HSM_OP_DECRYPT, &p->param, p->key));
        CHECK_ERR(hsm_crypt_single(crypt, view(&bad), &out), HSM_E_ENCRYPTED_DATA);
        CHECK_BYTES(got.data, p->plain.len, zeros, p->plain.len);
        if (!p->takes_parts)
            continue;
        out = hsm_out_of(got.data, p->sealed.len);
        CHECK_OK(begin(crypt, HSM_OP_DECRYPT, &p->param, p->key));
        CHECK_OK(hsm_crypt_update(crypt, view(&bad), &out));
        CHECK_EQ(out.len, 0);
        memset(got.data, 0xee, p->sealed.len);
        out = hsm_out_of(got.data, p->sealed.len);
        CHECK_ERR(hsm_crypt_final(crypt, &out), HSM_E_ENCRYPTED_DATA);
        CHECK_BYTES(got.data, p->plain.len, zeros, p->plain.len);
    }
}

static void every_flip(void)
{
    for_each(flips_of);
}

/* Shorter or longer than a message of the mode can be. */
static const struct {
    const char *label;
    CK_MECHANISM_TYPE mech;
    hsm_op op;
    size_t len;
    hsm_err want;
} length_cases[] = {
    { "ECB, part of a block", CKM_AES_ECB, HSM_OP_ENCRYPT, 15, HSM_E_DATA_LEN },
    { "ECB, nothing", CKM_AES_ECB, HSM_OP_ENCRYPT, 0, HSM_OK },
    { "ECB back, part of a block", CKM_AES_ECB, HSM_OP_DECRYPT, 17, HSM_E_ENCRYPTED_DATA_LEN },
    { "CBC, part of a block", CKM_AES_CBC, HSM_OP_ENCRYPT, 31, HSM_E_DATA_LEN },
    { "CBC back, part of a block", CKM_AES_CBC, HSM_OP_DECRYPT, 1, HSM_E_ENCRYPTED_DATA_LEN },
    { "padded CBC back, nothing", CKM_AES_CBC_PAD, HSM_OP_DECRYPT, 0, HSM_E_ENCRYPTED_DATA_LEN },
    { "padded CBC back, part", CKM_AES_CBC_PAD, HSM_OP_DECRYPT, 24, HSM_E_ENCRYPTED_DATA_LEN },
    { "GCM back, no tag", CKM_AES_GCM, HSM_OP_DECRYPT, 15, HSM_E_ENCRYPTED_DATA_LEN },
    { "GCM back, wrong tag", CKM_AES_GCM, HSM_OP_DECRYPT, 16, HSM_E_ENCRYPTED_DATA },
    { "KW, one semiblock", CKM_AES_KEY_WRAP, HSM_OP_ENCRYPT, 8, HSM_E_DATA_LEN },
    { "KW, part of a semiblock", CKM_AES_KEY_WRAP, HSM_OP_ENCRYPT, 20, HSM_E_DATA_LEN },
    { "KW of a key, filled up", CKM_AES_KEY_WRAP, HSM_OP_WRAP, 20, HSM_OK },
    { "KW of a key, too short", CKM_AES_KEY_WRAP, HSM_OP_WRAP, 8, HSM_E_DATA_LEN },
    { "KW back, short", CKM_AES_KEY_WRAP, HSM_OP_UNWRAP, 16, HSM_E_ENCRYPTED_DATA_LEN },
    { "KW back, part", CKM_AES_KEY_WRAP, HSM_OP_UNWRAP, 25, HSM_E_ENCRYPTED_DATA_LEN },
    { "PKCS7, short", CKM_AES_KEY_WRAP_PKCS7, HSM_OP_WRAP, 7, HSM_E_DATA_LEN },
    { "PKCS7 back, wrong", CKM_AES_KEY_WRAP_PKCS7, HSM_OP_UNWRAP, 24, HSM_E_ENCRYPTED_DATA },
    { "CTS, less than a block", CKM_AES_CTS, HSM_OP_ENCRYPT, 15, HSM_E_DATA_LEN },
    { "CTS back, less than a block", CKM_AES_CTS, HSM_OP_DECRYPT, 0, HSM_E_ENCRYPTED_DATA_LEN },
    { "OFB, nothing", CKM_AES_OFB, HSM_OP_ENCRYPT, 0, HSM_OK },
    { "CFB8, any", CKM_AES_CFB8, HSM_OP_DECRYPT, 5, HSM_OK },
    { "KWP, nothing", CKM_AES_KEY_WRAP_KWP, HSM_OP_WRAP, 0, HSM_E_DATA_LEN },
    { "KWP, one byte", CKM_AES_KEY_WRAP_KWP, HSM_OP_WRAP, 1, HSM_OK },
    { "KWP back, short", CKM_AES_KEY_WRAP_KWP, HSM_OP_UNWRAP, 8, HSM_E_ENCRYPTED_DATA_LEN },
};

static void lengths(void)
{
    HSM_AUTO(hsm_crypto_drop) hsm_crypto *crypto = open_crypto();
    blob iv = unhex("000102030405060708090a0b0c0d0e0f");
    blob aad = { .len = 0 };
    blob none = { .len = 0 };
    hsm_crypt *crypt = NULL;

    REQUIRE_OK(hsm_crypt_create(crypto, &crypt));
    hsm_key *key = secret_key(crypto, CKK_AES, view(&iv));
    for (size_t i = 0; i < HSM_ARRAY_LEN(length_cases); i++) {
        const CK_MECHANISM_TYPE id = length_cases[i].mech;
        param p;
        blob in = { .len = length_cases[i].len };
        blob out;

        CASE(length_cases[i].label);
        if (id == CKM_AES_GCM)
            param_gcm(&p, &iv, &aad, 128);
        else
            param_plain(&p, id, hsm_mech_find(id)->params == HSM_PARAM_IV16 ? &iv : &none);
        CHECK_OK(begin(crypt, length_cases[i].op, &p, key));
        CHECK_ERR(single(crypt, view(&in), &out), length_cases[i].want);
        hsm_crypt_end(crypt);
    }
    hsm_key_destroy(key);
    hsm_crypt_destroy(crypt);
}

/* An initial value given once is not used again by itself (SP 800-38F allows others than the
 * default). */
static void key_wrap_initial_values(void)
{
    static const struct {
        CK_MECHANISM_TYPE mech;
        const char *iv;
    } cases[] = { { CKM_AES_KEY_WRAP, "0001020304050607" }, { CKM_AES_KEY_WRAP_KWP, "00010203" } };
    HSM_AUTO(hsm_crypto_drop) hsm_crypto *crypto = open_crypto();
    const blob value = unhex("000102030405060708090a0b0c0d0e0f");
    blob none = { .len = 0 };
    hsm_crypt *crypt = NULL;

    REQUIRE_OK(hsm_crypt_create(crypto, &crypt));
    hsm_key *key = secret_key(crypto, CKK_AES, view(&value));
    for (size_t i = 0; i < HSM_ARRAY_LEN(cases); i++) {
        blob iv = unhex(cases[i].iv);
        blob own, usual, out;
        param with, without;

        param_plain(&with, cases[i].mech, &iv);
        param_plain(&without, cases[i].mech, &none);
        CHECK_OK(begin(crypt, HSM_OP_WRAP, &with, key));
        CHECK_OK(single(crypt, view(&value), &own));
        CHECK_OK(begin(crypt, HSM_OP_WRAP, &without, key));
        CHECK_OK(single(crypt, view(&value), &usual));
        CHECK_OK(begin(crypt, HSM_OP_UNWRAP, &with, key));
        CHECK_OK(single(crypt, view(&own), &out));
        CHECK_BYTES(out.data, out.len, value.data, value.len);
        CHECK_OK(begin(crypt, HSM_OP_UNWRAP, &without, key));
        CHECK_ERR(single(crypt, view(&own), &out), HSM_E_ENCRYPTED_DATA);
        CHECK_OK(begin(crypt, HSM_OP_UNWRAP, &without, key));
        CHECK_OK(single(crypt, view(&usual), &out));
        CHECK_BYTES(out.data, out.len, value.data, value.len);
    }
    hsm_key_destroy(key);
    hsm_crypt_destroy(crypt);
}

static const check_test tests[] = {
    CHECK_TEST(key_wrap_initial_values),
    CHECK_TEST(known_answers),
    CHECK_TEST(every_split),
    CHECK_TEST(byte_by_byte),
    CHECK_TEST(every_room),
    CHECK_TEST(parts_in_place),
    CHECK_TEST(input_and_output_overlap),
    CHECK_TEST(late_final),
    CHECK_TEST(every_flip),
    CHECK_TEST(lengths),
};
CHECK_MAIN(tests)
