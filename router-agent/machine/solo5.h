/*
 * A unikernel of Solo5 as a machine: what its manifest names must be what this
 * router has for it, and a tender of its ABI must be installed, solo5-spt (a
 * process that a filter of seven system calls holds) or solo5-hvt (KVM).  The
 * agent brings none; Debian 12 has none.
 *
 *	net device	its tap on the LAN; of two the one called "wan" is its
 *			tap towards the provider
 *	block device	the volume of the same name; "config" is the
 *			configuration disk (docs/formats.md "guest")
 *
 * What a tender lacks has its equivalent or is refused in the plan: it is
 * paused by SIGSTOP, goes on by SIGCONT, ends by SIGTERM, and its clock is the
 * host's.  It has no port for leases and settings, and no programs.
 * Command lines: Solo5's tenders/spt/spt_main.c and tenders/hvt/hvt_main.c.
 */
#ifndef AGENT_SOLO5_H
#define AGENT_SOLO5_H

#include <stdint.h>

#include "lib/attr.h"
#include "lib/err.h"
#include "router-agent/conf.h"
#include "router-agent/machine/qemu.h"
#include "router-agent/machine/vm.h"
#include "router-agent/set.h"

enum solo5_fd {
	SOLO5_KERNEL = 3,
	SOLO5_CONFIG,
	SOLO5_TAP,
	SOLO5_FD_END /* then volumes, then a second tap, if there are any */
};

#define SOLO5_PROGRAM 256 /* bytes of a tender's path, with NUL */

/* Bytes of a file that a tender may write where it has no volume: it lays its
 * filter into a memory file first (Solo5's tenders/spt/spt_core.c). */
#define SOLO5_ROOM ((int64_t)64 << 10)

/* What a tender takes besides the guest's own memory, in bytes. */
#define SOLO5_OVERHEAD ((int64_t)4 << 20)

/* The tender for a target; ERR_MISSING: none is installed.  Looked for in the
 * folder `tender` of agent.yaml, else in /usr/local/bin and /usr/bin. */
int solo5_tender(const struct agent_conf *, enum solo5_target,
    char out[SOLO5_PROGRAM], struct err *) KILN_MUST;
/* Can this router run it?  Asks the tender which ABI it speaks.  `accel`:
 * "kvm" or "tcg".  ERR_INPUT with one sentence. */
int solo5_fits(const struct agent_conf *, const struct set_service *,
    const char *arch, const char *accel, struct err *) KILN_MUST;
void solo5_argv(
    const struct vm_spec *, const char macs[2][NET_MAC], struct qemu_argv *);
/* vm_ask of a tender. */
int solo5_ask(struct vm *, uint32_t request, struct err *) KILN_MUST;

#endif
