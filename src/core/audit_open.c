/* The audit log as the configuration asks for it.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/log.h"
#include "core/audit_log.h"
#include "core/audited.h"
#include "core/remote.h"
#include "os/file.h"
#include "store/device_key.h"

#define BUSY_MS 10000u
#define CHECKPOINT_MS 1000u

static unsigned classes_of(uint32_t level)
{
    static const unsigned classes[] = {
        [HSM_AUDIT_ALL] = HSM_AUDIT_CLASS_ANY,
        [HSM_AUDIT_CRYPTO] = HSM_AUDIT_CLASS_CRYPTO,
        [HSM_AUDIT_AUTH] = HSM_AUDIT_CLASS_AUTH,
        [HSM_AUDIT_ADMIN] = HSM_AUDIT_CLASS_ADMIN,
        [HSM_AUDIT_NONE] = 0,
    };

    return level < HSM_ARRAY_LEN(classes) ? classes[level] : HSM_AUDIT_CLASS_ANY;
}

/* Head and keys lie with the store; objects that are not kept have no such place, and then they lie
 * with the log. */
hsm_err hsm_core_audit_state_directory(const hsm_config *config, char **out_path)
{
    const bool has_store = config->token.persist_objects && config->token.storage_path != NULL;
    char *path = hsm_text_dup(has_store ? config->token.storage_path : config->audit.log_path);

    HSM_CHECK(path != NULL, HSM_E_NO_MEMORY);
    if (!has_store) {
        char *slash = strrchr(path, '/');

        *(slash == path ? slash + 1 : slash) = '\0';
    }
    *out_path = path;
    return HSM_OK;
}

hsm_err hsm_core_audit_key(hsm_crypto *crypto, const hsm_device_place *place, const char *use,
                           hsm_secret **out_key)
{
    HSM_AUTO(hsm_secret_drop) hsm_secret *key = NULL;

    HSM_TRY(hsm_secret_create(HSM_AUDIT_KEY_BYTES, &key));
    HSM_TRY(hsm_device_secret_load(crypto, place, use, key));
    *out_key = HSM_MOVE(key);
    return HSM_OK;
}

static void free_text(char **text)
{
    free(*text);
}

static hsm_err open_log(hsm_core *core)
{
    const hsm_config *config = core->config;
    HSM_AUTO(free_text) char *directory = NULL;
    HSM_AUTO(hsm_secret_drop) hsm_secret *mac_key = NULL;
    HSM_AUTO(hsm_secret_drop) hsm_secret *seal_key = NULL;

    HSM_TRY(hsm_core_audit_state_directory(config, &directory));
    const hsm_device_place place = { .directory = directory,
                                     .may_create = !config->token.persist_objects };
    if (place.may_create) /* else the store made it */
        HSM_TRY(hsm_dir_ensure(directory));
    HSM_TRY(hsm_core_audit_key(core->crypto, &place, HSM_AUDIT_USE_ENTRIES, &mac_key));
    HSM_TRY(hsm_core_audit_key(core->crypto, &place, HSM_AUDIT_USE_KEYS, &seal_key));
    const hsm_audit_options options = {
        .log_path = config->audit.log_path,
        .state_directory = directory,
        .crypto = core->crypto,
        .mac_key = hsm_secret_view(mac_key),
        .seal_key = hsm_secret_view(seal_key),
        .classes = classes_of(config->audit.log_level),
        .is_batch = config->audit.durability == HSM_AUDIT_BATCH,
        .batch_ms = config->audit.batch_ms,
        .may_lose = config->audit.on_error == HSM_AUDIT_COUNT,
        .checkpoint_ms = CHECKPOINT_MS,
        .busy_ms = BUSY_MS,
    };
    return hsm_audit_open(&options, &core->audit);
}

static hsm_err append_plain(hsm_core *core, hsm_audited operation)
{
    const hsm_audit_event event = { .operation = operation };

    return hsm_audit_append(core->audit, &event);
}

hsm_err hsm_core_audit_start(hsm_core *core)
{
    const hsm_config *config = core->config;

    if (!config->audit.enabled || config->audit.log_level == HSM_AUDIT_NONE)
        return HSM_OK;
    const hsm_err err = open_log(core);
    if (err != HSM_OK) {
        hsm_log(HSM_LOG_ERROR,
                "the audit log %s can't be opened; nothing is done without it: make its directory "
                "and the store's writable, or set audit.on_error = \"count\", or audit.enabled = "
                "false",
                config->audit.log_path);
        return err == HSM_E_NO_MEMORY ? err : HSM_E_AUDIT;
    }
    return append_plain(core, HSM_AUDITED_INITIALIZE);
}

void hsm_core_audit_stop(hsm_core *core)
{
    if (core->audit == NULL || core->parent != NULL) /* the log is the parent's */
        return;
    if (append_plain(core, HSM_AUDITED_FINALIZE) != HSM_OK)
        hsm_log(HSM_LOG_ERROR, "the audit log %s has no entry of the end",
                core->config->audit.log_path);
    hsm_audit_close(core->audit);
    core->audit = NULL;
}

hsm_err hsm_core_audit_checkpoint(hsm_core *core)
{
    return core->audit == NULL ? HSM_OK : hsm_audit_checkpoint(core->audit);
}
