/* Storage that ends with the process (token.persist_objects = false).
 * SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <stdlib.h>

#include "store/driver.h"

#define SLOTS_MAX 256u
#define BUCKETS_MIN 256u
#define GROW_MIN 64u

/* One (row, tag) pair in the hash table of tags; lies in its row. */
typedef struct tag_link {
    struct tag_link *next;
    struct tag_link **here; /* what points to this one */
    const struct row *owner;
    hsm_tag tag;
} tag_link;

typedef struct row {
    uint64_t id;
    uint64_t version;
    bool is_private;
    uint32_t slot;
    hsm_tags tags;
    tag_link links[HSM_TAGS_FINE_MAX];
    size_t record_len;
    uint8_t record[];
} row;

typedef struct memory {
    pthread_rwlock_t lock;
    hsm_change *change;
    row **rows; /* ascending ids */
    size_t row_count;
    size_t row_cap;
    tag_link **buckets;
    size_t bucket_count; /* a power of two */
    hsm_token_row tokens[SLOTS_MAX];
    bool has_token[SLOTS_MAX];
} memory;

/* --- rows ------------------------------------------------------------------------------------- */

/* The place of an id in rows, or where it would be. */
static size_t row_place(const memory *mem, uint64_t id)
{
    size_t low = 0;
    size_t high = mem->row_count;

    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (mem->rows[middle]->id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static row *row_find(const memory *mem, uint32_t slot, uint64_t id)
{
    const size_t place = row_place(mem, id);

    if (place == mem->row_count || mem->rows[place]->id != id || mem->rows[place]->slot != slot)
        return NULL;
    return mem->rows[place];
}

static row *row_make(uint32_t slot, const hsm_batch_put *put)
{
    row *made = malloc(sizeof *made + put->record.len);

    if (made == NULL)
        return NULL;
    made->id = put->id;
    made->version = put->version;
    made->is_private = put->is_private;
    made->slot = slot;
    made->tags = *put->tags;
    for (size_t i = 0; i < made->tags.fine_count; i++)
        made->links[i] = (tag_link){ .owner = made, .tag = made->tags.fine[i] };
    made->record_len = put->record.len;
    memcpy(made->record, put->record.data, put->record.len);
    return made;
}

static bool is_same_tag(const hsm_tag *a, const hsm_tag *b)
{
    return hsm_bytes_equal(hsm_bytes_of(a->bytes, HSM_TAG_BYTES),
                           hsm_bytes_of(b->bytes, HSM_TAG_BYTES));
}

static bool row_has_fine(const row *in, const hsm_tag *tag)
{
    for (size_t i = 0; i < in->tags.fine_count; i++) {
        if (is_same_tag(&in->tags.fine[i], tag))
            return true;
    }
    return false;
}

static bool row_has_all(const row *in, const hsm_tags *wanted)
{
    for (size_t i = 0; i < HSM_TAGS_COARSE; i++) {
        if (wanted->has_coarse[i] &&
            !(in->tags.has_coarse[i] && is_same_tag(&in->tags.coarse[i], &wanted->coarse[i])))
            return false;
    }
    for (size_t i = 0; i < wanted->fine_count; i++) {
        if (!row_has_fine(in, &wanted->fine[i]))
            return false;
    }
    return true;
}

/* --- tags ------------------------------------------------------------------------------------- */

static tag_link **bucket_of(const memory *mem, const hsm_tag *tag)
{
    uint64_t hash = 0;

    memcpy(&hash, tag->bytes, sizeof hash); /* a tag is already as good as random */
    return &mem->buckets[hash & (mem->bucket_count - 1)];
}

static void tags_add(memory *mem, row *owner)
{
    for (size_t i = 0; i < owner->tags.fine_count; i++) {
        tag_link *link = &owner->links[i];
        tag_link **bucket = bucket_of(mem, &link->tag);
        link->here = bucket;
        link->next = *bucket;
        if (link->next != NULL)
            link->next->here = &link->next;
        *bucket = link;
    }
}

static void tags_remove(row *owner)
{
    for (size_t i = 0; i < owner->tags.fine_count; i++) {
        tag_link *link = &owner->links[i];
        *link->here = link->next;
        if (link->next != NULL)
            link->next->here = link->here;
    }
}

/* Makes room for the tags of `rows` rows. */
static hsm_err tags_reserve(memory *mem, size_t rows)
{
    size_t count = mem->bucket_count == 0 ? BUCKETS_MIN : mem->bucket_count;

    while (count / HSM_TAGS_FINE_MAX < rows)
        count *= 2;
    if (count == mem->bucket_count)
        return HSM_OK;
    tag_link **buckets = calloc(count, sizeof(tag_link *));
    HSM_CHECK(buckets != NULL, HSM_E_NO_MEMORY);
    free(mem->buckets);
    mem->buckets = buckets;
    mem->bucket_count = count;
    for (size_t i = 0; i < mem->row_count; i++)
        tags_add(mem, mem->rows[i]);
    return HSM_OK;
}

/* --- batches ---------------------------------------------------------------------------------- */

/* All that a batch needs in memory, made before anything is changed. */
typedef struct stage {
    row **rows;
    uint8_t *token;
} stage;

static void stage_clear(stage *staged, size_t row_count)
{
    for (size_t i = 0; staged->rows != NULL && i < row_count; i++)
        free(staged->rows[i]);
    free(staged->rows);
    free(staged->token);
}

static hsm_err batch_check(const memory *mem, const hsm_batch *batch)
{
    if (batch->token != NULL) {
        const uint64_t version = mem->has_token[batch->slot] ? mem->tokens[batch->slot].version : 0;
        HSM_CHECK(version == batch->token->expected, HSM_E_STORE_CONFLICT);
    }
    if (batch->put_count > 0 || batch->delete_count > 0)
        HSM_CHECK(mem->tokens[batch->slot].epoch == batch->epoch, HSM_E_STORE_CONFLICT);
    for (size_t i = 0; i < batch->put_count; i++) {
        const hsm_batch_put *put = &batch->puts[i];
        const row *old = row_find(mem, batch->slot, put->id);
        if (put->expected == 0) {
            const size_t place = row_place(mem, put->id); /* in any slot */
            HSM_CHECK(place == mem->row_count || mem->rows[place]->id != put->id,
                      HSM_E_STORE_CONFLICT);
            continue;
        }
        HSM_CHECK(old != NULL, HSM_E_STORE_NOT_FOUND);
        HSM_CHECK(old->version == put->expected, HSM_E_STORE_CONFLICT);
    }
    for (size_t i = 0; i < batch->delete_count; i++)
        HSM_CHECK(row_find(mem, batch->slot, batch->deletes[i]) != NULL, HSM_E_STORE_NOT_FOUND);
    return HSM_OK;
}

static hsm_err rows_reserve(memory *mem, size_t more)
{
    if (mem->row_cap - mem->row_count >= more)
        return HSM_OK;
    HSM_CHECK(more <= SIZE_MAX / sizeof(row *) / 4 - mem->row_count, HSM_E_NO_MEMORY);
    const size_t cap = (mem->row_count + more) * 2 + GROW_MIN;
    row **rows = realloc(mem->rows, cap * sizeof(row *));
    HSM_CHECK(rows != NULL, HSM_E_NO_MEMORY);
    mem->rows = rows;
    mem->row_cap = cap;
    return HSM_OK;
}

static hsm_err stage_fill(memory *mem, const hsm_batch *batch, stage *staged)
{
    HSM_TRY(rows_reserve(mem, batch->put_count));
    staged->rows = calloc(batch->put_count + 1, sizeof(row *));
    HSM_CHECK(staged->rows != NULL, HSM_E_NO_MEMORY);
    for (size_t i = 0; i < batch->put_count; i++) {
        staged->rows[i] = row_make(batch->slot, &batch->puts[i]);
        HSM_CHECK(staged->rows[i] != NULL, HSM_E_NO_MEMORY);
    }
    if (batch->token != NULL) {
        const hsm_bytes record = batch->token->record;
        staged->token = malloc(record.len + 1);
        HSM_CHECK(staged->token != NULL, HSM_E_NO_MEMORY);
        if (record.len > 0)
            memcpy(staged->token, record.data, record.len);
    }
    return tags_reserve(mem, mem->row_count + batch->put_count);
}

static void row_drop(memory *mem, size_t place)
{
    row *old = mem->rows[place];

    tags_remove(old);
    mem->row_count--;
    memmove(&mem->rows[place], &mem->rows[place + 1], (mem->row_count - place) * sizeof(row *));
    explicit_bzero(old->record, old->record_len);
    free(old);
}

static void row_insert(memory *mem, row *made)
{
    size_t place = row_place(mem, made->id);

    if (place < mem->row_count && mem->rows[place]->id == made->id)
        row_drop(mem, place);
    memmove(&mem->rows[place + 1], &mem->rows[place], (mem->row_count - place) * sizeof(row *));
    mem->rows[place] = made;
    mem->row_count++;
    tags_add(mem, made);
}

static void token_apply(memory *mem, const hsm_batch *batch, stage *staged)
{
    hsm_token_row *token = &mem->tokens[batch->slot];

    if (batch->token->is_reset) {
        for (size_t i = mem->row_count; i > 0; i--) {
            if (mem->rows[i - 1]->slot == batch->slot)
                row_drop(mem, i - 1);
        }
        token->epoch++;
    }
    hsm_buf_clear(&token->record);
    token->record.data = HSM_MOVE(staged->token);
    token->record.len = batch->token->record.len;
    token->record.cap = batch->token->record.len + 1;
    token->version = batch->token->expected + 1;
    mem->has_token[batch->slot] = true;
}

static hsm_err batch_apply(memory *mem, const hsm_batch *batch)
{
    stage staged = { 0 };

    HSM_TRY(batch_check(mem, batch));
    const hsm_err err = stage_fill(mem, batch, &staged);
    if (err != HSM_OK) {
        stage_clear(&staged, batch->put_count);
        return err;
    }
    if (batch->token != NULL)
        token_apply(mem, batch, &staged);
    for (size_t i = 0; i < batch->delete_count; i++)
        row_drop(mem, row_place(mem, batch->deletes[i]));
    for (size_t i = 0; i < batch->put_count; i++)
        row_insert(mem, staged.rows[i]);
    stage_clear(&staged, 0);
    return HSM_OK;
}

static void memory_commit(void *state, hsm_batch *const *batches, size_t count)
{
    memory *mem = state;

    (void)pthread_rwlock_wrlock(&mem->lock);
    hsm_change_begin(mem->change);
    for (size_t i = 0; i < count; i++)
        batches[i]->err = batches[i]->slot < SLOTS_MAX ? batch_apply(mem, batches[i]) : HSM_E_SLOT;
    const uint64_t changes = hsm_change_end(mem->change);
    for (size_t i = 0; i < count; i++)
        batches[i]->changes = changes;
    (void)pthread_rwlock_unlock(&mem->lock);
}

/* --- reading ---------------------------------------------------------------------------------- */

static hsm_err memory_read(void *state, uint32_t slot, uint64_t id, hsm_record_head *out_head,
                           hsm_buf *out_record)
{
    memory *mem = state;
    hsm_err err = HSM_E_STORE_NOT_FOUND;

    (void)pthread_rwlock_rdlock(&mem->lock);
    const row *found = row_find(mem, slot, id);
    if (found != NULL)
        err = hsm_buf_append(out_record, hsm_bytes_of(found->record, found->record_len));
    if (err == HSM_OK)
        *out_head = (hsm_record_head){ found->version, found->is_private };
    (void)pthread_rwlock_unlock(&mem->lock);
    return err;
}

static hsm_err memory_head(void *state, uint32_t slot, uint64_t id, hsm_record_head *out_head)
{
    memory *mem = state;

    (void)pthread_rwlock_rdlock(&mem->lock);
    const row *found = row_find(mem, slot, id);
    if (found != NULL)
        *out_head = (hsm_record_head){ found->version, found->is_private };
    (void)pthread_rwlock_unlock(&mem->lock);
    return found != NULL ? HSM_OK : HSM_E_STORE_NOT_FOUND;
}

static bool row_satisfies(const row *in, uint32_t slot, const hsm_query *query)
{
    return in->slot == slot && in->is_private == query->is_private && row_has_all(in, &query->tags);
}

static hsm_err add_if(const row *in, uint32_t slot, const hsm_query *query, hsm_buf *out_ids)
{
    if (!row_satisfies(in, slot, query))
        return HSM_OK;
    return hsm_buf_append(out_ids, hsm_bytes_of(&in->id, sizeof in->id));
}

static hsm_err query_run(const memory *mem, uint32_t slot, const hsm_query *query, hsm_buf *out_ids)
{
    if (query->tags.fine_count == 0) {
        for (size_t i = 0; i < mem->row_count; i++)
            HSM_TRY(add_if(mem->rows[i], slot, query, out_ids));
        return HSM_OK;
    }
    if (mem->bucket_count == 0)
        return HSM_OK;
    const tag_link *link = *bucket_of(mem, &query->tags.fine[0]);
    for (; link != NULL; link = link->next) {
        if (is_same_tag(&link->tag, &query->tags.fine[0]))
            HSM_TRY(add_if(link->owner, slot, query, out_ids));
    }
    return HSM_OK;
}

static int compare_ids(const void *a, const void *b)
{
    uint64_t left = 0;
    uint64_t right = 0;

    memcpy(&left, a, sizeof left);
    memcpy(&right, b, sizeof right);
    return left < right ? -1 : left > right;
}

static hsm_err memory_find(void *state, uint32_t slot, const hsm_query *queries, size_t query_count,
                           hsm_buf *out_ids)
{
    memory *mem = state;
    const size_t before = out_ids->len;
    hsm_err err = HSM_OK;

    (void)pthread_rwlock_rdlock(&mem->lock);
    for (size_t i = 0; i < query_count && err == HSM_OK; i++)
        err = query_run(mem, slot, &queries[i], out_ids);
    (void)pthread_rwlock_unlock(&mem->lock);
    if (err != HSM_OK)
        out_ids->len = before;
    else if (out_ids->len > before)
        qsort(out_ids->data + before, (out_ids->len - before) / sizeof(uint64_t), sizeof(uint64_t),
              compare_ids);
    return err;
}

static hsm_err memory_each(void *state, uint32_t slot, hsm_record_visit visit, void *arg)
{
    memory *mem = state;
    hsm_err err = HSM_OK;

    (void)pthread_rwlock_rdlock(&mem->lock);
    for (size_t i = 0; i < mem->row_count && err == HSM_OK; i++) {
        const row *at = mem->rows[i];
        const hsm_record_head head = { .version = at->version, .is_private = at->is_private };
        if (at->slot == slot)
            err = visit(arg, at->id, &head, hsm_bytes_of(at->record, at->record_len));
    }
    (void)pthread_rwlock_unlock(&mem->lock);
    return err;
}

static hsm_err memory_count(void *state, uint32_t slot, bool with_private, uint64_t *out_count)
{
    memory *mem = state;
    uint64_t count = 0;

    (void)pthread_rwlock_rdlock(&mem->lock);
    for (size_t i = 0; i < mem->row_count; i++) {
        const row *at = mem->rows[i];
        count += at->slot == slot && (with_private || !at->is_private);
    }
    (void)pthread_rwlock_unlock(&mem->lock);
    *out_count = count;
    return HSM_OK;
}

static hsm_err memory_token_read(void *state, uint32_t slot, hsm_token_row *out_row)
{
    memory *mem = state;
    hsm_err err = HSM_E_STORE_NOT_FOUND;

    HSM_CHECK(slot < SLOTS_MAX, HSM_E_SLOT);
    (void)pthread_rwlock_rdlock(&mem->lock);
    const hsm_token_row *token = &mem->tokens[slot];
    if (mem->has_token[slot])
        err = hsm_buf_append(&out_row->record, hsm_buf_view(&token->record));
    if (err == HSM_OK) {
        out_row->version = token->version;
        out_row->epoch = token->epoch;
    }
    (void)pthread_rwlock_unlock(&mem->lock);
    return err;
}

static hsm_err memory_space(void *state, uint64_t *out_used, uint64_t *out_free)
{
    memory *mem = state;
    uint64_t used = 0;

    (void)pthread_rwlock_rdlock(&mem->lock);
    for (size_t i = 0; i < mem->row_count; i++)
        used += sizeof(row) + mem->rows[i]->record_len;
    (void)pthread_rwlock_unlock(&mem->lock);
    *out_used = used;
    *out_free = UINT64_MAX; /* not known */
    return HSM_OK;
}

/* --- life ------------------------------------------------------------------------------------- */

static void memory_abandon(void *state)
{
    memory *mem = state;

    while (mem->row_count > 0)
        row_drop(mem, mem->row_count - 1);
    for (size_t i = 0; i < SLOTS_MAX; i++)
        hsm_buf_clear(&mem->tokens[i].record);
    free(mem->rows);
    free(mem->buckets);
    free(mem);
}

static void memory_close(void *state)
{
    memory *mem = state;

    (void)pthread_rwlock_destroy(&mem->lock);
    memory_abandon(mem);
}

static bool memory_is_read_only(const void *state)
{
    (void)state;
    return false;
}

static const hsm_driver memory_driver = {
    .name = "memory",
    .close = memory_close,
    .abandon = memory_abandon,
    .is_read_only = memory_is_read_only,
    .commit = memory_commit,
    .read = memory_read,
    .head = memory_head,
    .find = memory_find,
    .each = memory_each,
    .count = memory_count,
    .token_read = memory_token_read,
    .space = memory_space,
};

hsm_err hsm_driver_memory_open(hsm_change *change, hsm_storage *out_storage)
{
    memory *mem = calloc(1, sizeof *mem);

    HSM_CHECK(mem != NULL, HSM_E_NO_MEMORY);
    (void)pthread_rwlock_init(&mem->lock, NULL);
    mem->change = change;
    *out_storage = (hsm_storage){ .driver = &memory_driver, .state = mem };
    return HSM_OK;
}
