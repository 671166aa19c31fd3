#ifndef PH_EXECUTOR_STDIO_H
#define PH_EXECUTOR_STDIO_H

#include <stdbool.h>
#include <stdint.h>

#include "executor/spec.h"
#include "kernel/loop.h"
#include "kernel/terminal.h"

/*
 * A program's descriptors as terminals, with backpressure both ways: what no
 * pipe has room for stays in the program, what the program does not read stays
 * in the pipe.
 *
 * Framing of what a program writes: `raw`: what one read gave is a message;
 * `lines`: a line with its newline is one; `length`: a message is behind its
 * length, four bytes little-endian. What it reads: `raw` and `lines`: the
 * payloads as they are; `length`: each message behind its length, at most
 * PH_STDIO_MESSAGE. Files and pipes of the program stay blocking on its side.
 *
 * From one program straight to another (`raw`, and nobody between) the pages
 * move by splice(2), and what one call moved is a message.
 */
#define PH_STDIO_MESSAGE ((uint32_t)16 * 1024 * 1024)

/* Program -> terminal. */
struct ph_stdio_output {
	struct ph_loop *loop;
	struct ph_pool *pool;
	struct ph_terminal *terminal; /* NULL: a log and nothing else */
	enum ph_framing framing;
	/* Where bytes go while nobody is wired; NULL: they wait. */
	void (*log)(void *context, const void *data, size_t length);
	/* End of file or an error was met. */
	void (*on_change)(void *context);
	void *context;
	/* A last line without its end waits for ph_stdio_output_last: of a
	 * program that was killed it is no line. */
	bool hold_last;

	struct ph_watch watch; /* private from here */
	int fd;
	struct ph_buffer *buffer;
	uint32_t start;	  /* first byte not sent yet */
	uint32_t scanned; /* lines: no newline before this */
	uint32_t left;	  /* length: bytes to come of this message */
	bool inside;	  /* a message is not finished */
	bool waits;	  /* for room, or for a pipe */
	bool discard;	  /* what comes is nobody's any more */
	bool copies;	  /* splice(2) does not work here */
	bool held; /* the terminal is another's: nothing goes there yet */
	bool eof;  /* read, and everything before it was sent */
	int error; /* negative errno: the stream is broken */
};

/* Takes `fd`. The fields above `watch` are set. */
int ph_stdio_output_open(struct ph_stdio_output *output, int fd);
void ph_stdio_output_close(struct ph_stdio_output *output);
/* On the terminal's on_room and on_connected. */
void ph_stdio_output_pump(struct ph_stdio_output *output);
/* At the end of file: sends what was held. 0, or -EAGAIN: on room again. */
int ph_stdio_output_last(struct ph_stdio_output *output);
/* Opened `held`: the terminal is this one's from now on. */
void ph_stdio_output_begin(struct ph_stdio_output *output);
/* It has said nothing, or all of the message that it was in. */
bool ph_stdio_output_is_whole(const struct ph_stdio_output *output);
/* From now on bytes are read and dropped. */
void ph_stdio_output_discard(struct ph_stdio_output *output);
/* Is there anything that nobody has taken? */
bool ph_stdio_output_holds(const struct ph_stdio_output *output);
/* Reads what is there into the log, at a program's end. */
void ph_stdio_output_drain(struct ph_stdio_output *output);

/* Terminal -> program. */
struct ph_stdio_input {
	struct ph_loop *loop;
	struct ph_terminal *terminal;
	enum ph_framing framing;
	/* `ended`, `cut`, `yielded` or `error` was set. */
	void (*on_change)(void *context);
	void *context;

	struct ph_watch watch; /* private from here */
	int fd;
	uint8_t *stage; /* small payloads on their way, or one message */
	uint32_t size;
	uint32_t filled;
	uint32_t written;
	uint32_t offset; /* of a large payload, written from its frame */
	struct ph_conduit conduit;
	bool wanted; /* watched because the conduit was found full */
	bool ready;  /* the stage may be written */
	bool ended;  /* END came: the descriptor is closed, END is held */
	bool cut;
	bool gap;     /* told */
	bool inside;  /* a message has begun and is not finished */
	bool offered; /* the conduit */
	bool yields;  /* it takes nothing more when the message has ended... */
	bool yielded; /* ...which it has: the descriptor is closed */
	bool holds;   /* CUT waits: what it means is being decided */
	bool leaves;  /* CUT ends it so, too... */
	bool left;    /* ...and has */
	int rest;   /* of one that yielded: to see what is not read; 0: none */
	bool skips; /* what comes is the rest of a message it did not see */
	int error;  /* -EPIPE: the program reads no more; -EMSGSIZE */
};

int ph_stdio_input_open(struct ph_stdio_input *input, int fd);
void ph_stdio_input_close(struct ph_stdio_input *input);
/* On the terminal's on_readable. */
void ph_stdio_input_pump(struct ph_stdio_input *input);
/* Takes nothing more behind the message that is on its way; then the program
 * sees the end of file, and `yielded` is told. What waits stays where it is,
 * for another one. */
void ph_stdio_input_yield(struct ph_stdio_input *input);
/* From now on CUT, behind all that was sent, lets it yield: whoever feeds it
 * is being taken away, too. */
void ph_stdio_input_leave(struct ph_stdio_input *input);
/* It may be so soon: a CUT waits until it is, or is not (false). */
void ph_stdio_input_hold(struct ph_stdio_input *input, bool holds);
/* Bytes that were given to the program, which has not read them. */
uint64_t ph_stdio_input_unread(const struct ph_stdio_input *input);
/* The program did its work: its source may count the stream as consumed. */
void ph_stdio_input_accept(struct ph_stdio_input *input);

#endif
