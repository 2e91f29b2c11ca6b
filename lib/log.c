#include "lib/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <syslog.h>
#include <unistd.h>

#include "lib/buf.h"

static const struct {
	const char *name;
	int syslog;
} levels[] = {
	[LOG_LEVEL_DEBUG] = { "debug", LOG_DEBUG },
	[LOG_LEVEL_INFO] = { "info", LOG_INFO },
	[LOG_LEVEL_WARN] = { "warn", LOG_WARNING },
	[LOG_LEVEL_ERROR] = { "error", LOG_ERR },
};

/* What every event needs and no caller should have to carry: set once by
 * main(). */
static bool use_syslog;
static bool verbose;

void
log_open(const char *program, bool to_syslog)
{
	use_syslog = to_syslog;
	if (to_syslog)
		openlog(program, LOG_PID | LOG_NDELAY, LOG_DAEMON);
}

void
log_verbose(bool on)
{
	verbose = on;
}

static void
escape(struct buf *to, const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)p[i];

		if (c == '\n')
			buf_str(to, "\\n");
		else if (c == '\t')
			buf_str(to, "\\t");
		else if (c < 0x20 || c == 0x7f)
			buf_printf(to, "\\x%02x", c);
		else
			buf_char(to, p[i]);
	}
}

static void
line(enum log_level level, const char *what, const struct buf *text)
{
	auto_buf struct buf out = BUF_INIT;

	buf_printf(&out, "%s ", levels[level].name);
	escape(&out, what, span_str(what).n);
	if (text->len) {
		buf_char(&out, ' ');
		escape(&out, text->data, text->len);
	}
	if (use_syslog) {
		syslog(levels[level].syslog, "%s", out.data);
		return;
	}
	buf_char(&out, '\n');
	/* One write a line: lines of several processes do not mix.  Nobody
	 * could be told that a log line was lost. */
	if (write(STDERR_FILENO, out.data, out.len) == -1)
		return;
}

void
log_event(enum log_level level, const char *what, const char *fmt, ...)
{
	auto_buf struct buf text = BUF_INIT;
	int saved = errno;
	va_list ap;

	if (level == LOG_LEVEL_DEBUG && !verbose)
		return;
	if (fmt) {
		va_start(ap, fmt);
		buf_vprintf(&text, fmt, ap);
		va_end(ap);
	}
	line(level, what, &text);
	errno = saved;
}

void
log_err(const char *what, const struct err *err)
{
	auto_buf struct buf text = BUF_INIT;
	int saved = errno;

	buf_printf(&text, "cause=%s msg=\"", err_cause(err));
	for (const char *p = err->msg; *p; p++) {
		if (*p == '"' || *p == '\\')
			buf_char(&text, '\\');
		buf_char(&text, *p);
	}
	buf_char(&text, '"');
	line(LOG_LEVEL_ERROR, what, &text);
	errno = saved;
}
