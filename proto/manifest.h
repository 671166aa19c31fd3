#ifndef PH_PROTO_MANIFEST_H
#define PH_PROTO_MANIFEST_H

#include <stddef.h>
#include <stdint.h>

#include "kernel/terminal.h"
#include "proto/auth.h"
#include "proto/error.h"

/*
 * A program's manifest: what it offers, written by whoever wrote the program,
 * in a file beside it. One line, one thing (and the whole is YAML, too):
 *
 *   manifest: 1
 *   class: 2a
 *   owner: video
 *   auth: yes token 9c1f...
 *   caps: gpu=nvenc codec=h264
 *   labels: room=porch
 *   in raw: video/mjpeg
 *   combine log: text/plain fd=5
 *   out h264: video/h264
 *   mux frames: any fd=4
 *
 * `manifest: 1` comes first; everything else in any order, at most once, and
 * may be missing. A terminal is its direction, its name, its media type (`any`
 * for whatever comes) and, where it is not the usual one, the program's
 * descriptor. Blank lines and lines that begin with # are passed over.
 */
#define PH_MANIFEST_MOST      ((size_t)64 * 1024) /* bytes of a file */
#define PH_MANIFEST_TERMINALS 16u		  /* as of a program */
#define PH_MANIFEST_WORDS     64u
#define PH_MANIFEST_WORD      128u /* bytes */

struct ph_manifest_terminal {
	char name[40];
	char media[64]; /* "" for any */
	enum ph_direction direction;
	int fd; /* -1: as the wiring would choose */
};

struct ph_manifest {
	uint32_t class; /* 0: not given */
	char owner[65]; /* "": not given */
	bool has_auth;
	struct ph_auth_rule auth;
	char *caps[PH_MANIFEST_WORDS]; /* `key` or `key=value` */
	unsigned cap_count;
	char *labels[PH_MANIFEST_WORDS]; /* `key=value` */
	unsigned label_count;
	struct ph_manifest_terminal terminals[PH_MANIFEST_TERMINALS];
	unsigned terminal_count;
};

/* Where in the text, from 1. */
struct ph_manifest_place {
	unsigned line;
	unsigned column;
};

/* 0, or -1 with the place and the error told (exit 78; 6 for an unknown way of
 * proving who one is; `where` is left to the caller, who knows the file). */
int ph_manifest_read(struct ph_manifest **out, const char *text, size_t length,
	struct ph_manifest_place *place, struct ph_error *error);
/* The text again, canonical; free() it. NULL without memory. */
char *ph_manifest_text(const struct ph_manifest *manifest);
void ph_manifest_free(struct ph_manifest *manifest);

/* "out" "mux" "in" "combine". */
const char *ph_manifest_direction(enum ph_direction direction);
/* Shared with whoever reads the same words elsewhere. */
bool ph_media_is_valid(const char *text);
bool ph_owner_is_valid(const char *text);

#endif
