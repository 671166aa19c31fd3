#ifndef PH_PROTO_SERVER_H
#define PH_PROTO_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/loop.h"
#include "kernel/terminal.h"
#include "kernel/worker.h"
#include "proto/error.h"

struct ph_server;

/*
 * What a bundled server is: a const table. The same source runs wherever the
 * executor places it; it reaches the world only through `struct ph_server`.
 */
struct ph_terminal_type {
	const char *name;
	enum ph_direction direction;
	const char *media; /* media type; "" for any */
};

enum ph_parameter_kind {
	PH_PARAMETER_TEXT,
	PH_PARAMETER_PATH,
	PH_PARAMETER_BYTES,   /* 64MiB, 1GiB, 4096 */
	PH_PARAMETER_DURATION /* 250ms, 10s, 5m */
};

struct ph_parameter_type {
	const char *name; /* key below `with:` */
	enum ph_parameter_kind kind;
	bool must;
	const char *sentence;
};

struct ph_parameter {
	const char *name;
	const char *value;
};

struct ph_server_type {
	const char *name; /* as in `use:` */
	const char *sentence;
	uint32_t class; /* classHex of its identity */
	const struct ph_terminal_type *terminals;
	size_t terminal_count;
	const struct ph_parameter_type *parameters;
	size_t parameter_count;
	size_t state_size; /* zeroed memory at server->state */

	/* 0, or -1 with the error told. May not block. */
	int (*open)(struct ph_server *server, struct ph_error *error);
	/* The terminal's events; each slot may be NULL. `terminal` is the
	 * index in `terminals`. */
	void (*on_connected)(struct ph_server *server, unsigned terminal);
	void (*on_room)(struct ph_server *server, unsigned terminal);
	void (*on_readable)(struct ph_server *server, unsigned terminal);
	void (*on_closed)(
		struct ph_server *server, unsigned terminal, int reason);
	/* Let go of everything; an unfinished stream is cut by the caller.
	 * Jobs at the worker must have been waited for: say ph_server.closed
	 * when done (at once is fine). */
	void (*close)(struct ph_server *server);
};

/* One running instance, made by the executor. */
struct ph_server {
	const struct ph_server_type *type;
	const char *name; /* on this node */
	void *state;
	struct ph_loop *loop;
	struct ph_worker *worker;
	struct ph_kernel *kernel;
	struct ph_terminal **terminals; /* as in type->terminals */
	const struct ph_parameter *parameters;
	size_t parameter_count;
	/* The server's work ended: error NULL when it succeeded. Once. What
	 * follows (restart or not) is the executor's policy. */
	void (*done)(struct ph_server *server, const struct ph_error *error);
	/* Answer to close. */
	void (*closed)(struct ph_server *server);
	void *host; /* the executor's own */
};

/* NULL when not given. */
const char *ph_server_parameter(
	const struct ph_server *server, const char *name);
/* "64MiB" -> 67108864; suffixes B kB MB GB TB KiB MiB GiB TiB, or none.
 * -EINVAL. */
int ph_parse_bytes(uint64_t *out, const char *text);
/* "250ms" -> ns; suffixes ns us ms s m h. -EINVAL. */
int ph_parse_duration(int64_t *out, const char *text);

/* NULL-terminated; from servers/table.c. */
extern const struct ph_server_type *const ph_bundled_servers[];
const struct ph_server_type *ph_bundled_find(const char *name);

#endif
