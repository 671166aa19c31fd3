/* A program with a monitor: `watcher SOCKET TARGET` says when it stands, and
 * then, once, what it heard. */
#include <posthouse.h>

#include <poll.h>
#include <stdio.h>

static const char *const causes[] = {"ended", "exited", "signal", "finished",
	"failed", "stream", "stopped", "replaced", "node lost", "node left",
	"not running", "no such", "refused"};

int main(int argc, char **argv)
{
	struct ph_monitor *monitor;
	struct ph_loss loss;
	struct pollfd wait = {.events = POLLIN};
	int error;

	if (argc != 3)
		return 2;
	error = ph_monitor(&monitor, argv[1], argv[2]);
	if (error) {
		printf("error %d\n", error);
		return 1;
	}
	/* As a program that has other things to wait for, too. */
	wait.fd = ph_monitor_descriptor(monitor);
	do {
		poll(&wait, 1, -1);
		error = ph_monitor_wait(monitor, &loss, 0);
	} while (error == -110);
	if (error)
		printf("error %d\n", error);
	else
		printf("%s %d %d\n", causes[loss.cause], loss.code,
			loss.signal);
	if (!error && ph_monitor_wait(monitor, NULL, 0))
		printf("it forgot\n");
	ph_monitor_drop(monitor);
	return error != 0;
}
