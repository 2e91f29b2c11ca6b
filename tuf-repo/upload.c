#include "tuf-repo/upload.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/tuf_check.h"
#include "lib/tuf_read.h"
#include "tuf-repo/upload_plan.h"

/* As kiln-web says it of the same files: names that never change may be kept
 * for ever, and what is replaced for a moment, then asked about again. */
#define FOREVER "public, max-age=31536000, immutable"
#define BRIEFLY "public, max-age=10, must-revalidate"

#define RECORD "uploaded.json"
#define RECORD_MAX ((size_t)256 << 20)
#define RECORD_EVERY 256    /* files sent between two notes */
#define ASK_FIRST (1 << 16) /* from this size on: is it there? then send */
#define TRIES 3		    /* of what may pass, at once */
#define WAIT_MS 500

struct round {
	struct upload *u;
	struct plan plan;
	struct s3 *s3;
	json_t *done;
	bool unconditional; /* the server knows no conditions */
	int64_t unsaved;
	struct err *err;
	bool failed;
};

/* --- what was sent
 * ------------------------------------------------------------
 */

static void
load_record(struct round *w)
{
	auto_buf struct buf b = BUF_INIT;
	auto_json json_t *j = NULL;
	struct err why = ERR_INIT;
	const char *to;
	json_t *files;

	w->done = json_object();
	if (file_read_at(w->u->folder, RECORD, RECORD_MAX, &b, &why) == -1)
		return;
	j = js_record(RECORD, "kiln/uploaded", 1, b.data, b.len, &why);
	if (!j || js_str(RECORD, j, "to", &to, &why) == -1 ||
	    js_object(RECORD, j, "files", &files, &why) == -1) {
		log_err("uploaded", &why); /* the store is asked instead */
		return;
	}
	if (strcmp(to, w->u->where->whole) == 0) {
		json_decref(w->done);
		w->done = json_incref(files);
	}
}

static int
save_record(struct round *w, struct err *err)
{
	auto_json json_t *j = js_record_new("kiln/uploaded", 1);
	auto_buf struct buf b = BUF_INIT;

	if (w->unsaved == 0)
		return 0;
	w->unsaved = 0;
	js_set_str(j, "to", w->u->where->whole);
	js_set(j, "files", json_incref(w->done));
	js_text(j, false, &b);
	return file_write_at(w->u->folder, RECORD, b.data, b.len, 0644, err);
}

static void
note(struct round *w, const struct order *o)
{
	if (o->kind == ORDER_GONE)
		json_object_del(w->done, o->path);
	else if (o->kind != ORDER_TIMESTAMP && o->kind != ORDER_CHECKPOINT)
		json_object_set_new(w->done, o->path, json_true());
	if (++w->unsaved >= RECORD_EVERY && save_record(w, w->err) == -1)
		w->failed = true;
}

/* --- asking
 * -------------------------------------------------------------------
 */

static int
ask(struct round *w, struct order *o, enum s3_verb verb, bool if_none)
{
	struct s3_ask a = { .verb = verb,
		.key = o->key,
		.fd = o->fd,
		.size = o->size,
		.sha256 = o->sha256,
		.type = o->kind == ORDER_TARGET || o->kind == ORDER_TILE
			    ? "application/octet-stream"
			: o->kind == ORDER_CHECKPOINT
			    ? "text/plain; charset=utf-8"
			    : "application/json",
		.cache = o->bytes ? BRIEFLY : FOREVER };

	a.if_none = if_none && !w->unconditional;
	a.if_match =
	    verb == S3_PUT && o->bytes && o->etag[0] && !w->unconditional
		? o->etag
		: NULL;
	return s3_start(w->s3, &a, o, w->err);
}

static int
open_order(struct round *w, struct order *o)
{
	if (!o->key)
		o->key = mem_printf("%stuf/%s", w->u->where->prefix, o->path);
	if (o->kind == ORDER_GONE || o->fd != -1)
		return 0;
	if (o->bytes) {
		o->fd = memfd_create("kiln-upload", MFD_CLOEXEC);
		if (o->fd == -1)
			return err_sys(w->err, "make a memory file");
		if (fd_write_all(
			o->fd, o->bytes->data, o->bytes->len, w->err) == -1)
			return -1;
	} else {
		o->fd = file_open_at(
		    w->u->tree, o->path, O_RDONLY | O_NOFOLLOW, 0, w->err);
		if (o->fd == -1)
			return -1;
	}
	if (o->kind == ORDER_TARGET)
		return fd_size(o->fd, &o->size, w->err);
	return hash_fd(o->fd, &o->sha256, &o->size, w->err);
}

static int
begin(struct round *w, struct order *o)
{
	if (open_order(w, o) == -1) {
		/* Pruned meanwhile: the next round does not know it. */
		if (w->err->cls != ERR_MISSING)
			return -1;
		err_clear(w->err);
		o->done = true;
		return 0;
	}
	if (o->kind == ORDER_GONE)
		return ask(w, o, S3_DELETE, false);
	if (o->bytes || (o->kind == ORDER_VERSION && w->unconditional))
		return ask(w, o, S3_GET, false);
	if (o->kind != ORDER_VERSION &&
	    (o->size >= ASK_FIRST || w->unconditional))
		return ask(w, o, S3_HEAD, false);
	return ask(w, o, S3_PUT, true);
}

/* --- answers
 * ------------------------------------------------------------------
 */

static int
is_done(struct round *w, struct order *o, int64_t *count)
{
	++*count;
	o->done = true;
	own_close(&o->fd);
	o->fd = -1;
	note(w, o);
	return w->failed ? -1 : 0;
}

static int
answered_head(struct round *w, struct order *o, const struct s3_answer *a)
{
	o->asked = true;
	if (a->status == 200 && a->length == o->size)
		return is_done(w, o, &w->u->there);
	if (a->status == 200) {
		o->mend = true;
		log_warn("half", "key=\"%s\" bytes=%lld of=%lld", o->key,
		    (long long)a->length, (long long)o->size);
		return ask(w, o, S3_PUT, false);
	}
	/* 403: one who may not list is not told what is missing. */
	if (a->status == 404 || a->status == 403)
		return ask(w, o, S3_PUT, true);
	return s3_refused(a, o->key, w->err);
}

/* One of ours, and no newer: signed by the keys of a root of this farm. */
static int
is_earlier_timestamp(struct round *w, const struct buf *body, struct err *err)
{
	auto_tuf struct tuf_file *there =
	    tuf_read(TUF_TIMESTAMP, "timestamp", body->data, body->len, err);
	bool ours = false;

	for (int64_t v = w->plan.root; there && !ours && v > 0; v--) {
		auto_tuf struct tuf_file *root = plan_root(w->u->tree, v, err);
		struct err why = ERR_INIT;

		if (!root)
			return -1;
		ours = tuf_threshold(root, "timestamp", there, &why) == 0;
	}
	if (!ours)
		return err_set(err, ERR_TRUST,
		    "%s holds a timestamp.json of somebody else: nothing is "
		    "written over it",
		    w->u->where->shown);
	if (there->version > w->plan.stamp->version)
		return err_set(err, ERR_TRUST,
		    "%s holds timestamp %lld, this farm's tree only %lld: is "
		    "there a second copy of this farm, or was it restored "
		    "from an old backup?",
		    w->u->where->shown, (long long)there->version,
		    (long long)w->plan.stamp->version);
	return 0;
}

/* The same log: its name is the first line. */
static int
is_same_log(struct round *w, const struct buf *body, struct err *err)
{
	const char *ours = w->plan.checkpoint.data;
	size_t n = strcspn(ours, "\n");

	if (body->len > n && memcmp(body->data, ours, n + 1) == 0)
		return 0;
	return err_set(err, ERR_TRUST,
	    "%s holds the log of somebody else: nothing is written over it",
	    w->u->where->shown);
}

static int
answered_get(struct round *w, struct order *o, const struct s3_answer *a)
{
	struct hash h;

	o->asked = true;
	if (a->status == 404 || a->status == 403) {
		o->etag[0] = '\0';
		return ask(w, o, S3_PUT, true);
	}
	if (a->status != 200)
		return s3_refused(a, o->key, w->err);
	hash_bytes(&h, a->body.data, a->body.len);
	if (hash_equal(&h, &o->sha256))
		return is_done(w, o, &w->u->there);
	if (!o->bytes)
		return err_set(w->err, ERR_TRUST,
		    "%s in the object store is not what this farm published "
		    "under that name: is it the bucket of another farm?",
		    o->key);
	if ((o->kind == ORDER_TIMESTAMP
		    ? is_earlier_timestamp(w, &a->body, w->err)
		    : is_same_log(w, &a->body, w->err)) == -1)
		return -1;
	memcpy(o->etag, a->etag, sizeof(o->etag));
	return ask(w, o, S3_PUT, false);
}

/* Something of that name is there. */
static int
exists(struct round *w, struct order *o)
{
	if (o->bytes)
		return err_set(w->err, ERR_BUSY,
		    "%s: somebody else wrote it at the same moment", o->key);
	if (o->kind == ORDER_VERSION)
		return ask(w, o, S3_GET, false);
	return ask(w, o, S3_HEAD, false);
}

/* radosgw 16 compares an If-Match with the bare digest. */
static bool
unquote(char *etag)
{
	size_t n = strlen(etag);

	if (n < 2 || etag[0] != '"' || etag[n - 1] != '"')
		return false;
	memmove(etag, etag + 1, n - 2);
	etag[n - 2] = '\0';
	return true;
}

static int
answered_put(struct round *w, struct order *o, const struct s3_answer *a)
{
	if (a->status >= 200 && a->status < 300) {
		w->u->bytes += o->size;
		w->u->mended += o->mend;
		return is_done(w, o, &w->u->sent);
	}
	if (a->status == 501 && !w->unconditional) {
		log_info("unconditional",
		    "msg=\"the object store knows no conditional writes\"");
		w->unconditional = true;
		return begin(w, o);
	}
	if (a->status == 412 && unquote(o->etag))
		return ask(w, o, S3_PUT, false);
	if (a->status == 412 && o->tries++ < TRIES)
		return exists(w, o);
	if (strcmp(a->code, "XAmzContentSHA256Mismatch") == 0 ||
	    strcmp(a->code, "BadDigest") == 0)
		return err_set(w->err, ERR_TRUST,
		    "%s: the file in the tree is not what its name says (%s)",
		    o->path, a->code);
	return s3_refused(a, o->key, w->err);
}

/* A key that may only write is a good key: then the file stays. */
static int
answered_delete(struct round *w, struct order *o, const struct s3_answer *a)
{
	int64_t kept = 0;

	if (a->status == 403) {
		log_warn("kept", "key=\"%s\" msg=\"the key may not remove\"",
		    o->key);
		return is_done(w, o, &kept);
	}
	if (a->status < 300 || a->status == 404)
		return is_done(w, o, &w->u->removed);
	return s3_refused(a, o->key, w->err);
}

static int
answered(struct round *w, struct order *o, enum s3_verb verb,
    const struct s3_answer *a)
{
	bool passing = a->err.cls == ERR_BUSY || a->status == 429 ||
		       a->status == 409 ||
		       (a->status >= 500 && a->status != 501);

	if (a->err.cls != ERR_NONE || passing) {
		if (passing && ++o->tries < TRIES) {
			o->mend = false;
			return begin(w, o);
		}
		return s3_refused(a, o->key, w->err);
	}
	switch (verb) {
	case S3_HEAD:
		return answered_head(w, o, a);
	case S3_GET:
		return answered_get(w, o, a);
	case S3_PUT:
		return answered_put(w, o, a);
	case S3_DELETE:
		break;
	}
	return answered_delete(w, o, a);
}

/* --- the round
 * ----------------------------------------------------------------
 */

/* Starts what may be started beside what is under way. */
static int
start_more(struct round *w, size_t *next)
{
	struct plan *p = &w->plan;

	while (*next < p->n && s3_room(w->s3) > 0) {
		struct order *o = &p->list[*next];

		if (s3_busy(w->s3) > 0 && *next > 0 &&
		    p->list[*next - 1].rank != o->rank)
			return 0;
		if (begin(w, o) == -1)
			return -1;
		++*next;
	}
	return 0;
}

static int
carry_out(struct round *w)
{
	size_t next = 0;

	while (next < w->plan.n || s3_busy(w->s3) > 0) {
		struct s3_answer a;
		enum s3_verb verb;
		void *order;
		int got;

		if (w->u->stop && w->u->stop(w->u->arg))
			return err_set(w->err, ERR_BUSY, "stopped");
		if (start_more(w, &next) == -1)
			return -1;
		got = s3_wait(w->s3, WAIT_MS, &order, &verb, &a, w->err);
		if (got == -1)
			return -1;
		if (got == 0)
			continue;
		got = answered(w, order, verb, &a);
		s3_answer_release(&a);
		if (got == -1)
			return -1;
	}
	return 0;
}

int
upload_round(struct upload *u, struct err *err)
{
	struct round w = { .u = u, .plan = PLAN_INIT, .err = err };
	struct err why = ERR_INIT;
	int rc = -1;

	u->sent = u->bytes = u->there = u->mended = u->removed = 0;
	load_record(&w);
	if (plan_tree(&w.plan, u->tree, w.done, err) == 0 &&
	    (w.s3 = s3_open(&u->where->s3, u->where->key, err)))
		rc = carry_out(&w);
	u->waiting = 0;
	for (size_t i = 0; i < w.plan.n; i++)
		u->waiting += !w.plan.list[i].done;
	if (save_record(&w, &why) == -1 && rc == 0) {
		*err = why;
		rc = -1;
	}
	s3_free(w.s3);
	plan_release(&w.plan);
	json_decref(w.done);
	return rc;
}
