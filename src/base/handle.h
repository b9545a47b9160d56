/* Handles with generations: a stale handle never resolves to a newer item.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_BASE_HANDLE_H
#define HSM_BASE_HANDLE_H

#include "base/bytes.h"
#include "base/ck.h"
#include "base/scope.h"

/* Never a valid handle (CK_INVALID_HANDLE). */
#define HSM_HANDLE_NONE 0UL

/* Maps handles to items (pointers the caller owns). Grows in chunks that never move, so that
 * look-ups take no lock. Handles fit in 32 bits' index and generation even where CK_ULONG has
 * 32 bits (20 bits index, 12 bits generation); with 64 bits the generation has 32 or more. */
typedef struct hsm_handle_table hsm_handle_table;

/* in      max_items  1 .. 1,048,575 on 32-bit CK_ULONG, else 1 .. 16,777,215
 * errors  HSM_E_ARG, HSM_E_NO_MEMORY */
HSM_MUST_USE hsm_err hsm_handle_table_create(size_t max_items, hsm_handle_table **out_table);
/* Frees the table, not the items; NULL is allowed. */
void hsm_handle_table_destroy(hsm_handle_table *table);
HSM_DEFINE_DROP(hsm_handle_table)

/* Gives `item` (not NULL) a new handle; O(1), no slower with many items.
 * errors  HSM_E_LIMIT (max_items reached), HSM_E_NO_MEMORY
 * thread  takes the table's own lock */
HSM_MUST_USE hsm_err hsm_handle_add(hsm_handle_table *table, void *item, CK_ULONG *out_handle);
/* The same for a table that only one thread at a time changes: takes no lock. */
HSM_MUST_USE hsm_err hsm_handle_add_alone(hsm_handle_table *table, void *item,
                                          CK_ULONG *out_handle);

/* The item of a handle, or NULL if the handle is unknown, stale or HSM_HANDLE_NONE.
 * thread  lock-free and wait-free, at any time. The item may be removed a moment later: its memory
 *         must stay valid (pool it), and the caller checks under the item's own lock that the
 *         handle is still its own. */
void *hsm_handle_get(const hsm_handle_table *table, CK_ULONG handle);

/* Removes a handle and returns its item, or NULL if it was not valid. O(1). */
void *hsm_handle_remove(hsm_handle_table *table, CK_ULONG handle);
/* The same without a lock, as hsm_handle_add_alone(). */
void *hsm_handle_remove_alone(hsm_handle_table *table, CK_ULONG handle);

/* Handles in use. */
size_t hsm_handle_count(const hsm_handle_table *table);

/* Calls visit for each (handle, item) until it returns false.
 * thread  takes the table's lock while it walks: visit may not call back into the table */
void hsm_handle_each(hsm_handle_table *table, bool (*visit)(CK_ULONG handle, void *item, void *arg),
                     void *arg);

#endif
