/* [[daemon.client]]: which clients may do what.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "config/internal.h"

#define SLOTS_MAX 256

/* The kinds of name that a certificate, a socket's peer or nobody at all can have. */
static const char *const kinds[] = { "uri:", "dns:", "subject:", "uid:", "anonymous" };
static const char *const roles[] = { "user", "operator", "auditor", "monitor" };

__attribute__((format(printf, 4, 5))) static hsm_err refuse(hsm_config_error *error,
                                                            const hsm_toml_node *node,
                                                            const char *key, const char *format,
                                                            ...)
{
    va_list arguments;

    error->line = node->line;
    error->column = node->column;
    (void)snprintf(error->field, sizeof error->field, "daemon.client%s%s",
                   key[0] != '\0' ? "." : "", key);
    va_start(arguments, format);
    (void)vsnprintf(error->reason, sizeof error->reason, format, arguments);
    va_end(arguments);
    return HSM_E_CONFIG;
}

static hsm_err check_name(const hsm_toml_node *node, const char *key, hsm_config_error *error)
{
    if (node->type != HSM_TOML_STRING)
        return refuse(error, node, key, "must be %s, not %s", hsm_toml_type_name(HSM_TOML_STRING),
                      hsm_toml_type_name(node->type));
    if (node->text_len == 0 || node->text_len > HSM_CLIENT_NAME_MAX_BYTES ||
        strlen(node->text) != node->text_len)
        return refuse(error, node, key, "must have 1 to %u bytes, none of them NUL",
                      HSM_CLIENT_NAME_MAX_BYTES);
    return HSM_OK;
}

static hsm_err take_match(hsm_client_rule *rule, const hsm_toml_node *node, hsm_config_error *error)
{
    const char *match = node->text;

    HSM_TRY(check_name(node, "match", error));
    rule->match = hsm_text_dup(match);
    HSM_CHECK(rule->match != NULL, HSM_E_NO_MEMORY);
    for (size_t i = 0; i < HSM_ARRAY_LEN(kinds); i++) {
        if (strncmp(match, kinds[i], strlen(kinds[i])) == 0 || strcmp(match, "*") == 0)
            return HSM_OK;
    }
    return refuse(error, node, "match",
                  "must begin with uri:, dns:, subject: or uid:, or be anonymous or *");
}

static hsm_err take_role(hsm_client_rule *rule, const hsm_toml_node *node, hsm_config_error *error)
{
    for (uint32_t i = 0; node->type == HSM_TOML_STRING && i < HSM_ARRAY_LEN(roles); i++) {
        if (hsm_bytes_equal(hsm_bytes_of(node->text, node->text_len),
                            hsm_bytes_of_text(roles[i]))) {
            rule->role = i;
            return HSM_OK;
        }
    }
    return refuse(error, node, "role",
                  "must be one of \"user\", \"operator\", \"auditor\", \"monitor\"");
}

static hsm_err take_slots(hsm_client_rule *rule, const hsm_toml_node *node, hsm_config_error *error)
{
    if (node->type != HSM_TOML_ARRAY)
        return refuse(error, node, "slots", "must be %s, not %s",
                      hsm_toml_type_name(HSM_TOML_ARRAY), hsm_toml_type_name(node->type));
    rule->has_slots = true;
    for (const hsm_toml_node *slot = node->first; slot != NULL; slot = slot->next) {
        if (slot->type != HSM_TOML_INTEGER || slot->integer < 0 || slot->integer >= SLOTS_MAX)
            return refuse(error, slot, "slots", "must be numbers of 0 to %d", SLOTS_MAX - 1);
        rule->slots[slot->integer / 8] |= (uint8_t)(1u << (slot->integer % 8));
    }
    return HSM_OK;
}

/* gcc 12's analyzer loses the block where the caller's pointer to it is set. */
#pragma GCC diagnostic push
#if !defined(__clang__)
#pragma GCC diagnostic ignored "-Wanalyzer-malloc-leak"
#endif

/* The list and its texts are one block. */
static hsm_err take_names(char ***out_names, const char *key, const hsm_toml_node *node,
                          hsm_config_error *error)
{
    size_t text_bytes = 0;
    size_t count = 0;

    if (node->type != HSM_TOML_ARRAY)
        return refuse(error, node, key, "must be %s, not %s", hsm_toml_type_name(HSM_TOML_ARRAY),
                      hsm_toml_type_name(node->type));
    for (const hsm_toml_node *name = node->first; name != NULL; name = name->next) {
        HSM_TRY(check_name(name, key, error));
        text_bytes += name->text_len + 1;
        count++;
    }
    if (count > HSM_CLIENT_NAMES_MAX)
        return refuse(error, node, key, "must have at most %u elements", HSM_CLIENT_NAMES_MAX);

    char **names = calloc(1, (count + 1) * sizeof *names + text_bytes);
    HSM_CHECK(names != NULL, HSM_E_NO_MEMORY);
    char *text = (char *)(names + count + 1);
    char **next = names;
    for (const hsm_toml_node *name = node->first; name != NULL; name = name->next) {
        *next++ = text;
        memcpy(text, name->text, name->text_len + 1);
        text += name->text_len + 1;
    }
    *out_names = names;
    return HSM_OK;
}

#pragma GCC diagnostic pop

static hsm_err take_field(hsm_client_rule *rule, const hsm_toml_node *node, hsm_config_error *error)
{
    const hsm_bytes key = hsm_bytes_of(node->key, node->key_len);

    if (hsm_bytes_equal(key, hsm_bytes_of_text("match")))
        return take_match(rule, node, error);
    if (hsm_bytes_equal(key, hsm_bytes_of_text("role")))
        return take_role(rule, node, error);
    if (hsm_bytes_equal(key, hsm_bytes_of_text("slots")))
        return take_slots(rule, node, error);
    if (hsm_bytes_equal(key, hsm_bytes_of_text("keys")))
        return take_names(&rule->keys, "keys", node, error);
    if (hsm_bytes_equal(key, hsm_bytes_of_text("operations")))
        return take_names(&rule->operations, "operations", node, error);
    return refuse(error, node, node->key,
                  "unknown; there are match, role, slots, keys and operations");
}

static hsm_err take_rule(hsm_client_rule *rule, const hsm_toml_node *table, hsm_config_error *error)
{
    bool has_role = false;

    if (table->type != HSM_TOML_TABLE)
        return refuse(error, table, "", "must be written as [[daemon.client]]");
    for (const hsm_toml_node *node = table->first; node != NULL; node = node->next) {
        HSM_TRY(take_field(rule, node, error));
        has_role = has_role || hsm_bytes_equal(hsm_bytes_of(node->key, node->key_len),
                                               hsm_bytes_of_text("role"));
    }
    if (rule->match == NULL || !has_role)
        return refuse(error, table, "", "must have match and role");
    return HSM_OK;
}

hsm_err config_apply_clients(hsm_config *config, const hsm_toml_node *list,
                             hsm_config_error *out_error)
{
    size_t count = 0;

    if (list->type != HSM_TOML_ARRAY)
        return refuse(out_error, list, "", "must be written as [[daemon.client]]");
    for (const hsm_toml_node *table = list->first; table != NULL; table = table->next)
        count++;
    if (count > HSM_CLIENTS_MAX)
        return refuse(out_error, list, "", "must be there at most %u times", HSM_CLIENTS_MAX);
    config->daemon.clients = calloc(count + 1, sizeof *config->daemon.clients);
    HSM_CHECK(config->daemon.clients != NULL, HSM_E_NO_MEMORY);
    for (const hsm_toml_node *table = list->first; table != NULL; table = table->next)
        HSM_TRY(
            take_rule(&config->daemon.clients[config->daemon.client_count++], table, out_error));
    return HSM_OK;
}

void config_clear_clients(hsm_config *config)
{
    for (size_t i = 0; i < config->daemon.client_count; i++) {
        free(config->daemon.clients[i].match);
        free(config->daemon.clients[i].keys);
        free(config->daemon.clients[i].operations);
    }
    free(config->daemon.clients);
    config->daemon.clients = NULL;
    config->daemon.client_count = 0;
}
