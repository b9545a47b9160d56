/* The table of keys, and what walks it. Its rows are described in docs/configure.md, which a test
 * compares with it.
 * SPDX-License-Identifier: Apache-2.0 */
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "config/internal.h"

typedef enum field_kind { FIELD_BOOL, FIELD_NUMBER, FIELD_TEXT, FIELD_CHOICE } field_kind;

typedef struct field {
    const char *section;
    const char *key;
    size_t at;                  /* offset in hsm_config: bool, uint32_t, char *, uint32_t */
    const char *text;           /* default of texts; NULL: unset */
    const char *const *choices; /* NULL-terminated, in the order of the enum */
    const char *(*check)(char **text);
    field_kind kind;
    uint32_t min; /* of the number, or of the text's bytes */
    uint32_t max;
    uint32_t number; /* default of numbers, bools (0, 1) and choices */
} field;

static const char *const levels[] = { "all", "crypto", "auth", "admin", "none", NULL };
static const char *const durabilities[] = { "sync", "batch", NULL };
static const char *const tls_versions[] = { "1.3", "1.2", NULL };
static const char *const log_formats[] = { "text", "json", NULL };
static const char *const on_errors[] = { "fail", "count", NULL };

#define AT(part, name) .section = #part, .key = #name, .at = offsetof(hsm_config, part.name)
#define BOOL(part, name, preset)                               \
    {                                                          \
        AT(part, name), .kind = FIELD_BOOL, .number = (preset) \
    }
#define NUMBER(part, name, low, high, preset)                                                 \
    {                                                                                         \
        AT(part, name), .kind = FIELD_NUMBER, .min = (low), .max = (high), .number = (preset) \
    }
#define TEXT(part, name, low, high, preset, rule)                                          \
    {                                                                                      \
        AT(part, name), .kind = FIELD_TEXT, .min = (low), .max = (high), .text = (preset), \
                        .check = (rule)                                                    \
    }
#define CHOICE(part, name, names)                                \
    {                                                            \
        AT(part, name), .kind = FIELD_CHOICE, .choices = (names) \
    }

static const field fields[] = {
    TEXT(token, label, 0, 32, "Craton HSM Token 0", NULL),
    TEXT(token, storage_path, 1, PATH_MAX - 1, NULL, config_check_path),
    BOOL(token, persist_objects, true),
    NUMBER(token, max_sessions, 1, 1000000, 4096),
    NUMBER(token, max_rw_sessions, 1, 1000000, 4096),
    NUMBER(token, slot_count, 1, 256, 1),
    TEXT(token, serial_number, 1, 16, NULL, config_check_serial),

    NUMBER(security, pin_min_length, 4, 256, 8),
    NUMBER(security, pin_max_length, 4, 256, 64),
    NUMBER(security, max_failed_logins, 3, 100, 10),
    NUMBER(security, pbkdf2_iterations, 100000, 10000000, 600000),
    NUMBER(security, key_cache_secs, 0, 86400, 300),
    BOOL(security, allow_compromised_use, false),

    TEXT(algorithms, crypto_backend, 0, 64, "openssl", config_check_backend),
    BOOL(algorithms, fips_approved_only, false),
    BOOL(algorithms, enable_pqc, true),
    BOOL(algorithms, allow_weak_rsa, false),
    BOOL(algorithms, allow_sha1_signing, false),
    BOOL(algorithms, allow_3des_decrypt, false),
    BOOL(algorithms, deterministic_ecdsa, false),

    BOOL(audit, enabled, true),
    TEXT(audit, log_path, 1, PATH_MAX - 1, "craton_hsm_audit.jsonl", config_check_path),
    CHOICE(audit, log_level, levels),
    CHOICE(audit, durability, durabilities),
    NUMBER(audit, batch_ms, 1, 10000, 50),
    CHOICE(audit, on_error, on_errors),

    TEXT(daemon, bind, 1, 255, "127.0.0.1:5696", config_check_bind),
    TEXT(daemon, tls_cert, 1, PATH_MAX - 1, NULL, NULL),
    TEXT(daemon, tls_key, 1, PATH_MAX - 1, NULL, config_check_tls_key),
    TEXT(daemon, tls_client_ca, 1, PATH_MAX - 1, NULL, NULL),
    TEXT(daemon, tls_client_crl, 1, PATH_MAX - 1, NULL, NULL),
    NUMBER(daemon, crl_refresh_secs, 0, 31536000, 300),
    BOOL(daemon, allow_unauthenticated_tls, false),
    BOOL(daemon, allow_insecure, false),
    TEXT(daemon, bind_unix, 1, 107, NULL, NULL), /* sun_path has 108 bytes */
    NUMBER(daemon, max_random_length, 1, 16777216, 1048576),
    NUMBER(daemon, max_digest_length, 1, 1073741824, 16777216),
    NUMBER(daemon, max_login_attempts, 0, 1000000, 5),
    NUMBER(daemon, login_cooldown_secs, 0, 86400, 60),
    NUMBER(daemon, max_connections, 1, 65536, 256),
    NUMBER(daemon, request_timeout_secs, 1, 3600, 30),
    CHOICE(daemon, tls_min_version, tls_versions),
    NUMBER(daemon, handshake_timeout_secs, 1, 300, 10),
    NUMBER(daemon, max_handshakes, 0, 65536, 128),
    NUMBER(daemon, max_handshakes_per_sec, 0, 1000000, 200),
    NUMBER(daemon, idle_timeout_secs, 0, 86400, 3600),
    NUMBER(daemon, drain_timeout_secs, 0, 3600, 30),
    NUMBER(daemon, max_streams, 1, 1000, 128),
    NUMBER(daemon, max_connection_bytes, 5242880, 1073741824, 67108864),
    NUMBER(daemon, max_header_bytes, 4096, 65536, 16384),
    NUMBER(daemon, max_request_bytes, 65536, 33554432, 4194304),
    NUMBER(daemon, max_requests_per_sec, 0, 10000000, 0),
    NUMBER(daemon, max_clients, 1, 65536, 1024),
    NUMBER(daemon, workers, 0, HSM_DAEMON_WORKERS_MAX, 0),
    NUMBER(daemon, slow_workers, 0, HSM_DAEMON_SLOW_WORKERS_MAX, 0),
    TEXT(daemon, metrics_bind, 1, 255, NULL, config_check_metrics),
    CHOICE(daemon, log_format, log_formats),
    BOOL(daemon, reflection, false),
};

/* What reading one document needs. */
typedef struct reading {
    hsm_config *config;
    hsm_config_error *error;
    const hsm_toml_node *found[HSM_ARRAY_LEN(fields)]; /* by row; NULL: not given */
} reading;

static bool *bool_of(hsm_config *config, const field *row)
{
    void *place = (char *)config + row->at;
    return place;
}

static uint32_t *number_of(hsm_config *config, const field *row)
{
    void *place = (char *)config + row->at;
    return place;
}

static char **text_of(hsm_config *config, const field *row)
{
    void *place = (char *)config + row->at;
    return place;
}

/* --- defaults and release ----------------------------------------------------------------- */

hsm_err config_set_defaults(hsm_config *config)
{
    for (size_t i = 0; i < HSM_ARRAY_LEN(fields); i++) {
        const field *row = &fields[i];

        if (row->kind == FIELD_BOOL) {
            *bool_of(config, row) = row->number != 0;
        } else if (row->kind != FIELD_TEXT) {
            *number_of(config, row) = row->number;
        } else if (row->text != NULL) {
            *text_of(config, row) = hsm_text_dup(row->text);
            HSM_CHECK(*text_of(config, row) != NULL, HSM_E_NO_MEMORY);
        }
    }
    return HSM_OK;
}

void config_clear(hsm_config *config)
{
    for (size_t i = 0; i < HSM_ARRAY_LEN(fields); i++) {
        if (fields[i].kind != FIELD_TEXT)
            continue;
        free(*text_of(config, &fields[i]));
        *text_of(config, &fields[i]) = NULL;
    }
    config_clear_clients(config);
}

/* --- errors ------------------------------------------------------------------------------- */

__attribute__((format(printf, 3, 4))) static hsm_err refuse(reading *r, const hsm_toml_node *node,
                                                            const char *format, ...)
{
    const char *section =
        node->parent != NULL && node->parent->key != NULL ? node->parent->key : "";
    va_list arguments;

    r->error->line = node->line;
    r->error->column = node->column;
    (void)snprintf(r->error->field, sizeof r->error->field, "%s%s%s", section,
                   section[0] != '\0' ? "." : "", node->key);
    va_start(arguments, format);
    (void)vsnprintf(r->error->reason, sizeof r->error->reason, format, arguments);
    va_end(arguments);
    return HSM_E_CONFIG;
}

/* How far a key in a section ("" at the top) is from a row: the whole name, or the key alone for
 * what is only in the wrong section. */
static size_t distance_to(const char *section, const char *key, const field *row)
{
    const size_t key_distance = config_distance(key, row->key);
    const size_t section_distance = config_distance(section, row->section);
    const size_t elsewhere = key_distance + (section_distance > 0 ? 1 : 0);
    const size_t whole = key_distance + section_distance;

    return elsewhere < whole ? elsewhere : whole;
}

static hsm_err refuse_unknown(reading *r, const char *section, const hsm_toml_node *node)
{
    const field *nearest = &fields[0];
    size_t nearest_distance = SIZE_MAX;
    size_t section_distance = SIZE_MAX;
    const char *nearest_section = "";

    for (size_t i = 0; i < HSM_ARRAY_LEN(fields); i++) {
        const size_t distance = distance_to(section, node->key, &fields[i]);
        const size_t to_section = config_distance(node->key, fields[i].section);

        if (distance < nearest_distance) {
            nearest_distance = distance;
            nearest = &fields[i];
        }
        if (to_section < section_distance) {
            section_distance = to_section;
            nearest_section = fields[i].section;
        }
    }
    if (section[0] == '\0' &&
        (section_distance <= nearest_distance || node->type == HSM_TOML_TABLE))
        return refuse(r, node, "unknown; did you mean [%s]?", nearest_section);
    return refuse(r, node, "unknown; did you mean %s.%s?", nearest->section, nearest->key);
}

static hsm_err refuse_type(reading *r, const hsm_toml_node *node, hsm_toml_type wanted)
{
    return refuse(r, node, "must be %s, not %s", hsm_toml_type_name(wanted),
                  hsm_toml_type_name(node->type));
}

/* --- one value ---------------------------------------------------------------------------- */

static hsm_err take_number(reading *r, const field *row, const hsm_toml_node *node)
{
    if (node->type != HSM_TOML_INTEGER)
        return refuse_type(r, node, HSM_TOML_INTEGER);
    if (node->integer < (int64_t)row->min || node->integer > (int64_t)row->max)
        return refuse(r, node, "must be %lu to %lu, is %lld", (unsigned long)row->min,
                      (unsigned long)row->max, (long long)node->integer);
    *number_of(r->config, row) = (uint32_t)node->integer;
    return HSM_OK;
}

static hsm_err take_text(reading *r, const field *row, const hsm_toml_node *node)
{
    if (node->type != HSM_TOML_STRING)
        return refuse_type(r, node, HSM_TOML_STRING);
    if (strlen(node->text) != node->text_len)
        return refuse(r, node, "must not contain NUL");
    if (node->text_len < row->min || node->text_len > row->max)
        return refuse(r, node, "must have %lu to %lu bytes, has %zu", (unsigned long)row->min,
                      (unsigned long)row->max, node->text_len);

    char *text = hsm_text_dup(node->text);
    HSM_CHECK(text != NULL, HSM_E_NO_MEMORY);
    const char *reason = row->check != NULL ? row->check(&text) : NULL;
    if (reason != NULL) {
        free(text);
        return refuse(r, node, "%s", reason);
    }
    free(*text_of(r->config, row));
    *text_of(r->config, row) = text;
    return HSM_OK;
}

static hsm_err take_choice(reading *r, const field *row, const hsm_toml_node *node)
{
    char names[100] = "";
    size_t len = 0;

    if (node->type != HSM_TOML_STRING)
        return refuse_type(r, node, HSM_TOML_STRING);
    for (uint32_t i = 0; row->choices[i] != NULL; i++) {
        if (hsm_bytes_equal(hsm_bytes_of(node->text, node->text_len),
                            hsm_bytes_of_text(row->choices[i]))) {
            *number_of(r->config, row) = i;
            return HSM_OK;
        }
        if (len < sizeof names)
            len += (size_t)snprintf(names + len, sizeof names - len, "%s\"%s\"", i > 0 ? ", " : "",
                                    row->choices[i]);
    }
    return refuse(r, node, "must be one of %s", names);
}

static hsm_err take_value(reading *r, const field *row, const hsm_toml_node *node)
{
    switch (row->kind) {
    case FIELD_BOOL:
        if (node->type != HSM_TOML_BOOLEAN)
            return refuse_type(r, node, HSM_TOML_BOOLEAN);
        *bool_of(r->config, row) = node->boolean;
        return HSM_OK;
    case FIELD_NUMBER:
        return take_number(r, row, node);
    case FIELD_TEXT:
        return take_text(r, row, node);
    case FIELD_CHOICE:
        return take_choice(r, row, node);
    }
    return HSM_E_INTERNAL;
}

/* --- the document ------------------------------------------------------------------------- */

/* The row of an offset in hsm_config. */
static const hsm_toml_node *found_at(const reading *r, size_t at)
{
    for (size_t i = 0; i < HSM_ARRAY_LEN(fields); i++) {
        if (fields[i].at == at)
            return r->found[i];
    }
    return NULL;
}

/* `low` must not be over `high`. A bound that the file does not give follows the one it gives. */
static hsm_err order(reading *r, size_t low_at, size_t high_at, const char *reason)
{
    void *low_place = (char *)r->config + low_at;
    void *high_place = (char *)r->config + high_at;
    uint32_t *low = low_place;
    uint32_t *high = high_place;
    const hsm_toml_node *low_node = found_at(r, low_at);
    const hsm_toml_node *high_node = found_at(r, high_at);

    if (*low <= *high)
        return HSM_OK;
    if (low_node == NULL) {
        *low = *high;
    } else if (high_node == NULL) {
        *high = *low;
    } else {
        return refuse(r, low_node->line > high_node->line ? low_node : high_node, "%s", reason);
    }
    return HSM_OK;
}

/* SP 800-132 and the token's own PIN derivation: a PIN is a password like any other. */
static hsm_err check_approved_pins(reading *r)
{
    const uint32_t pin_min_approved = 8;
    const hsm_toml_node *node = found_at(r, offsetof(hsm_config, security.pin_min_length));

    if (node == NULL) /* it followed the other one */
        node = found_at(r, offsetof(hsm_config, security.pin_max_length));
    if (node != NULL && r->config->algorithms.fips_approved_only &&
        r->config->security.pin_min_length < pin_min_approved)
        return refuse(r, node, "must be at least %lu with algorithms.fips_approved_only",
                      (unsigned long)pin_min_approved);
    return HSM_OK;
}

static hsm_err check_pairs(reading *r)
{
    /* Raising max_sessions silently would undo a limit, so here only the lower one may follow. */
    if (found_at(r, offsetof(hsm_config, token.max_sessions)) == NULL) {
        const hsm_toml_node *rw = found_at(r, offsetof(hsm_config, token.max_rw_sessions));

        if (rw != NULL && r->config->token.max_rw_sessions > r->config->token.max_sessions)
            return refuse(r, rw, "must be at most max_sessions, which is %lu",
                          (unsigned long)r->config->token.max_sessions);
    }
    HSM_TRY(order(r, offsetof(hsm_config, token.max_rw_sessions),
                  offsetof(hsm_config, token.max_sessions),
                  "max_rw_sessions must be at most max_sessions"));
    HSM_TRY(order(r, offsetof(hsm_config, security.pin_min_length),
                  offsetof(hsm_config, security.pin_max_length),
                  "pin_max_length must be at least pin_min_length"));
    /* The FIPS provider has nothing else. */
    if (strcmp(r->config->algorithms.crypto_backend, "openssl-fips") == 0)
        r->config->algorithms.fips_approved_only = true;
    return check_approved_pins(r);
}

static bool key_is(const hsm_toml_node *node, const char *name)
{
    return hsm_bytes_equal(hsm_bytes_of(node->key, node->key_len), hsm_bytes_of_text(name));
}

static hsm_err apply_section(reading *r, const hsm_toml_node *section)
{
    for (const hsm_toml_node *node = section->first; node != NULL; node = node->next) {
        size_t i = 0;

        if (key_is(section, "daemon") && key_is(node, "client")) {
            HSM_TRY(config_apply_clients(r->config, node, r->error));
            continue;
        }

        while (i < HSM_ARRAY_LEN(fields) &&
               !(key_is(section, fields[i].section) && key_is(node, fields[i].key)))
            i++;
        if (i == HSM_ARRAY_LEN(fields))
            return refuse_unknown(r, section->key, node);
        r->found[i] = node;
        HSM_TRY(take_value(r, &fields[i], node));
    }
    return HSM_OK;
}

hsm_err config_apply(hsm_config *config, const hsm_toml_node *root, hsm_config_error *out_error)
{
    reading r = { .config = config, .error = out_error };

    for (const hsm_toml_node *section = root->first; section != NULL; section = section->next) {
        bool is_known = false;

        for (size_t i = 0; i < HSM_ARRAY_LEN(fields); i++)
            is_known = is_known || key_is(section, fields[i].section);
        if (!is_known)
            return refuse_unknown(&r, "", section);
        if (section->type != HSM_TOML_TABLE)
            return refuse_type(&r, section, HSM_TOML_TABLE);
        HSM_TRY(apply_section(&r, section));
    }
    return check_pairs(&r);
}
