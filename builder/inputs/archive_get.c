#include "builder/inputs/archive_get.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "builder/inputs/fetch.h"
#include "builder/inputs/gpg.h"
#include "builder/progress.h"
#include "lib/fdio.h"
#include "lib/mem.h"
#include "lib/own.h"

char *
archive_url(const char *base, const char *path)
{
	static const char plain[] = "0123456789abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ-._~/";
	struct buf b = BUF_INIT;

	buf_str(&b, base);
	for (; *path; path++)
		/* A '+' is a blank to some servers: apt writes %2b as well. */
		if (strchr(plain, *path))
			buf_char(&b, *path);
		else
			buf_printf(&b, "%%%02x", (unsigned char)*path);
	return buf_take(&b);
}

/* Neither 200 nor, where it was asked for, 304. */
static int
bad_status(const char *url, int status, struct err *err)
{
	return err_set(err,
	    status == 404 || status == 410 ? ERR_MISSING : ERR_BUSY,
	    "%s: the server answers %d", url, status);
}

int
archive_get_if(struct deb_archive *a, const char *url, int64_t limit, int fd,
    struct fetch_tags *tags, struct err *err)
{
	bool asked = tags->etag[0] || tags->modified[0];
	struct fetch f = { .url = url,
		.proxy = a->sources->proxy,
		.limit = limit,
		.fd = fd,
		.tags = tags };
	int64_t bytes;
	int status;

	if (fetch_get(&a->workers->fetch, &f, &status, &bytes, err) == -1)
		return -1;
	if (status == 304 && asked)
		return 0;
	return status == 200 ? 1 : bad_status(url, status, err);
}

int
archive_get(struct deb_archive *a, const char *url, int64_t limit, int fd,
    void (*progress)(void *, int64_t, int64_t), void *arg, struct err *err)
{
	struct fetch f = {
		.url = url,
		.proxy = a->sources->proxy,
		.limit = limit,
		.fd = fd,
		.progress = progress,
		.arg = arg,
	};
	int64_t bytes;
	int status;

	if (fetch_get(&a->workers->fetch, &f, &status, &bytes, err) == -1)
		return -1;
	return status == 200 ? 0 : bad_status(url, status, err);
}

int
archive_get_expected(struct deb_archive *a, const char *url,
    const struct hash *h, int64_t size,
    void (*progress)(void *, int64_t, int64_t), void *arg, struct err *err)
{
	return archive_get_sized(a, url, h, size, size, progress, arg, err);
}

int
archive_get_sized(struct deb_archive *a, const char *url, const struct hash *h,
    int64_t size, int64_t limit, void (*progress)(void *, int64_t, int64_t),
    void *arg, struct err *err)
{
	auto_tmp struct tmp tmp = TMP_INIT;

	if (tmp_open(&tmp, a->tmpdir, 0600, err) == -1 ||
	    archive_get(a, url, limit, tmp.fd, progress, arg, err) == -1)
		return -1;
	if (lseek(tmp.fd, 0, SEEK_SET) == -1)
		return err_sys(err, "%s: seek", url);
	if (store_put_expected(a->store, tmp.fd, h, size, err) == -1)
		return err_prefix(err, "%s", url);
	return 0;
}

void
archive_paths(const char *arch, char *paths[ARCHIVE_INDEXES])
{
	paths[ARCHIVE_PACKAGES] =
	    mem_printf("main/binary-%s/Packages.xz", arch);
	paths[ARCHIVE_SOURCES] = mem_str("main/source/Sources.xz");
}

int
archive_read_release(struct deb_archive *a, int fd, const char *keyring,
    const char *arch, struct release *rel, struct err *err)
{
	auto_fd int text = memfd_create("release", MFD_CLOEXEC);
	char *paths[ARCHIVE_INDEXES];
	int r;

	if (text == -1)
		return err_sys(err, "memory for a Release file");
	if (gpg_verify(fd, keyring, text, err) == -1)
		return -1;
	archive_paths(arch, paths);
	r = index_release(&a->workers->index, text, (const char *const *)paths,
	    ARCHIVE_INDEXES, rel, err);
	for (size_t i = 0; i < ARCHIVE_INDEXES; i++)
		free(paths[i]);
	return r;
}

static void
show_progress(void *arg, int64_t done, int64_t total KILN_UNUSED)
{
	struct progress *p = arg;

	/* What is listed, not what the server says. */
	progress_set(p, done, -1);
}

static int
get_index(struct deb_archive *a, const char *suite, const char *uri,
    bool by_hash, const struct index_file *f, struct err *err)
{
	auto_free char *subject = mem_printf("%s %s", suite, f->path);
	auto_free char *url = NULL;
	struct progress p;
	int r = -1;

	if (store_has(a->store, &f->sha256))
		return 0;
	progress_begin(&p, a->db, "fetch", subject, "B", f->size);
	if (by_hash) {
		auto_free char *by = NULL, *path = NULL;
		char hex[HASH_HEX];
		const char *slash = strrchr(f->path, '/');

		hash_hex(&f->sha256, hex);
		path = mem_printf("%.*s/by-hash/SHA256/%s",
		    (int)(slash - f->path), f->path, hex);
		by = archive_url(uri, path);
		r = archive_get_expected(
		    a, by, &f->sha256, f->size, show_progress, &p, err);
	}
	/* A mirror may have dropped the old name, or never have had it. */
	if (!by_hash || (r == -1 && err->cls == ERR_MISSING)) {
		err_clear(err);
		url = archive_url(uri, f->path);
		r = archive_get_expected(
		    a, url, &f->sha256, f->size, show_progress, &p, err);
	}
	if (r == 0)
		progress_set(&p, f->size, f->size);
	progress_end(&p);
	return r;
}

int
archive_get_indexes(struct deb_archive *a, const char *suite, const char *uri,
    const struct release *rel, const char *arch,
    struct hash digests[ARCHIVE_INDEXES], struct err *err)
{
	char *paths[ARCHIVE_INDEXES];
	int r = 0;

	archive_paths(arch, paths);
	for (size_t i = 0; r == 0 && i < ARCHIVE_INDEXES; i++) {
		const struct index_file *f = release_file(rel, paths[i]);

		if (!f)
			r = err_set(err, ERR_MISSING,
			    "suite %s does not list %s", suite, paths[i]);
		else
			r = get_index(a, suite, uri, rel->by_hash, f, err);
		if (r == 0)
			digests[i] = f->sha256;
	}
	for (size_t i = 0; i < ARCHIVE_INDEXES; i++)
		free(paths[i]);
	return r;
}

const char *
archive_keyring(const struct deb_archive *a, const char *suite, const char *uri)
{
	for (size_t i = 0; i < a->sources->n; i++) {
		const struct apt_source *s = &a->sources->v[i];
		size_t n = strlen(s->uri);

		if (uri ? strncmp(uri, s->uri, n) == 0 &&
			      strncmp(uri + n, "dists/", 6) == 0 &&
			      strncmp(uri + n + 6, s->dist, strlen(s->dist)) ==
				  0 &&
			      strcmp(uri + n + 6 + strlen(s->dist), "/") == 0
			: strcmp(s->dist, suite) == 0)
			return s->keyring;
	}
	return DEBIAN_KEYRING;
}
