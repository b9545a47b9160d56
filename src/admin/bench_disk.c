/* Writes that are on the disk when they return: what an entry of the audit log costs with
 * audit.durability = "sync".
 *
 * The file has a name while it is written, since some file systems sync nothing of a file without one.
 * SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "admin/bench.h"
#include "os/file.h"
#include "os/paths.h"

#define FILE_NAME ".craton-hsm-bench.XXXXXX"
/* The log fills its file ahead; so its length does not change with each entry, and here neither. */
#define FILE_BYTES (1024u * 1024u)
#define FILL_BYTES 4096u
/* About an entry. */
#define WRITE_BYTES 512u

static const uint8_t zeros[FILL_BYTES];

/* Who ignores a signal, as under nohup, goes on ignoring it. */
static void hold_signals(hsm_bench_file *file)
{
    static const int ending[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };

    (void)sigemptyset(&file->held);
    for (size_t i = 0; i < HSM_ARRAY_LEN(ending); i++) {
        struct sigaction action = { 0 };

        if (sigaction(ending[i], NULL, &action) == 0 && action.sa_handler != SIG_IGN)
            (void)sigaddset(&file->held, ending[i]);
    }
    file->is_holding = pthread_sigmask(SIG_BLOCK, &file->held, &file->before) == 0;
}

static bool is_signal_waiting(const hsm_bench_file *file)
{
    sigset_t waiting;
    sigset_t ours;

    if (sigpending(&waiting) != 0 || sigandset(&ours, &waiting, &file->held) != 0)
        return false;
    return sigisemptyset(&ours) == 0;
}

hsm_err hsm_bench_disk_prepare(hsm_bench_loop *loop)
{
    hsm_bench_file *file = &loop->file;

    HSM_CHECK(loop->directory != NULL, HSM_E_STORE_NOT_FOUND);
    HSM_TRY(hsm_path_join(loop->directory, FILE_NAME, &file->path));
    hold_signals(file);
    file->fd = mkostemp(file->path, O_CLOEXEC);
    HSM_CHECK(file->fd >= 0, hsm_file_err(errno));
    for (size_t i = 0; i < FILE_BYTES / FILL_BYTES; i++)
        HSM_TRY(hsm_file_write_all(file->fd, hsm_bytes_of(zeros, sizeof zeros)));
    HSM_CHECK(fsync(file->fd) == 0, hsm_file_err(errno));
    return HSM_OK;
}

hsm_err hsm_bench_disk_once(hsm_bench_loop *loop)
{
    hsm_bench_file *file = &loop->file;

    HSM_CHECK(!is_signal_waiting(file), HSM_E_OPERATION_CANCELLED);
    const ssize_t put = pwrite(file->fd, loop->result, WRITE_BYTES, (off_t)file->offset);
    HSM_CHECK(put == WRITE_BYTES, put < 0 ? hsm_file_err(errno) : HSM_E_STORE_FULL);
    HSM_CHECK(fdatasync(file->fd) == 0, hsm_file_err(errno));
    file->offset = (file->offset + WRITE_BYTES) % FILE_BYTES;
    return HSM_OK;
}

void hsm_bench_disk_end(hsm_bench_loop *loop)
{
    hsm_bench_file *file = &loop->file;

    if (file->fd >= 0)
        (void)unlink(file->path);
    hsm_fd_drop(&file->fd);
    hsm_path_drop(&file->path);
    if (file->is_holding) /* a signal that waits ends the process here */
        (void)pthread_sigmask(SIG_SETMASK, &file->before, NULL);
    file->is_holding = false;
}
