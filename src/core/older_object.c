/* An object of the older system becomes a draft of one here. What it keeps of a key is the form that its
 * cryptography wants: PKCS #8 of an RSA key, the bare number of an EC key, the seed of Ed25519, ML-DSA and
 * ML-KEM keys. Its types of post-quantum keys are numbers of its own, and which parameter set a key is of
 * shows only in the length of its public half.
 * SPDX-License-Identifier: Apache-2.0 */
#include "core/foreign.h"
#include "core/lifecycle.h"
#include "core/older.h"
#include "core/older_parts.h"

/* --- attributes ----------------------------------------------------------------------------------- */

void hsm_older_tell(const hsm_older_making *at, uint64_t type, const char *what, const char *why)
{
    hsm_foreign_tell(at->watch, at->wish->name, type, what, why);
}

bool hsm_older_has(const hsm_older_making *at, CK_ATTRIBUTE_TYPE type)
{
    for (size_t i = 0; i < at->count; i++) {
        if (at->attrs[i].type == type)
            return true;
    }
    return false;
}

void hsm_older_put(hsm_older_making *at, CK_ATTRIBUTE_TYPE type, hsm_bytes value)
{
    if (hsm_attr_find(type, at->kind) == NULL)
        hsm_older_tell(at, type, "left out", "objects of this kind have no such attribute here");
    else if (at->count < HSM_ARRAY_LEN(at->attrs))
        at->attrs[at->count++] = (hsm_attr){ type, value };
}

void hsm_older_put_ulong(hsm_older_making *at, CK_ATTRIBUTE_TYPE type, CK_ULONG value)
{
    CK_ULONG *place = &at->numbers[at->number_count++ % HSM_ARRAY_LEN(at->numbers)];

    *place = value;
    hsm_older_put(at, type, hsm_bytes_of(place, sizeof *place));
}

static void put_bool(hsm_older_making *at, CK_ATTRIBUTE_TYPE type, bool value)
{
    static const CK_BBOOL booleans[] = { CK_FALSE, CK_TRUE };

    hsm_older_put(at, type, hsm_bytes_of(&booleans[value ? 1 : 0], sizeof booleans[0]));
}

/* The older system has every flag on every object; those that say no may be left out unsaid. */
static void put_flag(hsm_older_making *at, CK_ATTRIBUTE_TYPE type, bool value)
{
    if (value || hsm_attr_find(type, at->kind) != NULL)
        put_bool(at, type, value);
}

static const struct {
    hsm_older_flag flag;
    CK_ATTRIBUTE_TYPE type;
} flags[] = {
    { HSM_OLDER_PRIVATE, CKA_PRIVATE },         { HSM_OLDER_MODIFIABLE, CKA_MODIFIABLE },
    { HSM_OLDER_DESTROYABLE, CKA_DESTROYABLE }, { HSM_OLDER_ENCRYPT, CKA_ENCRYPT },
    { HSM_OLDER_DECRYPT, CKA_DECRYPT },         { HSM_OLDER_SIGN, CKA_SIGN },
    { HSM_OLDER_VERIFY, CKA_VERIFY },           { HSM_OLDER_WRAP, CKA_WRAP },
    { HSM_OLDER_UNWRAP, CKA_UNWRAP },
};

/* There it is CKA_DERIVE that lets an ML-KEM key encapsulate or decapsulate. */
static void put_derive(hsm_older_making *at)
{
    const bool value = at->wish->from->flag[HSM_OLDER_DERIVE];

    if (at->key_type != CKK_ML_KEM) {
        put_flag(at, CKA_DERIVE, value);
        return;
    }
    put_bool(at, at->object_class == CKO_PUBLIC_KEY ? CKA_ENCAPSULATE : CKA_DECAPSULATE, value);
    if (value)
        hsm_older_tell(at, CKA_DERIVE, "rewritten", "ML-KEM keys encapsulate and decapsulate here");
}

static void put_flags(hsm_older_making *at)
{
    const hsm_older_object *from = at->wish->from;
    const hsm_older_attr *copyable = hsm_older_find(from, CKA_COPYABLE);
    const bool may_copy =
        copyable == NULL || copyable->value.len != 1 || copyable->value.data[0] != 0;

    put_bool(at, CKA_TOKEN, true);
    if (!from->flag[HSM_OLDER_TOKEN])
        hsm_older_tell(at, CKA_TOKEN, "set to true", "what a backup brings is kept");
    for (size_t i = 0; i < HSM_ARRAY_LEN(flags); i++)
        put_flag(at, flags[i].type, from->flag[flags[i].flag]);
    put_derive(at);
    put_bool(at, CKA_COPYABLE, from->flag[HSM_OLDER_COPYABLE] && may_copy);
    /* What is no key has these too there, as they happen to be. */
    if (hsm_attr_find(CKA_EXTRACTABLE, at->kind) != NULL) {
        put_bool(at, CKA_SENSITIVE, from->flag[HSM_OLDER_SENSITIVE]);
        put_bool(at, CKA_EXTRACTABLE, from->flag[HSM_OLDER_EXTRACTABLE]);
    }
    /* Not known there, and true by default here. */
    put_flag(at, CKA_SIGN_RECOVER, false);
    put_flag(at, CKA_VERIFY_RECOVER, false);
}

static hsm_err put_text(hsm_older_making *at, CK_ATTRIBUTE_TYPE type, hsm_bytes value)
{
    HSM_AUTO(hsm_buf_clear) hsm_buf room = { 0 };
    bool is_new = false;

    HSM_TRY(hsm_foreign_text(&value, &room, &is_new));
    if (is_new) {
        HSM_CHECK(at->text_count < HSM_ARRAY_LEN(at->texts), HSM_E_LIMIT);
        at->texts[at->text_count++] = room;
        room = (hsm_buf){ 0 };
        hsm_older_tell(at, type, "rewritten", HSM_FOREIGN_TEXT_WHY);
    }
    hsm_older_put(at, type, value);
    return HSM_OK;
}

/* Both systems take the same for dates; what is none has no effect there. */
static void put_date(hsm_older_making *at, CK_ATTRIBUTE_TYPE type, hsm_bytes value)
{
    const hsm_attr attr = { type, value };

    if (value.data == NULL)
        return;
    if (hsm_attr_check(&attr) == HSM_OK)
        hsm_older_put(at, type, value);
    else
        hsm_older_tell(at, type, "left out", "it is no date");
}

static void put_life(hsm_older_making *at)
{
    static const CK_ULONG states[HSM_OLDER_STATE_COUNT] = {
        [HSM_OLDER_PRE_ACTIVATION] = HSM_KEY_PRE_ACTIVATION,
        [HSM_OLDER_DEACTIVATED] = HSM_KEY_DEACTIVATED,
        [HSM_OLDER_COMPROMISED] = HSM_KEY_COMPROMISED,
    };
    const hsm_older_object *from = at->wish->from;

    put_date(at, CKA_START_DATE, from->bytes[HSM_OLDER_START_DATE]);
    put_date(at, CKA_END_DATE, from->bytes[HSM_OLDER_END_DATE]);
    /* Who waits for a date there goes on waiting for it, and not for somebody's word. */
    const bool is_by_date =
        from->state == HSM_OLDER_PRE_ACTIVATION && hsm_older_has(at, CKA_START_DATE);
    if (states[from->state] != HSM_KEY_BY_DATES && !is_by_date)
        hsm_older_put_ulong(at, CKA_CRATON_KEY_STATE, states[from->state]);
    if (from->number[HSM_OLDER_CREATED] != 0 && at->watch != NULL) {
        const hsm_migrate_change change = { .name = at->wish->name,
                                            .attribute = "creation time",
                                            .what = "left out",
                                            .why = "there is no attribute for it here" };
        at->watch->change(at->watch->arg, &change);
    }
}

/* --- attributes that the older system does not look at --------------------------------------------- */

/* A number in the form of the machine that wrote it: 8 bytes, or 4 under Windows. */
static bool read_number(hsm_bytes value, CK_ULONG *out_number)
{
    uint64_t number = 0;

    if (value.len != 4 && value.len != 8)
        return false;
    for (size_t i = value.len; i > 0; i--)
        number = number << 8 | value.data[i - 1];
    *out_number = (CK_ULONG)number;
    return true;
}

/* Why an attribute can't come; NULL: it can. */
static const char *why_not(const hsm_attr_info *info, hsm_bytes value)
{
    CK_ULONG number;

    if (info == NULL)
        return "objects of this kind have no such attribute here";
    if ((info->flags & HSM_ATTR_NOT_CREATE) != 0)
        return "this token says it anew";
    if ((info->flags & HSM_ATTR_SO_ONLY_TRUE) != 0)
        return "only the security officer of this token says so";
    if (info->kind == HSM_ATTR_TEMPLATE || info->kind == HSM_ATTR_MECHANISMS)
        return "the older system did not apply it, and keeps it in the form of its own machine";
    if ((info->kind == HSM_ATTR_BOOL && value.len != 1) ||
        (info->kind == HSM_ATTR_ULONG && !read_number(value, &number)))
        return "a value that it can't have";
    return NULL;
}

static hsm_err put_extra(hsm_older_making *at, const hsm_older_attr *extra)
{
    const CK_ATTRIBUTE_TYPE type = (CK_ATTRIBUTE_TYPE)extra->type;
    const hsm_attr_info *info = hsm_attr_find(type, at->kind);
    const char *why = why_not(info, extra->value);
    CK_ULONG number = 0;

    if (hsm_older_has(at, type) || extra->value.len == 0)
        return HSM_OK;
    if (why != NULL) {
        hsm_older_tell(at, extra->type, "left out", why);
        return HSM_OK;
    }
    if (info->kind == HSM_ATTR_TEXT)
        return put_text(at, type, extra->value);
    if (info->kind == HSM_ATTR_BOOL) {
        put_bool(at, type, extra->value.data[0] != 0);
    } else if (info->kind == HSM_ATTR_ULONG) {
        (void)read_number(extra->value, &number);
        hsm_older_put_ulong(at, type, number);
    } else {
        hsm_older_put(at, type, extra->value);
    }
    return HSM_OK;
}

/* --- the object ----------------------------------------------------------------------------------- */

static void making_clear(hsm_older_making *at)
{
    hsm_key_bundle_clear(&at->bundle);
    for (size_t i = 0; i < at->text_count; i++)
        hsm_buf_clear(&at->texts[i]);
}

static hsm_err put_all(hsm_core *core, hsm_older_making *at)
{
    const hsm_older_object *from = at->wish->from;

    hsm_older_put_ulong(at, CKA_CLASS, at->object_class);
    HSM_TRY(put_text(at, CKA_LABEL, from->bytes[HSM_OLDER_LABEL]));
    if (from->bytes[HSM_OLDER_ID].len > 0)
        hsm_older_put(at, CKA_ID, from->bytes[HSM_OLDER_ID]);
    put_flags(at);
    put_life(at);
    HSM_TRY(hsm_older_put_parts(core, at));
    for (size_t i = 0; i < from->attr_count; i++) {
        if (from->attrs[i].type != CKA_COPYABLE) /* put_flags() */
            HSM_TRY(put_extra(at, &from->attrs[i]));
    }
    return HSM_OK;
}

/* One attempt; curve: what an EC key's parameters are taken to be. */
static hsm_err attempt(hsm_core *core, const hsm_older_wish *wish, const hsm_migrate_watch *watch,
                       hsm_bytes curve, hsm_draft **out_draft)
{
    HSM_AUTO(making_clear) hsm_older_making at = { .wish = wish, .watch = watch, .curve = curve };
    HSM_AUTO(hsm_draft_drop) hsm_draft *draft = NULL;
    const hsm_template none = { 0 };

    HSM_TRY(hsm_older_find_kind(&at));
    HSM_TRY(put_all(core, &at));
    const hsm_template tmpl = { at.attrs, at.count };
    HSM_TRY(hsm_draft_from_template(HSM_ORIGIN_CREATE, &tmpl, &none, false, &draft));
    HSM_TRY(hsm_core_complete_foreign(core, draft));
    HSM_TRY(hsm_older_compare_halves(wish->from, draft));
    *out_draft = HSM_MOVE(draft);
    return HSM_OK;
}

/* Whatever curve was asked for, the older system makes keys on P-384 or else on P-256. So it is the curve
 * that is named if the key fits on it, and else the one where the key was made. */
static hsm_err make(hsm_core *core, const hsm_older_wish *wish, hsm_draft **out_draft)
{
    const hsm_bytes named = wish->from->bytes[HSM_OLDER_EC_PARAMS];
    const hsm_bytes meant = hsm_older_curve(wish->from);
    HSM_AUTO(hsm_draft_drop) hsm_draft *probe = NULL;

    if (meant.len == 0 || hsm_bytes_equal(named, meant))
        return attempt(core, wish, wish->watch, named, out_draft);
    const hsm_err err = attempt(core, wish, NULL, named, &probe);
    HSM_CHECK(err == HSM_OK || hsm_foreign_is_refusal(err), err);
    return attempt(core, wish, wish->watch, err == HSM_OK ? named : meant, out_draft);
}

static const char *why_refused(hsm_err err)
{
    switch ((int)err) {
    case HSM_E_ATTRIBUTE_VALUE:
        return "its parts do not fit together, or have values that they can't have";
    case HSM_E_KEY_TYPE:
        return "there are no such objects or keys here";
    case HSM_E_PARAMETER_SET:
        return "its parameter set can't be told without its public half";
    default:
        return hsm_err_text(err);
    }
}

hsm_err hsm_older_make(hsm_core *core, const hsm_older_wish *wish, hsm_draft **out_draft,
                       const char **out_why)
{
    *out_draft = NULL;
    if (wish->from->state == HSM_OLDER_DESTROYED) {
        *out_why = "it is marked as destroyed there";
        return HSM_OK;
    }
    const hsm_err err = make(core, wish, out_draft);
    if (!hsm_foreign_is_refusal(err))
        return err;
    *out_why = why_refused(err);
    return HSM_OK;
}
