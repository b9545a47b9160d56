/* Diagnostics for operators: one line an event, to standard error or syslog; never a secret.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_BASE_LOG_H
#define HSM_BASE_LOG_H

#include <stdbool.h>

#include "base/scope.h"

typedef enum hsm_log_level {
    HSM_LOG_ERROR,
    HSM_LOG_WARNING,
    HSM_LOG_INFO,
    HSM_LOG_DEBUG,
} hsm_log_level;

typedef enum hsm_log_sink {
    HSM_LOG_OFF,
    HSM_LOG_STDERR,
    HSM_LOG_SYSLOG,
} hsm_log_sink;

/* Where lines go and which. CRATON_HSM_LOG: "off" (the module's default), "stderr", "syslog",
 * optionally with ":error", ":warning" (default), ":info" or ":debug"; e.g. "stderr:debug".
 * An unknown value means stderr:warning and one line that says so. */
typedef struct hsm_log_options {
    hsm_log_sink sink;
    hsm_log_level level;
} hsm_log_options;

/* Reads the form above; NULL or "" gives `fallback`. */
hsm_log_options hsm_log_parse(const char *text, hsm_log_options fallback);
/* Process-wide. thread: any */
void hsm_log_configure(hsm_log_options options);

/* Standard error gets one JSON object a line (time, level, message) instead. Process-wide. */
void hsm_log_use_json(bool wanted);

/* Writes one line ("craton-hsm: warning: ..."), at most 1,000 bytes, control characters replaced.
 * errno is kept. thread: any */
void hsm_log(hsm_log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
