/* SPDX-License-Identifier: Apache-2.0 */
#include "store/login_turn.h"

#include <pthread.h>
#include <stdlib.h>

#include "os/clock.h"
#include "os/file.h"
#include "os/fork.h"
#include "os/lock.h"

struct hsm_login_turn {
    pthread_mutex_t lock; /* the file's lock belongs to the process */
    int fd;               /* -1: no file */
    uint32_t busy_ms;
};

/* Else a child that lives on would keep a turn its parent had when it forked. */
static void in_child(void *arg)
{
    hsm_login_turn *turn = arg;

    hsm_fd_drop(&turn->fd);
}

hsm_err hsm_login_turn_open(const char *path, uint32_t busy_ms, hsm_login_turn **out_turn)
{
    hsm_login_turn *turn = calloc(1, sizeof *turn);
    hsm_err err = HSM_E_NO_MEMORY;

    HSM_CHECK(turn != NULL, HSM_E_NO_MEMORY);
    turn->fd = -1;
    turn->busy_ms = busy_ms;
    if (pthread_mutex_init(&turn->lock, NULL) == 0)
        err = path == NULL ? HSM_OK : hsm_lock_open(path, &turn->fd);
    if (err == HSM_OK)
        err = hsm_fork_hook_add(in_child, turn);
    if (err != HSM_OK) {
        hsm_fd_drop(&turn->fd);
        free(turn);
        return err;
    }
    *out_turn = turn;
    return HSM_OK;
}

void hsm_login_turn_close(hsm_login_turn *turn)
{
    if (turn == NULL)
        return;
    hsm_fork_hook_remove(in_child, turn);
    hsm_fd_drop(&turn->fd);
    (void)pthread_mutex_destroy(&turn->lock);
    free(turn);
}

void hsm_login_turn_abandon(hsm_login_turn *turn)
{
    if (turn == NULL)
        return;
    hsm_fork_hook_remove(in_child, turn);
    hsm_fd_drop(&turn->fd);
    free(turn);
}

hsm_err hsm_login_turn_take(hsm_login_turn *turn)
{
    hsm_err err = HSM_OK;

    (void)pthread_mutex_lock(&turn->lock);
    if (turn->fd >= 0)
        err = hsm_lock_acquire(turn->fd, HSM_LOCK_EXCLUSIVE, hsm_clock_deadline_ns(turn->busy_ms));
    if (err != HSM_OK)
        (void)pthread_mutex_unlock(&turn->lock);
    return err;
}

void hsm_login_turn_give(hsm_login_turn *turn)
{
    if (turn->fd >= 0)
        hsm_lock_release(turn->fd);
    (void)pthread_mutex_unlock(&turn->lock);
}
