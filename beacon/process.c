#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "beacon/beacon.h"
#include "kernel/kernel.h"
#include "kernel/log.h"
#include "proto/identity.h"
#include "proto/probe_fd.h"
#include "proto/seal.h"
#include "proto/secret.h"

#define ORDERS_FD  3
#define SECRETS_FD 4
#define EXIT_ORDER 2

struct process {
	struct ph_loop *loop;
	struct ph_kernel kernel;
	struct ph_tls *tls;
	uint8_t tls_key[PH_PUBLIC_KEY];
	struct ph_instruct instruct;
	uint8_t *order;
	struct ph_beacon *beacon;
	struct ph_watch parent;
	bool over;
};

static void on_over(void *context, const struct ph_over *over,
	const struct ph_probe_matrix *matrix)
{
	struct process *process = context;

	process->over = true;
	ph_probe_report_send(ORDERS_FD, matrix, over);
}

/* TERMINATE, or the node's end: either is the beacon's. */
static void parent_event(struct ph_watch *watch, uint32_t events)
{
	struct process *process =
		(struct process *)((char *)watch -
				   offsetof(struct process, parent));

	process->over = true;
	ph_watch_stop(watch);
}

/* A key of its own: the node's does not leave the node. */
static int open_tls(struct process *process)
{
	struct ph_signer signer;
	uint8_t seed[32];
	int error;

	ph_random(seed, sizeof(seed));
	error = ph_tls_create(&process->tls, seed);
	ph_signer_init(&signer, seed);
	memcpy(process->tls_key, signer.key, sizeof(process->tls_key));
	ph_signer_fini(&signer);
	ph_wipe(seed, sizeof(seed));
	return error;
}

static int open_beacon(
	struct process *process, const struct ph_probe_secrets *secrets)
{
	struct ph_beacon_order order = {.instruct = &process->instruct,
		.key = secrets->key,
		.secret = secrets->secret,
		.secrets = secrets->count,
		.tls = process->tls,
		.tls_key = process->tls_key,
		.on_over = on_over,
		.context = process};

	return ph_beacon_create(
		&process->beacon, process->loop, process->kernel.pool, &order);
}

static int say_ready(struct process *process)
{
	struct ph_ready ready;
	uint8_t *out = malloc(PH_ORDER_HEADER + PH_ORDER_MOST);
	int length;

	if (!out)
		return -ENOMEM;
	ph_beacon_ready(process->beacon, &ready);
	length = ph_ready_write(&ready, out, PH_ORDER_HEADER + PH_ORDER_MOST);
	if (length > 0)
		length = ph_probe_fd_write(ORDERS_FD, out, (size_t)length);
	free(out);
	return length;
}

static int open_all(struct process *process)
{
	struct ph_probe_secrets *secrets = ph_secret_alloc(sizeof(*secrets));
	int error = secrets ? 0 : -ENOMEM;

	if (!error)
		error = ph_probe_secrets_read(secrets, SECRETS_FD);
	if (!error)
		error = ph_probe_instruct_receive(
			ORDERS_FD, &process->instruct, &process->order);
	if (!error)
		error = ph_loop_create(&process->loop, &ph_clock_real);
	if (!error)
		error = ph_kernel_init(
			&process->kernel, ph_loop_hal(process->loop));
	if (!error)
		error = open_tls(process);
	if (!error)
		error = open_beacon(process, secrets);
	if (!error)
		error = say_ready(process);
	ph_secret_free(secrets);
	return error;
}

static void close_all(struct process *process)
{
	ph_watch_stop(&process->parent);
	ph_beacon_destroy(process->beacon);
	ph_tls_destroy(process->tls);
	ph_loop_turn(process->loop, 0);
	ph_kernel_fini(&process->kernel);
	ph_loop_destroy(process->loop);
	free(process->order);
	free(process);
}

int ph_beacon_main(int argc, char **argv)
{
	struct process *process = calloc(1, sizeof(*process));
	int error = argc == 2 && process ? open_all(process) : -EINVAL;

	signal(SIGPIPE, SIG_IGN);
	if (error == -EADDRINUSE || error == -EMFILE)
		return 1;
	if (error) {
		fprintf(stderr,
			"posthouse: %s is a node's own business: %s\n"
			"  next: posthouse probe local\n",
			PH_BEACON_VERB, strerror(-error));
		return EXIT_ORDER;
	}
	fcntl(ORDERS_FD, F_SETFD, FD_CLOEXEC);
	process->parent.on_event = parent_event;
	if (ph_watch_start(process->loop, &process->parent, ORDERS_FD, EPOLLIN))
		return 1;
	while (!process->over)
		ph_loop_turn(process->loop, -1);
	close_all(process);
	return 0;
}
