#include "node/cli_probe_show.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/table.h"

/*
 * What a probe found, as people read it: a line for the ports beside each
 * other that have one verdict, and one for each address.
 */
static const struct ph_column columns[] = {
	{"ADDRESS", "address", PH_CELL_TEXT},
	{"PORTS", "ports", PH_CELL_TEXT},
	{"TRANSPORT", "transport", PH_CELL_TEXT},
	{"VERDICT", "verdict", PH_CELL_TEXT},
	{"RTT", "rtt", PH_CELL_DASH},
	{"MAPPED", "mapped", PH_CELL_DASH},
	{"ERROR", "error", PH_CELL_DASH},
};

/* Ports beside each other with one verdict: a line for people. */
struct span {
	char address[80];
	char transport[16];
	char verdict[32];
	char error[64];
	int mapped; /* 0: none, or its own number */
	int first, last;
	int64_t low, high; /* round trips, us */
};

/* What became of one address. */
struct tally {
	char address[80];
	unsigned tried;
	unsigned open;
	unsigned known; /* left out as known */
};

static void span_read(struct span *span, struct ph_value item)
{
	ph_get_copy(item, "address", span->address, sizeof(span->address));
	ph_get_copy(
		item, "transport", span->transport, sizeof(span->transport));
	ph_get_copy(item, "verdict", span->verdict, sizeof(span->verdict));
	ph_get_copy(item, "error", span->error, sizeof(span->error));
	span->first = span->last = (int)ph_get_int(item, "port");
	span->mapped = (int)ph_get_int(item, "mapped_port");
	if (span->mapped == span->first)
		span->mapped = 0;
	span->low = span->high = ph_get_int(item, "rtt_us");
}

/* By address, transport, port. */
static int span_compare(const void *left, const void *right)
{
	const struct span *a = left;
	const struct span *b = right;
	int order = strcmp(a->address, b->address);

	if (!order)
		order = strcmp(a->transport, b->transport);
	return order ? order : a->first - b->first;
}

static bool span_takes(struct span *span, const struct span *next)
{
	if (next->first != span->last + 1 || span->mapped || next->mapped ||
		strcmp(span->address, next->address) != 0 ||
		strcmp(span->transport, next->transport) != 0 ||
		strcmp(span->verdict, next->verdict) != 0 ||
		strcmp(span->error, next->error) != 0)
		return false;
	span->last = next->last;
	if (next->low < span->low)
		span->low = next->low;
	if (next->high > span->high)
		span->high = next->high;
	return true;
}

static void span_write(struct ph_writer *writer, const struct span *span)
{
	char text[64];

	ph_write_map(writer);
	ph_put_text(writer, "address", span->address);
	ph_put_text(writer, "ports",
		ph_text_ports(text, sizeof(text), span->first, span->last));
	ph_put_text(writer, "transport", span->transport);
	ph_put_text(writer, "verdict", span->verdict);
	if (span->high)
		ph_put_text(writer, "rtt",
			ph_text_trips(
				text, sizeof(text), span->low, span->high));
	if (span->mapped)
		ph_put_int(writer, "mapped", span->mapped);
	if (span->error[0])
		ph_put_text(writer, "error", span->error);
	ph_write_end(writer);
}

static void print_spans(const struct span *spans, size_t count)
{
	struct ph_writer *writer;

	if (ph_writer_create(&writer))
		return;
	ph_write_list(writer);
	for (size_t i = 0; i < count; i++)
		span_write(writer, &spans[i]);
	ph_write_end(writer);
	ph_table_written(
		stdout, columns, sizeof(columns) / sizeof(columns[0]), writer);
}

static void tell_tally(const struct tally *tally, const char *node)
{
	if (!tally->address[0])
		return;
	if (tally->tried)
		fprintf(stderr, "%s: %u of %u ways work", tally->address,
			tally->open, tally->tried);
	else
		fprintf(stderr, "%s: nothing new", tally->address);
	if (tally->known)
		fprintf(stderr, ", %u were known already (posthouse reach %s)",
			tally->known, node);
	fprintf(stderr, "\n");
}

/* A line for each address; the spans come by address. */
static void tell_addresses(
	const struct span *spans, size_t count, const char *node)
{
	struct tally tally = {.address = ""};

	for (size_t i = 0; i < count; i++) {
		const struct span *span = &spans[i];
		unsigned ports = (unsigned)(span->last - span->first) + 1;

		if (strcmp(tally.address, span->address) != 0) {
			tell_tally(&tally, node);
			tally = (struct tally){.address = ""};
			snprintf(tally.address, sizeof(tally.address), "%s",
				span->address);
		}
		if (!strcmp(span->verdict, "skipped")) {
			tally.known += ports;
			continue;
		}
		tally.tried += ports;
		tally.open +=
			strcmp(span->verdict, "open-verified") ? 0 : ports;
	}
	tell_tally(&tally, node);
}

void ph_probe_print(struct ph_value items, const char *node)
{
	size_t count = ph_value_count(items);
	struct span *spans = calloc(count, sizeof(*spans));
	size_t kept = 0;

	if (!spans)
		abort();
	for (size_t i = 0; i < count; i++)
		span_read(&spans[i], ph_value_at(items, i));
	qsort(spans, count, sizeof(*spans), span_compare);
	for (size_t i = 1; i < count; i++)
		if (!span_takes(&spans[kept], &spans[i]))
			spans[++kept] = spans[i];
	print_spans(spans, kept + 1);
	tell_addresses(spans, kept + 1, node);
	free(spans);
}
