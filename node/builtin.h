#ifndef PH_NODE_BUILTIN_H
#define PH_NODE_BUILTIN_H

#include <stddef.h>

/*
 * A wiring file that is part of the binary: `posthouse compile FILE` writes it
 * as C, `make WIRING=FILE` builds it in. `posthouse up` applies it at its
 * start, unless it is told another file.
 */
struct ph_builtin_server {
	const char *node; /* "": the node that starts */
	const char *name;
	const char *runs; /* a program, or a bundled server */
};

struct ph_builtin_wire {
	const char *from; /* node/server:terminal */
	const char *to;
};

/* What ${NAME} stood for when it was compiled. */
struct ph_builtin_variable {
	const char *name;
	const char *value;
};

struct ph_builtin {
	const char *name; /* the scope */
	const char *file;
	const char *text;
	size_t length;
	const struct ph_builtin_variable *variables;
	size_t variable_count;
	const struct ph_builtin_server *servers;
	size_t server_count;
	const struct ph_builtin_wire *wires;
	size_t wire_count;
};

/* NULL: none. */
extern const struct ph_builtin *const ph_builtin;

#endif
