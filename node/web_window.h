#ifndef PH_NODE_WEB_WINDOW_H
#define PH_NODE_WEB_WINDOW_H

#include <stdbool.h>

#include "proto/value.h"

/*
 * `window=1s,10s,60s`: which of the rates of connections are told. Pure.
 */
#define WEB_WINDOWS "1s, 10s, 60s, or some of them with commas between"

/* Bit i is the i-th of PH_RATE_WINDOWS; "": all of them. False: something else
 * is in it. */
bool web_window_read(unsigned *windows, const char *text);
/* The list again; of each item's `rate` only those windows, and what stands
 * beside them (the last second's) only with the first. */
void web_window_write(
	struct ph_writer *writer, struct ph_value items, unsigned windows);

#endif
