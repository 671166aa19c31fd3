#ifndef PH_NODE_TABLE_H
#define PH_NODE_TABLE_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "proto/value.h"

/* Answers as text for people: columns taken from maps by path. */
enum ph_cell {
	PH_CELL_TEXT,
	PH_CELL_BYTES, /* 1.2 MB */
	PH_CELL_RATE,  /* 1.2 MB/s */
	PH_CELL_AGE,   /* from wall-clock ns: 3m12s */
	PH_CELL_DATE,  /* from wall-clock ns: 2026-12-28 22:09, local time */
	PH_CELL_LIST,  /* a, b */
	PH_CELL_SHORT, /* the first 8 characters */
	PH_CELL_DASH,  /* text or number, "-" when there is none */
	PH_CELL_LINE,  /* what a program wrote: its TABs stay */
};

struct ph_column {
	const char *title;
	const char *path; /* "sent.bytes" */
	enum ph_cell cell;
};

/* By path through maps; nil when absent. */
struct ph_value ph_value_path(struct ph_value map, const char *path);
/* One cell as text, cut to fit: outside text as it is, but for what would steer
 * a terminal, which stands as \xNN. Returns out. */
char *ph_cell_text(
	char *out, size_t size, struct ph_value value, enum ph_cell cell);
char *ph_text_bytes(char *out, size_t size, double bytes);
char *ph_text_age(char *out, size_t size, int64_t wall);
/* "20000", "20000-20099". */
char *ph_text_ports(char *out, size_t size, int first, int last);
/* Round trips in us, the shortest and the longest: "0.2-5.1ms". */
char *ph_text_trips(char *out, size_t size, int64_t low, int64_t high);
/* Aligned columns, a title line first. */
void ph_table_print(FILE *out, const struct ph_column *columns, size_t count,
	const struct ph_value *items, size_t item_count);
/* The same of a list. */
void ph_table_items(FILE *out, const struct ph_column *columns, size_t count,
	struct ph_value items);
/* The same of the list that was written; frees the writer. */
void ph_table_written(FILE *out, const struct ph_column *columns, size_t count,
	struct ph_writer *writer);
/* key: value, indented, for `show` and `status`. */
void ph_value_print(FILE *out, struct ph_value value, unsigned indent);

#endif
