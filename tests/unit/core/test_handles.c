/* SPDX-License-Identifier: Apache-2.0 */
#include "core/handles.h"

#include "support/check.h"

static hsm_handle_target target_of(uint64_t id, bool is_private)
{
    return (hsm_handle_target){ .id = id, .slot = 1, .is_token = true, .is_private = is_private };
}

static void same_object_same_handle(void)
{
    HSM_AUTO(hsm_handles_drop) hsm_handles *handles = NULL;
    const hsm_handle_target first = target_of(7, false);
    const hsm_handle_target second = target_of(8, false);
    CK_OBJECT_HANDLE a = 0;
    CK_OBJECT_HANDLE b = 0;
    CK_OBJECT_HANDLE again = 0;

    REQUIRE_OK(hsm_handles_create(&handles));
    REQUIRE_OK(hsm_handles_put(handles, &first, &a));
    REQUIRE_OK(hsm_handles_put(handles, &second, &b));
    REQUIRE_OK(hsm_handles_put(handles, &first, &again));
    CHECK_THAT(a != HSM_HANDLE_NONE && a != b);
    CHECK_EQ(again, a);
    CHECK_ERR(hsm_handles_find(handles, 8, &again), HSM_OK);
    CHECK_EQ(again, b);
    CHECK_ERR(hsm_handles_find(handles, 9, &again), HSM_E_OBJECT_HANDLE);
}

static void removed_handle_never_comes_back(void)
{
    HSM_AUTO(hsm_handles_drop) hsm_handles *handles = NULL;
    const hsm_handle_target target = target_of(7, false);
    hsm_handle_target found;
    CK_OBJECT_HANDLE old = 0;
    CK_OBJECT_HANDLE fresh = 0;

    REQUIRE_OK(hsm_handles_create(&handles));
    REQUIRE_OK(hsm_handles_put(handles, &target, &old));
    hsm_handles_remove(handles, old);
    hsm_handles_remove(handles, old); /* a second time does nothing */
    CHECK_ERR(hsm_handles_get(handles, old, &found), HSM_E_OBJECT_HANDLE);
    REQUIRE_OK(hsm_handles_put(handles, &target, &fresh));
    CHECK_THAT(fresh != old);
    CHECK_ERR(hsm_handles_get(handles, old, &found), HSM_E_OBJECT_HANDLE);
    CHECK_ERR(hsm_handles_get(handles, fresh, &found), HSM_OK);
    CHECK_EQ(found.id, 7u);
    CHECK_THAT(found.is_token && found.slot == 1);
}

static bool is_private(const hsm_handle_target *target, const void *arg)
{
    return target->is_private && target->slot == *(const uint32_t *)arg;
}

/* More than the first buckets hold, so that they grow while entries move. */
static void many_objects(void)
{
    enum { COUNT = 5000 };
    static CK_OBJECT_HANDLE all[COUNT];
    HSM_AUTO(hsm_handles_drop) hsm_handles *handles = NULL;
    const uint32_t slot = 1;

    REQUIRE_OK(hsm_handles_create(&handles));
    for (uint64_t i = 0; i < COUNT; i++) {
        const hsm_handle_target target = target_of((i + 1) << 21, i % 2 == 0);

        REQUIRE_OK(hsm_handles_put(handles, &target, &all[i]));
    }
    hsm_handles_remove_if(handles, is_private, &slot);
    for (uint64_t i = 0; i < COUNT; i++) {
        hsm_handle_target found = { 0 };
        const hsm_err want = i % 2 == 0 ? HSM_E_OBJECT_HANDLE : HSM_OK;

        CHECK_ERR(hsm_handles_get(handles, all[i], &found), want);
        if (want == HSM_OK)
            CHECK_EQ(found.id, (i + 1) << 21);
    }
}

static const check_test tests[] = {
    CHECK_TEST(same_object_same_handle),
    CHECK_TEST(removed_handle_never_comes_back),
    CHECK_TEST(many_objects),
};
CHECK_MAIN(tests)
