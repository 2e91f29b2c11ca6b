#include "builder/cli/said.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/num.h"

#define TTY_MS 200
#define LINE_MS 10000 /* between two lines of the same work … */
#define OTHER_MS 500  /* … and of other work */

static struct {
	bool shown; /* something stands on the terminal's line */
	char what[64];
	int64_t at_ms;
} last;

static void
amount(struct buf *b, const struct doubter_news *n)
{
	if (strcmp(n->unit, "B") == 0) {
		num_add_size(b, n->done);
	} else if (strcmp(n->unit, "ms") == 0) {
		num_add_duration(b, n->done / 1000 * 1000);
	} else if (n->total >= 0) {
		buf_printf(b, "%" PRId64 " of %" PRId64 " %s", n->done,
		    n->total, n->unit);
	}
}

static int
columns(void)
{
	struct winsize ws;

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &ws) == -1 || ws.ws_col < 2)
		return 79;
	return ws.ws_col - 1;
}

void
said(void *arg, const struct doubter_news *n)
{
	bool tty = isatty(STDERR_FILENO);
	int64_t pause = tty				  ? TTY_MS
			: strcmp(last.what, n->what) == 0 ? LINE_MS
							  : OTHER_MS;
	int64_t now = time_mono_ms();
	auto_buf struct buf b = BUF_INIT;

	(void)arg;
	if (last.what[0] && now - last.at_ms < pause)
		return;
	snprintf(last.what, sizeof(last.what), "%s", n->what);
	last.at_ms = now;
	buf_str(&b, n->what);
	if (n->subject[0])
		buf_printf(&b, " (%s)", n->subject);
	buf_str(&b, " … ");
	amount(&b, n);
	if (tty)
		fprintf(stderr, "\r\033[K%.*s", columns(), b.data);
	else
		fprintf(stderr, "%s\n", b.data);
	last.shown = tty;
}

void
said_clear(void)
{
	if (last.shown)
		fputs("\r\033[K", stderr);
	last.shown = false;
}
