/* Texts of certificate requests at their limits, and the schemes of keys. That the DER is right is for
 * openssl to say (tests/admin/csr.sh).
 * SPDX-License-Identifier: Apache-2.0 */
#include "asym_support.h"
#include "crypto/request.h"

static uint8_t room[8192];

static hsm_err subject(const char *text)
{
    hsm_der_writer writer = hsm_der_writer_of(room, sizeof room);

    return hsm_request_put_subject(&writer, text);
}

static hsm_err alt_names(const char *text)
{
    hsm_der_writer writer = hsm_der_writer_of(room, sizeof room);

    return hsm_request_put_alt_names(&writer, text);
}

/* "NAME=" and so many times the same character. */
static const char *filled(const char *name, char with, size_t count)
{
    static char text[HSM_REQUEST_TEXT_MAX_BYTES + 64];
    const size_t len = strlen(name);

    memset(text, with, sizeof text);
    memcpy(text, name, len);
    text[len + count] = '\0';
    return text;
}

static void test_subject_limits(void)
{
    CHECK_OK(subject(filled("CN=", 'a', 64)));
    CHECK_ERR(subject(filled("CN=", 'a', 65)), HSM_E_DATA);
    CHECK_OK(subject(filled("ST=", 'a', 128)));
    CHECK_ERR(subject(filled("ST=", 'a', 129)), HSM_E_DATA);
    CHECK_OK(subject(filled("dc=", 'a', 63)));
    CHECK_ERR(subject(filled("dc=", 'a', 64)), HSM_E_DATA);
    CHECK_OK(subject(filled("emailaddress=", 'a', 255)));
    CHECK_ERR(subject(filled("emailaddress=", 'a', 256)), HSM_E_DATA);
    CHECK_ERR(subject(filled("CN=", 'a', 513)), HSM_E_LIMIT);
    CHECK_ERR(subject(filled("CN=", 'a', HSM_REQUEST_TEXT_MAX_BYTES)), HSM_E_LIMIT);
}

/* RFC 5280, A.1: X.520 name with a UTF8String, countryName with a PrintableString. */
static void test_subject_order(void)
{
    static const uint8_t want[] = { 0x30, 0x19, 0x31, 0x0b, 0x30, 0x09, 0x06, 0x03, 0x55,
                                    0x04, 0x06, 0x13, 0x02, 'C',  'H',  0x31, 0x0a, 0x30,
                                    0x08, 0x06, 0x03, 0x55, 0x04, 0x03, 0x0c, 0x01, 'a' };
    hsm_der_writer writer = hsm_der_writer_of(room, sizeof room);

    CHECK_OK(hsm_request_put_subject(&writer, "CN=a, c=CH"));
    CHECK_BYTES(hsm_der_view(&writer).data, hsm_der_view(&writer).len, want, sizeof want);
}

static void test_subject_refused(void)
{
    static const char *const bad[] = {
        "",       "a",        "=a",   "CN=",      "CN=a,",   ",CN=a", "CN=a,,", "XY=a",
        "CN=a\\", "CN=a\\41", "CN=<", "CN=a;O=b", "CN=\xff", "DC=\"", "C=",     "C=a*"
    };

    for (size_t i = 0; i < HSM_ARRAY_LEN(bad); i++)
        CHECK_ERR(subject(bad[i]), HSM_E_DATA);
}

static void test_alt_names(void)
{
    static const uint8_t want[] = { 0x30, 0x09, 0x82, 0x01, 'a', 0x87, 0x04, 192, 0, 2, 1 };
    hsm_der_writer writer = hsm_der_writer_of(room, sizeof room);

    CHECK_OK(hsm_request_put_alt_names(&writer, "dns:a,IP:192.0.2.1"));
    CHECK_BYTES(hsm_der_view(&writer).data, hsm_der_view(&writer).len, want, sizeof want);
    CHECK_OK(alt_names(filled("DNS:", 'a', HSM_REQUEST_TEXT_MAX_BYTES - 4)));
    CHECK_ERR(alt_names(filled("DNS:", 'a', HSM_REQUEST_TEXT_MAX_BYTES - 3)), HSM_E_LIMIT);
    CHECK_ERR(alt_names(filled("IP:", '1', 100)), HSM_E_DATA);
    CHECK_ERR(alt_names(",DNS:a"), HSM_E_DATA);
    CHECK_ERR(alt_names("DNS:a,,DNS:b"), HSM_E_DATA);
}

static void test_refused_keys(void)
{
    /* id-X25519, RFC 8410, 3 */
    static const uint8_t x25519[] = { 0x30, 0x0a, 0x30, 0x05, 0x06, 0x03,
                                      0x2b, 0x65, 0x6e, 0x03, 0x01, 0x00 };
    hsm_request_scheme scheme = { 0 };

    CHECK_ERR(hsm_request_scheme_of(hsm_bytes_of(x25519, sizeof x25519), &scheme), HSM_E_KEY_TYPE);
    for (size_t len = 0; len < sizeof x25519; len++)
        CHECK_ERR(hsm_request_scheme_of(hsm_bytes_of(x25519, len), &scheme), HSM_E_DATA);
    CHECK_THAT(scheme.mech == NULL);
}

static void test_finish(void)
{
    static const uint8_t odd[3] = { 1, 2, 3 };
    const hsm_request_scheme scheme = { .has_numbers = true };
    hsm_buf out = { 0 };

    CHECK_ERR(hsm_request_finish(&scheme, hsm_bytes_none(), hsm_bytes_of(odd, 3), &out),
              HSM_E_INTERNAL);
    CHECK_ERR(hsm_request_finish(&scheme, hsm_bytes_none(), hsm_bytes_none(), &out),
              HSM_E_INTERNAL);
    CHECK_EQ(out.len, 0);
}

static const check_test tests[] = {
    CHECK_TEST(test_subject_limits),  CHECK_TEST(test_subject_order),
    CHECK_TEST(test_subject_refused), CHECK_TEST(test_alt_names),
    CHECK_TEST(test_refused_keys),    CHECK_TEST(test_finish),
};

CHECK_MAIN(tests)
