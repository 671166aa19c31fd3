#include "controlsurface/yaml.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <libfyaml.h>

#include "controlsurface/yaml_tree.h"

static bool text_is_clean(const char *text, size_t length)
{
	while (length > 0) {
		unsigned code = 0;
		size_t size = ph_utf8_next(text, length, &code);

		if (size == 0 || code == 0)
			return false;
		text += size;
		length -= size;
	}
	return true;
}

static struct ph_span event_span(
	struct ph_yaml_builder *builder, struct fy_event *event)
{
	const struct fy_mark *start = fy_event_start_mark(event);
	const struct fy_mark *end = fy_event_end_mark(event);
	size_t length = builder->input->length;
	struct ph_span span = {builder->last, builder->last};

	if (start != NULL && start->input_pos <= length)
		span.start = span.end = start->input_pos;
	if (start != NULL && end != NULL && end->input_pos >= span.start &&
		end->input_pos <= length)
		span.end = end->input_pos;
	if (start != NULL)
		builder->last = span.end;
	return span;
}

static void builder_scalar(
	struct ph_yaml_builder *builder, struct fy_event *event)
{
	struct ph_span span = event_span(builder, event);
	struct ph_yaml_node *node = ph_yaml_node(builder, PH_YAML_TEXT, span);
	size_t length = 0;

	if (node == NULL)
		return;
	const char *text =
		fy_token_scalar_style(event->scalar.value) == FYSS_SINGLE_QUOTED
			? ph_yaml_unquote(builder, span, &length)
			: fy_token_get_text(event->scalar.value, &length);
	if (text == NULL)
		length = 0;
	if (!text_is_clean(text, length)) {
		ph_yaml_stop(builder, "S4", span, NULL,
			"the text holds a NUL or half a character");
		return;
	}
	const char *source = builder->input->text + span.start;
	node->exact = length == span.end - span.start &&
		      (length == 0 || memcmp(source, text, length) == 0);
	/* An empty plain scalar is not there; "" is quoted. */
	node->plain = fy_token_scalar_style(event->scalar.value) == FYSS_PLAIN;
	node->absent = length == 0 && node->plain;
	node->text = ph_arena_text(builder->input->arena, text, length);
	if (node->text == NULL)
		builder->stopped = true;
	else
		ph_yaml_place(builder, node);
}

static void builder_open(struct ph_yaml_builder *builder,
	struct fy_event *event, enum ph_yaml_kind kind)
{
	struct ph_span span = event_span(builder, event);

	if (builder->depth == PH_YAML_DEPTH) {
		ph_yaml_stop(builder, "S1", span, NULL,
			"lists and maps stand too deep inside one another");
		return;
	}
	struct ph_yaml_node *node = ph_yaml_node(builder, kind, span);
	if (node == NULL)
		return;
	node->flow = span.start < builder->input->length &&
		     strchr("[{", builder->input->text[span.start]) != NULL;
	ph_yaml_place(builder, node);
	builder->open[builder->depth] = node;
	builder->key[builder->depth] = NULL;
	builder->depth++;
}

/* Where the sign (& * !) stands that the token follows. */
static struct ph_span sign_span(struct ph_yaml_builder *builder,
	struct fy_event *event, struct fy_token *token)
{
	const struct fy_mark *mark = token ? fy_token_start_mark(token) : NULL;
	const char *text = builder->input->text;
	size_t at = mark ? mark->input_pos : event_span(builder, event).start;

	if (at > 0 && at <= builder->input->length && text[at - 1] != '\0' &&
		strchr("&*!", text[at - 1]) != NULL)
		at--;
	return (struct ph_span){at, at + 1};
}

static bool event_is_plain(
	struct ph_yaml_builder *builder, struct fy_event *event)
{
	struct fy_token *anchor = fy_event_get_anchor_token(event);
	struct fy_token *tag = fy_event_get_tag_token(event);

	if (event->type != FYET_ALIAS && anchor == NULL && tag == NULL)
		return true;
	ph_yaml_stop(builder, "S1",
		sign_span(builder, event, tag ? tag : anchor),
		"Quote text that begins with & * or !, and write parts that "
		"repeat again.",
		tag != NULL ? "tags (!) have no place in a wiring file"
			    : "anchors (&) and aliases (*) have no place in a "
			      "wiring file");
	return false;
}

static void builder_take(
	struct ph_yaml_builder *builder, struct fy_event *event)
{
	if (!event_is_plain(builder, event))
		return;
	switch (event->type) {
	case FYET_DOCUMENT_START:
		if (++builder->documents > 1)
			ph_yaml_stop(builder, "S1", event_span(builder, event),
				"Put it into a file of its own.",
				"a second document begins here");
		break;
	case FYET_SCALAR:
		builder_scalar(builder, event);
		break;
	case FYET_SEQUENCE_START:
		builder_open(builder, event, PH_YAML_LIST);
		break;
	case FYET_MAPPING_START:
		builder_open(builder, event, PH_YAML_MAP);
		break;
	case FYET_SEQUENCE_END:
	case FYET_MAPPING_END:
		ph_yaml_close(builder);
		break;
	default:
		break;
	}
}

/* What people do wrong, by a part of the library's message. */
static const struct {
	const char *part;
	const char *message; /* NULL: the library's own */
	const char *next;
} hints[] = {
	{"tab as inden", "a tab stands where the line is indented",
		"Indent with spaces."},
	{"did not find expected key", "a key was expected here",
		"Is the line indented like the ones above? A map's keys and a "
		"list's - cannot share a level."},
	{"without a closing", NULL, "Close it with the bracket it misses."},
	{"without closing quote", NULL, "Close it with the quote it misses."},
	{"plain scalar cannot start", NULL, "Put it in quotes."},
	{"wrongly indented", NULL, "Indent it like the lines around it."},
	{"mapping values are not allowed", NULL,
		"Quote text that holds \": \"; or is the line above wrong?"},
};

static size_t offset_of(const struct ph_yaml_input *input, int line, int column)
{
	size_t at = 0;

	for (int i = 1; i < line && at < input->length; at++)
		i += input->text[at] == '\n';
	for (int i = 1; i < column && at < input->length; i++) {
		unsigned code = 0;

		if (input->text[at] == '\n')
			break;
		at += ph_utf8_next(input->text + at, input->length - at, &code);
	}
	return at;
}

static size_t text_end(const struct ph_yaml_input *input)
{
	size_t end = input->length;

	while (end > 0 && strchr(" \t\r\n", input->text[end - 1]) != NULL)
		end--;
	return end;
}

/* Only the first: the others follow from it. */
static void syntax_tell(struct ph_yaml_builder *builder, struct fy_diag *diag)
{
	const struct ph_yaml_input *input = builder->input;
	void *iterator = NULL;
	struct fy_diag_error *error = fy_diag_errors_iterate(diag, &iterator);
	struct ph_span span = {builder->last, builder->last};
	const char *message = "this is not YAML";
	const char *next = "Look at brackets, quotes and indentation, here and "
			   "in the lines above.";

	if (error != NULL) {
		message = error->msg;
		span.start = offset_of(input, error->line, error->column);
		/* What misses at the end is shown behind the last text. */
		if (span.start >= input->length)
			span.start = text_end(input);
		span.end = span.start + (span.start < input->length);
	}
	for (size_t i = 0; i < sizeof(hints) / sizeof(*hints); i++) {
		if (strstr(message, hints[i].part) == NULL)
			continue;
		next = hints[i].next;
		if (hints[i].message != NULL)
			message = hints[i].message;
		break;
	}
	ph_yaml_tell(input, "S1", span, next, "%s", message);
	builder->stopped = true;
}

static void builder_run(struct ph_yaml_builder *builder,
	struct fy_parser *parser, struct fy_diag *diag)
{
	while (!builder->stopped) {
		struct fy_event *event = fy_parser_parse(parser);

		if (event == NULL)
			break;
		builder_take(builder, event);
		fy_parser_event_free(parser, event);
	}
	if (!builder->stopped && fy_parser_get_stream_error(parser))
		syntax_tell(builder, diag);
}

static int builder_parse(struct ph_yaml_builder *builder)
{
	struct fy_diag_cfg quiet;

	fy_diag_cfg_default(&quiet);
	quiet.fp = NULL;
	struct fy_diag *diag = fy_diag_create(&quiet);
	if (diag == NULL)
		return -ENOMEM;
	fy_diag_set_collect_errors(diag, true);

	struct fy_parse_cfg config = {
		.flags = FYPCF_QUIET | FYPCF_COLLECT_DIAG | FYPCF_JSON_NONE |
			 FYPCF_DEFAULT_VERSION_1_2,
		.diag = diag,
	};
	struct fy_parser *parser = fy_parser_create(&config);
	int failed = -ENOMEM;
	if (parser != NULL)
		failed = fy_parser_set_string(parser, builder->input->text,
				 builder->input->length) == 0
				 ? 0
				 : -ENOMEM;
	if (failed == 0)
		builder_run(builder, parser, diag);
	fy_parser_destroy(parser);
	fy_diag_destroy(diag);
	return failed;
}

int ph_yaml_read(struct ph_yaml_node **out, const struct ph_yaml_input *input)
{
	struct ph_yaml_builder builder = {.input = input};

	if (input->length > PH_YAML_BYTES) {
		ph_yaml_tell(input, "S1", (struct ph_span){0, 0},
			"Split the wiring file.", "the file is over 1 MiB");
		return -EINVAL;
	}
	if (!ph_yaml_source_check(input))
		return -EINVAL;
	int failed = builder_parse(&builder);
	if (failed == 0 && input->arena->failed)
		failed = -ENOMEM;
	if (failed == 0 && builder.stopped)
		failed = -EINVAL;
	if (failed == 0)
		*out = builder.root;
	return failed;
}

struct ph_yaml_node *ph_yaml_get(
	const struct ph_yaml_node *map, const char *key)
{
	for (struct ph_yaml_node *item = map->first; item != NULL;
		item = item->next)
		if (strcmp(item->key->text, key) == 0)
			return item;
	return NULL;
}
