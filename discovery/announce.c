#include "discovery/inner.h"

#include <string.h>

#include "kernel/log.h"

/*
 * Sending. One announcer speaks for all carriers: each transmission has a seq
 * of its own and goes out the same everywhere, so that whoever hears it twice
 * knows it.
 */

/* Announcements to seeds, once somebody is known: one in so many. */
#define SEEDS_EVERY 12u

#define MEMBER(pointer, type, field)                                           \
	((type *)((char *)(pointer)-offsetof(type, field)))

/* Whoever knows somebody is known by him: a seed is reminded now and then, so
 * that two halves which lost each other find together. */
static bool seeds_are_due(const struct ph_discovery *discovery)
{
	return !discovery->own.ttl || discovery->own.seq % SEEDS_EVERY == 0 ||
	       !ph_neighbours_count(discovery->neighbours, PH_MEMBER);
}

/* News go by IPv4 and IPv6, mere repetitions by one of them in turn: who hears
 * one only still hears two in the time to live. */
static enum ph_multicast_how families(const struct ph_discovery *discovery)
{
	if (!discovery->own.ttl || discovery->announcer.fast_left ||
		discovery->said != discovery->own.content)
		return PH_MULTICAST_BOTH;
	return discovery->own.seq % 2 ? PH_MULTICAST_V4 : PH_MULTICAST_V6;
}

static void send_everywhere(struct ph_discovery *discovery)
{
	const uint8_t *bytes = discovery->bytes;
	size_t length = discovery->length;

	if (discovery->multicast)
		ph_multicast_send(discovery->multicast, families(discovery),
			bytes, length);
	if (discovery->ethernet)
		ph_ethernet_send(discovery->ethernet, bytes, length);
	if (seeds_are_due(discovery))
		seeds_send(discovery, bytes, length);
}

static void say_goodbye_over(struct ph_discovery *discovery)
{
	void (*stopped)(void *context) = discovery->stopped;

	ph_datagrams_flush(discovery->datagrams);
	discovery->stopped = NULL;
	if (stopped)
		stopped(discovery->stopped_context);
}

void announce_due(struct ph_timer *timer)
{
	struct ph_discovery *discovery =
		MEMBER(timer, struct ph_discovery, announce);
	uint32_t said = discovery->said;
	uint16_t ttl;

	while (ph_announcer_due(
		&discovery->announcer, ph_loop_now(discovery->loop), &ttl)) {
		int error = content_write(discovery, ttl);

		if (error)
			ph_log_error("discovery",
				"announcement.unwritten because=\"%s\"",
				strerror(-error));
		else
			send_everywhere(discovery);
	}
	if (discovery->length && said != discovery->own.content) {
		discovery->said = discovery->own.content;
		discovery->events.announced(
			discovery->events.context, discovery->said);
	}
	announcer_arm(discovery);
	if (discovery->stopped &&
		discovery->announcer.state != PH_ANNOUNCER_LEAVING)
		say_goodbye_over(discovery);
}

void announcer_arm(struct ph_discovery *discovery)
{
	int64_t due = ph_announcer_deadline(&discovery->announcer);

	if (due == INT64_MAX)
		ph_timer_stop(discovery->loop, &discovery->announce);
	else
		ph_timer_start(discovery->loop, &discovery->announce, due);
}

void announcer_event(
	struct ph_discovery *discovery, enum ph_announcer_event event)
{
	if (!discovery->started)
		return;
	ph_announcer_step(
		&discovery->announcer, event, ph_loop_now(discovery->loop));
	announcer_arm(discovery);
}
