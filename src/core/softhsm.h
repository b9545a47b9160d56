/* A token of SoftHSM2 as a source of objects: its directory, its key, and what becomes of an object.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_CORE_SOFTHSM_H
#define HSM_CORE_SOFTHSM_H

#include "base/secret.h"
#include "core/internal.h"
#include "core/migrate.h"
#include "core/softhsm_record.h"
#include "os/dir.h"
#include "store/softhsm_db.h"

#define HSM_SOFTHSM_OBJECTS_MAX 65536u
/* A file: its values and their heads. Those with keys in them fit in secret memory. */
#define HSM_SOFTHSM_FILE_MAX_BYTES (HSM_SOFTHSM_VALUE_MAX_BYTES + (size_t)64 * 1024)

#define HSM_SOFTHSM_PIN_BLOB_BYTES 72u

/* What went wrong and where, for people. */
typedef struct hsm_softhsm_where {
    char text[HSM_MIGRATE_WHERE_MAX];
} hsm_softhsm_where;

/* A token's directory. */
typedef struct hsm_softhsm_source {
    char *path;
    hsm_dir_names
        files; /* of the file store: names that end with .object, token.object not among them */
    hsm_softhsm_db *db; /* NULL: a file store */
    size_t count;       /* objects */
    uint8_t label[32];  /* blank padded */
    uint8_t serial[16];
    bool has_user_pin;
    uint8_t pin_blob[HSM_SOFTHSM_PIN_BLOB_BYTES]; /* the token's key under the user PIN */
    hsm_aes_cbc *key;                             /* the token's; NULL: not unlocked */
} hsm_softhsm_source;
void hsm_softhsm_close(hsm_softhsm_source *source);

/* Opens `directory`: a token's, or one with exactly one token in it.
 * errors  HSM_E_STORE_* , HSM_E_DATA (no token; several; not SoftHSM2's form), HSM_E_LIMIT, with out_where */
HSM_MUST_USE hsm_err hsm_softhsm_open(const char *directory, hsm_softhsm_source *out_source,
                                      hsm_softhsm_where *out_where);
/* Makes the token's key of the user PIN.
 * errors  HSM_E_PIN_INCORRECT, HSM_E_USER_PIN_NOT_INITIALIZED, HSM_E_CRYPTO */
HSM_MUST_USE hsm_err hsm_softhsm_unlock(hsm_crypto *crypto, hsm_softhsm_source *source,
                                        hsm_bytes pin);

/* One object's file, in secret memory as long as it fits: keys that are not private lie open in it. */
typedef struct hsm_softhsm_content {
    hsm_secret *small;
    hsm_buf large;
    char name[64]; /* of the object in its token */
} hsm_softhsm_content;
void hsm_softhsm_content_clear(hsm_softhsm_content *content);
hsm_bytes hsm_softhsm_content_view(const hsm_softhsm_content *content);
/* in      index  0 .. source->count - 1 */
HSM_MUST_USE hsm_err hsm_softhsm_load(const hsm_softhsm_source *source, size_t index,
                                      hsm_softhsm_content *out_content,
                                      hsm_softhsm_where *out_where);

/* Says where in an object's file something is wrong; gives err. */
hsm_err hsm_softhsm_at(const hsm_softhsm_source *source, const char *name,
                       const hsm_softhsm_fault *fault, hsm_softhsm_where *out_where, hsm_err err);

/* An object to be made of a record. */
typedef struct hsm_softhsm_object {
    const hsm_softhsm_source *source;
    const char *name;
    const hsm_softhsm_record *record;
    const hsm_migrate_watch *watch; /* gets the changes; NULL: nobody */
    hsm_softhsm_where *where;
} hsm_softhsm_object;

/* What became of it. */
typedef struct hsm_softhsm_made {
    hsm_draft *
        draft; /* complete, and checked as a key that is imported; NULL: this token can't have it */
    const char *why; /* it can't: a constant */
    CK_OBJECT_CLASS object_class;
    hsm_buf label;
    hsm_buf id;
} hsm_softhsm_made;
void hsm_softhsm_made_clear(hsm_softhsm_made *made);
/* errors  HSM_E_DATA, HSM_E_ENCRYPTED_DATA (damaged; where says how), HSM_E_NO_MEMORY, HSM_E_CRYPTO */
HSM_MUST_USE hsm_err hsm_softhsm_make(hsm_core *core, const hsm_softhsm_object *from,
                                      hsm_softhsm_made *out_made);

#endif
