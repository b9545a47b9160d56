/* Making lines, and following a chain of them.
 * SPDX-License-Identifier: Apache-2.0 */
#include "audit/line.h"

#include "audit/event.h"
#include "base/base64.h"
#include "base/ct.h"

#define MAC_HEAD ",\"hmac\":\""
#define MESSAGE_MAX_BYTES 512u

hsm_err hsm_chain_init(hsm_chain *chain, hsm_crypto *crypto, hsm_bytes mac_key)
{
    hsm_chain made = { 0 };

    hsm_err err = hsm_sha256_create(crypto, &made.sha);
    if (err == HSM_OK && mac_key.len > 0)
        err = hsm_hmac_create(crypto, mac_key, &made.mac);
    if (err != HSM_OK) {
        hsm_chain_clear(&made);
        return err;
    }
    *chain = made;
    return HSM_OK;
}

void hsm_chain_clear(hsm_chain *chain)
{
    hsm_hmac_destroy(chain->mac);
    hsm_sha256_destroy(chain->sha);
    *chain = (hsm_chain){ 0 };
}

/* --- making ----------------------------------------------------------------------------------- */

static void put_front(hsm_text *out, const hsm_chain_state *state, uint64_t timestamp)
{
    hsm_text_puts(out, "{\"timestamp\":");
    hsm_text_u64(out, timestamp);
    hsm_text_puts(out, ",\"index\":");
    hsm_text_u64(out, state->count);
    hsm_text_puts(out, ",");
}

static void put_back(hsm_text *out, const hsm_chain_state *state, const hsm_line_stamp *stamp)
{
    hsm_text_puts(out, ",\"pid\":");
    hsm_text_u64(out, stamp->pid);
    hsm_text_puts(out, ",\"uid\":");
    hsm_text_u64(out, stamp->uid);
    hsm_text_puts(out, ",\"previous_hash\":\"");
    hsm_text_hex(out, hsm_bytes_of(state->link, sizeof state->link));
    hsm_text_puts(out, "\"");
}

/* Ends the line that begins at `start` with its MAC. The link is of the line without line feed. */
static hsm_err finish(hsm_chain *chain, size_t start, hsm_text *out)
{
    uint8_t mac[HSM_SHA256_BYTES];
    const hsm_bytes maced = hsm_bytes_of(out->data + start, out->len - start);

    HSM_CHECK(!out->is_failed, HSM_E_LIMIT);
    HSM_TRY(hsm_hmac_compute(chain->mac, &maced, 1, mac));
    hsm_text_puts(out, MAC_HEAD);
    hsm_text_hex(out, hsm_bytes_of(mac, sizeof mac));
    hsm_text_puts(out, "\"}");
    const hsm_bytes line = hsm_bytes_of(out->data + start, out->len - start);
    HSM_TRY(hsm_sha256_compute(chain->sha, &line, 1, chain->link));
    hsm_text_puts(out, "\n");
    HSM_CHECK(!out->is_failed && out->len - start <= HSM_LINE_MAX_BYTES, HSM_E_LIMIT);
    return HSM_OK;
}

/* The line, without moving the state; out is as before on an error. */
static hsm_err put_line(hsm_chain *chain, const hsm_chain_state *state, const hsm_line_stamp *stamp,
                        hsm_bytes members, hsm_text *out)
{
    const hsm_text before = *out;

    put_front(out, state, stamp->now_ns);
    hsm_text_put(out, members);
    put_back(out, state, stamp);
    const hsm_err err = finish(chain, before.len, out);
    if (err != HSM_OK)
        *out = before;
    return err;
}

/* The stamp with a time later than that of the last entry, whatever the clock says. */
static hsm_line_stamp stamp_after(const hsm_chain_state *state, const hsm_line_stamp *stamp)
{
    hsm_line_stamp later = *stamp;

    if (later.now_ns <= state->timestamp)
        later.now_ns = state->timestamp + 1;
    return later;
}

static void move_on(const hsm_chain *chain, hsm_chain_state *state, uint64_t timestamp)
{
    state->count++;
    state->timestamp = timestamp;
    memcpy(state->link, chain->link, sizeof state->link);
}

hsm_err hsm_line_append(hsm_chain *chain, hsm_chain_state *state, const hsm_line_stamp *stamp,
                        hsm_bytes members, hsm_text *out)
{
    const hsm_line_stamp at = stamp_after(state, stamp);
    const hsm_text before = *out;

    HSM_TRY(put_line(chain, state, &at, members, out));
    const hsm_err err = hsm_tree_add(&state->tree, chain->sha, chain->link);
    if (err != HSM_OK) {
        *out = before;
        return err;
    }
    move_on(chain, state, at.now_ns);
    return HSM_OK;
}

/* --- checkpoints ------------------------------------------------------------------------------ */

/* What the signatures are over. */
static hsm_bytes message_of(const hsm_checkpoint *checkpoint, char room[MESSAGE_MAX_BYTES])
{
    hsm_text text = hsm_text_of(room, MESSAGE_MAX_BYTES);

    hsm_text_puts(&text, "craton-hsm audit checkpoint 1\n");
    hsm_text_hex(&text, hsm_bytes_of(checkpoint->log_id, sizeof checkpoint->log_id));
    hsm_text_puts(&text, "\n");
    hsm_text_u64(&text, checkpoint->first);
    hsm_text_puts(&text, "\n");
    hsm_text_u64(&text, checkpoint->covered);
    hsm_text_puts(&text, "\n");
    hsm_text_hex(&text, hsm_bytes_of(checkpoint->root, sizeof checkpoint->root));
    hsm_text_puts(&text, "\n");
    hsm_text_hex(&text, hsm_bytes_of(checkpoint->previous, sizeof checkpoint->previous));
    hsm_text_puts(&text, "\n");
    return hsm_text_view(&text);
}

static void put_base64(hsm_text *text, const char *name, hsm_bytes value)
{
    char encoded[HSM_BASE64_CHARS(HSM_ML_DSA_65_SIGNATURE_BYTES)];

    hsm_base64_encode(value, encoded);
    hsm_text_puts(text, name);
    hsm_text_put(text, hsm_bytes_of(encoded, HSM_BASE64_CHARS(value.len)));
    hsm_text_puts(text, "\"");
}

static void put_checkpoint(hsm_text *text, const hsm_checkpoint *checkpoint)
{
    hsm_text_puts(text, "\"operation\":\"checkpoint\",\"result\":\"success\",\"log_id\":\"");
    hsm_text_hex(text, hsm_bytes_of(checkpoint->log_id, sizeof checkpoint->log_id));
    hsm_text_puts(text, "\",\"first\":");
    hsm_text_u64(text, checkpoint->first);
    hsm_text_puts(text, ",\"covered\":");
    hsm_text_u64(text, checkpoint->covered);
    hsm_text_puts(text, ",\"root\":\"");
    hsm_text_hex(text, hsm_bytes_of(checkpoint->root, sizeof checkpoint->root));
    put_base64(text, "\",\"ed25519\":\"",
               hsm_bytes_of(checkpoint->signatures.ed25519, HSM_ED25519_SIGNATURE_BYTES));
    put_base64(text, ",\"ml_dsa_65\":\"",
               hsm_bytes_of(checkpoint->signatures.ml_dsa_65, HSM_ML_DSA_65_SIGNATURE_BYTES));
}

hsm_err hsm_line_append_checkpoint(hsm_chain *chain, hsm_chain_state *state,
                                   const hsm_line_stamp *stamp, hsm_text *out)
{
    hsm_checkpoint checkpoint = { .first = state->interval_first, .covered = state->tree.count };
    const hsm_line_stamp at = stamp_after(state, stamp);
    char members[HSM_LINE_MAX_BYTES - HSM_LINE_FRAME_BYTES];
    char message[MESSAGE_MAX_BYTES];
    hsm_text text = hsm_text_of(members, sizeof members);

    memcpy(checkpoint.log_id, chain->log_id, sizeof checkpoint.log_id);
    memcpy(checkpoint.previous, state->link, sizeof checkpoint.previous);
    HSM_TRY(hsm_tree_root(&state->tree, chain->sha, checkpoint.root));
    HSM_TRY(
        hsm_signer_sign(chain->signer, message_of(&checkpoint, message), &checkpoint.signatures));
    put_checkpoint(&text, &checkpoint);
    HSM_TRY(put_line(chain, state, &at, hsm_text_view(&text), out));
    move_on(chain, state, at.now_ns);
    state->interval_first = state->count;
    state->tree.count = 0;
    return HSM_OK;
}

hsm_err hsm_checkpoint_verify(hsm_crypto *crypto, const hsm_checkpoint *checkpoint,
                              const hsm_signer_public *keys)
{
    char message[MESSAGE_MAX_BYTES];

    return hsm_signer_verify(crypto, keys, message_of(checkpoint, message),
                             &checkpoint->signatures);
}

/* --- following -------------------------------------------------------------------------------- */

hsm_err hsm_line_link(hsm_chain *chain, const hsm_line *line, uint8_t out_link[HSM_LINK_BYTES])
{
    return hsm_sha256_compute(chain->sha, &line->whole, 1, out_link);
}

hsm_err hsm_line_check_mac(hsm_chain *chain, const hsm_line *line)
{
    uint8_t mac[HSM_SHA256_BYTES];

    HSM_TRY(hsm_hmac_compute(chain->mac, &line->maced, 1, mac));
    HSM_CHECK(hsm_ct_equal(hsm_bytes_of(mac, sizeof mac), hsm_bytes_of(line->mac, sizeof mac)),
              HSM_E_SIGNATURE);
    return HSM_OK;
}

hsm_err hsm_line_follow(hsm_chain *chain, hsm_chain_state *state, const hsm_line *line,
                        const uint8_t link[HSM_LINK_BYTES])
{
    if (line->is_checkpoint) {
        state->interval_first = line->index + 1;
        state->tree.count = 0;
    } else {
        HSM_TRY(hsm_tree_add(&state->tree, chain->sha, link));
    }
    state->count = line->index + 1;
    state->timestamp = line->timestamp;
    memcpy(state->link, link, HSM_LINK_BYTES);
    return HSM_OK;
}
