#ifndef POSTHOUSE_H
#define POSTHOUSE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Lets a program that runs already attach to the posthouse node of its machine
 * and be a server there like any other: it stands in the guest book, its ports
 * can be wired from any node, and when it leaves, its pipes are cut.
 *
 *   cc program.c -lposthouse
 *
 * Errors are negative errno. Buffers are the caller's and may be used again
 * when a call returns; what ph_attach gives is given back by ph_leave. No
 * threads, no signals, no globals: a handle belongs to one thread at a time.
 *
 * A stream is: PH_BEGIN, messages, and then either PH_END (finished by who
 * sent it) or PH_CUT (broken off; what came is not the whole of it). Streams
 * may follow one another on a port, as it is wired anew.
 */
#define PH_API_VERSION 1

/* Messages that may be given without waiting, and what waits in the library
 * for the node, in bytes. */
#define PH_SEND_MOST 1048576

struct ph_guest;

enum ph_port_kind {
	PH_PORT_OUT,	/* feeds one */
	PH_PORT_MUX,	/* feeds many: each gets every message */
	PH_PORT_IN,	/* is fed by one */
	PH_PORT_COMBINE /* is fed by many, message by message */
};

struct ph_port {
	const char *name; /* as in `posthouse connect program:NAME ...` */
	enum ph_port_kind kind;
	const char *type; /* media type; "" or NULL for any */
};

struct ph_manifest {
	uint32_t version; /* PH_API_VERSION */
	const char *name; /* of the server, on this node */
	const struct ph_port *ports;
	size_t port_count;   /* 1 to 16 */
	uint32_t class_code; /* 0: a plain program */
	const char *owner;   /* NULL: posthouse */
};

/*
 * Attaches. `socket` is where the node listens for commands, NULL the usual
 * place (POSTHOUSE_SOCKET, else as `posthouse` itself looks for it). Everything
 * is copied.
 *
 * -ENOENT, -ECONNREFUSED: no node there; -EACCES: it is another user's;
 * -EEXIST: a server of this name is there; -EINVAL: the node or the library
 * did not like the manifest; -EPROTO: not a node that we understand;
 * -ETIMEDOUT; -ENOMEM.
 */
int ph_attach(struct ph_guest **out, const char *socket,
	const struct ph_manifest *manifest);
/* Leaves and frees; streams that are not finished are cut. NULL is harmless. */
void ph_leave(struct ph_guest *guest);

/* What to do with a message when the port is full, or nobody is wired to it. */
enum ph_full {
	PH_FULL_RETURN, /* -EAGAIN; -ENOTCONN when nobody is wired to it */
	PH_FULL_WAIT,	/* until it is taken */
	PH_FULL_DROP	/* 0, and the consumer is told how much is missing */
};

/*
 * Sends one message on an output. 0: it is on its way, what the node does not
 * take yet goes on with the next call of this library or ph_flush. -EPIPE: the
 * consumer was lost; told once, then the port is as if never wired. -EMSGSIZE:
 * over PH_SEND_MOST, and not PH_FULL_WAIT. -ESHUTDOWN: the node stopped.
 */
int ph_send(struct ph_guest *guest, size_t port, const void *data,
	size_t length, enum ph_full full);
/* Waits until the node has taken what was sent. -EPIPE, -ESHUTDOWN, -ETIMEDOUT.
 * Timeouts are milliseconds; negative: none. */
int ph_flush(struct ph_guest *guest, size_t port, int timeout);
/* Finishes an output's stream and waits until its consumer has consumed it.
 * -EPIPE: he was lost, the stream is not whole there; -ETIMEDOUT: call again
 * to go on waiting; -ESHUTDOWN. */
int ph_finish(struct ph_guest *guest, size_t port, int timeout);

/* Breaks an output's stream off: its consumer is told that it is not whole. */
int ph_cut(struct ph_guest *guest, size_t port);

enum ph_event {
	PH_DATA,
	PH_BEGIN, /* a stream begins */
	PH_END,	  /* it is finished: ph_accept when you have done with it */
	PH_CUT,	  /* it broke off */
	PH_GAP	  /* messages are missing here, dropped on their way */
};

struct ph_note {
	enum ph_event event;
	int more;	 /* PH_DATA: the message goes on in the next call */
	uint64_t source; /* PH_PORT_COMBINE: the stream it belongs to */
	uint64_t lost_messages; /* PH_GAP */
	uint64_t lost_bytes;
};

/*
 * Waits for what comes on an input next. The bytes of PH_DATA are put into the
 * buffer and counted; other events have none. A message that is larger than
 * the buffer comes in pieces (`more`). -ETIMEDOUT, -ESHUTDOWN, -EINVAL.
 */
long ph_receive(struct ph_guest *guest, size_t port, void *buffer, size_t size,
	struct ph_note *note, int timeout);
/* After PH_END: what came is consumed, and its sender may forget it. A program
 * that dies before this makes the stream a cut one. */
int ph_accept(struct ph_guest *guest, size_t port);

/* For poll(2): an input is worth a ph_receive when this is readable (or the
 * last one left something: use a timeout of 0 first). -EINVAL. */
int ph_descriptor(const struct ph_guest *guest, size_t port);

/*
 * Who wants to know when a server or a node is no more sets a monitor, attached
 * or not, and is told once, whatever happens: the end of the server's present
 * run, or that its node is lost (it died, or nobody reaches it) or has left.
 * What is not there, or does not run, is told at once.
 *
 *   struct ph_monitor *monitor;
 *   struct ph_loss loss;
 *
 *   if (!ph_monitor(&monitor, NULL, "gamma/camera") &&
 *           !ph_monitor_wait(monitor, &loss, -1) &&
 *           loss.cause == PH_LOSS_NODE_LOST)
 *           use_the_other_camera();
 *   ph_monitor_drop(monitor);
 */
struct ph_monitor;

enum ph_loss_cause {
	PH_LOSS_ENDED,	  /* more is not known */
	PH_LOSS_EXITED,	  /* a program, with `code` */
	PH_LOSS_SIGNAL,	  /* a program, by `signal` */
	PH_LOSS_FINISHED, /* a bundled server, its work done */
	PH_LOSS_FAILED,	  /* ... or not */
	PH_LOSS_STREAM,	  /* a stream that it needs was lost */
	PH_LOSS_STOPPED,  /* somebody stopped it, or it left */
	PH_LOSS_REPLACED, /* another run has its place */
	PH_LOSS_NODE_LOST,
	PH_LOSS_NODE_LEFT,   /* it said goodbye */
	PH_LOSS_NOT_RUNNING, /* there was nothing to watch: it does not run...
			      */
	PH_LOSS_NO_SUCH, /* ...or is not there, or its node is not known... */
	PH_LOSS_REFUSED	 /* ...or its node does not tell us, or ours has
			    too many monitors */
};

struct ph_loss {
	enum ph_loss_cause cause;
	int code;
	int signal;
	char reason[320]; /* in words; "" none */
};

/* `target`: "NODE/SERVER", "NODE", or "SERVER" of this node. Errors as of
 * ph_attach; -EINVAL: no target, or one of more than 255 bytes. */
int ph_monitor(struct ph_monitor **out, const char *socket, const char *target);
/* 0: it is no more, and why (`loss` may be NULL); the same again when asked
 * again. -ETIMEDOUT: it is still there; -ESHUTDOWN: our own node stopped, so
 * nobody knows; -EPROTO. */
int ph_monitor_wait(
	struct ph_monitor *monitor, struct ph_loss *loss, int timeout);
/* For poll(2): when it is readable, ph_monitor_wait with a timeout of 0, which
 * may find that nothing has happened yet. */
int ph_monitor_descriptor(const struct ph_monitor *monitor);
/* Takes it back and frees it. NULL is harmless. */
void ph_monitor_drop(struct ph_monitor *monitor);

#ifdef __cplusplus
}
#endif

#endif
