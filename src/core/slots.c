/* Slots, tokens and what they can do.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "core/audited.h"
#include "core/internal.h"
#include "os/clock.h"

/* Fills a fixed, blank-padded text field (PKCS#11 v3.2, 3.2). */
static void put_text(CK_UTF8CHAR *field, size_t field_len, const char *text)
{
    const size_t len = strnlen(text, field_len);

    memset(field, ' ', field_len);
    memcpy(field, text, len);
}

uint32_t hsm_core_slot_count(const hsm_core *core)
{
    return core->slot_count;
}

static const CK_VERSION hardware_version = { 1, 0 };
static const CK_VERSION firmware_version = { HSM_LIBRARY_VERSION_MAJOR, HSM_LIBRARY_VERSION_MINOR };

hsm_err hsm_core_slot_info(hsm_core *core, CK_SLOT_ID slot, CK_SLOT_INFO *out_info)
{
    char description[65];

    HSM_TRY(hsm_core_check_slot(core, slot));
    (void)snprintf(description, sizeof description, "Craton HSM slot %lu", (unsigned long)slot);
    memset(out_info, 0, sizeof *out_info);
    put_text(out_info->slotDescription, sizeof out_info->slotDescription, description);
    put_text(out_info->manufacturerID, sizeof out_info->manufacturerID, HSM_MANUFACTURER);
    out_info->flags = CKF_TOKEN_PRESENT;
    out_info->hardwareVersion = hardware_version;
    out_info->firmwareVersion = firmware_version;
    return HSM_OK;
}

/* Flags that warn of the lock, for one PIN (PKCS#11 v3.2, CK_TOKEN_INFO). */
static CK_FLAGS try_flags(uint32_t left, uint32_t max, CK_FLAGS low, CK_FLAGS last, CK_FLAGS locked)
{
    return (left < max ? low : 0) | (left == 1 ? last : 0) | (left == 0 ? locked : 0);
}

static CK_FLAGS token_flags(const hsm_core *core, const hsm_token_info *info)
{
    CK_FLAGS flags = CKF_RNG | CKF_LOGIN_REQUIRED | CKF_DUAL_CRYPTO_OPERATIONS;

    if (core->workers != NULL)
        flags |= CKF_ASYNC_SESSION_SUPPORTED;
    if (hsm_store_is_read_only(core->store))
        flags |= CKF_WRITE_PROTECTED;
    if (!info->is_initialized)
        return flags;
    flags |= CKF_TOKEN_INITIALIZED;
    flags |= try_flags(info->so_tries_left, info->tries_max, CKF_SO_PIN_COUNT_LOW,
                       CKF_SO_PIN_FINAL_TRY, CKF_SO_PIN_LOCKED);
    if (!info->has_user_pin)
        return flags;
    flags |= CKF_USER_PIN_INITIALIZED;
    flags |= try_flags(info->user_tries_left, info->tries_max, CKF_USER_PIN_COUNT_LOW,
                       CKF_USER_PIN_FINAL_TRY, CKF_USER_PIN_LOCKED);
    return flags;
}

static CK_ULONG as_ulong(uint64_t value)
{
    return value > CK_UNAVAILABLE_INFORMATION - 1 ? CK_UNAVAILABLE_INFORMATION : (CK_ULONG)value;
}

static void put_counts(hsm_core *core, uint32_t slot, CK_TOKEN_INFO *info)
{
    const hsm_session_counts counts = hsm_session_count(core->sessions, slot);
    uint64_t used = 0;
    uint64_t unused = 0;

    info->ulMaxSessionCount = core->config->token.max_sessions;
    info->ulSessionCount = counts.sessions;
    info->ulMaxRwSessionCount = core->config->token.max_rw_sessions;
    info->ulRwSessionCount = counts.rw_sessions;
    info->ulTotalPublicMemory = CK_UNAVAILABLE_INFORMATION;
    info->ulFreePublicMemory = CK_UNAVAILABLE_INFORMATION;
    if (hsm_store_space(core->store, &used, &unused) == HSM_OK) {
        info->ulTotalPublicMemory = as_ulong(used + unused);
        info->ulFreePublicMemory = as_ulong(unused);
    }
    info->ulTotalPrivateMemory = info->ulTotalPublicMemory;
    info->ulFreePrivateMemory = info->ulFreePublicMemory;
}

/* The clock in UTC, YYYYMMDDhhmmss00. */
static void put_time(CK_CHAR field[16])
{
    char text[17] = "";
    struct tm now;

    hsm_clock_utc(&now);
    (void)strftime(text, sizeof text, "%Y%m%d%H%M%S00", &now);
    memcpy(field, text, 16);
}

hsm_err hsm_core_token_info(hsm_core *core, CK_SLOT_ID slot, CK_TOKEN_INFO *out_info)
{
    hsm_token_info token;

    HSM_TRY(hsm_core_check_slot(core, slot));
    HSM_TRY(hsm_token_get_info(core->slots[slot].token, &token));
    memset(out_info, 0, sizeof *out_info);
    memcpy(out_info->label, token.label, sizeof out_info->label);
    memcpy(out_info->serialNumber, token.serial, sizeof out_info->serialNumber);
    put_text(out_info->manufacturerID, sizeof out_info->manufacturerID, HSM_MANUFACTURER);
    put_text(out_info->model, sizeof out_info->model, "Craton HSM");
    out_info->flags = token_flags(core, &token) | CKF_CLOCK_ON_TOKEN;
    put_counts(core, (uint32_t)slot, out_info);
    out_info->ulMinPinLen = token.pin_min_bytes;
    out_info->ulMaxPinLen = token.pin_max_bytes;
    out_info->hardwareVersion = hardware_version;
    out_info->firmwareVersion = firmware_version;
    put_time(out_info->utcTime);
    return HSM_OK;
}

/* A row shows in the lists if the rules in force leave at least one of its operations. */
static hsm_op_set allowed_ops(const hsm_core *core, const hsm_mech *mech)
{
    hsm_op_set allowed = 0;

    for (hsm_op_set bit = 1; bit != 0 && bit <= mech->ops; bit <<= 1) {
        if ((mech->ops & bit) != 0 && hsm_mech_allow(core->crypto, mech, (hsm_op)bit) == HSM_OK)
            allowed |= bit;
    }
    return allowed;
}

hsm_err hsm_core_mechanism_list(hsm_core *core, CK_SLOT_ID slot, CK_MECHANISM_TYPE *out_ids,
                                size_t *count)
{
    size_t row_count = 0;
    const hsm_mech *rows = hsm_mech_table(&row_count);
    const size_t room = *count;
    size_t found = 0;

    HSM_TRY(hsm_core_check_slot(core, slot));
    for (size_t i = 0; i < row_count; i++) {
        if (allowed_ops(core, &rows[i]) == 0)
            continue;
        if (out_ids != NULL && found < room)
            out_ids[found] = rows[i].id;
        found++;
    }
    *count = found;
    HSM_CHECK(out_ids == NULL || found <= room, HSM_E_BUFFER_TOO_SMALL);
    return HSM_OK;
}

/* How the standard's mechanism flags name our operations. */
static const struct {
    hsm_op op;
    CK_FLAGS flag;
} op_flags[] = {
    { HSM_OP_ENCRYPT, CKF_ENCRYPT },
    { HSM_OP_DECRYPT, CKF_DECRYPT },
    { HSM_OP_DIGEST, CKF_DIGEST },
    { HSM_OP_SIGN, CKF_SIGN },
    { HSM_OP_SIGN_RECOVER, CKF_SIGN_RECOVER },
    { HSM_OP_VERIFY, CKF_VERIFY },
    { HSM_OP_VERIFY_RECOVER, CKF_VERIFY_RECOVER },
    { HSM_OP_GENERATE, CKF_GENERATE },
    { HSM_OP_GENERATE_PAIR, CKF_GENERATE_KEY_PAIR },
    { HSM_OP_WRAP, CKF_WRAP },
    { HSM_OP_UNWRAP, CKF_UNWRAP },
    { HSM_OP_DERIVE, CKF_DERIVE },
    { HSM_OP_ENCAPSULATE, CKF_ENCAPSULATE },
    { HSM_OP_DECAPSULATE, CKF_DECAPSULATE },
    { HSM_OP_MESSAGE_ENCRYPT, CKF_MESSAGE_ENCRYPT },
    { HSM_OP_MESSAGE_DECRYPT, CKF_MESSAGE_DECRYPT },
    { HSM_OP_MESSAGE_SIGN, CKF_MESSAGE_SIGN },
    { HSM_OP_MESSAGE_VERIFY, CKF_MESSAGE_VERIFY },
};

hsm_err hsm_core_mechanism_info(hsm_core *core, CK_SLOT_ID slot, CK_MECHANISM_TYPE id,
                                CK_MECHANISM_INFO *out_info)
{
    const hsm_mech *mech = hsm_mech_find(id);

    HSM_TRY(hsm_core_check_slot(core, slot));
    HSM_CHECK(mech != NULL, HSM_E_MECHANISM);
    const hsm_op_set ops = allowed_ops(core, mech);
    HSM_CHECK(ops != 0, HSM_E_MECHANISM);

    const CK_ULONG unit = mech->is_size_in_bytes ? 8 : 1;
    *out_info = (CK_MECHANISM_INFO){
        .ulMinKeySize = hsm_mech_key_min_bits(core->crypto, mech) / unit,
        .ulMaxKeySize = mech->key_max_bits / unit,
        .flags = mech->extra_flags,
    };
    if (mech->told_bytes != 0)
        out_info->ulMinKeySize = out_info->ulMaxKeySize = mech->told_bytes;
    for (size_t i = 0; i < HSM_ARRAY_LEN(op_flags); i++) {
        if ((ops & op_flags[i].op) != 0)
            out_info->flags |= op_flags[i].flag;
    }
    if (mech->is_multi_part && (ops & HSM_OPS_MESSAGE) != 0)
        out_info->flags |= CKF_MULTI_MESSAGE;
    return HSM_OK;
}

hsm_err hsm_core_do_init_token(hsm_core *core, CK_SLOT_ID slot, hsm_bytes so_pin,
                               const uint8_t label[HSM_TOKEN_LABEL_BYTES])
{
    HSM_TRY(hsm_core_check_slot(core, slot));
    hsm_slot *target = &core->slots[slot];

    (void)pthread_mutex_lock(&target->login_lock);
    hsm_err err = HSM_E_SESSION_EXISTS;
    if (hsm_session_count(core->sessions, (uint32_t)slot).sessions == 0)
        err = hsm_token_init(target->token, so_pin, label);
    (void)pthread_mutex_unlock(&target->login_lock);
    return err;
}
