#include "controlsurface/save_inner.h"

#include <stdbool.h>
#include <string.h>

#include "proto/address.h"

/* --- scalars --- */

/* Without quotes where nobody could read it otherwise. */
static bool is_plain(const char *text, size_t length)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz"
				      "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				      "_./+@%=";

	if (!length || strchr("-.=@%", text[0]) || !strncmp(text, "<<", 2))
		return false;
	for (size_t i = 0; i < length; i++) {
		if (!text[i] || (!strchr(letters, text[i]) && text[i] != '-'))
			return false;
	}
	return true;
}

/* Within double quotes, as YAML 1.2 (7.3.1) wants it; ${ would be a variable
 * again. */
void ph_save_quoted(FILE *out, const char *text, size_t length)
{
	fputc('"', out);
	for (size_t i = 0; i < length; i++) {
		unsigned char letter = (unsigned char)text[i];

		if (letter == '"' || letter == '\\')
			fprintf(out, "\\%c", letter);
		else if (letter < 0x20 || letter == 0x7f)
			fprintf(out, "\\x%02x", letter);
		else if (letter == '$' && i + 1 < length && text[i + 1] == '{')
			fputs("$$", out);
		else
			fputc(letter, out);
	}
	fputc('"', out);
}

void ph_save_text(FILE *out, const char *text, size_t length)
{
	if (is_plain(text, length))
		fwrite(text, 1, length, out);
	else
		ph_save_quoted(out, text, length);
}

void ph_save_value(FILE *out, struct ph_value value)
{
	size_t length;
	const char *text = ph_value_text(value, &length);

	if (text)
		ph_save_text(out, text, length);
	else
		fprintf(out, "%lld", (long long)ph_value_int(value, 0));
}

/* --- one server --- */

static void put_list(FILE *out, const char *key, struct ph_value list)
{
	if (!ph_value_count(list))
		return;
	fprintf(out, "    %s: [", key);
	for (size_t i = 0; i < ph_value_count(list); i++) {
		fputs(i ? ", " : "", out);
		ph_save_value(out, ph_value_at(list, i));
	}
	fputs("]\n", out);
}

static void put_map(FILE *out, const char *key, struct ph_value map)
{
	if (!ph_value_count(map))
		return;
	fprintf(out, "    %s:\n", key);
	for (size_t i = 0; i < ph_value_count(map); i++) {
		fputs("      ", out);
		ph_save_value(out, ph_value_key(map, i));
		fputs(": ", out);
		ph_save_value(out, ph_value_item(map, i));
		fputc('\n', out);
	}
}

/* In a map that is open. */
void ph_save_labels(FILE *out, struct ph_value labels)
{
	if (!ph_value_count(labels))
		return;
	fputs(", labels: {", out);
	for (size_t i = 0; i < ph_value_count(labels); i++) {
		fputs(i ? ", " : "", out);
		ph_save_value(out, ph_value_key(labels, i));
		fputs(": ", out);
		ph_save_value(out, ph_value_item(labels, i));
	}
	fputc('}', out);
}

static void put_terminals(
	FILE *out, const char *key, struct ph_value list, bool bundled)
{
	if (!ph_value_count(list))
		return;
	fprintf(out, "    %s:\n", key);
	for (size_t i = 0; i < ph_value_count(list); i++) {
		struct ph_value item = ph_value_at(list, i);
		struct ph_value type = ph_value_get(item, "type");

		fputs("      ", out);
		ph_save_value(out, ph_value_get(item, "name"));
		fputs(": {kind: ", out);
		ph_save_value(out, ph_value_get(item, "kind"));
		if (!bundled)
			fprintf(out, ", fd: %lld",
				(long long)ph_get_int(item, "fd"));
		if (ph_value_type(type) == PH_TEXT && !ph_value_is(type, "")) {
			fputs(", type: ", out);
			ph_save_value(out, type);
		}
		ph_save_labels(out, ph_value_get(item, "labels"));
		fputs("}\n", out);
	}
}

/* Lists and maps first; anything else is one word. */
static const char *const words[] = {"use", "placement", "restart", "drain",
	"framing", "cwd", "owner", "auth", "confine", "ready", "start_timeout",
	"stop_timeout", "watchdog", "group", "strategy", "manifest"};

static void put_words(FILE *out, struct ph_value spec)
{
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		struct ph_value value = ph_value_get(spec, words[i]);

		if (ph_value_type(value) != PH_TEXT)
			continue;
		fprintf(out, "    %s: ", words[i]);
		ph_save_value(out, value);
		fputc('\n', out);
	}
	if (ph_value_type(ph_value_get(spec, "class")) == PH_INT)
		fprintf(out, "    class: 0x%llx\n",
			(unsigned long long)ph_get_u64(spec, "class"));
}

/* `needs`: of the whole part. Names are unique in a file, so the node of one
 * that runs elsewhere need not be said. */
static void put_needs(FILE *out, struct ph_value needs, struct ph_value spec)
{
	char name[2 * PH_NAME_MAX + 2];
	struct ph_value list;

	ph_get_copy(spec, "name", name, sizeof(name));
	list = ph_value_get(needs, name);
	if (!ph_value_count(list))
		return;
	fputs("    needs: [", out);
	for (size_t i = 0; i < ph_value_count(list); i++) {
		const char *slash;

		ph_value_copy(ph_value_at(list, i), name, sizeof(name));
		slash = strchr(name, '/');
		fputs(i ? ", " : "", out);
		ph_save_text(out, slash ? slash + 1 : name,
			strlen(slash ? slash + 1 : name));
	}
	fputs("]\n", out);
}

void ph_save_server(FILE *out, const char *node, struct ph_value spec,
	struct ph_value needs)
{
	bool bundled = ph_value_type(ph_value_get(spec, "use")) == PH_TEXT;

	fputs("  ", out);
	ph_save_value(out, ph_value_get(spec, "name"));
	fputs(":\n    host: ", out);
	ph_save_text(out, node, strlen(node));
	fputc('\n', out);
	put_list(out, "exec", ph_value_get(spec, "exec"));
	put_words(out, spec);
	put_map(out, "with", ph_value_get(spec, "with"));
	put_map(out, "env", ph_value_get(spec, "env"));
	put_map(out, "labels", ph_value_get(spec, "labels"));
	put_list(out, "caps", ph_value_get(spec, "caps"));
	put_map(out, "limits", ph_value_get(spec, "limits"));
	put_list(out, "require", ph_value_get(spec, "require"));
	put_needs(out, needs, spec);
	put_terminals(out, "in", ph_value_get(spec, "in"), bundled);
	put_terminals(out, "out", ph_value_get(spec, "out"), bundled);
}
