#ifndef PH_PROTO_SKIM_H
#define PH_PROTO_SKIM_H

#include <stddef.h>
#include <stdint.h>

/*
 * Looks through MessagePack from outside before any library sees it, without
 * allocating: depth, counts against the bytes that are there, total elements,
 * no ext types, strings valid UTF-8 without NUL, map keys strings and unique,
 * the whole input one value.
 *
 * Uniqueness of keys costs at most PH_SKIM_KEYS comparisons a key: a map of
 * more pairs than that must have its keys in ascending order of their bytes,
 * which proves it without memory. Tables travel as lists, so few maps are that
 * large.
 */
struct ph_skim_limits {
	uint32_t depth;	   /* containers inside one another; 16 at most */
	uint32_t elements; /* values of any kind, keys included */
};

#define PH_SKIM_STRANGER ((struct ph_skim_limits){.depth = 4, .elements = 64})
#define PH_SKIM_PEER	 ((struct ph_skim_limits){.depth = 16, .elements = 4096})
/* Answers of whole tables to our own command line or from a proven peer. */
#define PH_SKIM_TABLE                                                          \
	((struct ph_skim_limits){.depth = 16, .elements = 1u << 20})

#define PH_SKIM_DEPTH	16  /* deeper limits are lowered to this */
#define PH_SKIM_KEYS	64  /* pairs of a map whose keys need no order */
#define PH_SKIM_KEY_MAX 255 /* bytes of one key */

/* 0, -EBADMSG (not MessagePack, or cut short), -E2BIG (over a limit),
 * -EILSEQ (text is not UTF-8 or holds NUL), -EEXIST (a key twice). */
int ph_skim(const uint8_t *data, size_t length, struct ph_skim_limits limits);

/* What one value begins with. */
enum ph_head_kind {
	PH_HEAD_NIL,
	PH_HEAD_BOOL,
	PH_HEAD_POSITIVE, /* value */
	PH_HEAD_NEGATIVE, /* (int64_t)value */
	PH_HEAD_FLOAT,
	PH_HEAD_TEXT,  /* value bytes follow the head */
	PH_HEAD_BYTES, /* value bytes follow the head */
	PH_HEAD_LIST,  /* value elements follow the head */
	PH_HEAD_MAP,   /* value pairs follow the head */
};

struct ph_head {
	enum ph_head_kind kind;
	size_t size; /* bytes of the head itself */
	uint64_t value;
};

/* Reads one head; text and bytes are checked to be there. -EBADMSG. */
int ph_head_read(struct ph_head *head, const uint8_t *data, size_t length);
/* Length of the longest start that is UTF-8 without NUL. */
size_t ph_text_valid(const char *text, size_t length);

#endif
