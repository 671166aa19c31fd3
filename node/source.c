#include "node/source.h"

#include <arpa/inet.h>
#include <string.h>

enum {
	FAMILY_V4 = 4,
	FAMILY_V6 = 6,
	FAMILY_OTHER = 1
};

static struct ph_source source_of_text(const char *text)
{
	struct ph_source source = {.bytes = {FAMILY_OTHER}};
	uint64_t hash = UINT64_C(0xcbf29ce484222325); /* FNV-1a */

	for (; *text; text++)
		hash = (hash ^ (uint8_t)*text) * UINT64_C(0x100000001b3);
	memcpy(source.bytes + 1, &hash, sizeof(hash));
	return source;
}

static struct ph_source source_of_v6(const struct in6_addr *address)
{
	struct ph_source source = {.bytes = {FAMILY_V6}};

	if (IN6_IS_ADDR_V4MAPPED(address)) {
		source.bytes[0] = FAMILY_V4;
		memcpy(source.bytes + 1, address->s6_addr + 12, 4);
	} else {
		memcpy(source.bytes + 1, address->s6_addr, 8);
	}
	return source;
}

/* The host of "host", "host:port", "[v6]:port", "v6%scope". */
static void host_copy(char out[64], const char *text)
{
	const char *colon = strchr(text, ':');
	size_t length = strlen(text);

	if (text[0] == '[') {
		text++;
		length = strcspn(text, "]");
	} else if (colon && !strchr(colon + 1, ':')) {
		length = (size_t)(colon - text);
	}
	if (length > 63)
		length = 63;
	memcpy(out, text, length);
	out[length] = '\0';
	out[strcspn(out, "%")] = '\0';
}

struct ph_source ph_source_of(const char *text)
{
	struct ph_source source = {.bytes = {FAMILY_V4}};
	struct in6_addr six;
	struct in_addr four;
	char host[64];

	host_copy(host, text);
	if (inet_pton(AF_INET, host, &four) == 1) {
		memcpy(source.bytes + 1, &four, sizeof(four));
		return source;
	}
	if (inet_pton(AF_INET6, host, &six) == 1)
		return source_of_v6(&six);
	return source_of_text(text);
}

struct ph_source ph_source_dialled(const char *text)
{
	struct ph_source source = ph_source_of(text);

	source.dialled = true;
	return source;
}

bool ph_source_same(const struct ph_source *a, const struct ph_source *b)
{
	return a->dialled == b->dialled &&
	       memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}
