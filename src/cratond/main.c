/* cratond: the HSM over gRPC with mutual TLS.
 * SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "base/log.h"
#include "config/config.h"
#include "core/core.h"
#include "core/process.h"
#include "cratond/server.h"
#include "os/env.h"
#include "os/file.h"

static const char usage[] =
    "usage: cratond [--config FILE] [--check]\n"
    "\n"
    "  --config FILE  the configuration; else the usual places (CRATON_HSM_CONFIG, ...)\n"
    "  --check        read the configuration and its TLS files, open the store, and end\n"
    "  --version      print the version and end\n"
    "  --help         print this and end\n"
    "\n"
    "SIGHUP reads certificates, keys and the list of revoked certificates again; SIGTERM finishes\n"
    "the calls that run and ends. CRATON_HSM_LOG sets where diagnostics go: stderr:info here, "
    "unless\n"
    "it says otherwise.\n"
    "\n"
    "Exit status: 0 done, 2 arguments or configuration, 3 denied, 6 data, 7 resource (an address "
    "in\n"
    "use, no space), 8 internal.\n";

typedef struct options {
    const char *config;
    bool is_check;
    bool is_version;
    bool is_help;
} options;

/* NULL, or the argument that is none, or lacks its value. */
static const char *read_options(int count, char **arguments, options *out)
{
    for (int i = 1; i < count; i++) {
        if (strcmp(arguments[i], "--config") == 0 && i + 1 < count)
            out->config = arguments[++i];
        else if (strcmp(arguments[i], "--check") == 0)
            out->is_check = true;
        else if (strcmp(arguments[i], "--version") == 0)
            out->is_version = true;
        else if (strcmp(arguments[i], "--help") == 0)
            out->is_help = true;
        else
            return arguments[i];
    }
    return NULL;
}

/* Keys and PINs pass through: no core file, no debugger of another program of the same user. */
static void harden(void)
{
    const struct rlimit none = { 0, 0 };

    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    (void)setrlimit(RLIMIT_CORE, &none);
    (void)signal(SIGPIPE, SIG_IGN);
}

/* They come through a descriptor; threads that are made from now on have them blocked as well. */
static void block_signals(void)
{
    sigset_t set;

    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGHUP);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
}

static void drop_server(server **on)
{
    server_close(*on);
}

static hsm_err serve(const options *given)
{
    HSM_AUTO(hsm_config_drop) hsm_config *config = NULL;
    HSM_AUTO(drop_server) server *on = NULL;

    HSM_TRY(hsm_core_process_watch());
    HSM_TRY(given->config != NULL ? hsm_config_load_file(given->config, &config)
                                  : hsm_config_load(&config));
    if (given->is_check)
        return server_check(config);
    HSM_TRY(server_open(config, &on));
    return server_run(on);
}

int main(int count, char **arguments)
{
    static const hsm_log_options usual = { .sink = HSM_LOG_STDERR, .level = HSM_LOG_INFO };
    options given = { .config = NULL };

    if (hsm_fd_fill_standard() != HSM_OK)
        return HSM_EXIT_RESOURCE;
    const char *bad = read_options(count, arguments, &given);
    if (bad != NULL) {
        (void)fprintf(stderr, "cratond: unknown argument, or one without its value: %s\n\n%s", bad,
                      usage);
        return HSM_EXIT_USAGE;
    }
    if (given.is_help || given.is_version) {
        if (given.is_help)
            (void)fputs(usage, stdout);
        else
            (void)printf("cratond %d.%d\n", HSM_LIBRARY_VERSION_MAJOR, HSM_LIBRARY_VERSION_MINOR);
        return 0;
    }
    harden();
    block_signals();
    hsm_log_configure(hsm_log_parse(hsm_env_get("CRATON_HSM_LOG"), usual));
    const hsm_err err = serve(&given);
    /* What is wrong with the configuration or an address was said where it was seen. */
    if (err != HSM_OK && err != HSM_E_CONFIG && err != HSM_E_ADDRESS)
        hsm_log(HSM_LOG_ERROR, "cratond ends: %s", hsm_err_text(err));
    return err == HSM_OK ? 0 : hsm_err_exit(err);
}
