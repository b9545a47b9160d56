/* integrity: the HMAC beside the module or a program, from which each proves itself when it starts.
 * SPDX-License-Identifier: Apache-2.0 */
#include "admin/admin.h"
#include "os/paths.h"
#include "os/self.h"

#define UPDATE_HINT "craton-hsm-admin integrity update '%s', if it is you who changed it"

/* The file that is meant: without a FILE this program itself. */
static hsm_err find_file(hsm_admin *admin, char **out_path)
{
    if (admin->operand == NULL)
        return hsm_self_path(out_path);
    *out_path = hsm_text_dup(admin->operand);
    HSM_CHECK(*out_path != NULL, HSM_E_NO_MEMORY);
    return HSM_OK;
}

static hsm_err explain(hsm_admin *admin, const char *path, hsm_err err)
{
    if (err == HSM_OK)
        return HSM_OK;
    if (err == HSM_E_SELF_TEST) {
        hsm_admin_hint(admin, "install it again; or " UPDATE_HINT, path);
        return hsm_admin_fail(admin, HSM_E_STORE_CORRUPT, "%s is not what its .hmac was made of",
                              path);
    }
    if (err == HSM_E_STORE_NOT_FOUND) {
        hsm_admin_hint(admin, UPDATE_HINT, path);
        return hsm_admin_fail(admin, err, "%s, or its .hmac beside it", path);
    }
    return hsm_admin_fail(admin, err, "%s", path);
}

static hsm_err run_update(hsm_admin *admin)
{
    HSM_AUTO(hsm_path_drop) char *path = NULL;

    HSM_TRY(find_file(admin, &path));
    const hsm_err err = hsm_core_integrity_update(path);
    if (err != HSM_OK)
        return hsm_admin_fail(admin, err, "%s", path);
    hsm_admin_put_text(admin->report, "file", "File", path);
    hsm_admin_put_verdict(admin->report, "verdict", ".hmac written", HSM_ADMIN_OK);
    return HSM_OK;
}

static hsm_err run_verify(hsm_admin *admin)
{
    HSM_AUTO(hsm_path_drop) char *path = NULL;

    HSM_TRY(find_file(admin, &path));
    HSM_TRY(explain(admin, path, hsm_core_integrity_verify(path)));
    hsm_admin_put_text(admin->report, "file", "File", path);
    hsm_admin_put_verdict(admin->report, "verdict", "As its .hmac says", HSM_ADMIN_OK);
    return HSM_OK;
}

static const hsm_admin_option no_options[] = { { .name = NULL } };

static const hsm_admin_command integrity_commands[] = {
    {
        .name = "update",
        .operand = "[FILE]",
        .summary = "write the .hmac beside a module or program",
        .text = "After whoever installed it has changed it, for instance stripped it. FILE: the "
                "module, or a\nprogram that contains the core; without it, this program.",
        .options = no_options,
        .run = run_update,
    },
    {
        .name = "verify",
        .operand = "[FILE]",
        .summary = "compare a module or program with the .hmac beside it",
        .text = "As the module and the programs themselves do when they start.",
        .options = no_options,
        .run = run_verify,
    },
};

const hsm_admin_group hsm_admin_integrity_group = {
    .name = "integrity",
    .summary = "the .hmac beside the module and the programs",
    .commands = integrity_commands,
    .command_count = HSM_ARRAY_LEN(integrity_commands),
};
