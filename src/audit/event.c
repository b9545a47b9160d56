/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/event.h"

#define CRYPTO HSM_AUDIT_CLASS_CRYPTO
#define AUTH HSM_AUDIT_CLASS_AUTH
#define ADMIN HSM_AUDIT_CLASS_ADMIN

static const hsm_audited_info operations[HSM_AUDITED_COUNT] = {
    [HSM_AUDITED_INITIALIZE] = { "initialize", ADMIN },
    [HSM_AUDITED_FINALIZE] = { "finalize", ADMIN },
    [HSM_AUDITED_OPEN_SESSION] = { "open_session", AUTH },
    [HSM_AUDITED_CLOSE_SESSION] = { "close_session", AUTH },
    [HSM_AUDITED_LOGIN] = { "login", AUTH },
    [HSM_AUDITED_LOGOUT] = { "logout", AUTH },
    [HSM_AUDITED_INIT_TOKEN] = { "init_token", ADMIN | AUTH },
    [HSM_AUDITED_INIT_PIN] = { "init_pin", ADMIN | AUTH },
    [HSM_AUDITED_SET_PIN] = { "set_pin", ADMIN | AUTH },
    [HSM_AUDITED_GENERATE_KEY] = { "generate_key", CRYPTO | ADMIN },
    [HSM_AUDITED_GENERATE_KEY_PAIR] = { "generate_key_pair", CRYPTO | ADMIN },
    [HSM_AUDITED_CREATE_OBJECT] = { "create_object", CRYPTO | ADMIN },
    [HSM_AUDITED_COPY_OBJECT] = { "copy_object", CRYPTO | ADMIN },
    [HSM_AUDITED_DESTROY_OBJECT] = { "destroy_object", CRYPTO | ADMIN },
    [HSM_AUDITED_SET_ATTRIBUTE] = { "set_attribute", CRYPTO | ADMIN },
    [HSM_AUDITED_FIND_OBJECTS] = { "find_objects", CRYPTO },
    [HSM_AUDITED_GET_ATTRIBUTE] = { "get_attribute", CRYPTO },
    [HSM_AUDITED_SIGN] = { "sign", CRYPTO },
    [HSM_AUDITED_VERIFY] = { "verify", CRYPTO },
    [HSM_AUDITED_ENCRYPT] = { "encrypt", CRYPTO },
    [HSM_AUDITED_DECRYPT] = { "decrypt", CRYPTO },
    [HSM_AUDITED_DIGEST] = { "digest", CRYPTO },
    [HSM_AUDITED_WRAP_KEY] = { "wrap_key", CRYPTO | ADMIN },
    [HSM_AUDITED_UNWRAP_KEY] = { "unwrap_key", CRYPTO | ADMIN },
    [HSM_AUDITED_DERIVE_KEY] = { "derive_key", CRYPTO },
    [HSM_AUDITED_ENCAPSULATE] = { "encapsulate", CRYPTO },
    [HSM_AUDITED_DECAPSULATE] = { "decapsulate", CRYPTO },
    [HSM_AUDITED_GENERATE_RANDOM] = { "generate_random", CRYPTO },
    [HSM_AUDITED_SEED_RANDOM] = { "seed_random", CRYPTO },
    [HSM_AUDITED_ZEROIZE] = { "zeroize", ADMIN },
    [HSM_AUDITED_DESTROY_TOKEN] = { "destroy_token", ADMIN },
    [HSM_AUDITED_BACKUP] = { "backup", ADMIN },
    [HSM_AUDITED_RESTORE] = { "restore", ADMIN },
    [HSM_AUDITED_MIGRATE] = { "migrate", ADMIN },
    [HSM_AUDITED_REFUSE] = { "refuse", AUTH },
    [HSM_AUDITED_CHECKPOINT] = { "checkpoint", HSM_AUDIT_CLASS_LOG },
    [HSM_AUDITED_RECOVER] = { "recover", HSM_AUDIT_CLASS_LOG },
    [HSM_AUDITED_EVENTS_LOST] = { "events_lost", HSM_AUDIT_CLASS_LOG },
};

const hsm_audited_info *hsm_audited_get(hsm_audited operation)
{
    return &operations[operation];
}

static void put_number(hsm_text *out, const char *name, uint64_t value)
{
    hsm_text_puts(out, name);
    hsm_text_u64(out, value);
}

static void put_text(hsm_text *out, const char *name, hsm_bytes value, size_t chars_max)
{
    hsm_text_puts(out, name);
    hsm_text_json(out, value, chars_max);
}

static void put_object(hsm_text *out, const hsm_audit_object *object, const char *id_name,
                       const char *label_name)
{
    if (object->id.len > 0)
        put_text(out, id_name, object->id, HSM_AUDIT_LABEL_MAX_CHARS);
    if (object->label.len > 0)
        put_text(out, label_name, object->label, HSM_AUDIT_LABEL_MAX_CHARS);
}

static void put_mechanism(hsm_text *out, const hsm_audit_event *event)
{
    uint8_t number[sizeof(uint64_t)];

    if (!event->has_mechanism)
        return;
    hsm_text_puts(out, ",\"mechanism\":\"CKM_");
    if (event->mechanism_name != NULL) {
        hsm_text_puts(out, event->mechanism_name);
    } else {
        for (size_t i = 0; i < sizeof number; i++)
            number[i] = (uint8_t)((uint64_t)event->mechanism >> (56 - 8 * i));
        hsm_text_puts(out, "0x");
        hsm_text_hex(out, hsm_bytes_of(number, sizeof number));
    }
    hsm_text_puts(out, "\"");
}

static void put_who(hsm_text *out, const hsm_audit_event *event)
{
    if (event->has_slot)
        put_number(out, ",\"slot\":", event->slot);
    if (event->session != 0)
        put_number(out, ",\"session_handle\":", event->session);
    if (event->user != NULL)
        put_text(out, ",\"user\":", hsm_bytes_of_text(event->user), HSM_AUDIT_LABEL_MAX_CHARS);
    if (event->client != NULL)
        put_text(out, ",\"client\":", hsm_bytes_of_text(event->client), HSM_AUDIT_CLIENT_MAX_CHARS);
}

void hsm_audit_event_write(const hsm_audit_event *event, hsm_text *out)
{
    hsm_text_puts(out, "\"operation\":\"");
    hsm_text_puts(out, operations[event->operation].name);
    if (event->is_begin) {
        hsm_text_puts(out, "\",\"phase\":\"begin\"");
    } else {
        hsm_text_puts(out, "\",\"result\":\"");
        hsm_text_puts(out, event->result == HSM_OK ? "success" : hsm_err_ck_name(event->result));
        hsm_text_puts(out, "\"");
    }
    put_who(out, event);
    put_mechanism(out, event);
    if (event->key_bits > 0)
        put_number(out, ",\"key_length\":", event->key_bits);
    if (event->approved != HSM_AUDIT_APPROVED_UNKNOWN)
        hsm_text_puts(out, event->approved == HSM_AUDIT_APPROVED_YES ? ",\"fips_approved\":true"
                                                                     : ",\"fips_approved\":false");
    put_object(out, &event->object, ",\"key_id\":", ",\"label\":");
    put_object(out, &event->other, ",\"other_key_id\":", ",\"other_label\":");
    if (event->amount > 0)
        put_number(out, ",\"amount\":", event->amount);
    if (event->detail != NULL)
        put_text(out, ",\"detail\":", hsm_bytes_of_text(event->detail), HSM_AUDIT_DETAIL_MAX_CHARS);
}
