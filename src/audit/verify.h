/* Verifying a log: with the device's keys, or by the public keys alone; and proofs of one entry.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_AUDIT_VERIFY_H
#define HSM_AUDIT_VERIFY_H

#include "audit/reader.h"

/* What is wrong with the first bad entry. */
typedef enum hsm_audit_fault {
    HSM_AUDIT_FAULT_NONE,
    HSM_AUDIT_FAULT_FORM,       /* not a line of the log's form, or too long */
    HSM_AUDIT_FAULT_TORN,       /* the file ends within it */
    HSM_AUDIT_FAULT_MISSING,    /* entries before it are missing: bad_index is the first of them */
    HSM_AUDIT_FAULT_ORDER,      /* its index was there already */
    HSM_AUDIT_FAULT_MAC,        /* changed, or written without the key */
    HSM_AUDIT_FAULT_LINK,       /* its successor's previous_hash is not its hash */
    HSM_AUDIT_FAULT_TIME,       /* not later than the entry before */
    HSM_AUDIT_FAULT_CHECKPOINT, /* a checkpoint that says something else than its entries */
    HSM_AUDIT_FAULT_SIGNATURE,  /* a checkpoint not signed by these keys */
    HSM_AUDIT_FAULT_LOG_ID,     /* a checkpoint of another log */
    HSM_AUDIT_FAULT_CUT,        /* the head knows of entries that are not there */
    HSM_AUDIT_FAULT_HEAD,       /* the head knows another entry in that place */
    HSM_AUDIT_FAULT_START,      /* the oldest file does not begin where the head says */
    HSM_AUDIT_FAULT_COUNT,
} hsm_audit_fault;
/* One sentence for people, without the entry's number. */
const char *hsm_audit_fault_text(hsm_audit_fault fault);
/* A word for programs: "none", "mac", ... */
const char *hsm_audit_fault_name(hsm_audit_fault fault);

#define HSM_AUDIT_FILE_NAME_BYTES 256u

typedef struct hsm_audit_verdict {
    hsm_audit_fault fault;
    uint64_t bad_index;                       /* with a fault: the first bad entry */
    char bad_file[HSM_AUDIT_FILE_NAME_BYTES]; /* its file's name without directory; "" if it has no
                                                 place */
    uint64_t bad_line;
    uint64_t entries; /* good ones, checkpoints included */
    uint64_t checkpoints;
    uint64_t first_index;
    uint64_t first_timestamp;
    uint64_t last_timestamp;
    uint64_t proven; /* entries that a signed checkpoint covers, itself or by the chain before it */
    bool is_keyed;   /* MACs were checked */
    bool is_signed;  /* signatures were checked */
    bool has_head;   /* the end was compared with the head */
} hsm_audit_verdict;

typedef struct hsm_audit_verifier hsm_audit_verifier;

/* in      mac_key      32 bytes, or empty: MACs are not looked at
 *         public_keys  NULL: signatures are not looked at; copied
 * errors  HSM_E_NO_MEMORY, HSM_E_CRYPTO */
HSM_MUST_USE hsm_err hsm_audit_verifier_create(hsm_crypto *crypto, hsm_bytes mac_key,
                                               const hsm_signer_public *public_keys,
                                               hsm_audit_verifier **out_verifier);
void hsm_audit_verifier_destroy(hsm_audit_verifier *verifier);
HSM_DEFINE_DROP(hsm_audit_verifier)
/* The next entry. After the first fault everything is passed over.
 * errors  HSM_E_CRYPTO; a bad entry is none: see hsm_audit_verifier_end() */
HSM_MUST_USE hsm_err hsm_audit_verifier_line(hsm_audit_verifier *verifier, hsm_bytes text,
                                             const hsm_audit_place *place, bool is_whole);
/* Reads a log to its end. stop: called now and then with bytes done and in all; true ends with
 * HSM_E_NO_EVENT. NULL is allowed. */
HSM_MUST_USE hsm_err hsm_audit_verifier_run(hsm_audit_verifier *verifier, hsm_audit_reader *reader,
                                            bool (*stop)(void *arg, uint64_t done, uint64_t all),
                                            void *arg);
/* head: NULL, or one read before the first line. */
void hsm_audit_verifier_end(hsm_audit_verifier *verifier, const hsm_head *head,
                            hsm_audit_verdict *out_verdict);

/* --- one entry (proof.c) ------------------------------------------------------------------------ */

/* Appends a proof of the entry `index`: a JSON object of the entry, the checkpoint over it and the
 * hashes between (docs/audit-format.md). The log is read from its beginning.
 * errors  HSM_E_STORE_NOT_FOUND (no such entry), HSM_E_NO_EVENT (no checkpoint covers it yet),
 *         HSM_E_DATA (the log around it is damaged) */
HSM_MUST_USE hsm_err hsm_audit_prove(hsm_crypto *crypto, hsm_audit_reader *reader, uint64_t index,
                                     hsm_buf *out_proof);
/* Whether a proof shows its entry to be in a log of these keys; the entry is appended to out_line.
 * errors  HSM_E_DATA (not a proof), HSM_E_SIGNATURE (it does not hold) */
HSM_MUST_USE hsm_err hsm_audit_check_proof(hsm_crypto *crypto, hsm_bytes proof,
                                           const hsm_signer_public *keys, hsm_buf *out_line);

#endif
