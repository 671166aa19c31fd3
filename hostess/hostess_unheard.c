#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "hostess/hold.h"
#include "kernel/log.h"

/*
 * What another node holds for us, or may hold, and nobody here wants: it is
 * told, again and again, until it has heard or the hold has run out. A hold
 * whose answer was lost has no id that is known here: it is named by the call.
 */
#define UNHEARD_CALL  (3 * PH_SECOND)
#define UNHEARD_AGAIN (2 * PH_SECOND)
#define UNHEARD_MOST  256u

struct ph_unheard {
	struct ph_hostess *hostess; /* NULL: she is gone */
	char node[40];
	const char *key; /* id, call */
	char value[PH_RESERVATION_ID];
	int64_t until;
	bool flies;
	struct ph_timer again;
	struct ph_unheard *prev, *next;
};

static const struct ph_caller here = {.role = PH_ROLE_EXEC};

static void unheard_free(struct ph_unheard *one)
{
	struct ph_hostess *hostess = one->hostess;

	if (hostess) {
		ph_timer_stop(hostess->loop, &one->again);
		DL_DELETE(hostess->unheard, one);
		hostess->unheard_count--;
	}
	free(one);
}

static void later(struct ph_unheard *one)
{
	int64_t next = ph_loop_now(one->hostess->loop) + UNHEARD_AGAIN;

	if (next < one->until && !one->hostess->quiet) {
		ph_timer_start(one->hostess->loop, &one->again, next);
		return;
	}
	ph_log_info("hostess",
		"release.unheard node=%s %s=%s because=\"it runs out there\"",
		one->node, one->key, one->value);
	unheard_free(one);
}

/* Busy with that hold: it is not answered there yet. */
static bool has_heard(int status, const uint8_t *body, size_t length)
{
	struct ph_error error;

	if (!status || status == PH_CALL_DENIED)
		return true;
	if (status != PH_CALL_FAILED)
		return false;
	ph_error_read(&error, status, body, length);
	return error.exit != PH_EXIT_CONFLICT &&
	       error.exit != PH_EXIT_UNREACHABLE;
}

static void answered(
	void *context, int status, const uint8_t *body, size_t length)
{
	struct ph_unheard *one = context;

	one->flies = false;
	if (!one->hostess || has_heard(status, body, length))
		unheard_free(one);
	else
		later(one);
}

static void tell(struct ph_unheard *one)
{
	struct ph_hostess *hostess = one->hostess;
	struct ph_writer *writer;

	if (ph_writer_create(&writer) < 0) {
		later(one);
		return;
	}
	ph_write_map(writer);
	ph_put_text(writer, one->key, one->value);
	ph_write_end(writer);
	one->flies = !ph_call_send(hostess->door, &here, one->node,
		PH_HOSTESS_RELEASE, writer, ph_loop_now(hostess->loop),
		UNHEARD_CALL, answered, one);
	ph_writer_free(writer);
	if (!one->flies)
		later(one);
}

static void again_due(struct ph_timer *timer)
{
	tell((struct ph_unheard *)((char *)timer -
				   offsetof(struct ph_unheard, again)));
}

void ph_hostess_release_far(struct ph_hostess *hostess, const char *node,
	const char *key, const char *value, int64_t waits, int64_t lasts)
{
	struct ph_unheard *one = NULL;

	if (hostess->unheard_count < UNHEARD_MOST)
		one = calloc(1, sizeof(*one));
	if (!one) {
		ph_log_warn("hostess",
			"release.untold node=%s %s=%s because=\"too many, or "
			"no memory; it runs out there\"",
			node, key, value);
		return;
	}
	one->hostess = hostess;
	snprintf(one->node, sizeof(one->node), "%s", node);
	one->key = key;
	snprintf(one->value, sizeof(one->value), "%s", value);
	/* A call is remembered there no longer than that. */
	one->until = ph_loop_now(hostess->loop) + waits +
		     (lasts < PH_HOLD_MEMORY ? lasts : PH_HOLD_MEMORY);
	one->again.on_due = again_due;
	DL_APPEND(hostess->unheard, one);
	hostess->unheard_count++;
	tell(one);
}

void ph_hostess_unheard_fini(struct ph_hostess *hostess)
{
	struct ph_unheard *one, *next;

	DL_FOREACH_SAFE(hostess->unheard, one, next)
	{
		ph_timer_stop(hostess->loop, &one->again);
		DL_DELETE(hostess->unheard, one);
		one->hostess = NULL;
		if (!one->flies)
			free(one);
	}
}
