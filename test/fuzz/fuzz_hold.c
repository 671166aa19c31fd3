/* Requests to hold, from a peer: each is answered once, and when its time is
 * over nothing of it is left. */
#include <stdlib.h>
#include <string.h>

#include "hostess/hostess_inner.h"
#include "kernel/log.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct world {
	struct ph_virtual_clock clock;
	struct ph_loop *loop;
	struct ph_kernel kernel;
	struct ph_door *door;
	struct ph_hostess *hostess;
	unsigned answers;
} world;

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void answered(
	void *context, int status, const uint8_t *body, size_t length)
{
	world.answers++;
}

static void advance(int64_t ns)
{
	world.clock.time += ns;
	for (unsigned i = 0; i < 6; i++) {
		ph_loop_turn(world.loop, 0);
		ph_door_expire(world.door, ph_loop_now(world.loop));
	}
}

static void enter(const char *name)
{
	static const char *const directions[] = {"in", "combine", "out"};
	struct ph_caller here = {.role = PH_ROLE_EXEC};
	struct ph_writer *writer;

	must(ph_writer_create(&writer) == 0);
	ph_write_map(writer);
	ph_put_text(writer, "identity",
		"a.b:sink:2a:ops:no:none:6ba7b810-9dad-51d1-80b4-00c04fd430c8");
	ph_put_text(writer, "server", name);
	ph_put_list(writer, "terminals");
	for (int i = 0; i < 3; i++) {
		ph_write_map(writer);
		ph_put_text(writer, "name", directions[i]);
		ph_put_text(writer, "direction", directions[i]);
		ph_put_int(writer, "handle", i + 1);
		ph_write_end(writer);
	}
	ph_write_end(writer);
	ph_write_end(writer);
	must(ph_call_send(world.door, &here, "", PH_HOSTESS_REGISTER, writer,
		     ph_loop_now(world.loop), PH_SECOND, answered, NULL) == 0);
	ph_writer_free(writer);
	advance(0);
}

static void begin(void)
{
	struct ph_hostess_config config = {.node = "alpha", .epoch = 3};

	if (world.loop)
		return;
	ph_virtual_clock_init(&world.clock, PH_SECOND);
	must(ph_loop_create(&world.loop, &world.clock.clock) == 0);
	must(ph_kernel_init(&world.kernel, ph_loop_hal(world.loop)) == 0);
	must(ph_door_create(&world.door, &world.kernel) == 0);
	config.loop = world.loop;
	config.door = world.door;
	must(ph_hostess_create(&world.hostess, &config) == 0);
	ph_log_open(NULL, NULL, PH_LOG_ERROR);
	enter("sink");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ph_caller beta = {.line = 1, .role = PH_ROLE_EXEC};
	struct ph_call call = {.method = PH_HOSTESS_HOLD,
		.caller = &beta,
		.destination = "",
		.arguments = data,
		.length = size};

	begin();
	memcpy(beta.node, "beta", 5);
	world.answers = 0;
	call.deadline = ph_loop_now(world.loop) + 20 * PH_SECOND;
	if (ph_door_call(world.door, &call, answered, NULL) < 0)
		return 0;
	advance(0);
	advance(21 * PH_SECOND);
	must(world.answers == 1);
	/* The longest hold is an hour; then it is as before. */
	advance(3601 * PH_SECOND);
	must(ph_ledger_count(&world.hostess->ledger) == 0);
	must(world.hostess->wishes.count == 0);
	must(ph_guest_is_free(world.hostess->book.ordered[0]));
	return 0;
}
