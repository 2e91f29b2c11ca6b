#include "router-agent/machine/qemu.h"

#include <assert.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/mem.h"
#include "lib/own.h"

#define MIB (1 << 20)

const char *
qemu_program(const char *arch)
{
	const char *path = NULL;

	if (strcmp(arch, "amd64") == 0)
		path = "/usr/bin/qemu-system-x86_64";
	else if (strcmp(arch, "arm64") == 0)
		path = "/usr/bin/qemu-system-aarch64";
	return path && access(path, X_OK) == 0 ? path : NULL;
}

static void add(struct qemu_argv *, const char *fmt, ...) KILN_PRINTF(2, 3);

static void
add(struct qemu_argv *a, const char *fmt, ...)
{
	auto_buf struct buf text = BUF_INIT;
	va_list ap;

	assert(a->argc < QEMU_ARGS - 1);
	va_start(ap, fmt);
	buf_vprintf(&text, fmt, ap);
	va_end(ap);
	a->argv[a->argc++] = buf_take(&text);
}

/* A read-only disk whose file is descriptor `fd`.  Images are immutable and
 * the configuration is sealed: nobody to lock out. */
static void
disk(struct qemu_argv *a, const char *node, int fd)
{
	add(a, "-add-fd");
	add(a, "fd=%d,set=%d", fd, fd);
	add(a, "-blockdev");
	add(a,
	    "driver=raw,node-name=%s,read-only=on,file.driver=file,"
	    "file.filename=/dev/fdset/%d,file.read-only=on,file.locking=off",
	    node, fd);
	add(a, "-device");
	add(a, "virtio-blk-device,drive=%s,serial=%s", node, node);
}

/* A state volume.  QEMU locks it against a second one: only one machine at a
 * time writes it.  What the guest gives back is a hole again. */
static void
volume(struct qemu_argv *a, const struct guest_volume *v, size_t i)
{
	int fd = QEMU_FD_END + (int)i;

	add(a, "-add-fd");
	add(a, "fd=%d,set=%d", fd, fd);
	add(a, "-blockdev");
	add(a,
	    "driver=raw,node-name=vol%zu,discard=unmap,file.driver=file,"
	    "file.filename=/dev/fdset/%d,file.locking=on,file.discard=unmap",
	    i, fd);
	add(a, "-device");
	add(a, "virtio-blk-device,drive=vol%zu,serial=%s", i, v->name);
}

static void
stream(struct qemu_argv *a, const char *id, int fd)
{
	add(a, "-chardev");
	add(a, "socket,id=%s,fd=%d", id, fd);
}

void
qemu_argv(const struct qemu *q, struct qemu_argv *a)
{
	const bool arm = strcmp(q->arch, "arm64") == 0;
	const bool tcg = strcmp(q->accel, "tcg") == 0;

	memset(a, 0, sizeof(*a));
	add(a, "%s", q->program);
	add(a, "-name");
	add(a, "kiln-%s", q->name);
	add(a, "-nodefaults");
	add(a, "-no-user-config");
	add(a, "-no-reboot");
	add(a, "-display");
	add(a, "none");
	add(a, "-sandbox");
	add(a, "on,obsolete=deny,elevateprivileges=deny,spawn=deny,"
	       "resourcecontrol=deny");
	add(a, "-machine");
	/* Which interrupt controller a virt has depends on the host's, where
	 * it is the host's: the newest that can be had. */
	add(a, "%s%s", q->machine, arm ? ",gic-version=max" : "");
	add(a, "-accel");
	/* tb-size: reference/risks.md section 3 measured 16 MiB as enough. */
	add(a, "%s", tcg ? "tcg,tb-size=16" : "kvm");
	add(a, "-cpu");
	/* All that can be had; of an emulated arm64 the signing of pointers is
	 * left out, which takes half of its time. */
	add(a, "%s", arm && tcg ? "max,pauth=off" : "max");
	add(a, "-smp");
	add(a, "1");
	add(a, "-m");
	add(a, "%lldM", (long long)((q->memory + MIB - 1) / MIB));
	add(a, "-kernel");
	add(a, "/proc/self/fd/%d", QEMU_KERNEL);
	add(a, "-initrd");
	add(a, "/proc/self/fd/%d", QEMU_INITRD);
	add(a, "-append");
	add(a, "%s", q->cmdline);
	disk(a, "root", QEMU_ROOT);
	disk(a, "config", QEMU_CONFIG);
	for (size_t i = 0; i < q->nvolumes; i++)
		volume(a, &q->volumes[i], i);
	add(a, "-netdev");
	add(a, "tap,id=lan,fd=%d", QEMU_TAP);
	add(a, "-device");
	add(a, "virtio-net-device,netdev=lan,mac=%s", q->mac);
	if (q->wan_mac) {
		add(a, "-netdev");
		add(a, "tap,id=wan,fd=%d", QEMU_FD_END + (int)q->nvolumes);
		add(a, "-device");
		add(a, "virtio-net-device,netdev=wan,mac=%s", q->wan_mac);
	}
	/* The guest's first random numbers: from our getrandom(), no file. */
	add(a, "-object");
	add(a, "rng-builtin,id=rng");
	add(a, "-device");
	add(a, "virtio-rng-device,rng=rng");
	add(a, "-device");
	add(a, "virtio-serial-device");
	stream(a, "control", QEMU_CONTROL);
	add(a, "-device");
	add(a, "virtserialport,chardev=control,name=org.kiln.control");
	stream(a, "state", QEMU_STATE);
	add(a, "-device");
	add(a, "virtserialport,chardev=state,name=org.kiln.state");
	stream(a, "qmp", QEMU_QMP);
	add(a, "-mon");
	add(a, "chardev=qmp,mode=control");
	stream(a, "console", QEMU_CONSOLE);
	add(a, "-serial");
	add(a, "chardev:console");
}

void
qemu_argv_release(struct qemu_argv *a)
{
	for (int i = 0; i < a->argc; i++)
		free(a->argv[i]);
	memset(a, 0, sizeof(*a));
}
