/* The Merkle tree of a checkpoint's interval, as RFC 9162, 2.1 builds it: here only its edge is kept, so
 * that it grows without the leaves.
 *
 * A leaf is an entry's link: SHA-256 of its line. A node is SHA-256 of a byte 1 and its two children.
 * Lines begin with a brace, so no leaf is a node.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_AUDIT_TREE_H
#define HSM_AUDIT_TREE_H

#include "crypto/crypto.h"

#define HSM_LINK_BYTES HSM_SHA256_BYTES
/* Leaves a tree can take: 2^20 - 1. */
#define HSM_TREE_LEVELS 20u
#define HSM_TREE_LEAVES_MAX ((1u << HSM_TREE_LEVELS) - 1)

typedef struct hsm_tree {
    uint32_t count; /* leaves; bit n set: level[n] is a whole tree of 2^n of them */
    uint8_t level[HSM_TREE_LEVELS][HSM_LINK_BYTES];
} hsm_tree;

/* errors  HSM_E_LIMIT (full), HSM_E_CRYPTO */
HSM_MUST_USE hsm_err hsm_tree_add(hsm_tree *tree, hsm_sha256 *sha,
                                  const uint8_t leaf[HSM_LINK_BYTES]);
/* Of a tree with at least one leaf. */
HSM_MUST_USE hsm_err hsm_tree_root(const hsm_tree *tree, hsm_sha256 *sha,
                                   uint8_t out_root[HSM_LINK_BYTES]);

/* The hashes that lead from one leaf to the root, lowest first (RFC 9162, 2.1.3). */
typedef struct hsm_tree_path {
    uint32_t leaf;  /* its place, from 0 */
    uint32_t count; /* leaves of the tree */
    size_t len;
    uint8_t hash[HSM_TREE_LEVELS][HSM_LINK_BYTES];
} hsm_tree_path;

/* in      leaves  count * HSM_LINK_BYTES bytes
 * errors  HSM_E_ARG (no such leaf, too many) */
HSM_MUST_USE hsm_err hsm_tree_prove(hsm_sha256 *sha, const uint8_t *leaves, uint32_t count,
                                    uint32_t leaf, hsm_tree_path *out_path);
/* The root that a leaf and its path lead to.
 * errors  HSM_E_DATA (a path that no such tree has) */
HSM_MUST_USE hsm_err hsm_tree_follow(hsm_sha256 *sha, const hsm_tree_path *path,
                                     const uint8_t leaf[HSM_LINK_BYTES],
                                     uint8_t out_root[HSM_LINK_BYTES]);

#endif
