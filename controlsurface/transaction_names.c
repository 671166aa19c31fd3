#include "controlsurface/transaction.h"

#include <errno.h>
#include <string.h>

/* What states and outcomes are called, on the disk and among nodes. */
static const char *const states[] = {
#define X(ident, name) [PH_TRANSACTION_##ident] = name,
	PH_TRANSACTION_STATES(X)
#undef X
};

static const char *const outcomes[] = {
#define X(ident, name) [PH_OUTCOME_##ident] = name,
	PH_OUTCOMES(X)
#undef X
};

const char *ph_transaction_state_name(enum ph_transaction_state state)
{
	return states[state];
}

int ph_transaction_state_parse(const char *text)
{
	for (unsigned i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		if (!strcmp(states[i], text))
			return (int)i;
	}
	return -ENOENT;
}

const char *ph_outcome_name(enum ph_outcome outcome)
{
	return outcomes[outcome];
}

int ph_outcome_parse(const char *text)
{
	for (unsigned i = 0; i < sizeof(outcomes) / sizeof(outcomes[0]); i++) {
		if (!strcmp(outcomes[i], text))
			return (int)i;
	}
	return -ENOENT;
}
