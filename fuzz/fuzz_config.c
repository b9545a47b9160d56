/* craton_hsm.toml: any text is read or refused with a reason and a place, and what is read keeps the
 * limits of the settings.
 * SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "config/config.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    HSM_AUTO(hsm_config_drop) hsm_config *config = NULL;
    hsm_config_error error = { 0 };
    const hsm_err err = hsm_config_parse(hsm_bytes_of(data, size), "fuzz", &config, &error);

    if (err == HSM_E_CONFIG) {
        FUZZ_REQUIRE(error.reason[0] != '\0' && config == NULL);
        return 0;
    }
    FUZZ_REQUIRE(err == HSM_OK && config != NULL);
    FUZZ_REQUIRE(strlen(config->token.label) <= 32);
    FUZZ_REQUIRE(config->token.slot_count >= 1 && config->token.slot_count <= 256);
    FUZZ_REQUIRE(config->token.max_rw_sessions <= config->token.max_sessions);
    FUZZ_REQUIRE(config->security.pin_min_length >= 4 &&
                 config->security.pin_min_length <= config->security.pin_max_length);
    FUZZ_REQUIRE(config->security.pbkdf2_iterations >= 100000);
    return 0;
}
