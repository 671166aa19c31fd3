#include "node/web_window.h"

#include <string.h>

#include "proto/rate.h"

static const char *const names[PH_RATE_SPANS] = {
#define X(seconds, name) name,
	PH_RATE_WINDOWS(X)
#undef X
};

#define ALL ((1u << PH_RATE_SPANS) - 1)

/* -1: none of them. */
static int find(const char *name, size_t length)
{
	for (int i = 0; i < PH_RATE_SPANS; i++)
		if (strlen(names[i]) == length &&
			!memcmp(names[i], name, length))
			return i;
	return -1;
}

bool web_window_read(unsigned *windows, const char *text)
{
	unsigned found = 0;

	for (; *text; text += *text == ',') {
		size_t length = strcspn(text, ",");
		int which = find(text, length);

		if (which < 0)
			return false;
		found |= 1u << which;
		text += length;
		if (*text == ',' && !text[1])
			return false;
	}
	*windows = found ? found : ALL;
	return true;
}

static void write_rate(
	struct ph_writer *writer, struct ph_value rate, unsigned windows)
{
	char key[16];

	ph_write_map(writer);
	for (size_t i = 0; i < ph_value_count(rate); i++) {
		int which;

		ph_value_copy(ph_value_key(rate, i), key, sizeof(key));
		which = find(key, strlen(key));
		if (!(windows & 1u << (which < 0 ? 0 : which)))
			continue;
		ph_write_text(writer, key);
		ph_write_value(writer, ph_value_item(rate, i));
	}
	ph_write_end(writer);
}

static void write_item(
	struct ph_writer *writer, struct ph_value item, unsigned windows)
{
	ph_write_map(writer);
	for (size_t i = 0; i < ph_value_count(item); i++) {
		struct ph_value key = ph_value_key(item, i);

		ph_write_value(writer, key);
		if (ph_value_is(key, "rate"))
			write_rate(writer, ph_value_item(item, i), windows);
		else
			ph_write_value(writer, ph_value_item(item, i));
	}
	ph_write_end(writer);
}

void web_window_write(
	struct ph_writer *writer, struct ph_value items, unsigned windows)
{
	ph_write_list(writer);
	for (size_t i = 0; i < ph_value_count(items); i++)
		write_item(writer, ph_value_at(items, i), windows);
	ph_write_end(writer);
}
