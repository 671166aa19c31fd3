#include "node/stage.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernel/loop.h"
#include "node/json.h"

#define NAP_MS	    20
#define UP_PATIENCE (30 * PH_SECOND) /* the first one derives a key */
#define CALL_TIME   (10 * PH_SECOND)
#define APPLY_TIME  (20 * PH_SECOND)
#define STOP_NAPS   250 /* 5 s */
#define FILES_OPEN  16
#define LOG_BYTES   400

static void path_of(
	const struct ph_stage *stage, const char *name, char *out, size_t size)
{
	snprintf(out, size, "%s/%s", stage->directory, name);
}

/* What would make it another node than we say. */
static bool is_ours(const char *variable)
{
	static const char *const names[] = {"POSTHOUSE_",
		"STATE_DIRECTORY=", "RUNTIME_DIRECTORY=",
		"CREDENTIALS_DIRECTORY=", "NOTIFY_SOCKET=", "WATCHDOG_",
		"LISTEN_"};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (!strncmp(variable, names[i], strlen(names[i])))
			return true;
	return false;
}

static char **environment_make(void)
{
	size_t count = 0;
	size_t to = 0;
	char **kept;

	while (environ[count])
		count++;
	kept = calloc(count + 1, sizeof(*kept));
	for (size_t i = 0; kept && i < count; i++)
		if (!is_ours(environ[i]))
			kept[to++] = environ[i];
	return kept;
}

static void child_run(const struct ph_stage *stage, char **environment)
{
	char state[80];
	char socket[80];
	char listen[80];
	char log[80];
	const char *const argv[] = {"posthouse", "up", "--name", "test",
		"--state", state, "--socket", socket, "--listen", listen,
		"--discovery", "off", "--l2", "off", "--http", "off", "--log",
		"warn", NULL};
	sigset_t none;
	int fd;

	path_of(stage, "state", state, sizeof(state));
	path_of(stage, "socket", socket, sizeof(socket));
	path_of(stage, "log", log, sizeof(log));
	snprintf(listen, sizeof(listen), "unix:%s/peers", stage->directory);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	fd = open(log, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || dup2(fd, STDERR_FILENO) < 0 ||
		dup2(fd, STDOUT_FILENO) < 0)
		_exit(127);
	execve("/proc/self/exe", (char *const *)argv, environment);
	_exit(127);
}

static int child_start(struct ph_stage *stage)
{
	char **environment = environment_make();

	if (!environment)
		return -ENOMEM;
	stage->pid = fork();
	if (!stage->pid)
		child_run(stage, environment);
	free(environment);
	if (stage->pid < 0)
		return -errno;
	stage->pidfd = (int)syscall(SYS_pidfd_open, stage->pid, 0);
	return stage->pidfd < 0 ? -errno : 0;
}

/* The last words of a node that did not come up. */
static int fail_with_log(const struct ph_stage *stage, struct ph_error *error)
{
	char path[80];
	char text[LOG_BYTES + 1] = "";
	FILE *file;
	size_t got = 0;

	path_of(stage, "log", path, sizeof(path));
	file = fopen(path, "re");
	if (file) {
		if (!fseek(file, -LOG_BYTES, SEEK_END) || !fseek(file, 0, 0))
			got = fread(text, 1, LOG_BYTES, file);
		fclose(file);
	}
	text[got] = 0;
	text[ph_text_valid(text, got)] = 0;
	return ph_fail(error, PH_EXIT_NEGATIVE, "test",
		"see whether posthouse up works on this machine",
		"the node for the test did not come up: %s", text);
}

static int client_wait(struct ph_stage *stage, struct ph_error *error)
{
	int64_t until = ph_clock_real.now(&ph_clock_real) + UP_PATIENCE;
	char socket[80];

	path_of(stage, "socket", socket, sizeof(socket));
	while (ph_clock_real.now(&ph_clock_real) < until) {
		if (!access(socket, F_OK) &&
			!ph_client_open(&stage->client, socket, error))
			return 0;
		if (!ph_stage_nap(stage))
			break;
	}
	return fail_with_log(stage, error);
}

int ph_stage_open(struct ph_stage *stage, struct ph_error *error)
{
	const char *temporary = getenv("TMPDIR");
	int failed;

	*stage = (struct ph_stage){.pid = -1, .pidfd = -1};
	/* A socket's path has 107 bytes. */
	if (!temporary || !*temporary || strlen(temporary) > 40)
		temporary = "/tmp";
	snprintf(stage->directory, sizeof(stage->directory),
		"%s/posthouse.XXXXXX", temporary);
	if (!mkdtemp(stage->directory)) {
		failed = errno;
		stage->directory[0] = 0;
		return ph_fail(error, PH_EXIT_NEGATIVE, temporary,
			"name a directory that can be written in TMPDIR",
			"no directory for the test: %s", strerror(failed));
	}
	failed = child_start(stage);
	if (failed)
		return ph_fail(error, PH_EXIT_NEGATIVE, "test", "",
			"cannot start a node: %s", strerror(-failed));
	return client_wait(stage, error);
}

/* Asked again while the node is still reading what it keeps. */
static int apply_send(
	struct ph_stage *stage, const char *text, struct ph_error *error)
{
	int64_t until = ph_clock_real.now(&ph_clock_real) + APPLY_TIME;
	struct ph_writer *writer;
	int failed;

	if (ph_writer_create(&writer))
		return ph_fail(
			error, PH_EXIT_NEGATIVE, "test", "", "out of memory");
	ph_write_map(writer);
	ph_put_map(writer, "variables");
	ph_write_end(writer);
	ph_put_text(writer, "text", text);
	ph_put_text(writer, "file", "test");
	ph_write_end(writer);
	do {
		struct ph_reply reply = {0};

		failed = ph_client_call(stage->client, "", PH_CONTROL_APPLY,
			writer, APPLY_TIME, &reply, error);
		ph_reply_free(&reply);
	} while (failed && error->exit == PH_EXIT_UNREACHABLE &&
		 ph_clock_real.now(&ph_clock_real) < until &&
		 ph_stage_nap(stage));
	ph_writer_free(writer);
	return failed;
}

int ph_stage_apply(
	struct ph_stage *stage, struct ph_writer *map, struct ph_error *error)
{
	struct ph_document *document;
	char *text = NULL;
	int failed;

	if (!ph_document_written(&document, map, PH_SKIM_TABLE)) {
		text = ph_json_text(ph_document_root(document));
		ph_document_free(document);
	}
	if (!text)
		return ph_fail(
			error, PH_EXIT_NEGATIVE, "test", "", "out of memory");
	failed = apply_send(stage, text, error);
	free(text);
	return failed;
}

static bool server_broken(struct ph_value server, char *why, size_t size)
{
	struct ph_value state = ph_value_get(server, "state");
	char name[48];
	char reason[200];

	if (!ph_value_is(state, "failed"))
		return false;
	snprintf(why, size, "server %s: %s",
		ph_get_copy(server, "name", name, sizeof(name)),
		ph_get_copy(server, "reason", reason, sizeof(reason)));
	return true;
}

bool ph_stage_broken(struct ph_stage *stage, char *why, size_t size)
{
	struct ph_reply reply = {0};
	struct ph_error error;
	bool broken = false;

	if (!ph_client_call(stage->client, "", PH_EXECUTOR_LIST, NULL,
		    CALL_TIME, &reply, &error)) {
		struct ph_value items = ph_value_get(reply.body, "items");

		for (size_t i = 0; i < ph_value_count(items) && !broken; i++)
			broken =
				server_broken(ph_value_at(items, i), why, size);
	}
	ph_reply_free(&reply);
	return broken;
}

void ph_stage_clear(struct ph_stage *stage)
{
	struct ph_reply reply = {0};
	struct ph_error error;
	struct ph_writer *writer;

	if (ph_writer_create(&writer))
		return;
	ph_write_map(writer);
	ph_put_text(writer, "name", "test");
	ph_write_end(writer);
	ph_client_call(stage->client, "", PH_CONTROL_UNAPPLY, writer,
		APPLY_TIME, &reply, &error);
	ph_reply_free(&reply);
	ph_writer_free(writer);
}

bool ph_stage_nap(struct ph_stage *stage)
{
	struct pollfd child = {.fd = stage->pidfd, .events = POLLIN};
	sigset_t pending;

	if (poll(&child, 1, NAP_MS) > 0)
		return false;
	return sigpending(&pending) || (!sigismember(&pending, SIGINT) &&
					       !sigismember(&pending, SIGTERM));
}

static int entry_remove(const char *path, const struct stat *status, int kind,
	struct FTW *place)
{
	return remove(path);
}

void ph_stage_close(struct ph_stage *stage)
{
	struct pollfd child = {.fd = stage->pidfd, .events = POLLIN};
	unsigned naps = 0;

	ph_client_close(stage->client);
	if (stage->pid > 0) {
		kill(stage->pid, SIGTERM);
		while (poll(&child, 1, NAP_MS) == 0 && naps++ < STOP_NAPS)
			;
		kill(stage->pid, SIGKILL);
		waitpid(stage->pid, NULL, 0);
	}
	if (stage->pidfd >= 0)
		close(stage->pidfd);
	if (stage->directory[0])
		nftw(stage->directory, entry_remove, FILES_OPEN,
			FTW_DEPTH | FTW_PHYS);
	*stage = (struct ph_stage){.pid = -1, .pidfd = -1};
}
