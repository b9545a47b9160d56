/* SPDX-License-Identifier: Apache-2.0 */
#include "cratond/refusal.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "core/remote.h"

typedef struct refusal {
    pool_job job;
    hsm_core *root;
    char *who;
    char *what;
} refusal;

static void forget(void *owner)
{
    refusal *told = owner;

    free(told->who);
    free(told->what);
    free(told);
}

static void refusal_drop(refusal **told)
{
    if (*told != NULL)
        forget(*told);
    *told = NULL;
}

static void write_entry(void *owner)
{
    const refusal *told = owner;
    const hsm_err err = hsm_core_refused(told->root, told->who, told->what);

    if (err != HSM_OK)
        hsm_log(HSM_LOG_ERROR, "%s: refused %s: %s", told->who, told->what, hsm_err_text(err));
}

hsm_err refusal_tell(pool *workers, hsm_core *root, const char *who, const char *what)
{
    HSM_AUTO(refusal_drop) refusal *told = calloc(1, sizeof *told);

    HSM_CHECK(told != NULL, HSM_E_NO_MEMORY);
    told->who = hsm_text_dup(who);
    told->what = hsm_text_dup(what);
    HSM_CHECK(told->who != NULL && told->what != NULL, HSM_E_NO_MEMORY);
    told->root = root;
    told->job = (pool_job){ .run = write_entry, .done = forget, .owner = told };
    HSM_TRY(pool_add(workers, POOL_SLOW, &told->job));
    (void)HSM_MOVE(told); /* to forget() */
    return HSM_OK;
}
