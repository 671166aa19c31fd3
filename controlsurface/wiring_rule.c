#include "controlsurface/wiring_rule.h"

#define ERROR	PH_FINDING_ERROR
#define WARNING PH_FINDING_WARNING

const struct ph_rule ph_wiring_rules[] = {
	{"S0", ERROR, "there are more findings than are shown"},
	{"S1", ERROR,
		"not YAML, not UTF-8, over a bound, or YAML that wiring files "
		"do not use"},
	{"S2", ERROR, "a key or terminal stands twice"},
	{"S3", ERROR,
		"a key that is not known there (or belongs elsewhere, or is "
		"not in this version)"},
	{"S4", ERROR,
		"a value of the wrong kind, unit or range; something that must "
		"be there is missing"},
	{"S5", ERROR, "wiring: 1 is missing or another version"},
	{"S6", ERROR, "files include one another in a circle, or too deep"},
	{"P1", ERROR,
		"unknown server; as a warning: node/name is not the file's own "
		"server of that name"},
	{"P2", ERROR, "unknown terminal, or which one is not clear"},
	{"P3", ERROR, "use: names no bundled server"},
	{"P4", WARNING,
		"the program is not found here (only for servers that run "
		"here; other hosts are asked by apply)"},
	{"P5", WARNING,
		"the host is not under hosts:; it must be a peer already"},
	{"P6", ERROR, "a variable is not set"},
	{"P7", WARNING,
		"a secret seems to be written into the file; give the path of "
		"a file, or ${NAME}"},
	{"P8", ERROR, "a file that is included cannot be read"},
	{"P9", ERROR,
		"a manifest that cannot be read, is none, or says otherwise "
		"than the wiring file"},
	{"D1", ERROR, "a wire begins at an input or ends at an output"},
	{"D2", ERROR,
		"the media types of both ends differ (*/* and none match all)"},
	{"D3", ERROR, "a second wire at a plain input"},
	{"D4", ERROR, "a second wire at a plain output"},
	{"D5", ERROR, "the same wire twice"},
	{"D6", ERROR, "a server feeds itself"},
	{"R1", WARNING, "a declared input is not wired"},
	{"R2", WARNING, "a declared output is not wired"},
	{"R3", WARNING,
		"servers feed one another only: no source leads to them"},
	{"R4", WARNING,
		"wires that block lead in a circle, which can stand still when "
		"every queue is full"},
	{"R5", ERROR, "a transport cannot join the hosts of the wire's ends"},
	{"R6", ERROR, "a path that never: forbids"},
	{"R7", ERROR, "servers need one another in a circle"},
	{"F1", WARNING,
		"a wire blocks, by default, where others hang on the same "
		"output: when it is slow, all wait"},
	{"F2", ERROR, "the queues on a host may hold more than its memory:"},
	{"F3", ERROR, "on_full: spill without a bound"},
	{"F4", ERROR,
		"a budget is shorter than what the hops before it may take"},
	{"O1", ERROR, "an alarm without an action"},
	{"O2", ERROR, "an alarm that never comes"},
	{"O3", ERROR, "a port or address is taken twice"},
	{"O4", WARNING,
		"a server opens a port to everybody and asks nobody who he is"},
	{"O5", ERROR,
		"with --live: a terminal or name is taken, or not there, by "
		"the guest books of now"},
	{0},
};
