#include "builder/doubt/follow.h"

#include <stdlib.h>
#include <string.h>

#include "builder/doubt/bytes.h"
#include "builder/doubt/doubt.h"
#include "builder/doubt/saying.h"
#include "lib/canon.h"
#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/tuf.h"

#define MEMORY "rebuilt"
#define KIND "kiln/rebuilt"
#define VERSION 2
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

/* What the first version knew of images says nothing of what is told of
 * them: they are built again. */
static void
start_anew(struct follow *f)
{
	json_t *was = f->memory;

	f->memory = js_record_new(KIND, VERSION);
	js_set(f->memory, "entries", json_object());
	js_set(f->memory, "roles", json_object());
	json_decref(was);
}

int
follow_open(struct follow *f, struct err *err)
{
	auto_buf struct buf text = BUF_INIT;

	if (file_read_at(f->at->workdir, MEMORY, MEMORY_MAX, &text, err) == 0) {
		f->memory =
		    js_record(MEMORY, KIND, VERSION, text.data, text.len, err);
		if (f->memory && !json_object_get(f->memory, "entries"))
			start_anew(f);
		return f->memory ? 0 : -1;
	}
	if (err->cls != ERR_MISSING)
		return -1;
	err_clear(err);
	start_anew(f);
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
known(const struct follow *f, const char *key)
{
	return json_string_value(
	    json_object_get(json_object_get(f->memory, "entries"), key));
}

static void
learn(struct follow *f, const char *key, const char *what)
{
	js_set_str(json_object_get(f->memory, "entries"), key, what);
}

/* All that is said of an image but when it was first listed: its SHA-256. */
static int
entry_key(
    const char *path, const json_t *entry, char key[HASH_HEX], struct err *err)
{
	auto_json json_t *j = json_object();
	struct hash h;

	js_set(j, path, json_deep_copy(entry));
	json_object_del(
	    json_object_get(json_object_get(j, path), "custom"), "serial");
	if (canon_hash(j, &h, err) == -1)
		return -1;
	hash_hex(&h, key);
	return 0;
}

/* What was signed of a role last; NULL: nothing. */
static json_t *
role_memory(const struct follow *f, const char *role)
{
	return json_object_get(json_object_get(f->memory, "roles"), role);
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
	had =
	    json_string_value(json_object_get(role_memory(f, role), "signed"));
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

/* A kernel's plan gives two images at once; of each its own length counts. */
static int
learn_all(struct follow *f, const struct doubt *d, const json_t *entries,
    struct err *err)
{
	const struct doubt_plan *last = &d->plans[d->nplans - 1];
	const struct build_result *r = &last->runs[0].result;
	const char *path;
	json_t *entry;

	json_object_foreach((json_t *)entries, path, entry)
	{
		const json_t *length = json_object_get(entry, "length");
		char key[HASH_HEX];
		struct hash h;

		if (js_hash(path, json_object_get(entry, "hashes"), "sha256",
			&h, err) == -1 ||
		    entry_key(path, entry, key, err) == -1)
			return -1;
		for (size_t i = 0; i < r->outputs.n; i++)
			if (hash_equal(&r->outputs.v[i].sha256, &h) &&
			    r->outputs.v[i].size ==
				json_integer_value(length) &&
			    came_out(last, &h))
				learn(f, key, "");
	}
	return 0;
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

/* The first thing that is said otherwise than it was derived. */
static void
say_other(
    const char *path, const json_t *said, const json_t *own, struct buf *why)
{
	const json_t *a = json_object_get(said, "custom"),
		     *b = json_object_get(own, "custom");
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)b, key, value)
	{
		const json_t *is = json_object_get(a, key);

		if (is && json_equal(is, value))
			continue;
		buf_printf(why,
		    "%s: what is said of it as \"%s\" is not what recipe and"
		    " records give",
		    path, key);
		return;
	}
	json_object_foreach((json_t *)a, key, value)
	{
		if (json_object_get(b, key) || strcmp(key, "serial") == 0)
			continue;
		buf_printf(why, "%s: no recipe says \"%s\"", path, key);
		return;
	}
	buf_printf(why, "%s: its length or its hashes are not its own", path);
}

/* Is what is said what is derived?  Before anything is built for it. */
static int
compare(const char *path, const json_t *said, const json_t *entries, bool *same,
    struct buf *why, struct err *err)
{
	const json_t *own = json_object_get(entries, path);
	char is[HASH_HEX], should[HASH_HEX];

	*same = false;
	if (!own) {
		buf_printf(
		    why, "%s: its plan gives nothing of that name", path);
		return 0;
	}
	if (entry_key(path, said, is, err) == -1 ||
	    entry_key(path, own, should, err) == -1)
		return -1;
	*same = strcmp(is, should) == 0;
	if (!*same)
		say_other(path, said, own, why);
	return 0;
}

struct judging {
	const char *service, *path, *key;
	const json_t *said;
	struct hash image;
};

static int
build(struct follow *f, struct doubt *d, const struct judging *g,
    const json_t *entries, struct buf *why, struct err *err)
{
	int rc;

	if (doubt_run(d, f->lanes, err) == -1 ||
	    saying_put(d, f->at->workdir, err) == -1)
		return -1;
	if (d->outcome == DOUBT_REPRODUCED) {
		rc = learn_all(f, d, entries, err);
		if (rc == 0 && !known(f, g->key)) {
			buf_printf(why,
			    "%s: its length or its hashes are not its own",
			    g->path);
			learn(f, g->key, why->data);
		}
	} else {
		rc = 0;
		say_difference(d, why);
		learn(f, g->key, why->data);
	}
	return rc == -1 ? -1 : save(f, err);
}

/* 0: known(key) says it, or `why` what is to be mended first. */
static int
reproduce(
    struct follow *f, const struct judging *g, struct buf *why, struct err *err)
{
	const struct wish w = { .kind = WISH_DIGEST, .digest = g->image };
	const struct doubt_order o = { .wish = &w, .from = f->from };
	auto_json json_t *entries = NULL;
	struct doubt d = { 0 };
	bool same = false;
	int rc = -1;

	if (doubt_load(&d, f->at, &o, err) == 0 && doubt_prove(&d, err) == 0 &&
	    derive_entries(&d, g->service, &f->maintainers, &entries, err) ==
		0 &&
	    compare(g->path, g->said, entries, &same, why, err) == 0)
		rc = same ? build(f, &d, g, entries, why, err) : 0;
	doubt_forget(&d);
	doubt_release(&d);
	return rc;
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
judge_one(struct follow *f, const struct judging *g, bool *good, bool *tried,
    struct buf *why, struct err *err)
{
	auto_buf struct buf text = BUF_INIT;
	const char *is = known(f, g->key);
	char hex[HASH_HEX];

	hash_hex(&g->image, hex);
	*tried = true;
	if (!is) {
		log_info("rebuilding", "image=%s", hex);
		if (reproduce(f, g, &text, err) == -1) {
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
		is = known(f, g->key);
	}
	*good = is && is[0] == '\0';
	if (!*good && is)
		buf_printf(why, "%.12s is not reproduced: %s", hex, is);
	else if (!*good)
		buf_str(why, text.data);
	return 0;
}

/* --- numbers ----------------------------------------------------------------
 */

/*
 * When each was listed, and below what all is withdrawn: nothing that was
 * signed here may be taken back, and nothing old come as new.
 */
static int
check_numbers(const struct follow *f, const struct follow_draft *d,
    const json_t *draft, const json_t *targets, struct buf *why,
    struct err *err)
{
	const json_t *last = role_memory(f, d->role);
	const json_t *serials = json_object_get(last, "serials");
	int64_t floor = json_integer_value(json_object_get(last, "min_serial"));
	int64_t version = json_integer_value(json_object_get(last, "version"));
	int64_t min, serial;
	const char *path;
	json_t *t;

	if (js_int(d->role, draft, "min_serial", 1, d->version, &min, err) ==
	    -1)
		return -1;
	if (d->version <= version)
		buf_printf(why, "version %lld was signed here already",
		    (long long)version);
	else if (min < floor)
		buf_printf(why,
		    "min_serial is %lld and was %lld: what was withdrawn comes"
		    " back",
		    (long long)min, (long long)floor);
	json_object_foreach((json_t *)targets, path, t)
	{
		const json_t *had;
		char key[HASH_HEX];

		if (js_int(path, json_object_get(t, "custom"), "serial", 1,
			d->version, &serial, err) == -1 ||
		    entry_key(path, t, key, err) == -1)
			return -1;
		had = json_object_get(serials, key);
		if (why->len)
			return 0;
		/* Listed anew, where others did not sign, it is new again. */
		if (serial < min ||
		    (serial <= version &&
			(!had || json_integer_value(had) != serial)))
			buf_printf(why,
			    "%s: its serial is %lld, which is not when it came",
			    path, (long long)serial);
	}
	return 0;
}

/* --- the whole ---------------------------------------------------------------
 */

static int
judge_all(struct follow *f, const struct follow_draft *d, const json_t *targets,
    bool *good, bool *tried, struct buf *why, struct err *err)
{
	const char *path;
	json_t *t;

	json_object_foreach((json_t *)targets, path, t)
	{
		char key[HASH_HEX];
		struct judging g = { d->role + 4, path, key, t, { { 0 } } };

		if (image_of(d, path, t, &g.image, err) == -1 ||
		    entry_key(path, t, key, err) == -1 ||
		    judge_one(f, &g, good, tried, why, err) == -1)
			return -1;
		if (!*good)
			return 0;
	}
	return 0;
}

int
follow_judge(struct follow *f, const struct follow_draft *d, bool *good,
    bool *tried, struct buf *why, struct err *err)
{
	auto_json json_t *j =
	    js_parse(d->role, d->bytes.data, d->bytes.len, err);
	json_t *targets;

	*good = *tried = true;
	if (!j || js_object(d->role, j, "targets", &targets, err) == -1 ||
	    check_numbers(f, d, j, targets, why, err) == -1)
		return -1;
	if (why->len) {
		*good = false;
		return 0;
	}
	return judge_all(f, d, targets, good, tried, why, err);
}

int
follow_signed(struct follow *f, const struct follow_draft *d, struct err *err)
{
	auto_json json_t *j =
	    js_parse(d->role, d->bytes.data, d->bytes.len, err);
	json_t *role = json_object(), *serials = json_object(), *t;
	char hex[HASH_HEX];
	const char *path;

	js_set(json_object_get(f->memory, "roles"), d->role, role);
	js_set(role, "serials", serials);
	hash_hex(&d->content, hex);
	js_set_str(role, "signed", hex);
	js_set_int(role, "version", d->version);
	js_set(
	    role, "min_serial", json_incref(json_object_get(j, "min_serial")));
	json_object_foreach(json_object_get(j, "targets"), path, t)
	{
		if (entry_key(path, t, hex, err) == -1)
			return -1;
		js_set(serials, hex,
		    json_incref(json_object_get(
			json_object_get(t, "custom"), "serial")));
	}
	return save(f, err);
}
