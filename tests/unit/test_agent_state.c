/* rooms: router-agent/state.c router-agent/set.c router-agent/set_wire.c
 * router-agent/set_json.c router-agent/probe_spec.c router-agent/plan.c
 * router-agent/conf.c router-agent/machine/volume.c */
/* What the agent remembers, and what it makes of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "lib/fdio.h"
#include "lib/ipc.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "router-agent/plan.h"
#include "router-agent/state.h"
#include "tests/support/scratch.h"

#define MIB ((int64_t)1 << 20)

static void
file(struct set_file *f, const char *content)
{
	hash_bytes(&f->hash, content, strlen(content));
	f->size = (int64_t)strlen(content);
	snprintf(f->target, sizeof(f->target), "images/x/amd64/%s", content);
}

static void
a_set(struct set *s, int64_t counter, const char *image)
{
	char name[32];

	memset(s, 0, sizeof(*s));
	strcpy(s->channel, "edge");
	strcpy(s->arch, "amd64");
	s->counter = counter;
	snprintf(name, sizeof(name), "set %d", (int)counter);
	hash_bytes(&s->sha256, name, strlen(name));
	file(&s->vmlinuz, "vmlinuz");
	file(&s->initrd, "initrd");
	strcpy(s->machine, "microvm,pit=on,pic=on,rtc=on");
	strcpy(s->cmdline, "console=ttyS0 quiet");
	strcpy(s->kernel_version, "6.1");
	s->kernel_memory = 96 * MIB;
	s->metadata = (struct set_metadata){ 1, 2, 3, 4 };
	s->has_agent = true;
	file(&s->agent, "agent");
	strcpy(s->agent_version, "0.2");
	s->nservices = 1;
	strcpy(s->services[0].name, "dns-dhcp");
	strcpy(s->services[0].version, "2.90");
	file(&s->services[0].image, image);
	s->services[0].memory = 96 * MIB;
	s->services[0].serial = 5;
	s->services[0].keys = 2;
	s->services[0].nports = 2;
	s->services[0].ports[0] = (struct set_port){ false, 53 };
	s->services[0].ports[1] = (struct set_port){ true, 53 };
	s->services[0].nvolumes = 1;
	s->services[0].volumes[0] =
	    (struct set_volume){ "state", "/var/lib/x", 16 * MIB };
	strcpy(s->services[0].config, "domain! name\nhosts[].name! label\n");
	s->services[0].nprobes = 2;
	s->services[0].probes[0] = (struct probe){ .type = PROBE_DNS,
		.name = "router.lan",
		.qtype = "A",
		.expect = PROBE_SELF,
		.value = "self",
		.tcp = true };
	s->services[0].probes[1] =
	    (struct probe){ .type = PROBE_TCP, .port = 443 };
}

static struct set *
new_set(int64_t counter, const char *image)
{
	struct set *s = mem_alloc(sizeof(*s));

	a_set(s, counter, image);
	return s;
}

static void
a_set_crosses_a_socket_unchanged(void **state)
{
	auto_free struct set *s = new_set(3, "image"), *got = new_set(1, "x");
	auto_ipc struct ipc_msg m = IPC_MSG_INIT;
	auto_buf struct buf b = BUF_INIT;
	struct err err = ERR_INIT;
	int sv[2];

	(void)state;
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

/* A host with so many MiB of memory and disk. */
static int
plan(const struct set *a, const struct set *b, int64_t memory, int64_t disk,
    struct plan *p, struct err *err)
{
	const struct plan_host host = { .memory = memory * MIB,
		.disk = disk * MIB,
		.accel = "tcg",
		.volumes = scratch.fd,
		.state_copy = 8 * MIB };

	return plan_make(a, b, &host, p, err);
}

static void
a_copy_of_a_set_has_all_of_it(void **state)
{
	auto_free struct set *a = new_set(1, "a"), *b = set_dup(a);
	auto_json json_t *ja = set_json(a), *jb = set_json(b);

	(void)state;
	assert_true(json_equal(ja, jb));
	assert_true(json_is_object(json_object_get(ja, "agent")));
}

static void
a_configuration_must_fit_the_images(void **state)
{
#define SERVICES                                                       \
	"state: /s\nserver: [\"http://farm\"]\nchannel: edge\n"        \
	"trust: {root: /r}\nlan: {address: 192.0.2.1, prefix: 24}\n"   \
	"services:\n  ntp: {address: 192.0.2.3, config: {any: [1]}}\n" \
	"  dns-dhcp:\n    address: 192.0.2.2\n    config:\n"
	static const char good[] = SERVICES "      domain: lan\n",
			  bad[] = SERVICES "      domain: lan\n"
					   "      hosts: [{nam: a}]\n";
	auto_free struct set *a = new_set(1, "image");
	struct agent_conf c = { 0 };
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(
	    agent_conf_parse(&c, "a.yaml", good, strlen(good), &err), 0);
	assert_int_equal(plan_config(&c, a, &err), 0);
	agent_conf_release(&c);
	assert_int_equal(
	    agent_conf_parse(&c, "a.yaml", bad, strlen(bad), &err), 0);
	assert_int_equal(plan_config(&c, a, &err), -1);
	assert_string_equal(err.msg,
	    "a.yaml:12:16: dns-dhcp: unknown option \"nam\" (did you mean "
	    "\"name\"? allowed: name)");
	assert_string_equal(plan_cause(&err), "config");
	/* Images from before recipes said it take anything. */
	a->services[0].config[0] = '\0';
	err_clear(&err);
	assert_int_equal(plan_config(&c, a, &err), 0);
	agent_conf_release(&c);
}

static void
an_unchanged_service_is_kept(void **state)
{
	auto_free struct set *a = new_set(1, "image"), *b = new_set(2, "image");
	struct err err = ERR_INIT;
	struct plan p;

	(void)state;
	assert_int_equal(plan(a, b, 64, 1024, &p, &err), 0);
	assert_int_equal(p.act[0], PLAN_KEEP);
	assert_int_equal(p.changes, 0);
	file(&b->initrd, "another");
	assert_int_equal(plan(a, b, 1024, 1024, &p, &err), 0);
	assert_int_equal(p.act[0], PLAN_REPLACE);
	assert_true(p.beside);
}

static void
short_memory_means_one_after_the_other(void **state)
{
	auto_free struct set *a = new_set(1, "a"), *b = new_set(2, "b");
	struct err err = ERR_INIT;
	struct plan p;

	(void)state;
	assert_int_equal(plan(a, b, 100, 1024, &p, &err), 0);
	assert_false(p.beside);
	assert_int_equal(plan(NULL, b, 100, 1024, &p, &err), -1);
	b->services[0].memory = 4096 * MIB;
	assert_int_equal(plan(a, b, 100, 1024, &p, &err), -1);
}

static void
a_service_that_is_gone_is_removed(void **state)
{
	auto_free struct set *a = new_set(1, "a"), *b = new_set(2, "b");
	struct err err = ERR_INIT;
	struct plan p;

	(void)state;
	strcpy(b->services[0].name, "ntp");
	assert_int_equal(plan(a, b, 1024, 1024, &p, &err), 0);
	assert_int_equal(p.act[0], PLAN_ADD);
	assert_true(p.remove[0]);
	assert_int_equal(p.changes, 2);
}

static void
qemu_s_own_memory_counts(void **state)
{
	auto_free struct set *b = new_set(2, "b");
	/* 96 of the guest, 48 of QEMU under TCG, 32 that stay free */
	struct plan_host host = { .memory = 175 * MIB,
		.disk = 64 * MIB,
		.accel = "tcg",
		.volumes = -1 };
	struct err err = ERR_INIT;
	struct plan p;

	(void)state;
	assert_int_equal(plan_make(NULL, b, &host, &p, &err), -1);
	assert_non_null(strstr(err.msg, "144 MiB"));
	host.accel = "kvm";
	assert_int_equal(plan_make(NULL, b, &host, &p, &err), 0);
	assert_int_equal(p.memory, 128 * MIB);
	host.accel = "tcg";
	host.memory = 176 * MIB;
	assert_int_equal(plan_make(NULL, b, &host, &p, &err), 0);
	assert_int_equal(p.memory, 144 * MIB);
	/* The kernel's smallest is the guest's least. */
	b->kernel_memory = 200 * MIB;
	host.memory = 1024 * MIB;
	assert_int_equal(plan_make(NULL, b, &host, &p, &err), 0);
	assert_int_equal(p.memory, 248 * MIB);
}

static void
a_disk_that_is_short_is_known_before(void **state)
{
	auto_free struct set *b = new_set(2, "b");
	struct err err = ERR_INIT;
	struct plan p;

	(void)state;
	b->services[0].image.size = 100 * MIB;
	assert_int_equal(plan(NULL, b, 1024, 207, &p, &err), -1);
	assert_string_equal(err_cause(&err), "no-space");
	/* the image, as much to unpack it, 8 MiB, and three small files */
	assert_non_null(strstr(err.msg, "needs 218103826 bytes"));
	assert_int_equal(plan(NULL, b, 1024, 209, &p, &err), 0);
}

static void
state_that_is_copied_counts(void **state)
{
	auto_free struct set *a = new_set(1, "a"), *b = new_set(2, "b");
	auto_fd int fd = -1;
	auto_free char *bytes = mem_zero(9, MIB);
	struct err err = ERR_INIT;
	struct plan p;

	(void)state;
	a->services[0].state = 3;
	memset(bytes, 'x', 9 * MIB);
	assert_int_equal(mkdirat(scratch.fd, "dns-dhcp", 0700), 0);
	assert_int_equal(file_write_at(scratch.fd, "dns-dhcp/state.3", bytes,
			     7 * MIB, 0600, &err),
	    0);
	assert_int_equal(plan(a, b, 1024, 64, &p, &err), 0);
	assert_true(p.copy >= 7 * MIB && p.copy < 8 * MIB);
	assert_true(p.disk > 7 * MIB);
	assert_int_equal(plan(a, b, 1024, 14, &p, &err), -1);
	assert_string_equal(err_cause(&err), "no-space");
	/* One that stays is not copied. */
	file(&b->services[0].image, "a");
	assert_int_equal(plan(a, b, 1024, 64, &p, &err), 0);
	assert_int_equal(p.copy, 0);
	file(&b->services[0].image, "b");
	err_clear(&err);
	assert_int_equal(file_write_at(scratch.fd, "dns-dhcp/state.3", bytes,
			     9 * MIB, 0600, &err),
	    0);
	assert_int_equal(plan(a, b, 1024, 64, &p, &err), -1);
	assert_string_equal(err_cause(&err), "too-large");
	assert_non_null(strstr(err.msg, "raise state_copy"));
}

static void
an_exclusive_machine_goes_first_and_gives_its_memory(void **state)
{
	auto_free struct set *a = new_set(1, "a"), *b = new_set(2, "b");
	struct err err = ERR_INIT;
	struct plan p;

	(void)state;
	assert_int_equal(plan(a, b, 100, 1024, &p, &err), 0);
	assert_false(p.beside);
	b->services[0].handover = HANDOVER_EXCLUSIVE;
	assert_int_equal(plan(a, b, 100, 1024, &p, &err), 0);
	assert_true(p.beside);
}

static void
a_plan_s_hash_is_what_it_does(void **state)
{
	auto_free struct set *a = new_set(1, "a"), *b = new_set(2, "b");
	struct err err = ERR_INIT;
	struct plan p, q;

	(void)state;
	assert_int_equal(plan(a, b, 1024, 64, &p, &err), 0);
	assert_int_equal(plan(a, b, 2048, 99, &q, &err), 0);
	assert_true(hash_equal(&p.hash, &q.hash));
	/* The LAN would wait: another plan. */
	assert_int_equal(plan(a, b, 100, 64, &q, &err), 0);
	assert_false(hash_equal(&p.hash, &q.hash));
	assert_int_equal(plan(NULL, b, 1024, 64, &q, &err), 0);
	assert_false(hash_equal(&p.hash, &q.hash));
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
		cmocka_unit_test(a_copy_of_a_set_has_all_of_it),
		cmocka_unit_test(a_configuration_must_fit_the_images),
		cmocka_unit_test(an_unchanged_service_is_kept),
		cmocka_unit_test(short_memory_means_one_after_the_other),
		cmocka_unit_test(a_service_that_is_gone_is_removed),
		cmocka_unit_test(qemu_s_own_memory_counts),
		cmocka_unit_test(a_disk_that_is_short_is_known_before),
		cmocka_unit_test_setup_teardown(state_that_is_copied_counts,
		    scratch_setup, scratch_teardown),
		cmocka_unit_test(
		    an_exclusive_machine_goes_first_and_gives_its_memory),
		cmocka_unit_test(a_plan_s_hash_is_what_it_does),
		cmocka_unit_test(
		    a_failure_after_the_switch_is_tried_three_times_again),
		WITH_FOLDER(a_retry_survives_a_restart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
