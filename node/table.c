#include "node/table.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "kernel/clock.h"
#include "proto/skim.h"

#define CELL	     96
#define COLUMNS_MOST 16

struct ph_value ph_value_path(struct ph_value map, const char *path)
{
	char key[40];

	while (*path) {
		size_t length = strcspn(path, ".");

		if (length >= sizeof(key))
			break;
		memcpy(key, path, length);
		key[length] = 0;
		map = ph_value_get(map, key);
		path += length + (path[length] == '.');
	}
	return map;
}

char *ph_text_bytes(char *out, size_t size, double bytes)
{
	static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB"};
	unsigned unit = 0;

	while (bytes >= 999.95 && unit < 5) {
		bytes /= 1000;
		unit++;
	}
	snprintf(out, size, unit ? "%.1f %s" : "%.0f %s", bytes, units[unit]);
	return out;
}

char *ph_text_age(char *out, size_t size, int64_t wall)
{
	int64_t seconds = (ph_clock_wall() - wall) / 1000000000;

	if (seconds < 0)
		seconds = 0;
	if (seconds < 60)
		snprintf(out, size, "%ds", (int)seconds);
	else if (seconds < 3600)
		snprintf(out, size, "%dm%02ds", (int)(seconds / 60),
			(int)(seconds % 60));
	else if (seconds < 86400)
		snprintf(out, size, "%dh%02dm", (int)(seconds / 3600),
			(int)(seconds / 60 % 60));
	else
		snprintf(out, size, "%lldd", (long long)(seconds / 86400));
	return out;
}

/* Bytes of the UTF-8 character at `text`, 0 when it is none. */
static size_t character(const char *text, size_t left)
{
	uint8_t first = (uint8_t)*text;
	size_t length = first < 0x80   ? 1
			: first < 0xe0 ? 2
			: first < 0xf0 ? 3
				       : 4;

	return length <= left && ph_text_valid(text, length) == length ? length
								       : 0;
}

/* Control characters (C0, DEL, C1), separators of lines, and what turns the
 * direction of writing around. */
static bool is_steering(const char *text, size_t length)
{
	const uint8_t *byte = (const uint8_t *)text;

	if (length == 1)
		return byte[0] < 0x20 || byte[0] == 0x7f;
	if (length == 2)
		return byte[0] == 0xc2 && byte[1] < 0xa0;
	if (length != 3 || byte[0] != 0xe2)
		return false;
	return byte[1] == 0x80
		       ? byte[2] >= 0xa8 && byte[2] <= 0xae
		       : byte[1] == 0x81 && byte[2] >= 0xa6 && byte[2] <= 0xa9;
}

/* What may not reach a terminal stands as \xNN, byte for byte; the rest is
 * readable as it came. Cut to fit, never within either. */
static void escape_text(
	char *out, size_t size, struct ph_value value, bool tabs)
{
	size_t left;
	const char *text = ph_value_text(value, &left);
	size_t at = 0;

	for (size_t length; text && left; text += length, left -= length) {
		bool plain;

		length = character(text, left);
		plain = length &&
			(!is_steering(text, length) || (tabs && *text == '\t'));
		length = length ? length : 1;
		if (at + (plain ? length : 4 * length) >= size)
			break;
		if (plain)
			memcpy(out + at, text, length);
		for (size_t i = 0; !plain && i < length; i++)
			snprintf(out + at + 4 * i, 5, "\\x%02x",
				(uint8_t)text[i]);
		at += plain ? length : 4 * length;
	}
	out[at] = 0;
}

/* A character that was cut at the end goes altogether. */
static void drop_torn(char *text)
{
	text[ph_text_valid(text, strlen(text))] = 0;
}

/* In characters: those of a double width, or of none, count as one. */
static size_t text_width(const char *text)
{
	size_t width = 0;

	for (; *text; text++)
		width += (*text & 0xc0) != 0x80;
	return width;
}

static void scalar_text(char *out, size_t size, struct ph_value value)
{
	switch (ph_value_type(value)) {
	case PH_BOOL:
		snprintf(out, size, "%s",
			ph_value_bool(value, false) ? "yes" : "no");
		break;
	case PH_INT:
		snprintf(out, size, "%lld", (long long)ph_value_int(value, 0));
		break;
	case PH_FLOAT:
		snprintf(out, size, "%.1f", ph_value_float(value, 0));
		break;
	case PH_TEXT:
		escape_text(out, size, value, false);
		break;
	default:
		out[0] = 0;
	}
}

static void list_text(char *out, size_t size, struct ph_value list)
{
	size_t used = 0;
	char item[CELL];

	out[0] = 0;
	for (size_t i = 0; i < ph_value_count(list) && used + 2 < size; i++) {
		scalar_text(item, sizeof(item), ph_value_at(list, i));
		used += (size_t)snprintf(
			out + used, size - used, "%s%s", i ? "," : "", item);
	}
	drop_torn(out);
}

static char *date_text(char *out, size_t size, int64_t wall)
{
	time_t seconds = (time_t)(wall / 1000000000);
	struct tm parts;

	if (!localtime_r(&seconds, &parts) ||
		!strftime(out, size, "%Y-%m-%d %H:%M", &parts))
		snprintf(out, size, "-");
	return out;
}

char *ph_cell_text(
	char *out, size_t size, struct ph_value value, enum ph_cell cell)
{
	double number = ph_value_type(value) == PH_FLOAT
				? ph_value_float(value, 0)
				: (double)ph_value_int(value, 0);

	switch (cell) {
	case PH_CELL_BYTES:
		return ph_text_bytes(out, size, number);
	case PH_CELL_RATE:
		ph_text_bytes(out, size - 2, number);
		memcpy(out + strlen(out), "/s", 3);
		return out;
	case PH_CELL_AGE:
		/* Since when is not known. */
		out[0] = 0;
		if (!ph_value_int(value, 0))
			break;
		return ph_text_age(out, size, ph_value_int(value, 0));
	case PH_CELL_DATE:
		return date_text(out, size, ph_value_int(value, 0));
	case PH_CELL_LIST:
		list_text(out, size, value);
		break;
	case PH_CELL_LINE:
		escape_text(out, size, value, true);
		return out;
	default:
		scalar_text(out, size, value);
	}
	if (cell == PH_CELL_DASH && ph_value_type(value) == PH_INT && !number)
		out[0] = 0;
	if (cell == PH_CELL_SHORT && strlen(out) > 8) {
		out[8] = 0;
		drop_torn(out);
	}
	if (!out[0])
		snprintf(out, size, "-");
	return out;
}

static void measure(const struct ph_column *columns, size_t count,
	const struct ph_value *items, size_t item_count, size_t *widths)
{
	char text[CELL];

	for (size_t c = 0; c < count; c++) {
		widths[c] = strlen(columns[c].title);
		for (size_t i = 0; i < item_count; i++) {
			size_t width = text_width(ph_cell_text(text,
				sizeof(text),
				ph_value_path(items[i], columns[c].path),
				columns[c].cell));

			if (width > widths[c])
				widths[c] = width;
		}
	}
}

static void print_cell(FILE *out, const char *text, size_t width, bool last)
{
	if (last)
		fprintf(out, "%s\n", text);
	else
		fprintf(out, "%s%*s", text, (int)(width + 2 - text_width(text)),
			"");
}

char *ph_text_ports(char *out, size_t size, int first, int last)
{
	if (first == last)
		snprintf(out, size, "%d", first);
	else
		snprintf(out, size, "%d-%d", first, last);
	return out;
}

char *ph_text_trips(char *out, size_t size, int64_t low, int64_t high)
{
	char from[24];
	char to[24];

	snprintf(from, sizeof(from), "%.1f", (double)low / 1000);
	snprintf(to, sizeof(to), "%.1f", (double)high / 1000);
	if (strcmp(from, to) == 0)
		snprintf(out, size, "%sms", to);
	else
		snprintf(out, size, "%s-%sms", from, to);
	return out;
}

void ph_table_print(FILE *out, const struct ph_column *columns, size_t count,
	const struct ph_value *items, size_t item_count)
{
	size_t widths[COLUMNS_MOST];
	char text[CELL];

	measure(columns, count, items, item_count, widths);
	for (size_t c = 0; c < count; c++)
		print_cell(out, columns[c].title, widths[c], c + 1 == count);
	for (size_t i = 0; i < item_count; i++)
		for (size_t c = 0; c < count; c++)
			print_cell(out,
				ph_cell_text(text, sizeof(text),
					ph_value_path(
						items[i], columns[c].path),
					columns[c].cell),
				widths[c], c + 1 == count);
}

static bool is_scalar_list(struct ph_value list)
{
	for (size_t i = 0; i < ph_value_count(list); i++) {
		enum ph_type type = ph_value_type(ph_value_at(list, i));

		if (type == PH_MAP || type == PH_LIST)
			return false;
	}
	return true;
}

static void print_pair(
	FILE *out, const char *key, struct ph_value value, unsigned indent)
{
	enum ph_type type = ph_value_type(value);
	char text[512];

	if (type == PH_MAP || (type == PH_LIST && !is_scalar_list(value))) {
		fprintf(out, "%*s%s:\n", (int)indent, "", key);
		ph_value_print(out, value, indent + 2);
		return;
	}
	if (!strcmp(key, "since"))
		ph_cell_text(text, sizeof(text), value, PH_CELL_AGE);
	else
		ph_cell_text(text, sizeof(text), value,
			type == PH_LIST ? PH_CELL_LIST : PH_CELL_TEXT);
	fprintf(out, "%*s%s: %s\n", (int)indent, "", key, text);
}

void ph_value_print(FILE *out, struct ph_value value, unsigned indent)
{
	char key[64];

	for (size_t i = 0; i < ph_value_count(value); i++) {
		if (ph_value_type(value) == PH_MAP) {
			scalar_text(key, sizeof(key), ph_value_key(value, i));
			print_pair(out, key, ph_value_item(value, i), indent);
		} else {
			fprintf(out, "%*s-\n", (int)indent, "");
			ph_value_print(out, ph_value_at(value, i), indent + 2);
		}
	}
}

void ph_table_items(FILE *out, const struct ph_column *columns, size_t count,
	struct ph_value items)
{
	size_t rows = ph_value_count(items);
	struct ph_value *list = calloc(rows ? rows : 1, sizeof(*list));

	if (!list)
		abort();
	for (size_t i = 0; i < rows; i++)
		list[i] = ph_value_at(items, i);
	ph_table_print(out, columns, count, list, rows);
	free(list);
}

void ph_table_written(FILE *out, const struct ph_column *columns, size_t count,
	struct ph_writer *writer)
{
	struct ph_document *document;

	if (!ph_document_written(&document, writer, PH_SKIM_TABLE)) {
		ph_table_items(out, columns, count, ph_document_root(document));
		ph_document_free(document);
	}
	ph_writer_free(writer);
}
