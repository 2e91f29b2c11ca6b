/*
 * web.db: routers of the edge channel that came to three of its published
 * sets, one after the other; some went back, some are silent since.
 */
#include <stdio.h>
#include <string.h>

#include "lib/attr.h"
#include "lib/canon.h"
#include "lib/db.h"
#include "lib/hex.h"
#include "lib/json.h"
#include "lib/num.h"
#include "lib/own.h"
#include "tests/bench/history.h"
#include "web/routers.h"
#include "web/schema.h"

#define SETS 3
#define TOGETHER 5000

struct fleet {
	struct db *web, *tuf;
	struct {
		int64_t counter;
		char digest[HASH_HEX];
	} set[SETS];
	int64_t timestamp;
};

/* The newest ones, oldest first. */
static int
sets(struct fleet *f, struct err *err)
{
	static const char sql[] =
	    "SELECT counter, digest, (SELECT max(timestamp_version) FROM"
	    " publication) FROM published_set WHERE channel = 'edge' AND"
	    " arch = 'amd64' ORDER BY counter DESC LIMIT 3";
	auto_stmt struct stmt *q = db_stmt(f->tuf, sql);
	int got;

	for (size_t i = SETS; i-- > 0;) {
		if ((got = stmt_step(q, err)) != 1)
			return got == -1 ? -1
					 : err_set(err, ERR_MISSING,
					       "publish three sets first");
		f->set[i].counter = stmt_int(q, 0);
		snprintf(f->set[i].digest, HASH_HEX, "%s", stmt_str(q, 1));
		f->timestamp = stmt_int(q, 2);
	}
	return 0;
}

static void
metadata(json_t *j, int64_t timestamp)
{
	json_t *m = json_object();

	js_set_int(m, "root", 1);
	js_set_int(m, "timestamp", timestamp);
	js_set_int(m, "snapshot", timestamp);
	js_set_int(m, "targets", 1);
	js_set(j, "metadata", m);
}

static json_t *
body(const struct said *s, const struct hash *image)
{
	json_t *j = js_record_new("kiln/report", 2), *set = json_object();
	json_t *update = json_object();
	json_t *services = json_array(), *one = json_object();
	char at[TIME_TEXT];

	time_text(time_now(), at);
	js_set_str(j, "router", s->router);
	js_set_int(j, "sequence", s->sequence);
	js_set(j, "previous", json_null());
	js_set_str(j, "at", at);
	js_set_str(j, "agent", s->agent);
	js_set_str(j, "arch", s->arch);
	js_set_str(j, "channel", s->channel);
	js_set_str(j, "accel", "kvm");
	js_set_str(j, "state", s->state);
	js_set_str(j, "cause", s->cause);
	js_set_int(set, "counter", s->counter);
	js_set_str(set, "sha256", s->set_sha);
	js_set(j, "set", set);
	js_set_str(one, "service", "dns-dhcp");
	js_set_hash(one, "image", image);
	js_set_str(one, "state", "running");
	json_array_append_new(services, one);
	js_set(j, "services", services);
	js_set(j, "kernel", json_null());
	metadata(j, s->timestamp);
	js_set_int(update, "bytes", s->bytes);
	js_set_int(update, "switch_ms", s->gap_ms);
	js_set(j, "update", update);
	return j;
}

static int
report(struct fleet *f, int64_t router, int64_t sequence, struct err *err)
{
	static const char *const causes[] = { "probe-dns", "probe-dhcp", "boot",
		"memory" };
	/* The last step fails for one of twenty, who keep the set before. */
	bool back = sequence == SETS && router % 20 == 3;
	size_t i = (size_t)sequence - 1 - back;
	auto_buf struct buf text = BUF_INIT;
	char id[HASH_HEX], key[HASH_HEX];
	struct hash h, image;
	struct said s = { .router = id,
		.key = key,
		.state = back ? "rolled-back" : "committed",
		.cause = back ? causes[router / 20 % 4] : NULL,
		.channel = "edge",
		.arch = "amd64",
		.agent = router % 7 ? "0.1.0" : "0.0.9",
		.set_sha = f->set[i].digest,
		.counter = f->set[i].counter,
		.sequence = sequence,
		.timestamp = f->timestamp - (router % 11 == 0 ? 2 : 0),
		.bytes = 100000 + router % 997 * 1000,
		.gap_ms = 5 + router % 13,
		.published = true };

	history_digest(&h, "key", router, 0);
	hash_hex(&h, key);
	hash_bytes(&h, h.b, sizeof(h.b));
	hash_hex(&h, id);
	history_digest(&image, "running", (int64_t)i, 0);
	auto_json json_t *j = body(&s, &image);

	if (canon_json(j, &text, err) == -1)
		return -1;
	s.body = text.data;
	s.body_len = text.len;
	return routers_said(f->web, &s, err);
}

static int
reports(struct fleet *f, int64_t routers, struct err *err)
{
	static const char sql[] =
	    "SELECT count(*) FROM router WHERE sequence = ?1 OR rowid % 30 = 5";
	int64_t n = SETS * routers;

	{
		auto_stmt struct stmt *q = db_stmt(f->web, sql);

		stmt_bind_int(q, 1, SETS);
		if (stmt_step(q, err) != 1)
			return -1;
		if (stmt_int(q, 0) >= routers)
			return 0; /* they are there */
	}
	for (int64_t i = 0; i < n; i++) {
		int64_t router = i % routers, sequence = i / routers + 1;
		/* One of thirty has been silent since the first. */
		bool silent = sequence > 1 && router % 30 == 4;

		history_clock(i, n);
		if ((i % TOGETHER == 0 && db_begin(f->web, err) == -1) ||
		    (!silent && report(f, router, sequence, err) == -1) ||
		    ((i + 1 == n || i % TOGETHER == TOGETHER - 1) &&
			db_commit(f->web, err) == -1))
			return -1;
	}
	return 0;
}

int
history_routers(const struct farm *farm, int64_t routers, struct err *err)
{
	auto_free char *web = farm_file(farm, "web.db");
	auto_free char *tuf = farm_file(farm, "tuf.db");
	auto_db struct db *reader = db_open_reader(tuf, err);
	struct fleet f = { .tuf = reader };
	int rc;

	if (reader == NULL || sets(&f, err) == -1)
		return -1;
	f.web = db_open(web, web_migrations, web_migrations_count, err);
	rc = f.web ? reports(&f, routers, err) : -1;
	db_close(f.web);
	return rc;
}
