/* One suite over every driver. */
#include "store/driver.h"

#include <stdio.h>

#include "support/check.h"
#include "unit/os/scratch.h"

typedef struct bench {
    hsm_change *change;
    hsm_storage storage;
    bool is_open;
} bench;

static hsm_err open_memory(bench *on)
{
    HSM_TRY(hsm_change_open(NULL, &on->change));
    return hsm_driver_memory_open(on->change, &on->storage);
}

static hsm_err make_database(const char *directory, hsm_bytes identity)
{
    HSM_AUTO(hsm_birth_drop) hsm_birth *birth = NULL;

    HSM_TRY(hsm_driver_sqlite_begin(directory, 5000, &birth));
    return hsm_driver_sqlite_finish(birth, identity);
}

static hsm_err open_sqlite(bench *on)
{
    static unsigned number;
    char directory[PATH_MAX + 64];
    char changes[PATH_MAX + 96];

    (void)snprintf(directory, sizeof directory, "%s/d%u", scratch(), number++);
    (void)snprintf(changes, sizeof changes, "%s/store.changes", directory);
    HSM_CHECK(mkdir(directory, 0700) == 0, HSM_E_STORE_IO);
    HSM_TRY(make_database(directory, hsm_bytes_of("sixteen bytes ok", 16)));
    HSM_TRY(hsm_change_open(changes, &on->change));
    const hsm_driver_sqlite_options options = {
        .directory = directory,
        .change = on->change,
        .busy_ms = 5000,
        .identity = hsm_bytes_of("sixteen bytes ok", 16),
    };
    return hsm_driver_sqlite_open(&options, &on->storage);
}

static const struct {
    const char *name;
    hsm_err (*open)(bench *on);
} drivers[] = {
    { "memory", open_memory },
    { "sqlite", open_sqlite },
};

static void bench_clear(bench *on)
{
    if (on->is_open)
        on->storage.driver->close(on->storage.state);
    hsm_change_close(on->change);
}

/* Runs body on a fresh, empty storage of each driver. */
static void with_each(void (*body)(const hsm_storage *on, const hsm_change *change))
{
    for (size_t i = 0; i < HSM_ARRAY_LEN(drivers); i++) {
        HSM_AUTO(bench_clear) bench on = { 0 };

        CASE(drivers[i].name);
        REQUIRE_OK(drivers[i].open(&on));
        on.is_open = true;
        CHECK_STR(on.storage.driver->name, drivers[i].name);
        body(&on.storage, on.change);
    }
}

/* --- short words -------------------------------------------------------------------------------- */

static hsm_tag tag_of(const char *name)
{
    hsm_tag tag = { { 0 } };

    for (size_t i = 0; i < HSM_TAG_BYTES && name[i] != '\0'; i++)
        tag.bytes[i] = (uint8_t)name[i];
    return tag;
}

/* Fine tags by name, and a first coarse one; NULL: none. */
static hsm_tags tags_of(const char *fine1, const char *fine2, const char *coarse)
{
    hsm_tags tags = { .fine_count = 0 };

    if (fine1 != NULL)
        tags.fine[tags.fine_count++] = tag_of(fine1);
    if (fine2 != NULL)
        tags.fine[tags.fine_count++] = tag_of(fine2);
    if (coarse != NULL) {
        tags.coarse[0] = tag_of(coarse);
        tags.has_coarse[0] = true;
    }
    return tags;
}

static hsm_err commit_one(const hsm_storage *on, hsm_batch *batch)
{
    batch->err = HSM_E_INTERNAL;
    on->driver->commit(on->state, &batch, 1);
    return batch->err;
}

static hsm_err put(const hsm_storage *on, uint32_t slot, const hsm_batch_put *what)
{
    hsm_batch batch = { .slot = slot, .puts = what, .put_count = 1 };

    return commit_one(on, &batch);
}

/* Puts record `text` under id, replacing version `expected`, in slot 0 and the public half. */
static hsm_err put_text(const hsm_storage *on, uint64_t id, uint64_t expected, const char *text,
                        const hsm_tags *tags)
{
    const hsm_batch_put what = {
        .id = id,
        .expected = expected,
        .version = expected + 1,
        .record = hsm_bytes_of_text(text),
        .tags = tags,
    };

    return put(on, 0, &what);
}

static hsm_err delete_one(const hsm_storage *on, uint32_t slot, uint64_t id)
{
    hsm_batch batch = { .slot = slot, .deletes = &id, .delete_count = 1 };

    return commit_one(on, &batch);
}

static hsm_err write_token(const hsm_storage *on, uint32_t slot, uint64_t expected,
                           const char *text, bool is_reset)
{
    const hsm_batch_token token = { expected, hsm_bytes_of_text(text), is_reset };
    hsm_batch batch = { .slot = slot, .token = &token };

    return commit_one(on, &batch);
}

static void check_record(const hsm_storage *on, uint32_t slot, uint64_t id, uint64_t version,
                         const char *text)
{
    HSM_AUTO(hsm_buf_clear) hsm_buf record = { 0 };
    hsm_record_head head = { 0 };

    if (!CHECK_OK(on->driver->read(on->state, slot, id, &head, &record)))
        return;
    CHECK_EQ(head.version, version);
    CHECK_BYTES(record.data, record.len, text, strlen(text));
    CHECK_OK(on->driver->head(on->state, slot, id, &head));
    CHECK_EQ(head.version, version);
}

static void check_absent(const hsm_storage *on, uint32_t slot, uint64_t id)
{
    HSM_AUTO(hsm_buf_clear) hsm_buf record = { 0 };
    hsm_record_head head = { 0 };

    CHECK_ERR(on->driver->read(on->state, slot, id, &head, &record), HSM_E_STORE_NOT_FOUND);
    CHECK_ERR(on->driver->head(on->state, slot, id, &head), HSM_E_STORE_NOT_FOUND);
    CHECK_EQ(record.len, 0);
}

/* The ids found, as a text of decimal numbers. */
static const char *found(const hsm_storage *on, uint32_t slot, const hsm_query *queries,
                         size_t count)
{
    static char text[256];
    HSM_AUTO(hsm_buf_clear) hsm_buf ids = { 0 };
    size_t at = 0;

    text[0] = '\0';
    CHECK_OK(on->driver->find(on->state, slot, queries, count, &ids));
    for (size_t i = 0; i < ids.len; i += sizeof(uint64_t)) {
        uint64_t id = 0;
        memcpy(&id, ids.data + i, sizeof id);
        at += (size_t)snprintf(text + at, sizeof text - at, "%s%llu", i > 0 ? " " : "",
                               (unsigned long long)id);
    }
    return text;
}

static const char *found_by(const hsm_storage *on, const char *fine1, const char *fine2,
                            const char *coarse)
{
    const hsm_query query = { .tags = tags_of(fine1, fine2, coarse) };

    return found(on, 0, &query, 1);
}

/* --- the suite ---------------------------------------------------------------------------------- */

static void body_records(const hsm_storage *on, const hsm_change *change)
{
    const hsm_tags none = { .fine_count = 0 };

    (void)change;
    check_absent(on, 0, 5);
    CHECK_OK(put_text(on, 5, 0, "first", &none));
    check_record(on, 0, 5, 1, "first");
    check_absent(on, 1, 5);
    CHECK_ERR(put_text(on, 5, 0, "again", &none), HSM_E_STORE_CONFLICT);
    CHECK_ERR(put_text(on, 5, 2, "too early", &none), HSM_E_STORE_CONFLICT);
    CHECK_ERR(put_text(on, 6, 1, "nothing there", &none), HSM_E_STORE_NOT_FOUND);
    check_record(on, 0, 5, 1, "first");
    CHECK_OK(put_text(on, 5, 1, "second, and longer", &none));
    check_record(on, 0, 5, 2, "second, and longer");
    CHECK_ERR(delete_one(on, 1, 5), HSM_E_STORE_NOT_FOUND);
    CHECK_OK(delete_one(on, 0, 5));
    CHECK_ERR(delete_one(on, 0, 5), HSM_E_STORE_NOT_FOUND);
    check_absent(on, 0, 5);
    CHECK_OK(put_text(on, HSM_STORE_ID_MAX, 0, "the last id", &none));
    check_record(on, 0, HSM_STORE_ID_MAX, 1, "the last id");
}

static void records_have_versions(void)
{
    with_each(body_records);
}

static void body_id_of_another_slot(const hsm_storage *on, const hsm_change *change)
{
    const hsm_tags none = { .fine_count = 0 };
    const hsm_batch_put other = {
        .id = 5, .version = 1, .record = hsm_bytes_of_text("other"), .tags = &none
    };

    (void)change;
    CHECK_OK(put_text(on, 5, 0, "first", &none));
    CHECK_ERR(put(on, 1, &other), HSM_E_STORE_CONFLICT);
    check_record(on, 0, 5, 1, "first");
}

static void an_id_is_used_once_in_all_slots(void)
{
    with_each(body_id_of_another_slot);
}

static void body_tags(const hsm_storage *on, const hsm_change *change)
{
    const hsm_tags a = tags_of("blue", "round", "key");
    const hsm_tags b = tags_of("blue", "square", "key");
    const hsm_tags c = tags_of("red", NULL, "certificate");
    const hsm_tags d = tags_of(NULL, NULL, NULL);

    (void)change;
    CHECK_STR(found_by(on, NULL, NULL, NULL), "");
    CHECK_STR(found_by(on, "blue", NULL, NULL), "");
    CHECK_OK(put_text(on, 30, 0, "c", &c));
    CHECK_OK(put_text(on, 20, 0, "b", &b));
    CHECK_OK(put_text(on, 10, 0, "a", &a));
    CHECK_OK(put_text(on, 40, 0, "d", &d));
    CHECK_STR(found_by(on, NULL, NULL, NULL), "10 20 30 40");
    CHECK_STR(found_by(on, "blue", NULL, NULL), "10 20");
    CHECK_STR(found_by(on, "blue", "square", NULL), "20");
    CHECK_STR(found_by(on, "square", "blue", "key"), "20");
    CHECK_STR(found_by(on, "blue", "red", NULL), "");
    CHECK_STR(found_by(on, NULL, NULL, "key"), "10 20");
    CHECK_STR(found_by(on, NULL, NULL, "certificate"), "30");
    CHECK_STR(found_by(on, "red", NULL, "key"), "");
    CHECK_STR(found_by(on, "red", NULL, "certificate"), "30");
    CASE("a new version has new tags");
    CHECK_OK(put_text(on, 10, 1, "a", &c));
    CHECK_STR(found_by(on, "blue", NULL, NULL), "20");
    CHECK_STR(found_by(on, "round", NULL, NULL), "");
    CHECK_STR(found_by(on, "red", NULL, NULL), "10 30");
    CHECK_STR(found_by(on, NULL, NULL, "key"), "20");
    CHECK_OK(delete_one(on, 0, 30));
    CHECK_STR(found_by(on, "red", NULL, NULL), "10");
    CHECK_STR(found_by(on, NULL, NULL, NULL), "10 20 40");
}

static void objects_are_found_by_their_tags(void)
{
    with_each(body_tags);
}

static void body_second_coarse(const hsm_storage *on, const hsm_change *change)
{
    hsm_tags both = tags_of("x", NULL, "key");
    hsm_query query = { .tags = { .has_coarse = { false, true } } };

    (void)change;
    both.coarse[1] = tag_of("AES");
    both.has_coarse[1] = true;
    CHECK_OK(put_text(on, 1, 0, "a", &both));
    both.coarse[1] = tag_of("RSA");
    CHECK_OK(put_text(on, 2, 0, "b", &both));
    query.tags.coarse[1] = tag_of("RSA");
    CHECK_STR(found(on, 0, &query, 1), "2");
    query.tags.coarse[0] = tag_of("key");
    query.tags.has_coarse[0] = true;
    CHECK_STR(found(on, 0, &query, 1), "2");
    query.tags.fine[0] = tag_of("x");
    query.tags.fine_count = 1;
    CHECK_STR(found(on, 0, &query, 1), "2");
    query.tags.has_coarse[0] = false;
    CHECK_STR(found(on, 0, &query, 1), "2");
    query.tags.coarse[1] = tag_of("EC");
    CHECK_STR(found(on, 0, &query, 1), "");
}

static void coarse_tags_go_together(void)
{
    with_each(body_second_coarse);
}

static void body_all_fine(const hsm_storage *on, const hsm_change *change)
{
    hsm_tags tags = { .fine_count = HSM_TAGS_FINE_MAX };

    (void)change;
    for (size_t i = 0; i < HSM_TAGS_FINE_MAX; i++)
        tags.fine[i] = tag_of((const char[]){ 'a', (char)('0' + (int)i), '\0' });
    CHECK_OK(put_text(on, 1, 0, "all", &tags));
    for (size_t count = 1; count <= HSM_TAGS_FINE_MAX; count++) {
        hsm_query query = { .tags = tags };
        query.tags.fine_count = count;
        CHECK_STR(found(on, 0, &query, 1), "1");
        query.tags.fine[count - 1] = tag_of("missing");
        CHECK_STR(found(on, 0, &query, 1), "");
    }
}

static void every_number_of_fine_tags_works(void)
{
    with_each(body_all_fine);
}

static void body_halves(const hsm_storage *on, const hsm_change *change)
{
    const hsm_tags tags = tags_of("same", NULL, NULL);
    const hsm_query queries[2] = { { .is_private = false }, { .is_private = true } };
    hsm_batch_put what = {
        .id = 2, .version = 1, .is_private = true, .record = hsm_bytes_of_text("p"), .tags = &tags
    };
    hsm_record_head head = { 0 };
    uint64_t count = 0;

    (void)change;
    CHECK_OK(put(on, 0, &what));
    what.id = 4;
    CHECK_OK(put(on, 0, &what));
    what.id = 9;
    CHECK_OK(put(on, 3, &what));
    CHECK_OK(put_text(on, 1, 0, "q", &tags));
    CHECK_OK(put_text(on, 3, 0, "q", &tags));
    CHECK_STR(found(on, 0, &queries[0], 1), "1 3");
    CHECK_STR(found(on, 0, &queries[1], 1), "2 4");
    CHECK_STR(found(on, 0, queries, 2), "1 2 3 4");
    CHECK_STR(found(on, 3, queries, 2), "9");
    CHECK_OK(on->driver->count(on->state, 0, false, &count));
    CHECK_EQ(count, 2);
    CHECK_OK(on->driver->count(on->state, 0, true, &count));
    CHECK_EQ(count, 4);
    CHECK_OK(on->driver->head(on->state, 0, 2, &head));
    CHECK_THAT(head.is_private);
    CHECK_OK(on->driver->head(on->state, 0, 1, &head));
    CHECK_THAT(!head.is_private);
}

static void halves_and_slots_are_apart(void)
{
    with_each(body_halves);
}

static void body_all_or_nothing(const hsm_storage *on, const hsm_change *change)
{
    const hsm_tags tags = tags_of("t", NULL, "c");
    const hsm_batch_put puts[] = {
        { .id = 1, .version = 1, .record = hsm_bytes_of_text("1"), .tags = &tags },
        { .id = 2, .version = 1, .record = hsm_bytes_of_text("2"), .tags = &tags },
        { .id = 7, .version = 1, .record = hsm_bytes_of_text("taken"), .tags = &tags },
    };
    hsm_batch whole = { .puts = puts, .put_count = 3 };

    (void)change;
    CHECK_OK(put_text(on, 7, 0, "seven", &tags));
    CHECK_ERR(commit_one(on, &whole), HSM_E_STORE_CONFLICT);
    CHECK_STR(found_by(on, NULL, NULL, NULL), "7");
    CHECK_STR(found_by(on, "t", NULL, NULL), "7");
    check_record(on, 0, 7, 1, "seven");
    whole.put_count = 2;
    CHECK_OK(commit_one(on, &whole));
    CHECK_STR(found_by(on, "t", NULL, "c"), "1 2 7");
}

static void a_batch_is_all_or_nothing(void)
{
    with_each(body_all_or_nothing);
}

static void body_several_batches(const hsm_storage *on, const hsm_change *change)
{
    const hsm_tags none = { .fine_count = 0 };
    const uint64_t missing = 99;
    const hsm_batch_put put1 = {
        .id = 1, .version = 1, .record = hsm_bytes_of_text("1"), .tags = &none
    };
    const hsm_batch_put put2 = {
        .id = 2, .version = 1, .record = hsm_bytes_of_text("2"), .tags = &none
    };
    hsm_batch first = { .puts = &put1, .put_count = 1 };
    hsm_batch same = { .puts = &put1, .put_count = 1 };
    hsm_batch gone = { .deletes = &missing, .delete_count = 1 };
    hsm_batch last = { .puts = &put2, .put_count = 1 };
    hsm_batch *const batches[] = { &first, &same, &gone, &last };
    const uint64_t before = hsm_change_now(change);

    on->driver->commit(on->state, batches, HSM_ARRAY_LEN(batches));
    CHECK_OK(first.err);
    CHECK_ERR(same.err, HSM_E_STORE_CONFLICT);
    CHECK_ERR(gone.err, HSM_E_STORE_NOT_FOUND);
    CHECK_OK(last.err);
    CHECK_STR(found_by(on, NULL, NULL, NULL), "1 2");
    CHECK_THAT(first.changes != before && hsm_change_is_settled(first.changes));
    CHECK_EQ(last.changes, hsm_change_now(change));
}

static void each_batch_has_its_own_answer(void)
{
    with_each(body_several_batches);
}

static void check_token(const hsm_storage *on, uint32_t slot, uint64_t version, uint64_t epoch,
                        const char *text)
{
    hsm_token_row row = { .version = 0 };

    if (CHECK_OK(on->driver->token_read(on->state, slot, &row))) {
        CHECK_EQ(row.version, version);
        CHECK_EQ(row.epoch, epoch);
        CHECK_BYTES(row.record.data, row.record.len, text, strlen(text));
    }
    hsm_buf_clear(&row.record);
}

static void body_token(const hsm_storage *on, const hsm_change *change)
{
    hsm_token_row row = { .version = 0 };

    (void)change;
    CHECK_ERR(on->driver->token_read(on->state, 0, &row), HSM_E_STORE_NOT_FOUND);
    CHECK_ERR(write_token(on, 0, 1, "early", false), HSM_E_STORE_CONFLICT);
    CHECK_OK(write_token(on, 0, 0, "one", false));
    check_token(on, 0, 1, 0, "one");
    CHECK_ERR(write_token(on, 0, 0, "again", false), HSM_E_STORE_CONFLICT);
    CHECK_OK(write_token(on, 0, 1, "two", false));
    check_token(on, 0, 2, 0, "two");
    CHECK_ERR(on->driver->token_read(on->state, 1, &row), HSM_E_STORE_NOT_FOUND);
    CHECK_OK(write_token(on, 1, 0, "other", true));
    check_token(on, 1, 1, 1, "other");
    check_token(on, 0, 2, 0, "two");
}

static void token_records_have_versions(void)
{
    with_each(body_token);
}

static void body_reset(const hsm_storage *on, const hsm_change *change)
{
    const hsm_tags tags = tags_of("t", NULL, "c");
    const hsm_batch_put elsewhere = {
        .id = 8, .version = 1, .record = hsm_bytes_of_text("8"), .tags = &tags
    };
    const hsm_query all = { .is_private = false };

    (void)change;
    CHECK_OK(write_token(on, 0, 0, "token", false));
    CHECK_OK(put_text(on, 1, 0, "1", &tags));
    CHECK_OK(put_text(on, 2, 0, "2", &tags));
    CHECK_OK(put(on, 1, &elsewhere));
    CHECK_ERR(write_token(on, 0, 0, "stale", true), HSM_E_STORE_CONFLICT);
    CHECK_STR(found_by(on, NULL, NULL, NULL), "1 2");
    CHECK_OK(write_token(on, 0, 1, "new", true));
    check_token(on, 0, 2, 1, "new");
    CHECK_STR(found_by(on, NULL, NULL, NULL), "");
    CHECK_STR(found_by(on, "t", NULL, NULL), "");
    CHECK_STR(found(on, 1, &all, 1), "8");
    CASE("who has not noticed the reset can't write");
    CHECK_ERR(put_text(on, 3, 0, "3", &tags), HSM_E_STORE_CONFLICT);
    check_absent(on, 0, 3);
    hsm_batch_put what = { .id = 3, .version = 1, .record = hsm_bytes_of_text("3"), .tags = &tags };
    hsm_batch batch = { .epoch = 1, .puts = &what, .put_count = 1 };
    CHECK_OK(commit_one(on, &batch));
    check_record(on, 0, 3, 1, "3");
}

static void a_reset_deletes_the_slots_objects(void)
{
    with_each(body_reset);
}

static void body_large(const hsm_storage *on, const hsm_change *change)
{
    const hsm_tags none = { .fine_count = 0 };
    HSM_AUTO(hsm_buf_clear) hsm_buf large = { 0 };
    HSM_AUTO(hsm_buf_clear) hsm_buf back = { 0 };
    hsm_record_head head = { 0 };

    (void)change;
    REQUIRE_OK(hsm_buf_reserve(&large, HSM_RECORD_MAX_BYTES));
    memset(large.data, 0xa5, HSM_RECORD_MAX_BYTES);
    large.len = HSM_RECORD_MAX_BYTES;
    const hsm_batch_put what = {
        .id = 1, .version = 1, .record = hsm_buf_view(&large), .tags = &none
    };
    CHECK_OK(put(on, 0, &what));
    CHECK_OK(on->driver->read(on->state, 0, 1, &head, &back));
    CHECK_THAT(hsm_bytes_equal(hsm_buf_view(&back), hsm_buf_view(&large)));
}

static void the_largest_record_fits(void)
{
    with_each(body_large);
}

/* More than a writer holds in memory: what went to the log before the commit is read again from there. */
static void body_overflow(const hsm_storage *on, const hsm_change *change)
{
    enum { LARGE = 5 };
    const hsm_tags tags = tags_of("fine", NULL, "coarse");
    HSM_AUTO(hsm_buf_clear) hsm_buf large = { 0 };
    hsm_batch_put puts[LARGE];
    const hsm_batch_put again = {
        .id = 1, .expected = 1, .version = 2, .record = hsm_bytes_of_text("small"), .tags = &tags
    };
    uint64_t missing = 100;
    hsm_batch all = { .puts = puts, .put_count = LARGE, .err = HSM_E_INTERNAL };
    hsm_batch one = { .puts = &again, .put_count = 1, .err = HSM_E_INTERNAL };
    hsm_batch hopeless = { .deletes = &missing, .delete_count = 1, .err = HSM_E_INTERNAL };
    hsm_batch *const together[] = { &all, &one, &hopeless };

    (void)change;
    REQUIRE_OK(hsm_buf_reserve(&large, HSM_RECORD_MAX_BYTES));
    memset(large.data, 0xa5, HSM_RECORD_MAX_BYTES);
    large.len = HSM_RECORD_MAX_BYTES;
    for (uint64_t i = 0; i < LARGE; i++)
        puts[i] = (hsm_batch_put){
            .id = i + 1, .version = 1, .record = hsm_buf_view(&large), .tags = &tags
        };
    on->driver->commit(on->state, together, HSM_ARRAY_LEN(together));
    CHECK_OK(all.err);
    CHECK_OK(one.err);
    CHECK_ERR(hopeless.err, HSM_E_STORE_NOT_FOUND);
    check_record(on, 0, 1, 2, "small");
    for (uint64_t id = 2; id <= LARGE; id++) {
        HSM_AUTO(hsm_buf_clear) hsm_buf back = { 0 };
        hsm_record_head head = { 0 };
        CHECK_OK(on->driver->read(on->state, 0, id, &head, &back));
        CHECK_THAT(hsm_bytes_equal(hsm_buf_view(&back), hsm_buf_view(&large)));
    }
    CHECK_STR(found_by(on, "fine", NULL, "coarse"), "1 2 3 4 5");
}

static void a_batch_may_be_larger_than_the_writers_memory(void)
{
    with_each(body_overflow);
}

static void body_many(const hsm_storage *on, const hsm_change *change)
{
    enum { MANY = 600 };
    static hsm_tags tags[MANY];
    static hsm_batch_put puts[MANY];
    static uint64_t odd[MANY / 2];
    hsm_batch all = { .puts = puts, .put_count = MANY };
    hsm_batch half = { .deletes = odd, .delete_count = MANY / 2 };
    uint64_t count = 0;

    (void)change;
    for (uint64_t i = 0; i < MANY; i++) {
        const uint64_t id = i + 1;
        tags[i] = tags_of(id % 2 == 0 ? "even" : "odd", id % 100 == 0 ? "hundreds" : NULL, "n");
        puts[i] = (hsm_batch_put){
            .id = id, .version = 1, .record = hsm_bytes_of_text("x"), .tags = &tags[i]
        };
        odd[i / 2] = i / 2 * 2 + 1;
    }
    REQUIRE_OK(commit_one(on, &all));
    CHECK_OK(on->driver->count(on->state, 0, true, &count));
    CHECK_EQ(count, MANY);
    CHECK_STR(found_by(on, "hundreds", "even", "n"), "100 200 300 400 500 600");
    CHECK_STR(found_by(on, "hundreds", "odd", NULL), "");
    REQUIRE_OK(commit_one(on, &half));
    CHECK_OK(on->driver->count(on->state, 0, true, &count));
    CHECK_EQ(count, MANY / 2);
    CHECK_STR(found_by(on, "odd", NULL, NULL), "");
    if (on->driver->maintain != NULL)
        on->driver->maintain(on->state);
}

static void many_records_stay_apart(void)
{
    with_each(body_many);
}

static void body_space(const hsm_storage *on, const hsm_change *change)
{
    const hsm_tags none = { .fine_count = 0 };
    uint64_t used = 0;
    uint64_t free_bytes = 0;

    (void)change;
    CHECK_OK(put_text(on, 1, 0, "some bytes", &none));
    CHECK_OK(on->driver->space(on->state, &used, &free_bytes));
    CHECK_THAT(used >= 10);
    CHECK_THAT(free_bytes > 0);
    CHECK_THAT(!on->driver->is_read_only(on->state));
}

static void space_is_known(void)
{
    with_each(body_space);
}

static const check_test tests[] = {
    CHECK_TEST(records_have_versions),
    CHECK_TEST(an_id_is_used_once_in_all_slots),
    CHECK_TEST(objects_are_found_by_their_tags),
    CHECK_TEST(coarse_tags_go_together),
    CHECK_TEST(every_number_of_fine_tags_works),
    CHECK_TEST(halves_and_slots_are_apart),
    CHECK_TEST(a_batch_is_all_or_nothing),
    CHECK_TEST(each_batch_has_its_own_answer),
    CHECK_TEST(token_records_have_versions),
    CHECK_TEST(a_reset_deletes_the_slots_objects),
    CHECK_TEST(the_largest_record_fits),
    CHECK_TEST(a_batch_may_be_larger_than_the_writers_memory),
    CHECK_TEST(many_records_stay_apart),
    CHECK_TEST(space_is_known),
};
CHECK_MAIN(tests)
