/* SPDX-License-Identifier: Apache-2.0 */
#include "cratond/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "os/env.h"
#include "os/file.h"

#define BACKLOG 1024
#define HOST_MAX_BYTES 256
/* Open files that are no connection: the store of each client, the log, epoll and the like. */
#define DESCRIPTORS_BESIDE 512u
/* sd_listen_fds(3). */
#define SYSTEMD_FIRST_FD 3

static hsm_err refuse(const char *where, const char *reason)
{
    hsm_log(HSM_LOG_ERROR, "%s: %s", where, reason);
    return HSM_E_CONFIG;
}

/* The same for what is no fault of the configuration, or may be over soon. */
static hsm_err refuse_errno(const char *where, int errno_value)
{
    static const struct {
        int errno_value;
        const char *hint;
    } hints[] = {
        { EADDRINUSE, "; another program listens there (ss -ltnxp says which)" },
        { EADDRNOTAVAIL, "; this machine has no such address now" },
        { EACCES,
          "; ports below 1024 and other users' directories need rights, or socket activation" },
    };
    const char *hint = "";

    for (size_t i = 0; i < HSM_ARRAY_LEN(hints); i++) {
        if (hints[i].errno_value == errno_value)
            hint = hints[i].hint;
    }
    hsm_log(HSM_LOG_ERROR, "%s: can't be listened at: %s%s", where, strerror(errno_value), hint);
    return HSM_E_ADDRESS;
}

/* --- addresses ---------------------------------------------------------------------------------- */

static bool is_loopback(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET) {
        struct sockaddr_in in;

        memcpy(&in, address, sizeof in);
        return ntohl(in.sin_addr.s_addr) >> 24 == 127;
    }
    if (address->sa_family == AF_INET6) {
        struct sockaddr_in6 in6;

        memcpy(&in6, address, sizeof in6);
        return IN6_IS_ADDR_LOOPBACK(&in6.sin6_addr);
    }
    return address->sa_family == AF_UNIX;
}

/* "host:port" or "[host]:port"; the port's form was checked with the configuration. */
static hsm_err resolve(const char *where, struct addrinfo **out_list)
{
    const struct addrinfo hints = { .ai_flags = AI_PASSIVE | AI_NUMERICSERV,
                                    .ai_socktype = SOCK_STREAM };
    const char *colon = strrchr(where, ':');
    char host[HOST_MAX_BYTES];

    if (colon == NULL || (size_t)(colon - where) >= sizeof host)
        return refuse(where, "is no address and port");
    (void)snprintf(host, sizeof host, "%.*s", (int)(colon - where), where);
    char *name = host;
    if (name[0] == '[' && name[strlen(name) - 1] == ']') {
        name[strlen(name) - 1] = '\0';
        name++;
    }
    const int failed = getaddrinfo(name, colon + 1, &hints, out_list);
    return failed == 0 ? HSM_OK : refuse(where, gai_strerror(failed));
}

/* Port 0 is any free one: which it is, is said here. */
static void tell(int fd)
{
    struct sockaddr_storage address = { 0 };
    socklen_t len = sizeof address;
    char host[HOST_MAX_BYTES];
    char port[16];

    if (getsockname(fd, (struct sockaddr *)&address, &len) == 0 &&
        getnameinfo((const struct sockaddr *)&address, len, host, sizeof host, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV) == 0)
        hsm_log(HSM_LOG_INFO, "listening at %s port %s", host, port);
}

static hsm_err open_tcp(const char *where, const struct addrinfo *address, int *out_fd)
{
    static const int yes = 1;
    HSM_AUTO(hsm_fd_drop) int fd = -1;

    fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) != 0 ||
        bind(fd, address->ai_addr, address->ai_addrlen) != 0 || listen(fd, BACKLOG) != 0)
        return refuse_errno(where, errno);
    tell(fd);
    *out_fd = fd;
    fd = -1;
    return HSM_OK;
}

static void drop_list(struct addrinfo **list)
{
    if (*list != NULL)
        freeaddrinfo(*list);
}

/* --- Unix sockets ------------------------------------------------------------------------------- */

/* A socket that nobody listens at is left over from a daemon that was killed. */
static bool is_left_over(const struct sockaddr_un *address)
{
    struct stat info;
    HSM_AUTO(hsm_fd_drop) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (lstat(address->sun_path, &info) != 0 || !S_ISSOCK(info.st_mode) ||
        info.st_uid != geteuid() || fd < 0)
        return false;
    return connect(fd, (const struct sockaddr *)address, sizeof *address) != 0 &&
           errno == ECONNREFUSED;
}

static hsm_err open_unix(const char *path, int *out_fd)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    HSM_AUTO(hsm_fd_drop) int fd = -1;

    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (strlen(path) >= sizeof address.sun_path)
        /* cppcheck-suppress resourceLeak ; HSM_AUTO */
        return refuse(path, "is too long for a socket");
    memcpy(address.sun_path, path, strlen(path) + 1);
    if (is_left_over(&address))
        (void)unlink(path);
    /* The mode must be right from the first moment on. */
    const mode_t old = umask(0177);
    const int bound = fd < 0 ? -1 : bind(fd, (const struct sockaddr *)&address, sizeof address);
    (void)umask(old);
    if (bound != 0 || listen(fd, BACKLOG) != 0)
        /* cppcheck-suppress resourceLeak ; HSM_AUTO */
        return refuse_errno(path, errno);
    *out_fd = fd;
    fd = -1;
    return HSM_OK;
}

hsm_err listen_on(const char *where, bool may_be_remote, int *out_fd)
{
    HSM_AUTO(drop_list) struct addrinfo *list = NULL;

    if (strncmp(where, "unix:", 5) == 0)
        return open_unix(where + 5, out_fd);
    HSM_TRY(resolve(where, &list));
    if (!may_be_remote && !is_loopback(list->ai_addr))
        return refuse(where, "must be a loopback address");
    return open_tcp(where, list, out_fd);
}

/* --- the daemon's own ----------------------------------------------------------------------------- */

/* systemd hands descriptors over from 3 on, if they are meant for this process. */
static size_t systemd_count(void)
{
    const char *pid = hsm_env_get("LISTEN_PID");
    const char *count = hsm_env_get("LISTEN_FDS");

    if (pid == NULL || count == NULL || strtol(pid, NULL, 10) != (long)getpid())
        return 0;
    const unsigned long number = strtoul(count, NULL, 10);
    return number <= LISTEN_MAX ? (size_t)number : LISTEN_MAX + 1;
}

static hsm_err add(listeners *open, int fd, bool is_unix)
{
    open->list[open->count++] = (listener){ .fd = fd, .is_unix = is_unix };
    return HSM_OK;
}

static hsm_err adopt(const hsm_config *config, listeners *open, size_t count)
{
    HSM_CHECK(count <= LISTEN_MAX, refuse("LISTEN_FDS", "too many sockets"));
    for (size_t i = 0; i < count; i++) {
        const int fd = SYSTEMD_FIRST_FD + (int)i;
        struct sockaddr_storage address = { 0 };
        socklen_t len = sizeof address;

        if (getsockname(fd, (struct sockaddr *)&address, &len) != 0 ||
            fcntl(fd, F_SETFD, FD_CLOEXEC) != 0 || fcntl(fd, F_SETFL, O_NONBLOCK) != 0)
            return refuse("LISTEN_FDS", "names no socket");
        const bool is_unix = address.ss_family == AF_UNIX;
        if (is_unix != config->daemon.allow_insecure)
            return refuse("LISTEN_FDS", is_unix
                                            ? "a Unix socket needs daemon.allow_insecure"
                                            : "daemon.allow_insecure serves a Unix socket only");
        if (!is_loopback((const struct sockaddr *)&address) && config->daemon.tls_client_ca == NULL)
            return refuse("LISTEN_FDS", "an address that others reach needs daemon.tls_client_ca");
        HSM_TRY(add(open, fd, is_unix));
    }
    return HSM_OK;
}

static hsm_err check_insecure(const hsm_config *config)
{
    return config->daemon.bind_unix != NULL
               ? HSM_OK
               : refuse("daemon.bind_unix", "must be set: there is no $XDG_RUNTIME_DIR");
}

static hsm_err open_insecure(const hsm_config *config, listeners *open)
{
    int fd = -1;

    HSM_TRY(check_insecure(config));
    HSM_TRY(open_unix(config->daemon.bind_unix, &fd));
    HSM_TRY(add(open, fd, true));
    open->unix_path = hsm_text_dup(config->daemon.bind_unix);
    hsm_log(HSM_LOG_WARNING, "%s: served without TLS, to its owner", config->daemon.bind_unix);
    return HSM_OK;
}

static hsm_err check_secure(const hsm_config *config, const struct addrinfo *address)
{
    if (!is_loopback(address->ai_addr) && config->daemon.tls_client_ca == NULL)
        return refuse(config->daemon.bind,
                      "an address that other machines reach needs daemon.tls_client_ca");
    if (!is_loopback(address->ai_addr) && config->daemon.allow_unauthenticated_tls)
        return refuse(config->daemon.bind,
                      "daemon.allow_unauthenticated_tls is for loopback addresses");
    return HSM_OK;
}

static hsm_err open_secure(const hsm_config *config, listeners *open)
{
    HSM_AUTO(drop_list) struct addrinfo *list = NULL;

    HSM_TRY(resolve(config->daemon.bind, &list));
    for (const struct addrinfo *at = list; at != NULL && open->count < LISTEN_MAX;
         at = at->ai_next) {
        int fd = -1;

        HSM_TRY(check_secure(config, at));
        HSM_TRY(open_tcp(config->daemon.bind, at, &fd));
        HSM_TRY(add(open, fd, false));
    }
    return HSM_OK;
}

/* The usual limit, 1024, is for programs that use select(). */
static void raise_descriptors(const hsm_config *config)
{
    const rlim_t wanted = (rlim_t)config->daemon.max_connections + DESCRIPTORS_BESIDE;
    struct rlimit limit = { 0, 0 };

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted)
        return;
    limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur < wanted)
        hsm_log(
            HSM_LOG_WARNING,
            "daemon.max_connections is %u: that many need a limit of open files (ulimit -n) of %lu",
            config->daemon.max_connections, (unsigned long)wanted);
}

hsm_err listen_open(const hsm_config *config, listeners *out_listeners)
{
    HSM_AUTO(listen_close) listeners open = { .count = 0 };
    const size_t inherited = systemd_count();

    raise_descriptors(config);
    if (inherited > 0)
        HSM_TRY(adopt(config, &open, inherited));
    else if (config->daemon.allow_insecure)
        HSM_TRY(open_insecure(config, &open));
    else
        HSM_TRY(open_secure(config, &open));
    *out_listeners = open;
    open = (listeners){ .count = 0 };
    return HSM_OK;
}

hsm_err listen_check(const hsm_config *config)
{
    HSM_AUTO(drop_list) struct addrinfo *list = NULL;

    if (config->daemon.allow_insecure)
        return check_insecure(config);
    HSM_TRY(resolve(config->daemon.bind, &list));
    for (const struct addrinfo *at = list; at != NULL; at = at->ai_next)
        HSM_TRY(check_secure(config, at));
    return HSM_OK;
}

void listen_close(listeners *open)
{
    for (size_t i = 0; i < open->count; i++)
        hsm_fd_drop(&open->list[i].fd);
    open->count = 0;
    if (open->unix_path != NULL)
        (void)unlink(open->unix_path);
    free(open->unix_path);
    open->unix_path = NULL;
}
