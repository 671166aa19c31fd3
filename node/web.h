#ifndef PH_NODE_WEB_H
#define PH_NODE_WEB_H

#include <stdio.h>

#include "node/node.h"

/*
 * HTTP: the calls of the node for programs and browsers, the page, and what is
 * watched live. The loop listens and hands connections to the web thread
 * (transport/http.h), which begins with the first of them; there requests are
 * read and answers are made into JSON; the calls themselves pass the node's
 * door like everybody's.
 *
 *   web.c        listening, connections, the site of the web thread
 *   web_auth.c   who may ask what: Host, Origin, tokens; pure
 *   web_token*.c  the tokens: made, kept, revoked
 *   web_route.c  paths
 *   web_ask.c    what a request asks: its query or body into calls
 *   web_answer.c answers to JSON and the like
 *   web_report.c answers of several questions to alarms, pictures, metrics
 *   web_query.c  the calls of one request: loop's side and back
 *   web_watch.c, web_watch_flows.c, web_watch_journal.c, web_news.c  /v1/watch
 *   web_terminal.c, web_terminal_socket.c  /v1/terminal
 */
struct ph_web;

/* Serves web.token, web.tokens, web.revoke. -ENOMEM. */
int ph_web_create(struct ph_web **out, struct ph_node *node);
/* Listens as --http says, after the tokens were loaded. An address that was
 * not asked for and is in use is only a warning. -1 with the error. */
int ph_web_listen(struct ph_web *web, struct ph_error *error);
/* Takes what the store kept: the answer of store.list. */
int ph_web_load(struct ph_web *web, struct ph_value answer);
/* NULL is harmless. Joins the web thread. */
void ph_web_destroy(struct ph_web *web);
/* The addresses of the page, one `http://...` each, into the list that is
 * open. */
void ph_web_addresses(const struct ph_web *web, struct ph_writer *writer);
/* A connection that came to another listener and speaks HTTP. */
void ph_web_take(struct ph_web *web, int fd);

#endif
