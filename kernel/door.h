#ifndef PH_KERNEL_DOOR_H
#define PH_KERNEL_DOOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/kernel.h"

/*
 * The one door for calls. Every call, from this node or from a line, passes
 * ph_door_call or ph_door_serve; guards registered here may look at it and
 * refuse. A call is answered exactly once: by the callee, by its deadline, or
 * by the loss of the road it went on.
 *
 * Arguments and answers are opaque bytes; methods are small numbers that the
 * caller's and the callee's table of calls agree on; a destination is an
 * opaque string ("" or NULL: here) that the remote road understands.
 */
#define PH_DOOR_METHODS 256u
/* Calls in flight: past it new ones are refused with -EAGAIN. Those of other
 * nodes may fill three quarters, so that this node can always call itself. */
#define PH_DOOR_PENDING 16384u
#define PH_DOOR_GUARDS	8u

/* What an answer says, besides its body. */
enum ph_call_status {
	PH_CALL_OK = 0,
	PH_CALL_FAILED = 1, /* the body tells the error */
	PH_CALL_UNREACHABLE = 3,
	PH_CALL_UNKNOWN = 4, /* no such method or destination here */
	PH_CALL_DENIED = 6,
	PH_CALL_TIMEOUT = 7,
};

/* Who calls: as proven by the road it came on, never by its own words. */
struct ph_caller {
	uint64_t line; /* 0: this node itself */
	uint32_t role; /* ordinal, larger may do more; the guards' business */
	char node[40]; /* the peer's name; "" for this node */
};

struct ph_call {
	uint16_t method;
	const struct ph_caller *caller;
	const char *destination; /* "" here */
	const uint8_t *arguments;
	size_t length;
	int64_t deadline; /* ns, absolute */
};

/* What an answer looks like to the one who called; the body stands until the
 * function returns. */
typedef void ph_answer_fn(
	void *context, int status, const uint8_t *body, size_t length);

/* Serves a call. It must lead to one ph_door_answer(door, ticket), now or
 * later; `call` stands until the handler returns. */
typedef void ph_call_fn(
	void *context, ph_handle ticket, const struct ph_call *call);

/* 0 lets it pass; else the status it is refused with. */
typedef int ph_guard_fn(void *context, const struct ph_call *call);

/* Since the door was made. */
struct ph_door_stats {
	uint64_t calls;	  /* taken */
	uint64_t refused; /* by a guard, or for an unknown method */
	uint64_t expired; /* answered by their deadline */
	uint64_t late;	  /* answers that nobody waited for any more */
};

struct ph_door;

int ph_door_create(struct ph_door **out, struct ph_kernel *kernel);
/* Answers what is pending with PH_CALL_UNREACHABLE first. */
void ph_door_destroy(struct ph_door *door);

/* -EEXIST, -ERANGE. */
int ph_door_serve(struct ph_door *door, uint16_t method, ph_call_fn *serve,
	void *context);
/* Calls with a destination go here. Without a road, or a callee for the
 * method, the answer is PH_CALL_UNKNOWN. */
void ph_door_set_road(struct ph_door *door, ph_call_fn *road, void *context);
/* Guards run in the order of their registration. -ENOSPC past 8. */
int ph_door_guard(struct ph_door *door, ph_guard_fn *guard, void *context);

/* Copies the call; guards and callee see it at the end of the turn, calls in
 * their order. Returns 0 and then answers exactly once, never before it
 * returns; or a negative errno and never answers: -ETIMEDOUT when the deadline
 * does not lie in the future, -EAGAIN when too many are in flight, -ESHUTDOWN
 * while the door is destroyed, -ENOMEM. */
int ph_door_call(struct ph_door *door, const struct ph_call *call,
	ph_answer_fn *answer, void *context);
/* For the one who was given the ticket; copies the body. Late and second
 * answers are dropped and counted: -ESTALE. -ENOMEM: the caller is answered
 * PH_CALL_FAILED without a body. */
int ph_door_answer(struct ph_door *door, ph_handle ticket, int status,
	const void *body, size_t length);
/* Told of each call that was answered, here or elsewhere, after its answer was
 * delivered. There is room for one. */
void ph_door_listen(struct ph_door *door,
	void (*answered)(void *context, const struct ph_call *call, int status),
	void *context);
/* The caller went away (a line broke): its calls are answered to nobody. */
void ph_door_forget(struct ph_door *door, uint64_t line);

/* Somebody still waits for its answer: it has none, its deadline has not passed
 * and its caller has not gone away. */
bool ph_door_is_awaited(struct ph_door *door, ph_handle ticket);

/* Answers PH_CALL_TIMEOUT to what is due; returns the next deadline in ns, or
 * INT64_MAX. */
int64_t ph_door_expire(struct ph_door *door, int64_t now);
/* Told the earliest deadline whenever it moves forward (to arm a timer). */
void ph_door_set_alarm(struct ph_door *door,
	void (*alarm)(void *context, int64_t when), void *context);
/* Calls that were not answered yet. */
size_t ph_door_pending(const struct ph_door *door);
struct ph_door_stats ph_door_stats(const struct ph_door *door);

#endif
