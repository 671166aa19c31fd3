#include "proto/error.h"

#include <stdarg.h>
#include <stdio.h>

int ph_fail(struct ph_error *error, enum ph_exit code, const char *where,
	const char *next, const char *what, ...)
{
	va_list arguments;

	if (!error)
		return -1;
	error->exit = code;
	va_start(arguments, what);
	vsnprintf(error->what, sizeof(error->what), what, arguments);
	va_end(arguments);
	snprintf(error->where, sizeof(error->where), "%s", where ? where : "");
	snprintf(error->next, sizeof(error->next), "%s", next ? next : "");
	return -1;
}
