#include "proto/subnet.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void unmap(struct ph_ip *ip)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

	if (ip->family != AF_INET6 || memcmp(ip->bytes, mapped, 12) != 0)
		return;
	ip->family = AF_INET;
	memmove(ip->bytes, ip->bytes + 12, 4);
	memset(ip->bytes + 4, 0, 12);
}

int ph_ip_parse(struct ph_ip *out, const char *text)
{
	char host[INET6_ADDRSTRLEN];
	size_t length = strcspn(text, "%");
	struct ph_ip ip = {.family = AF_INET};

	if (length >= sizeof(host))
		return -EINVAL;
	memcpy(host, text, length);
	host[length] = '\0';
	if (inet_pton(AF_INET, host, ip.bytes) != 1) {
		ip.family = AF_INET6;
		if (inet_pton(AF_INET6, host, ip.bytes) != 1)
			return -EINVAL;
	}
	unmap(&ip);
	*out = ip;
	return 0;
}

static unsigned bits_of(const struct ph_ip *ip)
{
	return ip->family == AF_INET ? 32 : 128;
}

struct ph_subnet ph_subnet_around(const struct ph_ip *ip, unsigned length)
{
	struct ph_subnet subnet = {.ip = *ip, .length = length};

	if (subnet.length > bits_of(ip))
		subnet.length = bits_of(ip);
	for (unsigned bit = subnet.length; bit < 128; bit++)
		subnet.ip.bytes[bit / 8] &= (uint8_t) ~(0x80 >> bit % 8);
	return subnet;
}

int ph_subnet_parse(struct ph_subnet *out, const char *text)
{
	const char *slash = strchr(text, '/');
	char host[INET6_ADDRSTRLEN];
	struct ph_subnet subnet;
	struct ph_ip ip;
	unsigned long length;
	char *end;
	size_t size = slash ? (size_t)(slash - text) : strlen(text);

	if (size >= sizeof(host))
		return -EINVAL;
	memcpy(host, text, size);
	host[size] = '\0';
	if (ph_ip_parse(&ip, host))
		return -EINVAL;
	length = bits_of(&ip);
	if (slash) {
		if (slash[1] < '0' || slash[1] > '9')
			return -EINVAL;
		length = strtoul(slash + 1, &end, 10);
		if (*end || length > bits_of(&ip))
			return -EINVAL;
	}
	subnet = ph_subnet_around(&ip, (unsigned)length);
	if (memcmp(subnet.ip.bytes, ip.bytes, sizeof(ip.bytes)) != 0)
		return -EINVAL;
	*out = subnet;
	return 0;
}

bool ph_subnet_has(const struct ph_subnet *subnet, const struct ph_ip *ip)
{
	struct ph_subnet around;

	if (subnet->ip.family != ip->family)
		return false;
	around = ph_subnet_around(ip, subnet->length);
	return !memcmp(
		around.ip.bytes, subnet->ip.bytes, sizeof(around.ip.bytes));
}

/* The first that fits. */
static const struct {
	const char *subnet;
	const char *what;
} specials[] = {
	{"0.0.0.0/8", "unspecified"},
	{"127.0.0.0/8", "loopback"},
	{"169.254.0.0/16", "link-local"},
	{"224.0.0.0/4", "multicast"},
	{"255.255.255.255", "broadcast"},
	{"240.0.0.0/4", "unspecified"},
	{"100.100.100.200", "metadata"},
	{"::", "unspecified"},
	{"::1", "loopback"},
	{"fe80::/10", "link-local"},
	{"fec0::/10", "link-local"},
	{"ff00::/8", "multicast"},
	{"fd00:ec2::254", "metadata"},
};

const char *ph_ip_special(const struct ph_ip *ip)
{
	struct ph_ip plain = *ip;
	struct ph_subnet subnet;

	unmap(&plain);
	for (size_t i = 0; i < sizeof(specials) / sizeof(specials[0]); i++)
		if (!ph_subnet_parse(&subnet, specials[i].subnet) &&
			ph_subnet_has(&subnet, &plain))
			return specials[i].what;
	return NULL;
}
