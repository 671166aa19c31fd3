#ifndef PH_NODE_ALIKE_H
#define PH_NODE_ALIKE_H

#include <stdbool.h>

/* Whether one word may have been meant by the other: as long, with one or two
 * letters that differ, or with one letter more. Pure. */
bool ph_is_alike(const char *a, const char *b);

#endif
