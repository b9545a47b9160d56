/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "os/file.h"
#include "os/paths.h"
#include "store/device_key.h"
#include "store/internal.h"
#include "store/names.h"

#define IDENTITY_BYTES 16

/* --- where it lies ------------------------------------------------------------------------------ */

/* What is in the store's directory. */
typedef struct place {
    char *database;
    char *changes;
    char *login;
    bool is_read_only;
    bool is_new;
} place;

static void place_clear(place *where)
{
    hsm_path_drop(&where->database);
    hsm_path_drop(&where->changes);
    hsm_path_drop(&where->login);
}

static hsm_err refuse(const char *path, hsm_err err)
{
    hsm_log(HSM_LOG_ERROR, "%s: %s", path, hsm_err_text(err));
    return err;
}

static bool may_write(const char *path)
{
    return faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) == 0;
}

static hsm_err check_directory(const char *path)
{
    bool is_network = false;

    hsm_err err = hsm_dir_ensure(path);
    if (err == HSM_OK)
        err = hsm_path_is_network(path, &is_network);
    if (err == HSM_E_STORE_PERMISSION) {
        hsm_log(
            HSM_LOG_ERROR,
            "%s: must be a directory of root or of this program's user, uid %lu, that nobody else "
            "may write to, and no component of its path a symbolic link",
            path, (unsigned long)geteuid());
        return err;
    }
    if (err != HSM_OK)
        return refuse(path, err);
    if (is_network) {
        hsm_log(HSM_LOG_ERROR,
                "%s: on a network or FUSE file system, where locks between processes can't be "
                "relied on; use a local one",
                path);
        return HSM_E_STORE_IO;
    }
    return HSM_OK;
}

static hsm_err find_place(const char *directory, place *out_where)
{
    HSM_AUTO(place_clear) place where = { 0 };
    struct stat info;

    HSM_TRY(check_directory(directory));
    HSM_TRY(hsm_path_join(directory, HSM_STORE_DATABASE, &where.database));
    HSM_TRY(hsm_path_join(directory, HSM_STORE_CHANGES, &where.changes));
    HSM_TRY(hsm_path_join(directory, HSM_STORE_LOGIN, &where.login));
    const bool has_database = stat(where.database, &info) == 0;
    where.is_new = !has_database || info.st_size == 0;
    where.is_read_only = !may_write(directory) || (has_database && !may_write(where.database));
    if (where.is_new && where.is_read_only)
        return refuse(directory, HSM_E_STORE_READ_ONLY);
    *out_where = where;
    where = (place){ 0 };
    return HSM_OK;
}

/* --- open --------------------------------------------------------------------------------------- */

/* Without the device key nothing in an existing store can be believed: a new one is made only for a
 * new store. */
static hsm_err load_device_key(hsm_store *store, const char *directory, bool may_create)
{
    const hsm_err err =
        hsm_device_key_load(store->crypto, directory, may_create, &store->device_key);

    return err == HSM_E_STORE_NOT_FOUND ? HSM_E_STORE_CORRUPT : err;
}

static hsm_err identity_of(hsm_store *store, hsm_secret **out_identity)
{
    HSM_AUTO(hsm_secret_drop) hsm_secret *identity = NULL;

    HSM_TRY(hsm_secret_create(IDENTITY_BYTES, &identity));
    HSM_TRY(hsm_store_device_secret(store, "store identity", identity));
    *out_identity = HSM_MOVE(identity);
    return HSM_OK;
}

/* Device key and database of a store that has none, unless another process makes them. */
static hsm_err make_new(hsm_store *store, const hsm_store_options *options)
{
    HSM_AUTO(hsm_birth_drop) hsm_birth *birth = NULL;
    HSM_AUTO(hsm_secret_drop) hsm_secret *identity = NULL;

    HSM_TRY(hsm_driver_sqlite_begin(options->directory, options->busy_ms, &birth));
    HSM_TRY(load_device_key(store, options->directory, birth != NULL));
    if (birth == NULL)
        return HSM_OK;
    HSM_TRY(identity_of(store, &identity));
    return hsm_driver_sqlite_finish(birth, hsm_secret_view(identity));
}

static hsm_err open_sqlite(hsm_store *store, const hsm_store_options *options, const place *where)
{
    HSM_AUTO(hsm_secret_drop) hsm_secret *identity = NULL;

    HSM_TRY(identity_of(store, &identity));
    HSM_TRY(hsm_change_open(where->changes, &store->change));
    if (!where->is_read_only)
        HSM_TRY(hsm_login_turn_open(where->login, options->busy_ms, &store->login_turn));
    const hsm_driver_sqlite_options driver = {
        .directory = options->directory,
        .change = store->change,
        .busy_ms = options->busy_ms,
        .log_pages = options->log_pages,
        .is_read_only = where->is_read_only,
        .identity = hsm_secret_view(identity),
    };
    return hsm_driver_sqlite_open(&driver, &store->storage);
}

static hsm_err open_directory(hsm_store *store, const hsm_store_options *options)
{
    HSM_AUTO(place_clear) place where = { 0 };

    HSM_TRY(find_place(options->directory, &where));
    HSM_TRY(where.is_new ? make_new(store, options)
                         : load_device_key(store, options->directory, false));
    return open_sqlite(store, options, &where);
}

static hsm_err open_memory(hsm_store *store)
{
    HSM_TRY(hsm_secret_create(HSM_DEVICE_KEY_BYTES, &store->device_key));
    HSM_TRY(
        hsm_crypto_random(store->crypto, hsm_secret_data(store->device_key), HSM_DEVICE_KEY_BYTES));
    HSM_TRY(hsm_change_open(NULL, &store->change));
    HSM_TRY(hsm_login_turn_open(NULL, 0, &store->login_turn));
    return hsm_driver_memory_open(store->change, &store->storage);
}

static hsm_err make_token_seal(hsm_store *store)
{
    HSM_AUTO(hsm_secret_drop) hsm_secret *key = NULL;

    HSM_TRY(hsm_secret_create(HSM_AEAD_KEY_BYTES, &key));
    HSM_TRY(hsm_store_device_secret(store, "token record", key));
    return hsm_seal_create(store->crypto, hsm_secret_view(key), &store->token_seal);
}

static hsm_err make(const hsm_store_options *options, hsm_store **out_store)
{
    HSM_AUTO(hsm_store_drop) hsm_store *store = NULL;

    store = calloc(1, sizeof *store + options->slot_count * sizeof(hsm_slot));
    HSM_CHECK(store != NULL, HSM_E_NO_MEMORY);
    store->crypto = options->crypto;
    store->slot_count = options->slot_count;
    if (options->directory != NULL) {
        store->directory = hsm_text_dup(options->directory);
        HSM_CHECK(store->directory != NULL, HSM_E_NO_MEMORY);
    }
    for (uint32_t i = 0; i < store->slot_count; i++)
        (void)pthread_mutex_init(&store->slots[i].lock, NULL);
    HSM_TRY(hsm_cache_create(options->cached_max, &store->cache));
    *out_store = HSM_MOVE(store);
    return HSM_OK;
}

hsm_err hsm_store_open(const hsm_store_options *options, hsm_store **out_store)
{
    HSM_AUTO(hsm_store_drop) hsm_store *store = NULL;

    HSM_CHECK(options->slot_count >= 1 && options->slot_count <= HSM_STORE_SLOTS_MAX, HSM_E_ARG);
    HSM_CHECK(options->cached_max >= 1, HSM_E_ARG);
    HSM_TRY(make(options, &store));
    HSM_TRY(options->directory != NULL ? open_directory(store, options) : open_memory(store));
    HSM_TRY(make_token_seal(store));
    HSM_TRY(hsm_group_commit_create(&store->storage, &store->group));
    *out_store = HSM_MOVE(store);
    return HSM_OK;
}

hsm_err hsm_store_share(hsm_store *parent, uint32_t cached_max, hsm_store **out_store)
{
    const hsm_store_options options = {
        .crypto = parent->crypto,
        .slot_count = parent->slot_count,
        .cached_max = cached_max,
    };
    HSM_AUTO(hsm_store_drop) hsm_store *store = NULL;

    HSM_CHECK(parent->parent == NULL && cached_max >= 1, HSM_E_ARG);
    HSM_TRY(make(&options, &store));
    store->parent = parent;
    store->directory = parent->directory;
    store->device_key = parent->device_key;
    store->token_seal = parent->token_seal;
    store->change = parent->change;
    store->storage = parent->storage;
    store->group = parent->group;
    store->login_turn = parent->login_turn;
    *out_store = HSM_MOVE(store);
    return HSM_OK;
}

hsm_err hsm_store_start_clerk(hsm_store *store)
{
    return hsm_group_commit_start_clerk(store->group);
}

/* --- close -------------------------------------------------------------------------------------- */

/* What holds keys: also in a forked child, where they have no business. */
static void forget_keys(hsm_store *store)
{
    hsm_cache_destroy(store->cache);
    for (uint32_t i = 0; i < store->slot_count; i++) {
        hsm_half_release(store->slots[i].public_half);
        hsm_half_release(store->slots[i].private_half);
    }
    if (store->parent != NULL)
        return;
    hsm_seal_release(store->token_seal);
    hsm_secret_destroy(store->device_key);
}

/* What a view has for itself. */
static void close_view(hsm_store *store)
{
    forget_keys(store);
    for (uint32_t i = 0; i < store->slot_count; i++)
        (void)pthread_mutex_destroy(&store->slots[i].lock);
    free(store);
}

hsm_meter *hsm_store_meter(hsm_store *store)
{
    return hsm_group_commit_meter(store->group);
}

void hsm_store_close(hsm_store *store)
{
    if (store == NULL)
        return;
    if (store->parent != NULL) {
        close_view(store);
        return;
    }
    hsm_group_commit_destroy(store->group);
    if (store->storage.driver != NULL)
        store->storage.driver->close(store->storage.state);
    forget_keys(store);
    hsm_login_turn_close(store->login_turn);
    for (uint32_t i = 0; i < store->slot_count; i++)
        (void)pthread_mutex_destroy(&store->slots[i].lock);
    hsm_change_close(store->change);
    free(store->directory);
    free(store);
}

void hsm_store_abandon(hsm_store *store)
{
    if (store == NULL || store->parent != NULL)
        return;
    /* Locks may be held by threads that do not exist here: nothing is locked, nothing destroyed that
     * somebody may be waiting for. */
    if (store->storage.driver != NULL)
        store->storage.driver->abandon(store->storage.state);
    forget_keys(store);
    hsm_login_turn_abandon(store->login_turn);
    hsm_change_close(store->change);
    free(store->directory);
    free(store);
}

bool hsm_store_is_read_only(const hsm_store *store)
{
    return store->storage.driver->is_read_only(store->storage.state);
}

hsm_err hsm_store_space(hsm_store *store, uint64_t *out_used, uint64_t *out_free)
{
    return store->storage.driver->space(store->storage.state, out_used, out_free);
}

uint64_t hsm_store_changes(const hsm_store *store)
{
    return hsm_change_now(store->change);
}
