#include "controlsurface/yaml_print.h"

#include <ctype.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

/* What YAML readers that guess types take for something else than text. */
static bool is_ambiguous(const char *text)
{
	static const char *const words[] = {"null", "true", "false", "yes",
		"no", "on", "off", "y", "n", "~", "<<", "="};

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (strcasecmp(text, words[i]) == 0)
			return true;
	/* Numbers, dates, times. */
	return isdigit((unsigned char)text[0]) || strchr("+-.", text[0]);
}

/* Can it begin a plain text? */
static bool begins_plain(const char *text, bool flow)
{
	static const char flows[] = ",[]{}";
	unsigned char next = (unsigned char)text[1];

	if (strncmp(text, "---", 3) == 0 || strncmp(text, "...", 3) == 0)
		return false;
	if (strchr("-?:", text[0]) != NULL)
		return next > ' ' && !(flow && strchr(flows, next) != NULL);
	return strchr(",[]{}#&*!|>'\"%@`", text[0]) == NULL;
}

static bool is_plain(const char *text, bool flow)
{
	size_t length = strlen(text);

	if (length == 0 || text[length - 1] == ' ' || text[0] == ' ' ||
		!begins_plain(text, flow))
		return false;
	for (size_t i = 0; i < length; i++) {
		unsigned char byte = (unsigned char)text[i];
		char next = text[i + 1];

		if (byte < 0x20 || byte == 0x7f)
			return false;
		if (byte == ':' && (next == '\0' || next == ' ' ||
					   (flow && strchr(",[]{}", next))))
			return false;
		if (byte == '#' && i > 0 && text[i - 1] == ' ')
			return false;
		if (flow && strchr(",[]{}", byte) != NULL)
			return false;
	}
	return true;
}

/* Of more bytes: what is no good in a file as it is. */
static bool is_odd(unsigned code)
{
	return (code >= 0x80 && code < 0xa0) || code == 0x2028 ||
	       code == 0x2029 || code == 0xfeff ||
	       (code >= 0x202a && code <= 0x202e) ||
	       (code >= 0x2066 && code <= 0x2069);
}

static void quoted_print(FILE *out, const char *text)
{
	static const char letters[] = "abtnvfr";
	size_t length = strlen(text);

	fputc('"', out);
	for (size_t at = 0; at < length;) {
		unsigned code = 0;
		size_t size = ph_utf8_next(text + at, length - at, &code);

		if (size == 0)
			size = 1;
		if (code == '"' || code == '\\')
			fprintf(out, "\\%c", (char)code);
		else if (code >= 7 && code <= 13)
			fprintf(out, "\\%c", letters[code - 7]);
		else if (code < 0x20 || code == 0x7f)
			fprintf(out, "\\x%02x", code);
		else if (is_odd(code))
			fprintf(out, "\\u%04x", code);
		else
			fwrite(text + at, 1, size, out);
		at += size;
	}
	fputc('"', out);
}

static bool has_odd(const char *text)
{
	size_t length = strlen(text);

	for (size_t at = 0; at < length;) {
		unsigned code = 0;
		size_t size = ph_utf8_next(text + at, length - at, &code);

		if (size == 0 || is_odd(code))
			return true;
		at += size;
	}
	return false;
}

void ph_yaml_print_text(FILE *out, const struct ph_yaml_node *node, bool flow)
{
	const char *text = node->text;

	if (node->absent)
		return;
	if (is_plain(text, flow) && !has_odd(text) &&
		(node->plain || !is_ambiguous(text)))
		fputs(text, out);
	else
		quoted_print(out, text);
}

/* Lines whose blanks a reader would touch are kept in quotes. */
static bool are_lines(const char *text)
{
	size_t length = strlen(text);

	if (strchr(text, '\n') == NULL || strchr(" \n\t", text[0]) != NULL ||
		has_odd(text))
		return false;
	if (length > 1 && strcmp(text + length - 2, "\n\n") == 0)
		return false;
	for (size_t i = 0; i < length; i++) {
		unsigned char byte = (unsigned char)text[i];

		if ((byte < 0x20 && byte != '\n') || byte == 0x7f)
			return false;
		if (byte == '\n' && i > 0 && text[i - 1] == ' ')
			return false;
	}
	return text[length - 1] != ' ';
}

bool ph_yaml_print_lines(
	FILE *out, const struct ph_yaml_node *node, unsigned indent)
{
	const char *at = node->text;

	if (node->kind != PH_YAML_TEXT || !are_lines(at))
		return false;
	while (out != NULL && *at != '\0') {
		size_t length = strcspn(at, "\n");

		if (length > 0)
			fprintf(out, "%*s%.*s", (int)indent, "", (int)length,
				at);
		fputc('\n', out);
		at += length + (at[length] == '\n');
	}
	return true;
}
