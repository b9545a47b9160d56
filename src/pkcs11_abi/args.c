/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11_abi/args.h"

#include "pkcs11_abi/abi.h"

bool abi_in(const void *data, CK_ULONG len, hsm_bytes *out_bytes)
{
    if (data == NULL) {
        *out_bytes = hsm_bytes_none();
        return len == 0;
    }
    if (len > PTRDIFF_MAX || len > UINTPTR_MAX - (uintptr_t)data)
        return false;
    *out_bytes = hsm_bytes_of(data, len);
    return true;
}

bool abi_out(void *data, const void *len, hsm_out *out_room)
{
    CK_ULONG cap = 0;

    if (len == NULL)
        return false;
    (void)memcpy(&cap, len, sizeof cap);
    if (cap > UINTPTR_MAX - (uintptr_t)data)
        cap = UINTPTR_MAX - (uintptr_t)data;
    if (cap > PTRDIFF_MAX)
        cap = PTRDIFF_MAX;
    *out_room = hsm_out_of(data, cap);
    return true;
}

CK_RV abi_out_done(hsm_err err, const hsm_out *room, void *len)
{
    const CK_ULONG produced = room->len;

    if (err == HSM_OK || err == HSM_E_BUFFER_TOO_SMALL)
        (void)memcpy(len, &produced, sizeof produced);
    return abi_rv(err);
}

CK_RV abi_put(hsm_err err, const void *value, size_t size, void *out_value)
{
    if (err == HSM_OK)
        (void)memcpy(out_value, value, size);
    return abi_rv(err);
}

hsm_err abi_mechanism(const void *mechanism, CK_MECHANISM *out_mechanism)
{
    hsm_bytes param;
    CK_MECHANISM copy;

    HSM_CHECK(mechanism != NULL, HSM_E_ARG);
    (void)memcpy(&copy, mechanism, sizeof copy);
    HSM_CHECK(abi_in(copy.pParameter, copy.ulParameterLen, &param), HSM_E_MECHANISM_PARAM);
    *out_mechanism = copy;
    return HSM_OK;
}

hsm_err abi_list_put(const abi_list *to, const void *elements, size_t count)
{
    const CK_ULONG there_are = count;
    CK_ULONG room = 0;

    (void)memcpy(&room, to->count, sizeof room);
    (void)memcpy(to->count, &there_are, sizeof there_are);
    if (to->list == NULL)
        return HSM_OK;
    HSM_CHECK(room >= count, HSM_E_BUFFER_TOO_SMALL);
    if (count > 0)
        (void)memcpy(to->list, elements, count * to->element_size);
    return HSM_OK;
}
