/* What operators ask and do beyond PKCS#11.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_CORE_OPERATOR_H
#define HSM_CORE_OPERATOR_H

#include "core/core.h"

/* Where and on what the core works. Texts are borrowed until it is closed. */
typedef struct hsm_core_facts {
    const char *crypto_version; /* "OpenSSL 3.5.7 ..." */
    const char *storage_path;   /* NULL: in memory */
    bool is_read_only;
    uint64_t used_bytes; /* by the store's files */
    uint64_t free_bytes; /* for them; UINT64_MAX: not known */
} hsm_core_facts;
HSM_MUST_USE hsm_err hsm_core_get_facts(hsm_core *core, hsm_core_facts *out_facts);

/* Both PINs of a token. */
typedef struct hsm_pin_status {
    bool is_initialized; /* the token; if not, the rest but the limits says nothing */
    bool has_user_pin;
    bool must_change_user_pin; /* the SO set it, and the user has not changed it since */
    uint32_t user_tries_left;  /* 0: locked */
    uint32_t so_tries_left;
    uint32_t tries_max;
    uint32_t pin_min_bytes;
    uint32_t pin_max_bytes;
} hsm_pin_status;
/* errors  HSM_E_SLOT, HSM_E_STORE_* */
HSM_MUST_USE hsm_err hsm_core_pin_status(hsm_core *core, CK_SLOT_ID slot,
                                         hsm_pin_status *out_status);

/* How many token objects of the slot are in view: all when its user is logged in here, else the
 * public ones. errors HSM_E_SLOT, HSM_E_STORE_* */
HSM_MUST_USE hsm_err hsm_core_count_objects(hsm_core *core, CK_SLOT_ID slot, uint64_t *out_count);

/* Reads every object of the slot that is in view, and with it checks each seal.
 * out_count  those that are whole, also when one is not
 * errors  HSM_E_SLOT, HSM_E_STORE_CORRUPT (a record is damaged), HSM_E_STORE_* */
HSM_MUST_USE hsm_err hsm_core_check_objects(hsm_core *core, CK_SLOT_ID slot, uint64_t *out_count);

/* Ends a token: every object is gone, the slot is as if there had never been one. Sessions of other
 * processes notice, as with C_InitToken.
 * in      so_pin  proves the right to, and counts as a try; data NULL: without, for who owns the
 *                 files, who could remove them as well (a locked or forgotten SO PIN)
 * errors  HSM_E_SESSION_EXISTS, HSM_E_TOKEN_NOT_INITIALIZED, HSM_E_PIN_INCORRECT, HSM_E_PIN_LOCKED,
 *         HSM_E_STORE_* */
HSM_MUST_USE hsm_err hsm_core_destroy_token(hsm_core *core, CK_SLOT_ID slot, hsm_bytes so_pin);

#endif
