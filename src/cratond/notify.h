/* What systemd is told: sd_notify(3)'s protocol, a few words in a datagram.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_CRATOND_NOTIFY_H
#define HSM_CRATOND_NOTIFY_H

#include <stdint.h>

/* "READY=1", "RELOADING=1", "STOPPING=1", "WATCHDOG=1"; nothing without a $NOTIFY_SOCKET. */
void notify_send(const char *state);
/* The time in which systemd wants to hear from us; 0: it does not. */
int64_t notify_watchdog_ms(void);

#endif
