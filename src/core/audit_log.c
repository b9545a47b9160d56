/* SPDX-License-Identifier: Apache-2.0 */
#include "core/audit_log.h"

#include <stdlib.h>

#include "base/log.h"
#include "config/config.h"
#include "os/paths.h"
#include "store/device_key.h"

struct hsm_core_audit {
    hsm_crypto *crypto;
    hsm_audit_reader *reader;
    char *path;
    char *head_path; /* NULL: not the configuration's log */
    bool is_one_file;
    hsm_secret *mac_key; /* NULL: unknown */
    bool has_public_keys;
    hsm_signer_public public_keys;
};

static hsm_err open_crypto(hsm_crypto **out_crypto)
{
    const hsm_crypto_options options = { .backend = "openssl", .may_use_pqc = true };

    return hsm_crypto_create(&options, out_crypto);
}

/* The device's keys, as far as they can be read: who may not, verifies by the public keys. */
static hsm_err load_device_keys(hsm_core_audit *audit, const char *directory)
{
    const hsm_device_place place = { .directory = directory };
    HSM_AUTO(hsm_secret_drop) hsm_secret *seal_key = NULL;
    HSM_AUTO(hsm_signer_drop) hsm_signer *signer = NULL;
    HSM_AUTO(hsm_path_drop) char *keys_path = NULL;

    hsm_err err = hsm_core_audit_key(audit->crypto, &place, HSM_AUDIT_USE_ENTRIES, &audit->mac_key);
    if (err == HSM_OK)
        err = hsm_core_audit_key(audit->crypto, &place, HSM_AUDIT_USE_KEYS, &seal_key);
    HSM_CHECK(err != HSM_E_NO_MEMORY, err);
    if (err != HSM_OK)
        return HSM_OK;
    HSM_TRY(hsm_path_join(directory, "audit.keys", &keys_path));
    err = hsm_signer_open(audit->crypto, keys_path, hsm_secret_view(seal_key), false, &signer);
    if (err != HSM_OK) {
        hsm_log(HSM_LOG_WARNING, "%s: %s; signatures are not checked", keys_path,
                hsm_err_text(err));
        return HSM_OK;
    }
    if (!audit->has_public_keys)
        audit->public_keys = *hsm_signer_public_keys(signer);
    audit->has_public_keys = true;
    return HSM_OK;
}

static hsm_err use_config(hsm_core_audit *audit, const hsm_core_audit_source *source)
{
    const char *own_path = source->config->audit.log_path;
    HSM_AUTO(hsm_path_drop) char *directory = NULL;

    if (source->path != NULL && strcmp(source->path, own_path) != 0)
        return HSM_OK;
    HSM_TRY(hsm_core_audit_state_directory(source->config, &directory));
    HSM_TRY(hsm_head_path(audit->crypto, directory, own_path, &audit->head_path));
    return load_device_keys(audit, directory);
}

hsm_err hsm_core_audit_open(const hsm_core_audit_source *source, hsm_core_audit **out_audit)
{
    HSM_AUTO(hsm_core_audit_drop) hsm_core_audit *audit = calloc(1, sizeof *audit);

    HSM_CHECK(audit != NULL, HSM_E_NO_MEMORY);
    HSM_CHECK(source->config != NULL || source->path != NULL, HSM_E_ARG);
    HSM_TRY(open_crypto(&audit->crypto));
    if (source->public_keys.len > 0) {
        HSM_TRY(hsm_signer_public_from_pem(source->public_keys, &audit->public_keys));
        audit->has_public_keys = true;
    }
    if (source->config != NULL)
        HSM_TRY(use_config(audit, source));
    audit->path =
        hsm_text_dup(source->path != NULL ? source->path : source->config->audit.log_path);
    HSM_CHECK(audit->path != NULL, HSM_E_NO_MEMORY);
    audit->is_one_file = source->is_one_file;
    HSM_TRY(hsm_audit_reader_open(audit->path, audit->is_one_file, &audit->reader));
    *out_audit = HSM_MOVE(audit);
    return HSM_OK;
}

void hsm_core_audit_close(hsm_core_audit *audit)
{
    if (audit == NULL)
        return;
    hsm_audit_reader_close(audit->reader);
    hsm_secret_destroy(audit->mac_key);
    free(audit->head_path);
    free(audit->path);
    hsm_crypto_destroy(audit->crypto);
    free(audit);
}

hsm_err hsm_core_audit_rewind(hsm_core_audit *audit)
{
    hsm_audit_reader_close(audit->reader);
    audit->reader = NULL;
    return hsm_audit_reader_open(audit->path, audit->is_one_file, &audit->reader);
}

static hsm_audited operation_of(hsm_bytes members)
{
    hsm_member member;

    if (!hsm_member_find(members, "operation", &member))
        return HSM_AUDITED_COUNT;
    for (unsigned i = 0; i < HSM_AUDITED_COUNT; i++) {
        if (hsm_bytes_equal(member.value, hsm_bytes_of_text(hsm_audited_get((hsm_audited)i)->name)))
            return (hsm_audited)i;
    }
    return HSM_AUDITED_COUNT;
}

static void read_line(hsm_core_audit_entry *entry)
{
    hsm_member member;
    hsm_line line;

    if (hsm_line_parse(entry->text, &line) != HSM_OK)
        return;
    entry->is_entry = true;
    entry->timestamp = line.timestamp;
    entry->index = line.index;
    entry->members = line.members;
    entry->operation = operation_of(line.members);
    entry->is_begin = hsm_member_find(line.members, "phase", &member);
    entry->is_success = hsm_member_find(line.members, "result", &member) &&
                        hsm_bytes_equal(member.value, hsm_bytes_of_text("success"));
}

hsm_err hsm_core_audit_next(hsm_core_audit *audit, hsm_core_audit_entry *out_entry)
{
    hsm_core_audit_entry entry = { .operation = HSM_AUDITED_COUNT };
    bool is_whole = true;

    HSM_CHECK(audit->reader != NULL, HSM_E_NO_EVENT);
    const hsm_err err = hsm_audit_reader_next(audit->reader, &entry.text, &entry.place, &is_whole);
    HSM_CHECK(err == HSM_OK || err == HSM_E_LIMIT, err);
    if (err == HSM_OK && is_whole)
        read_line(&entry);
    *out_entry = entry;
    return HSM_OK;
}

void hsm_core_audit_progress(const hsm_core_audit *audit, uint64_t *out_done, uint64_t *out_all)
{
    hsm_audit_reader_progress(audit->reader, out_done, out_all);
}

/* The head before the log: the log may grow meanwhile, but not shrink. */
static hsm_err load_head(const hsm_core_audit *audit, hsm_head *out_head, bool *out_has_head)
{
    *out_has_head = false;
    if (audit->head_path == NULL || audit->mac_key == NULL || audit->is_one_file)
        return HSM_OK;
    const hsm_err err =
        hsm_head_load(audit->crypto, audit->head_path, hsm_secret_view(audit->mac_key), out_head);
    if (err != HSM_OK)
        hsm_log(HSM_LOG_WARNING, "%s: %s; the log's end is not checked", audit->head_path,
                hsm_err_text(err));
    *out_has_head = err == HSM_OK;
    return HSM_OK;
}

hsm_err hsm_core_audit_verify(hsm_core_audit *audit,
                              bool (*stop)(void *arg, uint64_t done, uint64_t all), void *arg,
                              hsm_audit_verdict *out_verdict)
{
    HSM_AUTO(hsm_audit_verifier_drop) hsm_audit_verifier *verifier = NULL;
    hsm_head head;
    bool has_head = false;

    HSM_TRY(load_head(audit, &head, &has_head));
    HSM_TRY(hsm_core_audit_rewind(audit));
    HSM_TRY(hsm_audit_verifier_create(audit->crypto, hsm_secret_view(audit->mac_key),
                                      audit->has_public_keys ? &audit->public_keys : NULL,
                                      &verifier));
    HSM_TRY(hsm_audit_verifier_run(verifier, audit->reader, stop, arg));
    hsm_audit_verifier_end(verifier, has_head ? &head : NULL, out_verdict);
    return HSM_OK;
}

hsm_err hsm_core_audit_public_keys(hsm_core_audit *audit, hsm_buf *out_pem)
{
    HSM_CHECK(audit->has_public_keys, HSM_E_STORE_NOT_FOUND);
    return hsm_signer_public_to_pem(&audit->public_keys, out_pem);
}

hsm_err hsm_core_audit_prove(hsm_core_audit *audit, uint64_t index, hsm_buf *out_proof)
{
    HSM_TRY(hsm_core_audit_rewind(audit));
    return hsm_audit_prove(audit->crypto, audit->reader, index, out_proof);
}

hsm_err hsm_core_audit_check_proof(hsm_bytes public_keys_pem, hsm_bytes proof, hsm_buf *out_line)
{
    HSM_AUTO(hsm_crypto_drop) hsm_crypto *crypto = NULL;
    hsm_signer_public keys;

    HSM_TRY(hsm_signer_public_from_pem(public_keys_pem, &keys));
    HSM_TRY(open_crypto(&crypto));
    return hsm_audit_check_proof(crypto, proof, &keys, out_line);
}
