#include "builder/judge/documents.h"

#include <stdlib.h>
#include <string.h>

#include "builder/judge/buildinfo.h"
#include "builder/judge/sbom.h"
#include "lib/canon.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/own.h"

#define RECORD_MAX ((size_t)16 << 20)

void
documents_release(struct documents *d)
{
	free(d->v);
	*d = (struct documents)DOCUMENTS_INIT;
}

int
documents_known(
    struct db *db, const json_t *outputs, bool *all, struct err *err)
{
	static const char sql[] =
	    "SELECT count(*) FROM document WHERE subject = ?1"
	    " AND format IN ('spdx', 'cyclonedx', 'buildinfo')";
	const json_t *one;
	size_t i;

	*all = true;
	json_array_foreach(outputs, i, one)
	{
		auto_stmt struct stmt *q = db_stmt(db, sql);
		struct hash h;

		if (js_hash("verdict", one, "sha256", &h, err) == -1)
			return -1;
		stmt_bind_hash(q, 1, &h);
		if (stmt_step(q, err) != 1)
			return -1;
		*all = *all && stmt_int(q, 0) == 3;
	}
	return 0;
}

/* --- into the store --------------------------------------------------------
 */

static void
add(struct documents *d, const struct hash *subject, const char *format,
    const struct hash *digest)
{
	MEM_GROW(d->v, d->n, d->cap);
	d->v[d->n++] = (struct document){ *subject, *digest, format };
}

/* One text about each of the outputs. */
static int
add_each(struct store *store, struct documents *d, const json_t *outputs,
    const char *format, const struct buf *text, struct hash *digest,
    struct err *err)
{
	const json_t *one;
	size_t i;

	if (store_put_bytes(store, text->data, text->len, digest, err) == -1)
		return -1;
	json_array_foreach(outputs, i, one)
	{
		struct hash h;

		if (js_hash("outputs", one, "sha256", &h, err) == -1)
			return -1;
		add(d, &h, format, digest);
	}
	return 0;
}

/* Takes the reference. */
static int
add_sbom(struct store *store, struct documents *d, const json_t *outputs,
    const char *format, json_t *made, struct hash *digest, struct err *err)
{
	auto_json json_t *j = made;
	auto_buf struct buf text = BUF_INIT;

	if (!j || canon_json(j, &text, err) == -1)
		return -1;
	return add_each(store, d, outputs, format, &text, digest, err);
}

/* --- the .buildinfo of each plan -------------------------------------------
 */

/* What is shown as another recipe's version nobody asked for: its inputs'. */
static char *
version_of(const struct documents_of *of, const struct closure_part *p)
{
	char hex[HASH_HEX];

	if (strcmp(p->recipe, of->recipe) == 0)
		return mem_str(of->version);
	hash_hex(&p->plan->digest, hex);
	return mem_printf("0+plan.%.12s", hex);
}

static int
add_buildinfo(struct store *store, const struct documents_of *of,
    const struct closure_part *p, struct documents *d, struct err *err)
{
	auto_lock struct lock *l = lock_load(store, &p->lock, err);
	auto_free char *version = version_of(of, p);
	auto_json json_t *verdict = NULL;
	auto_buf struct buf text = BUF_INIT;
	struct buildinfo b = { p->plan, l, p->recipe, version, NULL };
	struct hash digest;
	json_t *outputs;

	if (!l || store_read(store, &p->verdict, RECORD_MAX, &text, err) == -1)
		return -1;
	verdict =
	    js_record("verdict", "kiln/verdict", 1, text.data, text.len, err);
	if (!verdict ||
	    js_array("verdict", verdict, "outputs", &outputs, err) == -1)
		return -1;
	b.outputs = outputs;
	buf_clear(&text);
	if (buildinfo_make(&b, &text, err) == -1)
		return -1;
	return add_each(store, d, outputs, "buildinfo", &text, &digest, err);
}

int
documents_make(struct store *store, const struct documents_of *of,
    struct documents *d, struct err *err)
{
	auto_sbom struct sbom s = SBOM_INIT;
	struct hash other;

	if (sbom_collect(&s, store, of->closure, of->service, of->version,
		of->outputs, err) == -1 ||
	    add_sbom(store, d, of->outputs, "spdx", sbom_spdx(&s, err),
		&d->spdx, err) == -1 ||
	    add_sbom(store, d, of->outputs, "cyclonedx",
		sbom_cyclonedx(&s, err), &other, err) == -1)
		return err_prefix(err, "SBOM of %s", of->service);
	for (size_t i = 0; i < of->closure->n; i++)
		if (add_buildinfo(store, of, &of->closure->v[i], d, err) == -1)
			return err_prefix(
			    err, "buildinfo of %s", of->closure->v[i].recipe);
	return 0;
}

/* --- farm.db ---------------------------------------------------------------
 */

int
documents_list(struct db *db, const struct documents *d, struct err *err)
{
	static const char sql[] =
	    "INSERT INTO document(subject, format, digest) VALUES (?1, ?2, ?3)"
	    " ON CONFLICT DO NOTHING";

	for (size_t i = 0; i < d->n; i++) {
		auto_stmt struct stmt *q = db_stmt(db, sql);

		stmt_bind_hash(q, 1, &d->v[i].subject);
		stmt_bind_str(q, 2, d->v[i].format);
		stmt_bind_hash(q, 3, &d->v[i].digest);
		if (stmt_run(q, err) == -1)
			return -1;
	}
	return 0;
}
