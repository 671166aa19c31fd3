/* LLDPDUs and Ethernet frames of anybody: what is taken lies within the bytes,
 * the walk ends where the reader ended, and texts are printable. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "proto/lldp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void lies_within(
	struct ph_lldp_bytes bytes, const uint8_t *data, size_t size)
{
	must(bytes.length == 0 ||
		(bytes.data >= data &&
			bytes.data + bytes.length <= data + size));
}

static void is_printable(const char *text)
{
	for (; *text; text++)
		must(*text >= 0x20 && *text < 0x7f);
}

static void texts(const struct ph_lldp *lldp)
{
	/* In every size, so that cutting is tried. */
	for (size_t size = 1; size < 70; size += 23) {
		char *text = malloc(size);

		must(text != NULL);
		is_printable(ph_lldp_chassis_text(&lldp->chassis, text, size));
		is_printable(ph_lldp_port_text(&lldp->port, text, size));
		is_printable(ph_lldp_bytes_text(lldp->name, text, size));
		for (unsigned i = 0; i < PH_LLDP_MANAGEMENT; i++)
			if (i < lldp->managements)
				is_printable(ph_lldp_address_text(
					&lldp->management[i], text, size));
		free(text);
	}
}

static void lldpdu(const uint8_t *data, size_t size)
{
	struct ph_lldp_tlv tlv;
	struct ph_lldp lldp;
	unsigned organisations = 0;
	uint16_t at = 0;

	if (ph_lldp_read(&lldp, data, size))
		return;
	must(lldp.length <= size && lldp.chassis.value.length &&
		lldp.port.value.length);
	lies_within(lldp.chassis.value, data, lldp.length);
	lies_within(lldp.port.value, data, lldp.length);
	lies_within(lldp.name, data, lldp.length);
	lies_within(lldp.description, data, lldp.length);
	lies_within(lldp.port_description, data, lldp.length);
	while (ph_lldp_next(&lldp, &at, &tlv)) {
		lies_within(tlv.value, data, lldp.length);
		organisations += tlv.type == PH_LLDP_ORGANISATION;
	}
	must(at == lldp.length && organisations == lldp.organisations);
	texts(&lldp);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ph_lldp_bytes inner;
	uint8_t source[6];

	lldpdu(data, size);
	if (ph_lldp_frame_read(data, size, source, &inner))
		return 0;
	lies_within(inner, data, size);
	lldpdu(inner.data, inner.length);
	return 0;
}
