#include "builder/inputs/sizes.h"

#include <stdlib.h>
#include <string.h>

#include "lib/mem.h"
#include "lib/num.h"

/* "SHA256: " and 64 digits; what is longer is not looked at. */
#define LINE 96

struct tee {
	struct sizes *to;
	FILE *inner;
	char line[LINE];
	size_t len;
	struct sizes_entry now;
	bool has_sha256, has_size;
};

void
sizes_release(struct sizes *s)
{
	free(s->v);
	*s = (struct sizes){ 0 };
}

static void
line_over(struct tee *t)
{
	struct err err = ERR_INIT;

	if (t->len == 0) {
		if (t->has_sha256 && t->has_size) {
			MEM_GROW(t->to->v, t->to->n, t->to->cap);
			t->to->v[t->to->n++] = t->now;
		}
		t->has_sha256 = t->has_size = false;
		t->now.installed = 0;
		t->now.base = false;
	}
	t->line[t->len < LINE ? t->len : LINE - 1] = '\0';
	if (strncmp(t->line, "SHA256: ", 8) == 0)
		t->has_sha256 = hash_parse(&t->now.sha256, t->line + 8);
	else if (strncmp(t->line, "Size: ", 6) == 0)
		t->has_size =
		    num_int(t->line + 6, 0, INT64_MAX, &t->now.size, &err) == 0;
	else if (strncmp(t->line, "Installed-Size: ", 16) == 0) {
		if (num_int(t->line + 16, 0, INT64_MAX / 1024,
			&t->now.installed, &err) == 0)
			t->now.installed *= 1024;
	} else if (strncmp(t->line, "Priority: ", 10) == 0)
		t->now.base = strcmp(t->line + 10, "required") == 0 ||
			      strcmp(t->line + 10, "important") == 0;
	t->len = 0;
}

static ssize_t
tee_read(void *cookie, char *buf, size_t room)
{
	struct tee *t = cookie;
	size_t n = fread(buf, 1, room, t->inner);

	if (n == 0) {
		if (ferror(t->inner))
			return -1;
		if (t->len)
			line_over(t);
		line_over(t); /* the last stanza needs no empty line */
		return 0;
	}
	for (size_t i = 0; i < n; i++)
		if (buf[i] == '\n')
			line_over(t);
		else if (t->len < LINE)
			t->line[t->len++] = buf[i];
	return (ssize_t)n;
}

static int
tee_close(void *cookie)
{
	struct tee *t = cookie;
	int r = fclose(t->inner);

	free(t);
	return r;
}

FILE *
sizes_tee(struct sizes *to, FILE *inner)
{
	static const cookie_io_functions_t functions = { .read = tee_read,
		.close = tee_close };
	struct tee *t = mem_zero(1, sizeof(*t));
	FILE *f;

	t->to = to;
	t->inner = inner;
	f = fopencookie(t, "r", functions);
	if (!f)
		free(t);
	return f;
}

static int
by_hash(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct hash));
}

void
sizes_sort(struct sizes *s)
{
	if (s->n)
		qsort(s->v, s->n, sizeof(*s->v), by_hash);
}

const struct sizes_entry *
sizes_find(const struct sizes *s, const struct hash *h)
{
	return s->n ? bsearch(h, s->v, s->n, sizeof(*s->v), by_hash) : NULL;
}
