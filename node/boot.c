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
	char bound[1][128];

	/* A port of 0 has become a real one. */
	if (!address.port && ph_gate_addresses(node->gate, bound, 1))
		ph_address_parse(&address, bound[0]);
	if (ph_scheme_is_ip(address.scheme) &&
		(!address.host[0] || !strcmp(address.host, "::") ||
			!strcmp(address.host, "0.0.0.0")))
		snprintf(address.host, sizeof(address.host), "%s", node->name);
	ph_address_format(&address, out, size);
}

int ph_boot_phrase(struct ph_node *node, struct ph_error *error)
{
	char path[300];
	bool found = find_phrase(&node->options, path, sizeof(path));

	if (!found && node->options.joins)
		return ph_fail(error, PH_EXIT_USAGE, path,
			"copy the passphrase file of a node of that mesh here, "
			"or give it with --passphrase-file",
			"joining a mesh takes its passphrase, and there is "
			"none");
	node->phrase_is_new = !found;
	if (found ? ph_phrase_read(&node->phrase, path, error)
		  : ph_phrase_make(&node->phrase, error))
		return -1;
	memcpy(node->mesh, node->phrase->mesh, sizeof(node->mesh));
	return 0;
}

/* The store says it, and opens later than the passphrase is looked for. */
int ph_boot_member(const struct ph_node *node, struct ph_error *error)
{
	char path[300];

	if (!node->phrase_is_new || !ph_trust_count(node->trust))
		return 0;
	snprintf(path, sizeof(path), "%s/%s", node->options.state,
		PH_PHRASE_FILE);
	return ph_fail(error, PH_EXIT_USAGE, path,
		"copy the passphrase file of a node of that mesh here, or give "
		"it with --passphrase-file; a new mesh takes another --state",
		"this node is of a mesh with others, and its passphrase is not "
		"here");
}

int ph_boot_secret(struct ph_node *node, struct ph_error *error)
{
	uint8_t secret[PH_MESH_SECRET];
	const char *state = node->options.state;

	if (ph_secret_get(secret, state, node->phrase, error))
		return -1;
	ph_trust_set_secret(node->trust, secret);
	ph_wipe(secret, sizeof(secret));
	return 0;
}

static void tell_new_mesh(const struct ph_node *node, const char *path)
{
	char address[128];

	first_address(node, address, sizeof(address));
	fprintf(stderr,
		"posthouse: a new mesh. Its passphrase is kept in %s\n"
		"  on the next machine, with a copy of that file:\n"
		"    posthouse up --join %s --passphrase-file FILE\n"
		"  whoever has it may run programs on every node "
		"(--peer-role view|operate|wire limits new peers).\n",
		path, address);
}

/* Onto disk, and its secret beside it, as the next start will find them. */
static int keep_phrase(
	struct ph_node *node, const char *path, struct ph_error *error)
{
	uint8_t secrets[2][PH_MESH_SECRET];
	const char *state = node->options.state;
	struct ph_phrase *kept;

	if (ph_phrase_save(state, node->phrase->text, error) ||
		ph_phrase_read(&kept, path, error))
		return -1;
	if (ph_trust_secrets(node->trust, ph_clock_wall(), secrets))
		ph_secret_save(secrets[0], state, kept, NULL);
	ph_wipe(secrets, sizeof(secrets));
	ph_phrase_free(kept);
	return 0;
}

int ph_boot_keep_phrase(struct ph_node *node, struct ph_error *error)
{
	char path[300];
	int code = 0;

	snprintf(path, sizeof(path), "%s/%s", node->options.state,
		PH_PHRASE_FILE);
	if (node->phrase_is_new)
		code = keep_phrase(node, path, error);
	if (!code && node->phrase_is_new)
		tell_new_mesh(node, path);
	ph_phrase_free(node->phrase);
	node->phrase = NULL;
	return code;
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
