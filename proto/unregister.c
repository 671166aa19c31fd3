#include "proto/unregister.h"

#include <errno.h>
#include <string.h>

#include "kernel/log.h"
#include "proto/calls.h"

/* The Hostess is a neighbour on the same loop: what takes longer was lost. */
#define UNREGISTER_TIMEOUT (10 * PH_SECOND)
#define UNREGISTER_AGAIN   PH_SECOND

static const struct ph_caller own_caller = {.role = PH_ROLE_EXEC};

static void wait_for(struct ph_unregister *unregister, int64_t lasts)
{
	ph_timer_start(unregister->loop, &unregister->timer,
		ph_loop_now(unregister->loop) + lasts);
}

static void refused(struct ph_unregister *unregister, const char *why)
{
	if (unregister->last) {
		wait_for(unregister, 0);
		return;
	}
	if (!unregister->told)
		ph_log_warn("calls",
			"unregister.refused server=%s because=\"%s\" "
			"again_in_ms=%lld",
			unregister->server, why,
			(long long)(UNREGISTER_AGAIN / PH_MILLISECOND));
	unregister->told = true;
	wait_for(unregister, UNREGISTER_AGAIN);
}

static void on_answer(
	void *context, int status, const uint8_t *body, size_t length)
{
	struct ph_unregister *unregister = context;
	struct ph_error error = {0};

	if (status != PH_CALL_OK)
		ph_error_read(&error, status, body, length);
	/* Not in the book; or there is no Hostess (any more). */
	if (status == PH_CALL_OK || status == PH_CALL_UNREACHABLE ||
		error.exit == PH_EXIT_NOT_FOUND)
		unregister->done(unregister->context);
	else
		refused(unregister, error.what);
}

static void ask(struct ph_unregister *unregister)
{
	struct ph_writer *writer = NULL;
	int error = ph_writer_create(&writer);

	if (!error) {
		ph_write_map(writer);
		ph_put_text(writer, "server", unregister->server);
		ph_write_end(writer);
		error = ph_call_send(unregister->door, &own_caller, "",
			PH_HOSTESS_UNREGISTER, writer,
			ph_loop_now(unregister->loop), UNREGISTER_TIMEOUT,
			on_answer, unregister);
	}
	ph_writer_free(writer);
	unregister->last |= error == -ESHUTDOWN;
	if (error)
		refused(unregister, strerror(-error));
}

static void on_due(struct ph_timer *timer)
{
	struct ph_unregister *unregister =
		(struct ph_unregister *)((char *)timer -
					 offsetof(struct ph_unregister, timer));

	if (unregister->last)
		unregister->done(unregister->context);
	else
		ask(unregister);
}

void ph_unregister_begin(struct ph_unregister *unregister, struct ph_loop *loop,
	struct ph_door *door, const char *server, void (*done)(void *context),
	void *context)
{
	unregister->loop = loop;
	unregister->door = door;
	unregister->server = server;
	unregister->done = done;
	unregister->context = context;
	unregister->timer.on_due = on_due;
	ask(unregister);
}

void ph_unregister_last(struct ph_unregister *unregister)
{
	unregister->last = true;
	if (unregister->timer.slot)
		wait_for(unregister, 0);
}

void ph_unregister_fini(struct ph_unregister *unregister)
{
	if (unregister->loop)
		ph_timer_stop(unregister->loop, &unregister->timer);
}
