#include "controlsurface/wiring_instances.h"

#include <stdio.h>
#include <string.h>

/* Who names a counted host, or a server on it, names the instance. */
#define NAME_BYTES 256 /* with the variables in it */

static const char *host_of(
	const struct ph_instances *instances, const char *name, size_t length)
{
	char key[NAME_BYTES];

	if (length == 0 || length >= sizeof(key))
		return NULL;
	memcpy(key, name, length);
	key[length] = '\0';
	return ph_index_find(&instances->servers, key);
}

/* Length of the server's name at the front of an end. */
static size_t server_length(const char *end)
{
	size_t length = 0;

	/* ${NAME:-text} has a colon, too. */
	while (end[length] != '\0' && strchr(": \t\n", end[length]) == NULL &&
		strncmp(end + length, "->", 2) != 0) {
		if (strncmp(end + length, "${", 2) == 0)
			length += strcspn(end + length, "}");
		if (end[length] != '\0')
			length++;
	}
	return length;
}

/* One end, or a chain of them: `enc:raw`, `cam -> enc -> rec:in`. */
static void ends_name(struct ph_instances *instances, struct ph_yaml_node *node)
{
	const char *at = node->text;
	size_t room = strlen(at) + PH_NAME_MAX + sizeof("-${}");
	size_t used = 0;
	bool changed = false;
	char *out;

	for (const char *end = at; (end = strstr(end, "->")) != NULL; end += 2)
		room += PH_NAME_MAX + sizeof("-${}");
	out = ph_arena_take(&instances->wiring->arena, room);
	if (out == NULL)
		return;
	while (*at != '\0') {
		size_t blank = strspn(at, " \t\n");
		size_t length = server_length(at + blank);
		const char *host = host_of(instances, at + blank, length);
		const char *end = strstr(at, "->");
		size_t rest = end ? (size_t)(end + 2 - at) : strlen(at);

		used += (size_t)snprintf(out + used, room - used,
			"%.*s%s%s%s%.*s", (int)(blank + length), at,
			host ? "-${" : "", host ? host : "", host ? "}" : "",
			(int)(rest - blank - length), at + blank + length);
		changed |= host != NULL;
		at += rest;
	}
	if (changed)
		ph_instances_set(node, out);
}

static void each_text(struct ph_instances *instances, struct ph_yaml_node *node,
	void (*name)(struct ph_instances *instances, struct ph_yaml_node *node))
{
	if (node == NULL)
		return;
	if (node->kind == PH_YAML_TEXT)
		name(instances, node);
	for (struct ph_yaml_node *item = node->first;
		node->kind == PH_YAML_LIST && item != NULL; item = item->next)
		each_text(instances, item, name);
}

/* What a list has; NULL: nothing to be named. A list of one may be written
 * without brackets. */
static struct ph_yaml_node *list_items(
	struct ph_instances *instances, struct ph_yaml_node *list)
{
	struct ph_yaml_node *one;

	if (list == NULL)
		return NULL;
	if (list->kind != PH_YAML_TEXT || list->absent)
		return list->kind == PH_YAML_LIST ? list->first : NULL;
	if (!host_of(instances, list->text, strlen(list->text)))
		return NULL;
	one = ph_instances_node(
		instances, PH_YAML_TEXT, list->text, list->span);
	if (one == NULL)
		return NULL;
	list->kind = PH_YAML_LIST;
	list->text = "";
	return one;
}

/* Every instance of one server. */
static void list_spread(struct ph_instances *instances,
	struct ph_yaml_node *list, const struct ph_yaml_node *item,
	const char *host)
{
	const struct ph_yaml_node *numbers =
		ph_index_find(&instances->hosts, host);

	for (const struct ph_yaml_node *number = numbers->first; number != NULL;
		number = number->next) {
		char name[NAME_BYTES + 16];
		int length = snprintf(
			name, sizeof(name), "%s-%s", item->text, number->text);
		struct ph_yaml_node *one =
			ph_instances_node(instances, PH_YAML_TEXT,
				ph_arena_text(&instances->wiring->arena, name,
					(size_t)length),
				item->span);

		if (one != NULL && one->text != NULL)
			ph_instances_append(list, one);
	}
}

/* All instances of each, in a list. `host`: its own are meant one by one. */
static void list_name(struct ph_instances *instances, struct ph_yaml_node *list,
	const char *host)
{
	struct ph_yaml_node *item = list_items(instances, list);
	struct ph_yaml_node *next;

	if (item == NULL)
		return;
	list->first = list->last = NULL;
	list->count = 0;
	for (; item != NULL; item = next) {
		const char *text = item->kind == PH_YAML_TEXT ? item->text : "";
		const char *of = host_of(instances, text, strlen(text));

		next = item->next;
		item->next = NULL;
		if (of != NULL && (!host || strcmp(of, host) != 0)) {
			list_spread(instances, list, item, of);
			continue;
		}
		if (of != NULL)
			ph_instances_set(item, ph_instances_text(instances,
						       text, strlen(text), of));
		ph_instances_append(list, item);
	}
}

/* A map's values under these keys are ends, texts or lists of them. */
static void keys_name(struct ph_instances *instances, struct ph_yaml_node *map,
	const char *const *keys)
{
	for (; map->kind == PH_YAML_MAP && *keys != NULL; keys++)
		each_text(instances, ph_yaml_get(map, *keys), ends_name);
}

static void test_name(struct ph_instances *instances, struct ph_yaml_node *test)
{
	static const char *const ends[] = {"reach", NULL};
	static const char *const at[] = {"at", NULL};
	static const char *const parts[] = {"inject", "expect"};

	if (test->kind != PH_YAML_MAP)
		return;
	keys_name(instances, test, ends);
	for (size_t i = 0; i < 2; i++) {
		struct ph_yaml_node *part = ph_yaml_get(test, parts[i]);

		if (part == NULL)
			continue;
		keys_name(instances, part, at);
		for (struct ph_yaml_node *item = part->first;
			part->kind == PH_YAML_LIST && item != NULL;
			item = item->next)
			keys_name(instances, item, at);
	}
}

void ph_instances_name(struct ph_instances *instances, const char *section,
	struct ph_yaml_node *item)
{
	static const char *const ends[] = {"from", "to", "on", NULL};
	const char *host = NULL;

	if (item->kind == PH_YAML_LIST) {
		return; /* its reader says that it cannot be */
	} else if (item->kind == PH_YAML_TEXT) {
		ends_name(instances, item);
	} else if (strcmp(section, "tests") == 0) {
		test_name(instances, item);
	} else if (strcmp(section, "servers") == 0) {
		const struct ph_yaml_node *own = ph_yaml_get(item, "host");

		if (own != NULL && own->kind == PH_YAML_TEXT &&
			strstr(own->text, "-${") != NULL)
			host = strstr(own->text, "-${") + 3;
		if (host != NULL)
			host = ph_arena_text(&instances->wiring->arena, host,
				strcspn(host, "}"));
		list_name(instances, ph_yaml_get(item, "needs"), host);
	} else {
		keys_name(instances, item, ends);
		list_name(instances, ph_yaml_get(item, "except"), NULL);
	}
}
