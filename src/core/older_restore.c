/* The file of an older backup, and its way through to drafts.
 * SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>

#include "audit/line.h"
#include "core/backup_parts.h"
#include "core/key_names.h"
#include "core/older.h"
#include "core/present.h"
#include "os/clock.h"

/* Letters, version, salt, nonce; then ciphertext and tag. */
#define START_BYTES 8u
#define SALT_BYTES 32u
#define HEAD_BYTES (START_BYTES + SALT_BYTES + HSM_AEAD_NONCE_BYTES)

void hsm_older_source_clear(hsm_older_source *source)
{
    hsm_secret_destroy(source->content);
    *source = (hsm_older_source){ 0 };
}

/* Says where the content is not what it should be. */
static hsm_err say(const hsm_older_source *source, char where[HSM_BACKUP_WHERE_MAX], hsm_err err)
{
    if (err != HSM_OK && source->reader.fault != NULL)
        (void)snprintf(where, HSM_BACKUP_WHERE_MAX, "at byte %zu of the decrypted content: %s",
                       source->reader.at, source->reader.fault);
    return err;
}

/* --- opening -------------------------------------------------------------------------------------- */

static hsm_err decrypt(hsm_crypto *crypto, hsm_bytes backup, const hsm_backup_key *key,
                       uint32_t iterations, hsm_secret **out_content)
{
    HSM_AUTO(hsm_secret_drop) hsm_secret *secret = NULL;
    HSM_AUTO(hsm_secret_drop) hsm_secret *content = NULL;
    HSM_AUTO(hsm_aead_drop) hsm_aead *aead = NULL;
    hsm_reader reader = hsm_reader_of(backup);

    (void)hsm_read_raw(&reader, START_BYTES);
    const hsm_bytes salt = hsm_read_raw(&reader, SALT_BYTES);
    const hsm_bytes nonce = hsm_read_raw(&reader, HSM_AEAD_NONCE_BYTES);
    HSM_CHECK(!reader.is_failed && reader.rest.len > HSM_AEAD_TAG_BYTES, HSM_E_ENCRYPTED_DATA);
    const size_t len = reader.rest.len - HSM_AEAD_TAG_BYTES;
    HSM_CHECK(len <= HSM_SECRET_LARGE_MAX_BYTES, HSM_E_LIMIT);

    HSM_TRY(hsm_secret_create(HSM_AEAD_KEY_BYTES, &secret));
    HSM_TRY(hsm_crypto_pbkdf2(crypto, key->passphrase, salt, iterations, secret));
    HSM_TRY(hsm_aead_create(crypto, hsm_secret_view(secret), &aead));
    HSM_TRY(hsm_secret_create_large(len, &content));
    HSM_TRY(
        hsm_aead_open(aead, nonce.data, hsm_bytes_none(), reader.rest, hsm_secret_data(content)));
    *out_content = HSM_MOVE(content);
    return HSM_OK;
}

static hsm_err take_serial(hsm_older_reader *reader, hsm_bytes text, uint8_t out[16])
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.len > 16 || text.data[i] < 0x20 || text.data[i] > 0x7e)
            return hsm_older_fail(reader, "a serial that no token has there");
    }
    memset(out, ' ', 16);
    if (text.len > 0)
        memcpy(out, text.data, text.len);
    return HSM_OK;
}

static hsm_err take_head(hsm_older_reader *reader, hsm_backup_head *head)
{
    hsm_older_head found = { 0 };

    HSM_TRY(hsm_older_begin(reader, &found));
    if (hsm_hex_decode(found.id, head->id, sizeof head->id) != HSM_OK)
        return hsm_older_fail(reader, "a backup id that is not 32 hexadecimal digits");
    HSM_TRY(take_serial(reader, found.serial, head->serial));
    if (found.created > UINT64_MAX / HSM_NS_PER_SEC)
        return hsm_older_fail(reader, "a time that no clock shows");
    head->created_ns = found.created * HSM_NS_PER_SEC;
    memset(head->label, ' ', sizeof head->label);
    return HSM_OK;
}

hsm_err hsm_older_open(hsm_crypto *crypto, hsm_bytes backup, const hsm_backup_key *key,
                       hsm_backup_head *head, hsm_older_source *out_source,
                       char out_where[HSM_BACKUP_WHERE_MAX])
{
    HSM_AUTO(hsm_older_source_clear) hsm_older_source source = { 0 };
    hsm_backup_head found = *head;

    found.iterations = key->iterations != 0 ? key->iterations : HSM_BACKUP_ITERATIONS;
    HSM_CHECK(found.iterations <= HSM_BACKUP_ITERATIONS_MAX, HSM_E_ARG);
    HSM_TRY(decrypt(crypto, backup, key, found.iterations, &source.content));
    source.reader = (hsm_older_reader){
        .format = found.format,
        .data = hsm_secret_data(source.content),
        .len = hsm_secret_len(source.content),
    };
    HSM_TRY(say(&source, out_where, take_head(&source.reader, &found)));
    *head = found;
    *out_source = source;
    source = (hsm_older_source){ 0 };
    return HSM_OK;
}

hsm_err hsm_older_count(hsm_older_source *source, uint64_t *out_objects,
                        char out_where[HSM_BACKUP_WHERE_MAX])
{
    hsm_older_object object;
    uint64_t count = 0;

    for (; source->reader.left > 0; count++)
        HSM_TRY(say(source, out_where, hsm_older_next(&source->reader, &object)));
    HSM_TRY(say(source, out_where, hsm_older_end(&source->reader)));
    *out_objects = count;
    return HSM_OK;
}

/* --- objects -------------------------------------------------------------------------------------- */

static void name_of(const hsm_older_object *object, char out[HSM_HARVEST_NAME_MAX])
{
    const uint64_t slot = object->number[HSM_OLDER_SLOT];
    const uint64_t handle = object->number[HSM_OLDER_HANDLE];

    if (slot == 0)
        (void)snprintf(out, HSM_HARVEST_NAME_MAX, "object %" PRIu64, handle);
    else
        (void)snprintf(out, HSM_HARVEST_NAME_MAX, "slot %" PRIu64 " object %" PRIu64, slot, handle);
}

static void show_unsupported(const hsm_older_wish *wish, const char *why)
{
    const hsm_migrate_object object = {
        .name = wish->name,
        .class_name = hsm_class_name((CK_OBJECT_CLASS)wish->from->number[HSM_OLDER_CLASS]),
        .label = wish->from->bytes[HSM_OLDER_LABEL],
        .id = wish->from->bytes[HSM_OLDER_ID],
        .result = HSM_MIGRATE_UNSUPPORTED,
        .why = why,
    };

    if (wish->watch != NULL)
        wish->watch->object(wish->watch->arg, &object);
}

static hsm_err gather_one(hsm_core *core, const hsm_older_wish *wish, hsm_present *present,
                          hsm_harvest *all, hsm_restore_report *report)
{
    HSM_AUTO(hsm_draft_drop) hsm_draft *draft = NULL;
    const char *why = NULL;
    bool is_there = false;

    HSM_TRY(hsm_older_make(core, wish, &draft, &why));
    if (draft == NULL) {
        report->unsupported++;
        show_unsupported(wish, why);
        return HSM_OK;
    }
    HSM_TRY(hsm_present_take(present, draft, &is_there));
    if (!is_there)
        return hsm_harvest_keep(all, &draft, wish->name);
    report->present++;
    return HSM_OK;
}

hsm_err hsm_older_gather(hsm_core *core, uint32_t slot, hsm_older_source *source,
                         const hsm_migrate_watch *watch, hsm_harvest *all,
                         hsm_restore_report *report)
{
    HSM_AUTO(hsm_present_drop) hsm_present *present = NULL;
    const uint64_t total = source->reader.left;
    hsm_older_object object;
    char name[HSM_HARVEST_NAME_MAX];

    HSM_TRY(hsm_present_create(core, slot, &present));
    while (source->reader.left > 0) {
        HSM_TRY(say(source, report->where, hsm_older_next(&source->reader, &object)));
        name_of(&object, name);
        const hsm_older_wish wish = { .from = &object, .name = name, .watch = watch };
        HSM_TRY(gather_one(core, &wish, present, all, report));
        report->objects++;
        if (watch != NULL)
            watch->progress(watch->arg, report->objects, total);
    }
    return say(source, report->where, hsm_older_end(&source->reader));
}
