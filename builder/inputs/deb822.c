#include "builder/inputs/deb822.h"

#include <stdlib.h>
#include <string.h>

#include "lib/mem.h"

/* A Package-List or Depends of Debian stays below 100 kB. */
#define LINE_LIMIT (1024 * 1024)

void
deb822_init(struct deb822 *d, FILE *f, const char *what)
{
	*d = (struct deb822){ .f = f, .what = what };
}

void
deb822_release(struct deb822 *d)
{
	free(d->line);
	d->line = NULL;
}

/* As getline, but one that ends somewhere. */
static int
read_line(struct deb822 *d, size_t *len, struct err *err)
{
	*len = 0;
	for (;;) {
		size_t n;

		if (d->cap - *len < 4096) {
			d->cap = d->cap ? 2 * d->cap : 8192;
			d->line = mem_resize(d->line, d->cap, 1);
		}
		/* fgets hides a NUL: the line then seems to end there
		 * without a newline, and the next piece joins it. */
		if (!fgets(d->line + *len, (int)(d->cap - *len), d->f)) {
			if (ferror(d->f))
				return err_set(err, ERR_INPUT,
				    "%s: broken after line %zu", d->what,
				    d->number);
			return *len > 0;
		}
		n = strlen(d->line + *len);
		*len += n;
		if (n > 0 && d->line[*len - 1] == '\n')
			return 1;
		if (*len > LINE_LIMIT)
			return err_set(err, ERR_INPUT,
			    "%s: line %zu is longer than %d bytes", d->what,
			    d->number + 1, LINE_LIMIT);
	}
}

int
deb822_next(struct deb822 *d, struct err *err)
{
	struct span rest;
	size_t len;
	int r = read_line(d, &len, err);

	if (r != 1)
		return r;
	d->number++;
	rest = (struct span){ d->line, len };
	while (rest.n > 0 && strchr("\r\n \t", rest.p[rest.n - 1]))
		rest.n--;
	if (rest.n == 0) {
		d->kind = DEB822_END;
		return 1;
	}
	if (d->line[0] == ' ' || d->line[0] == '\t') {
		d->kind = DEB822_MORE;
		d->value = span_trim(rest);
		return 1;
	}
	d->kind = DEB822_FIELD;
	d->value = rest;
	if (!memchr(rest.p, ':', rest.n) ||
	    !span_next(&d->value, ':', &d->name) || d->name.n == 0)
		return err_set(err, ERR_INPUT, "%s: line %zu is no field",
		    d->what, d->number);
	d->value = span_trim(d->value);
	return 1;
}

size_t
deb822_words(struct span rest, struct span *words, size_t max)
{
	size_t n = 0, i = 0;

	for (;;) {
		size_t start;

		while (i < rest.n && (rest.p[i] == ' ' || rest.p[i] == '\t'))
			i++;
		if (i == rest.n)
			return n;
		start = i;
		while (i < rest.n && rest.p[i] != ' ' && rest.p[i] != '\t')
			i++;
		if (n < max)
			words[n] = (struct span){ rest.p + start, i - start };
		n++;
	}
}

char *
deb822_dup(struct span s)
{
	return mem_strn(s.p, s.n);
}
