/* A store in a directory of the test's own, and objects for it. */
#ifndef UNIT_STORE_STORE_ENV_H
#define UNIT_STORE_STORE_ENV_H

#include "store/store.h"
#include "unit/store/object_env.h"

/* Opens a store with 4 slots; directory NULL: in memory. */
hsm_err store_env_try(const char *directory, hsm_store **out_store);
/* The same with slot 0 attached and unlocked; NULL and a failed check if that can't be. */
hsm_store *store_env_open(const char *directory);
/* Attaches and unlocks a slot as store_env_open() does. */
void store_env_login(hsm_store *store, uint32_t slot);

/* A complete AES token key with this label, and an id made of `number`. */
hsm_draft *store_env_draft(const char *label, uint32_t number, bool is_private);
/* Inserts it into slot 0; the object, or NULL and a failed check. */
hsm_object *store_env_insert(hsm_store *store, const char *label, uint32_t number, bool is_private);
/* The same without checks or objects, for damaged stores and threads. */
hsm_err store_env_try_insert(hsm_store *store, uint32_t slot, uint32_t number, bool is_private,
                             uint64_t *out_id);
/* How many candidates slot 0 has for a template. */
size_t store_env_find(hsm_store *store, const env_template *t);
/* Whether the object says what store_env_draft() put in, secret value included. */
bool store_env_is_whole(hsm_store *store, const hsm_object *object, uint32_t number);

#endif
