#ifndef PH_EXECUTOR_SPEC_H
#define PH_EXECUTOR_SPEC_H

#include <stdbool.h>
#include <stdint.h>

#include "executor/confine.h"
#include "kernel/terminal.h"
#include "proto/auth.h"
#include "proto/error.h"
#include "proto/limits.h"
#include "proto/value.h"

/*
 * What to run. It travels as a map (in wiring parts and executor calls):
 *
 *   {name, scope, exec: [argv...] | use: "bundled",
 *    with: {key: text}, env: {key: text}, cwd: text,
 *    placement: loop | thread | process,
 *    restart: always | on-failure | never,
 *    drain: text (a duration: to finish what it has taken),
 *    framing: raw | lines | length,
 *    ready: started | notify, start_timeout: text, stop_timeout: text,
 *    watchdog: text                         (programs),
 *    group: text, place: int,
 *    strategy: one_for_one | rest_for_one | one_for_all,
 *    confine: basic | strict | net | none   (programs),
 *    limits: {memory | cpu | pids | files: text}, require: [text]   (them, too;
 *    proto/limits.h),
 *    in:  [{name, fd, type, kind: in | combine, labels: {key: text}}],
 *    out: [{name, fd, type, kind: out | mux, labels}],
 *    class: int, owner: text, auth: text (proto/auth.h),
 *    caps: [text], labels: {key: text}}
 *
 * Programs without `in` and `out` have stdin (in), stdout (out) and stderr
 * (out). An `out` on fd 2 takes stderr away from the log. They are always
 * processes; a bundled server is where `placement` says, or on the loop.
 */
#define PH_SPEC_TERMINALS 16
#define PH_SPEC_WORDS	  64

enum ph_restart {
	PH_RESTART_ON_FAILURE,
	PH_RESTART_ALWAYS,
	PH_RESTART_NEVER
};
/* Who of its group is started again when it has to be: itself alone, those
 * that stand after it in the file, too, or all. */
enum ph_strategy {
	PH_ONE_FOR_ONE,
	PH_REST_FOR_ONE,
	PH_ONE_FOR_ALL
};
enum ph_framing {
	PH_FRAMING_RAW,
	PH_FRAMING_LINES,
	PH_FRAMING_LENGTH
};

enum ph_placement_kind {
	PH_PLACEMENT_LOOP,
	PH_PLACEMENT_THREAD,
	PH_PLACEMENT_PROCESS,
	PH_PLACEMENT_GUEST /* somebody else started it, and it attached */
};

struct ph_spec_pair {
	char *key;
	char *value;
};

struct ph_spec_terminal {
	char name[40];
	char media[64];
	enum ph_direction direction;
	int fd;		/* in the program */
	unsigned wires; /* it is about to get; no part of what it is */
	struct ph_spec_pair *labels;
	unsigned label_count;
};

struct ph_spec {
	char name[40];
	char scope[40];
	char use[40]; /* "" for a program */
	char **argv;  /* NULL-terminated; NULL for a bundled server or guest */
	char *cwd;    /* NULL: the node's state directory */
	struct ph_spec_pair *with;
	unsigned with_count;
	struct ph_spec_pair *env;
	unsigned env_count;
	enum ph_placement_kind placement;
	enum ph_restart restart;
	int64_t drain; /* ns; 0: as usual */
	enum ph_framing framing;
	enum ph_confine confine;
	struct ph_limits limits;
	unsigned require; /* 1 << enum ph_need */
	bool notify;	  /* it is ready when it says so */
	int64_t start_timeout;
	int64_t stop_timeout;
	int64_t watchdog; /* 0: none */
	char group[40];	  /* of its scope; "" none */
	enum ph_strategy strategy;
	uint64_t place;	 /* in its file; no part of what it is */
	unsigned height; /* who needs it has less, and stops before it; nor this
			  */
	struct ph_spec_terminal terminals[PH_SPEC_TERMINALS];
	unsigned terminal_count;
	uint32_t class;
	char owner[65];
	struct ph_auth_rule auth;
	char **caps;
	unsigned cap_count;
	struct ph_spec_pair *labels;
	unsigned label_count;
};

/* Reads and checks the map; the spec owns all of its memory. Returns 0, or -1
 * with the error told. */
int ph_spec_read(
	struct ph_spec **out, struct ph_value map, struct ph_error *error);
/* What a program that attaches says of itself:
 *   {name, terminals: [{name, kind: out | mux | in | combine, type}],
 *    class, owner, caps, labels} */
int ph_spec_read_guest(
	struct ph_spec **out, struct ph_value map, struct ph_error *error);
const char *ph_placement_name(enum ph_placement_kind kind);
void ph_spec_free(struct ph_spec *spec);
bool ph_spec_equal(const struct ph_spec *one, const struct ph_spec *other);
/* To all others it is the same server: name, terminals, and what the guest book
 * says of it. What it does may differ. */
bool ph_spec_same_guest(const struct ph_spec *one, const struct ph_spec *other);

#endif
