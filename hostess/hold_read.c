#include <stdio.h>
#include <string.h>

#include "hostess/hold.h"

/* What hostess.hold asks for, read with suspicion. */

static int name_read(struct ph_request *request, const char *key, char out[40],
	struct ph_error *error)
{
	struct ph_value value = ph_value_get(request->arguments, key);
	size_t length;
	const char *text = ph_value_text(value, &length);

	out[0] = '\0';
	if (ph_value_type(value) == PH_NIL || length == 0)
		return 0;
	if (!ph_name_is_valid(text, length))
		return ph_fail(error, PH_EXIT_USAGE, key,
			"a name is 1 to 39 letters, digits, dots and dashes",
			"that is no name");
	ph_value_copy(value, out, 40);
	return 0;
}

static int number_read(struct ph_request *request, const char *key,
	int64_t otherwise, int64_t low, int64_t high, int64_t *out,
	struct ph_error *error)
{
	struct ph_value value = ph_value_get(request->arguments, key);

	*out = ph_value_int(value, otherwise);
	if (*out < low || *out > high)
		return ph_fail(error, PH_EXIT_USAGE, key,
			"give a number within these bounds",
			"%s is %lld to %lld", key, (long long)low,
			(long long)high);
	return 0;
}

static int address_read(struct ph_hold *hold, struct ph_request *request,
	struct ph_error *error)
{
	struct ph_wish *wish = &hold->wish;
	struct ph_value mask = ph_value_get(request->arguments, "mask");
	size_t length;
	const char *text = ph_value_text(mask, &length);

	if (name_read(request, "server", wish->server, error) < 0 ||
		name_read(request, "terminal", wish->terminal, error) < 0 ||
		name_read(request, "node", hold->only, error) < 0)
		return -1;
	if ((ph_value_type(mask) != PH_NIL) == (*wish->server != '\0') ||
		(*wish->terminal && !*wish->server))
		return ph_fail(error, PH_EXIT_USAGE, "hold",
			"posthouse reserve ADDR, or --mask M --count N",
			"one of an address and a mask is needed");
	if (ph_mask_parse(&wish->mask, text, length, error) < 0)
		return -1;
	ph_value_copy(mask, wish->mask_text, sizeof(wish->mask_text));
	return 0;
}

static int times_read(struct ph_hold *hold, struct ph_request *request,
	struct ph_error *error)
{
	int64_t most = PH_HOLD_MOST / PH_MILLISECOND;
	int64_t now = ph_loop_now(hold->hostess->loop);
	int64_t lasts, wait;

	if (number_read(request, "for_ms", PH_HOLD_LASTS / PH_MILLISECOND, 1,
		    most, &lasts, error) < 0 ||
		number_read(request, "wait_ms", 0, 0, most, &wait, error) < 0)
		return -1;
	hold->wish.lasts = lasts * PH_MILLISECOND;
	hold->wish.deadline = now + wait * PH_MILLISECOND;
	/* Nobody listens any longer than that. */
	if (hold->wish.deadline > request->call->deadline)
		hold->wish.deadline = request->call->deadline;
	return 0;
}

static int call_read(struct ph_hold *hold, struct ph_request *request,
	struct ph_error *error)
{
	size_t length;
	const char *call = ph_value_text(
		ph_value_get(request->arguments, "call"), &length);

	if (!length)
		return 0;
	if (length > PH_HOLD_CALL || memchr(call, ' ', length))
		return ph_fail(error, PH_EXIT_USAGE, "call",
			"use at most 64 bytes without blanks",
			"that is no call id");
	snprintf(hold->key, sizeof(hold->key), "%s %.*s",
		ph_hostess_caller(hold->hostess, request), (int)length, call);
	return 0;
}

static void claim_read(struct ph_hold *hold, struct ph_request *request)
{
	const struct ph_caller *caller = request->call->caller;
	struct ph_auth_claim claim = {
		.here = !*caller->node,
		.role = (enum ph_role)caller->role,
		.node = ph_hostess_caller(hold->hostess, request),
	};

	claim.token = ph_value_text(
		ph_value_get(request->arguments, "auth"), &claim.length);
	ph_wish_claim(&hold->wish, &claim);
}

int ph_hold_read(struct ph_hold *hold, struct ph_request *request,
	struct ph_error *error)
{
	struct ph_hostess *hostess = hold->hostess;
	bool here = !*request->call->caller->node;
	int64_t count;

	if (address_read(hold, request, error) < 0 ||
		number_read(request, "count", 1, 1, PH_WISH_COUNT, &count,
			error) < 0 ||
		times_read(hold, request, error) < 0 ||
		call_read(hold, request, error) < 0)
		return -1;
	if (ph_wish_init(&hold->wish, (unsigned)count) < 0)
		return ph_fail(error, PH_EXIT_NEGATIVE, "hold", "free memory",
			"out of memory");
	claim_read(hold, request);
	hold->wish.some = ph_get_bool(request->arguments, "some");
	hold->wish.running = ph_get_bool(request->arguments, "running");
	hold->everywhere = ph_get_bool(request->arguments, "everywhere");
	hold->roams = here && !*hold->wish.server &&
		      !ph_get_bool(request->arguments, "here");
	if (strcmp(hold->only, hostess->node) == 0) {
		hold->only[0] = '\0';
		hold->roams = false;
	}
	if (!*hold->only)
		return 0;
	hold->roams = true;
	/* It would travel under our name. */
	return here ? 0
		    : ph_fail(error, PH_EXIT_DENIED, hold->only,
			      "ask that node itself",
			      "a peer's call is not passed on");
}
