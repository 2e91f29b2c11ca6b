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

void
qemu_arg(struct qemu_argv *a, const char *fmt, ...)
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
	qemu_arg(a, "-add-fd");
	qemu_arg(a, "fd=%d,set=%d", fd, fd);
	qemu_arg(a, "-blockdev");
	qemu_arg(a,
	    "driver=raw,node-name=%s,read-only=on,file.driver=file,"
	    "file.filename=/dev/fdset/%d,file.read-only=on,file.locking=off",
	    node, fd);
	qemu_arg(a, "-device");
	qemu_arg(a, "virtio-blk-device,drive=%s,serial=%s", node, node);
}

/* A state volume.  QEMU locks it against a second one: only one machine at a
 * time writes it.  What the guest gives back is a hole again. */
static void
volume(struct qemu_argv *a, const struct guest_volume *v, size_t i)
{
	int fd = QEMU_FD_END + (int)i;

	qemu_arg(a, "-add-fd");
	qemu_arg(a, "fd=%d,set=%d", fd, fd);
	qemu_arg(a, "-blockdev");
	qemu_arg(a,
	    "driver=raw,node-name=vol%zu,discard=unmap,file.driver=file,"
	    "file.filename=/dev/fdset/%d,file.locking=on,file.discard=unmap",
	    i, fd);
	qemu_arg(a, "-device");
	qemu_arg(a, "virtio-blk-device,drive=vol%zu,serial=%s", i, v->name);
}

static void
stream(struct qemu_argv *a, const char *id, int fd)
{
	qemu_arg(a, "-chardev");
	qemu_arg(a, "socket,id=%s,fd=%d", id, fd);
}

void
qemu_argv(const struct qemu *q, struct qemu_argv *a)
{
	const bool arm = strcmp(q->arch, "arm64") == 0;
	const bool tcg = strcmp(q->accel, "tcg") == 0;

	memset(a, 0, sizeof(*a));
	qemu_arg(a, "%s", q->program);
	qemu_arg(a, "-name");
	qemu_arg(a, "kiln-%s", q->name);
	qemu_arg(a, "-nodefaults");
	qemu_arg(a, "-no-user-config");
	qemu_arg(a, "-no-reboot");
	qemu_arg(a, "-display");
	qemu_arg(a, "none");
	qemu_arg(a, "-sandbox");
	qemu_arg(a, "on,obsolete=deny,elevateprivileges=deny,spawn=deny,"
		    "resourcecontrol=deny");
	qemu_arg(a, "-machine");
	/* Which interrupt controller a virt has depends on the host's, where
	 * it is the host's: the newest that can be had. */
	qemu_arg(a, "%s%s", q->machine, arm ? ",gic-version=max" : "");
	qemu_arg(a, "-accel");
	/* tb-size: reference/risks.md section 3 measured 16 MiB as enough. */
	qemu_arg(a, "%s", tcg ? "tcg,tb-size=16" : "kvm");
	qemu_arg(a, "-cpu");
	/* All that can be had; of an emulated arm64 the signing of pointers is
	 * left out, which takes half of its time. */
	qemu_arg(a, "%s", arm && tcg ? "max,pauth=off" : "max");
	qemu_arg(a, "-smp");
	qemu_arg(a, "1");
	qemu_arg(a, "-m");
	qemu_arg(a, "%lldM", (long long)((q->memory + MIB - 1) / MIB));
	qemu_arg(a, "-kernel");
	qemu_arg(a, "/proc/self/fd/%d", QEMU_KERNEL);
	qemu_arg(a, "-initrd");
	qemu_arg(a, "/proc/self/fd/%d", QEMU_INITRD);
	qemu_arg(a, "-append");
	qemu_arg(a, "%s", q->cmdline);
	disk(a, "root", QEMU_ROOT);
	disk(a, "config", QEMU_CONFIG);
	for (size_t i = 0; i < q->nvolumes; i++)
		volume(a, &q->volumes[i], i);
	qemu_arg(a, "-netdev");
	qemu_arg(a, "tap,id=lan,fd=%d", QEMU_TAP);
	qemu_arg(a, "-device");
	qemu_arg(a, "virtio-net-device,netdev=lan,mac=%s", q->mac);
	if (q->wan_mac) {
		qemu_arg(a, "-netdev");
		qemu_arg(a, "tap,id=wan,fd=%d", QEMU_FD_END + (int)q->nvolumes);
		qemu_arg(a, "-device");
		qemu_arg(a, "virtio-net-device,netdev=wan,mac=%s", q->wan_mac);
	}
	/* The guest's first random numbers: from our getrandom(), no file. */
	qemu_arg(a, "-object");
	qemu_arg(a, "rng-builtin,id=rng");
	qemu_arg(a, "-device");
	qemu_arg(a, "virtio-rng-device,rng=rng");
	qemu_arg(a, "-device");
	qemu_arg(a, "virtio-serial-device");
	stream(a, "control", QEMU_CONTROL);
	qemu_arg(a, "-device");
	qemu_arg(a, "virtserialport,chardev=control,name=org.kiln.control");
	stream(a, "state", QEMU_STATE);
	qemu_arg(a, "-device");
	qemu_arg(a, "virtserialport,chardev=state,name=org.kiln.state");
	stream(a, "qmp", QEMU_QMP);
	qemu_arg(a, "-mon");
	qemu_arg(a, "chardev=qmp,mode=control");
	stream(a, "console", QEMU_CONSOLE);
	qemu_arg(a, "-serial");
	qemu_arg(a, "chardev:console");
}

void
qemu_argv_release(struct qemu_argv *a)
{
	for (int i = 0; i < a->argc; i++)
		free(a->argv[i]);
	memset(a, 0, sizeof(*a));
}
