#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/lines.h"
#include "node/wires.h"
#include "proto/attach.h"
#include "test/adversary.h"

/*
 * Carriers that are dialled because somebody asked: by the right peer, for the
 * right question, once. Nothing that an ATTACH must prove is lost by it.
 */

static void name(struct ph_attach *attach, const char *connection)
{
	snprintf(attach->connection, sizeof(attach->connection), "%s",
		connection);
}

/* --- the node asks --- */

struct heard {
	bool come;
	int status;
	uint64_t output;
};

static void on_heard(
	void *context, int status, const uint8_t *body, size_t length)
{
	struct heard *heard = context;
	struct ph_document *document;

	heard->come = true;
	heard->status = status;
	if (ph_document_read(&document, body, length, PH_SKIM_PEER))
		return;
	heard->output = ph_get_u64(ph_document_root(document), "handle");
	ph_document_free(document);
}

static void send_here(struct prey *prey, uint16_t method,
	struct ph_writer *writer, struct heard *heard)
{
	*heard = (struct heard){0};
	ph_write_end(writer);
	assert_int_equal(0, ph_call_send(prey->node->door, &ph_node_self, "",
				    method, writer, adversary_now(),
				    15 * PH_SECOND, on_heard, heard));
	ph_writer_free(writer);
}

static struct heard call_here(
	struct prey *prey, uint16_t method, struct ph_writer *writer)
{
	struct heard heard;

	send_here(prey, method, writer, &heard);
	prey_until(prey, heard.come);
	assert_int_equal(heard.status, 0);
	return heard;
}

static void start(struct prey *prey, const char *use)
{
	struct ph_writer *writer = map_begin();

	ph_put_map(writer, "spec");
	ph_put_text(writer, "name", use);
	ph_put_text(writer, "scope", "test");
	ph_put_text(writer, "use", use);
	ph_write_end(writer);
	call_here(prey, PH_EXECUTOR_START, writer);
}

static const uint8_t booking[PH_ATTACH_TOKEN] = "booking's token";

/* The control surface wants zero:out laid to that node. */
static void open_wire(struct prey *prey, const char *node, struct heard *heard)
{
	struct ph_writer *writer = map_begin();
	uint64_t output;

	ph_put_text(writer, "server", "zero");
	ph_put_text(writer, "terminal", "out");
	output = call_here(prey, PH_HOSTESS_FIND, writer).output;
	assert_true(output);
	writer = map_begin();
	ph_put_text(writer, "connection", "prey#1.1");
	ph_put_u64(writer, "output", output);
	ph_put_text(writer, "node", node);
	ph_put_bytes(writer, "token", booking, sizeof(booking));
	ph_put_u64(writer, "generation", 7);
	send_here(prey, PH_WIRE_OPEN, writer, heard);
}

/* The question that came over this line. */
static void take_question(struct end *line, struct ph_attach *question)
{
	const struct taken *taken;
	struct ph_packet packet = {.method = -1};
	struct ph_document *document;
	struct ph_value arguments;
	size_t length;
	const uint8_t *token;

	while (packet.method != PH_WIRE_DIAL && (taken = end_take(line)))
		assert_int_equal(0, ph_packet_read(&packet, taken->data,
					    taken->length, PH_SKIM_TABLE));
	assert_int_equal(packet.method, PH_WIRE_DIAL);
	assert_int_equal(0, ph_document_read(&document, packet.body,
				    packet.length, PH_SKIM_PEER));
	arguments = ph_document_root(document);
	*question = (struct ph_attach){.offer = true};
	question->generation = ph_get_u64(arguments, "generation");
	ph_get_copy(arguments, "connection", question->connection,
		sizeof(question->connection));
	token = ph_value_bytes(ph_value_get(arguments, "token"), &length);
	assert_int_equal(length, PH_ATTACH_TOKEN);
	memcpy(question->token, token, length);
	ph_document_free(document);
}

static void say(struct end *end, const struct ph_attach *attach)
{
	uint8_t bytes[PH_ATTACH_MAX];

	end_send(end, PH_FRAME_ATTACH | PH_FRAME_FIN, bytes,
		(uint32_t)ph_attach_write(attach, bytes));
}

static void assert_unwanted(
	struct prey *prey, struct mask *mask, struct ph_attach offer)
{
	struct end end = {.prey = prey};

	end_open(&end, mask, 1);
	say(&end, &offer);
	end_assert_refused(&end);
	end_close(&end);
}

static void only_the_asked_may_offer(void **state)
{
	struct prey *prey = *state;
	static struct end lines[2];
	struct mask *asked = mask_open(prey, "asked");
	struct mask *turned = mask_open(prey, "turned");
	struct end end = {.prey = prey};
	struct ph_attach question, offer, attach;
	const struct taken *taken;
	struct heard heard;

	lines[0].prey = lines[1].prey = prey;
	end_enrol(&lines[0], asked, PH_ROLE_EXEC);
	end_enrol(&lines[1], turned, PH_ROLE_EXEC);
	start(prey, "zero");
	/* Before anybody asked. */
	offer = (struct ph_attach){.offer = true, .generation = 7};
	name(&offer, "prey#1.1");
	assert_unwanted(prey, asked, offer);

	/* No address of it is known: it is asked. */
	open_wire(prey, "asked", &heard);
	take_question(&lines[0], &question);
	assert_string_equal(question.connection, "prey#1.1");
	assert_true(question.generation == UINT64_C(7) << 32);
	assert_memory_not_equal(question.token, booking, sizeof(booking));

	assert_unwanted(prey, turned, question);
	assert_unwanted(prey, mask_open(prey, "thief"), question);
	offer = question;
	offer.token[15] ^= 1;
	assert_unwanted(prey, asked, offer);
	offer = question;
	offer.generation++;
	assert_unwanted(prey, asked, offer);
	offer = question;
	name(&offer, "prey#1.2");
	assert_unwanted(prey, asked, offer);
	assert_int_equal(ph_wires_count(prey->node->wires), 0);
	assert_false(heard.come);

	/* And now as it was meant; once. */
	end_open(&end, asked, 1);
	say(&end, &question);
	taken = end_take(&end);
	assert_non_null(taken);
	assert_int_equal(taken->flags, PH_FRAME_ATTACH | PH_FRAME_FIN);
	assert_int_equal(
		0, ph_attach_read(&attach, taken->data, taken->length));
	assert_false(attach.offer || attach.resume);
	assert_memory_equal(attach.token, booking, sizeof(booking));
	assert_true(attach.generation == question.generation);
	assert_unwanted(prey, asked, question);
	assert_false(end.closed);
	assert_int_equal(ph_wires_count(prey->node->wires), 1);

	end_close(&end);
	prey_until(prey, heard.come);
	end_close(&lines[0]);
	end_close(&lines[1]);
}

/* --- the node is asked --- */

/* Tells where its node can be dialled, and asks to be. */
static uint32_t ask(struct end *line, const struct ph_address *at,
	const struct ph_attach *question)
{
	struct ph_writer *writer = map_begin();
	const uint8_t *data;
	char text[128];
	size_t length;
	uint32_t id;

	ph_put_text(writer, "name", line->mask->name);
	ph_put_u64(writer, "epoch", 1);
	ph_put_list(writer, "addresses");
	ph_write_text(writer, ph_address_format(at, text, sizeof(text)));
	ph_write_end(writer);
	ph_write_end(writer);
	assert_int_equal(0, ph_writer_finish(writer, &data, &length));
	end_call(line, PH_MESH_GREET, "", data, length);
	ph_writer_free(writer);
	writer = map_begin();
	ph_put_text(writer, "connection", question->connection);
	ph_put_u64(writer, "generation", question->generation);
	ph_put_bytes(writer, "token", question->token, PH_ATTACH_TOKEN);
	ph_write_end(writer);
	assert_int_equal(0, ph_writer_finish(writer, &data, &length));
	id = end_call(line, PH_WIRE_DIAL, "", data, length);
	ph_writer_free(writer);
	return id;
}

/* It comes, and says which question it answers. */
static void take_offer(struct end *end, const struct ph_attach *question)
{
	struct ph_attach offer;
	const struct taken *taken;

	prey_until(end->prey, end->carrier);
	taken = end_take(end);
	assert_non_null(taken);
	assert_int_equal(taken->flags, PH_FRAME_ATTACH | PH_FRAME_FIN);
	assert_int_equal(0, ph_attach_read(&offer, taken->data, taken->length));
	assert_true(offer.offer && offer.generation == question->generation);
	assert_string_equal(offer.connection, question->connection);
	assert_memory_equal(offer.token, question->token, PH_ATTACH_TOKEN);
}

/* What comes back on it is this question's ATTACH, or nothing. */
static void an_offer_is_for_one_attach(void **state)
{
	struct prey *prey = *state;
	struct mask *asking = mask_open(prey, "asking");
	struct end line = {.prey = prey};
	struct end end = {.prey = prey};
	struct ph_attach question = {.generation = 5};
	struct ph_packet packet;
	struct ph_address at;
	struct ph_listener *listener;

	assert_int_equal(0, ph_address_parse(&at, "127.0.0.1:0"));
	name(&question, "asking#1.1");
	end_enrol(&line, asking, PH_ROLE_WIRE);
	for (unsigned i = 0; i < 4; i++) {
		struct ph_attach attach = question;
		uint32_t id;

		listener = end_listen(&end, asking, &at);
		id = ask(&line, &at, &question);
		assert_int_equal(0, end_answer(&line, id, &packet));
		assert_int_equal(packet.status, 0);
		take_offer(&end, &question);
		attach.generation += i == 0;
		attach.offer = i == 1;
		if (i == 2)
			name(&attach, "asking#1.2");
		if (i == 3) /* it would be shaken hands with, were it a line */
			end_send(&end, PH_FRAME_FIN, "hello", 5);
		else
			say(&end, &attach);
		end_assert_refused(&end);
		end_close(&end);
		ph_listener_close(listener);
	}
	/* The right one, but there is no booking: as on any carrier. */
	listener = end_listen(&end, asking, &at);
	ask(&line, &at, &question);
	take_offer(&end, &question);
	say(&end, &question);
	assert_int_equal(end_take(&end)->data[1], 1);
	assert_null(end_take(&end));
	end_close(&end);
	ph_listener_close(listener);
	prey_assert_healthy(prey, 1);
	end_close(&line);
}

/* At the address is somebody else: he is told nothing. */
static void another_node_is_offered_nothing(void **state)
{
	struct prey *prey = *state;
	struct end line = {.prey = prey};
	struct end end = {.prey = prey};
	struct ph_attach question = {.generation = 5};
	struct ph_packet packet;
	struct ph_address at;
	struct ph_listener *listener;
	uint32_t id;

	assert_int_equal(0, ph_address_parse(&at, "127.0.0.1:0"));
	name(&question, "asking#1.1");
	end_enrol(&line, mask_open(prey, "asking"), PH_ROLE_WIRE);
	listener = end_listen(&end, mask_open(prey, "other"), &at);
	id = ask(&line, &at, &question);
	assert_int_equal(0, end_answer(&line, id, &packet));
	assert_int_equal(packet.status, PH_CALL_FAILED);
	prey_until(prey, end.closed);
	assert_int_equal(end.count, 0);
	end_close(&end);
	ph_listener_close(listener);
	prey_assert_healthy(prey, 1);
	end_close(&line);
}

#define T(name) cmocka_unit_test_setup_teardown(name, prey_setup, prey_teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		T(only_the_asked_may_offer),
		T(an_offer_is_for_one_attach),
		T(another_node_is_offered_nothing),
	};

	signal(SIGPIPE, SIG_IGN);
	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests_name(
		"adversary_offer", tests, NULL, NULL);
}
