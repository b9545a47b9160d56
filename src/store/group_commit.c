/* SPDX-License-Identifier: Apache-2.0 */
#include "store/group_commit.h"

#include <stdlib.h>

#include "os/combiner.h"

struct hsm_group_commit {
    hsm_meter meter; /* of hsm_group_commit_write() */
    hsm_storage storage;
    hsm_combiner combiner; /* of hsm_batch */
};

/* The combiner's write(). */
static void commit(void *arg, void *const *items, size_t count)
{
    hsm_group_commit *group = arg;
    HSM_UNINITIALIZED hsm_batch *batches[HSM_GROUP_BATCHES_MAX];

    for (size_t i = 0; i < count; i++)
        batches[i] = items[i];
    group->storage.driver->commit(group->storage.state, batches, count);
}

/* The combiner's tidy(). */
static void maintain(void *arg)
{
    hsm_group_commit *group = arg;

    group->storage.driver->maintain(group->storage.state);
}

hsm_err hsm_group_commit_create(const hsm_storage *storage, hsm_group_commit **out_group)
{
    hsm_group_commit *group = calloc(1, sizeof *group);
    const hsm_combiner_options options = {
        .write = commit,
        .tidy = storage->driver->maintain != NULL ? maintain : NULL,
        .arg = group,
        .count_max = HSM_GROUP_BATCHES_MAX,
        .bytes_max = HSM_GROUP_BYTES_MAX,
        .is_gathering = true,
    };

    HSM_CHECK(group != NULL, HSM_E_NO_MEMORY);
    group->storage = *storage;
    hsm_combiner_init(&group->combiner, &options);
    *out_group = group;
    return HSM_OK;
}

void hsm_group_commit_destroy(hsm_group_commit *group)
{
    if (group == NULL)
        return;
    hsm_combiner_clear(&group->combiner);
    free(group);
}

hsm_err hsm_group_commit_start_clerk(hsm_group_commit *group)
{
    return hsm_combiner_start_clerk(&group->combiner);
}

static size_t batch_bytes(const hsm_batch *batch)
{
    size_t bytes = batch->token != NULL ? batch->token->record.len : 0;

    for (size_t i = 0; i < batch->put_count; i++)
        bytes += batch->puts[i].record.len;
    return bytes;
}

hsm_err hsm_group_commit_write(hsm_group_commit *group, hsm_batch *batch)
{
    const uint64_t begun_ns = hsm_meter_begin(&group->meter);

    hsm_combiner_submit(&group->combiner, batch, batch_bytes(batch));
    hsm_meter_end(&group->meter, begun_ns);
    return batch->err;
}

hsm_meter *hsm_group_commit_meter(hsm_group_commit *group)
{
    return &group->meter;
}

size_t hsm_group_commit_waiting(hsm_group_commit *group)
{
    return hsm_combiner_waiting(&group->combiner);
}
