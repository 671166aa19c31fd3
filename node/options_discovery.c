#include <ctype.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "node/options.h"

/* --discovery, --l2 and --cap of `up`. */

static bool is_interface(const char *text, size_t length)
{
	if (!length || length > 15)
		return false;
	for (size_t i = 0; i < length; i++)
		if (!isgraph((unsigned char)text[i]) || text[i] == '/')
			return false;
	return true;
}

static int take_interfaces(
	struct ph_options *options, const char *text, struct ph_error *error)
{
	for (const char *at = text; *at;) {
		size_t length = strcspn(at, ",");

		if (!is_interface(at, length))
			return ph_fail(error, PH_EXIT_USAGE, "--discovery",
				"on, off, or names of interfaces with commas, "
				"as eth0,wlan0",
				"not valid: '%s'", text);
		at += length + (at[length] == ',');
	}
	options->discovery = true;
	options->interfaces = text;
	return 0;
}

void ph_options_absent_interfaces(const struct ph_options *options)
{
	char name[IF_NAMESIZE];
	const char *text = options->interfaces ? options->interfaces : "";

	while (*text) {
		size_t length = strcspn(text, ",");

		if (length < sizeof(name)) {
			memcpy(name, text, length);
			name[length] = 0;
			if (!if_nametoindex(name))
				ph_log_warn("discovery",
					"interface.absent name=%s next=\"ip "
					"link "
					"lists them; it is used once it is "
					"there\"",
					name);
		}
		text += length + (text[length] == ',');
	}
}

int ph_options_discovery(
	struct ph_options *options, const char *text, struct ph_error *error)
{
	options->interfaces = NULL;
	options->discovery = strcmp(text, "off") != 0;
	if (!options->discovery || !strcmp(text, "on"))
		return 0;
	if (!text[0])
		return ph_fail(error, PH_EXIT_USAGE, "--discovery",
			"on, off, or names of interfaces with commas",
			"not valid: ''");
	return take_interfaces(options, text, error);
}

int ph_options_l2(
	struct ph_options *options, const char *text, struct ph_error *error)
{
	static const char *const names[] = {"off", "listen", "emit"};

	for (unsigned i = 0; i < 3; i++) {
		if (!strcmp(text, names[i])) {
			options->l2 = (enum ph_l2)i;
			return 0;
		}
	}
	return ph_fail(error, PH_EXIT_USAGE, "--l2", "off, listen or emit",
		"not valid: '%s'", text);
}

static bool is_key(const char *text, size_t length)
{
	if (!length || length > 32)
		return false;
	for (size_t i = 0; i < length; i++)
		if (!(text[i] >= 'a' && text[i] <= 'z') &&
			!(text[i] >= '0' && text[i] <= '9') &&
			!strchr("._-", text[i]))
			return false;
	return true;
}

static bool is_value(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
			return false;
	return true;
}

static int take_cap(struct ph_options *options, const char *text, size_t length,
	struct ph_error *error)
{
	size_t key = strcspn(text, "=,");

	if (options->caps == PH_OPTIONS_CAPS)
		return ph_fail(error, PH_EXIT_USAGE, "--cap", "fewer of them",
			"more than %d capabilities", PH_OPTIONS_CAPS);
	if (key > length)
		key = length;
	if (!is_key(text, key) || !is_value(text + key, length - key) ||
		length >= sizeof(options->cap[0]))
		return ph_fail(error, PH_EXIT_USAGE, "--cap",
			"KEY or KEY=VALUE: a key of a-z 0-9 . _ - and at most "
			"32 of them, 63 bytes together",
			"not valid: '%.*s'", (int)length, text);
	memcpy(options->cap[options->caps], text, length);
	options->cap[options->caps++][length] = 0;
	return 0;
}

int ph_options_dial_allow(
	struct ph_options *options, const char *text, struct ph_error *error)
{
	do {
		size_t length = strcspn(text, ",");
		char one[64];

		snprintf(one, sizeof(one), "%.*s", (int)length, text);
		if (options->dial_allows == PH_OPTIONS_ALLOW)
			return ph_fail(error, PH_EXIT_USAGE, "--dial-allow",
				"fewer of them", "more than %d subnets",
				PH_OPTIONS_ALLOW);
		if (length >= sizeof(one) ||
			ph_subnet_parse(
				&options->dial_allow[options->dial_allows],
				one))
			return ph_fail(error, PH_EXIT_USAGE, "--dial-allow",
				"192.0.2.0/24 or 2001:db8::/32: an address, "
				"whose bits behind the length are 0",
				"not valid: '%.*s'", (int)length, text);
		options->dial_allows++;
		text += length + (text[length] == ',');
	} while (*text);
	return 0;
}

int ph_options_cap(
	struct ph_options *options, const char *text, struct ph_error *error)
{
	do {
		size_t length = strcspn(text, ",");

		if (take_cap(options, text, length, error))
			return -1;
		text += length + (text[length] == ',');
	} while (*text);
	return 0;
}
