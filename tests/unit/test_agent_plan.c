/* rooms: router-agent/state.c router-agent/set.c router-agent/set_wire.c
 * router-agent/set_json.c router-agent/probe_spec.c router-agent/plan.c
 * router-agent/conf.c router-agent/machine/volume.c */
/* From the running set to the next: what is to be done, and is there room? */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "router-agent/plan.h"
#include "tests/support/agentset.h"
#include "tests/support/scratch.h"

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
	set_file(&b->initrd, "another");
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
	set_file(&b->services[0].image, "a");
	assert_int_equal(plan(a, b, 1024, 64, &p, &err), 0);
	assert_int_equal(p.copy, 0);
	set_file(&b->services[0].image, "b");
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

int
main(void)
{
	const struct CMUnitTest tests[] = {
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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
