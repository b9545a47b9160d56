/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/secrets.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "admin/admin.h"
#include "admin/terminal.h"
#include "base/ct.h"
#include "os/file.h"
#include "os/paths.h"

static const struct {
    const char *option; /* --OPTION-file, --OPTION-fd, credential craton-hsm-OPTION */
    const char *name;
    bool is_new; /* asked for twice */
} roles[HSM_ADMIN_ROLE_COUNT] = {
    [HSM_ADMIN_USER_PIN] = { "pin", "user PIN", false },
    [HSM_ADMIN_SO_PIN] = { "so-pin", "security officer PIN", false },
    [HSM_ADMIN_FIRST_USER_PIN] = { "pin", "user PIN", true },
    [HSM_ADMIN_FIRST_SO_PIN] = { "so-pin", "security officer PIN", true },
    [HSM_ADMIN_NEW_USER_PIN] = { "new-pin", "new user PIN", true },
    [HSM_ADMIN_NEW_SO_PIN] = { "new-so-pin", "new security officer PIN", true },
    [HSM_ADMIN_FILE_PASSPHRASE] = { "passphrase", "passphrase of the file", false },
    [HSM_ADMIN_NEW_PASSPHRASE] = { "new-passphrase", "passphrase for the file", true },
    [HSM_ADMIN_OTHER_TOKEN_PIN] = { "source-pin", "user PIN of the token to migrate", false },
};

const char *hsm_admin_role_name(hsm_admin_role role)
{
    return roles[role].name;
}

/* --- sources ---------------------------------------------------------------------------------- */

/* Keeps the first line. errors HSM_E_DATA (nothing in it), HSM_E_LIMIT */
static hsm_err keep_line(hsm_secret *secret)
{
    HSM_TRY(hsm_secret_keep_line(secret));
    return hsm_secret_len(secret) <= HSM_ADMIN_SECRET_MAX_BYTES ? HSM_OK : HSM_E_LIMIT;
}

/* What a file may hold beyond its first line: notes, of no interest. */
#define FILE_MAX_BYTES (HSM_ADMIN_SECRET_MAX_BYTES * 4)

static hsm_err explain_file(hsm_admin *admin, const char *path, hsm_err err)
{
    if (err == HSM_E_STORE_PERMISSION)
        hsm_admin_hint(admin, "chmod 600 %s", path);
    else if (err == HSM_E_DATA)
        hsm_admin_hint(admin, "put the secret into the first line of %s", path);
    return err == HSM_OK ? err : hsm_admin_fail(admin, err, "%s", path);
}

static hsm_err from_file(hsm_admin *admin, const char *path, hsm_file_check checks,
                         hsm_secret **out_secret)
{
    HSM_AUTO(hsm_secret_drop) hsm_secret *secret = NULL;

    hsm_err err = hsm_file_read_secret(path, (unsigned)checks, FILE_MAX_BYTES, &secret);
    if (err == HSM_OK)
        err = keep_line(secret);
    HSM_TRY(explain_file(admin, path, err));
    *out_secret = HSM_MOVE(secret);
    return HSM_OK;
}

/* Reads until the end of the line or of the input, byte by byte, so that what follows stays there for
 * whoever else reads the descriptor. */
static hsm_err read_line_fd(int fd, hsm_secret **out_secret)
{
    HSM_AUTO(hsm_secret_drop) hsm_secret *secret = NULL;
    size_t len = 0;

    HSM_TRY(hsm_secret_create(HSM_ADMIN_SECRET_MAX_BYTES + 1, &secret));
    while (len <= HSM_ADMIN_SECRET_MAX_BYTES) {
        const ssize_t got = read(fd, hsm_secret_data(secret) + len, 1);
        HSM_CHECK(got >= 0, HSM_E_ARG);
        if (got == 0 || hsm_secret_data(secret)[len] == '\n')
            break;
        len++;
    }
    HSM_CHECK(len <= HSM_ADMIN_SECRET_MAX_BYTES, HSM_E_LIMIT);
    HSM_CHECK(len > 0, HSM_E_DATA);
    hsm_secret_shrink(secret, len);
    HSM_TRY(keep_line(secret));
    *out_secret = HSM_MOVE(secret);
    return HSM_OK;
}

static hsm_err from_fd(hsm_admin *admin, const char *option, hsm_secret **out_secret)
{
    const hsm_admin_range range = { .min = 0, .max = 1023 };
    uint64_t fd = 0;

    HSM_TRY(hsm_admin_number(admin, option, range, &fd));
    const hsm_err err = read_line_fd((int)fd, out_secret);
    return err == HSM_OK ? err : hsm_admin_fail(admin, err, "--%s %u", option, (unsigned)fd);
}

/* The path of the role's credential if systemd gave one; NULL if not. */
static hsm_err find_credential(hsm_admin_role role, char **out_path)
{
    char name[64];

    (void)snprintf(name, sizeof name, "craton-hsm-%s", roles[role].option);
    return hsm_path_credential(name, out_path);
}

/* --- the prompt ------------------------------------------------------------------------------- */

static hsm_err ask_once(const char *prefix, hsm_admin_role role, hsm_secret **out_secret)
{
    char prompt[128];

    (void)snprintf(prompt, sizeof prompt, "%s%s: ", prefix, roles[role].name);
    return hsm_terminal_ask_secret(prompt, HSM_ADMIN_SECRET_MAX_BYTES, out_secret);
}

static hsm_err ask(hsm_admin *admin, hsm_admin_role role, hsm_secret **out_secret)
{
    HSM_AUTO(hsm_secret_drop) hsm_secret *first = NULL;
    HSM_AUTO(hsm_secret_drop) hsm_secret *again = NULL;

    HSM_TRY(ask_once("", role, &first));
    if (roles[role].is_new) {
        HSM_TRY(ask_once("again, ", role, &again));
        if (!hsm_ct_equal(hsm_secret_view(first), hsm_secret_view(again)))
            return hsm_admin_fail(admin, HSM_E_DATA, "the two are not the same");
    }
    *out_secret = HSM_MOVE(first);
    return HSM_OK;
}

static hsm_err explain_prompt(hsm_admin *admin, hsm_admin_role role, hsm_err err)
{
    switch ((int)err) {
    case HSM_E_STORE_NOT_FOUND:
        hsm_admin_hint(admin, "give --%s-file FILE or --%s-fd N", roles[role].option,
                       roles[role].option);
        return hsm_admin_fail(admin, HSM_E_ARG, "no terminal to ask for the %s", roles[role].name);
    case HSM_E_DATA:
        return admin->what[0] != '\0' ? err
                                      : hsm_admin_fail(admin, err, "no %s given", roles[role].name);
    default:
        return err;
    }
}

/* --- one secret ------------------------------------------------------------------------------- */

static void option_names(hsm_admin_role role, char file[32], char fd[32])
{
    (void)snprintf(file, 32, "%s-file", roles[role].option);
    (void)snprintf(fd, 32, "%s-fd", roles[role].option);
}

bool hsm_admin_has_secret(const hsm_admin *admin, hsm_admin_role role)
{
    HSM_AUTO(hsm_path_drop) char *credential = NULL;
    char file[32];
    char fd[32];

    option_names(role, file, fd);
    if (hsm_admin_is_given(admin, file) || hsm_admin_is_given(admin, fd))
        return true;
    return find_credential(role, &credential) == HSM_OK && credential != NULL;
}

hsm_err hsm_admin_get_secret(hsm_admin *admin, hsm_admin_role role, hsm_secret **out_secret)
{
    HSM_AUTO(hsm_path_drop) char *credential = NULL;
    char file[32];
    char fd[32];

    option_names(role, file, fd);
    if (hsm_admin_is_given(admin, file) && hsm_admin_is_given(admin, fd))
        return hsm_admin_fail(admin, HSM_E_ARG, "--%s and --%s together", file, fd);
    if (hsm_admin_is_given(admin, file))
        return from_file(admin, hsm_admin_text(admin, file), HSM_FILE_PRIVATE, out_secret);
    if (hsm_admin_is_given(admin, fd))
        return from_fd(admin, fd, out_secret);
    HSM_TRY(find_credential(role, &credential));
    /* For services with a user of their own, systemd gives access by an access control list, which
     * shows as a group's right: what it keeps private is the directory. */
    if (credential != NULL)
        return from_file(admin, credential, HSM_FILE_TRUSTED, out_secret);
    return explain_prompt(admin, role, ask(admin, role, out_secret));
}

hsm_err hsm_admin_weak_passphrase(hsm_admin *admin)
{
    hsm_admin_hint(admin,
                   "16 characters of 3 kinds (small, capital, digit, other) with 6 different "
                   "ones, or 24 with 12 different ones");
    return hsm_admin_fail(admin, HSM_E_PIN_LEN, "the passphrase is too weak");
}
