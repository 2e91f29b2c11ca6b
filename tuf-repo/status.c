/* `kiln-tuf status`: what stands, what waits, and until when. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/cli.h"
#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"
#include "lib/schema.h"
#include "tuf-repo/alarm.h"
#include "tuf-repo/collect.h"
#include "tuf-repo/commands.h"
#include "tuf-repo/metadata.h"
#include "tuf-repo/upload.h"
#include "tuf-repo/work.h"

#define WHERE "kiln-tuf status"

/* Rows of a query as objects: columns named by `names`. */
static int
rows(struct db *db, const char *sql, const char *const *names, json_t *out,
    struct err *err)
{
	auto_stmt struct stmt *q = db_stmt(db, sql);
	int rc;

	while ((rc = stmt_step(q, err)) == 1) {
		json_t *o = json_object();

		for (int i = 0; names[i]; i++) {
			const char *name = names[i];
			size_t n = strlen(name);

			/* "at" is a time, "#x" a number, the rest is text */
			if (stmt_null(q, i))
				js_set(o, name + (*name == '#'), json_null());
			else if (*name == '#')
				js_set_int(o, name + 1, stmt_int(q, i));
			else if (n >= 2 && strcmp(name + n - 2, "at") == 0)
				meta_set_time(o, name, stmt_int(q, i));
			else
				js_set_str(o, name, stmt_str(q, i));
		}
		json_array_append_new(out, o);
	}
	return rc;
}

/* --- gathering --------------------------------------------------------- */

static void
add_alarm(
    struct repo *r, const char *role, const struct tuf_file *file, json_t *out)
{
	auto_buf struct buf text = BUF_INIT;
	json_t *o;

	if (!alarm_text(role, file->expires, r->now, &text))
		return;
	o = json_object();
	js_set_str(o, "role", role);
	js_set_int(o, "days_left", (file->expires - r->now) / DAY);
	js_set_str(o, "text", text.data);
	json_array_append_new(json_object_get(out, "alarms"), o);
}

static int
add_role(
    struct repo *r, const char *role, json_t *out, bool *demo, struct err *err)
{
	json_t *roles = json_object_get(out, "roles");
	bool stands;
	auto_tuf struct tuf_file *file = NULL, *delegator = NULL;
	const struct tuf_role *d;
	json_t *o;

	if (role_load_newest(r->db, role, &file, err) == -1 ||
	    collect_delegator(r, role, &delegator, err) == -1)
		return -1;
	d = tuf_role_find(delegator, role);
	o = json_object();
	json_array_append_new(roles, o);
	js_set_str(o, "role", role);
	js_set_int(o, "threshold", d ? d->threshold : 0);
	js_set_int(o, "keys", d ? (int64_t)d->nkeyids : 0);
	js_set_int(o, "version", file ? file->version : 0);
	if (!file)
		return 0;
	meta_set_time(o, "expires", file->expires);
	js_set_int(o, "days_left", (file->expires - r->now) / DAY);
	js_set_bool(o, "due", file->expires - r->now <= rule_of(role)->renew);
	if (collect_stands(r, role, &stands, err) == -1)
		return -1;
	js_set_bool(o, "stands", stands);
	add_alarm(r, role, file, out);
	if (strcmp(role, "targets") == 0)
		*demo =
		    json_is_true(json_object_get(file->signed_json, "demo"));
	return 0;
}

static int
add_roles(struct repo *r, json_t *out, struct err *err)
{
	static const char *const top[] = { "root", "targets", "snapshot",
		"timestamp" };
	auto_tuf struct tuf_file *targets = NULL;
	json_t *roles = json_array();
	bool demo = false;

	js_set(out, "roles", roles);
	js_set(out, "alarms", json_array());
	if (collect_delegator(r, "brake", &targets, err) == -1)
		return -1;
	for (size_t i = 0; i < 4; i++)
		if (add_role(r, top[i], out, &demo, err) == -1)
			return -1;
	for (size_t i = 0; i < targets->nroles; i++)
		if (rule_of(targets->roles[i].name) &&
		    add_role(r, targets->roles[i].name, out, &demo, err) == -1)
			return -1;
	js_set_bool(out, "demo", demo);
	return 0;
}

static int
add_table(struct repo *r, json_t *out, const char *key, const char *sql,
    const char *const *names, struct err *err)
{
	json_t *list = json_array();

	js_set(out, key, list);
	return rows(r->db, sql, names, list, err);
}

/* A daemon that was not restarted yet has an older tuf.db. */
static int
has_table(struct db *db, const char *name, bool *yes, struct err *err)
{
	static const char sql[] = "SELECT 1 FROM sqlite_schema WHERE name = ?1";
	auto_stmt struct stmt *q = db_stmt(db, sql);
	int rc;

	stmt_bind_str(q, 1, name);
	rc = stmt_step(q, err);
	*yes = rc == 1;
	return rc == -1 ? -1 : 0;
}

/* What kiln-tuf upload said last; nothing where there is none. */
static void
add_upload(const struct farm *farm, json_t *out)
{
	auto_buf struct buf b = BUF_INIT;
	struct err none = ERR_INIT;
	json_t *list = json_array(), *j;

	js_set(out, "uploads", list);
	if (file_read_at(
		farm->dirfd, "upload/" UPLOAD_STATUS, 65536, &b, &none) == -1)
		return;
	j = js_record(UPLOAD_STATUS, "kiln/upload", 1, b.data, b.len, &none);
	if (j)
		json_array_append_new(list, j);
}

static int
gather(struct repo *r, json_t *out, struct err *err)
{
	static const char *const release[] = { "service", "arch", "version",
		"type", "#serial", "digest", "published_at", NULL };
	static const char *const set[] = { "channel", "arch", "#counter",
		"digest", "at", NULL };
	static const char *const refusal[] = { "service", "arch", "cause",
		"text", "release", "at", NULL };
	static const char *const waiting[] = { "channel", "arch", "text", "at",
		NULL };
	static const char *const publication[] = { "#id", "#timestamp",
		"#snapshot", "at", NULL };
	static const char *const draft[] = { "role", "#version", "#signatures",
		NULL };
	static const char *const asked[] = { "#id", "kind", "channel", "by",
		"text", "command", "at", NULL };
	static const char *const handed[] = { "#id", "role", "#version", "key",
		"#taken", "text", "at", NULL };
	bool newest;
	int64_t cycle;

	if (add_roles(r, out, err) == -1 ||
	    state_get(r->db, "served_cycle", &cycle, err) == -1)
		return -1;
	js_set_int(out, "served_cycle", cycle);
	if (add_table(r, out, "publications",
		"SELECT id, timestamp_version, snapshot_version, at"
		" FROM publication ORDER BY id DESC LIMIT 1",
		publication, err) == -1 ||
	    add_table(r, out, "releases",
		"SELECT service, arch, version, type, serial, digest,"
		" published_at FROM release WHERE current = 1"
		" ORDER BY service, arch",
		release, err) == -1 ||
	    add_table(r, out, "sets",
		"SELECT channel, arch, max(counter), digest, at"
		" FROM published_set GROUP BY channel, arch",
		set, err) == -1 ||
	    add_table(r, out, "sets_waiting",
		"SELECT channel, arch, text, at FROM set_waiting", waiting,
		err) == -1)
		return -1;
	if (add_table(r, out, "drafts",
		"SELECT name, version, (SELECT count(*) FROM signature s WHERE"
		" s.name = a.name AND s.version = a.version) FROM role a WHERE"
		" file IS NULL AND version = (SELECT max(version) FROM role b"
		" WHERE b.name = a.name) ORDER BY name",
		draft, err) == -1 ||
	    add_table(r, out, "asked",
		"SELECT id, kind, channel, by, text, command, at FROM asked"
		" WHERE done_at IS NULL ORDER BY id",
		asked, err) == -1 ||
	    has_table(r->db, "handed_in", &newest, err) == -1 ||
	    (newest && add_table(r, out, "handed_in",
			   "SELECT id, role, version, key, taken, text, at FROM"
			   " handed_in ORDER BY id DESC LIMIT 10",
			   handed, err) == -1))
		return -1;
	return add_table(r, out, "refusals",
	    "SELECT service, arch, cause, text, release, at FROM refusal"
	    " WHERE cause <> 'superseded' ORDER BY service, at",
	    refusal, err);
}

/* --- showing ----------------------------------------------------------- */

static const char *
word(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "-";
}

static long long
number(const json_t *o, const char *key)
{
	return (long long)json_integer_value(json_object_get(o, key));
}

static void
show_role(const json_t *o)
{
	long long k = number(o, "threshold");

	printf("%-24s ", word(o, "role"));
	if (number(o, "version") == 0)
		printf("waits for signatures");
	else
		printf("version %-5lld until %s%s", number(o, "version"),
		    word(o, "expires"),
		    json_is_true(json_object_get(o, "due")) ? " (due)" : "");
	printf("  by %lld %s\n", k, k == 1 ? "party" : "parties");
	if (json_is_false(json_object_get(o, "stands")))
		printf("%-24s must be signed again: a key it had left, and"
		       " until then nothing new is published\n",
		    word(o, "role"));
}

static void
show_alarm(const json_t *o)
{
	printf("alarm: %s\n", word(o, "text"));
}

static void
show_release(const json_t *o)
{
	printf("%-24s %s %s, serial %lld, published %s\n", word(o, "service"),
	    word(o, "version"), word(o, "arch"), number(o, "serial"),
	    word(o, "published_at"));
}

static void
show_set(const json_t *o)
{
	printf("set %s/%s %lld since %s\n", word(o, "channel"), word(o, "arch"),
	    number(o, "counter"), word(o, "at"));
}

static void
show_waiting(const json_t *o)
{
	printf("no new set %s/%s: %s\n", word(o, "channel"), word(o, "arch"),
	    word(o, "text"));
}

static void
show_refusal(const json_t *o)
{
	printf("not published: %s %s: %s (cause=%s)\n", word(o, "service"),
	    word(o, "arch"), word(o, "text"), word(o, "cause"));
}

static void
show_draft(const json_t *o)
{
	printf("%-24s version %lld waits, signed by %lld\n", word(o, "role"),
	    number(o, "version"), number(o, "signatures"));
}

static void
show_asked(const json_t *o)
{
	printf("asked: %s %s, by %s: %s: %s\n", word(o, "kind"),
	    word(o, "channel"), word(o, "by"), word(o, "text"),
	    word(o, "command"));
}

static void
show_handed(const json_t *o)
{
	if (number(o, "taken") == 0)
		printf("signature refused: %s %lld, by key %.16s: %s\n",
		    word(o, "role"), number(o, "version"), word(o, "key"),
		    word(o, "text"));
}

static void
show_publication(const json_t *o)
{
	printf("published %s: timestamp %lld, snapshot %lld\n", word(o, "at"),
	    number(o, "timestamp"), number(o, "snapshot"));
}

static void
show_upload(const json_t *o)
{
	if (strcmp(word(o, "state"), "complete") == 0)
		printf("%s: complete at %s\n", word(o, "to"), word(o, "at"));
	else
		printf("%s: %lld files wait: %s\n", word(o, "to"),
		    number(o, "waiting"), word(o, "error"));
}

static void
each(const json_t *all, const char *key, void (*show)(const json_t *))
{
	const json_t *list = json_object_get(all, key);

	for (size_t i = 0; i < json_array_size(list); i++)
		show(json_array_get(list, i));
}

static void
show(const json_t *all)
{
	each(all, "alarms", show_alarm);
	each(all, "roles", show_role);
	each(all, "releases", show_release);
	each(all, "sets", show_set);
	each(all, "sets_waiting", show_waiting);
	each(all, "drafts", show_draft);
	each(all, "asked", show_asked);
	each(all, "handed_in", show_handed);
	each(all, "refusals", show_refusal);
	each(all, "publications", show_publication);
	each(all, "uploads", show_upload);
	if (json_is_true(json_object_get(all, "demo")))
		printf("a demonstration: root and targets are by 1 party, and"
		       " routers refuse it unless told otherwise\n");
}

static int
status(struct work *w, bool json, struct err *err)
{
	auto_free char *path = farm_file(&w->farm, "tuf.db");
	auto_json json_t *out = json_object();
	auto_buf struct buf text = BUF_INIT;

	if (drop_to(ROLE_TUF, err) == -1)
		return -1;
	w->repo.now = time_now();
	w->repo.db = db_open_reader_of(path, TUF_SCHEMA, err);
	if (!w->repo.db)
		return -1;
	if (repo_is_made(w->repo.db, err) == -1 ||
	    gather(&w->repo, out, err) == -1)
		return -1;
	add_upload(&w->farm, out);
	if (!json) {
		show(out);
		return 0;
	}
	js_text(out, true, &text);
	printf("%s\n", text.data);
	return 0;
}

int
cmd_status(int argc, char **argv)
{
	static const struct option options[] = {
		{ "state", required_argument, NULL, 's' },
		{ "json", no_argument, NULL, 'j' },
		{ NULL, 0, NULL, 0 },
	};
	struct work w = WORK_INIT;
	struct err err = ERR_INIT;
	bool json = false;
	int c, rc = -1;

	while ((c = getopt_long(argc, argv, "s:j", options, NULL)) != -1) {
		if (c == 's')
			w.state = optarg;
		else if (c == 'j')
			json = true;
		else
			return cli_usage(WHERE, "see --help");
	}
	if (optind != argc)
		return cli_usage(WHERE, "it takes no argument");
	if (work_enter(&w, false, &err) == 0)
		rc = status(&w, json, &err);
	work_release(&w);
	return rc == 0 ? EXIT_DONE : cli_fail(WHERE, &err, json);
}
