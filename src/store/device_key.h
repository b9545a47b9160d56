/* The device key: 32 random bytes beside the store, or from a systemd credential. Everything that
 * must be trusted before a login is derived from it.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_STORE_DEVICE_KEY_H
#define HSM_STORE_DEVICE_KEY_H

#include "base/secret.h"
#include "crypto/crypto.h"

#define HSM_DEVICE_KEY_BYTES 32
/* Name of the credential in $CREDENTIALS_DIRECTORY. */
#define HSM_DEVICE_KEY_CREDENTIAL "craton-hsm.device-key"

/**
 * Reads the key of a store directory: the credential if there is one, else DIRECTORY/device.key, which
 * is made if it is missing and may_create is set; of several processes that try, one makes it.
 *
 * errors  HSM_E_STORE_NOT_FOUND (missing), HSM_E_STORE_PERMISSION (owner or mode),
 *         HSM_E_STORE_CORRUPT (not 32 bytes), HSM_E_STORE_IO, HSM_E_STORE_FULL, HSM_E_RANDOM;
 *         logged
 */
HSM_MUST_USE hsm_err hsm_device_key_load(hsm_crypto *crypto, const char *directory, bool may_create,
                                         hsm_secret **out_key);

/* Where a device key is. */
typedef struct hsm_device_place {
    const char *directory;
    bool may_create;
} hsm_device_place;
/* Derives `out` from it for one use, without a store: the same bytes as hsm_store_device_secret().
 * errors  as above */
HSM_MUST_USE hsm_err hsm_device_secret_load(hsm_crypto *crypto, const hsm_device_place *place,
                                            const char *use, hsm_secret *out);

#endif
