#include "lib/mem.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/err.h"

void
mem_none(void)
{
	static const char text[] = "kiln: out of memory (cause=system)\n";

	if (write(STDERR_FILENO, text, sizeof(text) - 1) == -1)
		_exit(EXIT_FAILED);
	_exit(EXIT_FAILED);
}

static void *
or_die(void *p)
{
	if (!p)
		mem_none();
	return p;
}

void *
mem_alloc(size_t n)
{
	return or_die(malloc(n ? n : 1));
}

void *
mem_zero(size_t count, size_t size)
{
	if (count == 0 || size == 0)
		count = size = 1;
	return or_die(calloc(count, size));
}

void *
mem_dup(const void *p, size_t n)
{
	void *to = mem_alloc(n);

	if (n)
		memcpy(to, p, n);
	return to;
}

char *
mem_str(const char *s)
{
	return s ? or_die(strdup(s)) : NULL;
}

char *
mem_strn(const char *s, size_t n)
{
	char *to;

	if (n == SIZE_MAX)
		or_die(NULL);
	to = mem_alloc(n + 1);
	if (n)
		memcpy(to, s, n);
	to[n] = '\0';
	return to;
}

char *
mem_printf(const char *fmt, ...)
{
	char *s = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&s, fmt, ap);
	va_end(ap);
	return or_die(n < 0 ? NULL : s);
}

void *
mem_resize(void *p, size_t count, size_t size)
{
	if (count == 0 || size == 0)
		count = size = 1;
	return or_die(reallocarray(p, count, size));
}
