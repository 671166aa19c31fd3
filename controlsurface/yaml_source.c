#include "controlsurface/yaml.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* What is looked at before the library sees a byte. */

/* The library reads ahead through open brackets (350 bytes each), and through
 * empty lines again and again; people need neither. */
#define OPEN_BRACKETS 1000
#define EMPTY_LINES   200

void ph_yaml_tell(const struct ph_yaml_input *input, const char *rule,
	struct ph_span span, const char *next, const char *format, ...)
{
	struct ph_yaml_problem problem = {
		.rule = rule, .span = span, .next = next};
	va_list list;

	va_start(list, format);
	vsnprintf(problem.message, sizeof(problem.message), format, list);
	va_end(list);
	input->problem(input->context, &problem);
}

size_t ph_utf8_next(const char *text, size_t length, unsigned *code)
{
	const unsigned char *byte = (const unsigned char *)text;
	static const unsigned least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t size = 0;

	if (length == 0)
		return 0;
	if (byte[0] < 0x80)
		size = 1, *code = byte[0];
	else if (byte[0] >= 0xc2 && byte[0] < 0xe0)
		size = 2, *code = byte[0] & 0x1f;
	else if (byte[0] >= 0xe0 && byte[0] < 0xf0)
		size = 3, *code = byte[0] & 0x0f;
	else if (byte[0] >= 0xf0 && byte[0] < 0xf5)
		size = 4, *code = byte[0] & 0x07;
	if (size == 0 || size > length)
		return 0;
	for (size_t i = 1; i < size; i++) {
		if ((byte[i] & 0xc0) != 0x80)
			return 0;
		*code = *code << 6 | (byte[i] & 0x3f);
	}
	if (*code < least[size] || *code > 0x10ffff ||
		(*code >= 0xd800 && *code < 0xe000))
		return 0;
	return size;
}

/* The library takes a NUL for the end of the file and lets control characters
 * pass, so both are looked for first. */
static bool source_is_text(const struct ph_yaml_input *input)
{
	size_t at = 0;

	while (at < input->length) {
		unsigned code = 0;
		size_t size = ph_utf8_next(
			input->text + at, input->length - at, &code);
		struct ph_span span = {at, at + 1};

		if (size == 0) {
			ph_yaml_tell(input, "S1", span,
				"Save the file as UTF-8 text.",
				"this byte (0x%02x) is not UTF-8",
				(unsigned char)input->text[at]);
			return false;
		}
		if ((code < 0x20 && code != '\t' && code != '\n' &&
			    code != '\r') ||
			(code >= 0x7f && code < 0xa0 && code != 0x85)) {
			ph_yaml_tell(input, "S1", span,
				"Remove it, or write it as \"\\x..\" in double "
				"quotes.",
				"control character 0x%02x in the file", code);
			return false;
		}
		at += size;
	}
	return true;
}

static bool brackets_are_few(const struct ph_yaml_input *input)
{
	int open = 0;

	for (size_t at = 0; at < input->length; at++) {
		char byte = input->text[at];

		if (byte == '[' || byte == '{')
			open++;
		else if ((byte == ']' || byte == '}') && open > 0)
			open--;
		if (open <= OPEN_BRACKETS)
			continue;
		ph_yaml_tell(input, "S1", (struct ph_span){at, at + 1}, NULL,
			"more than %d brackets are open here", OPEN_BRACKETS);
		return false;
	}
	return true;
}

static bool empty_lines_are_few(const struct ph_yaml_input *input)
{
	unsigned empty = 0;

	for (size_t at = 0; at < input->length; at++) {
		char byte = input->text[at];

		if (byte == '\n')
			empty++;
		else if (strchr(" \t\r", byte) == NULL)
			empty = 0;
		if (empty <= EMPTY_LINES)
			continue;
		ph_yaml_tell(input, "S1", (struct ph_span){at, at},
			"Remove them.", "more than %d empty lines in a row",
			EMPTY_LINES);
		return false;
	}
	return true;
}

bool ph_yaml_source_check(const struct ph_yaml_input *input)
{
	return source_is_text(input) && brackets_are_few(input) &&
	       empty_lines_are_few(input);
}
