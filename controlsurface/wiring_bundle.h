#ifndef PH_CONTROLSURFACE_WIRING_BUNDLE_H
#define PH_CONTROLSURFACE_WIRING_BUNDLE_H

#include <stddef.h>

/*
 * `include: [cams.yaml, parts/enc.yaml]`: parts in files of their own, named
 * relative to the file that includes them. A file and all of its parts travel
 * as one text, a bundle, so that whoever reads it needs no file:
 *
 *   the file's own text
 *   --- # part cams.yaml
 *   the part's text
 *   --- # part parts/enc.yaml
 *   ...
 *
 * No wiring file looks so by itself: a second document is refused. Names are
 * relative to the first file, without `.` and with `..` only at their front.
 */
#define PH_BUNDLE_MARK	     "\n--- # part "
#define PH_BUNDLE_MARK_BYTES (sizeof(PH_BUNDLE_MARK) - 1)
#define PH_BUNDLE_NAME	     256
#define PH_BUNDLE_PARTS	     64
#define PH_BUNDLE_DEPTH	     8

/* A file's text, which is freed; NULL: cannot be read, or is too large. */
typedef char *ph_bundle_read_fn(
	void *context, const char *name, size_t *length);

/* Finds what the text includes and appends it, also what that includes. What
 * cannot be read is left out, and the loader tells so (P8). *text stays as it
 * is when there is nothing to append, else it is another one, allocated; free
 * both. -E2BIG: over PH_WIRING_BYTES; -ENOMEM. */
int ph_bundle(
	char **text, size_t *length, ph_bundle_read_fn *read, void *context);
/* `path` as it stands in the file `from` ("" is the first file), relative to
 * the first file. -EINVAL: absolute, too long, or bytes that names lack. */
int ph_bundle_name(
	char out[PH_BUNDLE_NAME], const char *from, const char *path);

#endif
