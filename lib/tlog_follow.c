#include "lib/tlog_follow.h"

#include <stdlib.h>
#include <string.h>

#include "lib/canon.h"
#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/own.h"

#define TILES 32 /* of one proof: twice as many as the largest asks for */
#define TILE_BYTES (TLOG_WIDTH * 32)
#define BUNDLE_MAX (TLOG_WIDTH * (TLOG_ENTRY_MAX + 2))

size_t
tlog_keys(const struct tuf_file *targets, struct sig_public *out, size_t max)
{
	size_t n = 0;

	for (size_t i = 0; i < targets->nroles; i++) {
		const struct tuf_role *r = &targets->roles[i];

		if (strncmp(r->name, "svc-", 4) != 0)
			continue;
		for (size_t k = 0; k < r->nkeyids; k++) {
			const struct tuf_key *key =
			    tuf_key_find(targets, r->keyids[k]);
			size_t had = 0;

			if (!key || !key->usable)
				continue;
			while (had < n &&
			       memcmp(&out[had], &key->pub, sizeof(*out)) != 0)
				had++;
			if (had == n && n < max)
				out[n++] = key->pub;
		}
	}
	return n;
}

int
tlog_get_at(void *arg, const char *url, int64_t limit, struct buf *out,
    int *status, struct err *err)
{
	const int *dir = arg;

	*status = 200;
	if (file_read_at(*dir, url, (size_t)limit, out, err) == 0)
		return 0;
	if (err->cls != ERR_MISSING)
		return -1;
	err_clear(err);
	*status = 404;
	return 0;
}

/* --- what the server has ---------------------------------------------------
 */

static int
get(const struct tlog_source *s, const char *name, int64_t limit,
    struct buf *out, struct err *err)
{
	auto_free char *url = mem_printf("%s%s", s->url, name);
	int status;

	if (s->get(s->arg, url, limit, out, &status, err) == -1)
		return -1;
	if (status == 200)
		return 0;
	if (status == 404 || status == 403)
		return err_set(err, ERR_MISSING, "%.200s: not there", url);
	return err_set(err,
	    status >= 500 || status == 429 ? ERR_BUSY : ERR_INPUT,
	    "%.200s: the server answered %d", url, status);
}

/* A log has every tile of its size; one without cannot show what it says. */
static int
get_tile(const struct tlog_source *s, const char *name, int64_t limit,
    struct buf *out, struct err *err)
{
	if (get(s, name, limit, out, err) == 0)
		return 0;
	if (err->cls != ERR_BUSY && err->cls != ERR_SYSTEM)
		err->cls = ERR_TRUST;
	return -1;
}

struct tile {
	unsigned level;
	int64_t n;
	struct buf hashes;
};

struct tiles {
	const struct tlog_source *source;
	int64_t size;
	struct tile v[TILES];
	size_t n;
};

static void
tiles_release(struct tiles *t)
{
	for (size_t i = 0; i < t->n; i++)
		buf_release(&t->v[i].hashes);
}

static int
load(struct tiles *t, unsigned level, int64_t n, struct tile **out,
    struct err *err)
{
	unsigned width = tlog_tile_width(level, n, t->size);
	auto_buf struct buf name = BUF_INIT;
	struct tile *tile;

	for (size_t i = 0; i < t->n; i++)
		if (t->v[i].level == level && t->v[i].n == n) {
			*out = &t->v[i];
			return 0;
		}
	if (t->n == TILES || width == 0)
		return err_set(err, ERR_TRUST, "a proof of another form");
	tile = &t->v[t->n++];
	*tile = (struct tile){ level, n, BUF_INIT };
	tlog_tile_name(level, n, width, &name);
	if (get_tile(t->source, name.data, TILE_BYTES, &tile->hashes, err) ==
	    -1)
		return -1;
	if (tile->hashes.len != 32 * (size_t)width)
		return err_set(
		    err, ERR_TRUST, "%s: not a tile of %u", name.data, width);
	*out = tile;
	return 0;
}

static int
tile_hash(
    void *arg, unsigned level, int64_t n, struct hash *out, struct err *err)
{
	struct tile *tile = NULL;

	if (load(arg, level, n / TLOG_WIDTH, &tile, err) == -1)
		return -1;
	memcpy(out->b, tile->hashes.data + n % TLOG_WIDTH * 32, 32);
	return 0;
}

/* --- following -------------------------------------------------------------
 */

static int
check_extends(const struct tlog_source *s, const struct checkpoint *known,
    const struct checkpoint *now, struct err *err)
{
	struct tiles *t;
	struct tlog_hashes hashes;
	struct tlog_proof proof = { .n = 0 };
	int rc = 0;

	if (known->size == 0)
		return 0;
	if (strcmp(known->origin, now->origin) != 0)
		return err_set(err, ERR_TRUST,
		    "log: it is called %.90s, and was %.90s (another log)",
		    now->origin, known->origin);
	if (now->size < known->size)
		return err_set(err, ERR_TRUST,
		    "log: it has %lld entries, and had %lld (log rollback)",
		    (long long)now->size, (long long)known->size);
	t = mem_zero(1, sizeof(*t));
	t->source = s;
	t->size = now->size;
	hashes = (struct tlog_hashes){ tile_hash, t };
	if (now->size != known->size)
		rc = tlog_consistency(
		    &hashes, known->size, now->size, &proof, err);
	tiles_release(t);
	free(t);
	if (rc == -1 && err->cls != ERR_TRUST)
		return -1;
	if (rc == 0 && tlog_extends(&known->root, known->size, &now->root,
			   now->size, &proof))
		return 0;
	return err_set(err, ERR_TRUST,
	    "log: its %lld entries do not begin with the %lld that were seen"
	    " before (log fork)",
	    (long long)now->size, (long long)known->size);
}

int
tlog_follow(const struct tlog_source *s, const struct sig_public *keys,
    size_t nkeys, const struct checkpoint *known, struct checkpoint *now,
    struct err *err)
{
	auto_buf struct buf got = BUF_INIT;
	struct checkpoint c;

	if (get(s, "checkpoint", NOTE_MAX, &got, err) == -1 ||
	    checkpoint_open(got.data, got.len, keys, nkeys, &c, err) == -1)
		return err_prefix(err, "log");
	if (check_extends(s, known, &c, err) == -1)
		return -1;
	*now = c;
	return 0;
}

/* --- all of it -------------------------------------------------------------
 */

/* Hashes by level, as they come; level l holds those of 256^l leaves. */
struct pile {
	struct hash *v[TLOG_LEVELS + 1];
	size_t n[TLOG_LEVELS + 1], cap[TLOG_LEVELS + 1];
};

static void
pile_release(struct pile *p)
{
	for (size_t i = 0; i <= TLOG_LEVELS; i++)
		free(p->v[i]);
}

static int
pile_hash(void *arg, unsigned level, int64_t n, struct hash *out,
    struct err *err KILN_UNUSED)
{
	const struct pile *p = arg;

	*out = p->v[level][n];
	return 0;
}

static void
pile_add(struct pile *p, unsigned level, const struct hash *h)
{
	struct hash half[TLOG_WIDTH];
	const struct hash *last;

	MEM_GROW(p->v[level], p->n[level], p->cap[level]);
	p->v[level][p->n[level]++] = *h;
	if (p->n[level] % TLOG_WIDTH != 0 || level == TLOG_LEVELS)
		return;
	last = &p->v[level][p->n[level] - TLOG_WIDTH];
	memcpy(half, last, sizeof(half));
	for (size_t n = TLOG_WIDTH; n > 1; n /= 2)
		for (size_t i = 0; i < n / 2; i++)
			tlog_node(&half[2 * i], &half[2 * i + 1], &half[i]);
	pile_add(p, level + 1, &half[0]);
}

/* Entries behind two bytes of length each, the higher one first. */
static int
read_bundle(struct pile *p, int64_t first, unsigned width,
    const struct buf *text, tlog_entry *each, void *arg, struct err *err)
{
	size_t at = 0;

	for (unsigned i = 0; i < width; i++) {
		const uint8_t *b = (const uint8_t *)text->data + at;
		struct hash h;
		size_t n;

		if (text->len - at < 2)
			return err_set(err, ERR_TRUST, "it is cut off");
		n = (size_t)b[0] << 8 | b[1];
		if (text->len - at - 2 < n)
			return err_set(err, ERR_TRUST, "it is cut off");
		tlog_leaf(b + 2, n, &h);
		pile_add(p, 0, &h);
		if (each && each(arg, first + i, b + 2, n, err) != 0)
			return -1;
		at += 2 + n;
	}
	if (at != text->len)
		return err_set(err, ERR_TRUST, "it has more than its entries");
	return 0;
}

static int
check_root(struct pile *p, const struct checkpoint *c, const char *what,
    struct err *err)
{
	const struct tlog_hashes hashes = { pile_hash, p };
	struct hash root;

	if (tlog_root(&hashes, c->size, &root, err) == -1)
		return -1;
	if (hash_equal(&root, &c->root))
		return 0;
	return err_set(err, ERR_TRUST,
	    "log: its first %lld entries are not those of the checkpoint %s"
	    " (log fork)",
	    (long long)c->size, what);
}

int
tlog_read_all(const struct tlog_source *s, const struct checkpoint *known,
    const struct checkpoint *now, tlog_entry *each, void *arg, struct err *err)
{
	struct pile p = { .n = { 0 } };
	int rc = 0;

	for (int64_t n = 0; rc == 0 && n * TLOG_WIDTH < now->size; n++) {
		unsigned width = tlog_tile_width(0, n, now->size);
		auto_buf struct buf name = BUF_INIT, text = BUF_INIT;

		tlog_bundle_name(n, width, &name);
		rc = get_tile(s, name.data, BUNDLE_MAX, &text, err);
		if (rc == 0 && read_bundle(&p, n * TLOG_WIDTH, width, &text,
				   each, arg, err) == -1)
			rc = err_prefix(err, "%s", name.data);
	}
	if (rc == 0)
		rc = check_root(&p, now, "that is signed now", err);
	if (rc == 0 && known->size > 0 && known->size <= now->size)
		rc = check_root(&p, known, "that was seen before", err);
	pile_release(&p);
	return rc;
}

/* --- what was seen ---------------------------------------------------------
 */

#define SEEN "kiln/log-seen"

int
tlog_seen_load(int dirfd, struct checkpoint *c, struct err *err)
{
	auto_buf struct buf text = BUF_INIT;
	auto_json json_t *j = NULL;
	struct checkpoint got;
	const char *origin;

	*c = (struct checkpoint){ .size = 0 };
	if (file_read_at(dirfd, TLOG_SEEN, NOTE_MAX, &text, err) == -1) {
		if (err->cls != ERR_MISSING)
			return -1;
		err_clear(err);
		return 0;
	}
	j = js_record(TLOG_SEEN, SEEN, 1, text.data, text.len, err);
	if (!j || js_str(TLOG_SEEN, j, "origin", &origin, err) == -1 ||
	    js_int(TLOG_SEEN, j, "size", 1, TLOG_SIZE_MAX, &got.size, err) ==
		-1 ||
	    js_hash(TLOG_SEEN, j, "root", &got.root, err) == -1)
		return -1;
	if (strlen(origin) >= sizeof(got.origin))
		return err_set(err, ERR_INPUT, TLOG_SEEN ": a long name");
	memcpy(got.origin, origin, strlen(origin) + 1);
	*c = got;
	return 0;
}

int
tlog_seen_save(int dirfd, const struct checkpoint *c, struct err *err)
{
	auto_json json_t *j = js_record_new(SEEN, 1);
	auto_buf struct buf text = BUF_INIT;

	js_set_str(j, "origin", c->origin);
	js_set_int(j, "size", c->size);
	js_set_hash(j, "root", &c->root);
	if (canon_json(j, &text, err) == -1)
		return -1;
	return file_write_at(dirfd, TLOG_SEEN, text.data, text.len, 0600, err);
}
