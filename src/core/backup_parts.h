/* The pieces of a backup, for the files that write and read it.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_CORE_BACKUP_PARTS_H
#define HSM_CORE_BACKUP_PARTS_H

#include "base/codec.h"
#include "core/backup.h"
#include "core/internal.h"
#include "crypto/recipient.h"

#define HSM_BACKUP_FORMAT 2u
#define HSM_BACKUP_HEAD_BYTES (4u + 4u + 16u + 8u + 16u + 32u + 1u + 4u + 32u)
#define HSM_BACKUP_OBJECTS_MAX (1u << 18)

/* Frames come one after the other; each is sealed with its number. */
typedef enum hsm_backup_frame {
    HSM_BACKUP_PUBLIC = 1, /* of an object: the part that is not secret */
    HSM_BACKUP_SECRET = 2, /* of the same object: the secret part, if it has one */
    HSM_BACKUP_END = 3,    /* u64: objects; of selected ones also u64: that the token had */
} hsm_backup_frame;

/* In the head's kind: objects were selected. An older reader sees a kind that it does not know. */
#define HSM_BACKUP_SELECTED_BIT 4u

/* --- which objects are taken (backup_select.c) --- */

typedef struct hsm_backup_picker {
    hsm_core *core;
    uint32_t slot;
    const hsm_backup_selection *selection;
    bool was_met[HSM_BACKUP_CHOICES_MAX];
    hsm_buf related; /* prints of CKA_ID, in order */
} hsm_backup_picker;
void hsm_backup_picker_clear(hsm_backup_picker *picker);
/* Begins, also again; with related objects it looks for them. core, slot and selection are set.
 * errors  HSM_E_LIMIT (choices), those of templates and of the store */
HSM_MUST_USE hsm_err hsm_backup_pick_begin(hsm_backup_picker *picker);
/* Whether an object is taken.
 * errors  HSM_E_STORE_CONFLICT (it was not there when what is related was looked for: begin again) */
HSM_MUST_USE hsm_err hsm_backup_pick(hsm_backup_picker *picker, const hsm_object *object,
                                     bool *out_is);
/* Whether each choice was met; out_unmet is the first that was not. errors HSM_E_OBJECT_HANDLE */
HSM_MUST_USE hsm_err hsm_backup_pick_end(const hsm_backup_picker *picker, size_t *out_unmet);

/* A backup that is written or read. */
typedef struct hsm_backup_seal {
    hsm_aead *aead;
    uint8_t head_hash[HSM_SHA256_BYTES];
    uint64_t frames; /* so far */
} hsm_backup_seal;
void hsm_backup_seal_clear(hsm_backup_seal *seal);

HSM_MUST_USE hsm_err hsm_backup_write_head(const hsm_backup_head *head,
                                           uint8_t out[HSM_BACKUP_HEAD_BYTES]);
/* Each recipient's block follows the head: which key, the ciphertext, the backup's secret sealed. */
#define HSM_BACKUP_BLOCK_BYTES                                                        \
    (HSM_SHA256_BYTES + HSM_RECIPIENT_CIPHERTEXT_BYTES + HSM_RECIPIENT_SECRET_BYTES + \
     HSM_AEAD_TAG_BYTES)
/* Appends a block for each recipient, and gives the secret that they open. */
HSM_MUST_USE hsm_err hsm_backup_write_blocks(hsm_crypto *crypto, const hsm_backup_head *head,
                                             const hsm_backup_lock *lock, hsm_buf *out,
                                             hsm_secret **out_secret);
/* errors  HSM_E_ENCRYPTED_DATA (none of the blocks is for this key, or it is damaged) */
HSM_MUST_USE hsm_err hsm_backup_read_blocks(hsm_crypto *crypto, const hsm_backup_head *head,
                                            hsm_bytes blocks, hsm_bytes private_key,
                                            hsm_secret **out_secret);
/* Appends head and blocks, and derives the key. */
HSM_MUST_USE hsm_err hsm_backup_lock_up(hsm_crypto *crypto, const hsm_backup_head *head,
                                        const hsm_backup_lock *lock, hsm_buf *out,
                                        hsm_backup_seal *out_seal);
/* Derives the key of a backup whose head was read; out_rest: the frames. */
HSM_MUST_USE hsm_err hsm_backup_unlock(hsm_crypto *crypto, const hsm_backup_head *head,
                                       hsm_bytes backup, const hsm_backup_key *key,
                                       hsm_backup_seal *out_seal, hsm_bytes *out_rest);
HSM_MUST_USE hsm_err hsm_backup_put_frame(hsm_backup_seal *seal, hsm_backup_frame kind,
                                          hsm_bytes plain, hsm_buf *out);
/* The next frame, into secret memory when it is a secret one (out_secret), else into out_plain.
 * errors  HSM_E_ENCRYPTED_DATA */
HSM_MUST_USE hsm_err hsm_backup_get_frame(hsm_backup_seal *seal, hsm_reader *reader,
                                          hsm_backup_frame *out_kind, hsm_buf *out_plain,
                                          hsm_secret **out_secret);

#endif
