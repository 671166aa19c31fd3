#ifndef PH_CONTROLSURFACE_YAML_H
#define PH_CONTROLSURFACE_YAML_H

#include <stdbool.h>
#include <stddef.h>

#include "controlsurface/wiring_memory.h"

/*
 * YAML 1.2 as a tree with positions: the one door to libfyaml. The parser's
 * events are taken one by one, so the limits below hold before anything is
 * built, and what wiring files do not use (anchors, aliases, tags, several
 * documents, keys that are not text) is refused here.
 *
 * Every scalar is text: `no`, `1:30` and `null` stay what was written.
 */
/* What a call carries (controlsurface/apply_read.c). */
#define PH_YAML_BYTES ((size_t)1024 * 1024)
#define PH_YAML_DEPTH 16
/* Bounds memory (about 100 bytes each); 20,000 servers take 15 apiece. */
#define PH_YAML_NODES 300000

/* Bytes of the source, `end` behind the last. */
struct ph_span {
	size_t start;
	size_t end;
};

enum ph_yaml_kind {
	PH_YAML_TEXT,
	PH_YAML_LIST,
	PH_YAML_MAP
};

struct ph_yaml_node {
	enum ph_yaml_kind kind;
	bool exact;	 /* `text` stands in the source byte for byte */
	bool absent;	 /* nothing was written: `key:` */
	bool bad;	 /* a finding tells already; do not look at it */
	bool referenced; /* text came from ${VARIABLE} */
	bool plain;	 /* text without quotes */
	bool flow;	 /* a list in [], a map in {} */
	struct ph_span span;
	const char *text; /* terminated, UTF-8, no NUL inside; "" for others */
	struct ph_yaml_node *key; /* of a map's value */
	struct ph_yaml_node *next;
	struct ph_yaml_node *first;
	struct ph_yaml_node *last;
	unsigned count;
};

struct ph_yaml_problem {
	const char *rule;
	struct ph_span span;
	struct ph_span before; /* of what stood there first, or {0, 0} */
	char message[240];
	const char *next; /* or NULL */
};

struct ph_yaml_input {
	const char *text;
	size_t length;
	struct ph_arena *arena; /* the tree lives there */
	void (*problem)(void *context, const struct ph_yaml_problem *problem);
	void *context;
};

/* 0 with the root (NULL: empty file); -EINVAL when the tree is not whole, the
 * problems were told; -ENOMEM. Keys that stand twice are told, and the tree
 * is whole: the first of them counts. */
int ph_yaml_read(struct ph_yaml_node **out, const struct ph_yaml_input *input);

/* Of a map; NULL when absent. */
struct ph_yaml_node *ph_yaml_get(
	const struct ph_yaml_node *map, const char *key);

/* yaml_source.c: bytes that the library would mistake, or choke on. */
bool ph_yaml_source_check(const struct ph_yaml_input *input);
void ph_yaml_tell(const struct ph_yaml_input *input, const char *rule,
	struct ph_span span, const char *next, const char *format, ...)
	__attribute__((format(printf, 5, 6)));
/* Length of the UTF-8 character at `text`, 0 when there is none; its code. */
size_t ph_utf8_next(const char *text, size_t length, unsigned *code);

#endif
