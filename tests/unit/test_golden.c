/* rooms: builder builder/inputs builder/plan builder/bake builder/exec
 * builder/judge router-agent/boot.c router-agent/clock.c
 * router-agent/trust/brake.c router-agent/trust/turn.c
 * router-agent/trust/rules.c router-agent/trust/rules_order.c
 * router-agent/trust/keyset.c router-agent/trust/rules_image.c
 * router-agent/trust/rules_probe.c router-agent/trust/rules_serve.c
 * router-agent/set.c router-agent/set_wire.c router-agent/set_json.c
 * router-agent/probe_spec.c */
/*
 * tests/golden/ holds one file of each format of docs/formats.md.  Every
 * reader and writer of that format is held against it here (a report's
 * receiver in test_web_report.c).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

/* Alone: their rooms clash with the builder's or need all the others.  The
 * guest's own program has no libkiln and a cleanup of its own. */
#define printable guest_printable
#define path_ok guest_path_ok
#include "recipes/guest-init/config.c"
#include "recipes/guest-init/guest.c"
#undef auto_json
#undef printable
#undef path_ok
#include "router-agent/machine/guest.c"
#include "tests/support/tuf/tufmake.c"

#define get_text release_get_text
#include "tuf-repo/release.c"
#include "tuf-repo/roles.c"

#include <cmocka.h>

#include "builder/inputs/lock.h"
#include "builder/inputs/lock_json.h"
#include "builder/judge/verdict.h"
#include "builder/plan/plan.h"
#include "lib/canon.h"
#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"
#include "router-agent/trust/rules.h"

#define GOLDEN "tests/golden/"

static const struct {
	const char *name, *kind;
} formats[] = {
	{ "lock", "kiln/lock" },
	{ "lock-2", "kiln/lock" },
	{ "plan", "kiln/plan" },
	{ "plan-image", "kiln/plan" },
	{ "plan-1", "kiln/plan" },
	{ "run", "kiln/run" },
	{ "verdict", "kiln/verdict" },
	{ "release", "kiln/release" },
	{ "release-kernel", "kiln/release" },
	{ "probe", "kiln/probe" },
	{ "set", "kiln/set" },
	{ "brake", "kiln/brake" },
	{ "report", "kiln/report" },
	{ "report-1", "kiln/report" },
	{ "signature", "kiln/signature" },
	{ "guest", "kiln/guest" },
	{ "origin", "kiln/origin" },
	{ "origin-2", "kiln/origin" },
	{ "recipe-tree", "kiln/recipe-tree" },
	{ "recipe-signature", "kiln/recipe-signature" },
};

static void
golden(const char *name, struct buf *out)
{
	auto_free char *path = mem_printf(GOLDEN "%s.json", name);
	struct err err = ERR_INIT;

	buf_clear(out);
	if (file_read(path, 1 << 20, out, &err) == -1)
		fail_msg("%s", err.msg);
}

static json_t *
golden_json(const char *name)
{
	auto_buf struct buf text = BUF_INIT;
	struct err err = ERR_INIT;
	json_t *j;

	golden(name, &text);
	j = js_parse(name, text.data, text.len, &err);
	assert_non_null(j);
	return j;
}

static void
assert_golden(const char *name, const json_t *j)
{
	auto_buf struct buf want = BUF_INIT, got = BUF_INIT;
	struct err err = ERR_INIT;

	golden(name, &want);
	assert_int_equal(canon_json(j, &got, &err), 0);
	assert_string_equal(got.data, want.data);
}

/* --- all of them -----------------------------------------------------------*/

static int
newest(const char *kind)
{
	static const char *const second[] = { "kiln/plan", "kiln/lock",
		"kiln/report", "kiln/origin" };

	for (size_t i = 0; i < ARRAY_LEN(second); i++)
		if (strcmp(kind, second[i]) == 0)
			return 2;
	return 1;
}

static void
every_golden_file_is_canonical(void **state)
{
	auto_buf struct buf text = BUF_INIT, again = BUF_INIT;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(formats); i++) {
		struct err err = ERR_INIT;
		json_t *j;

		golden(formats[i].name, &text);
		j = js_record(formats[i].name, formats[i].kind,
		    newest(formats[i].kind), text.data, text.len, &err);
		if (!j)
			fail_msg("%s", err.msg);
		buf_clear(&again);
		assert_int_equal(canon_json(j, &again, &err), 0);
		assert_int_equal(again.len, text.len);
		assert_memory_equal(again.data, text.data, text.len);
		json_decref(j);
	}
}

static void
a_higher_version_and_another_kind_are_refused(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(formats); i++) {
		auto_buf struct buf text = BUF_INIT, newer = BUF_INIT;
		auto_json json_t *j = golden_json(formats[i].name);
		struct err err = ERR_INIT;

		golden(formats[i].name, &text);
		assert_null(
		    js_record("x", "kiln/other", 1, text.data, text.len, &err));
		assert_int_equal(err.cls, ERR_INPUT);
		js_set_int(j, "v", 2);
		js_text(j, false, &newer);
		assert_null(js_record(
		    "x", formats[i].kind, 1, newer.data, newer.len, &err));
		assert_int_equal(err.cls, ERR_INPUT);
	}
}

/* --- builder/ --------------------------------------------------------------*/

static void
the_lock_is_read_and_written_the_same(void **state)
{
	static const char *const names[] = { "lock", "lock-2" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		auto_buf struct buf text = BUF_INIT;
		struct err err = ERR_INIT;
		auto_lock struct lock *l = NULL;
		auto_json json_t *j = NULL;

		golden(names[i], &text);
		l = lock_parse(names[i], text.data, text.len, &err);
		if (!l)
			fail_msg("%s", err.msg);
		j = lock_json(l);
		assert_golden(names[i], j);
	}
}

/* What version 1 can say is said in it: one text for a lock. */
static void
a_lock_of_the_wrong_version_for_what_it_holds_is_refused(void **state)
{
	static const struct {
		const char *name;
		int v;
	} cases[] = { { "lock", 2 }, { "lock-2", 1 }, { "lock-2", 3 } };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		auto_json json_t *j = golden_json(cases[i].name);
		auto_buf struct buf text = BUF_INIT;
		auto_lock struct lock *l = NULL;
		struct err err = ERR_INIT;

		js_set_int(j, "v", cases[i].v);
		assert_int_equal(canon_json(j, &text, &err), 0);
		l = lock_parse("it", text.data, text.len, &err);
		assert_null(l);
		assert_int_equal(err.cls, ERR_INPUT);
	}
}

static void
an_unknown_key_of_a_lock_or_plan_is_refused(void **state)
{
	static const char *const names[] = { "lock", "plan", "plan-image",
		"release" };
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(names); i++) {
		auto_buf struct buf text = BUF_INIT;
		auto_json json_t *j = golden_json(names[i]);
		struct err err = ERR_INIT;
		struct release r = RELEASE_INIT;

		js_set_int(j, "more", 1);
		assert_int_equal(canon_json(j, &text, &err), 0);
		assert_null(lock_parse("lock", text.data, text.len, &err));
		assert_null(plan_parse("plan", text.data, text.len, &err));
		assert_int_equal(
		    release_parse(&r, text.data, text.len, &err), -1);
	}
}

static void
both_plans_are_read(void **state)
{
	auto_buf struct buf text = BUF_INIT;
	struct err err = ERR_INIT;
	auto_plan struct plan *build = NULL, *image = NULL, *old = NULL;

	(void)state;
	golden("plan", &text);
	build = plan_parse("plan", text.data, text.len, &err);
	if (!build)
		fail_msg("%s", err.msg);
	assert_int_equal(build->stage, STAGE_BUILD);
	assert_string_equal(build->script, "build.sh");
	assert_int_equal(build->clock, 1577836800);
	golden("plan-image", &text);
	image = plan_parse("plan", text.data, text.len, &err);
	if (!image)
		fail_msg("%s", err.msg);
	assert_int_equal(image->stage, STAGE_IMAGE);
	assert_int_equal(image->nfiles, 2);
	assert_string_equal(image->own, "self");
	golden("plan-1", &text);
	old = plan_parse("plan", text.data, text.len, &err);
	if (!old)
		fail_msg("%s", err.msg);
	assert_string_equal(old->own, "dns-dhcp");
}

/* The golden run is of lane B; lane A's said the same but varied nothing. */
static void
the_verdict_follows_from_the_runs(void **state)
{
	auto_json json_t *b = golden_json("run"), *a = golden_json("run");
	auto_json json_t *v = NULL;
	struct verdict_run runs[2] = { { .record = b }, { .record = a } };
	enum verdict verdict;
	struct err err = ERR_INIT;
	struct hash plan;

	(void)state;
	js_set_str(a, "lane", "A");
	js_set(a, "variations", json_array());
	assert_int_equal(canon_hash(a, &runs[1].digest, &err), 0);
	assert_int_equal(canon_hash(b, &runs[0].digest, &err), 0);
	assert_int_equal(js_hash("run", b, "plan", &plan, &err), 0);
	v = verdict_make(&plan, runs, 2, &verdict, &err);
	if (!v)
		fail_msg("%s", err.msg);
	assert_int_equal(verdict, VERDICT_REPRODUCED);
	assert_golden("verdict", v);
}

/* --- tuf-repo/ -------------------------------------------------------------*/

static void
releases_are_read(void **state)
{
	auto_buf struct buf text = BUF_INIT;
	auto_release struct release vm = RELEASE_INIT, kernel = RELEASE_INIT;
	auto_json json_t *probe = golden_json("probe");
	struct err err = ERR_INIT;

	(void)state;
	golden("release", &text);
	if (release_parse(&vm, text.data, text.len, &err) == -1)
		fail_msg("%s", err.msg);
	assert_string_equal(vm.service, "dns-dhcp");
	assert_int_equal(vm.ntargets, 1);
	/* The probe in it is the golden one. */
	assert_true(json_equal(
	    probe, json_array_get(
		       json_object_get(vm.targets[0].custom, "probes"), 0)));
	golden("release-kernel", &text);
	if (release_parse(&kernel, text.data, text.len, &err) == -1)
		fail_msg("%s", err.msg);
	assert_true(kernel.kernel);
	assert_int_equal(kernel.ntargets, 2);
}

/* --- router-agent/ ---------------------------------------------------------*/

struct published {
	struct tuf_target set, brake;
	bool braked;
};

static int
find(void *arg, const char *path, const struct tuf_target **t,
    const char **role, struct err *err)
{
	struct published *p = arg;

	*role = "sets-edge";
	if (strcmp(path, "sets/edge/amd64.json") == 0) {
		*t = &p->set;
		return 0;
	}
	if (p->braked && strcmp(path, "brake/edge/amd64.json") == 0) {
		*t = &p->brake;
		return 0;
	}
	return err_set(err, ERR_MISSING, "nobody lists %s", path);
}

static int
role(void *arg, const char *name, struct err *err)
{
	(void)arg;
	return err_set(err, ERR_MISSING, "no role %s here", name);
}

static int
bytes(void *arg, const struct tuf_target *t, struct buf *out, struct err *err)
{
	struct published *p = arg;

	(void)err;
	golden(t == &p->set ? "set" : "brake", out);
	return 0;
}

/* A tree of one key, with nothing in it. */
static struct tuf_trust *
trust(int64_t now)
{
	static const char *const roles[] = { "root", "timestamp", "snapshot",
		"targets" };
	auto_buf struct buf root = BUF_INIT, snapshot = BUF_INIT;
	auto_buf struct buf timestamp = BUF_INIT, targets = BUF_INIT;
	auto_json json_t *r = tufmake_root(1), *t = tufmake_targets(1);
	auto_json json_t *s = tufmake_snapshot(1), *n = NULL;
	struct tuf_trust *trust = tuf_trust_new(now);
	struct tufmake_key key;
	struct err err = ERR_INIT;
	bool flag;
	size_t i;

	tufmake_key(&key, 1);
	for (i = 0; i < ARRAY_LEN(roles); i++)
		tufmake_root_role(r, roles[i], &key, 1, 1);
	tufmake_sign(r, &key, 1, &root);
	tufmake_sign(t, &key, 1, &targets);
	tufmake_snapshot_add(s, "targets", 1, &targets);
	tufmake_sign(s, &key, 1, &snapshot);
	n = tufmake_timestamp(1, 1, &snapshot);
	tufmake_sign(n, &key, 1, &timestamp);
	if (tuf_trust_root(trust, root.data, root.len, &err) == -1 ||
	    tuf_root_done(trust, &err) == -1 ||
	    tuf_accept_timestamp(trust, timestamp.data, timestamp.len, false,
		&flag, &err) == -1 ||
	    tuf_accept_snapshot(
		trust, snapshot.data, snapshot.len, false, &flag, &err) == -1 ||
	    tuf_accept_targets(trust, "targets", "root", targets.data,
		targets.len, &err) == -1)
		fail_msg("%s", err.msg);
	return trust;
}

/* What the agent says to the golden set. */
static void
judge_at(int64_t now, bool braked, char word[RULES_WORD], struct err *err)
{
	struct published p = { .braked = braked };
	struct rules r = { .channel = "edge",
		.arch = "amd64",
		.min_keys = 1,
		.counter = -1,
		.now = now,
		.trust = trust(now),
		.find = find,
		.role = role,
		.bytes = bytes,
		.arg = &p };
	auto_free struct set *set = mem_zero(1, sizeof(*set));

	assert_int_equal(rules_judge(&r, set, word, err), -1);
	tuf_trust_free(r.trust);
}

static void
the_agent_reads_set_and_brake(void **state)
{
	struct err err = ERR_INIT;
	char word[RULES_WORD];
	int64_t jan14, jan16;

	(void)state;
	assert_int_equal(time_parse("2026-01-14T00:00:00Z", &jan14, &err), 0);
	assert_int_equal(time_parse("2026-01-16T00:00:00Z", &jan16, &err), 0);
	judge_at(jan14, true, word, &err);
	assert_string_equal(word, "braked");
	assert_non_null(strstr(err.msg, "probe failures"));
	/* Past its time it stops nothing: next are the images, and nobody
	 * lists any here. */
	judge_at(jan16, true, word, &err);
	assert_string_equal(word, "not-listed");
	judge_at(jan14, false, word, &err);
	assert_string_equal(word, "not-listed");
}

/* --- recipes/guest-init ----------------------------------------------------*/

static void
the_agent_writes_and_the_guest_reads_its_configuration(void **state)
{
	auto_json json_t *j = golden_json("guest");
	auto_buf struct buf text = BUF_INIT, disk = BUF_INIT;
	struct guest g = { .hostname = "dns-dhcp",
		.clock = 1767225600,
		.links = { { .mac = "52:54:00:00:00:01",
		    .address = "192.0.2.53",
		    .gateway = "192.0.2.1",
		    .prefix = 24 } },
		.nlinks = 1,
		.config = json_object_get(j, "config") };
	struct err err = ERR_INIT;
	struct fault f = { "" };
	struct config c;
	size_t n;

	(void)state;
	golden("guest", &text);
	if (guest_disk(&g, &disk, &err) == -1)
		fail_msg("%s", err.msg);
	assert_true(config_magic((const unsigned char *)disk.data));
	assert_int_equal(
	    config_length((const unsigned char *)disk.data, &n, &f), 0);
	assert_int_equal(n, text.len);
	assert_memory_equal(disk.data + CONFIG_HEAD, text.data, n);
	assert_int_equal(disk.len % 512, 0);
	if (config_parse(text.data, text.len, &c, &f) == -1)
		fail_msg("%s", f.text);
	assert_string_equal(c.hostname, "dns-dhcp");
	config_release(&c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_golden_file_is_canonical),
		cmocka_unit_test(a_higher_version_and_another_kind_are_refused),
		cmocka_unit_test(the_lock_is_read_and_written_the_same),
		cmocka_unit_test(
		    a_lock_of_the_wrong_version_for_what_it_holds_is_refused),
		cmocka_unit_test(an_unknown_key_of_a_lock_or_plan_is_refused),
		cmocka_unit_test(both_plans_are_read),
		cmocka_unit_test(the_verdict_follows_from_the_runs),
		cmocka_unit_test(releases_are_read),
		cmocka_unit_test(the_agent_reads_set_and_brake),
		cmocka_unit_test(
		    the_agent_writes_and_the_guest_reads_its_configuration),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
