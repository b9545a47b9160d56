/* Runs derivations that end in several keys, or in a public key.
 * SPDX-License-Identifier: Apache-2.0 */
#include "exec.h"

enum { VALUE_BYTES_MAX = 256 };

/* Adds a key's value to what is there already. */
static bool append_value(kat *k, CK_OBJECT_HANDLE key, span *io,
                         uint8_t room[static VALUE_BYTES_MAX])
{
    CK_ATTRIBUTE attr = { CKA_VALUE, room + io->len, VALUE_BYTES_MAX - io->len };

    if (p11->C_GetAttributeValue(k->session, key, &attr, 1) != CKR_OK)
        return false;
    *io = (span){ room, io->len + attr.ulValueLen };
    return true;
}

/* Reads and destroys the four keys and takes the two IVs, in the order of the key block. */
static bool collect(kat *k, job *j, span *out, uint8_t room[static VALUE_BYTES_MAX])
{
    const size_t iv_len = j->params.tls_keys.ulIVSizeInBits / 8;
    const CK_SSL3_KEY_MAT_OUT *keys = &j->material.out;
    const CK_OBJECT_HANDLE handles[] = { keys->hClientMacSecret, keys->hServerMacSecret,
                                         keys->hClientKey, keys->hServerKey };

    *out = (span){ room, 0 };
    for (size_t i = 0; i < ARRAY_LEN(handles); i++) {
        if (!append_value(k, handles[i], out, room))
            return false;
        destroy_key(k, handles[i]);
    }
    memcpy(room + out->len, j->material.client_iv, iv_len);
    memcpy(room + out->len + iv_len, j->material.server_iv, iv_len);
    out->len += 2 * iv_len;
    return true;
}

void run_key_material(kat *k, const kat_case *c, job *j)
{
    uint8_t room[VALUE_BYTES_MAX] = { 0 };
    CK_OBJECT_HANDLE base;
    attrs tmpl = { .count = 0 };
    span got;
    CK_RV rv;

    if (!is_offered(k, c, j->mechanism.mechanism, CKF_DERIVE) ||
        !create_key(k, c, j, &j->key, &base))
        return;
    put_ulong(&tmpl, CKA_CLASS, CKO_SECRET_KEY);
    put_ulong(&tmpl, CKA_KEY_TYPE, CKK_GENERIC_SECRET);
    put_bool(&tmpl, CKA_SENSITIVE, false);
    put_bool(&tmpl, CKA_EXTRACTABLE, true);
    rv = p11->C_DeriveKey(k->session, &j->mechanism, base, tmpl.at, tmpl.count, NULL);
    if (rv == CKR_OK && !collect(k, j, &got, room))
        kat_fail(k, c, j->mechanism.mechanism, "a derived key's value can not be read");
    else if (rv != CKR_OK || same(k, c, j, "C_DeriveKey", (span[]){ got, j->want }))
        judge(k, c, j, "C_DeriveKey", rv);
    destroy_key(k, base);
}

void run_public(kat *k, const kat_case *c, job *j)
{
    const span want = der_octets(c->memory, j->want);
    uint8_t room[VALUE_BYTES_MAX];
    CK_ATTRIBUTE point = { CKA_EC_POINT, room, sizeof room };
    CK_OBJECT_HANDLE base;
    CK_OBJECT_HANDLE fresh;
    attrs tmpl = { .count = 0 };
    CK_RV rv;

    if (!is_offered(k, c, j->mechanism.mechanism, CKF_DERIVE) ||
        !create_key(k, c, j, &j->key, &base))
        return;
    put_ulong(&tmpl, CKA_CLASS, CKO_PUBLIC_KEY);
    rv = p11->C_DeriveKey(k->session, &j->mechanism, base, tmpl.at, tmpl.count, &fresh);
    if (rv == CKR_OK)
        rv = p11->C_GetAttributeValue(k->session, fresh, &point, 1);
    if (rv != CKR_OK || same(k, c, j, "CKA_EC_POINT", (span[]){ { room, point.ulValueLen }, want }))
        judge(k, c, j, "C_DeriveKey", rv);
    destroy_key(k, base);
}
