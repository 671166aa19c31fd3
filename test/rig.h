#ifndef PH_TEST_RIG_H
#define PH_TEST_RIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "executor/executor.h"
#include "kernel/door.h"
#include "kernel/kernel.h"
#include "kernel/terminal.h"
#include "proto/error.h"
#include "proto/value.h"
#include "transport/transport.h"

/*
 * A node's inside without a node: a real loop, worker, kernel, door and
 * executor, a guest book that is a list, and ends to wire to servers. For tests
 * of the executor and of bundled servers.
 */
#define RIG_TERMINALS 64

struct rig_terminal {
	char server[40];
	char name[40];
	ph_handle handle;
};

struct rig {
	struct ph_clock clock;
	int64_t time; /* once it stands still */
	struct ph_loop *loop;
	struct ph_kernel kernel;
	struct ph_worker *worker;
	struct ph_door *door;
	struct ph_executor *executor;
	struct ph_transport_host host;
	struct ph_placement *placement;
	char directory[64];
	struct rig_terminal terminals[RIG_TERMINALS];
	unsigned count;
	char identity[520]; /* of the last who registered */
	bool refuse;	    /* the guest book says no */
	unsigned deaf;	    /* so often it does not let go of a server */
	/* Of the last call. */
	bool answered;
	int status;
	struct ph_error error;
	struct ph_document *document;
	uint8_t *body;
	bool stopped;
};

void rig_open(struct rig *rig);
void rig_close(struct rig *rig);

/* Turns the loop until the condition holds; false after `seconds`. */
bool rig_wait(struct rig *rig, bool (*condition)(void *context), void *context,
	int seconds);
#define rig_until(rig, condition, context)                                     \
	assert_true(rig_wait(rig, condition, context, 60))

/* Its time stands still, and goes on by so much at once. Until it closes. */
void rig_freeze(struct rig *rig);
void rig_jump(struct rig *rig, int64_t time);

/* What to start; every slot may be empty. */
struct rig_spec {
	const char *name;
	const char *scope;
	const char *use;
	const char *argv[12];
	const char *with[4][2];
	const char *env[4][2];
	const char *restart;
	const char *framing;
	const char *cwd;
	const char *ready;
	const char *start_timeout;
	const char *stop_timeout;
	const char *watchdog;
	const char *group;
	const char *strategy;
	unsigned place;
	unsigned height;       /* as executor.start has it */
	const char *placement; /* process: this binary is run again */
	bool only_input;       /* of a program: fd 0 as `in` */
	bool only_output;      /* of a program: fd 1 as `out` */
	bool mux;	       /* `out` is one */
};

void rig_write_spec(struct ph_writer *writer, const struct rig_spec *spec);
/* Calls and waits; returns the status, the error and document are kept. */
int rig_call(struct rig *rig, uint16_t method, struct ph_writer *writer);
int rig_start(struct rig *rig, const struct rig_spec *spec);
/* As when somebody applies: what waits for its next try is tried. */
int rig_start_eagerly(struct rig *rig, const struct rig_spec *spec);
/* executor.run, executor.halt, executor.restart. */
int rig_ask(struct rig *rig, uint16_t method, const char *server);
int rig_check(struct rig *rig, const struct rig_spec *spec);
int rig_stop(struct rig *rig, const char *server);
/* The item of executor.servers; asks anew. */
struct ph_value rig_server(struct rig *rig, const char *server);
bool rig_state_is(struct rig *rig, const char *server, const char *state);
void rig_wait_state(struct rig *rig, const char *server, const char *state);
ph_handle rig_handle(struct rig *rig, const char *server, const char *name);

/* Takes what a server gives. */
struct rig_sink {
	struct rig *rig;
	struct ph_terminal *terminal;
	uint8_t *data;
	size_t length;
	size_t size;
	uint64_t bytes;
	unsigned messages;
	size_t ends[64]; /* where the first messages end */
	bool keep;	 /* the bytes, else they are only counted */
	bool hold;	 /* take nothing */
	bool hold_end;	 /* do not release END */
	bool began;
	bool ended;
	bool cut;
};

void rig_sink_open(struct rig_sink *sink, struct rig *rig);
void rig_sink_close(struct rig_sink *sink);
void rig_sink_pump(struct rig_sink *sink);
/* From the server's output to the sink. */
int rig_sink_connect(
	struct rig_sink *sink, const char *server, const char *name);

/* Gives what a server takes. */
struct rig_source {
	struct rig *rig;
	struct ph_terminal *terminal;
	const uint8_t *data;
	size_t length;
	size_t sent;
	size_t piece; /* bytes a message */
	bool finish;  /* END behind it */
	bool finished;
	bool closed;
	int reason;
};

void rig_source_open(struct rig_source *source, struct rig *rig);
void rig_source_close(struct rig_source *source);
int rig_source_connect(
	struct rig_source *source, const char *server, const char *name);
void rig_source_pump(struct rig_source *source);

/* Output of one server to input of another. */
int rig_wire(struct rig *rig, const char *from, const char *output,
	const char *to, const char *input);

bool rig_sink_is_over(void *sink); /* ended or cut */
bool rig_source_is_closed(void *source);

#endif
