/* daemon.tls_key as a PKCS#11 URI (RFC 7512).
 * SPDX-License-Identifier: Apache-2.0 */
#include "config/key_uri.h"

#include <stdio.h>
#include <string.h>

#include "config/config.h"
#include "support/check.h"

static void everything_that_may_be_said(void)
{
    hsm_key_uri uri;

    REQUIRE_THAT(hsm_key_uri_read("pkcs11:token=My%20Token;serial=0123456789abcdef;slot-id=12;"
                                  "object=tls%3bkey&co;id=%00%fFa;type=private"
                                  "?pin-source=file:/etc/craton-hsm/pin",
                                  &uri) == NULL);
    CHECK_STR(uri.token, "My Token");
    CHECK_STR(uri.serial, "0123456789abcdef");
    CHECK_THAT(uri.has_slot);
    CHECK_EQ(uri.slot, 12);
    CHECK_STR(uri.label, "tls;key&co");
    CHECK_BYTES(uri.id, uri.id_len,
                "\0\xff"
                "a",
                3);
    CHECK_STR(uri.pin_path, "/etc/craton-hsm/pin");
}

static void as_little_as_possible(void)
{
    hsm_key_uri uri;

    REQUIRE_THAT(hsm_key_uri_read("PKCS11:slot-id=0", &uri) == NULL);
    CHECK_THAT(uri.has_slot);
    CHECK_EQ(uri.slot, 0);
    CHECK_EQ(uri.id_len, 0);
    CHECK_THAT(uri.token[0] == '\0' && uri.serial[0] == '\0' && uri.label[0] == '\0' &&
               uri.pin_path[0] == '\0');
    CHECK_THAT(hsm_key_uri_is("pkcs11:") && hsm_key_uri_is("Pkcs11:x"));
    CHECK_THAT(!hsm_key_uri_is("/etc/pkcs11:") && !hsm_key_uri_is("pkcs11") && !hsm_key_uri_is(""));
}

static void places_of_the_pin(void)
{
    hsm_key_uri uri;

    REQUIRE_THAT(hsm_key_uri_read("pkcs11:token=t?pin-source=file:///run/pin%20file", &uri) ==
                 NULL);
    CHECK_STR(uri.pin_path, "/run/pin file");
}

/* reason: a part of it. */
static const struct {
    const char *text;
    const char *reason;
} refused[] = {
    { "/etc/key.pem", "begin with pkcs11:" },
    { "pkcs11:", "NAME=VALUE" },
    { "pkcs11:token", "NAME=VALUE" },
    { "pkcs11:token=a;", "NAME=VALUE" },
    { "pkcs11:;token=a", "NAME=VALUE" },
    { "pkcs11:token=a?", "NAME=VALUE" },
    { "pkcs11:token=", "without a value" },
    { "pkcs11:token=a;token=a", "twice" },
    { "pkcs11:token=a?pin-source=file:/a&pin-source=file:/b", "twice" },
    { "pkcs11:object=key", "which token" },
    { "pkcs11:token=a;model=x", "none of token" },
    { "pkcs11:token=a;x-vendor=x", "none of token" },
    { "pkcs11:Token=a", "none of token" },
    { "pkcs11:token=a?module-path=/x.so", "none of token" },
    { "pkcs11:token=a;pin-source=file:/a", "wrong side" },
    { "pkcs11:token=a?object=b", "wrong side" },
    { "pkcs11:token=a?pin-value=1234", "must not hold a PIN" },
    { "pkcs11:token=a?pin-source=file:/a&pin-value=1234", "must not hold a PIN" },
    { "pkcs11:token=a?pin-source=/etc/pin", "file:/PATH" },
    { "pkcs11:token=a?pin-source=file:pin", "file:/PATH" },
    { "pkcs11:token=a?pin-source=file:/", "file:/PATH" },
    { "pkcs11:token=a?pin-source=file://host/pin", "file:/PATH" },
    { "pkcs11:token=a?pin-source=file:////pin", "file:/PATH" },
    { "pkcs11:token=a?pin-source=%7Ccat%20pin", "file:/PATH" },
    { "pkcs11:token=a?pin-source=file:/a%00b", "zero byte" },
    { "pkcs11:token=a;type=public", "type=private" },
    { "pkcs11:token=a;type=privat", "type=private" },
    { "pkcs11:slot-id=-1", "slot-id" },
    { "pkcs11:slot-id=1x", "slot-id" },
    { "pkcs11:slot-id=4294967296", "slot-id" },
    { "pkcs11:token=a%", "hexadecimal" },
    { "pkcs11:token=a%4", "hexadecimal" },
    { "pkcs11:token=a%4;object=b", "hexadecimal" },
    { "pkcs11:token=a%g0", "hexadecimal" },
    { "pkcs11:token=a%00b", "zero byte" },
    { "pkcs11:token=my token", "percent sign" },
    { "pkcs11:token=a/b", "percent sign" },
    { "pkcs11:token=\xc3\xa4", "percent sign" },
    { "pkcs11:token=a?b?pin-source=file:/a", "none of token" },
    { "pkcs11:token=123456789012345678901234567890123", "too long" },
    { "pkcs11:serial=12345678901234567", "too long" },
};

static void what_is_refused(void)
{
    for (size_t i = 0; i < HSM_ARRAY_LEN(refused); i++) {
        hsm_key_uri uri = { .slot = 7 };
        const char *reason = hsm_key_uri_read(refused[i].text, &uri);

        CASE(refused[i].text);
        CHECK_THAT(reason != NULL && strstr(reason, refused[i].reason) != NULL);
        CHECK_EQ(uri.slot, 7);
    }
}

static void values_have_a_length(void)
{
    static const size_t lens[] = { HSM_KEY_URI_VALUE_MAX_BYTES, HSM_KEY_URI_VALUE_MAX_BYTES + 1,
                                   PATH_MAX + 1 };
    static const char *const names[] = { "object", "id" };
    char text[PATH_MAX + 100];
    hsm_key_uri uri;

    for (size_t k = 0; k < HSM_ARRAY_LEN(names); k++) {
        for (size_t i = 0; i < HSM_ARRAY_LEN(lens); i++) {
            CASE(names[k]);
            (void)snprintf(text, sizeof text, "pkcs11:token=a;%s=%0*d", names[k], (int)lens[i], 0);
            CHECK_THAT((hsm_key_uri_read(text, &uri) == NULL) ==
                       (lens[i] <= HSM_KEY_URI_VALUE_MAX_BYTES));
        }
    }
}

static void the_configuration_says_where(void)
{
    HSM_AUTO(hsm_config_drop) hsm_config *config = NULL;
    hsm_config_error error;

    CHECK_ERR(
        hsm_config_parse(hsm_bytes_of_text("[daemon]\ntls_key = 'pkcs11:token=a?pin-value=12'"),
                         "test", &config, &error),
        HSM_E_CONFIG);
    CHECK_EQ(error.line, 2);
    CHECK_STR(error.field, "daemon.tls_key");
    CHECK_THAT(strstr(error.reason, "must not hold a PIN") != NULL);
    REQUIRE_OK(hsm_config_parse(hsm_bytes_of_text("[daemon]\ntls_key = 'pkcs11:token=a'"), "test",
                                &config, &error));
    CHECK_STR(config->daemon.tls_key, "pkcs11:token=a");
}

static const check_test tests[] = {
    CHECK_TEST(everything_that_may_be_said), CHECK_TEST(as_little_as_possible),
    CHECK_TEST(places_of_the_pin),           CHECK_TEST(what_is_refused),
    CHECK_TEST(values_have_a_length),        CHECK_TEST(the_configuration_says_where),
};

CHECK_MAIN(tests)
