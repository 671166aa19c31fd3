#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "kernel/log.h"
#include "node/wire.h"

/*
 * What the wires tell their neighbours of this node: the control surface, what
 * became of a connection, and the Hostess, who left a seat. Either would
 * believe for ever what nobody tells it otherwise, so a word that the door has
 * no room for waits, and behind it all later ones, for their order counts.
 */

#define WORD_AGAIN (50 * PH_MILLISECOND)

struct wire_saying {
	struct wire_saying *prev;
	struct wire_saying *next;
	uint16_t method;
	size_t length;
	uint8_t bytes[];
};

static void heard(void *context, int status, const uint8_t *body, size_t length)
{
	if (status)
		ph_log_debug("wire", "word.unheard status=%d", status);
}

static int word_send(struct ph_wires *wires, uint16_t method,
	const uint8_t *bytes, size_t length)
{
	struct ph_node *node = wires->node;
	struct ph_call call = {
		.method = method,
		.caller = &ph_node_self,
		.destination = "",
		.arguments = bytes,
		.length = length,
		.deadline = ph_loop_now(node->loop) + WIRE_PATIENCE,
	};

	return ph_door_call(node->door, &call, heard, NULL);
}

static bool is_for_later(int error)
{
	return error == -EAGAIN || error == -ENOMEM;
}

static void words_due(struct ph_timer *timer)
{
	struct ph_wires *wires =
		(struct ph_wires *)((char *)timer -
				    offsetof(struct ph_wires, saying));

	while (wires->sayings) {
		struct wire_saying *saying = wires->sayings;

		if (is_for_later(word_send(wires, saying->method, saying->bytes,
			    saying->length))) {
			ph_timer_start(wires->node->loop, timer,
				ph_loop_now(wires->node->loop) + WORD_AGAIN);
			return;
		}
		DL_DELETE(wires->sayings, saying);
		free(saying);
	}
}

static void word_keep(struct ph_wires *wires, uint16_t method,
	const uint8_t *bytes, size_t length)
{
	struct wire_saying *saying = malloc(sizeof(*saying) + length);

	if (!saying) {
		ph_log_error("wire", "word.lost because=memory");
		return;
	}
	saying->method = method;
	saying->length = length;
	memcpy(saying->bytes, bytes, length);
	if (!wires->sayings) {
		wires->saying.on_due = words_due;
		ph_timer_start(wires->node->loop, &wires->saying,
			ph_loop_now(wires->node->loop) + WORD_AGAIN);
	}
	DL_APPEND(wires->sayings, saying);
}

void wire_word(
	struct ph_wires *wires, uint16_t method, struct ph_writer *writer)
{
	const uint8_t *bytes;
	size_t length;
	int error = ph_writer_finish(writer, &bytes, &length);

	if (error) {
		ph_log_error("wire", "word.lost errno=%d", -error);
		return;
	}
	if (!wires->sayings)
		error = word_send(wires, method, bytes, length);
	if (wires->sayings || is_for_later(error))
		word_keep(wires, method, bytes, length);
}

void wire_words_fini(struct ph_wires *wires)
{
	struct wire_saying *saying;
	struct wire_saying *next;

	ph_timer_stop(wires->node->loop, &wires->saying);
	DL_FOREACH_SAFE(wires->sayings, saying, next)
	{
		DL_DELETE(wires->sayings, saying);
		free(saying);
	}
}
