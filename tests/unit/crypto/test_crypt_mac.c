/* Digests, MACs, the counter mode's limit, states of an operation and reuse of keyed contexts.
 * SPDX-License-Identifier: Apache-2.0 */
#include "sym_support.h"
#include "vectors_mac.h"

typedef struct bench {
    hsm_crypto *crypto;
    hsm_crypt *crypt;
} bench;

static bench setup(void)
{
    bench b = { .crypto = open_crypto() };

    CHECK_OK(hsm_crypt_create(b.crypto, &b.crypt));
    return b;
}

static void teardown(bench *b)
{
    hsm_crypt_destroy(b->crypt);
    hsm_crypto_destroy(b->crypto);
}

/* The same result in one part, in two for every cut, and when it is asked for without room. */
static void check_result(hsm_crypt *crypt, hsm_op op, const param *p, hsm_key *key,
                         const blob *message, const blob *want)
{
    blob out;

    CHECK_OK(begin(crypt, op, p, key));
    hsm_out ask = hsm_out_of(NULL, 0);
    CHECK_OK(hsm_crypt_single(crypt, view(message), &ask));
    CHECK_EQ(ask.len, want->len);
    ask = hsm_out_of(out.data, want->len - 1);
    CHECK_ERR(hsm_crypt_single(crypt, view(message), &ask), HSM_E_BUFFER_TOO_SMALL);
    CHECK_EQ(ask.len, want->len);
    CHECK_OK(single(crypt, view(message), &out));
    CHECK_BYTES(out.data, out.len, want->data, want->len);
    hsm_crypt_end(crypt);

    for (size_t cut = 0; cut <= message->len; cut++) {
        hsm_out room = hsm_out_of(out.data, want->len);
        hsm_out small = hsm_out_of(out.data, 1);

        CHECK_OK(begin(crypt, op, p, key));
        CHECK_OK(hsm_crypt_update(crypt, hsm_bytes_of(message->data, cut), NULL));
        CHECK_OK(
            hsm_crypt_update(crypt, hsm_bytes_of(message->data + cut, message->len - cut), NULL));
        CHECK_ERR(hsm_crypt_final(crypt, &small), HSM_E_BUFFER_TOO_SMALL);
        CHECK_OK(hsm_crypt_final(crypt, &room));
        hsm_crypt_end(crypt);
        if (!CHECK_BYTES(out.data, room.len, want->data, want->len))
            return;
    }
}

static void digests(void)
{
    bench b = setup();
    const blob message = unhex("616263");
    blob none = { .len = 0 };

    for (size_t i = 0; i < HSM_ARRAY_LEN(digest_vectors); i++) {
        const blob want = unhex(digest_vectors[i].digest);
        param p;

        CASE(hsm_mech_find(digest_vectors[i].mech)->name);
        param_plain(&p, digest_vectors[i].mech, &none);
        check_result(b.crypt, HSM_OP_DIGEST, &p, NULL, &message, &want);
    }
    teardown(&b);
}

/* Every hash mechanism has a known answer. */
static void digests_are_all_there(void)
{
    size_t count = 0;
    const hsm_mech *rows = hsm_mech_table(&count);

    for (size_t i = 0; i < count; i++) {
        bool is_there = rows[i].ops != HSM_OP_DIGEST;
        bool has_mac = rows[i].alg != HSM_ALG_HMAC || rows[i].params != HSM_PARAM_NONE;

        CASE(rows[i].name);
        for (size_t k = 0; k < HSM_ARRAY_LEN(digest_vectors); k++)
            is_there |= digest_vectors[k].mech == rows[i].id;
        for (size_t k = 0; k < HSM_ARRAY_LEN(mac_vectors); k++)
            has_mac |= mac_vectors[k].mech == rows[i].id;
        CHECK_THAT(is_there);
        CHECK_THAT(has_mac);
    }
}

static void check_verify(hsm_crypt *crypt, const param *p, hsm_key *key, const blob *message,
                         const blob *mac)
{
    const hsm_bytes longer = hsm_bytes_of(mac->data, mac->len + 1);
    const hsm_bytes shorter = hsm_bytes_of(mac->data, mac->len - 1);

    CHECK_OK(begin(crypt, HSM_OP_VERIFY, p, key));
    CHECK_OK(hsm_crypt_verify(crypt, view(message), view(mac)));
    CHECK_OK(begin(crypt, HSM_OP_VERIFY, p, key));
    CHECK_ERR(hsm_crypt_verify(crypt, view(message), longer), HSM_E_SIGNATURE_LEN);
    CHECK_OK(begin(crypt, HSM_OP_VERIFY, p, key));
    CHECK_ERR(hsm_crypt_verify(crypt, view(message), shorter), HSM_E_SIGNATURE_LEN);
    for (size_t i = 0; i < mac->len; i++) {
        blob bad = *mac;

        bad.data[i] ^= 1;
        CHECK_OK(begin(crypt, HSM_OP_VERIFY, p, key));
        CHECK_ERR(hsm_crypt_verify(crypt, view(message), view(&bad)), HSM_E_SIGNATURE);
    }
    CHECK_OK(begin(crypt, HSM_OP_VERIFY, p, key));
    CHECK_OK(hsm_crypt_update(crypt, view(message), NULL));
    CHECK_ERR(hsm_crypt_verify(crypt, view(message), view(mac)), HSM_E_OPERATION);
    CHECK_OK(hsm_crypt_verify_final(crypt, view(mac)));
    hsm_crypt_end(crypt);
}

static void macs(void)
{
    bench b = setup();

    for (size_t i = 0; i < HSM_ARRAY_LEN(mac_vectors); i++) {
        const mac_vector *v = &mac_vectors[i];
        const hsm_mech *mech = hsm_mech_find(v->mech);
        const blob value = unhex(v->key);
        const blob message = unhex(v->message);
        const blob mac = unhex(v->mac);
        param p;

        CASE(v->label);
        param_mac(&p, v->mech, mech->params == HSM_PARAM_MAC_LEN ? mac.len : 0);
        hsm_key *key = secret_key(b.crypto, mech->key_type, view(&value));
        check_result(b.crypt, HSM_OP_SIGN, &p, key, &message, &mac);
        check_verify(b.crypt, &p, key, &message, &mac);
        hsm_key_destroy(key);
    }
    teardown(&b);
}

/* Counters that have `blocks` steps left before they come back to where they were. */
static const struct {
    const char *label;
    const char *counter;
    CK_ULONG bits;
    size_t blocks; /* 0: more than is tried */
} counter_cases[] = {
    { "1 bit at 1", "00000000000000000000000000000001", 1, 1 },
    { "1 bit at 0", "000000000000000000000000000000fe", 1, 2 },
    { "8 bits at 0xfd", "000000000000000000000000000000fd", 8, 3 },
    { "9 bits at 0x0fd", "000000000000000000000000000000fd", 9, 0 },
    { "32 bits at the end", "000000000000000000000000fffffffe", 32, 2 },
    { "33 bits there", "000000000000000000000000fffffffe", 33, 0 },
    { "63 bits at the end", "00000000000000007ffffffffffffffe", 63, 2 },
    { "64 bits at the end", "0000000000000000fffffffffffffffe", 64, 2 },
    { "64 bits at 0", "ffffffffffffffff0000000000000000", 64, 0 },
    { "65 bits there", "0000000000000000fffffffffffffffe", 65, 0 },
    { "65 bits at the end", "0000000000000001fffffffffffffffe", 65, 2 },
    { "127 bits at the end", "7ffffffffffffffffffffffffffffffd", 127, 3 },
    { "128 bits at the end", "ffffffffffffffffffffffffffffffff", 128, 1 },
    { "128 bits, low half full", "7fffffffffffffffffffffffffffffff", 128, 0 },
};

static void counter_limits(void)
{
    bench b = setup();
    const blob value = unhex("2b7e151628aed2a6abf7158809cf4f3c");
    hsm_key *key = secret_key(b.crypto, CKK_AES, view(&value));
    static const uint8_t zeros[80];

    for (size_t i = 0; i < HSM_ARRAY_LEN(counter_cases); i++) {
        const size_t fits = counter_cases[i].blocks == 0 ? 80 : counter_cases[i].blocks * 16;
        const blob counter = unhex(counter_cases[i].counter);
        blob out;
        param p;

        CASE(counter_cases[i].label);
        param_ctr(&p, counter_cases[i].bits, &counter);
        CHECK_OK(begin(b.crypt, HSM_OP_ENCRYPT, &p, key));
        CHECK_OK(single(b.crypt, hsm_bytes_of(zeros, fits), &out));
        if (counter_cases[i].blocks == 0)
            continue;
        CHECK_OK(begin(b.crypt, HSM_OP_DECRYPT, &p, key));
        CHECK_ERR(single(b.crypt, hsm_bytes_of(zeros, fits + 1), &out), HSM_E_DATA_LEN);

        hsm_out room = hsm_out_of(out.data, BLOB_BYTES);
        CHECK_OK(begin(b.crypt, HSM_OP_ENCRYPT, &p, key));
        CHECK_OK(hsm_crypt_update(b.crypt, hsm_bytes_of(zeros, fits - 1), &room));
        CHECK_OK(hsm_crypt_update(b.crypt, hsm_bytes_of(zeros, 1), &room));
        CHECK_ERR(hsm_crypt_update(b.crypt, hsm_bytes_of(zeros, 1), &room), HSM_E_DATA_LEN);
    }
    hsm_key_destroy(key);
    teardown(&b);
}

/* Two keys in turn, two mechanisms in turn and both directions on one context: nothing of one
 * operation shows in the next, finished or given up. */
static void keys_in_turn(void)
{
    bench b = setup();
    const blob message = unhex("6bc1bee22e409f96e93d7e117393172a11");
    blob iv = unhex("000102030405060708090a0b0c0d0e0f");
    blob none = { .len = 0 };
    const blob values[2] = { unhex("2b7e151628aed2a6abf7158809cf4f3c"),
                             unhex("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914"
                                   "dff4") };
    hsm_key *keys[2] = { secret_key(b.crypto, CKK_AES, view(&values[0])),
                         secret_key(b.crypto, CKK_AES, view(&values[1])) };
    param modes[3];
    blob first[3][2] = { 0 };

    param_plain(&modes[0], CKM_AES_CBC_PAD, &iv);
    param_gcm(&modes[1], &iv, &none, 96);
    param_ctr(&modes[2], 128, &iv);
    for (unsigned round = 0; round < 60; round++) {
        const unsigned mode = round / 2 % 3;
        const unsigned which = round / 6 % 2;
        hsm_out part = hsm_out_of((uint8_t[64]){ 0 }, 64);
        blob sealed;
        blob plain;

        CHECK_OK(begin(b.crypt, HSM_OP_ENCRYPT, &modes[mode], keys[which]));
        CHECK_OK(single(b.crypt, view(&message), &sealed));
        if (first[mode][which].len == 0)
            first[mode][which] = sealed;
        CHECK_BYTES(sealed.data, sealed.len, first[mode][which].data, first[mode][which].len);
        CHECK_OK(begin(b.crypt, HSM_OP_DECRYPT, &modes[mode], keys[which]));
        CHECK_OK(hsm_crypt_update(b.crypt, hsm_bytes_of(sealed.data, 7), &part)); /* given up */
        CHECK_OK(begin(b.crypt, HSM_OP_DECRYPT, &modes[mode], keys[which]));
        CHECK_OK(single(b.crypt, view(&sealed), &plain));
        CHECK_BYTES(plain.data, plain.len, message.data, message.len);
        if (round % 7 == 0)
            hsm_crypt_forget(b.crypt);
    }
    CHECK_THAT(memcmp(first[0][0].data, first[0][1].data, 16) != 0);
    hsm_key_destroy(keys[0]);
    hsm_key_destroy(keys[1]);
    teardown(&b);
}

/* A key that another one replaces at the same address is not taken for it. */
static void keys_are_known_by_serial(void)
{
    bench b = setup();
    blob none = { .len = 0 };
    const blob message = unhex("616263");
    blob macs_seen[2];
    param p;

    param_plain(&p, CKM_SHA256_HMAC, &none);
    for (unsigned i = 0; i < 2; i++) {
        const uint8_t value[4] = { 1, 2, 3, (uint8_t)i };
        hsm_key *key = secret_key(b.crypto, CKK_GENERIC_SECRET, hsm_bytes_of(value, 4));

        CHECK_OK(begin(b.crypt, HSM_OP_SIGN, &p, key));
        CHECK_OK(single(b.crypt, view(&message), &macs_seen[i]));
        hsm_crypt_end(b.crypt);
        hsm_key_destroy(key);
    }
    CHECK_THAT(memcmp(macs_seen[0].data, macs_seen[1].data, 32) != 0);
    teardown(&b);
}

static void states(void)
{
    bench b = setup();
    const blob value = unhex("2b7e151628aed2a6abf7158809cf4f3c");
    blob none = { .len = 0 };
    blob out;
    hsm_out room = hsm_out_of(out.data, BLOB_BYTES);
    hsm_key *key = secret_key(b.crypto, CKK_AES, view(&value));
    param ecb;
    param wrap;
    param digest;

    param_plain(&ecb, CKM_AES_ECB, &none);
    param_plain(&wrap, CKM_AES_KEY_WRAP, &none);
    param_plain(&digest, CKM_SHA256, &none);
    CASE("nothing is open");
    CHECK_ERR(single(b.crypt, view(&value), &out), HSM_E_OPERATION);
    CHECK_ERR(hsm_crypt_update(b.crypt, view(&value), &room), HSM_E_OPERATION);
    CHECK_ERR(hsm_crypt_final(b.crypt, &room), HSM_E_OPERATION);
    CHECK_ERR(hsm_crypt_verify(b.crypt, view(&value), view(&value)), HSM_E_OPERATION);
    CASE("single after a part");
    CHECK_OK(begin(b.crypt, HSM_OP_ENCRYPT, &ecb, key));
    CHECK_OK(hsm_crypt_update(b.crypt, view(&value), &room));
    CHECK_ERR(single(b.crypt, view(&value), &out), HSM_E_OPERATION);
    CASE("single-part only");
    CHECK_OK(begin(b.crypt, HSM_OP_ENCRYPT, &wrap, key));
    CHECK_ERR(hsm_crypt_update(b.crypt, view(&value), &room), HSM_E_NOT_SUPPORTED);
    CHECK_ERR(hsm_crypt_final(b.crypt, &room), HSM_E_NOT_SUPPORTED);
    CASE("an end without a part");
    CHECK_OK(begin(b.crypt, HSM_OP_DIGEST, &digest, NULL));
    CHECK_OK(hsm_crypt_final(b.crypt, &room));
    const blob empty = unhex("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    CHECK_BYTES(out.data, room.len, empty.data, empty.len);
    CASE("after the end");
    hsm_crypt_end(b.crypt);
    CHECK_ERR(hsm_crypt_final(b.crypt, &room), HSM_E_OPERATION);
    CASE("absurd length");
    CHECK_OK(begin(b.crypt, HSM_OP_ENCRYPT, &ecb, key));
    CHECK_ERR(single(b.crypt, hsm_bytes_of(value.data, SIZE_MAX), &out), HSM_E_DATA_LEN);
    hsm_key_destroy(key);
    teardown(&b);
}

static void check_once_more(hsm_crypt *crypt, const param *p, hsm_key *key, const blob *message,
                            const blob *want)
{
    const hsm_mech *mech = hsm_mech_find(p->mechanism.mechanism);
    blob out;

    CHECK_OK(hsm_crypt_begin_again(crypt, mech, key));
    CHECK_OK(single(crypt, view(message), &out));
    CHECK_BYTES(out.data, out.len, want->data, want->len);
}

/* What was opened is opened again: after its end, unfinished, and with another key. */
static void once_more(void)
{
    bench b = setup();
    const blob message = unhex("616263");
    const blob sha256 = unhex("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    blob none = { .len = 0 }, first, second;
    hsm_key *key = secret_key(b.crypto, CKK_GENERIC_SECRET, hsm_bytes_of(message.data, 3));
    hsm_key *other = secret_key(b.crypto, CKK_GENERIC_SECRET, hsm_bytes_of(message.data, 2));
    param digest, mac;

    param_plain(&digest, CKM_SHA256, &none);
    param_mac(&mac, CKM_SHA256_HMAC, 0);
    CASE("after its end");
    CHECK_OK(begin(b.crypt, HSM_OP_DIGEST, &digest, NULL));
    CHECK_OK(single(b.crypt, view(&message), &first));
    hsm_crypt_end(b.crypt);
    check_once_more(b.crypt, &digest, NULL, &message, &sha256);
    CASE("unfinished");
    CHECK_OK(hsm_crypt_begin_again(b.crypt, hsm_mech_find(CKM_SHA256), NULL));
    CHECK_OK(hsm_crypt_update(b.crypt, view(&message), NULL));
    check_once_more(b.crypt, &digest, NULL, &message, &sha256);
    CASE("forgotten meanwhile");
    hsm_crypt_forget(b.crypt);
    check_once_more(b.crypt, &digest, NULL, &message, &sha256);
    CASE("keys");
    CHECK_OK(begin(b.crypt, HSM_OP_SIGN, &mac, other));
    CHECK_OK(single(b.crypt, view(&message), &second));
    CHECK_OK(begin(b.crypt, HSM_OP_SIGN, &mac, key));
    CHECK_OK(single(b.crypt, view(&message), &first));
    check_once_more(b.crypt, &mac, key, &message, &first);
    check_once_more(b.crypt, &mac, other, &message, &second);
    CASE("in the error state");
    CHECK_ERR(hsm_crypto_fail(b.crypto, "this test's wish"), HSM_E_SELF_TEST);
    CHECK_ERR(hsm_crypt_begin_again(b.crypt, hsm_mech_find(CKM_SHA256_HMAC), key), HSM_E_SELF_TEST);
    hsm_key_destroy(key);
    hsm_key_destroy(other);
    teardown(&b);
}

static const check_test tests[] = {
    CHECK_TEST(digests),
    CHECK_TEST(digests_are_all_there),
    CHECK_TEST(macs),
    CHECK_TEST(counter_limits),
    CHECK_TEST(keys_in_turn),
    CHECK_TEST(states),
    CHECK_TEST(keys_are_known_by_serial),
    CHECK_TEST(once_more),
};
CHECK_MAIN(tests)
