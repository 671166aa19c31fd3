/* Pages of another node's menu: only a whole one of the right digest is taken,
 * memory stays bounded, and what is known is told again as it was. */
#include <stdlib.h>
#include <string.h>

#include "hostess/menu.h"
#include "hostess/menus.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

/* The book's page is read back into the same book. */
static void again(const struct ph_known_menu *menu)
{
	struct ph_mask all = {0};
	struct ph_menu_version one, other = {0};
	struct ph_guestbook book;
	struct ph_document *document;
	struct ph_writer *writer;
	const uint8_t *bytes;
	size_t length;

	must(ph_writer_create(&writer) == 0);
	ph_write_map(writer);
	ph_menu_page(&menu->book, "beta", &all, "", writer);
	ph_write_end(writer);
	must(ph_writer_finish(writer, &bytes, &length) == 0);
	must(ph_document_read(&document, bytes, length, PH_SKIM_TABLE) == 0);
	ph_guestbook_init(&book);
	must(ph_guestbook_read_caps(&book,
		     ph_value_get(ph_document_root(document), "caps")) == 0);
	must(ph_menu_read_items(&book,
		     ph_value_get(ph_document_root(document), "items")) == 0);
	ph_menu_digest(&book, &other);
	one = menu->known;
	must(other.count == one.count);
	must(memcmp(one.digest, other.digest, PH_MENU_DIGEST) == 0);
	ph_guestbook_fini(&book);
	ph_document_free(document);
	ph_writer_free(writer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ph_menu_version heard = {.epoch = 1, .version = 1, .count = 1};
	struct ph_document *document;
	struct ph_known_menu *menu;
	struct ph_known known;
	struct ph_mask mask = {0};
	char after[40] = "";
	int code = 1;

	if (ph_document_read(&document, data, size, PH_SKIM_TABLE) < 0)
		return 0;
	ph_known_init(&known);
	menu = ph_known_hear(&known, "beta", &heard, 1);
	must(menu != NULL);
	/* The same page, while it asks for more. */
	for (unsigned i = 0; i < 3 && code == 1; i++)
		code = ph_menu_take(
			&known, menu, ph_document_root(document), 2, after);
	must(code <= 1 && known.guests == menu->book.count);
	if (code == 0 && menu->known.version) {
		must(menu->book.count == menu->known.count);
		must(ph_menu_room(menu, &mask) >= 0);
		again(menu);
	}
	ph_known_fini(&known);
	ph_document_free(document);
	return 0;
}
