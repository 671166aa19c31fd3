#include "node/probe_inner.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/log.h"
#include "node/keys.h"
#include "node/probe_hosts.h"
#include "node/probe_page.h"
#include "node/trust.h"
#include "proto/secret.h"

/* The answering side: a beacon on the node's loop or as a process. Who asks for
 * it: probe_open.c. */

#define READY_PATIENCE (10 * PH_SECOND)

static struct ph_loop *loop_of(struct answering *answering)
{
	return answering->probing->node->loop;
}

static void tell_ready(struct answering *answering, const uint8_t *ready,
	size_t length, const struct ph_error *error)
{
	void (*on_ready)(void *context, const uint8_t *ready, size_t length,
		const struct ph_error *error) = answering->on_ready;
	struct ph_ready said;

	answering->on_ready = NULL;
	if (ready && !ph_ready_read(&said, ready, length))
		answering->page = probe_page_bound(answering->page, &said);
	if (on_ready)
		on_ready(answering->context, ready, length, error);
}

static void settle(struct answering *answering, const struct ph_over *over)
{
	struct ph_node *node = answering->probing->node;

	if (!answering->paid)
		return;
	answering->paid = false;
	ph_limits_guessed(node->limits, answering->source,
		over ? over->guesses : 0, ph_loop_now(node->loop));
}

static void close_it(struct answering *answering, const struct ph_over *over)
{
	struct ph_beacon *beacon = answering->beacon;

	if (!answering->open)
		return;
	answering->open = false;
	answering->beacon = NULL;
	answering->on_ready = NULL;
	settle(answering, over);
	ph_timer_stop(loop_of(answering), &answering->patience);
	ph_beacon_destroy(beacon);
	probe_child_stop(&answering->child);
}

void answering_close(struct answering *answering, const uint8_t *session)
{
	if (answering->open && (!session || !memcmp(session, answering->session,
						    PH_PROBE_SESSION)))
		close_it(answering, NULL);
}

static void beacon_over(void *context, const struct ph_over *over,
	const struct ph_probe_matrix *matrix)
{
	struct answering *answering = context;

	ph_log_info("beacon", "answered peer=%s rows=%u verified=%u",
		answering->peer[0] ? answering->peer : "-", matrix->count,
		matrix->counts[PH_VERDICT_OPEN_VERIFIED]);
	close_it(answering, over);
}

static void fail_open(struct answering *answering, int code)
{
	struct ph_error error;

	ph_fail(&error,
		code == -EADDRINUSE ? PH_EXIT_CONFLICT : PH_EXIT_NEGATIVE,
		"beacon", "choose another range with --beacon-range A-B",
		code == -EADDRINUSE ? "no port of its range is free"
				    : "cannot open it: %s",
		strerror(-code));
	tell_ready(answering, NULL, 0, &error);
	close_it(answering, NULL);
}

/* The process's beacon. */

static struct answering *of_child(struct probe_child *child)
{
	return (struct answering *)((char *)child -
				    offsetof(struct answering, child));
}

static void child_order(struct probe_child *child, const struct ph_order *order)
{
	struct answering *answering = of_child(child);
	struct ph_ready ready;
	struct ph_over over;

	if (order->type == PH_PROBE_READY &&
		!ph_ready_read(&ready, order->body, order->length) &&
		!memcmp(ready.session, answering->session, PH_PROBE_SESSION)) {
		ph_timer_stop(loop_of(answering), &answering->patience);
		tell_ready(answering, order->body, order->length, NULL);
	} else if (order->type == PH_PROBE_OVER &&
		   !ph_over_read(&over, order->body, order->length)) {
		ph_log_info("beacon",
			"answered peer=%s process=%d greeted=%u ignored=%u "
			"guesses=%u",
			answering->peer[0] ? answering->peer : "-",
			(int)child->process.pid, over.connects, over.ignored,
			over.guesses);
		settle(answering, &over);
	}
}

static void child_end(struct probe_child *child, int code)
{
	fail_open(of_child(child), code == 1 ? -EADDRINUSE : -ECHILD);
}

static void patience_over(struct ph_timer *timer)
{
	struct answering *answering =
		(struct answering *)((char *)timer -
				     offsetof(struct answering, patience));

	fail_open(answering, -ETIMEDOUT);
}

static int open_child(struct answering *answering,
	const struct ph_instruct *instruct,
	const struct ph_probe_secrets *secrets)
{
	struct ph_loop *loop = loop_of(answering);
	uint8_t *order = malloc(PH_ORDER_HEADER + PH_ORDER_MOST);
	int length = order ? ph_instruct_write(instruct, order,
				     PH_ORDER_HEADER + PH_ORDER_MOST)
			   : -ENOMEM;
	int error = length < 0 ? length : 0;

	answering->child.on_order = child_order;
	answering->child.on_end = child_end;
	answering->patience.on_due = patience_over;
	if (!error)
		error = probe_child_start(&answering->child, loop,
			PH_BEACON_VERB, order, (size_t)length, secrets);
	free(order);
	if (!error)
		ph_timer_start(loop, &answering->patience,
			ph_loop_now(loop) + READY_PATIENCE);
	return error;
}

/* On the loop. */

static int open_here(struct answering *answering,
	const struct ph_instruct *instruct,
	const struct ph_probe_secrets *secrets)
{
	struct ph_node *node = answering->probing->node;
	struct ph_beacon_order order = {.instruct = instruct,
		.key = secrets->key,
		.secret = secrets->secret,
		.secrets = secrets->count,
		.tls = node->tls,
		.tls_key = node->key,
		.on_over = beacon_over,
		.context = answering};
	uint8_t *out = malloc(PH_ORDER_HEADER + PH_ORDER_MOST);
	struct ph_ready ready;
	int length = -ENOMEM;
	int error = out ? ph_beacon_create(&answering->beacon, node->loop,
				  node->kernel.pool, &order)
			: -ENOMEM;

	if (!error) {
		ph_beacon_ready(answering->beacon, &ready);
		length = ph_ready_write(
			&ready, out, PH_ORDER_HEADER + PH_ORDER_MOST);
		if (length > 0)
			tell_ready(answering, out + PH_ORDER_HEADER,
				(size_t)length - PH_ORDER_HEADER, NULL);
		else
			error = length;
	}
	free(out);
	return error;
}

static void fill(struct ph_instruct *instruct, struct probe_hosts *hosts,
	const struct answer_order *order, const struct ph_node *node)
{
	struct ph_range page;
	uint32_t ports;

	probe_hosts_own(hosts, node, order->outside);
	page = probe_page(order->range, hosts->count, PH_ORDER_BOUND);
	ports = (uint32_t)(page.last - page.first + 1);
	*instruct = (struct ph_instruct){.first = page.first,
		.last = page.last,
		.rate = PROBE_RATE,
		.in_flight = PROBE_IN_FLIGHT,
		.timeout_ms = PROBE_TIMEOUT_MS,
		.deadline_ms = probe_deadline_ms(ports * hosts->count),
		.targets = {hosts->points, hosts->count},
		.allow = hosts->blocks,
		.allowed = hosts->block_count};
	memcpy(instruct->session, order->session, PH_PROBE_SESSION);
	memcpy(instruct->mesh, node->mesh, PH_MESH_ID);
	memcpy(instruct->name, node->name, sizeof(instruct->name));
	ph_probe_identity(instruct->key, "beacon", order->session, node->key);
	ph_probe_identity(
		instruct->peer, "probe", order->session, order->prober);
}

static int open_it(struct answering *answering,
	const struct answer_order *order, struct ph_probe_secrets *secrets)
{
	struct ph_node *node = answering->probing->node;
	struct probe_hosts hosts;
	struct ph_instruct instruct;

	fill(&instruct, &hosts, order, node);
	answering->page = (struct ph_range){instruct.first, instruct.last};
	answering->left_out = hosts.left_out;
	memcpy(secrets->key, order->key, sizeof(secrets->key));
	secrets->count =
		ph_trust_secrets(node->trust, ph_clock_wall(), secrets->secret);
	if (!secrets->count)
		return -EACCES;
	return node->options.beacon_process
		       ? open_child(answering, &instruct, secrets)
		       : open_here(answering, &instruct, secrets);
}

/* A session may cost guesses at the passphrase: it is paid for first. */
static int pay(struct answering *answering, const struct answer_order *order,
	struct ph_error *error)
{
	struct ph_node *node = answering->probing->node;
	int64_t retry;

	answering->source =
		ph_source_of(order->peer[0] ? order->peer : "probe");
	if (ph_limits_guess(node->limits, answering->source,
		    ph_loop_now(node->loop), &retry) == PH_GUESS_GO) {
		answering->paid = true;
		return 0;
	}
	return ph_fail(error, PH_EXIT_DENIED, order->peer,
		"wait some minutes, and see that both have the same passphrase",
		"too many wrong passphrases");
}

int answering_open(struct answering *answering,
	const struct answer_order *order, struct ph_error *error)
{
	struct ph_probe_secrets *secrets;
	int code;

	if (answering->open)
		return ph_fail(error, PH_EXIT_CONFLICT, "beacon",
			"try again in a minute",
			"it answers another probe just now");
	if (pay(answering, order, error))
		return -1;
	answering->open = true;
	memcpy(answering->session, order->session, PH_PROBE_SESSION);
	snprintf(answering->peer, sizeof(answering->peer), "%s", order->peer);
	answering->on_ready = order->on_ready;
	answering->context = order->context;
	secrets = ph_secret_alloc(sizeof(*secrets));
	code = secrets ? open_it(answering, order, secrets) : -ENOMEM;
	ph_secret_free(secrets);
	if (code)
		fail_open(answering, code);
	return 0;
}
