#ifndef PH_CONTROLSURFACE_ALARM_RULE_H
#define PH_CONTROLSURFACE_ALARM_RULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * An alarm of a wiring file, about one connection:
 *
 *   rate < 500kB/s for 5s     bytes (or messages: 10/s) a second
 *   queue > 80%               what waits: a size, or a part of the queue
 *   blocked > 50%             part of the time that the sender waited
 *   dropped > 0/s             messages that were dropped, a second
 *   silent > 10s              time since something moved
 *
 * It comes when the condition has held for `lasts`, and goes when it has not
 * held for as long. Looks come about once a second, each with the connection's
 * counters. A connection that does not stand moves nothing; one whose stream
 * has ended is done, and has no alarms. Pure.
 */
enum ph_alarm_measure {
	PH_ALARM_RATE,
	PH_ALARM_QUEUE,
	PH_ALARM_BLOCKED,
	PH_ALARM_DROPPED,
	PH_ALARM_SILENT
};

struct ph_alarm_rule {
	enum ph_alarm_measure measure;
	bool above;
	bool equal; /* >= or <= */
	bool percent;
	bool messages; /* a rate of messages */
	double value;  /* bytes, messages, percent or ns */
	int64_t lasts; /* ns */
};

/* -EINVAL. */
int ph_alarm_rule_parse(struct ph_alarm_rule *out, const char *text);
/* What a wire's `expect` says the other way round: ">= 500kB/s" becomes
 * "rate < 500kB/s for 10s". -EINVAL. */
int ph_alarm_rule_expect(char *out, size_t size, const char *expect);

/* "a-" and 8 hex digits. */
#define PH_ALARM_ID 11

/* The name of an alarm about these words: the same wherever it is made. */
void ph_alarm_id(char out[PH_ALARM_ID], const char *const *words, size_t count);

/* A connection's counters, as they are at one look. */
struct ph_alarm_look {
	int64_t at; /* ns */
	bool ended; /* its stream is finished */
	uint64_t bytes;
	uint64_t messages;
	uint64_t dropped; /* messages */
	uint64_t queued;  /* bytes */
	uint64_t limit;	  /* of the queue; 0: not known */
	int64_t blocked;  /* ns in all */
};

struct ph_alarm {
	struct ph_alarm_look before;
	bool looked; /* there is a `before` */
	bool raised;
	bool holds;	/* as of the newest look */
	int64_t turned; /* ns, when `holds` became so */
	int64_t moved;	/* ns, when something moved last */
	double measured;
};

/* Takes a look; true when `raised` changed. */
bool ph_alarm_step(struct ph_alarm *alarm, const struct ph_alarm_rule *rule,
	const struct ph_alarm_look *look);
/* "rate 12.3 kB/s": what was measured. Returns out. */
char *ph_alarm_measured(char *out, size_t size, const struct ph_alarm *alarm,
	const struct ph_alarm_rule *rule);

#endif
