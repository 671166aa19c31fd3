#include "controlsurface/wiring_model.h"

#include <ctype.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Values with a unit or a range. */

/* A frame (256 KiB) must fit; the kernel counts in 32 bits. */
#define QUEUE_LEAST ((uint64_t)256 * 1024)
#define QUEUE_MOST  ((uint64_t)1024 * 1024 * 1024)

/* Between attempts to lay a wire; more often would be a storm. */
#define RETRY_LEAST INT64_C(10000000)
#define RETRY_MOST  INT64_C(3600000000000)

uint64_t ph_wiring_size(struct ph_wiring *wiring,
	const struct ph_yaml_node *map, const char *key, uint64_t otherwise)
{
	const struct ph_yaml_node *node =
		ph_wiring_get(wiring, map, key, PH_YAML_TEXT);
	uint64_t bytes;

	if (node == NULL)
		return otherwise;
	if (ph_parse_bytes(&bytes, node->text) == 0)
		return bytes;
	ph_findings_add(wiring, PH_FINDING_ERROR, "S4", node->span,
		"Write a number and a unit: 4MiB, 512KiB, 1GB.",
		"'%.60s' is no size", node->text);
	return otherwise;
}

uint64_t ph_wiring_queue(struct ph_wiring *wiring,
	const struct ph_yaml_node *map, uint64_t otherwise)
{
	const struct ph_yaml_node *node = ph_yaml_get(map, "queue");
	uint64_t bytes = ph_wiring_size(wiring, map, "queue", 0);

	if (bytes >= QUEUE_LEAST && bytes <= QUEUE_MOST)
		return bytes;
	if (node != NULL && node->kind == PH_YAML_TEXT && !node->bad &&
		ph_parse_bytes(&bytes, node->text) == 0)
		ph_findings_add(wiring, PH_FINDING_ERROR, "S4", node->span,
			"A queue holds 256KiB (one frame) to 1GiB.",
			"a queue of %.60s cannot be", node->text);
	return otherwise;
}

static bool duration_parse(int64_t *out, const char *text)
{
	return ph_parse_duration(out, text) == 0 && *out > 0;
}

static void duration_tell(
	struct ph_wiring *wiring, const struct ph_yaml_node *node)
{
	ph_findings_add(wiring, PH_FINDING_ERROR, "S4", node->span,
		"Write a number and a unit: 250ms, 10s, 5m.",
		"'%.60s' is no duration", node->text);
}

int64_t ph_wiring_duration(struct ph_wiring *wiring,
	const struct ph_yaml_node *map, const char *key, int64_t otherwise)
{
	const struct ph_yaml_node *node =
		ph_wiring_get(wiring, map, key, PH_YAML_TEXT);
	int64_t duration;

	if (node == NULL)
		return otherwise;
	if (duration_parse(&duration, node->text))
		return duration;
	duration_tell(wiring, node);
	return otherwise;
}

uint64_t ph_wiring_count(struct ph_wiring *wiring,
	const struct ph_yaml_node *map, const char *key, uint64_t least,
	uint64_t most)
{
	const struct ph_yaml_node *node =
		ph_wiring_get(wiring, map, key, PH_YAML_TEXT);

	if (node == NULL)
		return 0;
	size_t length = strlen(node->text);
	unsigned long long value = strtoull(node->text, NULL, 10);
	if (length > 0 && length < 10 &&
		strspn(node->text, "0123456789") == length && value >= least &&
		value <= most)
		return value;
	struct ph_finding *finding =
		ph_findings_add(wiring, PH_FINDING_ERROR, "S4", node->span,
			NULL, "'%.60s' is no value of '%s'", node->text, key);
	ph_findings_next(wiring, finding, "Write a number from %llu to %llu.",
		(unsigned long long)least, (unsigned long long)most);
	return 0;
}

bool ph_wiring_class(
	struct ph_wiring *wiring, const struct ph_yaml_node *map, uint64_t *out)
{
	const struct ph_yaml_node *node =
		ph_wiring_get(wiring, map, "class", PH_YAML_TEXT);
	char *end;

	if (node == NULL)
		return false;
	errno = 0;
	unsigned long long value = strtoull(node->text, &end, 0);
	if (!isdigit((unsigned char)node->text[0]) || *end != '\0' ||
		errno != 0 || value > UINT32_MAX) {
		ph_findings_add(wiring, PH_FINDING_ERROR, "S4", node->span,
			"Write up to 8 hex digits: class: 0x2a.",
			"'%.60s' is no class", node->text);
		return false;
	}
	if (out != NULL)
		*out = value;
	return true;
}

void ph_wiring_retry(struct ph_wiring *wiring, const struct ph_yaml_node *map,
	struct ph_wire_notes *notes)
{
	const struct ph_yaml_node *node =
		ph_wiring_get(wiring, map, "retry", PH_YAML_TEXT);
	char first[64] = "";
	int64_t least;
	int64_t most;

	if (node == NULL)
		return;
	const char *dots = strstr(node->text, "..");
	if (dots != NULL && (size_t)(dots - node->text) < sizeof(first))
		memcpy(first, node->text, (size_t)(dots - node->text));
	if (dots == NULL || !duration_parse(&least, first) ||
		!duration_parse(&most, dots + 2))
		ph_findings_add(wiring, PH_FINDING_ERROR, "S4", node->span,
			"Write the first and the longest pause: 250ms..10s.",
			"'%.60s' is no pair of durations", node->text);
	else if (least > most)
		ph_findings_add(wiring, PH_FINDING_ERROR, "S4", node->span,
			"Write the shorter one first.",
			"'%.60s' begins with the longer one", node->text);
	else if (least < RETRY_LEAST || most > RETRY_MOST)
		ph_findings_add(wiring, PH_FINDING_ERROR, "S4", node->span,
			"Pauses are from 10ms to 1h.",
			"'%.60s' is too short or too long", node->text);
	else {
		notes->retry_first = least;
		notes->retry_most = most;
	}
}

void ph_wiring_labels(
	struct ph_wiring *wiring, const struct ph_yaml_node *map, char *out)
{
	struct ph_yaml_node *labels =
		ph_wiring_get(wiring, map, "labels", PH_YAML_MAP);

	if (labels == NULL || !ph_wiring_words(wiring, labels, "labels"))
		return;
	for (const struct ph_yaml_node *item = labels->first; item != NULL;
		item = item->next) {
		int failed =
			ph_wire_label_add(out, item->key->text, item->text);

		if (failed == -EINVAL)
			ph_findings_add(wiring, PH_FINDING_ERROR, "S4",
				item->key->span,
				"Labels are one line, and their keys hold no "
				"'='.",
				"'%.60s' is no label", item->key->text);
		if (failed == -E2BIG) {
			ph_findings_add(wiring, PH_FINDING_ERROR, "S4",
				labels->span, "Say less.",
				"labels of a wire hold %d bytes at most",
				PH_WIRE_LABELS - 1);
			return;
		}
	}
}

int ph_wiring_rate_parse(struct ph_wiring_rate *out, const char *text)
{
	char number[32];
	uint64_t value;

	out->above = *text == '>';
	if (*text != '<' && *text != '>')
		return -EINVAL;
	text += text[1] == '=' ? 2 : 1;
	text += strspn(text, " ");
	size_t length = strcspn(text, "/ ");
	if (length == 0 || length >= sizeof(number) ||
		strcmp(text + length, "/s") != 0)
		return -EINVAL;
	memcpy(number, text, length);
	number[length] = '\0';
	if (ph_parse_bytes(&value, number) != 0)
		return -EINVAL;
	out->messages = strspn(number, "0123456789") == length;
	out->value = (double)value;
	return 0;
}

const char *ph_wiring_expect(
	struct ph_wiring *wiring, const struct ph_yaml_node *map)
{
	const struct ph_yaml_node *node =
		ph_wiring_get(wiring, map, "expect", PH_YAML_TEXT);
	struct ph_wiring_rate rate;

	if (node == NULL)
		return NULL;
	if (ph_wiring_rate_parse(&rate, node->text) == 0 && rate.value > 0)
		return node->text;
	ph_findings_add(wiring, PH_FINDING_ERROR, "S4", node->span,
		"Write >= or <= and a rate: \">= 500kB/s\", or \">= "
		"10/s\" for messages.",
		"'%.60s' is no rate to expect", node->text);
	return NULL;
}
