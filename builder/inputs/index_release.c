/* Release files, in the index worker. */
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "builder/inputs/deb822.h"
#include "builder/inputs/index_proto.h"
#include "builder/inputs/index_work.h"
#include "lib/num.h"
#include "lib/own.h"

/* "Sat, 11 Jul 2026 10:16:37 UTC", as RFC 5322 with a zone of UTC. */
static int
parse_date(struct span text, int64_t *out)
{
	auto_free char *s = deb822_dup(text);
	struct tm tm = { 0 };
	const char *end = strptime(s, "%a, %d %b %Y %H:%M:%S", &tm);

	if (!end || (strcmp(end, " UTC") != 0 && strcmp(end, " GMT") != 0 &&
			strcmp(end, " +0000") != 0))
		return -1;
	*out = timegm(&tm);
	return 0;
}

struct reading { /* a Release file */
	struct deb822 in;
	const struct lock_names *paths;
	const struct index_work *sv;
	char *codename;
	int64_t date, valid_until;
	bool by_hash, has_date;
	struct buf files[16]; /* INDEX_IS_FILE messages, kept back */
	size_t nfiles;
};

static int
release_field(struct reading *r, struct err *err)
{
	struct deb822 *in = &r->in;

	if (span_is(in->name, "Codename") && !r->codename) {
		r->codename = deb822_dup(in->value);
	} else if (span_is(in->name, "Acquire-By-Hash")) {
		r->by_hash = span_is(in->value, "yes");
	} else if (span_is(in->name, "Date")) {
		if (parse_date(in->value, &r->date) == -1)
			return err_set(err, ERR_INPUT,
			    "%s: Date is not a date in UTC", in->what);
		r->has_date = true;
	} else if (span_is(in->name, "Valid-Until")) {
		if (parse_date(in->value, &r->valid_until) == -1)
			return err_set(err, ERR_INPUT,
			    "%s: Valid-Until is not a date in UTC", in->what);
	}
	return 0;
}

/* " HEX64 SIZE PATH" below SHA256. */
static int
release_sum(struct reading *r, struct err *err)
{
	struct span w[3];
	struct hash h;
	int64_t size;

	if (deb822_words(r->in.value, w, 3) != 3)
		return err_set(err, ERR_INPUT,
		    "%s: line %zu: not a checksum, size and path", r->in.what,
		    r->in.number);
	for (size_t i = 0; i < r->paths->n; i++) {
		auto_free char *hex = NULL, *digits = NULL;
		struct buf *b;

		if (!span_is(w[2], r->paths->v[i]))
			continue;
		hex = deb822_dup(w[0]);
		digits = deb822_dup(w[1]);
		if (!hash_parse(&h, hex) ||
		    num_int(digits, 0, INT64_MAX, &size, err) == -1 ||
		    r->nfiles == ARRAY_LEN(r->files))
			return err_set(err, ERR_INPUT,
			    "%s: line %zu: bad or repeated entry of %s",
			    r->in.what, r->in.number, r->paths->v[i]);
		b = &r->files[r->nfiles++];
		buf_init(b);
		ipc_add_u32(b, r->sv->id);
		ipc_add_str(b, r->paths->v[i]);
		ipc_add_hash(b, &h);
		ipc_add_i64(b, size);
	}
	return 0;
}

static int
read_release(struct reading *r, struct err *err)
{
	auto_buf struct buf b = BUF_INIT;
	bool sums = false, over = false;
	int more;

	while ((more = deb822_next(&r->in, err)) == 1 && !over) {
		if (r->in.kind == DEB822_END)
			over = true;
		else if (r->in.kind == DEB822_MORE) {
			if (sums && release_sum(r, err) == -1)
				return -1;
		} else {
			sums = span_is(r->in.name, "SHA256");
			if (release_field(r, err) == -1)
				return -1;
		}
	}
	if (more == -1)
		return -1;
	if (!r->codename || !r->has_date)
		return err_set(err, ERR_INPUT, "%s has no Codename or no Date",
		    r->in.what);
	ipc_add_u32(&b, r->sv->id);
	ipc_add_str(&b, r->codename);
	ipc_add_i64(&b, r->date);
	ipc_add_i64(&b, r->valid_until);
	ipc_add_u32(&b, r->by_hash);
	if (index_answer(r->sv, INDEX_IS_RELEASE, &b, err) == -1)
		return -1;
	for (size_t i = 0; i < r->nfiles; i++)
		if (index_answer(r->sv, INDEX_IS_FILE, &r->files[i], err) == -1)
			return -1;
	return index_done(r->sv, err);
}

int
index_serve_release(
    const struct index_work *sv, struct ipc_msg *m, struct err *err)
{
	struct lock_names paths = { 0 };
	struct reading r = { .sv = sv, .paths = &paths, .valid_until = -1 };
	FILE *f = NULL;
	int ret = -1;

	if (index_get_names(m, &paths, err) == -1)
		goto out;
	if (m->fds[0] == -1 || lseek(m->fds[0], 0, SEEK_SET) == -1 ||
	    !(f = fdopen(m->fds[0], "r"))) {
		err_set(err, ERR_INPUT, "no Release file was handed over");
		goto out;
	}
	m->fds[0] = -1; /* f's */
	deb822_init(&r.in, f, "Release");
	ret = read_release(&r, err);
	deb822_release(&r.in);
out:
	if (f)
		fclose(f);
	for (size_t i = 0; i < r.nfiles; i++)
		buf_release(&r.files[i]);
	free(r.codename);
	lock_names_release(&paths);
	return ret;
}
