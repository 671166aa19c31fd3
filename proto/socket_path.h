#ifndef PH_PROTO_SOCKET_PATH_H
#define PH_PROTO_SOCKET_PATH_H

#include <stddef.h>

/* Where a command finds the local node: `given` (--socket), POSTHOUSE_SOCKET,
 * or the default. */
void ph_socket_path(char *out, size_t size, const char *given);

#endif
