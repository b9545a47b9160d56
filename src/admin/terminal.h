/* The terminal: prompts, colour, progress.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_ADMIN_TERMINAL_H
#define HSM_ADMIN_TERMINAL_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/secret.h"

/* Whether out is a terminal that shows colour, and NO_COLOR is not set (no-color.org). */
bool hsm_terminal_has_colour(FILE *out);
/* Whether there is a controlling terminal to ask on. */
bool hsm_terminal_is_there(void);

/* Asks on the controlling terminal, without echo. Ctrl-C, Ctrl-\ and signals that would end the
 * process come after the terminal is as it was.
 * in      max_len  1 .. HSM_SECRET_MAX_BYTES
 * errors  HSM_E_STORE_NOT_FOUND (no terminal), HSM_E_DATA (nothing was typed), HSM_E_LIMIT,
 *         HSM_E_OPERATION_CANCELLED (Ctrl-C, Ctrl-D) */
HSM_MUST_USE hsm_err hsm_terminal_ask_secret(const char *prompt, size_t max_len,
                                             hsm_secret **out_secret);
/* Asks a question that "yes" affirms.
 * errors  HSM_E_STORE_NOT_FOUND (no terminal), HSM_E_OPERATION_CANCELLED (any other answer) */
HSM_MUST_USE hsm_err hsm_terminal_confirm(const char *question);
/* Writes a line to the controlling terminal, if there is one. */
void hsm_terminal_say(const char *line);

/* A bar on standard error, when that is a terminal and the work takes more than a second. */
typedef struct hsm_progress {
    const char *title;
    uint64_t started_ns;
    uint64_t shown_ns; /* 0: nothing is shown yet */
    bool is_on;
} hsm_progress;
void hsm_progress_begin(hsm_progress *progress, const char *title);
/* total 0: not known */
void hsm_progress_step(hsm_progress *progress, uint64_t done, uint64_t total);
void hsm_progress_end(hsm_progress *progress);

#endif
