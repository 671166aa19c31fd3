#ifndef PH_CONTROLSURFACE_WIRING_RULE_H
#define PH_CONTROLSURFACE_WIRING_RULE_H

#include "controlsurface/wiring.h"

/* What lint looks for. Every finding bears one of these names. */
struct ph_rule {
	const char *name;
	enum ph_severity severity; /* as a rule: some have both */
	const char *sentence;	   /* without a full stop */
};

/* Ended by a row without a name. */
extern const struct ph_rule ph_wiring_rules[];

/* The findings as a SARIF 2.1.0 log. Free it; NULL without memory. */
char *ph_wiring_sarif(
	const struct ph_wiring *wiring, const char *file, const char *version);

#endif
