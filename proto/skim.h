#ifndef PH_PROTO_SKIM_H
#define PH_PROTO_SKIM_H

#include <stddef.h>
#include <stdint.h>

/*
 * Looks through MessagePack from outside before any library sees it, without
 * allocating: depth, counts against the bytes that are there, total elements,
 * no ext types, strings valid UTF-8, map keys strings and unique, the whole
 * input one value.
 */
struct ph_skim_limits {
	uint32_t depth;    /* containers inside one another */
	uint32_t elements; /* values of any kind, keys included */
};

#define PH_SKIM_STRANGER ((struct ph_skim_limits){.depth = 4, .elements = 64})
#define PH_SKIM_PEER ((struct ph_skim_limits){.depth = 16, .elements = 4096})
/* Answers of whole tables to our own command line or from a proven peer. */
#define PH_SKIM_TABLE \
	((struct ph_skim_limits){.depth = 16, .elements = 1u << 20})

/* 0, -EBADMSG (not MessagePack, or cut short), -E2BIG (over a limit),
 * -EILSEQ (text is not UTF-8), -EEXIST (a key twice). */
int ph_skim(const uint8_t *data, size_t length, struct ph_skim_limits limits);

#endif
