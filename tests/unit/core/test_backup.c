/* Passphrases for backups, and the head of a file; the rest is tested through craton-hsm-admin.
 * SPDX-License-Identifier: Apache-2.0 */
#include "core/backup.h"
#include "support/check.h"

static const struct {
    const char *label;
    const char *passphrase;
    hsm_err want;
} passphrases[] = {
    { "16 of 3 kinds, 6 distinct", "aB1aB1aB1xyzaB1a", HSM_OK },
    { "15 characters", "aB1xyzaB1xyzaB1", HSM_E_PIN_LEN },
    { "16 of 2 kinds", "aBcdBaBxyzaBCxyz", HSM_E_PIN_LEN },
    { "16 small letters", "abcdefghijklmnop", HSM_E_PIN_LEN },
    { "16 of 3 kinds, 5 distinct", "aB1cDaB1cDaB1cDa", HSM_E_PIN_LEN },
    { "24 small letters, 12 distinct", "abcdefghijklabcdefghijkl", HSM_OK },
    { "24 small letters, 11 distinct", "abcdefghijkabcdefghijkab", HSM_E_PIN_LEN },
    { "23 small letters, 12 distinct", "abcdefghijklabcdefghijk", HSM_E_PIN_LEN },
    { "other characters are a kind", "a-1a-1a-1a-1bcde", HSM_OK },
    { "UTF-8 is other characters", "\xc3\xa4\xc3\xb6\xc3\xbc, aB1aB1xy", HSM_OK },
    { "none", "", HSM_E_PIN_LEN },
};

static void passphrase_rules(void)
{
    for (size_t i = 0; i < HSM_ARRAY_LEN(passphrases); i++) {
        CASE(passphrases[i].label);
        CHECK_ERR(hsm_backup_check_passphrase(hsm_bytes_of_text(passphrases[i].passphrase)),
                  passphrases[i].want);
    }
}

/* A head as docs/backup-format.md has it. */
static size_t make_head(uint8_t out[128])
{
    static const uint8_t start[] = { 'R', 'H', 'B', 'K', 2, 0, 0, 0 };

    memset(out, 0, 128);
    memcpy(out, start, sizeof start);
    out[8] = 0xaa; /* id */
    out[31] = 7;   /* time */
    memset(out + 32, 's', 16);
    memset(out + 48, 'l', 32);
    out[80] = 1; /* passphrase */
    out[84] = 9; /* iterations */
    out[85] = 0xbb;
    return 117;
}

static void head_fields(void)
{
    hsm_backup_head head = { 0 };
    uint8_t bytes[128];
    const size_t len = make_head(bytes);

    CASE("every field has its place");
    CHECK_ERR(hsm_backup_read_head(hsm_bytes_of(bytes, len), &head), HSM_OK);
    CHECK_EQ(head.format, 2);
    CHECK_EQ(head.id[0], 0xaa);
    CHECK_EQ(head.created_ns, 7);
    CHECK_EQ(head.serial[15], 's');
    CHECK_EQ(head.label[31], 'l');
    CHECK_EQ(head.method, HSM_BACKUP_BY_PASSPHRASE);
    CHECK_EQ(head.iterations, 9);
    CHECK_EQ(head.salt[0], 0xbb);
}

static void head_errors(void)
{
    hsm_backup_head head = { 0 };
    uint8_t bytes[128];
    const size_t len = make_head(bytes);

    CASE("each shorter length");
    for (size_t i = 0; i < len; i++)
        CHECK_THAT(hsm_backup_read_head(hsm_bytes_of(bytes, i), &head) != HSM_OK);
    CASE("not ours");
    bytes[0] = 'X';
    CHECK_ERR(hsm_backup_read_head(hsm_bytes_of(bytes, len), &head), HSM_E_DATA);
    CASE("a format to come");
    (void)make_head(bytes);
    bytes[4] = 3;
    CHECK_ERR(hsm_backup_read_head(hsm_bytes_of(bytes, len), &head), HSM_E_STORE_VERSION);
    CASE("another way to the key");
    (void)make_head(bytes);
    bytes[80] = 3;
    CHECK_ERR(hsm_backup_read_head(hsm_bytes_of(bytes, len), &head), HSM_E_STORE_VERSION);
    bytes[80] = 15;
    CHECK_ERR(hsm_backup_read_head(hsm_bytes_of(bytes, len), &head), HSM_E_STORE_VERSION);
    CASE("recipients: 1 to 16");
    bytes[80] = 2;
    bytes[84] = HSM_BACKUP_RECIPIENTS_MAX;
    CHECK_ERR(hsm_backup_read_head(hsm_bytes_of(bytes, len), &head), HSM_OK);
    CHECK_EQ(head.method, HSM_BACKUP_BY_RECIPIENTS);
    CHECK_EQ(head.iterations, HSM_BACKUP_RECIPIENTS_MAX);
    bytes[84]++;
    CHECK_ERR(hsm_backup_read_head(hsm_bytes_of(bytes, len), &head), HSM_E_DATA);
    bytes[84] = 0;
    CHECK_ERR(hsm_backup_read_head(hsm_bytes_of(bytes, len), &head), HSM_E_DATA);
    CASE("selected objects, by a passphrase and for recipients");
    (void)make_head(bytes);
    CHECK_ERR(hsm_backup_read_head(hsm_bytes_of(bytes, len), &head), HSM_OK);
    CHECK_THAT(!head.is_selected);
    bytes[80] = 5;
    CHECK_ERR(hsm_backup_read_head(hsm_bytes_of(bytes, len), &head), HSM_OK);
    CHECK_THAT(head.is_selected && head.method == HSM_BACKUP_BY_PASSPHRASE);
    bytes[80] = 6;
    CHECK_ERR(hsm_backup_read_head(hsm_bytes_of(bytes, len), &head), HSM_OK);
    CHECK_THAT(head.is_selected && head.method == HSM_BACKUP_BY_RECIPIENTS);
    for (bytes[80] = 7; bytes[80] < 16; bytes[80]++)
        CHECK_ERR(hsm_backup_read_head(hsm_bytes_of(bytes, len), &head), HSM_E_STORE_VERSION);
    bytes[80] = 4;
    CHECK_ERR(hsm_backup_read_head(hsm_bytes_of(bytes, len), &head), HSM_E_STORE_VERSION);
    CASE("no iterations, and too many");
    (void)make_head(bytes);
    bytes[84] = 0;
    CHECK_ERR(hsm_backup_read_head(hsm_bytes_of(bytes, len), &head), HSM_E_DATA);
    bytes[81] = 0xff;
    CHECK_ERR(hsm_backup_read_head(hsm_bytes_of(bytes, len), &head), HSM_E_DATA);
}

/* Both have a format 2: what tells them apart are the places of our serial and kind. */
static void older_system(void)
{
    hsm_backup_head head = { 0 };
    uint8_t bytes[128];
    const size_t len = make_head(bytes);

    CASE("ours");
    CHECK_ERR(hsm_backup_read_head(hsm_bytes_of(bytes, len), &head), HSM_OK);
    CHECK_THAT(!head.is_older);
    for (size_t i = 32; i < 48; i++) {
        CASE("a serial that is none");
        (void)make_head(bytes);
        bytes[i] = i % 2 == 0 ? 0x1f : 0x7f;
        CHECK_ERR(hsm_backup_read_head(hsm_bytes_of(bytes, len), &head), HSM_OK);
        CHECK_THAT(head.is_older && head.format == 2);
        CHECK_EQ(head.method, HSM_BACKUP_BY_PASSPHRASE);
        bytes[i] = i % 2 == 0 ? 0x20 : 0x7e;
        CHECK_ERR(hsm_backup_read_head(hsm_bytes_of(bytes, len), &head), HSM_OK);
        CHECK_THAT(!head.is_older);
    }
    CASE("kinds that ours will never have");
    (void)make_head(bytes);
    bytes[80] = 0;
    CHECK_ERR(hsm_backup_read_head(hsm_bytes_of(bytes, len), &head), HSM_OK);
    CHECK_THAT(head.is_older);
    bytes[80] = 16;
    CHECK_ERR(hsm_backup_read_head(hsm_bytes_of(bytes, len), &head), HSM_OK);
    CHECK_THAT(head.is_older);
    CASE("format 1 is the older system's, whatever follows");
    (void)make_head(bytes);
    bytes[4] = 1;
    CHECK_ERR(hsm_backup_read_head(hsm_bytes_of(bytes, len), &head), HSM_OK);
    CHECK_THAT(head.is_older && head.format == 1);
    CHECK_ERR(hsm_backup_read_head(hsm_bytes_of(bytes, 100), &head), HSM_OK);
    CASE("too short for anything");
    CHECK_ERR(hsm_backup_read_head(hsm_bytes_of(bytes, 99), &head), HSM_E_DATA);
}

static const check_test tests[] = {
    CHECK_TEST(passphrase_rules),
    CHECK_TEST(head_fields),
    CHECK_TEST(head_errors),
    CHECK_TEST(older_system),
};
CHECK_MAIN(tests)
