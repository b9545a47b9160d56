/* Kinds of key by name: reading, writing, and making one.
 * SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <stdio.h>

#include "base/handle.h"
#include "core/key_bits.h"
#include "core/key_names.h"
#include "core/keyring.h"
#include "crypto/pqc.h"

/* Families whose name is followed by a size in bits. */
static const struct {
    const char *name;
    CK_KEY_TYPE key_type;
    uint32_t usual_bits;
    bool is_pair;
} families[] = {
    { "RSA", CKK_RSA, 3072, true },
    { "AES", CKK_AES, 256, false },
    { "GENERIC", CKK_GENERIC_SECRET, 256, false },
    { "CHACHA20", CKK_CHACHA20, 256, false },
    { "SHA224-HMAC", CKK_SHA224_HMAC, 224, false },
    { "SHA256-HMAC", CKK_SHA256_HMAC, 256, false },
    { "SHA384-HMAC", CKK_SHA384_HMAC, 384, false },
    { "SHA512-HMAC", CKK_SHA512_HMAC, 512, false },
};

#define SIZE_BITS_MAX 524288u /* a secret key of HSM_SECRET_KEY_MAX_BYTES */

static bool same_letters(const char *a, const char *b, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (toupper((unsigned char)a[i]) != toupper((unsigned char)b[i]))
            return false;
    }
    return true;
}

static bool same_name(const char *a, const char *b)
{
    const size_t len = strlen(a);

    return strlen(b) == len && same_letters(a, b, len);
}

/* "" or "-SIZE". errors HSM_E_KEY_TYPE (neither), HSM_E_KEY_SIZE */
static hsm_err read_bits(const char *text, uint32_t usual, uint32_t *out_bits)
{
    uint32_t bits = 0;

    if (text[0] == '\0') {
        *out_bits = usual;
        return HSM_OK;
    }
    HSM_CHECK(text[0] == '-' && text[1] != '\0', HSM_E_KEY_TYPE);
    for (const char *at = text + 1; *at != '\0'; at++) {
        HSM_CHECK(*at >= '0' && *at <= '9', HSM_E_KEY_TYPE);
        bits = bits * 10 + (uint32_t)(*at - '0');
        HSM_CHECK(bits <= SIZE_BITS_MAX, HSM_E_KEY_SIZE);
    }
    HSM_CHECK(bits > 0 && bits % 8 == 0, HSM_E_KEY_SIZE);
    *out_bits = bits;
    return HSM_OK;
}

static hsm_err read_family(const char *text, hsm_key_spec *out_spec)
{
    for (size_t i = 0; i < HSM_ARRAY_LEN(families); i++) {
        const size_t len = strlen(families[i].name);
        uint32_t bits = 0;

        if (strlen(text) < len || !same_letters(text, families[i].name, len) ||
            (text[len] != '\0' && text[len] != '-'))
            continue;
        HSM_TRY(read_bits(text + len, families[i].usual_bits, &bits));
        *out_spec = (hsm_key_spec){
            .key_type = families[i].key_type,
            .size = families[i].is_pair ? bits : bits / 8,
            .is_pair = families[i].is_pair,
        };
        return HSM_OK;
    }
    return HSM_E_KEY_TYPE;
}

static bool read_curve(const char *text, hsm_key_spec *out_spec)
{
    size_t count = 0;
    const hsm_curve *rows = hsm_curve_table(&count);
    const char *name = same_name(text, "EC") ? "P-256" : text;

    for (size_t i = 0; i < count; i++) {
        if (!same_name(rows[i].name, name) && !same_name(rows[i].alias, name))
            continue;
        *out_spec = (hsm_key_spec){
            .key_type = rows[i].key_type,
            .ec_params = hsm_bytes_of(rows[i].oid, rows[i].oid_len),
            .is_pair = true,
        };
        return true;
    }
    return false;
}

static bool read_set(const char *text, hsm_key_spec *out_spec)
{
    size_t count = 0;
    const hsm_pqc_set *rows = hsm_pqc_table(&count);

    for (size_t i = 0; i < count; i++) {
        if (!same_name(rows[i].name, text))
            continue;
        *out_spec = (hsm_key_spec){
            .key_type = rows[i].key_type,
            .parameter_set = rows[i].id,
            .is_pair = true,
        };
        return true;
    }
    return false;
}

hsm_err hsm_core_key_spec(const char *text, hsm_key_spec *out_spec)
{
    if (read_curve(text, out_spec) || read_set(text, out_spec))
        return HSM_OK;
    return read_family(text, out_spec);
}

void hsm_core_each_key_name(void (*visit)(void *arg, const char *name), void *arg)
{
    size_t count = 0;

    for (size_t i = 0; i < HSM_ARRAY_LEN(families); i++)
        visit(arg, families[i].name);
    const hsm_curve *curves = hsm_curve_table(&count);
    for (size_t i = 0; i < count; i++)
        visit(arg, curves[i].name);
    const hsm_pqc_set *sets = hsm_pqc_table(&count);
    for (size_t i = 0; i < count; i++)
        visit(arg, sets[i].name);
}

/* --- the name of an object -------------------------------------------------------------------- */

static const char *set_name(const hsm_object *object)
{
    const hsm_pqc_set *set = NULL;
    const CK_ULONG id = hsm_object_ulong(object, CKA_PARAMETER_SET, CK_UNAVAILABLE_INFORMATION);

    return hsm_pqc_find(object->key_type, id, &set) == HSM_OK ? set->name : "-";
}

static const char *curve_name(const hsm_object *object)
{
    const hsm_bytes params = hsm_object_value(object, CKA_EC_PARAMS);
    const hsm_curve *curve = NULL;

    if (hsm_curve_find(params, object->key_type, &curve) != HSM_OK)
        return "EC";
    return curve->name;
}

void hsm_key_name(const hsm_object *object, char *out, size_t out_room)
{
    const hsm_kind_set curves = HSM_KIND_EC_PUBLIC | HSM_KIND_EC_PRIVATE;

    if (object->kind == HSM_KIND_CERTIFICATE) {
        (void)snprintf(out, out_room, "X.509");
    } else if ((object->kind & curves) != 0) {
        (void)snprintf(out, out_room, "%s", curve_name(object));
    } else if (hsm_pqc_is_type(object->key_type)) {
        (void)snprintf(out, out_room, "%s", set_name(object));
    } else {
        (void)snprintf(out, out_room, object->key_type == HSM_KEY_TYPE_NONE ? "-" : "0x%lx",
                       (unsigned long)object->key_type);
        for (size_t i = 0; i < HSM_ARRAY_LEN(families); i++) {
            if (families[i].key_type == object->key_type)
                (void)snprintf(out, out_room, "%s-%u", families[i].name,
                               (unsigned)hsm_core_key_bits(object));
        }
    }
}

/* --- making ----------------------------------------------------------------------------------- */

/* The row that makes keys of a type: the first, which is the usual one. */
static const hsm_mech *generation_of(const hsm_key_spec *spec)
{
    const hsm_op op = spec->is_pair ? HSM_OP_GENERATE_PAIR : HSM_OP_GENERATE;
    size_t count = 0;
    const hsm_mech *rows = hsm_mech_table(&count);

    for (size_t i = 0; i < count; i++) {
        if ((rows[i].ops & op) != 0 && rows[i].key_type == spec->key_type &&
            rows[i].params == HSM_PARAM_NONE)
            return &rows[i];
    }
    return NULL;
}

static hsm_err put_spec(const hsm_key_spec *spec, hsm_named *named)
{
    if (!spec->is_pair)
        return hsm_named_put_ulong(named, "VALUE_LEN", spec->size);
    if (spec->key_type == CKK_RSA)
        return hsm_named_put_ulong(named, "MODULUS_BITS", spec->size);
    if (spec->ec_params.len > 0)
        return hsm_named_put(named, "EC_PARAMS", spec->ec_params);
    return hsm_named_put_ulong(named, "PARAMETER_SET", spec->parameter_set);
}

hsm_err hsm_core_make_key(hsm_core *core, hsm_session *session, const hsm_make_request *request,
                          CK_OBJECT_HANDLE out_handles[2], size_t *out_count)
{
    const hsm_key_spec *spec = request->spec;
    const hsm_mech *mech = generation_of(spec);
    CK_OBJECT_HANDLE handles[2] = { HSM_HANDLE_NONE, HSM_HANDLE_NONE };

    HSM_CHECK(mech != NULL, HSM_E_KEY_TYPE);
    const CK_MECHANISM mechanism = { .mechanism = mech->id };
    HSM_TRY(put_spec(spec, spec->is_pair ? request->public_template : request->private_template));
    const hsm_template private_template = hsm_named_template(request->private_template);
    if (spec->is_pair) {
        const hsm_template public_template = hsm_named_template(request->public_template);
        const hsm_pair_request pair = { &mechanism, &public_template, &private_template };
        HSM_TRY(hsm_core_generate_pair(core, session, &pair, &handles[0], &handles[1]));
    } else {
        HSM_TRY(hsm_core_generate_key(core, session, &mechanism, &private_template, &handles[0]));
    }
    memcpy(out_handles, handles, sizeof handles);
    *out_count = spec->is_pair ? 2 : 1;
    return HSM_OK;
}
