/* rooms: router-agent/state.c router-agent/set.c router-agent/set_wire.c
 * router-agent/set_json.c router-agent/probe_spec.c router-agent/plan.c
 * router-agent/conf.c router-agent/machine/volume.c
 * router-agent/machine/solo5.c router-agent/machine/qemu.c */
/* What the agent remembers, and what it makes of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include <cmocka.h>

#include "lib/fdio.h"
#include "lib/ipc.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "router-agent/state.h"
#include "tests/support/agentset.h"
#include "tests/support/scratch.h"

static void
a_set_crosses_a_socket_unchanged(void **state)
{
	auto_free struct set *s = new_set(3, "image"), *got = new_set(1, "x");
	auto_ipc struct ipc_msg m = IPC_MSG_INIT;
	auto_buf struct buf b = BUF_INIT;
	struct err err = ERR_INIT;
	int sv[2];

	(void)state;
	strcpy(s->services[0].solo5, "spt 2 net:service block:state");
	assert_int_equal(ipc_pair(sv, &err), 0);
	set_send(s, &b);
	assert_int_equal(ipc_send(sv[0], 1, &b, NULL, 0, &err), 0);
	assert_int_equal(ipc_recv(sv[1], 1000, &m, &err), 1);
	assert_int_equal(set_receive(&m, got, &err), 0);
	assert_int_equal(ipc_end(&m, &err), 0);
	assert_memory_equal(s, got, sizeof(*s));
	close(sv[0]);
	close(sv[1]);
}

static void
a_copy_of_a_set_has_all_of_it(void **state)
{
	auto_free struct set *a = new_set(1, "a"), *b = set_dup(a);
	auto_json json_t *ja = set_json(a), *jb = set_json(b);

	(void)state;
	assert_null(json_object_get(
	    json_array_get(json_object_get(ja, "services"), 0), "solo5"));
	assert_true(json_equal(ja, jb));
	assert_true(json_is_object(json_object_get(ja, "agent")));
}

static void
a_unikernel_is_remembered_and_looked_at(void **state)
{
	auto_free struct set *s = new_set(3, "image"), *got = new_set(1, "x");
	auto_json json_t *j = NULL;
	struct err err = ERR_INIT;

	(void)state;
	strcpy(s->services[0].solo5, "hvt 2 net:service block:config");
	j = set_json(s);
	assert_int_equal(set_from_json("set", j, got, &err), 0);
	assert_string_equal(got->services[0].solo5, s->services[0].solo5);
	/* It boots no kernel of the set, and may be smaller. */
	assert_int_equal(set_guest_memory(s, &s->services[0]), 96 * MIB);
	s->services[0].memory = 16 * MIB;
	assert_int_equal(set_guest_memory(s, &s->services[0]), 16 * MIB);
	strcpy(s->services[0].solo5, "hvt 2 net:service block:--mem=1");
	assert_int_equal(set_check(s, &err), -1);
	assert_string_equal(err.msg,
	    "dns-dhcp: \"hvt 2 net:service block:--mem=1\" is not what a "
	    "unikernel says of itself");
	strcpy(s->services[0].solo5,
	    "spt 2 net:a net:b block:c block:d block:e block:f block:g "
	    "block:h");
	assert_int_equal(set_check(s, &err), -1);
	assert_string_equal(err.msg,
	    "dns-dhcp: a unikernel with 8 devices, at most 7 can be given");
	s->services[0].solo5[0] = '\0';
	assert_int_equal(set_guest_memory(s, &s->services[0]), 96 * MIB);
}

static void
every_cut_of_a_set_is_refused(void **state)
{
	auto_free struct set *s = new_set(3, "image"), *got = new_set(1, "x");
	auto_buf struct buf b = BUF_INIT;
	struct err err = ERR_INIT;

	(void)state;
	set_send(s, &b);
	for (size_t n = 0; n < b.len; n++) {
		struct ipc_msg m = IPC_MSG_INIT;

		buf_add(&m.body, b.data, n);
		assert_int_equal(set_receive(&m, got, &err), -1);
		ipc_release(&m);
	}
}

static void
qemu_options_cannot_be_smuggled_in(void **state)
{
	static const char *const bad[] = { "", "pc", "microvm,", "-microvm",
		"microvm,pit", "microvm,pit=on,dumpdtb=/x", "microvm,pit=/x",
		"microvm,kernel=on", "microvm pit=on" };
	auto_free struct set *s = new_set(3, "image");
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(set_check(s, &err), 0);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		strcpy(s->machine, bad[i]);
		if (strcmp(bad[i], "microvm,") == 0)
			continue; /* an empty rest is no option */
		assert_int_equal(set_check(s, &err), -1);
	}
}

static void
the_record_comes_back_whole(void **state)
{
	struct state s = { 0 }, got = { 0 };
	struct err err = ERR_INIT;

	(void)state;
	s.current = new_set(3, "image");
	s.previous = new_set(2, "older");
	assert_true(state_raise_counter(&s, s.current));
	state_mark_bad(&s, s.previous, "probe", "it answers wrongly", 1000);
	s.tries = 1;
	s.report_sequence = 7;
	s.has_report = true;
	hash_bytes(&s.report_previous, "r", 1);
	assert_int_equal(state_save(scratch.fd, &s, &err), 0);
	assert_int_equal(state_load(scratch.fd, &got, &err), 0);
	assert_int_equal(got.sequence, 1);
	assert_memory_equal(got.current, s.current, sizeof(struct set));
	assert_memory_equal(got.previous, s.previous, sizeof(struct set));
	assert_null(got.trial);
	assert_non_null(state_is_bad(&got, &s.previous->sha256));
	assert_int_equal(state_counter(&got, "edge", "amd64")->counter, 3);
	assert_null(state_counter(&got, "stable", "amd64"));
	assert_int_equal(got.report_sequence, 7);
	state_release(&s);
	state_release(&got);
}

static void
what_is_to_be_told_is_remembered_until_it_is_told(void **state)
{
	struct state s = { 0 }, got = { 0 };
	struct err err = ERR_INIT;

	(void)state;
	s.current = new_set(3, "image");
	s.news = (struct state_news){ .state = "rolled-back",
		.cause = "probe",
		.text = "it answers wrongly",
		.at = 1000,
		.set = new_set(4, "newer") };
	assert_int_equal(state_save(scratch.fd, &s, &err), 0);
	assert_int_equal(state_load(scratch.fd, &got, &err), 0);
	assert_string_equal(got.news.state, "rolled-back");
	assert_string_equal(got.news.cause, "probe");
	assert_string_equal(got.news.text, "it answers wrongly");
	assert_int_equal(got.news.at, 1000);
	assert_memory_equal(got.news.set, s.news.set, sizeof(struct set));
	state_release(&got);
	free(s.news.set);
	s.news = (struct state_news){ 0 };
	assert_int_equal(state_save(scratch.fd, &s, &err), 0);
	assert_int_equal(state_load(scratch.fd, &got, &err), 0);
	assert_string_equal(got.news.state, "");
	state_release(&s);
	state_release(&got);
}

static void
damage(const char *name)
{
	int fd = openat(scratch.fd, name, O_WRONLY);

	assert_int_not_equal(fd, -1);
	assert_int_equal(pwrite(fd, "9", 1, 100), 1);
	close(fd);
}

static void
a_damaged_record_costs_one_step(void **state)
{
	struct state s = { 0 }, got = { 0 };
	struct err err = ERR_INIT;

	(void)state;
	for (s.tries = 1; s.tries <= 3; s.tries++)
		assert_int_equal(state_save(scratch.fd, &s, &err), 0);
	damage("state.1");
	assert_int_equal(state_load(scratch.fd, &got, &err), 0);
	assert_int_equal(got.sequence, 2);
	assert_int_equal(got.tries, 2);
	damage("state.0");
	assert_int_equal(state_load(scratch.fd, &got, &err), -1);
	assert_int_equal(err.cls, ERR_INPUT);
	state_release(&got);
}

static void
a_value_that_was_changed_is_found_by_the_sum(void **state)
{
	static const char was[] = "\"tries\":1", is[] = "\"tries\":0";
	struct state s = { .tries = 1 }, got = { 0 };
	auto_buf struct buf text = BUF_INIT;
	struct err err = ERR_INIT;
	char *at;

	(void)state;
	assert_int_equal(state_save(scratch.fd, &s, &err), 0);
	assert_int_equal(
	    file_read_at(scratch.fd, "state.1", 65536, &text, &err), 0);
	at = strstr(text.data, was);
	assert_non_null(at);
	memcpy(at, is, strlen(is));
	assert_int_equal(file_write_at(scratch.fd, "state.1", text.data,
			     text.len, 0600, &err),
	    0);
	assert_int_equal(state_load(scratch.fd, &got, &err), -1);
	assert_non_null(strstr(err.msg, "state.1 is damaged"));
	state_release(&s);
}

static void
nothing_there_is_an_empty_record(void **state)
{
	struct state got = { .tries = 9 };
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(state_load(scratch.fd, &got, &err), 0);
	assert_int_equal(got.sequence, 0);
	assert_null(got.current);
}

static void
a_counter_never_goes_back(void **state)
{
	auto_free struct set *a = new_set(5, "a"), *b = new_set(4, "b");
	struct state s = { 0 };

	(void)state;
	assert_true(state_raise_counter(&s, a));
	assert_false(state_raise_counter(&s, b));
	assert_int_equal(s.counters[0].counter, 5);
	assert_true(hash_equal(&s.counters[0].sha256, &a->sha256));
}

static void
the_oldest_bad_set_makes_room(void **state)
{
	auto_free struct set *first = new_set(1, "a");
	struct state s = { 0 };

	(void)state;
	for (int i = 1; i <= STATE_BAD + 1; i++) {
		auto_free struct set *b = new_set(i, "b");

		state_mark_bad(&s, b, "probe", "", 1);
	}
	assert_int_equal(s.nbad, STATE_BAD);
	assert_null(state_is_bad(&s, &first->sha256));
}

static void
one_agent_at_a_time(void **state)
{
	struct state_dir d, second;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(state_dir_open(&d, scratch.path, &err), 0);
	assert_int_equal(state_dir_open(&second, scratch.path, &err), -1);
	assert_int_equal(err.cls, ERR_BUSY);
	state_dir_release(&d);
	assert_int_equal(state_dir_open(&second, scratch.path, &err), 0);
	state_dir_release(&second);
}

static void
what_a_killed_one_was_writing_goes_a_day_later(void **state)
{
	const struct timespec old[2] = { { time(NULL) - 90000, 0 },
		{ time(NULL) - 90000, 0 } };
	static const char *const folders[] = { "", "tmp/", "leases/",
		"reports/", "metadata/" };
	struct state_dir d;
	struct err err = ERR_INIT;
	char path[64];

	(void)state;
	assert_int_equal(state_dir_open(&d, scratch.path, &err), 0);
	state_dir_release(&d);
	for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++) {
		snprintf(path, sizeof(path), "%s.tmp-old", folders[i]);
		assert_int_equal(
		    file_write_at(scratch.fd, path, "x", 1, 0600, &err), 0);
		assert_int_equal(utimensat(scratch.fd, path, old, 0), 0);
		snprintf(path, sizeof(path), "%s.tmp-new", folders[i]);
		assert_int_equal(
		    file_write_at(scratch.fd, path, "x", 1, 0600, &err), 0);
	}
	assert_int_equal(state_dir_open(&d, scratch.path, &err), 0);
	state_dir_release(&d);
	for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++) {
		snprintf(path, sizeof(path), "%s.tmp-old", folders[i]);
		assert_false(file_exists_at(scratch.fd, path));
		snprintf(path, sizeof(path), "%s.tmp-new", folders[i]);
		assert_true(file_exists_at(scratch.fd, path));
	}
}

static void
a_failure_after_the_switch_is_tried_three_times_again(void **state)
{
	auto_free struct set *a = new_set(1, "a"), *b = new_set(2, "b");
	auto_free struct state *s = mem_zero(1, sizeof(*s));
	static const int64_t waits[] = { 3600, 21600, 86400 };
	int64_t now = 1000000;

	(void)state;
	assert_int_equal(state_retry_wait(s, &a->sha256, now), 0);
	for (int i = 0; i < STATE_RETRIES; i++) {
		assert_true(state_mark_retry(s, a, "died", "it died", now));
		assert_int_equal(
		    state_retry_wait(s, &a->sha256, now), waits[i]);
		assert_int_equal(
		    state_retry_wait(s, &a->sha256, now + 60), waits[i] - 60);
		/* Another clock, another set. */
		assert_int_equal(state_retry_wait(s, &a->sha256, 5), waits[i]);
		assert_int_equal(state_retry_wait(s, &b->sha256, now), 0);
		now += waits[i];
		assert_int_equal(state_retry_wait(s, &a->sha256, now), 0);
	}
	assert_false(state_mark_retry(s, a, "died", "it died", now));
	assert_int_equal(s->retry.failures, 0);
	assert_true(state_mark_retry(s, a, "died", "it died", now));
	assert_true(state_mark_retry(s, b, "died", "it died", now));
	assert_int_equal(s->retry.failures, 1);
}

static void
a_retry_survives_a_restart(void **state)
{
	auto_free struct set *a = new_set(1, "a");
	struct state s = { 0 }, back;
	struct err err = ERR_INIT;

	(void)state;
	s.golden = set_dup(a);
	assert_true(state_mark_retry(&s, a, "died", "it died", 1000));
	assert_int_equal(state_save(scratch.fd, &s, &err), 0);
	assert_int_equal(state_load(scratch.fd, &back, &err), 0);
	assert_int_equal(state_retry_wait(&back, &a->sha256, 1600), 3000);
	assert_string_equal(back.retry.cause, "died");
	assert_int_equal(back.golden->counter, 1);
	state_release(&s);
	state_release(&back);
}

#define WITH_FOLDER(f) \
	cmocka_unit_test_setup_teardown(f, scratch_setup, scratch_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_set_crosses_a_socket_unchanged),
		cmocka_unit_test(a_copy_of_a_set_has_all_of_it),
		cmocka_unit_test(a_unikernel_is_remembered_and_looked_at),
		cmocka_unit_test(every_cut_of_a_set_is_refused),
		cmocka_unit_test(qemu_options_cannot_be_smuggled_in),
		WITH_FOLDER(the_record_comes_back_whole),
		WITH_FOLDER(what_is_to_be_told_is_remembered_until_it_is_told),
		WITH_FOLDER(a_damaged_record_costs_one_step),
		WITH_FOLDER(a_value_that_was_changed_is_found_by_the_sum),
		WITH_FOLDER(nothing_there_is_an_empty_record),
		cmocka_unit_test(a_counter_never_goes_back),
		cmocka_unit_test(the_oldest_bad_set_makes_room),
		WITH_FOLDER(one_agent_at_a_time),
		WITH_FOLDER(what_a_killed_one_was_writing_goes_a_day_later),
		cmocka_unit_test(
		    a_failure_after_the_switch_is_tried_three_times_again),
		WITH_FOLDER(a_retry_survives_a_restart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
