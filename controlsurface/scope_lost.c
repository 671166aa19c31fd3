#include "controlsurface/control_inner.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

/*
 * Scopes whose part here could not be read back: nobody knows what it declared.
 * What stands of it is left as it is, and people are told, until the scope is
 * applied once more.
 */
void ph_control_lost_add(struct ph_control *control, const char *name)
{
	struct ph_lost_scope *lost;

	control->skipped = true;
	/* Reading is tried again when something else fails. */
	LL_FOREACH(control->lost, lost)
	{
		if (!strcmp(lost->name, name))
			return;
	}
	lost = calloc(1, sizeof(*lost));
	if (!lost)
		return;
	snprintf(lost->name, sizeof(lost->name), "%s", name);
	lost->since = ph_clock_wall();
	LL_APPEND(control->lost, lost);
}

void ph_control_lost_found(struct ph_control *control, const char *name)
{
	struct ph_lost_scope *lost, *next;

	LL_FOREACH_SAFE(control->lost, lost, next)
	{
		if (strcmp(lost->name, name) != 0)
			continue;
		LL_DELETE(control->lost, lost);
		free(lost);
		control->skipped = control->lost != NULL;
	}
}

void ph_control_lost_free(struct ph_control *control)
{
	struct ph_lost_scope *lost, *next;

	LL_FOREACH_SAFE(control->lost, lost, next)
	free(lost);
	control->lost = NULL;
}
