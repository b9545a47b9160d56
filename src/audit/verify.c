/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/verify.h"

#include <stdlib.h>

/* How many lines pass between two looks at whether to stop. */
#define LINES_PER_LOOK 4096u

struct hsm_audit_verifier {
    hsm_crypto *crypto;
    hsm_chain chain;
    bool has_public_keys;
    hsm_signer_public public_keys;
    hsm_audit_verdict verdict;
    hsm_chain_state state;
    bool has_any;
    bool has_loss; /* since the last checkpoint: its tree may begin later than the interval */
    bool has_log_id;
    uint8_t log_id[HSM_LOG_ID_BYTES];
    /* The place of the entry before: a link that does not fit is that entry's. */
    hsm_audit_place before;
};

static const struct {
    const char *name;
    const char *text;
} faults[HSM_AUDIT_FAULT_COUNT] = {
    [HSM_AUDIT_FAULT_NONE] = { "none", "nothing is wrong" },
    [HSM_AUDIT_FAULT_FORM] = { "form", "the line is not an entry of this log" },
    [HSM_AUDIT_FAULT_TORN] = { "torn", "the file ends within the entry" },
    [HSM_AUDIT_FAULT_MISSING] = { "missing", "the entry is missing" },
    [HSM_AUDIT_FAULT_ORDER] = { "order", "an entry of that number was there before" },
    [HSM_AUDIT_FAULT_MAC] = { "mac", "the entry was changed, or written without the device's key" },
    [HSM_AUDIT_FAULT_LINK] = { "link",
                               "the entry is not the one that its successor was chained to" },
    [HSM_AUDIT_FAULT_TIME] = { "time", "the entry is not later than the one before it" },
    [HSM_AUDIT_FAULT_CHECKPOINT] = { "checkpoint",
                                     "the checkpoint does not fit the entries it covers" },
    [HSM_AUDIT_FAULT_SIGNATURE] = { "signature", "the checkpoint is not signed by these keys" },
    [HSM_AUDIT_FAULT_LOG_ID] = { "log_id", "the checkpoint belongs to another log" },
    [HSM_AUDIT_FAULT_CUT] = { "cut", "the log ends before the entry, of which the head knows" },
    [HSM_AUDIT_FAULT_HEAD] = { "head", "the head knows another entry in that place" },
    [HSM_AUDIT_FAULT_START] = { "start",
                                "the oldest file does not begin with the entry, as the head "
                                "says it does" },
};

const char *hsm_audit_fault_text(hsm_audit_fault fault)
{
    return faults[fault].text;
}

const char *hsm_audit_fault_name(hsm_audit_fault fault)
{
    return faults[fault].name;
}

hsm_err hsm_audit_verifier_create(hsm_crypto *crypto, hsm_bytes mac_key,
                                  const hsm_signer_public *public_keys,
                                  hsm_audit_verifier **out_verifier)
{
    HSM_AUTO(hsm_audit_verifier_drop) hsm_audit_verifier *verifier = calloc(1, sizeof *verifier);

    HSM_CHECK(verifier != NULL, HSM_E_NO_MEMORY);
    verifier->crypto = crypto;
    HSM_TRY(hsm_chain_init(&verifier->chain, crypto, mac_key));
    verifier->verdict.is_keyed = mac_key.len > 0;
    if (public_keys != NULL) {
        verifier->public_keys = *public_keys;
        verifier->has_public_keys = true;
        verifier->verdict.is_signed = true;
    }
    *out_verifier = HSM_MOVE(verifier);
    return HSM_OK;
}

void hsm_audit_verifier_destroy(hsm_audit_verifier *verifier)
{
    if (verifier == NULL)
        return;
    hsm_chain_clear(&verifier->chain);
    free(verifier);
}

static void blame(hsm_audit_verifier *verifier, hsm_audit_fault fault, uint64_t index,
                  const hsm_audit_place *place)
{
    hsm_audit_verdict *verdict = &verifier->verdict;

    verdict->fault = fault;
    verdict->bad_index = index;
    if (place == NULL || place->file == NULL)
        return;
    const char *slash = strrchr(place->file, '/');
    const char *name = slash == NULL ? place->file : slash + 1;
    const size_t len = strnlen(name, sizeof verdict->bad_file - 1);
    memcpy(verdict->bad_file, name, len);
    verdict->bad_line = place->line;
}

/* --- checkpoints ------------------------------------------------------------------------------ */

static hsm_err check_signatures(hsm_audit_verifier *verifier, const hsm_checkpoint *checkpoint,
                                hsm_audit_fault *out_fault)
{
    const hsm_err err = hsm_checkpoint_verify(verifier->crypto, checkpoint, &verifier->public_keys);

    HSM_CHECK(err == HSM_OK || err == HSM_E_SIGNATURE || err == HSM_E_SIGNATURE_LEN, err);
    if (err != HSM_OK)
        *out_fault = HSM_AUDIT_FAULT_SIGNATURE;
    return HSM_OK;
}

/* Whether the checkpoint is over exactly the entries that were read since the last one. */
static hsm_err check_tree(hsm_audit_verifier *verifier, const hsm_checkpoint *checkpoint,
                          hsm_audit_fault *out_fault)
{
    const hsm_chain_state *state = &verifier->state;
    uint8_t root[HSM_LINK_BYTES];

    if (verifier->has_loss || checkpoint->first < verifier->verdict.first_index)
        return HSM_OK; /* the chain that the signatures are over has to do */
    if (state->tree.count != checkpoint->covered || state->interval_first != checkpoint->first) {
        *out_fault = HSM_AUDIT_FAULT_CHECKPOINT;
        return HSM_OK;
    }
    HSM_TRY(hsm_tree_root(&state->tree, verifier->chain.sha, root));
    if (!hsm_bytes_equal(hsm_bytes_of(root, sizeof root),
                         hsm_bytes_of(checkpoint->root, sizeof root)))
        *out_fault = HSM_AUDIT_FAULT_CHECKPOINT;
    return HSM_OK;
}

static hsm_err judge_checkpoint(hsm_audit_verifier *verifier, const hsm_line *line,
                                hsm_audit_fault *out_fault)
{
    hsm_checkpoint checkpoint;

    if (hsm_checkpoint_parse(line, &checkpoint) != HSM_OK ||
        checkpoint.first + checkpoint.covered != line->index) {
        *out_fault = HSM_AUDIT_FAULT_CHECKPOINT;
        return HSM_OK;
    }
    if (verifier->has_log_id &&
        !hsm_bytes_equal(hsm_bytes_of(verifier->log_id, sizeof checkpoint.log_id),
                         hsm_bytes_of(checkpoint.log_id, sizeof checkpoint.log_id))) {
        *out_fault = HSM_AUDIT_FAULT_LOG_ID;
        return HSM_OK;
    }
    memcpy(verifier->log_id, checkpoint.log_id, sizeof checkpoint.log_id);
    verifier->has_log_id = true;
    HSM_TRY(check_tree(verifier, &checkpoint, out_fault));
    if (*out_fault == HSM_AUDIT_FAULT_NONE && verifier->has_public_keys)
        HSM_TRY(check_signatures(verifier, &checkpoint, out_fault));
    return HSM_OK;
}

/* --- entries ---------------------------------------------------------------------------------- */

static void start_at(hsm_audit_verifier *verifier, const hsm_line *line)
{
    hsm_chain_state *state = &verifier->state;

    verifier->has_any = true;
    verifier->verdict.first_index = line->index;
    verifier->verdict.first_timestamp = line->timestamp;
    state->count = line->index;
    state->interval_first = line->index;
    if (line->index > 0) { /* the first one's previous_hash is fixed */
        memcpy(state->link, line->previous, sizeof state->link);
        state->timestamp = line->timestamp - 1;
    }
}

/* What is wrong with a line as such and in its place. */
static hsm_audit_fault judge(hsm_audit_verifier *verifier, const hsm_line *line)
{
    const hsm_chain_state *state = &verifier->state;

    if (verifier->chain.mac != NULL && hsm_line_check_mac(&verifier->chain, line) != HSM_OK)
        return HSM_AUDIT_FAULT_MAC;
    if (line->index > state->count)
        return HSM_AUDIT_FAULT_MISSING;
    if (line->index < state->count)
        return HSM_AUDIT_FAULT_ORDER;
    if (!hsm_bytes_equal(hsm_bytes_of(line->previous, sizeof state->link),
                         hsm_bytes_of(state->link, sizeof state->link)))
        return HSM_AUDIT_FAULT_LINK;
    return line->timestamp > state->timestamp ? HSM_AUDIT_FAULT_NONE : HSM_AUDIT_FAULT_TIME;
}

static void blame_line(hsm_audit_verifier *verifier, hsm_audit_fault fault, const hsm_line *line,
                       const hsm_audit_place *place)
{
    const uint64_t expected = verifier->state.count;

    if (fault == HSM_AUDIT_FAULT_MISSING)
        blame(verifier, fault, expected, place);
    else if (fault == HSM_AUDIT_FAULT_LINK && expected > verifier->verdict.first_index)
        blame(verifier, fault, expected - 1, &verifier->before);
    else
        blame(verifier, fault, line->index, place);
}

/* An entry that tells of a loss begins a new interval: the tree before it is gone. */
static void note_loss(hsm_audit_verifier *verifier, const hsm_line *line)
{
    static const char recover[] = "\"operation\":\"recover\",";
    static const char loss[] = ",\"detail\":\"unsynced: ";
    const hsm_bytes members = line->members;

    if (members.len >= sizeof recover - 1 &&
        hsm_bytes_equal(hsm_bytes_of(members.data, sizeof recover - 1),
                        hsm_bytes_of(recover, sizeof recover - 1)) &&
        memmem(members.data, members.len, loss, sizeof loss - 1) != NULL)
        verifier->has_loss = true;
}

static hsm_err accept(hsm_audit_verifier *verifier, const hsm_line *line,
                      const hsm_audit_place *place)
{
    hsm_audit_verdict *verdict = &verifier->verdict;
    uint8_t link[HSM_LINK_BYTES];

    HSM_TRY(hsm_line_link(&verifier->chain, line, link));
    HSM_TRY(hsm_line_follow(&verifier->chain, &verifier->state, line, link));
    verdict->entries++;
    verdict->last_timestamp = line->timestamp;
    verifier->before = *place;
    if (!line->is_checkpoint) {
        note_loss(verifier, line);
        return HSM_OK;
    }
    verifier->has_loss = false;
    verdict->checkpoints++;
    verdict->proven = verdict->entries;
    return HSM_OK;
}

hsm_err hsm_audit_verifier_line(hsm_audit_verifier *verifier, hsm_bytes text,
                                const hsm_audit_place *place, bool is_whole)
{
    hsm_line line;

    if (verifier->verdict.fault != HSM_AUDIT_FAULT_NONE)
        return HSM_OK;
    if (!is_whole || hsm_line_parse(text, &line) != HSM_OK) {
        blame(verifier, is_whole ? HSM_AUDIT_FAULT_FORM : HSM_AUDIT_FAULT_TORN,
              verifier->state.count, place);
        return HSM_OK;
    }
    if (!verifier->has_any)
        start_at(verifier, &line);
    hsm_audit_fault fault = judge(verifier, &line);
    if (fault == HSM_AUDIT_FAULT_NONE && line.is_checkpoint)
        HSM_TRY(judge_checkpoint(verifier, &line, &fault));
    if (fault != HSM_AUDIT_FAULT_NONE) {
        blame_line(verifier, fault, &line, place);
        return HSM_OK;
    }
    return accept(verifier, &line, place);
}

hsm_err hsm_audit_verifier_run(hsm_audit_verifier *verifier, hsm_audit_reader *reader,
                               bool (*stop)(void *arg, uint64_t done, uint64_t all), void *arg)
{
    for (uint64_t count = 0; verifier->verdict.fault == HSM_AUDIT_FAULT_NONE; count++) {
        hsm_bytes text = hsm_bytes_none();
        hsm_audit_place place = { 0 };
        bool is_whole = true;
        const hsm_err err = hsm_audit_reader_next(reader, &text, &place, &is_whole);

        if (err == HSM_E_NO_EVENT)
            break;
        HSM_CHECK(err == HSM_OK || err == HSM_E_LIMIT, err);
        HSM_TRY(hsm_audit_verifier_line(verifier, text, &place, is_whole));
        if (stop != NULL && count % LINES_PER_LOOK == 0) {
            uint64_t done = 0;
            uint64_t all = 0;

            hsm_audit_reader_progress(reader, &done, &all);
            HSM_CHECK(!stop(arg, done, all), HSM_E_NO_EVENT);
        }
    }
    return HSM_OK;
}

/* The log may have grown since the head was read, but not shrunk, and not begun elsewhere. */
static void compare_with_head(hsm_audit_verifier *verifier, const hsm_head *head)
{
    const hsm_chain_state *state = &verifier->state;
    const uint64_t oldest = head->files > 0 ? head->first[head->files - 1] : 0;

    verifier->verdict.has_head = true;
    if (state->count < head->chain.count)
        blame(verifier, HSM_AUDIT_FAULT_CUT, state->count, NULL);
    else if (verifier->has_any && verifier->verdict.first_index > oldest)
        blame(verifier, HSM_AUDIT_FAULT_START, oldest, NULL);
    else if (state->count == head->chain.count &&
             !hsm_bytes_equal(hsm_bytes_of(state->link, sizeof state->link),
                              hsm_bytes_of(head->chain.link, sizeof state->link)))
        blame(verifier, HSM_AUDIT_FAULT_HEAD, state->count == 0 ? 0 : state->count - 1,
              &verifier->before);
}

void hsm_audit_verifier_end(hsm_audit_verifier *verifier, const hsm_head *head,
                            hsm_audit_verdict *out_verdict)
{
    if (head != NULL && verifier->verdict.fault == HSM_AUDIT_FAULT_NONE)
        compare_with_head(verifier, head);
    *out_verdict = verifier->verdict;
}
