#ifndef PH_CONTROLSURFACE_WIRING_H
#define PH_CONTROLSURFACE_WIRING_H

#include <stdbool.h>
#include <stddef.h>

#include "proto/server.h"
#include "proto/value.h"

/*
 * The wiring file: YAML 1.2 by libfyaml, read and checked by one loader, so
 * that lint and run cannot differ. Keys: wiring name defaults hosts servers
 * wires (see doc/WIRING.md). Every finding has file:line:col, a caret and a
 * suggestion.
 *
 * Reading blocks (large files take tens of ms): worker thread, or the command
 * line. Pure otherwise: the environment is handed in.
 */
struct ph_wiring;

enum ph_severity {
	PH_FINDING_ERROR,
	PH_FINDING_WARNING
};

/* Text from the file stands in it with control characters made harmless. */
struct ph_finding {
	enum ph_severity severity;
	char rule[4];	 /* "P2" */
	unsigned line;	 /* from 1; 0: the whole file */
	unsigned column; /* from 1, in characters */
	unsigned width;	 /* of the underlined text */
	unsigned caret;	 /* where in `source`, from 1: long lines are cut */
	char *message;
	char *next;   /* suggestion, or NULL */
	char *source; /* the line's text, or NULL */
	/* The part that it is in, relative to the file; "" or NULL: itself. */
	const char *part;
};

/* The file that a finding is in, when the first one is `file`. Returns `file`
 * or out. */
#define PH_FINDING_FILE 4096
const char *ph_finding_file(const struct ph_finding *finding, const char *file,
	char *out, size_t size);

/* Of a file: what a call carries. */
#define PH_WIRING_BYTES ((size_t)1024 * 1024)
/* More are counted, not kept. */
#define PH_WIRING_FINDINGS 200
#define PH_WIRING_SERVERS  20000
#define PH_WIRING_WIRES	   40000
/* One server's, as in executor/spec.h. */
#define PH_WIRING_TERMINALS 16
#define PH_WIRING_WORDS	    64

struct ph_wiring_input {
	const char *file; /* its name, for messages */
	const char *text; /* or a bundle: wiring_bundle.h */
	size_t length;
	const char *(*variable)(void *context, const char *name); /* ${VAR} */
	/* The text of a manifest, which stands until the next call; NULL: it
	 * cannot be read. May be NULL. */
	const char *(*manifest)(
		void *context, const char *path, size_t *length);
	void *context;
	const struct ph_server_type *const *bundled; /* NULL-terminated */
	/* Rule P4 for programs of servers on `here` or without `host:`: is
	 * there such a program? NULL: not looked for. */
	bool (*program)(void *context, const char *name);
	const char *here; /* this node's name, or NULL */
};

/* The process's own environment and PATH, for `variable` and `program`. */
const char *ph_wiring_variable(void *context, const char *name);
bool ph_wiring_program(void *context, const char *name);
/* The text of a manifest, whose path begins at the directory of the wiring
 * file; free() it. One byte too many is for the reader to tell. NULL: errno. */
char *ph_wiring_manifest(
	const char *wiring_file, const char *path, size_t *length);
/* How a manifest's text is called among variables that are handed on. */
#define PH_WIRING_MANIFEST "manifest:"

/* Always gives a wiring (possibly empty) and its findings; -ENOMEM only. */
int ph_wiring_read(struct ph_wiring **out, const struct ph_wiring_input *input);
void ph_wiring_free(struct ph_wiring *wiring);

size_t ph_wiring_findings(
	const struct ph_wiring *wiring, const struct ph_finding **out);
unsigned ph_wiring_errors(const struct ph_wiring *wiring);
/* The scope; "" when missing. */
const char *ph_wiring_name(const struct ph_wiring *wiring);

/* The hosts that take part: those with servers and those whose outputs are
 * wired. "" stands for the node that applies (servers without `host:`); when
 * its name is there too, one part covers both. */
size_t ph_wiring_hosts(const struct ph_wiring *wiring);
const char *ph_wiring_host(const struct ph_wiring *wiring, size_t index);
/* "host:port" from `hosts:`, or NULL. */
const char *ph_wiring_at(const struct ph_wiring *wiring, const char *host);

/* The input of a wire that no server of the file has: the guest book of `node`
 * must. Where the output is on that node too, its own part tells. */
struct ph_wiring_guest {
	const char *node;
	const char *server;
	const char *terminal;
	const char *media; /* that would come; "" when not known */
	bool optional;	   /* it need not be there */
};

struct ph_wiring_wire;
/* The next one after *position, which is NULL at first; false: no more. */
bool ph_wiring_next_guest(const struct ph_wiring *wiring, const char *here,
	const struct ph_wiring_wire **position, struct ph_wiring_guest *out);

/* An end that the file says by criteria: `count` terminals that fit a mask. */
struct ph_wiring_wish;

struct ph_wiring_wish_line {
	const char *mask; /* hostess/mask.h */
	unsigned count;
	bool output;	  /* outputs are looked for, else inputs */
	bool optional;	  /* fewer will do, none too */
	const char *node; /* the other end; "": the node that applies */
	const char *server;
	const char *terminal;
	const char *media; /* of the other end; "" when not known */
};

/* Who was chosen. */
struct ph_wiring_chosen {
	const char *node;
	const char *server;
	const char *terminal;
	const char *hold; /* id/token in hex; "" */
};

bool ph_wiring_next_wish(const struct ph_wiring *wiring,
	const struct ph_wiring_wish **position,
	struct ph_wiring_wish_line *out);
/* Makes it a wire; -1: no memory. ph_wiring_list_hosts after the last. */
int ph_wiring_fulfil(struct ph_wiring *wiring,
	const struct ph_wiring_wish *wish,
	const struct ph_wiring_chosen *chosen);
/* Hosts that the file names by what they have, one after the other from
 * NULL. */
struct ph_wiring_host;
bool ph_wiring_next_place(
	const struct ph_wiring *wiring, const struct ph_wiring_host **position);
const char *ph_wiring_place_name(const struct ph_wiring_host *host);
/* Has a node of these caps what it must have? */
bool ph_wiring_place_fits(
	const struct ph_wiring_host *host, struct ph_value caps);
void ph_wiring_place_set(struct ph_wiring *wiring,
	const struct ph_wiring_host *place, const char *node);
bool ph_wiring_place_is_set(const struct ph_wiring_host *place);
/* It keeps an old part of the scope for now: the parts of the others say so,
 * and the next apply asks it. */
void ph_wiring_leave_host(struct ph_wiring *wiring, const char *name);
/* All are known: from now on the wiring names the nodes. */
void ph_wiring_places_settle(struct ph_wiring *wiring);

/* Once more who takes part (ph_wiring_hosts). */
void ph_wiring_list_hosts(struct ph_wiring *wiring);

/* Writes one host's part as a map:
 *   {scope, hosts: [name...], at: {name: "host:port"},
 *    places: {host of the file: node} of hosts by caps,
 *    servers: [spec map (executor/spec.h)...],
 *    needs: {server: [server, or node/server of another node...]},
 *    wires: [{from: "server:terminal", to: "node/server:terminal",
 *             on_full: "block", queue: bytes, and what wire_notes.h
 * writes}...], alarms: [{from, to, when, priority, action, output: bool, path:
 * ["node/server"...]}...]} `hosts` are all that take part. `wires` are those
 * whose output is on that host; `queue` is always there. `here` stands for
 * servers without `host:`, and `host` may be "" for it. Only for wirings
 * without errors. */
void ph_wiring_part(const struct ph_wiring *wiring, const char *host,
	const char *here, struct ph_writer *writer);

/* file:line:col: error P2: ..., the source line, the caret, the suggestion;
 * lines end with a line feed. Free it; NULL without memory. */
char *ph_finding_text(const struct ph_finding *finding, const char *file);

#endif
