#ifndef PH_CONTROLSURFACE_ALARM_MARKS_H
#define PH_CONTROLSURFACE_ALARM_MARKS_H

#include "controlsurface/control_inner.h"

/*
 * What people said about alarms, kept where they said it, and seen by whoever
 * lists the mesh's alarms (ISA-18.2):
 *
 *   ack      somebody knows; until it has gone
 *   shelve   not in the list until then
 *
 * One of each for an alarm; the newer one counts.
 */
#define PH_MARKS_MOST 1024u

struct ph_mark {
	char alarm[PH_ALARM_ID];
	char verb[8];
	char by[PH_NAME_MAX + 1];
	char why[160];
	int64_t at;    /* wall clock, ns */
	int64_t until; /* of a shelved one */
	struct ph_mark *prev;
	struct ph_mark *next;
};

ph_call_fn ph_control_serve_ack;
ph_call_fn ph_control_serve_shelve;
ph_call_fn ph_control_serve_unshelve;
/* Items {kind: "mark", alarm, verb, by, why, at, until} into an open list. */
void ph_marks_write(struct ph_control *control, struct ph_writer *writer);
/* Reads one back: -EBADMSG, -ENOMEM. */
int ph_mark_restore(
	struct ph_control *control, const uint8_t *record, size_t length);
void ph_marks_fini(struct ph_control *control);

#endif
