#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "hostess/guestbook.h"
#include "hostess/manifest.h"
#include "proto/address.h"
#include "proto/manifest.h"
#include "proto/server.h"

/* The manifests that are compiled in: each is what the Hostess takes. */

#define UUID "6ba7b810-9dad-51d1-80b4-00c04fd430c8"

static void test_names_and_media(void **state)
{
	for (size_t i = 0; ph_bundled_servers[i]; i++) {
		const struct ph_server_type *type = ph_bundled_servers[i];

		assert_true(ph_name_is_valid(type->name, strlen(type->name)));
		assert_ptr_equal(ph_bundled_find(type->name), type);
		assert_true(type->sentence && *type->sentence);
		assert_non_null(type->open);
		assert_non_null(type->close);
		assert_in_range(type->terminal_count, 1, PH_MANIFEST_TERMINALS);
		for (size_t j = 0; j < type->terminal_count; j++)
			assert_true(
				!*type->terminals[j].media ||
				ph_media_is_valid(type->terminals[j].media));
	}
}

/* Who reads one must also handle its events. */
static void test_inputs_are_read_and_outputs_fed(void **state)
{
	for (size_t i = 0; ph_bundled_servers[i]; i++) {
		const struct ph_server_type *type = ph_bundled_servers[i];

		for (size_t j = 0; j < type->terminal_count; j++) {
			enum ph_direction direction =
				type->terminals[j].direction;

			assert_in_range(direction, PH_OUT, PH_COMBINE);
			if (direction == PH_IN || direction == PH_COMBINE)
				assert_non_null(type->on_readable);
		}
	}
}

static void test_parameters(void **state)
{
	for (size_t i = 0; ph_bundled_servers[i]; i++) {
		const struct ph_server_type *type = ph_bundled_servers[i];

		for (size_t j = 0; j < type->parameter_count; j++) {
			assert_true(*type->parameters[j].name != '\0');
			assert_true(*type->parameters[j].sentence != '\0');
			assert_in_range(type->parameters[j].kind,
				PH_PARAMETER_TEXT, PH_PARAMETER_DURATION);
			for (size_t k = 0; k < j; k++)
				assert_string_not_equal(
					type->parameters[j].name,
					type->parameters[k].name);
		}
	}
}

static void manifest_write(
	const struct ph_server_type *type, struct ph_writer *writer)
{
	struct ph_identity identity = {.class = type->class,
		.fqdn = "alpha.example",
		.owner = "ops",
		.mechanism = "none",
		.uuid = UUID};
	char text[PH_IDENTITY_MAX + 1];

	strncpy(identity.server, type->name, sizeof(identity.server) - 1);
	assert_true(ph_identity_format(&identity, text, sizeof(text)) >= 0);
	ph_write_map(writer);
	ph_put_text(writer, "identity", text);
	ph_put_text(writer, "server", type->name);
	ph_put_list(writer, "terminals");
	for (size_t i = 0; i < type->terminal_count; i++) {
		ph_write_map(writer);
		ph_put_text(writer, "name", type->terminals[i].name);
		ph_put_text(writer, "direction",
			ph_direction_name(type->terminals[i].direction));
		ph_put_text(writer, "type", type->terminals[i].media);
		ph_put_int(writer, "handle", (int64_t)i + 1);
		ph_write_end(writer);
	}
	ph_write_end(writer);
	ph_write_end(writer);
}

static void test_the_guest_book_takes_them_all(void **state)
{
	struct ph_guestbook book;
	struct ph_writer *writer;
	size_t count = 0;

	ph_guestbook_init(&book);
	assert_int_equal(ph_writer_create(&writer), 0);
	for (; ph_bundled_servers[count]; count++) {
		const struct ph_server_type *type = ph_bundled_servers[count];
		struct ph_document *document;
		struct ph_error error = {0};
		struct ph_guest *guest;

		ph_writer_reset(writer);
		manifest_write(type, writer);
		assert_int_equal(
			ph_document_written(&document, writer, PH_SKIM_TABLE),
			0);
		ph_guestbook_enter(
			&book, ph_document_root(document), &guest, &error);
		assert_string_equal(error.what, "");
		assert_int_equal(guest->terminal_count, type->terminal_count);
		ph_document_free(document);
	}
	assert_int_equal(ph_guestbook_count(&book), count);
	assert_true(count >= 6);
	ph_writer_free(writer);
	ph_guestbook_fini(&book);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names_and_media),
		cmocka_unit_test(test_inputs_are_read_and_outputs_fed),
		cmocka_unit_test(test_parameters),
		cmocka_unit_test(test_the_guest_book_takes_them_all),
	};

	return cmocka_run_group_tests_name("bundled", tests, NULL, NULL);
}
