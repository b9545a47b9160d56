/* One line of the log: how it is made and how it is taken apart.
 *
 *     {"timestamp":T,"index":N,MEMBERS,"pid":P,"uid":U,"previous_hash":"...","hmac":"..."}
 *
 * previous_hash is the SHA-256 of the whole line before (without its line feed), 32 zero bytes for the
 * first; hmac is over this line up to and not including ,"hmac". docs/audit-format.md has it all.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_AUDIT_LINE_H
#define HSM_AUDIT_LINE_H

#include "audit/signer.h"
#include "audit/tree.h"
#include "base/text.h"

/* The longest line, with its line feed: a checkpoint with two signatures has room. */
#define HSM_LINE_MAX_BYTES 8192u
/* What a line is longer than its members. */
#define HSM_LINE_FRAME_BYTES 320u
#define HSM_LOG_ID_BYTES 16u

/* Where a chain stands after its last entry. */
typedef struct hsm_chain_state {
    uint64_t count;     /* entries: the next one's index */
    uint64_t timestamp; /* of the last one */
    uint8_t link[HSM_LINK_BYTES];
    uint64_t interval_first; /* index of the tree's first leaf */
    hsm_tree tree;           /* of the entries since the last checkpoint */
} hsm_chain_state;

/* What chaining needs. thread: one at a time */
typedef struct hsm_chain {
    hsm_hmac *mac; /* NULL: only the public parts can be checked */
    hsm_sha256 *sha;
    hsm_signer *signer; /* borrowed; NULL unless checkpoints are to be made */
    uint8_t log_id[HSM_LOG_ID_BYTES];
    uint8_t link[HSM_LINK_BYTES]; /* of the line made last */
} hsm_chain;
/* mac_key: 32 bytes, or empty. signer and log_id are the caller's to set. */
HSM_MUST_USE hsm_err hsm_chain_init(hsm_chain *chain, hsm_crypto *crypto, hsm_bytes mac_key);
void hsm_chain_clear(hsm_chain *chain);

/* Who writes, and when. */
typedef struct hsm_line_stamp {
    uint64_t
        now_ns; /* of the wall clock; the entry's time is later than the one before it anyway */
    uint32_t pid;
    uint32_t uid;
} hsm_line_stamp;

/* Appends the line of an event's members (hsm_audit_event_write()) to out and moves the state.
 * errors  HSM_E_LIMIT (the line is too long, or the tree full), HSM_E_CRYPTO; out and state are then
 *         unchanged */
HSM_MUST_USE hsm_err hsm_line_append(hsm_chain *chain, hsm_chain_state *state,
                                     const hsm_line_stamp *stamp, hsm_bytes members, hsm_text *out);
/* The same for a checkpoint over the entries in the tree (at least one), which it empties. */
HSM_MUST_USE hsm_err hsm_line_append_checkpoint(hsm_chain *chain, hsm_chain_state *state,
                                                const hsm_line_stamp *stamp, hsm_text *out);

/* A line taken apart; spans are borrowed from it. */
typedef struct hsm_line {
    hsm_bytes whole; /* without the line feed */
    hsm_bytes maced; /* what the hmac is over */
    hsm_bytes members;
    uint64_t timestamp;
    uint64_t index;
    bool is_checkpoint;
    uint8_t previous[HSM_LINK_BYTES];
    uint8_t mac[HSM_SHA256_BYTES];
} hsm_line;
/* errors  HSM_E_DATA (not a line of this form) */
HSM_MUST_USE hsm_err hsm_line_parse(hsm_bytes text, hsm_line *out_line);
HSM_MUST_USE hsm_err hsm_line_link(hsm_chain *chain, const hsm_line *line,
                                   uint8_t out_link[HSM_LINK_BYTES]);
/* errors  HSM_E_SIGNATURE (another MAC), HSM_E_CRYPTO */
HSM_MUST_USE hsm_err hsm_line_check_mac(hsm_chain *chain, const hsm_line *line);
/* Moves a state over an entry that was judged good. */
HSM_MUST_USE hsm_err hsm_line_follow(hsm_chain *chain, hsm_chain_state *state, const hsm_line *line,
                                     const uint8_t link[HSM_LINK_BYTES]);

/* What a checkpoint line says. */
typedef struct hsm_checkpoint {
    uint8_t log_id[HSM_LOG_ID_BYTES];
    uint64_t first;
    uint32_t covered; /* entries from first on */
    uint8_t root[HSM_LINK_BYTES];
    uint8_t previous[HSM_LINK_BYTES]; /* the line's previous_hash: signed too */
    hsm_signatures signatures;
} hsm_checkpoint;
/* errors  HSM_E_DATA (not a checkpoint of this form) */
HSM_MUST_USE hsm_err hsm_checkpoint_parse(const hsm_line *line, hsm_checkpoint *out_checkpoint);
/* Whether both signatures are right. errors HSM_E_SIGNATURE, HSM_E_CRYPTO */
HSM_MUST_USE hsm_err hsm_checkpoint_verify(hsm_crypto *crypto, const hsm_checkpoint *checkpoint,
                                           const hsm_signer_public *keys);

/* One member of a line, or of any flat JSON object in our form. */
typedef enum hsm_member_kind {
    HSM_MEMBER_STRING, /* value: without quotes, escapes as they stand */
    HSM_MEMBER_NUMBER,
    HSM_MEMBER_BOOL,
} hsm_member_kind;
typedef struct hsm_member {
    hsm_bytes name;
    hsm_bytes value;
    hsm_member_kind kind;
} hsm_member;
/* Takes the first member off *rest ("name":value, with or without a comma before it); false: there is
 * none, or none of this form. */
bool hsm_member_next(hsm_bytes *rest, hsm_member *out_member);
/* The member of that name; false if there is none. */
bool hsm_member_find(hsm_bytes members, const char *name, hsm_member *out_member);
/* errors  HSM_E_DATA (not a number of that many bits) */
HSM_MUST_USE hsm_err hsm_member_u64(const hsm_member *member, uint64_t *out_value);
/* A string's text with its escapes undone, as UTF-8.
 * errors  HSM_E_DATA (a bad escape), HSM_E_NO_MEMORY */
HSM_MUST_USE hsm_err hsm_member_text(const hsm_member *member, hsm_buf *out_text);
/* Bytes from hexadecimal of exactly that length. errors HSM_E_DATA */
HSM_MUST_USE hsm_err hsm_hex_decode(hsm_bytes text, uint8_t *out, size_t len);

#endif
