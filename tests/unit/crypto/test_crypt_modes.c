/* What the other modes have of their own: GMAC, tag lengths, counters that end, announced lengths.
 * SPDX-License-Identifier: Apache-2.0 */
#include "sym_support.h"
#include "vectors_gmac.h"

typedef struct bench {
    hsm_crypto *crypto;
    hsm_crypt *crypt;
} bench;

static bool open_bench(bench *b)
{
    b->crypto = open_crypto();
    return CHECK_OK(hsm_crypt_create(b->crypto, &b->crypt));
}

static void close_bench(bench *b)
{
    hsm_crypt_destroy(b->crypt);
    hsm_crypto_destroy(b->crypto);
}

static void gmac_param(param *p, blob *iv, CK_ULONG tag_bits)
{
    static blob none;

    param_gcm(p, iv, &none, tag_bits);
    p->mechanism.mechanism = CKM_AES_GMAC;
}

static void gmac_of(bench *b, const gmac_vector *v)
{
    const blob key_value = unhex(v->key);
    const blob message = unhex(v->message);
    const blob tag = unhex(v->tag);
    blob iv = unhex(v->iv);
    param p;
    blob got;

    CASE(v->label);
    hsm_key *key = secret_key(b->crypto, CKK_AES, view(&key_value));
    gmac_param(&p, &iv, 128);
    CHECK_OK(begin(b->crypt, HSM_OP_VERIFY, &p, key));
    CHECK_ERR(hsm_crypt_verify(b->crypt, view(&message), view(&tag)),
              v->is_valid ? HSM_OK : HSM_E_SIGNATURE);
    for (size_t cut = 0; v->is_valid && cut <= message.len; cut++) {
        hsm_out out = hsm_out_of(got.data, BLOB_BYTES);

        CHECK_OK(begin(b->crypt, HSM_OP_SIGN, &p, key));
        CHECK_OK(hsm_crypt_update(b->crypt, hsm_bytes_of(message.data, cut), NULL));
        CHECK_OK(
            hsm_crypt_update(b->crypt, hsm_bytes_of(message.data + cut, message.len - cut), NULL));
        CHECK_OK(hsm_crypt_final(b->crypt, &out));
        CHECK_BYTES(got.data, out.len, tag.data, tag.len);
    }
    for (CK_ULONG bits = 96; v->is_valid && bits <= 128; bits += 8) {
        gmac_param(&p, &iv, bits);
        CHECK_OK(begin(b->crypt, HSM_OP_SIGN, &p, key));
        CHECK_OK(single(b->crypt, view(&message), &got));
        CHECK_BYTES(got.data, got.len, tag.data, bits / 8);
        CHECK_OK(begin(b->crypt, HSM_OP_VERIFY, &p, key));
        CHECK_ERR(hsm_crypt_verify(b->crypt, view(&message), hsm_bytes_of(tag.data, bits / 8 - 1)),
                  HSM_E_SIGNATURE_LEN);
    }
    hsm_crypt_end(b->crypt);
    hsm_key_destroy(key);
}

static void gmac(void)
{
    bench b;

    REQUIRE_THAT(open_bench(&b));
    for (size_t i = 0; i < HSM_ARRAY_LEN(gmac_vectors); i++)
        gmac_of(&b, &gmac_vectors[i]);
    close_bench(&b);
}

/* A shorter tag is the beginning of the long one (SP 800-38D, 7.1). */
static void gcm_tag_lengths(void)
{
    static const CK_ULONG bits[] = { 32, 64, 96, 104, 112, 120, 128 };
    const blob value = unhex("000102030405060708090a0b0c0d0e0f");
    blob iv = unhex("cafebabefacedbaddecaf888");
    blob aad = unhex("feed");
    const blob text = unhex("d9313225f88406e5a55909c5");
    blob whole, sealed, opened;
    param p;
    bench b;

    REQUIRE_THAT(open_bench(&b));
    hsm_key *key = secret_key(b.crypto, CKK_AES, view(&value));
    param_gcm(&p, &iv, &aad, 128);
    CHECK_OK(begin(b.crypt, HSM_OP_ENCRYPT, &p, key));
    CHECK_OK(single(b.crypt, view(&text), &whole));
    for (size_t i = 0; i < HSM_ARRAY_LEN(bits); i++) {
        param_gcm(&p, &iv, &aad, bits[i]);
        CHECK_OK(begin(b.crypt, HSM_OP_ENCRYPT, &p, key));
        CHECK_OK(single(b.crypt, view(&text), &sealed));
        CHECK_BYTES(sealed.data, sealed.len, whole.data, text.len + bits[i] / 8);
        CHECK_OK(begin(b.crypt, HSM_OP_DECRYPT, &p, key));
        CHECK_OK(single(b.crypt, view(&sealed), &opened));
        CHECK_BYTES(opened.data, opened.len, text.data, text.len);
        sealed.data[sealed.len - 1] ^= 1;
        CHECK_OK(begin(b.crypt, HSM_OP_DECRYPT, &p, key));
        CHECK_ERR(single(b.crypt, view(&sealed), &opened), HSM_E_ENCRYPTED_DATA);
    }
    hsm_key_destroy(key);
    close_bench(&b);
}

/* With 32 bits of counter the stream ends where it would repeat. */
static void chacha20_ends(void)
{
    const blob value = unhex("000102030405060708090a0b0c0d0e0f"
                             "101112131415161718191a1b1c1d1e1f");
    blob iv = unhex("ffffffff000000000000004a00000000");
    blob in = { .len = 64 };
    blob out;
    param p;
    bench b;

    REQUIRE_THAT(open_bench(&b));
    hsm_key *key = secret_key(b.crypto, CKK_CHACHA20, view(&value));
    param_chacha20(&p, &iv);
    CHECK_OK(begin(b.crypt, HSM_OP_ENCRYPT, &p, key));
    CHECK_OK(single(b.crypt, view(&in), &out));
    in.len = 65;
    CHECK_OK(begin(b.crypt, HSM_OP_ENCRYPT, &p, key));
    CHECK_ERR(single(b.crypt, view(&in), &out), HSM_E_DATA_LEN);

    CASE("64 bits of counter go on");
    p.chacha20 = (CK_CHACHA20_PARAMS){ iv.data, 64, iv.data + 8, 64 };
    CHECK_OK(begin(b.crypt, HSM_OP_ENCRYPT, &p, key));
    CHECK_OK(single(b.crypt, view(&in), &out));

    CASE("no other split of the state");
    p.chacha20 = (CK_CHACHA20_PARAMS){ iv.data, 64, iv.data + 4, 96 };
    CHECK_ERR(begin(b.crypt, HSM_OP_ENCRYPT, &p, key), HSM_E_MECHANISM_PARAM);
    hsm_key_destroy(key);
    close_bench(&b);
}

static void ccm_keeps_what_was_announced(void)
{
    static const struct {
        CK_ULONG data_len, nonce_len, mac_len;
        hsm_err params, result;
    } cases[] = {
        { 16, 13, 16, HSM_OK, HSM_OK },
        { 15, 13, 16, HSM_OK, HSM_E_DATA_LEN },
        { 17, 13, 4, HSM_OK, HSM_E_DATA_LEN },
        { 16, 7, 4, HSM_OK, HSM_OK },
        { 16, 6, 4, HSM_E_MECHANISM_PARAM, HSM_OK },
        { 16, 14, 4, HSM_E_MECHANISM_PARAM, HSM_OK },
        { 16, 12, 2, HSM_E_MECHANISM_PARAM, HSM_OK },
        { 16, 12, 5, HSM_E_MECHANISM_PARAM, HSM_OK },
        { 16, 12, 18, HSM_E_MECHANISM_PARAM, HSM_OK },
    };
    const blob value = unhex("000102030405060708090a0b0c0d0e0f");
    blob nonce = unhex("000102030405060708090a0b0c0d0e0f");
    blob aad = { .len = 0 };
    blob out;
    param p;
    bench b;

    REQUIRE_THAT(open_bench(&b));
    hsm_key *key = secret_key(b.crypto, CKK_AES, view(&value));
    for (size_t i = 0; i < HSM_ARRAY_LEN(cases); i++) {
        nonce.len = cases[i].nonce_len;
        param_ccm(&p, &nonce, &aad, cases[i].data_len, cases[i].mac_len);
        CHECK_ERR(begin(b.crypt, HSM_OP_ENCRYPT, &p, key), cases[i].params);
        if (cases[i].params == HSM_OK)
            CHECK_ERR(single(b.crypt, view(&value), &out), cases[i].result);
        hsm_crypt_end(b.crypt);
    }
    hsm_key_destroy(key);
    close_bench(&b);
}

static void xts_keys(void)
{
    static const struct {
        const char *label;
        size_t len;
        bool has_equal_halves;
        hsm_err want;
    } cases[] = {
        { "two of AES-128", 32, false, HSM_OK },
        { "two of AES-256", 64, false, HSM_OK },
        { "two of AES-192 are not offered", 48, false, HSM_E_KEY_SIZE },
        { "one", 16, false, HSM_E_KEY_SIZE },
        { "the same twice", 32, true, HSM_E_ATTRIBUTE_VALUE },
        { "the same twice", 64, true, HSM_E_ATTRIBUTE_VALUE },
    };
    HSM_AUTO(hsm_crypto_drop) hsm_crypto *crypto = open_crypto();

    for (size_t i = 0; i < HSM_ARRAY_LEN(cases); i++) {
        HSM_AUTO(hsm_key_drop) hsm_key *key = NULL;
        hsm_key_parts parts = { .key_class = CKO_SECRET_KEY, .key_type = CKK_AES_XTS };
        uint8_t value[64] = { 0 };

        CASE(cases[i].label);
        if (!cases[i].has_equal_halves)
            value[cases[i].len - 1] = 1;
        parts.part[HSM_PART_VALUE] = hsm_bytes_of(value, cases[i].len);
        CHECK_ERR(hsm_key_create(crypto, &parts, &key), cases[i].want);
    }
}

static const check_test tests[] = {
    CHECK_TEST(gmac),          CHECK_TEST(gcm_tag_lengths),
    CHECK_TEST(chacha20_ends), CHECK_TEST(ccm_keeps_what_was_announced),
    CHECK_TEST(xts_keys),
};
CHECK_MAIN(tests)
