/* A daemon in this process, without TLS, threads or a disk for its keys: a token in memory, keys of
 * most types, and a connection that stays and owns them.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef FUZZ_DAEMON_WORLD_H
#define FUZZ_DAEMON_WORLD_H

#include "daemon_peer.h"

typedef struct daemon_world {
    struct server *server;
    known known;
} daemon_world;

/* The world, made on the first call, and anew when the last input has changed what the others need. */
daemon_world *daemon_world_get(void);
/* A new connection, as from the user that runs the daemon; its preface is still to be sent. Answers
 * teach the copy of what is known that the caller gives. */
peer *daemon_world_connect(daemon_world *world, known *of);
/* Sends what the clients have gathered and lets the daemon work until there is nothing more to do. */
void daemon_world_settle(daemon_world *world, peer *const *clients, size_t count);
/* After the last client has gone: requires that nothing of it is left. */
void daemon_world_require_rest(daemon_world *world);

#endif
