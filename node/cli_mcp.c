#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "kernel/loop.h"
#include "node/cli.h"
#include "node/json.h"
#include "transport/socket.h"

/*
 * mcp: for programs that start their MCP server themselves and speak with it by
 * standard input and output, a message a line. Each line is POSTed to /mcp of
 * the local node, with a token that lives no longer than this process needs it.
 */
#define LINE_MOST   ((size_t)1024 * 1024) /* what HTTP takes as a body */
#define ANSWER_MOST ((size_t)64 * 1024 * 1024)
#define PATIENCE    90 /* s for an answer: an apply takes its time */
#define TOKEN_LASTS (3600 * PH_SECOND)

struct bridge {
	struct ph_cli *cli;
	const char *role;
	struct ph_endpoint endpoint;
	char host[128]; /* header */
	char token[80];
	char id[16]; /* of the token */
	int64_t until;
	char *line;
	char *answer; /* as it came */
	size_t length;
};

/* --- where, and with what --- */

/* "http://HOST:PORT/" or "unix:PATH". Who listens everywhere is asked here. */
static bool read_address(struct bridge *bridge, const char *text)
{
	struct ph_endpoint found[2];
	struct ph_address address;
	char plain[200];
	const char *host;

	if (!strncmp(text, "unix:", 5)) {
		snprintf(bridge->host, sizeof(bridge->host), "localhost");
		return !ph_endpoint_local(&bridge->endpoint, text + 5);
	}
	if (strncmp(text, "http://", 7) != 0)
		return false;
	snprintf(plain, sizeof(plain), "%.*s", (int)strcspn(text + 7, "/"),
		text + 7);
	if (ph_address_parse(&address, plain))
		return false;
	host = !strcmp(address.host, "0.0.0.0") ? "127.0.0.1"
	       : !strcmp(address.host, "::")	? "::1"
						: address.host;
	snprintf(bridge->host, sizeof(bridge->host),
		strchr(host, ':') ? "[%s]:%u" : "%s:%u", host, address.port);
	if (!ph_endpoint_literal(found, host, address.port))
		return false;
	bridge->endpoint = found[0];
	return true;
}

static int find_node(struct bridge *bridge)
{
	struct ph_error error;
	struct ph_reply reply;
	struct ph_value http;
	char text[200];
	bool found = false;
	int code = ph_cli_call(bridge->cli, PH_NODE_STATUS, NULL, &reply);

	if (code)
		return code;
	http = ph_value_get(
		ph_value_at(ph_value_get(reply.body, "items"), 0), "http");
	for (size_t i = 0; i < ph_value_count(http) && !found; i++)
		found = read_address(bridge, ph_value_copy(ph_value_at(http, i),
						     text, sizeof(text)));
	ph_reply_free(&reply);
	if (found)
		return 0;
	ph_fail(&error, PH_EXIT_UNREACHABLE, bridge->cli->socket,
		"start it with --http 127.0.0.1:7679, or --http unix:PATH",
		"this node serves no HTTP");
	return ph_cli_fail(bridge->cli, &error);
}

static void drop_token(struct bridge *bridge)
{
	struct ph_reply reply;
	struct ph_error error;
	struct ph_writer *writer = ph_cli_argument("id", bridge->id);

	if (bridge->id[0])
		ph_client_call(bridge->cli->client, "", PH_WEB_REVOKE, writer,
			bridge->cli->timeout, &reply, &error);
	if (bridge->id[0])
		ph_reply_free(&reply);
	ph_writer_free(writer);
	bridge->id[0] = bridge->token[0] = 0;
}

/* A new one in good time. */
static int need_token(struct bridge *bridge)
{
	int64_t now = ph_clock_wall();
	struct ph_writer *writer;
	struct ph_reply reply;
	struct ph_value item;
	int code;

	if (bridge->token[0] && now < bridge->until)
		return 0;
	drop_token(bridge);
	if (ph_writer_create(&writer))
		return PH_EXIT_NEGATIVE;
	ph_write_map(writer);
	ph_put_text(writer, "role", bridge->role);
	ph_put_int(writer, "for", TOKEN_LASTS);
	ph_put_text(writer, "label", "posthouse mcp");
	ph_write_end(writer);
	code = ph_cli_call(bridge->cli, PH_WEB_TOKEN, writer, &reply);
	if (code)
		return code;
	item = ph_value_at(ph_value_get(reply.body, "items"), 0);
	ph_get_copy(item, "token", bridge->token, sizeof(bridge->token));
	ph_get_copy(item, "id", bridge->id, sizeof(bridge->id));
	bridge->until = now + TOKEN_LASTS / 2;
	ph_reply_free(&reply);
	return 0;
}

/* --- one message --- */

/* The line at hand; -1: the end. *length past LINE_MOST: it was longer, and
 * its rest is read over. */
static int read_line(struct bridge *bridge, size_t *length)
{
	int byte;

	*length = 0;
	while ((byte = getchar()) != EOF && byte != '\n') {
		if (*length < LINE_MOST)
			bridge->line[*length] = (char)byte;
		*length += *length <= LINE_MOST;
	}
	return byte == EOF && !*length ? -1 : 0;
}

static int open_node(const struct bridge *bridge)
{
	struct timeval patience = {.tv_sec = PATIENCE};
	int fd = socket(
		bridge->endpoint.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (!connect(fd, &bridge->endpoint.any, bridge->endpoint.length))
		return fd;
	close(fd);
	return -1;
}

static int send_all(int fd, const char *data, size_t length)
{
	while (length) {
		ssize_t sent = send(fd, data, length, MSG_NOSIGNAL);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent <= 0)
			return -1;
		data += sent;
		length -= (size_t)sent;
	}
	return 0;
}

static int send_request(const struct bridge *bridge, int fd, size_t length)
{
	char head[512];
	int size = snprintf(head, sizeof(head),
		"POST /mcp HTTP/1.1\r\nHost: %s\r\n"
		"Authorization: Bearer %s\r\n"
		"Content-Type: application/json\r\n"
		"Accept: application/json\r\n"
		"Content-Length: %zu\r\nConnection: close\r\n\r\n",
		bridge->host, bridge->token, length);

	if (size < 0 || (size_t)size >= sizeof(head))
		return -1;
	return send_all(fd, head, (size_t)size) ||
			       send_all(fd, bridge->line, length)
		       ? -1
		       : 0;
}

/* Until the node closes. */
static int receive_answer(struct bridge *bridge, int fd)
{
	size_t room = 0;
	ssize_t got = 1;

	bridge->length = 0;
	while (got > 0) {
		if (bridge->length + 1 >= room) {
			char *more;

			room = room ? 2 * room : 64 * 1024;
			more = room > ANSWER_MOST
				       ? NULL
				       : realloc(bridge->answer, room);
			if (!more)
				return -1;
			bridge->answer = more;
		}
		got = recv(fd, bridge->answer + bridge->length,
			room - bridge->length - 1, 0);
		if (got < 0 && errno == EINTR)
			got = 1;
		else if (got > 0)
			bridge->length += (size_t)got;
	}
	bridge->answer[bridge->length] = 0;
	return got < 0 ? -1 : 0;
}

/* The body; NULL: it is none, or was cut. *status is that of HTTP. */
static const char *body_of(const struct bridge *bridge, int *status)
{
	const char *end = strstr(bridge->answer, "\r\n\r\n");
	const char *length = strcasestr(bridge->answer, "\r\ncontent-length:");

	*status = 0;
	if (!end || sscanf(bridge->answer, "HTTP/1.1 %3d", status) != 1)
		return NULL;
	end += 4;
	if (length && length < end &&
		strtoul(length + 17, NULL, 10) !=
			bridge->length - (size_t)(end - bridge->answer))
		return NULL;
	return end;
}

/* --- what the node did not answer --- */

static char *id_of(const struct bridge *bridge, size_t length)
{
	struct ph_document *document;
	struct ph_writer *writer;
	char why[200];
	char *text = NULL;

	if (ph_writer_create(&writer))
		return NULL;
	if (length <= LINE_MOST &&
		!ph_json_read(writer, bridge->line, length, why, sizeof(why)) &&
		!ph_document_written(&document, writer, PH_SKIM_TABLE)) {
		text = ph_json_text(
			ph_value_get(ph_document_root(document), "id"));
		ph_document_free(document);
	}
	ph_writer_free(writer);
	return text;
}

static void complain(struct bridge *bridge, size_t length, const char *what)
{
	char *id = id_of(bridge, length);
	char *quoted = ph_json_string(what, strlen(what));

	printf("{\"jsonrpc\":\"2.0\",\"id\":%s,\"error\":{\"code\":-32603,"
	       "\"message\":%s}}\n",
		id ? id : "null", quoted ? quoted : "\"\"");
	free(id);
	free(quoted);
}

static void pass_on(struct bridge *bridge, size_t length)
{
	const char *body;
	int status;
	int fd = open_node(bridge);
	int code = fd < 0 ? -1 : send_request(bridge, fd, length);

	if (!code)
		code = receive_answer(bridge, fd);
	if (fd >= 0)
		close(fd);
	body = code ? NULL : body_of(bridge, &status);
	if (!body)
		complain(bridge, length,
			"the node does not answer: is it up? posthouse status");
	else if (status == 403)
		bridge->until = 0;
	if (body && !strncmp(body, "{\"jsonrpc\"", 10))
		printf("%.*s\n", (int)strcspn(body, "\n"), body);
	else if (body && status != 202)
		complain(bridge, length, body[0] ? body : "refused");
}

int ph_cmd_mcp(struct ph_cli *cli)
{
	struct bridge bridge = {
		.cli = cli, .role = cli->argc ? cli->argv[0] : "admin"};
	size_t length;
	int code;

	if (cli->argc > 1)
		return ph_cli_usage(cli, "mcp");
	code = find_node(&bridge);
	if (!code)
		code = need_token(&bridge);
	bridge.line = code ? NULL : malloc(LINE_MOST);
	while (bridge.line && !code && !read_line(&bridge, &length)) {
		code = need_token(&bridge);
		if (code)
			complain(&bridge, length, "the node has gone");
		else if (length > LINE_MOST)
			complain(&bridge, length, "longer than 1 MiB");
		else if (length)
			pass_on(&bridge, length);
		fflush(stdout);
	}
	drop_token(&bridge);
	free(bridge.line);
	free(bridge.answer);
	return code;
}
