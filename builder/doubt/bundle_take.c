/*
 * Reading a bundle.  It is not parsed as an archive: the list at its start
 * says where each member begins and ends, and what its header and its padding
 * are, so that nothing in the file is left to chance.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "builder/doubt/bundle.h"
#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/store.h"

struct taking {
	int fd;
	int64_t at; /* offset */
	struct store *store;
	int tmpdir;
};

static int
ends_early(const char *name, struct err *err)
{
	return err_set(err, ERR_TRUST, "bundle: it ends within %s", name);
}

/* Exactly n bytes from where we are. */
static int
take(struct taking *t, const char *name, void *out, size_t n, struct err *err)
{
	char *p = out;

	while (n > 0) {
		ssize_t got = pread(t->fd, p, n, t->at);

		if (got == -1 && errno == EINTR)
			continue;
		if (got == -1)
			return err_sys(err, "bundle: read %s", name);
		if (got == 0)
			return ends_early(name, err);
		p += got;
		n -= (size_t)got;
		t->at += got;
	}
	return 0;
}

static int
take_header(struct taking *t, const char *name, int64_t size, struct err *err)
{
	char want[BUNDLE_BLOCK], is[BUNDLE_BLOCK];

	if (bundle_header(name, size, want, err) == -1 ||
	    take(t, name, is, sizeof(is), err) == -1)
		return -1;
	if (memcmp(want, is, sizeof(is)) != 0)
		return err_set(err, ERR_TRUST,
		    "bundle: %s: its header is not what the list says", name);
	return 0;
}

static int
take_zeros(struct taking *t, const char *name, size_t n, struct err *err)
{
	char is[2 * BUNDLE_BLOCK];

	if (take(t, name, is, n, err) == -1)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (is[i] != 0)
			return err_set(err, ERR_TRUST,
			    "bundle: %s: there is something behind it", name);
	return 0;
}

static int
take_padding(struct taking *t, const char *name, int64_t size, struct err *err)
{
	size_t over = (size_t)(size % BUNDLE_BLOCK);

	return over ? take_zeros(t, name, BUNDLE_BLOCK - over, err) : 0;
}

static int
other_bytes(const char *name, struct err *err)
{
	return err_set(err, ERR_TRUST,
	    "bundle: %s: its bytes are not what the list says", name);
}

/* --- the list ------------------------------------------------------------ */

/* The size that a ustar header says: octal digits. */
static int
index_size(const char header[BUNDLE_BLOCK], size_t *out, struct err *err)
{
	size_t n = 0;

	for (size_t i = 124; i < 124 + 11; i++) {
		if (header[i] < '0' || header[i] > '7')
			return err_set(err, ERR_INPUT, "it is no bundle");
		n = n * 8 + (size_t)(header[i] - '0');
	}
	if (n > BUNDLE_INDEX_MAX)
		return err_set(err, ERR_INPUT,
		    "bundle: %s has %zu bytes, at most %zu", BUNDLE_INDEX, n,
		    BUNDLE_INDEX_MAX);
	*out = n;
	return 0;
}

static bool
begins(const char *s, const char *with)
{
	return strncmp(s, with, strlen(with)) == 0;
}

static int
check_member(const struct bundle_member *m, struct err *err)
{
	struct hash h;

	if (begins(m->name, BUNDLE_BLOBS)) {
		if (hash_parse(&h, m->name + strlen(BUNDLE_BLOBS)) &&
		    hash_equal(&h, &m->sha256))
			return 0;
	} else if (m->size > BUNDLE_TEXT_MAX) {
		return err_set(err, ERR_INPUT,
		    "bundle: %s has %lld bytes, at most %lld", m->name,
		    (long long)m->size, (long long)BUNDLE_TEXT_MAX);
	} else if (strcmp(m->name, BUNDLE_ORIGIN) == 0 ||
		   (begins(m->name, BUNDLE_METADATA) && path_ok(m->name))) {
		return 0;
	}
	return err_set(err, ERR_TRUST,
	    "bundle: " BUNDLE_INDEX ": %.200s is nothing that belongs there",
	    m->name);
}

static int
read_member(struct bundle *b, const json_t *j, struct err *err)
{
	static const char *const keys[] = { "name", "sha256", "size", NULL };
	struct bundle_member m = { .text = BUF_INIT };
	const char *name;

	if (!json_is_object(j))
		return err_set(
		    err, ERR_INPUT, BUNDLE_INDEX ": a member is no object");
	if (js_only(BUNDLE_INDEX, j, keys, err) == -1 ||
	    js_str(BUNDLE_INDEX, j, "name", &name, err) == -1 ||
	    js_hash(BUNDLE_INDEX, j, "sha256", &m.sha256, err) == -1 ||
	    js_int(BUNDLE_INDEX, j, "size", 0, (int64_t)8 << 30, &m.size,
		err) == -1)
		return -1;
	m.name = mem_str(name);
	MEM_GROW(b->v, b->n, b->cap);
	b->v[b->n++] = m;
	return check_member(&m, err);
}

static int
read_index(struct bundle *b, const struct buf *text, struct err *err)
{
	static const char *const keys[] = { "kind", "v", "members", NULL };
	auto_json json_t *j = js_record(
	    BUNDLE_INDEX, "kiln/bundle", 1, text->data, text->len, err);
	auto_buf struct buf again = BUF_INIT;
	json_t *members;

	if (!j || js_only(BUNDLE_INDEX, j, keys, err) == -1 ||
	    js_array(BUNDLE_INDEX, j, "members", &members, err) == -1)
		return -1;
	if (json_array_size(members) > BUNDLE_MEMBERS)
		return err_set(err, ERR_INPUT,
		    BUNDLE_INDEX ": more than %d members", BUNDLE_MEMBERS);
	for (size_t i = 0; i < json_array_size(members); i++)
		if (read_member(b, json_array_get(members, i), err) == -1)
			return -1;
	/* One text for a list: blanks are bytes, too. */
	if (bundle_index(b, &again, err) == -1)
		return -1;
	return span_equal(span_buf(text), span_buf(&again))
		   ? 0
		   : err_set(err, ERR_TRUST,
			 "bundle: " BUNDLE_INDEX " is not canonical");
}

static int
take_index(struct taking *t, struct bundle *b, struct err *err)
{
	auto_buf struct buf text = BUF_INIT;
	char header[BUNDLE_BLOCK];
	size_t n = 0;

	if (take(t, BUNDLE_INDEX, header, sizeof(header), err) == -1)
		return -1;
	if (strcmp(header, BUNDLE_INDEX) != 0)
		return err_set(err, ERR_INPUT,
		    "it is no bundle: its first member is not " BUNDLE_INDEX);
	if (index_size(header, &n, err) == -1)
		return -1;
	t->at = 0;
	if (take_header(t, BUNDLE_INDEX, (int64_t)n, err) == -1)
		return -1;
	buf_reserve(&text, n + 1);
	if (take(t, BUNDLE_INDEX, text.data, n, err) == -1)
		return -1;
	text.len = n;
	text.data[n] = '\0';
	if (take_padding(t, BUNDLE_INDEX, (int64_t)n, err) == -1)
		return -1;
	/* What is wrong with the list is wrong with the bundle. */
	if (read_index(b, &text, err) == -1) {
		err->cls = ERR_TRUST;
		return -1;
	}
	return 0;
}

/* --- members ------------------------------------------------------------- */

static int
take_text(struct taking *t, struct bundle_member *m, struct err *err)
{
	struct hash is;

	buf_reserve(&m->text, (size_t)m->size + 1);
	if (take(t, m->name, m->text.data, (size_t)m->size, err) == -1)
		return -1;
	m->text.len = (size_t)m->size;
	m->text.data[m->text.len] = '\0';
	hash_bytes(&is, m->text.data, m->text.len);
	return hash_equal(&is, &m->sha256) ? 0 : other_bytes(m->name, err);
}

static int
take_blob(struct taking *t, const struct bundle_member *m, struct err *err)
{
	auto_tmp struct tmp tmp = TMP_INIT;
	int64_t left = m->size;
	char block[64 * 1024];
	struct hasher hasher;
	struct hash is;

	if (tmp_open(&tmp, t->tmpdir, 0600, err) == -1)
		return -1;
	hasher_init(&hasher);
	while (left > 0) {
		size_t n = left < (int64_t)sizeof(block) ? (size_t)left
							 : sizeof(block);

		if (take(t, m->name, block, n, err) == -1 ||
		    fd_write_all(tmp.fd, block, n, err) == -1)
			return -1;
		hasher_add(&hasher, block, n);
		left -= (int64_t)n;
	}
	hasher_end(&hasher, &is);
	if (!hash_equal(&is, &m->sha256))
		return other_bytes(m->name, err);
	if (lseek(tmp.fd, 0, SEEK_SET) == -1)
		return err_sys(err, "bundle: %s: seek", m->name);
	return store_put_expected(t->store, tmp.fd, &m->sha256, m->size, err);
}

static int
take_end(struct taking *t, struct err *err)
{
	int64_t size;

	if (fd_size(t->fd, &size, err) == -1 ||
	    take_zeros(t, "its end", 2 * BUNDLE_BLOCK, err) == -1)
		return -1;
	if (t->at != size)
		return err_set(err, ERR_TRUST,
		    "bundle: there is something behind its end");
	return 0;
}

int
bundle_take(
    struct bundle *b, int fd, struct store *st, int tmpdir, struct err *err)
{
	struct taking t = { .fd = fd, .store = st, .tmpdir = tmpdir };

	*b = (struct bundle)BUNDLE_INIT;
	if (take_index(&t, b, err) == -1)
		return -1;
	for (size_t i = 0; i < b->n; i++) {
		struct bundle_member *m = &b->v[i];
		bool blob = begins(m->name, BUNDLE_BLOBS);

		if (take_header(&t, m->name, m->size, err) == -1 ||
		    (blob ? take_blob(&t, m, err) : take_text(&t, m, err)) ==
			-1 ||
		    take_padding(&t, m->name, m->size, err) == -1)
			return -1;
		if (strcmp(m->name, BUNDLE_ORIGIN) == 0 && !b->origin.len)
			buf_add(&b->origin, m->text.data, m->text.len);
	}
	if (b->origin.len == 0)
		return err_set(
		    err, ERR_INPUT, "bundle: it has no " BUNDLE_ORIGIN);
	return take_end(&t, err);
}

int
bundle_metadata(void *arg, const char *url, int64_t limit, struct buf *out,
    int *status, struct err *err)
{
	const struct bundle *b = arg;

	url += strspn(url, "/");
	*status = 404;
	for (size_t i = 0; i < b->n; i++) {
		const struct bundle_member *m = &b->v[i];

		if (!begins(m->name, BUNDLE_METADATA) ||
		    strcmp(m->name + strlen(BUNDLE_METADATA), url) != 0)
			continue;
		if (m->size > limit)
			return err_set(err, ERR_TRUST,
			    "bundle: %s has %lld bytes, at most %lld", m->name,
			    (long long)m->size, (long long)limit);
		buf_add(out, m->text.data, m->text.len);
		*status = 200;
	}
	return 0;
}
