/*
 * The skimmer against msgpack-c: what it takes, msgpack-c unpacks to the last
 * byte; and a copy by our writer is taken again.
 */
#include <msgpack.h>
#include <stdlib.h>

#include "proto/skim.h"
#include "proto/value.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void unpack(const uint8_t *data, size_t size)
{
	msgpack_unpacked unpacked;
	size_t at = 0;

	msgpack_unpacked_init(&unpacked);
	must(msgpack_unpack_next(&unpacked, (const char *)data, size, &at) ==
		MSGPACK_UNPACK_SUCCESS);
	must(at == size);
	msgpack_unpacked_destroy(&unpacked);
}

static void copy(const uint8_t *data, size_t size)
{
	struct ph_document *document;
	struct ph_writer *writer;
	const uint8_t *bytes;
	size_t length;

	must(!ph_document_read(&document, data, size, PH_SKIM_PEER));
	must(!ph_writer_create(&writer));
	ph_write_value(writer, ph_document_root(document));
	must(!ph_writer_finish(writer, &bytes, &length));
	must(!ph_skim(bytes, length, PH_SKIM_PEER));
	must(length <= size);
	ph_writer_free(writer);
	ph_document_free(document);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (ph_skim(data, size, PH_SKIM_PEER))
		return 0;
	unpack(data, size);
	copy(data, size);
	return 0;
}
