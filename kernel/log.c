#include "kernel/log.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "kernel/clock.h"

#define LOG_LINE_MAX 1024

/* What the header allows: the one mutable global of the house. */
static struct {
	ph_log_sink *sink; /* NULL: standard error */
	void *context;
	enum ph_log_level most;
} log_state = {.most = PH_LOG_INFO};

static const char *const log_names[] = {
	[PH_LOG_ERROR] = "error",
	[PH_LOG_WARN] = "warn",
	[PH_LOG_INFO] = "info",
	[PH_LOG_DEBUG] = "debug",
};

void ph_log_open(ph_log_sink *sink, void *context, enum ph_log_level most)
{
	log_state.sink = sink;
	log_state.context = context;
	log_state.most = most;
}

enum ph_log_level ph_log_most(void)
{
	return log_state.most;
}

static size_t log_stamp(char *out, size_t size)
{
	int64_t wall = ph_clock_wall();
	time_t seconds = (time_t)(wall / 1000000000);
	struct tm date;
	size_t length;

	gmtime_r(&seconds, &date);
	length = strftime(out, size, "%Y-%m-%dT%H:%M:%S", &date);
	length += (size_t)snprintf(out + length, size - length, ".%03dZ",
		(int)(wall / 1000000 % 1000));
	return length;
}

/* One write a line, so that lines of several threads do not mix. */
static void log_to_stderr(
	enum ph_log_level level, const char *topic, const char *line)
{
	char text[LOG_LINE_MAX + 128];
	size_t length = log_stamp(text, sizeof(text));
	ssize_t written;
	int more;

	more = snprintf(text + length, sizeof(text) - length, " %-5s %s %s\n",
		log_names[level], topic, line);
	if (more < 0)
		return;
	length += (size_t)more;
	if (length >= sizeof(text)) {
		length = sizeof(text) - 1;
		text[length - 1] = '\n';
	}
	written = write(STDERR_FILENO, text, length);
	(void)written; /* nowhere to report it */
}

/* Whatever slipped in unescaped may not start a line or steer a screen. */
static void log_tame(char *line)
{
	for (; *line; line++)
		if ((unsigned char)*line < 0x20 || *line == 0x7f)
			*line = '?';
}

void ph_log_write(
	enum ph_log_level level, const char *topic, const char *format, ...)
{
	char line[LOG_LINE_MAX + 1];
	va_list arguments;

	if (level > log_state.most)
		return;
	va_start(arguments, format);
	vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	log_tame(line);
	if (log_state.sink)
		log_state.sink(log_state.context, level, topic, line);
	else
		log_to_stderr(level, topic, line);
}

const char *ph_log_escape(
	char *out, size_t size, const char *text, size_t length)
{
	static const char digits[] = "0123456789abcdef";
	size_t at = 0;

	for (size_t i = 0; i < length; i++) {
		unsigned char byte = (unsigned char)text[i];
		bool plain = byte >= 0x20 && byte < 0x7f && byte != '\\';

		if (at + (plain ? 1 : 4) >= size)
			break;
		if (plain) {
			out[at++] = (char)byte;
			continue;
		}
		out[at++] = '\\';
		out[at++] = 'x';
		out[at++] = digits[byte >> 4];
		out[at++] = digits[byte & 15];
	}
	if (size)
		out[at] = '\0';
	return out;
}
