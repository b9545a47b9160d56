/* Reading a log, all its generations or one file of it, line by line in constant memory.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_AUDIT_READER_H
#define HSM_AUDIT_READER_H

#include "audit/head.h"

typedef struct hsm_audit_reader hsm_audit_reader;

/* Where a line stands. */
typedef struct hsm_audit_place {
    const char *file; /* borrowed until the reader is closed */
    uint64_t line;    /* from 1 */
    uint64_t offset;  /* of its first byte */
} hsm_audit_place;

/* Opens PATH and PATH.1 .. PATH.5 as far as they exist, to be read oldest first; with is_one_file
 * PATH alone. Writers may go on meanwhile, and files may be rotated: what was opened is read.
 * errors  HSM_E_STORE_NOT_FOUND (no PATH), those of os/file.h, HSM_E_NO_MEMORY */
HSM_MUST_USE hsm_err hsm_audit_reader_open(const char *path, bool is_one_file,
                                           hsm_audit_reader **out_reader);
/* NULL is allowed. */
void hsm_audit_reader_close(hsm_audit_reader *reader);
static inline void hsm_audit_reader_drop(hsm_audit_reader **reader)
{
    hsm_audit_reader_close(*reader);
    *reader = NULL;
}
/**
 * The next line, without its line feed; blank ones are passed over. Borrowed until the next call.
 *
 * out     out_is_whole  false: the file ends without a line feed after it
 * errors  HSM_E_NO_EVENT (the end), HSM_E_LIMIT (longer than HSM_LINE_MAX_BYTES: its first bytes are
 *         not given), HSM_E_STORE_IO
 */
HSM_MUST_USE hsm_err hsm_audit_reader_next(hsm_audit_reader *reader, hsm_bytes *out_line,
                                           hsm_audit_place *out_place, bool *out_is_whole);
/* Bytes read so far, and of all files. */
void hsm_audit_reader_progress(const hsm_audit_reader *reader, uint64_t *out_done,
                               uint64_t *out_all);

#endif
