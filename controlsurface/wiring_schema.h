#ifndef PH_CONTROLSURFACE_WIRING_SCHEMA_H
#define PH_CONTROLSURFACE_WIRING_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>

#include "proto/server.h"

/*
 * What may stand in a wiring file: one table. The loader (and so lint) takes
 * keys, kinds and choices from it, `posthouse schema` prints it as JSON
 * Schema, and a test holds doc/WIRING.md to it.
 */
enum ph_key_state {
	PH_KEY_BUILT,
	PH_KEY_CHECKED, /* read and checked, then refused: nothing obeys it */
	PH_KEY_LATER,	/* known to the design alone */
};

/* A map whose keys are known. */
enum ph_level {
	PH_LEVEL_NONE,
	PH_LEVEL_FILE,
	PH_LEVEL_DEFAULTS,
	PH_LEVEL_HOST,
	PH_LEVEL_SERVER,
	PH_LEVEL_LIMITS,
	PH_LEVEL_TERMINAL,
	PH_LEVEL_WIRE,
	PH_LEVEL_CRITERIA,
	PH_LEVEL_TEST,
	PH_LEVEL_INJECT,
	PH_LEVEL_EXPECT,
	PH_LEVEL_NEVER,
	PH_LEVEL_ALARM,
	PH_LEVEL_SELECTOR,
	PH_LEVELS
};

/* What a value looks like. */
enum ph_shape {
	PH_SHAPE_TEXT,
	PH_SHAPE_NAME,
	PH_SHAPE_CHOICE, /* one of `choices` */
	PH_SHAPE_SIZE,
	PH_SHAPE_DURATION,
	PH_SHAPE_WORDS,	      /* list of texts */
	PH_SHAPE_SOME,	      /* text, or list of texts */
	PH_SHAPE_PAIRS,	      /* map of texts */
	PH_SHAPE_EACH,	      /* map of lists of texts */
	PH_SHAPE_MAP,	      /* map of `below` */
	PH_SHAPE_MAPS,	      /* list of maps of `below` */
	PH_SHAPE_ONE_OR_MANY, /* map of `below`, or list of such */
	PH_SHAPE_NAMED,	      /* names to maps of `below` */
	PH_SHAPE_TERMINALS,   /* names to media types, or maps of `below` */
	PH_SHAPE_WIRES,	      /* list of texts and maps of `below` */
	PH_SHAPE_SELECT,      /* text, or map of `below` */
	PH_SHAPE_END	      /* text, list of texts, or map of `below` */
};

struct ph_key {
	const char *name;
	enum ph_key_state state;
	enum ph_shape shape;
	enum ph_level below;
	bool must;
	const char *const *choices; /* NULL-terminated */
	const char *sentence;	    /* without a full stop */
};

/* Of a level, ended by a row without a name. */
const struct ph_key *ph_level_keys(enum ph_level level);
/* "under a server" */
const char *ph_level_where(enum ph_level level);
/* NULL: not known there. */
const struct ph_key *ph_key_find(enum ph_level level, const char *name);

/* JSON Schema (draft-07) of the table, indented. `use:` is one of the bundled
 * servers. Free it; NULL without memory. */
char *ph_wiring_schema(const struct ph_server_type *const *bundled);

#endif
