/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "support/check.h"
#include "unit/os/scratch.h"

static hsm_err parse(const char *text, hsm_config **out_config, hsm_config_error *error)
{
    return hsm_config_parse(hsm_bytes_of_text(text), "test.toml", out_config, error);
}

static void defaults_are_the_documented_ones(void)
{
    HSM_AUTO(hsm_config_drop) hsm_config *config = NULL;

    REQUIRE_OK(parse("", &config, NULL));
    CHECK_STR(config->source, "test.toml");
    CHECK_STR(config->token.label, "Craton HSM Token 0");
    CHECK_THAT(config->token.storage_path != NULL && config->token.storage_path[0] == '/');
    CHECK_THAT(config->token.persist_objects);
    CHECK_EQ(config->token.max_sessions, 4096);
    CHECK_EQ(config->token.max_rw_sessions, 4096);
    CHECK_EQ(config->token.slot_count, 1);
    CHECK_THAT(config->token.serial_number == NULL);
    CHECK_EQ(config->security.pin_min_length, 8);
    CHECK_EQ(config->security.pin_max_length, 64);
    CHECK_EQ(config->security.max_failed_logins, 10);
    CHECK_EQ(config->security.pbkdf2_iterations, 600000);
    CHECK_STR(config->algorithms.crypto_backend, "openssl");
    CHECK_THAT(!config->algorithms.fips_approved_only && config->algorithms.enable_pqc);
    CHECK_THAT(!config->algorithms.allow_weak_rsa && !config->algorithms.allow_sha1_signing);
    CHECK_THAT(!config->algorithms.deterministic_ecdsa);
    CHECK_THAT(!config->algorithms.allow_3des_decrypt);
    CHECK_THAT(config->audit.enabled);
    CHECK_EQ(config->audit.log_level, HSM_AUDIT_ALL);
    CHECK_EQ(config->audit.durability, HSM_AUDIT_SYNC);
    CHECK_EQ(config->audit.batch_ms, 50);
    CHECK_EQ(config->audit.on_error, HSM_AUDIT_FAIL);
    CHECK_STR(config->daemon.bind, "127.0.0.1:5696");
    CHECK_THAT(config->daemon.tls_cert == NULL && config->daemon.tls_client_crl == NULL);
    CHECK_EQ(config->daemon.crl_refresh_secs, 300);
    CHECK_THAT(!config->daemon.allow_unauthenticated_tls && !config->daemon.allow_insecure);
    CHECK_EQ(config->daemon.max_random_length, 1048576);
    CHECK_EQ(config->daemon.max_digest_length, 16777216);
    CHECK_EQ(config->daemon.max_login_attempts, 5);
    CHECK_EQ(config->daemon.login_cooldown_secs, 60);
    CHECK_EQ(config->daemon.max_connections, 256);
    CHECK_EQ(config->daemon.request_timeout_secs, 30);
}

static void every_key_is_taken(void)
{
    static const char text[] =
        "[token]\nlabel = 'L'\nstorage_path = '/nowhere/hsm'\npersist_objects = false\n"
        "max_sessions = 100\nmax_rw_sessions = 10\nslot_count = 3\nserial_number = 'S-1'\n"
        "[security]\npin_min_length = 9\npin_max_length = 32\nmax_failed_logins = 3\n"
        "pbkdf2_iterations = 100_000\nkey_cache_secs = 0\nallow_compromised_use = true\n"
        "[algorithms]\ncrypto_backend = 'openssl-fips'\nfips_approved_only = true\n"
        "enable_pqc = false\nallow_weak_rsa = true\nallow_sha1_signing = true\n"
        "allow_3des_decrypt = true\n"
        "[audit]\nenabled = false\nlog_path = 'a.jsonl'\nlog_level = 'auth'\n"
        "durability = 'batch'\nbatch_ms = 7\non_error = 'count'\n"
        "[daemon]\nbind = '[::1]:1'\ntls_cert = 'c'\ntls_key = 'k'\ntls_client_ca = 'ca'\n"
        "tls_client_crl = 'crl'\ncrl_refresh_secs = 0\nallow_unauthenticated_tls = true\n"
        "allow_insecure = true\nbind_unix = '/s'\nmax_random_length = 1\nmax_digest_length = 2\n"
        "max_login_attempts = 0\nlogin_cooldown_secs = 4\nmax_connections = 5\n"
        "request_timeout_secs = 6\n";
    HSM_AUTO(hsm_config_drop) hsm_config *config = NULL;

    REQUIRE_OK(parse(text, &config, NULL));
    CHECK_STR(config->token.label, "L");
    CHECK_STR(config->token.storage_path, "/nowhere/hsm");
    CHECK_THAT(!config->token.persist_objects);
    CHECK_EQ(config->token.max_sessions, 100);
    CHECK_EQ(config->token.max_rw_sessions, 10);
    CHECK_EQ(config->token.slot_count, 3);
    CHECK_STR(config->token.serial_number, "S-1");
    CHECK_EQ(config->security.pin_min_length, 9);
    CHECK_EQ(config->security.pin_max_length, 32);
    CHECK_EQ(config->security.max_failed_logins, 3);
    CHECK_EQ(config->security.pbkdf2_iterations, 100000);
    CHECK_EQ(config->security.key_cache_secs, 0);
    CHECK_THAT(config->security.allow_compromised_use);
    CHECK_STR(config->algorithms.crypto_backend, "openssl-fips");
    CHECK_THAT(config->algorithms.fips_approved_only && !config->algorithms.enable_pqc);
    CHECK_THAT(config->algorithms.allow_weak_rsa && config->algorithms.allow_sha1_signing);
    CHECK_THAT(config->algorithms.allow_3des_decrypt);
    CHECK_THAT(!config->audit.enabled);
    CHECK_STR(config->audit.log_path, "/nowhere/hsm/a.jsonl");
    CHECK_EQ(config->audit.log_level, HSM_AUDIT_AUTH);
    CHECK_EQ(config->audit.durability, HSM_AUDIT_BATCH);
    CHECK_EQ(config->audit.batch_ms, 7);
    CHECK_EQ(config->audit.on_error, HSM_AUDIT_COUNT);
    CHECK_STR(config->daemon.bind, "[::1]:1");
    CHECK_STR(config->daemon.tls_cert, "c");
    CHECK_STR(config->daemon.tls_key, "k");
    CHECK_STR(config->daemon.tls_client_ca, "ca");
    CHECK_STR(config->daemon.tls_client_crl, "crl");
    CHECK_EQ(config->daemon.crl_refresh_secs, 0);
    CHECK_THAT(config->daemon.allow_unauthenticated_tls && config->daemon.allow_insecure);
    CHECK_STR(config->daemon.bind_unix, "/s");
    CHECK_EQ(config->daemon.max_random_length, 1);
    CHECK_EQ(config->daemon.max_digest_length, 2);
    CHECK_EQ(config->daemon.max_login_attempts, 0);
    CHECK_EQ(config->daemon.login_cooldown_secs, 4);
    CHECK_EQ(config->daemon.max_connections, 5);
    CHECK_EQ(config->daemon.request_timeout_secs, 6);
}

#define SIXTEEN "0123456789abcdef"

/* Each at its limit (field NULL: good) and one beyond it. */
static const struct {
    const char *text;
    const char *field;
    unsigned line;
    unsigned column;
    const char *reason; /* a part of it */
} rule_cases[] = {
    { "token.label = '" SIXTEEN SIXTEEN "'", NULL, 0, 0, NULL },
    { "token.label = '" SIXTEEN SIXTEEN "x'", "token.label", 1, 7, "0 to 32 bytes, has 33" },
    { "token.label = 5", "token.label", 1, 7, "must be a string, not a whole number" },
    { "token.label = \"a\\u0000\"", "token.label", 1, 7, "NUL" },
    { "[token]\n storage_path = '/a/../b'", "token.storage_path", 2, 2, "without \"..\"" },
    { "token.storage_path = ''", "token.storage_path", 1, 7, "1 to 4095 bytes, has 0" },
    { "token.persist_objects = 1", "token.persist_objects", 1, 7, "true or false" },
    { "token.max_sessions = 1", NULL, 0, 0, NULL },
    { "token.max_sessions = 1000000", NULL, 0, 0, NULL },
    { "token.max_sessions = 0", "token.max_sessions", 1, 7, "1 to 1000000, is 0" },
    { "token.max_sessions = 1000001", "token.max_sessions", 1, 7, "is 1000001" },
    { "token.max_sessions = -1", "token.max_sessions", 1, 7, "is -1" },
    { "token.max_sessions = 4294967297", "token.max_sessions", 1, 7, "is 4294967297" },
    { "token.max_sessions = 1.0", "token.max_sessions", 1, 7, "not a decimal number" },
    { "token.max_sessions = 5\ntoken.max_rw_sessions = 5", NULL, 0, 0, NULL },
    { "token.max_sessions = 5\ntoken.max_rw_sessions = 6", "token.max_rw_sessions", 2, 7,
      "at most max_sessions" },
    { "token.max_rw_sessions = 6\ntoken.max_sessions = 5", "token.max_sessions", 2, 7,
      "at most max_sessions" },
    { "token.max_rw_sessions = 4097", "token.max_rw_sessions", 1, 7, "which is 4096" },
    { "token.slot_count = 256", NULL, 0, 0, NULL },
    { "token.slot_count = 257", "token.slot_count", 1, 7, "1 to 256" },
    { "token.slot_count = 0", "token.slot_count", 1, 7, "1 to 256" },
    { "token.serial_number = '" SIXTEEN "'", NULL, 0, 0, NULL },
    { "token.serial_number = '" SIXTEEN "0'", "token.serial_number", 1, 7, "has 17" },
    { "token.serial_number = ''", "token.serial_number", 1, 7, "has 0" },
    { "token.serial_number = 'a\xc3\xbc'", "token.serial_number", 1, 7, "printable ASCII" },
    { "security.pin_min_length = 4", NULL, 0, 0, NULL },
    { "security.pin_min_length = 8\nalgorithms.fips_approved_only = true", NULL, 0, 0, NULL },
    { "security.pin_min_length = 7\nalgorithms.fips_approved_only = true",
      "security.pin_min_length", 1, 10, "at least 8" },
    { "security.pin_max_length = 7\nalgorithms.fips_approved_only = true",
      "security.pin_max_length", 1, 10, "at least 8" },
    { "security.pin_min_length = 3", "security.pin_min_length", 1, 10, "4 to 256" },
    { "security.pin_max_length = 256", NULL, 0, 0, NULL },
    { "security.pin_max_length = 257", "security.pin_max_length", 1, 10, "is 257" },
    { "security.pin_max_length = 9\nsecurity.pin_min_length = 10", "security.pin_min_length", 2, 10,
      "at least pin_min_length" },
    { "security.max_failed_logins = 3", NULL, 0, 0, NULL },
    { "security.max_failed_logins = 2", "security.max_failed_logins", 1, 10, "3 to 100" },
    { "security.max_failed_logins = 101", "security.max_failed_logins", 1, 10, "is 101" },
    { "security.pbkdf2_iterations = 10000000", NULL, 0, 0, NULL },
    { "security.pbkdf2_iterations = 99999", "security.pbkdf2_iterations", 1, 10, "is 99999" },
    { "security.pbkdf2_iterations = 10000001", "security.pbkdf2_iterations", 1, 10, "is 1000000" },
    { "algorithms.crypto_backend = 'gnutls'", "algorithms.crypto_backend", 1, 12,
      "\"openssl\" or" },
    { "audit.log_level = 'ALL'", "audit.log_level", 1, 7,
      "must be one of \"all\", \"crypto\", \"auth\", \"admin\", \"none\"" },
    { "audit.log_level = 0", "audit.log_level", 1, 7, "must be a string" },
    { "audit.log_path = '../x'", "audit.log_path", 1, 7, "without \"..\"" },
    { "daemon.bind = '127.0.0.1'", "daemon.bind", 1, 8, "port" },
    { "daemon.bind = 'h:65536'", "daemon.bind", 1, 8, "port" },
    { "daemon.bind = 'h:65535'", NULL, 0, 0, NULL },
    { "daemon.bind = ':1'", "daemon.bind", 1, 8, "port" },
    { "daemon.bind = 'h:'", "daemon.bind", 1, 8, "port" },
    { "daemon.bind = 'h:+1'", "daemon.bind", 1, 8, "port" },
    /* unknown keys, with the nearest known one */
    { "[token]\n\nlabl = 'x'", "token.labl", 3, 1, "did you mean token.label?" },
    { "[token]\nmax_session = 1", "token.max_session", 2, 1, "did you mean token.max_sessions?" },
    { "[token]\npin_min_length = 9", "token.pin_min_length", 2, 1,
      "did you mean security.pin_min_length?" },
    { "slot_count = 1", "slot_count", 1, 1, "did you mean token.slot_count?" },
    { "[tokens]\n", "tokens", 1, 2, "did you mean [token]?" },
    { "[[daemon.client]]\n", "daemon.client", 1, 10, "must have match and role" },
    { "token = 1", "token", 1, 1, "must be a table, not a whole number" },
    { "[[token]]\n", "token", 1, 3, "must be a table, not an array" },
    /* the text itself */
    { "[token]\nlabel = 'x'\nlabel = 'y'", "token.label", 3, 1, "twice" },
    { "[token\n", "token", 1, 7, "']' expected" },
};

static void rules_hold(void)
{
    for (size_t i = 0; i < HSM_ARRAY_LEN(rule_cases); i++) {
        HSM_AUTO(hsm_config_drop) hsm_config *config = NULL;
        hsm_config_error error = { 0 };

        CASE(rule_cases[i].text);
        const hsm_err err = parse(rule_cases[i].text, &config, &error);
        if (rule_cases[i].field == NULL) {
            CHECK_OK(err);
            continue;
        }
        CHECK_ERR(err, HSM_E_CONFIG);
        CHECK_THAT(config == NULL);
        CHECK_STR(error.field, rule_cases[i].field);
        CHECK_EQ(error.line, rule_cases[i].line);
        CHECK_EQ(error.column, rule_cases[i].column);
        if (!CHECK_THAT(strstr(error.reason, rule_cases[i].reason) != NULL))
            printf("# it said: %s\n", error.reason);
    }
}

static void bounds_follow_each_other(void)
{
    hsm_config *config = NULL;

    REQUIRE_OK(parse("token.max_sessions = 100", &config, NULL));
    CHECK_EQ(config->token.max_rw_sessions, 100);
    hsm_config_drop(&config);
    REQUIRE_OK(parse("security.pin_min_length = 80", &config, NULL));
    CHECK_EQ(config->security.pin_max_length, 80);
    hsm_config_drop(&config);
    REQUIRE_OK(parse("security.pin_max_length = 6", &config, NULL));
    CHECK_EQ(config->security.pin_min_length, 6);
    hsm_config_drop(&config);
}

static void old_backend_names(void)
{
    hsm_config *config = NULL;

    REQUIRE_OK(parse("algorithms.crypto_backend = 'rustcrypto'", &config, NULL));
    CHECK_STR(config->algorithms.crypto_backend, "openssl");
    hsm_config_drop(&config);
    REQUIRE_OK(parse("algorithms.crypto_backend = 'awslc'", &config, NULL));
    CHECK_STR(config->algorithms.crypto_backend, "openssl-fips");
    hsm_config_drop(&config);
}

static void paths_become_absolute(void)
{
    HSM_AUTO(hsm_config_drop) hsm_config *config = NULL;
    char text[PATH_MAX + 100];
    hsm_config_error error = { 0 };

    REQUIRE_THAT(chdir(scratch()) == 0);
    REQUIRE_OK(parse("token.storage_path = './data'\naudit.log_path = 'x/a.log'", &config, NULL));
    CHECK_STR(config->token.storage_path, scratch_path("data"));
    CHECK_STR(config->audit.log_path, scratch_path("data/x/a.log"));
    hsm_config_drop(&config);

    REQUIRE_THAT(symlink(".", scratch_path("link")) == 0);
    (void)snprintf(text, sizeof text, "token.storage_path = '%s'", scratch_path("link/data"));
    CHECK_ERR(parse(text, &config, &error), HSM_E_CONFIG);
    CHECK_STR(error.field, "token.storage_path");
    CHECK_THAT(strstr(error.reason, "symbolic link") != NULL);
    CHECK_ERR(parse("token.storage_path = 'link/data'", &config, &error), HSM_E_CONFIG);
}

/* A path of this many bytes, whose components are as short as file systems want them. */
static void make_path(char *out, size_t len)
{
    for (size_t i = 0; i < len; i++)
        out[i] = i % 100 == 0 ? '/' : 'p';
    out[len] = '\0';
}

static void the_store_takes_short_paths(void)
{
    HSM_AUTO(hsm_config_drop) hsm_config *config = NULL;
    char path[HSM_STORAGE_PATH_MAX_BYTES + 2];
    char text[sizeof path + 100];
    hsm_config_error error = { 0 };

    make_path(path, HSM_STORAGE_PATH_MAX_BYTES);
    (void)snprintf(text, sizeof text, "token.storage_path = '%s'", path);
    CHECK_OK(parse(text, &config, NULL));
    hsm_config_drop(&config);
    make_path(path, HSM_STORAGE_PATH_MAX_BYTES + 1);
    (void)snprintf(text, sizeof text, "token.storage_path = '%s'", path);
    CHECK_ERR(parse(text, &config, &error), HSM_E_CONFIG);
    CHECK_STR(error.field, "token.storage_path");
    CHECK_THAT(strstr(error.reason, "480 bytes") != NULL);
    CASE("no store, no limit of it");
    (void)snprintf(text, sizeof text, "token.storage_path = '%s'\ntoken.persist_objects = false",
                   path);
    CHECK_OK(parse(text, &config, NULL));
}

/* --- files and the look-up order ---------------------------------------------------------- */

static void put(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    REQUIRE_THAT(file != NULL);
    CHECK_THAT(fputs(text, file) >= 0);
    REQUIRE_THAT(fclose(file) == 0 && chmod(path, 0644) == 0);
}

static void files_must_be_trusted(void)
{
    HSM_AUTO(hsm_config_drop) hsm_config *config = NULL;
    const char *path = scratch_path("own.toml");

    put(path, "token.slot_count = 7\n");
    REQUIRE_OK(hsm_config_load_file(path, &config));
    CHECK_EQ(config->token.slot_count, 7);
    CHECK_STR(config->source, path);
    hsm_config_drop(&config);
    REQUIRE_THAT(chmod(path, 0664) == 0);
    CHECK_ERR(hsm_config_load_file(path, &config), HSM_E_CONFIG);
    REQUIRE_THAT(chmod(path, 0646) == 0);
    CHECK_ERR(hsm_config_load_file(path, &config), HSM_E_CONFIG);
    REQUIRE_THAT(chmod(path, 0600) == 0);
    REQUIRE_OK(hsm_config_load_file(path, &config));
    hsm_config_drop(&config);
    CHECK_ERR(hsm_config_load_file(scratch(), &config), HSM_E_CONFIG);
    CHECK_ERR(hsm_config_load_file(scratch_path("missing.toml"), &config), HSM_E_CONFIG);
    if (geteuid() == 0) {
        REQUIRE_THAT(chown(path, 12345, 12345) == 0);
        CHECK_ERR(hsm_config_load_file(path, &config), HSM_E_CONFIG);
    }
    CHECK_THAT(config == NULL);
}

/* The slot count of what hsm_config_load() finds; 100 + error if it fails. */
static unsigned loaded_slots(void)
{
    HSM_AUTO(hsm_config_drop) hsm_config *config = NULL;
    const hsm_err err = hsm_config_load(&config);

    return err == HSM_OK ? config->token.slot_count : 100u + (unsigned)err;
}

static void look_up_order(void)
{
    HSM_AUTO(hsm_config_drop) hsm_config *config = NULL;

    if (access("/etc/craton-hsm/craton_hsm.toml", F_OK) == 0)
        SKIP("this machine has a configuration of its own");
    REQUIRE_THAT(mkdir(scratch_path("cfg"), 0700) == 0);
    REQUIRE_THAT(mkdir(scratch_path("cfg/craton-hsm"), 0700) == 0);
    REQUIRE_THAT(mkdir(scratch_path("cwd"), 0700) == 0);
    REQUIRE_THAT(chdir(scratch_path("cwd")) == 0);
    REQUIRE_THAT(setenv("XDG_CONFIG_HOME", scratch_path("cfg"), 1) == 0);
    REQUIRE_THAT(unsetenv("CRATON_HSM_CONFIG") == 0 && unsetenv("CRATON_HSM_FIPS") == 0);

    CASE("nothing: defaults");
    REQUIRE_OK(hsm_config_load(&config));
    CHECK_THAT(config->source == NULL);
    CHECK_EQ(config->token.slot_count, 1);

    CASE("the current directory");
    put(scratch_path("cwd/craton_hsm.toml"), "token.slot_count = 2");
    CHECK_EQ(loaded_slots(), 2);
    CASE("the user's directory comes before it");
    put(scratch_path("cfg/craton-hsm/craton_hsm.toml"), "token.slot_count = 3");
    CHECK_EQ(loaded_slots(), 3);
    CASE("the named file comes first");
    put(scratch_path("named.toml"), "token.slot_count = 4");
    REQUIRE_THAT(setenv("CRATON_HSM_CONFIG", scratch_path("named.toml"), 1) == 0);
    CHECK_EQ(loaded_slots(), 4);
    CASE("a named file that is missing means defaults");
    REQUIRE_THAT(setenv("CRATON_HSM_CONFIG", scratch_path("none.toml"), 1) == 0);
    CHECK_EQ(loaded_slots(), 1);
    CASE("a broken file is not passed over");
    put(scratch_path("named.toml"), "token.slot_count = ");
    REQUIRE_THAT(setenv("CRATON_HSM_CONFIG", scratch_path("named.toml"), 1) == 0);
    CHECK_EQ(loaded_slots(), 100 + HSM_E_CONFIG);
    REQUIRE_THAT(unsetenv("CRATON_HSM_CONFIG") == 0);
    put(scratch_path("cfg/craton-hsm/craton_hsm.toml"), "x");
    CHECK_EQ(loaded_slots(), 100 + HSM_E_CONFIG);

    CASE("approved mode reads no file");
    REQUIRE_THAT(setenv("CRATON_HSM_FIPS", "1", 1) == 0);
    hsm_config_drop(&config);
    REQUIRE_OK(hsm_config_load(&config));
    CHECK_THAT(config->algorithms.fips_approved_only);
    CHECK_EQ(config->token.slot_count, 1);
    REQUIRE_THAT(setenv("CRATON_HSM_FIPS", "0", 1) == 0);
    CHECK_EQ(loaded_slots(), 100 + HSM_E_CONFIG);
    REQUIRE_THAT(unsetenv("CRATON_HSM_FIPS") == 0);
}

static int load_as_setid(void *arg)
{
    HSM_AUTO(hsm_config_drop) hsm_config *config = NULL;

    (void)arg;
    if (seteuid(65534) != 0 || access("craton_hsm.toml", R_OK) != 0)
        return 1;
    if (hsm_config_load(&config) != HSM_OK)
        return 2;
    if (config->token.slot_count != 1 || config->algorithms.fips_approved_only)
        return 3;
    return strcmp(config->token.storage_path, "/var/lib/craton-hsm") == 0 ? 0 : 4;
}

static void setid_processes_read_etc_only(void)
{
    if (geteuid() != 0 || access("/etc/craton-hsm/craton_hsm.toml", F_OK) == 0)
        SKIP("needs root to change the effective user, and no configuration in /etc");
    put(scratch_path("named.toml"), "token.slot_count = 4");
    put(scratch_path("craton_hsm.toml"), "token.slot_count = 5");
    REQUIRE_THAT(chmod(scratch(), 0755) == 0 && chdir(scratch()) == 0);
    REQUIRE_THAT(setenv("CRATON_HSM_CONFIG", scratch_path("named.toml"), 1) == 0);
    REQUIRE_THAT(setenv("CRATON_HSM_FIPS", "1", 1) == 0);
    CHECK_EQ(in_child(load_as_setid, NULL), 0);
    REQUIRE_THAT(unsetenv("CRATON_HSM_CONFIG") == 0 && unsetenv("CRATON_HSM_FIPS") == 0);
}

static void one_line_says_what_is_wrong(void)
{
    HSM_AUTO(hsm_config_drop) hsm_config *config = NULL;
    char line[1100] = "";
    int fd[2];
    const int saved = dup(STDERR_FILENO);

    REQUIRE_THAT(saved >= 0 && pipe(fd) == 0 && dup2(fd[1], STDERR_FILENO) >= 0);
    hsm_log_configure((hsm_log_options){ HSM_LOG_STDERR, HSM_LOG_WARNING });
    const hsm_err err = parse("[token]\nslot_count = 0\n", &config, NULL);
    hsm_log_configure((hsm_log_options){ HSM_LOG_OFF, HSM_LOG_WARNING });
    REQUIRE_THAT(dup2(saved, STDERR_FILENO) >= 0);
    CHECK_ERR(err, HSM_E_CONFIG);
    CHECK_THAT(read(fd[0], line, sizeof line - 1) > 0);
    CHECK_STR(line, "craton-hsm: error: configuration test.toml:2:1: token.slot_count: must be 1 "
                    "to 256, is 0\n");
    (void)close(fd[0]);
    (void)close(fd[1]);
    (void)close(saved);
}

static const check_test tests[] = {
    CHECK_TEST(defaults_are_the_documented_ones),
    CHECK_TEST(every_key_is_taken),
    CHECK_TEST(rules_hold),
    CHECK_TEST(bounds_follow_each_other),
    CHECK_TEST(old_backend_names),
    CHECK_TEST(paths_become_absolute),
    CHECK_TEST(the_store_takes_short_paths),
    CHECK_TEST(files_must_be_trusted),
    CHECK_TEST(look_up_order),
    CHECK_TEST(setid_processes_read_etc_only),
    CHECK_TEST(one_line_says_what_is_wrong),
};
CHECK_MAIN(tests)
