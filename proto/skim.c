#include "proto/skim.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

/*
 * One pass, no recursion, no allocation: a stack of at most PH_SKIM_DEPTH open
 * containers, each with what is still to come in it.
 */
struct key {
	const uint8_t *bytes;
	uint64_t mark; /* length in the low byte, then the last 7 bytes */
};

struct level {
	uint64_t left; /* values still to come; a pair is two */
	bool map;
	bool ordered; /* too many pairs to remember their keys */
	uint32_t known;
	struct key keys[PH_SKIM_KEYS]; /* ordered: only the last one, [0] */
};

struct skimmer {
	const uint8_t *data;
	size_t length;
	size_t at;
	struct ph_skim_limits limits;
	uint64_t owed; /* values promised by open containers */
	uint32_t elements;
	unsigned depth;
	struct level levels[PH_SKIM_DEPTH];
};

/* What the first bytes 0xc0..0xdf mean: the kind, and how many bytes of
 * big-endian number follow. A kind of -1 is refused: never used, and ext. */
struct meaning {
	int8_t kind;
	uint8_t width;
};

static const struct meaning meanings[32] = {
	[0x00] = {PH_HEAD_NIL, 0},
	[0x01] = {-1, 0},
	[0x02] = {PH_HEAD_BOOL, 0},
	[0x03] = {PH_HEAD_BOOL, 0},
	[0x04] = {PH_HEAD_BYTES, 1},
	[0x05] = {PH_HEAD_BYTES, 2},
	[0x06] = {PH_HEAD_BYTES, 4},
	[0x07] = {-1, 0},
	[0x08] = {-1, 0},
	[0x09] = {-1, 0},
	[0x0a] = {PH_HEAD_FLOAT, 4},
	[0x0b] = {PH_HEAD_FLOAT, 8},
	[0x0c] = {PH_HEAD_POSITIVE, 1},
	[0x0d] = {PH_HEAD_POSITIVE, 2},
	[0x0e] = {PH_HEAD_POSITIVE, 4},
	[0x0f] = {PH_HEAD_POSITIVE, 8},
	[0x10] = {PH_HEAD_NEGATIVE, 1},
	[0x11] = {PH_HEAD_NEGATIVE, 2},
	[0x12] = {PH_HEAD_NEGATIVE, 4},
	[0x13] = {PH_HEAD_NEGATIVE, 8},
	[0x14] = {-1, 0},
	[0x15] = {-1, 0},
	[0x16] = {-1, 0},
	[0x17] = {-1, 0},
	[0x18] = {-1, 0},
	[0x19] = {PH_HEAD_TEXT, 1},
	[0x1a] = {PH_HEAD_TEXT, 2},
	[0x1b] = {PH_HEAD_TEXT, 4},
	[0x1c] = {PH_HEAD_LIST, 2},
	[0x1d] = {PH_HEAD_LIST, 4},
	[0x1e] = {PH_HEAD_MAP, 2},
	[0x1f] = {PH_HEAD_MAP, 4},
};

static void head_set(
	struct ph_head *head, enum ph_head_kind kind, uint64_t value)
{
	head->kind = kind;
	head->size = 1;
	head->value = value;
}

/* First bytes that carry their number within: everything but 0xc0..0xdf. */
static void head_short(struct ph_head *head, uint8_t first)
{
	if (first < 0x80)
		head_set(head, PH_HEAD_POSITIVE, first);
	else if (first < 0x90)
		head_set(head, PH_HEAD_MAP, first & 0x0f);
	else if (first < 0xa0)
		head_set(head, PH_HEAD_LIST, first & 0x0f);
	else if (first < 0xc0)
		head_set(head, PH_HEAD_TEXT, first & 0x1f);
	else
		head_set(head, PH_HEAD_NEGATIVE, (uint64_t)(int8_t)first);
}

static uint64_t load_big(const uint8_t *bytes, unsigned width)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < width; i++)
		value = value << 8 | bytes[i];
	return value;
}

/* Signed formats may hold either sign. */
static void head_sign(struct ph_head *head, unsigned width)
{
	unsigned shift = 64 - 8 * width;

	head->value = (uint64_t)((int64_t)(head->value << shift) >> shift);
	if ((int64_t)head->value >= 0)
		head->kind = PH_HEAD_POSITIVE;
}

static int head_long(struct ph_head *head, const uint8_t *data, size_t length)
{
	const struct meaning *meaning = &meanings[data[0] - 0xc0];

	if (meaning->kind < 0 || length - 1 < meaning->width)
		return -EBADMSG;
	head->kind = (enum ph_head_kind)meaning->kind;
	head->size = 1 + (size_t)meaning->width;
	head->value = load_big(data + 1, meaning->width);
	if (head->kind == PH_HEAD_NEGATIVE)
		head_sign(head, meaning->width);
	if (head->kind == PH_HEAD_BOOL)
		head->value = data[0] == 0xc3;
	return 0;
}

static bool head_is_string(const struct ph_head *head)
{
	return head->kind == PH_HEAD_TEXT || head->kind == PH_HEAD_BYTES;
}

int ph_head_read(struct ph_head *head, const uint8_t *data, size_t length)
{
	int error = 0;

	if (!length)
		return -EBADMSG;
	if (data[0] >= 0xc0 && data[0] < 0xe0)
		error = head_long(head, data, length);
	else
		head_short(head, data[0]);
	if (error)
		return error;
	if (head_is_string(head) && head->value > length - head->size)
		return -EBADMSG;
	return 0;
}

/* Bytes of the UTF-8 sequence at text, or 0 (Unicode 15, table 3-7). */
static size_t sequence_length(const uint8_t *text, size_t length)
{
	uint8_t first = text[0];
	uint8_t low = 0x80;
	uint8_t high = 0xbf;
	size_t need;

	if (first < 0x80)
		return first != 0;
	if (first < 0xc2 || first > 0xf4)
		return 0;
	need = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
	if (first == 0xe0)
		low = 0xa0;
	else if (first == 0xed)
		high = 0x9f;
	else if (first == 0xf0)
		low = 0x90;
	else if (first == 0xf4)
		high = 0x8f;
	if (length < need || text[1] < low || text[1] > high)
		return 0;
	for (size_t i = 2; i < need; i++)
		if ((text[i] & 0xc0) != 0x80)
			return 0;
	return need;
}

/* Eight bytes at once: all of them 0x01 to 0x7f. */
static bool is_plain(const uint8_t *text)
{
	uint64_t word;

	memcpy(&word, text, sizeof(word));
	return !((word | (word - UINT64_C(0x0101010101010101))) &
		 UINT64_C(0x8080808080808080));
}

size_t ph_text_valid(const char *text, size_t length)
{
	const uint8_t *bytes = (const uint8_t *)text;
	size_t at = 0;
	size_t step;

	while (at < length) {
		if (length - at >= 8 && is_plain(bytes + at)) {
			at += 8;
			continue;
		}
		step = sequence_length(bytes + at, length - at);
		if (!step)
			break;
		at += step;
	}
	return at;
}

static size_t key_length(const struct key *key)
{
	return key->mark & 0xff;
}

static struct key key_of(const uint8_t *bytes, size_t length)
{
	size_t tail = length < 7 ? length : 7;
	uint64_t mark = 0;

	for (size_t i = length - tail; i < length; i++)
		mark = mark << 8 | bytes[i];
	return (struct key){.bytes = bytes, .mark = mark << 8 | length};
}

/* Nearly always the marks tell: a map of many short keys stays cheap. */
static bool key_equal(const struct key *left, const struct key *right)
{
	return left->mark == right->mark &&
	       !memcmp(left->bytes, right->bytes, key_length(left));
}

static int key_order(const struct key *left, const struct key *right)
{
	size_t one = key_length(left);
	size_t other = key_length(right);
	int order =
		memcmp(left->bytes, right->bytes, one < other ? one : other);

	return order ? order : (one > other) - (one < other);
}

/* A key of a large map: must come after the one before it. */
static int key_follow(struct level *level, const struct key *key)
{
	int order = level->known ? key_order(&level->keys[0], key) : -1;

	level->keys[0] = *key;
	level->known = 1;
	if (!order)
		return -EEXIST;
	return order < 0 ? 0 : -E2BIG;
}

static int key_remember(struct level *level, const struct key *key)
{
	for (uint32_t i = 0; i < level->known; i++)
		if (key_equal(&level->keys[i], key))
			return -EEXIST;
	level->keys[level->known++] = *key;
	return 0;
}

static int skim_key(
	struct level *level, const struct ph_head *head, const uint8_t *bytes)
{
	struct key key;

	if (head->kind != PH_HEAD_TEXT)
		return -EBADMSG;
	if (head->value > PH_SKIM_KEY_MAX)
		return -E2BIG;
	key = key_of(bytes, head->value);
	return level->ordered ? key_follow(level, &key)
			      : key_remember(level, &key);
}

/* Opens a container: what it promises must fit into the bytes that are left,
 * together with all that is promised already. */
static int skim_open(struct skimmer *skimmer, const struct ph_head *head)
{
	bool map = head->kind == PH_HEAD_MAP;
	uint64_t values = map ? head->value * 2 : head->value;
	struct level *level;

	if (skimmer->owed + values > skimmer->length - skimmer->at)
		return -EBADMSG;
	if (skimmer->depth >= skimmer->limits.depth ||
		skimmer->elements + skimmer->owed + values >
			skimmer->limits.elements)
		return -E2BIG;
	if (!values)
		return 0;
	level = &skimmer->levels[skimmer->depth++];
	level->left = values;
	level->map = map;
	level->ordered = map && head->value > PH_SKIM_KEYS;
	level->known = 0;
	skimmer->owed += values;
	return 0;
}

/* What the container that is open expects next. */
static int skim_expected(struct skimmer *skimmer, const struct ph_head *head,
	const uint8_t *content)
{
	struct level *level;

	if (!skimmer->depth)
		return 0;
	level = &skimmer->levels[skimmer->depth - 1];
	skimmer->owed--;
	level->left--;
	/* Of a pair the key leaves an odd number to come. */
	if (level->map && level->left % 2)
		return skim_key(level, head, content);
	return 0;
}

static int skim_value(struct skimmer *skimmer)
{
	const uint8_t *here = skimmer->data + skimmer->at;
	struct ph_head head;
	int error = ph_head_read(&head, here, skimmer->length - skimmer->at);

	if (error)
		return error;
	if (++skimmer->elements > skimmer->limits.elements)
		return -E2BIG;
	error = skim_expected(skimmer, &head, here + head.size);
	if (error)
		return error;
	skimmer->at += head.size;
	if (head.kind == PH_HEAD_LIST || head.kind == PH_HEAD_MAP)
		return skim_open(skimmer, &head);
	if (!head_is_string(&head))
		return 0;
	skimmer->at += head.value;
	if (head.kind == PH_HEAD_TEXT &&
		ph_text_valid((const char *)here + head.size, head.value) !=
			head.value)
		return -EILSEQ;
	return 0;
}

int ph_skim(const uint8_t *data, size_t length, struct ph_skim_limits limits)
{
	struct skimmer skimmer;
	int error;

	/* Not zeroed as a whole: the levels are 16 KiB, filled when opened. */
	skimmer.data = data;
	skimmer.length = length;
	skimmer.at = 0;
	skimmer.limits = limits;
	if (limits.depth > PH_SKIM_DEPTH)
		skimmer.limits.depth = PH_SKIM_DEPTH;
	skimmer.owed = 0;
	skimmer.elements = 0;
	skimmer.depth = 0;
	do {
		error = skim_value(&skimmer);
		if (error)
			return error;
		while (skimmer.depth && !skimmer.levels[skimmer.depth - 1].left)
			skimmer.depth--;
	} while (skimmer.depth);
	return skimmer.at == length ? 0 : -EBADMSG;
}
