#include "controlsurface/wiring_model.h"

#include <stdint.h>
#include <string.h>

/* What a server runs: `exec:` with a program, or `use:` with parameters. */

static const struct ph_server_type *bundled_find(
	const struct ph_wiring *wiring, const char *name)
{
	const struct ph_server_type *const *type = wiring->input.bundled;

	for (; type != NULL && *type != NULL; type++)
		if (strcmp((*type)->name, name) == 0)
			return *type;
	return NULL;
}

static void bundled_unknown(
	struct ph_wiring *wiring, const struct ph_yaml_node *use)
{
	const struct ph_server_type *const *type = wiring->input.bundled;
	struct ph_guess guess = ph_guess_begin(wiring, use->text);
	struct ph_finding *finding = ph_findings_add(wiring, PH_FINDING_ERROR,
		"P3", use->span, NULL,
		"no server '%.60s' is built into this posthouse", use->text);

	for (; type != NULL && *type != NULL; type++)
		ph_guess_offer(&guess, (*type)->name);
	if (guess.best != NULL)
		ph_findings_next(
			wiring, finding, "Did you mean %s?", guess.best);
	else
		ph_findings_next(wiring, finding,
			"For a program of your own write exec: [%.60s].",
			use->text);
}

static void exec_read(struct ph_wiring *wiring, struct ph_wiring_server *server,
	struct ph_yaml_node *exec)
{
	const char *here = wiring->input.here;

	if (exec->kind == PH_YAML_TEXT && !exec->absent && !exec->bad) {
		ph_findings_add(wiring, PH_FINDING_ERROR, "S4", exec->span,
			"Write exec: [program, argument], or [sh, -c, \"...\"] "
			"for a shell's line.",
			"'exec' must be a list: no shell reads it");
		exec->bad = true;
		return;
	}
	if (!ph_wiring_is(wiring, exec, PH_YAML_LIST, "exec") ||
		exec->count == 0) {
		if (exec->absent || (!exec->bad && exec->count == 0))
			ph_findings_add(wiring, PH_FINDING_ERROR, "S4",
				exec->key->span,
				"Write exec: [program, argument].",
				"'exec' names no program");
		return;
	}
	if (!ph_wiring_words(wiring, exec, "exec"))
		return;
	const char *program = exec->first->text;
	if (*program == '\0') {
		ph_findings_add(wiring, PH_FINDING_ERROR, "S4",
			exec->first->span, "Write exec: [program, argument].",
			"'exec' names no program");
		return;
	}
	/* Programs of other hosts are looked for there, when applied. */
	if (wiring->input.program == NULL ||
		(server->host != NULL &&
			(here == NULL || strcmp(server->host, here) != 0)) ||
		(*program != '/' && strchr(program, '/') != NULL) ||
		wiring->input.program(wiring->input.context, program))
		return;
	ph_findings_add(wiring, PH_FINDING_WARNING, "P4", exec->first->span,
		"It must exist on the host that runs it; a name without / is "
		"looked up in PATH there.",
		"program '%.80s' is not found on this machine", program);
}

static const struct ph_parameter_type *parameter_find(
	const struct ph_server_type *type, const char *name)
{
	for (size_t i = 0; i < type->parameter_count; i++)
		if (strcmp(type->parameters[i].name, name) == 0)
			return &type->parameters[i];
	return NULL;
}

static void parameter_unknown(struct ph_wiring *wiring,
	const struct ph_server_type *type, const struct ph_yaml_node *key)
{
	struct ph_guess guess = ph_guess_begin(wiring, key->text);
	struct ph_finding *finding =
		ph_findings_add(wiring, PH_FINDING_ERROR, "S3", key->span, NULL,
			"%s takes no '%.60s'", type->name, key->text);

	for (size_t i = 0; i < type->parameter_count; i++)
		ph_guess_offer(&guess, type->parameters[i].name);
	if (guess.best != NULL)
		ph_findings_next(
			wiring, finding, "Did you mean '%s'?", guess.best);
	else if (type->parameter_count > 0)
		ph_findings_next(wiring, finding, "It takes '%s': %s.",
			type->parameters[0].name, type->parameters[0].sentence);
	else
		ph_findings_next(wiring, finding, "It takes nothing.");
}

static void parameter_check(struct ph_wiring *wiring,
	const struct ph_parameter_type *type, const struct ph_yaml_node *node)
{
	uint64_t bytes;
	int64_t duration;

	if (node->bad)
		return;
	if (type->kind == PH_PARAMETER_BYTES &&
		ph_parse_bytes(&bytes, node->text) != 0)
		ph_findings_add(wiring, PH_FINDING_ERROR, "S4", node->span,
			"Write a number and a unit: 4MiB, 512KiB, 1GB.",
			"'%.60s' is no size", node->text);
	if (type->kind == PH_PARAMETER_DURATION &&
		(ph_parse_duration(&duration, node->text) != 0 ||
			duration <= 0))
		ph_findings_add(wiring, PH_FINDING_ERROR, "S4", node->span,
			"Write a number and a unit: 250ms, 10s, 5m.",
			"'%.60s' is no duration", node->text);
	if (type->kind == PH_PARAMETER_PATH &&
		strlen(node->text) >= PH_WIRING_PATH)
		ph_findings_add(wiring, PH_FINDING_ERROR, "S4", node->span,
			NULL, "'%s' is too long for a path", type->name);
	if (*node->text == '\0' && type->kind <= PH_PARAMETER_PATH)
		ph_findings_add(wiring, PH_FINDING_ERROR, "S4", node->key->span,
			NULL, "'%s' is empty", type->name);
}

static void with_check(struct ph_wiring *wiring,
	struct ph_wiring_server *server, const struct ph_yaml_node *use)
{
	const struct ph_server_type *type = server->type;
	struct ph_yaml_node *with =
		ph_wiring_get(wiring, server->node, "with", PH_YAML_MAP);

	if (with != NULL && !ph_wiring_words(wiring, with, "with"))
		return;
	for (struct ph_yaml_node *item = with ? with->first : NULL;
		item != NULL; item = item->next) {
		const struct ph_parameter_type *parameter =
			parameter_find(type, item->key->text);

		if (parameter == NULL)
			parameter_unknown(wiring, type, item->key);
		else
			parameter_check(wiring, parameter, item);
	}
	for (size_t i = 0; i < type->parameter_count; i++) {
		const struct ph_parameter_type *must = &type->parameters[i];

		if (!must->must || (with && ph_yaml_get(with, must->name)))
			continue;
		struct ph_finding *finding =
			ph_findings_add(wiring, PH_FINDING_ERROR, "S4",
				use->span, NULL, "%s needs '%s': %s",
				type->name, must->name, must->sentence);
		ph_findings_next(
			wiring, finding, "Add with: {%s: ...}.", must->name);
	}
}

/* Keys that say nothing about the kind of server they stand at. */
static void keys_refuse(struct ph_wiring *wiring,
	const struct ph_wiring_server *server, const char *const *keys,
	const char *because, const char *next)
{
	for (; *keys != NULL; keys++) {
		const struct ph_yaml_node *node =
			ph_yaml_get(server->node, *keys);

		if (node != NULL)
			ph_findings_add(wiring, PH_FINDING_ERROR, "S3",
				node->key->span, next, "'%s' %s", *keys,
				because);
	}
}

static void use_read(struct ph_wiring *wiring, struct ph_wiring_server *server,
	struct ph_yaml_node *use)
{
	static const char *const programs[] = {"env", "cwd", "drain", "framing",
		"confine", "limits", "require", "in", "manifest", "ready",
		"watchdog", "stop_timeout", NULL};

	server->unsure = true;
	if (!ph_wiring_is(wiring, use, PH_YAML_TEXT, "use"))
		return;
	server->type = bundled_find(wiring, use->text);
	if (server->type == NULL) {
		bundled_unknown(wiring, use);
		return;
	}
	server->unsure = false;
	with_check(wiring, server, use);
	keys_refuse(wiring, server, programs, "is for programs (exec:)",
		"Remove it: a bundled server brings its own terminals and "
		"takes parameters with:.");
}

void ph_wiring_read_program(
	struct ph_wiring *wiring, struct ph_wiring_server *server)
{
	static const char *const bundled[] = {"with", NULL};
	struct ph_yaml_node *exec = ph_yaml_get(server->node, "exec");
	struct ph_yaml_node *use = ph_yaml_get(server->node, "use");

	if (exec != NULL && use != NULL) {
		ph_findings_add(wiring, PH_FINDING_ERROR, "S4", use->key->span,
			"Keep one: exec runs a program, use a bundled server.",
			"server '%s' has both 'exec' and 'use'", server->name);
		server->unsure = true;
	} else if (use != NULL) {
		use_read(wiring, server, use);
	} else if (exec != NULL) {
		server->exec = exec;
		exec_read(wiring, server, exec);
		keys_refuse(wiring, server, bundled,
			"is for bundled servers (use:)",
			"Give a program its arguments in exec: and its "
			"environment in env:.");
	} else {
		ph_findings_add(wiring, PH_FINDING_ERROR, "S4",
			server->node->key->span,
			"Write exec: [program, argument] or use: NAME.",
			"server '%s' says nothing to run", server->name);
		server->unsure = true;
	}
}
