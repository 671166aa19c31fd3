#ifndef PH_SERVERS_SERVERS_H
#define PH_SERVERS_SERVERS_H

#include "proto/server.h"

/* The bundled servers, one file each. A new one is a file and a row in
 * servers/table.c. */
extern const struct ph_server_type ph_server_file_read;
extern const struct ph_server_type ph_server_file_write;
extern const struct ph_server_type ph_server_lines;
extern const struct ph_server_type ph_server_clock;
extern const struct ph_server_type ph_server_null;
extern const struct ph_server_type ph_server_zero;

/* classHex of each kind of bundled server. */
enum ph_server_class {
	PH_CLASS_PROGRAM = 0x1,
	PH_CLASS_FILE = 0x10,
	PH_CLASS_FILTER = 0x20,
	PH_CLASS_SOURCE = 0x30,
	PH_CLASS_SINK = 0x40,
};

/* Says `done` with "NAME: what: reason". */
void ph_server_break(struct ph_server *server, const char *what,
	const char *object, int reason, const char *next);

#endif
