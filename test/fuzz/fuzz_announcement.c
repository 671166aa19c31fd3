/* Announcements: what is taken can be said again, in bytes that are read as the
 * same and written as the same. */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "proto/announcement.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void walk(const struct ph_announcement *announcement)
{
	struct ph_address address;
	const char *text;
	uint16_t at = 0;

	while ((text = ph_announcement_cap_next(announcement, &at)))
		must(ph_cap_is_valid(text, strlen(text)));
	must(at == announcement->caps_length);
	for (unsigned i = 0; i < announcement->locators; i++) {
		must(ph_locator_is_valid(&announcement->locator[i]));
		ph_locator_address(&announcement->locator[i], "eth0", &address);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t out[PH_ANNOUNCEMENT_MAX], again[PH_ANNOUNCEMENT_MAX];
	struct ph_announcement read, back;
	struct ph_lldp lldp;
	int length, other;

	switch (ph_announcement_read(&read, &lldp, data, size)) {
	case 0:
		break;
	case -ENOMSG:
		must(lldp.length <= size);
		return 0;
	default:
		return 0;
	}
	must(read.length == lldp.length && read.length <= size);
	walk(&read);
	length = ph_announcement_write(&read, out);
	if (length < 0)
		return 0; /* more locators' names than we would say */
	must(ph_announcement_read(&back, NULL, out, (size_t)length) == 0);
	other = ph_announcement_write(&back, again);
	must(other == length && memcmp(out, again, (size_t)length) == 0);
	must(back.epoch == read.epoch && back.seq == read.seq &&
		back.ttl == read.ttl && back.locators == read.locators &&
		memcmp(back.mac, read.mac, sizeof(read.mac)) == 0);
	return 0;
}
