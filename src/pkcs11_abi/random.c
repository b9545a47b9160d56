/* Random numbers (PKCS#11 v3.2, 5.19).
 * SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11_abi/abi.h"
#include "pkcs11_abi/args.h"

CK_RV C_SeedRandom(CK_SESSION_HANDLE hSession, CK_BYTE_PTR pSeed, CK_ULONG ulSeedLen)
{
    HSM_AUTO(abi_leave) hsm_core *core = abi_enter();
    if (core == NULL)
        return abi_refused();

    HSM_AUTO(hsm_core_release) hsm_session *session = NULL;
    hsm_bytes seed;
    hsm_err err = hsm_core_session(core, hSession, &session);
    if (err == HSM_OK && !abi_in(pSeed, ulSeedLen, &seed))
        err = HSM_E_ARG;
    if (err == HSM_OK)
        err = hsm_core_seed(core, session, seed);
    return abi_rv(err);
}

CK_RV C_GenerateRandom(CK_SESSION_HANDLE hSession, CK_BYTE_PTR RandomData, CK_ULONG ulRandomLen)
{
    HSM_AUTO(abi_leave) hsm_core *core = abi_enter();
    if (core == NULL)
        return abi_refused();

    HSM_AUTO(hsm_core_release) hsm_session *session = NULL;
    hsm_bytes room;
    hsm_err err = hsm_core_session(core, hSession, &session);
    if (err == HSM_OK && !abi_in(RandomData, ulRandomLen, &room))
        err = HSM_E_ARG;
    if (err == HSM_OK && room.len > 0)
        err = hsm_core_random(core, session, RandomData, room.len);
    return abi_rv(err);
}
