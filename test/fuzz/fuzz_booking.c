/* Bookings as a store has them: whatever is taken becomes one reservation of a
 * terminal, or waits for its server; nothing else changes. */
#include <stdlib.h>
#include <string.h>

#include "hostess/hostess_inner.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void server_enter(
	struct ph_guestbook *book, struct ph_ledger *ledger, const char *name)
{
	static const char identity[] =
		"a.b:sink:2a:ops:no:none:6ba7b810-9dad-51d1-80b4-00c04fd430c8";
	struct ph_document *document;
	struct ph_writer *writer;
	struct ph_guest *guest;
	const uint8_t *bytes;
	size_t length;

	must(ph_writer_create(&writer) == 0);
	ph_write_map(writer);
	ph_put_text(writer, "identity", identity);
	ph_put_text(writer, "server", name);
	ph_put_list(writer, "terminals");
	ph_write_map(writer);
	ph_put_text(writer, "name", "in");
	ph_put_text(writer, "direction", "in");
	ph_put_int(writer, "handle", 1);
	ph_write_end(writer);
	ph_write_end(writer);
	ph_write_end(writer);
	must(ph_writer_finish(writer, &bytes, &length) == 0);
	must(ph_document_read(&document, bytes, length, PH_SKIM_TABLE) == 0);
	must(ph_guestbook_enter(
		     book, ph_document_root(document), &guest, NULL) == 0);
	ph_ledger_arrive(ledger, 2, guest);
	ph_document_free(document);
	ph_writer_free(writer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct ph_skim_limits limits = {
		.depth = 2, .elements = 64};
	struct ph_document *document;
	struct ph_reservation like;
	struct ph_guestbook book;
	struct ph_ledger ledger;
	unsigned before;

	if (ph_document_read(&document, data, size, limits) < 0)
		return 0;
	ph_guestbook_init(&book);
	ph_ledger_init(&ledger, &book, "alpha", 3);
	if (ph_hostess_record_read(
		    &like, ph_document_root(document), "beta#1.2") == 0 &&
		ph_ledger_restore(&ledger, 1, &like) == 0) {
		must(ph_ledger_count(&ledger) == 1);
		must(ph_ledger_restore(&ledger, 1, &like) < 0);
		must(ph_ledger_find(&ledger, 1, "beta#1.2") != NULL);
	}
	before = ph_ledger_count(&ledger);
	server_enter(&book, &ledger, "sink");
	must(ph_ledger_count(&ledger) <= before);
	must(book.ordered[0]->terminals[0].in_use <= 1);
	ph_ledger_tick(&ledger, INT64_MAX / 2);
	must(ph_ledger_count(&ledger) == 0);
	must(book.ordered[0]->terminals[0].in_use == 0);
	ph_ledger_fini(&ledger);
	ph_guestbook_fini(&book);
	ph_document_free(document);
	return 0;
}
