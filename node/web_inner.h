#ifndef PH_NODE_WEB_INNER_H
#define PH_NODE_WEB_INNER_H

#include <stdatomic.h>

#include "node/web.h"
#include "node/web_auth.h"
#include "transport/http.h"

/* Shared by web*.c. What is marked LOOP belongs to the loop's thread, what is
 * marked WEB to the web thread. */
#define WEB_DOORS	 4u
#define WEB_TOKENS	 64u
#define WEB_TOKEN	 52u		 /* "ph_", 48 hex digits, NUL */
#define WEB_TOKEN_GIVEN	 (WEB_TOKEN + 1) /* a longer one stays another */
#define WEB_QUESTIONS	 6u
#define WEB_QUERY	 2048u /* no field of a query is longer */
#define WEB_PEERS	 1024u
#define WEB_PEER_TIMEOUT (3 * PH_SECOND)
#define WEB_NEWS_TIMEOUT (500 * PH_MILLISECOND)
#define WEB_TIMEOUT	 (10 * PH_SECOND)
#define WEB_SLOW_TIMEOUT (60 * PH_SECOND) /* apply */
#define WEB_QUERIES	 256u		  /* at once */

struct web_door {
	struct ph_watch watch;
	struct ph_timer breath;
	struct ph_web *web;
	struct ph_address address;
	bool asked; /* by --http */
};

struct web_token {
	char id[12]; /* "" free */
	enum ph_role role;
	int64_t until; /* ns, wall clock */
	char label[64];
	uint8_t hash[16];
};

struct web_watcher;
struct web_terminal;
struct web_news;

struct ph_web {
	struct ph_node *node;
	struct ph_http *http;
	struct web_door doors[WEB_DOORS];    /* LOOP */
	unsigned door_count;		     /* LOOP */
	struct web_token tokens[WEB_TOKENS]; /* LOOP */
	unsigned queries;		     /* WEB: on their way */
	struct web_news *news;		     /* LOOP */
	struct web_query *flows;	     /* WEB: as all were seen last */
	struct web_watcher *watchers;	     /* WEB */
	unsigned watcher_count;		     /* WEB */
	int64_t journal;		     /* WEB: last line of it */
	struct web_terminal *terminals;	     /* LOOP: pages that are servers */
	unsigned pages;			     /* WEB */
	bool looking;			     /* WEB: at all nodes */
	bool reading;			     /* WEB: the journal... */
	bool reread;			     /* WEB: which has grown since */
	atomic_uint revoked;		     /* grows with each revocation */
};

/* --- web.c, WEB --- */
/* What the headers claim; of no method yet. */
struct web_claim web_claim_of(
	const struct ph_web *web, const struct ph_exchange *exchange);

/* --- web_token.c, LOOP --- */
/* NULL: unknown, revoked, or over. It stands until the loop turns. */
const struct web_token *web_token_find(struct ph_web *web, const char *token);
void web_token_serve(struct ph_web *web);
bool web_token_any(const struct ph_web *web);

/* --- web_token_keep.c, LOOP --- */

/* A role by its name, "admin" too; negative: there is none of that name. */
int web_token_role(const char *text);
/* Its record goes from the disk; the answer may be passed on. 0 or a negative
 * errno, and then no answer comes. */
int web_token_delete(struct ph_web *web, const char *id,
	ph_answer_fn *answer_fn, void *context);
/* The same when nobody waits for it. */
void web_token_forget(struct ph_web *web, const char *id);

/* --- web_query.c --- */
struct web_answer {
	unsigned question;
	char node[40];
	int status;    /* as ph_answer_fn; -1: not asked, no line */
	bool large;    /* left out: with it all would be too large */
	int64_t asked; /* loop clock */
	uint8_t *body;
	size_t length;
};

struct web_question {
	uint16_t method;
	uint8_t *arguments; /* NULL: none */
	size_t length;
};

/* The feed's looks. */
enum web_look {
	WEB_LOOK_NONE,
	WEB_LOOK_ALL,  /* at every node */
	WEB_LOOK_NEWS, /* at those that have changed */
};

/* One request on its way through the door. Made on the web thread, carried to
 * the loop, and back when all is answered. */
struct web_query {
	struct ph_web *web;
	uint64_t exchange; /* 0: nobody's, the feed's */
	char token[WEB_TOKEN_GIVEN];
	bool has_token;
	bool passed_on; /* by a proxy */
	bool trusted;	/* the node asks itself */
	struct ph_http_peer peer;
	char method[8];
	char node[64]; /* "": this one */
	bool mesh;     /* every node that can be reached */
	enum web_look look;
	int64_t timeout;
	struct web_question questions[WEB_QUESTIONS];
	unsigned question_count;
	void (*finish)(struct web_query *query); /* WEB; then it is freed */
	struct web_mcp *mcp;			 /* NULL: it is none of MCP */
	char format[16];
	unsigned windows; /* of rates: web_window.h */
	bool all;

	struct ph_caller caller; /* LOOP */
	const char *denied;	 /* NULL: it may ask */
	int64_t until;		 /* its token's, ns wall; 0: it has none */
	unsigned revoked;	 /* web->revoked, then */
	unsigned pending;
	struct web_answer *answers;
	unsigned answer_count;
	uint64_t revision;
	struct ph_task go;
	struct ph_http_task back;
};

/* WEB. NULL: no memory. `exchange` NULL: the feed's. */
struct web_query *web_query_create(
	struct ph_web *web, struct ph_exchange *exchange);
void web_query_free(struct web_query *query);
void web_answers_free(struct web_query *query);
/* Copies what the writer holds; NULL: no arguments. */
int web_query_ask(
	struct web_query *query, uint16_t method, struct ph_writer *arguments);
/* To the loop. Takes it. */
void web_query_send(struct web_query *query);
/* The items of all answers to a question as one list, each with its node. What
 * makes it too large is left out, and stale from then on. */
int web_query_items(struct web_query *query, unsigned question,
	struct ph_document **out, struct ph_writer **memory);
/* Who was asked and did not answer: a list. */
void web_query_sources(const struct web_query *query, struct ph_writer *writer);

/* --- web_route.c, WEB --- */
/* A path, the calls that it makes, and what becomes of the answers. */
struct web_route {
	const char *method;
	const char *path; /* ends with '/': something follows, the `rest` */
	const char *rest; /* the field that it is, or NULL */
	bool mesh;	  /* every node is asked, unless one is named */
	bool slow;
	uint16_t calls[WEB_QUESTIONS];
	unsigned count;
	void (*finish)(struct web_query *query);
	const char *owner; /* of this field's node the call is */
	bool destroys;	   /* something that was there */
};

void web_route(struct ph_web *web, struct ph_exchange *exchange);
/* NULL past the last. */
const struct web_route *web_route_at(unsigned index);
/* NULL, and it is answered. */
struct web_query *web_route_begin(
	struct ph_web *web, struct ph_exchange *exchange);

/* --- web_ask.c, WEB --- */
/* What the request asks, into the query. -1 with the error. */
int web_ask(struct web_query *query, const struct web_route *route,
	struct ph_exchange *exchange, struct ph_error *error);

/* The node in front of `node/server:terminal`, `node#epoch.seq`; or "". */
void web_owner_of(char *out, size_t size, const char *text);

/* --- web_answer.c, WEB --- */
/* {"error": ...} with the HTTP status that goes with its exit code. */
void web_refuse(struct ph_exchange *exchange, const struct ph_error *error);
/* The envelope as text; free it. NULL: no memory. */
char *web_envelope(const struct web_query *query, struct ph_value items,
	bool sources, size_t *length);
extern const char web_headers[];
#define WEB_JSON "application/json"
/* A request that could not be answered otherwise. */
void web_answer_missing(struct web_query *query);
/* NULL: the client has gone. */
struct ph_exchange *web_answer_exchange(const struct web_query *query);
/* An error that the asked node told: non-zero, and it is passed on. */
int web_answer_failed(struct web_query *query, struct ph_exchange *exchange);
/* What the writer holds, a list, as the items of the answer. */
void web_answer_written(struct web_query *query, struct ph_exchange *exchange,
	struct ph_writer *writer);
void web_finish_items(struct web_query *query);
/* The same, each with its place in a drawing (controlsurface/graph.h). */
void web_finish_connections(struct web_query *query);
/* The same, with the windows that are asked for. */
void web_finish_flows(struct web_query *query);
void web_finish_change(struct web_query *query);

/* --- web_report.c, WEB --- */
void web_finish_alarms(struct web_query *query);
void web_finish_graph(struct web_query *query);
/* json and "", dot, mermaid, d2. */
bool web_graph_has(const char *format);
void web_finish_metrics(struct web_query *query);
void web_finish_health(struct web_query *query);
void web_finish_ready(struct web_query *query);

/* --- web_watch.c, WEB --- */
void web_watch_begin(struct web_query *query);
void web_watch_gone(struct ph_web *web, struct ph_exchange *exchange);
/* There are nodes with news (web_news.h). */
void web_watch_heard(struct ph_web *web);
/* The web thread has ended. */
void web_watch_forget(struct ph_web *web);

#endif
