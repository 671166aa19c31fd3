#include "proto/lldp.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

/* How the subtypes of the two ids are shown. */
enum shape {
	SHAPE_TEXT,
	SHAPE_MAC,
	SHAPE_NETWORK,
};

static enum shape chassis_shape(uint8_t subtype)
{
	return subtype == 4   ? SHAPE_MAC
	       : subtype == 5 ? SHAPE_NETWORK
			      : SHAPE_TEXT;
}

static enum shape port_shape(uint8_t subtype)
{
	return subtype == 3   ? SHAPE_MAC
	       : subtype == 4 ? SHAPE_NETWORK
			      : SHAPE_TEXT;
}

static bool printable(uint8_t byte)
{
	return byte >= 0x20 && byte < 0x7f;
}

/* Hexadecimal, `between` two bytes whatever is not zero; cut to whole bytes. */
static char *hex(
	struct ph_lldp_bytes bytes, char between, char *out, size_t size)
{
	static const char digits[] = "0123456789abcdef";
	size_t at = 0;

	for (unsigned i = 0; i < bytes.length && at + 4 <= size; i++) {
		if (i && between)
			out[at++] = between;
		out[at++] = digits[bytes.data[i] >> 4];
		out[at++] = digits[bytes.data[i] & 15];
	}
	if (size)
		out[at] = '\0';
	return out;
}

char *ph_lldp_bytes_text(struct ph_lldp_bytes bytes, char *out, size_t size)
{
	size_t shown = 0;

	while (bytes.length && bytes.data[bytes.length - 1] == 0)
		bytes.length--; /* some agents send the terminator, too */
	for (unsigned i = 0; i < bytes.length; i++)
		shown += printable(bytes.data[i]);
	if (shown < (bytes.length + 1u) / 2)
		return hex(bytes, 0, out, size);
	if (bytes.length >= size)
		bytes.length = size ? (uint16_t)(size - 1) : 0;
	for (unsigned i = 0; i < bytes.length; i++)
		out[i] = printable(bytes.data[i]) ? (char)bytes.data[i] : '.';
	if (size)
		out[bytes.length] = '\0';
	return out;
}

char *ph_lldp_address_text(
	const struct ph_lldp_address *address, char *out, size_t size)
{
	struct ph_lldp_bytes value = address->value;
	char text[INET6_ADDRSTRLEN];
	int family = 0;

	if (address->family == PH_LLDP_IPV4 && value.length == 4)
		family = AF_INET;
	if (address->family == PH_LLDP_IPV6 && value.length == 16)
		family = AF_INET6;
	if (!family || !inet_ntop(family, value.data, text, sizeof(text)))
		return hex(value, ':', out, size);
	snprintf(out, size, "%s", text);
	return out;
}

static char *id_text(
	const struct ph_lldp_id *id, enum shape shape, char *out, size_t size)
{
	struct ph_lldp_address address = {0};

	if (shape == SHAPE_MAC)
		return hex(id->value, ':', out, size);
	if (shape == SHAPE_TEXT || id->value.length < 2)
		return ph_lldp_bytes_text(id->value, out, size);
	address.family = id->value.data[0];
	address.value.data = id->value.data + 1;
	address.value.length = (uint16_t)(id->value.length - 1);
	return ph_lldp_address_text(&address, out, size);
}

char *ph_lldp_chassis_text(
	const struct ph_lldp_id *chassis, char *out, size_t size)
{
	return id_text(chassis, chassis_shape(chassis->subtype), out, size);
}

char *ph_lldp_port_text(const struct ph_lldp_id *port, char *out, size_t size)
{
	return id_text(port, port_shape(port->subtype), out, size);
}
