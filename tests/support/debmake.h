/*
 * .debs made on the spot: of given members, hostile ones too, or of what the
 * host has installed, so that a small real environment needs no archive.
 */
#ifndef KILN_TEST_DEBMAKE_H
#define KILN_TEST_DEBMAKE_H

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/attr.h"
#include "lib/buf.h"
#include "lib/fdio.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/spawn.h"
#include "lib/store.h"

struct deb_member {
	const char *path; /* NULL ends the list */
	mode_t mode;	  /* S_IFREG | 0644 … */
	const char *text; /* content, or a link's target */
	bool hard;	  /* a hard link to `text` */
};

struct deb_data {
	struct archive *tar;
	struct buf bytes;
};

static la_ssize_t
deb_take(struct archive *a, void *arg, const void *p, size_t n)
{
	(void)a;
	buf_add(arg, p, n);
	return (la_ssize_t)n;
}

static void
deb_begin(struct deb_data *d)
{
	buf_init(&d->bytes);
	d->tar = archive_write_new();
	archive_write_set_format_gnutar(d->tar);
	archive_write_add_filter_gzip(d->tar);
	/* The same members are the same .deb, a second later, too. */
	archive_write_set_filter_option(d->tar, "gzip", "timestamp", NULL);
	archive_write_open(d->tar, &d->bytes, NULL, deb_take, NULL);
}

static void
deb_member(struct deb_data *d, const char *path, mode_t mode, const char *link,
    bool hard, const void *bytes, size_t n)
{
	struct archive_entry *e = archive_entry_new();

	archive_entry_set_pathname(e, path);
	archive_entry_set_filetype(e, mode & S_IFMT);
	archive_entry_set_perm(e, mode & 07777);
	archive_entry_set_size(e, (la_int64_t)n);
	archive_entry_set_mtime(e, 1234567890, 0);
	if (link && hard)
		archive_entry_set_hardlink(e, link);
	else if (link)
		archive_entry_set_symlink(e, link);
	archive_write_header(d->tar, e);
	if (n)
		archive_write_data(d->tar, bytes, n);
	archive_entry_free(e);
}

static void
deb_ar(struct archive *ar, const char *name, const void *p, size_t n)
{
	struct archive_entry *e = archive_entry_new();

	archive_entry_set_pathname(e, name);
	archive_entry_set_filetype(e, AE_IFREG);
	archive_entry_set_perm(e, 0644);
	archive_entry_set_size(e, (la_int64_t)n);
	archive_write_header(ar, e);
	archive_write_data(ar, p, n);
	archive_entry_free(e);
}

/* Ends it, puts it into the store. */
static int
deb_end(struct deb_data *d, struct store *st, struct hash *h)
{
	struct archive *ar = archive_write_new();
	struct buf bytes = BUF_INIT;
	struct err err = ERR_INIT;
	int rc;

	archive_write_close(d->tar);
	archive_write_free(d->tar);
	archive_write_set_format_ar_bsd(ar);
	archive_write_open(ar, &bytes, NULL, deb_take, NULL);
	deb_ar(ar, "debian-binary", "2.0\n", 4);
	deb_ar(ar, "control.tar", "", 0);
	deb_ar(ar, "data.tar.gz", d->bytes.data, d->bytes.len);
	archive_write_close(ar);
	archive_write_free(ar);
	rc = store_put_bytes(st, bytes.data, bytes.len, h, &err);
	if (rc == -1)
		fprintf(stderr, "%s\n", err.msg);
	buf_release(&bytes);
	buf_release(&d->bytes);
	return rc;
}

static int KILN_UNUSED
debmake(struct store *st, const struct deb_member *m, struct hash *h)
{
	struct deb_data d;

	deb_begin(&d);
	for (; m->path; m++) {
		bool link = m->hard || S_ISLNK(m->mode);
		size_t n = link || !m->text ? 0 : strlen(m->text);

		deb_member(&d, m->path, m->mode, link ? m->text : NULL, m->hard,
		    m->text, n);
	}
	return deb_end(&d, st, h);
}

/* An installed package as a .deb, without its documentation. */
static int KILN_UNUSED
debmake_installed(struct store *st, const char *package, struct hash *h)
{
	const char *argv[] = { "dpkg", "-L", package, NULL };
	struct spawn sp = SPAWN_INIT;
	struct buf list = BUF_INIT;
	struct err err = ERR_INIT;
	struct span rest, line;
	struct deb_data d;

	sp.argv = argv;
	if (spawn_capture(&sp, 30000, 4 << 20, &list, NULL, &err) == -1) {
		fprintf(stderr, "%s\n", err.msg);
		return -1;
	}
	deb_begin(&d);
	rest = span_buf(&list);
	while (span_next(&rest, '\n', &line)) {
		auto_free char *path = mem_strn(line.p, line.n);
		auto_buf struct buf bytes = BUF_INIT;
		char target[4096];
		struct stat s;
		ssize_t n;

		if (path[0] != '/' || strncmp(path, "/usr/share", 10) == 0 ||
		    lstat(path, &s) == -1)
			continue;
		if (S_ISREG(s.st_mode) &&
		    file_read(path, 64 << 20, &bytes, &err) == 0) {
			deb_member(&d, path, s.st_mode, NULL, false, bytes.data,
			    bytes.len);
		} else if (S_ISLNK(s.st_mode)) {
			n = readlink(path, target, sizeof(target) - 1);
			/* Merged /usr itself is the host's, not a package's. */
			if (n <= 0 || !strchr(path + 1, '/'))
				continue;
			target[n] = '\0';
			deb_member(&d, path, s.st_mode, target, false, NULL, 0);
		}
	}
	buf_release(&list);
	return deb_end(&d, st, h);
}

#endif
