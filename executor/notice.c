#include "executor/notice.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "executor/logs.h"
#include "kernel/log.h"

/* systemd's own limit of one message. */
#define NOTICE_BYTES 4096
/* Datagrams taken in one turn of the loop. */
#define NOTICE_TURN 16
/* Descriptors that one of them may bring (SCM_MAX_FD). */
#define NOTICE_FDS 253

static bool is_line(const char *line, size_t length, const char *words)
{
	return strlen(words) == length && !memcmp(line, words, length);
}

static void take_line(struct ph_notice *notice, const char *line, size_t length)
{
	static const char status[] = "STATUS=";
	const size_t skip = sizeof(status) - 1;

	if (is_line(line, length, "READY=1")) {
		notice->ready = true;
	} else if (is_line(line, length, "WATCHDOG=1")) {
		notice->pinged = true;
	} else if (is_line(line, length, "WATCHDOG=trigger")) {
		notice->triggered = true;
	} else if (length >= skip && !memcmp(line, status, skip)) {
		snprintf(notice->status, sizeof(notice->status), "%.*s",
			(int)(length - skip), line + skip);
		ph_logs_clean(notice->status, strlen(notice->status));
	}
}

void ph_notice_take(struct ph_notice *notice, const char *text, size_t length)
{
	while (length) {
		const char *end = memchr(text, '\n', length);
		size_t line = end ? (size_t)(end - text) : length;

		take_line(notice, text, line);
		line += end != NULL;
		text += line;
		length -= line;
	}
}

/* Who has gone already and was reaped cannot be told from a stranger. */
static bool is_ours(const struct ph_notice *notice, pid_t sender)
{
	return sender > 0 &&
	       (sender == notice->leader || getsid(sender) == notice->leader ||
		       getpgid(sender) == notice->leader);
}

static pid_t sender_of(struct msghdr *message)
{
	pid_t sender = 0;

	for (struct cmsghdr *item = CMSG_FIRSTHDR(message); item;
		item = CMSG_NXTHDR(message, item)) {
		struct ucred who;
		int fd;

		if (item->cmsg_level != SOL_SOCKET)
			continue;
		if (item->cmsg_type == SCM_CREDENTIALS) {
			memcpy(&who, CMSG_DATA(item), sizeof(who));
			sender = who.pid;
		}
		if (item->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t at = 0; CMSG_LEN(at) < item->cmsg_len;
			at += sizeof(fd)) {
			memcpy(&fd, CMSG_DATA(item) + at, sizeof(fd));
			close(fd);
		}
	}
	return sender;
}

/* False: there is no more. */
static bool receive(struct ph_notice *notice, bool *changed)
{
	_Alignas(struct cmsghdr) char
		control[CMSG_SPACE(sizeof(struct ucred)) +
			CMSG_SPACE(NOTICE_FDS * sizeof(int))];
	char text[NOTICE_BYTES];
	struct iovec part = {text, sizeof(text)};
	struct msghdr message = {.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control)};
	ssize_t got =
		recvmsg(notice->fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	pid_t sender;

	if (got < 0)
		return errno == EINTR;
	sender = sender_of(&message);
	if (message.msg_flags & MSG_TRUNC || !is_ours(notice, sender)) {
		if (!notice->refused++)
			ph_log_warn("executor",
				"notice.refused leader=%d sender=%d",
				(int)notice->leader, (int)sender);
		return true;
	}
	ph_notice_take(notice, text, (size_t)got);
	*changed = true;
	return true;
}

static void notice_event(struct ph_watch *watch, uint32_t events)
{
	struct ph_notice *notice =
		(struct ph_notice *)((char *)watch -
				     offsetof(struct ph_notice, watch));
	bool changed = false;

	for (unsigned i = 0; i < NOTICE_TURN && receive(notice, &changed); i++)
		;
	if (changed)
		notice->on_change(notice);
}

/* Bound to no name, the kernel gives it one: five hex digits behind a zero. */
static int bind_anywhere(int fd, char address[PH_NOTICE_ADDRESS])
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	socklen_t length = sizeof(name.sun_family);
	const int yes = 1;

	if (setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &yes, sizeof(yes)) ||
		bind(fd, (const struct sockaddr *)&name, length))
		return -errno;
	length = sizeof(name);
	if (getsockname(fd, (struct sockaddr *)&name, &length))
		return -errno;
	snprintf(address, PH_NOTICE_ADDRESS, "@%.*s",
		(int)(length - offsetof(struct sockaddr_un, sun_path) - 1),
		name.sun_path + 1);
	return 0;
}

int ph_notice_open(struct ph_notice *notice, struct ph_loop *loop,
	char address[PH_NOTICE_ADDRESS])
{
	int error;

	notice->watch.on_event = notice_event;
	notice->fd =
		socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	error = notice->fd < 0 ? -errno : bind_anywhere(notice->fd, address);
	if (!error)
		error = ph_watch_start(
			loop, &notice->watch, notice->fd, EPOLLIN);
	if (error)
		ph_notice_close(notice);
	return error;
}

void ph_notice_close(struct ph_notice *notice)
{
	ph_watch_stop(&notice->watch);
	if (notice->fd >= 0)
		close(notice->fd);
	notice->fd = -1;
}
