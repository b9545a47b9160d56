/* Rules of PKCS#11 v3.2, chapter 4, that are about more than one attribute.
 * SPDX-License-Identifier: Apache-2.0 */
#include "store/attr_internal.h"

#define KEY_KINDS                                                                            \
    (HSM_KIND_RSA_PUBLIC | HSM_KIND_RSA_PRIVATE | HSM_KIND_EC_PUBLIC | HSM_KIND_EC_PRIVATE | \
     HSM_KIND_SECRET | HSM_KIND_DOMAIN | HSM_KIND_PQC_PUBLIC | HSM_KIND_LATTICE_PRIVATE |    \
     HSM_KIND_SLH_PRIVATE | HSM_KIND_DH_PUBLIC | HSM_KIND_DH_PRIVATE)

/* --- kind --------------------------------------------------------------------------------------- */

/* A number that either template may give, but not both differently. */
static hsm_err agreed(const hsm_template *tmpl, const hsm_template *implied, CK_ATTRIBUTE_TYPE type,
                      CK_ULONG *out_value)
{
    const hsm_attr *asked = hsm_template_get(tmpl, type);
    const hsm_attr *given = hsm_template_get(implied, type);

    HSM_CHECK(asked != NULL || given != NULL, HSM_E_TEMPLATE_INCOMPLETE);
    if (asked != NULL && given != NULL)
        HSM_CHECK(hsm_bytes_equal(asked->value, given->value), HSM_E_TEMPLATE_INCONSISTENT);

    const hsm_template one = { .attrs = given != NULL ? given : asked, .count = 1 };
    HSM_CHECK(one.attrs->value.len == sizeof(CK_ULONG), HSM_E_ATTRIBUTE_VALUE);
    *out_value = hsm_template_ulong(&one, type, 0);
    return HSM_OK;
}

hsm_err hsm_rules_kind(const hsm_template *tmpl, const hsm_template *implied,
                       hsm_object_kind *out_kind)
{
    CK_OBJECT_CLASS object_class = 0;
    CK_ULONG type = 0;

    HSM_TRY(agreed(tmpl, implied, CKA_CLASS, &object_class));
    if (object_class == CKO_CERTIFICATE)
        HSM_TRY(agreed(tmpl, implied, CKA_CERTIFICATE_TYPE, &type));
    if (object_class == CKO_PUBLIC_KEY || object_class == CKO_PRIVATE_KEY ||
        object_class == CKO_SECRET_KEY || object_class == CKO_DOMAIN_PARAMETERS)
        HSM_TRY(agreed(tmpl, implied, CKA_KEY_TYPE, &type));
    return hsm_kind_of(object_class, type, out_kind);
}

/* --- defaults ----------------------------------------------------------------------------------- */

/* What keys are for, as far as the usages of a template that names none depend on it. */
enum {
    FOR_SEALING = 1u << 0,
    FOR_OPENING = 1u << 1,
    FOR_SIGNING = 1u << 2,
    FOR_VERIFYING = 1u << 3,
    FOR_KEM = 1u << 4,
    FOR_MACS = FOR_SIGNING | FOR_VERIFYING, /* and signatures */
    FOR_CIPHERS = FOR_SEALING | FOR_OPENING,
};

static unsigned purpose_of(CK_ATTRIBUTE_TYPE usage)
{
    static const struct {
        CK_ATTRIBUTE_TYPE usage;
        unsigned purpose;
    } purposes[] = {
        { CKA_ENCRYPT, FOR_SEALING }, { CKA_WRAP, FOR_SEALING },    { CKA_DECRYPT, FOR_OPENING },
        { CKA_UNWRAP, FOR_OPENING },  { CKA_SIGN, FOR_SIGNING },    { CKA_VERIFY, FOR_VERIFYING },
        { CKA_ENCAPSULATE, FOR_KEM }, { CKA_DECAPSULATE, FOR_KEM },
    };

    for (size_t i = 0; i < HSM_ARRAY_LEN(purposes); i++) {
        if (purposes[i].usage == usage)
            return purposes[i].purpose;
    }
    return 0;
}

/* What keys of a type have mechanisms for. */
static unsigned purposes_of(CK_KEY_TYPE key_type)
{
    static const struct {
        CK_KEY_TYPE key_type;
        unsigned purposes;
    } types[] = {
        { CKK_RSA, FOR_CIPHERS | FOR_MACS },
        { CKK_AES, FOR_CIPHERS | FOR_MACS },
        { CKK_AES_XTS, FOR_CIPHERS },
        { CKK_CHACHA20, FOR_CIPHERS },
        { CKK_DES3, FOR_OPENING | FOR_VERIFYING }, /* old data only */
        { CKK_EC_MONTGOMERY, FOR_CIPHERS },
        { CKK_ML_KEM, FOR_CIPHERS | FOR_KEM },
        { CKK_CRATON_COMP_KEM, FOR_CIPHERS | FOR_KEM },
        { CKK_DH, 0 }, /* derivation only */
        { CKK_X9_42_DH, 0 },
    };

    for (size_t i = 0; i < HSM_ARRAY_LEN(types); i++) {
        if (types[i].key_type == key_type)
            return types[i].purposes;
    }
    return FOR_MACS; /* secret keys for HMAC; keys for signatures */
}

/* A session key that is derived is extractable unless the template says otherwise: applications
 * that derive one want the bytes (Java's KeyAgreement, TLS), never say so, and could have said so,
 * thus nothing is given away. What is stored stays in. */
static bool is_derived_session_key(const hsm_draft *draft, hsm_origin origin)
{
    return origin == HSM_ORIGIN_DERIVE && hsm_draft_kind(draft) == HSM_KIND_SECRET &&
           !hsm_draft_bool(draft, CKA_TOKEN, false);
}

/* Takes away the usages of `places` that the key type has no mechanism for. */
static hsm_err take_useless(hsm_draft *draft, hsm_place_set places)
{
    const hsm_layout *layout = hsm_draft_layout(draft);
    const CK_BBOOL no = CK_FALSE;
    unsigned purposes = 0;

    if (places == 0)
        return HSM_OK;
    purposes = purposes_of(hsm_draft_ulong(draft, CKA_KEY_TYPE, HSM_KEY_TYPE_NONE));
    for (hsm_place_set rest = places; rest != 0; rest &= rest - 1) {
        const unsigned place = hsm_place_first(rest);
        const unsigned purpose = purpose_of(hsm_layout_row(layout, place)->type);

        if (purpose != 0 && (purposes & purpose) == 0)
            HSM_TRY(hsm_draft_put_at(draft, place, hsm_bytes_of(&no, sizeof no)));
    }
    return HSM_OK;
}

static hsm_err put_defaults(hsm_draft *draft, hsm_origin origin)
{
    const hsm_layout *layout = hsm_draft_layout(draft);
    const hsm_place_set missing =
        hsm_layout_with(layout, HSM_ATTR_HAS_DEFAULT) & ~hsm_draft_present(draft);
    const unsigned extractable = hsm_layout_find(layout, CKA_EXTRACTABLE);

    hsm_draft_put_defaults(draft, missing);
    HSM_TRY(take_useless(draft, missing & layout->granted & layout->usages));
    if (extractable != HSM_PLACE_NONE && (missing & hsm_place_bit(extractable)) != 0 &&
        is_derived_session_key(draft, origin))
        HSM_TRY(hsm_draft_put_bool(draft, CKA_EXTRACTABLE, true));
    return HSM_OK;
}

/* An empty value makes no key. */
static hsm_err check_parts(const hsm_draft *draft)
{
    const hsm_layout *layout = hsm_draft_layout(draft);
    const hsm_place_set parts =
        hsm_layout_with(layout, HSM_ATTR_MUST_CREATE) & hsm_draft_present(draft);

    if ((layout->kind & KEY_KINDS) == 0)
        return HSM_OK;
    for (hsm_place_set rest = parts; rest != 0; rest &= rest - 1)
        HSM_CHECK(hsm_draft_at(draft, hsm_place_first(rest)).len > 0, HSM_E_ATTRIBUTE_VALUE);
    return HSM_OK;
}

hsm_err hsm_rules_complete(hsm_draft *draft, hsm_origin origin, hsm_place_set needed)
{
    HSM_CHECK((needed & ~hsm_draft_present(draft)) == 0, HSM_E_TEMPLATE_INCOMPLETE);
    HSM_TRY(check_parts(draft));
    return put_defaults(draft, origin);
}

/* --- agreement ---------------------------------------------------------------------------------- */

static size_t len_of(const hsm_draft *draft, CK_ATTRIBUTE_TYPE type)
{
    hsm_bytes value;

    return hsm_draft_get(draft, type, &value) ? value.len : 0;
}

/* 4.6.3: a certificate or where to get it and what it must be. */
static hsm_err certificate_agrees(const hsm_draft *draft)
{
    HSM_CHECK(hsm_draft_ulong(draft, CKA_CERTIFICATE_CATEGORY, 0) <=
                  CK_CERTIFICATE_CATEGORY_OTHER_ENTITY,
              HSM_E_ATTRIBUTE_VALUE);
    HSM_CHECK(hsm_draft_ulong(draft, CKA_JAVA_MIDP_SECURITY_DOMAIN, 0) <=
                  CK_SECURITY_DOMAIN_THIRD_PARTY,
              HSM_E_ATTRIBUTE_VALUE);
    if (len_of(draft, CKA_URL) == 0) {
        HSM_CHECK(len_of(draft, CKA_VALUE) > 0, HSM_E_TEMPLATE_INCONSISTENT);
        return HSM_OK;
    }
    HSM_CHECK(len_of(draft, CKA_HASH_OF_SUBJECT_PUBLIC_KEY) > 0 &&
                  len_of(draft, CKA_HASH_OF_ISSUER_PUBLIC_KEY) > 0,
              HSM_E_TEMPLATE_INCONSISTENT);
    return HSM_OK;
}

/* X9.42 keys have a subprime, DH keys have none; only DH's private values have a length. */
static hsm_err dh_agrees(const hsm_draft *draft)
{
    const bool is_dh = hsm_draft_ulong(draft, CKA_KEY_TYPE, CKK_DH) == CKK_DH;
    const bool has_subprime = len_of(draft, CKA_SUBPRIME) > 0;

    if (is_dh)
        HSM_CHECK(!has_subprime, HSM_E_TEMPLATE_INCONSISTENT);
    else if (len_of(draft, CKA_PRIME) > 0) /* not yet there while a pair is being generated */
        HSM_CHECK(has_subprime, HSM_E_TEMPLATE_INCOMPLETE);
    HSM_CHECK(is_dh || len_of(draft, CKA_VALUE_BITS) == 0, HSM_E_TEMPLATE_INCONSISTENT);
    return HSM_OK;
}

static hsm_err private_agrees(const hsm_draft *draft)
{
    if (hsm_draft_bool(draft, CKA_ALWAYS_AUTHENTICATE, false))
        HSM_CHECK(hsm_draft_bool(draft, CKA_PRIVATE, false), HSM_E_TEMPLATE_INCONSISTENT);
    return HSM_OK;
}

/* DSA and X9.42 parameters have a subprime, DH parameters have none. */
static hsm_err domain_agrees(const hsm_draft *draft)
{
    const bool is_dh = hsm_draft_ulong(draft, CKA_KEY_TYPE, CKK_DH) == CKK_DH;
    const bool has_subprime = len_of(draft, CKA_SUBPRIME) > 0;

    if (is_dh)
        HSM_CHECK(!has_subprime && len_of(draft, CKA_SUBPRIME_BITS) == 0,
                  HSM_E_TEMPLATE_INCONSISTENT);
    else if (len_of(draft, CKA_PRIME) > 0) /* not yet there while being generated */
        HSM_CHECK(has_subprime, HSM_E_TEMPLATE_INCOMPLETE);
    return HSM_OK;
}

/* 4.17: trust is in one certificate, so it must say which. */
static hsm_err trust_agrees(const hsm_draft *draft)
{
    static const CK_ATTRIBUTE_TYPE purposes[] = {
        CKA_TRUST_SERVER_AUTH,      CKA_TRUST_CLIENT_AUTH, CKA_TRUST_CODE_SIGNING,
        CKA_TRUST_EMAIL_PROTECTION, CKA_TRUST_IPSEC_IKE,   CKA_TRUST_TIME_STAMPING,
        CKA_TRUST_OCSP_SIGNING,
    };
    bool trusts = false;

    for (size_t i = 0; i < HSM_ARRAY_LEN(purposes); i++) {
        const CK_ULONG trust = hsm_draft_ulong(draft, purposes[i], CKT_TRUST_UNKNOWN);

        HSM_CHECK(trust <= CKT_TRUST_MUST_VERIFY_TRUST, HSM_E_ATTRIBUTE_VALUE);
        trusts |= trust != CKT_TRUST_UNKNOWN && trust != CKT_NOT_TRUSTED;
    }
    HSM_CHECK(!trusts || (len_of(draft, CKA_HASH_OF_CERTIFICATE) > 0 &&
                          len_of(draft, CKA_NAME_HASH_ALGORITHM) > 0),
              HSM_E_TEMPLATE_INCOMPLETE);
    return HSM_OK;
}

hsm_err hsm_rules_agree(const hsm_draft *draft)
{
    switch (hsm_draft_kind(draft)) {
    case HSM_KIND_CERTIFICATE:
        return certificate_agrees(draft);
    case HSM_KIND_DOMAIN:
        return domain_agrees(draft);
    case HSM_KIND_TRUST:
        return trust_agrees(draft);
    case HSM_KIND_RSA_PRIVATE:
    case HSM_KIND_EC_PRIVATE:
    case HSM_KIND_LATTICE_PRIVATE:
    case HSM_KIND_SLH_PRIVATE:
        return private_agrees(draft);
    case HSM_KIND_DH_PRIVATE:
        HSM_TRY(private_agrees(draft));
        return dh_agrees(draft);
    case HSM_KIND_DH_PUBLIC:
        return dh_agrees(draft);
    case HSM_KIND_DATA:
    case HSM_KIND_RSA_PUBLIC:
    case HSM_KIND_EC_PUBLIC:
    case HSM_KIND_PQC_PUBLIC:
    case HSM_KIND_SECRET:
    case HSM_KIND_PROFILE:
    case HSM_KIND_MECHANISM:
    case HSM_KIND_VALIDATION:
        return HSM_OK;
    }
    return HSM_E_INTERNAL;
}

/* --- change ------------------------------------------------------------------------------------- */

hsm_err hsm_rules_change(const hsm_draft *draft, const hsm_attr *change, bool is_so)
{
    hsm_bytes old = hsm_bytes_none();
    const bool is_same =
        hsm_draft_get(draft, change->type, &old) && hsm_bytes_equal(old, change->value);

    /* 4.6.2: trusted certificates can't be modified. */
    if (hsm_draft_kind(draft) == HSM_KIND_CERTIFICATE && !is_same && !is_so)
        HSM_CHECK(!hsm_draft_bool(draft, CKA_TRUSTED, false), HSM_E_ATTRIBUTE_READ_ONLY);
    /* 4.10: the check value may be removed, but is never a caller's choice. */
    if (change->type == CKA_CHECK_VALUE)
        HSM_CHECK(is_same || change->value.len == 0, HSM_E_ATTRIBUTE_VALUE);
    /* A copy may hide an object, not publish it. */
    if (change->type == CKA_PRIVATE && hsm_draft_bool(draft, CKA_PRIVATE, false))
        HSM_CHECK(is_same, HSM_E_TEMPLATE_INCONSISTENT);
    return HSM_OK;
}
