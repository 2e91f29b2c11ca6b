/* QEMU's command line: every file and socket is a descriptor that the child
 * already holds, at the numbers below. */
#ifndef AGENT_QEMU_H
#define AGENT_QEMU_H

#include <stdint.h>

#include "lib/attr.h"
#include "router-agent/machine/guest.h"

enum qemu_fd {
	QEMU_KERNEL = 3,
	QEMU_INITRD,
	QEMU_ROOT,   /* image */
	QEMU_CONFIG, /* configuration disk */
	QEMU_TAP,
	QEMU_QMP,
	QEMU_CONTROL,
	QEMU_STATE, /* the state port */
	QEMU_CONSOLE,
	QEMU_FD_END /* then volumes, then a second tap, if there are any */
};

struct qemu {
	const char *program; /* absolute path */
	const char *name;    /* service, for the process list */
	const char *arch;    /* of the machine, in Debian's word */
	const char *accel;   /* "tcg" or "kvm" */
	const char *machine, *cmdline;
	int64_t memory; /* bytes */
	const char *mac;
	const char *wan_mac; /* NULL: no second card */
	const struct guest_volume
	    *volumes; /* their order is the descriptors' */
	size_t nvolumes;
};

/* The program for an architecture, or NULL when there is none. */
const char *qemu_program(const char *arch);

#define QEMU_ARGS 112
struct qemu_argv {
	char *argv[QEMU_ARGS]; /* NULL-ended, each malloc'ed */
	int argc;
};
void qemu_argv(const struct qemu *, struct qemu_argv *);
/* One word more. */
void qemu_arg(struct qemu_argv *, const char *fmt, ...) KILN_PRINTF(2, 3);
void qemu_argv_release(struct qemu_argv *);

#endif
