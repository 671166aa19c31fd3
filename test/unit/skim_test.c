#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <msgpack.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/skim.h"
#include "proto/value.h"

/*
 * Allocations are counted by standing in front of the C library's; a
 * sanitizer stands there itself, so those runs only check the verdicts.
 */
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define COUNTING 1
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);
#else
#define COUNTING 0
#endif

static size_t allocations;

#if COUNTING
void *malloc(size_t size)
{
	allocations++;
	return __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
	allocations++;
	return __libc_calloc(count, size);
}

void *realloc(void *old, size_t size)
{
	allocations++;
	return __libc_realloc(old, size);
}
#endif

static uint64_t next_random(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

struct sample {
	const char *what;
	const char *bytes;
	size_t length;
	int result;
};

#define SAMPLE(what, bytes, result)                                            \
	{                                                                      \
		what, bytes, sizeof(bytes) - 1, result                         \
	}

static const struct sample samples[] = {
	SAMPLE("nil", "\xc0", 0),
	SAMPLE("bools", "\x92\xc2\xc3", 0),
	SAMPLE("fixints", "\x93\x00\x7f\xff", 0),
	SAMPLE("unsigned", "\x92\xcc\x01\xcf\1\2\3\4\5\6\7\x08", 0),
	SAMPLE("signed", "\x92\xd0\x81\xd3\xff\2\3\4\5\6\7\x08", 0),
	SAMPLE("floats", "\x92\xca\0\0\0\0\xcb\0\0\0\0\0\0\0\0", 0),
	SAMPLE("text", "\x94\xa1x\xd9\1x\xda\0\1x\xdb\0\0\0\1x", 0),
	SAMPLE("bytes", "\x93\xc4\1\xff\xc5\0\1\xff\xc6\0\0\0\1\0", 0),
	SAMPLE("wide list", "\x92\xdc\0\1\xc0\xdd\0\0\0\1\xc0", 0),
	SAMPLE("wide map", "\x92\xde\0\1\xa1x\xc0\xdf\0\0\0\1\xa1x\xc0", 0),
	SAMPLE("empty map and list", "\x92\x80\x90", 0),
	SAMPLE("same key one level down", "\x81\xa1x\x81\xa1x\xc0", 0),
	SAMPLE("nothing", "", -EBADMSG),
	SAMPLE("two values", "\xc0\xc0", -EBADMSG),
	SAMPLE("never used", "\xc1", -EBADMSG),
	SAMPLE("fixext", "\xd4\1\1", -EBADMSG),
	SAMPLE("timestamp", "\xd6\xff\0\0\0\0", -EBADMSG),
	SAMPLE("ext 8", "\xc7\1\1\1", -EBADMSG),
	SAMPLE("ext 32", "\xc9\xff\xff\xff\xff\1", -EBADMSG),
	SAMPLE("cut number", "\xcd\1", -EBADMSG),
	SAMPLE("cut text", "\xa2x", -EBADMSG),
	SAMPLE("cut list", "\x92\xc0", -EBADMSG),
	SAMPLE("number as key", "\x81\1\1", -EBADMSG),
	SAMPLE("bytes as key", "\x81\xc4\1x\1", -EBADMSG),
	SAMPLE("key twice", "\x82\xa1x\1\xa1x\2", -EEXIST),
	SAMPLE("key twice, other form", "\x82\xa1x\1\xd9\1x\2", -EEXIST),
	SAMPLE("NUL in text", "\xa2x\0", -EILSEQ),
	SAMPLE("NUL in longer text",
		"\xa9"
		"abc\0defgh",
		-EILSEQ),
	SAMPLE("bad byte in longer text",
		"\xa9"
		"abcdefg\x80x",
		-EILSEQ),
	SAMPLE("longer text",
		"\xaa"
		"abc\1\x7f"
		"defgh",
		0),
	SAMPLE("long keys differ at the start",
		"\x82\xa9"
		"1bcdefghi\xc0\xa9"
		"2bcdefghi\xc0",
		0),
	SAMPLE("long key twice",
		"\x82\xa9"
		"1bcdefghi\xc0\xa9"
		"1bcdefghi\xc0",
		-EEXIST),
	SAMPLE("Latin-1", "\xa1\xe4", -EILSEQ),
	SAMPLE("overlong slash", "\xa2\xc0\xaf", -EILSEQ),
	SAMPLE("overlong of three", "\xa3\xe0\x80\xaf", -EILSEQ),
	SAMPLE("surrogate", "\xa3\xed\xa0\x80", -EILSEQ),
	SAMPLE("past U+10FFFF", "\xa4\xf4\x90\x80\x80", -EILSEQ),
	SAMPLE("cut letter", "\xa2\xe2\x82", -EILSEQ),
	SAMPLE("letters", "\xa9\xc3\xa4\xe2\x82\xac\xf0\x9f\x93\xaf", 0),
};

static void verdicts(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
		const struct sample *sample = &samples[i];
		int result = ph_skim((const uint8_t *)sample->bytes,
			sample->length, PH_SKIM_PEER);

		if (result != sample->result)
			fail_msg("%s: %d, not %d", sample->what, result,
				sample->result);
	}
}

static void bomb(const void *bytes, size_t length)
{
	struct ph_document *document = NULL;
	size_t before = allocations;

	assert_true(ph_skim(bytes, length, PH_SKIM_TABLE) < 0);
	assert_true(
		ph_document_read(&document, bytes, length, PH_SKIM_TABLE) < 0);
	assert_null(document);
	assert_int_equal(allocations, before);
}

static void bombs_cost_nothing(void **state)
{
	static const char *const heads[] = {"\xdd\xff\xff\xff\xff",
		"\xdf\xff\xff\xff\xff", "\xdd\x10\0\0\0\xc0", "\xdd\x04\0\0\0",
		"\xdf\x02\0\0\0", "\xde\xff\xff\xc0\xc0",
		"\xdb\xff\xff\xff\xff", "\xc6\xff\xff\xff\xff",
		"\xc9\xff\xff\xff\xff", "\xc1\xc1\xc1\xc1\xc1"};
	static uint8_t big[1 << 20];

	(void)state;
	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++)
		bomb(heads[i], 5);
	bomb("\xdd\x10\0\0\0\xc0", 6);
	for (size_t i = 0; i < 31; i++)
		memcpy(big + 3 * i, "\xdc\xff\xff", 3);
	bomb(big, 93);
	memset(big, 0x91, 100000); /* nested 100,000 deep */
	bomb(big, 100000);
	memset(big, 0xc0, sizeof(big)); /* 1 MiB of nil in one list */
	memcpy(big, "\xdd\x00\x0f\xff\xfb", 5);
	assert_int_equal(ph_skim(big, sizeof(big), PH_SKIM_PEER), -E2BIG);
	memset(big, 0x90, sizeof(big)); /* 1 MiB of empty lists, nested */
	memcpy(big, "\xdd\x00\x0f\xff\xfb", 5);
	assert_int_equal(ph_skim(big, sizeof(big), PH_SKIM_PEER), -E2BIG);
}

/* The counter counts: a document that is read does allocate. */
static void counter_counts(void **state)
{
	struct ph_document *document;
	size_t before = allocations;

	(void)state;
	assert_int_equal(ph_document_read(&document, (const uint8_t *)"\x90", 1,
				 PH_SKIM_PEER),
		0);
	ph_document_free(document);
	if (COUNTING)
		assert_true(allocations > before);
}

static void limits(void **state)
{
	uint8_t bytes[64];

	(void)state;
	memset(bytes, 0x91, sizeof(bytes));
	for (size_t depth = 1; depth < 40; depth++) {
		int deep = depth > 16 ? -E2BIG : 0;
		int stranger = depth > 4 ? -E2BIG : 0;

		bytes[depth] = 0xc0;
		assert_int_equal(ph_skim(bytes, depth + 1, PH_SKIM_PEER), deep);
		assert_int_equal(
			ph_skim(bytes, depth + 1, PH_SKIM_STRANGER), stranger);
		/* More than the stack holds is lowered to it. */
		assert_int_equal(ph_skim(bytes, depth + 1,
					 (struct ph_skim_limits){99, 99}),
			deep);
		bytes[depth] = 0x91;
	}
	memset(bytes, 0xc0, sizeof(bytes));
	memcpy(bytes, "\xdc\0\x3d", 3); /* the list and its 61 */
	assert_int_equal(ph_skim(bytes, 64, (struct ph_skim_limits){1, 62}), 0);
	assert_int_equal(
		ph_skim(bytes, 64, (struct ph_skim_limits){1, 61}), -E2BIG);
}

/* A map of `pairs` keys k0000.. -> nil; `swap` exchanges two of them. */
static size_t large_map(uint8_t *out, unsigned pairs, int swap, int twice)
{
	size_t at = 3;

	out[0] = 0xde;
	out[1] = (uint8_t)(pairs >> 8);
	out[2] = (uint8_t)pairs;
	for (unsigned i = 0; i < pairs; i++) {
		unsigned name = i;

		if (swap && (i == 5 || i == 6))
			name = 11 - i;
		if (twice && i == pairs - 1)
			name = i - 1;
		at += (size_t)snprintf(
			(char *)out + at, 8, "\xa5k%04u\xc0", name);
	}
	return at;
}

static void large_maps_are_ordered(void **state)
{
	static uint8_t bytes[32 * 1024];
	static const unsigned counts[] = {64, 65, 2000};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		unsigned n = counts[i];
		size_t length = large_map(bytes, n, 0, 0);

		assert_int_equal(ph_skim(bytes, length, PH_SKIM_PEER), 0);
		length = large_map(bytes, n, 1, 0);
		assert_int_equal(ph_skim(bytes, length, PH_SKIM_PEER),
			n > 64 ? -E2BIG : 0);
		length = large_map(bytes, n, 0, 1);
		assert_int_equal(ph_skim(bytes, length, PH_SKIM_PEER), -EEXIST);
	}
}

static void keys_are_short(void **state)
{
	uint8_t bytes[300];

	(void)state;
	memset(bytes, 'k', sizeof(bytes));
	memcpy(bytes, "\x81\xda\0\xff", 4);
	bytes[4 + 255] = 0xc0;
	assert_int_equal(ph_skim(bytes, 4 + 256, PH_SKIM_PEER), 0);
	memcpy(bytes, "\x81\xda\1\0", 4);
	bytes[4 + 255] = 'k';
	bytes[4 + 256] = 0xc0;
	assert_int_equal(ph_skim(bytes, 4 + 257, PH_SKIM_PEER), -E2BIG);
}

/* A random value, packed by msgpack-c itself. */
static void pack_random(msgpack_packer *packer, uint64_t *seed, int depth)
{
	uint64_t r = next_random(seed);
	unsigned count = (unsigned)(r >> 8) % 5;
	char key[2] = {'a', 0};

	switch (r % (depth ? 9 : 7)) {
	case 0:
		msgpack_pack_nil(packer);
		break;
	case 1:
		msgpack_pack_int64(packer, (int64_t)(r >> (r >> 56) % 60));
		break;
	case 2:
		msgpack_pack_int64(packer, -(int64_t)(r >> (r >> 56) % 60));
		break;
	case 3:
		msgpack_pack_double(packer, (double)r);
		break;
	case 4:
		msgpack_pack_str_with_body(
			packer, "\xc3\xa4xyz", 2 + count % 4);
		break;
	case 5:
		msgpack_pack_bin_with_body(packer, &r, count);
		break;
	case 6:
		msgpack_pack_true(packer);
		break;
	case 7:
		msgpack_pack_array(packer, count);
		for (unsigned i = 0; i < count; i++)
			pack_random(packer, seed, depth - 1);
		break;
	default:
		msgpack_pack_map(packer, count);
		for (unsigned i = 0; i < count; i++, key[0]++) {
			msgpack_pack_str_with_body(packer, key, 1);
			pack_random(packer, seed, depth - 1);
		}
	}
}

static size_t mutate(char *bytes, size_t length, uint64_t *seed)
{
	uint64_t edits = next_random(seed) % 4;

	while (edits-- && length) {
		uint64_t r = next_random(seed);
		size_t at = (r >> 32) % length;

		if (r % 8 == 0)
			length = at;
		else if (r % 8 < 4)
			bytes[at] ^= (char)(1 << (r >> 8) % 8);
		else
			bytes[at] = (char)(r >> 16);
	}
	return length;
}

static bool text_clean(const msgpack_object_str *text)
{
	return ph_text_valid(text->ptr, text->size) == text->size;
}

static bool object_clean(const msgpack_object *object, unsigned depth);

static bool map_clean(const msgpack_object_map *map, unsigned depth)
{
	for (uint32_t i = 0; i < map->size; i++) {
		const msgpack_object *key = &map->ptr[i].key;

		if (key->type != MSGPACK_OBJECT_STR ||
			!text_clean(&key->via.str) || key->via.str.size > 255)
			return false;
		for (uint32_t j = 0; j < i; j++)
			if (msgpack_object_equal(map->ptr[j].key, *key))
				return false;
		if (!object_clean(&map->ptr[i].val, depth - 1))
			return false;
	}
	return true;
}

/* The skimmer's rules once more, on what msgpack-c made of the bytes. */
static bool object_clean(const msgpack_object *object, unsigned depth)
{
	switch (object->type) {
	case MSGPACK_OBJECT_EXT:
		return false;
	case MSGPACK_OBJECT_STR:
		return text_clean(&object->via.str);
	case MSGPACK_OBJECT_MAP:
		return depth && map_clean(&object->via.map, depth);
	case MSGPACK_OBJECT_ARRAY:
		if (!depth)
			return false;
		for (uint32_t i = 0; i < object->via.array.size; i++)
			if (!object_clean(&object->via.array.ptr[i], depth - 1))
				return false;
		return true;
	default:
		return true;
	}
}

/* Whether msgpack-c takes all of it, and finds it clean. Wild counts are kept
 * from it: it would allocate for them. */
static void compare(const char *bytes, size_t length, unsigned *accepted)
{
	int mine = ph_skim((const uint8_t *)bytes, length, PH_SKIM_PEER);
	msgpack_unpacked theirs;
	size_t at = 0;
	bool clean;

	for (size_t i = 0; mine && i < length; i++)
		if ((uint8_t)bytes[i] >= 0xdc && (uint8_t)bytes[i] <= 0xdf)
			return;
	msgpack_unpacked_init(&theirs);
	clean = msgpack_unpack_next(&theirs, bytes, length, &at) ==
			MSGPACK_UNPACK_SUCCESS &&
		at == length && object_clean(&theirs.data, 16);
	msgpack_unpacked_destroy(&theirs);
	if (clean != !mine)
		fail_msg("skimmer says %d, msgpack-c %s", mine,
			clean ? "takes it" : "does not");
	*accepted += !mine;
}

static void agrees_with_msgpack(void **state)
{
	uint64_t seed = 20;
	msgpack_sbuffer buffer;
	msgpack_packer packer;
	unsigned accepted = 0;
	size_t length;

	(void)state;
	msgpack_sbuffer_init(&buffer);
	msgpack_packer_init(&packer, &buffer, msgpack_sbuffer_write);
	for (unsigned i = 0; i < 200000; i++) {
		msgpack_sbuffer_clear(&buffer);
		pack_random(&packer, &seed, 1 + (int)(i % 5));
		length = mutate(buffer.data, buffer.size, &seed);
		compare(buffer.data, length, &accepted);
	}
	msgpack_sbuffer_destroy(&buffer);
	assert_in_range(accepted, 50000, 199000);
}

/* No start of a document is a document. */
static void cut_short(void **state)
{
	uint64_t seed = 4;
	msgpack_sbuffer buffer;
	msgpack_packer packer;

	(void)state;
	msgpack_sbuffer_init(&buffer);
	msgpack_packer_init(&packer, &buffer, msgpack_sbuffer_write);
	for (unsigned i = 0; i < 500; i++) {
		const uint8_t *data;

		msgpack_sbuffer_clear(&buffer);
		pack_random(&packer, &seed, 4);
		data = (const uint8_t *)buffer.data;
		assert_int_equal(ph_skim(data, buffer.size, PH_SKIM_PEER), 0);
		for (size_t cut = 0; cut < buffer.size; cut++)
			assert_int_equal(
				ph_skim(data, cut, PH_SKIM_PEER), -EBADMSG);
	}
	msgpack_sbuffer_destroy(&buffer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(verdicts),
		cmocka_unit_test(bombs_cost_nothing),
		cmocka_unit_test(counter_counts),
		cmocka_unit_test(limits),
		cmocka_unit_test(large_maps_are_ordered),
		cmocka_unit_test(keys_are_short),
		cmocka_unit_test(agrees_with_msgpack),
		cmocka_unit_test(cut_short),
	};

	return cmocka_run_group_tests_name("skim", tests, NULL, NULL);
}
