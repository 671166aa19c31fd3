#include "executor/unit_inner.h"

#include <stdio.h>

#include "kernel/log.h"
#include "proto/calls.h"

/* The Hostess is a neighbour on the same loop; this is for a broken one. */
#define UNIT_CALL_TIMEOUT (10 * PH_SECOND)

static const struct ph_caller own_caller = {.role = PH_ROLE_EXEC};
static const char *const directions[] = {"out", "mux", "in", "combine"};

static int unit_call(struct ph_unit *unit, uint16_t method,
	struct ph_writer *writer, ph_answer_fn *answer)
{
	int error = ph_call_send(unit->config->door, &own_caller, "", method,
		writer, ph_loop_now(unit->config->loop), UNIT_CALL_TIMEOUT,
		answer, unit);

	if (!error)
		unit->calls++;
	return error;
}

static void write_identity(struct ph_unit *unit, struct ph_writer *writer)
{
	const struct ph_spec *spec = unit->spec;
	struct ph_identity identity = {
		.class = spec->class, .auth = spec->auth.flag};
	char text[PH_IDENTITY_MAX + 1] = "";

	snprintf(
		identity.fqdn, sizeof(identity.fqdn), "%s", unit->config->fqdn);
	snprintf(identity.server, sizeof(identity.server), "%s", spec->name);
	snprintf(identity.owner, sizeof(identity.owner), "%s", spec->owner);
	snprintf(identity.mechanism, sizeof(identity.mechanism), "%s",
		ph_mechanism_name(spec->auth.mechanism));
	ph_server_uuid(identity.uuid, unit->config->node_key, spec->name);
	if (ph_identity_format(&identity, text, sizeof(text)) < 0)
		ph_log_error("executor", "identity.invalid server=%s fqdn=%s",
			spec->name, unit->config->fqdn);
	ph_put_text(writer, "identity", text);
}

static void write_labels(struct ph_writer *writer,
	const struct ph_spec_pair *labels, unsigned count)
{
	ph_put_map(writer, "labels");
	for (unsigned i = 0; i < count; i++)
		ph_put_text(writer, labels[i].key, labels[i].value);
	ph_write_end(writer);
}

static void write_manifest(struct ph_unit *unit, struct ph_writer *writer)
{
	const struct ph_spec *spec = unit->spec;
	char rule[PH_AUTH_TEXT];

	ph_write_map(writer);
	write_identity(unit, writer);
	ph_put_text(writer, "server", spec->name);
	ph_put_text(writer, "auth",
		ph_auth_rule_format(&spec->auth, rule, sizeof(rule)));
	ph_put_list(writer, "terminals");
	for (unsigned i = 0; i < spec->terminal_count; i++) {
		ph_write_map(writer);
		ph_put_text(writer, "name", spec->terminals[i].name);
		ph_put_text(writer, "direction",
			directions[spec->terminals[i].direction]);
		ph_put_text(writer, "type", spec->terminals[i].media);
		ph_put_u64(writer, "handle",
			ph_terminal_handle(unit->terminals[i]));
		write_labels(writer, spec->terminals[i].labels,
			spec->terminals[i].label_count);
		ph_write_end(writer);
	}
	ph_write_end(writer);
	ph_put_list(writer, "caps");
	for (unsigned i = 0; i < spec->cap_count; i++)
		ph_write_text(writer, spec->caps[i]);
	ph_write_end(writer);
	write_labels(writer, spec->labels, spec->label_count);
	ph_write_end(writer);
}

static void on_registered(
	void *context, int status, const uint8_t *body, size_t length)
{
	struct ph_unit *unit = context;
	struct ph_error error;

	unit->calls--;
	unit->registered = status == PH_CALL_OK;
	if (unit->stopping) {
		unit->stopping = false;
		ph_unit_stop(unit, unit->grace);
		return;
	}
	if (status == PH_CALL_OK) {
		ph_unit_step(unit, PH_POLICY_START);
		/* It was stopped before it had begun. */
		if (unit->policy.state == PH_POLICY_STOPPED)
			ph_unit_tell_started(unit, NULL);
		return;
	}
	ph_error_read(&error, status, body, length);
	ph_unit_set_reason(unit, error.what);
	ph_unit_tell_started(unit, &error);
}

static void on_told(
	void *context, int status, const uint8_t *body, size_t length)
{
	struct ph_unit *unit = context;

	unit->calls--;
	ph_unit_check_gone(unit);
}

int ph_unit_register(struct ph_unit *unit)
{
	struct ph_writer *writer;
	int error = ph_writer_create(&writer);

	if (error)
		return error;
	write_manifest(unit, writer);
	error = unit_call(unit, PH_HOSTESS_REGISTER, writer, on_registered);
	ph_writer_free(writer);
	return error;
}

static void on_unregistered(void *context)
{
	struct ph_unit *unit = context;

	unit->calls--;
	ph_unit_check_gone(unit);
}

void ph_unit_unregister(struct ph_unit *unit)
{
	if (!unit->registered)
		return;
	unit->registered = false;
	unit->calls++;
	ph_unregister_begin(&unit->unregister, unit->config->loop,
		unit->config->door, unit->spec->name, on_unregistered, unit);
}

void ph_unit_tell_state(struct ph_unit *unit)
{
	struct ph_writer *writer;

	if (!unit->registered || ph_writer_create(&writer))
		return;
	ph_write_map(writer);
	ph_put_text(writer, "server", unit->spec->name);
	ph_put_text(writer, "state", ph_policy_state_name(unit->policy.state));
	ph_write_end(writer);
	unit_call(unit, PH_HOSTESS_STATE, writer, on_told);
	ph_writer_free(writer);
}
