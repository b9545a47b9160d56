/* The files around the older system's content: what opens them, and what their heads must say. That keys come
 * over is tested through craton-hsm-admin, with files that the older system made.
 * SPDX-License-Identifier: Apache-2.0 */
#include "core/older.h"

#include "support/check.h"

#define ID "00112233445566778899aabbccddeeff"
#define PASSPHRASE "Older battery 7 staple"
enum { ROOM = 4096, ITERATIONS = 3, HEAD_BYTES = 52 };

static hsm_crypto *crypto;
static uint8_t content[ROOM];
static size_t content_len;
static uint8_t file[ROOM + 128];
static size_t file_len;

static void open_crypto(void)
{
    const hsm_crypto_options options = { .backend = "openssl" };

    if (crypto == NULL)
        REQUIRE_OK(hsm_crypto_create(&options, &crypto));
}

static void put(uint64_t number, size_t width)
{
    for (size_t i = 0; i < width; i++)
        content[content_len++] = (uint8_t)(number >> (8 * i));
}

static void put_text(const char *text)
{
    put(strlen(text), 4);
    memcpy(content + content_len, text, strlen(text));
    content_len += strlen(text);
}

static void put_head(const char *id, const char *serial, uint64_t created)
{
    content_len = 0;
    put(2, 4);
    put_text("1s-since-epoch");
    put(created, 8);
    put_text(id);
    put_text(serial);
    put(0, 4);
}

/* A file as the older system makes it, of the content. */
static void seal(uint8_t format)
{
    HSM_AUTO(hsm_secret_drop) hsm_secret *key = NULL;
    HSM_AUTO(hsm_aead_drop) hsm_aead *aead = NULL;

    open_crypto();
    memset(file, 0xe5, HEAD_BYTES);
    memcpy(file, "RHBK", 4);
    memset(file + 4, 0, 4);
    file[4] = format;
    REQUIRE_OK(hsm_secret_create(HSM_AEAD_KEY_BYTES, &key));
    REQUIRE_OK(hsm_crypto_pbkdf2(crypto, hsm_bytes_of_text(PASSPHRASE), hsm_bytes_of(file + 8, 32),
                                 ITERATIONS, key));
    REQUIRE_OK(hsm_aead_create(crypto, hsm_secret_view(key), &aead));
    REQUIRE_OK(hsm_aead_seal(aead, file + 40, hsm_bytes_none(), hsm_bytes_of(content, content_len),
                             file + HEAD_BYTES));
    file_len = HEAD_BYTES + content_len + HSM_AEAD_TAG_BYTES;
}

typedef struct opening {
    const char *passphrase;
    uint32_t iterations;
    hsm_backup_head head;
    char where[HSM_BACKUP_WHERE_MAX];
    uint64_t objects;
} opening;

static hsm_err open_file(opening *at)
{
    HSM_AUTO(hsm_older_source_clear) hsm_older_source source = { 0 };
    const hsm_backup_key key = {
        .passphrase = hsm_bytes_of_text(at->passphrase != NULL ? at->passphrase : PASSPHRASE),
        .iterations = at->iterations != 0 ? at->iterations : ITERATIONS,
    };

    at->where[0] = '\0';
    HSM_TRY(hsm_backup_read_head(hsm_bytes_of(file, file_len), &at->head));
    CHECK_THAT(at->head.is_older);
    HSM_TRY(
        hsm_older_open(crypto, hsm_bytes_of(file, file_len), &key, &at->head, &source, at->where));
    return hsm_older_count(&source, &at->objects, at->where);
}

static void the_head_is_found(void)
{
    opening at = { 0 };

    put_head(ID, "OLD-1", 1769999999);
    seal(2);
    REQUIRE_OK(open_file(&at));
    CHECK_EQ(at.head.format, 2);
    CHECK_EQ(at.head.iterations, ITERATIONS);
    CHECK_EQ(at.head.id[0], 0x00);
    CHECK_EQ(at.head.id[15], 0xff);
    CHECK_EQ(at.head.created_ns, UINT64_C(1769999999) * 1000000000);
    CHECK_BYTES(at.head.serial, sizeof at.head.serial, "OLD-1           ", 16);
    CHECK_EQ(at.head.label[31], ' ');
    CHECK_EQ(at.objects, 0);
    CASE("a serial of 16 characters");
    put_head(ID, "0123456789abcdef", 0);
    seal(2);
    REQUIRE_OK(open_file(&at));
    CHECK_BYTES(at.head.serial, sizeof at.head.serial, "0123456789abcdef", 16);
}

static void what_is_not_authentic_is_refused(void)
{
    opening at = { .passphrase = "Older battery 8 staple" };

    put_head(ID, "OLD-1", 7);
    seal(2);
    CASE("another passphrase");
    CHECK_ERR(open_file(&at), HSM_E_ENCRYPTED_DATA);
    CASE("other iterations");
    at = (opening){ .iterations = ITERATIONS + 1 };
    CHECK_ERR(open_file(&at), HSM_E_ENCRYPTED_DATA);
    CASE("iterations beyond the limit");
    at = (opening){ .iterations = HSM_BACKUP_ITERATIONS_MAX + 1 };
    CHECK_ERR(open_file(&at), HSM_E_ARG);
    CASE("a bit in salt, nonce, ciphertext and tag");
    at = (opening){ 0 };
    const size_t places[] = { 8, 39, 40, 51, 52, file_len - 17, file_len - 16, file_len - 1 };
    for (size_t i = 0; i < HSM_ARRAY_LEN(places); i++) {
        file[places[i]] ^= 1;
        CHECK_ERR(open_file(&at), HSM_E_ENCRYPTED_DATA);
        CHECK_STR(at.where, "");
        file[places[i]] ^= 1;
    }
    CASE("a byte less, and most of it");
    file_len--;
    CHECK_ERR(open_file(&at), HSM_E_ENCRYPTED_DATA);
    file_len = 100;
    CHECK_ERR(open_file(&at), HSM_E_ENCRYPTED_DATA);
    file_len = 99;
    CHECK_ERR(open_file(&at), HSM_E_DATA);
}

static void heads_that_are_wrong_are_named(void)
{
    const struct {
        const char *label;
        const char *id;
        const char *serial;
        uint64_t created;
        const char *fault;
    } heads[] = {
        { "an id of 31 digits", "00112233445566778899aabbccddeef", "OLD", 7, "backup id" },
        { "an id that is none", "00112233445566778899aabbccddeefg", "OLD", 7, "backup id" },
        { "capitals, which it does not write", "00112233445566778899AABBCCDDEEFF", "OLD", 7,
          "backup id" },
        { "a serial of 17 characters", ID, "0123456789abcdefg", 7, "a serial" },
        { "a serial with a line feed", ID, "OLD\n", 7, "a serial" },
        { "a time beyond the clock", ID, "OLD", UINT64_MAX / 1000000000 + 1, "a time" },
    };

    for (size_t i = 0; i < HSM_ARRAY_LEN(heads); i++) {
        opening at = { 0 };

        CASE(heads[i].label);
        put_head(heads[i].id, heads[i].serial, heads[i].created);
        seal(2);
        CHECK_ERR(open_file(&at), HSM_E_DATA);
        CHECK_THAT(strstr(at.where, heads[i].fault) != NULL);
    }
}

static void content_that_is_wrong_is_named(void)
{
    opening at = { 0 };

    CASE("an object that is none");
    put_head(ID, "OLD-1", 7);
    content[content_len - 4] = 1;
    put_text("RHSX");
    seal(2);
    CHECK_ERR(open_file(&at), HSM_E_DATA);
    CHECK_THAT(strstr(at.where, "at byte ") != NULL);
    CASE("content of one format in a file of the other");
    seal(1);
    CHECK_ERR(open_file(&at), HSM_E_DATA);
    CHECK_STR(at.where, "at byte 0 of the decrypted content: no JSON object");
    CASE("too many objects");
    put_head(ID, "OLD-1", 7);
    content[content_len - 1] = 1;
    seal(2);
    CHECK_ERR(open_file(&at), HSM_E_LIMIT);
    CHECK_THAT(strstr(at.where, "more objects") != NULL);
}

/* --- an object ------------------------------------------------------------------------------------ */

/* When a key may be used: nothing that restricts it there is lost here. */
static const struct {
    const char *label;
    hsm_older_state state;
    const char *start;
    const char *end;
    bool is_refused;
    CK_ULONG by_hand; /* 0: nothing is said */
    bool has_start;
    bool has_end;
} lives[] = {
    { "active", HSM_OLDER_ACTIVE, NULL, NULL, false, 0, false, false },
    { "active, with dates", HSM_OLDER_ACTIVE, "20250101", "20991231", false, 0, true, true },
    { "waits for a date", HSM_OLDER_PRE_ACTIVATION, "20990101", NULL, false, 0, true, false },
    { "waits for a word", HSM_OLDER_PRE_ACTIVATION, NULL, NULL, false, 1, false, false },
    { "waits for what is no date", HSM_OLDER_PRE_ACTIVATION, "2099 1 1", NULL, false, 1, false,
      false },
    { "deactivated", HSM_OLDER_DEACTIVATED, NULL, "20250101", false, 3, false, true },
    { "compromised", HSM_OLDER_COMPROMISED, NULL, NULL, false, 4, false, false },
    { "destroyed", HSM_OLDER_DESTROYED, NULL, NULL, true, 0, false, false },
    { "month 13 counts nowhere", HSM_OLDER_ACTIVE, NULL, "20251301", false, 0, false, false },
    { "the 31st of February counts in both", HSM_OLDER_ACTIVE, NULL, "20250231", false, 0, false,
      true },
};

static hsm_bytes date_of(const char *text)
{
    return text == NULL ? hsm_bytes_none() : hsm_bytes_of_text(text);
}

static void no_restriction_is_lost(void)
{
    hsm_core core = { 0 };

    open_crypto();
    core.crypto = crypto;
    for (size_t i = 0; i < HSM_ARRAY_LEN(lives); i++) {
        hsm_older_object object = { .state = lives[i].state };
        const hsm_older_wish wish = { .from = &object, .name = "object 1" };
        HSM_AUTO(hsm_draft_drop) hsm_draft *draft = NULL;
        const char *why = NULL;
        hsm_bytes value = hsm_bytes_none();

        CASE(lives[i].label);
        object.number[HSM_OLDER_CLASS] = CKO_SECRET_KEY;
        object.number[HSM_OLDER_KEY_TYPE] = CKK_AES;
        object.has_number[HSM_OLDER_KEY_TYPE] = true;
        object.bytes[HSM_OLDER_KEY] = hsm_bytes_of_text("0123456789abcdef");
        object.bytes[HSM_OLDER_START_DATE] = date_of(lives[i].start);
        object.bytes[HSM_OLDER_END_DATE] = date_of(lives[i].end);
        REQUIRE_OK(hsm_older_make(&core, &wish, &draft, &why));
        CHECK_THAT((draft == NULL) == lives[i].is_refused && (why != NULL) == lives[i].is_refused);
        if (draft == NULL)
            continue;
        CHECK_EQ(hsm_draft_ulong(draft, CKA_CRATON_KEY_STATE, 0), lives[i].by_hand);
        CHECK_EQ(hsm_draft_get(draft, CKA_START_DATE, &value) && value.len > 0, lives[i].has_start);
        CHECK_EQ(hsm_draft_get(draft, CKA_END_DATE, &value) && value.len > 0, lives[i].has_end);
    }
}

static const check_test tests[] = {
    CHECK_TEST(the_head_is_found),
    CHECK_TEST(what_is_not_authentic_is_refused),
    CHECK_TEST(heads_that_are_wrong_are_named),
    CHECK_TEST(content_that_is_wrong_is_named),
    CHECK_TEST(no_restriction_is_lost),
};
CHECK_MAIN(tests)
