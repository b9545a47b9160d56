/* The token keys of the rows.
 * SPDX-License-Identifier: Apache-2.0 */
#include "bench/p11.h"

static CK_BBOOL yes = CK_TRUE;
static CK_BBOOL no = CK_FALSE;

enum { TEMPLATE_MAX = 12 };

typedef struct template
{
    CK_ATTRIBUTE at[TEMPLATE_MAX];
    CK_ULONG count;
}
template;

static void put(template *tmpl, CK_ATTRIBUTE_TYPE type, const void *value, size_t len)
{
    tmpl->at[tmpl->count++] = (CK_ATTRIBUTE){ type, (void *)(uintptr_t)value, len };
}

static void put_yes(template *tmpl, CK_ATTRIBUTE_TYPE type)
{
    put(tmpl, type, &yes, sizeof yes);
}

/* Only what the rows use: modules before 3.2 know no encapsulation. */
static void put_uses(template *public_tmpl, template *private_tmpl, const bench_key_kind *kind)
{
    switch (kind->use) {
    case BENCH_USE_SIGN:
    case BENCH_USE_SIGN_MESSAGE:
        put_yes(public_tmpl, CKA_VERIFY);
        put_yes(private_tmpl, CKA_SIGN);
        break;
    case BENCH_USE_KEM:
        put_yes(public_tmpl, CKA_ENCAPSULATE);
        put_yes(private_tmpl, CKA_DECAPSULATE);
        break;
    case BENCH_USE_DERIVE:
    case BENCH_USE_SECRET:
        break;
    }
    if (kind->use == BENCH_USE_DERIVE || kind->group != NULL)
        put_yes(private_tmpl, CKA_DERIVE);
    if (kind->bits != 0) {
        put_yes(public_tmpl, CKA_ENCRYPT);
        put_yes(public_tmpl, CKA_WRAP);
        put_yes(private_tmpl, CKA_DECRYPT);
        put_yes(private_tmpl, CKA_UNWRAP);
    }
}

CK_RV p11_make_pair(p11 *state, bench_key key, bool is_token, CK_OBJECT_HANDLE *out_public,
                    CK_OBJECT_HANDLE *out_private)
{
    static const uint8_t exponent[] = { 0x01, 0x00, 0x01 };
    const bench_key_kind *kind = &bench_key_kinds[key];
    const CK_ULONG bits = kind->bits;
    CK_MECHANISM mech = { kind->gen, NULL, 0 };
    template public_tmpl = { .count = 0 };
    template private_tmpl = { .count = 0 };

    put(&public_tmpl, CKA_TOKEN, is_token ? &yes : &no, sizeof yes);
    put(&private_tmpl, CKA_TOKEN, is_token ? &yes : &no, sizeof yes);
    put_yes(&private_tmpl, CKA_PRIVATE);
    put_yes(&private_tmpl, CKA_SENSITIVE);
    if (bits != 0) {
        put(&public_tmpl, CKA_MODULUS_BITS, &bits, sizeof bits);
        put(&public_tmpl, CKA_PUBLIC_EXPONENT, exponent, sizeof exponent); /* NSS wants it */
    } else if (kind->params != NULL) {
        put(&public_tmpl, CKA_EC_PARAMS, kind->params, kind->params_len);
    } else {
        put(&public_tmpl, CKA_PARAMETER_SET, &kind->set, sizeof kind->set);
    }
    put_uses(&public_tmpl, &private_tmpl, kind);
    return state->f->C_GenerateKeyPair(state->session, &mech, public_tmpl.at, public_tmpl.count,
                                       private_tmpl.at, private_tmpl.count, out_public,
                                       out_private);
}

static CK_RV make_secret(p11 *state, bench_key key, bool is_open, CK_OBJECT_HANDLE *out_key)
{
    const CK_ULONG len = BENCH_SECRET_BYTES;
    CK_MECHANISM mech = { bench_key_kinds[key].gen, NULL, 0 };
    template tmpl = { .count = 0 };

    put_yes(&tmpl, CKA_TOKEN);
    put_yes(&tmpl, CKA_PRIVATE);
    put_yes(&tmpl, CKA_SENSITIVE);
    put(&tmpl, CKA_VALUE_LEN, &len, sizeof len);
    if (is_open)
        put_yes(&tmpl, CKA_EXTRACTABLE);
    if (key == BENCH_KEY_HMAC) {
        put_yes(&tmpl, CKA_SIGN);
        put_yes(&tmpl, CKA_DERIVE);
    } else {
        put_yes(&tmpl, CKA_ENCRYPT);
    }
    if (key == BENCH_KEY_AES_256) {
        put_yes(&tmpl, CKA_WRAP);
        put_yes(&tmpl, CKA_UNWRAP);
    }
    return state->f->C_GenerateKey(state->session, &mech, tmpl.at, tmpl.count, out_key);
}

bool p11_make_keys(p11 *state)
{
    for (bench_key key = BENCH_KEY_RSA_2048; key < BENCH_KEY_COUNT; key++) {
        const bool is_secret = bench_key_kinds[key].use == BENCH_USE_SECRET;
        const CK_RV rv =
            is_secret ? make_secret(state, key, false, &state->key[key])
                      : p11_make_pair(state, key, true, &state->public_key[key], &state->key[key]);

        if (rv != CKR_OK)
            state->key[key] = CK_INVALID_HANDLE; /* the rows say "not supported" */
    }
    return p11_is_ok("C_GenerateKey", make_secret(state, BENCH_KEY_AES_256, true, &state->wrapped));
}
