#include "tuf-repo/logbook.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/canon.h"
#include "lib/checkpoint.h"
#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/tlog.h"
#include "lib/tlog_follow.h"
#include "tuf-repo/ask.h"
#include "tuf-repo/heard.h"

#define SIZE "log_size"	    /* of the checkpoint that is out … */
#define BEFORE "log_before" /* … and of the one before it */
#define KEYS_MAX 64
#define TILE_BYTES (TLOG_WIDTH * 32)

/* --- what stands where -----------------------------------------------------
 */

/* A statement and its signature came together; the order is that in which
 * they came here. */
static int
append_new(struct repo *r, int64_t *size, struct err *err)
{
	static const char sql[] =
	    "INSERT INTO log_entry(idx, digest, key)"
	    " SELECT (SELECT count(*) FROM log_entry)"
	    "  + row_number() OVER (ORDER BY a.rowid) - 1, a.digest, a.key"
	    " FROM attestation a WHERE NOT EXISTS (SELECT 1 FROM log_entry l"
	    "  WHERE l.digest = a.digest AND l.key = a.key)";
	static const char count[] = "SELECT count(*) FROM log_entry";
	auto_stmt struct stmt *q = db_stmt(r->db, sql);
	auto_stmt struct stmt *c = db_stmt(r->db, count);

	if (stmt_run(q, err) == -1 || stmt_step(c, err) == -1)
		return -1;
	*size = stmt_int(c, 0);
	return 0;
}

static int
entry_text(struct stmt *q, struct buf *out, struct err *err)
{
	auto_json json_t *j = js_record_new("kiln/logged", 1);

	js_set_str(j, "statement", stmt_str(q, 0));
	js_set_str(j, "key", stmt_str(q, 1));
	js_set_str(j, "sig", stmt_str(q, 2));
	return canon_json(j, out, err);
}

/* The n-th bundle and tile of leaves, `width` of them. */
static int
make_leaves(struct repo *r, int64_t n, unsigned width, struct buf *bundle,
    struct buf *tile, struct err *err)
{
	static const char sql[] =
	    "SELECT l.digest, l.key, a.sig FROM log_entry l JOIN attestation a"
	    " ON a.digest = l.digest AND a.key = l.key"
	    " WHERE l.idx >= ?1 ORDER BY l.idx LIMIT ?2";
	auto_stmt struct stmt *q = db_stmt(r->db, sql);
	unsigned had = 0;
	int got;

	stmt_bind_int(q, 1, n * TLOG_WIDTH);
	stmt_bind_int(q, 2, width);
	while ((got = stmt_step(q, err)) == 1) {
		auto_buf struct buf text = BUF_INIT;
		struct hash h;

		if (entry_text(q, &text, err) == -1)
			return -1;
		tlog_leaf(text.data, text.len, &h);
		buf_add(tile, h.b, sizeof(h.b));
		buf_char(bundle, (char)(text.len >> 8));
		buf_char(bundle, (char)(text.len & 0xff));
		buf_add(bundle, text.data, text.len);
		had++;
	}
	if (got == 0 && had != width)
		return err_set(err, ERR_INPUT,
		    "tuf.db: %u of %u entries of the log are there", had,
		    width);
	return got;
}

/* --- files -----------------------------------------------------------------
 */

static int
write_file(
    struct repo *r, const char *name, const struct buf *text, struct err *err)
{
	auto_free char *folder =
	    mem_strn(name, (size_t)(strrchr(name, '/') - name));
	auto_fd int dir = dir_make_at(r->log, folder, 0755, err);

	if (dir == -1)
		return -1;
	return file_write_at(r->log, name, text->data, text->len, 0644, err);
}

static int
write_leaves(struct repo *r, int64_t from, int64_t size, struct err *err)
{
	for (int64_t n = from / TLOG_WIDTH; n * TLOG_WIDTH < size; n++) {
		auto_buf struct buf bundle = BUF_INIT, tile = BUF_INIT;
		auto_buf struct buf name = BUF_INIT;
		unsigned width = tlog_tile_width(0, n, size);

		if (make_leaves(r, n, width, &bundle, &tile, err) == -1)
			return -1;
		tlog_bundle_name(n, width, &name);
		if (write_file(r, name.data, &bundle, err) == -1)
			return -1;
		buf_clear(&name);
		tlog_tile_name(0, n, width, &name);
		if (write_file(r, name.data, &tile, err) == -1)
			return -1;
	}
	return 0;
}

/* The tiles that were read last, one of each level. */
struct files {
	struct repo *r;
	int64_t size;
	int64_t n[TLOG_LEVELS];
	struct buf v[TLOG_LEVELS];
};

static void
files_release(struct files *f)
{
	for (size_t i = 0; i < TLOG_LEVELS; i++)
		buf_release(&f->v[i]);
}

static int
file_hash(
    void *arg, unsigned level, int64_t n, struct hash *out, struct err *err)
{
	struct files *f = arg;
	int64_t tile = n / TLOG_WIDTH;
	unsigned width = tlog_tile_width(level, tile, f->size);
	struct buf *have = &f->v[level];

	if (have->len == 0 || f->n[level] != tile) {
		auto_buf struct buf name = BUF_INIT;

		buf_clear(have);
		tlog_tile_name(level, tile, width, &name);
		if (file_read_at(f->r->log, name.data, TILE_BYTES, have, err) ==
		    -1)
			return err_prefix(err, "log");
		if (have->len != 32 * (size_t)width)
			return err_set(err, ERR_INPUT,
			    "log: %s is damaged; remove the folder, and it is"
			    " made again",
			    name.data);
		f->n[level] = tile;
	}
	memcpy(out->b, have->data + n % TLOG_WIDTH * 32, sizeof(out->b));
	return 0;
}

/* A whole tile of the level below is one hash here. */
static int
above(struct files *f, unsigned level, int64_t n, struct hash *out,
    struct err *err)
{
	struct hash half[TLOG_WIDTH];

	for (int64_t i = 0; i < TLOG_WIDTH; i++)
		if (file_hash(
			f, level - 1, n * TLOG_WIDTH + i, &half[i], err) == -1)
			return -1;
	for (size_t k = TLOG_WIDTH; k > 1; k /= 2)
		for (size_t i = 0; i < k / 2; i++)
			tlog_node(&half[2 * i], &half[2 * i + 1], &half[i]);
	*out = half[0];
	return 0;
}

static int
write_level(struct files *f, unsigned level, int64_t from, struct err *err)
{
	int64_t n = (from >> 8 * level) / TLOG_WIDTH;
	unsigned width;

	for (; (width = tlog_tile_width(level, n, f->size)) > 0; n++) {
		auto_buf struct buf tile = BUF_INIT, name = BUF_INIT;

		for (unsigned i = 0; i < width; i++) {
			struct hash h;

			if (above(f, level, n * TLOG_WIDTH + i, &h, err) == -1)
				return -1;
			buf_add(&tile, h.b, sizeof(h.b));
		}
		tlog_tile_name(level, n, width, &name);
		if (write_file(f->r, name.data, &tile, err) == -1)
			return -1;
	}
	return 0;
}

static int
write_tiles(struct repo *r, int64_t from, int64_t size, struct hash *root,
    struct err *err)
{
	struct files f = { .r = r, .size = size };
	const struct tlog_hashes hashes = { file_hash, &f };
	int rc = 0;

	for (size_t i = 0; i < TLOG_LEVELS; i++)
		buf_init(&f.v[i]);
	if (from < size)
		rc = write_leaves(r, from, size, err);
	for (unsigned l = 1; rc == 0 && l < TLOG_LEVELS; l++)
		if (from >> 8 * l < size >> 8 * l)
			rc = write_level(&f, l, from, err);
	if (rc == 0)
		rc = tlog_root(&hashes, size, root, err);
	files_release(&f);
	return rc;
}

/* Parts of tiles that only the checkpoint before the last had.  Whoever reads
 * by that one finds the longer part or the whole. */
static int
remove_parts(
    struct repo *r, int64_t old, int64_t kept, int64_t now, struct err *err)
{
	for (unsigned l = 0; l <= TLOG_LEVELS; l++) {
		bool bundle = l == TLOG_LEVELS;
		unsigned level = bundle ? 0 : l;
		int64_t n = (old >> 8 * level) / TLOG_WIDTH;
		unsigned width = tlog_tile_width(level, n, old);
		auto_buf struct buf name = BUF_INIT;

		if (width == 0 || width == TLOG_WIDTH ||
		    width == tlog_tile_width(level, n, kept) ||
		    width == tlog_tile_width(level, n, now))
			continue;
		if (bundle)
			tlog_bundle_name(n, width, &name);
		else
			tlog_tile_name(level, n, width, &name);
		if (file_remove_at(r->log, name.data, err) == -1)
			return -1;
	}
	return 0;
}

/* --- a database that was lost ----------------------------------------------
 */

static int
take_back(void *arg, int64_t index, const void *p, size_t n, struct err *err)
{
	static const char said[] =
	    "INSERT INTO attestation(digest, key, sig, at)"
	    " VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING";
	static const char stood[] =
	    "INSERT INTO log_entry(idx, digest, key) VALUES (?1, ?2, ?3)";
	struct repo *r = arg;
	auto_json json_t *j = js_record("entry", "kiln/logged", 1, p, n, err);
	auto_stmt struct stmt *a = db_stmt(r->db, said);
	auto_stmt struct stmt *l = db_stmt(r->db, stood);
	const char *digest, *key, *sig;

	if (!j || js_str("entry", j, "statement", &digest, err) == -1 ||
	    js_str("entry", j, "key", &key, err) == -1 ||
	    js_str("entry", j, "sig", &sig, err) == -1)
		return -1;
	stmt_bind_str(a, 1, digest);
	stmt_bind_str(a, 2, key);
	stmt_bind_str(a, 3, sig);
	stmt_bind_int(a, 4, r->now);
	stmt_bind_int(l, 1, index);
	stmt_bind_str(l, 2, digest);
	stmt_bind_str(l, 3, key);
	if (stmt_run(a, err) == -1 || stmt_run(l, err) == -1)
		return -1;
	return heard_again(r, digest, key, err);
}

/* What is in the log stands in its files, too, under our own signature: a
 * database without it goes on where the files end, since another order would
 * be another log. */
static int
read_back(struct repo *r, struct err *err)
{
	const struct tlog_source s = { "", tlog_get_at, &r->log };
	const struct checkpoint none = { .size = 0 };
	auto_tuf struct tuf_file *targets = NULL;
	struct sig_public keys[KEYS_MAX];
	struct checkpoint now;
	size_t n;

	if (role_load_newest(r->db, "targets", &targets, err) == -1)
		return -1;
	n = targets ? tlog_keys(targets, keys, KEYS_MAX) : 0;
	if (tlog_follow(&s, keys, n, &none, &now, err) == -1 ||
	    db_begin(r->db, err) == -1)
		return -1;
	if (tlog_read_all(&s, &none, &now, take_back, r, err) == 0 &&
	    state_set(r->db, SIZE, now.size, err) == 0 &&
	    db_commit(r->db, err) == 0) {
		repo_event(r, "log-read-back", "",
		    "tuf.db did not have the log: %lld entries were read from"
		    " its files",
		    (long long)now.size);
		return 0;
	}
	db_rollback(r->db);
	return -1;
}

static int
read_back_if_lost(struct repo *r, struct err *err)
{
	static const char sql[] = "SELECT EXISTS (SELECT 1 FROM log_entry)";
	auto_stmt struct stmt *q = db_stmt(r->db, sql);
	bool has;

	if (stmt_step(q, err) == -1)
		return -1;
	has = stmt_int(q, 0);
	stmt_done(q);
	return has || !file_exists_at(r->log, "checkpoint") ? 0
							    : read_back(r, err);
}

/* --- the checkpoint --------------------------------------------------------
 */

/* The first root is the only thing that no rotation ever changes. */
static int
log_name(struct repo *r, struct hash *first, struct err *err)
{
	auto_buf struct buf root = BUF_INIT;

	if (file_read_at(
		r->metadata, "1.root.json", TUF_ROOT_MAX, &root, err) == -1)
		return err_prefix(err, "log");
	hash_bytes(first, root.data, root.len);
	return 0;
}

/* Written only when it says something else: more entries, or another
 * generation of the key. */
static int
write_checkpoint(struct repo *r, int64_t size, const struct hash *root,
    bool *changed, struct err *err)
{
	struct checkpoint c = { .size = size, .root = *root };
	auto_buf struct buf note = BUF_INIT, had = BUF_INIT;
	struct err ignore = ERR_INIT;
	struct answers a;
	struct hash first;

	if (log_name(r, &first, err) == -1 ||
	    ask_checkpoint(r->signer, &first, &c, &a, err) == -1)
		return -1;
	checkpoint_text(&c, &note);
	buf_char(&note, '\n');
	for (size_t i = 0; i < a.n; i++)
		note_sign(&note, c.origin, &a.v[i].key, &a.v[i].sig);
	*changed =
	    file_read_at(r->log, "checkpoint", NOTE_MAX, &had, &ignore) == -1 ||
	    !span_equal(span_buf(&had), span_buf(&note));
	if (!*changed)
		return 0;
	return file_write_at(
	    r->log, "checkpoint", note.data, note.len, 0644, err);
}

static int
keep_sizes(struct repo *r, int64_t before, int64_t size, struct err *err)
{
	if (db_begin(r->db, err) == -1)
		return -1;
	if (state_set(r->db, BEFORE, before, err) == 0 &&
	    state_set(r->db, SIZE, size, err) == 0 &&
	    db_commit(r->db, err) == 0)
		return 0;
	db_rollback(r->db);
	return -1;
}

static int
extend(struct repo *r, struct err *err)
{
	int64_t size, out, before;
	struct hash root;
	bool changed;

	if (read_back_if_lost(r, err) == -1 ||
	    append_new(r, &size, err) == -1 ||
	    state_get(r->db, SIZE, &out, err) == -1 ||
	    state_get(r->db, BEFORE, &before, err) == -1)
		return -1;
	if (size == 0)
		return 0;
	/* A folder that somebody lost is made again from tuf.db. */
	if (!file_exists_at(r->log, "checkpoint"))
		out = 0;
	if (write_tiles(r, out, size, &root, err) == -1 ||
	    write_checkpoint(r, size, &root, &changed, err) == -1)
		return -1;
	if (out == size)
		return 0;
	if (before < out && remove_parts(r, before, out, size, err) == -1)
		return -1;
	return keep_sizes(r, out, size, err);
}

int
logbook_extend(struct repo *r, struct err *err)
{
	if (r->signer == -1 || r->log == -1)
		return 0;
	return extend(r, err) == -1 ? err_prefix(err, "log of statements") : 0;
}
