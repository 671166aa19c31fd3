#include "servers/servers.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

#include "kernel/log.h"
#include "servers/file_batch.h"
#include "servers/whole_file.h"

/*
 * A stream becomes a file, whole or not at all: END is released, and so
 * acknowledged to its source, after the file is on the disk under its name. A
 * cut stream leaves nothing behind.
 *
 * The worker writes; while one batch is with it, the next is filled. Frames are
 * released when they are in a batch: should their write fail, the stream's END
 * is never acknowledged.
 */
struct file_write {
	struct ph_server *server;
	const char *path;
	struct ph_whole_file *file;
	struct ph_job job; /* everything but writes; one at a time */
	bool busy;	   /* `job` is with the worker */
	bool writing;	   /* the temporary file is there */
	bool broken;
	bool closing;
	bool gap; /* of this stream, told */
	int result;
	unsigned fill; /* the batch being filled */
	struct ph_file_batch batches[2];
};

static void file_pump(struct ph_server *server, unsigned terminal);
static void file_closing(struct file_write *file);

static struct file_write *file_of(struct ph_job *job)
{
	return (struct file_write *)((char *)job -
				     offsetof(struct file_write, job));
}

static void start_job(struct file_write *file, void (*work)(struct ph_job *job),
	void (*done)(struct ph_job *job))
{
	file->busy = true;
	file->job.work = work;
	file->job.done = done;
	file->job.strand = file;
	ph_worker_submit(file->server->worker, PH_LANE_FILE, &file->job);
}

static bool is_writing_batch(const struct file_write *file)
{
	return file->batches[0].busy || file->batches[1].busy;
}

static void work_drop(struct ph_job *job)
{
	ph_whole_file_drop(file_of(job)->file);
}

static const char *advice(int reason)
{
	switch (reason) {
	case -ENOSPC:
	case -EDQUOT:
		return "make room on that disk; the file is as it was";
	case -ENOENT:
		return "create the directory on this host, or correct `path`";
	case -EINVAL:
	case -EISDIR:
		return "`path` must name a plain file";
	default:
		return "look at the directory and its permissions";
	}
}

static void tell_broken(struct file_write *file)
{
	ph_server_break(file->server, "cannot write", file->path, file->result,
		advice(file->result));
}

static void done_drop_broken(struct ph_job *job)
{
	struct file_write *file = file_of(job);

	file->busy = false;
	if (file->closing)
		file_closing(file);
	else
		tell_broken(file);
}

/* Refuses the stream at once, tells when nothing is left of it. */
static void file_break(struct file_write *file, int reason)
{
	if (!file->broken) {
		file->broken = true;
		file->result = reason;
		ph_terminal_refuse(file->server->terminals[0], reason);
	}
	if (file->busy || is_writing_batch(file))
		return;
	file->writing = false;
	start_job(file, work_drop, done_drop_broken);
}

static void work_write(struct ph_job *job)
{
	struct ph_file_batch *batch =
		(struct ph_file_batch *)((char *)job -
					 offsetof(struct ph_file_batch, job));

	batch->result =
		ph_whole_file_write(batch->fd, batch->vectors, batch->count);
}

static void done_write(struct ph_job *job)
{
	struct ph_file_batch *batch =
		(struct ph_file_batch *)((char *)job -
					 offsetof(struct ph_file_batch, job));
	struct file_write *file = batch->server->state;

	batch->busy = false;
	ph_file_batch_empty(batch);
	if (file->closing)
		file_closing(file);
	else if (batch->result || file->broken)
		file_break(file, batch->result);
	else
		file_pump(file->server, 0);
}

static void submit_batch(struct file_write *file)
{
	struct ph_file_batch *batch = &file->batches[file->fill];

	batch->busy = true;
	batch->fd = file->file->fd;
	batch->job.work = work_write;
	batch->job.done = done_write;
	batch->job.strand = file;
	file->fill = !file->fill;
	ph_worker_submit(file->server->worker, PH_LANE_FILE, &batch->job);
}

static void work_begin(struct ph_job *job)
{
	struct file_write *file = file_of(job);

	file->result =
		ph_whole_file_begin(file->file, file->path, file->server->name);
}

static void done_begin(struct ph_job *job)
{
	struct file_write *file = file_of(job);

	file->busy = false;
	if (file->closing) {
		file_closing(file);
	} else if (file->result) {
		file_break(file, file->result);
	} else {
		file->writing = true;
		file_pump(file->server, 0);
	}
}

/* END or CUT still stands, unless its pipe was taken away meanwhile. */
static void release_last(struct file_write *file)
{
	struct ph_terminal *in = file->server->terminals[0];
	struct ph_frame frame;

	if (ph_terminal_receive(in, &frame, NULL) &&
		(frame.flags & (PH_FRAME_END | PH_FRAME_CUT)))
		ph_terminal_release(in);
}

static void work_commit(struct ph_job *job)
{
	struct file_write *file = file_of(job);

	file->result = ph_whole_file_commit(file->file);
}

static void done_commit(struct ph_job *job)
{
	struct file_write *file = file_of(job);

	file->busy = false;
	file->writing = false;
	if (file->closing) {
		file_closing(file);
	} else if (file->result) {
		file_break(file, file->result);
	} else {
		release_last(file);
		file->server->done(file->server, NULL);
	}
}

static void done_drop_cut(struct ph_job *job)
{
	struct file_write *file = file_of(job);

	file->busy = false;
	if (file->closing) {
		file_closing(file);
		return;
	}
	release_last(file);
	file_pump(file->server, 0);
}

/* END or CUT: after what was written before it. */
static void end_stream(struct file_write *file, uint8_t flags)
{
	struct ph_file_batch *batch = &file->batches[file->fill];

	if (flags & PH_FRAME_CUT)
		ph_file_batch_empty(batch);
	else if (batch->count && !batch->busy)
		submit_batch(file);
	if (is_writing_batch(file))
		return;
	if (flags & PH_FRAME_END) {
		start_job(file, work_commit, done_commit);
		return;
	}
	file->writing = false;
	start_job(file, work_drop, done_drop_cut);
}

/* The file lacks what was dropped on the way: told once a stream. */
static void note_gap(struct file_write *file, const struct ph_frame *frame)
{
	struct ph_gap gap;

	if (file->gap || !ph_gap_read(&gap, frame->data, frame->length))
		return;
	file->gap = true;
	ph_log_warn("file.write",
		"gap server=%s path=%s messages=%llu bytes=%llu",
		file->server->name, file->path,
		(unsigned long long)gap.messages,
		(unsigned long long)gap.bytes);
}

/* False: something must happen first, and comes back to file_pump. */
static bool take_frame(struct file_write *file, const struct ph_frame *frame)
{
	bool last = frame->flags & (PH_FRAME_END | PH_FRAME_CUT);

	if (!file->writing && !last) {
		file->gap = false;
		start_job(file, work_begin, done_begin);
		return false;
	}
	if (last && file->writing) {
		end_stream(file, frame->flags);
		return false;
	}
	if (frame->flags & PH_FRAME_GAP)
		note_gap(file, frame);
	if (ph_frame_is_control(frame->flags) || !frame->length)
		return true;
	if (ph_file_batch_add(&file->batches[file->fill], frame))
		return true;
	if (file->batches[file->fill].busy)
		return false;
	/* The batch is full: it goes, and the frame opens the other. */
	submit_batch(file);
	return ph_file_batch_add(&file->batches[file->fill], frame);
}

static void file_pump(struct ph_server *server, unsigned terminal)
{
	struct file_write *file = server->state;
	struct ph_terminal *in = server->terminals[0];
	struct ph_frame frame;

	while (!file->busy && !file->broken && !file->closing &&
		ph_terminal_receive(in, &frame, NULL) &&
		take_frame(file, &frame))
		ph_terminal_release(in);
	if (!file->broken && !file->closing && !is_writing_batch(file) &&
		file->batches[file->fill].count)
		submit_batch(file);
}

static void work_look(struct ph_job *job)
{
	struct file_write *file = file_of(job);

	file->result =
		ph_whole_file_look(file->file, file->path, file->server->name);
}

static void done_look(struct ph_job *job)
{
	struct file_write *file = file_of(job);

	file->busy = false;
	if (file->closing)
		file_closing(file);
	else if (file->result)
		file_break(file, file->result);
	else
		file_pump(file->server, 0);
}

static void file_free(struct file_write *file)
{
	free(file->batches[0].small);
	free(file->batches[1].small);
	free(file->file);
}

static int file_open(struct ph_server *server, struct ph_error *error)
{
	struct file_write *file = server->state;

	file->server = server;
	file->path = ph_server_parameter(server, "path");
	if (!file->path)
		return ph_fail(error, PH_EXIT_WIRING, server->name,
			"add `with: {path: FILE}`", "file.write has no `path`");
	file->file = calloc(1, sizeof(*file->file));
	for (unsigned i = 0; i < 2; i++) {
		file->batches[i].server = server;
		file->batches[i].small = malloc(PH_FILE_BATCH_SMALL);
	}
	if (!file->file || !file->batches[0].small || !file->batches[1].small) {
		file_free(file);
		return ph_fail(error, PH_EXIT_NEGATIVE, server->name,
			"free memory and start it again", "out of memory");
	}
	file->file->fd = -1;
	/* A path that cannot work is told now, not when the stream comes. */
	start_job(file, work_look, done_look);
	return 0;
}

static void done_drop_closing(struct ph_job *job)
{
	struct file_write *file = file_of(job);
	struct ph_server *server = file->server;

	file_free(file);
	server->closed(server);
}

static void file_closing(struct file_write *file)
{
	if (file->busy || is_writing_batch(file))
		return;
	ph_file_batch_empty(&file->batches[0]);
	ph_file_batch_empty(&file->batches[1]);
	start_job(file, work_drop, done_drop_closing);
}

static void file_close(struct ph_server *server)
{
	struct file_write *file = server->state;

	file->closing = true;
	file_closing(file);
}

static const struct ph_terminal_type file_terminals[] = {
	{"in", PH_IN, ""},
};

static const struct ph_parameter_type file_parameters[] = {
	{"path", PH_PARAMETER_PATH, true, "the file to write"},
};

const struct ph_server_type ph_server_file_write = {
	.name = "file.write",
	.sentence = "keeps a stream as a file, whole or not at all",
	.class = PH_CLASS_FILE,
	.terminals = file_terminals,
	.terminal_count = 1,
	.parameters = file_parameters,
	.parameter_count = 1,
	.state_size = sizeof(struct file_write),
	.open = file_open,
	.on_connected = file_pump,
	.on_readable = file_pump,
	.close = file_close,
};
