#include "proto/point.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "kernel/bytes.h"

static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

void ph_point_write(const struct ph_point *point, uint8_t out[PH_POINT])
{
	memcpy(out, point->address, 16);
	ph_store16(out + 16, point->port);
}

void ph_point_read(struct ph_point *point, const uint8_t in[PH_POINT])
{
	memcpy(point->address, in, 16);
	point->port = ph_load16(in + 16);
}

int ph_point_parse(struct ph_point *out, const char *host, uint16_t port)
{
	memset(out, 0, sizeof(*out));
	out->port = port;
	if (inet_pton(AF_INET6, host, out->address) == 1)
		return 0;
	memcpy(out->address, mapped, sizeof(mapped));
	return inet_pton(AF_INET, host, out->address + 12) == 1 ? 0 : -EINVAL;
}

bool ph_point_is_v4(const struct ph_point *point)
{
	return memcmp(point->address, mapped, sizeof(mapped)) == 0;
}

char *ph_point_host(const struct ph_point *point, char *out, size_t size)
{
	bool v4 = ph_point_is_v4(point);

	if (!inet_ntop(v4 ? AF_INET : AF_INET6, point->address + (v4 ? 12 : 0),
		    out, (socklen_t)size))
		out[0] = 0;
	return out;
}

bool ph_point_is_loopback(const struct ph_point *point)
{
	static const uint8_t six[16] = {[15] = 1};

	return ph_point_is_v4(point) ? point->address[12] == 127
				     : !memcmp(point->address, six, 16);
}

bool ph_point_same(const struct ph_point *one, const struct ph_point *other)
{
	return one->port == other->port &&
	       !memcmp(one->address, other->address, 16);
}

socklen_t ph_point_socket(
	const struct ph_point *point, struct sockaddr_storage *out)
{
	struct sockaddr_in v4 = {
		.sin_family = AF_INET, .sin_port = htons(point->port)};
	struct sockaddr_in6 v6 = {
		.sin6_family = AF_INET6, .sin6_port = htons(point->port)};

	memset(out, 0, sizeof(*out));
	if (ph_point_is_v4(point)) {
		memcpy(&v4.sin_addr, point->address + 12, 4);
		memcpy(out, &v4, sizeof(v4));
		return sizeof(v4);
	}
	memcpy(&v6.sin6_addr, point->address, 16);
	memcpy(out, &v6, sizeof(v6));
	return sizeof(v6);
}

int ph_point_of_socket(struct ph_point *out, const struct sockaddr *socket)
{
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;

	memset(out, 0, sizeof(*out));
	if (socket->sa_family == AF_INET) {
		memcpy(&v4, socket, sizeof(v4));
		memcpy(out->address, mapped, sizeof(mapped));
		memcpy(out->address + 12, &v4.sin_addr, 4);
		out->port = ntohs(v4.sin_port);
		return 0;
	}
	if (socket->sa_family != AF_INET6)
		return -EAFNOSUPPORT;
	memcpy(&v6, socket, sizeof(v6));
	memcpy(out->address, &v6.sin6_addr, 16);
	out->port = ntohs(v6.sin6_port);
	return 0;
}

static const char *forbidden_v4(const uint8_t address[4])
{
	if (address[0] == 0)
		return "an address of no host";
	if (address[0] >= 240)
		return "a broadcast or reserved address";
	if (address[0] >= 224)
		return "a multicast address";
	if (address[0] == 169 && address[1] == 254)
		return "a link-local address";
	return NULL;
}

static const char *forbidden_v6(const uint8_t address[16])
{
	static const uint8_t nothing[15];
	static const uint8_t nat64[12] = {0x00, 0x64, 0xff, 0x9b};
	/* Where one cloud keeps its metadata: fd00:ec2::254. */
	static const uint8_t metadata[16] = {
		0xfd, 0x00, 0x0e, 0xc2, [14] = 0x02, [15] = 0x54};

	if (!memcmp(address, nothing, sizeof(nothing)) && address[15] != 1)
		return "an address of no host";
	if (address[0] == 0xff)
		return "a multicast address";
	if (address[0] == 0xfe && (address[1] & 0xc0) == 0x80)
		return "a link-local address";
	if (!memcmp(address, metadata, sizeof(metadata)))
		return "an address of metadata";
	if (!memcmp(address, nat64, sizeof(nat64)))
		return forbidden_v4(address + 12);
	return NULL;
}

const char *ph_point_forbidden(const struct ph_point *point)
{
	if (point->port < PH_POINT_LOWEST)
		return "a privileged port";
	return ph_point_is_v4(point) ? forbidden_v4(point->address + 12)
				     : forbidden_v6(point->address);
}

bool ph_point_in_block(
	const struct ph_point *point, const struct ph_point_block *block)
{
	unsigned whole = block->prefix / 8;
	unsigned rest = block->prefix % 8;
	uint8_t mask = (uint8_t)(0xff00 >> rest);

	if (block->prefix > 128 ||
		memcmp(point->address, block->address, whole) != 0)
		return false;
	return !rest ||
	       !((point->address[whole] ^ block->address[whole]) & mask);
}

void ph_point_at(
	const struct ph_point_list *list, uint32_t index, struct ph_point *out)
{
	ph_point_read(out, list->data + (size_t)index * PH_POINT);
}
