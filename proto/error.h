#ifndef PH_PROTO_ERROR_H
#define PH_PROTO_ERROR_H

/*
 * What every refusal tells: what happened, where, what to do next, and the
 * exit code of the command line (DESIGN section 12).
 */
enum ph_exit {
	PH_EXIT_OK = 0,
	PH_EXIT_NEGATIVE = 1,
	PH_EXIT_USAGE = 2,
	PH_EXIT_UNREACHABLE = 3,
	PH_EXIT_NOT_FOUND = 4,
	PH_EXIT_CONFLICT = 5,
	PH_EXIT_DENIED = 6,
	PH_EXIT_TIMEOUT = 7,
	PH_EXIT_WIRING = 78,
};

struct ph_error {
	enum ph_exit exit;
	char what[256];
	char where[160]; /* "" when there is no place */
	char next[256];	 /* "" when there is nothing to do */
};

/* Fills it, cutting what is too long; returns -1 for `return ph_fail(...)`.
 * `error` may be NULL. */
int ph_fail(struct ph_error *error, enum ph_exit code, const char *where,
	const char *next, const char *what, ...)
	__attribute__((format(printf, 5, 6)));

#endif
