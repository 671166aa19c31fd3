#ifndef PH_CONTROLSURFACE_YAML_PRINT_H
#define PH_CONTROLSURFACE_YAML_PRINT_H

#include <stdio.h>

#include "controlsurface/yaml.h"

/* A comment of the source. */
struct ph_yaml_comment {
	size_t at; /* its # */
	size_t length;
	size_t column;
	bool alone; /* nothing else is on its line */
	bool apart; /* an empty line is above it */
};

struct ph_yaml_comments {
	struct ph_yaml_comment *list;
	size_t count;
};

/* yaml_comment.c: every # that begins one. `root` may be NULL. false: no
 * memory. */
bool ph_yaml_comments(struct ph_yaml_comments *out, const char *text,
	size_t length, const struct ph_yaml_node *root, struct ph_arena *arena);
/* Is the line above the one of `at` empty? */
bool ph_yaml_is_apart(const char *text, size_t at);
/* How far `at` stands from the beginning of its line. */
size_t ph_yaml_column(const char *text, size_t at);

/* yaml_scalar.c */

/* One line: plain, or in double quotes. */
void ph_yaml_print_text(FILE *out, const struct ph_yaml_node *node, bool flow);
/* Can it be printed as lines below `|`? Prints them when `out` is given. */
bool ph_yaml_print_lines(
	FILE *out, const struct ph_yaml_node *node, unsigned indent);

/* yaml_print.c: the whole document. */
void ph_yaml_print(FILE *out, const char *text, const struct ph_yaml_node *root,
	const struct ph_yaml_comments *comments);

#endif
