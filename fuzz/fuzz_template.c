/* Templates: as callers give them, by the rules of the attribute table, and in the encoded form of
 * nested ones.
 * SPDX-License-Identifier: Apache-2.0 */
#include "fuzz.h"
#include "params.h"
#include "store/attr.h"
#include "store/object.h"

enum { TEMPLATE_MAX = 16 };

/* What was read is written as the same bytes. */
static void decode(hsm_bytes encoded)
{
    hsm_template_owned owned = { 0 };
    hsm_buf again = { 0 };

    if (hsm_template_decode(encoded, &owned) != HSM_OK)
        return;
    const hsm_template tmpl = { owned.attrs, owned.count };
    FUZZ_REQUIRE(hsm_template_encode(&tmpl, &again) == HSM_OK);
    FUZZ_REQUIRE(hsm_bytes_equal(hsm_bytes_of(again.data, again.len), encoded));
    hsm_buf_clear(&again);
    hsm_template_owned_clear(&owned);
}

static void make_draft(const hsm_template *tmpl, hsm_origin origin, bool is_so)
{
    HSM_AUTO(hsm_draft_drop) hsm_draft *draft = NULL;
    const hsm_template none = { NULL, 0 };
    hsm_bytes value;

    if (hsm_draft_from_template(origin, tmpl, &none, is_so, &draft) != HSM_OK)
        return;
    /* What was asked for is what is kept, whatever the form of numbers. */
    for (size_t i = 0; i < tmpl->count; i++)
        FUZZ_REQUIRE(hsm_draft_get(draft, tmpl->attrs[i].type, &value));
    if (hsm_draft_change(draft, HSM_ORIGIN_COPY, tmpl, is_so) == HSM_OK)
        FUZZ_REQUIRE(hsm_draft_kind(draft) != 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_input input = fuzz_input_of(data, size);
    hsm_attr attrs[TEMPLATE_MAX];
    CK_ULONG count = 0;
    const uint8_t choice = fuzz_u8(&input);

    if (choice % 2 == 0) {
        size_t len = 0;
        const void *rest = fuzz_rest(&input, 65536, &len);

        decode(hsm_bytes_of(rest, len));
    } else {
        const CK_ATTRIBUTE *given = fuzz_template(&input, &count);

        for (CK_ULONG i = 0; i < count; i++) {
            const bool has_value = given[i].pValue != NULL;

            attrs[i] =
                (hsm_attr){ given[i].type,
                            hsm_bytes_of(given[i].pValue, has_value ? given[i].ulValueLen : 0) };
        }
        const hsm_template tmpl = { attrs, count };
        make_draft(&tmpl, choice % 4 == 1 ? HSM_ORIGIN_CREATE : HSM_ORIGIN_GENERATE,
                   choice % 8 > 4);
    }
    fuzz_input_clear(&input);
    return 0;
}
