/* A machine's QEMU as the host's kernel sees it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "lib/fdio.h"
#include "lib/num.h"
#include "lib/own.h"
#include "router-agent/machine/vm.h"

/* proc(5)'s file of it; 0 also when there is no process. */
static int
about(const struct vm *vm, const char *name, struct buf *text)
{
	struct err why = ERR_INIT;
	char path[96];

	if (vm->qemu.pid <= 0)
		return 0;
	snprintf(path, sizeof(path), "/proc/%d/%s", (int)vm->qemu.pid, name);
	return file_read(path, 16384, text, &why) == 0;
}

static int64_t
number(struct span digits)
{
	int64_t n;

	return num_span(digits, 0, INT64_MAX / 2000, &n) ? n : 0;
}

int64_t
vm_memory(const struct vm *vm)
{
	auto_buf struct buf text = BUF_INIT;
	struct span rest, line, key, kib;

	if (!about(vm, "status", &text))
		return 0;
	rest = span_buf(&text);
	while (span_next(&rest, '\n', &line)) {
		if (!span_next(&line, ':', &key) || !span_is(key, "RssAnon"))
			continue;
		line = span_trim(line);
		return span_next(&line, ' ', &kib) ? number(kib) << 10 : 0;
	}
	return 0;
}

int64_t
vm_cpu_ms(const struct vm *vm)
{
	auto_buf struct buf text = BUF_INIT;
	struct span rest, word;
	int64_t ticks = 0;
	long hz = sysconf(_SC_CLK_TCK);

	if (hz <= 0 || !about(vm, "stat", &text))
		return 0;
	/* Behind the name, which may hold anything: fields 14 and 15. */
	rest = span_buf(&text);
	while (span_next(&rest, ')', &word))
		if (!memchr(rest.p, ')', rest.n))
			break;
	for (int field = 2; field <= 15 && span_next(&rest, ' ', &word);
	     field++)
		if (field >= 14)
			ticks += number(word);
	return ticks * 1000 / hz;
}

static DIR *
threads(const struct vm *vm)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/task", (int)vm->qemu.pid);
	return opendir(path);
}

int64_t
vm_waited_ms(const struct vm *vm)
{
	auto_dir DIR *tasks = vm->qemu.pid <= 0 ? NULL : threads(vm);
	const struct dirent *e;
	int64_t all = 0;

	while (tasks && (e = readdir(tasks)) != NULL) {
		auto_buf struct buf text = BUF_INIT;
		struct span rest, word;
		char name[32];

		/* Computed, waited, turns: sched-stats.rst of the kernel. */
		if (snprintf(name, sizeof(name), "task/%.10s/schedstat",
			e->d_name) >= (int)sizeof(name) ||
		    e->d_name[0] == '.' || !about(vm, name, &text))
			continue;
		rest = span_buf(&text);
		if (span_next(&rest, ' ', &word) &&
		    span_next(&rest, ' ', &word))
			all += number(word) / 1000000;
	}
	return all;
}

int
vm_hurry(const struct vm *vm, struct err *err)
{
	auto_dir DIR *tasks = vm->qemu.pid <= 0 ? NULL : threads(vm);
	const struct dirent *e;
	int ours = getpriority(PRIO_PROCESS, 0);

	if (vm->qemu.pid <= 0)
		return 0;
	if (!tasks)
		return err_sys(err, "list the threads of %s", vm->service);
	while ((e = readdir(tasks)) != NULL) {
		int64_t tid;
		struct err why = ERR_INIT;

		/* One that ended meanwhile needs nothing. */
		if (num_int(e->d_name, 1, 1 << 30, &tid, &why) == 0 &&
		    setpriority(PRIO_PROCESS, (id_t)tid, ours) == -1 &&
		    errno != ESRCH)
			return err_sys(err, "hurry %s", vm->service);
	}
	return 0;
}
