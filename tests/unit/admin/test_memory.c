/* What is left of secrets that went through the operator's command: of PINs, passphrases, keys that come from
 * files and go into files, backups. Its commands run here, one after the other; after each, nothing is in
 * what a core file would take along, and when the command has let go of the core, nothing anywhere.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "abi/needles.h"
#include "admin/admin.h"
#include "base/log.h"
#include "os/file.h"
#include "support/check.h"
#include "unit/os/scratch.h"

static needles all;

/* --- planting ----------------------------------------------------------------------------------- */

/* Letters and digits that nothing else has, plain only in `out`. */
static void plant(const char *label, unsigned salt, uint8_t out[NEEDLE_BYTES])
{
    static const char alphabet[] = "aQ0bR1cS2dT3eU4fV5gW6hX7iY8jZ9kA";

    for (unsigned i = 0; i < NEEDLE_BYTES; i++)
        out[i] = (uint8_t)alphabet[(i * 7 + salt * 5 + i * i) % 32];
    needles_add(&all, label, out, NEEDLE_BYTES, true);
}

/* A file with a needle behind `head`. */
static void plant_file(const char *name, hsm_bytes head, unsigned salt)
{
    uint8_t content[128];

    if (!CHECK_THAT(head.len + NEEDLE_BYTES <= sizeof content))
        return;
    if (head.len > 0)
        memcpy(content, head.data, head.len);
    plant(name, salt, content + head.len);
    CHECK_OK(
        hsm_file_create(scratch_path(name), hsm_bytes_of(content, head.len + NEEDLE_BYTES), 0600));
    explicit_bzero(content, sizeof content);
}

/* PKCS#8 of a P-256 key, up to its 32 bytes. */
static const uint8_t pkcs8_head[] = {
    0x30, 0x41, 0x02, 0x01, 0x00, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48,
    0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03,
    0x01, 0x07, 0x04, 0x27, 0x30, 0x25, 0x02, 0x01, 0x01, 0x04, 0x20,
};

static void prepare(void)
{
    char text[PATH_MAX + 128];
    const int len = snprintf(text, sizeof text,
                             "[token]\nstorage_path = \"%s/store\"\n[security]\n"
                             "pbkdf2_iterations = 100000\n",
                             scratch());

    all.count = 0;
    CHECK_OK(hsm_file_create(scratch_path("toml"), hsm_bytes_of(text, (size_t)len), 0600));
    plant_file("so-pin", hsm_bytes_none(), 1);
    plant_file("pin", hsm_bytes_none(), 2);
    plant_file("new-pin", hsm_bytes_none(), 3);
    plant_file("passphrase", hsm_bytes_none(), 4);
    plant_file("aes", hsm_bytes_none(), 5);
    plant_file("ec", hsm_bytes_of(pkcs8_head, sizeof pkcs8_head), 6);
}

/* --- commands ----------------------------------------------------------------------------------- */

#define WORDS_MAX 24

typedef struct words {
    char text[512];
    char *at[WORDS_MAX];
    int count;
} words;

static void split(const char *line, words *out)
{
    char *rest = NULL;

    (void)snprintf(out->text, sizeof out->text, "%s", line);
    out->count = 0;
    for (char *word = strtok_r(out->text, " ", &rest); word != NULL && out->count < WORDS_MAX;
         word = strtok_r(NULL, " ", &rest))
        out->at[out->count++] = word;
}

static void look(const char *when, bool only_dumped)
{
    CHECK_EQ(needles_in_memory(&all, only_dumped), 0);
    needles_show(&all, when);
}

static void run(const char *line)
{
    static words parts;
    hsm_admin admin = { 0 };

    CASE(line);
    split(line, &parts);
    CHECK_OK(hsm_admin_report_create(&admin.report));
    hsm_err err = hsm_admin_parse(&admin, parts.count, parts.at);
    if (err == HSM_OK)
        err = admin.command->run(&admin);
    if (!CHECK_OK(err))
        printf("# %s: %s (%s)\n", line, admin.what, admin.hint);
    look("in what a core file takes along", true);
    hsm_admin_clear(&admin);
    look("when all is closed", false);
}

#define CONFIG " --config toml"
#define PIN " --pin-file pin"

static const char *const lines[] = {
    "admin token init --label t --so-pin-file so-pin" PIN CONFIG,
    "admin key import --file aes --type AES --label a" PIN CONFIG,
    "admin key import --file ec --label e --extractable --attributes sensitive=no" PIN CONFIG,
    "admin key export --label e --output e.pem --new-passphrase-file passphrase" PIN CONFIG,
    "admin key import --file e.pem --label f --passphrase-file passphrase" PIN CONFIG,
    "admin csr --label e --subject CN=e --output e.csr" PIN CONFIG,
    "admin backup --output b --new-passphrase-file passphrase" PIN CONFIG,
    "admin backup verify --input b --passphrase-file passphrase" CONFIG,
    "admin backup recipient --output r.key --public-output r.pub "
    "--new-passphrase-file passphrase" CONFIG,
    "admin backup --output r.bak --recipient r.pub" PIN CONFIG,
    "admin key delete --label a --yes" PIN CONFIG,
    "admin key delete --label f --class private --yes" PIN CONFIG,
    "admin restore --input b --passphrase-file passphrase" PIN CONFIG,
    "admin restore --input r.bak --recipient-key r.key --passphrase-file passphrase" PIN CONFIG,
    "admin pin change --new-pin-file new-pin" PIN CONFIG,
    "admin pin reset --new-pin-file pin --so-pin-file so-pin" CONFIG,
    "admin key show --label e --class private" PIN CONFIG,
    "admin token destroy --so-pin-file so-pin --yes" CONFIG,
};

static void commands_leave_nothing(void)
{
    if (IS_SANITIZED)
        SKIP("a sanitizer has its own heap, which keeps freed memory");
    REQUIRE_OK(chdir(scratch())); /* the files are named without it */
    prepare();
    for (size_t i = 0; i < HSM_ARRAY_LEN(lines); i++)
        run(lines[i]);
}

/* A needle that is in memory is found: where it was planted, and the other way round. */
static void the_search_finds(void)
{
    static uint8_t planted[NEEDLE_BYTES];

    if (IS_SANITIZED)
        SKIP("a sanitizer has its own heap");
    all.count = 0;
    plant("planted", 9, planted);
    CHECK_THAT(needles_in_memory(&all, true) > 0);
    explicit_bzero(planted, sizeof planted);
    CHECK_EQ(needles_in_memory(&all, false), 0);
}

static const check_test tests[] = {
    CHECK_TEST(the_search_finds),
    CHECK_TEST(commands_leave_nothing),
};
CHECK_MAIN(tests)
