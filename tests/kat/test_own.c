/* The vectors of this folder, and that there is one for every mechanism that the module offers and
 * for every row of its table.
 * SPDX-License-Identifier: Apache-2.0 */
#include "kat.h"

#include "crypto/mech.h"

#include <fts.h>
#include <stdio.h>
#include <stdlib.h>

/* What is offered may depend on settings: every row must be. With an audit log each of thousands of
 * calls would wait for the disk. */
static const char *const settings =
    "[audit]\nenabled = false\n[algorithms]\nallow_weak_rsa = true\nallow_sha1_signing = true\n"
    "allow_3des_decrypt = true\n";

static tally *run_all(const fixture *fix)
{
    char path[512];
    char *roots[] = { path, NULL };
    tally *counts = tally_create();
    kat k = { .session = fix->session, .counts = counts };

    const char *folder = getenv("CRATON_HSM_VECTORS_OWN");
    size_t files = 0;

    if (!CHECK_THAT(folder != NULL))
        return counts;
    (void)snprintf(path, sizeof path, "%s", folder);
    FTS *tree = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
    if (!CHECK_THAT(tree != NULL))
        return counts;
    for (FTSENT *entry; (entry = fts_read(tree)) != NULL;) {
        if (entry->fts_info != FTS_F)
            continue;
        k.file = entry->fts_name;
        read_stanzas(&k, entry->fts_path, own_case);
        files++;
    }
    (void)fts_close(tree);
    CHECK_THAT(files > 0);
    return counts;
}

static void own_vectors(void)
{
    fixture_settings = settings;
    FIXTURE(fix);
    tally *counts = run_all(&fix);

    CHECK_EQ(tally_failed(counts), 0);
    tally_print(counts);
    tally_destroy(counts);
}

/* What comes out of these is random. */
static bool is_random(const char *name)
{
    static const char *const ends[] = { "_KEY_GEN", "KEY_PAIR_GEN", "KEY_PAIR_GEN_W_EXTRA_BITS",
                                        "_PARAMETER_GEN",
                                        /* under a temporary key; tests/abi/test_wrap.c takes
                                         * the result apart */
                                        "_AES_KEY_WRAP" };
    const size_t len = strlen(name);

    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        const size_t tail = strlen(ends[i]);

        if (len >= tail && strcmp(name + len - tail, ends[i]) == 0)
            return true;
    }
    return false;
}

/* Ours by number: what is published of them starts from a private key that PKCS#11 can't take apart
 * into its two halves; tests/unit/crypto/test_hybrid.c has it. */
static bool is_vendors(CK_MECHANISM_TYPE type)
{
    return (type & CKM_VENDOR_DEFINED) != 0;
}

static void check_known(const tally *counts, CK_MECHANISM_TYPE type, const char *name)
{
    CASE(name);
    if (!is_random(name) && !is_vendors(type))
        CHECK_THAT(tally_passed(counts, type) > 0);
}

static void every_offered_mechanism_has_one(void)
{
    CK_MECHANISM_TYPE types[1024];
    CK_ULONG count = ARRAY_LEN(types);

    fixture_settings = settings;
    FIXTURE(fix);
    REQUIRE_OK(p11->C_GetMechanismList(fix.slot, types, &count));
    tally *counts = run_all(&fix);
    for (CK_ULONG i = 0; i < count; i++) {
        const char *name = mechanism_name(types[i]);
        char number[24];

        (void)snprintf(number, sizeof number, "0x%08lx", types[i]);
        check_known(counts, types[i], name != NULL ? name : number);
    }
    CASE(NULL);
    tally_destroy(counts);
}

static void every_row_of_the_table_has_one(void)
{
    size_t count;
    const hsm_mech *rows = hsm_mech_table(&count);

    fixture_settings = settings;
    FIXTURE(fix);
    tally *counts = run_all(&fix);
    for (size_t i = 0; i < count; i++)
        check_known(counts, rows[i].id, rows[i].name);
    CASE(NULL);
    tally_destroy(counts);
}

static const check_test tests[] = {
    CHECK_TEST(own_vectors),
    CHECK_TEST(every_offered_mechanism_has_one),
    CHECK_TEST(every_row_of_the_table_has_one),
};
CHECK_MAIN(tests)
