#ifndef PH_KERNEL_LOG_H
#define PH_KERNEL_LOG_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * One line per decision: topic, event, key=value. Never payload, never keys.
 * Whatever a peer sent goes through ph_log_escape first.
 */
enum ph_log_level {
	PH_LOG_ERROR,
	PH_LOG_WARN,
	PH_LOG_INFO,
	PH_LOG_DEBUG
};

typedef void ph_log_sink(void *context, enum ph_log_level level,
	const char *topic, const char *line);

/* Process-wide, set once at start by the composition root (the one mutable
 * global of the house; a log that must be passed everywhere is not used). */
void ph_log_open(ph_log_sink *sink, void *context, enum ph_log_level most);
enum ph_log_level ph_log_most(void);

/* Lines past 1,024 bytes are cut. */
void ph_log_write(enum ph_log_level level, const char *topic,
	const char *format, ...) __attribute__((format(printf, 3, 4)));

#define ph_log_error(topic, ...) ph_log_write(PH_LOG_ERROR, topic, __VA_ARGS__)
#define ph_log_warn(topic, ...)	 ph_log_write(PH_LOG_WARN, topic, __VA_ARGS__)
#define ph_log_info(topic, ...)	 ph_log_write(PH_LOG_INFO, topic, __VA_ARGS__)
#define ph_log_debug(topic, ...) ph_log_write(PH_LOG_DEBUG, topic, __VA_ARGS__)

/* Copies `length` bytes of outside text as printable ASCII, other bytes as
 * \xNN, cut to fit; returns `out`, always terminated. */
const char *ph_log_escape(
	char *out, size_t size, const char *text, size_t length);

#endif
