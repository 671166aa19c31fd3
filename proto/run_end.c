#include "proto/run_end.h"

#include <string.h>

static const char *const names[] = {
#define X(ident, name) name,
	PH_END_CAUSES(X)
#undef X
};

const char *ph_end_cause_name(enum ph_end_cause cause)
{
	return names[cause];
}

enum ph_end_cause ph_end_cause_find(const char *name)
{
	for (unsigned i = 0; i < PH_END_CAUSES_COUNT; i++)
		if (!strcmp(names[i], name))
			return (enum ph_end_cause)i;
	return PH_END_ENDED;
}

void ph_run_end_write(struct ph_writer *writer, const struct ph_run_end *end)
{
	ph_put_text(writer, "server", end->server);
	ph_put_u64(writer, "run", end->run);
	ph_put_text(writer, "cause", ph_end_cause_name(end->cause));
	if (end->cause == PH_END_EXITED)
		ph_put_int(writer, "code", end->code);
	if (end->cause == PH_END_SIGNAL)
		ph_put_int(writer, "signal", end->signal);
	ph_put_text(writer, "reason", end->reason);
}

void ph_run_end_read(struct ph_run_end *out, struct ph_value map)
{
	char cause[32];

	*out = (struct ph_run_end){
		.run = ph_get_u64(map, "run"),
		.code = (int)ph_get_int(map, "code"),
		.signal = (int)ph_get_int(map, "signal"),
	};
	ph_get_copy(map, "server", out->server, sizeof(out->server));
	ph_get_copy(map, "reason", out->reason, sizeof(out->reason));
	out->cause = ph_end_cause_find(
		ph_get_copy(map, "cause", cause, sizeof(cause)));
}
