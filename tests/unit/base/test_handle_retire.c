/* The table with the handles of a 32-bit CK_ULONG, where generations run out within a test.
 * SPDX-License-Identifier: Apache-2.0 */
#define INDEX_BITS 20
#define HANDLE_LAST 0xfffffffeUL
#include "base/handle.c"

#include "support/check.h"

#define GENERATIONS 4096u

static void a_worn_slot_is_retired(void)
{
    HSM_AUTO(hsm_handle_table_drop) hsm_handle_table *table = NULL;
    CK_ULONG first = 0;
    CK_ULONG handle = 0;
    int item = 0;

    REQUIRE_OK(hsm_handle_table_create(1, &table));
    REQUIRE_OK(hsm_handle_add(table, &item, &first));
    handle = first;
    for (unsigned i = 1; i < GENERATIONS; i++) {
        CHECK_THAT(hsm_handle_remove(table, handle) == &item);
        const CK_ULONG before = handle;
        REQUIRE_OK(hsm_handle_add(table, &item, &handle));
        CHECK_EQ(handle, before + (1UL << 20));
    }
    CHECK_THAT(handle <= 0xffffffffUL);
    CHECK_THAT(hsm_handle_remove(table, handle) == &item);
    CHECK_THAT(hsm_handle_get(table, handle) == NULL);

    CK_ULONG next = 0;
    REQUIRE_OK(hsm_handle_add(table, &item, &next)); /* the limit of 1 item still has a slot */
    CHECK_EQ(next, first + 1);
    CHECK_THAT(hsm_handle_get(table, handle) == NULL);
    CHECK_THAT(hsm_handle_get(table, first) == NULL);
    CHECK_THAT(hsm_handle_get(table, next) == &item);
    CHECK_ERR(hsm_handle_add(table, &item, &handle), HSM_E_LIMIT);
}

static void slots_run_out_only_at_last(void)
{
    HSM_AUTO(hsm_handle_table_drop) hsm_handle_table *table = NULL;
    CK_ULONG handle = 0;
    int item = 0;

    REQUIRE_OK(hsm_handle_table_create(1, &table));
    for (unsigned i = 0; i < 3 * GENERATIONS; i++) {
        REQUIRE_OK(hsm_handle_add(table, &item, &handle));
        CHECK_THAT(hsm_handle_remove(table, handle) == &item);
    }
    CHECK_EQ(table->slots_used, 3);
    table->slots_used = table->slots_max;
    CHECK_ERR(hsm_handle_add(table, &item, &handle), HSM_E_LIMIT);
    table->slots_used = 3;
}

static const check_test tests[] = {
    CHECK_TEST(a_worn_slot_is_retired),
    CHECK_TEST(slots_run_out_only_at_last),
};
CHECK_MAIN(tests)
