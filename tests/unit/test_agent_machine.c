/* rooms: router-agent/machine router-agent/lease.c router-agent/conf.c */
/* Configuration disks, QEMU's command line and QEMU's words. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>
#include <unistd.h>

#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "router-agent/conf.h"
#include "router-agent/machine/guest.h"
#include "router-agent/machine/qemu.h"
#include "router-agent/machine/qmp.h"
#include "router-agent/machine/solo5.h"
#include "router-agent/machine/tsc.h"
#include "router-agent/machine/vm.h"

static json_t *config;
static const struct guest guest = {
	.hostname = "dns-dhcp",
	.clock = 1767225600,
	.links = { { .mac = "02:6b:c0:00:02:35",
	    .address = "192.0.2.53",
	    .gateway = "192.0.2.1",
	    .prefix = 24 } },
	.nlinks = 1,
};

static void
a_disk_is_magic_length_text_and_zeroes(void **state)
{
	static const char text[] =
	    "{\"clock\":1767225600,\"config\":{\"domain\":\"lan\"},"
	    "\"hostname\":\"dns-dhcp\",\"kind\":\"kiln/guest\","
	    "\"log\":\"console\",\"network\":[{\"address\":\"192.0.2.53\","
	    "\"gateway\":\"192.0.2.1\",\"mac\":\"02:6b:c0:00:02:35\","
	    "\"prefix\":24}],\"v\":1,\"volumes\":[]}";
	auto_buf struct buf b = BUF_INIT;
	struct guest g = guest;
	struct err err = ERR_INIT;
	size_t n = sizeof(text) - 1;

	(void)state;
	g.config = config;
	assert_int_equal(guest_disk(&g, &b, &err), 0);
	assert_int_equal(b.len, 512);
	assert_memory_equal(b.data, "kilnconf\0\0\0\0\0\0", 14);
	assert_int_equal(
	    (unsigned char)b.data[14] << 8 | (unsigned char)b.data[15], n);
	assert_memory_equal(b.data + 16, text, n);
	for (size_t i = 16 + n; i < b.len; i++)
		assert_int_equal(b.data[i], 0);
}

static void
two_cards_have_names(void **state)
{
	auto_buf struct buf b = BUF_INIT;
	struct guest g = guest;
	struct err err = ERR_INIT;

	(void)state;
	g.config = config;
	g.links[0].name = "lan";
	g.links[0].gateway = NULL;
	g.links[1] = (struct guest_link){ "wan", "02:6b:cb:00:71:02",
		"203.0.113.2", "203.0.113.1", 24 };
	g.nlinks = 2;
	assert_int_equal(guest_disk(&g, &b, &err), 0);
	assert_non_null(memmem(b.data, b.len,
	    "\"network\":[{\"address\":\"192.0.2.53\",\"mac\":"
	    "\"02:6b:c0:00:02:35\",\"name\":\"lan\",\"prefix\":24},"
	    "{\"address\":\"203.0.113.2\",\"gateway\":\"203.0.113.1\","
	    "\"mac\":\"02:6b:cb:00:71:02\",\"name\":\"wan\","
	    "\"prefix\":24}]",
	    188));
}

static void
a_disk_that_is_handed_out_cannot_be_written(void **state)
{
	struct guest g = guest;
	struct err err = ERR_INIT;
	char path[32];
	int fd, again;

	(void)state;
	g.config = config;
	fd = guest_disk_open(&g, &err);
	assert_int_not_equal(fd, -1);
	assert_int_equal(write(fd, "x", 1), -1);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	again = open(path, O_RDWR);
	if (again != -1)
		assert_int_equal(write(again, "x", 1), -1);
	own_close(&again);
	close(fd);
}

static void
a_configuration_that_is_too_large_is_refused(void **state)
{
	auto_buf struct buf b = BUF_INIT;
	auto_free char *big = mem_alloc((1 << 20) + 1);
	struct guest g = guest;
	struct err err = ERR_INIT;
	auto_json json_t *c = json_object();

	(void)state;
	memset(big, 'a', 1 << 20);
	big[1 << 20] = '\0';
	js_set_str(c, "x", big);
	g.config = c;
	assert_int_equal(guest_disk(&g, &b, &err), -1);
}

static bool
has(const struct qemu_argv *a, const char *word)
{
	for (int i = 0; i < a->argc; i++)
		if (strcmp(a->argv[i], word) == 0)
			return true;
	return false;
}

static void
qemu_names_no_file(void **state)
{
	const struct qemu q = { "/usr/bin/qemu", "dns-dhcp", "amd64", "tcg",
		"microvm,pit=on", "console=ttyS0", 96 << 20,
		"02:6b:c0:00:02:35", NULL, NULL, 0 };
	struct qemu_argv a;

	(void)state;
	qemu_argv(&q, &a);
	assert_true(has(&a, "96M"));
	assert_true(has(&a, "microvm,pit=on"));
	assert_true(has(&a, "max"));
	assert_true(has(&a, "tcg,tb-size=16"));
	assert_true(has(&a, "on,obsolete=deny,elevateprivileges=deny,"
			    "spawn=deny,resourcecontrol=deny"));
	for (int i = 1; i < a.argc; i++) {
		const char *slash = strchr(a.argv[i], '/');

		if (slash && strncmp(slash, "/proc/self/fd/", 14) != 0)
			assert_int_equal(strncmp(slash, "/dev/fdset/", 11), 0);
	}
	qemu_argv_release(&a);
}

static void
state_volumes_come_behind_the_rest_and_a_second_card_behind_them(void **state)
{
	static const struct guest_volume volumes[] = {
		{ "state", "/var/lib/x", -1, 1 << 20 },
		{ "spool", "/var/spool", -1, 1 << 20 },
	};
	const struct qemu q = { "/usr/bin/qemu", "box", "amd64", "tcg",
		"microvm,pit=on", "console=ttyS0", 96 << 20,
		"02:6b:c0:00:02:35", "02:6b:cb:00:71:02", volumes, 2 };
	struct qemu_argv a;

	(void)state;
	qemu_argv(&q, &a);
	assert_true(has(&a, "virtio-blk-device,drive=vol0,serial=state"));
	assert_true(has(&a, "virtio-blk-device,drive=vol1,serial=spool"));
	assert_true(has(&a,
	    "driver=raw,node-name=vol1,discard=unmap,file.driver=file,"
	    "file.filename=/dev/fdset/13,file.locking=on,file.discard=unmap"));
	assert_true(has(&a, "fd=12,set=12"));
	assert_true(has(&a, "fd=13,set=13"));
	assert_true(has(&a, "tap,id=wan,fd=14"));
	qemu_argv_release(&a);
}

static void
a_guest_is_told_where_its_volumes_belong(void **state)
{
	auto_buf struct buf b = BUF_INIT;
	struct guest g = guest;
	struct err err = ERR_INIT;

	(void)state;
	g.config = config;
	g.volumes[0] =
	    (struct guest_volume){ "state", "/var/lib/x", -1, 1 << 20 };
	g.nvolumes = 1;
	assert_int_equal(guest_disk(&g, &b, &err), 0);
	assert_non_null(memmem(b.data, b.len,
	    "\"volumes\":[{\"path\":\"/var/lib/x\",\"serial\":\"state\"}]",
	    50));
}

static void
an_arm64_machine_has_words_of_its_own(void **state)
{
	struct qemu q = { "/usr/bin/qemu", "dns-dhcp", "arm64", "tcg", "virt",
		"console=ttyAMA0", 128 << 20, "02:6b:c0:00:02:35", NULL, NULL,
		0 };
	struct qemu_argv a;

	(void)state;
	qemu_argv(&q, &a);
	assert_true(has(&a, "virt,gic-version=max"));
	assert_true(has(&a, "max,pauth=off"));
	assert_true(has(&a, "tcg,tb-size=16"));
	qemu_argv_release(&a);
	q.accel = "kvm";
	qemu_argv(&q, &a);
	assert_true(has(&a, "virt,gic-version=max"));
	assert_true(has(&a, "max"));
	assert_true(has(&a, "kvm"));
	qemu_argv_release(&a);
}

static void
a_tender_gets_its_unikernel_s_devices_by_name(void **state)
{
	static const char *const want[] = { "/usr/bin/solo5-spt", "--mem=32",
		"--net:service=@5", "--net-mac:service=02:6b:c0:00:02:35",
		"--block:spool=/proc/self/fd/7",
		"--block:config=/proc/self/fd/4", "--net:wan=@8",
		"--net-mac:wan=02:6b:cb:00:71:02", "--", "/proc/self/fd/3",
		"--ipv4=192.0.2.53/24", "--ipv4-gateway=203.0.113.1",
		"--ipv6=2001:db8::53/64" };
	static const char macs[2][NET_MAC] = { "02:6b:c0:00:02:35",
		"02:6b:cb:00:71:02" };
	struct agent_wan wan = { .gateway = (char *)"203.0.113.1" };
	const struct agent_service c = { .address = (char *)"192.0.2.53",
		.address6 = (char *)"2001:db8::53",
		.prefix6 = 64,
		.wan = &wan };
	struct solo5 u;
	const struct vm_spec s = { .program = "/usr/bin/solo5-spt",
		.memory = 32 << 20,
		.solo5 = &u,
		.service_conf = &c,
		.gateway = "192.0.2.1",
		.prefix = 24,
		.volumes = { { .name = "state" }, { .name = "spool" } },
		.nvolumes = 2 };
	struct err err = ERR_INIT;
	struct qemu_argv a;

	(void)state;
	assert_int_equal(
	    solo5_from_text(
		"spt 2 net:service block:spool block:config net:wan", &u, &err),
	    0);
	solo5_argv(&s, macs, &a);
	assert_int_equal(a.argc, ARRAY_LEN(want));
	for (size_t i = 0; i < ARRAY_LEN(want); i++)
		assert_string_equal(a.argv[i], want[i]);
	qemu_argv_release(&a);
}

static char
process_state(pid_t pid)
{
	auto_free char *path = mem_printf("/proc/%d/stat", (int)pid);
	auto_buf struct buf text = BUF_INIT;
	struct err err = ERR_INIT;

	assert_int_equal(file_read(path, 4096, &text, &err), 0);
	return strrchr(text.data, ')')[2];
}

static void
a_tender_is_paused_by_a_signal_and_ends_by_one(void **state)
{
	static const char *const argv[] = { "sleep", "1000", NULL };
	struct vm vm = VM_INIT;
	struct spawn sp = SPAWN_INIT;
	struct spawn_end end;
	struct err err = ERR_INIT;

	(void)state;
	sp.argv = argv;
	vm.tender = true;
	vm.state = VM_UP;
	assert_int_equal(spawn_start(&sp, &vm.qemu, &err), 0);
	assert_int_equal(solo5_ask(&vm, WATCH_STOP, &err), 0);
	assert_int_equal(vm.state, VM_PAUSED);
	while (process_state(vm.qemu.pid) != 'T')
		sched_yield();
	/* The clock is the host's; there is nobody to start a service again. */
	assert_int_equal(solo5_ask(&vm, WATCH_CLOCK, &err), 0);
	assert_int_equal(solo5_ask(&vm, WATCH_RESTART, &err), -1);
	assert_int_equal(solo5_ask(&vm, WATCH_TELL, &err), -1);
	assert_int_equal(solo5_ask(&vm, WATCH_CONT, &err), 0);
	assert_int_equal(vm.state, VM_UP);
	while (process_state(vm.qemu.pid) == 'T')
		sched_yield();
	assert_int_equal(solo5_ask(&vm, WATCH_POWEROFF, &err), 0);
	assert_int_equal(spawn_wait(&vm.qemu, -1, &end, &err), 0);
	assert_int_equal(end.signal, SIGTERM);
}

static void
a_guest_under_tcg_is_told_the_clock(void **state)
{
	auto_free char *tcg = tsc_cmdline("quiet", agent_arch(), "tcg");
	auto_free char *kvm = tsc_cmdline("quiet", agent_arch(), "kvm");
	auto_free char *own = tsc_cmdline("tsc_early_khz=1", "amd64", "tcg");

	(void)state;
	assert_string_equal(kvm, "quiet");
	assert_string_equal(own, "tsc_early_khz=1");
	if (tsc_khz() > 0)
		assert_non_null(strstr(tcg, " tsc_early_khz="));
}

static int
feed(struct qmp_reader *r, const char *text, struct qmp_message *m)
{
	struct span data = span_str(text);
	struct err err = ERR_INIT;

	return qmp_next(r, &data, m, &err);
}

static void
qmp_messages_come_in_pieces(void **state)
{
	struct qmp_reader r = { BUF_INIT };
	struct qmp_message m;

	(void)state;
	assert_int_equal(feed(&r, "{\"QMP\":{\"version\":{", &m), 0);
	assert_int_equal(feed(&r, "},\"capabilities\":[]}}\r\n", &m), 1);
	assert_int_equal(m.kind, QMP_GREETING);
	assert_int_equal(feed(&r, "{\"return\":{}}\r\n", &m), 1);
	assert_int_equal(m.kind, QMP_RETURN);
	assert_int_equal(feed(&r,
			     "{\"timestamp\":{\"seconds\":1,\"microseconds\":"
			     "2},\"event\":\"SHUTDOWN\"}\r\n",
			     &m),
	    1);
	assert_int_equal(m.kind, QMP_EVENT);
	assert_string_equal(m.text, "SHUTDOWN");
	qmp_reader_release(&r);
}

static void
what_is_not_qmp_is_refused(void **state)
{
	static const char *const bad[] = { "hello\r\n", "[]\r\n", "{}\r\n",
		"{\"return\":{},\"return\":{}}\r\n" };
	struct qmp_message m;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct qmp_reader r = { BUF_INIT };

		assert_int_equal(feed(&r, bad[i], &m), -1);
		qmp_reader_release(&r);
	}
}

static void
an_endless_line_is_refused(void **state)
{
	struct qmp_reader r = { BUF_INIT };
	struct qmp_message m;
	char piece[4097];
	int got = 0;

	(void)state;
	memset(piece, ' ', sizeof(piece) - 1);
	piece[sizeof(piece) - 1] = '\0';
	for (int i = 0; got == 0 && i < 1000; i++)
		got = feed(&r, piece, &m);
	assert_int_equal(got, -1);
	assert_true(r.line.len <= QMP_LINE);
	qmp_reader_release(&r);
}

static int
setup(void **state)
{
	(void)state;
	config = json_object();
	js_set_str(config, "domain", "lan");
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	json_decref(config);
	return 0;
}

#define TAKEN (8 << 20)

static void
what_a_process_takes_is_read_from_the_kernel(void **state)
{
	struct vm vm = VM_INIT, none = VM_INIT;
	auto_free char *taken = mem_alloc(TAKEN);
	volatile unsigned spin = 0;

	(void)state;
	assert_int_equal(vm_cpu_ms(&none), 0);
	assert_int_equal(vm_memory(&none), 0);
	vm.qemu.pid = getpid();
	/* The kernel counts a few pages late. */
	memset(taken, 1, TAKEN);
	assert_true(vm_memory(&vm) > TAKEN / 2);
	assert_true(vm_memory(&vm) < (int64_t)1 << 30);
	/* Ends, since computing is what it waits for. */
	while (vm_cpu_ms(&vm) < 30)
		for (int i = 0; i < 100000; i++)
			spin++;
	vm.qemu.pid = 0;
}

/* Two of us on one processor: each waits for the other. */
static void
a_process_that_has_no_processor_is_seen_to_wait(void **state)
{
	struct vm vm = VM_INIT, none = VM_INIT;
	cpu_set_t before, one;
	volatile unsigned spin = 0;
	pid_t other;

	(void)state;
	assert_int_equal(vm_waited_ms(&none), 0);
	if (access("/proc/self/schedstat", R_OK) == -1)
		skip();
	assert_int_equal(sched_getaffinity(0, sizeof(before), &before), 0);
	CPU_ZERO(&one);
	for (int cpu = 0; cpu < CPU_SETSIZE && CPU_COUNT(&one) == 0; cpu++)
		if (CPU_ISSET(cpu, &before))
			CPU_SET(cpu, &one);
	assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
	other = fork();
	if (other == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			spin++;
	}
	assert_true(other > 0);
	vm.qemu.pid = getpid();
	for (int64_t was = vm_waited_ms(&vm); vm_waited_ms(&vm) < was + 20;)
		for (int i = 0; i < 100000; i++)
			spin++;
	vm.qemu.pid = 0;
	kill(other, SIGKILL);
	assert_int_equal(waitpid(other, NULL, 0), other);
	assert_int_equal(sched_setaffinity(0, sizeof(before), &before), 0);
}

/* Of both its threads; who may not (CAP_SYS_NICE) is told. */
static void *
waits(void *arg)
{
	(void)arg;
	pause();
	return NULL;
}

static void
a_patient_machine_is_patient_no_more(void **state)
{
	struct vm vm = VM_INIT;
	struct err err = ERR_INIT;
	int ours = getpriority(PRIO_PROCESS, 0), ready[2], got;
	pid_t pid;
	char c;

	(void)state;
	assert_int_equal(vm_hurry(&vm, &err), 0); /* one that is off */
	assert_int_equal(pipe(ready), 0);
	pid = fork();
	assert_int_not_equal(pid, -1);
	if (pid == 0) {
		pthread_t other;

		if (nice(5) == -1 || pthread_create(&other, NULL, waits, NULL))
			_exit(1);
		_exit(write(ready[1], "", 1) != 1 || pause());
	}
	assert_int_equal(read(ready[0], &c, 1), 1);
	assert_int_equal(getpriority(PRIO_PROCESS, (id_t)pid), ours + 5);
	vm.qemu.pid = pid;
	got = vm_hurry(&vm, &err);
	if (got == 0)
		assert_int_equal(getpriority(PRIO_PROCESS, (id_t)pid), ours);
	else
		assert_int_equal(err.sys, EACCES);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	vm.qemu.pid = 0;
	close(ready[0]);
	close(ready[1]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_a_process_takes_is_read_from_the_kernel),
		cmocka_unit_test(
		    a_process_that_has_no_processor_is_seen_to_wait),
		cmocka_unit_test(a_patient_machine_is_patient_no_more),
		cmocka_unit_test(a_disk_is_magic_length_text_and_zeroes),
		cmocka_unit_test(two_cards_have_names),
		cmocka_unit_test(a_disk_that_is_handed_out_cannot_be_written),
		cmocka_unit_test(a_configuration_that_is_too_large_is_refused),
		cmocka_unit_test(qemu_names_no_file),
		cmocka_unit_test(
		    state_volumes_come_behind_the_rest_and_a_second_card_behind_them),
		cmocka_unit_test(a_guest_is_told_where_its_volumes_belong),
		cmocka_unit_test(an_arm64_machine_has_words_of_its_own),
		cmocka_unit_test(a_tender_gets_its_unikernel_s_devices_by_name),
		cmocka_unit_test(
		    a_tender_is_paused_by_a_signal_and_ends_by_one),
		cmocka_unit_test(a_guest_under_tcg_is_told_the_clock),
		cmocka_unit_test(qmp_messages_come_in_pieces),
		cmocka_unit_test(what_is_not_qmp_is_refused),
		cmocka_unit_test(an_endless_line_is_refused),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
