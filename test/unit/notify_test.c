#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "executor/notice.h"
#include "kernel/loop.h"
#include "proto/calls.h"
#include "test/rig.h"

/*
 * Programs that speak sd_notify(3): this one, executed again as `say WORDS...`.
 * A word that begins with `@` is something to do:
 *   @read      waits for a line on stdin
 *   @child     what follows is said by a child; @session: in its own session
 *   @fd        what follows comes with a descriptor, whose end is awaited
 *   @every     what follows is said every 20 ms, for ever
 *   @stay      stays for ever
 */
static char self[256];

static void address_of(struct sockaddr_un *name, socklen_t *length)
{
	const char *text = getenv("NOTIFY_SOCKET");

	if (!text)
		_exit(3);
	*name = (struct sockaddr_un){.sun_family = AF_UNIX};
	snprintf(name->sun_path, sizeof(name->sun_path), "%s", text);
	*length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) +
			      strlen(text));
	if (name->sun_path[0] == '@')
		name->sun_path[0] = 0;
}

static void send_to(const struct sockaddr_un *name, socklen_t length,
	const char *word, int with)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {0};
	struct iovec part = {(void *)(uintptr_t)word, strlen(word)};
	struct msghdr message = {.msg_name = (void *)(uintptr_t)name,
		.msg_namelen = length,
		.msg_iov = &part,
		.msg_iovlen = 1};
	struct cmsghdr *item;
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (with >= 0) {
		message.msg_control = control;
		message.msg_controllen = sizeof(control);
		item = CMSG_FIRSTHDR(&message);
		item->cmsg_level = SOL_SOCKET;
		item->cmsg_type = SCM_RIGHTS;
		item->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(item), &with, sizeof(int));
	}
	if (fd < 0 || sendmsg(fd, &message, 0) < 0)
		_exit(4);
	close(fd);
}

static void say(const char *word)
{
	struct sockaddr_un name;
	socklen_t length;

	address_of(&name, &length);
	send_to(&name, length, word, -1);
}

/* sd_notify's barrier: whoever takes it closes what came with it. */
static void say_with_fd(const char *word)
{
	struct sockaddr_un name;
	socklen_t length;
	char byte;
	int ends[2];

	address_of(&name, &length);
	if (pipe(ends))
		_exit(5);
	send_to(&name, length, word, ends[1]);
	close(ends[1]);
	if (read(ends[0], &byte, 1) != 0)
		_exit(6);
	printf("closed\n");
	fflush(stdout);
}

static void say_as_child(const char *word, bool session)
{
	pid_t pid = fork();

	if (!pid) {
		if (session)
			setsid();
		say(word);
		pause();
		_exit(0);
	}
}

static void say_every(const char *word)
{
	for (;;) {
		say(word);
		poll(NULL, 0, 20);
	}
}

static int say_all(char **words)
{
	char line[16];

	for (; *words; words++) {
		if (!strcmp(*words, "@read"))
			line[0] = fgets(line, sizeof(line), stdin) ? 'y' : 'n';
		else if (!strcmp(*words, "@child"))
			say_as_child(*++words, false);
		else if (!strcmp(*words, "@session"))
			say_as_child(*++words, true);
		else if (!strcmp(*words, "@fd"))
			say_with_fd(*++words);
		else if (!strcmp(*words, "@every"))
			say_every(*++words);
		else if (!strcmp(*words, "@stay"))
			pause();
		else
			say(*words);
	}
	return 0;
}

struct scene {
	struct rig rig;
	struct rig_sink sink;
	struct rig_source source;
};

static int setup(void **state)
{
	struct scene *scene = calloc(1, sizeof(*scene));

	rig_open(&scene->rig);
	rig_sink_open(&scene->sink, &scene->rig);
	rig_source_open(&scene->source, &scene->rig);
	scene->sink.keep = true;
	*state = scene;
	return 0;
}

static int teardown(void **state)
{
	struct scene *scene = *state;

	rig_sink_close(&scene->sink);
	rig_source_close(&scene->source);
	rig_close(&scene->rig);
	free(scene);
	return 0;
}

static void start(struct scene *scene, struct rig_spec spec)
{
	spec.name = "it";
	if (rig_start(&scene->rig, &spec) != PH_CALL_OK)
		fail_msg("%s", scene->rig.error.what);
}

static void assert_state(struct scene *scene, const char *state)
{
	assert_true(rig_state_is(&scene->rig, "it", state));
}

static void assert_text(struct scene *scene, const char *key, const char *text)
{
	char found[200];

	ph_get_copy(rig_server(&scene->rig, "it"), key, found, sizeof(found));
	if (!strstr(found, text))
		fail_msg("%s is: %s", key, found);
}

static bool has_message(void *context)
{
	return ((struct rig_sink *)context)->messages > 0;
}

static void it_is_ready_when_it_says_so(void **state)
{
	struct scene *scene = *state;

	start(scene,
		(struct rig_spec){.ready = "notify",
			.argv = {self, "say", "STATUS=warming\tup\n", "@read",
				"READY=1\nSTATUS=warm", "@stay"}});
	assert_state(scene, "starting");
	scene->source.data = (const uint8_t *)"go\n";
	scene->source.length = 3;
	scene->source.piece = 3;
	assert_int_equal(rig_source_connect(&scene->source, "it", "stdin"), 0);
	assert_int_equal(
		rig_ask(&scene->rig, PH_EXECUTOR_READY, "it"), PH_CALL_OK);
	assert_state(scene, "running");
	assert_text(scene, "status", "warm");
}

static void on_ready(
	void *context, int status, const uint8_t *body, size_t length)
{
	++*(unsigned *)context;
	assert_int_equal(status, PH_CALL_OK);
}

static bool two_have_heard(void *context)
{
	return *(unsigned *)context == 2;
}

/* One who asks again, and one more: neither takes the other's place. */
static void all_who_ask_hear_that_it_is_ready(void **state)
{
	static const struct ph_caller caller = {.role = PH_ROLE_VIEW};
	struct scene *scene = *state;
	struct ph_writer *writer;
	unsigned heard = 0;

	start(scene,
		(struct rig_spec){.ready = "notify",
			.argv = {self, "say", "@read", "READY=1", "@stay"}});
	assert_int_equal(ph_writer_create(&writer), 0);
	ph_write_map(writer);
	ph_put_text(writer, "server", "it");
	ph_write_end(writer);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(ph_call_send(scene->rig.door, &caller, "",
					 PH_EXECUTOR_READY, writer,
					 ph_loop_now(scene->rig.loop),
					 20 * PH_SECOND, on_ready, &heard),
			0);
	ph_writer_free(writer);
	assert_state(scene, "starting");
	scene->source.data = (const uint8_t *)"go\n";
	scene->source.length = 3;
	scene->source.piece = 3;
	assert_int_equal(rig_source_connect(&scene->source, "it", "stdin"), 0);
	rig_until(&scene->rig, two_have_heard, &heard);
}

/* Every apply asks anew: the eight newest wait, the oldest is told so. */
struct answers {
	unsigned ready;
	unsigned refused;
};

static void on_one_of_many(
	void *context, int status, const uint8_t *body, size_t length)
{
	struct answers *answers = context;

	answers->ready += status == PH_CALL_OK;
	answers->refused += status == PH_CALL_FAILED;
}

static bool is_ready(void *context)
{
	return ((struct answers *)context)->ready;
}

static void ask_often(struct scene *scene, struct answers *answers)
{
	static const struct ph_caller caller = {.role = PH_ROLE_VIEW};
	struct ph_writer *writer;

	assert_int_equal(ph_writer_create(&writer), 0);
	ph_write_map(writer);
	ph_put_text(writer, "server", "it");
	ph_write_end(writer);
	for (unsigned i = 0; i < 9; i++)
		assert_int_equal(
			ph_call_send(scene->rig.door, &caller, "",
				PH_EXECUTOR_READY, writer,
				ph_loop_now(scene->rig.loop), 20 * PH_SECOND,
				on_one_of_many, answers + (i == 8)),
			0);
	ph_writer_free(writer);
}

static void who_asks_often_hears_it_at_last(void **state)
{
	struct scene *scene = *state;
	static struct answers answers[2]; /* of the last */

	memset(answers, 0, sizeof(answers));
	start(scene,
		(struct rig_spec){.ready = "notify",
			.argv = {self, "say", "@read", "READY=1", "@stay"}});
	ask_often(scene, answers);
	assert_state(scene, "starting");
	assert_int_equal(answers[0].refused, 1);
	scene->source.data = (const uint8_t *)"go\n";
	scene->source.length = 3;
	scene->source.piece = 3;
	assert_int_equal(rig_source_connect(&scene->source, "it", "stdin"), 0);
	rig_until(&scene->rig, is_ready, &answers[1]);
	assert_int_equal(answers[0].ready, 7);
}

static void who_asks_often_keeps_nobody_out(void **state)
{
	struct scene *scene = *state;
	static struct answers answers[2]; /* of the last */

	memset(answers, 0, sizeof(answers));
	start(scene,
		(struct rig_spec){.ready = "notify",
			.argv = {self, "say", "@read", "READY=1", "@stay"}});
	ask_often(scene, answers);
	assert_state(scene, "starting");
	assert_int_equal(
		rig_ask(&scene->rig, PH_EXECUTOR_HALT, "it"), PH_CALL_OK);
	assert_int_equal(answers[0].refused, 2);
}

/* Its NOTIFY_SOCKET, without the @; "" while exec goes on. */
struct spoken {
	char path[64];
	char socket[64];
};

static bool has_socket(void *context)
{
	struct spoken *spoken = context;
	static char environment[4096];
	const char *text;
	FILE *file = fopen(spoken->path, "re");
	size_t got = 0;

	if (file) {
		got = fread(environment, 1, sizeof(environment) - 1, file);
		fclose(file);
	}
	environment[got] = 0;
	text = memmem(environment, got, "NOTIFY_SOCKET=@", 15);
	if (text)
		snprintf(spoken->socket, sizeof(spoken->socket), "%s",
			text + 15);
	return text != NULL;
}

static void others_speak_for_it_in_vain(void **state)
{
	struct scene *scene = *state;
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	struct spoken spoken = {0};
	size_t length;

	/* One of its own that left its session, and this process itself. */
	start(scene, (struct rig_spec){.ready = "notify",
			     .start_timeout = "1s",
			     .restart = "never",
			     .argv = {self, "say", "@session", "READY=1",
				     "STATUS=alone", "@stay"}});
	snprintf(spoken.path, sizeof(spoken.path), "/proc/%d/environ",
		(int)ph_get_int(rig_server(&scene->rig, "it"), "pid"));
	rig_until(&scene->rig, has_socket, &spoken);
	length = strlen(spoken.socket);
	memcpy(name.sun_path + 1, spoken.socket, length);
	send_to(&name,
		(socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
			    length),
		"READY=1\nSTATUS=stranger", -1);
	rig_wait_state(&scene->rig, "it", "failed");
	assert_text(scene, "reason", "not ready within 1000 ms");
}

static void its_children_speak_for_it(void **state)
{
	struct scene *scene = *state;

	start(scene,
		(struct rig_spec){.ready = "notify",
			.argv = {self, "say", "@child", "READY=1", "@stay"}});
	assert_int_equal(
		rig_ask(&scene->rig, PH_EXECUTOR_READY, "it"), PH_CALL_OK);
	assert_state(scene, "running");
}

static void a_barrier_is_let_go(void **state)
{
	struct scene *scene = *state;

	start(scene, (struct rig_spec){.ready = "notify",
			     .argv = {self, "say", "@fd", "BARRIER=1",
				     "READY=1", "@stay"}});
	assert_int_equal(rig_sink_connect(&scene->sink, "it", "stdout"), 0);
	rig_until(&scene->rig, has_message, &scene->sink);
	rig_wait_state(&scene->rig, "it", "running");
}

static void who_is_late_has_failed(void **state)
{
	struct scene *scene = *state;

	start(scene, (struct rig_spec){.ready = "notify",
			     .start_timeout = "50ms",
			     .argv = {"sleep", "1000"}});
	rig_wait_state(&scene->rig, "it", "backoff");
	assert_text(scene, "reason", "not ready within 50 ms");
	/* With the times of others it would come to its end, too. */
	rig_wait_state(&scene->rig, "it", "failed");
}

static void pings_keep_the_watchdog_quiet(void **state)
{
	struct scene *scene = *state;
	int64_t until = ph_clock_real.now(&ph_clock_real) + 2 * PH_SECOND;

	/* Longer than a busy machine keeps a program that is ready waiting. */
	start(scene, (struct rig_spec){.watchdog = "1500ms",
			     .argv = {self, "say", "@every", "WATCHDOG=1"}});
	while (ph_clock_real.now(&ph_clock_real) < until)
		ph_loop_turn(scene->rig.loop, 50 * PH_MILLISECOND);
	assert_state(scene, "running");
	assert_int_equal(
		ph_get_int(rig_server(&scene->rig, "it"), "restarts"), 0);
}

static void who_hangs_is_killed(void **state)
{
	struct scene *scene = *state;
	pid_t pid;

	start(scene, (struct rig_spec){.watchdog = "100ms",
			     .ready = "notify",
			     .restart = "never",
			     .argv = {self, "say", "READY=1", "@stay"}});
	pid = (pid_t)ph_get_int(rig_server(&scene->rig, "it"), "pid");
	rig_wait_state(&scene->rig, "it", "failed");
	assert_text(scene, "reason", "its watchdog heard nothing for 100 ms");
	/* SIGABRT was enough. */
	while (!kill(pid, 0))
		ph_loop_turn(scene->rig.loop, 10 * PH_MILLISECOND);
	assert_int_equal(errno, ESRCH);
}

static void words_are_taken_line_by_line(void **state)
{
	struct ph_notice notice = {.fd = -1};
	static const char all[] = "READY=10\nWATCHDOG=0\nX\n\nSTATUS=a\x1b[0m";

	ph_notice_take(&notice, all, sizeof(all) - 1);
	assert_false(notice.ready || notice.pinged || notice.triggered);
	assert_string_equal(notice.status, "a?[0m");
	ph_notice_take(&notice, "\nREADY=1", 8);
	assert_true(notice.ready);
	ph_notice_take(&notice, "WATCHDOG=trigger\nWATCHDOG=1\n", 28);
	assert_true(notice.triggered && notice.pinged);
}

int main(int argc, char **argv)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(it_is_ready_when_it_says_so),
		TEST(all_who_ask_hear_that_it_is_ready),
		TEST(who_asks_often_hears_it_at_last),
		TEST(who_asks_often_keeps_nobody_out),
		TEST(others_speak_for_it_in_vain),
		TEST(its_children_speak_for_it),
		TEST(a_barrier_is_let_go),
		TEST(who_is_late_has_failed),
		TEST(pings_keep_the_watchdog_quiet),
		TEST(who_hangs_is_killed),
		cmocka_unit_test(words_are_taken_line_by_line),
	};
#undef TEST

	if (argc > 1 && !strcmp(argv[1], "say"))
		return say_all(argv + 2);
	if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0)
		return 1;
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests_name("notify", tests, NULL, NULL);
}
