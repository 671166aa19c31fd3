#include "proto/calls.h"

#include <errno.h>
#include <string.h>

/* Errors on the wire, and what servers need around a call. */
static const uint8_t empty_map[] = {0x80};

static const struct ph_error status_errors[] = {
	[PH_CALL_FAILED] = {PH_EXIT_NEGATIVE, "the call failed", "",
		"see the called node's log"},
	[PH_CALL_UNREACHABLE] = {PH_EXIT_UNREACHABLE,
		"the node cannot be reached", "",
		"see `posthouse peers`, and whether it is up"},
	[PH_CALL_UNKNOWN] = {PH_EXIT_NOT_FOUND,
		"no such node, or it does not know this call", "",
		"see `posthouse peers` and the version on both nodes"},
	[PH_CALL_DENIED] = {PH_EXIT_DENIED, "the called node does not allow it",
		"", "there, `posthouse up --peer-role` says what peers may do"},
	[PH_CALL_TIMEOUT] = {PH_EXIT_TIMEOUT, "no answer in time", "",
		"try again; `posthouse peers` tells the state of the line"},
};

void ph_error_write(struct ph_writer *writer, const struct ph_error *error)
{
	ph_write_map(writer);
	ph_put_map(writer, "error");
	ph_put_int(writer, "exit", error->exit);
	ph_put_text(writer, "what", error->what);
	ph_put_text(writer, "where", error->where);
	ph_put_text(writer, "next", error->next);
	ph_write_end(writer);
	ph_write_end(writer);
}

static enum ph_exit exit_of(int64_t number)
{
	switch (number) {
	case PH_EXIT_USAGE:
	case PH_EXIT_UNREACHABLE:
	case PH_EXIT_NOT_FOUND:
	case PH_EXIT_CONFLICT:
	case PH_EXIT_DENIED:
	case PH_EXIT_TIMEOUT:
	case PH_EXIT_WIRING:
		return (enum ph_exit)number;
	default:
		return PH_EXIT_NEGATIVE;
	}
}

/* A peer's words end on somebody's terminal: no control characters, neither
 * the short ones nor U+0080 to U+009F. */
static bool is_control(const unsigned char *text)
{
	if (text[0] == '\n' || text[0] == '\t')
		return false;
	return text[0] < ' ' || text[0] == 0x7f ||
	       (text[0] == 0xc2 && text[1] < 0xa0);
}

static void mask_controls(char *text)
{
	unsigned char *bytes = (unsigned char *)text;

	for (size_t i = 0; bytes[i]; i++) {
		if (!is_control(bytes + i))
			continue;
		if (bytes[i] == 0xc2)
			bytes[i++] = '?';
		bytes[i] = '?';
	}
}

static void error_from_status(struct ph_error *error, int status)
{
	size_t known = sizeof(status_errors) / sizeof(status_errors[0]);

	if (status < 0 || (size_t)status >= known ||
		!status_errors[status].exit)
		status = PH_CALL_FAILED;
	*error = status_errors[status];
}

void ph_error_read(
	struct ph_error *error, int status, const uint8_t *body, size_t length)
{
	struct ph_document *document;
	struct ph_value map;

	error_from_status(error, status);
	if (!length || ph_document_read(&document, body, length, PH_SKIM_PEER))
		return;
	map = ph_value_get(ph_document_root(document), "error");
	if (ph_value_type(ph_value_get(map, "what")) == PH_TEXT) {
		error->exit = exit_of(ph_get_int(map, "exit"));
		ph_get_copy(map, "what", error->what, sizeof(error->what));
		ph_get_copy(map, "where", error->where, sizeof(error->where));
		ph_get_copy(map, "next", error->next, sizeof(error->next));
		mask_controls(error->what);
		mask_controls(error->where);
		mask_controls(error->next);
	}
	ph_document_free(document);
}

void ph_error_read_answer(struct ph_error *error, uint16_t method, int status,
	const uint8_t *body, size_t length)
{
	ph_error_read(error, status, body, length);
	if (status == PH_CALL_DENIED && method < PH_METHODS &&
		ph_call_type(method)->reach == PH_REACH_HERE)
		ph_fail(error, PH_EXIT_DENIED, ph_call_type(method)->name,
			"make it on that node itself",
			"no peer may make this call, whatever its role");
}

static const char *skim_reason(int error)
{
	switch (error) {
	case -E2BIG:
		return "too large or too deep";
	case -EILSEQ:
		return "text that is not UTF-8";
	case -EEXIST:
		return "a key twice";
	case -ENOMEM:
		return "out of memory";
	default:
		return "not MessagePack";
	}
}

static int request_read(struct ph_request *request, struct ph_error *error)
{
	const struct ph_call *call = request->call;
	const uint8_t *data = call->length ? call->arguments : empty_map;
	size_t length = call->length ? call->length : sizeof(empty_map);
	int result = ph_document_read(
		&request->document, data, length, ph_call_limits(call->caller));

	if (result)
		return ph_fail(error, PH_EXIT_USAGE,
			ph_call_type(call->method)->name,
			"see the call's fields in doc/PROTOCOL.md",
			"arguments refused: %s", skim_reason(result));
	request->arguments = ph_document_root(request->document);
	return ph_call_check(call->method, request->arguments, error);
}

int ph_request_open(struct ph_request *request, struct ph_door *door,
	ph_handle ticket, const struct ph_call *call)
{
	struct ph_error error;

	*request = (struct ph_request){
		.door = door,
		.ticket = ticket,
		.call = call,
	};
	if (!request_read(request, &error))
		return 0;
	ph_answer_error(door, ticket, &error);
	ph_request_close(request);
	return -1;
}

void ph_request_close(struct ph_request *request)
{
	ph_document_free(request->document);
	request->document = NULL;
	request->arguments = (struct ph_value){NULL};
}

/* A failure without a body still reads as a usable error. */
static void answer(struct ph_door *door, ph_handle ticket, int status,
	struct ph_writer *writer)
{
	const uint8_t *data = empty_map;
	size_t length = sizeof(empty_map);

	if (writer && ph_writer_finish(writer, &data, &length)) {
		status = PH_CALL_FAILED;
		data = empty_map;
		length = sizeof(empty_map);
	}
	ph_door_answer(door, ticket, status, data, length);
}

void ph_answer_ok(
	struct ph_door *door, ph_handle ticket, struct ph_writer *writer)
{
	answer(door, ticket, PH_CALL_OK, writer);
}

void ph_answer_error(
	struct ph_door *door, ph_handle ticket, const struct ph_error *error)
{
	struct ph_writer *writer = NULL;

	if (!ph_writer_create(&writer))
		ph_error_write(writer, error);
	answer(door, ticket, PH_CALL_FAILED, writer);
	ph_writer_free(writer);
}

int ph_call_send(struct ph_door *door, const struct ph_caller *caller,
	const char *destination, uint16_t method, struct ph_writer *writer,
	int64_t now, int64_t timeout, ph_answer_fn *answer_fn, void *context)
{
	struct ph_call call = {
		.method = method,
		.caller = caller,
		.destination = destination ? destination : "",
		.arguments = empty_map,
		.length = sizeof(empty_map),
		.deadline = now + timeout,
	};
	int error = 0;

	if (writer)
		error = ph_writer_finish(writer, &call.arguments, &call.length);
	return error ? error : ph_door_call(door, &call, answer_fn, context);
}
