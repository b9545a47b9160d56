/* craton-hsm-admin: the operator's command.
 * SPDX-License-Identifier: Apache-2.0 */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "admin/admin.h"
#include "admin/terminal.h"
#include "base/log.h"
#include "os/env.h"
#include "os/file.h"

static hsm_err print_report(const hsm_admin *admin, bool is_ok)
{
    char command[64];

    if (!admin->is_json)
        return hsm_admin_report_print(admin->report, hsm_terminal_has_colour(stdout), stdout);
    (void)snprintf(command, sizeof command, "%s%s%s", admin->group->name,
                   admin->command->name[0] != '\0' ? " " : "", admin->command->name);
    return hsm_admin_report_json(admin->report, command, is_ok, stdout);
}

/* The reader of a pipe that ended first ("| head") has what it wants and needs no message. */
static bool is_reader_gone(void)
{
    struct pollfd out = { .fd = STDOUT_FILENO, .events = POLLOUT };

    return poll(&out, 1, 0) == 1 && (out.revents & POLLERR) != 0;
}

/* Whatever wrote to standard output, a result that did not get there is an error. */
static hsm_err check_output(hsm_admin *admin, hsm_err err)
{
    if (fflush(stdout) == 0 && ferror(stdout) == 0)
        return err;
    if (err != HSM_OK && err != HSM_E_STORE_IO && !admin->is_quiet_failure)
        return err;
    admin->is_quiet_failure = is_reader_gone();
    return hsm_admin_fail(admin, HSM_E_STORE_IO, "standard output");
}

static hsm_err run(hsm_admin *admin, int argc, char *const *argv)
{
    HSM_TRY(hsm_admin_report_create(&admin->report));
    HSM_TRY(hsm_admin_parse(admin, argc, argv));
    if (admin->is_help || argc == 1) {
        hsm_admin_print_help(admin->group, admin->command);
        return HSM_OK;
    }
    if (admin->is_version) {
        (void)printf("craton-hsm-admin %d.%d\n", HSM_LIBRARY_VERSION_MAJOR,
                     HSM_LIBRARY_VERSION_MINOR);
        return HSM_OK;
    }
    const hsm_err err = admin->command->run(admin);
    if (err != HSM_OK && !admin->is_quiet_failure)
        return err;
    if (!admin->is_written)
        HSM_TRY(print_report(admin, err == HSM_OK));
    return err;
}

int main(int argc, char **argv)
{
    const hsm_log_options log = { .sink = HSM_LOG_STDERR, .level = HSM_LOG_WARNING };
    hsm_admin admin = { 0 };

    if (hsm_fd_fill_standard() != HSM_OK)
        return HSM_EXIT_RESOURCE;
    (void)signal(SIGPIPE, SIG_IGN); /* a reader that goes away is an error of writing */
    (void)umask(077);
    hsm_log_configure(hsm_log_parse(hsm_env_get("CRATON_HSM_LOG"), log));
    const hsm_err err = check_output(&admin, run(&admin, argc, argv));
    const int status = err == HSM_OK ? 0 : hsm_admin_tell_error(&admin, err);
    hsm_admin_clear(&admin);
    return argc == 1 ? HSM_EXIT_USAGE : status;
}
