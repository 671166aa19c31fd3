#include "proto/rate.h"

#include <stdlib.h>
#include <string.h>

#define LONGEST	   (60 * PH_SECOND)
#define LEAST_ROOM 4u

static const char *const count_names[PH_RATE_KINDS] = {
#define X(ident, name) [PH_RATE_##ident] = name,
	PH_RATE_COUNTS(X)
#undef X
};

static const struct {
	int64_t time; /* ns */
	const char *name;
} windows[PH_RATE_SPANS] = {
#define X(seconds, name) [PH_RATE_##seconds] = {seconds * PH_SECOND, name},
	PH_RATE_WINDOWS(X)
#undef X
};

void ph_rate_begin(struct ph_rate *rate, int64_t now)
{
	*rate = (struct ph_rate){.newest = {.from = now, .until = now}};
}

void ph_rate_fini(struct ph_rate *rate)
{
	free(rate->past);
	rate->past = NULL;
	rate->count = rate->room = 0;
}

/* --- samples --- */

static void rate_keep(struct ph_rate *rate, const struct ph_rate_sample *sample)
{
	unsigned room = rate->room ? 2 * rate->room : LEAST_ROOM;
	struct ph_rate_sample *past = rate->past;

	if (rate->count == rate->room) {
		past = realloc(past, room * sizeof(*past));
		if (!past)
			return;
		rate->past = past;
		rate->room = room;
	}
	past[rate->count++] = *sample;
}

/* No window begins before that time any more; one may begin in the gap behind a
 * sample, so the last that was over by then stays. */
static void rate_forget(struct ph_rate *rate, int64_t before)
{
	unsigned over = 0;

	if (rate->newest.from <= before) {
		ph_rate_fini(rate);
		return;
	}
	while (over + 1 < rate->count && rate->past[over + 1].until <= before)
		over++;
	if (!over)
		return;
	rate->count -= over;
	memmove(rate->past, rate->past + over,
		rate->count * sizeof(*rate->past));
}

void ph_rate_sample(struct ph_rate *rate, int64_t from, int64_t until,
	const struct ph_rate_count *count)
{
	if (memcmp(&rate->newest.count, count, sizeof(*count)) != 0) {
		rate_keep(rate, &rate->newest);
		rate->newest = (struct ph_rate_sample){from, until, *count};
	}
	rate->newest.until = until;
	rate_forget(rate, until - LONGEST);
}

/* --- looks --- */

static const struct ph_rate_sample *rate_at(
	const struct ph_rate *rate, unsigned index)
{
	return index < rate->count ? &rate->past[index] : &rate->newest;
}

/* Between two samples, so much of the time from one to the other. */
static struct ph_rate_count count_between(const struct ph_rate_count *one,
	const struct ph_rate_count *other, double part)
{
	struct ph_rate_count count = *one;

	for (unsigned i = 0; i < PH_RATE_KINDS; i++)
		if (other->of[i] > one->of[i])
			count.of[i] +=
				(uint64_t)((double)(other->of[i] - one->of[i]) *
					   part);
	return count;
}

/* What the counters were at that time, not before the oldest sample. */
static struct ph_rate_count count_then(const struct ph_rate *rate, int64_t then,
	const struct ph_rate_sample *now)
{
	const struct ph_rate_sample *later = now;
	const struct ph_rate_sample *sample = NULL;

	for (unsigned i = rate->count + 1; i > 0; i--) {
		sample = rate_at(rate, i - 1);
		if (sample->from <= then)
			break;
		later = sample;
	}
	if (then <= sample->until)
		return sample->count;
	return count_between(&sample->count, &later->count,
		(double)(then - sample->until) /
			(double)(later->from - sample->until));
}

static struct ph_rate_count count_rate(const struct ph_rate_count *before,
	const struct ph_rate_count *after, int64_t time)
{
	struct ph_rate_count rate = {0};

	for (unsigned i = 0; i < PH_RATE_KINDS; i++)
		if (after->of[i] > before->of[i])
			rate.of[i] =
				(uint64_t)((double)(after->of[i] -
						    before->of[i]) *
						   PH_SECOND / (double)time +
					   0.5);
	return rate;
}

struct ph_rates ph_rate_look(const struct ph_rate *rate, int64_t now,
	const struct ph_rate_count *count)
{
	struct ph_rate_sample look = {now, now, *count};
	int64_t oldest = rate_at(rate, 0)->from;
	struct ph_rates rates = {0};

	for (unsigned i = 0; i < PH_RATE_SPANS; i++) {
		int64_t then = now - windows[i].time;
		struct ph_rate_count before;

		then = then > oldest ? then : oldest;
		if (then >= now)
			continue;
		before = count_then(rate, then, &look);
		rates.over[i] = count_rate(&before, count, now - then);
	}
	return rates;
}

/* --- shown --- */

static void write_count(
	struct ph_writer *writer, const struct ph_rate_count *count)
{
	for (unsigned i = 0; i < PH_RATE_KINDS; i++)
		ph_put_u64(writer, count_names[i], count->of[i]);
}

void ph_rates_write(
	struct ph_writer *writer, const char *key, const struct ph_rates *rates)
{
	ph_put_map(writer, key);
	write_count(writer, &rates->over[0]);
	for (unsigned i = 0; i < PH_RATE_SPANS; i++) {
		ph_put_map(writer, windows[i].name);
		write_count(writer, &rates->over[i]);
		ph_write_end(writer);
	}
	ph_write_end(writer);
}

void ph_rates_read(struct ph_rates *out, struct ph_value map)
{
	for (unsigned i = 0; i < PH_RATE_SPANS; i++) {
		struct ph_value window =
			i ? ph_value_get(map, windows[i].name) : map;

		for (unsigned k = 0; k < PH_RATE_KINDS; k++)
			out->over[i].of[k] = ph_get_u64(window, count_names[k]);
	}
}
