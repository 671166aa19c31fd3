#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "bench/contestants.h"
#include "kernel/pipe.h"
#include "transport/tls.h"
#include "transport/transport.h"

/*
 * What idleness holds: a whole node, by its resident set; and one connection
 * of many, by what this process has allocated for two ends of each (carrier,
 * pipe, TLS), after a frame went through every one of them. And how often it
 * wakes: of the node its data thread, of the connections all ends together.
 */
#define AWAKE (5 * PH_SECOND)
/* After it was last used a carrier is looked after once more. */
#define SETTLED (4 * PH_SECOND)

struct crowd {
	struct ph_loop *loop;
	struct ph_kernel kernel;
	struct ph_transport_host host;
	unsigned open;	  /* ends */
	unsigned arrived; /* frames */
	unsigned count;	  /* connections */
	struct ph_timer end;
};

static void nothing(void *context, struct ph_pipe *pipe)
{
}

static const struct ph_end_ops idle_ops = {.on_readable = nothing};

static void on_open(void *context, struct ph_carrier *carrier)
{
	struct crowd *crowd = context;
	struct ph_end end = {&idle_ops, crowd};
	struct ph_pipe_watcher nobody = {0};
	struct ph_pipe_limits limits = {0};
	struct ph_pipe *pipe;
	struct ph_queue queue;

	crowd->open++;
	ph_carrier_admit(carrier, PH_FRAME_MAX);
	ph_queue_init(&queue, crowd->kernel.pool);
	if (ph_pipe_create(&crowd->kernel, end, end, limits, nobody, &pipe) ||
		ph_queue_copy(&queue, PH_FRAME_FIN, "x", 1) ||
		ph_carrier_send(carrier, &queue))
		bench_die("a connection");
	ph_queue_fini(&queue);
}

static void on_frames(void *context, struct ph_carrier *carrier,
	const struct ph_segment *segment)
{
	struct crowd *crowd = context;

	crowd->arrived += segment->frames;
	if (crowd->arrived == 2 * crowd->count)
		ph_loop_stop(crowd->loop);
}

static void on_closed(void *context, struct ph_carrier *carrier, int reason)
{
	bench_die("a connection broke");
}

static const struct ph_carrier_events carrier_events = {
	.on_open = on_open,
	.on_frames = on_frames,
	.on_closed = on_closed,
};

static const struct ph_carrier_events *on_accept(
	void *context, const char *source, void **out)
{
	*out = context;
	return &carrier_events;
}

static void on_carrier(
	void *context, struct ph_carrier *carrier, void *carrier_context)
{
}

static const struct ph_listener_events listener_events = {
	.on_accept = on_accept,
	.on_carrier = on_carrier,
};

static size_t held(void)
{
	struct mallinfo2 all = mallinfo2();

	return all.uordblks + all.hblkhd;
}

static void crowd_gather(struct crowd *crowd, struct ph_address *address)
{
	struct ph_dial dial = {.address = *address, .plain = !crowd->host.tls};

	for (unsigned i = 0; i < crowd->count; i++) {
		struct ph_carrier *carrier;

		if (ph_transport_tcp.dial(&crowd->host, &dial, &carrier_events,
			    crowd, &carrier))
			bench_die("dialling");
		/* A few at a time: the listener's queue is short. */
		while (crowd->open < 2 * (i > 32 ? i - 32 : 0))
			ph_loop_turn(crowd->loop, PH_SECOND);
	}
	ph_loop_run(crowd->loop);
}

static void enough(struct ph_timer *timer)
{
	struct crowd *crowd =
		(struct crowd *)((char *)timer - offsetof(struct crowd, end));

	ph_loop_stop(crowd->loop);
}

static void crowd_wait(struct crowd *crowd, int64_t time)
{
	crowd->end.on_due = enough;
	ph_timer_start(
		crowd->loop, &crowd->end, ph_loop_now(crowd->loop) + time);
	ph_loop_run(crowd->loop);
}

/* In 1,000 s; without the one that ends the count. */
static long crowd_wakeups(struct crowd *crowd)
{
	struct rusage before, after;

	crowd_wait(crowd, SETTLED);
	getrusage(RUSAGE_THREAD, &before);
	crowd_wait(crowd, AWAKE);
	getrusage(RUSAGE_THREAD, &after);
	return (after.ru_nvcsw - before.ru_nvcsw - 1) * 1000 /
	       (AWAKE / PH_SECOND);
}

static int crowd_run(struct bench_side *side, bool secure)
{
	struct crowd crowd = {.count = (unsigned)side->load.size};
	uint8_t seed[32] = {1};
	struct ph_address address;
	struct ph_listener *listener;
	size_t before;

	if (ph_loop_create(&crowd.loop, &ph_clock_real) ||
		ph_kernel_init(&crowd.kernel, ph_loop_hal(crowd.loop)) ||
		(secure && ph_tls_create(&crowd.host.tls, seed)))
		bench_die("kernel");
	crowd.host.loop = crowd.loop;
	crowd.host.pool = crowd.kernel.pool;
	ph_address_parse(&address, "127.0.0.1:7678");
	address.port = 0;
	if (ph_transport_tcp.listen(&crowd.host, &address, !secure,
		    &listener_events, &crowd, &listener))
		bench_die("listening");
	ph_listener_address(listener, &address);
	before = held();
	crowd_gather(&crowd, &address);
	ph_pool_trim(crowd.kernel.pool);
	before = (held() - before) / (2 * crowd.count);
	printf("%zu %ld\n", before, crowd_wakeups(&crowd));
	return 0;
}

int bench_idle_main(const char *how, size_t count)
{
	struct bench_side side = {.load = {count, 0}};

	return crowd_run(&side, strcmp(how, "tls") == 0);
}

/* A program that says how many bytes, and how many wake-ups. */
static int idle_ask(
	struct bench_side *side, const char *command, const char **reason)
{
	FILE *asked = popen(command, "re");
	long long bytes = 0, wakeups = 0;
	int found = asked ? fscanf(asked, "%lld %lld", &bytes, &wakeups) : 0;

	if (asked)
		pclose(asked);
	*reason = "it said nothing";
	side->result.p50 = bytes;
	side->result.p99 = wakeups;
	return found == 2 ? 0 : -1;
}

static int self_ask(
	struct bench_side *side, const char *how, const char **reason)
{
	char self[256], command[512];
	ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (length < 0)
		bench_die("/proc/self/exe");
	self[length] = '\0';
	snprintf(command, sizeof(command), "ulimit -n 4096; %s idle %s %zu",
		self, how, side->load.size);
	return idle_ask(side, command, reason);
}

static int plain_run(struct bench_side *side, const char **reason)
{
	return self_ask(side, "plain", reason);
}

static int tls_run(struct bench_side *side, const char **reason)
{
	return self_ask(side, "tls", reason);
}

static int node_run(struct bench_side *side, const char **reason)
{
	return idle_ask(side, "bench/idle.sh", reason);
}

const struct bench_contestant bench_idle_node = {
	"posthouse", NULL, NULL, node_run};
const struct bench_contestant bench_idle_plain = {
	"posthouse", NULL, NULL, plain_run};
const struct bench_contestant bench_idle_tls = {
	"posthouse", NULL, NULL, tls_run};
