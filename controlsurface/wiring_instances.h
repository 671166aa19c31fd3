#ifndef PH_CONTROLSURFACE_WIRING_INSTANCES_H
#define PH_CONTROLSURFACE_WIRING_INSTANCES_H

#include "controlsurface/wiring_model.h"

/*
 * Hosts that are counted, while the tree is rewritten: wiring_instances.c finds
 * them and the servers on them, wiring_instances_name.c rewrites who names
 * those.
 */
struct ph_instances {
	struct ph_wiring *wiring;
	struct ph_yaml_node *root;
	struct ph_index hosts;	 /* name to its list of numbers */
	struct ph_index servers; /* name to its host's name */
};

/* wiring_instances.c: NULL, "": no memory. */
struct ph_yaml_node *ph_instances_node(struct ph_instances *instances,
	enum ph_yaml_kind kind, const char *text, struct ph_span span);
void ph_instances_append(struct ph_yaml_node *to, struct ph_yaml_node *node);
/* `name` of `length` bytes, and which instance of the host. */
const char *ph_instances_text(struct ph_instances *instances, const char *name,
	size_t length, const char *host);
void ph_instances_set(struct ph_yaml_node *node, const char *text);

/* wiring_instances_name.c: an item of that section. */
void ph_instances_name(struct ph_instances *instances, const char *section,
	struct ph_yaml_node *item);

#endif
