/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/tree.h"

static hsm_err node_of(hsm_sha256 *sha, const uint8_t *left, const uint8_t *right, uint8_t *out)
{
    static const uint8_t prefix = 1;
    const hsm_bytes parts[] = { hsm_bytes_of(&prefix, 1), hsm_bytes_of(left, HSM_LINK_BYTES),
                                hsm_bytes_of(right, HSM_LINK_BYTES) };

    return hsm_sha256_compute(sha, parts, HSM_ARRAY_LEN(parts), out);
}

hsm_err hsm_tree_add(hsm_tree *tree, hsm_sha256 *sha, const uint8_t leaf[HSM_LINK_BYTES])
{
    uint8_t hash[HSM_LINK_BYTES];
    unsigned level = 0;

    HSM_CHECK(tree->count < HSM_TREE_LEAVES_MAX, HSM_E_LIMIT);
    memcpy(hash, leaf, sizeof hash);
    for (; (tree->count >> level & 1) != 0; level++)
        HSM_TRY(node_of(sha, tree->level[level], hash, hash));
    memcpy(tree->level[level], hash, sizeof hash);
    tree->count++;
    return HSM_OK;
}

hsm_err hsm_tree_root(const hsm_tree *tree, hsm_sha256 *sha, uint8_t out_root[HSM_LINK_BYTES])
{
    uint8_t hash[HSM_LINK_BYTES];
    bool has_any = false;

    HSM_CHECK(tree->count > 0 && tree->count <= HSM_TREE_LEAVES_MAX, HSM_E_ARG);
    for (unsigned level = 0; level < HSM_TREE_LEVELS; level++) {
        if ((tree->count >> level & 1) == 0)
            continue;
        if (has_any)
            HSM_TRY(node_of(sha, tree->level[level], hash, hash));
        else
            memcpy(hash, tree->level[level], sizeof hash);
        has_any = true;
    }
    memcpy(out_root, hash, sizeof hash);
    return HSM_OK;
}

static hsm_err root_of(hsm_sha256 *sha, const uint8_t *leaves, uint32_t count, uint8_t *out_root)
{
    hsm_tree tree;

    tree.count = 0;
    for (uint32_t i = 0; i < count; i++)
        HSM_TRY(hsm_tree_add(&tree, sha, leaves + (size_t)i * HSM_LINK_BYTES));
    return hsm_tree_root(&tree, sha, out_root);
}

/* The largest power of two below count, which is at least 2. */
static uint32_t split_of(uint32_t count)
{
    uint32_t half = 1;

    while (half * 2 < count)
        half *= 2;
    return half;
}

hsm_err hsm_tree_prove(hsm_sha256 *sha, const uint8_t *leaves, uint32_t count, uint32_t leaf,
                       hsm_tree_path *out_path)
{
    hsm_tree_path path = { .leaf = leaf, .count = count, .len = 0 };
    uint8_t from_top[HSM_TREE_LEVELS][HSM_LINK_BYTES];
    size_t depth = 0;

    HSM_CHECK(leaf < count && count <= HSM_TREE_LEAVES_MAX, HSM_E_ARG);
    while (count > 1) {
        const uint32_t half = split_of(count);
        const uint8_t *right = leaves + (size_t)half * HSM_LINK_BYTES;
        const bool is_left = leaf < half;

        HSM_TRY(is_left ? root_of(sha, right, count - half, from_top[depth])
                        : root_of(sha, leaves, half, from_top[depth]));
        leaves = is_left ? leaves : right;
        leaf = is_left ? leaf : leaf - half;
        count = is_left ? half : count - half;
        depth++;
    }
    for (; path.len < depth; path.len++)
        memcpy(path.hash[path.len], from_top[depth - 1 - path.len], HSM_LINK_BYTES);
    *out_path = path;
    return HSM_OK;
}

/* Which side the neighbour is on at each level, from the bits of the two borders (RFC 9162, 2.1.3.2). */
hsm_err hsm_tree_follow(hsm_sha256 *sha, const hsm_tree_path *path,
                        const uint8_t leaf[HSM_LINK_BYTES], uint8_t out_root[HSM_LINK_BYTES])
{
    uint8_t hash[HSM_LINK_BYTES];
    uint32_t at = path->leaf;
    uint32_t last = path->count - 1;

    HSM_CHECK(path->leaf < path->count && path->count <= HSM_TREE_LEAVES_MAX, HSM_E_DATA);
    HSM_CHECK(path->len <= HSM_TREE_LEVELS, HSM_E_DATA);
    memcpy(hash, leaf, sizeof hash);
    for (size_t i = 0; i < path->len; i++) {
        HSM_CHECK(last > 0, HSM_E_DATA);
        if ((at & 1) != 0 || at == last) {
            HSM_TRY(node_of(sha, path->hash[i], hash, hash));
            while (at != 0 && (at & 1) == 0) { /* levels where this node has no neighbour */
                at >>= 1;
                last >>= 1;
            }
        } else {
            HSM_TRY(node_of(sha, hash, path->hash[i], hash));
        }
        at >>= 1;
        last >>= 1;
    }
    HSM_CHECK(last == 0, HSM_E_DATA);
    memcpy(out_root, hash, sizeof hash);
    return HSM_OK;
}
