#ifndef PH_CONTROLSURFACE_YAML_TREE_H
#define PH_CONTROLSURFACE_YAML_TREE_H

#include "controlsurface/yaml.h"

/*
 * How yaml.c builds the tree from the parser's events: the half that needs no
 * library.
 */
struct ph_yaml_builder {
	const struct ph_yaml_input *input;
	struct ph_yaml_node *root;
	struct ph_yaml_node *open[PH_YAML_DEPTH];
	struct ph_yaml_node *key[PH_YAML_DEPTH]; /* read, waits for its value */
	unsigned depth;
	unsigned nodes;
	unsigned documents;
	size_t last; /* where the newest event ended */
	bool stopped;
};

/* Tells it, and reads no further. */
void ph_yaml_stop(struct ph_yaml_builder *builder, const char *rule,
	struct ph_span span, const char *next, const char *message);
/* Made, not placed; NULL: stopped. */
struct ph_yaml_node *ph_yaml_node(struct ph_yaml_builder *builder,
	enum ph_yaml_kind kind, struct ph_span span);
/* Puts a finished scalar or an opening list or map in its place. */
void ph_yaml_place(struct ph_yaml_builder *builder, struct ph_yaml_node *node);
/* The innermost list or map ends. */
void ph_yaml_close(struct ph_yaml_builder *builder);
/* What stands between single quotes; NULL: no memory. */
char *ph_yaml_unquote(
	struct ph_yaml_builder *builder, struct ph_span span, size_t *length);

#endif
