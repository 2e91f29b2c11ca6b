/* rooms: router-agent/state.c router-agent/set.c router-agent/set_wire.c
 * router-agent/set_json.c router-agent/probe_spec.c router-agent/plan.c
 * router-agent/conf.c router-agent/machine/volume.c
 * router-agent/machine/solo5.c router-agent/machine/qemu.c */
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

/* --- unikernels ---------------------------------------------------------- */

/* A tender that says what it speaks, and no more: it is not to run here. */
static void
a_tender(const char *name, const char *says)
{
	auto_buf struct buf text = BUF_INIT;
	struct err err = ERR_INIT;

	assert_int_equal(chmod(scratch.path, 0755), 0); /* for its uid */
	buf_printf(&text,
	    "#!/bin/sh\n[ \"$*\" = --version ] && echo '%s' >&2\n", says);
	assert_int_equal(
	    file_write_at(scratch.fd, name, text.data, text.len, 0755, &err),
	    0);
}

static struct agent_conf
a_conf(const char *service)
{
	auto_buf struct buf text = BUF_INIT;
	struct agent_conf c = { 0 };
	struct err err = ERR_INIT;

	buf_printf(&text,
	    "state: /s\nserver: [\"http://farm\"]\nchannel: edge\n"
	    "trust: {root: /r}\nlan: {address: 192.0.2.1, prefix: 24}\n"
	    "wan: {bridge: br-wan}\ntender: %s\n"
	    "services:\n  dns-dhcp: {address: 192.0.2.2%s}\n",
	    scratch.path, service);
	if (agent_conf_parse(&c, "a.yaml", text.data, text.len, &err) == -1)
		fail_msg("%s", err.msg);
	return c;
}

/* The set's service as a unikernel; "": the router can run it. */
static void
unikernel(const char *says, const char *service, const char *accel,
    const struct set *s, const char *want)
{
	const struct plan_host host = { .accel = accel };
	auto_free struct set *set = mem_dup(s, sizeof(*s));
	struct agent_conf c = a_conf(service);
	struct err err = ERR_INIT;
	int ret;

	strcpy(set->services[0].solo5, says);
	strcpy(set->arch, agent_arch());
	ret = plan_unikernels(&c, set, &host, &err);
	assert_string_equal(err.msg, want);
	assert_int_equal(ret, *want ? -1 : 0);
	if (*want) {
		assert_int_equal(err.cls, ERR_INPUT);
		assert_string_equal(plan_cause(&err), "tender");
	}
	agent_conf_release(&c);
}

static void
a_unikernel_wants_its_tender(void **state)
{
	auto_free struct set *s = new_set(1, "image");
	char want[512];

	(void)state;
	s->services[0].nvolumes = 0;
	snprintf(want, sizeof(want),
	    "dns-dhcp: needs solo5-spt, which is not installed in %.100s",
	    scratch.path);
	unikernel("spt 2 net:service", "", "tcg", s, want);
	a_tender("solo5-spt", "solo5-spt tender, version v0\nABI version 2");
	unikernel("spt 2 net:service", "", "tcg", s, "");
	snprintf(want, sizeof(want),
	    "dns-dhcp: needs version 20 of its ABI, which %s/solo5-spt does "
	    "not speak",
	    scratch.path);
	unikernel("spt 20 net:service", "", "tcg", s, want);
	unikernel("xen 1 net:service", "", "tcg", s,
	    "dns-dhcp: is a unikernel for xen, which has no tender here");
	a_tender("solo5-hvt", "ABI version 3");
	unikernel("hvt 3 net:service", "", "tcg", s,
	    "dns-dhcp: needs KVM for solo5-hvt, and this router has none");
	unikernel("hvt 3 net:service", "", "kvm", s, "");
}

static void
a_unikernel_s_devices_must_be_there(void **state)
{
#define WAN ", wan: {address: 203.0.113.2, prefix: 24}"
	auto_free struct set *s = new_set(1, "image");
	struct set_service *v = &s->services[0];

	(void)state;
	a_tender("solo5-spt", "ABI version 2");
	unikernel("spt 2 net:service block:state block:config",
	    ", config: {domain: lan}", "tcg", s, "");
	unikernel("spt 2 net:service", "", "tcg", s,
	    "dns-dhcp: has the volume state, and no block device of that name");
	v->nvolumes = 0;
	unikernel("spt 2 net:service block:state", "", "tcg", s,
	    "dns-dhcp: has the block device state, and no volume of that name");
	unikernel("spt 2 net:service", ", config: {domain: lan}", "tcg", s,
	    "dns-dhcp: cannot be told its config: it has no block device "
	    "called \"config\"");
	unikernel("spt 2 block:config", "", "tcg", s,
	    "dns-dhcp: has 0 net devices: it gets one for the LAN, and one "
	    "called \"wan\" where agent.yaml gives it a wan");
	unikernel("spt 2 net:service net:wan", "", "tcg", s,
	    "dns-dhcp: has 2 net devices: it gets one for the LAN, and one "
	    "called \"wan\" where agent.yaml gives it a wan");
	unikernel("spt 2 net:service net:wan", WAN, "tcg", s, "");
	unikernel("spt 2 net:service net:other", WAN, "tcg", s,
	    "dns-dhcp: has 2 net devices: it gets one for the LAN, and one "
	    "called \"wan\"");
	v->handover = HANDOVER_HANDOFF;
	unikernel("spt 2 net:service", "", "tcg", s,
	    "dns-dhcp: is a unikernel, whose state cannot be handed over: its "
	    "class must be parallel or exclusive");
	v->handover = HANDOVER_PARALLEL;
	v->probes[1].type = PROBE_PROGRAM;
	strcpy(v->probes[1].name, "healthy");
	unikernel("spt 2 net:service", "", "tcg", s,
	    "dns-dhcp: is a unikernel, and cannot run the probe healthy");
}

static void
a_unikernel_takes_little_and_no_kernel(void **state)
{
	auto_free struct set *a = new_set(1, "image"), *b = new_set(2, "image");
	struct err err = ERR_INIT;
	struct plan p;

	(void)state;
	strcpy(a->services[0].solo5, "spt 2 net:service block:state");
	strcpy(b->services[0].solo5, "spt 2 net:service block:state");
	a->services[0].memory = b->services[0].memory = 16 * MIB;
	/* Another kernel of the set is nothing to it. */
	set_file(&b->vmlinuz, "another");
	assert_int_equal(plan(a, b, 1024, 64, &p, &err), 0);
	assert_int_equal(p.act[0], PLAN_KEEP);
	set_file(&b->services[0].image, "another");
	assert_int_equal(plan(a, b, 1024, 64, &p, &err), 0);
	assert_int_equal(p.act[0], PLAN_REPLACE);
	assert_int_equal(p.memory, 20 * MIB);
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
		cmocka_unit_test_setup_teardown(a_unikernel_wants_its_tender,
		    scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(
		    a_unikernel_s_devices_must_be_there, scratch_setup,
		    scratch_teardown),
		cmocka_unit_test(a_unikernel_takes_little_and_no_kernel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
