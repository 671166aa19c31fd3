#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "controlsurface/control.h"
#include "kernel/log.h"
#include "node/gather.h"
#include "node/web_mcp.h"
#include "node/web_news.h"

/*
 * The calls of one request. On the loop: who asks is settled, then every
 * question goes through the door to this node, to the one that was named, or
 * to every node that can be reached; when the last is answered, or its time is
 * over, all goes back to the web thread.
 */
struct asked {
	struct web_query *query;
	unsigned at; /* of its answers */
};

struct web_query *web_query_create(
	struct ph_web *web, struct ph_exchange *exchange)
{
	struct web_query *query = calloc(1, sizeof(*query));
	const char *bearer;

	if (!query)
		return NULL;
	query->web = web;
	query->timeout = WEB_TIMEOUT;
	query->trusted = !exchange;
	web->queries++;
	if (!exchange)
		return query;
	query->exchange = ph_exchange_id(exchange);
	query->peer = *ph_exchange_peer(exchange);
	snprintf(query->method, sizeof(query->method), "%s",
		ph_exchange_method(exchange));
	bearer = web_auth_bearer(
		ph_exchange_header(exchange, PH_HTTP_AUTHORIZATION));
	query->has_token = bearer != NULL;
	query->passed_on = web_claim_of(web, exchange).passed_on;
	snprintf(
		query->token, sizeof(query->token), "%s", bearer ? bearer : "");
	return query;
}

void web_answers_free(struct web_query *query)
{
	for (unsigned i = 0; i < query->answer_count; i++)
		free(query->answers[i].body);
	free(query->answers);
	query->answers = NULL;
	query->answer_count = 0;
}

void web_query_free(struct web_query *query)
{
	for (unsigned i = 0; i < query->question_count; i++)
		free(query->questions[i].arguments);
	web_answers_free(query);
	web_mcp_free(query->mcp);
	query->web->queries--;
	free(query);
}

int web_query_ask(
	struct web_query *query, uint16_t method, struct ph_writer *arguments)
{
	struct web_question *question =
		&query->questions[query->question_count];
	const uint8_t *data = NULL;
	size_t length = 0;

	if (query->question_count == WEB_QUESTIONS ||
		(arguments && ph_writer_finish(arguments, &data, &length)))
		return -1;
	*question = (struct web_question){.method = method};
	if (length) {
		question->arguments = malloc(length);
		if (!question->arguments)
			return -1;
		memcpy(question->arguments, data, length);
		question->length = length;
	}
	query->question_count++;
	return 0;
}

/* --- on the loop --- */

static void back(struct ph_http_task *task)
{
	struct web_query *query =
		(struct web_query *)((char *)task -
				     offsetof(struct web_query, back));

	query->finish(query);
	web_answer_missing(query);
	web_query_free(query);
}

static void dropped(struct ph_http_task *task)
{
	web_query_free((struct web_query *)((char *)task -
					    offsetof(struct web_query, back)));
}

static void settle(struct web_query *query)
{
	if (query->pending)
		return;
	if (query->look == WEB_LOOK_NEWS)
		web_news_taken(query->web->news);
	query->revision = ph_control_revision(query->web->node->control);
	query->back.run = back;
	query->back.drop = dropped;
	ph_http_post(query->web->http, &query->back);
}

static struct web_answer *new_answer(
	struct web_query *query, unsigned question, const char *node)
{
	struct web_answer *more;

	more = realloc(query->answers,
		(query->answer_count + 1) * sizeof(*query->answers));
	if (!more)
		return NULL;
	query->answers = more;
	more += query->answer_count++;
	*more = (struct web_answer){.question = question,
		.status = -1,
		.asked = ph_loop_now(query->web->node->loop)};
	snprintf(more->node, sizeof(more->node), "%s", node);
	return more;
}

static void keep(struct web_answer *answer, int status, const uint8_t *body,
	size_t length)
{
	answer->status = status;
	if (!length)
		return;
	answer->body = malloc(length);
	if (!answer->body)
		return;
	memcpy(answer->body, body, length);
	answer->length = length;
}

static void on_answer(
	void *context, int status, const uint8_t *body, size_t length)
{
	struct asked *asked = context;
	struct web_query *query = asked->query;

	keep(&query->answers[asked->at], status, body, length);
	free(asked);
	query->pending--;
	settle(query);
}

static void ask_node(struct web_query *query, unsigned question,
	const char *destination, const char *name, int64_t timeout)
{
	struct ph_node *node = query->web->node;
	struct web_question *what = &query->questions[question];
	static const uint8_t empty[] = {0x80};
	struct web_answer *answer = new_answer(query, question, name);
	struct asked *asked = malloc(sizeof(*asked));
	struct ph_call call = {.method = what->method,
		.caller = &query->caller,
		.destination = destination,
		.arguments = what->length ? what->arguments : empty,
		.length = what->length ? what->length : sizeof(empty),
		.deadline = ph_loop_now(node->loop) + timeout};

	if (!answer || !asked) {
		free(asked);
		return;
	}
	asked->query = query;
	asked->at = query->answer_count - 1;
	if (ph_door_call(node->door, &call, on_answer, asked)) {
		answer->status = PH_CALL_UNREACHABLE;
		free(asked);
		return;
	}
	query->pending++;
}

static void ask_peer(struct web_query *query, struct ph_value peer)
{
	char name[40];

	if (!ph_gather_is_member(peer))
		return;
	ph_get_copy(peer, "node", name, sizeof(name));
	if (query->look == WEB_LOOK_ALL && ph_gather_may_ask(peer))
		web_news_watch(query->web->news, name);
	for (unsigned i = 0; i < query->question_count; i++) {
		if (ph_gather_may_ask(peer))
			ask_node(query, i, name, name, WEB_PEER_TIMEOUT);
		else
			new_answer(query, i, name);
	}
}

static void on_peers(
	void *context, int status, const uint8_t *body, size_t length)
{
	struct web_query *query = context;
	struct ph_document *document;
	struct ph_value items;

	if (!status &&
		!ph_document_read(&document, body, length, PH_SKIM_TABLE)) {
		items = ph_value_get(ph_document_root(document), "items");
		for (size_t i = 0; i < ph_value_count(items) && i < WEB_PEERS;
			i++)
			ask_peer(query, ph_value_at(items, i));
		ph_document_free(document);
	}
	query->pending--;
	settle(query);
}

static void ask_mesh(struct web_query *query)
{
	struct ph_node *node = query->web->node;

	if (!ph_call_send(node->door, &query->caller, "", PH_MESH_PEERS, NULL,
		    ph_loop_now(node->loop), WEB_PEER_TIMEOUT, on_peers, query))
		query->pending++;
}

static void authorise(struct web_query *query)
{
	struct web_claim claim = {.peer = &query->peer,
		.method = query->method,
		.uid = (uint32_t)getuid(),
		.passed_on = query->passed_on,
		.always = query->web->node->options.http_token};
	const struct web_token *token = NULL;
	enum web_token_state state = WEB_TOKEN_NONE;
	int got;

	query->caller.role = PH_ROLE_VIEW;
	if (query->trusted)
		return;
	if (query->has_token) {
		token = web_token_find(query->web, query->token);
		state = token ? WEB_TOKEN_GOOD : WEB_TOKEN_BAD;
	}
	query->until = token ? token->until : 0;
	query->revoked = atomic_load(&query->web->revoked);
	got = web_auth_role(&claim, state, token ? token->role : PH_ROLE_VIEW,
		&query->denied);
	if (got < 0)
		return;
	query->denied = NULL;
	query->caller.role = (uint32_t)got;
}

static void look_at(struct web_query *query, const char *name)
{
	bool here = !strcmp(name, query->web->node->name);

	ask_node(query, 0, here ? "" : name, name, WEB_NEWS_TIMEOUT);
}

static void ask_all(struct web_query *query)
{
	struct ph_node *node = query->web->node;

	if (query->look == WEB_LOOK_NEWS) {
		web_news_take(query->web->news, look_at, query);
		return;
	}
	if (query->look == WEB_LOOK_ALL)
		web_news_watch(query->web->news, node->name);
	for (unsigned i = 0; i < query->question_count; i++)
		ask_node(query, i, query->node,
			query->node[0] ? query->node : node->name,
			query->timeout);
	if (query->mesh && !query->node[0])
		ask_mesh(query);
}

static void go(struct ph_task *task)
{
	struct web_query *query =
		(struct web_query *)((char *)task -
				     offsetof(struct web_query, go));

	authorise(query);
	query->pending = 1; /* until all were asked */
	if (!query->denied)
		ask_all(query);
	query->pending--;
	settle(query);
}

void web_query_send(struct web_query *query)
{
	query->go.run = go;
	ph_loop_post(query->web->node->loop, &query->go);
}

/* --- what came back --- */

static void copy_answer(const struct web_query *query,
	const struct web_answer *answer, struct ph_writer *writer)
{
	struct ph_document *document;
	struct ph_value items;

	if (answer->status || !answer->body ||
		ph_document_read(
			&document, answer->body, answer->length, PH_SKIM_TABLE))
		return;
	items = ph_value_get(ph_document_root(document), "items");
	if (query->mesh)
		ph_gather_copy(writer, answer->node, items);
	for (size_t i = 0; !query->mesh && i < ph_value_count(items); i++)
		ph_write_value(writer, ph_value_at(items, i));
	ph_document_free(document);
}

static int read_items(const struct web_query *query, unsigned question,
	struct ph_document **out, struct ph_writer **memory)
{
	const uint8_t *data;
	size_t length;

	if (ph_writer_create(memory))
		return -1;
	ph_write_list(*memory);
	for (unsigned i = 0; i < query->answer_count; i++)
		if (query->answers[i].question == question)
			copy_answer(query, &query->answers[i], *memory);
	ph_write_end(*memory);
	if (!ph_writer_finish(*memory, &data, &length) &&
		!ph_document_read(out, data, length, PH_SKIM_TABLE))
		return 0;
	ph_writer_free(*memory);
	return -1;
}

/* False: nobody answered it. */
static bool leave_out_largest(struct web_query *query, unsigned question)
{
	struct web_answer *largest = NULL;

	for (unsigned i = 0; i < query->answer_count; i++) {
		struct web_answer *answer = &query->answers[i];

		if (answer->question == question && !answer->status &&
			(!largest || answer->length > largest->length))
			largest = answer;
	}
	if (!largest)
		return false;
	largest->status = PH_CALL_FAILED;
	largest->large = true;
	ph_log_warn("web", "answer.large node=%s bytes=%zu", largest->node,
		largest->length);
	return true;
}

int web_query_items(struct web_query *query, unsigned question,
	struct ph_document **out, struct ph_writer **memory)
{
	while (read_items(query, question, out, memory))
		if (!leave_out_largest(query, question))
			return -1;
	return 0;
}

static const char *why_stale(const struct web_answer *answer)
{
	if (!answer->status)
		return "";
	if (answer->large)
		return "too large";
	return answer->status == PH_CALL_TIMEOUT  ? "no answer"
	       : answer->status == PH_CALL_DENIED ? "denied"
						  : "no line";
}

void web_query_sources(const struct web_query *query, struct ph_writer *writer)
{
	ph_write_list(writer);
	for (unsigned i = 0; i < query->answer_count; i++) {
		const struct web_answer *answer = &query->answers[i];

		if (answer->question)
			continue;
		ph_write_map(writer);
		ph_put_text(writer, "node", answer->node);
		ph_put_bool(writer, "stale", answer->status != 0);
		ph_put_text(writer, "why", why_stale(answer));
		ph_write_end(writer);
	}
	ph_write_end(writer);
}
