#include "builder/doubt/bytes.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "builder/inputs/archive_get.h"
#include "builder/inputs/git.h"
#include "builder/inputs/upstream.h"
#include "lib/fdio.h"
#include "lib/mem.h"
#include "lib/own.h"

int
bytes_ask(struct bytes *b, const char *path, size_t limit, struct buf *out,
    int *status, struct err *err)
{
	auto_fd int fd = memfd_create("answer", MFD_CLOEXEC);
	auto_free char *url = NULL;
	struct fetch f;
	int64_t n;

	if (b->offline || !b->from)
		return err_set(
		    err, ERR_MISSING, "%s: no server may be asked", path);
	if (fd == -1)
		return err_sys(err, "memory for an answer");
	url = mem_printf("%s%s", b->from, path);
	f = (struct fetch){ .url = url,
		.proxy = b->archive->sources->proxy,
		.limit = (int64_t)limit,
		.fd = fd };
	if (fetch_get(&b->archive->workers->fetch, &f, status, &n, err) == -1)
		return -1;
	if (*status != 200)
		return 0;
	if (lseek(fd, 0, SEEK_SET) == -1)
		return err_sys(err, "%s: seek", url);
	return fd_read_all(fd, limit, out, err);
}

static int
arrived(struct bytes *b, const struct hash *h, int64_t size)
{
	auto_fd int fd = -1;
	struct err gone = ERR_INIT;

	if (size == -1 && store_get(b->archive->store, h, &fd, &gone) == 0 &&
	    fd_size(fd, &size, &gone) == -1)
		size = 0;
	b->files++;
	b->size += size > 0 ? size : 0;
	return 0;
}

static int
from_url(struct bytes *b, const char *url, const struct hash *h, int64_t size,
    struct err *err)
{
	if (archive_get_sized(b->archive, url, h, size,
		size == -1 ? UPSTREAM_FILE_MAX : size, b->progress, b->arg,
		err) == -1)
		return -1;
	return arrived(b, h, size);
}

/* 1: it came; 0: this server has it not, or cannot be asked. */
static int
from_server(struct bytes *b, const struct hash *h, int64_t size,
    const char *name, struct err *err)
{
	auto_free char *url = NULL;
	char hex[HASH_HEX];

	if (!b->from)
		return 0;
	hash_hex(h, hex);
	url = mem_printf("%sblob/%s", b->from, hex);
	if (from_url(b, url, h, size, err) == 0)
		return 1;
	/* More bytes than there are is a lie, too. */
	if (err->cls == ERR_TRUST || err->cls == ERR_INPUT) {
		err->cls = ERR_TRUST;
		return err_prefix(
		    err, "%s: the server's bytes are refused", name);
	}
	return err->cls == ERR_MISSING || err->cls == ERR_BUSY ? 0 : -1;
}

/* 1: it is there; 0: the server has it not, and others may be asked. */
static int
first(struct bytes *b, const struct hash *h, int64_t size, const char *name,
    struct err *err)
{
	if (store_has(b->archive->store, h))
		return 1;
	if (b->offline)
		return err_set(err, ERR_MISSING, "%s is not there", name);
	return from_server(b, h, size, name, err);
}

int
bytes_blob(struct bytes *b, const struct hash *h, int64_t size,
    const char *name, struct err *err)
{
	int got = first(b, h, size, name, err);

	if (got == 0 && err->cls == ERR_BUSY)
		return err_prefix(err, "%s", name);
	if (got == 0)
		return err_set(
		    err, ERR_MISSING, "%s: the server does not have it", name);
	return got == -1 ? -1 : 0;
}

/* Each source that calls itself by the suite's name, then each other one:
 * "stable" may be bookworm. */
static int
from_archive(struct bytes *b, const char *suite, const char *path, bool dists,
    const struct hash *h, int64_t size, const char *name, struct err *err)
{
	const struct apt_sources *l = b->archive->sources;

	err_set(err, ERR_MISSING, "no archive is known");
	for (int named = 1; named >= 0; named--)
		for (size_t i = 0; i < l->n; i++) {
			const struct apt_source *s = &l->v[i];
			auto_free char *base = NULL, *url = NULL;

			if ((strcmp(s->dist, suite) == 0) != named)
				continue;
			base = dists
				   ? mem_printf("%sdists/%s/", s->uri, s->dist)
				   : mem_str(s->uri);
			url = archive_url(base, path);
			err_clear(err);
			if (from_url(b, url, h, size, err) == 0)
				return 0;
			if (err->cls == ERR_SYSTEM)
				return -1;
		}
	return err_prefix(
	    err, "%s: neither the server nor an archive has it", name);
}

int
bytes_package(struct bytes *b, const struct lock_package *p, struct err *err)
{
	int got = first(b, &p->sha256, p->size, p->path, err);

	return got != 0 ? (got == 1 ? 0 : -1)
			: from_archive(b, p->suite, p->path, false, &p->sha256,
			      p->size, p->path, err);
}

int
bytes_source(struct bytes *b, const struct lock_source *s, struct err *err)
{
	int got = first(b, &s->sha256, s->size, s->path, err);

	return got != 0 ? (got == 1 ? 0 : -1)
			: from_archive(b, s->suite, s->path, false, &s->sha256,
			      s->size, s->path, err);
}

int
bytes_inrelease(struct bytes *b, const struct lock_suite *s, struct err *err)
{
	auto_free char *name = mem_printf("%s InRelease", s->name);
	int got = first(b, &s->inrelease, -1, name, err);

	return got != 0 ? (got == 1 ? 0 : -1)
			: from_archive(b, s->name, "InRelease", true,
			      &s->inrelease, -1, name, err);
}

int
bytes_index(struct bytes *b, const struct lock_suite *s,
    const struct lock_index *x, struct err *err)
{
	auto_free char *name = mem_printf("%s %s", s->name, x->path);
	auto_free char *path = NULL;
	int got = first(b, &x->sha256, -1, name, err);
	const char *slash = strrchr(x->path, '/');
	char hex[HASH_HEX];

	if (got != 0)
		return got == 1 ? 0 : -1;
	hash_hex(&x->sha256, hex);
	path = mem_printf("%.*s/by-hash/SHA256/%s",
	    slash ? (int)(slash - x->path) : 0, x->path, hex);
	if (from_archive(b, s->name, path, true, &x->sha256, -1, name, err) ==
	    0)
		return 0;
	return from_archive(
	    b, s->name, x->path, true, &x->sha256, -1, name, err);
}

int
bytes_file(struct bytes *b, const struct lock_file *f, struct err *err)
{
	int got = first(b, &f->sha256, f->size, f->file, err);

	if (got != 0)
		return got == 1 ? 0 : -1;
	err_clear(err);
	if (from_url(b, f->url, &f->sha256, f->size, err) == 0)
		return 0;
	return err_prefix(
	    err, "%s: neither the server nor its home has it", f->file);
}

static int
make_tar(struct bytes *b, const struct lock_git *g, int fd, struct err *err)
{
	struct deb_archive *a = b->archive;
	struct git git = { &a->workers->git, a->gitdir };
	struct git_look l = {
		.url = g->url, .ref = g->commit, .proxy = a->sources->proxy
	};
	auto_free char *name = mem_str(g->file);
	size_t n = strlen(name);
	struct git_seen seen;

	if (n > 4)
		name[n - 4] = '\0'; /* ".tar", as the lock was read */
	if (git_look(&git, &l, &seen, err) == -1)
		return -1;
	return git_tar(&git, g->url, g->commit, name, 0, fd, err);
}

int
bytes_git(struct bytes *b, const struct lock_git *g, struct err *err)
{
	struct deb_archive *a = b->archive;
	auto_tmp struct tmp tmp = TMP_INIT;
	int got = first(b, &g->sha256, g->size, g->file, err);

	if (got != 0)
		return got == 1 ? 0 : -1;
	err_clear(err);
	if (a->gitdir == -1)
		return err_set(err, ERR_MISSING,
		    "%s: the server does not have it", g->file);
	if (tmp_open(&tmp, a->tmpdir, 0600, err) == -1 ||
	    make_tar(b, g, tmp.fd, err) == -1)
		return err_prefix(err, "%s", g->file);
	if (lseek(tmp.fd, 0, SEEK_SET) == -1)
		return err_sys(err, "%s: seek", g->file);
	if (store_put_expected(a->store, tmp.fd, &g->sha256, g->size, err) ==
	    -1)
		return err_prefix(err, "%s of %s", g->file, g->url);
	return arrived(b, &g->sha256, g->size);
}
