/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"

#include <string.h>

#include "abi/needles.h"
#include "support/check.h"

static void a_buffer_grows(void)
{
    hsm_buf buf = { 0 };
    uint8_t byte = 0;

    CHECK_OK(hsm_buf_append(&buf, hsm_bytes_none()));
    CHECK_EQ(hsm_buf_view(&buf).len, 0);
    for (unsigned i = 0; i < 1000; i++) {
        byte = (uint8_t)i;
        CHECK_OK(hsm_buf_append(&buf, hsm_bytes_of(&byte, 1)));
    }
    CHECK_EQ(buf.len, 1000);
    for (unsigned i = 0; i < 1000; i++)
        CHECK_EQ(buf.data[i], (uint8_t)i);
    CHECK_ERR(hsm_buf_reserve(&buf, SIZE_MAX), HSM_E_NO_MEMORY);
    CHECK_ERR(hsm_buf_reserve(&buf, HSM_BUF_MAX_BYTES - 999), HSM_E_NO_MEMORY);
    CHECK_EQ(buf.len, 1000);
    hsm_buf_reset(&buf);
    CHECK_EQ(buf.len, 0);
    hsm_buf_clear(&buf);
    CHECK_THAT(buf.data == NULL && buf.cap == 0);
}

/* In freed memory, a copy may be overwritten by what comes next: it is looked for at once. */
static void a_wiped_buffer_leaves_no_copy(void)
{
    if (IS_SANITIZED)
        SKIP("a sanitizer has its own heap, which keeps freed memory");
    static const uint8_t zeros[100];
    uint8_t value[NEEDLE_BYTES];
    needles all = { .count = 0 };
    hsm_buf buf = HSM_BUF_WIPED;

    for (unsigned i = 0; i < NEEDLE_BYTES; i++)
        value[i] = (uint8_t)(0xa5 ^ (i * 37));
    needles_add(&all, "text", value, sizeof value, false);
    CHECK_OK(hsm_buf_append(&buf, hsm_bytes_of(value, sizeof value)));
    explicit_bzero(value, sizeof value);
    CHECK_EQ(needles_in_memory(&all, false), 1);
    for (unsigned i = 0; i < 300; i++) {
        const size_t cap = buf.cap;

        CHECK_OK(hsm_buf_append(&buf, hsm_bytes_of(zeros, sizeof zeros)));
        if (buf.cap != cap)
            CHECK_EQ(needles_in_memory(&all, false), 1);
    }
    hsm_buf_clear(&buf);
    CHECK_EQ(needles_in_memory(&all, false), 0);
    CASE("and it stays one that is wiped");
    CHECK_THAT(buf.is_wiped && buf.data == NULL && buf.cap == 0);
}

static const check_test tests[] = {
    CHECK_TEST(a_buffer_grows),
    CHECK_TEST(a_wiped_buffer_leaves_no_copy),
};
CHECK_MAIN(tests)
