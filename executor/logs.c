#include "executor/logs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/hal.h"

/* A line in the ring: this, then its text. */
struct record {
	uint64_t number;
	int64_t time;
	uint32_t length;
};

struct ph_logs {
	void (*on_line)(void *context, const struct ph_logs_line *line);
	void *context;
	uint64_t head; /* free-running positions in the ring */
	uint64_t tail;
	uint64_t newest;
	uint64_t oldest; /* number of the line at `tail` */
	uint64_t dropped;
	int64_t filled; /* when tokens were last added */
	uint64_t tokens;
	struct ph_logs_line line; /* being collected */
	uint8_t ring[PH_LOGS_BYTES];
};

int ph_logs_create(struct ph_logs **out,
	void (*on_line)(void *context, const struct ph_logs_line *line),
	void *context)
{
	struct ph_logs *logs = calloc(1, sizeof(*logs));

	if (!logs)
		return -ENOMEM;
	logs->on_line = on_line;
	logs->context = context;
	logs->oldest = 1;
	logs->tokens = PH_LOGS_BURST;
	*out = logs;
	return 0;
}

void ph_logs_destroy(struct ph_logs *logs)
{
	free(logs);
}

static void put(struct ph_logs *logs, const void *data, size_t length)
{
	const uint8_t *bytes = data;

	for (size_t i = 0; i < length; i++)
		logs->ring[logs->head++ % PH_LOGS_BYTES] = bytes[i];
}

static void get(const struct ph_logs *logs, uint64_t position, void *data,
	size_t length)
{
	uint8_t *bytes = data;

	for (size_t i = 0; i < length; i++)
		bytes[i] = logs->ring[position++ % PH_LOGS_BYTES];
}

static void drop_oldest(struct ph_logs *logs)
{
	struct record record;

	get(logs, logs->tail, &record, sizeof(record));
	logs->tail += sizeof(record) + record.length;
	logs->oldest++;
}

/* Length of the UTF-8 character at `text`, or 0 when it is none. Overlong
 * forms and surrogates are none: the text goes into answers, whose readers
 * check. */
static size_t character(const uint8_t *text, size_t left)
{
	uint32_t code;
	size_t length = text[0] < 0x80	 ? 1
			: text[0] < 0xc2 ? 0
			: text[0] < 0xe0 ? 2
			: text[0] < 0xf0 ? 3
			: text[0] < 0xf5 ? 4
					 : 0;

	if (!length || length > left)
		return 0;
	code = length == 1 ? text[0] : text[0] & (0x7fu >> length);
	for (size_t i = 1; i < length; i++) {
		if ((text[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (text[i] & 0x3f);
	}
	if ((length == 3 && (code < 0x800 || (code >> 11) == 0x1b)) ||
		(length == 4 && (code < 0x10000 || code > 0x10ffff)))
		return 0;
	return length;
}

static bool is_control(uint8_t byte)
{
	return (byte < 0x20 && byte != '\t') || byte == 0x7f;
}

/* Also what would confuse a reader's terminal. */
void ph_logs_clean(char *line, size_t total)
{
	uint8_t *text = (uint8_t *)line;

	for (size_t i = 0; i < total;) {
		size_t length = character(text + i, total - i);
		bool c1 = length == 2 && text[i] == 0xc2 && text[i + 1] < 0xa0;

		if (!length || is_control(text[i]) || c1) {
			text[i] = '?';
			if (c1)
				text[i + 1] = '?';
			length = 1;
		}
		i += length;
	}
}

static void keep(struct ph_logs *logs, int64_t wall)
{
	struct ph_logs_line *line = &logs->line;
	struct record record;

	while (logs->head - logs->tail + sizeof(record) + line->length >
		PH_LOGS_BYTES)
		drop_oldest(logs);
	ph_logs_clean(line->text, line->length);
	line->number = ++logs->newest;
	line->time = wall;
	record = (struct record){.number = line->number,
		.time = wall,
		.length = (uint32_t)line->length};
	put(logs, &record, sizeof(record));
	put(logs, line->text, line->length);
	if (logs->on_line)
		logs->on_line(logs->context, line);
	line->length = 0;
}

static bool take_token(struct ph_logs *logs, int64_t now)
{
	int64_t step = PH_SECOND / PH_LOGS_RATE;
	int64_t fresh = (now - logs->filled) / step;

	if (fresh > 0) {
		logs->filled += fresh * step;
		logs->tokens += (uint64_t)fresh;
		if (logs->tokens > PH_LOGS_BURST)
			logs->tokens = PH_LOGS_BURST;
	}
	if (!logs->tokens)
		return false;
	logs->tokens--;
	return true;
}

static void end_line(struct ph_logs *logs, int64_t now, int64_t wall)
{
	struct ph_logs_line *line = &logs->line;

	if (!take_token(logs, now)) {
		logs->dropped++;
		line->length = 0;
		return;
	}
	if (logs->dropped) {
		struct ph_logs_line saved = *line;

		line->length = (size_t)snprintf(line->text, sizeof(line->text),
			"[%llu lines left out: more than %u a second]",
			(unsigned long long)logs->dropped, PH_LOGS_RATE);
		keep(logs, wall);
		logs->dropped = 0;
		*line = saved;
	}
	keep(logs, wall);
}

void ph_logs_write(struct ph_logs *logs, const void *data, size_t length,
	int64_t now, int64_t wall)
{
	const char *text = data;
	struct ph_logs_line *line = &logs->line;

	for (size_t i = 0; i < length; i++) {
		if (text[i] != '\n')
			line->text[line->length++] = text[i];
		if (text[i] == '\n' || line->length == PH_LOGS_LINE)
			end_line(logs, now, wall);
	}
}

void ph_logs_flush(struct ph_logs *logs, int64_t now, int64_t wall)
{
	if (logs->line.length)
		end_line(logs, now, wall);
}

uint64_t ph_logs_newest(const struct ph_logs *logs)
{
	return logs->newest;
}

bool ph_logs_next(
	const struct ph_logs *logs, uint64_t since, struct ph_logs_line *line)
{
	uint64_t position = logs->tail;
	struct record record;

	if (since >= logs->newest)
		return false;
	for (;;) {
		get(logs, position, &record, sizeof(record));
		position += sizeof(record);
		if (record.number > since)
			break;
		position += record.length;
	}
	line->number = record.number;
	line->time = record.time;
	line->length = record.length;
	get(logs, position, line->text, record.length);
	return true;
}
