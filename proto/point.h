#ifndef PH_PROTO_POINT_H
#define PH_PROTO_POINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/*
 * A place where a TCP port may be: what a probe tries. IPv4 addresses are held
 * as IPv4-mapped IPv6 (RFC 4291, 2.5.5.2), so that one form is compared,
 * counted and sealed.
 */
#define PH_POINT	18u /* bytes: the address, the port little-endian */
#define PH_POINT_HOST	46u
#define PH_POINT_BLOCK	17u   /* bytes: the address, the prefix */
#define PH_POINT_LOWEST 1024u /* port; below are the privileged ones */

struct ph_point {
	uint8_t address[16];
	uint16_t port;
};

void ph_point_write(const struct ph_point *point, uint8_t out[PH_POINT]);
void ph_point_read(struct ph_point *point, const uint8_t in[PH_POINT]);
/* A literal, without brackets and scope. -EINVAL. */
int ph_point_parse(struct ph_point *out, const char *host, uint16_t port);
/* "192.0.2.7", "2001:db8::1". Returns out. */
char *ph_point_host(const struct ph_point *point, char *out, size_t size);
bool ph_point_is_v4(const struct ph_point *point);
bool ph_point_is_loopback(const struct ph_point *point);
bool ph_point_same(const struct ph_point *one, const struct ph_point *other);
/* Returns the length. */
socklen_t ph_point_socket(
	const struct ph_point *point, struct sockaddr_storage *out);
/* -EAFNOSUPPORT. */
int ph_point_of_socket(struct ph_point *out, const struct sockaddr *socket);

/* NULL, or why no probe may touch it, whatever a list says: privileged ports,
 * unspecified, multicast, broadcast, reserved and link-local addresses (which
 * is where clouds keep their metadata), the same inside of NAT64 (RFC 6052). */
const char *ph_point_forbidden(const struct ph_point *point);

/* A block of addresses; prefix in bits of the 128. */
struct ph_point_block {
	uint8_t address[16];
	uint8_t prefix;
};

bool ph_point_in_block(
	const struct ph_point *point, const struct ph_point_block *block);

/* Points or addresses as they lie in a message. */
struct ph_point_list {
	const uint8_t *data;
	uint32_t count;
};

/* index < count. */
void ph_point_at(
	const struct ph_point_list *list, uint32_t index, struct ph_point *out);

#endif
