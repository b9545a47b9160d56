/* A log in a scratch directory, and what tests do to its file.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef UNIT_AUDIT_AUDIT_ENV_H
#define UNIT_AUDIT_AUDIT_ENV_H

#include "audit/log.h"
#include "audit/verify.h"
#include "base/buf.h"

/* One log's place and keys. */
typedef struct audit_env {
    hsm_crypto *crypto;
    char directory[4200];
    char path[4300];
    hsm_audit_options options; /* may be changed before env_open() */
} audit_env;

/* A fresh directory and default options: sync, small waits. */
void env_make(audit_env *env);
/* Destroys the crypto; the directory goes with the program. */
void env_clear(audit_env *env);
hsm_audit_log *env_open(const audit_env *env);
/* Appends count sign events. */
void env_append(hsm_audit_log *log, unsigned count);
/* Opens, appends, closes. */
void env_fill(const audit_env *env, unsigned count);
/* Verifies with the device's key and the head; with_public: signatures too. */
hsm_audit_verdict env_verify(const audit_env *env, bool with_public);
/* Verifies a copy of the log: public keys only, no head. */
hsm_audit_verdict env_verify_public(const audit_env *env);
hsm_signer_public env_public(const audit_env *env);
hsm_head env_head(const audit_env *env);

/* The file's content, and replacing it. */
void env_read(const audit_env *env, hsm_buf *out);
void env_write(const audit_env *env, hsm_bytes content);
/* The n-th line of it, without line feed. */
hsm_bytes env_line(const hsm_buf *content, unsigned number);
/* Entries of that operation in all files. */
unsigned env_count(const audit_env *env, const char *operation);
/* Files in the directory whose name has `part`. */
unsigned env_files(const audit_env *env, const char *part);

#endif
