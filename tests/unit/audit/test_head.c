/* Entries that the head does not know of yet, but its tip does: `batch`, one process.
 * SPDX-License-Identifier: Apache-2.0 */
#include "audit/head.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/file.h"
#include "os/paths.h"
#include "support/check.h"
#include "unit/audit/audit_env.h"

/* Where the page has its tips. */
#define TIPS_AT 3840
#define TIP_BYTES 84

/* A log that is synced when it is made and not again. */
static void make_batch(audit_env *env)
{
    env_make(env);
    env->options.is_batch = true;
    env->options.batch_ms = 600000;
}

/* Appends in a process that ends without having closed the log. */
static void fill_and_die(const audit_env *env, unsigned count)
{
    int status = -1;
    const pid_t child = fork();

    if (child == 0) {
        hsm_audit_log *log = env_open(env);

        if (log != NULL)
            env_append(log, count);
        _exit(check_failures() > 0);
    }
    CHECK_EQ(waitpid(child, &status, 0), child);
    CHECK_EQ(status, 0);
}

/* --- the page by hand --------------------------------------------------------------------------- */

typedef struct page_by_hand {
    hsm_hmac *mac;
    hsm_head_page *page;
    hsm_head head;
    hsm_tip tip;
} page_by_hand;

static bool page_open(const audit_env *env, page_by_hand *by_hand)
{
    HSM_AUTO(hsm_path_drop) char *path = NULL;

    *by_hand = (page_by_hand){ 0 };
    return CHECK_OK(hsm_head_path(env->crypto, env->directory, env->path, &path)) &&
           CHECK_OK(hsm_hmac_create(env->crypto, env->options.mac_key, &by_hand->mac)) &&
           CHECK_OK(hsm_head_open(path, by_hand->mac, true, &by_hand->page)) &&
           CHECK_OK(hsm_head_read(by_hand->page, &by_hand->head, &by_hand->tip));
}

static void page_close(page_by_hand *by_hand)
{
    hsm_head_close(by_hand->page);
    hsm_hmac_destroy(by_hand->mac);
}

/* Changes tips, from a byte of theirs on; which: 1, 2, or both with 3. */
static void change_tips(const audit_env *env, unsigned which, off_t at, hsm_bytes bytes)
{
    HSM_AUTO(hsm_path_drop) char *path = NULL;

    REQUIRE_OK(hsm_head_path(env->crypto, env->directory, env->path, &path));
    const int fd = open(path, O_WRONLY | O_CLOEXEC);
    for (off_t i = 0; i < 2; i++) {
        if ((which >> i & 1) != 0)
            CHECK_EQ(pwrite(fd, bytes.data, bytes.len, TIPS_AT + i * TIP_BYTES + at), bytes.len);
    }
    CHECK_OK(close(fd));
}

/* Takes them away. */
static void wipe_tips(const audit_env *env, unsigned which)
{
    static const uint8_t zeros[TIP_BYTES];

    change_tips(env, which, 0, hsm_bytes_of(zeros, sizeof zeros));
}

/* As after a power cut, with `lost` entries that the tip knows of and the disk does not. */
static void lose_power(const audit_env *env, unsigned lost)
{
    page_by_hand by_hand;

    if (page_open(env, &by_hand)) {
        hsm_head head = by_hand.head;

        CHECK_EQ(head.chain.count, by_hand.tip.count);
        head.boot_id[0] ^= 1;
        CHECK_OK(hsm_head_write(by_hand.page, &head));
        head.chain.count += lost;
        head.offset += (uint64_t)lost * 500;
        head.chain.link[0] ^= 1;
        if (lost > 0)
            CHECK_OK(hsm_head_move_tip(by_hand.page, &head));
    }
    page_close(&by_hand);
}

/* --- a process that died ------------------------------------------------------------------------ */

static void check_good(const audit_env *env, uint64_t entries, unsigned recovered)
{
    const hsm_audit_verdict verdict = env_verify(env, true);

    CHECK_STR(hsm_audit_fault_name(verdict.fault), "none");
    CHECK_EQ(verdict.entries, entries);
    CHECK_EQ(env_count(env, "recover"), recovered);
}

/* The head follows its tip at a distance, and what is read says how far. */
static void the_tip_moves_with_each_entry(void)
{
    static const unsigned counts[] = { 1, 2, 255, 256, 257, 600 };

    for (size_t i = 0; i < HSM_ARRAY_LEN(counts); i++) {
        page_by_hand by_hand;
        audit_env env;

        make_batch(&env);
        fill_and_die(&env, counts[i]);
        CHECK_EQ(env_head(&env).chain.count, counts[i]);
        check_good(&env, counts[i], 0);
        if (page_open(&env, &by_hand)) {
            CHECK_EQ(by_hand.tip.count, counts[i]);
            CHECK_EQ(by_hand.head.chain.count, counts[i] / 257 * 257);
            CHECK_THAT(!by_hand.tip.is_lost);
            CHECK_THAT(!hsm_head_has_moved(by_hand.page));
        }
        page_close(&by_hand);
        CASE("the next process goes on");
        fill_and_die(&env, 3);
        env_fill(&env, 1);
        check_good(&env, counts[i] + 4, 0);
        env_clear(&env);
    }
}

/* Cut by that many of 20 entries, which no head knows. */
static void cut_is_noticed(unsigned lines)
{
    HSM_AUTO(hsm_buf_clear) hsm_buf content = { 0 };
    audit_env env;

    make_batch(&env);
    fill_and_die(&env, 20);
    env_read(&env, &content);
    const hsm_bytes line = env_line(&content, 20 - lines);
    env_write(&env, hsm_bytes_of(content.data, (size_t)(line.data - content.data)));
    hsm_audit_verdict verdict = env_verify(&env, true);
    CHECK_STR(hsm_audit_fault_name(verdict.fault), "cut");
    CHECK_EQ(verdict.bad_index, 20 - lines);
    CASE("for ever");
    env_fill(&env, 5);
    env_fill(&env, 5);
    verdict = env_verify(&env, true);
    CHECK_STR(hsm_audit_fault_name(verdict.fault), "missing");
    CHECK_EQ(verdict.bad_index, 20 - lines);
    CHECK_EQ(env_count(&env, "recover"), 1);
    env_clear(&env);
}

static void what_the_tip_knows_can_not_be_cut(void)
{
    cut_is_noticed(1);
    cut_is_noticed(2);
    cut_is_noticed(19);
}

static void what_the_tip_knows_can_not_be_changed(void)
{
    HSM_AUTO(hsm_buf_clear) hsm_buf content = { 0 };
    audit_env env;

    make_batch(&env);
    fill_and_die(&env, 20);
    env_read(&env, &content);
    const hsm_bytes line = env_line(&content, 18);
    content.data[(size_t)(line.data - content.data) + line.len / 2] ^= 1;
    env_write(&env, hsm_buf_view(&content));
    env_fill(&env, 5);
    const hsm_audit_verdict verdict = env_verify(&env, true);
    CHECK_STR(hsm_audit_fault_name(verdict.fault), "mac");
    CHECK_EQ(verdict.bad_index, 18);
    CHECK_EQ(env_count(&env, "recover"), 1);
    env_clear(&env);
}

/* --- the tips themselves ------------------------------------------------------------------------ */

static void one_tip_will_do(void)
{
    for (unsigned which = 1; which <= 2; which++) {
        audit_env env;

        make_batch(&env);
        fill_and_die(&env, 20);
        wipe_tips(&env, which); /* one of them was being written */
        env_fill(&env, 1);
        check_good(&env, 21, 0);
        env_clear(&env);
    }
}

/* Who has no key can't move the tip: what is not authentic counts for nothing. */
static void a_forged_tip_is_none(void)
{
    static const off_t places[] = { 7, 11, 19, 20, 51, 52, 83 }; /* the fields' borders */
    static const uint8_t other = 0xee;

    for (unsigned i = 0; i < 2 * HSM_ARRAY_LEN(places); i++) {
        audit_env env;

        make_batch(&env);
        fill_and_die(&env, 20);
        change_tips(&env, 1 + i % 2, places[i / 2], hsm_bytes_of(&other, 1));
        check_good(&env, 20, 0);
        env_fill(&env, 1);
        check_good(&env, 21, 0);
        env_clear(&env);
    }
}

static void a_head_without_a_tip_is_refused(void)
{
    HSM_AUTO(hsm_path_drop) char *path = NULL;
    hsm_audit_log *log = NULL;
    hsm_head head;
    audit_env env;

    make_batch(&env);
    fill_and_die(&env, 20);
    wipe_tips(&env, 3);
    env.options.log_path = env.path;
    env.options.state_directory = env.directory;
    CHECK_ERR(hsm_audit_open(&env.options, &log), HSM_E_AUDIT);
    REQUIRE_OK(hsm_head_path(env.crypto, env.directory, env.path, &path));
    CHECK_ERR(hsm_head_load(env.crypto, path, env.options.mac_key, &head), HSM_E_STORE_CORRUPT);
    env_clear(&env);
}

/* --- another boot ------------------------------------------------------------------------------- */

/* The page as the format before wrote it: "CAH1", and nothing but heads. */
static void make_older(const audit_env *env)
{
    enum { PLACE_BYTES = 1920, BODY_AT = 8, MAC_BYTES = 32 };
    HSM_AUTO(hsm_path_drop) char *path = NULL;
    HSM_AUTO(hsm_hmac_drop) hsm_hmac *mac = NULL;
    uint8_t place[PLACE_BYTES];

    REQUIRE_OK(hsm_head_path(env->crypto, env->directory, env->path, &path));
    REQUIRE_OK(hsm_hmac_create(env->crypto, env->options.mac_key, &mac));
    const int fd = open(path, O_RDWR | O_CLOEXEC);
    for (off_t i = 0; i < 2; i++) {
        CHECK_EQ(pread(fd, place, sizeof place, i * PLACE_BYTES), sizeof place);
        const size_t len = BODY_AT + ((size_t)place[6] << 8 | place[7]);
        const hsm_bytes maced = hsm_bytes_of(place, len);

        REQUIRE_THAT(len <= PLACE_BYTES - MAC_BYTES);
        CHECK_EQ(place[3], '2');
        place[3] = '1';
        CHECK_OK(hsm_hmac_compute(mac, &maced, 1, place + len));
        CHECK_EQ(pwrite(fd, place, sizeof place, i * PLACE_BYTES), sizeof place);
    }
    CHECK_OK(close(fd));
    wipe_tips(env, 3);
}

static void a_page_of_the_format_before_goes_on(void)
{
    audit_env env;

    env_make(&env);
    hsm_audit_log *log = env_open(&env);
    env_append(log, 5);
    hsm_audit_close(log);
    const uint64_t before = env_verify(&env, true).entries;
    make_older(&env);

    CASE("it is read");
    check_good(&env, before, 0);

    CASE("and written on");
    log = env_open(&env);
    env_append(log, 5);
    hsm_audit_close(log);
    check_good(&env, before + 5, 0);
    env_clear(&env);
}

static void what_the_power_cut_took_is_told(void)
{
    HSM_AUTO(hsm_buf_clear) hsm_buf content = { 0 };
    audit_env env;

    make_batch(&env);
    env_fill(&env, 5);
    lose_power(&env, 3);
    CHECK_EQ(env_head(&env).chain.count, 8);
    env_fill(&env, 1);
    check_good(&env, 7, 1);
    env_read(&env, &content);
    CHECK_THAT(memmem(content.data, content.len, "\"amount\":3,\"detail\":\"unsynced: ", 31) !=
               NULL);
    CASE("with nothing lost there is nothing to tell");
    lose_power(&env, 0);
    env_fill(&env, 1);
    check_good(&env, 8, 1);
    env_clear(&env);
}

/* A disk that wrote the page's sectors at different moments. */
static void a_tip_that_the_power_cut_took_is_told(void)
{
    HSM_AUTO(hsm_buf_clear) hsm_buf content = { 0 };
    audit_env env;

    make_batch(&env);
    env_fill(&env, 5);
    lose_power(&env, 0);
    wipe_tips(&env, 3);
    env_fill(&env, 1);
    check_good(&env, 7, 1);
    env_read(&env, &content);
    CHECK_THAT(memmem(content.data, content.len, "\"detail\":\"half a head: ", 23) != NULL);
    env_clear(&env);
}

/* --- several ------------------------------------------------------------------------------------ */

/* Each finds what the other has written, behind the head or in it. */
static void who_comes_reads_up_to_the_tip(void)
{
    audit_env env;

    make_batch(&env);
    hsm_audit_log *first = env_open(&env);
    hsm_audit_log *second = env_open(&env);
    REQUIRE_THAT(first != NULL && second != NULL);
    env_append(first, 300);
    env_append(second, 2);
    for (unsigned i = 0; i < 20; i++) {
        env_append(first, i % 3);
        env_append(second, 1 + i % 2);
    }
    hsm_audit_close(first);
    env_append(second, 5);
    hsm_audit_close(second);
    check_good(&env, 300 + 2 + 19 + 30 + 5, 0);
    env_clear(&env);
}

/* Who only reads takes no lock, and what it reads fits together all the same. */
static void the_head_is_read_while_others_write(void)
{
    enum { WRITERS = 2, LOOKS = 3000 };
    pid_t children[WRITERS];
    uint64_t count = 0;
    audit_env env;

    make_batch(&env);
    env_fill(&env, 1);
    for (size_t i = 0; i < WRITERS; i++) {
        children[i] = fork();
        if (children[i] == 0) {
            hsm_audit_log *log = env_open(&env);

            while (log != NULL)
                env_append(log, 1);
            _exit(1);
        }
    }
    for (unsigned i = 0; i < LOOKS; i++) {
        const uint64_t now = env_head(&env).chain.count;

        CHECK_THAT(now >= count && now > 0);
        count = now;
    }
    for (size_t i = 0; i < WRITERS; i++) {
        CHECK_OK(kill(children[i], SIGKILL));
        CHECK_EQ(waitpid(children[i], NULL, 0), children[i]);
    }
    env_fill(&env, 1);
    CHECK_STR(hsm_audit_fault_name(env_verify(&env, true).fault), "none");
    env_clear(&env);
}

static const check_test tests[] = {
    CHECK_TEST(the_tip_moves_with_each_entry),
    CHECK_TEST(what_the_tip_knows_can_not_be_cut),
    CHECK_TEST(what_the_tip_knows_can_not_be_changed),
    CHECK_TEST(one_tip_will_do),
    CHECK_TEST(a_forged_tip_is_none),
    CHECK_TEST(a_head_without_a_tip_is_refused),
    CHECK_TEST(a_page_of_the_format_before_goes_on),
    CHECK_TEST(what_the_power_cut_took_is_told),
    CHECK_TEST(a_tip_that_the_power_cut_took_is_told),
    CHECK_TEST(who_comes_reads_up_to_the_tip),
    CHECK_TEST(the_head_is_read_while_others_write),
};
CHECK_MAIN(tests)
