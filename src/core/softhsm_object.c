/* An object of SoftHSM2 becomes a draft of one here. The attribute table is the judge, as it is of what
 * an application creates: what it does not let a creator say is computed or said anew, and told.
 * SPDX-License-Identifier: Apache-2.0 */
#include "core/foreign.h"
#include "core/softhsm.h"

#define BUFFERS_MAX 8u /* attributes that need a form of their own: templates, texts */
#define DATE_BYTES 8u

/* One object being made. */
typedef struct making {
    const hsm_softhsm_object *from;
    hsm_object_kind kind;
    bool is_private; /* its byte strings are encrypted */
    hsm_attr attrs[HSM_SOFTHSM_ATTRS_MAX];
    size_t count;
    hsm_secret *room; /* what attrs point to, or: */
    hsm_buf large;    /* of data and certificates */
    size_t used;
    hsm_buf buffers[BUFFERS_MAX];
    size_t buffer_count;
} making;

static void making_clear(making *at)
{
    hsm_secret_destroy(at->room);
    hsm_buf_clear(&at->large);
    for (size_t i = 0; i < at->buffer_count; i++)
        hsm_buf_clear(&at->buffers[i]);
}

void hsm_softhsm_made_clear(hsm_softhsm_made *made)
{
    hsm_draft_destroy(made->draft);
    hsm_buf_clear(&made->label);
    hsm_buf_clear(&made->id);
    *made = (hsm_softhsm_made){ 0 };
}

static hsm_err fail(const making *at, const hsm_softhsm_attr *attr, hsm_err err, const char *what)
{
    const hsm_softhsm_fault fault = { .offset = attr->offset, .what = what };

    return hsm_softhsm_at(at->from->source, at->from->name, &fault, at->from->where, err);
}

static void tell(const making *at, uint64_t type, const char *what, const char *why)
{
    hsm_foreign_tell(at->from->watch, at->from->name, type, what, why);
}

/* --- values ------------------------------------------------------------------------------------- */

/* Room for every value in the form that it has here. */
static hsm_err make_room(making *at)
{
    const hsm_softhsm_record *record = at->from->record;
    size_t size = 1;

    for (size_t i = 0; i < record->count; i++)
        size += record->attrs[i].bytes.len + sizeof(CK_ULONG);
    if (size <= HSM_SECRET_MAX_BYTES)
        return hsm_secret_create(size, &at->room);
    return hsm_buf_reserve(&at->large, size);
}

static uint8_t *take_room(making *at, size_t len)
{
    uint8_t *all = at->room != NULL ? hsm_secret_data(at->room) : at->large.data;
    uint8_t *taken = all + at->used;

    at->used += len;
    return taken;
}

static CK_ULONG as_ulong(uint64_t number)
{
    return number == UINT64_MAX ? CK_UNAVAILABLE_INFORMATION : (CK_ULONG)number;
}

static hsm_bytes take_ulongs(making *at, hsm_bytes words)
{
    const size_t count = words.len / sizeof(uint64_t);
    uint8_t *out = take_room(at, count * sizeof(CK_ULONG));
    hsm_reader reader = hsm_reader_of(words);

    for (size_t i = 0; i < count; i++) {
        const CK_ULONG native = as_ulong(hsm_read_u64(&reader));
        memcpy(out + i * sizeof native, &native, sizeof native);
    }
    return hsm_bytes_of(out, count * sizeof(CK_ULONG));
}

/* Byte strings of private objects are encrypted, but not those of no bytes, and dates never are. */
static bool is_encrypted(const making *at, const hsm_softhsm_attr *attr)
{
    const bool is_date = attr->type == CKA_START_DATE || attr->type == CKA_END_DATE;

    return at->is_private && attr->bytes.len > 0 && !(is_date && attr->bytes.len == DATE_BYTES);
}

static hsm_err take_bytes(making *at, const hsm_softhsm_attr *attr, hsm_bytes *out_value)
{
    size_t len = 0;

    if (!is_encrypted(at, attr)) {
        *out_value = attr->bytes;
        return HSM_OK;
    }
    HSM_CHECK(at->from->source->key != NULL, HSM_E_NOT_LOGGED_IN);
    uint8_t *out = take_room(at, attr->bytes.len);
    const hsm_err err = hsm_aes_cbc_open(at->from->source->key, attr->bytes, out, &len);
    if (err != HSM_OK)
        return fail(at, attr, err, "a value that does not decrypt");
    *out_value = hsm_bytes_of(out, len);
    return HSM_OK;
}

/* The value in PKCS#11's native form; templates have their own way. */
static hsm_err take_value(making *at, const hsm_softhsm_attr *attr, hsm_bytes *out_value)
{
    uint8_t number[sizeof(uint64_t)];
    hsm_writer writer = hsm_writer_of(number, sizeof number);

    switch (attr->kind) {
    case HSM_SOFTHSM_BOOL: {
        uint8_t *out = take_room(at, sizeof(CK_BBOOL));
        *out = attr->number != 0 ? CK_TRUE : CK_FALSE;
        *out_value = hsm_bytes_of(out, sizeof(CK_BBOOL));
        return HSM_OK;
    }
    case HSM_SOFTHSM_ULONG:
        hsm_write_u64(&writer, attr->number);
        *out_value = take_ulongs(at, hsm_bytes_of(number, sizeof number));
        return HSM_OK;
    case HSM_SOFTHSM_MECHANISMS:
        *out_value = take_ulongs(at, attr->bytes);
        return HSM_OK;
    case HSM_SOFTHSM_BYTES:
        return take_bytes(at, attr, out_value);
    case HSM_SOFTHSM_TEMPLATE:
        break;
    }
    return HSM_E_INTERNAL;
}

/* A new buffer that lives as long as the draft is made; NULL: there are too many. */
static hsm_buf *new_buffer(making *at)
{
    return at->buffer_count < BUFFERS_MAX ? &at->buffers[at->buffer_count++] : NULL;
}

/* A template's values are never encrypted. */
static hsm_err take_template(making *at, const hsm_softhsm_attr *attr, hsm_bytes *out_value)
{
    HSM_AUTO(making_clear) making inner = { .from = at->from, .large = HSM_BUF_WIPED };
    hsm_softhsm_record record = { .count = 0 };
    hsm_softhsm_fault fault = { .what = "" };
    hsm_softhsm_object from = *at->from;
    hsm_buf *buffer = new_buffer(at);

    HSM_CHECK(buffer != NULL, HSM_E_LIMIT);
    const hsm_err err = hsm_softhsm_read_template(attr, &record, &fault);
    HSM_TRY(hsm_softhsm_at(at->from->source, at->from->name, &fault, at->from->where, err));
    from.record = &record;
    inner.from = &from;
    HSM_TRY(make_room(&inner));
    for (size_t i = 0; i < record.count; i++) {
        inner.attrs[i].type = (CK_ATTRIBUTE_TYPE)record.attrs[i].type;
        HSM_TRY(take_value(&inner, &record.attrs[i], &inner.attrs[i].value));
    }
    const hsm_template tmpl = { inner.attrs, record.count };
    HSM_TRY(hsm_template_encode(&tmpl, buffer));
    *out_value = hsm_buf_view(buffer);
    return HSM_OK;
}

static hsm_err take_text(making *at, uint64_t type, hsm_bytes *value)
{
    HSM_AUTO(hsm_buf_clear) hsm_buf room = { 0 };
    bool is_new = false;

    HSM_TRY(hsm_foreign_text(value, &room, &is_new));
    if (!is_new)
        return HSM_OK;
    hsm_buf *buffer = new_buffer(at);
    HSM_CHECK(buffer != NULL, HSM_E_LIMIT);
    *buffer = room;
    room = (hsm_buf){ 0 };
    tell(at, type, "rewritten", HSM_FOREIGN_TEXT_WHY);
    return HSM_OK;
}

/* --- attributes --------------------------------------------------------------------------------- */

/* What a token says of a key's past, and what it says of a key that comes from elsewhere. */
static const struct {
    CK_ATTRIBUTE_TYPE type;
    uint64_t number; /* here */
    const char *what;
    const char *why;
} said_anew[] = {
    { CKA_LOCAL, CK_FALSE, "set to false", "the key was not made in this token" },
    { CKA_KEY_GEN_MECHANISM, UINT64_MAX, "set to unavailable",
      "the key was not made in this token" },
    { CKA_ALWAYS_SENSITIVE, CK_FALSE, "set to false", "this token can't vouch for the key's past" },
    { CKA_NEVER_EXTRACTABLE, CK_FALSE, "set to false",
      "this token can't vouch for the key's past" },
    { CKA_TRUSTED, CK_FALSE, "set to false", "only the security officer of this token says so" },
};

static bool is_said_anew(const making *at, const hsm_softhsm_attr *attr)
{
    for (size_t i = 0; i < HSM_ARRAY_LEN(said_anew); i++) {
        if (said_anew[i].type != attr->type)
            continue;
        if (said_anew[i].number != attr->number)
            tell(at, attr->type, said_anew[i].what, said_anew[i].why);
        return true;
    }
    return false;
}

static bool is_kind(hsm_softhsm_kind kind, hsm_attr_kind wanted)
{
    switch (kind) {
    case HSM_SOFTHSM_BOOL:
        return wanted == HSM_ATTR_BOOL;
    case HSM_SOFTHSM_ULONG:
        return wanted == HSM_ATTR_ULONG;
    case HSM_SOFTHSM_MECHANISMS:
        return wanted == HSM_ATTR_MECHANISMS;
    case HSM_SOFTHSM_TEMPLATE:
        return wanted == HSM_ATTR_TEMPLATE;
    case HSM_SOFTHSM_BYTES:
        return wanted == HSM_ATTR_BYTES || wanted == HSM_ATTR_NUMBER || wanted == HSM_ATTR_TEXT ||
               wanted == HSM_ATTR_DATE;
    }
    return false;
}

static bool is_empty(const hsm_softhsm_attr *attr)
{
    return attr->kind != HSM_SOFTHSM_BOOL && attr->kind != HSM_SOFTHSM_ULONG &&
           attr->bytes.len == 0;
}

/* SoftHSM2 has an empty value where there is none. */
static hsm_err add_attr(making *at, const hsm_softhsm_attr *attr)
{
    const hsm_attr_info *info = hsm_attr_find((CK_ATTRIBUTE_TYPE)attr->type, at->kind);
    hsm_bytes value = hsm_bytes_none();

    if (is_empty(attr) || is_said_anew(at, attr))
        return HSM_OK;
    if (info != NULL && !is_kind(attr->kind, info->kind))
        return fail(at, attr, HSM_E_DATA, "a value that its attribute can't have");
    if (info != NULL && (info->flags & HSM_ATTR_NOT_CREATE) != 0)
        return HSM_OK; /* computed from the key itself */
    HSM_TRY(attr->kind == HSM_SOFTHSM_TEMPLATE ? take_template(at, attr, &value)
                                               : take_value(at, attr, &value));
    if (value.len == 0)
        return HSM_OK;
    if (info == NULL) {
        tell(at, attr->type, "left out", "objects of this kind have no such attribute here");
        return HSM_OK;
    }
    if (info->kind == HSM_ATTR_TEXT)
        HSM_TRY(take_text(at, attr->type, &value));
    at->attrs[at->count++] = (hsm_attr){ (CK_ATTRIBUTE_TYPE)attr->type, value };
    return HSM_OK;
}

/* --- the object --------------------------------------------------------------------------------- */

static uint64_t number_of(const hsm_softhsm_record *record, CK_ATTRIBUTE_TYPE type,
                          uint64_t fallback)
{
    const hsm_softhsm_attr *attr = hsm_softhsm_find(record, type);

    return attr != NULL && is_kind(attr->kind, hsm_attr_any(type)->kind) ? attr->number : fallback;
}

static hsm_err copy_named(making *at, CK_ATTRIBUTE_TYPE type, hsm_buf *out)
{
    const hsm_softhsm_attr *attr = hsm_softhsm_find(at->from->record, type);
    hsm_bytes value = hsm_bytes_none();

    if (attr == NULL || attr->kind != HSM_SOFTHSM_BYTES)
        return HSM_OK;
    const size_t used = at->used;
    HSM_TRY(take_bytes(at, attr, &value));
    at->used = used; /* copied: the room can be had again */
    return hsm_buf_append(out, value);
}

/* Whether the object is one that can be here at all. */
static hsm_err find_kind(making *at, hsm_softhsm_made *made)
{
    const hsm_softhsm_record *record = at->from->record;
    const CK_ATTRIBUTE_TYPE type =
        made->object_class == CKO_CERTIFICATE ? CKA_CERTIFICATE_TYPE : CKA_KEY_TYPE;

    return hsm_kind_of(made->object_class, as_ulong(number_of(record, type, 0)), &at->kind);
}

/* Values that are kept in another form than they came in. */
static void tell_rewritten(const making *at, const hsm_draft *draft)
{
    for (size_t i = 0; i < at->count; i++) {
        const hsm_attr_info *info = hsm_attr_find(at->attrs[i].type, at->kind);
        hsm_bytes kept = hsm_bytes_none();

        if ((info->flags & HSM_ATTR_SECRET) == 0 && info->kind != HSM_ATTR_NUMBER &&
            hsm_draft_get(draft, at->attrs[i].type, &kept) &&
            !hsm_bytes_equal(kept, at->attrs[i].value))
            tell(at, at->attrs[i].type, "rewritten", "the same value in the form it has here");
    }
}

static hsm_err make_draft(hsm_core *core, making *at, hsm_softhsm_made *made)
{
    const hsm_softhsm_record *record = at->from->record;
    const hsm_template none = { 0 };

    HSM_TRY(find_kind(at, made));
    for (size_t i = 0; i < record->count; i++)
        HSM_TRY(add_attr(at, &record->attrs[i]));
    const hsm_template tmpl = { at->attrs, at->count };
    HSM_TRY(hsm_draft_from_template(HSM_ORIGIN_CREATE, &tmpl, &none, false, &made->draft));
    HSM_TRY(hsm_core_complete_foreign(core, made->draft));
    tell_rewritten(at, made->draft);
    return HSM_OK;
}

hsm_err hsm_softhsm_make(hsm_core *core, const hsm_softhsm_object *from, hsm_softhsm_made *out_made)
{
    HSM_AUTO(making_clear) making at = { .from = from, .large = HSM_BUF_WIPED };
    HSM_AUTO(hsm_softhsm_made_clear) hsm_softhsm_made made = { 0 };

    at.is_private = number_of(from->record, CKA_PRIVATE, CK_TRUE) != 0;
    made.object_class = as_ulong(number_of(from->record, CKA_CLASS, UINT64_MAX));
    HSM_TRY(make_room(&at));
    HSM_TRY(copy_named(&at, CKA_LABEL, &made.label));
    HSM_TRY(copy_named(&at, CKA_ID, &made.id));
    const hsm_err err = make_draft(core, &at, &made);
    if (hsm_foreign_is_refusal(err)) {
        made.why = hsm_err_text(err);
        hsm_draft_destroy(made.draft);
        made.draft = NULL;
    } else {
        HSM_TRY(err);
    }
    *out_made = made;
    made = (hsm_softhsm_made){ 0 };
    return HSM_OK;
}
