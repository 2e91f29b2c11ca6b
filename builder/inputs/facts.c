#include "builder/inputs/facts.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include <solv/solv_xfopen.h>

#include "builder/inputs/deb822.h"
#include "lib/mem.h"
#include "lib/own.h"

#define HEAD "kiln-facts 1\n"
#define END "end "
#define END_LEN (sizeof(END) - 1 + HASH_HEX) /* with its newline */

/* Nothing that a lock holds or the solver looks at; what ends in '-' stands
 * for all that begin so. */
static const char *const aside[] = { "Binary", "Build-", "Checksums-Sha1",
	"Description", "Description-md5", "Files", "Homepage", "Installed-Size",
	"MD5sum", "Maintainer", "Package-List", "Priority", "Section",
	"Standards-Version", "Tag", "Testsuite", "Testsuite-", "Uploaders",
	"Vcs-" };

/* In reading.lines, with its newline. */
struct line {
	size_t at, n;
};

struct reading {
	struct buf names, counts;
	bool named, provides, counted; /* the field that goes on */
	struct buf lines;
	struct line *v;
	size_t n, cap;
};

static bool
counts(struct span name)
{
	for (size_t i = 0; i < ARRAY_LEN(aside); i++) {
		size_t n = strlen(aside[i]);

		if (name.n < n || memcmp(name.p, aside[i], n) != 0)
			continue;
		if (name.n == n || aside[i][n - 1] == '-')
			return false;
	}
	return true;
}

/* libsolv does not mind case in names of fields. */
static bool
is_field(struct span name, const char *word)
{
	return name.n == strlen(word) && strncasecmp(name.p, word, name.n) == 0;
}

/* "a (= 1), b:any | c": its names. */
static void
add_names(struct reading *r, struct span list)
{
	size_t i = 0;

	while (i < list.n) {
		size_t from, end = i;

		while (end < list.n && list.p[end] != ',' && list.p[end] != '|')
			end++;
		while (i < end && (list.p[i] == ' ' || list.p[i] == '\t'))
			i++;
		from = i;
		while (i < end && !strchr(" \t(:[<", list.p[i]))
			i++;
		if (i > from) {
			buf_add(&r->names, list.p + from, i - from);
			buf_char(&r->names, ' ');
		}
		i = end + 1;
	}
}

static void
add_value(struct reading *r, struct span value)
{
	if (r->named || r->provides)
		add_names(r, value);
	if (r->counted) {
		buf_char(&r->counts, ' ');
		buf_add(&r->counts, value.p, value.n);
		buf_char(&r->counts, '\n');
	}
}

static void
field(struct reading *r, const struct deb822 *in)
{
	r->named = is_field(in->name, "Package");
	r->provides = is_field(in->name, "Provides");
	r->counted = counts(in->name);
	if (r->counted)
		buf_add(&r->counts, in->name.p, in->name.n);
	add_value(r, in->value);
}

static void
stanza(struct reading *r)
{
	char hex[HASH_HEX];
	struct hash h;

	if (r->names.len) {
		MEM_GROW(r->v, r->n, r->cap);
		r->v[r->n].at = r->lines.len;
		/* BLAKE2b: these names never leave the machine, and SHA-256
		 * takes three times as long. */
		crypto_generichash(h.b, sizeof(h.b),
		    (const uint8_t *)r->counts.data, r->counts.len, NULL, 0);
		hash_hex(&h, hex);
		buf_add(&r->lines, r->names.data, r->names.len);
		buf_add(&r->lines, hex, HASH_HEX - 1);
		buf_char(&r->lines, '\n');
		r->v[r->n].n = r->lines.len - r->v[r->n].at;
		r->n++;
	}
	buf_clear(&r->names);
	buf_clear(&r->counts);
	r->named = r->provides = r->counted = false;
}

static int
line_cmp(struct span a, struct span b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int c = memcmp(a.p, b.p, n);

	return c ? c : (a.n > b.n) - (a.n < b.n);
}

static int
by_line(const void *va, const void *vb, void *text)
{
	const struct line *a = va, *b = vb;
	const char *p = text;

	/* A newline is smaller than any byte of a name. */
	return line_cmp(
	    (struct span){ p + a->at, a->n }, (struct span){ p + b->at, b->n });
}

static void
write_lines(struct reading *r, struct buf *out)
{
	size_t start = out->len;
	char hex[HASH_HEX];
	struct hash h;

	buf_str(out, HEAD);
	if (r->n)
		qsort_r(r->v, r->n, sizeof(*r->v), by_line, r->lines.data);
	for (size_t i = 0; i < r->n; i++)
		buf_add(out, r->lines.data + r->v[i].at, r->v[i].n);
	hash_bytes(&h, out->data + start, out->len - start);
	hash_hex(&h, hex);
	buf_printf(out, END "%s\n", hex);
}

static int
read_stanzas(struct reading *r, FILE *f, struct err *err)
{
	auto_deb822 struct deb822 in;
	int got;

	deb822_init(&in, f, "the index");
	while ((got = deb822_next(&in, err)) == 1) {
		if (in.kind == DEB822_FIELD)
			field(r, &in);
		else if (in.kind == DEB822_MORE)
			add_value(r, in.value);
		else
			stanza(r);
		if (r->lines.len + r->names.len + r->counts.len >
		    FACTS_MAX - 4096)
			return err_set(
			    err, ERR_INPUT, "the index: too many packages");
	}
	if (got == 0)
		stanza(r);
	return got;
}

int
facts_read(int xz, struct buf *out, struct err *err)
{
	struct reading r = {
		.names = BUF_INIT, .counts = BUF_INIT, .lines = BUF_INIT
	};
	int own = dup(xz), rc;
	FILE *f;

	if (own == -1)
		return err_sys(err, "the index");
	f = solv_xfopen_fd("index.xz", own, "r");
	if (!f) {
		close(own);
		return err_set(err, ERR_INPUT, "the index cannot be read");
	}
	rc = read_stanzas(&r, f, err);
	fclose(f);
	if (rc == 0)
		write_lines(&r, out);
	buf_release(&r.names);
	buf_release(&r.counts);
	buf_release(&r.lines);
	free(r.v);
	return rc;
}

int
facts_lines(struct span text, struct span *lines, struct err *err)
{
	size_t head = strlen(HEAD), body = text.n - END_LEN;
	char want[END_LEN + 1], hex[HASH_HEX];
	struct hash h;

	if (text.n < head + END_LEN || memcmp(text.p, HEAD, head) != 0)
		goto damaged;
	hash_bytes(&h, text.p, body);
	hash_hex(&h, hex);
	snprintf(want, sizeof(want), END "%s\n", hex);
	if (memcmp(text.p + body, want, END_LEN) != 0)
		goto damaged;
	*lines = (struct span){ text.p + head, body - head };
	return 0;
damaged:
	return err_set(err, ERR_INPUT, "the facts of an index are damaged");
}

/* All words but the last. */
static void
take_names(struct span line, struct lock_names *out)
{
	struct span name;

	while (memchr(line.p, ' ', line.n) && span_next(&line, ' ', &name)) {
		auto_free char *s = mem_strn(name.p, name.n);

		lock_names_add(out, s);
	}
}

void
facts_diff(struct span a, struct span b, struct lock_names *out)
{
	struct span x, y;
	bool in_a = span_next(&a, '\n', &x), in_b = span_next(&b, '\n', &y);

	while (in_a || in_b) {
		int c = !in_a ? 1 : !in_b ? -1 : line_cmp(x, y);

		if (c < 0)
			take_names(x, out);
		else if (c > 0)
			take_names(y, out);
		if (c <= 0)
			in_a = span_next(&a, '\n', &x);
		if (c >= 0)
			in_b = span_next(&b, '\n', &y);
	}
}
