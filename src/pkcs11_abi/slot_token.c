/* Slots and tokens (PKCS#11 v3.2, 5.5).
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "pkcs11_abi/abi.h"
#include "pkcs11_abi/args.h"

#define LABEL_BYTES 32u

/* Frees a heap array of the standard's CK_ULONG types; for HSM_AUTO. */
static void free_ids(CK_ULONG **ids)
{
    free(*ids);
}

/* Slots are 0 to count - 1. */
static hsm_err list_slots(const hsm_core *core, const abi_list *to)
{
    const size_t count = hsm_core_slot_count(core);
    HSM_AUTO(free_ids) CK_ULONG *ids = calloc(count, sizeof *ids);

    HSM_CHECK(ids != NULL, HSM_E_NO_MEMORY);
    for (size_t i = 0; i < count; i++)
        ids[i] = i;
    return abi_list_put(to, ids, count);
}

CK_RV C_GetSlotList(CK_BBOOL tokenPresent, CK_SLOT_ID_PTR pSlotList, CK_ULONG_PTR pulCount)
{
    HSM_AUTO(abi_leave) hsm_core *core = abi_enter();
    if (core == NULL)
        return abi_refused();
    if (pulCount == NULL)
        return abi_rv(HSM_E_ARG);

    const abi_list to = { pSlotList, pulCount, sizeof(CK_SLOT_ID) };
    (void)tokenPresent; /* every slot has its token */
    return abi_rv(list_slots(core, &to));
}

CK_RV C_GetSlotInfo(CK_SLOT_ID slotID, CK_SLOT_INFO_PTR pInfo)
{
    HSM_AUTO(abi_leave) hsm_core *core = abi_enter();
    if (core == NULL)
        return abi_refused();
    if (pInfo == NULL)
        return abi_rv(HSM_E_ARG);

    CK_SLOT_INFO info;
    const hsm_err err = hsm_core_slot_info(core, slotID, &info);
    return abi_put(err, &info, sizeof info, pInfo);
}

CK_RV C_GetTokenInfo(CK_SLOT_ID slotID, CK_TOKEN_INFO_PTR pInfo)
{
    HSM_AUTO(abi_leave) hsm_core *core = abi_enter();
    if (core == NULL)
        return abi_refused();
    if (pInfo == NULL)
        return abi_rv(HSM_E_ARG);

    CK_TOKEN_INFO info;
    const hsm_err err = hsm_core_token_info(core, slotID, &info);
    return abi_put(err, &info, sizeof info, pInfo);
}

/* Slots do not change while the library is open: no event ever comes, and a wait ends with the
 * library (PKCS#11 v3.2, 5.5). */
CK_RV C_WaitForSlotEvent(CK_FLAGS flags, CK_SLOT_ID_PTR pSlot, CK_VOID_PTR pRserved)
{
    {
        HSM_AUTO(abi_leave) hsm_core *core = abi_enter();
        if (core == NULL)
            return abi_refused();
    }
    if (pSlot == NULL || pRserved != NULL)
        return abi_rv(HSM_E_ARG);
    return abi_rv((flags & CKF_DONT_BLOCK) != 0 ? HSM_E_NO_EVENT : abi_wait_for_end());
}

static hsm_err list_mechanisms(hsm_core *core, CK_SLOT_ID slot, const abi_list *to)
{
    size_t count = 0;

    HSM_TRY(hsm_core_mechanism_list(core, slot, NULL, &count));
    HSM_AUTO(free_ids) CK_ULONG *ids = calloc(count + 1, sizeof *ids);
    HSM_CHECK(ids != NULL, HSM_E_NO_MEMORY);
    HSM_TRY(hsm_core_mechanism_list(core, slot, ids, &count));
    return abi_list_put(to, ids, count);
}

CK_RV C_GetMechanismList(CK_SLOT_ID slotID, CK_MECHANISM_TYPE_PTR pMechanismList,
                         CK_ULONG_PTR pulCount)
{
    HSM_AUTO(abi_leave) hsm_core *core = abi_enter();
    if (core == NULL)
        return abi_refused();
    if (pulCount == NULL)
        return abi_rv(HSM_E_ARG);

    const abi_list to = { pMechanismList, pulCount, sizeof(CK_MECHANISM_TYPE) };
    return abi_rv(list_mechanisms(core, slotID, &to));
}

CK_RV C_GetMechanismInfo(CK_SLOT_ID slotID, CK_MECHANISM_TYPE type, CK_MECHANISM_INFO_PTR pInfo)
{
    HSM_AUTO(abi_leave) hsm_core *core = abi_enter();
    if (core == NULL)
        return abi_refused();
    if (pInfo == NULL)
        return abi_rv(HSM_E_ARG);

    CK_MECHANISM_INFO info;
    const hsm_err err = hsm_core_mechanism_info(core, slotID, type, &info);
    return abi_put(err, &info, sizeof info, pInfo);
}

CK_RV C_InitToken(CK_SLOT_ID slotID, CK_UTF8CHAR_PTR pPin, CK_ULONG ulPinLen,
                  CK_UTF8CHAR_PTR pLabel)
{
    HSM_AUTO(abi_leave) hsm_core *core = abi_enter();
    if (core == NULL)
        return abi_refused();

    uint8_t label[LABEL_BYTES];
    hsm_bytes pin;
    if (pPin == NULL || pLabel == NULL || !abi_in(pPin, ulPinLen, &pin))
        return abi_rv(HSM_E_ARG);
    (void)memcpy(label, pLabel, sizeof label);
    return abi_rv(hsm_core_init_token(core, slotID, pin, label));
}

CK_RV C_InitPIN(CK_SESSION_HANDLE hSession, CK_UTF8CHAR_PTR pPin, CK_ULONG ulPinLen)
{
    HSM_AUTO(abi_leave) hsm_core *core = abi_enter();
    if (core == NULL)
        return abi_refused();

    hsm_bytes pin;
    if (pPin == NULL || !abi_in(pPin, ulPinLen, &pin))
        return abi_rv(HSM_E_ARG);
    return abi_rv(hsm_core_init_pin(core, hSession, pin));
}

CK_RV C_SetPIN(CK_SESSION_HANDLE hSession, CK_UTF8CHAR_PTR pOldPin, CK_ULONG ulOldLen,
               CK_UTF8CHAR_PTR pNewPin, CK_ULONG ulNewLen)
{
    HSM_AUTO(abi_leave) hsm_core *core = abi_enter();
    if (core == NULL)
        return abi_refused();

    hsm_bytes old_pin;
    hsm_bytes new_pin;
    if (pOldPin == NULL || pNewPin == NULL || !abi_in(pOldPin, ulOldLen, &old_pin) ||
        !abi_in(pNewPin, ulNewLen, &new_pin))
        return abi_rv(HSM_E_ARG);
    return abi_rv(hsm_core_set_pin(core, hSession, old_pin, new_pin));
}
