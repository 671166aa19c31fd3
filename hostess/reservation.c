#include "hostess/reservation.h"

#include <string.h>

#include "kernel/log.h"

static const char *const state_names[] = {
#define X(ident, name) [PH_RESERVATION_##ident] = name,
	PH_RESERVATION_STATES(X)
#undef X
};

const char *ph_reservation_state_name(enum ph_reservation_state state)
{
	return state_names[state];
}

static void text_copy(char *out, size_t size, const char *text)
{
	size_t length = strnlen(text, size - 1);

	memcpy(out, text, length);
	out[length] = '\0';
}

static void reservation_enter(struct ph_reservation *reservation,
	enum ph_reservation_state state, const char *because)
{
	if (reservation->state == state)
		return;
	ph_log_debug("hostess",
		"reservation.state id=%s connection=%s from=%s to=%s "
		"because=%s",
		reservation->id, reservation->connection,
		state_names[reservation->state], state_names[state], because);
	reservation->state = state;
}

void ph_reservation_init(struct ph_reservation *reservation, int64_t now,
	int64_t lasts, const char *node, const uint8_t token[PH_ATTACH_TOKEN])
{
	memset(reservation, 0, sizeof(*reservation));
	text_copy(reservation->node, sizeof(reservation->node), node);
	memcpy(reservation->token, token, PH_ATTACH_TOKEN);
	reservation->state = PH_RESERVATION_HELD;
	reservation->expires = lasts == INT64_MAX ? INT64_MAX : now + lasts;
}

/* What must be watched in constant time is what a stranger may guess at. */
bool ph_reservation_token_is(
	const struct ph_reservation *reservation, const uint8_t *token)
{
	uint8_t differ = 0;

	for (unsigned i = 0; i < PH_ATTACH_TOKEN; i++)
		differ |= reservation->token[i] ^ token[i];
	return differ == 0;
}

bool ph_reservation_is_of(const struct ph_reservation *reservation,
	const char *node, const uint8_t *token)
{
	return token ? ph_reservation_token_is(reservation, token)
		     : strcmp(reservation->node, node) == 0;
}

static struct ph_reservation_output denied(const char *because)
{
	return (struct ph_reservation_output){
		.outcome = PH_RESERVED_DENIED, .because = because};
}

static struct ph_reservation_output reservation_expire(
	struct ph_reservation *reservation, const char *because)
{
	struct ph_reservation_output output = {
		.evict = reservation->state == PH_RESERVATION_SEATED,
		.free = true,
		.because = because,
	};

	reservation_enter(reservation, PH_RESERVATION_EXPIRED, because);
	reservation->attached = false;
	reservation->expires = INT64_MAX;
	return output;
}

static struct ph_reservation_output reservation_book(
	struct ph_reservation *reservation, int64_t now,
	const struct ph_reservation_event *event)
{
	if (reservation->state == PH_RESERVATION_SEATED)
		return (struct ph_reservation_output){0};
	if (reservation->state == PH_RESERVATION_HELD)
		text_copy(reservation->connection,
			sizeof(reservation->connection), event->connection);
	reservation_enter(reservation, PH_RESERVATION_BOOKED, "asked");
	reservation->expires = now + PH_LEASE_LASTS;
	return (struct ph_reservation_output){0};
}

/* A hold is not renewed: it is for a while, or for a connection. */
static struct ph_reservation_output reservation_renew(
	struct ph_reservation *reservation, int64_t now)
{
	if (reservation->state == PH_RESERVATION_HELD)
		return denied("it is only held");
	if (reservation->state == PH_RESERVATION_BOOKED)
		reservation->expires = now + PH_LEASE_LASTS;
	else if (!reservation->attached)
		reservation->expires = now + PH_SEAT_KEPT;
	return (struct ph_reservation_output){0};
}

static struct ph_reservation_output reservation_attach(
	struct ph_reservation *reservation,
	const struct ph_reservation_event *event)
{
	if (reservation->state == PH_RESERVATION_HELD)
		return denied("it is only held");
	if (strcmp(reservation->node, event->node) != 0)
		return denied("another node booked it");
	if (!ph_reservation_token_is(reservation, event->token))
		return denied("wrong token");
	if (event->generation <= reservation->generation)
		return denied("an old generation");
	reservation->generation = event->generation;
	reservation->attached = true;
	reservation->expires = INT64_MAX;
	reservation_enter(reservation, PH_RESERVATION_SEATED, "attached");
	return (struct ph_reservation_output){0};
}

static struct ph_reservation_output reservation_detach(
	struct ph_reservation *reservation, int64_t now,
	const struct ph_reservation_event *event)
{
	if (!reservation->attached ||
		event->generation != reservation->generation)
		return (struct ph_reservation_output){
			.outcome = PH_RESERVED_STALE};
	if (event->finished) {
		/* Its carrier said so itself: nobody is left to evict. */
		struct ph_reservation_output output =
			reservation_expire(reservation, "finished");

		output.evict = false;
		return output;
	}
	reservation->attached = false;
	reservation->expires = now + PH_SEAT_KEPT;
	return (struct ph_reservation_output){0};
}

struct ph_reservation_output ph_reservation_step(
	struct ph_reservation *reservation, int64_t now,
	const struct ph_reservation_event *event)
{
	if (reservation->state == PH_RESERVATION_EXPIRED)
		return denied("it is expired");
	if (now >= reservation->expires) {
		struct ph_reservation_output output =
			reservation_expire(reservation, "its time ran out");

		if (event->kind != PH_RESERVE_TICK)
			output.outcome = PH_RESERVED_DENIED;
		output.because = "its time ran out";
		return output;
	}
	switch (event->kind) {
	case PH_RESERVE_BOOK:
		return reservation_book(reservation, now, event);
	case PH_RESERVE_ATTACH:
		return reservation_attach(reservation, event);
	case PH_RESERVE_DETACH:
		return reservation_detach(reservation, now, event);
	case PH_RESERVE_RENEW:
		return reservation_renew(reservation, now);
	case PH_RESERVE_RELEASE:
		return reservation_expire(reservation,
			event->because ? event->because : "released");
	case PH_RESERVE_EVICT:
		return reservation_expire(reservation, "its server left");
	case PH_RESERVE_TICK:
		break;
	}
	return (struct ph_reservation_output){0};
}
