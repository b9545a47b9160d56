/* Every mechanism's parameter reader, fed structures of every shape: what is accepted lies inside
 * the caller's memory and keeps its limits.
 * SPDX-License-Identifier: Apache-2.0 */
#include "crypto/kdf.h"
#include "crypto/mech.h"
#include "fuzz.h"
#include "params.h"

/* Reads every byte, so that a sanitizer sees a span that is too long. */
static void touch(hsm_bytes span)
{
    volatile uint8_t sum = 0;

    for (size_t i = 0; i < span.len; i++)
        sum = (uint8_t)(sum ^ span.data[i]);
}

static void check_params(const hsm_mech_params *params)
{
    const hsm_bytes spans[] = { params->iv,      params->aad,         params->label,
                                params->context, params->shared_data, params->public_data,
                                params->raw,     params->password };

    for (size_t i = 0; i < HSM_ARRAY_LEN(spans); i++)
        touch(spans[i]);
    FUZZ_REQUIRE(params->tag_bits <= 128 && params->counter_bits <= 128);
}

static void check_kdf(const hsm_mech *mech, hsm_bytes raw)
{
    hsm_kdf kdf;
    hsm_kdf_slice slice = { 0, 0 };

    if (hsm_kdf_read(mech, raw, &kdf) != HSM_OK)
        return;
    FUZZ_REQUIRE(kdf.segment_count <= HSM_KDF_SEGMENTS_MAX);
    FUZZ_REQUIRE(kdf.handle_count <= HSM_KDF_HANDLES_MAX && kdf.more_count < HSM_KDF_KEYS_MAX);
    const hsm_bytes spans[] = { kdf.salt,  kdf.info,          kdf.iv,           kdf.data,
                                kdf.label, kdf.client_random, kdf.server_random };
    for (size_t i = 0; i < HSM_ARRAY_LEN(spans); i++)
        touch(spans[i]);
    for (size_t i = 0; i < kdf.segment_count; i++)
        touch(kdf.segments[i].data);
    if (hsm_kdf_plan(mech, &kdf, 32, &slice, 1) == HSM_OK)
        FUZZ_REQUIRE(slice.len > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_input input = fuzz_input_of(data, size);
    size_t count = 0;
    const hsm_mech *table = hsm_mech_table(&count);
    const hsm_mech *mech = &table[fuzz_below(&input, count)];
    CK_MECHANISM mechanism = { .mechanism = mech->id };
    hsm_mech_params params;

    fuzz_param(&input, mech->id, &mechanism.pParameter, &mechanism.ulParameterLen);
    if (hsm_mech_params_read(mech, &mechanism, &params) == HSM_OK) {
        check_params(&params);
        if (hsm_kdf_is(mech))
            check_kdf(mech, params.raw);
    }
    fuzz_input_clear(&input);
    return 0;
}
