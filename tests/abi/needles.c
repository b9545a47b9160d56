#include "abi/needles.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MASK 0x5a
#define WINDOW_BYTES ((size_t)1024 * 1024)

static uint8_t window[WINDOW_BYTES];

static void add_masked(needles *all, const char *label, const uint8_t *value, int step)
{
    if (all->count == NEEDLES_MAX)
        return;
    needle *made = &all->at[all->count++];
    (void)snprintf(made->label, sizeof made->label, "%.47s", label);
    for (int i = 0; i < NEEDLE_BYTES; i++)
        made->masked[i] = value[i * step] ^ MASK;
}

void needles_add(needles *all, const char *label, const uint8_t *value, size_t len, bool is_number)
{
    char turned[48];

    add_masked(all, label, value, 1);
    (void)snprintf(turned, sizeof turned, "%.36s, turned", label);
    if (is_number)
        add_masked(all, turned, value + len - 1, -1);
}

static bool is_at(const uint8_t *at, const needle *what)
{
    for (size_t i = 0; i < NEEDLE_BYTES; i++) {
        if ((at[i] ^ MASK) != what->masked[i])
            return false;
    }
    return true;
}

static void search(needles *all, const uint8_t *data, size_t len)
{
    bool begins[256] = { false };

    for (size_t k = 0; k < all->count; k++)
        begins[all->at[k].masked[0] ^ MASK] = true;
    for (size_t i = 0; i + NEEDLE_BYTES <= len; i++) {
        if (!begins[data[i]])
            continue;
        for (size_t k = 0; k < all->count; k++)
            all->at[k].found += is_at(data + i, &all->at[k]);
    }
}

static void forget_found(needles *all)
{
    for (size_t k = 0; k < all->count; k++)
        all->at[k].found = 0;
}

static size_t sum(const needles *all)
{
    size_t found = 0;

    for (size_t k = 0; k < all->count; k++)
        found += all->at[k].found;
    return found;
}

/* Part of what a descriptor shows, in windows that overlap by a needle. */
static void search_range(needles *all, int fd, off_t from, off_t to)
{
    while (from < to) {
        const size_t want = (size_t)(to - from) < WINDOW_BYTES ? (size_t)(to - from) : WINDOW_BYTES;
        const ssize_t got = pread(fd, window, want, from);

        if (got < NEEDLE_BYTES)
            break;
        search(all, window, (size_t)got);
        from += got < (ssize_t)want || from + got >= to ? got : got - (NEEDLE_BYTES - 1);
    }
    explicit_bzero(window, sizeof window);
}

static bool search_file(needles *all, const char *path)
{
    struct stat status;
    const int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0 || fstat(fd, &status) != 0)
        return false;
    search_range(all, fd, 0, status.st_size);
    (void)close(fd);
    return true;
}

size_t needles_in_file(needles *all, const char *path)
{
    forget_found(all);
    return search_file(all, path) ? sum(all) : SIZE_MAX;
}

static needles *walked; /* nftw() has no argument to hand on */

static int visit(const char *path, const struct stat *status, int kind, struct FTW *where)
{
    (void)status;
    (void)where;
    return kind != FTW_F || search_file(walked, path) ? 0 : 1;
}

size_t needles_in_folder(needles *all, const char *path)
{
    forget_found(all);
    walked = all;
    return nftw(path, visit, 16, FTW_PHYS) == 0 ? sum(all) : SIZE_MAX;
}

/* A mapping's range stands first in its block, its flags last. */
size_t needles_in_memory(needles *all, bool only_dumped)
{
    FILE *maps = fopen("/proc/self/smaps", "r");
    const int memory = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
    unsigned long from = 0, to = 0;
    bool is_wanted = false;
    char line[512];

    forget_found(all);
    if (maps == NULL || memory < 0)
        return SIZE_MAX;
    while (fgets(line, sizeof line, maps) != NULL) {
        unsigned long low, high;
        char mode[5];

        if (sscanf(line, "%lx-%lx %4s", &low, &high, mode) == 3) {
            from = low;
            to = high;
            is_wanted = mode[0] == 'r' && mode[1] == 'w';
        } else if (strncmp(line, "VmFlags:", 8) == 0 && is_wanted &&
                   !(only_dumped && strstr(line, " dd") != NULL)) {
            search_range(all, memory, (off_t)from, (off_t)to);
        }
    }
    (void)fclose(maps);
    (void)close(memory);
    return sum(all);
}

void needles_show(const needles *all, const char *where)
{
    for (size_t k = 0; k < all->count; k++) {
        if (all->at[k].found > 0)
            printf("# %s: %s, %zu times\n", where, all->at[k].label, all->at[k].found);
    }
}
