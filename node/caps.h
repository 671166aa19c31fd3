#ifndef PH_NODE_CAPS_H
#define PH_NODE_CAPS_H

#include <stddef.h>

#include "node/options.h"
#include "proto/value.h"

/*
 * What this node can: texts `key` or `key=value`, given (--cap) before
 * detected. Read once: a machine does not change while it runs, or says so by
 * a restart.
 */
#define PH_CAPS	    64u
#define PH_CAP_TEXT 64u

struct ph_caps {
	unsigned count;
	unsigned given;	     /* the first of them */
	unsigned short_ones; /* what announcements say; the rest is fetched */
	char text[PH_CAPS][PH_CAP_TEXT];
};

void ph_caps_detect(struct ph_caps *caps, const struct ph_options *options);
/* The same as a list "caps" of an open map. */
void ph_caps_write(struct ph_writer *writer, const struct ph_options *options);

#endif
