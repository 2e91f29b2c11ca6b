#include "builder/doubt/follow.h"

#include <stdlib.h>
#include <string.h>

#include "builder/doubt/bytes.h"
#include "builder/doubt/doubt.h"
#include "lib/canon.h"
#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/tuf.h"

#define MEMORY "rebuilt"
#define KIND "kiln/rebuilt"
#define MEMORY_MAX ((size_t)16 << 20)
#define LIST_MAX ((size_t)1 << 20)
#define DRAFTS_MAX 1000

/* --- memory ----------------------------------------------------------------
 */

static int
save(struct follow *f, struct err *err)
{
	auto_buf struct buf text = BUF_INIT;

	if (canon_json(f->memory, &text, err) == -1)
		return -1;
	return file_write_at(
	    f->at->workdir, MEMORY, text.data, text.len, 0600, err);
}

int
follow_open(struct follow *f, struct err *err)
{
	auto_buf struct buf text = BUF_INIT;

	if (file_read_at(f->at->workdir, MEMORY, MEMORY_MAX, &text, err) == 0) {
		f->memory =
		    js_record(MEMORY, KIND, 1, text.data, text.len, err);
		return f->memory ? 0 : -1;
	}
	if (err->cls != ERR_MISSING)
		return -1;
	err_clear(err);
	f->memory = js_record_new(KIND, 1);
	js_set(f->memory, "images", json_object());
	js_set(f->memory, "signed", json_object());
	return 0;
}

void
follow_release(struct follow *f)
{
	json_decref(f->memory);
	f->memory = NULL;
}

/* "": it came out; a sentence: it did not; NULL: it was never tried. */
static const char *
known(const struct follow *f, const struct hash *image)
{
	char hex[HASH_HEX];

	hash_hex(image, hex);
	return json_string_value(
	    json_object_get(json_object_get(f->memory, "images"), hex));
}

static void
learn(struct follow *f, const struct hash *image, const char *what)
{
	char hex[HASH_HEX];

	hash_hex(image, hex);
	js_set_str(json_object_get(f->memory, "images"), hex, what);
}

/* --- what waits ------------------------------------------------------------
 */

void
follow_drafts_release(struct follow_drafts *d)
{
	for (size_t i = 0; i < d->n; i++) {
		free(d->v[i].role);
		buf_release(&d->v[i].bytes);
	}
	free(d->v);
	*d = (struct follow_drafts){ 0 };
}

static int
ask(struct follow *f, const char *path, size_t limit, struct buf *out,
    int *status, struct err *err)
{
	struct bytes b = { .archive = &f->at->archive, .from = f->from };

	return bytes_ask(&b, path, limit, out, status, err);
}

/* The bytes that the list spoke of; 0: they do not wait any more. */
static int
fetch(struct follow *f, struct follow_draft *d, struct err *err)
{
	auto_free char *path = mem_printf("api/v1/draft/%s", d->role);
	struct hash is;
	int status;

	if (ask(f, path, TUF_TARGETS_MAX, &d->bytes, &status, err) == -1)
		return -1;
	hash_bytes(&is, d->bytes.data, d->bytes.len);
	return status == 200 && hash_equal(&is, &d->content);
}

static int
take(struct follow *f, const json_t *one, struct follow_drafts *all,
    struct err *err)
{
	struct follow_draft *d = &all->v[all->n];
	const char *role, *had;
	char hex[HASH_HEX];
	int got;

	*d = (struct follow_draft){ .bytes = BUF_INIT };
	if (js_str("drafts", one, "role", &role, err) == -1 ||
	    js_int("drafts", one, "version", 1, JS_INT_MAX, &d->version, err) ==
		-1 ||
	    js_hash("drafts", one, "signed", &d->content, err) == -1)
		return -1;
	if (strncmp(role, "svc-", 4) != 0 || !name_ok(role))
		return err_set(
		    err, ERR_TRUST, "drafts: a role that is no service's");
	hash_hex(&d->content, hex);
	had = json_string_value(
	    json_object_get(json_object_get(f->memory, "signed"), role));
	if (had && strcmp(had, hex) == 0)
		return 0;
	d->role = mem_str(role);
	all->n++;
	got = fetch(f, d, err);
	if (got != 0)
		return got == -1 ? -1 : 0;
	all->n--;
	free(d->role);
	buf_release(&d->bytes);
	return 0;
}

int
follow_ask(struct follow *f, struct follow_drafts *all, struct err *err)
{
	auto_buf struct buf text = BUF_INIT;
	auto_json json_t *j = NULL;
	json_t *list;
	int status;

	if (ask(f, "api/v1/drafts", LIST_MAX, &text, &status, err) == -1)
		return -1;
	if (status != 200)
		return err_set(err, ERR_BUSY,
		    "%sapi/v1/drafts: the server"
		    " answers %d",
		    f->from, status);
	j = js_parse("drafts", text.data, text.len, err);
	if (!j || js_array("drafts", j, "drafts", &list, err) == -1)
		return -1;
	if (json_array_size(list) > DRAFTS_MAX)
		return err_set(
		    err, ERR_INPUT, "more than %d versions wait", DRAFTS_MAX);
	all->v = mem_zero(json_array_size(list) + 1, sizeof(*all->v));
	for (size_t i = 0; i < json_array_size(list); i++)
		if (take(f, json_array_get(list, i), all, err) == -1)
			return -1;
	return 0;
}

/* --- building again --------------------------------------------------------
 */

static bool
came_out(const struct doubt_plan *p, const struct hash *sha256)
{
	for (size_t k = 0; k < p->nruns; k++) {
		const struct build_result *r = &p->runs[k].result;
		size_t i = 0;

		while (i < r->outputs.n &&
		       !hash_equal(&r->outputs.v[i].sha256, sha256))
			i++;
		if (!p->runs[k].ended || i == r->outputs.n)
			return false;
	}
	return p->nruns > 0;
}

/* A kernel's plan gives two images at once. */
static void
learn_all(struct follow *f, const struct doubt *d)
{
	const struct doubt_plan *last = &d->plans[d->nplans - 1];
	const struct build_result *r = &last->runs[0].result;

	for (size_t i = 0; i < r->outputs.n; i++)
		if (came_out(last, &r->outputs.v[i].sha256))
			learn(f, &r->outputs.v[i].sha256, "");
}

static void
say_difference(const struct doubt *d, struct buf *out)
{
	const struct doubt_difference *x = &d->difference;
	char expected[HASH_HEX], got[HASH_HEX];

	buf_printf(out, "%s %s, lane %c: ", x->plan->origin->recipe,
	    recipe_stage_name(x->plan->plan->stage), x->run->lane);
	if (!x->output) {
		buf_str(out, x->run->result.message);
		return;
	}
	hash_hex(&x->expected, expected);
	hash_hex(&x->got, got);
	buf_printf(out, "%s is %s and should be %s", x->output, got, expected);
}

static int
reproduce(struct follow *f, const struct hash *image, struct buf *why,
    struct err *err)
{
	const struct wish w = { .kind = WISH_DIGEST, .digest = *image };
	const struct doubt_order o = { .wish = &w, .from = f->from };
	struct doubt d = { 0 };
	int rc = -1;

	if (doubt_load(&d, f->at, &o, err) == 0 && doubt_prove(&d, err) == 0 &&
	    doubt_run(&d, f->lanes, err) == 0)
		rc = 0;
	if (rc == 0 && d.outcome == DOUBT_REPRODUCED) {
		learn_all(f, &d);
		learn(f, image, "");
	} else if (rc == 0) {
		say_difference(&d, why);
		learn(f, image, why->data);
	}
	doubt_forget(&d);
	doubt_release(&d);
	return rc == -1 ? -1 : save(f, err);
}

/* "images/SERVICE/ARCH/HEX", and nothing else says what is listed. */
static int
image_of(const struct follow_draft *d, const char *path, const json_t *t,
    struct hash *image, struct err *err)
{
	auto_free char *begin = mem_printf("images/%s/", d->role + 4);
	const char *last = strrchr(path, '/');
	json_t *hashes;

	if (js_object(path, t, "hashes", &hashes, err) == -1 ||
	    js_hash(path, hashes, "sha256", image, err) == -1)
		return -1;
	if (strncmp(path, begin, strlen(begin)) == 0 && last) {
		struct hash named;

		if (hash_parse(&named, last + 1) && hash_equal(&named, image))
			return 0;
	}
	return err_set(err, ERR_TRUST, "%s: not an image of %s by its digest",
	    path, d->role + 4);
}

static int
judge_one(struct follow *f, const struct hash *image, bool *good, bool *tried,
    struct buf *why, struct err *err)
{
	const char *is = known(f, image);
	char hex[HASH_HEX];

	hash_hex(image, hex);
	*tried = true;
	if (!is) {
		auto_buf struct buf text = BUF_INIT;

		log_info("rebuilding", "image=%s", hex);
		if (reproduce(f, image, &text, err) == -1) {
			if (err->cls == ERR_SYSTEM ||
			    (f->at->stop && atomic_load(f->at->stop)))
				return -1;
			/* Whoever lied may be honest later. */
			buf_printf(
			    why, "%.12s could not be tried: %s", hex, err->msg);
			err_clear(err);
			*good = *tried = false;
			return 0;
		}
		is = known(f, image);
	}
	*good = is && is[0] == '\0';
	if (!*good)
		buf_printf(why, "%.12s is not reproduced: %s", hex, is);
	return 0;
}

int
follow_judge(struct follow *f, const struct follow_draft *d, bool *good,
    bool *tried, struct buf *why, struct err *err)
{
	auto_json json_t *j =
	    js_parse(d->role, d->bytes.data, d->bytes.len, err);
	json_t *targets, *t;
	const char *path;

	*good = *tried = true;
	if (!j || js_object(d->role, j, "targets", &targets, err) == -1)
		return -1;
	json_object_foreach(targets, path, t)
	{
		struct hash image;

		if (image_of(d, path, t, &image, err) == -1)
			return -1;
		if (judge_one(f, &image, good, tried, why, err) == -1)
			return -1;
		if (!*good)
			return 0;
	}
	return 0;
}

int
follow_signed(struct follow *f, const struct follow_draft *d, struct err *err)
{
	char hex[HASH_HEX];

	hash_hex(&d->content, hex);
	js_set_str(json_object_get(f->memory, "signed"), d->role, hex);
	return save(f, err);
}
