/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <unistd.h>

#include "asym_support.h"
#include "crypto/der.h"
#include "vectors_rsa.h"

/* name for people, arguments of `openssl genpkey`, key type */
static const struct {
    const char *name;
    const char *arguments;
    CK_KEY_TYPE key_type;
} foreign_keys[] = {
    { "RSA", "-algorithm RSA -pkeyopt rsa_keygen_bits:2048", CKK_RSA },
    { "P-256", "-algorithm EC -pkeyopt ec_paramgen_curve:P-256", CKK_EC },
    { "P-384", "-algorithm EC -pkeyopt ec_paramgen_curve:P-384", CKK_EC },
    { "P-521", "-algorithm EC -pkeyopt ec_paramgen_curve:P-521", CKK_EC },
    { "secp256k1", "-algorithm EC -pkeyopt ec_paramgen_curve:secp256k1", CKK_EC },
    { "Ed25519", "-algorithm ED25519", CKK_EC_EDWARDS },
    { "Ed448", "-algorithm ED448", CKK_EC_EDWARDS },
    { "X25519", "-algorithm X25519", CKK_EC_MONTGOMERY },
    { "X448", "-algorithm X448", CKK_EC_MONTGOMERY },
};

__attribute__((format(printf, 1, 2))) static bool command(const char *format, ...)
{
    char text[512];
    va_list arguments;

    va_start(arguments, format);
    const int len = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return len > 0 && (size_t)len < sizeof text && system(text) == 0;
}

/* A directory of our own for the openssl command's files, and its removal. */
static char folder[] = "/tmp/craton-der-XXXXXX";

static bool enter_folder(void)
{
    static const char template[] = "/tmp/craton-der-XXXXXX";

    memcpy(folder, template, sizeof template);
    return command("openssl version >/dev/null 2>&1") && mkdtemp(folder) != NULL &&
           chdir(folder) == 0;
}

static void leave_folder(void)
{
    CHECK_THAT(chdir("/") == 0 && command("rm -rf '%s'", folder));
}

/* openssl's key through us and back: the same key for openssl, and the same public key. */
static void check_foreign(hsm_crypto *crypto, size_t i)
{
    HSM_AUTO(hsm_key_drop) hsm_key *key = NULL;
    HSM_AUTO(hsm_secret_drop) hsm_secret *encoded = NULL;
    hsm_key_bundle bundle = { 0 };
    hsm_buf spki = { 0 };
    blob file;

    REQUIRE_THAT(command("openssl genpkey %s 2>/dev/null | openssl pkcs8 -topk8 -nocrypt "
                         "-outform DER -out a.der",
                         foreign_keys[i].arguments));
    REQUIRE_THAT(read_file("a.der", &file));
    REQUIRE_OK(hsm_key_pkcs8_decode(crypto, view(&file), foreign_keys[i].key_type, &bundle));
    REQUIRE_OK(hsm_key_create(crypto, &bundle.parts, &key));
    CHECK_OK(hsm_key_check(key));
    REQUIRE_OK(hsm_key_pkcs8_encode(key, &encoded));
    CHECK_BYTES(hsm_secret_view(encoded).data, hsm_secret_view(encoded).len, file.data, file.len);

    REQUIRE_OK(hsm_key_spki(key, &spki));
    CHECK_THAT(write_file("public.der", hsm_buf_view(&spki)));
    CHECK_THAT(command("openssl pkey -in a.der -inform DER -pubout -outform DER -out want.der"));
    REQUIRE_THAT(read_file("want.der", &file));
    CHECK_BYTES(spki.data, spki.len, file.data, file.len);
    hsm_buf_clear(&spki);
    hsm_key_bundle_clear(&bundle);
}

static void keys_of_the_openssl_command(void)
{
    HSM_AUTO(hsm_crypto_drop) hsm_crypto *crypto = open_crypto();

    if (!enter_folder())
        SKIP("no openssl command");
    for (size_t i = 0; i < HSM_ARRAY_LEN(foreign_keys); i++) {
        CASE(foreign_keys[i].name);
        check_foreign(crypto, i);
    }
    leave_folder();
}

/* Our keys, and what is signed with them, in openssl's hands. */
static void openssl_takes_our_keys(void)
{
    HSM_AUTO(hsm_crypto_drop) hsm_crypto *crypto = open_crypto();
    HSM_AUTO(hsm_crypt_drop) hsm_crypt *crypt = NULL;
    size_t count = 0;
    const hsm_curve *curve = hsm_curve_table(&count);

    REQUIRE_OK(hsm_crypt_create(crypto, &crypt));
    if (!enter_folder())
        SKIP("no openssl command");
    for (size_t i = 0; i <= count; i++) {
        HSM_AUTO(hsm_secret_drop) hsm_secret *encoded = NULL;
        hsm_buf spki = { 0 };
        pair p;

        CASE(i == count ? "RSA" : curve[i].name);
        REQUIRE_THAT(i == count ? pair_rsa(crypto, 2048, &p)
                                : pair_on_curve(crypto, &curve[i], &p));
        REQUIRE_OK(hsm_key_pkcs8_encode(p.private_key, &encoded));
        CHECK_THAT(write_file("ours.der", hsm_secret_view(encoded)));
        CHECK_THAT(command("openssl pkey -in ours.der -inform DER -check -noout >/dev/null"));
        REQUIRE_OK(hsm_key_spki(p.public_key, &spki));
        CHECK_THAT(write_file("public.der", hsm_buf_view(&spki)));
        CHECK_THAT(command("openssl pkey -in ours.der -inform DER -pubout -outform DER "
                           "| cmp -s - public.der"));
        hsm_buf_clear(&spki);
        pair_clear(&p);
    }
    leave_folder();
}

static void signatures_cross(void)
{
    HSM_AUTO(hsm_crypto_drop) hsm_crypto *crypto = open_crypto();
    HSM_AUTO(hsm_crypt_drop) hsm_crypt *crypt = NULL;
    const hsm_mech_params pss = { .hash = HSM_HASH_SHA384,
                                  .mgf_hash = HSM_HASH_SHA384,
                                  .salt_len = 20 };
    HSM_AUTO(hsm_secret_drop) hsm_secret *encoded = NULL;
    const hsm_bytes message = hsm_bytes_of("a message for both", 18);
    hsm_buf spki = { 0 };
    blob signature;
    pair p;

    REQUIRE_OK(hsm_crypt_create(crypto, &crypt));
    if (!enter_folder())
        SKIP("no openssl command");
    REQUIRE_THAT(pair_rsa(crypto, 2048, &p));
    REQUIRE_OK(hsm_key_spki(p.public_key, &spki));
    REQUIRE_OK(hsm_key_pkcs8_encode(p.private_key, &encoded));
    REQUIRE_THAT(write_file("public.der", hsm_buf_view(&spki)) &&
                 write_file("private.der", hsm_secret_view(encoded)) && write_file("m", message));

    CASE("PSS by us");
    REQUIRE_OK(whole(crypt, HSM_OP_SIGN, CKM_SHA384_RSA_PKCS_PSS, &pss, p.private_key, message,
                     &signature));
    REQUIRE_THAT(write_file("s", view(&signature)));
    CHECK_THAT(
        command("openssl dgst -sha384 -verify public.der -keyform DER -sigopt "
                "rsa_padding_mode:pss -sigopt rsa_pss_saltlen:20 -signature s m >/dev/null"));
    CASE("PSS by openssl");
    CHECK_THAT(command("openssl dgst -sha384 -sign private.der -keyform DER -sigopt "
                       "rsa_padding_mode:pss -sigopt rsa_pss_saltlen:20 -out s m"));
    REQUIRE_THAT(read_file("s", &signature));
    CHECK_OK(verify_whole(crypt, CKM_SHA384_RSA_PKCS_PSS, &pss, p.public_key, message,
                          view(&signature)));
    CASE("PKCS#1 v1.5 with SHA3-512 by us");
    REQUIRE_OK(
        whole(crypt, HSM_OP_SIGN, CKM_SHA3_512_RSA_PKCS, NULL, p.private_key, message, &signature));
    REQUIRE_THAT(write_file("s", view(&signature)));
    CHECK_THAT(command("openssl dgst -sha3-512 -verify public.der -keyform DER -signature s m "
                       ">/dev/null"));
    CASE("OAEP by openssl");
    const hsm_mech_params oaep = { .hash = HSM_HASH_SHA256, .mgf_hash = HSM_HASH_SHA1 };
    CHECK_THAT(
        command("openssl pkeyutl -encrypt -pubin -inkey public.der -keyform DER -in m -out s "
                "-pkeyopt rsa_padding_mode:oaep -pkeyopt rsa_oaep_md:sha256 -pkeyopt "
                "rsa_mgf1_md:sha1"));
    blob plain;
    REQUIRE_THAT(read_file("s", &signature));
    CHECK_OK(whole(crypt, HSM_OP_DECRYPT, CKM_RSA_PKCS_OAEP, &oaep, p.private_key, view(&signature),
                   &plain));
    CHECK_BYTES(plain.data, plain.len, message.data, message.len);
    hsm_buf_clear(&spki);
    pair_clear(&p);
    leave_folder();
}

static void published_rsa_key(void)
{
    HSM_AUTO(hsm_crypto_drop) hsm_crypto *crypto = open_crypto();
    HSM_AUTO(hsm_key_drop) hsm_key *key = NULL;
    hsm_key_bundle bundle = { 0 };
    blob der, n, d;

    REQUIRE_OK(hsm_key_pkcs8_decode(crypto, unhex(rsa_key_oaep_pkcs8, &der), CKK_RSA, &bundle));
    CHECK_THAT(hsm_bytes_equal(bundle.parts.part[HSM_PART_MODULUS], unhex(rsa_key_oaep.n, &n)));
    CHECK_THAT(
        hsm_bytes_equal(bundle.parts.part[HSM_PART_PRIVATE_EXPONENT], unhex(rsa_key_oaep.d, &d)));
    CHECK_OK(hsm_key_create(crypto, &bundle.parts, &key));
    CHECK_OK(hsm_key_check(key));
    hsm_key_bundle_clear(&bundle);
}

/* RFC 8410, 10.3: with attributes and the public key, version 2. And changed copies of an EC key. */
static const struct {
    const char *label;
    const char *der;
    CK_KEY_TYPE wanted;
    hsm_err want;
} encoded_cases[] = {
    { "RFC 8410: Ed25519",
      "302e020100300506032b657004220420d4ee72dbf913584ad5b6d8f1f769f8ad3afe7c28"
      "cbf1d4fbe097a88f44755842",
      CKK_EC_EDWARDS, HSM_OK },
    { "any type will do",
      "302e020100300506032b657004220420d4ee72dbf913584ad5b6d8f1f769f8ad3afe7c28"
      "cbf1d4fbe097a88f44755842",
      HSM_KEY_TYPE_NONE, HSM_OK },
    { "RFC 8410: with attribute and public key",
      "3072020101300506032b657004220420d4ee72dbf913584ad5b6d8f1f769f8ad3afe7c28cbf1d4fbe097a88f"
      "44755842a01f301d060a2a864886f70d01090914310f0c0d437572646c6520436861697273812100"
      "19bf44096984cdfe8541bac167dc3b96c85086aa30b6b6cb0c5c38ad703166e1",
      CKK_EC_EDWARDS, HSM_OK },
    { "the public key of another",
      "3051020101300506032b657004220420d4ee72dbf913584ad5b6d8f1f769f8ad3afe7c28cbf1d4fbe097a88f"
      "44755842812100"
      "19bf44096984cdfe8541bac167dc3b96c85086aa30b6b6cb0c5c38ad703166e2",
      CKK_EC_EDWARDS, HSM_E_WRAPPED_KEY },
    { "version 1 with a public key",
      "3051020100300506032b657004220420d4ee72dbf913584ad5b6d8f1f769f8ad3afe7c28cbf1d4fbe097a88f"
      "44755842812100"
      "19bf44096984cdfe8541bac167dc3b96c85086aa30b6b6cb0c5c38ad703166e1",
      CKK_EC_EDWARDS, HSM_E_WRAPPED_KEY },
    { "version 3",
      "302e020102300506032b657004220420d4ee72dbf913584ad5b6d8f1f769f8ad3afe7c28"
      "cbf1d4fbe097a88f44755842",
      CKK_EC_EDWARDS, HSM_E_WRAPPED_KEY },
    { "parameters where there are none",
      "3030020100300706032b6570050004220420d4ee72dbf913584ad5b6d8f1f769f8ad3afe7c28"
      "cbf1d4fbe097a88f44755842",
      CKK_EC_EDWARDS, HSM_E_WRAPPED_KEY },
    { "a private value too short",
      "302d020100300506032b65700421041fd4ee72dbf913584ad5b6d8f1f769f8ad3afe7c28cbf1d4fbe097a88f4475"
      "58",
      CKK_EC_EDWARDS, HSM_E_WRAPPED_KEY },
    { "a byte after the end",
      "302e020100300506032b657004220420d4ee72dbf913584ad5b6d8f1f769f8ad3afe"
      "7c28cbf1d4fbe097a88f4475584200",
      CKK_EC_EDWARDS, HSM_E_WRAPPED_KEY },
    { "an algorithm we lack (DSA)",
      "301502010030090607"
      "2a8648ce380401"
      "0405040320d4ee",
      CKK_EC_EDWARDS, HSM_E_KEY_TYPE },
    { "another type than wanted",
      "302e020100300506032b657004220420d4ee72dbf913584ad5b6d8f1f769f8ad3afe7c28"
      "cbf1d4fbe097a88f44755842",
      CKK_EC, HSM_E_KEY_TYPE },
    { "EC on a curve we lack (P-192)",
      "3039020100301306072a8648ce3d020106082a8648ce3d030101041f301d02010104186fab034934e4c0fc9ae67f"
      "5b5659a9d7d1fefd187ee09fd4",
      CKK_EC, HSM_E_CURVE },
    { "EC, the value of RFC 6979, with parameters inside",
      "304d020100301306072a8648ce3d020106082a8648ce3d03010704333031020101"
      "0420c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721"
      "a00a06082a8648ce3d030107",
      CKK_EC, HSM_OK },
    { "EC, other parameters inside",
      "304a020100301306072a8648ce3d020106082a8648ce3d0301070430302e020101"
      "0420c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721"
      "a00706052b8104000a",
      CKK_EC, HSM_E_WRAPPED_KEY },
    { "EC, value 0",
      "3041020100301306072a8648ce3d020106082a8648ce3d030107042730250201010420"
      "0000000000000000000000000000000000000000000000000000000000000000",
      CKK_EC, HSM_E_WRAPPED_KEY },
    { "nothing", "", CKK_EC, HSM_E_WRAPPED_KEY },
    { "an empty SEQUENCE", "3000", CKK_EC, HSM_E_WRAPPED_KEY },
    { "indefinite length", "3080020100300506032b65700000", CKK_EC, HSM_E_WRAPPED_KEY },
    { "length of four bytes", "3084ffffffff0201", CKK_EC, HSM_E_WRAPPED_KEY },
};

static void encodings_are_judged(void)
{
    HSM_AUTO(hsm_crypto_drop) hsm_crypto *crypto = open_crypto();

    for (size_t i = 0; i < HSM_ARRAY_LEN(encoded_cases); i++) {
        hsm_key_bundle bundle = { 0 };
        blob der;

        CASE(encoded_cases[i].label);
        CHECK_ERR(hsm_key_pkcs8_decode(crypto, unhex(encoded_cases[i].der, &der),
                                       encoded_cases[i].wanted, &bundle),
                  encoded_cases[i].want);
        CHECK_THAT((bundle.storage != NULL) == (encoded_cases[i].want == HSM_OK));
        hsm_key_bundle_clear(&bundle);
    }
}

/* Every prefix is refused, and no changed byte crashes the reader. */
static void cut_and_changed_encodings(void)
{
    HSM_AUTO(hsm_crypto_drop) hsm_crypto *crypto = open_crypto();
    static const char *const ders[] = { "ED25519", "P-256" };

    for (size_t i = 0; i < HSM_ARRAY_LEN(ders); i++) {
        HSM_AUTO(hsm_secret_drop) hsm_secret *encoded = NULL;
        hsm_key_bundle bundle = { 0 };
        blob der;
        pair p;

        CASE(ders[i]);
        REQUIRE_THAT(pair_on_curve(crypto, curve_named(ders[i]), &p));
        REQUIRE_OK(hsm_key_pkcs8_encode(p.private_key, &encoded));
        der.len = hsm_secret_len(encoded);
        memcpy(der.data, hsm_secret_data(encoded), der.len);
        for (size_t len = 0; len < der.len; len++)
            CHECK_ERR(hsm_key_pkcs8_decode(crypto, hsm_bytes_of(der.data, len), HSM_KEY_TYPE_NONE,
                                           &bundle),
                      HSM_E_WRAPPED_KEY);
        for (size_t bit = 0; bit < 8 * der.len; bit++) {
            der.data[bit / 8] ^= (uint8_t)(1u << (bit % 8));
            if (hsm_key_pkcs8_decode(crypto, view(&der), HSM_KEY_TYPE_NONE, &bundle) == HSM_OK)
                hsm_key_bundle_clear(&bundle);
            der.data[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        }
        pair_clear(&p);
    }
}

static void public_keys_have_no_private_encoding(void)
{
    HSM_AUTO(hsm_crypto_drop) hsm_crypto *crypto = open_crypto();
    hsm_secret *encoded = NULL;
    pair p;

    REQUIRE_THAT(pair_on_curve(crypto, curve_named("P-256"), &p));
    CHECK_ERR(hsm_key_pkcs8_encode(p.public_key, &encoded), HSM_E_KEY_TYPE);
    CHECK_THAT(encoded == NULL);
    pair_clear(&p);
}

static void writer_and_reader(void)
{
    static const uint8_t number[] = { 0x00, 0x00, 0x80, 0x01 };
    uint8_t room[600];
    uint8_t content[300] = { 0 };

    for (size_t len = 0; len <= sizeof content; len++) {
        hsm_der_writer writer = hsm_der_writer_of(room, sizeof room);
        hsm_der_put(&writer, hsm_bytes_of(content, len));
        hsm_der_wrap(&writer, HSM_DER_OCTET_STRING, 0);
        hsm_reader reader = hsm_reader_of(hsm_der_view(&writer));
        CHECK_EQ(hsm_der_read(&reader, HSM_DER_OCTET_STRING).len, len);
        CHECK_OK(hsm_reader_end(&reader, HSM_E_DATA));
    }

    CASE("an INTEGER is minimal and positive");
    hsm_der_writer writer = hsm_der_writer_of(room, sizeof room);
    hsm_der_put_uint(&writer, hsm_bytes_of(number, sizeof number));
    CHECK_BYTES(hsm_der_view(&writer).data, hsm_der_view(&writer).len, "\2\3\0\x80\1", 5);
    writer = hsm_der_writer_of(room, sizeof room);
    hsm_der_put_uint(&writer, hsm_bytes_of(number, 2));
    CHECK_BYTES(hsm_der_view(&writer).data, hsm_der_view(&writer).len, "\2\1\0", 3);

    CASE("the room is never left");
    writer = hsm_der_writer_of(room, 4);
    hsm_der_put(&writer, hsm_bytes_of(content, 3));
    hsm_der_wrap(&writer, HSM_DER_SEQUENCE, 0);
    CHECK_THAT(writer.is_failed);

    CASE("numbers that are not minimal or negative");
    hsm_reader reader = hsm_reader_of(hsm_bytes_of("\2\2\0\1", 4));
    (void)hsm_der_read_uint(&reader);
    CHECK_THAT(reader.is_failed);
    reader = hsm_reader_of(hsm_bytes_of("\2\1\x80", 3));
    (void)hsm_der_read_uint(&reader);
    CHECK_THAT(reader.is_failed);
    reader = hsm_reader_of(hsm_bytes_of("\2\0", 2));
    (void)hsm_der_read_uint(&reader);
    CHECK_THAT(reader.is_failed);
}

static const check_test tests[] = {
    CHECK_TEST(keys_of_the_openssl_command),
    CHECK_TEST(openssl_takes_our_keys),
    CHECK_TEST(signatures_cross),
    CHECK_TEST(published_rsa_key),
    CHECK_TEST(encodings_are_judged),
    CHECK_TEST(cut_and_changed_encodings),
    CHECK_TEST(public_keys_have_no_private_encoding),
    CHECK_TEST(writer_and_reader),
};

CHECK_MAIN(tests)
