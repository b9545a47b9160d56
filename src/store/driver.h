/* What a storage provides. A driver sees sealed bytes, opaque index tags, slot numbers, versions and
 * ids; it knows no key and no attribute.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_STORE_DRIVER_H
#define HSM_STORE_DRIVER_H

#include "base/buf.h"
#include "base/scope.h"
#include "store/change.h"

#define HSM_TAG_BYTES 16
/* Values that few objects share have fine tags, each found on its own. Values that most share (the
 * class, the key type) have coarse ones, which cost less: all of an object's lie in one place. */
#define HSM_TAGS_FINE_MAX 5u
#define HSM_TAGS_COARSE 2u
/* One record: all values of an object, its encoding, seals and headers. */
#define HSM_RECORD_MAX_BYTES (3u * 1024u * 1024u)
/* Object ids are 1 .. HSM_STORE_ID_MAX. */
#define HSM_STORE_ID_MAX ((UINT64_C(1) << 62) - 1)

/* A value in the blind index. */
typedef struct hsm_tag {
    uint8_t bytes[HSM_TAG_BYTES];
} hsm_tag;

/* What an object has, or what a query asks for. */
typedef struct hsm_tags {
    hsm_tag fine[HSM_TAGS_FINE_MAX]; /* most selective first */
    size_t fine_count;
    hsm_tag coarse[HSM_TAGS_COARSE];
    bool has_coarse[HSM_TAGS_COARSE];
} hsm_tags;

/* A new record, or a new version of one. */
typedef struct hsm_batch_put {
    uint64_t id;
    uint64_t expected; /* the version it replaces; 0: there is none with this id */
    uint64_t version;  /* the new one */
    bool is_private;
    hsm_bytes record;
    const hsm_tags *tags;
} hsm_batch_put;

typedef struct hsm_batch_token {
    uint64_t expected; /* version of the token record now; 0: there is none */
    hsm_bytes record;
    bool is_reset; /* every object of the slot goes as well, and the epoch is raised */
} hsm_batch_token;

/* Changes of one slot that happen all or not at all. Ids in it are distinct. */
typedef struct hsm_batch {
    uint32_t slot;
    uint64_t epoch; /* that the slot must have; not looked at for token records */
    const hsm_batch_put *puts;
    size_t put_count;
    const uint64_t *deletes;
    size_t delete_count;
    const hsm_batch_token *token; /* or NULL */
    /* The answer. HSM_E_STORE_CONFLICT: another version, an id in use, another epoch;
     * HSM_E_STORE_NOT_FOUND: to be replaced or deleted, but not there; and what a driver may meet. */
    hsm_err err;
    uint64_t changes; /* on success: the change counter after it */
} hsm_batch;

typedef struct hsm_record_head {
    uint64_t version;
    bool is_private;
} hsm_record_head;

/* The objects of one half (public or private) of a slot that have all the tags; no tags: all. */
typedef struct hsm_query {
    bool is_private;
    hsm_tags tags;
} hsm_query;

typedef struct hsm_token_row {
    hsm_buf record; /* appended to */
    uint64_t version;
    uint64_t epoch; /* times the slot was reset; 0 when there is no record */
} hsm_token_row;

/* One record, lent. */
typedef hsm_err (*hsm_record_visit)(void *arg, uint64_t id, const hsm_record_head *head,
                                    hsm_bytes record);

/* Errors of all of these: HSM_E_STORE_IO, HSM_E_STORE_FULL, HSM_E_STORE_BUSY, HSM_E_STORE_CORRUPT,
 * HSM_E_STORE_READ_ONLY, HSM_E_NO_MEMORY. Any number of threads may call them at once. */
typedef struct hsm_driver {
    const char *name;
    void (*close)(void *state);
    /* In a forked child: frees what can be freed, touches no file and no lock. */
    void (*abandon)(void *state);
    bool (*is_read_only)(const void *state);
    /* Makes the batches durable together; each has its own answer. One call at a time. */
    void (*commit)(void *state, hsm_batch *const *batches, size_t count);
    /* Housekeeping after a commit whose answers are out; may be NULL. */
    void (*maintain)(void *state);
    /* Ends a change that its writer, now dead, left open in the counter; may be NULL. */
    void (*settle)(void *state);
    /* errors  HSM_E_STORE_NOT_FOUND */
    hsm_err (*read)(void *state, uint32_t slot, uint64_t id, hsm_record_head *out_head,
                    hsm_buf *out_record);
    hsm_err (*head)(void *state, uint32_t slot, uint64_t id, hsm_record_head *out_head);
    /* Appends ids (uint64_t), ascending; all queries see one state of the store. */
    hsm_err (*find)(void *state, uint32_t slot, const hsm_query *queries, size_t query_count,
                    hsm_buf *out_ids);
    /* Visits every record of the slot by ascending id, all of one state of the store, until a visit fails.
     * A visit does not write to the store. */
    hsm_err (*each)(void *state, uint32_t slot, hsm_record_visit visit, void *arg);
    hsm_err (*count)(void *state, uint32_t slot, bool with_private, uint64_t *out_count);
    /* errors  HSM_E_STORE_NOT_FOUND */
    hsm_err (*token_read)(void *state, uint32_t slot, hsm_token_row *out_row);
    hsm_err (*space)(void *state, uint64_t *out_used, uint64_t *out_free);
} hsm_driver;

/* A driver and its state. */
typedef struct hsm_storage {
    const hsm_driver *driver;
    void *state;
} hsm_storage;

/* In memory, gone at close. change: borrowed until close. */
HSM_MUST_USE hsm_err hsm_driver_memory_open(hsm_change *change, hsm_storage *out_storage);

typedef struct hsm_driver_sqlite_options {
    const char *directory; /* exists and is checked */
    hsm_change *change;    /* borrowed until close */
    uint32_t busy_ms;
    uint32_t log_pages; /* as in hsm_store_options */
    bool is_read_only;
    hsm_bytes identity; /* 16 bytes that the file must have been made with */
} hsm_driver_sqlite_options;

/* A store's first database in the making. */
typedef struct hsm_birth hsm_birth;

/* Begins to make DIRECTORY/store.db, before anything else of a store is made there; other processes
 * wait until hsm_birth_destroy(). After a kill at any moment the next one begins anew.
 * in      directory  exists and is checked
 * out     NULL: another process has made it
 * errors  HSM_E_STORE_LOST (a store was here; says what to do), HSM_E_STORE_BUSY,
 *         HSM_E_STORE_PERMISSION, HSM_E_STORE_FULL, HSM_E_STORE_READ_ONLY, HSM_E_STORE_IO; logged */
HSM_MUST_USE hsm_err hsm_driver_sqlite_begin(const char *directory, uint32_t busy_ms,
                                             hsm_birth **out_birth);
/* Makes it, durably, with these 16 bytes in it.
 * errors  HSM_E_STORE_FULL, HSM_E_STORE_READ_ONLY, HSM_E_STORE_IO; logged */
HSM_MUST_USE hsm_err hsm_driver_sqlite_finish(hsm_birth *birth, hsm_bytes identity);
/* Lets the others go on; NULL is allowed. */
void hsm_birth_destroy(hsm_birth *birth);
HSM_DEFINE_DROP(hsm_birth)

/* Opens DIRECTORY/store.db.
 * errors  HSM_E_STORE_VERSION, HSM_E_STORE_CORRUPT (no store, or another identity),
 *         HSM_E_STORE_PERMISSION and those above, logged */
HSM_MUST_USE hsm_err hsm_driver_sqlite_open(const hsm_driver_sqlite_options *options,
                                            hsm_storage *out_storage);

#endif
