#ifndef PH_CONTROLSURFACE_YAML_FORMAT_H
#define PH_CONTROLSURFACE_YAML_FORMAT_H

#include <stddef.h>

/*
 * YAML as it should look: two blanks a level, `key: value`, no quotes that are
 * not needed, at most one empty line in a row. The order of keys stays, what
 * was in {} or [] stays so while it fits into a line, and comments stay before,
 * or behind, what they stood at.
 *
 * What is printed is read again and compared with what was read, comments too:
 * nothing is given that says something else.
 */

/* 0 with *out to be freed; -EINVAL: the text is not YAML as wiring files use
 * it; -ENOTSUP: it cannot be kept as it is (comments in places where none can
 * be printed); -ENOMEM. */
int ph_yaml_format(char **out, const char *text, size_t length);

#endif
