/* Concurrent writers share commits: who finds nobody writing leads, takes all batches that wait, and
 * has them made durable with one sync; the others wait for its answer. No thread of our own.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_STORE_GROUP_COMMIT_H
#define HSM_STORE_GROUP_COMMIT_H

#include "os/meter.h"
#include "store/driver.h"

/* Batches and bytes of records that one commit takes, at most (and at least one batch). */
#define HSM_GROUP_BATCHES_MAX 64
#define HSM_GROUP_BYTES_MAX (8u * 1024u * 1024u)

typedef struct hsm_group_commit hsm_group_commit;

/* storage: borrowed; must outlive the group. */
HSM_MUST_USE hsm_err hsm_group_commit_create(const hsm_storage *storage,
                                             hsm_group_commit **out_group);
/* Nobody is writing any more; NULL is allowed. */
void hsm_group_commit_destroy(hsm_group_commit *group);
HSM_DEFINE_DROP(hsm_group_commit)

/* Makes a batch durable; its answer is also in batch->err. Everything in it stays the caller's.
 * thread  any; waits for its turn */
HSM_MUST_USE hsm_err hsm_group_commit_write(hsm_group_commit *group, hsm_batch *batch);
/* Of those calls; lives as long as the group. */
hsm_meter *hsm_group_commit_meter(hsm_group_commit *group);
/* Batches in the queue now. */
size_t hsm_group_commit_waiting(hsm_group_commit *group);

#endif
