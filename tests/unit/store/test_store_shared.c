/* Several processes on one store, and forks. */
#include <fcntl.h>
#include <stdio.h>

#include "store/store.h"
#include "support/check.h"
#include "unit/os/scratch.h"
#include "unit/store/store_env.h"

/* One direction each; a process closes nothing: both ends live as long as the test. */
typedef struct wires {
    int to_child[2];
    int to_parent[2];
} wires;

static bool wires_open(wires *w)
{
    return pipe(w->to_child) == 0 && pipe(w->to_parent) == 0;
}

static void wires_close(wires *w)
{
    for (int i = 0; i < 2; i++) {
        (void)close(w->to_child[i]);
        (void)close(w->to_parent[i]);
    }
}

static bool tell(int fd, uint64_t word)
{
    return write(fd, &word, sizeof word) == (ssize_t)sizeof word;
}

static uint64_t hear(int fd)
{
    uint64_t word = 0;

    return read(fd, &word, sizeof word) == (ssize_t)sizeof word ? word : 0;
}

static const char *new_directory(void)
{
    static unsigned number;
    static char path[PATH_MAX + 32];

    (void)snprintf(path, sizeof path, "%s/shared%u", scratch(), number++);
    return path;
}

/* A child that runs body with its own store. */
typedef int (*child_body)(hsm_store *store, wires *w);

static pid_t start(const char *directory, hsm_store *parents, child_body body, wires *w)
{
    (void)fflush(stdout);
    const pid_t child = fork();
    if (child != 0)
        return child;
    hsm_store_abandon(parents);
    hsm_store *store = store_env_open(directory);
    const int status = store != NULL ? body(store, w) : 99;
    hsm_store_close(store);
    _exit(status);
}

static void check_ends_well(pid_t child)
{
    int status = -1;

    CHECK_EQ(waitpid(child, &status, 0), child);
    CHECK_EQ(status, 0);
}

/* --- what one does the other sees --------------------------------------------------------------- */

/* Gets an id; replaces the object, then destroys it, when told so. */
static int change_what_is_named(hsm_store *store, wires *w)
{
    HSM_AUTO(hsm_object_drop) hsm_object *object = NULL;
    HSM_AUTO(hsm_object_drop) hsm_object *changed = NULL;
    HSM_AUTO(hsm_draft_drop) hsm_draft *draft = NULL;

    if (hsm_store_get(store, 0, hear(w->to_child[0]), &object) != HSM_OK ||
        !store_env_is_whole(store, object, 1))
        return 1;
    if (hsm_object_to_draft(object, hsm_store_serial(store, 0), &draft) != HSM_OK ||
        hsm_store_replace(store, object, draft, &changed) != HSM_OK)
        return 2;
    if (!tell(w->to_parent[1], changed->version) || hear(w->to_child[0]) == 0)
        return 3;
    if (hsm_store_delete(store, changed) != HSM_OK || !tell(w->to_parent[1], 1))
        return 4;
    return 0;
}

static void changes_are_seen_at_once(void)
{
    const char *directory = new_directory();
    HSM_AUTO(hsm_store_drop) hsm_store *store = store_env_open(directory);
    HSM_AUTO(hsm_object_drop) hsm_object *object = NULL;
    HSM_AUTO(hsm_object_drop) hsm_object *newer = NULL;
    HSM_AUTO(hsm_object_drop) hsm_object *none = NULL;
    wires w;

    REQUIRE_THAT(wires_open(&w));
    const pid_t child = start(directory, store, change_what_is_named, &w);
    object = store_env_insert(store, "key", 1, true);
    REQUIRE_THAT(object != NULL);
    CHECK_OK(hsm_store_check_current(store, object));
    CHECK_THAT(tell(w.to_child[1], object->id));
    CHECK_EQ(hear(w.to_parent[0]), 2);
    CHECK_ERR(hsm_store_check_current(store, object), HSM_E_STORE_CONFLICT);
    CHECK_OK(hsm_store_get(store, 0, object->id, &newer));
    CHECK_EQ(newer->version, 2);
    CHECK_OK(hsm_store_check_current(store, newer));
    CHECK_THAT(tell(w.to_child[1], 1));
    CHECK_EQ(hear(w.to_parent[0]), 1);
    CHECK_ERR(hsm_store_check_current(store, newer), HSM_E_STORE_NOT_FOUND);
    CHECK_ERR(hsm_store_get(store, 0, object->id, &none), HSM_E_STORE_NOT_FOUND);
    check_ends_well(child);
    wires_close(&w);
}

static int reset_the_slot(hsm_store *store, wires *w)
{
    HSM_AUTO(hsm_buf_clear) hsm_buf record = { 0 };
    uint64_t version = 0;

    (void)w;
    if (hsm_store_token_read(store, 0, &record, &version) != HSM_OK)
        return 1;
    return hsm_store_token_reset(store, 0, version, hsm_buf_view(&record)) != HSM_OK;
}

static void a_reset_elsewhere_stops_writers(void)
{
    const char *directory = new_directory();
    HSM_AUTO(hsm_store_drop) hsm_store *store = store_env_open(directory);
    HSM_AUTO(hsm_buf_clear) hsm_buf record = { 0 };
    uint64_t version = 0;
    uint64_t id = 0;

    CHECK_OK(hsm_store_token_write(store, 0, 0, hsm_bytes_of_text("token")));
    CHECK_OK(store_env_try_insert(store, 0, 1, true, &id));
    check_ends_well(start(directory, store, reset_the_slot, NULL));
    CHECK_ERR(store_env_try_insert(store, 0, 2, true, &id), HSM_E_STORE_CONFLICT);
    CHECK_OK(hsm_store_token_read(store, 0, &record, &version));
    CHECK_EQ(version, 2);
    store_env_login(store, 0);
    CHECK_OK(store_env_try_insert(store, 0, 3, true, &id));
}

/* --- many at once ------------------------------------------------------------------------------- */

#define PROCESSES 3
#define EACH 25

static int insert_some(hsm_store *store, wires *w)
{
    const uint64_t first = hear(w->to_child[0]);

    for (uint32_t i = 0; i < EACH; i++) {
        uint64_t id = 0;
        if (store_env_try_insert(store, 0, (uint32_t)first + i, i % 2 == 0, &id) != HSM_OK)
            return 1;
    }
    return 0;
}

/* Every object is there, once, and whole. */
static void check_all_there(hsm_store *store, uint32_t first, uint32_t count)
{
    for (uint32_t number = first; number < first + count; number++) {
        HSM_AUTO(hsm_buf_clear) hsm_buf ids = { 0 };
        HSM_AUTO(hsm_object_drop) hsm_object *object = NULL;
        env_template t = { .count = 0 };
        uint64_t id = 0;

        env_bytes(&t, CKA_ID, &number, sizeof number);
        const hsm_template view = env_view(&t);
        CHECK_OK(hsm_store_find(store, 0, &view, &ids));
        CHECK_EQ(ids.len, sizeof id);
        if (ids.len != sizeof id)
            continue;
        memcpy(&id, ids.data, sizeof id);
        if (CHECK_OK(hsm_store_get(store, 0, id, &object)))
            CHECK_THAT(store_env_is_whole(store, object, number));
    }
}

static void processes_write_at_once(void)
{
    const char *directory = new_directory();
    HSM_AUTO(hsm_store_drop) hsm_store *store = store_env_open(directory);
    pid_t children[PROCESSES];
    wires w;

    REQUIRE_THAT(wires_open(&w));
    for (size_t i = 0; i < PROCESSES; i++)
        children[i] = start(directory, store, insert_some, &w);
    for (uint64_t i = 0; i < PROCESSES; i++)
        CHECK_THAT(tell(w.to_child[1], 1000 + i * EACH));
    for (uint32_t i = 0; i < EACH; i++) {
        uint64_t id = 0;
        CHECK_OK(store_env_try_insert(store, 0, 1000 + PROCESSES * EACH + i, true, &id));
    }
    for (size_t i = 0; i < PROCESSES; i++)
        check_ends_well(children[i]);
    check_all_there(store, 1000, (PROCESSES + 1) * EACH);
    wires_close(&w);
}

/* All make the store at the same moment. */
static void processes_make_a_store_at_once(void)
{
    for (int round = 0; round < 3; round++) {
        const char *directory = new_directory();
        pid_t children[PROCESSES];
        wires w;

        REQUIRE_THAT(wires_open(&w));
        for (size_t i = 0; i < PROCESSES; i++)
            children[i] = start(directory, NULL, insert_some, &w);
        for (uint64_t i = 0; i < PROCESSES; i++)
            CHECK_THAT(tell(w.to_child[1], 1000 + i * EACH));
        for (size_t i = 0; i < PROCESSES; i++)
            check_ends_well(children[i]);
        wires_close(&w);
        HSM_AUTO(hsm_store_drop) hsm_store *store = store_env_open(directory);
        REQUIRE_THAT(store != NULL);
        check_all_there(store, 1000, PROCESSES * EACH);
    }
}

/* --- fork --------------------------------------------------------------------------------------- */

/* Opened while the parent's store was open; says so, waits, then writes. */
static int outlive_the_parent(hsm_store *store, wires *w)
{
    uint64_t id = 0;

    if (!tell(w->to_parent[1], 1) || hear(w->to_child[0]) != 1)
        return 1;
    if (store_env_try_insert(store, 0, 501, true, &id) != HSM_OK || !tell(w->to_parent[1], id))
        return 2;
    return hear(w->to_child[0]) != 2;
}

/* Whether the kernel knows a lock of the process on the file. */
static bool holds_lock(pid_t pid, const char *path)
{
    FILE *locks = fopen("/proc/locks", "re");
    struct stat info;
    char line[256];
    bool is_held = false;

    if (locks == NULL || stat(path, &info) != 0)
        return false;
    while (fgets(line, sizeof line, locks) != NULL) {
        long holder = 0;
        unsigned long long inode = 0;
        if (sscanf(line, "%*s POSIX %*s %*s %ld %*x:%*x:%llu", &holder, &inode) == 2)
            is_held = is_held || (holder == (long)pid && inode == (unsigned long long)info.st_ino);
    }
    (void)fclose(locks);
    return is_held;
}

static void check_locks(pid_t pid, const char *directory)
{
    static const char *const names[] = { "store.db", "store.db-shm" };
    char path[PATH_MAX + 64];

    for (size_t i = 0; i < HSM_ARRAY_LEN(names); i++) {
        (void)snprintf(path, sizeof path, "%s/%s", directory, names[i]);
        CASE(names[i]);
        CHECK_THAT(holds_lock(pid, path));
    }
    CASE(NULL);
}

/* If the child did not hold locks of its own, the next one to open the store would believe that it is
 * alone, and throw away the index that the child still uses. */
static void a_child_has_locks_of_its_own(void)
{
    const char *directory = new_directory();
    hsm_store *store = store_env_open(directory);
    uint64_t id = 0;
    wires w;

    REQUIRE_THAT(wires_open(&w));
    CHECK_OK(store_env_try_insert(store, 0, 500, true, &id));
    const pid_t child = start(directory, store, outlive_the_parent, &w);
    CHECK_EQ(hear(w.to_parent[0]), 1);
    if (access("/proc/locks", R_OK) == 0)
        check_locks(child, directory);
    hsm_store_close(store);
    store = store_env_open(directory); /* the child is now the one that was there first */
    REQUIRE_THAT(store != NULL);
    CHECK_OK(store_env_try_insert(store, 0, 502, true, &id));
    CHECK_THAT(tell(w.to_child[1], 1));
    CHECK_THAT(hear(w.to_parent[0]) != 0);
    check_all_there(store, 500, 3);
    CHECK_THAT(tell(w.to_child[1], 2));
    check_ends_well(child);
    hsm_store_close(store);
    store = store_env_open(directory);
    check_all_there(store, 500, 3);
    hsm_store_close(store);
    wires_close(&w);
}

static int do_nothing(hsm_store *store, wires *w)
{
    (void)store;
    (void)w;
    return 0;
}

static int only_abandon(void *arg)
{
    hsm_store_abandon(arg);
    return 0;
}

static void a_child_harms_nobody(void)
{
    const char *directory = new_directory();
    HSM_AUTO(hsm_store_drop) hsm_store *store = store_env_open(directory);
    HSM_AUTO(hsm_store_drop) hsm_store *second = NULL;
    HSM_AUTO(hsm_object_drop) hsm_object *object = store_env_insert(store, "key", 1, true);
    uint64_t id = 0;

    REQUIRE_THAT(object != NULL);
    CHECK_EQ(in_child(only_abandon, store), 0);
    check_ends_well(start(directory, store, do_nothing, NULL));
    CHECK_OK(hsm_store_check_current(store, object));
    CHECK_THAT(store_env_is_whole(store, object, 1));
    CHECK_OK(store_env_try_insert(store, 0, 2, true, &id));
    CASE("the parent still has it for itself");
    CHECK_ERR(store_env_try(directory, &second), HSM_E_STORE_BUSY);
}

/* --- a writer that died with the counter odd ---------------------------------------------------- */

static void a_dead_writers_mark_is_taken_back(void)
{
    const char *directory = new_directory();
    HSM_AUTO(hsm_store_drop) hsm_store *store = store_env_open(directory);
    HSM_AUTO(hsm_object_drop) hsm_object *object = store_env_insert(store, "key", 1, true);
    char path[PATH_MAX + 64];

    REQUIRE_THAT(object != NULL);
    (void)snprintf(path, sizeof path, "%s/store.changes", directory);
    const uint64_t odd = hsm_store_changes(store) + 1;
    const int fd = open(path, O_WRONLY);
    CHECK_EQ(pwrite(fd, &odd, sizeof odd, 0), (ssize_t)sizeof odd);
    (void)close(fd);
    CHECK_EQ(hsm_store_changes(store), odd);
    for (int i = 0; i < 200; i++)
        CHECK_OK(hsm_store_check_current(store, object));
    CHECK_EQ(hsm_store_changes(store) % 2, 0);
    CHECK_THAT(hsm_store_changes(store) > odd);
}

static const check_test tests[] = {
    CHECK_TEST(changes_are_seen_at_once),          CHECK_TEST(a_reset_elsewhere_stops_writers),
    CHECK_TEST(processes_write_at_once),           CHECK_TEST(processes_make_a_store_at_once),
    CHECK_TEST(a_child_has_locks_of_its_own),      CHECK_TEST(a_child_harms_nobody),
    CHECK_TEST(a_dead_writers_mark_is_taken_back),
};
CHECK_MAIN(tests)
