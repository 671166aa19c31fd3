#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controlsurface/wiring.h"
#include "kernel/log.h"
#include "node/boot.h"
#include "node/builtin.h"

/* What a node applies when it starts: the file of -f, or the one that is built
 * into the binary. */
#define WIRING_MOST PH_WIRING_BYTES

/* The whole file, or NULL with errno. */
static char *read_file(const char *path, size_t *length)
{
	FILE *file = fopen(path, "re");
	char *text = NULL;
	size_t size = 0;
	FILE *out;
	char block[4096];
	size_t got;
	size_t total = 0;
	int failed;

	if (!file)
		return NULL;
	out = open_memstream(&text, &size);
	while (out && total <= WIRING_MOST &&
		(got = fread(block, 1, sizeof(block), file)) > 0)
		total += fwrite(block, 1, got, out);
	failed = ferror(file) ? errno : total > WIRING_MOST ? EFBIG : 0;
	fclose(file);
	if (!out || fclose(out) || failed) {
		free(text);
		errno = failed ? failed : ENOMEM;
		return NULL;
	}
	*length = size;
	return text;
}

/* -f: tried until it is applied; its hosts may still be starting. */
struct wiring_job {
	struct ph_node *node;
	struct ph_timer timer;
	const char *file;
	char *text; /* NULL: the one that is built in */
	size_t length;
	char last[256];
};

static void apply_wiring(struct ph_timer *timer);

static void on_applied(
	void *context, int status, const uint8_t *body, size_t length)
{
	struct wiring_job *job = context;
	struct ph_error error;

	if (!status) {
		job->node->applying = false;
		ph_log_info("boot", "wiring.applied file=%s", job->file);
		free(job->text);
		free(job);
		return;
	}
	ph_error_read(&error, status, body, length);
	if (strcmp(job->last, error.what) != 0)
		ph_log_warn("boot",
			"wiring.refused file=%s because=\"%s\" where=\"%s\"",
			job->file, error.what, error.where);
	snprintf(job->last, sizeof(job->last), "%s", error.what);
	if (error.exit == PH_EXIT_WIRING) {
		/* It will not get better by itself. */
		job->node->exit = PH_EXIT_WIRING;
		ph_boot_fail(&error);
		ph_node_stop(job->node, "invalid wiring");
		free(job->text);
		free(job);
		return;
	}
	ph_timer_start(job->node->loop, &job->timer,
		ph_loop_now(job->node->loop) + 2 * PH_SECOND);
}

/* What they stood for when the binary was built. */
static void put_variables(struct ph_writer *writer)
{
	ph_put_map(writer, "variables");
	for (size_t i = 0; i < ph_builtin->variable_count; i++)
		ph_put_text(writer, ph_builtin->variables[i].name,
			ph_builtin->variables[i].value);
	ph_write_end(writer);
}

static void apply_wiring(struct ph_timer *timer)
{
	struct wiring_job *job =
		(struct wiring_job *)((char *)timer -
				      offsetof(struct wiring_job, timer));
	struct ph_node *node = job->node;
	struct ph_writer *writer;

	if (node->stopping || ph_writer_create(&writer))
		return;
	ph_write_map(writer);
	if (!job->text)
		put_variables(writer);
	ph_write_text(writer, "text");
	ph_write_textn(
		writer, job->text ? job->text : ph_builtin->text, job->length);
	ph_put_text(writer, "file", job->file);
	ph_write_end(writer);
	ph_call_send(node->door, &ph_node_self, "", PH_CONTROL_APPLY, writer,
		ph_loop_now(node->loop), 30 * PH_SECOND, on_applied, job);
	ph_writer_free(writer);
}

static int read_wiring(struct wiring_job *job, struct ph_error *error)
{
	const char *given = job->node->options.wiring;

	if (!given) {
		job->file = ph_builtin->file;
		job->length = ph_builtin->length;
		return 0;
	}
	job->file = given;
	job->text = read_file(given, &job->length);
	if (job->text)
		return 0;
	return ph_fail(error, PH_EXIT_NOT_FOUND, given,
		"name a wiring file that can be read",
		"cannot read the wiring file: %s", strerror(errno));
}

void ph_boot_wiring(struct ph_node *node)
{
	struct wiring_job *job;
	struct ph_error error = {.exit = PH_EXIT_NEGATIVE};

	if (!node->options.wiring && !ph_builtin)
		return;
	job = calloc(1, sizeof(*job));
	if (job)
		job->node = node;
	if (!job || read_wiring(job, &error)) {
		free(job);
		node->exit = (int)error.exit;
		ph_boot_fail(&error);
		ph_node_stop(node, "no wiring file");
		return;
	}
	node->applying = true;
	job->timer.on_due = apply_wiring;
	apply_wiring(&job->timer);
}
