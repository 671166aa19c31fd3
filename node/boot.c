#include "node/boot.h"

#include <errno.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "controlsurface/control.h"
#include "hostess/hostess.h"
#include "kernel/log.h"
#include "node/discover.h"
#include "node/gate.h"
#include "node/keys.h"
#include "node/lines.h"
#include "node/notify.h"
#include "node/reach.h"
#include "node/trust.h"
#include "node/web.h"
#include "proto/secret.h"

/* A hundred nodes that begin on one disk wait for each other's syncs. */
#define LOAD_PATIENCE (60 * PH_SECOND)

void ph_boot_process(void)
{
	struct rlimit files;
	sigset_t set;

	umask(077);
	signal(SIGPIPE, SIG_IGN);
	/* Taken by signalfd on the loop; every thread inherits the mask. */
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	if (!getrlimit(RLIMIT_NOFILE, &files)) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
}

static int make_directories(char *path)
{
	for (char *slash = strchr(path + 1, '/'); slash;
		slash = strchr(slash + 1, '/')) {
		*slash = 0;
		if (mkdir(path, 0755) && errno != EEXIST)
			return -errno;
		*slash = '/';
	}
	return mkdir(path, 0700) && errno != EEXIST ? -errno : 0;
}

int ph_boot_directory(struct ph_node *node, struct ph_error *error)
{
	char *state = node->options.state;
	int code = make_directories(state);

	if (!code && access(state, W_OK | X_OK))
		code = -errno;
	if (code)
		return ph_fail(error, PH_EXIT_DENIED, state,
			"choose another with --state",
			"cannot use the state directory: %s", strerror(-code));
	return 0;
}

/* Where a passphrase may be waiting, best first. */
static bool find_phrase(
	const struct ph_options *options, char *out, size_t size)
{
	const char *credentials = getenv("CREDENTIALS_DIRECTORY");

	if (options->passphrase_file) {
		snprintf(out, size, "%s", options->passphrase_file);
		return true;
	}
	if (credentials) {
		snprintf(out, size, "%s/passphrase", credentials);
		if (!access(out, F_OK))
			return true;
	}
	snprintf(out, size, "/run/secrets/posthouse_passphrase");
	if (!access(out, F_OK))
		return true;
	snprintf(out, size, "%s/%s", options->state, PH_PHRASE_FILE);
	return !access(out, F_OK);
}

/* How others reach the first listener: a wildcard by this node's name. */
static void first_address(const struct ph_node *node, char *out, size_t size)
{
	struct ph_address address = node->options.listen[0];

	if (ph_scheme_is_ip(address.scheme) &&
		(!address.host[0] || !strcmp(address.host, "::") ||
			!strcmp(address.host, "0.0.0.0")))
		snprintf(address.host, sizeof(address.host), "%s", node->name);
	ph_address_format(&address, out, size);
}

static int make_phrase(
	struct ph_node *node, const char *path, struct ph_error *error)
{
	char phrase[PH_PASSPHRASE];
	char address[128];
	int code;

	if (node->options.joins)
		return ph_fail(error, PH_EXIT_USAGE, path,
			"copy the passphrase file of a node of that mesh here "
			"and give it with --passphrase-file",
			"joining a mesh takes its passphrase");
	ph_passphrase_make(phrase);
	code = ph_phrase_save(node->options.state, phrase, error);
	ph_wipe(phrase, sizeof(phrase));
	if (code)
		return -1;
	first_address(node, address, sizeof(address));
	fprintf(stderr,
		"posthouse: a new mesh. Its passphrase is kept in %s\n"
		"  on the next machine, with a copy of that file:\n"
		"    posthouse up --join %s --passphrase-file FILE\n"
		"  whoever has it may run programs on every node "
		"(--peer-role view|operate|wire limits new peers).\n",
		path, address);
	return 0;
}

int ph_boot_passphrase(struct ph_node *node, struct ph_error *error)
{
	uint8_t secret[PH_MESH_SECRET];
	struct ph_phrase *phrase;
	char path[300];

	if (!find_phrase(&node->options, path, sizeof(path)) &&
		make_phrase(node, path, error))
		return -1;
	if (ph_phrase_read(&phrase, path, error))
		return -1;
	memcpy(node->mesh, phrase->mesh, sizeof(node->mesh));
	if (ph_secret_get(secret, node->options.state, phrase, error)) {
		ph_phrase_free(phrase);
		return -1;
	}
	ph_trust_set_secret(node->trust, secret);
	ph_wipe(secret, sizeof(secret));
	ph_phrase_free(phrase);
	return 0;
}

void ph_boot_fqdn(char *out, size_t size, const char *node)
{
	size_t used = 0;

	/* No name server is asked: it may be dead. */
	if (gethostname(out, size - 1) || !strchr(out, '.'))
		snprintf(out, size, "%s", node);
	for (char *at = out; *at; at++) {
		char letter = *at >= 'A' && *at <= 'Z' ? *at + 32 : *at;

		if ((letter >= 'a' && letter <= 'z') ||
			(letter >= '0' && letter <= '9') || letter == '.' ||
			letter == '-')
			out[used++] = letter;
	}
	out[used] = 0;
	if (!used)
		snprintf(out, size, "localhost");
}

int ph_boot_listen(struct ph_node *node, struct ph_error *error)
{
	struct ph_address local = {.scheme = PH_ADDRESS_UNIX};
	const struct ph_options *options = &node->options;

	snprintf(local.host, sizeof(local.host), "%s", options->socket);
	if (ph_gate_listen(node->gate, &local, true, error))
		return -1;
	for (unsigned i = 0; i < options->listens; i++)
		if (ph_gate_listen(
			    node->gate, &options->listen[i], false, error))
			return -1;
	return 0;
}

/* One answer that the boot waits for. */
struct loading {
	struct ph_node *node;
	int (*take)(struct ph_node *node, struct ph_value answer);
	bool done;
	int error; /* negative errno: it was there, and cannot be read */
};

static void on_loaded(
	void *context, int status, const uint8_t *body, size_t length)
{
	struct loading *loading = context;
	struct ph_document *document;
	struct ph_error error;

	loading->done = true;
	if (status) {
		ph_error_read(&error, status, body, length);
		if (error.exit != PH_EXIT_NOT_FOUND)
			loading->error = -EIO;
	} else if (ph_document_read(&document, body, length, PH_SKIM_TABLE)) {
		loading->error = -EBADMSG;
	} else {
		loading->error = loading->take(
			loading->node, ph_document_root(document));
		ph_document_free(document);
	}
}

static int load(
	struct loading *loading, uint16_t method, struct ph_writer *writer)
{
	struct ph_node *node = loading->node;
	int error = ph_call_send(node->door, &ph_node_self, "", method, writer,
		ph_loop_now(node->loop), LOAD_PATIENCE, on_loaded, loading);

	while (!error && !loading->done)
		ph_loop_turn(node->loop, PH_SECOND);
	return error ? error : loading->error;
}

/* Without its book a node would let in again whom it has revoked. */
static int take_trust(struct ph_node *node, struct ph_value answer)
{
	size_t length;
	const uint8_t *data =
		ph_value_bytes(ph_value_get(answer, "value"), &length);
	struct ph_document *document;

	int error;

	if (!data || ph_document_read(&document, data, length, PH_SKIM_TABLE))
		return -EBADMSG;
	error = ph_trust_read(node->trust, ph_document_root(document));
	ph_document_free(document);
	return error;
}

static int take_peers(struct ph_node *node, struct ph_value answer)
{
	struct ph_value items = ph_value_get(answer, "items");

	for (size_t i = 0; i < ph_value_count(items); i++) {
		struct ph_document *document;
		size_t length;
		const uint8_t *data = ph_value_bytes(
			ph_value_get(ph_value_at(items, i), "value"), &length);

		if (!data ||
			ph_document_read(&document, data, length, PH_SKIM_PEER))
			continue;
		ph_lines_remember(node->lines, ph_document_root(document));
		ph_document_free(document);
	}
	return 0;
}

static int take_reach(struct ph_node *node, struct ph_value answer)
{
	size_t length;
	const uint8_t *data =
		ph_value_bytes(ph_value_get(answer, "value"), &length);
	struct ph_document *document;

	/* What cannot be read is found out anew. */
	if (!data || ph_document_read(&document, data, length, PH_SKIM_TABLE))
		return 0;
	ph_reach_recall(node->reach, ph_document_root(document));
	ph_document_free(document);
	return 0;
}

static int load_reach(struct ph_node *node, struct ph_writer *writer)
{
	struct loading loading = {.node = node, .take = take_reach};

	ph_writer_reset(writer);
	ph_write_map(writer);
	ph_put_text(writer, "space", "reach");
	ph_put_text(writer, "key", "matrix");
	ph_write_end(writer);
	return load(&loading, PH_STORE_GET, writer);
}

static int load_trust(struct ph_node *node, struct ph_writer *writer)
{
	struct loading loading = {.node = node, .take = take_trust};

	ph_write_map(writer);
	ph_put_text(writer, "space", "trust");
	ph_put_text(writer, "key", "book");
	ph_write_end(writer);
	return load(&loading, PH_STORE_GET, writer);
}

static int take_tokens(struct ph_node *node, struct ph_value answer)
{
	return ph_web_load(node->web, answer);
}

static int load_space(struct ph_node *node, struct ph_writer *writer,
	const char *space,
	int (*take)(struct ph_node *node, struct ph_value answer))
{
	struct loading loading = {.node = node, .take = take};

	ph_writer_reset(writer);
	ph_write_map(writer);
	ph_put_text(writer, "space", space);
	ph_write_end(writer);
	return load(&loading, PH_STORE_LIST, writer);
}

/* The mesh's random keyring begins with its first node. */
static void begin_ring(struct ph_node *node)
{
	struct ph_ring_key ring[PH_TRUST_RING];
	uint8_t random[8];
	uint8_t key[PH_RING_KEY];

	if (ph_trust_ring(node->trust, ring) == 0) {
		ph_random(random, sizeof(random));
		ph_random(key, sizeof(key));
		ph_trust_ring_rotate(node->trust, random, key);
	}
	ph_wipe(key, sizeof(key));
	ph_wipe(ring, sizeof(ring));
}

int ph_boot_load(struct ph_node *node, struct ph_error *error)
{
	uint8_t secret[2][PH_MESH_SECRET];
	unsigned secrets =
		ph_trust_secrets(node->trust, ph_clock_wall(), secret);
	struct ph_writer *writer;
	int code = ph_writer_create(&writer);

	if (!code)
		code = load_trust(node, writer);
	if (!code)
		code = load_space(node, writer, "peers", take_peers);
	if (!code)
		code = load_space(node, writer, "web", take_tokens);
	if (!code)
		code = load_reach(node, writer);
	if (code)
		return ph_fail(error, PH_EXIT_NEGATIVE, node->options.state,
			"try again; if it stays, restore the directory from a "
			"copy, or choose a new one with --state",
			"cannot load what was kept of the peers: %s",
			strerror(-code));
	ph_writer_free(writer);
	/* The file's passphrase wins over the kept one, but for the one that
	 * was rotated away while the file was not. */
	if (secrets && ph_trust_is_retired(node->trust, secret[0]))
		ph_log_warn("boot",
			"passphrase.old next=\"copy the new passphrase file "
			"here\"");
	else if (secrets)
		ph_trust_rotate(node->trust, secret[0], ph_clock_wall());
	ph_wipe(secret, sizeof(secret));
	begin_ring(node);
	return 0;
}

void ph_boot_open(struct ph_node *node)
{
	ph_log_info("node", "up name=%s id=%.8s mesh=%s epoch=%llu pid=%d",
		node->name, node->id, node->mesh,
		(unsigned long long)node->epoch, (int)getpid());
	for (unsigned i = 0; i < node->options.joins; i++)
		ph_lines_seed(node->lines, &node->options.join[i]);
	ph_reach_start(node->reach);
	ph_hostess_start(node->hostess);
	ph_lines_start(node->lines);
	ph_discover_start(node->discover);
	ph_control_start(node->control);
	ph_boot_wiring(node);
	ph_notify("READY=1");
	ph_watchdog_start(&node->watchdog, node->loop);
	ph_slim_start(&node->slim, node->loop);
}

void ph_boot_fail(const struct ph_error *error)
{
	fprintf(stderr, "posthouse: %s%s%s\n", error->where,
		error->where[0] ? ": " : "", error->what);
	if (error->next[0])
		fprintf(stderr, "  next: %s\n", error->next);
}
