/*
 * One line per event: `level what key=value …`, to stderr for a supervisor
 * or to syslog.  Only loops and main() log; lib/ returns errors instead.
 * Control bytes in the text are escaped.  Keys and tokens never come here.
 */
#ifndef KILN_LOG_H
#define KILN_LOG_H

#include <stdbool.h>

#include "lib/attr.h"
#include "lib/err.h"

enum log_level {
	LOG_LEVEL_DEBUG,
	LOG_LEVEL_INFO,
	LOG_LEVEL_WARN,
	LOG_LEVEL_ERROR
};

void log_open(const char *program, bool to_syslog);
void log_verbose(bool on); /* debug lines too */
void log_event(enum log_level, const char *what, const char *fmt, ...)
    KILN_PRINTF(3, 4);
/* `error what cause=no-space msg="…"` */
void log_err(const char *what, const struct err *);

#define log_info(...) log_event(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_warn(...) log_event(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_debug(...) log_event(LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif
