/*
 * Calls and answers as they come off a line: what is read is inside the bytes
 * and, written again, reads as the same.
 */
#include <stdlib.h>
#include <string.h>

#include "proto/calls.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void check_arguments(const struct ph_packet *packet)
{
	struct ph_document *document;
	struct ph_error error;

	must(!ph_document_read(
		&document, packet->body, packet->length, PH_SKIM_PEER));
	if (!packet->answer && packet->method >= 0)
		ph_call_check((uint16_t)packet->method,
			ph_document_root(document), &error);
	ph_document_free(document);
	ph_error_read(&error, packet->status, packet->body, packet->length);
	must(error.exit != PH_EXIT_OK && error.what[0] != '\x1b');
}

static void write_again(const struct ph_packet *packet)
{
	struct ph_writer *writer;
	struct ph_packet again;
	const uint8_t *bytes;
	size_t length;

	must(!ph_writer_create(&writer));
	if (packet->answer)
		must(!ph_packet_write_answer(writer, packet->id, packet->status,
			packet->body, packet->length));
	else
		must(!ph_packet_write_call(writer, packet->id,
			(uint16_t)packet->method, packet->destination,
			packet->deadline_ms, packet->body, packet->length));
	must(!ph_writer_finish(writer, &bytes, &length));
	must(!ph_packet_read(&again, bytes, length, PH_SKIM_PEER));
	must(again.answer == packet->answer && again.id == packet->id &&
		again.method == packet->method &&
		again.status == packet->status &&
		again.deadline_ms == packet->deadline_ms &&
		!strcmp(again.destination, packet->destination) &&
		again.length == packet->length &&
		!memcmp(again.body, packet->body, packet->length));
	ph_writer_free(writer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ph_packet packet;

	if (ph_packet_read(&packet, data, size, PH_SKIM_PEER))
		return 0;
	must(packet.body >= data && packet.body < data + size);
	must(packet.body + packet.length == data + size);
	check_arguments(&packet);
	if (packet.answer || packet.method >= 0)
		write_again(&packet);
	return 0;
}
