/* Concurrent writers share commits: one of them leads, takes all batches that wait, and has them made
 * durable with one sync; the others wait for its answer (os/combiner.h). No thread of our own, unless
 * somebody asks for a clerk.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_STORE_GROUP_COMMIT_H
#define HSM_STORE_GROUP_COMMIT_H

#include "os/meter.h"
#include "store/driver.h"

/* Batches and bytes of records that one commit takes, at most (and at least one batch). */
#define HSM_GROUP_BATCHES_MAX 64u
#define HSM_GROUP_BYTES_MAX (8u * 1024u * 1024u)

typedef struct hsm_group_commit hsm_group_commit;

/* storage: borrowed; must outlive the group. */
HSM_MUST_USE hsm_err hsm_group_commit_create(const hsm_storage *storage,
                                             hsm_group_commit **out_group);
/* Nobody is writing any more; NULL is allowed. */
void hsm_group_commit_destroy(hsm_group_commit *group);
HSM_DEFINE_DROP(hsm_group_commit)
/* Starts a thread that commits in the stead of threads of lower priority than the caller's
 * (os/combiner.h). Before the first write; once is enough; destroying ends it.
 * errors  HSM_E_NO_MEMORY */
HSM_MUST_USE hsm_err hsm_group_commit_start_clerk(hsm_group_commit *group);

/* Makes a batch durable; its answer is also in batch->err. Everything in it stays the caller's.
 * thread  any; waits for its turn */
HSM_MUST_USE hsm_err hsm_group_commit_write(hsm_group_commit *group, hsm_batch *batch);
/* Of those calls; lives as long as the group. */
hsm_meter *hsm_group_commit_meter(hsm_group_commit *group);
/* Batches in the queue now. */
size_t hsm_group_commit_waiting(hsm_group_commit *group);

#endif
