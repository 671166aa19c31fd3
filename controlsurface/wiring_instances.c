#include "controlsurface/wiring_instances.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

/*
 * `hosts: {gpu: {caps: [gpu=nvenc], count: 3}}`: three nodes gpu-1 to gpu-3,
 * and every server whose host is gpu stands once on each, as enc-1 to enc-3. It
 * is for_each with less to write: ${gpu} gets the values 1 to 3, and what names
 * the host, or a server on it, names the instance. So a wire between two such
 * servers joins those of the same node, and a wire to any other end stands once
 * for each. Lists of servers (`needs`, `except`) get all of them. The tree is
 * rewritten before for_each is, so nothing behind it knows of this.
 */
#define INSTANCES 256 /* as many hosts as take part in a file */

static void node_remove(struct ph_yaml_node *map, const struct ph_yaml_node *at)
{
	struct ph_yaml_node *before = NULL;

	for (struct ph_yaml_node *item = map->first; item != at;
		item = item->next)
		before = item;
	if (before == NULL)
		map->first = at->next;
	else
		before->next = at->next;
	if (map->last == at)
		map->last = before;
	map->count--;
}

struct ph_yaml_node *ph_instances_node(struct ph_instances *instances,
	enum ph_yaml_kind kind, const char *text, struct ph_span span)
{
	struct ph_yaml_node *node =
		ph_arena_take(&instances->wiring->arena, sizeof(*node));

	if (node != NULL)
		*node = (struct ph_yaml_node){
			.kind = kind, .text = text, .span = span};
	return node;
}

void ph_instances_append(struct ph_yaml_node *to, struct ph_yaml_node *node)
{
	if (to->last == NULL)
		to->first = node;
	else
		to->last->next = node;
	to->last = node;
	to->count++;
}

const char *ph_instances_text(struct ph_instances *instances, const char *name,
	size_t length, const char *host)
{
	size_t room = length + strlen(host) + sizeof("-${}");
	char *text = ph_arena_take(&instances->wiring->arena, room);

	if (text == NULL)
		return "";
	snprintf(text, room, "%.*s-${%s}", (int)length, name, host);
	return text;
}

void ph_instances_set(struct ph_yaml_node *node, const char *text)
{
	node->text = text;
	node->exact = false;
}

/* --- hosts --- */

static struct ph_yaml_node *each_get(struct ph_instances *instances)
{
	struct ph_yaml_node *each = ph_yaml_get(instances->root, "for_each");

	if (each != NULL && each->absent) {
		each->kind = PH_YAML_MAP;
		each->absent = false;
	}
	if (each != NULL)
		return each->kind == PH_YAML_MAP ? each : NULL;
	each = ph_instances_node(
		instances, PH_YAML_MAP, "", instances->root->span);
	if (each == NULL)
		return NULL;
	each->key = ph_instances_node(
		instances, PH_YAML_TEXT, "for_each", instances->root->span);
	if (each->key == NULL)
		return NULL;
	ph_instances_append(instances->root, each);
	return each;
}

static struct ph_yaml_node *numbers_make(struct ph_instances *instances,
	struct ph_yaml_node *host, unsigned count)
{
	struct ph_yaml_node *list =
		ph_instances_node(instances, PH_YAML_LIST, "", host->key->span);

	for (unsigned i = 1; list != NULL && i <= count; i++) {
		char number[16];
		int length = snprintf(number, sizeof(number), "%u", i);
		const char *text = ph_arena_text(
			&instances->wiring->arena, number, (size_t)length);
		struct ph_yaml_node *item =
			text ? ph_instances_node(instances, PH_YAML_TEXT, text,
				       host->key->span)
			     : NULL;

		if (item == NULL)
			return NULL;
		ph_instances_append(list, item);
	}
	if (list != NULL)
		list->key = ph_instances_node(instances, PH_YAML_TEXT,
			host->key->text, host->key->span);
	return list != NULL && list->key != NULL ? list : NULL;
}

static bool host_is_good(struct ph_instances *instances,
	const struct ph_yaml_node *host, const struct ph_yaml_node *count,
	const struct ph_yaml_node *each)
{
	const char *name = host->key->text;

	if (ph_yaml_get(host, "caps") == NULL) {
		ph_findings_add(instances->wiring, PH_FINDING_ERROR, "S4",
			count->key->span,
			"Say caps:, by which apply finds so many nodes.",
			"'count' is for hosts that are found by their caps");
		return false;
	}
	if (strchr(name, '$') != NULL || ph_yaml_get(each, name) != NULL) {
		ph_findings_add(instances->wiring, PH_FINDING_ERROR, "S4",
			host->key->span,
			"Take one of the two: count, or for_each.",
			"'%.60s' is counted already", name);
		return false;
	}
	return ph_wiring_is_name(
		instances->wiring, name, host->key->span, "a host");
}

static void host_count(
	struct ph_instances *instances, struct ph_yaml_node *host)
{
	struct ph_wiring *wiring = instances->wiring;
	struct ph_yaml_node *value =
		host->kind == PH_YAML_MAP ? ph_yaml_get(host, "count") : NULL;
	struct ph_yaml_node *each = value ? each_get(instances) : NULL;
	struct ph_yaml_node *numbers;
	unsigned before = wiring->errors;
	unsigned count;

	if (each == NULL)
		return;
	ph_wiring_expand(wiring, value);
	count = (unsigned)ph_wiring_count(wiring, host, "count", 1, INSTANCES);
	node_remove(host, value);
	if (value->bad || wiring->errors != before ||
		!host_is_good(instances, host, value, each))
		return;
	numbers = numbers_make(instances, host, count);
	if (numbers == NULL)
		return;
	ph_instances_append(each, numbers);
	ph_index_put(
		&instances->hosts, &wiring->arena, host->key->text, numbers);
	ph_instances_set(
		host->key, ph_instances_text(instances, host->key->text,
				   strlen(host->key->text), host->key->text));
}

/* --- servers --- */

static void server_count(
	struct ph_instances *instances, struct ph_yaml_node *server)
{
	struct ph_yaml_node *host = server->kind == PH_YAML_MAP
					    ? ph_yaml_get(server, "host")
					    : NULL;
	const struct ph_yaml_node *numbers =
		host && host->kind == PH_YAML_TEXT
			? ph_index_find(&instances->hosts, host->text)
			: NULL;
	const char *name;

	if (numbers == NULL)
		return;
	name = numbers->key->text;
	ph_index_put(&instances->servers, &instances->wiring->arena,
		server->key->text, (void *)name);
	ph_instances_set(
		server->key, ph_instances_text(instances, server->key->text,
				     strlen(server->key->text), name));
	ph_instances_set(
		host, ph_instances_text(instances, name, strlen(name), name));
}

void ph_wiring_instances(struct ph_wiring *wiring, struct ph_yaml_node *root)
{
	static const char *const sections[] = {
		"servers", "wires", "tests", "never", "alarms"};
	struct ph_instances instances = {.wiring = wiring, .root = root};
	struct ph_yaml_node *hosts = ph_yaml_get(root, "hosts");
	struct ph_yaml_node *servers = ph_yaml_get(root, "servers");

	for (struct ph_yaml_node *host = hosts && hosts->kind == PH_YAML_MAP
						 ? hosts->first
						 : NULL;
		host != NULL; host = host->next)
		host_count(&instances, host);
	for (struct ph_yaml_node *server =
			servers && servers->kind == PH_YAML_MAP ? servers->first
								: NULL;
		server != NULL; server = server->next)
		server_count(&instances, server);
	for (size_t i = 0; instances.servers.head != NULL &&
			   i < sizeof(sections) / sizeof(*sections);
		i++) {
		struct ph_yaml_node *section = ph_yaml_get(root, sections[i]);

		for (struct ph_yaml_node *item = section ? section->first
							 : NULL;
			item != NULL; item = item->next)
			ph_instances_name(&instances, sections[i], item);
	}
	ph_index_clear(&instances.hosts);
	ph_index_clear(&instances.servers);
}
