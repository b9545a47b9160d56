/* The small parts of the daemon: framing, bounded memory, timers, names.
 * SPDX-License-Identifier: Apache-2.0 */
#include "cratond/arena.h"
#include "cratond/frame.h"
#include "cratond/grpc_status.h"
#include "cratond/h2_memory.h"
#include "cratond/internal.h"
#include "cratond/names.h"
#include "cratond/timers.h"
#include "support/check.h"

/* --- framing -------------------------------------------------------------------------------------- */

/* Feeds `bytes` in pieces; the result of the last one that was not FRAME_MORE. */
static frame_result feed(frame_reader *reader, hsm_bytes bytes, size_t piece)
{
    frame_result result = FRAME_MORE;

    for (size_t at = 0; at < bytes.len && result == FRAME_MORE; at += piece) {
        const size_t len = bytes.len - at < piece ? bytes.len - at : piece;
        hsm_bytes part = hsm_bytes_of(bytes.data + at, len);

        result = frame_read(reader, &part);
        if (result == FRAME_COMPLETE)
            CHECK_EQ(part.len, 0);
    }
    return result;
}

static void messages_come_in_any_pieces(void)
{
    static const uint8_t framed[] = { 0, 0, 0, 0, 3, 'a', 'b', 'c' };

    for (size_t piece = 1; piece <= sizeof framed; piece++) {
        frame_reader reader = { .max_len = 3, .message = HSM_BUF_WIPED };

        CHECK_THAT(frame_is_between(&reader));
        CHECK_EQ(feed(&reader, hsm_bytes_of(framed, sizeof framed), piece), FRAME_COMPLETE);
        CHECK_BYTES(reader.message.data, reader.message.len, "abc", 3);
        frame_next(&reader);
        CHECK_THAT(frame_is_between(&reader));
    }
}

static void bad_frames_are_refused(void)
{
    static const struct {
        const char *label;
        uint8_t prefix[5];
        frame_result want;
    } cases[] = {
        { "empty", { 0, 0, 0, 0, 0 }, FRAME_COMPLETE },
        { "at the limit", { 0, 0, 0, 0, 4 }, FRAME_MORE },
        { "beyond it", { 0, 0, 0, 0, 5 }, FRAME_TOO_LARGE },
        { "4 GiB", { 0, 0xff, 0xff, 0xff, 0xff }, FRAME_TOO_LARGE },
        { "compressed", { 1, 0, 0, 0, 0 }, FRAME_COMPRESSED },
        { "another flag", { 2, 0, 0, 0, 0 }, FRAME_BAD_FLAG },
    };

    for (size_t i = 0; i < HSM_ARRAY_LEN(cases); i++) {
        frame_reader reader = { .max_len = 4, .message = HSM_BUF_WIPED };

        CASE(cases[i].label);
        CHECK_EQ(feed(&reader, hsm_bytes_of(cases[i].prefix, 5), 5), cases[i].want);
        CHECK_EQ(reader.message.cap,
                 cases[i].want == FRAME_MORE || i == 0 ? reader.message.cap : 0);
        hsm_buf_clear(&reader.message);
    }
}

static void announced_lengths_take_no_memory(void)
{
    static const uint8_t prefix[] = { 0, 0, 0x40, 0, 0, 'x' };
    frame_reader reader = { .max_len = 0x400000, .message = HSM_BUF_WIPED };

    CHECK_EQ(feed(&reader, hsm_bytes_of(prefix, sizeof prefix), 6), FRAME_MORE);
    CHECK_THAT(reader.message.cap <= 256);
    hsm_buf_clear(&reader.message);
}

static void prefixes_are_big_endian(void)
{
    uint8_t prefix[FRAME_PREFIX_BYTES];

    frame_prefix(0x01020304, prefix);
    CHECK_BYTES(prefix, sizeof prefix, "\0\1\2\3\4", 5);
}

/* --- memory --------------------------------------------------------------------------------------- */

static void a_budget_is_kept(void)
{
    arena memory;

    const size_t big = ARENA_ROOM_BYTES + 1; /* a block of its own */

    arena_init(&memory, 2 * big + 40);
    void *first = arena_alloc(&memory, big);
    CHECK_THAT(first != NULL);
    CHECK_THAT(arena_alloc(&memory, big + 41) == NULL);
    void *second = arena_alloc(&memory, big + 40);
    CHECK_THAT(second != NULL);
    CHECK_THAT(arena_alloc(&memory, 1) == NULL);
    CASE("what protobuf-c gives back can be used again");
    memory.allocator.free(memory.allocator.allocator_data, first);
    CHECK_EQ(memory.used, big + 40);
    CHECK_THAT(memory.allocator.alloc(memory.allocator.allocator_data, big) != NULL);
    arena_clear(&memory);
    CHECK_EQ(memory.used, 0);
    CHECK_THAT(arena_alloc(&memory, (size_t)-1) == NULL);
    memory.allocator.free(memory.allocator.allocator_data, NULL);
}

static void small_blocks_share_a_room(void)
{
    arena memory;

    arena_init(&memory, 4 * ARENA_ROOM_BYTES);
    uint8_t *first = arena_alloc(&memory, 3);
    uint8_t *second = arena_alloc(&memory, 5);
    CHECK_THAT(first == memory.room && (uintptr_t)second % _Alignof(max_align_t) == 0);
    CHECK_EQ(memory.used, 8);
    memset(first, 0x5a, 3);
    memory.allocator.free(memory.allocator.allocator_data, first);
    CASE("one that does not fit beside them is a block of its own");
    CHECK_THAT(arena_alloc(&memory, ARENA_ROOM_BYTES) != NULL);
    CHECK_EQ(memory.used, 8 + ARENA_ROOM_BYTES);
    arena_clear(&memory);
    CHECK_EQ(memory.used, 0);
    CHECK_EQ(memory.room[0], 0);
    CASE("and the whole room is there again");
    CHECK_THAT(arena_alloc(&memory, ARENA_ROOM_BYTES) == memory.room);
    arena_clear(&memory);
}

static void buffers_of_a_call_have_a_limit(void)
{
    hsm_buf buf = HSM_BUF_WIPED;

    CHECK_OK(call_keep(&buf, hsm_bytes_of_text("abc")));
    CHECK_OK(hsm_buf_reserve(&buf, CALL_BUFFER_MAX_BYTES - buf.len));
    buf.len = CALL_BUFFER_MAX_BYTES - 3; /* as if so much had been kept */
    CHECK_OK(call_keep(&buf, hsm_bytes_of_text("def")));
    CHECK_EQ(buf.len, CALL_BUFFER_MAX_BYTES);
    CHECK_BYTES(buf.data + buf.len - 3, 3, "def", 3);
    CHECK_OK(call_keep(&buf, hsm_bytes_none()));
    CHECK_ERR(call_keep(&buf, hsm_bytes_of_text("g")), HSM_E_LIMIT);
    CHECK_EQ(buf.len, CALL_BUFFER_MAX_BYTES);
    hsm_buf_clear(&buf);
}

static void check_wiped(const call *on)
{
    CHECK_THAT(on->reader.message.is_wiped);
    CHECK_THAT(on->backlog.is_wiped);
    CHECK_THAT(on->out.is_wiped);
    CHECK_THAT(on->result.is_wiped);
}

/* They may hold PINs and plaintext. */
static void buffers_of_a_call_are_wiped(void)
{
    static server of;
    conn on = { .server = &of };
    call *made = NULL;

    REQUIRE_OK(call_create(&on, 1, &made));
    check_wiped(made);
    made->is_gone = true;
    call_settle(made);
    CASE("of a call that is used again");
    call *again = NULL;
    REQUIRE_OK(call_create(&on, 3, &again));
    CHECK_THAT(again == made);
    check_wiped(again);
    again->is_gone = true;
    call_settle(again);
    call_free_spares(&of);
}

static void blocks_of_a_size_are_used_again(void)
{
    static const uint8_t zeros[2 * H2_MEMORY_STEP_BYTES];
    h2_memory memory = { 0 };
    const nghttp2_mem of = h2_memory_functions(&memory);
    uint8_t *first = of.malloc(H2_MEMORY_STEP_BYTES + 1, &memory);
    const uintptr_t where = (uintptr_t)first;

    REQUIRE_THAT(first != NULL);
    memset(first, 0x5a, H2_MEMORY_STEP_BYTES + 1);
    of.free(first, &memory);
    uint8_t *other = of.malloc(H2_MEMORY_STEP_BYTES, &memory);
    uint8_t *again = of.calloc(2, H2_MEMORY_STEP_BYTES, &memory);
    REQUIRE_THAT(other != NULL && again != NULL);
    CHECK_THAT(other != again);
    CHECK_THAT(H2_MEMORY_STEPS == 0 || (uintptr_t)again == where);
    CHECK_BYTES(again, sizeof zeros, zeros, sizeof zeros);
    of.free(other, &memory);
    of.free(again, &memory);
    of.free(NULL, &memory);
    h2_memory_clear(&memory);
    CHECK_THAT(memory.kept[H2_MEMORY_STEPS].first == NULL);
}

static void only_so_many_blocks_are_kept(void)
{
    static void *blocks[H2_MEMORY_KEPT_MAX + 1];
    h2_memory memory = { 0 };
    const nghttp2_mem of = h2_memory_functions(&memory);
    const size_t largest = H2_MEMORY_STEPS * H2_MEMORY_STEP_BYTES;

    for (size_t i = 0; i < HSM_ARRAY_LEN(blocks); i++)
        blocks[i] = of.malloc(largest, &memory);
    for (size_t i = 0; i < HSM_ARRAY_LEN(blocks); i++)
        of.free(blocks[i], &memory);
    CHECK_EQ(memory.kept[H2_MEMORY_STEPS].count, H2_MEMORY_STEPS == 0 ? 0 : H2_MEMORY_KEPT_MAX);
    h2_memory_clear(&memory);
    of.free(of.malloc(largest + 1, &memory), &memory);
    for (size_t i = 0; i <= H2_MEMORY_STEPS; i++)
        CHECK_EQ(memory.kept[i].count, 0);
}

static void blocks_grow_with_what_is_in_them(void)
{
    h2_memory memory = { 0 };
    const nghttp2_mem of = h2_memory_functions(&memory);
    uint8_t *block = of.realloc(NULL, 3, &memory);

    REQUIRE_THAT(block != NULL);
    memcpy(block, "abc", 3);
    block = of.realloc(block, 10 * H2_MEMORY_STEP_BYTES * (H2_MEMORY_STEPS + 1), &memory);
    REQUIRE_THAT(block != NULL);
    CHECK_BYTES(block, 3, "abc", 3);
    CHECK_THAT(of.realloc(block, SIZE_MAX, &memory) == NULL);
    CHECK_THAT(of.malloc(SIZE_MAX, &memory) == NULL);
    CHECK_THAT(of.calloc(SIZE_MAX / 2, 3, &memory) == NULL);
    of.free(block, &memory);
    h2_memory_clear(&memory);
}

/* --- timers --------------------------------------------------------------------------------------- */

typedef struct fired {
    timers *wheel;
    loop_timer timer;
    int times;
    int64_t again_ms; /* sets itself again while it fires; 0: does not */
} fired;

static void fire(void *owner)
{
    fired *on = owner;

    on->times++;
    if (on->again_ms > 0)
        timers_set(on->wheel, &on->timer, on->again_ms);
}

static fired watched(timers *wheel)
{
    return (fired){ .wheel = wheel, .timer = { .fire = fire } };
}

static void timers_fire_when_due(void)
{
    static timers wheel;
    const int64_t start = 1000003;

    timers_init(&wheel, start);
    CHECK_EQ(timers_wait_ms(&wheel, start), -1);
    for (int64_t after = -100; after <= 20000; after += 997) {
        fired one = watched(&wheel);

        one.timer.owner = &one;
        timers_init(&wheel, start);
        timers_set(&wheel, &one.timer, start + after);
        timers_run(&wheel, start + (after > 0 ? after - 1 : -1));
        CHECK_EQ(one.times, 0); /* never early */
        timers_run(&wheel, start + (after > 0 ? after : 0) + 2 * TIMERS_TICK_MS);
        CHECK_EQ(one.times, 1);
        CHECK_EQ(wheel.count, 0);
    }
}

static void the_wait_ends_at_the_next_timer(void)
{
    static timers wheel;
    fired one = watched(&wheel);
    int64_t now_ms = 5;

    one.timer.owner = &one;
    timers_init(&wheel, now_ms);
    timers_set(&wheel, &one.timer, 30000); /* more than a round away */
    for (int turns = 0; one.times == 0 && turns < 10; turns++) {
        const int wait_ms = timers_wait_ms(&wheel, now_ms);

        CHECK_THAT(wait_ms >= 0 && now_ms + wait_ms <= 30000 + 2 * TIMERS_TICK_MS);
        now_ms += wait_ms;
        timers_run(&wheel, now_ms);
    }
    CHECK_EQ(one.times, 1);
}

static void timers_may_set_and_stop_timers(void)
{
    static timers wheel;
    fired one = watched(&wheel);
    fired two = watched(&wheel);

    one.timer.owner = &one;
    two.timer.owner = &two;
    timers_init(&wheel, 0);
    one.again_ms = 10; /* in the slot that is being run */
    timers_set(&wheel, &one.timer, 10);
    timers_set(&wheel, &two.timer, 10);
    timers_stop(&wheel, &two.timer);
    timers_stop(&wheel, &two.timer);
    timers_run(&wheel, 16);
    CHECK_EQ(one.times, 1);
    CHECK_EQ(two.times, 0);
    one.again_ms = 0;
    timers_run(&wheel, 100);
    CHECK_EQ(one.times, 2);
    CASE("after a sleep longer than a round");
    timers_set(&wheel, &two.timer, 200);
    timers_run(&wheel, 1000000);
    CHECK_EQ(two.times, 1);
}

/* --- names ---------------------------------------------------------------------------------------- */

static void patterns_match(void)
{
    static const struct {
        const char *pattern;
        const char *text;
        bool want;
    } cases[] = {
        { "", "", true },
        { "", "a", false },
        { "a", "a", true },
        { "a", "ab", false },
        { "ab", "a", false },
        { "*", "", true },
        { "*", "anything", true },
        { "a*c", "abbbc", true },
        { "a*c", "abbb", false },
        { "a*b*c", "aXbYbZc", true },
        { "*.test", "x.test", true },
        { "*.test", "x.test.evil", false },
        { "uri:spiffe://a/*", "uri:spiffe://a/", true },
        { "uri:spiffe://a/*", "uri:spiffe://ab/", false },
        { "**a", "bba", true },
        { "A", "a", false },
    };

    for (size_t i = 0; i < HSM_ARRAY_LEN(cases); i++) {
        CASE(cases[i].pattern);
        CHECK_EQ(name_matches(cases[i].pattern, hsm_bytes_of_text(cases[i].text)), cases[i].want);
    }
}

static void names_are_checked(void)
{
    HSM_AUTO(peer_names_clear) peer_names names = { .count = 0 };
    static char longest[PEER_NAME_MAX_BYTES];

    memset(longest, 'x', sizeof longest);
    CHECK_OK(peer_names_add(&names, "dns:", hsm_bytes_of_text("a.test")));
    CHECK_STR(names.names[0], "dns:a.test");
    CHECK_ERR(peer_names_add(&names, "dns:", hsm_bytes_of("a\0b", 3)), HSM_E_DATA);
    CHECK_ERR(peer_names_add(&names, "dns:", hsm_bytes_of_text("a\nb")), HSM_E_DATA);
    CHECK_ERR(peer_names_add(&names, "dns:", hsm_bytes_of(longest, PEER_NAME_MAX_BYTES - 4)),
              HSM_E_LIMIT);
    CHECK_OK(peer_names_add(&names, "dns:", hsm_bytes_of(longest, PEER_NAME_MAX_BYTES - 5)));
    while (names.count < PEER_NAMES_MAX)
        CHECK_OK(peer_names_add(&names, "uri:", hsm_bytes_of_text("x")));
    CHECK_ERR(peer_names_add(&names, "uri:", hsm_bytes_of_text("x")), HSM_E_LIMIT);
}

static void outcomes_have_a_status(void)
{
    CHECK_EQ(call_outcome_of(HSM_OK).status, 0);
    CHECK_EQ(call_outcome_of(HSM_E_PIN_INCORRECT).rv, CKR_PIN_INCORRECT);
    CHECK_EQ(call_outcome_of(HSM_E_LOGIN_COOLDOWN).status, GRPC_STATUS_RESOURCE_EXHAUSTED);
    for (int i = 0; i < CALL_FAULT_COUNT; i++) {
        const call_outcome outcome = call_outcome_fault((call_fault)i);

        CHECK_THAT(outcome.status > 0 && outcome.text != NULL && outcome.rv != CKR_OK);
    }
    CHECK_STR(grpc_status_name(16), "UNAUTHENTICATED");
    CHECK_STR(grpc_status_name(17), "UNKNOWN");
    CHECK_STR(grpc_status_name(-1), "UNKNOWN");
}

static const check_test tests[] = {
    CHECK_TEST(messages_come_in_any_pieces),
    CHECK_TEST(bad_frames_are_refused),
    CHECK_TEST(announced_lengths_take_no_memory),
    CHECK_TEST(prefixes_are_big_endian),
    CHECK_TEST(a_budget_is_kept),
    CHECK_TEST(small_blocks_share_a_room),
    CHECK_TEST(buffers_of_a_call_have_a_limit),
    CHECK_TEST(buffers_of_a_call_are_wiped),
    CHECK_TEST(blocks_of_a_size_are_used_again),
    CHECK_TEST(only_so_many_blocks_are_kept),
    CHECK_TEST(blocks_grow_with_what_is_in_them),
    CHECK_TEST(timers_fire_when_due),
    CHECK_TEST(the_wait_ends_at_the_next_timer),
    CHECK_TEST(timers_may_set_and_stop_timers),
    CHECK_TEST(patterns_match),
    CHECK_TEST(names_are_checked),
    CHECK_TEST(outcomes_have_a_status),
};
CHECK_MAIN(tests)
