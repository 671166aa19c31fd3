/*
 * Looks through the journals of all nodes of a mesh for what must never be:
 * a terminal with more holders than it has room for. It knows the journal's
 * words (PROTOCOL.md) and shares no code with the Hostess.
 *
 *   bookings [-c CLIENTS] NODE=DATABASE...
 *
 * CLIENTS is what clients saw, a line each: AT FROM UNTIL ID, ns on the wall
 * clock: they were told that they hold AT (NODE/SERVER:TERMINAL, with room for
 * one) in that time.
 *
 * Then it looks at what the stores hold now: a booking whose owner has no such
 * connection is an orphan.
 *
 * It prints each violation, then what it has looked at; exit 1 with any.
 */
#include <inttypes.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORD 128

struct holder {
	char id[WORD], at[WORD], by[WORD], connection[WORD];
	unsigned of;
	uint64_t fence;
	bool booked, seated;
	bool lost;    /* the node restarted; it must be restored to count */
	bool through; /* its server was held when it came */
	struct holder *next;
};

struct node {
	char name[WORD];
	struct holder *holders;
	uint64_t fence, epoch;
};

struct span {
	char at[WORD], id[WORD];
	int64_t from, until;
};

/* A key of a store's space. */
struct kept {
	char node[WORD], key[WORD];
	struct kept *next;
};

static struct kept *bookings, *connections;
static unsigned violations, entries, seats, restarts;

static void violation(const struct node *node, int64_t seq, const char *what,
	const char *one, const char *other)
{
	violations++;
	printf("VIOLATION %s line %" PRId64 ": %s: %s, %s\n", node->name, seq,
		what, one, other);
}

/* The value of `key=` in the line. */
static void field(const char *line, const char *key, char out[WORD])
{
	char pattern[WORD];
	const char *at;
	size_t length;

	out[0] = '\0';
	snprintf(pattern, sizeof(pattern), " %s=", key);
	at = strstr(line, pattern);
	if (!at)
		return;
	at += strlen(pattern);
	length = strcspn(at, " ");
	if (length >= WORD)
		length = WORD - 1;
	memcpy(out, at, length);
	out[length] = '\0';
}

static uint64_t number(const char *line, const char *key)
{
	char text[WORD];

	field(line, key, text);
	return strtoull(text, NULL, 10);
}

static struct holder **find(struct node *node, const char *id)
{
	struct holder **at = &node->holders;

	while (*at && strcmp((*at)->id, id) != 0)
		at = &(*at)->next;
	return at;
}

static bool same_server(const char *one, const char *other)
{
	size_t length = strcspn(one, ":");

	return strcspn(other, ":") == length &&
	       strncmp(one, other, length) == 0;
}

/* A new holder, or one that is back: is there room? */
static void check_room(
	struct node *node, int64_t seq, struct holder *made, bool whole)
{
	unsigned same = 0;

	for (struct holder *at = node->holders; at; at = at->next) {
		if (at == made || at->lost || !same_server(at->at, made->at))
			continue;
		if (strcmp(at->at, made->at) == 0 && ++same >= made->of &&
			made->of)
			violation(node, seq, "two holders of one terminal",
				at->id, made->id);
		else if (whole)
			violation(node, seq, "a server held over its terminal",
				at->id, made->id);
		else if (!strchr(at->at, ':'))
			made->through = true;
	}
}

static struct holder *holder_make(
	struct node *node, const char *line, const char *by)
{
	struct holder *made = calloc(1, sizeof(*made));

	if (!made)
		abort();
	field(line, "id", made->id);
	field(line, "at", made->at);
	snprintf(made->by, sizeof(made->by), "%s", by);
	made->of = (unsigned)number(line, "of");
	made->fence = number(line, "fence");
	made->next = node->holders;
	node->holders = made;
	return made;
}

static void on_hold(
	struct node *node, int64_t seq, const char *line, const char *by)
{
	struct holder *made = holder_make(node, line, by);

	if (*find(node, made->id) != made)
		violation(node, seq, "an id twice", made->id, line);
	if (made->fence <= node->fence)
		violation(node, seq, "a fence that does not grow", made->id,
			line);
	node->fence = made->fence;
	check_room(node, seq, made, !strchr(made->at, ':'));
}

static void on_restore(
	struct node *node, int64_t seq, const char *line, const char *by)
{
	char id[WORD], connection[WORD];
	struct holder *holder;

	field(line, "id", id);
	field(line, "connection", connection);
	holder = *find(node, id);
	if (!holder) {
		/* Its first line may have been lost with the crash; the
		 * booking itself was kept. */
		holder = holder_make(node, line, by);
	} else if (!holder->lost || holder->fence != number(line, "fence")) {
		violation(node, seq, "restored, and was not lost", id, line);
	}
	holder->lost = false;
	holder->booked = true;
	snprintf(holder->connection, sizeof(holder->connection), "%s",
		connection);
	check_room(node, seq, holder, false);
}

static void on_step(
	struct node *node, int64_t seq, const char *verb, const char *line)
{
	char id[WORD];
	struct holder **at, *holder;

	field(line, "id", id);
	at = find(node, id);
	holder = *at;
	if (!holder || holder->lost) {
		violation(node, seq, verb, "nobody holds it", line);
		return;
	}
	if (strcmp(verb, "book") == 0) {
		holder->booked = true;
		field(line, "connection", holder->connection);
	} else if (strcmp(verb, "seat") == 0) {
		seats++;
		holder->seated = true;
		if (!holder->booked)
			violation(node, seq, "seated before it was booked", id,
				line);
	} else if (strcmp(verb, "free") == 0) {
		if (holder->through && !holder->booked)
			violation(node, seq,
				"held though its server was, and not for it",
				id, line);
		*at = holder->next;
		free(holder);
	}
}

static void on_begin(struct node *node, const char *line)
{
	restarts++;
	for (struct holder *at = node->holders; at; at = at->next)
		at->lost = true;
	if (number(line, "epoch") <= node->epoch)
		violation(node, 0, "an epoch that does not grow", line, "");
	node->epoch = number(line, "epoch");
}

static void on_line(
	struct node *node, int64_t seq, const char *by, const char *line)
{
	char verb[16] = "";

	if (strncmp(line, "hostess begin ", 14) == 0)
		on_begin(node, line);
	if (sscanf(line, "booking %15s ", verb) != 1)
		return;
	entries++;
	if (strcmp(verb, "hold") == 0)
		on_hold(node, seq, line, by);
	else if (strcmp(verb, "restore") == 0)
		on_restore(node, seq, line, by);
	else
		on_step(node, seq, verb, line);
}

static void read_space(const struct node *node, sqlite3 *file,
	const char *space, struct kept **list)
{
	sqlite3_stmt *rows;

	if (sqlite3_prepare_v2(file, "SELECT key FROM kv WHERE space = ?", -1,
		    &rows, NULL))
		abort();
	sqlite3_bind_text(rows, 1, space, -1, SQLITE_STATIC);
	while (sqlite3_step(rows) == SQLITE_ROW) {
		struct kept *made = calloc(1, sizeof(*made));

		if (!made)
			abort();
		snprintf(made->node, WORD, "%s", node->name);
		snprintf(made->key, WORD, "%s",
			(const char *)sqlite3_column_text(rows, 0));
		made->next = *list;
		*list = made;
	}
	sqlite3_finalize(rows);
}

static bool is_owned(const struct kept *booking, const char *owner)
{
	for (const struct kept *at = connections; at; at = at->next)
		if (strcmp(at->key, booking->key) == 0 &&
			strcmp(at->node, owner) == 0)
			return true;
	return false;
}

static unsigned check_orphans(void)
{
	unsigned count = 0;

	for (const struct kept *at = bookings; at; at = at->next) {
		struct node node = {0};
		char owner[WORD];

		count++;
		snprintf(node.name, WORD, "%s", at->node);
		snprintf(owner, WORD, "%.*s", (int)strcspn(at->key, "#"),
			at->key);
		if (!is_owned(at, owner))
			violation(&node, 0, "a booking without its connection",
				at->key, owner);
	}
	return count;
}

static int read_journal(const char *argument)
{
	static const char query[] =
		"SELECT seq, actor, what FROM journal ORDER BY seq";
	const char *path = strchr(argument, '=');
	struct node node = {0};
	sqlite3_stmt *rows;
	sqlite3 *file;

	if (!path)
		return -1;
	snprintf(node.name, sizeof(node.name), "%.*s", (int)(path - argument),
		argument);
	if (sqlite3_open_v2(path + 1, &file, SQLITE_OPEN_READWRITE, NULL) ||
		sqlite3_prepare_v2(file, query, -1, &rows, NULL)) {
		fprintf(stderr, "bookings: %s: %s\n", path + 1,
			sqlite3_errmsg(file));
		return -1;
	}
	while (sqlite3_step(rows) == SQLITE_ROW)
		on_line(&node, sqlite3_column_int64(rows, 0),
			(const char *)sqlite3_column_text(rows, 1),
			(const char *)sqlite3_column_text(rows, 2));
	sqlite3_finalize(rows);
	read_space(&node, file, "bookings", &bookings);
	read_space(&node, file, "connections", &connections);
	sqlite3_close(file);
	return 0;
}

static int by_place(const void *one, const void *other)
{
	const struct span *a = one, *b = other;
	int place = strcmp(a->at, b->at);

	return place ? place : a->from < b->from ? -1 : a->from > b->from;
}

/* What clients were told overlaps nowhere. */
static int read_clients(const char *path)
{
	FILE *file = fopen(path, "r");
	struct span *spans = NULL;
	struct node clients = {.name = "clients"};
	size_t count = 0;
	struct span one;

	if (!file)
		return -1;
	while (fscanf(file, "%127s %" SCNd64 " %" SCNd64 " %127s", one.at,
		       &one.from, &one.until, one.id) == 4) {
		spans = realloc(spans, (count + 1) * sizeof(*spans));
		if (!spans)
			abort();
		spans[count++] = one;
	}
	fclose(file);
	if (count)
		qsort(spans, count, sizeof(*spans), by_place);
	for (size_t i = 1; i < count; i++)
		if (strcmp(spans[i - 1].at, spans[i].at) == 0 &&
			spans[i].from < spans[i - 1].until)
			violation(&clients, (int64_t)i, "two think they hold",
				spans[i - 1].id, spans[i].id);
	printf("%zu times a client held something\n", count);
	free(spans);
	return 0;
}

int main(int argc, char **argv)
{
	unsigned kept;

	for (int i = 1; i < argc; i++) {
		int code = strcmp(argv[i], "-c") == 0 && i + 1 < argc
				   ? read_clients(argv[++i])
				   : read_journal(argv[i]);

		if (code < 0) {
			fprintf(stderr, "bookings: cannot read %s\n", argv[i]);
			return 2;
		}
	}
	kept = check_orphans();
	printf("%u entries, %u seats, %u starts, %u bookings kept: "
	       "%u violations\n",
		entries, seats, restarts, kept, violations);
	return violations != 0;
}
