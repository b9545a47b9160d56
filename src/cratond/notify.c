/* SPDX-License-Identifier: Apache-2.0 */
#include "cratond/notify.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "os/clock.h"
#include "os/env.h"
#include "os/file.h"

#define TEXT_MAX_BYTES 128
#define US_PER_MS 1000

void notify_send(const char *state)
{
    const char *path = hsm_env_get("NOTIFY_SOCKET");
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    char text[TEXT_MAX_BYTES];

    if (path == NULL || (path[0] != '/' && path[0] != '@') ||
        strlen(path) >= sizeof address.sun_path)
        return;
    memcpy(address.sun_path, path, strlen(path));
    if (path[0] == '@') /* the abstract namespace */
        address.sun_path[0] = '\0';
    /* The time goes with a reload, so that systemd can tell it from an older one. */
    (void)snprintf(text, sizeof text, "%s\nMONOTONIC_USEC=%llu", state,
                   (unsigned long long)(hsm_clock_monotonic_ns() / 1000));
    HSM_AUTO(hsm_fd_drop) int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    const socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
    if (fd < 0 || sendto(fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT,
                         (const struct sockaddr *)&address, len) < 0)
        hsm_log(HSM_LOG_WARNING, "systemd can't be told %s: %s", state, strerror(errno));
}

int64_t notify_watchdog_ms(void)
{
    const char *us = hsm_env_get("WATCHDOG_USEC");
    const char *pid = hsm_env_get("WATCHDOG_PID");

    if (us == NULL || (pid != NULL && strtol(pid, NULL, 10) != (long)getpid()))
        return 0;
    const unsigned long long value = strtoull(us, NULL, 10);
    return value <= (unsigned long long)INT32_MAX * US_PER_MS ? (int64_t)(value / US_PER_MS) : 0;
}
