#include "servers/servers.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * A file's bytes from its beginning, when its output is wired. The disk may
 * block, so only the worker touches it: two blocks are under way, and while
 * one is sent the other is read. The jobs are one strand, so that plain read(2)
 * keeps their order. A block's buffer belongs to the loop; the
 * worker only fills its bytes, and they are sent without being copied.
 */
#define BLOCK  PH_FRAME_MAX
#define BLOCKS 2

enum block_state {
	BLOCK_IDLE,
	BLOCK_BUSY,
	BLOCK_READY
};

struct file_read;

struct block {
	struct ph_job job;
	struct ph_server *server;
	struct ph_buffer *buffer;
	enum block_state state;
	ssize_t result;
	int fd;
};

struct file_read {
	const char *path;
	struct ph_job job; /* open, and at last close */
	struct ph_server *server;
	int fd;
	int result;
	bool opening;
	bool open;
	bool finished;
	bool broken;
	bool closing;
	unsigned next; /* block to send */
	struct block blocks[BLOCKS];
};

static void file_closing(struct file_read *file);

static void file_break(struct file_read *file, const char *what, int reason)
{
	if (file->broken)
		return;
	file->broken = true;
	ph_server_break(file->server, what, file->path, reason,
		"look at the file and its permissions on this host");
}

static void work_open(struct ph_job *job)
{
	struct file_read *file =
		(struct file_read *)((char *)job -
				     offsetof(struct file_read, job));
	struct stat status;

	/* O_NONBLOCK: opening a fifo must not wait for a writer. */
	file->fd =
		open(file->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	file->result = file->fd < 0 ? -errno : 0;
	if (file->fd < 0)
		return;
	if (fstat(file->fd, &status))
		file->result = -errno;
	else if (S_ISDIR(status.st_mode))
		file->result = -EISDIR;
	else if (!S_ISREG(status.st_mode) && !S_ISBLK(status.st_mode) &&
		 !S_ISCHR(status.st_mode))
		file->result = -ESPIPE;
	posix_fadvise(file->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
}

static void work_read(struct ph_job *job)
{
	struct block *block =
		(struct block *)((char *)job - offsetof(struct block, job));
	size_t filled = 0;
	ssize_t count = 1;

	while (filled < BLOCK && count > 0) {
		count = read(block->fd, block->buffer->data + filled,
			BLOCK - filled);
		if (count > 0)
			filled += (size_t)count;
		else if (count < 0 && errno == EINTR)
			count = 1;
	}
	block->result = count < 0 ? -errno : (ssize_t)filled;
}

static void done_read(struct ph_job *job);

static void read_block(struct file_read *file, struct block *block)
{
	block->buffer = ph_buffer_get(file->server->kernel->pool, BLOCK);
	if (!block->buffer) {
		file_break(file, "cannot read", -ENOMEM);
		return;
	}
	block->fd = file->fd;
	block->state = BLOCK_BUSY;
	block->job.work = work_read;
	block->job.done = done_read;
	block->job.strand = file;
	ph_worker_submit(file->server->worker, PH_LANE_FILE, &block->job);
}

/* 0, or the terminal's word; the block is idle again after 0. */
static int send_block(struct file_read *file, struct block *block)
{
	struct ph_frame frame = {
		.data = block->buffer->data,
		.length = (uint32_t)block->result,
		.flags = PH_FRAME_FIN,
		.buffer = block->buffer,
	};
	int error = ph_terminal_send_frame(file->server->terminals[0], &frame);

	if (error)
		return error;
	ph_buffer_unref(block->buffer);
	block->buffer = NULL;
	block->state = BLOCK_IDLE;
	return 0;
}

static void file_pump(struct ph_server *server, unsigned terminal)
{
	struct file_read *file = server->state;

	while (!file->finished && !file->broken && !file->closing) {
		struct block *block = &file->blocks[file->next];

		if (block->state != BLOCK_READY)
			return;
		if (block->result < 0) {
			file_break(file, "cannot read", (int)block->result);
			return;
		}
		if (block->result == 0) {
			file->finished = true;
			ph_terminal_finish(server->terminals[0]);
			return;
		}
		block->buffer->used = (uint32_t)block->result;
		if (send_block(file, block))
			return; /* on_room, on_connected or on_closed follows */
		read_block(file, block);
		file->next = (file->next + 1) % BLOCKS;
	}
}

static void done_read(struct ph_job *job)
{
	struct block *block =
		(struct block *)((char *)job - offsetof(struct block, job));
	struct file_read *file = block->server->state;

	block->state = BLOCK_READY;
	if (file->closing)
		file_closing(file);
	else
		file_pump(block->server, 0);
}

static void done_open(struct ph_job *job)
{
	struct file_read *file =
		(struct file_read *)((char *)job -
				     offsetof(struct file_read, job));

	file->opening = false;
	if (file->closing) {
		file_closing(file);
		return;
	}
	if (file->result) {
		file_break(file,
			file->result == -ESPIPE ? "neither a file nor a device:"
						: "cannot open",
			file->result == -ESPIPE ? 0 : file->result);
		return;
	}
	file->open = true;
	for (unsigned i = 0; i < BLOCKS; i++)
		read_block(file, &file->blocks[i]);
}

/* The file is opened at once, so that a missing one is told at once; it is
 * read when somebody is there. */
static int file_open(struct ph_server *server, struct ph_error *error)
{
	struct file_read *file = server->state;

	file->server = server;
	file->path = ph_server_parameter(server, "path");
	file->fd = -1;
	for (unsigned i = 0; i < BLOCKS; i++)
		file->blocks[i].server = server;
	if (!file->path)
		return ph_fail(error, PH_EXIT_WIRING, server->name,
			"add `with: {path: FILE}`", "file.read has no `path`");
	file->opening = true;
	file->job.work = work_open;
	file->job.done = done_open;
	file->job.strand = file;
	ph_worker_submit(server->worker, PH_LANE_FILE, &file->job);
	return 0;
}

static void file_closed(struct ph_server *server, unsigned terminal, int reason)
{
	struct file_read *file = server->state;

	if (file->broken || ph_terminal_pipes(server->terminals[0]))
		return;
	if (reason < 0) {
		file->broken = true;
		ph_server_break(server, "consumer lost", "", reason,
			"nothing: it starts again when it is wired again");
	} else if (file->finished) {
		server->done(server, NULL);
	}
}

static void work_close(struct ph_job *job)
{
	struct file_read *file =
		(struct file_read *)((char *)job -
				     offsetof(struct file_read, job));

	if (file->fd >= 0)
		close(file->fd);
}

static void done_close(struct ph_job *job)
{
	struct file_read *file =
		(struct file_read *)((char *)job -
				     offsetof(struct file_read, job));

	file->server->closed(file->server);
}

/* Waits for the worker, then lets go. */
static void file_closing(struct file_read *file)
{
	if (file->opening)
		return;
	for (unsigned i = 0; i < BLOCKS; i++)
		if (file->blocks[i].state == BLOCK_BUSY)
			return;
	for (unsigned i = 0; i < BLOCKS; i++) {
		ph_buffer_unref(file->blocks[i].buffer);
		file->blocks[i].buffer = NULL;
	}
	file->job.work = work_close;
	file->job.done = done_close;
	ph_worker_submit(file->server->worker, PH_LANE_FILE, &file->job);
}

static void file_close(struct ph_server *server)
{
	struct file_read *file = server->state;

	file->closing = true;
	file_closing(file);
}

static const struct ph_terminal_type file_terminals[] = {
	{"out", PH_OUT, ""},
};

static const struct ph_parameter_type file_parameters[] = {
	{"path", PH_PARAMETER_PATH, true, "the file to read"},
};

const struct ph_server_type ph_server_file_read = {
	.name = "file.read",
	.sentence = "gives a file's bytes",
	.class = PH_CLASS_FILE,
	.terminals = file_terminals,
	.terminal_count = 1,
	.parameters = file_parameters,
	.parameter_count = 1,
	.state_size = sizeof(struct file_read),
	.open = file_open,
	.on_connected = file_pump,
	.on_room = file_pump,
	.on_closed = file_closed,
	.close = file_close,
};
