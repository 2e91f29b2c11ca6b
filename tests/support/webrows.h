/*
 * What a farm of tests has in its databases and folders, some of it hostile;
 * which pages show it, and what every page must be.
 */
#ifndef KILN_TEST_WEBROWS_H
#define KILN_TEST_WEBROWS_H

#include "tests/support/webfarm.h"

#define EVIL "<script>alert('&\"')</script>"

static char KILN_UNUSED plan[HASH_HEX], image[HASH_HEX], log_hex[HASH_HEX];
static char KILN_UNUSED big_log[HASH_HEX], record[HASH_HEX], verdict[HASH_HEX];
static char KILN_UNUSED target_path[256];
#define BIG_LINES 20000

/* About the image. */
static void KILN_UNUSED
document(const char *format, const char *text)
{
	char hex[HASH_HEX];

	webfarm_put(text, strlen(text), hex);
	webfarm_sql(webfarm.farm_db,
	    "INSERT INTO document (subject, format, digest)"
	    " VALUES ('%s', '%s', '%s')",
	    image, format, hex);
}

/* Two of the image: in a machine, then of a script that found a fault. */
static void KILN_UNUSED
proofs(void)
{
	static const char said[] =
	    "{\"predicate\":{\"failedTests\":[\""
	    "<script>bad"
	    "\"],"
	    "\"kiln_measured\":{\"parts\":[{\"bytes\":7,\"origin\":"
	    "\"<b>unbound\"}]},\"passedTests\":[\"a lease\"]}}";
	static const char older[] = "{\"predicate\":{}}";
	struct db *f = webfarm.farm_db;
	char hex[HASH_HEX], old[HASH_HEX];

	webfarm_put(older, sizeof(older) - 1, old);
	webfarm_put(said, sizeof(said) - 1, hex);
	webfarm_sql(f,
	    "INSERT INTO proof (digest, at, arch, script, passed, failed)"
	    " VALUES ('%s', 1700000000, 'amd64', 'first.sh', 1, 0)",
	    old);
	webfarm_sql(f,
	    "INSERT INTO proof (digest, at, arch, script, passed, failed,"
	    " kernel, accel, memory, answer_ms, least) VALUES ('%s',"
	    " 1700000001, 'amd64', '<i>dhcp.sh', 1, 1, '%s', 'tcg', 50331648,"
	    " 2249, 41943040)",
	    hex, plan);
	webfarm_sql(f,
	    "INSERT INTO proof_subject (digest, proof) SELECT '%s', id FROM"
	    " proof",
	    image);
	webfarm_sql(f, "UPDATE recipe SET image_max = 4194304 WHERE name ="
		       " 'dns-dhcp'");
}

static void KILN_UNUSED
rows(void)
{
	static const char bad_log[] =
	    "gcc -c x.c\n</pre>" EVIL "\033[31mred\0nul \xff\xfe utf8\n";
	static const char run[] =
	    "{\"builder\":\"farm\",\"kind\":\"kiln/run\",\"machine\":{\"cores\""
	    ":2,\"cpu\":\"<script>x\",\"kernel\":\"6.1\"},\"v\":1}";
	static const char a_plan[] = "{\"uses\":[]}";
	static const char judged[] =
	    "{\"by\":[\"farm\"],\"kind\":\"kiln/verdict\",\"lanes\":[\"A\","
	    "\"B\"],\"not_varied\":[\"cpu\"],\"v\":1,\"varied\":[\"date\"]}";
	struct db *f = webfarm.farm_db;
	auto_buf struct buf big = BUF_INIT;
	int i;

	for (i = 0; i < BIG_LINES; i++)
		buf_printf(&big, "line %d of a long build\n", i);
	webfarm_put(a_plan, sizeof(a_plan) - 1, plan);
	webfarm_put("0123456789", 10, image);
	webfarm_put(bad_log, sizeof(bad_log) - 1, log_hex);
	webfarm_put(big.data, big.len, big_log);
	webfarm_put(run, strlen(run), record);
	webfarm_put(judged, strlen(judged), verdict);
	webfarm_sql(f,
	    "INSERT INTO event (at, kind, subject, text) VALUES"
	    " (1700000000, 'archive-changed', 'bookworm', '%s')",
	    "<script>alert(''&\"'')</script>");
	webfarm_sql(f,
	    "INSERT INTO suite (name, uri, inrelease, date, valid_until, "
	    "changed_at, checked_at) VALUES ('bookworm', 'x', '%s', 1, NULL, "
	    "1, 1)",
	    plan);
	webfarm_sql(f,
	    "INSERT INTO recipe (name, kind, summary, tree, lock, error, "
	    "loaded_at) VALUES ('dns-dhcp', 'source', 'a"
	    " summary', '%s', '%s', NULL, 1)",
	    plan, plan);
	webfarm_sql(f,
	    "INSERT INTO recipe (name, kind, summary, tree, lock, error, "
	    "loaded_at) VALUES ('\"><img src=x>', 'source', '%s', '%s',"
	    " NULL, '%s', 1)",
	    "<b>x</b>", plan, "<i>held</i>");
	webfarm_sql(f,
	    "INSERT INTO lock (digest, recipe, made_at, origin, request, "
	    "event) VALUES ('%s', 'dns-dhcp', 1, 'archive', '%s', 1)",
	    plan, plan);
	webfarm_sql(f,
	    "INSERT INTO plan (digest, recipe, stage, lock, made_at, event, "
	    "verdict, verdict_record, judged_at) VALUES ('%s', 'dns-dhcp', "
	    "'image', '%s', 1, 1,"
	    " 'reproduced', '%s', 2)",
	    plan, plan, verdict);
	webfarm_sql(f,
	    "INSERT INTO current (recipe, stage, plan) VALUES ('dns-dhcp', "
	    "'image', '%s')",
	    plan);
	webfarm_sql(f,
	    "INSERT INTO run (id, plan, lane, state, queued_at, started_at, "
	    "finished_at, environment, log, record, cause, message, wall_ms, "
	    "cpu_ms, max_rss_kib) VALUES (1, '%s', 'A', 'succeeded', 1, 1, 2, "
	    "'%s',"
	    " '%s', '%s', NULL, NULL, 9000, 8000, 51200)",
	    plan, plan, log_hex, record);
	webfarm_sql(f,
	    "INSERT INTO run (id, plan, lane, state, queued_at, started_at, "
	    "finished_at, environment, log, record, cause, message, wall_ms, "
	    "cpu_ms, max_rss_kib) VALUES (2, '%s', 'B', 'failed', 1, 1, 2, "
	    "'%s',"
	    " '%s', NULL, 'exit', '<u>ended</u>', 9000, 8000, 51200)",
	    plan, plan, big_log);
	webfarm_sql(f,
	    "INSERT INTO run (id, plan, lane, state, queued_at, started_at, "
	    "finished_at, environment, log, record, cause, message, wall_ms, "
	    "cpu_ms, max_rss_kib) VALUES (3, '%s', 'A', 'running', 1, 1, NULL,"
	    " NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)",
	    plan);
	webfarm_sql(f,
	    "INSERT INTO run (id, plan, lane, state, queued_at, started_at, "
	    "finished_at, environment, log, record, cause, message, wall_ms, "
	    "cpu_ms, max_rss_kib) VALUES (4, '%s', 'A', 'queued', 1, NULL, "
	    "NULL,"
	    " NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)",
	    plan);
	webfarm_sql(f,
	    "INSERT INTO output (run, name, digest, size) VALUES (1, 'image', "
	    "'%s', 10)",
	    image);
	/* As its owner does it: the verdict comes after the outputs. */
	webfarm_sql(
	    f, "UPDATE plan SET verdict = verdict WHERE digest = '%s'", plan);
	webfarm_sql(f,
	    "INSERT INTO lock_change (event, recipe, part, package, old, new,"
	    " suite, security) VALUES (1, 'dns-dhcp', 'image', '%s', '%s',"
	    " '%s', '%s', 1)",
	    "<script>alert(''p'')</script>", "<b>1</b>", "\"><img src=y>",
	    "<i>suite</i>");
	webfarm_sql(f,
	    "INSERT INTO release (digest, service, arch, plan, made_at) VALUES "
	    "('%s', 'dns-dhcp', 'amd64', '%s', 3)",
	    plan, plan);
	webfarm_sql(f, "INSERT INTO progress (id, what, subject, unit, done, "
		       "total, started_at, updated_at, ended_at) VALUES (1, "
		       "'build', 'dns-dhcp', 'runs', 1, 2,"
		       " 1, 1, NULL)");
	proofs();
	document("spdx", "{\"spdxVersion\":\"SPDX-2.3\"}");
	document("cyclonedx", "{\"bomFormat\":\"CycloneDX\"}");
	document("buildinfo", "Format: 1.0\n");
	f = webfarm.tuf_db;
	webfarm_sql(f, "INSERT INTO publication (id, at, timestamp_version, "
		       "snapshot_version, targets_version, root_version) "
		       "VALUES (1, 1, 9, 8, 7, 1)");
	webfarm_sql(f,
	    "INSERT INTO own_target (digest, bytes, made_at) VALUES ('%s', "
	    "'set', 1)",
	    image);
	webfarm_sql(f,
	    "INSERT INTO \"set\" (channel, arch, counter, digest, made_at, "
	    "published_at) VALUES ('edge', 'amd64', 3, '%s', 1, 1)",
	    image);
	webfarm_sql(f,
	    "INSERT INTO refusal (release, service, arch, at, cause, text) "
	    "VALUES ('%s', 'x', 'amd64', 1, 'size', '%s')",
	    plan, "<s>why</s>");
	webfarm_file("log/runs", "run-3.log", "still <busy>\n", 13);
	webfarm_file("tuf/metadata", "timestamp.json", "{\"a\":1}", 7);
	webfarm_file("tuf/metadata", "1.root.json", "{\"b\":1}", 7);
	snprintf(target_path, sizeof(target_path), "images/dns/amd64/%s.%s",
	    image, image);
	webfarm_file("tuf/targets/images/dns/amd64",
	    strrchr(target_path, '/') + 1, "0123456789", 10);
}

static int KILN_UNUSED
group_setup(void **state)
{
	(void)state;
	webfarm_make(true);
	rows();
	webfarm_child_start();
	return 0;
}

static int KILN_UNUSED
group_teardown(void **state)
{
	(void)state;
	return webfarm_stop();
}

static const char *const KILN_UNUSED pages[] = { "/", "/recipes", "/proofs",
	"/recipe/dns-dhcp", "/builds", "/build/1", "/build/2", "/build/3",
	"/build/4", "/build/1/log", "/build/2/log", "/build/3/log",
	"/build/4/log", "/build/2/log?from=100", "/releases", "/fleet",
	"/exposure", "/exposure?security=1", "/trust", "/compare/1/2",
	"/find?q=x", "/builds?state=failed", "/fleet?state=committed",
	"/devices", "/devices?standing=held" };

/* Every element that is opened is closed, in order, and nothing else looks
 * like markup. */
static void KILN_UNUSED
assert_well_formed(const char *page, const char *text)
{
	static const char *const voids[] = { "meta", "link", "br", "img",
		"input" };
	char open[64][16];
	size_t depth = 0, i;
	const char *p = text;

	assert_int_equal(strncmp(text, "<!doctype html>\n", 16), 0);
	for (p += 16; (p = strchr(p, '<')) != NULL;) {
		bool closing = p[1] == '/', is_void = false;
		char name[16];
		size_t n;

		p += 1 + closing;
		n = strspn(p, "abcdefghijklmnopqrstuvwxyz123456");
		if (n == 0 || n >= sizeof(name))
			fail_msg("%s: a bare < before %.40s", page, p);
		memcpy(name, p, n);
		name[n] = '\0';
		for (i = 0; i < ARRAY_LEN(voids); i++)
			is_void |= strcmp(voids[i], name) == 0;
		if (closing) {
			if (depth == 0 || strcmp(open[--depth], name) != 0)
				fail_msg(
				    "%s: </%s> closes nothing", page, name);
		} else if (!is_void) {
			assert_true(depth < ARRAY_LEN(open));
			memcpy(open[depth++], name, n + 1);
		}
		p = strchr(p, '>');
		assert_non_null(p);
	}
	assert_int_equal(depth, 0);
}

#endif
