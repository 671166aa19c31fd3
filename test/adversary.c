#include "test/adversary.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <fcntl.h>
#include <malloc.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernel/log.h"
#include "node/boot.h"
#include "node/gate.h"
#include "node/keys.h"
#include "node/limits.h"
#include "node/lines.h"

int64_t adversary_now(void)
{
	return ph_clock_real.now(&ph_clock_real);
}

/* "ran waited slices" (Documentation/scheduler/sched-stats.rst); a kernel
 * without them tells nothing, and all of the time counts. */
int64_t adversary_given(void)
{
	static int fd = -1;
	char text[96];
	ssize_t length;
	long long waited = 0;

	if (fd < 0)
		fd = open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);
	length = pread(fd, text, sizeof(text) - 1, 0);
	text[length > 0 ? length : 0] = 0;
	(void)sscanf(text, "%*s %lld", &waited);
	return adversary_now() - waited;
}

size_t adversary_heap(void)
{
	return mallinfo2().uordblks + mallinfo2().hblkhd;
}

size_t adversary_resident(void)
{
	FILE *file = fopen("/proc/self/statm", "r");
	unsigned long pages = 0;

	assert_non_null(file);
	assert_int_equal(1, fscanf(file, "%*u %lu", &pages));
	fclose(file);
	return pages * (size_t)sysconf(_SC_PAGESIZE);
}

unsigned adversary_dose(unsigned small, unsigned full)
{
	const char *dose = getenv("PH_DOSE");

	return dose && !strcmp(dose, "full") ? full : small;
}

static uint64_t dice_next(struct dice *dice)
{
	uint64_t z = dice->state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

uint32_t dice_below(struct dice *dice, uint32_t bound)
{
	return (uint32_t)((dice_next(dice) >> 32) % bound);
}

void dice_fill(struct dice *dice, void *out, size_t length)
{
	uint8_t *byte = out;

	for (size_t i = 0; i < length; i++)
		byte[i] = (uint8_t)(dice_next(dice) >> 32);
}

/* --- the node --- */

static void on_log(void *context, enum ph_log_level level, const char *topic,
	const char *line)
{
	struct prey *prey = context;

	if (strstr(line, "line.up"))
		prey->lines++;
	if (getenv("PH_TEST_LOG"))
		fprintf(stderr, "%s %s\n", topic, line);
}

/* What a destroyed node leaves to the process, where leak checkers see it. */
static void *left_behind[1024];
static unsigned left;

static void leave_behind(void *what)
{
	assert_true(left < 1024);
	left_behind[left++] = what;
}

/* With what Argon2id made of it: the node finds that, as at a second start. */
static void write_phrase(struct prey *prey, char *path, size_t size)
{
	struct ph_phrase *phrase;
	struct ph_error error;

	assert_int_equal(
		0, ph_phrase_save(prey->directory, prey->phrase, &error));
	snprintf(path, size, "%s/%s", prey->directory, PH_PHRASE_FILE);
	assert_int_equal(0, ph_phrase_read(&phrase, path, &error));
	assert_int_equal(0,
		ph_secret_save(prey->secret, prey->directory, phrase, &error));
	ph_phrase_free(phrase);
}

/* In memory where that can be: each start has some syncs. */
static void make_directory(struct prey *prey)
{
	snprintf(prey->directory, sizeof(prey->directory),
		"%s/posthouse-prey-XXXXXX",
		access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm");
	assert_non_null(mkdtemp(prey->directory));
}

static void boot(struct prey *prey, const char *name)
{
	struct ph_options options = {
		.peer_role = PH_ROLE_EXEC,
		.log = PH_LOG_INFO,
		.listen = {{PH_ADDRESS_TCP, "127.0.0.1", 0}},
		.listens = 1,
	};
	struct ph_error error = {0};
	char path[128];
	char text[8][128];

	ph_log_open(on_log, prey, PH_LOG_INFO);
	make_directory(prey);
	write_phrase(prey, path, sizeof(path));
	options.passphrase_file = path;
	snprintf(options.name, sizeof(options.name), "%s", name);
	snprintf(options.state, sizeof(options.state), "%s", prey->directory);
	snprintf(options.socket, sizeof(options.socket), "%s/socket",
		prey->directory);
	if (ph_node_create(&prey->node, &options, &error))
		fail_msg("%s: %s", error.where, error.what);
	prey->node->options.passphrase_file = NULL;
	ph_boot_open(prey->node);
	assert_int_equal(1, ph_gate_addresses(prey->node->gate, text, 8));
	assert_int_equal(0, ph_address_parse(&prey->address, text[0]));
}

void prey_open(struct prey *prey, const char *name)
{
	/* One for all: Argon2id takes 64 MiB and 0.1 s of a core. */
	static char phrase[sizeof(prey->phrase)];
	static uint8_t secret[sizeof(prey->secret)];
	char mesh[PH_MESH_ID];

	memset(prey, 0, sizeof(*prey));
	if (!phrase[0]) {
		ph_passphrase_make(phrase);
		assert_int_equal(
			0, ph_passphrase_mesh(mesh, phrase, strlen(phrase)));
		assert_int_equal(0, ph_passphrase_secret(secret, mesh, phrase,
					    strlen(phrase)));
	}
	memcpy(prey->phrase, phrase, sizeof(phrase));
	memcpy(prey->secret, secret, sizeof(secret));
	boot(prey, name);
}

void prey_open_beside(
	struct prey *prey, const char *name, const struct prey *other)
{
	memset(prey, 0, sizeof(*prey));
	memcpy(prey->phrase, other->phrase, sizeof(prey->phrase));
	memcpy(prey->secret, other->secret, sizeof(prey->secret));
	boot(prey, name);
}

static void remove_directory(const char *path)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s", path);
	assert_int_equal(0, system(command));
}

void prey_close(struct prey *prey)
{
	struct ph_pool *pool = prey->node->kernel.pool;

	leave_behind(prey->node->loop);
	leave_behind(prey->node->door);
	leave_behind(pool);
	leave_behind(prey->node->kernel.handles);
	ph_node_stop(prey->node, "the test ends");
	prey_until(prey, prey->node->stopped);
	ph_node_destroy(prey->node);
	while (prey->masks) {
		struct mask *mask = prey->masks;

		prey->masks = mask->next;
		ph_tls_destroy(mask->host.tls);
		/* A test that failed left carriers on it. */
		leave_behind(mask->host.pool);
		free(mask);
	}
	remove_directory(prey->directory);
}

void prey_turn(struct prey *prey)
{
	ph_loop_turn(prey->node->loop, PH_MILLISECOND);
}

void prey_forgive(struct prey *prey)
{
	ph_limits_destroy(prey->node->limits);
	assert_int_equal(0, ph_limits_create(&prey->node->limits));
}

void prey_settle(struct prey *prey)
{
	prey_until(prey, ph_gate_strangers(prey->node->gate) == 0);
	for (unsigned i = 0; i < 4; i++)
		ph_loop_turn(prey->node->loop, 0);
}

static void on_health(
	void *context, int status, const uint8_t *body, size_t length)
{
	*(int *)context = status;
}

void prey_assert_healthy(struct prey *prey, unsigned lines)
{
	int status = -1;

	assert_int_equal(0, ph_call_send(prey->node->door, &ph_node_self, "",
				    PH_NODE_HEALTH, NULL, adversary_now(),
				    5 * PH_SECOND, on_health, &status));
	prey_until(prey, status >= 0);
	assert_int_equal(status, PH_CALL_OK);
	/* What was hung up is counted a turn later. */
	prey_until(prey, ph_lines_up(prey->node->lines) == lines);
}

int prey_setup(void **state)
{
	struct prey *prey = calloc(1, sizeof(*prey));

	prey_open(prey, "prey");
	*state = prey;
	return 0;
}

int prey_teardown(void **state)
{
	prey_close(*state);
	free(*state);
	return 0;
}
