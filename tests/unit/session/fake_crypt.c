#include "unit/session/fake_crypt.h"

#include <stdatomic.h>
#include <stdlib.h>

/* Linked with --wrap: every call from any archive comes here. */
hsm_err __wrap_hsm_crypt_create(hsm_crypto *crypto, hsm_crypt **out_crypt);
void __wrap_hsm_crypt_destroy(hsm_crypt *crypt);
void __wrap_hsm_crypt_end(hsm_crypt *crypt);
void __wrap_hsm_crypt_forget(hsm_crypt *crypt);
void __wrap_hsm_object_release(hsm_object *object);
void __wrap_hsm_template_owned_clear(hsm_template_owned *tmpl);
void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_realloc(void *old, size_t size);
void *__real_aligned_alloc(size_t align, size_t size);
void *__wrap_aligned_alloc(size_t align, size_t size);

static struct {
    atomic_int created, destroyed, ended, forgotten, released, templates;
} counts;
static atomic_int fail_in;
static hsm_err create_err;

fake_counts fake_counted(void)
{
    return (fake_counts){ .created = counts.created,
                          .destroyed = counts.destroyed,
                          .ended = counts.ended,
                          .forgotten = counts.forgotten,
                          .released = counts.released,
                          .templates = counts.templates };
}

void fake_reset(void)
{
    counts.created = counts.destroyed = counts.ended = 0;
    counts.forgotten = counts.released = counts.templates = 0;
    create_err = HSM_OK;
}

void fake_fail_create(hsm_err err)
{
    create_err = err;
}

void fake_fail_allocation(int n)
{
    fail_in = n;
}

hsm_err __wrap_hsm_crypt_create(hsm_crypto *crypto, hsm_crypt **out_crypt)
{
    (void)crypto;
    HSM_TRY(create_err);
    *out_crypt = malloc(1);
    HSM_CHECK(*out_crypt != NULL, HSM_E_NO_MEMORY);
    counts.created++;
    return HSM_OK;
}

void __wrap_hsm_crypt_destroy(hsm_crypt *crypt)
{
    if (crypt == NULL)
        return;
    counts.destroyed++;
    free(crypt);
}

void __wrap_hsm_crypt_end(hsm_crypt *crypt)
{
    (void)crypt;
    counts.ended++;
}

void __wrap_hsm_crypt_forget(hsm_crypt *crypt)
{
    (void)crypt;
    counts.forgotten++;
}

void __wrap_hsm_object_release(hsm_object *object)
{
    if (object != NULL)
        counts.released++;
}

void __wrap_hsm_template_owned_clear(hsm_template_owned *tmpl)
{
    free(tmpl->attrs);
    hsm_buf_clear(&tmpl->values);
    *tmpl = (hsm_template_owned){ 0 };
    counts.templates++;
}

/* Off almost always: then nothing is written that threads would share. */
static bool allocation_fails(void)
{
    return atomic_load(&fail_in) > 0 && atomic_fetch_sub(&fail_in, 1) == 1;
}

void *__wrap_calloc(size_t count, size_t size)
{
    return allocation_fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
    return allocation_fails() ? NULL : __real_realloc(old, size);
}

void *__wrap_aligned_alloc(size_t align, size_t size)
{
    return allocation_fails() ? NULL : __real_aligned_alloc(align, size);
}
