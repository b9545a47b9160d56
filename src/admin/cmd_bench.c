/* bench: how fast this machine is.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "admin/admin.h"
#include "admin/bench.h"
#include "admin/terminal.h"
#include "base/handle.h"
#include "core/operator.h"
#include "os/random.h"
#include "os/thread.h"

#define PIN_CHARS 32u
#define CONFIG_MAX_BYTES 512u
#define LABEL_BYTES 32u

/* --- a token that is nowhere but in the memory of this process ------------------------------------ */

static const char *word_of(bool value)
{
    return value ? "true" : "false";
}

/* The operator's algorithms, since they decide about speed; nothing of the store, no log. */
static hsm_err make_config(const hsm_config *own, hsm_config **out_config)
{
    char text[CONFIG_MAX_BYTES];

    (void)snprintf(text, sizeof text,
                   "[token]\npersist_objects = false\n"
                   "[audit]\nenabled = false\n"
                   "[algorithms]\ncrypto_backend = \"%s\"\nfips_approved_only = %s\n"
                   "enable_pqc = %s\ndeterministic_ecdsa = %s\n",
                   own->algorithms.crypto_backend, word_of(own->algorithms.fips_approved_only),
                   word_of(own->algorithms.enable_pqc),
                   word_of(own->algorithms.deterministic_ecdsa));
    return hsm_config_parse(hsm_bytes_of_text(text), "bench", out_config, NULL);
}

/* Nobody ever types it. */
static hsm_err make_pin(hsm_secret **out_pin)
{
    HSM_AUTO(hsm_secret_drop) hsm_secret *pin = NULL;

    HSM_TRY(hsm_secret_create(PIN_CHARS, &pin));
    uint8_t *chars = hsm_secret_data(pin);
    HSM_TRY(hsm_os_random(chars, PIN_CHARS));
    for (size_t i = 0; i < PIN_CHARS; i++)
        chars[i] = (uint8_t)('a' + chars[i] % 16);
    *out_pin = HSM_MOVE(pin);
    return HSM_OK;
}

/* A token in slot 0, and its user logged in for as long as the core is open. */
static hsm_err make_token(hsm_core *core)
{
    HSM_AUTO(hsm_secret_drop) hsm_secret *pin = NULL;
    uint8_t label[LABEL_BYTES];
    CK_SESSION_HANDLE session = HSM_HANDLE_NONE;

    memset(label, ' ', sizeof label);
    HSM_TRY(make_pin(&pin));
    HSM_TRY(hsm_core_init_token(core, 0, hsm_secret_view(pin), label));
    HSM_TRY(hsm_core_open_session(core, 0, CKF_SERIAL_SESSION | CKF_RW_SESSION, &session));
    HSM_TRY(hsm_core_login(core, session, CKU_SO, hsm_secret_view(pin)));
    HSM_TRY(hsm_core_init_pin(core, session, hsm_secret_view(pin)));
    HSM_TRY(hsm_core_logout(core, session));
    return hsm_core_login(core, session, CKU_USER, hsm_secret_view(pin));
}

static void core_drop(hsm_core **core)
{
    hsm_core_close(*core);
}

/* --- rows ----------------------------------------------------------------------------------------- */

static bool is_wanted(const hsm_admin *admin, const hsm_bench_row *row)
{
    const char *text = hsm_admin_text(admin, "row");

    return text == NULL || strcasestr(row->name, text) != NULL;
}

static size_t count_wanted(const hsm_admin *admin)
{
    size_t count = 0;
    size_t wanted = 0;
    const hsm_bench_row *rows = hsm_bench_rows(&count);

    for (size_t i = 0; i < count; i++)
        wanted += is_wanted(admin, &rows[i]) ? 1 : 0;
    return wanted;
}

static hsm_err refuse_row(hsm_admin *admin)
{
    char names[HSM_ADMIN_TEXT_MAX] = "";
    size_t count = 0;
    size_t len = 0;
    const hsm_bench_row *rows = hsm_bench_rows(&count);

    for (size_t i = 0; i < count && len < sizeof names; i++)
        len += (size_t)snprintf(names + len, sizeof names - len, "%s%s", i == 0 ? "" : ", ",
                                rows[i].name);
    hsm_admin_hint(admin, "a part of one of these: %s", names);
    return hsm_admin_fail(admin, HSM_E_ARG, "--row %s: there is no such row",
                          hsm_admin_text(admin, "row"));
}

/* What the configuration forbids, or the disk, is left out: the other rows are worth having. */
static bool is_left_out(hsm_err err)
{
    static const hsm_err reasons[] = {
        HSM_E_MECHANISM,        HSM_E_MECHANISM_PARAM, HSM_E_STORE_NOT_FOUND,
        HSM_E_STORE_PERMISSION, HSM_E_STORE_FULL,      HSM_E_STORE_READ_ONLY,
    };

    for (size_t i = 0; i < HSM_ARRAY_LEN(reasons); i++) {
        if (err == reasons[i])
            return true;
    }
    return false;
}

static hsm_err put_row(hsm_admin *admin, const hsm_bench_setup *setup, const hsm_bench_row *row)
{
    hsm_admin_report *report = admin->report;
    hsm_bench_speed speed = { 0 };
    const hsm_err err = hsm_bench_measure(setup, row, &speed);

    if (err != HSM_OK && !is_left_out(err))
        return hsm_admin_fail(admin, err, "%s", row->name);
    hsm_admin_row(report);
    hsm_admin_put_text(report, NULL, NULL, row->name);
    if (err == HSM_OK) {
        hsm_admin_put_number(report, NULL, NULL, speed.per_second);
        hsm_admin_put_number(report, NULL, NULL, speed.nanoseconds);
        return HSM_OK;
    }
    hsm_admin_put_text(report, NULL, NULL, NULL);
    hsm_admin_put_text(report, NULL, NULL, NULL);
    hsm_admin_note(report, "%s: not measured: %s", row->name, hsm_err_text(err));
    return HSM_OK;
}

static const hsm_admin_column columns[] = {
    { "operation", "OPERATION" },
    { "per_second", "PER SECOND" },
    { "nanoseconds", "NANOSECONDS" },
};

static hsm_err put_rows(hsm_admin *admin, const hsm_bench_setup *setup)
{
    const size_t wanted = count_wanted(admin);
    size_t count = 0;
    size_t done = 0;
    hsm_err err = HSM_OK;
    hsm_progress progress;
    const hsm_bench_row *rows = hsm_bench_rows(&count);

    hsm_progress_begin(&progress, "measuring");
    hsm_admin_table(admin->report, "rows", columns, HSM_ARRAY_LEN(columns));
    for (size_t i = 0; i < count && err == HSM_OK; i++) {
        if (!is_wanted(admin, &rows[i]))
            continue;
        err = put_row(admin, setup, &rows[i]);
        hsm_progress_step(&progress, ++done, wanted);
    }
    hsm_admin_table_end(admin->report);
    hsm_progress_end(&progress);
    return err;
}

/* --- the command ---------------------------------------------------------------------------------- */

static hsm_err put_machine(hsm_admin *admin, const hsm_bench_setup *setup)
{
    hsm_core_facts facts;

    HSM_TRY(hsm_core_get_facts(setup->core, &facts));
    hsm_admin_put_text(admin->report, "crypto", "Cryptography", facts.crypto_version);
    hsm_admin_put_bool(admin->report, "approved_only", "Approved only",
                       admin->config->algorithms.fips_approved_only);
    hsm_admin_put_number(admin->report, "processors", "Processors", hsm_processor_count());
    hsm_admin_put_number(admin->report, "threads", "Threads", setup->threads);
    hsm_admin_put_number(admin->report, "seconds", NULL, setup->seconds);
    hsm_admin_put_text(admin->report, "directory", "Durable writes to", setup->directory);
    return HSM_OK;
}

static hsm_err read_options(hsm_admin *admin, hsm_bench_setup *setup)
{
    const hsm_admin_range seconds = { .min = 0, .max = HSM_BENCH_SECONDS_MAX, .fallback = 1 };
    const hsm_admin_range threads = { .min = 1, .max = HSM_BENCH_THREADS_MAX, .fallback = 1 };

    HSM_TRY(hsm_admin_number(admin, "seconds", seconds, &setup->seconds));
    HSM_TRY(hsm_admin_number(admin, "threads", threads, &setup->threads));
    return count_wanted(admin) > 0 ? HSM_OK : refuse_row(admin);
}

static hsm_err run_bench(hsm_admin *admin)
{
    HSM_AUTO(hsm_config_drop) hsm_config *config = NULL; /* outlives the core */
    HSM_AUTO(core_drop) hsm_core *core = NULL;
    hsm_bench_setup setup = { 0 };

    HSM_TRY(read_options(admin, &setup));
    HSM_TRY(hsm_admin_open_config(admin));
    HSM_TRY(make_config(admin->config, &config));
    HSM_TRY(hsm_core_open(config, &core));
    HSM_TRY(make_token(core));
    setup.core = core;
    setup.directory =
        admin->config->token.persist_objects ? admin->config->token.storage_path : NULL;
    HSM_TRY(put_machine(admin, &setup));
    return put_rows(admin, &setup);
}

static const hsm_admin_option bench_options[] = {
    { .name = "row",
      .value = "TEXT",
      .help = "only rows with this in their name, as P-256 or sign",
      .kind = HSM_ADMIN_TEXT },
    { .name = "seconds",
      .value = "N",
      .help = "for each row, 0 to 60 (1); 0: each operation once",
      .kind = HSM_ADMIN_NUMBER },
    { .name = "threads",
      .value = "N",
      .help = "that work at once, 1 to 64 (1)",
      .kind = HSM_ADMIN_NUMBER },
    { .name = NULL },
};

static const hsm_admin_command bench_commands[] = {
    {
        .name = "",
        .summary = "measure how many operations a second this machine does",
        .text =
            "Keys are made in a token of this process's memory, with the algorithms that the\n"
            "configuration allows: the store, its tokens and the audit log are not touched, and "
            "no\n"
            "PIN is asked for. PER SECOND is of all threads together, NANOSECONDS of one "
            "operation\n"
            "in one thread. The audit log is off. What it costs with audit.durability = \"sync\" "
            "is\n"
            "the row \"durable write\", by one thread: 512 bytes into a file in the directory of\n"
            "the store that is gone afterwards, also after Ctrl-C. Comparisons with OpenSSL alone\n"
            "and with other modules are made by make bench, in the source.",
        .options = bench_options,
        .run = run_bench,
    },
};

const hsm_admin_group hsm_admin_bench_group = {
    .name = "bench",
    .summary = "measure how fast this machine is",
    .commands = bench_commands,
    .command_count = HSM_ARRAY_LEN(bench_commands),
};
