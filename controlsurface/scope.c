#include "controlsurface/control_inner.h"
#include "controlsurface/manual.h"

#include <stdio.h>
#include <stdlib.h>

#include "kernel/log.h"

/* The scopes that this node has a part of, and how one gets another part. */

struct ph_control_scope *ph_control_scope(
	struct ph_control *control, const char *name)
{
	struct ph_control_scope *scope;

	HASH_FIND_STR(control->scopes, name, scope);
	return scope;
}

struct ph_control_scope *ph_control_scope_make(
	struct ph_control *control, const char *name)
{
	struct ph_control_scope *scope = ph_control_scope(control, name);

	if (scope)
		return scope;
	scope = calloc(1, sizeof(*scope));
	if (!scope)
		return NULL;
	snprintf(scope->name, sizeof(scope->name), "%s", name);
	HASH_ADD_STR(control->scopes, name, scope);
	return scope;
}

void ph_control_scope_remove(
	struct ph_control *control, struct ph_control_scope *scope)
{
	HASH_DEL(control->scopes, scope);
	ph_part_free(scope->part);
	free(scope->bytes);
	free(scope);
}

struct ph_control_scope *ph_control_scope_set(struct ph_control *control,
	struct ph_part *part, uint8_t *bytes, size_t length)
{
	struct ph_control_scope *scope =
		ph_control_scope_make(control, part->scope);

	if (!scope)
		return NULL;
	if (scope->part)
		ph_part_free(scope->part);
	free(scope->bytes);
	scope->part = part;
	scope->bytes = bytes;
	scope->length = length;
	scope->changed = ph_control_revision(control);
	return scope;
}

uint64_t ph_control_scope_revision(struct ph_control *control, const char *name)
{
	const struct ph_control_scope *scope = ph_control_scope(control, name);

	return scope && scope->part ? scope->changed : 0;
}

void ph_control_scope_become(struct ph_control *control, struct ph_part *part,
	uint8_t *bytes, size_t length, const char *by)
{
	struct ph_control_scope *scope =
		ph_control_scope_make(control, part->scope);
	struct ph_part *old = scope ? scope->part : NULL;
	bool empty = ph_part_is_empty(part);

	if (!scope) {
		/* It is on the disk: the next start has the memory. */
		ph_log_error("control", "scope.lost name=%s because=memory",
			part->scope);
		ph_part_free(part);
		free(bytes);
		return;
	}
	control->changes++;
	ph_control_lost_found(control, part->scope);
	ph_log_info("control",
		"scope.committed name=%s servers=%u wires=%u "
		"by=%s",
		scope->name, part->server_count, part->wire_count, by);
	ph_control_note(control, by, "", "%s %s: %u servers, %u wires here",
		empty ? "unapply" : "apply", scope->name, part->server_count,
		part->wire_count);
	scope->part = NULL;
	scope->fresh = true;
	ph_control_scope_set(control, part, bytes, length);
	ph_control_bring_about(control, scope, old);
	ph_part_free(old);
	if (empty)
		ph_control_scope_remove(control, scope);
	ph_manuals_prune(control);
}

uint16_t ph_control_write_scope(struct ph_control *control,
	const struct ph_part *part, const uint8_t *bytes, size_t length)
{
	struct ph_writer *writer = ph_control_writer(control);
	bool empty = ph_part_is_empty(part);

	ph_write_map(writer);
	ph_put_text(writer, "space", "wiring");
	ph_put_text(writer, "key", part->scope);
	if (!empty)
		ph_put_bytes(writer, "value", bytes, length);
	ph_write_end(writer);
	return empty ? PH_STORE_DELETE : PH_STORE_PUT;
}
