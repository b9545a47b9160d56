/* What the files in a store's directory are called; docs/store-format.md says what is in them.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_STORE_NAMES_H
#define HSM_STORE_NAMES_H

#define HSM_STORE_DEVICE_KEY "device.key"
#define HSM_STORE_DATABASE "store.db"
/* SQLite gives a database's companions these endings. */
#define HSM_STORE_LOG_ENDING "-wal"
#define HSM_STORE_INDEX_ENDING "-shm"
/* The first database of a store until it is whole; there only while a store is being made. */
#define HSM_STORE_NEW_DATABASE "store.db.new"
#define HSM_STORE_GATE "store.gate"
#define HSM_STORE_LOCK "store.lock"
#define HSM_STORE_CHANGES "store.changes"
#define HSM_STORE_LOGIN "store.login"
#define HSM_STORE_DAY "latest.day"

#endif
