#include "unit/store/store_env.h"

#include <stdio.h>

#include "support/check.h"

hsm_err store_env_try(const char *directory, hsm_store **out_store)
{
    const hsm_store_options options = {
        .directory = directory,
        .crypto = env_crypto(),
        .slot_count = 4,
        .busy_ms = 10000,
        .cached_max = 64,
    };

    return hsm_store_open(&options, out_store);
}

void store_env_login(hsm_store *store, uint32_t slot)
{
    static const uint8_t master_key[32] = { 9 };

    CHECK_OK(hsm_store_attach(store, slot, env_serial));
    CHECK_OK(hsm_store_unlock(store, slot, hsm_bytes_of(master_key, sizeof master_key)));
}

hsm_store *store_env_open(const char *directory)
{
    hsm_store *store = NULL;

    if (CHECK_OK(store_env_try(directory, &store)))
        store_env_login(store, 0);
    return store;
}

/* The secret value of key `number`. */
static void fill_value(uint32_t number, uint8_t value[16])
{
    for (size_t i = 0; i < 16; i++)
        value[i] = (uint8_t)(number * 7 + i * 31 + 1);
}

static hsm_err fill(hsm_draft *draft, const char *label, uint32_t number, bool is_private)
{
    uint8_t value[16];

    fill_value(number, value);
    HSM_TRY(hsm_draft_put(draft, CKA_VALUE, hsm_bytes_of(value, sizeof value)));
    HSM_TRY(hsm_draft_put_ulong(draft, CKA_VALUE_LEN, sizeof value));
    HSM_TRY(hsm_draft_put_bool(draft, CKA_TOKEN, true));
    HSM_TRY(hsm_draft_put_bool(draft, CKA_PRIVATE, is_private));
    HSM_TRY(hsm_draft_put(draft, CKA_LABEL, hsm_bytes_of_text(label)));
    return hsm_draft_put(draft, CKA_ID, hsm_bytes_of(&number, sizeof number));
}

static hsm_err make_draft(const char *label, uint32_t number, bool is_private,
                          hsm_draft **out_draft)
{
    static const hsm_template none;
    env_template t = { .count = 0 };
    HSM_AUTO(hsm_draft_drop) hsm_draft *draft = NULL;

    env_fill(&t, ENV_AES);
    const hsm_template view = env_view(&t);
    HSM_TRY(hsm_draft_from_template(HSM_ORIGIN_CREATE, &view, &none, false, &draft));
    HSM_TRY(fill(draft, label, number, is_private));
    *out_draft = HSM_MOVE(draft);
    return HSM_OK;
}

hsm_draft *store_env_draft(const char *label, uint32_t number, bool is_private)
{
    hsm_draft *draft = NULL;

    CHECK_OK(make_draft(label, number, is_private, &draft));
    return draft;
}

hsm_object *store_env_insert(hsm_store *store, const char *label, uint32_t number, bool is_private)
{
    HSM_AUTO(hsm_draft_drop) hsm_draft *draft = store_env_draft(label, number, is_private);
    hsm_object *object = NULL;

    CHECK_OK(hsm_store_insert(store, 0, &draft, 1, &object));
    return object;
}

hsm_err store_env_try_insert(hsm_store *store, uint32_t slot, uint32_t number, bool is_private,
                             uint64_t *out_id)
{
    HSM_AUTO(hsm_draft_drop) hsm_draft *draft = NULL;
    HSM_AUTO(hsm_object_drop) hsm_object *object = NULL;
    char label[32];

    (void)snprintf(label, sizeof label, "key %lu", (unsigned long)number);
    HSM_TRY(make_draft(label, number, is_private, &draft));
    HSM_TRY(hsm_store_insert(store, slot, &draft, 1, &object));
    *out_id = object->id;
    return HSM_OK;
}

size_t store_env_find(hsm_store *store, const env_template *t)
{
    HSM_AUTO(hsm_buf_clear) hsm_buf ids = { 0 };
    const hsm_template view = env_view(t);

    CHECK_OK(hsm_store_find(store, 0, &view, &ids));
    return ids.len / sizeof(uint64_t);
}

bool store_env_is_whole(hsm_store *store, const hsm_object *object, uint32_t number)
{
    hsm_object_secrets secrets = { 0 };
    uint8_t value[16];
    const hsm_bytes id = hsm_object_value(object, CKA_ID);

    fill_value(number, value);
    if (!hsm_bytes_equal(id, hsm_bytes_of(&number, sizeof number)))
        return false;
    if (hsm_object_open_secrets(object, hsm_store_serial(store, object->slot), &secrets) != HSM_OK)
        return false;
    bool is_right = false;
    for (size_t i = 0; i < secrets.attr_count; i++)
        is_right = is_right || (secrets.attrs[i].type == CKA_VALUE &&
                                hsm_bytes_equal(secrets.attrs[i].value, hsm_bytes_of(value, 16)));
    hsm_object_secrets_clear(&secrets);
    return is_right;
}
