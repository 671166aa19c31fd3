#include "node/monitor_inner.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "kernel/log.h"
#include "node/node.h"

/* So long a question is out. */
#define QUESTION_LASTS (30 * PH_SECOND)

/* A question on its way to another executor, or to the own. */
struct asking {
	struct ph_monitoring *monitoring; /* NULL: it is gone */
	struct ph_monitors_question question;
	struct asking *prev, *next;
};

void monitoring_forget_questions(struct ph_monitoring *monitoring)
{
	struct asking *asking;

	DL_FOREACH(monitoring->questions, asking)
	{
		asking->monitoring = NULL;
	}
	monitoring->questions = NULL;
}

void monitoring_stir(struct ph_monitoring *monitoring)
{
	ph_loop_defer(monitoring->node->loop, &monitoring->task);
}

int64_t monitoring_now(const struct ph_monitoring *monitoring)
{
	return ph_loop_now(monitoring->node->loop);
}

/* --- answers --- */

void monitor_call_free(
	struct ph_monitoring *monitoring, struct monitor_call *call)
{
	DL_DELETE(monitoring->calls, call);
	free(call);
}

static void write_end(struct ph_writer *writer, const struct monitor_call *call,
	const struct ph_run_end *end, uint64_t life)
{
	ph_write_map(writer);
	ph_put_list(writer, "items");
	ph_write_map(writer);
	ph_put_u64(writer, "monitor", call->id);
	ph_put_text(writer, "target", call->target);
	ph_run_end_write(writer, end);
	if (!end->cause)
		ph_put_u64(writer, "life", life);
	ph_write_end(writer);
	ph_write_end(writer);
	ph_write_end(writer);
}

/* Frees the call. */
static void answer(struct ph_monitoring *monitoring, struct monitor_call *call,
	const struct ph_run_end *end, uint64_t life)
{
	struct ph_door *door = monitoring->node->door;
	struct ph_writer *writer;

	if (ph_writer_create(&writer)) {
		ph_door_answer(door, call->ticket, PH_CALL_FAILED, NULL, 0);
	} else {
		write_end(writer, call, end, life);
		ph_answer_ok(door, call->ticket, writer);
		ph_writer_free(writer);
	}
	monitor_call_free(monitoring, call);
}

static void tell_notices(struct ph_monitoring *monitoring)
{
	struct ph_monitor_notice notice;
	struct monitor_call *call;

	while (ph_monitors_notice(monitoring->monitors, &notice)) {
		DL_SEARCH_SCALAR(monitoring->calls, call, id, notice.id);
		if (!call)
			continue;
		ph_log_info("monitor", "notice target=%s cause=%s by=%s",
			call->target, ph_end_cause_name(notice.end.cause),
			call->caller[0] ? call->caller : "-");
		answer(monitoring, call, &notice.end, 0);
	}
}

/* Whose deadline is near goes on with another call; whose caller is gone does
 * not. */
static void look_at_calls(struct ph_monitoring *monitoring)
{
	int64_t now = monitoring_now(monitoring);
	bool sweep = monitoring->sweep <= now;
	struct monitor_call *call;
	struct monitor_call *next;

	if (sweep)
		monitoring->sweep = now + MONITOR_SWEEP;
	DL_FOREACH_SAFE(monitoring->calls, call, next)
	{
		struct ph_run_end end = {0};
		uint64_t life = 0;
		bool gone = sweep && !ph_door_is_awaited(monitoring->node->door,
					     call->ticket);

		if (!gone && call->until > now)
			continue;
		ph_monitors_stand(
			monitoring->monitors, call->id, &end.run, &life);
		ph_monitors_drop(monitoring->monitors, call->id);
		answer(monitoring, call, &end, life);
	}
}

static void arm(struct ph_monitoring *monitoring)
{
	struct ph_loop *loop = monitoring->node->loop;
	int64_t due = ph_monitors_due(monitoring->monitors);
	const struct monitor_call *call;

	DL_FOREACH(monitoring->calls, call)
	{
		if (call->until < due)
			due = call->until;
	}
	if (monitoring->calls && monitoring->sweep < due)
		due = monitoring->sweep;
	if (due == INT64_MAX)
		ph_timer_stop(loop, &monitoring->timer);
	else
		ph_timer_start(loop, &monitoring->timer, due);
}

/* --- questions --- */

static void write_subject(void *context, const char *server, uint64_t run)
{
	struct ph_writer *writer = context;

	ph_write_map(writer);
	ph_put_text(writer, "server", server);
	ph_put_u64(writer, "run", run);
	ph_write_end(writer);
}

/* Why no answer came: the line, or a node that does not answer such. */
static void hear_failure(
	struct asking *asking, int status, const uint8_t *body, size_t length)
{
	struct ph_monitoring *monitoring = asking->monitoring;
	struct ph_error error;

	ph_error_read(&error, status, body, length);
	if (error.exit == PH_EXIT_NOT_FOUND || error.exit == PH_EXIT_DENIED ||
		error.exit == PH_EXIT_CONFLICT)
		ph_monitors_lose(monitoring->monitors, asking->question.node,
			PH_END_REFUSED, error.what);
	else
		ph_monitors_failed(monitoring->monitors,
			monitoring_now(monitoring), asking->question.node,
			asking->question.number);
}

static void hear_items(struct asking *asking, struct ph_value answer)
{
	struct ph_monitoring *monitoring = asking->monitoring;
	struct ph_value items = ph_value_get(answer, "items");
	size_t count = ph_value_count(items);
	struct ph_run_end *ends;

	if (count > PH_MONITORS_OF_NODE)
		count = PH_MONITORS_OF_NODE;
	ends = calloc(count ? count : 1, sizeof(*ends));
	if (!ends)
		count = 0;
	for (size_t i = 0; i < count; i++)
		ph_run_end_read(&ends[i], ph_value_at(items, i));
	ph_monitors_answered(monitoring->monitors, monitoring_now(monitoring),
		asking->question.node, asking->question.number,
		ph_get_u64(answer, "life"), ends, count);
	free(ends);
}

static void on_answer(
	void *context, int status, const uint8_t *body, size_t length)
{
	struct asking *asking = context;
	struct ph_document *document;

	if (!asking->monitoring) {
		free(asking);
		return;
	}
	DL_DELETE(asking->monitoring->questions, asking);
	if (status || ph_document_read(&document, body, length, PH_SKIM_PEER)) {
		hear_failure(asking, status, body, length);
	} else {
		hear_items(asking, ph_document_root(document));
		ph_document_free(document);
	}
	monitoring_stir(asking->monitoring);
	free(asking);
}

static int send_question(
	struct ph_monitoring *monitoring, struct asking *asking)
{
	struct ph_writer *writer;
	int error = ph_writer_create(&writer);

	if (error)
		return error;
	ph_write_map(writer);
	ph_put_list(writer, "servers");
	ph_monitors_subjects(monitoring->monitors, asking->question.node,
		write_subject, writer);
	ph_write_end(writer);
	ph_put_bool(writer, "fresh", asking->question.fresh);
	ph_write_end(writer);
	error = ph_call_send(monitoring->node->door, &ph_node_self,
		asking->question.node, PH_EXECUTOR_AWAIT, writer,
		monitoring_now(monitoring), QUESTION_LASTS, on_answer, asking);
	ph_writer_free(writer);
	return error;
}

static void ask(struct ph_monitoring *monitoring)
{
	struct ph_monitors_question question;

	while (ph_monitors_ask(
		monitoring->monitors, monitoring_now(monitoring), &question)) {
		struct asking *asking = calloc(1, sizeof(*asking));

		if (asking)
			*asking = (struct asking){
				.monitoring = monitoring, .question = question};
		if (asking && !send_question(monitoring, asking)) {
			DL_APPEND(monitoring->questions, asking);
			continue;
		}
		free(asking);
		ph_monitors_failed(monitoring->monitors,
			monitoring_now(monitoring), question.node,
			question.number);
	}
}

static void turn(struct ph_monitoring *monitoring)
{
	ph_monitors_tick(monitoring->monitors, monitoring_now(monitoring));
	tell_notices(monitoring);
	look_at_calls(monitoring);
	ask(monitoring);
	arm(monitoring);
}

void monitoring_on_task(struct ph_task *task)
{
	turn((struct ph_monitoring *)((char *)task -
				      offsetof(struct ph_monitoring, task)));
}

void monitoring_on_due(struct ph_timer *timer)
{
	turn((struct ph_monitoring *)((char *)timer -
				      offsetof(struct ph_monitoring, timer)));
}

void ph_monitoring_presence(struct ph_monitoring *monitoring, const char *id,
	enum ph_presence presence)
{
	if (presence == PH_PRESENCE_DEAD)
		ph_monitors_lose(monitoring->monitors, id, PH_END_NODE_LOST,
			"the other members hold it for dead");
	else if (presence == PH_PRESENCE_LEFT)
		ph_monitors_lose(monitoring->monitors, id, PH_END_NODE_LEFT,
			"it said goodbye");
	else
		return;
	monitoring_stir(monitoring);
}
