#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/manifest.h"

/* A manifest as text again, and what its words may be made of. */

const char *ph_manifest_direction(enum ph_direction direction)
{
	static const char *const names[] = {
		[PH_OUT] = "out",
		[PH_MUX] = "mux",
		[PH_IN] = "in",
		[PH_COMBINE] = "combine",
	};

	return names[direction];
}

bool ph_owner_is_valid(const char *text)
{
	size_t length = strlen(text);

	return length && length <= 64 &&
	       strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
			    "abcdefghijklmnopqrstuvwxyz"
			    "0123456789._@-") == length;
}

static bool is_media_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || (c && strchr("!#$&^_.+*-", c));
}

bool ph_media_is_valid(const char *text)
{
	const char *slash = strchr(text, '/');

	if (!slash || slash == text || !slash[1] || strlen(text) > 63)
		return false;
	for (const char *at = text; *at; at++)
		if (at != slash && !is_media_letter(*at))
			return false;
	return true;
}

static void write_words(
	FILE *file, const char *key, char *const *words, unsigned count)
{
	if (!count)
		return;
	fprintf(file, "%s:", key);
	for (unsigned i = 0; i < count; i++)
		fprintf(file, " %s", words[i]);
	fputc('\n', file);
}

char *ph_manifest_text(const struct ph_manifest *manifest)
{
	char rule[PH_AUTH_TEXT];
	char *text = NULL;
	size_t size;
	FILE *file = open_memstream(&text, &size);

	if (!file)
		return NULL;
	fprintf(file, "manifest: 1\n");
	if (manifest->class)
		fprintf(file, "class: %x\n", manifest->class);
	if (*manifest->owner)
		fprintf(file, "owner: %s\n", manifest->owner);
	if (manifest->has_auth)
		fprintf(file, "auth: %s\n",
			ph_auth_rule_format(
				&manifest->auth, rule, sizeof(rule)));
	write_words(file, "caps", manifest->caps, manifest->cap_count);
	write_words(file, "labels", manifest->labels, manifest->label_count);
	for (unsigned i = 0; i < manifest->terminal_count; i++) {
		const struct ph_manifest_terminal *at = &manifest->terminals[i];

		fprintf(file, "%s %s: %s", ph_manifest_direction(at->direction),
			at->name, *at->media ? at->media : "any");
		if (at->fd >= 0)
			fprintf(file, " fd=%d", at->fd);
		fputc('\n', file);
	}
	if (fclose(file)) {
		free(text);
		return NULL;
	}
	return text;
}

void ph_manifest_free(struct ph_manifest *manifest)
{
	if (!manifest)
		return;
	for (unsigned i = 0; i < manifest->cap_count; i++)
		free(manifest->caps[i]);
	for (unsigned i = 0; i < manifest->label_count; i++)
		free(manifest->labels[i]);
	free(manifest);
}
