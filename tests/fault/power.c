#include "fault/power.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

typedef enum event_kind { EVENT_WRITE, EVENT_TRUNCATE, EVENT_SYNC } event_kind;

typedef struct event {
    event_kind kind;
    size_t file;
    uint64_t offset; /* EVENT_TRUNCATE: the new size */
    size_t len;
    uint8_t *data;
} event;

/* What a file holds. */
typedef struct content {
    uint8_t *data;
    size_t len;
    size_t cap;
} content;

static struct {
    pthread_mutex_t lock;
    bool is_on;
    char directory[PATH_MAX];
    char names[POWER_FILES_MAX][64];
    size_t file_count;
    content before[POWER_FILES_MAX];
    event *events;
    size_t count;
    size_t cap;
} tape = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* --- content ------------------------------------------------------------------------------------ */

static bool content_reserve(content *in, size_t len)
{
    if (len <= in->cap)
        return true;
    const size_t cap = len * 2 + 4096;
    uint8_t *data = realloc(in->data, cap);
    if (data == NULL)
        return false;
    memset(data + in->cap, 0, cap - in->cap);
    in->data = data;
    in->cap = cap;
    return true;
}

static bool content_write(content *in, uint64_t offset, const uint8_t *data, size_t len)
{
    if (!content_reserve(in, (size_t)offset + len))
        return false;
    if (len > 0)
        memcpy(in->data + offset, data, len);
    if (in->len < offset + len)
        in->len = (size_t)offset + len;
    return true;
}

static bool content_resize(content *in, size_t len)
{
    if (!content_reserve(in, len))
        return false;
    if (len < in->len)
        memset(in->data + len, 0, in->len - len);
    in->len = len;
    return true;
}

static bool content_load(content *in, const char *path)
{
    uint8_t block[65536];
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = 0;

    in->len = 0;
    if (fd < 0)
        return errno == ENOENT;
    while ((got = read(fd, block, sizeof block)) > 0) {
        if (!content_write(in, in->len, block, (size_t)got))
            return false;
    }
    (void)close(fd);
    return got == 0;
}

static bool content_store(const content *in, const char *path)
{
    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    size_t done = 0;

    while (fd >= 0 && done < in->len) {
        const ssize_t put = write(fd, in->data + done, in->len - done);
        if (put <= 0)
            break;
        done += (size_t)put;
    }
    (void)close(fd);
    return fd >= 0 && done == in->len;
}

/* --- the tape ----------------------------------------------------------------------------------- */

/* Which recorded file a descriptor is; false: none. */
static bool file_of(int fd, size_t *out_file)
{
    char link[64];
    char path[PATH_MAX];
    const size_t directory_len = strlen(tape.directory);

    (void)snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    const ssize_t len = readlink(link, path, sizeof path - 1);
    if (len <= (ssize_t)directory_len)
        return false;
    path[len] = '\0';
    if (strncmp(path, tape.directory, directory_len) != 0 || path[directory_len] != '/')
        return false;
    for (size_t i = 0; i < tape.file_count; i++) {
        if (strcmp(path + directory_len + 1, tape.names[i]) == 0) {
            *out_file = i;
            return true;
        }
    }
    return false;
}

static void append(event_kind kind, int fd, uint64_t offset, const void *data, size_t len)
{
    event made = { .kind = kind, .offset = offset, .len = len };

    (void)pthread_mutex_lock(&tape.lock);
    if (tape.is_on && file_of(fd, &made.file)) {
        if (tape.count == tape.cap) {
            tape.cap = tape.cap * 2 + 1024;
            tape.events = realloc(tape.events, tape.cap * sizeof *tape.events);
        }
        if (len > 0) {
            made.data = malloc(len);
            if (made.data == NULL || tape.events == NULL)
                abort();
            memcpy(made.data, data, len);
        }
        tape.events[tape.count++] = made;
    }
    (void)pthread_mutex_unlock(&tape.lock);
}

/* The C library's functions, for the whole program. */
ssize_t pwrite64(int fd, const void *data, size_t len, off64_t offset)
{
    const ssize_t put = syscall(SYS_pwrite64, fd, data, len, offset);

    if (put > 0)
        append(EVENT_WRITE, fd, (uint64_t)offset, data, (size_t)put);
    return put;
}

int ftruncate64(int fd, off64_t len)
{
    const long rc = syscall(SYS_ftruncate, fd, len);

    if (rc == 0)
        append(EVENT_TRUNCATE, fd, (uint64_t)len, NULL, 0);
    return (int)rc;
}

int fdatasync(int fd)
{
    append(EVENT_SYNC, fd, 0, NULL, 0); /* the disk is a file here: nothing to wait for */
    return 0;
}

int fsync(int fd)
{
    return fdatasync(fd);
}

bool power_record(const char *directory, const char *const *names, size_t count)
{
    for (size_t i = 0; i < tape.count; i++)
        free(tape.events[i].data);
    tape.count = 0;
    tape.file_count = count;
    (void)snprintf(tape.directory, sizeof tape.directory, "%s", directory);
    for (size_t i = 0; i < count; i++) {
        char path[PATH_MAX + 80];
        (void)snprintf(tape.names[i], sizeof tape.names[i], "%s", names[i]);
        (void)snprintf(path, sizeof path, "%s/%s", directory, names[i]);
        if (!content_load(&tape.before[i], path))
            return false;
    }
    tape.is_on = true;
    return true;
}

void power_stop(void)
{
    (void)pthread_mutex_lock(&tape.lock);
    tape.is_on = false;
    (void)pthread_mutex_unlock(&tape.lock);
}

size_t power_events(void)
{
    (void)pthread_mutex_lock(&tape.lock);
    const size_t count = tape.count;
    (void)pthread_mutex_unlock(&tape.lock);
    return count;
}

/* --- after the cut ------------------------------------------------------------------------------ */

/* What became of the writes that were not durable. */
typedef enum fate { LOST, ARRIVED, FIRST_SOME, ANY_SOME, TORN_4096, TORN_512, FATES } fate;

static bool apply(content *in, const event *done)
{
    if (done->kind == EVENT_TRUNCATE)
        return content_resize(in, (size_t)done->offset);
    return content_write(in, done->offset, done->data, done->len);
}

/* Writes the pieces of a write that arrived: those between multiples of `unit` in the file. */
static bool apply_torn(content *in, const event *done, size_t unit, unsigned *seed)
{
    size_t at = 0;

    if (done->kind == EVENT_TRUNCATE)
        return rand_r(seed) % 2 == 0 || apply(in, done);
    while (at < done->len) {
        size_t piece = unit - (size_t)(done->offset + at) % unit;
        if (piece > done->len - at)
            piece = done->len - at;
        if (rand_r(seed) % 2 == 0 && !content_write(in, done->offset + at, done->data + at, piece))
            return false;
        at += piece;
    }
    return true;
}

static bool apply_by_fate(content *in, const event *done, fate what, bool is_early, unsigned *seed)
{
    switch (what) {
    case LOST:
        return true;
    case ARRIVED:
        return apply(in, done);
    case FIRST_SOME:
        return !is_early || apply(in, done);
    case ANY_SOME:
        return rand_r(seed) % 2 == 0 || apply(in, done);
    case TORN_4096:
        return apply_torn(in, done, 4096, seed);
    case TORN_512:
        return apply_torn(in, done, 512, seed);
    case FATES:
        break;
    }
    return false;
}

static bool is_sync(const event *done, size_t file, power_lie lie)
{
    const bool is_ignored = lie == POWER_ALL_LIE || (lie == POWER_FIRST_FILE_LIES && file == 0);

    return done->kind == EVENT_SYNC && done->file == file && !is_ignored;
}

/* The content of one file after the cut. */
static bool replay(content *in, size_t file, size_t event_count, unsigned seed, power_lie lie)
{
    const fate what = (fate)((unsigned)rand_r(&seed) % FATES);
    size_t durable = 0;

    for (size_t i = 0; i < event_count; i++) {
        if (is_sync(&tape.events[i], file, lie))
            durable = i;
    }
    const size_t early = durable + (size_t)rand_r(&seed) % (event_count - durable + 1);
    for (size_t i = 0; i < event_count; i++) {
        const event *done = &tape.events[i];
        if (done->file != file || done->kind == EVENT_SYNC)
            continue;
        if (!(i < durable ? apply(in, done) : apply_by_fate(in, done, what, i < early, &seed)))
            return false;
    }
    return true;
}

bool power_cut(const char *directory, size_t event_count, unsigned seed, power_lie lie)
{
    for (size_t i = 0; i < tape.file_count; i++) {
        char path[PATH_MAX + 80];
        content now = { .data = NULL };
        const content *before = &tape.before[i];
        (void)snprintf(path, sizeof path, "%s/%s", directory, tape.names[i]);
        const bool is_good = content_write(&now, 0, before->data, before->len) &&
                             replay(&now, i, event_count, seed * 31 + (unsigned)i, lie) &&
                             content_store(&now, path);
        free(now.data);
        if (!is_good)
            return false;
    }
    return true;
}
