#include "web/upload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sodium.h>

#include "lib/fdio.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"
#include "lib/secret.h"
#include "web/tree.h"

#define PREFIX "/api/v1/attempts/"
#define LATE_S 86400 /* what nobody took goes after so long */

struct upload {
	struct web *web;
	struct upload *next; /* of those under way, web->uploads */
	unsigned status;     /* why it fails; 0: it goes on */
	char why[160];
	char attempt[ATTEMPT_ID];
	struct hash digest;
	int64_t size, got;
	int spool;
	struct tmp tmp;
	struct hasher hasher;
	bool known; /* it was here already: bytes are dropped */
};

static bool
hex_of(const char *s, size_t n)
{
	return strlen(s) == n && strspn(s, "0123456789abcdef") == n;
}

unsigned
attempt_allowed(
    struct req *req, const char *attempt, int64_t *quota, const char **why)
{
	static const char sql[] = "SELECT secret, quota, state = 'cancelled'"
				  " FROM attempt WHERE id = ?1";
	const char *given = MHD_lookup_connection_value(
	    req->con, MHD_HEADER_KIND, "Kiln-Secret");
	char digest[HASH_HEX];
	struct err err = ERR_INIT;
	struct stmt *q;
	unsigned status = 0;
	int got;

	*why = "there is no such attempt, or that is not its secret";
	req_readers(req);
	if (!req->web->farm) {
		*why = "the farm's database is not there yet";
		return 503;
	}
	if (!given || !hex_of(attempt, ATTEMPT_ID - 1))
		return 403;
	secret_digest(given, digest);
	q = db_stmt(req->web->farm, sql);
	stmt_bind_str(q, 1, attempt);
	got = stmt_step(q, &err);
	if (got == -1)
		status = 503;
	else if (got == 0 || strlen(stmt_str(q, 0)) != HASH_HEX - 1 ||
		 sodium_memcmp(stmt_str(q, 0), digest, HASH_HEX - 1) != 0)
		status = 403;
	else if (stmt_int(q, 2))
		status = 410;
	if (status == 410)
		*why = "nobody waits for this attempt any more";
	if (status == 0 && quota)
		*quota = stmt_int(q, 1);
	stmt_done(q);
	return status;
}

/* --- what lies in spool/ ---------------------------------------------------*/

static void
name_of(const char *attempt, const char *hex, char out[ATTEMPT_ID + HASH_HEX])
{
	snprintf(out, ATTEMPT_ID + HASH_HEX, "%.32s-%.64s", attempt, hex);
}

/* Bytes of the attempt so far, and of what it is sending; *there: that one is
 * here already. */
static int
used(struct web *w, const char *attempt, const struct hash *h, int64_t *bytes,
    bool *there, struct err *err)
{
	static const char sql[] =
	    "SELECT ifnull(sum(size), 0), ifnull(max(digest = ?2), 0) FROM"
	    " upload WHERE attempt = ?1";
	auto_stmt struct stmt *q = db_stmt(w->web, sql);

	stmt_bind_str(q, 1, attempt);
	stmt_bind_hash(q, 2, h);
	if (stmt_step(q, err) != 1)
		return -1;
	*bytes = stmt_int(q, 0);
	*there = stmt_int(q, 1) != 0;
	for (const struct upload *u = w->uploads; u; u = u->next)
		if (strcmp(u->attempt, attempt) == 0)
			*bytes += u->size;
	return 0;
}

static int
add_row(struct web *w, const struct upload *u, struct err *err)
{
	static const char sql[] =
	    "INSERT INTO upload (attempt, digest, size, at) VALUES (?1, ?2, ?3,"
	    " ?4) ON CONFLICT DO NOTHING";
	auto_stmt struct stmt *q = db_stmt(w->web, sql);

	stmt_bind_str(q, 1, u->attempt);
	stmt_bind_hash(q, 2, &u->digest);
	stmt_bind_int(q, 3, u->size);
	stmt_bind_int(q, 4, time_now());
	w->written++;
	return stmt_run(q, err);
}

/* Does anybody still have to look at it? */
static bool
is_wanted(struct db *farm, const char *attempt)
{
	static const char sql[] =
	    "SELECT taken_at IS NULL AND state <> 'cancelled' AND"
	    " ifnull(ended_at, ?2) >= ?2 - ?3 FROM attempt WHERE id = ?1";
	auto_stmt struct stmt *q = db_stmt(farm, sql);
	struct err err = ERR_INIT;
	int got;

	stmt_bind_str(q, 1, attempt);
	stmt_bind_int(q, 2, time_now());
	stmt_bind_int(q, 3, LATE_S);
	got = stmt_step(q, &err);
	return got == -1 || (got == 1 && stmt_int(q, 0));
}

/* Files, then rows: a row without a file is only told of again. */
static int
drop_attempt(struct web *w, int spool, const char *attempt, struct err *err)
{
	static const char list[] = "SELECT digest FROM upload WHERE"
				   " attempt = ?1";
	static const char drop[] = "DELETE FROM upload WHERE attempt = ?1";
	static const char said[] = "DELETE FROM handin WHERE attempt = ?1";
	auto_stmt struct stmt *q = db_stmt(w->web, list);
	auto_stmt struct stmt *d = db_stmt(w->web, drop);
	auto_stmt struct stmt *s = db_stmt(w->web, said);
	int got;

	stmt_bind_str(q, 1, attempt);
	while ((got = stmt_step(q, err)) == 1) {
		char name[ATTEMPT_ID + HASH_HEX];

		name_of(attempt, stmt_str(q, 0), name);
		if (file_remove_at(spool, name, err) == -1)
			return -1;
	}
	stmt_done(q);
	stmt_bind_str(d, 1, attempt);
	stmt_bind_str(s, 1, attempt);
	if (got == -1 || stmt_run(d, err) == -1)
		return -1;
	return stmt_run(s, err);
}

/* What the builder is done with. */
static int
tidy(struct web *w, int spool, struct err *err)
{
	static const char sql[] =
	    "SELECT attempt FROM upload UNION SELECT attempt FROM handin"
	    " LIMIT 1000";
	auto_stmt struct stmt *q = db_stmt(w->web, sql);
	char gone[16][ATTEMPT_ID];
	size_t n = 0;
	int got;

	while (n < ARRAY_LEN(gone) && (got = stmt_step(q, err)) == 1)
		if (!is_wanted(w->farm, stmt_str(q, 0)))
			snprintf(gone[n++], ATTEMPT_ID, "%s", stmt_str(q, 0));
	stmt_done(q);
	for (size_t i = 0; i < n; i++)
		if (drop_attempt(w, spool, gone[i], err) == -1)
			return -1;
	return tmp_sweep(spool, err);
}

/* --- a body ----------------------------------------------------------------*/

static void
fail(struct upload *u, unsigned status, const char *why)
{
	if (status && u->status == 0) {
		u->status = status;
		snprintf(u->why, sizeof(u->why), "%s", why);
	}
}

static void
open_file(struct upload *u, struct req *req, int64_t quota)
{
	struct err err = ERR_INIT;
	int64_t bytes;

	u->spool = dir_open_at(req->web->state, "spool", &err);
	if (u->spool == -1 || tidy(req->web, u->spool, &err) == -1 ||
	    used(req->web, u->attempt, &u->digest, &bytes, &u->known, &err) ==
		-1)
		fail(u, 503, err.msg);
	else if (!u->known && u->size > quota - bytes)
		fail(u, 413, "the attempt has uploaded all that it may");
	else if (!u->known && tmp_open(&u->tmp, u->spool, 0644, &err) == -1)
		fail(u, 503, err.msg);
	else if (!u->known) {
		u->web = req->web;
		u->next = req->web->uploads;
		req->web->uploads = u;
	}
}

struct upload *
upload_begin(struct req *req)
{
	const char *at = req->path, *slash;
	const char *length = MHD_lookup_connection_value(
	    req->con, MHD_HEADER_KIND, "Content-Length");
	struct err err = ERR_INIT;
	const char *why = "";
	struct upload *u;
	int64_t quota = 0;

	if (strcmp(req->method, "PUT") != 0 ||
	    strncmp(at, PREFIX, strlen(PREFIX)) != 0)
		return NULL;
	at += strlen(PREFIX);
	slash = strchr(at, '/');
	u = mem_zero(1, sizeof(*u));
	u->tmp = (struct tmp)TMP_INIT;
	u->spool = -1;
	hasher_init(&u->hasher);
	if (!slash || slash - at != ATTEMPT_ID - 1 ||
	    strncmp(slash, "/blob/", 6) != 0 ||
	    !hash_parse(&u->digest, slash + 6)) {
		fail(u, 404, "an attempt has 32 hex digits, a digest 64");
		return u;
	}
	memcpy(u->attempt, at, ATTEMPT_ID - 1);
	fail(u, attempt_allowed(req, u->attempt, &quota, &why), why);
	if (u->status == 0 &&
	    (!length || num_int(length, 0, INT64_MAX, &u->size, &err) == -1))
		fail(u, 411, "Content-Length is needed");
	if (u->status == 0)
		open_file(u, req, quota);
	return u;
}

bool
upload_add(struct upload *u, const void *p, size_t n)
{
	struct err err = ERR_INIT;

	u->got += (int64_t)n;
	if (u->status == 0 && u->got > u->size)
		fail(u, 413, "more than Content-Length says");
	if (u->status || u->known)
		return u->status == 0;
	hasher_add(&u->hasher, p, n);
	if (fd_write_all(u->tmp.fd, p, n, &err) == -1)
		fail(u, err_no_room(&err) ? 507 : 503, err.msg);
	return u->status == 0;
}

bool
upload_goes_on(const struct upload *u)
{
	return u && u->status == 0;
}

void
upload_free(struct upload *u)
{
	if (!u)
		return;
	for (struct upload **at = u->web ? &u->web->uploads : NULL; at && *at;
	     at = &(*at)->next)
		if (*at == u) {
			*at = u->next;
			break;
		}
	tmp_release(&u->tmp);
	own_close(&u->spool);
	free(u);
}

/* It gets its name, and its row. */
static void
finish(struct upload *u, struct web *w)
{
	char name[ATTEMPT_ID + HASH_HEX], hex[HASH_HEX];
	struct err err = ERR_INIT;
	struct hash h;

	if (u->status || u->known)
		return;
	hasher_end(&u->hasher, &h);
	if (u->got != u->size || !hash_equal(&h, &u->digest)) {
		fail(u, 409, "these bytes have another digest");
		return;
	}
	hash_hex(&h, hex);
	name_of(u->attempt, hex, name);
	if (tmp_link(&u->tmp, name, &err) == -1 || add_row(w, u, &err) == -1)
		fail(u, 503, err.msg);
}

static const char *
class_of(unsigned status)
{
	return status == 403   ? "denied"
	       : status == 404 ? "missing"
	       : status == 410 ? "gone"
	       : status == 413 ? "too-large"
	       : status == 507 ? "no-space"
	       : status >= 500 ? "unavailable"
			       : "bad-input";
}

void
api_upload(struct req *req, struct reply *re)
{
	struct upload *u = req->upload;

	if (!u) {
		reply_error(req, re, 400, "bad-input", "no body came");
		return;
	}
	finish(u, req->web);
	if (u->status) {
		reply_error(req, re, u->status, class_of(u->status), u->why);
		return;
	}
	re->status = 201;
	re->type = "application/json";
	buf_str(&re->body, "{}\n");
}

void
api_attempt_blob(struct req *req, struct reply *re)
{
	const char *why;
	unsigned status = attempt_allowed(req, req->part[0], NULL, &why);

	if (status) {
		reply_error(req, re, status, class_of(status), why);
		return;
	}
	memmove(req->part[0], req->part[1], sizeof(req->part[0]));
	tree_blob(req, re);
}
