#include "controlsurface/alarm_rule.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/server.h"

#define WORD_BYTES 64
/* What `expect` tolerates before somebody is called. */
#define EXPECT_LASTS "10s"

static const char *const measures[] = {
	[PH_ALARM_RATE] = "rate",
	[PH_ALARM_QUEUE] = "queue",
	[PH_ALARM_BLOCKED] = "blocked",
	[PH_ALARM_DROPPED] = "dropped",
	[PH_ALARM_SILENT] = "silent",
};

#define MEASURES (sizeof(measures) / sizeof(measures[0]))

/* --- reading --- */

/* The next word; false: none, or too long. */
static bool word_take(const char **at, char word[WORD_BYTES])
{
	size_t length;

	*at += strspn(*at, " ");
	length = strcspn(*at, " ");
	if (!length || length >= WORD_BYTES)
		return false;
	memcpy(word, *at, length);
	word[length] = '\0';
	*at += length;
	return true;
}

/* "500kB/s", "10/s" */
static bool rate_parse(struct ph_alarm_rule *rule, const char *text)
{
	size_t length = strcspn(text, "/");
	char number[WORD_BYTES];
	uint64_t value;

	if (!length || strcmp(text + length, "/s") != 0)
		return false;
	memcpy(number, text, length);
	number[length] = '\0';
	if (ph_parse_bytes(&value, number))
		return false;
	rule->messages = strspn(number, "0123456789") == length;
	rule->value = (double)value;
	return true;
}

static bool percent_parse(struct ph_alarm_rule *rule, const char *text)
{
	size_t length = strspn(text, "0123456789");

	rule->percent =
		length && length <= 3 && strcmp(text + length, "%") == 0;
	if (rule->percent)
		rule->value = (double)atoi(text);
	return rule->percent;
}

static bool value_parse(struct ph_alarm_rule *rule, const char *text)
{
	uint64_t bytes;
	int64_t duration;

	switch (rule->measure) {
	case PH_ALARM_RATE:
		return rate_parse(rule, text);
	case PH_ALARM_DROPPED:
		return rate_parse(rule, text) && rule->messages;
	case PH_ALARM_BLOCKED:
		return percent_parse(rule, text);
	case PH_ALARM_QUEUE:
		if (percent_parse(rule, text))
			return true;
		if (ph_parse_bytes(&bytes, text))
			return false;
		rule->value = (double)bytes;
		return true;
	case PH_ALARM_SILENT:
		if (ph_parse_duration(&duration, text))
			return false;
		rule->value = (double)duration;
		return true;
	}
	return false;
}

static bool compare_parse(struct ph_alarm_rule *rule, const char *word)
{
	rule->above = word[0] == '>';
	rule->equal = word[0] && word[1] == '=';
	return !strcmp(word, "<") || !strcmp(word, ">") ||
	       !strcmp(word, "<=") || !strcmp(word, ">=");
}

static bool measure_parse(struct ph_alarm_rule *rule, const char *word)
{
	for (size_t i = 0; i < MEASURES; i++) {
		if (strcmp(measures[i], word) != 0)
			continue;
		rule->measure = (enum ph_alarm_measure)i;
		return true;
	}
	return false;
}

int ph_alarm_rule_parse(struct ph_alarm_rule *out, const char *text)
{
	struct ph_alarm_rule rule = {0};
	char word[WORD_BYTES];

	if (!word_take(&text, word) || !measure_parse(&rule, word) ||
		!word_take(&text, word) || !compare_parse(&rule, word) ||
		!word_take(&text, word) || !value_parse(&rule, word))
		return -EINVAL;
	if (word_take(&text, word) &&
		(strcmp(word, "for") != 0 || !word_take(&text, word) ||
			ph_parse_duration(&rule.lasts, word) ||
			rule.lasts <= 0))
		return -EINVAL;
	if (text[strspn(text, " ")])
		return -EINVAL;
	*out = rule;
	return 0;
}

int ph_alarm_rule_expect(char *out, size_t size, const char *expect)
{
	bool equal = expect[0] && expect[1] == '=';
	const char *value = expect + 1 + equal;
	int length;

	if (*expect != '<' && *expect != '>')
		return -EINVAL;
	value += strspn(value, " ");
	length = snprintf(out, size, "rate %s%s %s for " EXPECT_LASTS,
		*expect == '>' ? "<" : ">", equal ? "" : "=", value);
	return length < 0 || (size_t)length >= size ? -EINVAL : 0;
}

/* FNV-1a: two alarms of one name would only be marked together. */
void ph_alarm_id(char out[PH_ALARM_ID], const char *const *words, size_t count)
{
	uint64_t sum = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < count; i++) {
		for (const char *at = words[i]; *at; at++)
			sum = (sum ^ (uint8_t)*at) * UINT64_C(0x100000001b3);
		sum = (sum ^ 0x0a) * UINT64_C(0x100000001b3);
	}
	snprintf(out, PH_ALARM_ID, "a-%08x", (unsigned)(sum ^ (sum >> 32)));
}

/* --- looking --- */

static double per_second(uint64_t now, uint64_t before, int64_t time)
{
	/* Counters that went back belong to another carrier. */
	if (now < before || time <= 0)
		return 0;
	return (double)(now - before) * 1e9 / (double)time;
}

static double measure(const struct ph_alarm *alarm,
	const struct ph_alarm_rule *rule, const struct ph_alarm_look *look)
{
	const struct ph_alarm_look *before = &alarm->before;
	int64_t time = look->at - before->at;
	double part;

	switch (rule->measure) {
	case PH_ALARM_RATE:
		return rule->messages
			       ? per_second(
					 look->messages, before->messages, time)
			       : per_second(look->bytes, before->bytes, time);
	case PH_ALARM_DROPPED:
		return per_second(look->dropped, before->dropped, time);
	case PH_ALARM_BLOCKED:
		part = look->blocked < before->blocked || time <= 0
			       ? 0
			       : (double)(look->blocked - before->blocked) /
					 (double)time;
		return part > 1 ? 100 : part * 100;
	case PH_ALARM_QUEUE:
		if (!rule->percent)
			return (double)look->queued;
		return look->limit ? (double)look->queued * 100 /
					     (double)look->limit
				   : 0;
	case PH_ALARM_SILENT:
		return (double)(look->at - alarm->moved);
	}
	return 0;
}

static bool holds(const struct ph_alarm_rule *rule, double measured)
{
	if (rule->equal && measured == rule->value)
		return true;
	return rule->above ? measured > rule->value : measured < rule->value;
}

static void turn(struct ph_alarm *alarm, bool now_holds, int64_t now)
{
	if (alarm->holds == now_holds)
		return;
	alarm->holds = now_holds;
	alarm->turned = now;
}

bool ph_alarm_step(struct ph_alarm *alarm, const struct ph_alarm_rule *rule,
	const struct ph_alarm_look *look)
{
	bool raised = alarm->raised;

	if (!alarm->looked) {
		alarm->looked = true;
		alarm->moved = look->at;
		alarm->turned = look->at;
		alarm->before = *look;
		return false;
	}
	if (look->bytes != alarm->before.bytes ||
		look->messages != alarm->before.messages)
		alarm->moved = look->at;
	alarm->measured = measure(alarm, rule, look);
	turn(alarm, !look->ended && holds(rule, alarm->measured), look->at);
	alarm->before = *look;
	if (look->ended)
		alarm->raised = false;
	else if (alarm->holds != alarm->raised &&
		 look->at - alarm->turned >= rule->lasts)
		alarm->raised = alarm->holds;
	return alarm->raised != raised;
}

char *ph_alarm_measured(char *out, size_t size, const struct ph_alarm *alarm,
	const struct ph_alarm_rule *rule)
{
	static const char *const units[] = {"", "k", "M", "G", "T"};
	double value = alarm->measured;
	unsigned unit = 0;

	switch (rule->measure) {
	case PH_ALARM_SILENT:
		snprintf(out, size, "silent for %.0f s", value / 1e9);
		return out;
	case PH_ALARM_BLOCKED:
		snprintf(out, size, "blocked %.0f %% of the time", value);
		return out;
	default:
		break;
	}
	if (rule->percent) {
		snprintf(out, size, "queue %.0f %%", value);
		return out;
	}
	while (value >= 1000 && unit < 4) {
		value /= 1000;
		unit++;
	}
	snprintf(out, size, "%s %.3g %s%s%s", measures[rule->measure], value,
		units[unit],
		rule->measure == PH_ALARM_QUEUE || !rule->messages ? "B" : "",
		rule->measure == PH_ALARM_QUEUE ? "" : "/s");
	return out;
}
