/* rooms: builder builder/inputs builder/plan builder/bake builder/exec
 * builder/judge */
/* What a hostile or careless script can do. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "builder/judge/verdict.h"
#include "tests/support/builds.h"

/* --- tests --------------------------------------------------------------- */

static void
a_script_sees_its_inputs_and_leaves_an_output(void **state)
{
	struct hash h;

	(void)state;
	build("cat /kiln/recipe/sub/data /kiln/sources/a.tar.xz"
	      " /kiln/uses/other/lib >/out/a\n"
	      "stat -c '%Y %A' /kiln/recipe/sub/data; pwd; env | sort\n"
	      "ls -A /kiln /build /out /tmp\n");
	if (!result.succeeded)
		fail_msg("%s: %s", result.message, text);
	hash_bytes(&h, "datadatadata", 12);
	assert_true(hash_equal(&result.outputs.v[0].sha256, &h));
	assert_non_null(strstr(text, "1577836800 -r-xr-xr-x\n/build\n"));
	assert_null(strstr(text, "KILN_RECIPE"));
	assert_non_null(strstr(text, "kiln: succeeded\n"));
	assert_true(result.wall_ms > 0);
	assert_true(result.finished >= result.started);
}

static void
failing_half_way_and_exiting_0_leaves_an_output_missing(void **state)
{
	(void)state;
	fails("false && echo x >/out/a; exit 0\n", "output-missing");
}

static void
an_error_in_the_script_is_told_with_its_status(void **state)
{
	(void)state;
	fails("echo x >/out/a; exit 7\n", "exit");
	assert_string_equal(result.message, "its script ended with status 7");
	fails("cat /nowhere; echo never >/out/a\n", "exit");
	fails("kill -9 $$\n", "signal");
}

static void
printing_for_ever_is_stopped_at_the_logs_limit(void **state)
{
	(void)state;
	limits.log = 100000;
	fails("while :; do echo yes yes yes yes yes; done\n", "log-size");
	assert_true(strlen(text) < 100200);
	assert_true(strlen(text) > 99990);
}

static void
silence_and_slowness_are_stopped(void **state)
{
	(void)state;
	limits.silence_ms = 700;
	fails("sleep 100\n", "silence");
	limits.silence_ms = 100000;
	limits.wall_ms = 1200;
	fails("while :; do echo on; sleep 0.1; done\n", "timeout");
}

static void
forking_for_ever_is_stopped(void **state)
{
	(void)state;
	limits.processes = 100;
	limits.wall_ms = 30000;
	/* For kuid 0 the kernel's own limit does not hold, and the count from
	 * outside comes late for what doubles: that would flood the machine
	 * the tests run on. */
	fails(geteuid() == 0
		  ? "while :; do sleep 1000 & done\n"
		  : "f() { while :; do sleep 1000 & f & done; }; f; wait\n",
	    "processes");
	/* The next build is not hindered by what is left: nothing is. */
	build("echo x >/out/a");
	assert_true(result.succeeded);
}

static void
a_daemon_left_behind_is_dead_before_outputs_are_taken(void **state)
{
	struct hash h;

	(void)state;
	build(
	    "echo early >/out/a\n"
	    "(trap '' TERM HUP; sleep 0.3; echo late >/out/a; sleep 1000) &\n");
	assert_true(result.succeeded);
	hash_bytes(&h, "early\n", 6);
	assert_true(hash_equal(&result.outputs.v[0].sha256, &h));
}

static void
links_to_files_outside_are_refused(void **state)
{
	(void)state;
	fails("ln -s /etc/passwd /out/a\n", "output-type");
	fails("ln -s /build/x /out/a; echo y >/build/x\n", "output-type");
}

static void
pipes_devices_and_set_id_files_are_refused(void **state)
{
	(void)state;
	fails("mkfifo /out/a\n", "output-type");
	fails("mknod /out/a c 1 3\n", "exit"); /* not even made */
	fails("echo x >/out/a; chmod 4755 /out/a\n", "exit");
	fails("mkdir /out/a; echo x >/out/a/b\n", "output-type");
}

static void
undeclared_files_are_refused(void **state)
{
	(void)state;
	fails("echo x >/out/a; echo y >/out/b\n", "output-undeclared");
	fails("echo x >/out/a; mkdir -m 0 /out/.cache\n", "output-undeclared");
}

static void
outputs_above_the_budget_are_stopped_while_they_grow(void **state)
{
	(void)state;
	limits.output = 200000;
	fails(
	    "while :; do head -c 100000 /dev/zero >>/out/a; sleep 0.1; done\n",
	    "output-size");
	fails("head -c 300000 /dev/zero >/out/a\n", "output-size");
}

static void
memory_above_the_budget_is_stopped(void **state)
{
	(void)state;
	limits.memory = 100 << 20;
	fails("head -c 300M /dev/zero | tail -c 299M >/dev/null; sleep 2;"
	      " echo x >/out/a\n"
	      "x=$(head -c 250M /dev/zero | tr '\\0' x); sleep 3\n",
	    "memory");
}

static void
inputs_and_environment_cannot_be_changed(void **state)
{
	(void)state;
	build("set +e\n"
	      "echo x >/kiln/recipe/build.sh; echo x >/kiln/recipe/new\n"
	      "chmod 777 /kiln/uses/other/lib; rm /kiln/sources/a.tar.xz\n"
	      "echo x >/usr/bin/env; touch /etc/x; mount -o remount,rw /\n"
	      "unshare -Ur true; echo done >/out/a\n");
	assert_true(result.succeeded);
	assert_null(strstr(text, "[done]"));
	assert_non_null(strstr(text, "Read-only file system"));
	build("test \"$(cat /kiln/recipe/sub/data)\" = data && id >/out/a");
	assert_true(result.succeeded);
}

static enum verdict
both_lanes(const char *script)
{
	static const char *const outputs[] = { "a", NULL };
	struct verdict_run runs[2];
	enum verdict v;
	json_t *j;

	make_plan(script, outputs);
	for (int i = 0; i < 2; i++) {
		struct build_order o = order_of((char)('A' + i));

		build_result_release(&result);
		assert_int_equal(build_run(&place, &o, &result, &err), 0);
		assert_true(result.succeeded);
		runs[i].record = build_record(&o, &result, "farm");
		assert_int_equal(
		    canon_hash(runs[i].record, &runs[i].digest, &err), 0);
	}
	j = verdict_make(&plan->digest, runs, 2, &v, &err);
	assert_non_null(j);
	json_decref(j);
	json_decref(runs[0].record);
	json_decref(runs[1].record);
	return v;
}

struct beside {
	pthread_t thread;
	struct build_order order;
	struct build_result result;
	struct err err;
	int rc;
};

static void *
run_beside(void *arg)
{
	struct beside *b = arg;

	b->rc = build_run(&place, &b->order, &b->result, &b->err);
	return NULL;
}

/* Nothing that a lane varies reaches it: `date` is another, files are not. */
static void
lanes_that_are_started_together_give_their_files_other_times(void **state)
{
	static const char *const outputs[] = { "a", NULL };
	struct apart apart = { 0 };
	struct beside b[2] = { 0 };

	(void)state;
	make_plan(">/build/new; stat -c %Y /build/new >/out/a\n"
		  "date -r /build/new +%s >>/out/a\n",
	    outputs);
	for (int i = 0; i < 2; i++) {
		b[i].order = order_of((char)('A' + i));
		b[i].order.apart = &apart;
		b[i].err = (struct err)ERR_INIT;
		assert_int_equal(
		    pthread_create(&b[i].thread, NULL, run_beside, &b[i]), 0);
	}
	for (int i = 0; i < 2; i++) {
		pthread_join(b[i].thread, NULL);
		if (b[i].rc == -1)
			fail_msg("%s", b[i].err.msg);
		assert_true(b[i].result.succeeded);
	}
	assert_false(hash_equal(&b[0].result.outputs.v[0].sha256,
	    &b[1].result.outputs.v[0].sha256));
	build_result_release(&b[0].result);
	build_result_release(&b[1].result);
}

static void
being_told_to_stop_ends_the_wait_for_the_other_lane(void **state)
{
	struct apart apart = { 0 };

	(void)state;
	apart_began(&apart);
	int64_t first = atomic_load(&apart.last_ms);
	stop = true;
	apart_begin(&apart, &stop);
	assert_int_equal(atomic_load(&apart.last_ms), first);
}

static void
a_run_begins_more_than_a_second_from_the_last_one_however_clocks_go(
    void **state)
{
	struct apart apart = { 0 };
	int64_t first;

	(void)state;
	apart_begin(&apart, NULL);
	first = atomic_load(&apart.last_ms);
	apart_begin(&apart, NULL);
	assert_true(llabs(atomic_load(&apart.last_ms) - first) >= APART_MS);
	/* Set back: the last one lies in a far future. */
	atomic_store(&apart.last_ms, first + 3600 * 1000);
	apart_begin(&apart, NULL);
	assert_true(atomic_load(&apart.last_ms) < first + 3600 * 1000);
}

static void
what_must_not_matter_makes_lanes_differ_when_it_does(void **state)
{
	static const char *const leaks[] = { "date +%Y >/out/a", "date >/out/a",
		"id -u >/out/a",
		"hostname >/out/a 2>&1 ||"
		" uname -n >/out/a",
		"umask >/out/a", "echo $TZ >/out/a", "echo $LC_ALL >/out/a",
		"echo $KILN_JOBS >/out/a", "echo ~ >/out/a",
		"echo $PATH >/out/a", "nproc >/out/a",
		"ls -U /kiln/recipe >/out/a", "echo ${COLUMNS-} >/out/a",
		"sed -n 's/.*heap/heap/p;/heap/q' /proc/self/maps >/out/a;"
		" grep -m1 heap /proc/self/maps >>/out/a" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(leaks); i++)
		if (both_lanes(leaks[i]) != VERDICT_DIFFERS)
			fail_msg("%s: not seen", leaks[i]);
	assert_int_equal(both_lanes("echo same >/out/a"), VERDICT_REPRODUCED);
	assert_int_equal(both_lanes("pwd >/out/a; ls /kiln/recipe >>/out/a;"
				    "stat -c %Y /kiln/recipe/sub/data"
				    " >>/out/a; echo $SOURCE_DATE_EPOCH"
				    " >>/out/a"),
	    VERDICT_REPRODUCED);
}

static void
being_told_to_stop_counts_for_nothing(void **state)
{
	static const char *const outputs[] = { "a", NULL };
	struct build_order o;

	(void)state;
	make_plan("sleep 100\n", outputs);
	o = order_of('A');
	stop = true;
	assert_int_equal(build_run(&place, &o, &result, &err), 0);
	assert_true(result.stopped);
	assert_false(result.succeeded);
}

static void
an_input_that_rotted_is_the_machines_failure(void **state)
{
	static const char *const outputs[] = { "a", NULL };
	struct build_order o;
	char path[STORE_PATH];
	struct hash h;

	(void)state;
	hash_bytes(&h, "data", 4);
	make_plan("echo x >/out/a", outputs);
	store_path(&h, path);
	auto_free char *file = mem_printf("s/%s", path);
	assert_int_equal(fchmodat(scratch.fd, file, 0644, 0), 0);
	auto_fd int fd = openat(scratch.fd, file, O_WRONLY);
	assert_int_equal(pwrite(fd, "D", 1, 0), 1);
	o = order_of('A');
	assert_int_equal(build_run(&place, &o, &result, &err), -1);
	assert_int_equal(err.cls, ERR_TRUST);
	assert_int_equal(pwrite(fd, "d", 1, 0), 1);
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, builds_each, builds_after)
	const struct CMUnitTest tests[] = {
		T(a_script_sees_its_inputs_and_leaves_an_output),
		T(failing_half_way_and_exiting_0_leaves_an_output_missing),
		T(an_error_in_the_script_is_told_with_its_status),
		T(printing_for_ever_is_stopped_at_the_logs_limit),
		T(silence_and_slowness_are_stopped),
		T(forking_for_ever_is_stopped),
		T(a_daemon_left_behind_is_dead_before_outputs_are_taken),
		T(links_to_files_outside_are_refused),
		T(pipes_devices_and_set_id_files_are_refused),
		T(undeclared_files_are_refused),
		T(outputs_above_the_budget_are_stopped_while_they_grow),
		T(memory_above_the_budget_is_stopped),
		T(inputs_and_environment_cannot_be_changed),
		T(lanes_that_are_started_together_give_their_files_other_times),
		T(being_told_to_stop_ends_the_wait_for_the_other_lane),
		T(a_run_begins_more_than_a_second_from_the_last_one_however_clocks_go),
		T(what_must_not_matter_makes_lanes_differ_when_it_does),
		T(being_told_to_stop_counts_for_nothing),
		T(an_input_that_rotted_is_the_machines_failure),
	};

	return cmocka_run_group_tests(tests, builds_setup, builds_teardown);
}
