/* An object's file as SoftHSM2 writes it: what is taken lies within the input, and faults do too.
 * SPDX-License-Identifier: Apache-2.0 */
#include "core/softhsm_record.h"
#include "fuzz.h"

static void require_within(hsm_bytes part, const uint8_t *data, size_t size)
{
    FUZZ_REQUIRE(part.len == 0 || (part.data >= data && part.data + part.len <= data + size));
}

static void look_at(const hsm_softhsm_record *record, const uint8_t *data, size_t size)
{
    for (size_t i = 0; i < record->count; i++) {
        const hsm_softhsm_attr *attr = &record->attrs[i];
        hsm_softhsm_record inner;
        hsm_softhsm_fault fault = { 0 };

        FUZZ_REQUIRE(hsm_softhsm_find(record, attr->type) == attr && attr->offset < size);
        require_within(attr->bytes, data, size);
        if (attr->kind != HSM_SOFTHSM_TEMPLATE)
            continue;
        if (hsm_softhsm_read_template(attr, &inner, &fault) != HSM_OK) {
            FUZZ_REQUIRE(fault.what != NULL && fault.offset <= size);
            continue;
        }
        for (size_t j = 0; j < inner.count; j++)
            require_within(inner.attrs[j].bytes, attr->bytes.data, attr->bytes.len);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    hsm_softhsm_record record;
    hsm_softhsm_fault fault = { 0 };

    if (hsm_softhsm_read(hsm_bytes_of(data, size), &record, &fault) == HSM_OK)
        look_at(&record, data, size);
    else
        FUZZ_REQUIRE(fault.what != NULL && fault.offset <= size);
    return 0;
}
