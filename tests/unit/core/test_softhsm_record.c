#include "core/softhsm_record.h"

#include "base/codec.h"
#include "support/check.h"

enum { ROOM = 8192 };

/* A file being written. */
static uint8_t room[ROOM];
static hsm_writer file;

static void begin(void)
{
    file = hsm_writer_of(room, sizeof room);
    hsm_write_u64(&file, 7); /* the generation */
}

static void put_words(uint64_t first, uint64_t second, uint64_t third)
{
    hsm_write_u64(&file, first);
    hsm_write_u64(&file, second);
    hsm_write_u64(&file, third);
}

static void put_bool(uint64_t type, uint8_t byte)
{
    hsm_write_u64(&file, type);
    hsm_write_u64(&file, HSM_SOFTHSM_BOOL);
    hsm_write_u8(&file, byte);
}

static hsm_err read_it(hsm_softhsm_record *out_record, hsm_softhsm_fault *out_fault)
{
    return hsm_softhsm_read(hsm_bytes_of(room, file.len), out_record, out_fault);
}

static void every_kind_is_read(void)
{
    hsm_softhsm_record record = { .count = 0 };
    hsm_softhsm_record inner = { .count = 0 };
    hsm_softhsm_fault fault = { .what = NULL };

    begin();
    put_bool(1, 0xff);
    put_bool(2, 0);
    put_words(0, HSM_SOFTHSM_ULONG, UINT64_MAX);
    put_words(3, HSM_SOFTHSM_BYTES, 2);
    hsm_write_raw(&file, hsm_bytes_of_text("ab"));
    put_words(5, HSM_SOFTHSM_MECHANISMS, 2);
    hsm_write_u64(&file, 0x1041);
    hsm_write_u64(&file, 0x1042);
    put_words(6, HSM_SOFTHSM_TEMPLATE, 17);
    put_bool(9, 0xff);
    put_words(7, HSM_SOFTHSM_BYTES, 0);
    REQUIRE_OK(read_it(&record, &fault));
    CHECK_EQ(record.count, 7);
    CHECK_EQ(hsm_softhsm_find(&record, 1)->number, 1);
    CHECK_EQ(hsm_softhsm_find(&record, 2)->number, 0);
    CHECK_EQ(hsm_softhsm_find(&record, 0)->number, UINT64_MAX);
    CHECK_BYTES(hsm_softhsm_find(&record, 3)->bytes.data, hsm_softhsm_find(&record, 3)->bytes.len,
                "ab", 2);
    CHECK_EQ(hsm_softhsm_find(&record, 5)->bytes.len, 16);
    CHECK_EQ(hsm_softhsm_find(&record, 7)->bytes.len, 0);
    CHECK_THAT(hsm_softhsm_find(&record, 9) == NULL); /* it is in the template */
    REQUIRE_OK(hsm_softhsm_read_template(hsm_softhsm_find(&record, 6), &inner, &fault));
    CHECK_EQ(inner.count, 1);
    CHECK_EQ(inner.attrs[0].type, 9);
    CHECK_EQ(inner.attrs[0].offset, hsm_softhsm_find(&record, 6)->offset + 24);
}

static void nothing_but_a_generation_is_an_object(void)
{
    hsm_softhsm_record record = { .count = 9 };
    hsm_softhsm_fault fault = { .what = NULL };

    begin();
    REQUIRE_OK(read_it(&record, &fault));
    CHECK_EQ(record.count, 0);
}

/* Every length of a good file but the places between two attributes is a fault within the file. */
static void a_file_cut_short_is_told(void)
{
    hsm_softhsm_record record;
    size_t whole = 0;

    begin();
    put_bool(1, 0xff);
    const size_t between = file.len;
    put_words(3, HSM_SOFTHSM_BYTES, 2);
    hsm_write_raw(&file, hsm_bytes_of_text("ab"));
    whole = file.len;
    for (size_t len = 0; len < whole; len++) {
        hsm_softhsm_fault fault = { .what = NULL };

        file.len = len;
        if (len == 8 || len == between) {
            CHECK_OK(read_it(&record, &fault));
            continue;
        }
        CHECK_ERR(read_it(&record, &fault), HSM_E_DATA);
        CHECK_THAT(fault.what != NULL && fault.offset <= len);
    }
}

typedef struct bad {
    const char *name;
    uint64_t words[3];
    size_t offset;
} bad;

static void bad_attributes_are_told(void)
{
    static const bad rows[] = {
        { "kind 0", { 3, 0, 0 }, 16 },
        { "kind 6", { 3, 6, 0 }, 16 },
        { "a kind beyond an int", { 3, UINT64_C(1) << 32 | HSM_SOFTHSM_BYTES, 0 }, 16 },
        { "a length past the end", { 3, HSM_SOFTHSM_BYTES, 1 }, 24 },
        { "a length past the limit",
          { 3, HSM_SOFTHSM_BYTES, HSM_SOFTHSM_VALUE_MAX_BYTES + 1 },
          24 },
        { "the largest length", { 3, HSM_SOFTHSM_BYTES, UINT64_MAX }, 24 },
        { "a template past the end", { 3, HSM_SOFTHSM_TEMPLATE, 1 }, 24 },
        { "a count past the end", { 3, HSM_SOFTHSM_MECHANISMS, 1 }, 24 },
        { "a count whose product wraps", { 3, HSM_SOFTHSM_MECHANISMS, UINT64_C(1) << 61 }, 24 },
    };

    for (size_t i = 0; i < HSM_ARRAY_LEN(rows); i++) {
        hsm_softhsm_record record = { .count = 77 };
        hsm_softhsm_fault fault = { .what = NULL };

        CASE(rows[i].name);
        begin();
        put_words(rows[i].words[0], rows[i].words[1], rows[i].words[2]);
        CHECK_ERR(read_it(&record, &fault), HSM_E_DATA);
        CHECK_EQ(fault.offset, rows[i].offset);
        CHECK_EQ(record.count, 77); /* out is written on success only */
    }
    CASE(NULL);
}

static void other_faults_are_told(void)
{
    hsm_softhsm_record record;
    hsm_softhsm_fault fault = { .what = NULL };

    CASE("a boolean that is neither");
    begin();
    put_bool(1, 1);
    CHECK_ERR(read_it(&record, &fault), HSM_E_DATA);
    CHECK_EQ(fault.offset, 24);
    CASE("a type twice");
    begin();
    put_bool(1, 0);
    put_bool(1, 0);
    CHECK_ERR(read_it(&record, &fault), HSM_E_DATA);
    CHECK_EQ(fault.offset, 25);
    CASE("as many attributes as there may be");
    begin();
    for (uint64_t i = 0; i < HSM_SOFTHSM_ATTRS_MAX; i++)
        put_bool(i, 0);
    CHECK_OK(read_it(&record, &fault));
    CASE("one more");
    put_bool(HSM_SOFTHSM_ATTRS_MAX, 0);
    CHECK_ERR(read_it(&record, &fault), HSM_E_DATA);
    CASE(NULL);
}

static void templates_do_not_nest(void)
{
    hsm_softhsm_record record = { .count = 0 };
    hsm_softhsm_record inner;
    hsm_softhsm_fault fault = { .what = NULL };

    begin();
    put_words(6, HSM_SOFTHSM_TEMPLATE, 24);
    put_words(6, HSM_SOFTHSM_TEMPLATE, 0);
    REQUIRE_OK(read_it(&record, &fault));
    CHECK_ERR(hsm_softhsm_read_template(&record.attrs[0], &inner, &fault), HSM_E_DATA);
    CHECK_EQ(fault.offset, 32);
}

static const check_test tests[] = {
    CHECK_TEST(every_kind_is_read),       CHECK_TEST(nothing_but_a_generation_is_an_object),
    CHECK_TEST(a_file_cut_short_is_told), CHECK_TEST(bad_attributes_are_told),
    CHECK_TEST(other_faults_are_told),    CHECK_TEST(templates_do_not_nest),
};
CHECK_MAIN(tests)
