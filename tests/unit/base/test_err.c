/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"

#include <string.h>

#include "base/scope.h"
#include "support/check.h"

static const struct {
    hsm_err err;
    const char *name;
    CK_RV rv;
    int grpc;
    int exit_code;
} err_cases[] = {
    { HSM_OK, "OK", 0x0, 0, 0 },
    { HSM_E_ARG, "ARG", 0x7, 3, 2 },
    { HSM_E_PIN_LOCKED, "PIN_LOCKED", 0xA4, 7, 3 },
    { HSM_E_BUFFER_TOO_SMALL, "BUFFER_TOO_SMALL", 0x150, 3, 2 },
    { HSM_E_STORE_CORRUPT, "STORE_CORRUPT", 0x30, 15, 6 },
    { HSM_E_STORE_LOST, "STORE_LOST", 0x30, 15, 6 },
    { HSM_E_INTERNAL, "INTERNAL", 0x5, 13, 8 },
};

static void rows_translate(void)
{
    for (size_t i = 0; i < HSM_ARRAY_LEN(err_cases); i++) {
        CASE(err_cases[i].name);
        CHECK_STR(hsm_err_name(err_cases[i].err), err_cases[i].name);
        CHECK_EQ(hsm_err_ck_rv(err_cases[i].err), err_cases[i].rv);
        CHECK_EQ(hsm_err_grpc(err_cases[i].err), err_cases[i].grpc);
        CHECK_EQ(hsm_err_exit(err_cases[i].err), err_cases[i].exit_code);
    }
}

static void every_error_is_complete(void)
{
    static const hsm_err all[] = {
#define ITEM(name, text, rv, grpc, code) HSM_E_##name,
        HSM_ERR_LIST(ITEM)
#undef ITEM
    };

    for (size_t i = 0; i < HSM_ARRAY_LEN(all); i++) {
        CASE(hsm_err_name(all[i]));
        CHECK_THAT(strlen(hsm_err_text(all[i])) > 3);
        CHECK_THAT(hsm_err_ck_rv(all[i]) != CKR_OK);
        CHECK_THAT(hsm_err_grpc(all[i]) >= 3 && hsm_err_grpc(all[i]) <= 16);
        CHECK_THAT(hsm_err_exit(all[i]) >= 2 && hsm_err_exit(all[i]) <= 8);
    }
}

static void unknown_number_is_internal(void)
{
    CHECK_STR(hsm_err_name((hsm_err)9999), "INTERNAL");
    CHECK_EQ(hsm_err_ck_rv((hsm_err)9999), CKR_GENERAL_ERROR);
}

static const check_test tests[] = {
    CHECK_TEST(rows_translate),
    CHECK_TEST(every_error_is_complete),
    CHECK_TEST(unknown_number_is_internal),
};
CHECK_MAIN(tests)
