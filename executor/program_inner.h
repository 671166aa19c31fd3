#ifndef PH_EXECUTOR_PROGRAM_INNER_H
#define PH_EXECUTOR_PROGRAM_INNER_H

#include "executor/notice.h"
#include "executor/process.h"
#include "executor/run.h"
#include "executor/stdio.h"
#include "executor/warden.h"

/*
 * A program's run: its process and, for each of its terminals, a pipe of the
 * operating system.
 *
 * The run succeeded when the program exited with 0, everything it wrote was
 * consumed, and then END of its inputs is released: so that "consumed" means
 * consumed all along a pipeline, and whoever sent the stream can send it again
 * until then.
 *
 * program.c its life, program_open.c its beginning, program_yield.c how it
 * gives way, program_end.c how it ends.
 */
struct ph_program;

struct ph_program_port {
	struct ph_program *program;
	bool is_output;
	bool finishing; /* END was sent */
	struct ph_stdio_output output;
	struct ph_stdio_input input;
};

struct ph_program {
	struct ph_run run;
	struct ph_process process;
	uint64_t mark; /* on the leash */
	struct ph_confine_cage cage;
	struct ph_watch cell;  /* of the cage, while it ends */
	struct ph_timer timer; /* to SIGKILL */
	struct ph_task task;   /* looks at what changed; tells */
	struct ph_notice notice;
	struct ph_timer watchdog;
	struct ph_program_port stderr_port; /* when no terminal is on fd 2 */
	bool lost;
	bool told;
	bool hung;		   /* its watchdog said so */
	struct ph_timer expecting; /* to be told to leave */
	bool leaving;		   /* it yields when its sources have left */
	int64_t lasts;		   /* and has so long then */
	bool yielding;		   /* no input any more: it may end by itself */
	bool told_to_end;	   /* by SIGTERM */
	bool stopping;
	struct ph_error error;
	char path[512];
	unsigned count;
	struct ph_program_port ports[]; /* as in spec->terminals */
};

/* program_open.c: pipes and process. 0, or -1 with the error told; what was
 * opened is closed with the program. */
int ph_program_spawn(struct ph_program *program, struct ph_error *error);
/* Where the program is. */
int ph_program_find(const struct ph_spec *spec, const char *directory,
	char *path, size_t size, struct ph_error *error);
/* program_yield.c: it leaves, and its sources have. */
bool ph_program_has_left(const struct ph_program *program);
void ph_program_leave(struct ph_run *run, int64_t lasts);
void ph_program_expect(struct ph_run *run, int64_t lasts);
void ph_program_expect_due(struct ph_timer *timer);
int ph_program_fail(const struct ph_spec *spec, const char *what, int reason,
	struct ph_error *error);
/* program_confine.c. The kit and the cage are the program's to close. 0, or a
 * negative errno and `*what`. */
int ph_program_confine(struct ph_program *program, struct ph_confine_kit *kit,
	const char **what);
/* What it left behind ends, too; false: it takes a moment, and the program is
 * looked at again then. */
bool ph_program_uncage(struct ph_program *program);
/* It was killed for want of the memory that its limit leaves it. */
bool ph_program_starved(const struct ph_program *program);
/* program_notice.c: where it will say how it is, before it is started; "":
 * it is not asked. Negative errno. */
int ph_program_listen(
	struct ph_program *program, char address[PH_NOTICE_ADDRESS]);
/* It runs: from now on it is heard. */
void ph_program_heed(struct ph_program *program);
/* No more. Harmless when it never was. */
void ph_program_deafen(struct ph_program *program);
/* program.c: the process has exited. */
void ph_program_exited(struct ph_process *process);
/* Looks at what changed, at the end of the turn. */
void ph_program_stir(struct ph_program *program);

/* program_end.c: the run is over; told once. */
void ph_program_tell(struct ph_program *program, enum ph_run_cause cause);
/* By a terminal that was lost; `reason` 0, or a negative errno. */
void ph_program_lose(struct ph_program *program, unsigned index,
	const char *what, int reason);
/* An input may have broken. */
void ph_program_check_input(struct ph_program *program, unsigned index);
/* All that this output gave has been consumed. */
bool ph_program_output_is_through(struct ph_program *program, unsigned index);
/* What it wrote to stderr last, to the log. */
void ph_program_drain_logs(struct ph_program *program);
/* The process has exited: is there anything to wait for? */
void ph_program_wind_up(struct ph_program *program);

/* program_yield.c: one run gives its terminals to the next. */
void ph_program_yield(struct ph_run *run, int64_t lasts);
void ph_program_begin(struct ph_run *run, const struct ph_run *former);
/* It has exited: whether all that it said was passed on. Then it has told. */
void ph_program_wind_down(struct ph_program *program);
/* The timer: it had its time. */
void ph_program_hurry(struct ph_program *program);

#endif
