#ifndef PH_CONTROLSURFACE_WIRING_MODEL_H
#define PH_CONTROLSURFACE_WIRING_MODEL_H

#include "controlsurface/wiring.h"
#include "controlsurface/wiring_bundle.h"
#include "controlsurface/wire_notes.h"
#include "controlsurface/wiring_schema.h"
#include "controlsurface/yaml.h"
#include "proto/address.h"

/*
 * A wiring file as it is understood: what the files wiring*.c share. Each of
 * them is one step of reading:
 *
 *   yaml.c             text -> tree
 *   wiring_bundle.c    parts in files of their own travel with it;
 *                      wiring_include.c puts them in
 *   wiring_each.c      what for_each multiplies
 *   wiring_expand.c    ${VARIABLES}
 *   wiring_instances.c hosts with count, and what is on them
 *   wiring_manifest.c  what manifests say, as if it stood in the file
 *   wiring_schema.c    which key may stand where; wiring_key.c looks
 *   wiring_text.c      fields of the tree, checked; wiring_value.c: with units
 *   wiring_server.c    servers; wiring_program.c: what they run;
 *                      wiring_keep.c: how they are kept running;
 *                      wiring_terminal.c: their terminals;
 *                      wiring_limits.c: what they may use
 *   wiring_wire.c      wires and chains; wiring_end.c: what their ends mean
 *   wiring_wish.c      ends by criteria; wiring_place.c: hosts by caps
 *   wiring_graph.c     what can be wrong with all of it together; beside it
 *                      wiring_circle.c, _flow.c, _never.c, _port.c, _reach.c
 *   wiring_select.c    which of them `never` and `alarms` mean
 *   wiring_alarm.c     alarms, wiring_alarm_path.c; wiring_test.c: tests
 *   wiring_part.c      one host's part, as a map; wiring_part_needs.c: its
 * needs
 *
 * All memory is the wiring's arena. Strings are terminated.
 */
#define PH_WIRING_PATH 4096

struct ph_wiring_terminal {
	const char *name;
	const char *media; /* "" for any */
	enum ph_direction direction;
	int fd;
	bool declared;	     /* in the file, or of a bundled server */
	struct ph_span span; /* where it is declared */
	unsigned wires;
	struct ph_span first;		   /* the wire that came first */
	bool blocks;			   /* F1 was told */
	bool optional;			   /* need not be wired */
	const struct ph_yaml_node *labels; /* or NULL */
};

struct ph_wiring_server {
	const char *name;
	const char *host; /* NULL: the node that applies */
	struct ph_yaml_node *node;
	struct ph_yaml_node *exec;	   /* or NULL */
	const struct ph_server_type *type; /* of `use:`, or NULL */
	const char *owner;
	const char *cwd;
	const char *placement;
	const char *restart;
	const char *drain; /* a duration; or NULL */
	const char *framing;
	const char *confine;
	const char *ready;
	const char *group;
	const char *strategy;
	const char *auth;
	uint64_t class;
	bool has_class;
	bool named;  /* terminals are declared */
	bool unsure; /* an error hides what terminals it has */
	struct ph_wiring_terminal terminals[PH_WIRING_TERMINALS];
	unsigned terminal_count;
	size_t index;		    /* in `servers` */
	struct ph_yaml_node *needs; /* text, or a list; or NULL */
};

struct ph_wiring_end {
	const char *node; /* NULL: the server's host */
	const char *server_name;
	struct ph_wiring_server *server; /* NULL: a guest that runs already */
	const char *terminal;
	struct ph_wiring_terminal *port; /* NULL: not known */
	struct ph_span span;
	struct ph_span terminal_span;
};

struct ph_wiring_wire {
	struct ph_wiring_end from;
	struct ph_wiring_end to;
	const char *on_full;
	bool declared; /* on_full stands at the wire */
	uint64_t queue;
	const char *via;  /* or NULL */
	bool via_default; /* it is that of `defaults:` */
	struct ph_span via_span;
	struct ph_wire_notes notes;
	const char *expect; /* ">= 500kB/s", or NULL */
	int64_t budget;	    /* ns; 0: none */
	struct ph_span budget_span;
	int64_t least; /* ns that it takes, and what leads to it */
	struct ph_span span;
	struct ph_wiring_wire *before; /* on a path (wiring_reach.h) */
	struct ph_wiring_wire *next;
};

#define PH_WIRING_WISHES 1000

/* An end that is said by criteria, and the other one. */
struct ph_wiring_wish {
	struct ph_wiring_end end; /* the one that is known */
	bool output;		  /* an output is looked for */
	const char *mask;
	unsigned count;
	struct ph_wiring_wire options;
	struct ph_span span;
	struct ph_wiring_wish *next;
};

/* Of `alarms:`. */
#define PH_WIRING_ALARMS     1000
#define PH_WIRING_ALARM_MOST 4096 /* with every wire that they are on */
#define PH_WIRING_ALARM_PATH 16
#define PH_WIRING_ACTION     200 /* bytes */

struct ph_wiring_alarm {
	struct ph_wiring_wire *wire;
	const char *when;
	const char *priority;
	const char *action;
	bool output;			/* it is about what leaves */
	struct ph_wiring_server **path; /* that lead to the wire */
	unsigned path_count;
	struct ph_wiring_alarm *next;
};

struct ph_wiring_host {
	const char *name;
	const char *at; /* or NULL */
	bool declared;	/* stands in `hosts:` */
	struct ph_span at_span;
	const struct ph_yaml_node *node; /* or NULL */
	uint64_t memory;		 /* bytes; 0: not said */
	uint64_t waiting;		 /* the sum of its queues */
	bool takes_part;
	bool left_over; /* took part, and was away when it was to hear that it
			   does not any more: the next apply asks it */
	unsigned servers;
	unsigned wires;			 /* whose outputs are there */
	const struct ph_yaml_node *caps; /* of one that is to be found; NULL */
	const char *chosen;		 /* who it is; NULL: not known yet */
	struct ph_wiring_host *next;
};

enum ph_source_state {
	PH_SOURCE_NEW,
	PH_SOURCE_OPEN, /* being read, or what it includes */
	PH_SOURCE_DONE
};

/* The file itself, then its parts. */
struct ph_wiring_source {
	const char *name; /* relative to the file, which is "" */
	size_t start;	  /* in the text */
	size_t end;
	unsigned line; /* of the whole text, where it begins */
	enum ph_source_state state;
};

struct ph_wiring {
	struct ph_arena arena;
	struct ph_wiring_input input; /* text only while reading */
	size_t *lines;		      /* where each begins */
	size_t line_count;
	struct ph_wiring_source sources[PH_BUNDLE_PARTS + 1];
	unsigned source_count;

	struct ph_finding *findings;
	size_t *places; /* findings' offsets, for sorting */
	size_t finding_count;
	unsigned errors;
	unsigned unshown;
	unsigned comparisons; /* of did-you-mean: bounded */
	size_t expanded;      /* bytes made of variables: bounded */

	const char *name;
	const char *on_full;
	uint64_t queue;
	const char *via;	    /* of `defaults:`, or NULL */
	struct ph_wire_notes notes; /* of `defaults:` */
	struct ph_index host_index;
	struct ph_wiring_host *hosts;
	struct ph_wiring_host *last_host;
	struct ph_index server_index;
	struct ph_wiring_server **servers;
	size_t server_count;
	struct ph_wiring_wire *wires;
	struct ph_wiring_wire *last_wire;
	size_t wire_count;
	struct ph_wiring_wish *wishes;
	struct ph_wiring_wish *last_wish;
	size_t wish_count;
	struct ph_wiring_test *tests;
	struct ph_wiring_alarm *alarms;
	struct ph_wiring_alarm *last_alarm;
	size_t alarm_count;
	const char **taking_part;
	size_t taking_part_count;
};

/* Findings (wiring_finding.c). */

#define PH_SPAN_FILE ((struct ph_span){SIZE_MAX, SIZE_MAX})

int ph_findings_begin(struct ph_wiring *wiring);
/* NULL when it is only counted. `next` may be NULL. */
struct ph_finding *ph_findings_add(struct ph_wiring *wiring,
	enum ph_severity severity, const char *rule, struct ph_span span,
	const char *next, const char *format, ...)
	__attribute__((format(printf, 6, 7)));
/* The suggestion, when it is made of parts. */
void ph_findings_next(struct ph_wiring *wiring, struct ph_finding *finding,
	const char *format, ...) __attribute__((format(printf, 3, 4)));
void ph_findings_end(struct ph_wiring *wiring);
/* After the end: more may be added, until it is said once more. */
void ph_findings_again(
	struct ph_wiring *wiring, const char *text, size_t length);
/* From 1, of the whole text. */
unsigned ph_findings_row(const struct ph_wiring *wiring, size_t offset);
/* From 1, of the file that the offset is in. */
unsigned ph_findings_line(const struct ph_wiring *wiring, size_t offset);

/* Finds what was meant: offer each candidate, then look at `best`. */
struct ph_guess {
	struct ph_wiring *wiring;
	const char *text;
	const char *best; /* NULL: nothing is near */
	unsigned distance;
};

struct ph_guess ph_guess_begin(struct ph_wiring *wiring, const char *text);
void ph_guess_offer(struct ph_guess *guess, const char *candidate);

/* Fields (wiring_text.c). Each returns its default after telling. */

/* wiring_include.c: which part of the text is which file. */
void ph_wiring_split(struct ph_wiring *wiring);
/* Puts the parts' sections behind the file's own. */
void ph_wiring_include(struct ph_wiring *wiring, struct ph_yaml_node *root);
const struct ph_wiring_source *ph_wiring_source_of(
	const struct ph_wiring *wiring, size_t offset);
/* wiring.c: tells what is wrong with the YAML. */
void ph_wiring_problem(void *context, const struct ph_yaml_problem *problem);
/* What `for_each` multiplies (wiring_each.c). */
void ph_wiring_multiply(struct ph_wiring *wiring, struct ph_yaml_node *root);
/* Replaces ${NAME}, ${NAME:-text} and $${ in all values. */
void ph_wiring_expand(struct ph_wiring *wiring, struct ph_yaml_node *node);
/* wiring_instances.c: hosts with count, as for_each. */
void ph_wiring_instances(struct ph_wiring *wiring, struct ph_yaml_node *root);
/* wiring_manifest.c */
void ph_wiring_read_manifests(
	struct ph_wiring *wiring, struct ph_yaml_node *root);

/* Tells keys that do not belong there, and values of the wrong kind. */
void ph_wiring_keys(struct ph_wiring *wiring, enum ph_level level,
	const struct ph_yaml_node *map);
void ph_wiring_key_unknown(struct ph_wiring *wiring, enum ph_level level,
	const struct ph_yaml_node *key);
/* Tells keys that are missing; false when one is. `what`: "a test". */
bool ph_wiring_must(struct ph_wiring *wiring, enum ph_level level,
	const struct ph_yaml_node *map, const char *what);
/* "... is not in this version" */
void ph_wiring_not_yet(struct ph_wiring *wiring, const struct ph_yaml_node *key,
	const struct ph_key *known);
/* The value of a key when it is a map (list, text); else tells, NULL. */
struct ph_yaml_node *ph_wiring_get(struct ph_wiring *wiring,
	const struct ph_yaml_node *map, const char *key,
	enum ph_yaml_kind kind);
bool ph_wiring_is(struct ph_wiring *wiring, struct ph_yaml_node *node,
	enum ph_yaml_kind kind, const char *what);
/* Text, or NULL. */
const char *ph_wiring_text(struct ph_wiring *wiring,
	const struct ph_yaml_node *map, const char *key);
/* A name of proto/address.h, or NULL after telling. `what`: "a host". */
bool ph_wiring_is_name(struct ph_wiring *wiring, const char *text,
	struct ph_span span, const char *what);
/* One of the NULL-terminated `choices`, or NULL. */
const char *ph_wiring_choice_among(struct ph_wiring *wiring,
	const struct ph_yaml_node *map, const char *key,
	const char *const *choices);
/* The same with those of the table. */
const char *ph_wiring_choice(struct ph_wiring *wiring, enum ph_level level,
	const struct ph_yaml_node *map, const char *key);
const char *ph_wiring_on_full(struct ph_wiring *wiring,
	const struct ph_yaml_node *map, const char *otherwise);
uint64_t ph_wiring_queue(struct ph_wiring *wiring,
	const struct ph_yaml_node *map, uint64_t otherwise);
uint64_t ph_wiring_size(struct ph_wiring *wiring,
	const struct ph_yaml_node *map, const char *key, uint64_t otherwise);
/* Above 0, or `otherwise`. */
int64_t ph_wiring_duration(struct ph_wiring *wiring,
	const struct ph_yaml_node *map, const char *key, int64_t otherwise);
/* A number from `least` to `most`, or 0. */
uint64_t ph_wiring_count(struct ph_wiring *wiring,
	const struct ph_yaml_node *map, const char *key, uint64_t least,
	uint64_t most);
/* `class`; false when there is none. `out` may be NULL. */
bool ph_wiring_class(struct ph_wiring *wiring, const struct ph_yaml_node *map,
	uint64_t *out);
/* `retry: 250ms..10s` into the notes. */
void ph_wiring_retry(struct ph_wiring *wiring, const struct ph_yaml_node *map,
	struct ph_wire_notes *notes);
/* `expect: ">= 500kB/s"`; NULL after telling. */
const char *ph_wiring_expect(
	struct ph_wiring *wiring, const struct ph_yaml_node *map);
/* `labels: {key: text}` into `out`, of PH_WIRE_LABELS bytes. */
void ph_wiring_labels(
	struct ph_wiring *wiring, const struct ph_yaml_node *map, char *out);
/* `>= 500kB/s`, `< 10/s`: what it compares with; -EINVAL. */
struct ph_wiring_rate {
	bool above; /* > or >= */
	bool messages;
	double value; /* a second */
};
int ph_wiring_rate_parse(struct ph_wiring_rate *out, const char *text);
/* Where bytes `at`..`at + length` of a node's text stand, as near as is
 * known. */
struct ph_span ph_wiring_inside(
	const struct ph_yaml_node *node, size_t at, size_t length);

/* Steps. */

void ph_wiring_read_hosts(
	struct ph_wiring *wiring, const struct ph_yaml_node *root);
void ph_wiring_read_servers(
	struct ph_wiring *wiring, const struct ph_yaml_node *root);
void ph_wiring_read_server(
	struct ph_wiring *wiring, struct ph_wiring_server *server);
/* wiring_keep.c: `ready`, `watchdog`, `group` and the times. After `confine`.
 */
void ph_wiring_read_keep(
	struct ph_wiring *wiring, struct ph_wiring_server *server);
/* wiring_program.c: `exec`, `use`, `with`. */
void ph_wiring_read_program(
	struct ph_wiring *wiring, struct ph_wiring_server *server);
/* wiring_limits.c: `limits`, `require`. */
void ph_wiring_read_limits(
	struct ph_wiring *wiring, const struct ph_wiring_server *server);
/* A list or map of texts, as many as a specification holds. */
bool ph_wiring_words(
	struct ph_wiring *wiring, struct ph_yaml_node *list, const char *what);
void ph_wiring_read_terminals(
	struct ph_wiring *wiring, struct ph_wiring_server *server);
void ph_wiring_read_wires(
	struct ph_wiring *wiring, const struct ph_yaml_node *root);
void ph_wiring_read_tests(
	struct ph_wiring *wiring, const struct ph_yaml_node *root);
void ph_wiring_read_alarms(
	struct ph_wiring *wiring, const struct ph_yaml_node *root);
/* wiring_wire.c: the host of its output takes part. */
void ph_wiring_wire_own(
	struct ph_wiring *wiring, const struct ph_wiring_end *from);
void ph_wiring_wire_append(
	struct ph_wiring *wiring, struct ph_wiring_wire *wire);
/* wiring_wish.c: mask, count and span; false after telling. */
bool ph_wiring_criteria(struct ph_wiring *wiring, struct ph_yaml_node *map,
	struct ph_wiring_wish *out);
void ph_wiring_wish_add(
	struct ph_wiring *wiring, const struct ph_wiring_wish *wish);
/* wiring_place.c: `caps` of a host. */
void ph_wiring_host_caps(struct ph_wiring *wiring, struct ph_wiring_host *host);
/* wiring_host.c: it takes part, and nothing is told. */
void ph_wiring_join_host(struct ph_wiring *wiring, const char *name);
/* wiring_alarm_path.c */
void ph_wiring_alarm_paths(struct ph_wiring *wiring);
void ph_wiring_check_graph(struct ph_wiring *wiring);
/* wiring_part.c: after everything, when there is no error. */
void ph_wiring_check_parts(struct ph_wiring *wiring);
/* wiring_circle.c: R4, R7. */
void ph_wiring_check_circles(struct ph_wiring *wiring);
/* wiring_flow.c: F1, F2, F4. */
void ph_wiring_check_flow(struct ph_wiring *wiring);
/* wiring_reach.c: R3. */
void ph_wiring_check_sources(struct ph_wiring *wiring);
/* wiring_never.c: R6. */
void ph_wiring_check_never(
	struct ph_wiring *wiring, const struct ph_yaml_node *root);
/* wiring_port.c: O3, O4. */
void ph_wiring_check_ports(struct ph_wiring *wiring);

/* The host's entry, made when missing (P5 is told then). NULL: no memory. */
struct ph_wiring_host *ph_wiring_use_host(
	struct ph_wiring *wiring, const char *name, struct ph_span span);
void ph_wiring_take_part(
	struct ph_wiring *wiring, const char *host, struct ph_span span);

/* Of a server without a host `here` is meant. */
bool ph_wiring_server_is_on(const struct ph_wiring_server *server,
	const char *host, const char *here);
/* The key `needs` of the host's part, when it has any. */
void ph_wiring_part_needs(const struct ph_wiring *wiring, const char *host,
	const char *here, struct ph_writer *writer);

/* "" is the node that applies. */
static inline const char *ph_wiring_end_host(const struct ph_wiring_end *end)
{
	if (end->server == NULL)
		return end->node;
	return end->server->host ? end->server->host : "";
}

static inline bool ph_wiring_is_output(enum ph_direction direction)
{
	return direction == PH_OUT || direction == PH_MUX;
}

#endif
