#include "builder/tidy.h"

#include <stdlib.h>

#include "builder/bake/turn.h"
#include "builder/keep/gc.h"
#include "builder/progress.h"
#include "lib/log.h"
#include "lib/num.h"
#include "lib/own.h"
#include "lib/schema.h"

/* An event tells of the last time something went: a farm that is started each
 * morning is not tidied each morning. */
static int
last_time(struct db *db, int64_t *at, struct err *err)
{
	static const char sql[] = "SELECT at FROM event WHERE kind = 'tidied'"
				  " ORDER BY id DESC LIMIT 1";
	auto_stmt struct stmt *q = db_stmt(db, sql);
	int r = stmt_step(q, err);

	*at = r == 1 ? stmt_int(q, 0) : 0;
	return r == -1 ? -1 : 0;
}

/* One that is not there yet says nothing; one that cannot be asked might. */
static int
other(const struct farm *farm, const char *name, int64_t schema,
    struct db **out, struct err *err)
{
	auto_free char *path = farm_file(farm, name);

	*out = db_open_reader_of(path, schema, err);
	if (!*out && err->cls != ERR_MISSING)
		return -1;
	err_clear(err);
	return 0;
}

static int
gather(struct tidy *t, struct builder *b, struct gc *g, struct err *err)
{
	auto_db struct db *tuf = NULL, *web = NULL;
	struct needs needs = {
		.farm = b->db, .store = b->store, .rules = b->settings.keep
	};
	struct env_place at = { .dirfd = b->envdir,
		.path = b->env_path,
		.store = b->store,
		.crew = b->crew };
	int r;

	if (other(t->farm, "tuf.db", TUF_SCHEMA, &tuf, err) == -1 ||
	    other(t->farm, "web.db", WEB_SCHEMA, &web, err) == -1)
		return -1;
	needs.tuf = tuf;
	needs.web = web;
	r = needs_collect(&needs, err);
	if (r == 0)
		r = gc_run(g, &needs, &at, err);
	needs_release(&needs);
	return r;
}

int
tidy_when_due(struct tidy *t, struct builder *b, struct err *err)
{
	int64_t every = b->settings.keep.every, now = time_mono_ms(), last;
	struct gc g = { 0 };
	auto_fd int turn = -1;
	size_t n;
	int r;

	if (every == 0 || now < t->due)
		return 0;
	if (t->due == 0) {
		if (last_time(b->db, &last, err) == -1)
			return -1;
		last = time_now() - last; /* ago */
		if (last >= 0 && last < every) {
			t->due = now + (every - last) * 1000;
			return 0;
		}
	}
	turn = turn_take(b->workdir, 0, &b->stop, err);
	r = turn == -1 ? -1 : gather(t, b, &g, err);
	n = json_array_size(g.removed);
	if (r == 0 && n > 0)
		event_add(b->db, "tidied", "store", 0,
		    "removed %zu that nothing needs, %.1f MiB", n,
		    (double)g.removed_bytes / (1 << 20));
	if (r == 0)
		log_info("tidied", "removed=%zu bytes=%lld kept=%lld", n,
		    (long long)g.removed_bytes, (long long)g.kept_bytes);
	gc_release(&g);
	t->due = time_mono_ms() + (r == 0 ? every * 1000 : TIDY_AGAIN_MS);
	if (r == -1 && err_no_room(err))
		return -1;
	if (r == -1) {
		log_err("tidy", err);
		err_clear(err);
	}
	return 0;
}
