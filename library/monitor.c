#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "library/guest.h"
#include "kernel/frame.h"
#include "proto/calls.h"
#include "proto/run_end.h"
#include "proto/socket_path.h"

/*
 * A monitor is one call on a connection of its own (monitor.set), which is
 * answered when what it watches is no more. A moment before its deadline it is
 * answered with what to go on with, so nothing that ends in between is missed;
 * whoever closes the connection takes it back.
 */

/* A call lasts so long; then another goes on. ms. */
#define MONITOR_STRETCH 60000

struct ph_monitor {
	struct ph_guest guest; /* its orders are the connection */
	char target[256];
	uint32_t asked;
	uint64_t run; /* to go on with */
	uint64_t life;
	int told; /* 1: it has been */
	struct ph_loss loss;
};

static const enum ph_loss_cause causes[PH_END_CAUSES_COUNT] = {
	[PH_END_EXITED] = PH_LOSS_EXITED,
	[PH_END_SIGNAL] = PH_LOSS_SIGNAL,
	[PH_END_FINISHED] = PH_LOSS_FINISHED,
	[PH_END_FAILED] = PH_LOSS_FAILED,
	[PH_END_LOST] = PH_LOSS_STREAM,
	[PH_END_STOPPED] = PH_LOSS_STOPPED,
	[PH_END_REPLACED] = PH_LOSS_REPLACED,
	[PH_END_ENDED] = PH_LOSS_ENDED,
	[PH_END_NOT_RUNNING] = PH_LOSS_NOT_RUNNING,
	[PH_END_NO_SUCH] = PH_LOSS_NO_SUCH,
	[PH_END_NODE_LOST] = PH_LOSS_NODE_LOST,
	[PH_END_NODE_LEFT] = PH_LOSS_NODE_LEFT,
	[PH_END_REFUSED] = PH_LOSS_REFUSED,
};

static int set(struct ph_monitor *monitor)
{
	struct ph_writer *writer;
	int error = ph_writer_create(&writer);

	if (error)
		return error;
	ph_write_map(writer);
	ph_put_text(writer, "target", monitor->target);
	if (monitor->life) {
		ph_put_u64(writer, "run", monitor->run);
		ph_put_u64(writer, "life", monitor->life);
	}
	ph_write_end(writer);
	error = guest_ask(monitor->guest.orders, ++monitor->asked,
		PH_MONITOR_SET, MONITOR_STRETCH, writer);
	ph_writer_free(writer);
	return error;
}

/* The node does not know what is to be watched, or will not watch it. */
static int refused(struct ph_monitor *monitor, const struct ph_packet *packet)
{
	struct ph_error error;

	ph_error_read(&error, packet->status, packet->body, packet->length);
	if (error.exit == PH_EXIT_NOT_FOUND)
		monitor->loss.cause = PH_LOSS_NO_SUCH;
	else if (error.exit == PH_EXIT_CONFLICT || error.exit == PH_EXIT_DENIED)
		monitor->loss.cause = PH_LOSS_REFUSED;
	else
		return -EPROTO;
	snprintf(monitor->loss.reason, sizeof(monitor->loss.reason), "%s",
		error.what);
	monitor->told = 1;
	return 1;
}

/* 1: told; 0: not yet, it was asked again. */
static int take(struct ph_monitor *monitor, const struct ph_packet *packet)
{
	struct ph_document *document;
	struct ph_run_end end;
	struct ph_value item;

	if (packet->status == PH_CALL_TIMEOUT)
		return set(monitor);
	if (packet->status)
		return refused(monitor, packet);
	if (ph_document_read(
		    &document, packet->body, packet->length, PH_SKIM_PEER))
		return -EPROTO;
	item = ph_value_at(
		ph_value_get(ph_document_root(document), "items"), 0);
	ph_run_end_read(&end, item);
	monitor->run = end.run;
	monitor->life = ph_get_u64(item, "life");
	ph_document_free(document);
	if (end.cause == PH_END_NONE)
		return set(monitor);
	monitor->loss.cause = causes[end.cause];
	monitor->loss.code = end.code;
	monitor->loss.signal = end.signal;
	snprintf(monitor->loss.reason, sizeof(monitor->loss.reason), "%s",
		end.reason);
	monitor->told = 1;
	return 1;
}

static int hear(struct ph_monitor *monitor)
{
	struct ph_guest *guest = &monitor->guest;
	const uint8_t *record;
	struct ph_packet packet;
	int status = 0;

	guest_pull(guest, &guest->said, guest->orders, 4096);
	while (!status && (record = guest_frame(guest, &guest->said))) {
		if (!(record[3] & PH_FRAME_CALL) ||
			ph_packet_read(&packet, record + PH_FRAME_HEADER,
				ph_frame_length(record), PH_SKIM_PEER) ||
			!packet.answer)
			return -EPROTO;
		if (packet.id == monitor->asked)
			status = take(monitor, &packet);
		guest_drop(&guest->said);
	}
	return status;
}

int ph_monitor_wait(
	struct ph_monitor *monitor, struct ph_loss *loss, int timeout)
{
	struct pollfd wait = {.events = POLLIN};
	int64_t until = guest_until(timeout);
	int status = 0;

	if (!monitor)
		return -EINVAL;
	wait.fd = monitor->guest.orders;
	while (!monitor->told && !(status = hear(monitor))) {
		int64_t left = until < 0 ? -1 : until - guest_now();

		if (monitor->guest.over)
			return -ESHUTDOWN;
		if (until >= 0 && left <= 0)
			return -ETIMEDOUT;
		poll(&wait, 1, (int)left);
	}
	if (status < 0)
		return status;
	if (loss)
		*loss = monitor->loss;
	return 0;
}

int ph_monitor(struct ph_monitor **out, const char *socket, const char *target)
{
	struct ph_monitor *monitor;
	char path[256];
	int error = 0;

	if (!out || !target || !*target ||
		strlen(target) >= sizeof(monitor->target))
		return -EINVAL;
	monitor = calloc(1, sizeof(*monitor));
	if (!monitor)
		return -ENOMEM;
	memcpy(monitor->target, target, strlen(target));
	ph_socket_path(path, sizeof(path), socket);
	monitor->guest.orders = guest_dial(path);
	if (monitor->guest.orders < 0)
		error = monitor->guest.orders;
	else
		error = set(monitor);
	if (error) {
		ph_monitor_drop(monitor);
		return error;
	}
	*out = monitor;
	return 0;
}

int ph_monitor_descriptor(const struct ph_monitor *monitor)
{
	return monitor ? monitor->guest.orders : -EINVAL;
}

void ph_monitor_drop(struct ph_monitor *monitor)
{
	if (!monitor)
		return;
	if (monitor->guest.orders >= 0)
		close(monitor->guest.orders);
	free(monitor->guest.said.data);
	free(monitor);
}
