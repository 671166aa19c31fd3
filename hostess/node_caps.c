#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hostess/guestbook.h"

/* What the node of a guest book can. */

static int caps_make(struct ph_guestbook *book, size_t most)
{
	struct ph_node_caps *made;

	made = calloc(1, sizeof(*made) + most * sizeof(made->words[0]));
	if (!made)
		return -ENOMEM;
	free(book->caps);
	book->caps = made;
	return 0;
}

static void caps_add(struct ph_node_caps *caps, const char *word, size_t length)
{
	if (!word || !length || length >= PH_GUEST_WORD)
		return;
	for (size_t i = 0; i < length; i++)
		if ((unsigned char)word[i] < 0x20 || word[i] == 0x7f)
			return;
	memcpy(caps->words[caps->count++], word, length);
}

int ph_guestbook_set_caps(
	struct ph_guestbook *book, const char *const *words, unsigned count)
{
	if (count > PH_GUEST_CAPS)
		count = PH_GUEST_CAPS;
	if (caps_make(book, count) < 0)
		return -ENOMEM;
	for (unsigned i = 0; i < count; i++)
		caps_add(book->caps, words[i], strlen(words[i]));
	return 0;
}

int ph_guestbook_read_caps(struct ph_guestbook *book, struct ph_value list)
{
	size_t count = ph_value_count(list);

	if (ph_value_type(list) != PH_LIST)
		return 0;
	if (count > PH_GUEST_CAPS)
		count = PH_GUEST_CAPS;
	if (caps_make(book, count) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		size_t length;
		const char *word = ph_value_text(ph_value_at(list, i), &length);

		caps_add(book->caps, word, length);
	}
	return 0;
}

void ph_guestbook_write_caps(
	const struct ph_guestbook *book, struct ph_writer *writer)
{
	if (!book->caps)
		return;
	ph_put_list(writer, "caps");
	for (unsigned i = 0; i < book->caps->count; i++)
		ph_write_text(writer, book->caps->words[i]);
	ph_write_end(writer);
}
