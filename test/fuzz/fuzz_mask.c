/* Masks: what is taken can be asked of any guest, in bounded time, and a mask
 * without conditions takes everybody. */
#include <stdlib.h>
#include <string.h>

#include "hostess/guestbook.h"
#include "hostess/mask.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ph_guest_terminal terminals[2] = {
		{.name = "in", .direction = PH_IN, .capacity = 1},
		{.name = "video", .direction = PH_MUX, .media = "video/mjpeg"},
	};
	char caps[] = "gpu=nvenc", labels[] = "room=kitchen";
	char *cap = caps, *label = labels;
	struct ph_guest guest = {
		.identity = {.class = 0x2a, .owner = "ops"},
		.server = "cam",
		.terminals = terminals,
		.terminal_count = 2,
		.caps = &cap,
		.cap_count = 1,
		.labels = &label,
		.label_count = 1,
	};
	struct ph_mask mask;
	struct ph_error error;

	terminals[0].guest = &guest;
	terminals[1].guest = &guest;
	if (ph_mask_parse(&mask, (const char *)data, size, &error) < 0) {
		must(error.exit == PH_EXIT_USAGE);
		return 0;
	}
	must(mask.count <= PH_MASK_MOST);
	must(ph_mask_takes(&mask, &guest) || mask.count > 0);
	for (unsigned i = 0; i < mask.count; i++) {
		const char *value = mask.text + mask.conditions[i].value;

		must(value < mask.text + sizeof(mask.text));
		must(ph_mask_glob(value, value));
	}
	return 0;
}
