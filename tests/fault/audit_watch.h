/* The audit log as who reads its file sees it grow.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef FAULT_AUDIT_WATCH_H
#define FAULT_AUDIT_WATCH_H

#include <limits.h>
#include <stddef.h>
#include <sys/types.h>

#define WATCH_TEXT_BYTES 4096u

typedef struct audit_watch {
    char path[PATH_MAX];
    int fd; /* of the file that had the name at the last look; stays open when it is renamed */
    off_t at;
} audit_watch;

/* Of the log in a fixture's directory, which need not exist yet. */
void audit_watch_open(audit_watch *watch, const char *directory);
/* What came since the last look, in short: "generate_key+ generate_key:success ", where + is a begin.
 * The log's own entries are left out; what does not fit is cut. */
void audit_watch_take(audit_watch *watch, char out_text[WATCH_TEXT_BYTES]);

#endif
