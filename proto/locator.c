#include "proto/announcement.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

static bool host_is_valid(const struct ph_locator *locator)
{
	switch (locator->kind) {
	case PH_LOCATOR_IPV4:
		return locator->length == 4;
	case PH_LOCATOR_IPV6:
		return locator->length == 16;
	case PH_LOCATOR_NAME:
		break;
	}
	for (unsigned i = 0; i < locator->length; i++) {
		uint8_t c = locator->host[i];

		if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') &&
			!(c >= '0' && c <= '9') && c != '.' && c != '-' &&
			c != '_')
			return false;
	}
	return locator->length > 0;
}

bool ph_locator_is_valid(const struct ph_locator *locator)
{
	return locator->transport >= PH_LOCATOR_TCP &&
	       locator->transport <= PH_LOCATOR_WSS &&
	       locator->kind >= PH_LOCATOR_IPV4 &&
	       locator->kind <= PH_LOCATOR_NAME && locator->port &&
	       locator->length < sizeof(locator->host) &&
	       host_is_valid(locator);
}

static bool is_unusable(const struct ph_locator *locator)
{
	static const uint8_t zero[16];

	if (locator->kind == PH_LOCATOR_IPV4)
		return memcmp(locator->host, zero, 4) == 0 ||
		       locator->host[0] >= 224;
	if (locator->kind == PH_LOCATOR_IPV6)
		return memcmp(locator->host, zero, 16) == 0 ||
		       locator->host[0] == 0xff;
	return false;
}

static bool is_link_local(const struct ph_locator *locator)
{
	return locator->kind == PH_LOCATOR_IPV6 && locator->host[0] == 0xfe &&
	       (locator->host[1] & 0xc0) == 0x80;
}

int ph_locator_of(struct ph_locator *out, const struct ph_address *address)
{
	struct ph_locator locator = {
		.transport = address->scheme == PH_ADDRESS_WS ? PH_LOCATOR_WS
			     : address->scheme == PH_ADDRESS_WSS
				     ? PH_LOCATOR_WSS
				     : PH_LOCATOR_TCP,
		.port = address->port,
	};
	char host[sizeof(address->host)];
	size_t length;

	if (!ph_scheme_is_ip(address->scheme))
		return -ENOTSUP;
	/* The zone is a name of this host's own. */
	snprintf(host, sizeof(host), "%s", address->host);
	host[strcspn(host, "%")] = '\0';
	length = strlen(host);
	if (inet_pton(AF_INET, host, locator.host) == 1) {
		locator.kind = PH_LOCATOR_IPV4;
		locator.length = 4;
	} else if (inet_pton(AF_INET6, host, locator.host) == 1) {
		locator.kind = PH_LOCATOR_IPV6;
		locator.length = 16;
	} else {
		if (length == 0 || length >= sizeof(locator.host))
			return -EINVAL;
		locator.kind = PH_LOCATOR_NAME;
		locator.length = (uint8_t)length;
		memcpy(locator.host, host, length);
	}
	if (is_unusable(&locator) || !locator.port)
		return -EINVAL;
	*out = locator;
	return 0;
}

static int host_text(const struct ph_locator *locator, const char *zone,
	char *out, size_t size)
{
	int family = locator->kind == PH_LOCATOR_IPV4 ? AF_INET : AF_INET6;
	char text[INET6_ADDRSTRLEN];
	int length;

	if (locator->kind == PH_LOCATOR_NAME) {
		length = snprintf(out, size, "%.*s", locator->length,
			(const char *)locator->host);
		return length < 0 || (size_t)length >= size ? -EINVAL : 0;
	}
	if (is_unusable(locator))
		return -EINVAL;
	inet_ntop(family, locator->host, text, sizeof(text));
	if (!is_link_local(locator))
		zone = NULL;
	else if (!zone || !*zone)
		return -EINVAL;
	length = snprintf(
		out, size, "%s%s%s", text, zone ? "%" : "", zone ? zone : "");
	return length < 0 || (size_t)length >= size ? -EINVAL : 0;
}

int ph_locator_address(const struct ph_locator *locator, const char *zone,
	struct ph_address *out)
{
	struct ph_address address = {
		.scheme = locator->transport == PH_LOCATOR_WS ? PH_ADDRESS_WS
			  : locator->transport == PH_LOCATOR_WSS
				  ? PH_ADDRESS_WSS
				  : PH_ADDRESS_TCP,
		.port = locator->port,
	};

	if (locator->transport < PH_LOCATOR_TCP ||
		locator->transport > PH_LOCATOR_WSS)
		return -ENOTSUP;
	if (host_text(locator, zone, address.host, sizeof(address.host)))
		return -EINVAL;
	*out = address;
	return 0;
}
