/* The C library's own entry points are used where it has some, and system calls else: to look the
 * real functions up would allocate. */
#include "fault/shim.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#define VISIBLE __attribute__((visibility("default")))

/* Of the GNU C library. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *block, size_t size);
void *__libc_memalign(size_t align, size_t size);
void __libc_free(void *block);

static fault_plan plan;

VISIBLE fault_plan *fault_control(void)
{
    return &plan;
}

static bool fails(unsigned kind, int error)
{
    if (!plan.is_armed || (plan.kinds & kind) == 0)
        return false;
    plan.calls++;
    if (plan.fails_at == 0 || plan.calls < plan.fails_at ||
        plan.calls - plan.fails_at >= plan.fails_for)
        return false;
    errno = error;
    return true;
}

/* --- memory ------------------------------------------------------------------------------------- */

static void *counted(void *block)
{
    if (block != NULL)
        (void)__atomic_add_fetch(&plan.live_blocks, 1, __ATOMIC_RELAXED);
    return block;
}

VISIBLE void *malloc(size_t size)
{
    return fails(FAULT_MEMORY, ENOMEM) ? NULL : counted(__libc_malloc(size));
}

VISIBLE void *calloc(size_t count, size_t size)
{
    return fails(FAULT_MEMORY, ENOMEM) ? NULL : counted(__libc_calloc(count, size));
}

VISIBLE void free(void *block)
{
    if (block != NULL)
        (void)__atomic_sub_fetch(&plan.live_blocks, 1, __ATOMIC_RELAXED);
    __libc_free(block);
}

VISIBLE void *realloc(void *block, size_t size)
{
    if (fails(FAULT_MEMORY, ENOMEM))
        return NULL;
    if (block == NULL)
        return counted(__libc_realloc(NULL, size));
    if (size == 0) {
        free(block);
        return NULL;
    }
    return __libc_realloc(block, size);
}

VISIBLE void *aligned_alloc(size_t align, size_t size)
{
    return fails(FAULT_MEMORY, ENOMEM) ? NULL : counted(__libc_memalign(align, size));
}

VISIBLE int posix_memalign(void **out, size_t align, size_t size)
{
    void *block = aligned_alloc(align, size);

    if (block == NULL)
        return ENOMEM;
    *out = block;
    return 0;
}

/* Of Linux 6.11, for random bytes that come without a system call (src/os/random_vdso.c): as in an older
 * kernel there is none, so that all of them come through getrandom() below. */
#define DROPPABLE_MEMORY 8

VISIBLE void *mmap64(void *at, size_t len, int prot, int flags, int fd, off64_t offset)
{
    if ((flags & MAP_TYPE) == DROPPABLE_MEMORY) {
        errno = EINVAL;
        return MAP_FAILED;
    }
    if (fails(FAULT_MEMORY, ENOMEM))
        return MAP_FAILED;
    return (void *)syscall(SYS_mmap, at, len, prot, flags, fd, offset);
}

VISIBLE int mprotect(void *at, size_t len, int prot)
{
    return fails(FAULT_MEMORY, ENOMEM) ? -1 : (int)syscall(SYS_mprotect, at, len, prot);
}

VISIBLE int mlock(const void *at, size_t len)
{
    return fails(FAULT_MEMORY, ENOMEM) ? -1 : (int)syscall(SYS_mlock, at, len);
}

/* --- files -------------------------------------------------------------------------------------- */

static int open_really(const char *path, int flags, mode_t mode)
{
    if (fails(FAULT_FILES, EMFILE))
        return -1;
    return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

VISIBLE int open64(const char *path, int flags, ...)
{
    va_list args;

    va_start(args, flags);
    const mode_t mode = (flags & O_CREAT) != 0 ? va_arg(args, mode_t) : 0;
    va_end(args);
    return open_really(path, flags, mode);
}

/* What a fortified open64() becomes. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wredundant-decls"
VISIBLE int __open64_2(const char *path, int flags);
#pragma GCC diagnostic pop
VISIBLE int __open64_2(const char *path, int flags)
{
    return open_really(path, flags, 0);
}

VISIBLE int mkdir(const char *path, mode_t mode)
{
    return fails(FAULT_FILES, EIO) ? -1 : (int)syscall(SYS_mkdirat, AT_FDCWD, path, mode);
}

VISIBLE int link(const char *from, const char *to)
{
    return fails(FAULT_FILES, EIO) ? -1 : (int)syscall(SYS_linkat, AT_FDCWD, from, AT_FDCWD, to, 0);
}

VISIBLE int rename(const char *from, const char *to)
{
    return fails(FAULT_FILES, EIO) ? -1
                                   : (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
}

VISIBLE int fstat64(int fd, struct stat64 *info)
{
    return fails(FAULT_FILES, EIO) ? -1 : fstatat64(fd, "", info, AT_EMPTY_PATH);
}

VISIBLE int fcntl64(int fd, int command, ...)
{
    va_list args;

    va_start(args, command);
    void *arg = va_arg(args, void *);
    va_end(args);
    const bool locks = command == F_SETLK || command == F_SETLKW || command == F_OFD_SETLK ||
                       command == F_OFD_SETLKW;
    const struct flock *what = arg;
    if (locks && what->l_type != F_UNLCK && fails(FAULT_FILES, EIO))
        return -1;
    return (int)syscall(SYS_fcntl, fd, command, arg);
}

VISIBLE ssize_t read(int fd, void *data, size_t len)
{
    return fails(FAULT_READS, EIO) ? -1 : syscall(SYS_read, fd, data, len);
}

VISIBLE ssize_t pread64(int fd, void *data, size_t len, off64_t offset)
{
    return fails(FAULT_READS, EIO) ? -1 : syscall(SYS_pread64, fd, data, len, offset);
}

VISIBLE ssize_t write(int fd, const void *data, size_t len)
{
    return fails(FAULT_WRITES, ENOSPC) ? -1 : syscall(SYS_write, fd, data, len);
}

VISIBLE ssize_t pwrite64(int fd, const void *data, size_t len, off64_t offset)
{
    return fails(FAULT_WRITES, ENOSPC) ? -1 : syscall(SYS_pwrite64, fd, data, len, offset);
}

VISIBLE ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t offset)
{
    if (fails(FAULT_WRITES, ENOSPC))
        return -1;
    return syscall(SYS_pwritev, fd, parts, count, (unsigned long)offset, 0UL);
}

VISIBLE int ftruncate64(int fd, off64_t len)
{
    return fails(FAULT_WRITES, ENOSPC) ? -1 : (int)syscall(SYS_ftruncate, fd, len);
}

VISIBLE int posix_fallocate64(int fd, off64_t offset, off64_t len)
{
    if (fails(FAULT_WRITES, ENOSPC))
        return ENOSPC;
    return syscall(SYS_fallocate, fd, 0, offset, len) == 0 ? 0 : errno;
}

/* What is synced matters at a power loss only, which is not what this is for. */
VISIBLE int fdatasync(int fd)
{
    (void)fd;
    if (!fails(FAULT_WRITES, ENOSPC))
        return 0;
    plan.failed_syncs++;
    return -1;
}

VISIBLE int fsync(int fd)
{
    return fdatasync(fd);
}

/* --- random numbers ----------------------------------------------------------------------------- */

VISIBLE ssize_t getrandom(void *data, size_t len, unsigned flags)
{
    return fails(FAULT_RANDOM, ENOSYS) ? -1 : syscall(SYS_getrandom, data, len, flags);
}

VISIBLE int getentropy(void *data, size_t len)
{
    return getrandom(data, len, 0) == (ssize_t)len ? 0 : -1;
}

/* --- a whole program ---------------------------------------------------------------------------- */

static long number_of(const char *name)
{
    const char *text = getenv(name);

    return text != NULL ? strtol(text, NULL, 10) : 0;
}

__attribute__((constructor)) static void begin(void)
{
    plan.kinds = (unsigned)number_of("FAULT_KINDS");
    plan.fails_at = number_of("FAULT_AT");
    plan.fails_for = number_of("FAULT_FOR");
    plan.is_armed = plan.kinds != 0;
}

__attribute__((destructor)) static void end(void)
{
    const char *path = getenv("FAULT_CALLS");
    char text[32];

    plan.is_armed = false;
    if (path == NULL)
        return;
    const int fd = open_really(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    const int len = snprintf(text, sizeof text, "%ld\n", plan.calls);
    (void)!write(fd, text, (size_t)len);
    (void)close(fd);
}
