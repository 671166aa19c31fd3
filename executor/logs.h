#ifndef PH_EXECUTOR_LOGS_H
#define PH_EXECUTOR_LOGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The last of what a server wrote to stderr: a ring of lines. Lines past 4 KiB
 * are broken in pieces, bytes that are no printable UTF-8 become '?', and a
 * server that writes faster than 500 lines a second loses some, with a line
 * that says how many. Never blocks the writer.
 */
#define PH_LOGS_BYTES ((size_t)64 * 1024)
#define PH_LOGS_LINE  ((size_t)4096)
#define PH_LOGS_RATE  500u  /* lines a second */
#define PH_LOGS_BURST 2000u /* lines at once */

struct ph_logs;

/* In place: whatever is no printable UTF-8 becomes '?'. */
void ph_logs_clean(char *text, size_t length);

struct ph_logs_line {
	uint64_t number; /* from 1 */
	int64_t time;	 /* wall clock, ns */
	size_t length;
	char text[PH_LOGS_LINE];
};

/* `on_line` (may be NULL) sees each line as it is kept. */
int ph_logs_create(struct ph_logs **out,
	void (*on_line)(void *context, const struct ph_logs_line *line),
	void *context);
void ph_logs_destroy(struct ph_logs *logs);

/* Bytes as they came; `now` monotonic ns, `wall` for showing. */
void ph_logs_write(struct ph_logs *logs, const void *data, size_t length,
	int64_t now, int64_t wall);
/* The writer is gone: a line without its newline counts as one. */
void ph_logs_flush(struct ph_logs *logs, int64_t now, int64_t wall);

/* The number of the newest line; 0: none yet. */
uint64_t ph_logs_newest(const struct ph_logs *logs);
/* The oldest line after `since` that is still there. */
bool ph_logs_next(
	const struct ph_logs *logs, uint64_t since, struct ph_logs_line *line);

#endif
