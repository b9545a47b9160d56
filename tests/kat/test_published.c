/* Every file of the folder of published vectors: CRATON_HSM_VECTORS, or shared/vectors beside the
 * checkout.
 * SPDX-License-Identifier: Apache-2.0 */
#include "kat.h"

#include <fts.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

static tally *all; /* of all folders, until the last test shows it */

static const char *folder(void)
{
    static const char *const names[] = { "CRATON_HSM_VECTORS", "CRATON_HSM_VECTORS_DEFAULT" };
    struct stat status;

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const char *path = getenv(names[i]);

        if (path != NULL && stat(path, &status) == 0 && S_ISDIR(status.st_mode))
            return path;
    }
    return NULL;
}

static bool is_vector_file(const FTSENT *entry)
{
    return entry->fts_info == FTS_F && strcmp(entry->fts_name, "README.md") != 0 &&
           strcmp(entry->fts_name, "LICENSE") != 0;
}

static int by_name(const FTSENT **a, const FTSENT **b)
{
    return strcmp((*a)->fts_name, (*b)->fts_name);
}

static void run_file(kat *k, const char *path)
{
    const file_row *row = file_find(k->file);
    const size_t failed = tally_failed(k->counts);

    CASE(k->file);
    if (!CHECK_THAT(row != NULL))
        return;
    k->mechanism = row->mechanism;
    k->arg = row->arg;
    row->read(k, path, row->handler);
    CHECK_EQ(tally_failed(k->counts), failed);
}

/* All files below one folder of the vectors; how many there were. */
static size_t run_folder(const fixture *fix, const char *name)
{
    char path[512];
    char *roots[] = { path, NULL };
    kat k = { .session = fix->session, .counts = all };
    size_t count = 0;

    (void)snprintf(path, sizeof path, "%s/%s", folder(), name);
    FTS *tree = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, by_name);
    if (!CHECK_THAT(tree != NULL))
        return 0;
    for (FTSENT *entry; (entry = fts_read(tree)) != NULL;) {
        if (!is_vector_file(entry))
            continue;
        k.file = entry->fts_path + strlen(folder()) + 1;
        run_file(&k, entry->fts_path);
        count++;
    }
    (void)fts_close(tree);
    return count;
}

static void run(const char *name)
{
    if (folder() == NULL)
        SKIP("no published vectors: set CRATON_HSM_VECTORS to their folder");
    /* No audit log: each of tens of thousands of calls would wait for the disk. */
    fixture_settings = "[audit]\nenabled = false\n"
                       "[algorithms]\nallow_weak_rsa = true\nallow_sha1_signing = true\n";
    FIXTURE(fix);
    if (all == NULL)
        all = tally_create();
    CHECK_THAT(run_folder(&fix, name) > 0);
    CASE(NULL);
}

static void wycheproof(void)
{
    run("wycheproof");
}

static void acvp(void)
{
    run("acvp");
}

static void nist(void)
{
    run("nist");
}

static void every_file_has_a_folder(void)
{
    char *roots[2] = { NULL, NULL };

    if (folder() == NULL)
        SKIP("no published vectors: set CRATON_HSM_VECTORS to their folder");
    roots[0] = (char *)(uintptr_t)folder();
    FTS *tree = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
    REQUIRE_THAT(tree != NULL);
    for (FTSENT *entry; (entry = fts_read(tree)) != NULL;) {
        if (!is_vector_file(entry))
            continue;
        CASE(entry->fts_path);
        CHECK_THAT(file_find(entry->fts_path + strlen(folder()) + 1) != NULL);
    }
    (void)fts_close(tree);
}

static void table(void)
{
    if (all == NULL)
        SKIP("nothing was run");
    CHECK_EQ(tally_failed(all), 0);
    tally_print(all);
    tally_destroy(all);
    all = NULL;
}

static const check_test tests[] = {
    CHECK_TEST(every_file_has_a_folder),
    CHECK_TEST(wycheproof),
    CHECK_TEST(acvp),
    CHECK_TEST(nist),
    CHECK_TEST(table),
};
CHECK_MAIN(tests)
