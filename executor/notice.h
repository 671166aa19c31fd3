#ifndef PH_EXECUTOR_NOTICE_H
#define PH_EXECUTOR_NOTICE_H

#include <stdbool.h>
#include <sys/types.h>

#include "kernel/loop.h"

/*
 * What a program says of itself by sd_notify(3): READY=1, STATUS=..., and the
 * pings of its watchdog. A socket for each run, of an abstract address that the
 * kernel chose; the program finds it in NOTIFY_SOCKET. Everybody on the host
 * can write to it, so a word counts only when the kernel says that the sender
 * is of the program's session or group. Descriptors that come along are closed:
 * that is what a barrier of sd_notify waits for.
 */
#define PH_NOTICE_ADDRESS 32u
#define PH_NOTICE_STATUS  128u

struct ph_notice {
	int fd;		  /* -1: not open */
	pid_t leader;	  /* of the program's session */
	bool ready;	  /* READY=1 has come */
	bool pinged;	  /* WATCHDOG=1 has; whoever looks takes it back */
	bool triggered;	  /* WATCHDOG=trigger: it says that it hangs */
	unsigned refused; /* words of strangers */
	char status[PH_NOTICE_STATUS];
	/* One of the above has changed. */
	void (*on_change)(struct ph_notice *notice);
	struct ph_watch watch;
};

/* `on_change` is set. `address` becomes what NOTIFY_SOCKET is to be. Negative
 * errno. */
int ph_notice_open(struct ph_notice *notice, struct ph_loop *loop,
	char address[PH_NOTICE_ADDRESS]);
/* Idempotent; harmless when it never was open (fd -1). */
void ph_notice_close(struct ph_notice *notice);
/* One datagram's text, as read: pure. */
void ph_notice_take(struct ph_notice *notice, const char *text, size_t length);

#endif
