/* Deriving one or more secret keys, or data, from a secret key.
 * SPDX-License-Identifier: Apache-2.0 */
#include "core/derive.h"
#include "core/lifecycle.h"
#include "crypto/approval.h"

/* The places of one TLS 1.2 key block (RFC 5246, 6.3), in its order. */
enum {
    TLS_CLIENT_MAC,
    TLS_SERVER_MAC,
    TLS_CLIENT_KEY,
    TLS_SERVER_KEY,
    TLS_KEYS,
    TLS_CLIENT_IV = TLS_KEYS,
    TLS_SERVER_IV,
    TLS_PARTS
};
#define TLS_MASTER_BYTES 48u

/* One call of C_DeriveKey. It is large, and most calls make one key: the arrays have what the counts
 * say, and nothing before. */
typedef struct job {
    hsm_core *core;
    hsm_session *session;
    hsm_object *base;
    hsm_key *key;
    hsm_key *own_key; /* made of data; NULL: key is the base's */
    const hsm_mech *mech;
    hsm_provenance provenance;
    hsm_kdf kdf;
    size_t other_count;
    hsm_object *others[HSM_KDF_HANDLES_MAX]; /* behind kdf.handles */
    size_t count;
    hsm_draft *drafts[HSM_KDF_KEYS_MAX];
    hsm_kdf_slice slices[HSM_KDF_KEYS_MAX];
    CK_OBJECT_HANDLE handles[HSM_KDF_KEYS_MAX];
} job;

static void job_init(job *j, hsm_core *core, hsm_session *session, hsm_object *base)
{
    j->core = core;
    j->session = session;
    j->base = base;
    j->own_key = NULL;
    j->other_count = 0;
    j->count = 0;
}

static void job_clear(job *j)
{
    hsm_key_destroy(j->own_key);
    for (size_t i = 0; i < j->other_count; i++)
        hsm_object_release(j->others[i]);
    for (size_t i = 0; i < j->count; i++)
        hsm_draft_destroy(j->drafts[i]);
}

/* The next key that the parameter names: it must be fit to be a base key itself. */
static hsm_err open_other(job *j)
{
    const size_t i = j->other_count;
    hsm_object *other = NULL;
    hsm_key *key = NULL;
    const hsm_err err = hsm_core_object(j->core, j->session, j->kdf.handles[i], &other);

    HSM_CHECK(err != HSM_E_OBJECT_HANDLE, HSM_E_KEY_HANDLE);
    HSM_TRY(err);
    j->others[j->other_count++] = other;
    HSM_CHECK(other->object_class == CKO_SECRET_KEY, HSM_E_KEY_HANDLE);
    HSM_CHECK((other->usages & HSM_OP_DERIVE) != 0, HSM_E_KEY_FUNCTION);
    HSM_TRY(hsm_core_check_life(j->core, other, HSM_OP_DERIVE));
    HSM_TRY(hsm_core_key(j->core, other, &key));
    j->kdf.values[i] = hsm_key_value(key);
    return HSM_OK;
}

static bool all_have(const job *j, CK_ATTRIBUTE_TYPE type, bool fallback)
{
    bool all = hsm_object_bool(j->base, type, fallback);

    for (size_t i = 0; i < j->other_count; i++)
        all &= hsm_object_bool(j->others[i], type, fallback);
    return all;
}

static bool all_were_approved(const job *j)
{
    bool all = hsm_core_was_approved(j->base);

    for (size_t i = 0; i < j->other_count; i++)
        all &= hsm_core_was_approved(j->others[i]);
    return all;
}

static bool any_has(const job *j, CK_ATTRIBUTE_TYPE type, bool fallback)
{
    bool any = hsm_object_bool(j->base, type, fallback);

    for (size_t i = 0; i < j->other_count; i++)
        any |= hsm_object_bool(j->others[i], type, fallback);
    return any;
}

static bool is_kbkdf(const job *j)
{
    return j->mech->alg == HSM_ALG_KBKDF_COUNTER || j->mech->alg == HSM_ALG_KBKDF_FEEDBACK ||
           j->mech->alg == HSM_ALG_KBKDF_PIPELINE;
}

/* Whether a result can have been hidden all its life: as all its keys, or with SP 800-108, where one
 * unknown key is enough, as any of them (PKCS#11 v3.2, SP 800-108, sensitivity and extractability). */
static bool hides(const job *j, CK_ATTRIBUTE_TYPE type)
{
    return is_kbkdf(j) ? any_has(j, type, false) : all_have(j, type, false);
}

/* Data in the place of a key: as long as the hash, to extract from, with a salt that has the secret. So
 * TLS 1.3 mixes zeros in (PKCS#11 v3.2, HKDF derive; RFC 8446, 7.1). */
static hsm_err open_data(job *j)
{
    const hsm_bytes value = hsm_object_value(j->base, CKA_VALUE);
    hsm_key_parts parts = { .key_class = CKO_SECRET_KEY, .key_type = CKK_GENERIC_SECRET };

    HSM_CHECK(j->kdf.does_extract && (j->kdf.has_salt_key || j->kdf.salt.len > 0),
              HSM_E_MECHANISM_PARAM);
    HSM_CHECK(value.len == hsm_hash_get(j->kdf.hash)->len, HSM_E_KEY_SIZE);
    parts.part[HSM_PART_VALUE] = value;
    HSM_TRY(hsm_key_create(j->core->crypto, &parts, &j->own_key));
    j->key = j->own_key;
    return HSM_OK;
}

static hsm_err open_job(job *j, const hsm_derivation *derivation)
{
    const bool is_data = j->base->object_class == CKO_DATA;
    const hsm_key_use use = {
        .mechanism = derivation->request->mechanism,
        .op = HSM_OP_DERIVE,
        .object = is_data ? NULL : j->base,
        .found = derivation->mech,
        .session = j->session,
    };
    HSM_UNINITIALIZED hsm_mech_params params; /* filled by hsm_core_admit() */

    HSM_TRY(hsm_core_admit(j->core, &use, &j->mech, &params, &j->key));
    HSM_CHECK(is_data || j->base->object_class == CKO_SECRET_KEY, HSM_E_KEY_TYPE);
    HSM_TRY(hsm_kdf_read(j->mech, params.raw, &j->kdf));
    if (is_data)
        HSM_TRY(open_data(j));
    while (j->other_count < j->kdf.handle_count)
        HSM_TRY(open_other(j));
    j->provenance = (hsm_provenance){
        .mechanism = CK_UNAVAILABLE_INFORMATION,
        .may_be_always_sensitive = hides(j, CKA_ALWAYS_SENSITIVE),
        .may_be_never_extractable = hides(j, CKA_NEVER_EXTRACTABLE),
    };
    return HSM_OK;
}

static const CK_BBOOL is_true = CK_TRUE;
static const CK_BBOOL is_false = CK_FALSE;

static hsm_attr bool_attr(CK_ATTRIBUTE_TYPE type, bool value)
{
    return (hsm_attr){ type, hsm_bytes_of(value ? &is_true : &is_false, sizeof is_true) };
}

/* What the mechanism says about the secrecy of its result: a key that shows its base stays as
 * secret; SP 800-108 takes over what the template leaves open; TLS keys are what their base is. */
static size_t secrecy(const job *j, const hsm_template *tmpl, hsm_attr forced[2])
{
    const bool is_tls = j->kdf.out_material != NULL;
    const bool shows_base = hsm_kdf_shows_base(j->mech);
    size_t count = 0;

    if (!is_tls && !shows_base && !is_kbkdf(j))
        return 0;
    const bool is_sensitive = any_has(j, CKA_SENSITIVE, true);
    const bool is_extractable = all_have(j, CKA_EXTRACTABLE, false);
    if (is_tls || (shows_base && is_sensitive) ||
        (is_kbkdf(j) && hsm_template_get(tmpl, CKA_SENSITIVE) == NULL))
        forced[count++] = bool_attr(CKA_SENSITIVE, is_sensitive);
    if (is_tls || (shows_base && !is_extractable) ||
        (is_kbkdf(j) && hsm_template_get(tmpl, CKA_EXTRACTABLE) == NULL))
        forced[count++] = bool_attr(CKA_EXTRACTABLE, is_extractable);
    return count;
}

/* The length a draft asks for; a type of one length needs no CKA_VALUE_LEN. */
static hsm_err wanted_len(const hsm_draft *draft, size_t *out_len)
{
    enum { CHACHA20_BYTES = 32 };
    const CK_ULONG type = hsm_draft_ulong(draft, CKA_KEY_TYPE, HSM_KEY_TYPE_NONE);
    const CK_ULONG len =
        hsm_draft_ulong(draft, CKA_VALUE_LEN, type == CKK_CHACHA20 ? CHACHA20_BYTES : 0);

    HSM_CHECK(len <= HSM_SECRET_MAX_BYTES, HSM_E_ATTRIBUTE_VALUE);
    *out_len = len;
    return HSM_OK;
}

/* The type of a key whose template names none (PKCS#11 v3.2, IKE PRF DERIVE: the function's; IKEv1 PRF
 * DERIVE: it must be named). */
static CK_KEY_TYPE usual_type(const job *j)
{
    if (j->mech->alg == HSM_ALG_IKE1_PRF)
        return HSM_KEY_TYPE_NONE;
    return j->mech->alg == HSM_ALG_IKE_PRF && j->kdf.is_cmac ? CKK_AES : CKK_GENERIC_SECRET;
}

/* The next draft, of a kind. */
static hsm_err add_draft(job *j, const hsm_derive_start *start, hsm_object_kind kind)
{
    hsm_draft *draft = NULL;

    HSM_TRY(hsm_core_derive_draft(j->core, j->session, start, &draft));
    j->drafts[j->count++] = draft;
    HSM_CHECK(hsm_draft_kind(draft) == kind, HSM_E_TEMPLATE_INCONSISTENT);
    return HSM_OK;
}

static hsm_err add_key(job *j, const hsm_template *tmpl)
{
    const size_t i = j->count;
    hsm_attr forced[2];
    const hsm_derive_start start = {
        .base = j->base,
        .tmpl = tmpl,
        .forced = forced,
        .forced_count = secrecy(j, tmpl, forced),
        .object_class = CKO_SECRET_KEY,
        .key_type = usual_type(j),
    };

    HSM_TRY(add_draft(j, &start, HSM_KIND_SECRET));
    return wanted_len(j->drafts[i], &j->slices[i].len);
}

/* A data object has no CKA_VALUE_LEN; here it only says how much to derive. */
static hsm_err add_data(job *j, const hsm_template *tmpl)
{
    hsm_attr attrs[HSM_TEMPLATE_MAX_ATTRS];
    hsm_template rest = { attrs, 0 };
    const CK_ULONG len = hsm_template_ulong(tmpl, CKA_VALUE_LEN, 0);
    const hsm_derive_start start = {
        .base = j->base,
        .tmpl = &rest,
        .object_class = CKO_DATA,
        .key_type = HSM_KEY_TYPE_NONE,
    };

    HSM_CHECK(len <= HSM_SECRET_MAX_BYTES / 2, HSM_E_ATTRIBUTE_VALUE);
    for (size_t i = 0; i < tmpl->count && i < HSM_TEMPLATE_MAX_ATTRS; i++) {
        if (tmpl->attrs[i].type != CKA_VALUE_LEN)
            attrs[rest.count++] = tmpl->attrs[i];
    }
    HSM_TRY(add_draft(j, &start, HSM_KIND_DATA));
    j->slices[0].len = len;
    return HSM_OK;
}

/* A template inside a parameter: the caller's CK_ATTRIBUTE array at any address. Templates within it
 * are not taken. */
static hsm_err read_template(const void *from, CK_ULONG count, hsm_attr attrs[])
{
    HSM_CHECK(count <= HSM_TEMPLATE_MAX_ATTRS && (from != NULL || count == 0),
              HSM_E_MECHANISM_PARAM);
    for (size_t i = 0; i < count; i++) {
        CK_ATTRIBUTE attr;

        memcpy(&attr, (const uint8_t *)from + i * sizeof attr, sizeof attr);
        HSM_CHECK(attr.pValue != NULL || attr.ulValueLen == 0, HSM_E_ATTRIBUTE_VALUE);
        HSM_CHECK(!hsm_core_attr_is_template(attr.type), HSM_E_ATTRIBUTE_VALUE);
        attrs[i] = (hsm_attr){ attr.type, hsm_bytes_of(attr.pValue, attr.ulValueLen) };
    }
    return HSM_OK;
}

static CK_DERIVED_KEY more_key(const job *j, size_t i)
{
    CK_DERIVED_KEY key;

    memcpy(&key, (const uint8_t *)j->kdf.more_keys + i * sizeof key, sizeof key);
    return key;
}

static void put_handle(const CK_DERIVED_KEY *key, CK_OBJECT_HANDLE handle)
{
    memcpy(key->phKey, &handle, sizeof handle);
}

/* The keys that the parameter asks for beside the one of the call. The handle of one whose template
 * is at fault becomes invalid (PKCS#11 v3.2, Deriving Additional Keys). */
static hsm_err add_more(job *j)
{
    for (size_t i = 0; i < j->kdf.more_count; i++) {
        const CK_DERIVED_KEY key = more_key(j, i);
        hsm_attr attrs[HSM_TEMPLATE_MAX_ATTRS];

        HSM_CHECK(key.phKey != NULL, HSM_E_MECHANISM_PARAM);
        const hsm_template tmpl = { attrs, key.ulAttributeCount };
        hsm_err err = read_template(key.pTemplate, key.ulAttributeCount, attrs);
        if (err == HSM_OK)
            err = add_key(j, &tmpl);
        if (err != HSM_OK)
            put_handle(&key, CK_INVALID_HANDLE);
        HSM_TRY(err);
    }
    return HSM_OK;
}

/* A draft's part of the bytes; the only one, if it gets all of them, may take them. */
static hsm_err put_value(job *j, size_t i, hsm_secret **bytes)
{
    const hsm_kdf_slice *slice = &j->slices[i];
    const hsm_bytes all = hsm_secret_view(*bytes);

    if (j->count == 1 && slice->len == all.len)
        return hsm_draft_take(j->drafts[i], CKA_VALUE, bytes);
    return hsm_draft_put(j->drafts[i], CKA_VALUE, hsm_bytes_of(all.data + slice->at, slice->len));
}

static hsm_err finish_drafts(job *j, hsm_secret **bytes)
{
    for (size_t i = 0; i < j->count; i++) {
        HSM_TRY(put_value(j, i, bytes));
        if (hsm_draft_kind(j->drafts[i]) != HSM_KIND_DATA)
            HSM_TRY(hsm_core_derive_finish(j->core, j->drafts[i], &j->provenance));
    }
    return hsm_core_add(j->core, j->session, j->drafts, j->count, j->handles);
}

/* Premaster secrets of RSA begin with the client's version, which is handed out. */
static void give_version(const job *j)
{
    if (j->kdf.out_version != NULL)
        memcpy(j->kdf.out_version, hsm_key_value(j->key).data, sizeof(CK_VERSION));
}

static hsm_err run_job(job *j, size_t slice_count, hsm_secret **out_bytes)
{
    const size_t base_len = hsm_key_value(j->key).len;

    HSM_TRY(hsm_kdf_plan(j->mech, &j->kdf, base_len, j->slices, slice_count));
    const hsm_err ruling = hsm_approval_of_derivation(j->mech, &j->kdf, j->slices, j->count);
    HSM_TRY(hsm_core_rule(j->core, j->session, ruling));
    j->provenance.is_approved = j->session->is_approved && all_were_approved(j);
    const hsm_kdf_slice last = j->slices[slice_count - 1];
    return hsm_kdf_run(j->core->crypto, j->mech, &j->kdf, j->key, last.at + last.len, out_bytes);
}

/* The draft of one key of a TLS key block, or none where its length is 0. */
static hsm_err add_tls_key(job *j, const hsm_template *tmpl, size_t place)
{
    const bool is_mac = place <= TLS_SERVER_MAC;
    const CK_KEY_TYPE mac_type = CKK_GENERIC_SECRET;
    hsm_attr attrs[4];
    hsm_attr forced[HSM_DERIVE_FORCED_MAX];
    hsm_template own = { attrs, 0 };
    hsm_derive_start start = {
        .base = j->base,
        .tmpl = is_mac ? &own : tmpl,
        .forced = forced,
        .forced_count = secrecy(j, tmpl, forced),
        .object_class = CKO_SECRET_KEY,
        .key_type = is_mac ? mac_type : HSM_KEY_TYPE_NONE,
    };
    static const CK_ATTRIBUTE_TYPE shared[] = { CKA_TOKEN, CKA_PRIVATE };

    for (size_t i = 0; is_mac && i < HSM_ARRAY_LEN(shared); i++) {
        const hsm_attr *given = hsm_template_get(tmpl, shared[i]);
        if (given != NULL)
            attrs[own.count++] = *given;
    }
    const CK_ATTRIBUTE_TYPE first = is_mac ? CKA_SIGN : CKA_ENCRYPT;
    const CK_ATTRIBUTE_TYPE second = is_mac ? CKA_VERIFY : CKA_DECRYPT;
    if (hsm_template_get(start.tmpl, first) == NULL)
        forced[start.forced_count++] = bool_attr(first, true);
    if (hsm_template_get(start.tmpl, second) == NULL)
        forced[start.forced_count++] = bool_attr(second, true);

    const size_t i = j->count;
    HSM_TRY(add_draft(j, &start, HSM_KIND_SECRET));
    const CK_ULONG len = is_mac ? j->kdf.mac_len : j->kdf.key_len;
    HSM_CHECK(hsm_draft_ulong(j->drafts[i], CKA_VALUE_LEN, len) == len,
              HSM_E_TEMPLATE_INCONSISTENT);
    j->slices[i].len = len;
    return HSM_OK;
}

static void give_tls(const job *j, hsm_bytes bytes, const bool has[TLS_KEYS])
{
    CK_SSL3_KEY_MAT_OUT out = { 0 };
    CK_OBJECT_HANDLE *const places[TLS_KEYS] = { &out.hClientMacSecret, &out.hServerMacSecret,
                                                 &out.hClientKey, &out.hServerKey };
    size_t next = 0;

    memcpy(&out, j->kdf.out_material, sizeof out);
    for (size_t i = 0; i < TLS_KEYS; i++)
        *places[i] = has[i] ? j->handles[next++] : CK_INVALID_HANDLE;
    if (j->kdf.iv_len > 0) {
        memcpy(out.pIVClient, bytes.data + j->slices[next].at, j->kdf.iv_len);
        memcpy(out.pIVServer, bytes.data + j->slices[next + 1].at, j->kdf.iv_len);
    }
    memcpy(j->kdf.out_material, &out, sizeof out);
}

static hsm_err check_tls_room(const job *j)
{
    CK_SSL3_KEY_MAT_OUT out;

    memcpy(&out, j->kdf.out_material, sizeof out);
    HSM_CHECK(j->kdf.iv_len == 0 || (out.pIVClient != NULL && out.pIVServer != NULL),
              HSM_E_MECHANISM_PARAM);
    return HSM_OK;
}

static hsm_err derive_tls(job *j, const hsm_template *tmpl)
{
    HSM_AUTO(hsm_secret_drop) hsm_secret *bytes = NULL;
    bool has[TLS_KEYS];

    HSM_TRY(check_tls_room(j));
    for (size_t i = 0; i < TLS_KEYS; i++) {
        has[i] = (i <= TLS_SERVER_MAC ? j->kdf.mac_len : j->kdf.key_len) > 0;
        if (has[i])
            HSM_TRY(add_tls_key(j, tmpl, i));
    }
    size_t slice_count = j->count;
    for (size_t i = TLS_CLIENT_IV; j->kdf.iv_len > 0 && i < TLS_PARTS; i++)
        j->slices[slice_count++].len = j->kdf.iv_len;
    HSM_TRY(run_job(j, slice_count, &bytes));
    HSM_TRY(finish_drafts(j, &bytes));
    give_tls(j, hsm_secret_view(bytes), has);
    return HSM_OK;
}

hsm_err hsm_core_derive_secrets(hsm_core *core, hsm_session *session,
                                const hsm_derivation *derivation, CK_OBJECT_HANDLE *out_key)
{
    const hsm_template *tmpl = derivation->request->tmpl;
    HSM_AUTO(job_clear) HSM_UNINITIALIZED job j;
    HSM_AUTO(hsm_secret_drop) hsm_secret *bytes = NULL;

    job_init(&j, core, session, derivation->base);
    HSM_TRY(open_job(&j, derivation));
    if (j.kdf.out_material != NULL)
        return derive_tls(&j, tmpl);
    if (j.mech->makes_data)
        HSM_TRY(add_data(&j, tmpl));
    else
        HSM_TRY(add_key(&j, tmpl));
    HSM_TRY(add_more(&j));
    HSM_TRY(run_job(&j, j.count, &bytes));
    HSM_TRY(finish_drafts(&j, &bytes));

    give_version(&j);
    for (size_t i = 0; i < j.kdf.more_count; i++) {
        const CK_DERIVED_KEY key = more_key(&j, i);
        put_handle(&key, j.handles[i + 1]);
    }
    *out_key = j.handles[0];
    return HSM_OK;
}
