/* SPDX-License-Identifier: Apache-2.0 */
#include "core/present.h"

#include <stdlib.h>

#include "base/codec.h"
#include "store/object_portable.h"

typedef struct entry {
    uint8_t print[HSM_SHA256_BYTES];
    bool is_taken;
} entry;

struct hsm_present {
    hsm_core *core;
    uint32_t slot;
    hsm_hmac *hmac;
    hsm_buf entries; /* in the order of their prints */
};

void hsm_present_destroy(hsm_present *present)
{
    if (present == NULL)
        return;
    hsm_hmac_destroy(present->hmac);
    hsm_buf_clear(&present->entries);
    free(present);
}

/* --- prints --------------------------------------------------------------------------------------- */

static hsm_err add_value(hsm_present *present, const hsm_draft *draft, CK_ATTRIBUTE_TYPE type)
{
    hsm_bytes value = hsm_bytes_none();
    uint8_t len[8];
    hsm_writer writer = hsm_writer_of(len, sizeof len);

    (void)hsm_draft_get(draft, type, &value);
    hsm_write_u64(&writer, value.len);
    HSM_TRY(hsm_writer_end(&writer));
    HSM_TRY(hsm_hmac_add(present->hmac, hsm_bytes_of(len, sizeof len)));
    return value.len == 0 ? HSM_OK : hsm_hmac_add(present->hmac, value);
}

/* What makes an object the one that it is: of a pair's half its public key, else its value. */
static hsm_err print_of(hsm_present *present, const hsm_draft *draft, uint8_t out[HSM_SHA256_BYTES])
{
    static const CK_ATTRIBUTE_TYPE of_pairs[] = { CKA_CLASS, CKA_KEY_TYPE, CKA_PUBLIC_KEY_INFO };
    static const CK_ATTRIBUTE_TYPE of_others[] = { CKA_CLASS, CKA_KEY_TYPE,  CKA_VALUE,
                                                   CKA_LABEL, CKA_OBJECT_ID, CKA_APPLICATION,
                                                   CKA_PRIME, CKA_SUBPRIME,  CKA_BASE };
    static const CK_ATTRIBUTE_TYPE of_secrets[] = { CKA_CLASS, CKA_KEY_TYPE, CKA_VALUE };
    const CK_OBJECT_CLASS object_class = hsm_draft_ulong(draft, CKA_CLASS, CKO_DATA);
    const bool is_pair = object_class == CKO_PUBLIC_KEY || object_class == CKO_PRIVATE_KEY;
    const bool is_secret = object_class == CKO_SECRET_KEY || object_class == CKO_CERTIFICATE;
    const CK_ATTRIBUTE_TYPE *types = is_pair ? of_pairs : is_secret ? of_secrets : of_others;
    const size_t count = is_pair || is_secret ? HSM_ARRAY_LEN(of_pairs) : HSM_ARRAY_LEN(of_others);

    HSM_TRY(hsm_hmac_begin(present->hmac));
    for (size_t i = 0; i < count; i++)
        HSM_TRY(add_value(present, draft, types[i]));
    return hsm_hmac_finish(present->hmac, out);
}

static hsm_err add_object(void *arg, hsm_object *object)
{
    hsm_present *present = arg;
    HSM_AUTO(hsm_draft_drop) hsm_draft *draft = NULL;
    entry fresh = { .is_taken = false };

    HSM_TRY(hsm_object_to_draft(object, hsm_core_serial(present->core, present->slot), &draft));
    HSM_TRY(print_of(present, draft, fresh.print));
    return hsm_buf_append(&present->entries, hsm_bytes_of(&fresh, sizeof fresh));
}

/* --- looking them up ------------------------------------------------------------------------------ */

static int by_print(const void *a, const void *b)
{
    const uint8_t *left = ((const entry *)a)->print;
    const uint8_t *right = ((const entry *)b)->print;
    size_t i = 0;

    while (i < HSM_SHA256_BYTES - 1 && left[i] == right[i])
        i++;
    return (int)left[i] - (int)right[i];
}

static hsm_err make_hmac(hsm_crypto *crypto, hsm_hmac **out_hmac)
{
    HSM_AUTO(hsm_secret_drop) hsm_secret *key = NULL;

    HSM_TRY(hsm_secret_create(HSM_SHA256_BYTES, &key));
    HSM_TRY(hsm_crypto_random(crypto, hsm_secret_data(key), HSM_SHA256_BYTES));
    return hsm_hmac_create(crypto, hsm_secret_view(key), out_hmac);
}

hsm_err hsm_present_create(hsm_core *core, uint32_t slot, hsm_present **out_present)
{
    HSM_AUTO(hsm_present_drop) hsm_present *present = calloc(1, sizeof *present);

    HSM_CHECK(present != NULL, HSM_E_NO_MEMORY);
    present->core = core;
    present->slot = slot;
    HSM_TRY(make_hmac(core->crypto, &present->hmac));
    HSM_TRY(hsm_store_each(core->store, slot, add_object, present));
    if (present->entries.len > 0)
        qsort(present->entries.data, present->entries.len / sizeof(entry), sizeof(entry), by_print);
    *out_present = HSM_MOVE(present);
    return HSM_OK;
}

/* The first entry that is not before a print. */
static size_t find_first(const entry *entries, size_t count, const entry *wanted)
{
    size_t low = 0;
    size_t high = count;

    while (low < high) {
        const size_t middle = low + (high - low) / 2;

        if (by_print(&entries[middle], wanted) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

hsm_err hsm_present_take(hsm_present *present, const hsm_draft *draft, bool *out_is)
{
    entry *entries = (entry *)(void *)present->entries.data;
    const size_t count = present->entries.len / sizeof(entry);
    entry wanted = { .is_taken = false };

    HSM_TRY(print_of(present, draft, wanted.print));
    *out_is = false;
    for (size_t i = find_first(entries, count, &wanted); i < count && !*out_is; i++) {
        if (by_print(&entries[i], &wanted) != 0)
            break;
        *out_is = !entries[i].is_taken;
        entries[i].is_taken = true;
    }
    return HSM_OK;
}
