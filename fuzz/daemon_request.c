/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon_request.h"

#include <string.h>

#include "core/remote.h"
#include "fuzz.h"
#include "params.h"
#include <craton_hsm.pb-c.h>

enum {
    DEPTH_MAX = 4,
    REPEATS_MAX = 5,
    SPAN_MAX_BYTES = 300,
    RSA_BITS_MAX = 1024,
    ITERATIONS_MAX = 1000,
    SLOTS = 2,
};

/* The wire types of protobuf. */
enum { WIRE_NUMBER = 0, WIRE_BYTES = 2 };

typedef ProtobufCFieldDescriptor field;

/* What is made, and of what. */
typedef struct making {
    fuzz_input *input;
    const known *known;
    hsm_buf *out;
    unsigned depth;
} making;

/* --- learning ------------------------------------------------------------------------------------- */

static bool ends_with(const char *text, const char *end)
{
    const size_t len = strlen(text);
    const size_t end_len = strlen(end);

    return len >= end_len && strcmp(text + len - end_len, end) == 0;
}

/* Behind the fixed ones, the oldest makes room. */
static void remember(uint64_t *list, size_t *count, size_t max, size_t fixed, uint64_t value)
{
    if (value == 0)
        return;
    if (*count == max) {
        memmove(list + fixed, list + fixed + 1, (max - fixed - 1) * sizeof *list);
        (*count)--;
    }
    list[(*count)++] = value;
}

static void learn_number(known *of, const char *name, uint64_t value)
{
    if (strcmp(name, "session_handle") == 0)
        remember(of->sessions, &of->session_count, KNOWN_SESSIONS_MAX, 0, value);
    else if (strcmp(name, "mechanism_types") == 0)
        remember(of->mechanisms, &of->mechanism_count, KNOWN_MECHANISMS_MAX, 0, value);
    else if (ends_with(name, "_handle") || ends_with(name, "_handles"))
        remember(of->objects, &of->object_count, KNOWN_OBJECTS_MAX, of->fixed_objects, value);
}

static known_result *result_of(known *of, const char *name)
{
    for (size_t i = 0; i < of->result_count; i++) {
        if (strcmp(of->results[i].name, name) == 0)
            return &of->results[i];
    }
    return of->result_count < KNOWN_RESULTS_MAX ? &of->results[of->result_count++] : NULL;
}

static void learn_bytes(known *of, const char *name, const ProtobufCBinaryData *value)
{
    known_result *result = NULL;

    if (value->len == 0 || value->len > KNOWN_RESULT_BYTES)
        return;
    result = result_of(of, name);
    if (result == NULL)
        return;
    result->name = name;
    result->len = value->len;
    memcpy(result->data, value->data, value->len);
}

static void learn_field(known *of, const field *row, const void *value)
{
    ProtobufCMessage *const *message = value;

    if (row->type == PROTOBUF_C_TYPE_UINT64)
        learn_number(of, row->name, *(const uint64_t *)value);
    else if (row->type == PROTOBUF_C_TYPE_BYTES)
        learn_bytes(of, row->name, value);
    else if (row->type == PROTOBUF_C_TYPE_MESSAGE && *message != NULL)
        known_learn(of, *message);
}

static size_t size_of(const field *row)
{
    return row->type == PROTOBUF_C_TYPE_BYTES ? sizeof(ProtobufCBinaryData) : sizeof(uint64_t);
}

void known_learn(known *of, const ProtobufCMessage *answer)
{
    for (unsigned i = 0; i < answer->descriptor->n_fields; i++) {
        const field *row = &answer->descriptor->fields[i];
        const char *at = (const char *)answer + row->offset;

        if (row->label != PROTOBUF_C_LABEL_REPEATED) {
            learn_field(of, row, at);
            continue;
        }
        const size_t count =
            *(const size_t *)(const void *)((const char *)answer + row->quantifier_offset);
        const char *list = *(const char *const *)(const void *)at;
        for (size_t k = 0; k < count; k++)
            learn_field(of, row, list + k * size_of(row));
    }
}

/* --- writing -------------------------------------------------------------------------------------- */

static void put(hsm_buf *out, const void *data, size_t len)
{
    FUZZ_REQUIRE(hsm_buf_append(out, hsm_bytes_of(data, len)) == HSM_OK);
}

static void put_varint(hsm_buf *out, uint64_t value)
{
    do {
        const uint8_t byte = (uint8_t)((value & 0x7f) | (value > 0x7f ? 0x80 : 0));

        put(out, &byte, 1);
        value >>= 7;
    } while (value > 0);
}

static void put_tag(hsm_buf *out, uint32_t id, unsigned type)
{
    put_varint(out, (uint64_t)id << 3 | type);
}

static void put_bytes(hsm_buf *out, uint32_t id, const void *data, size_t len)
{
    put_tag(out, id, WIRE_BYTES);
    put_varint(out, len);
    if (len > 0)
        put(out, data, len);
}

/* --- numbers -------------------------------------------------------------------------------------- */

static uint64_t choose_of(making *m, const uint64_t *list, size_t count)
{
    const size_t which = fuzz_below(m->input, count + 1);

    return which < count ? list[which] : fuzz_u32(m->input);
}

static uint64_t choose_session(making *m)
{
    const uint8_t which = fuzz_u8(m->input);

    if (which == 255 || m->known->session_count == 0)
        return fuzz_u32(m->input);
    return m->known->sessions[which % m->known->session_count];
}

static uint64_t choose_object(making *m)
{
    return choose_of(m, m->known->objects, m->known->object_count);
}

/* Those that fit the world's keys, which are few of all that there are. */
static const CK_MECHANISM_TYPE usual_mechanisms[] = {
    CKM_AES_GCM,         CKM_AES_CBC_PAD,
    CKM_AES_CTR,         CKM_AES_KEY_WRAP_KWP,
    CKM_AES_CMAC,        CKM_SHA256,
    CKM_SHA256_HMAC,     CKM_ECDSA,
    CKM_ECDSA_SHA256,    CKM_ECDH1_DERIVE,
    CKM_EDDSA,           CKM_RSA_PKCS,
    CKM_RSA_PKCS_OAEP,   CKM_SHA256_RSA_PKCS_PSS,
    CKM_HKDF_DERIVE,     CKM_SP800_108_COUNTER_KDF,
    CKM_ML_DSA,          CKM_ML_KEM,
    CKM_AES_KEY_GEN,     CKM_GENERIC_SECRET_KEY_GEN,
    CKM_EC_KEY_PAIR_GEN, CKM_RSA_PKCS_KEY_PAIR_GEN,
};

/* A key generation that takes seconds is replaced; its small sets sign for seconds as well. */
static uint64_t choose_mechanism(making *m)
{
    const uint8_t choice = fuzz_u8(m->input);
    const uint64_t id = choice < 176
                            ? usual_mechanisms[choice % HSM_ARRAY_LEN(usual_mechanisms)]
                            : choose_of(m, m->known->mechanisms, m->known->mechanism_count);

    return id == CKM_SLH_DSA_KEY_PAIR_GEN ? CKM_ML_DSA_KEY_PAIR_GEN : id;
}

static uint64_t choose_slot(making *m)
{
    const uint8_t which = fuzz_u8(m->input);

    return which < 200 ? which % SLOTS : fuzz_number(m->input);
}

static uint64_t choose_iterations(making *m)
{
    return fuzz_number(m->input) % ITERATIONS_MAX;
}

static uint64_t choose_any(making *m)
{
    return fuzz_number(m->input);
}

static uint64_t choose_number(making *m, const char *name)
{
    static const struct {
        const char *name;
        uint64_t (*choose)(making *m);
    } choosers[] = {
        { "session_handle", choose_session },
        { "mechanism_type", choose_mechanism },
        { "hash_mechanism", choose_mechanism },
        { "prf", choose_mechanism },
        { "slot_id", choose_slot },
        { "iterations", choose_iterations },
    };

    for (size_t i = 0; i < HSM_ARRAY_LEN(choosers); i++) {
        if (strcmp(choosers[i].name, name) == 0)
            return choosers[i].choose(m);
    }
    return ends_with(name, "_handle") ? choose_object(m) : choose_any(m);
}

/* --- bytes ---------------------------------------------------------------------------------------- */

static const known_result *result_named(const known *of, const char *name)
{
    for (size_t i = 0; i < of->result_count; i++) {
        if (strcmp(of->results[i].name, name) == 0)
            return &of->results[i];
    }
    return NULL;
}

/* What an answer gave under this name, or, for data that comes from elsewhere, as an attribute. */
static const known_result *choose_result(making *m, const char *name)
{
    const known_result *found = result_named(m->known, name);

    if (found == NULL || fuzz_u8(m->input) >= 200)
        found = result_named(m->known, "value");
    return found;
}

static void put_any_bytes(making *m, const field *row)
{
    const uint8_t choice = fuzz_u8(m->input);
    const known_result *result = choice < 96 ? choose_result(m, row->name) : NULL;

    if (strstr(row->name, "pin") != NULL && choice < 200) {
        put_bytes(m->out, row->id, REQUEST_PIN, strlen(REQUEST_PIN));
        return;
    }
    if (strcmp(row->name, "key_label") == 0 && choice < 200) {
        put_bytes(m->out, row->id, REQUEST_LABEL, strlen(REQUEST_LABEL));
        return;
    }
    if (result != NULL) {
        put_bytes(m->out, row->id, result->data, result->len);
        return;
    }
    const size_t len = fuzz_below(m->input, SPAN_MAX_BYTES);
    const void *data = fuzz_block(m->input, len);
    put_bytes(m->out, row->id, data, data != NULL ? len : 0);
}

/* --- templates ------------------------------------------------------------------------------------ */

static const CK_BYTE p256[] = "\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07";
static const CK_BYTE ed25519[] = "\x06\x03\x2b\x65\x70";
static const CK_BYTE x25519[] = "\x06\x03\x2b\x65\x6e";
static const CK_BYTE value[32] = { 0x5a };

/* Attributes with values that they often have, which the fuzzer would not find soon. */
static const struct {
    CK_ATTRIBUTE_TYPE type;
    CK_ULONG number;
    const void *bytes; /* instead of the number */
    size_t len;        /* of either; 1: a CK_BBOOL */
} usual[] = {
#define NUMBER(type, number)                 \
    {                                        \
        type, number, NULL, sizeof(CK_ULONG) \
    }
#define TRUTH(type)      \
    {                    \
        type, 1, NULL, 1 \
    }
#define BYTES(type, bytes, len) \
    {                           \
        type, 0, bytes, len     \
    }
    TRUTH(CKA_SIGN),
    TRUTH(CKA_VERIFY),
    TRUTH(CKA_ENCRYPT),
    TRUTH(CKA_DECRYPT),
    TRUTH(CKA_WRAP),
    TRUTH(CKA_UNWRAP),
    TRUTH(CKA_DERIVE),
    TRUTH(CKA_ENCAPSULATE),
    TRUTH(CKA_DECAPSULATE),
    TRUTH(CKA_EXTRACTABLE),
    TRUTH(CKA_TOKEN),
    NUMBER(CKA_VALUE_LEN, 32),
    NUMBER(CKA_VALUE_LEN, 16),
    NUMBER(CKA_MODULUS_BITS, RSA_BITS_MAX),
    NUMBER(CKA_PARAMETER_SET, 1),
    NUMBER(CKA_PARAMETER_SET, 2),
    NUMBER(CKA_CLASS, CKO_DATA),
    NUMBER(CKA_CLASS, CKO_SECRET_KEY),
    NUMBER(CKA_CLASS, CKO_PUBLIC_KEY),
    NUMBER(CKA_KEY_TYPE, CKK_AES),
    NUMBER(CKA_KEY_TYPE, CKK_GENERIC_SECRET),
    NUMBER(CKA_KEY_TYPE, CKK_EC),
    BYTES(CKA_EC_PARAMS, p256, sizeof p256 - 1),
    BYTES(CKA_EC_PARAMS, ed25519, sizeof ed25519 - 1),
    BYTES(CKA_EC_PARAMS, x25519, sizeof x25519 - 1),
    BYTES(CKA_VALUE, value, sizeof value),
    BYTES(CKA_LABEL, REQUEST_LABEL, sizeof REQUEST_LABEL - 1),
};

static void put_number_field(hsm_buf *out, uint32_t id, uint64_t number)
{
    put_tag(out, id, WIRE_NUMBER);
    put_varint(out, number);
}

/* Attribute and NestedAttribute: the same numbers for type and value. */
enum { ATTR_TYPE_ID = 1, ATTR_VALUE_ID = 2, ATTR_NESTED_ID = 3 };

static void put_value(hsm_buf *out, CK_ATTRIBUTE_TYPE type, const void *data, size_t len)
{
    put_number_field(out, ATTR_TYPE_ID, type);
    put_bytes(out, ATTR_VALUE_ID, data, len);
}

static void put_usual(making *m, hsm_buf *out)
{
    const size_t which = fuzz_below(m->input, HSM_ARRAY_LEN(usual));
    const CK_ULONG number = usual[which].number;

    put_value(out, usual[which].type, usual[which].bytes != NULL ? usual[which].bytes : &number,
              usual[which].len);
}

static void put_attribute(const CK_ATTRIBUTE *attr, unsigned depth, hsm_buf *out)
{
    const bool is_template = attr->type == CKA_WRAP_TEMPLATE || attr->type == CKA_UNWRAP_TEMPLATE ||
                             attr->type == CKA_DERIVE_TEMPLATE;
    const CK_ATTRIBUTE *nested = attr->pValue;
    CK_ULONG number = 0;

    if (!is_template || depth > 0) {
        if (attr->type == CKA_MODULUS_BITS && attr->ulValueLen == sizeof number &&
            attr->pValue != NULL) {
            memcpy(&number, attr->pValue, sizeof number);
            number = number > RSA_BITS_MAX ? RSA_BITS_MAX : number;
            memcpy(attr->pValue, &number, sizeof number);
        }
        put_value(out, attr->type, attr->pValue,
                  attr->pValue != NULL && !is_template ? attr->ulValueLen : 0);
        return;
    }
    put_number_field(out, ATTR_TYPE_ID, attr->type);
    for (size_t i = 0; nested != NULL && i < attr->ulValueLen / sizeof *nested; i++) {
        hsm_buf inner = { 0 };

        put_attribute(&nested[i], depth + 1, &inner);
        put_bytes(out, ATTR_NESTED_ID, inner.data, inner.len);
        hsm_buf_clear(&inner);
    }
}

static void put_template(making *m, const field *row)
{
    const size_t usual_count = fuzz_below(m->input, REPEATS_MAX + 3);
    CK_ULONG count = 0;
    hsm_buf inner = { 0 };

    for (size_t i = 0; i < usual_count; i++) {
        hsm_buf_reset(&inner);
        put_usual(m, &inner);
        put_bytes(m->out, row->id, inner.data, inner.len);
    }
    const CK_ATTRIBUTE *more = fuzz_u8(m->input) >= 192 ? fuzz_template(m->input, &count) : NULL;
    for (CK_ULONG i = 0; i < count; i++) {
        hsm_buf_reset(&inner);
        put_attribute(&more[i], 0, &inner);
        put_bytes(m->out, row->id, inner.data, inner.len);
    }
    hsm_buf_clear(&inner);
}

/* --- messages ------------------------------------------------------------------------------------- */

static void put_message(making *m, const ProtobufCMessageDescriptor *form);

static void put_inner(making *m, const field *row)
{
    hsm_buf inner = { 0 };
    making deeper = { m->input, m->known, &inner, m->depth + 1 };

    if (m->depth < DEPTH_MAX)
        put_message(&deeper, row->descriptor);
    put_bytes(m->out, row->id, inner.data, inner.len);
    hsm_buf_clear(&inner);
}

static void put_once(making *m, const field *row)
{
    switch (row->type) {
    case PROTOBUF_C_TYPE_MESSAGE:
        put_inner(m, row);
        return;
    case PROTOBUF_C_TYPE_BYTES:
    case PROTOBUF_C_TYPE_STRING:
        put_any_bytes(m, row);
        return;
    case PROTOBUF_C_TYPE_BOOL:
        put_number_field(m->out, row->id, fuzz_u8(m->input) & 1);
        return;
    default:
        put_number_field(m->out, row->id, choose_number(m, row->name));
        return;
    }
}

static void put_field(making *m, const field *row)
{
    const uint8_t choice = fuzz_u8(m->input);
    size_t count = 1;

    /* A PIN is seldom there: deriving its key takes longer than all else that an input does. */
    if (strcmp(row->name, "pin") == 0 ? choice < 240 : choice >= 224)
        return;
    if (row->label == PROTOBUF_C_LABEL_REPEATED &&
        row->descriptor == &craton_hsm__attribute__descriptor) {
        put_template(m, row);
        return;
    }
    if (row->label == PROTOBUF_C_LABEL_REPEATED)
        count = fuzz_below(m->input, REPEATS_MAX);
    for (size_t i = 0; i < count; i++)
        put_once(m, row);
}

/* The typed parameter that a mechanism's structure is read from. */
static const char *typed_name(CK_MECHANISM_TYPE id)
{
    static const char *const names[] = {
        [HSM_FORM_FLAT] = "pss",
        [HSM_FORM_GCM] = "gcm",
        [HSM_FORM_CCM] = "ccm",
        [HSM_FORM_CHACHA20] = "chacha20",
        [HSM_FORM_CHACHA_POLY] = "chacha20_poly1305",
        [HSM_FORM_OAEP] = "oaep",
        [HSM_FORM_RSA_AES] = "rsa_aes_wrap",
        [HSM_FORM_EDDSA] = "eddsa",
        [HSM_FORM_ECDH1] = "ecdh",
        [HSM_FORM_ECDH_AES] = "ecdh_aes_wrap",
        [HSM_FORM_CONTEXT] = "sign_context",
        [HSM_FORM_HASH_CONTEXT] = "sign_context",
        [HSM_FORM_HKDF] = "hkdf",
        [HSM_FORM_STRING_DATA] = "string_data",
        [HSM_FORM_CBC_DATA] = "cbc_data",
        [HSM_FORM_PBKDF2] = "pbkdf2",
        [HSM_FORM_X9_42] = "x9_42",
        [HSM_FORM_KBKDF] = "kbkdf",
        [HSM_FORM_KBKDF_FEEDBACK] = "kbkdf",
        [HSM_FORM_TLS12_MASTER] = "tls12_master",
        [HSM_FORM_TLS12_EXTENDED] = "tls12_master",
        [HSM_FORM_TLS12_KEYS] = "tls12_keys",
        [HSM_FORM_TLS12_SAFE] = "tls12_keys",
        [HSM_FORM_TLS_EXPORTER] = "tls_exporter",
    };
    hsm_mechanism_facts facts;

    if (hsm_core_mechanism_facts(id, &facts) != HSM_OK || facts.form >= HSM_ARRAY_LEN(names))
        return NULL;
    return names[facts.form];
}

/* The mechanism, then no parameter, the one that fits, raw bytes, or any at all. */
static void put_mechanism(making *m, const ProtobufCMessageDescriptor *form)
{
    const uint64_t id = choose_mechanism(m);
    const uint8_t choice = fuzz_u8(m->input);
    const char *fitting = typed_name((CK_MECHANISM_TYPE)id);
    const field *row = NULL;

    put_number_field(m->out, 1, id);
    if (choice < 96 || (choice < 192 && fitting == NULL))
        return;
    if (choice < 192)
        row = protobuf_c_message_descriptor_get_field_by_name(form, fitting);
    else if (choice < 224)
        row = protobuf_c_message_descriptor_get_field_by_name(form, "parameter");
    else
        row = &form->fields[fuzz_below(m->input, form->n_fields)];
    if (row != NULL)
        put_once(m, row);
}

/* One member of each oneof; there is at most one in a message. */
static void put_message(making *m, const ProtobufCMessageDescriptor *form)
{
    unsigned first = form->n_fields;
    unsigned members = 0;

    if (form == &craton_hsm__mechanism__descriptor) {
        put_mechanism(m, form);
        return;
    }
    for (unsigned i = 0; i < form->n_fields; i++) {
        if ((form->fields[i].flags & PROTOBUF_C_FIELD_FLAG_ONEOF) == 0) {
            put_field(m, &form->fields[i]);
            continue;
        }
        first = members++ == 0 ? i : first;
    }
    if (members > 0)
        put_field(m, &form->fields[first + fuzz_below(m->input, members)]);
}

void request_make(fuzz_input *input, const known *of, const ProtobufCMessageDescriptor *form,
                  hsm_buf *out)
{
    making m = { input, of, out, 0 };

    put_message(&m, form);
}
