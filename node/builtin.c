#include "node/builtin.h"

/* In the place of this file, make WIRING=FILE links what compile wrote. */
const struct ph_builtin *const ph_builtin = NULL;
