#include "controlsurface/wire_notes.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static bool has_control(const char *text)
{
	for (; *text; text++) {
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			return true;
	}
	return false;
}

int ph_wire_label_add(
	char labels[PH_WIRE_LABELS], const char *key, const char *value)
{
	size_t used = strlen(labels);
	size_t room = PH_WIRE_LABELS - used;

	if (!*key || strchr(key, '=') || has_control(key) || has_control(value))
		return -EINVAL;
	if (strlen(key) + strlen(value) + 3 > room)
		return -E2BIG;
	snprintf(labels + used, room, "%s=%s\n", key, value);
	return 0;
}

static int read_labels(struct ph_wire_notes *out, struct ph_value map)
{
	char key[PH_WIRE_LABELS];
	char value[PH_WIRE_LABELS];
	int status = 0;

	for (size_t i = 0; !status && i < ph_value_count(map); i++) {
		ph_value_copy(ph_value_key(map, i), key, sizeof(key));
		ph_value_copy(ph_value_item(map, i), value, sizeof(value));
		status = ph_wire_label_add(out->labels, key, value);
	}
	return status;
}

int ph_wire_notes_read(struct ph_wire_notes *out, struct ph_value map)
{
	struct ph_value retry = ph_value_get(map, "retry");

	*out = (struct ph_wire_notes){
		.optional = ph_get_bool(map, "optional"),
		.retry_first = ph_value_int(ph_value_at(retry, 0), 0),
		.retry_most = ph_value_int(ph_value_at(retry, 1), 0),
	};
	if (out->retry_first < 0 || out->retry_most < out->retry_first)
		return -EINVAL;
	ph_get_copy(map, "criteria", out->criteria, sizeof(out->criteria));
	ph_get_copy(map, "hold", out->hold, sizeof(out->hold));
	return read_labels(out, ph_value_get(map, "labels"));
}

void ph_wire_labels_write(struct ph_writer *writer, const char *labels)
{
	ph_put_map(writer, "labels");
	while (*labels) {
		size_t key = strcspn(labels, "=");
		size_t line = strcspn(labels, "\n");

		ph_write_textn(writer, labels, key);
		ph_write_textn(writer, labels + key + 1, line - key - 1);
		labels += line + 1;
	}
	ph_write_end(writer);
}

void ph_wire_notes_write(
	struct ph_writer *writer, const struct ph_wire_notes *notes)
{
	if (*notes->labels)
		ph_wire_labels_write(writer, notes->labels);
	if (notes->retry_most) {
		ph_put_list(writer, "retry");
		ph_write_int(writer, notes->retry_first);
		ph_write_int(writer, notes->retry_most);
		ph_write_end(writer);
	}
	if (notes->optional)
		ph_put_bool(writer, "optional", true);
	if (*notes->criteria)
		ph_put_text(writer, "criteria", notes->criteria);
	if (*notes->hold)
		ph_put_text(writer, "hold", notes->hold);
}

bool ph_wire_notes_equal(
	const struct ph_wire_notes *one, const struct ph_wire_notes *other)
{
	return !strcmp(one->labels, other->labels) &&
	       !strcmp(one->criteria, other->criteria) &&
	       one->retry_first == other->retry_first &&
	       one->retry_most == other->retry_most &&
	       one->optional == other->optional;
}
