/*
 * Every sentence ends up on terminals, in logs and in JSON, so it is kept
 * free of control bytes and broken UTF-8 here, once.
 */
#include "lib/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Bytes of the UTF-8 character at `p`, or 0: broken, cut off or a control. */
static size_t
utf8_len(const unsigned char *p)
{
	size_t n = p[0] < 0x80			  ? 1
		   : p[0] >= 0xc2 && p[0] <= 0xdf ? 2
		   : p[0] >= 0xe0 && p[0] <= 0xef ? 3
		   : p[0] >= 0xf0 && p[0] <= 0xf4 ? 4
						  : 0;

	if (n == 1)
		return p[0] >= 0x20 && p[0] != 0x7f;
	for (size_t i = 1; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
	    (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
		return 0;
	if (n == 2 && p[0] == 0xc2 && p[1] < 0xa0)
		return 0; /* the C1 controls move terminals too */
	return n;
}

static void
make_printable(char *msg)
{
	unsigned char *p = (unsigned char *)msg;
	size_t n;

	while (*p) {
		n = utf8_len(p);
		if (n == 0)
			*p = *p == '\n' || *p == '\t' ? ' ' : '?';
		p += n ? n : 1;
	}
}

static void
put(struct err *err, enum err_class cls, int sys, const char *fmt, va_list ap)
{
	struct err now = { cls, sys, "" };

	/* Built aside: the arguments may point into err->msg. */
	vsnprintf(now.msg, sizeof(now.msg), fmt, ap);
	make_printable(now.msg);
	*err = now;
}

int
err_set(struct err *err, enum err_class cls, const char *fmt, ...)
{
	va_list ap;

	if (!err)
		return -1;
	va_start(ap, fmt);
	put(err, cls, 0, fmt, ap);
	va_end(ap);
	return -1;
}

int
err_sys(struct err *err, const char *fmt, ...)
{
	int sys = errno;
	va_list ap;
	size_t n;

	if (!err)
		return -1;
	va_start(ap, fmt);
	put(err, sys == ENOENT ? ERR_MISSING : ERR_SYSTEM, sys, fmt, ap);
	va_end(ap);
	n = strlen(err->msg);
	snprintf(err->msg + n, sizeof(err->msg) - n, ": %s", strerror(sys));
	make_printable(err->msg);
	errno = sys;
	return -1;
}

int
err_prefix(struct err *err, const char *fmt, ...)
{
	struct err old;
	va_list ap;
	size_t n;

	if (!err)
		return -1;
	old = *err;
	va_start(ap, fmt);
	put(err, old.cls, old.sys, fmt, ap);
	va_end(ap);
	n = strlen(err->msg);
	if (snprintf(err->msg + n, sizeof(err->msg) - n, ": %s", old.msg) < 0)
		err->msg[n] = '\0';
	make_printable(err->msg);
	return -1;
}

void
err_clear(struct err *err)
{
	*err = (struct err)ERR_INIT;
}

const char *
err_cause(const struct err *err)
{
	switch (err->sys) {
	case ENOSPC:
	case EDQUOT:
		return "no-space";
	case ETIMEDOUT:
		return "timeout";
	case EACCES:
	case EPERM:
		return "denied";
	case EROFS:
		return "read-only";
	case EFBIG:
		return "too-large";
	}
	switch (err->cls) {
	case ERR_INPUT:
		return "bad-input";
	case ERR_TRUST:
		return "not-trusted";
	case ERR_MISSING:
		return "missing";
	case ERR_BUSY:
		return "busy";
	case ERR_NONE:
	case ERR_SYSTEM:
		break;
	}
	return "system";
}

bool
err_no_room(const struct err *err)
{
	return err->sys == ENOSPC || err->sys == EDQUOT || err->sys == EROFS;
}

int
err_exit(const struct err *err)
{
	switch (err->cls) {
	case ERR_INPUT:
		return EXIT_USAGE;
	case ERR_TRUST:
		return EXIT_TRUST;
	case ERR_BUSY:
		return EXIT_AGAIN;
	case ERR_NONE:
	case ERR_SYSTEM:
	case ERR_MISSING:
		break;
	}
	return EXIT_FAILED;
}
