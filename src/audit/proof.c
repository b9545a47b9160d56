/* Proofs that one entry is in a log: the entry, the path to its checkpoint's root, the checkpoint. Who has
 * the public keys needs nothing else of the log.
 * SPDX-License-Identifier: Apache-2.0 */
#include "audit/verify.h"

#define FORMAT_NAME "craton-hsm-audit-proof-1"
#define PATH_CHARS_MAX ((size_t)HSM_TREE_LEVELS * 2 * HSM_LINK_BYTES)
/* Two lines with every character escaped, at most, and the path. */
#define PROOF_MAX_BYTES ((size_t)4 * HSM_LINE_MAX_BYTES + PATH_CHARS_MAX + 512)

/* What is collected on the way to the checkpoint over an entry. */
typedef struct search {
    uint64_t index;
    hsm_buf leaves; /* links of the entries since the last checkpoint */
    uint64_t first; /* index of the first of them */
    hsm_buf entry;  /* the line, once it was met */
} search;

static void search_clear(search *s)
{
    hsm_buf_clear(&s->leaves);
    hsm_buf_clear(&s->entry);
}

static hsm_err note_line(search *s, hsm_chain *chain, const hsm_line *line)
{
    uint8_t link[HSM_LINK_BYTES];

    if (line->is_checkpoint) {
        hsm_buf_reset(&s->leaves);
        s->first = line->index + 1;
        return HSM_OK;
    }
    if (s->leaves.len == 0)
        s->first = line->index;
    HSM_CHECK(line->index == s->first + s->leaves.len / HSM_LINK_BYTES, HSM_E_DATA);
    HSM_CHECK(s->leaves.len / HSM_LINK_BYTES < HSM_TREE_LEAVES_MAX, HSM_E_DATA);
    HSM_TRY(hsm_line_link(chain, line, link));
    HSM_TRY(hsm_buf_append(&s->leaves, hsm_bytes_of(link, sizeof link)));
    return line->index == s->index ? hsm_buf_append(&s->entry, line->whole) : HSM_OK;
}

static void put_proof(hsm_text *out, const search *s, const hsm_tree_path *path,
                      const hsm_line *checkpoint)
{
    hsm_text_puts(out, "{\"format\":\"" FORMAT_NAME "\",\"entry\":");
    hsm_text_json(out, hsm_buf_view(&s->entry), HSM_LINE_MAX_BYTES);
    hsm_text_puts(out, ",\"leaf\":");
    hsm_text_u64(out, path->leaf);
    hsm_text_puts(out, ",\"path\":\"");
    for (size_t i = 0; i < path->len; i++)
        hsm_text_hex(out, hsm_bytes_of(path->hash[i], HSM_LINK_BYTES));
    hsm_text_puts(out, "\",\"checkpoint\":");
    hsm_text_json(out, checkpoint->whole, HSM_LINE_MAX_BYTES);
    hsm_text_puts(out, "}\n");
}

/* The checkpoint over the entry is here. */
static hsm_err build(const search *s, hsm_chain *chain, const hsm_line *line, hsm_buf *out_proof)
{
    const uint32_t count = (uint32_t)(s->leaves.len / HSM_LINK_BYTES);
    hsm_checkpoint checkpoint;
    hsm_tree_path path;

    HSM_TRY(hsm_checkpoint_parse(line, &checkpoint));
    /* After a loss the checkpoint may cover only the later ones of the entries since the last. */
    HSM_CHECK(checkpoint.first >= s->first && checkpoint.first - s->first < count, HSM_E_DATA);
    const uint32_t skipped = (uint32_t)(checkpoint.first - s->first);
    HSM_CHECK(s->index >= checkpoint.first, HSM_E_NO_EVENT);
    HSM_CHECK(count - skipped == checkpoint.covered, HSM_E_DATA);
    HSM_TRY(hsm_tree_prove(chain->sha, s->leaves.data + (size_t)skipped * HSM_LINK_BYTES,
                           checkpoint.covered, (uint32_t)(s->index - checkpoint.first), &path));
    HSM_TRY(hsm_buf_reserve(out_proof, PROOF_MAX_BYTES));
    hsm_text text = hsm_text_of((char *)out_proof->data + out_proof->len, PROOF_MAX_BYTES);
    put_proof(&text, s, &path, line);
    HSM_CHECK(!text.is_failed, HSM_E_LIMIT);
    out_proof->len += text.len;
    return HSM_OK;
}

static hsm_err next_line(hsm_audit_reader *reader, hsm_line *out_line)
{
    hsm_audit_place place;
    hsm_bytes text = hsm_bytes_none();
    bool is_whole = true;

    const hsm_err err = hsm_audit_reader_next(reader, &text, &place, &is_whole);
    HSM_CHECK(err != HSM_E_LIMIT, HSM_E_DATA);
    HSM_TRY(err);
    HSM_CHECK(is_whole, HSM_E_NO_EVENT); /* being written just now */
    return hsm_line_parse(text, out_line);
}

static hsm_err search_log(search *s, hsm_chain *chain, hsm_audit_reader *reader, hsm_buf *out_proof)
{
    hsm_line line;

    for (hsm_err err = HSM_OK; err == HSM_OK;) {
        err = next_line(reader, &line);
        if (err == HSM_E_NO_EVENT)
            break;
        HSM_TRY(err);
        if (line.is_checkpoint && s->entry.len > 0)
            return build(s, chain, &line, out_proof);
        err = note_line(s, chain, &line);
        HSM_TRY(err);
    }
    return s->entry.len > 0 ? HSM_E_NO_EVENT : HSM_E_STORE_NOT_FOUND;
}

static void chain_drop(hsm_chain *chain)
{
    hsm_chain_clear(chain);
}

hsm_err hsm_audit_prove(hsm_crypto *crypto, hsm_audit_reader *reader, uint64_t index,
                        hsm_buf *out_proof)
{
    HSM_AUTO(search_clear) search s = { .index = index };
    HSM_AUTO(chain_drop) hsm_chain chain = { 0 };

    HSM_TRY(hsm_chain_init(&chain, crypto, hsm_bytes_none()));
    return search_log(&s, &chain, reader, out_proof);
}

/* --- checking --------------------------------------------------------------------------------- */

/* A member that holds a line, with its escapes undone. */
static hsm_err find_line(hsm_bytes members, const char *name, hsm_buf *room, hsm_line *out_line)
{
    hsm_member member;

    HSM_CHECK(hsm_member_find(members, name, &member), HSM_E_DATA);
    HSM_CHECK(member.kind == HSM_MEMBER_STRING && member.value.len <= 2 * HSM_LINE_MAX_BYTES,
              HSM_E_DATA);
    HSM_TRY(hsm_member_text(&member, room));
    return hsm_line_parse(hsm_buf_view(room), out_line);
}

static hsm_err find_path(hsm_bytes members, hsm_tree_path *path)
{
    hsm_member member;
    uint64_t leaf = 0;

    HSM_CHECK(hsm_member_find(members, "leaf", &member), HSM_E_DATA);
    HSM_TRY(hsm_member_u64(&member, &leaf));
    HSM_CHECK(leaf < path->count, HSM_E_DATA);
    path->leaf = (uint32_t)leaf;
    HSM_CHECK(hsm_member_find(members, "path", &member) && member.value.len <= PATH_CHARS_MAX &&
                  member.value.len % (2 * (size_t)HSM_LINK_BYTES) == 0,
              HSM_E_DATA);
    path->len = member.value.len / 2 / HSM_LINK_BYTES;
    return hsm_hex_decode(member.value, path->hash[0], path->len * HSM_LINK_BYTES);
}

static hsm_err members_of(hsm_bytes proof, hsm_bytes *out_members)
{
    hsm_member format;

    while (proof.len > 0 && proof.data[proof.len - 1] <= ' ')
        proof.len--;
    HSM_CHECK(proof.len >= 2 && proof.data[0] == '{' && proof.data[proof.len - 1] == '}',
              HSM_E_DATA);
    *out_members = hsm_bytes_of(proof.data + 1, proof.len - 2);
    HSM_CHECK(hsm_member_find(*out_members, "format", &format) &&
                  hsm_bytes_equal(format.value, hsm_bytes_of_text(FORMAT_NAME)),
              HSM_E_DATA);
    return HSM_OK;
}

static hsm_err check_root(hsm_chain *chain, const hsm_line *entry, const hsm_checkpoint *checkpoint,
                          const hsm_tree_path *path)
{
    uint8_t link[HSM_LINK_BYTES];
    uint8_t root[HSM_LINK_BYTES];

    HSM_CHECK(!entry->is_checkpoint && entry->index == checkpoint->first + path->leaf,
              HSM_E_SIGNATURE);
    HSM_TRY(hsm_line_link(chain, entry, link));
    HSM_TRY(hsm_tree_follow(chain->sha, path, link, root));
    HSM_CHECK(hsm_bytes_equal(hsm_bytes_of(root, sizeof root),
                              hsm_bytes_of(checkpoint->root, sizeof root)),
              HSM_E_SIGNATURE);
    return HSM_OK;
}

hsm_err hsm_audit_check_proof(hsm_crypto *crypto, hsm_bytes proof, const hsm_signer_public *keys,
                              hsm_buf *out_line)
{
    HSM_AUTO(chain_drop) hsm_chain chain = { 0 };
    HSM_AUTO(hsm_buf_clear) hsm_buf entry_text = { 0 };
    HSM_AUTO(hsm_buf_clear) hsm_buf checkpoint_text = { 0 };
    hsm_bytes members = hsm_bytes_none();
    hsm_checkpoint checkpoint;
    hsm_tree_path path;
    hsm_line entry;
    hsm_line line;

    HSM_TRY(members_of(proof, &members));
    HSM_TRY(find_line(members, "entry", &entry_text, &entry));
    HSM_TRY(find_line(members, "checkpoint", &checkpoint_text, &line));
    HSM_TRY(hsm_checkpoint_parse(&line, &checkpoint));
    path.count = checkpoint.covered;
    HSM_TRY(find_path(members, &path));
    HSM_TRY(hsm_chain_init(&chain, crypto, hsm_bytes_none()));
    HSM_TRY(check_root(&chain, &entry, &checkpoint, &path));
    HSM_TRY(hsm_checkpoint_verify(crypto, &checkpoint, keys));
    return hsm_buf_append(out_line, entry.whole);
}
