/* A few readers for any number of threads. The one used last is given out first: its cache is warm.
 * SPDX-License-Identifier: Apache-2.0 */
#include "store/driver_sqlite.h"

/* Expects the pool's lock. An idle reader, or the right to open one more. */
static hsm_conn *take_idle(hsm_sqlite *sqlite)
{
    while (sqlite->idle == NULL && sqlite->reader_count == HSM_SQLITE_READERS_MAX)
        (void)pthread_cond_wait(&sqlite->pool_cond, &sqlite->pool_lock);
    hsm_conn *conn = sqlite->idle;
    if (conn != NULL)
        sqlite->idle = conn->next;
    else
        sqlite->reader_count++;
    return conn;
}

hsm_err hsm_pool_get(hsm_sqlite *sqlite, hsm_conn **out_conn)
{
    (void)pthread_mutex_lock(&sqlite->pool_lock);
    hsm_conn *conn = take_idle(sqlite);
    (void)pthread_mutex_unlock(&sqlite->pool_lock);
    if (conn == NULL) {
        const hsm_err err = hsm_conn_open(sqlite, &conn);
        if (err != HSM_OK) {
            (void)pthread_mutex_lock(&sqlite->pool_lock);
            sqlite->reader_count--;
            (void)pthread_cond_signal(&sqlite->pool_cond);
            (void)pthread_mutex_unlock(&sqlite->pool_lock);
            return err;
        }
    }
    *out_conn = conn;
    return HSM_OK;
}

void hsm_pool_put(hsm_sqlite *sqlite, hsm_conn *conn)
{
    /* A transaction that could not be ended would show this state of the store for ever. */
    const bool is_stuck = sqlite3_get_autocommit(conn->db) == 0;

    (void)pthread_mutex_lock(&sqlite->pool_lock);
    if (is_stuck) {
        sqlite->reader_count--;
    } else {
        conn->next = sqlite->idle;
        sqlite->idle = conn;
    }
    (void)pthread_cond_signal(&sqlite->pool_cond);
    (void)pthread_mutex_unlock(&sqlite->pool_lock);
    if (is_stuck)
        hsm_conn_destroy(conn);
}

void hsm_pool_forget(hsm_sqlite *sqlite)
{
    (void)pthread_mutex_lock(&sqlite->pool_lock);
    while (sqlite->idle != NULL) {
        hsm_conn *conn = sqlite->idle;
        sqlite->idle = conn->next;
        sqlite->reader_count--;
        hsm_conn_destroy(conn);
    }
    (void)pthread_cond_broadcast(&sqlite->pool_cond);
    (void)pthread_mutex_unlock(&sqlite->pool_lock);
}
