/* The database of a SoftHSM2 token, read only; what a stored object is, core/softhsm_record.h says.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_STORE_SOFTHSM_DB_H
#define HSM_STORE_SOFTHSM_DB_H

#include "base/codec.h"

typedef struct hsm_softhsm_db hsm_softhsm_db;

#define HSM_SOFTHSM_DB_TOKEN 1u /* the object that is the token itself */

/* Opens the database as it is at this moment; applications go on.
 * in      max  at most so many objects
 * errors  HSM_E_STORE_NOT_FOUND, HSM_E_STORE_CORRUPT (not a database, or not one of SoftHSM2's),
 *         HSM_E_STORE_BUSY, HSM_E_LIMIT, HSM_E_NO_MEMORY */
HSM_MUST_USE hsm_err hsm_softhsm_db_open(const char *path, size_t max, hsm_softhsm_db **out_db);
void hsm_softhsm_db_close(hsm_softhsm_db *db);
static inline void hsm_softhsm_db_drop(hsm_softhsm_db **db)
{
    hsm_softhsm_db_close(*db);
    *db = NULL;
}
/* Ids of the objects but the token's own, ascending; borrowed. */
const int64_t *hsm_softhsm_db_ids(const hsm_softhsm_db *db, size_t *out_count);
/* Writes an object as the file store would have it; nothing at all for an id that is not there.
 * errors  HSM_E_STORE_CORRUPT (a value of a wrong type or form), HSM_E_NO_MEMORY */
HSM_MUST_USE hsm_err hsm_softhsm_db_read(hsm_softhsm_db *db, int64_t id, hsm_writer *writer);

#endif
