/* SPDX-License-Identifier: Apache-2.0 */
#include "store/change.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/log.h"
#include "os/file.h"

/* A file that says 0 is new; seeing 0 would look like "never looked". */
#define FIRST_VALUE 2u
#define UNSETTLED 1u

typedef _Atomic(uint64_t) counter;

struct hsm_change {
    counter *shared; /* NULL: none */
    bool may_write;
    void *map;   /* NULL when shared is `own` */
    counter own; /* of this process alone */
};

/* The blocks are allocated before they are written through the mapping: a full disk would be a
 * SIGBUS there. */
static bool has_room(int fd)
{
    return posix_fallocate(fd, 0, HSM_CHANGE_FILE_BYTES) == 0;
}

static bool is_long_enough(int fd)
{
    return lseek(fd, 0, SEEK_END) >= HSM_CHANGE_FILE_BYTES;
}

static void map_file(hsm_change *change, const char *path)
{
    HSM_AUTO(hsm_fd_drop)
    int fd = hsm_fd_raise(open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));

    change->may_write = fd >= 0;
    if (fd < 0)
        fd = hsm_fd_raise(open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    if (fd < 0 || hsm_file_check_fd(fd, HSM_FILE_PRIVATE) != HSM_OK)
        return;
    if (change->may_write ? !has_room(fd) : !is_long_enough(fd))
        return;
    const int rights = PROT_READ | (change->may_write ? PROT_WRITE : 0);
    void *map = mmap(NULL, HSM_CHANGE_FILE_BYTES, rights, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED)
        return;
    change->map = map;
    change->shared = map;
}

hsm_err hsm_change_open(const char *path, hsm_change **out_change)
{
    hsm_change *change = calloc(1, sizeof *change);

    HSM_CHECK(change != NULL, HSM_E_NO_MEMORY);
    if (path != NULL) {
        map_file(change, path);
        if (change->shared == NULL)
            hsm_log(HSM_LOG_WARNING, "%s: no change counter (%s); every look goes to the store",
                    path, strerror(errno));
    } else {
        change->shared = &change->own;
        change->may_write = true;
    }
    if (change->shared != NULL && change->may_write) {
        uint64_t none = 0;
        (void)atomic_compare_exchange_strong(change->shared, &none, FIRST_VALUE);
    }
    *out_change = change;
    return HSM_OK;
}

void hsm_change_close(hsm_change *change)
{
    if (change == NULL)
        return;
    if (change->map != NULL)
        (void)munmap(change->map, HSM_CHANGE_FILE_BYTES);
    free(change);
}

uint64_t hsm_change_now(const hsm_change *change)
{
    if (change->shared == NULL)
        return UNSETTLED;
    return atomic_load_explicit(change->shared, memory_order_seq_cst);
}

void hsm_change_begin(hsm_change *change)
{
    if (change->shared == NULL || !change->may_write)
        return;
    const uint64_t value = atomic_load(change->shared);
    /* Odd already: its writer died. The value must move, or that change stays unnoticed. */
    atomic_store(change->shared, (value & 1) != 0 ? value + 2 : value + 1);
}

uint64_t hsm_change_end(hsm_change *change)
{
    if (change->shared == NULL || !change->may_write)
        return UNSETTLED;
    uint64_t value = atomic_load(change->shared) + 1;
    value += value & 1;
    if (value == 0)
        value = FIRST_VALUE;
    atomic_store(change->shared, value);
    return value;
}
