/* IKE's derivations: parameters that name further keys. The fields of a vector: Prf, and
 *
 *     IKE_PRF_DERIVE            Ni, Nr; NewKey (rekeying), or DataAsKey = 1
 *     IKE1_PRF_DERIVE           Gxy, CkyI, CkyR, Number; PrevKey
 *     IKE1_EXTENDED_DERIVE      Gxy, Extra
 *     IKE2_PRF_PLUS_DERIVE      SeedKey, Seed
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "kat.h"

static CK_BYTE_PTR bytes(span s)
{
    return s.len == 0 ? NULL : (CK_BYTE_PTR)(uintptr_t)s.data;
}

static CK_OBJECT_HANDLE import(kat *k, const kat_case *c, const char *name)
{
    CK_OBJECT_HANDLE handle = CK_INVALID_HANDLE;
    attrs key = { .count = 0 };

    if (!case_has(c, name))
        return CK_INVALID_HANDLE;
    key_secret(&key, CKK_GENERIC_SECRET, value_bytes(c, case_text(c, name)));
    CHECK_OK(p11->C_CreateObject(k->session, key.at, key.count, &handle));
    return handle;
}

/* The keys that the parameter names. */
typedef struct named_keys {
    CK_OBJECT_HANDLE first;
    CK_OBJECT_HANDLE previous;
} named_keys;

static named_keys import_all(kat *k, const kat_case *c)
{
    named_keys keys = { import(k, c, "NewKey"), import(k, c, "PrevKey") };

    if (keys.first == CK_INVALID_HANDLE)
        keys.first = import(k, c, case_has(c, "Gxy") ? "Gxy" : "SeedKey");
    return keys;
}

static void set(job *j, CK_ULONG len)
{
    j->mechanism.pParameter = &j->params;
    j->mechanism.ulParameterLen = len;
}

static void fill(job *j, const kat_case *c, CK_MECHANISM_TYPE prf, const named_keys *keys)
{
    const bool has_first = keys->first != CK_INVALID_HANDLE;
    const span ni = value_bytes(c, case_text(c, case_has(c, "CkyI") ? "CkyI" : "Ni"));
    const span nr = value_bytes(c, case_text(c, case_has(c, "CkyR") ? "CkyR" : "Nr"));
    const span seed = value_bytes(c, case_text(c, case_has(c, "Extra") ? "Extra" : "Seed"));

    switch (j->mechanism.mechanism) {
    case CKM_IKE_PRF_DERIVE:
        j->params.ike = (CK_IKE_PRF_DERIVE_PARAMS){
            prf,         case_has(c, "DataAsKey"), has_first, bytes(ni), ni.len, bytes(nr), nr.len,
            keys->first,
        };
        set(j, sizeof j->params.ike);
        break;
    case CKM_IKE1_PRF_DERIVE:
        j->params.ike1 = (CK_IKE1_PRF_DERIVE_PARAMS){
            prf,
            keys->previous != CK_INVALID_HANDLE,
            keys->first,
            keys->previous,
            bytes(ni),
            ni.len,
            bytes(nr),
            nr.len,
            (CK_BYTE)case_number(c, "Number"),
        };
        set(j, sizeof j->params.ike1);
        break;
    case CKM_IKE1_EXTENDED_DERIVE:
        j->params.ike1_extended =
            (CK_IKE1_EXTENDED_DERIVE_PARAMS){ prf, has_first, keys->first, bytes(seed), seed.len };
        set(j, sizeof j->params.ike1_extended);
        break;
    default:
        j->params.ike2 =
            (CK_IKE2_PRF_PLUS_DERIVE_PARAMS){ prf, has_first, keys->first, bytes(seed), seed.len };
        set(j, sizeof j->params.ike2);
    }
}

bool own_ike(kat *k, const kat_case *c, job *j)
{
    CK_MECHANISM_TYPE prf;

    if (!case_has(c, "Prf") || strncmp(case_text(c, "Mechanism"), "IKE", 3) != 0)
        return false;
    if (!mechanism_number(case_text(c, "Prf"), &prf))
        kat_die(c->file, c->number, "no such PRF");
    const named_keys keys = import_all(k, c);
    fill(j, c, prf, &keys);
    run_derive(k, c, j);
    if (keys.first != CK_INVALID_HANDLE)
        CHECK_OK(p11->C_DestroyObject(k->session, keys.first));
    if (keys.previous != CK_INVALID_HANDLE)
        CHECK_OK(p11->C_DestroyObject(k->session, keys.previous));
    return true;
}
