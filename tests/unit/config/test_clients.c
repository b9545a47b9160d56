/* [[daemon.client]] and the daemon's newer keys.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "config/config.h"
#include "support/check.h"

static hsm_err parse(const char *text, hsm_config **out_config, hsm_config_error *out_error)
{
    return hsm_config_parse(hsm_bytes_of_text(text), "test", out_config, out_error);
}

static void rules_are_kept_in_order(void)
{
    HSM_AUTO(hsm_config_drop) hsm_config *config = NULL;

    REQUIRE_OK(parse("[[daemon.client]]\n"
                     "match = 'uri:spiffe://a/*'\nrole = 'user'\nslots = [0, 9, 255]\n"
                     "keys = ['pay-*', 'x']\noperations = ['sign']\n"
                     "[[daemon.client]]\nmatch = '*'\nrole = 'monitor'\n",
                     &config, NULL));
    REQUIRE_THAT(config->daemon.client_count == 2);
    const hsm_client_rule *first = &config->daemon.clients[0];
    CHECK_STR(first->match, "uri:spiffe://a/*");
    CHECK_EQ(first->role, HSM_ROLE_USER);
    CHECK_THAT(first->has_slots);
    CHECK_EQ(first->slots[0], 1);
    CHECK_EQ(first->slots[1], 2);
    CHECK_EQ(first->slots[31], 0x80);
    CHECK_STR(first->keys[0], "pay-*");
    CHECK_STR(first->keys[1], "x");
    CHECK_THAT(first->keys[2] == NULL);
    CHECK_STR(first->operations[0], "sign");
    CHECK_THAT(first->operations[1] == NULL);
    const hsm_client_rule *second = &config->daemon.clients[1];
    CHECK_EQ(second->role, HSM_ROLE_MONITOR);
    CHECK_THAT(!second->has_slots && second->keys == NULL && second->operations == NULL);
}

static void no_rules_by_default(void)
{
    HSM_AUTO(hsm_config_drop) hsm_config *config = NULL;

    REQUIRE_OK(hsm_config_defaults(&config));
    CHECK_EQ(config->daemon.client_count, 0);
    CHECK_EQ(config->daemon.tls_min_version, HSM_TLS_1_3);
    CHECK_EQ(config->daemon.log_format, HSM_LOG_TEXT);
    CHECK_THAT(config->daemon.metrics_bind == NULL && !config->daemon.reflection);
}

#define RULE "[[daemon.client]]\nmatch = '*'\nrole = 'user'\n"

/* field NULL: good. */
static const struct {
    const char *text;
    const char *field;
    unsigned line;
    const char *reason; /* a part of it */
} cases[] = {
    { RULE, NULL, 0, NULL },
    { RULE "keys = []", NULL, 0, NULL },
    { "[[daemon.client]]\nrole = 'user'", "daemon.client", 1, "match and role" },
    { "[[daemon.client]]\nmatch = '*'", "daemon.client", 1, "match and role" },
    { "[daemon]\nclient = 1", "daemon.client", 2, "[[daemon.client]]" },
    { "[daemon.client]\nmatch = '*'", "daemon.client", 1, "[[daemon.client]]" },
    { "[daemon]\nclient = [1]", "daemon.client", 2, "[[daemon.client]]" },
    { RULE "who = 'x'", "daemon.client.who", 4, "there are match, role" },
    { "[[daemon.client]]\nmatch = 'cn:x'\nrole = 'user'", "daemon.client.match", 2, "begin with" },
    { "[[daemon.client]]\nmatch = 5\nrole = 'user'", "daemon.client.match", 2, "a string" },
    { "[[daemon.client]]\nmatch = ''\nrole = 'user'", "daemon.client.match", 2, "1 to 512" },
    { "[[daemon.client]]\nmatch = \"*\\u0000\"\nrole = 'user'", "daemon.client.match", 2, "NUL" },
    { "[[daemon.client]]\nmatch = 'anonymous'\nrole = 'user'", NULL, 0, NULL },
    { "[[daemon.client]]\nmatch = '*'\nrole = 'root'", "daemon.client.role", 3, "one of" },
    { "[[daemon.client]]\nmatch = '*'\nrole = 0", "daemon.client.role", 3, "one of" },
    { RULE "slots = [255]", NULL, 0, NULL },
    { RULE "slots = [256]", "daemon.client.slots", 4, "0 to 255" },
    { RULE "slots = [-1]", "daemon.client.slots", 4, "0 to 255" },
    { RULE "slots = ['1']", "daemon.client.slots", 4, "0 to 255" },
    { RULE "slots = 1", "daemon.client.slots", 4, "an array" },
    { RULE "keys = 'x'", "daemon.client.keys", 4, "an array" },
    { RULE "keys = [1]", "daemon.client.keys", 4, "a string" },
    { RULE "operations = ['']", "daemon.client.operations", 4, "1 to 512" },
    { "daemon.metrics_bind = '127.0.0.1:9'", NULL, 0, NULL },
    { "daemon.metrics_bind = 'unix:/run/m'", NULL, 0, NULL },
    { "daemon.metrics_bind = 'unix:m'", "daemon.metrics_bind", 1, "absolute path" },
    { "daemon.metrics_bind = '127.0.0.1'", "daemon.metrics_bind", 1, "port" },
    { "daemon.tls_min_version = '1.2'", NULL, 0, NULL },
    { "daemon.tls_min_version = '1.1'", "daemon.tls_min_version", 1, "one of" },
    { "daemon.max_streams = 1000", NULL, 0, NULL },
    { "daemon.max_streams = 1001", "daemon.max_streams", 1, "1 to 1000" },
};

static void rules_hold(void)
{
    for (size_t i = 0; i < HSM_ARRAY_LEN(cases); i++) {
        HSM_AUTO(hsm_config_drop) hsm_config *config = NULL;
        hsm_config_error error = { .line = 0 };

        CASE(cases[i].text);
        const hsm_err err = parse(cases[i].text, &config, &error);
        CHECK_ERR(err, cases[i].field == NULL ? HSM_OK : HSM_E_CONFIG);
        if (cases[i].field == NULL || err == HSM_OK)
            continue;
        CHECK_STR(error.field, cases[i].field);
        CHECK_EQ(error.line, cases[i].line);
        CHECK_THAT(strstr(error.reason, cases[i].reason) != NULL);
    }
}

/* `count` times `part` after `head`. */
static void repeat(char *out, size_t room, const char *head, const char *part, unsigned count)
{
    size_t len = (size_t)snprintf(out, room, "%s", head);

    for (unsigned i = 0; i < count && len < room; i++)
        len += (size_t)snprintf(out + len, room - len, "%s", part);
}

static void lists_have_limits(void)
{
    static char text[HSM_CLIENTS_MAX * 64];
    hsm_config *config = NULL;

    repeat(text, sizeof text, "", RULE, HSM_CLIENTS_MAX);
    CHECK_OK(parse(text, &config, NULL));
    hsm_config_drop(&config);
    repeat(text, sizeof text, "", RULE, HSM_CLIENTS_MAX + 1);
    CHECK_ERR(parse(text, &config, NULL), HSM_E_CONFIG);
    repeat(text, sizeof text, RULE "keys = ['x'", ",'x'", HSM_CLIENT_NAMES_MAX - 1);
    strcat(text, "]");
    CHECK_OK(parse(text, &config, NULL));
    hsm_config_drop(&config);
    repeat(text, sizeof text, RULE "keys = ['x'", ",'x'", HSM_CLIENT_NAMES_MAX);
    strcat(text, "]");
    CHECK_ERR(parse(text, &config, NULL), HSM_E_CONFIG);
}

static const check_test tests[] = {
    CHECK_TEST(rules_are_kept_in_order),
    CHECK_TEST(no_rules_by_default),
    CHECK_TEST(rules_hold),
    CHECK_TEST(lists_have_limits),
};
CHECK_MAIN(tests)
