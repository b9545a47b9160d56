#include "fault/shares.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "abi/support.h"

#define WORKERS_MAX 64

/* The numbers wait in a pipe that is every worker's standard input, as it has no other. */
static bool put_numbers(size_t first, size_t end)
{
    unsigned char numbers[SHARES_MAX];
    int ends[2];

    if (first >= end || end > SHARES_MAX || pipe(ends) != 0)
        return false;
    for (size_t i = first; i < end; i++)
        numbers[i - first] = (unsigned char)i;
    const bool is_put = write(ends[1], numbers, end - first) == (ssize_t)(end - first) &&
                        dup2(ends[0], STDIN_FILENO) == STDIN_FILENO;
    (void)close(ends[0]);
    (void)close(ends[1]);
    return is_put;
}

unsigned shares_run(size_t first, size_t end, int (*worker)(void *arg), void *arg)
{
    const long processors = sysconf(_SC_NPROCESSORS_ONLN);
    const size_t wanted = processors > 1 ? (size_t)processors : 1;
    pid_t children[WORKERS_MAX];
    size_t count = 0;
    unsigned bad = 0;

    if (!put_numbers(first, end))
        return 1;
    while (count < wanted && count < end - first && count < WORKERS_MAX)
        children[count++] = begin_child(worker, arg);
    for (size_t i = 0; i < count; i++)
        bad += wait_for_child(children[i]) != 0;
    return bad;
}

int shares_next(void)
{
    unsigned char number;

    return read(STDIN_FILENO, &number, 1) == 1 ? number : -1;
}

shares_note *shares_note_in(const char *directory)
{
    char path[PATH_MAX];

    (void)snprintf(path, sizeof path, "%s/note", directory);
    const int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return NULL;
    void *at = ftruncate(fd, sizeof(shares_note)) == 0
                   ? mmap(NULL, sizeof(shares_note), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0)
                   : MAP_FAILED;
    (void)close(fd);
    return at != MAP_FAILED ? at : NULL;
}
