/*
 * What a strict program tries: each line that it writes says what it could do
 * and should not. The last one says that it has tried everything.
 *
 *   confined NODE-PID DIRECTORY-OUTSIDE
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define FORKS 2000

static void could(int yes, const char *what)
{
	if (yes) {
		printf("%s\n", what);
		fflush(stdout);
	}
}

static void try_files(const char *outside)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/secret", outside);
	could(open(path, O_RDONLY) >= 0, "read outside");
	snprintf(path, sizeof(path), "%s/made", outside);
	could(open(path, O_CREAT | O_WRONLY, 0600) >= 0, "wrote outside");
	could(mkdir(path, 0700) == 0, "made a directory outside");
	could(open("/etc/passwd", O_RDONLY) >= 0, "read passwd");
	could(open("/proc/1/environ", O_RDONLY) >= 0, "read of process 1");
	could(link("/etc/passwd", "linked") == 0, "linked a file from outside");
	could(open("inside", O_CREAT | O_WRONLY, 0600) < 0,
		"not write in its own directory");
}

static void try_network(void)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
		.sin_port = htons(9),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct sockaddr_un local = {.sun_family = AF_UNIX, .sun_path = "x"};
	int tcp = socket(AF_INET, SOCK_STREAM, 0);
	int unix_one = socket(AF_UNIX, SOCK_STREAM, 0);

	could(tcp >= 0, "open a TCP socket");
	could(tcp >= 0 && (!connect(tcp, (void *)&to, sizeof(to)) ||
				  errno == ECONNREFUSED),
		"connect");
	could(socket(AF_INET, SOCK_DGRAM, 0) >= 0, "open a UDP socket");
	could(socket(AF_INET, SOCK_RAW, 1) >= 0, "open a raw socket");
	could(socket(AF_PACKET, SOCK_RAW, 0) >= 0, "open a packet socket");
	could(unix_one >= 0 &&
			!connect(unix_one, (void *)&local, sizeof(local)),
		"connect to a local socket");
}

static void try_others(pid_t node)
{
	could(ptrace(PTRACE_SEIZE, node, 0, 0) == 0, "trace the node");
	could(ptrace(PTRACE_TRACEME, 0, 0, 0) == 0, "be traced");
	could(unshare(CLONE_NEWUSER) == 0, "make a namespace of users");
	could(unshare(CLONE_NEWNS) == 0, "make a namespace of mounts");
	could(mount("none", ".", "tmpfs", 0, NULL) == 0, "mount");
	could(chroot(".") == 0, "change its root");
	could(setuid(0) == 0 && getuid() != 0, "become root");
	could(kill(node, 0) == 0, "see the node");
	could(getppid() > 1 && kill(getppid(), SIGKILL) == 0,
		"kill its parent");
	kill(node, SIGKILL);
}

static void try_descriptors(void)
{
	char text[48];

	for (int fd = 3; fd < 1024; fd++)
		if (fcntl(fd, F_GETFD) >= 0) {
			snprintf(text, sizeof(text), "use descriptor %d", fd);
			could(1, text);
		}
}

/* Those that came to be wait, as the children of a bomb would fork on. */
static void try_bomb(void)
{
	int made = 0;
	char text[48];

	while (made < FORKS) {
		pid_t pid = fork();

		if (pid < 0)
			break;
		if (!pid) {
			setsid();
			close(0);
			close(1);
			close(2);
			for (;;)
				pause();
		}
		made++;
	}
	snprintf(text, sizeof(text), "fork %d times", made);
	could(made >= 300, text);
}

int main(int argc, char **argv)
{
	if (argc != 3)
		return 2;
	/* While there are none of its own. */
	try_descriptors();
	try_files(argv[2]);
	try_network();
	try_others(atoi(argv[1]));
	try_bomb();
	could(1, "tried");
	return 0;
}
