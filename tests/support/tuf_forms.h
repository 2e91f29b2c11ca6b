/*
 * Many compressed forms on record and in the tree, as the transport child
 * leaves them, but small: what the role does with its list is wanted, not
 * what is in the files.
 */
#ifndef KILN_TEST_TUF_FORMS_H
#define KILN_TEST_TUF_FORMS_H

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/db.h"
#include "lib/fdio.h"
#include "lib/hash.h"
#include "lib/own.h"
#include "tuf-repo/repo.h"

#define FORMS_SERVICE "many"
#define FORMS_RELEASE                         \
	"00000000000000000000000000000000000" \
	"00000000000000000000000000000"

static int
forms_release(struct repo *r, struct err *err)
{
	static const char sql[] =
	    "INSERT INTO release(digest, service, arch, version, type, plan,"
	    " serial, current, at, published_at) VALUES (?1, ?2, 'amd64', '1',"
	    " 'vm', ?1, 1, 1, 1, 1) ON CONFLICT DO NOTHING";
	auto_stmt struct stmt *q = db_stmt(r->db, sql);

	stmt_bind_str(q, 1, FORMS_RELEASE);
	stmt_bind_str(q, 2, FORMS_SERVICE);
	return stmt_run(q, err);
}

static int
forms_file(int dir, const struct hash *image, size_t i, struct hash *h,
    int64_t *size, struct err *err)
{
	char text[64], hex[HASH_HEX], of[HASH_HEX], name[256];

	snprintf(text, sizeof(text), "the compressed form of image %zu", i);
	*size = (int64_t)strlen(text);
	hash_bytes(h, text, strlen(text));
	hash_hex(h, hex);
	hash_hex(image, of);
	snprintf(name, sizeof(name), "%s.%s.zst", hex, of);
	auto_fd int fd =
	    openat(dir, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	if (fd == -1 || write(fd, text, strlen(text)) != *size)
		return err_sys(err, "make %s", name);
	return 0;
}

static int
forms_one(struct repo *r, int dir, size_t i, struct err *err)
{
	static const char target[] =
	    "INSERT INTO release_target(release, sha256) VALUES (?1, ?2)";
	static const char form[] =
	    "INSERT INTO transport(image, base, service, arch, at, sha256,"
	    " size, head_size, head_sha256) VALUES (?1, '', ?2, 'amd64', 1,"
	    " ?3, ?4, 148, ?1)";
	auto_stmt struct stmt *t = db_stmt(r->db, target);
	auto_stmt struct stmt *f = db_stmt(r->db, form);
	struct hash image, h;
	int64_t size;
	char text[32];

	snprintf(text, sizeof(text), "image %zu", i);
	hash_bytes(&image, text, strlen(text));
	if (forms_file(dir, &image, i, &h, &size, err) == -1)
		return -1;
	stmt_bind_str(t, 1, FORMS_RELEASE);
	stmt_bind_hash(t, 2, &image);
	stmt_bind_hash(f, 1, &image);
	stmt_bind_str(f, 2, FORMS_SERVICE);
	stmt_bind_hash(f, 3, &h);
	stmt_bind_int(f, 4, size);
	return stmt_run(t, err) == -1 ? -1 : stmt_run(f, err);
}

/* Those from number `from` on. */
static int
forms_add(struct repo *r, size_t from, size_t n, struct err *err)
{
	auto_fd int dir = dir_make_at(
	    r->targets, "transport/" FORMS_SERVICE "/amd64", 0755, err);

	if (dir == -1 || db_begin(r->db, err) == -1)
		return -1;
	if (forms_release(r, err) == -1)
		goto fail;
	for (size_t i = from; i < from + n; i++)
		if (forms_one(r, dir, i, err) == -1)
			goto fail;
	return db_commit(r->db, err);
fail:
	db_rollback(r->db);
	return -1;
}

#endif
