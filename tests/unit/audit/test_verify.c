/* What is done to a log, and what verification says of it.
 * SPDX-License-Identifier: Apache-2.0 */
#include "audit/verify.h"

#include <stdlib.h>

#include "support/check.h"
#include "unit/audit/audit_env.h"

#define ENTRIES 20u

/* --- one change each, of a log of ENTRIES entries and a checkpoint over them ------------------ */

typedef struct change {
    const char *label;
    void (*apply)(const hsm_buf *content, hsm_buf *out);
    hsm_audit_fault keyed;
    uint64_t keyed_index;
    hsm_audit_fault public_only; /* of a copy, without key and head */
    uint64_t public_index;
} change;

static void put(hsm_buf *out, hsm_bytes line)
{
    CHECK_OK(hsm_buf_append(out, line));
    CHECK_OK(hsm_buf_append(out, hsm_bytes_of("\n", 1)));
}

static void put_lines(const hsm_buf *content, unsigned from, unsigned to, hsm_buf *out)
{
    for (unsigned i = from; i < to; i++)
        put(out, env_line(content, i));
}

static void nothing(const hsm_buf *content, hsm_buf *out)
{
    put_lines(content, 0, ENTRIES + 1, out);
}

/* Another key length in entry 7. */
static void flip(const hsm_buf *content, hsm_buf *out)
{
    nothing(content, out);
    const hsm_bytes line = env_line(out, 7);
    uint8_t *found = memmem(line.data, line.len, ":256,", 5);
    if (CHECK_THAT(found != NULL))
        found[1] = '3';
}

static void flip_mac(const hsm_buf *content, hsm_buf *out)
{
    nothing(content, out);
    const hsm_bytes line = env_line(out, 7);
    uint8_t *last = out->data + (line.data - out->data) + line.len - 3;
    *last = *last == '0' ? '1' : '0';
}

static void drop(const hsm_buf *content, hsm_buf *out)
{
    put_lines(content, 0, 7, out);
    put_lines(content, 8, ENTRIES + 1, out);
}

static void reorder(const hsm_buf *content, hsm_buf *out)
{
    put_lines(content, 0, 7, out);
    put_lines(content, 8, 9, out);
    put_lines(content, 7, 8, out);
    put_lines(content, 9, ENTRIES + 1, out);
}

static void repeat(const hsm_buf *content, hsm_buf *out)
{
    put_lines(content, 0, 8, out);
    put_lines(content, 7, ENTRIES + 1, out);
}

static void cut(const hsm_buf *content, hsm_buf *out)
{
    put_lines(content, 0, 12, out);
}

static void cut_in_a_line(const hsm_buf *content, hsm_buf *out)
{
    put_lines(content, 0, 12, out);
    const hsm_bytes line = env_line(content, 12);
    CHECK_OK(hsm_buf_append(out, hsm_bytes_of(line.data, line.len / 2)));
}

static void behead(const hsm_buf *content, hsm_buf *out)
{
    put_lines(content, 3, ENTRIES + 1, out);
}

static void garbage(const hsm_buf *content, hsm_buf *out)
{
    put_lines(content, 0, 7, out);
    put(out, hsm_bytes_of_text("{\"operation\":\"sign\"}"));
    put_lines(content, 7, ENTRIES + 1, out);
}

/* All entries anew, with one changed, by somebody who has another key. */
static void rebuild(const hsm_buf *content, hsm_buf *out)
{
    static const uint8_t other_key[32] = "somebody's own key of 32 bytes..";
    const hsm_crypto_options options = { .backend = "openssl" };
    HSM_AUTO(hsm_crypto_drop) hsm_crypto *crypto = NULL;
    char room[HSM_LINE_MAX_BYTES];
    hsm_chain_state state = { 0 };
    hsm_chain chain;

    CHECK_OK(hsm_crypto_create(&options, &crypto));
    CHECK_OK(hsm_chain_init(&chain, crypto, hsm_bytes_of(other_key, sizeof other_key)));
    for (unsigned i = 0; i < ENTRIES; i++) {
        hsm_text text = hsm_text_of(room, sizeof room);
        hsm_line line;

        CHECK_OK(hsm_line_parse(env_line(content, i), &line));
        const hsm_line_stamp stamp = { .now_ns = line.timestamp };
        CHECK_OK(hsm_line_append(&chain, &state, &stamp,
                                 hsm_bytes_of_text("\"operation\":\"digest\""), &text));
        CHECK_OK(hsm_buf_append(out, hsm_text_view(&text)));
    }
    put(out, env_line(content, ENTRIES));
    hsm_chain_clear(&chain);
}

static const change changes[] = {
    { "nothing", nothing, HSM_AUDIT_FAULT_NONE, 0, HSM_AUDIT_FAULT_NONE, 0 },
    { "flip a digit", flip, HSM_AUDIT_FAULT_MAC, 7, HSM_AUDIT_FAULT_LINK, 7 },
    { "flip the MAC", flip_mac, HSM_AUDIT_FAULT_MAC, 7, HSM_AUDIT_FAULT_LINK, 7 },
    { "drop a line", drop, HSM_AUDIT_FAULT_MISSING, 7, HSM_AUDIT_FAULT_MISSING, 7 },
    { "reorder", reorder, HSM_AUDIT_FAULT_MISSING, 7, HSM_AUDIT_FAULT_MISSING, 7 },
    { "repeat", repeat, HSM_AUDIT_FAULT_ORDER, 7, HSM_AUDIT_FAULT_ORDER, 7 },
    { "truncate", cut, HSM_AUDIT_FAULT_CUT, 12, HSM_AUDIT_FAULT_NONE, 0 },
    { "truncate in a line", cut_in_a_line, HSM_AUDIT_FAULT_TORN, 12, HSM_AUDIT_FAULT_TORN, 12 },
    { "take the first lines", behead, HSM_AUDIT_FAULT_START, 0, HSM_AUDIT_FAULT_NONE, 0 },
    { "insert", garbage, HSM_AUDIT_FAULT_FORM, 7, HSM_AUDIT_FAULT_FORM, 7 },
    { "rebuild without the key", rebuild, HSM_AUDIT_FAULT_MAC, 0, HSM_AUDIT_FAULT_LINK,
      ENTRIES - 1 },
};

static void make_checkpointed(audit_env *env, hsm_buf *content)
{
    hsm_audit_log *log = NULL;

    env_make(env);
    log = env_open(env);
    REQUIRE_THAT(log != NULL);
    env_append(log, ENTRIES);
    CHECK_OK(hsm_audit_checkpoint(log));
    hsm_audit_close(log);
    env_read(env, content);
}

static void tampering_is_named(void)
{
    HSM_AUTO(hsm_buf_clear) hsm_buf content = { 0 };
    audit_env env;

    make_checkpointed(&env, &content);
    for (size_t i = 0; i < HSM_ARRAY_LEN(changes); i++) {
        HSM_AUTO(hsm_buf_clear) hsm_buf changed = { 0 };

        CASE(changes[i].label);
        changes[i].apply(&content, &changed);
        env_write(&env, hsm_buf_view(&changed));
        const hsm_audit_verdict keyed = env_verify(&env, true);
        CHECK_STR(hsm_audit_fault_name(keyed.fault), hsm_audit_fault_name(changes[i].keyed));
        CHECK_EQ(keyed.bad_index, changes[i].keyed_index);
        const hsm_audit_verdict copy = env_verify_public(&env);
        CHECK_STR(hsm_audit_fault_name(copy.fault), hsm_audit_fault_name(changes[i].public_only));
        CHECK_EQ(copy.bad_index, changes[i].public_index);
        if (keyed.fault == HSM_AUDIT_FAULT_MAC && i > 0)
            CHECK_STR(keyed.bad_file, "audit.jsonl");
    }
    env_clear(&env);
}

static void verdict_counts(void)
{
    HSM_AUTO(hsm_buf_clear) hsm_buf content = { 0 };
    audit_env env;

    make_checkpointed(&env, &content);
    env_fill(&env, 3);
    const hsm_audit_verdict verdict = env_verify(&env, true);
    CHECK_EQ(verdict.fault, HSM_AUDIT_FAULT_NONE);
    CHECK_EQ(verdict.entries, ENTRIES + 1 + 3);
    CHECK_EQ(verdict.checkpoints, 1);
    CHECK_EQ(verdict.proven, ENTRIES + 1);
    CHECK_EQ(verdict.first_index, 0);
    CHECK_THAT(verdict.first_timestamp < verdict.last_timestamp);
    CHECK_THAT(verdict.is_keyed && verdict.is_signed && verdict.has_head);
    env_clear(&env);
}

static void other_keys_are_refused(void)
{
    HSM_AUTO(hsm_buf_clear) hsm_buf content = { 0 };
    audit_env env;
    audit_env other;

    make_checkpointed(&env, &content);
    env_make(&other);
    env_fill(&other, 1);
    env_write(&other, hsm_buf_view(&content));
    const hsm_audit_verdict copy = env_verify_public(&other);
    CHECK_EQ(copy.fault, HSM_AUDIT_FAULT_SIGNATURE);
    CHECK_EQ(copy.bad_index, ENTRIES);
    env_clear(&env);
    env_clear(&other);
}

static void one_entry_is_proven(void)
{
    HSM_AUTO(hsm_buf_clear) hsm_buf content = { 0 };
    audit_env env;

    make_checkpointed(&env, &content);
    const hsm_signer_public keys = env_public(&env);
    for (uint64_t index = 0; index < ENTRIES; index++) {
        HSM_AUTO(hsm_audit_reader_drop) hsm_audit_reader *reader = NULL;
        HSM_AUTO(hsm_buf_clear) hsm_buf proof = { 0 };
        HSM_AUTO(hsm_buf_clear) hsm_buf line = { 0 };

        REQUIRE_OK(hsm_audit_reader_open(env.path, false, &reader));
        REQUIRE_OK(hsm_audit_prove(env.crypto, reader, index, &proof));
        CHECK_OK(hsm_audit_check_proof(env.crypto, hsm_buf_view(&proof), &keys, &line));
        const hsm_bytes want = env_line(&content, (unsigned)index);
        CHECK_BYTES(line.data, line.len, want.data, want.len);
        uint8_t *found = memmem(proof.data, proof.len, "256", 3);
        REQUIRE_THAT(found != NULL);
        *found = '3';
        CHECK_ERR(hsm_audit_check_proof(env.crypto, hsm_buf_view(&proof), &keys, &line),
                  HSM_E_SIGNATURE);
    }
    env_clear(&env);
}

static void what_is_not_covered_is_not_proven(void)
{
    HSM_AUTO(hsm_audit_reader_drop) hsm_audit_reader *reader = NULL;
    HSM_AUTO(hsm_audit_reader_drop) hsm_audit_reader *again = NULL;
    HSM_AUTO(hsm_buf_clear) hsm_buf proof = { 0 };
    HSM_AUTO(hsm_buf_clear) hsm_buf line = { 0 };
    audit_env env;

    env_make(&env);
    env_fill(&env, 3);
    const hsm_signer_public keys = env_public(&env);
    REQUIRE_OK(hsm_audit_reader_open(env.path, false, &reader));
    CHECK_ERR(hsm_audit_prove(env.crypto, reader, 1, &proof), HSM_E_NO_EVENT);
    REQUIRE_OK(hsm_audit_reader_open(env.path, false, &again));
    CHECK_ERR(hsm_audit_prove(env.crypto, again, 3, &proof), HSM_E_STORE_NOT_FOUND);
    CHECK_ERR(hsm_audit_check_proof(env.crypto, hsm_bytes_of_text("{}"), &keys, &line), HSM_E_DATA);
    env_clear(&env);
}

static const check_test tests[] = {
    CHECK_TEST(tampering_is_named),
    CHECK_TEST(verdict_counts),
    CHECK_TEST(other_keys_are_refused),
    CHECK_TEST(one_entry_is_proven),
    CHECK_TEST(what_is_not_covered_is_not_proven),
};
CHECK_MAIN(tests)
