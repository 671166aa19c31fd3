#ifndef PH_PROTO_LIMITS_H
#define PH_PROTO_LIMITS_H

#include <stddef.h>
#include <stdint.h>

/*
 * How much of its host a program may use (`limits:` of a server), and what of
 * its confinement must be there for it to start at all (`require:`). Pure.
 */
enum ph_limit {
	PH_LIMIT_MEMORY, /* bytes, of all its processes */
	PH_LIMIT_CPU,	 /* thousandths of a processor */
	PH_LIMIT_PIDS,	 /* processes and threads */
	PH_LIMIT_FILES,	 /* descriptors of each process */
	PH_LIMITS
};

struct ph_limits {
	uint64_t most[PH_LIMITS]; /* 0: no limit is asked for */
};

enum ph_need {
	PH_NEED_SECCOMP,
	PH_NEED_LANDLOCK,
	PH_NEED_NAMESPACES,
	PH_NEED_UID,
	PH_NEED_MEMORY,
	PH_NEED_CPU,
	PH_NEED_PIDS,
	PH_NEEDS
};

/* As they are written; NULL at the end. */
extern const char *const ph_limit_names[PH_LIMITS + 1];
extern const char *const ph_need_names[PH_NEEDS + 1];
/* What a value looks like, for whoever wrote another. */
extern const char *const ph_limit_looks[PH_LIMITS];

/* The place of a word in such a list, or -1. */
int ph_word_find(const char *const *words, const char *word);
/* "64MiB", "1.5" or "50%" (of a processor), "64". 0, or -EINVAL: not that, or
 * so little that nothing could run. */
int ph_limit_parse(uint64_t *out, enum ph_limit limit, const char *text);
/* As it is written: "64MiB", "1.5", "64". */
const char *ph_limit_format(
	char *out, size_t size, enum ph_limit limit, uint64_t value);

#endif
