#ifndef PH_EXECUTOR_SPEC_INNER_H
#define PH_EXECUTOR_SPEC_INNER_H

#include "executor/spec.h"

/*
 * Reading a specification: spec_word.c takes single values out of the map,
 * spec_terminal.c what a program or a bundled server has, spec_limits.c what it
 * may use, spec_keep.c how it is kept, spec_read.c the rest.
 * All return 0, or -1 with the error told.
 */
struct ph_spec_reader {
	struct ph_spec *spec; /* being filled; whoever reads frees it */
	struct ph_error *error;
};

/* classHex of programs that say none. */
#define PH_SPEC_CLASS 0x1
/* SIGTERM to SIGKILL, unless it is said. */
#define PH_SPEC_STOP (10 * PH_SECOND)

/* Tells "WHAT `KEY`"; -1. */
int ph_spec_bad(
	struct ph_spec_reader *reader, const char *what, const char *key);
/* A copy of the text: C strings end at a zero byte, so none may be inside. */
int ph_spec_take_text(struct ph_spec_reader *reader, struct ph_value value,
	const char *key, char **out);
/* Nothing there: nothing changes. The list ends with NULL. */
int ph_spec_take_words(struct ph_spec_reader *reader, struct ph_value list,
	const char *key, char ***out, unsigned *count);
int ph_spec_take_pairs(struct ph_spec_reader *reader, struct ph_value map,
	const char *key, struct ph_spec_pair **out, unsigned *count);
/* Which of `words` (NULL-terminated); the first when there is no value. */
int ph_spec_take_choice(struct ph_spec_reader *reader, struct ph_value map,
	const char *key, const char *const *words);
int ph_spec_take_name(struct ph_spec_reader *reader, struct ph_value map,
	const char *key, char *out, size_t size);

/* spec_limits.c: `limits` and `require`, after `confine`. */
int ph_spec_take_limits(struct ph_spec_reader *reader, struct ph_value map);

int ph_spec_add_terminal(struct ph_spec_reader *reader, const char *name,
	const char *media, enum ph_direction direction, int fd);
int ph_spec_take_program(struct ph_spec_reader *reader, struct ph_value map);
/* Last: it looks at what the others have read. */
int ph_spec_take_keep(struct ph_spec_reader *reader, struct ph_value map);
bool ph_spec_keep_equal(const struct ph_spec *one, const struct ph_spec *other);
int ph_spec_take_bundled(struct ph_spec_reader *reader, struct ph_value map);

#endif
