/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"

#include <stddef.h>

typedef struct err_row {
    const char *name;
    const char *text;
    CK_RV rv;
    const char *rv_name;
    int grpc;
    int exit_code;
} err_row;

static const err_row rows[] = { [HSM_OK] = { "OK", "no error", CKR_OK, "CKR_OK", 0, 0 },
#define ROW(error, words, ck_rv, grpc_code, code) \
    [HSM_E_##error] = { #error, words, ck_rv, #ck_rv, HSM_GRPC_##grpc_code, HSM_EXIT_##code },
                                HSM_ERR_LIST(ROW)
#undef ROW
};

/* A number that is no error of ours can only come from a broken caller. */
static const err_row *row_of(hsm_err err)
{
    const size_t index = (size_t)err;

    return &rows[index < sizeof rows / sizeof rows[0] ? index : (size_t)HSM_E_INTERNAL];
}

const char *hsm_err_text(hsm_err err)
{
    return row_of(err)->text;
}

const char *hsm_err_name(hsm_err err)
{
    return row_of(err)->name;
}

CK_RV hsm_err_ck_rv(hsm_err err)
{
    return row_of(err)->rv;
}

const char *hsm_err_ck_name(hsm_err err)
{
    return row_of(err)->rv_name;
}

int hsm_err_grpc(hsm_err err)
{
    return row_of(err)->grpc;
}

int hsm_err_exit(hsm_err err)
{
    return row_of(err)->exit_code;
}
