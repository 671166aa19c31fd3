#ifndef PH_PROTO_SOCKET_PATH_H
#define PH_PROTO_SOCKET_PATH_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Where a command finds the local node, and a node puts its socket: `given`
 * (--socket), POSTHOUSE_SOCKET, or the default. Root's is that of the system's
 * service while it runs. */
void ph_socket_path(char *out, size_t size, const char *given);

/* Whether a node of that user may hear what this process says: its own user's
 * and root's. Root asks anybody's, at a path that it was told or that is in
 * /run: it gives away what it says, nothing else. What the answers tell it to
 * do is another matter. */
bool ph_socket_may_ask(uid_t uid);

#endif
