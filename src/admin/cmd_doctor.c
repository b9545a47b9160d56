/* doctor: what is wrong, and what to type.
 * SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "admin/cmd_audit.h"
#include "base/handle.h"
#include "core/operator.h"
#include "os/clock.h"
#include "os/env.h"
#include "os/file.h"
#include "os/lock.h"
#include "os/paths.h"
#include "os/self.h"

#define LOCKED_BYTES_WANTED (8u * 1024u * 1024u)
#define FREE_BYTES_WANTED (64u * 1024u * 1024u)
#define FREE_BYTES_LEAST (1024u * 1024u) /* a commit may not fit */
#define LOCK_WAIT_MS 5000u
#define MODULE_FILE_MAX_BYTES (64u * 1024u)
/* A clock that says less was never set. */
#define YEAR_MIN 2025
#define YEAR_ZERO 1900
#define CLOCK_SLACK_NS (60 * HSM_NS_PER_SEC)

/* The examination so far. */
typedef struct exam {
    hsm_admin *admin;
    bool has_finding;
    uint64_t logged_ns; /* of the audit log's last entry; 0: not known */
} exam;

/* One finding: what was looked at, how it is, and what to type about it. */
static void tell(exam *at, const char *check, hsm_admin_verdict verdict, const char *hint,
                 const char *format, ...) __attribute__((format(printf, 5, 6)));

static void tell(exam *at, const char *check, hsm_admin_verdict verdict, const char *hint,
                 const char *format, ...)
{
    hsm_admin_report *report = at->admin->report;
    char text[512];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    hsm_admin_row(report);
    hsm_admin_put_text(report, NULL, NULL, check);
    hsm_admin_put_verdict(report, NULL, NULL, verdict);
    hsm_admin_put_text(report, NULL, NULL, text);
    hsm_admin_put_text(report, NULL, NULL, verdict == HSM_ADMIN_OK ? NULL : hint);
    at->has_finding = at->has_finding || verdict != HSM_ADMIN_OK;
    if (verdict != HSM_ADMIN_OK)
        hsm_admin_note(report, "%s: %s", check, hint);
}

/* --- configuration, memory -------------------------------------------------------------- */

static hsm_err check_config(exam *at)
{
    const hsm_err err = hsm_admin_open_config(at->admin);

    if (err != HSM_OK)
        tell(at, "configuration", HSM_ADMIN_ERROR, "correct what the line above names",
             "%s can't be used", at->admin->what);
    else
        tell(at, "configuration", HSM_ADMIN_OK, "", "%s",
             at->admin->config->source != NULL ? at->admin->config->source : "built-in defaults");
    return err;
}

static void check_memory(exam *at)
{
    struct rlimit limit = { 0 };

    (void)getrlimit(RLIMIT_MEMLOCK, &limit);
    if (limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur >= LOCKED_BYTES_WANTED)
        tell(at, "locked memory", HSM_ADMIN_OK, "", "enough may be locked");
    else
        tell(at, "locked memory", HSM_ADMIN_WARNING,
             "ulimit -l 8192 (for a service: LimitMEMLOCK=8M in its unit)",
             "only %llu KiB may be locked: keys could be swapped out",
             (unsigned long long)limit.rlim_cur / 1024);
}

/* --- the store --------------------------------------------------------------------------------- */

static const char *const store_files[] = {
    "", "device.key", "store.db", "store.gate", "store.lock", "store.login", "store.changes"
};

/* Owner and mode of one file of the store; a file that is not there is made when it is needed. That
 * nobody may write is for those who want it so. */
static bool is_private(exam *at, const char *path)
{
    char owner[HSM_ADMIN_TEXT_MAX] = "";
    char hint[2 * HSM_ADMIN_TEXT_MAX];
    struct stat info;

    if (lstat(path, &info) != 0)
        return true;
    const bool is_ours = info.st_uid == geteuid() || info.st_uid == 0;
    const bool is_closed = (info.st_mode & 077u) == 0;
    const unsigned needed = S_ISDIR(info.st_mode) ? 0500u : 0400u;
    if (is_ours && is_closed && (info.st_mode & needed) == needed)
        return true;
    if (!is_ours)
        (void)snprintf(owner, sizeof owner, "chown %u '%s' && ", (unsigned)geteuid(), path);
    (void)snprintf(hint, sizeof hint, "%schmod %s '%s'", owner,
                   S_ISDIR(info.st_mode) ? "700" : "600", path);
    tell(at, "owner and modes", HSM_ADMIN_ERROR, hint, "%s: owner %u, mode %03o", path,
         (unsigned)info.st_uid, (unsigned)(info.st_mode & 0777u));
    return false;
}

static hsm_err check_modes(exam *at)
{
    const char *directory = at->admin->config->token.storage_path;
    bool is_fine = true;

    if (!at->admin->config->token.persist_objects)
        return HSM_OK;
    for (size_t i = 0; i < HSM_ARRAY_LEN(store_files); i++) {
        HSM_AUTO(hsm_path_drop) char *path = NULL;
        HSM_TRY(hsm_path_join(directory, store_files[i], &path));
        is_fine = is_private(at, path) && is_fine;
    }
    if (is_fine)
        tell(at, "owner and modes", HSM_ADMIN_OK, "", "only for you: %s", directory);
    return HSM_OK;
}

/* Locks end with the process that holds them: one that can't be had belongs to a process that is alive and
 * stuck. */
static hsm_err check_locks(exam *at)
{
    HSM_AUTO(hsm_path_drop) char *path = NULL;
    HSM_AUTO(hsm_fd_drop) int fd = -1;
    char hint[HSM_ADMIN_TEXT_MAX];

    if (!at->admin->config->token.persist_objects)
        return HSM_OK;
    HSM_TRY(hsm_path_join(at->admin->config->token.storage_path, "store.lock", &path));
    if (hsm_lock_open(path, &fd) != HSM_OK)
        return HSM_OK; /* a read-only store has none */
    if (hsm_lock_acquire(fd, HSM_LOCK_EXCLUSIVE, hsm_clock_deadline_ns(LOCK_WAIT_MS)) == HSM_OK) {
        hsm_lock_release(fd);
        tell(at, "locks", HSM_ADMIN_OK, "", "free");
        return HSM_OK;
    }
    (void)snprintf(hint, sizeof hint, "fuser -v '%s' shows the process; end it", path);
    tell(at, "locks", HSM_ADMIN_ERROR, hint, "a process holds %s and does not let go", path);
    return HSM_OK;
}

/* Looked at before the store is opened, which fails when there is none. */
static void check_space(exam *at)
{
    const hsm_config *config = at->admin->config;
    char hint[HSM_ADMIN_TEXT_MAX];
    struct statvfs system;

    if (!config->token.persist_objects || statvfs(config->token.storage_path, &system) != 0)
        return;
    const uint64_t free_bytes = (uint64_t)system.f_bavail * system.f_frsize;
    (void)snprintf(hint, sizeof hint, "make room: df -h '%s'", config->token.storage_path);
    tell(at, "space",
         free_bytes < FREE_BYTES_LEAST    ? HSM_ADMIN_ERROR
         : free_bytes < FREE_BYTES_WANTED ? HSM_ADMIN_WARNING
                                          : HSM_ADMIN_OK,
         hint, "%llu MiB free", (unsigned long long)(free_bytes >> 20));
}

static hsm_err check_store(exam *at)
{
    hsm_core_facts facts;
    const hsm_err err = hsm_admin_open_core(at->admin);

    if (err == HSM_E_SELF_TEST)
        tell(at, "self-tests", HSM_ADMIN_ERROR, "do not use it; docs/self-tests.md",
             "the line above names the one that failed");
    else if (err == HSM_OK)
        tell(at, "self-tests", HSM_ADMIN_OK, "", "passed at the start");
    if (err != HSM_OK) {
        tell(at, "store", HSM_ADMIN_ERROR,
             at->admin->hint[0] != '\0' ? at->admin->hint
                                        : "CRATON_HSM_LOG=stderr:debug shows more",
             "can't be opened: %s", hsm_err_text(err));
        return err;
    }
    HSM_TRY(hsm_core_get_facts(at->admin->core, &facts));
    tell(at, "store", facts.is_read_only ? HSM_ADMIN_WARNING : HSM_ADMIN_OK,
         "make it writable, or leave it so on purpose", "%s%s",
         facts.storage_path != NULL ? facts.storage_path : "in memory: gone with each process",
         facts.is_read_only ? " (read-only: nobody can log in)" : "");
    tell(at, "cryptography", HSM_ADMIN_OK, "", "%s", facts.crypto_version);
    return HSM_OK;
}

/* --- self-tests and integrity ------------------------------------------------------------------- */

/* Other programs, and this one when it starts, refuse what does not fit. */
static void check_file(exam *at, const char *path)
{
    char hint[HSM_ADMIN_TEXT_MAX];
    const hsm_err err = hsm_core_integrity_verify(path);

    (void)snprintf(
        hint, sizeof hint,
        "install it again, or, if you changed it: craton-hsm-admin integrity update '%s'", path);
    if (err == HSM_OK)
        tell(at, "integrity", HSM_ADMIN_OK, "", "%s", path);
    else if (err == HSM_E_STORE_NOT_FOUND)
        tell(at, "integrity", HSM_ADMIN_WARNING, hint, "%s has no .hmac beside it", path);
    else if (err == HSM_E_SELF_TEST)
        tell(at, "integrity", HSM_ADMIN_ERROR, hint, "%s is not what its .hmac was made of", path);
    else
        tell(at, "integrity", HSM_ADMIN_ERROR, hint, "%s can't be checked: %s", path,
             hsm_err_text(err));
}

static void check_self(exam *at)
{
    HSM_AUTO(hsm_path_drop) char *path = NULL;

    if (hsm_self_path(&path) == HSM_OK)
        check_file(at, path);
    else
        tell(at, "integrity", HSM_ADMIN_WARNING, "run the one that is installed now",
             "this program was replaced since it started");
}

/* --- tokens ------------------------------------------------------------------------------------ */

static void check_pins(exam *at, uint32_t slot, const hsm_pin_status *pins)
{
    char hint[96];

    (void)snprintf(hint, sizeof hint, "craton-hsm-admin pin reset --slot %u", (unsigned)slot);
    if (!pins->has_user_pin)
        tell(at, "PINs", HSM_ADMIN_WARNING, hint, "slot %u: no user PIN is set", (unsigned)slot);
    else if (pins->user_tries_left == 0)
        tell(at, "PINs", HSM_ADMIN_ERROR, hint, "slot %u: the user PIN is locked", (unsigned)slot);
    else if (pins->so_tries_left == 0)
        tell(at, "PINs", HSM_ADMIN_ERROR, "back up, then token destroy --without-so-pin and init",
             "slot %u: the security officer PIN is locked for good", (unsigned)slot);
    else if (pins->user_tries_left < pins->tries_max || pins->so_tries_left < pins->tries_max)
        tell(at, "PINs", HSM_ADMIN_WARNING, "log in once with the right PIN; was it somebody else?",
             "slot %u: wrong PINs were tried (%u and %u of %u left)", (unsigned)slot,
             (unsigned)pins->user_tries_left, (unsigned)pins->so_tries_left,
             (unsigned)pins->tries_max);
    else
        tell(at, "PINs", HSM_ADMIN_OK, "", "slot %u: set, no wrong tries", (unsigned)slot);
}

/* Every record is read and its seal checked: public ones always, private ones with the user PIN. */
static hsm_err check_objects(exam *at, uint32_t slot, bool is_open)
{
    uint64_t count = 0;
    const hsm_err err = hsm_core_check_objects(at->admin->core, slot, &count);

    if (err == HSM_OK)
        tell(at, "objects", HSM_ADMIN_OK, "", "slot %u: %llu whole%s", (unsigned)slot,
             (unsigned long long)count,
             is_open ? "" : " (public ones; --pin-file checks the private ones too)");
    else
        tell(at, "objects", HSM_ADMIN_ERROR, "restore the latest backup: craton-hsm-admin restore",
             "slot %u: after %llu whole ones: %s", (unsigned)slot, (unsigned long long)count,
             hsm_err_text(err));
    return HSM_OK;
}

static hsm_err check_slot(exam *at, uint32_t slot, CK_SLOT_ID chosen)
{
    hsm_admin *admin = at->admin;
    hsm_pin_status pins;

    const hsm_err err = hsm_core_pin_status(admin->core, slot, &pins);
    if (err != HSM_OK) {
        tell(at, "token", HSM_ADMIN_ERROR, "restore the store's files from a copy", "slot %u: %s",
             (unsigned)slot, hsm_err_text(err));
        return HSM_OK;
    }
    if (!pins.is_initialized && slot != chosen) /* a slot that is left empty is no fault */
        return HSM_OK;
    if (!pins.is_initialized) {
        tell(at, "token", HSM_ADMIN_WARNING, "craton-hsm-admin token init --label NAME",
             "slot %u: not initialised", (unsigned)slot);
        return HSM_OK;
    }
    check_pins(at, slot, &pins);
    return HSM_OK;
}

/* The slot of --slot is read through, with the user's eyes when there is a PIN. */
static hsm_err check_tokens(exam *at)
{
    hsm_admin *admin = at->admin;
    CK_SESSION_HANDLE session = HSM_HANDLE_NONE;
    hsm_pin_status pins;
    CK_SLOT_ID slot = 0;
    const bool has_pin = hsm_admin_has_secret(admin, HSM_ADMIN_USER_PIN);

    HSM_TRY(hsm_admin_slot(admin, &slot));
    for (uint32_t i = 0; i < hsm_core_slot_count(admin->core); i++)
        HSM_TRY(check_slot(at, i, slot));
    HSM_TRY(hsm_core_pin_status(admin->core, slot, &pins));
    if (!pins.is_initialized)
        return HSM_OK;
    if (has_pin)
        HSM_TRY(hsm_admin_login(admin, HSM_ADMIN_USER_PIN, &session));
    return check_objects(at, (uint32_t)slot, has_pin);
}

/* --- the audit log ----------------------------------------------------------------------------- */

static hsm_err check_audit(exam *at)
{
    HSM_AUTO(hsm_core_audit_drop) hsm_core_audit *audit = NULL;
    hsm_audit_verdict verdict;

    if (!at->admin->config->audit.enabled)
        return HSM_OK;
    hsm_err err = hsm_admin_open_audit(at->admin, hsm_bytes_none(), &audit);
    if (err == HSM_OK)
        err = hsm_admin_verify_audit(audit, &verdict);
    at->logged_ns = err == HSM_OK ? verdict.last_timestamp : 0;
    if (err != HSM_OK)
        tell(at, "audit log", HSM_ADMIN_ERROR, "craton-hsm-admin audit verify-chain",
             "can't be verified: %s", hsm_err_text(err));
    else if (verdict.fault != HSM_AUDIT_FAULT_NONE)
        tell(at, "audit log", HSM_ADMIN_ERROR, "craton-hsm-admin audit verify-chain",
             "entry %llu: %s", (unsigned long long)verdict.bad_index,
             hsm_audit_fault_text(verdict.fault));
    else
        tell(at, "audit log", HSM_ADMIN_OK, "", "%llu entries, whole and authentic",
             (unsigned long long)verdict.entries);
    return HSM_OK;
}

/* --- the clock --------------------------------------------------------------------------------- */

/* Entries are never earlier than those before them: a clock that is was set back. */
static void check_clock(exam *at)
{
    char logged[HSM_ADMIN_TIME_CHARS];
    struct tm now;

    hsm_clock_utc(&now);
    if (now.tm_year + YEAR_ZERO < YEAR_MIN) {
        tell(at, "clock", HSM_ADMIN_ERROR, "timedatectl set-ntp true",
             "it says %04d: validity dates and the log would be wrong", now.tm_year + YEAR_ZERO);
    } else if (hsm_clock_wall_ns() + CLOCK_SLACK_NS < at->logged_ns) {
        hsm_admin_time_text(at->logged_ns, logged);
        tell(at, "clock", HSM_ADMIN_WARNING, "timedatectl set-ntp true",
             "it says %04d-%02d-%02d UTC, before the last entry of the audit log: %s",
             now.tm_year + YEAR_ZERO, now.tm_mon + 1, now.tm_mday, logged);
    } else {
        tell(at, "clock", HSM_ADMIN_OK, "", "%04d-%02d-%02d UTC", now.tm_year + YEAR_ZERO,
             now.tm_mon + 1, now.tm_mday);
    }
}

/* --- p11-kit ----------------------------------------------------------------------------------- */

/* "module: PATH" in the text of a file of p11-kit; cuts the text into lines. NULL: not our module. */
static char *module_line(char *text)
{
    static const char key[] = "module:";
    char *rest = NULL;

    for (char *line = strtok_r(text, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        if (strncmp(line, key, sizeof key - 1) == 0 && strstr(line, "libcraton_hsm") != NULL) {
            line += sizeof key - 1;
            line[strcspn(line, "\r")] = '\0';
            return line + strspn(line, " \t");
        }
    }
    return NULL;
}

/* out_module is only set when the file names our module. */
static hsm_err read_module_file(const char *directory, const char *name, char **out_module)
{
    HSM_AUTO(hsm_path_drop) char *path = NULL;
    HSM_AUTO(hsm_buf_clear) hsm_buf text = { 0 };
    const uint8_t end = 0;

    HSM_TRY(hsm_path_join(directory, name, &path));
    HSM_TRY(hsm_file_read(path, HSM_FILE_ANY, MODULE_FILE_MAX_BYTES, &text));
    HSM_TRY(hsm_buf_append(&text, hsm_bytes_of(&end, 1)));
    const char *module = module_line((char *)text.data);
    if (module != NULL)
        *out_module = hsm_text_dup(module);
    return HSM_OK;
}

static void close_directory(DIR **directory)
{
    if (*directory != NULL)
        (void)closedir(*directory);
}

static const struct dirent *next_of(DIR *directory)
{
    /* cppcheck-suppress readdirCalled ; this program has one thread */
    return readdir(directory);
}

/* The module as a file in this directory names it; NULL: none does. free() it. */
static char *find_registered(const char *path)
{
    HSM_AUTO(close_directory) DIR *directory = opendir(path);
    char *module = NULL;

    if (directory == NULL)
        return NULL;
    for (const struct dirent *entry = next_of(directory); entry != NULL && module == NULL;
         entry = next_of(directory)) {
        if (strstr(entry->d_name, ".module") != NULL &&
            read_module_file(path, entry->d_name, &module) != HSM_OK)
            module = NULL;
    }
    return module;
}

static void check_p11kit(exam *at)
{
    HSM_AUTO(hsm_path_drop) char *module = NULL;
    const char *home = hsm_env_get("HOME");
    char user[HSM_ADMIN_TEXT_MAX] = "";

    if (home != NULL)
        (void)snprintf(user, sizeof user, "%s/.config/pkcs11/modules", home);
    const char *const directories[] = { user, "/etc/pkcs11/modules", "/usr/share/p11-kit/modules" };
    for (size_t i = 0; i < HSM_ARRAY_LEN(directories) && module == NULL; i++)
        module = directories[i][0] != '\0' ? find_registered(directories[i]) : NULL;
    if (module == NULL) {
        tell(at, "p11-kit", HSM_ADMIN_WARNING,
             "echo 'module: /path/to/libcraton_hsm.so' >/etc/pkcs11/modules/craton-hsm.module",
             "the module is not registered");
        return;
    }
    tell(at, "p11-kit", HSM_ADMIN_OK, "", "the module is registered");
    if (module[0] ==
        '/') /* a bare name is looked for in p11-kit's own folder, which we don't know */
        check_file(at, module);
}

/* --- all of it --------------------------------------------------------------------------------- */

static const hsm_admin_column check_columns[] = {
    { "check", "CHECK" },
    { "verdict", "STATE" },
    { "finding", "FINDING" },
    { "hint", NULL },
};

/* Each step is worth looking at only if the one before it did not fail. */
static hsm_err examine(exam *at)
{
    check_memory(at);
    check_self(at);
    check_p11kit(at);
    if (check_config(at) != HSM_OK)
        return HSM_OK;
    HSM_TRY(check_modes(at));
    HSM_TRY(check_locks(at));
    check_space(at);
    if (check_store(at) != HSM_OK)
        return HSM_OK;
    HSM_TRY(check_tokens(at));
    return check_audit(at);
}

static hsm_err run_doctor(hsm_admin *admin)
{
    exam at = { .admin = admin };

    hsm_admin_table(admin->report, "checks", check_columns, HSM_ARRAY_LEN(check_columns));
    HSM_TRY(examine(&at));
    check_clock(&at);
    hsm_admin_table_end(admin->report);
    hsm_admin_put_bool(admin->report, "healthy", NULL, !at.has_finding);
    admin->is_quiet_failure = at.has_finding;
    return at.has_finding ? HSM_E_NOT_INITIALIZED : HSM_OK; /* only its exit status is seen */
}

static const hsm_admin_option doctor_options[] = {
    HSM_ADMIN_OPTION_SLOT,
    HSM_ADMIN_OPTIONS_SECRET("pin", "user PIN, to read private objects through as well"),
    { .name = NULL },
};

static const hsm_admin_command doctor_commands[] = {
    {
        .name = "",
        .summary = "look for what is wrong, and say what to type",
        .text = "Exit status 0 only when nothing is to be said, else 5.",
        .options = doctor_options,
        .run = run_doctor,
    },
};

const hsm_admin_group hsm_admin_doctor_group = {
    .name = "doctor",
    .summary = "look for what is wrong, and say what to type",
    .commands = doctor_commands,
    .command_count = HSM_ARRAY_LEN(doctor_commands),
};
