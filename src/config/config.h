/* The configuration: craton_hsm.toml as one checked struct that never changes.
 * Every key, its default and its range: docs/configure.md.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_CONFIG_CONFIG_H
#define HSM_CONFIG_CONFIG_H

#include "base/bytes.h"
#include "base/scope.h"

/* audit.log_level */
typedef enum hsm_audit_level {
    HSM_AUDIT_ALL,
    HSM_AUDIT_CRYPTO,
    HSM_AUDIT_AUTH,
    HSM_AUDIT_ADMIN,
    HSM_AUDIT_NONE,
} hsm_audit_level;

/* audit.durability */
typedef enum hsm_audit_durability {
    HSM_AUDIT_SYNC,
    HSM_AUDIT_BATCH,
} hsm_audit_durability;

/* audit.on_error */
typedef enum hsm_audit_on_error {
    HSM_AUDIT_FAIL,
    HSM_AUDIT_COUNT,
} hsm_audit_on_error;

/* daemon.tls_min_version */
typedef enum hsm_tls_version {
    HSM_TLS_1_3,
    HSM_TLS_1_2,
} hsm_tls_version;

/* daemon.log_format */
typedef enum hsm_log_format {
    HSM_LOG_TEXT,
    HSM_LOG_JSON,
} hsm_log_format;

/* daemon.client.role */
typedef enum hsm_client_role {
    HSM_ROLE_USER,
    HSM_ROLE_OPERATOR,
    HSM_ROLE_AUDITOR,
    HSM_ROLE_MONITOR,
} hsm_client_role;

/* Limits of [[daemon.client]]. */
/* SQLite opens no path over 512 bytes, its own suffixes included; the store adds "/store.db". */
#define HSM_STORAGE_PATH_MAX_BYTES 480u
#define HSM_CLIENTS_MAX 1024u
#define HSM_DAEMON_WORKERS_MAX 256u
#define HSM_DAEMON_SLOW_WORKERS_MAX 64u
#define HSM_CLIENT_NAMES_MAX 64u /* in each of keys and operations */
#define HSM_CLIENT_NAME_MAX_BYTES 512u

/* One [[daemon.client]]: what the clients that match may do. */
typedef struct hsm_client_rule {
    char *match;       /* "KIND:NAME", where NAME may have asterisks */
    uint32_t role;     /* hsm_client_role */
    bool has_slots;    /* else every slot */
    uint8_t slots[32]; /* bit n: slot n */
    char **keys;       /* label patterns, NULL-terminated; NULL: every key */
    char **operations; /* names, NULL-terminated; NULL: all that the role may */
} hsm_client_rule;

/* Strings are owned by the struct; none is NULL unless it says so. */
typedef struct hsm_config {
    char *source; /* the file it came from; NULL: built-in defaults */
    struct {
        char *label; /* at most 32 bytes of UTF-8 */
        /* With persist_objects at most HSM_STORAGE_PATH_MAX_BYTES. */
        char *storage_path; /* absolute; NULL only when persist_objects is false and none is set */
        bool persist_objects;
        uint32_t max_sessions;
        uint32_t max_rw_sessions; /* at most max_sessions */
        uint32_t slot_count;
        char *serial_number; /* 1 .. 16 printable ASCII; NULL: a random one per token */
    } token;
    struct {
        uint32_t pin_min_length;
        uint32_t pin_max_length; /* at least pin_min_length */
        uint32_t max_failed_logins;
        uint32_t pbkdf2_iterations;
        uint32_t key_cache_secs; /* 0: open keys stay open */
        bool allow_compromised_use;
    } security;
    struct {
        char *crypto_backend; /* "openssl" or "openssl-fips" */
        bool fips_approved_only;
        bool enable_pqc;
        bool allow_weak_rsa;
        bool allow_sha1_signing;
        bool allow_3des_decrypt;
        bool deterministic_ecdsa;
    } algorithms;
    struct {
        bool enabled;
        char *log_path;     /* absolute; relative to the current directory without a storage_path */
        uint32_t log_level; /* hsm_audit_level */
        uint32_t durability; /* hsm_audit_durability */
        uint32_t batch_ms;
        uint32_t on_error; /* hsm_audit_on_error */
    } audit;
    struct {
        char *bind;     /* "host:port" */
        char *tls_cert; /* NULL: none; so the other three */
        char *tls_key;  /* a path, or what hsm_key_uri_read() accepts */
        char *tls_client_ca;
        char *tls_client_crl;
        uint32_t crl_refresh_secs; /* 0: no timer */
        bool allow_unauthenticated_tls;
        bool allow_insecure;
        char *bind_unix; /* NULL: not set and no $XDG_RUNTIME_DIR */
        uint32_t max_random_length;
        uint32_t max_digest_length;
        uint32_t max_login_attempts; /* 0: the token alone counts */
        uint32_t login_cooldown_secs;
        uint32_t max_connections;
        uint32_t request_timeout_secs;
        uint32_t tls_min_version; /* hsm_tls_version */
        uint32_t handshake_timeout_secs;
        uint32_t max_handshakes;         /* of one address; 0: no limit */
        uint32_t max_handshakes_per_sec; /* the same */
        uint32_t idle_timeout_secs;      /* 0: never */
        uint32_t drain_timeout_secs;
        uint32_t max_streams;
        uint32_t max_connection_bytes;
        uint32_t max_header_bytes;
        uint32_t max_request_bytes;
        uint32_t max_requests_per_sec; /* 0: no limit */
        uint32_t max_clients;
        uint32_t workers;      /* 0: by the number of processors */
        uint32_t slow_workers; /* 0: the same */
        char *metrics_bind;    /* NULL: no metrics */
        uint32_t log_format;   /* hsm_log_format */
        bool reflection;
        hsm_client_rule *clients; /* in the order of the file */
        size_t client_count;
    } daemon;
} hsm_config;

/* What is wrong, as the log line says it. */
typedef struct hsm_config_error {
    unsigned line; /* 0: the fault is not in the text */
    unsigned column;
    char field[128];
    char reason[256];
} hsm_config_error;

/* Finds and reads the configuration: the file named by CRATON_HSM_CONFIG, else the first that
 * exists of craton_hsm.toml in the user's configuration directory, in /etc/craton-hsm and in the
 * current directory, else built-in defaults. A set-id process looks into /etc only.
 * CRATON_HSM_FIPS=1: no file, but fixed approved defaults. Release with hsm_config_destroy().
 * errors  HSM_E_CONFIG (one log line names file, line, column, field and reason), HSM_E_NO_MEMORY
 * thread  any, while nobody changes the environment */
HSM_MUST_USE hsm_err hsm_config_load(hsm_config **out_config);

/* The same from one file, which must exist, be owned by root or the effective user, and not be
 * writable by group or others. Neither CRATON_HSM_CONFIG nor CRATON_HSM_FIPS is looked at. */
HSM_MUST_USE hsm_err hsm_config_load_file(const char *path, hsm_config **out_config);

/* The same from text.
 * in      name       for the log line and `source`
 * out     out_error  what the log line says, on HSM_E_CONFIG; may be NULL */
HSM_MUST_USE hsm_err hsm_config_parse(hsm_bytes text, const char *name, hsm_config **out_config,
                                      hsm_config_error *out_error);

/* Built-in defaults. */
HSM_MUST_USE hsm_err hsm_config_defaults(hsm_config **out_config);

/* NULL is allowed. */
void hsm_config_destroy(hsm_config *config);
HSM_DEFINE_DROP(hsm_config)

#endif
