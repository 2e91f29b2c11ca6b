/*
 * A virtual machine as the root parent sees it: a QEMU under a uid of its
 * own, a watcher under the same uid that listens to it, and a tap.  All of it
 * dies with the agent.  A unikernel's tender (solo5.h) stands in QEMU's place:
 * it has no kernel that speaks first and is VM_UP at once, and its watcher
 * hears its console alone.
 *
 * Life: vm_start → (vm_step until VM_UP) → vm_attach → vm_stop.  A `struct
 * vm` that is zeroed or released is VM_OFF.
 */
#ifndef AGENT_VM_H
#define AGENT_VM_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "lib/attr.h"
#include "lib/err.h"
#include "lib/ipc.h"
#include "lib/solo5.h"
#include "lib/spawn.h"
#include "router-agent/conf.h"
#include "router-agent/machine/guest.h"
#include "router-agent/machine/net.h"
#include "router-agent/machine/watch.h"

#define VM_MAX 62 /* uids of role_uid(ROLE_VM) in use */

enum vm_state {
	VM_OFF,
	VM_SILENT, /* started, its kernel has not spoken yet */
	VM_UP,	   /* its kernel speaks */
	VM_PAUSED,
	VM_ENDED, /* by itself: `why` says how */
};

struct vm;
/* What the machine's state port said, WATCH_STATE or WATCH_SETTING: foreign.
 * -1: the watcher broke a rule. */
typedef int vm_heard_fn(void *arg, struct vm *, struct ipc_msg *, struct err *);

struct vm_spec {
	const char *service;
	unsigned index;	     /* free among all machines, below VM_MAX */
	const char *program; /* QEMU */
	const char *arch;
	const char *accel; /* "tcg" or "kvm" */
	const char *machine, *cmdline;
	int64_t memory;
	bool patient; /* everybody else on this host comes first */
	/* What a unikernel says of itself; NULL: the image is QEMU's.  Then
	 * `program` is the tender, and arch, accel, machine, cmdline, kernel
	 * and initrd are not looked at. */
	const struct solo5 *solo5;
	int kernel, initrd, image;		  /* borrowed, read-only */
	const struct agent_service *service_conf; /* its addresses */
	const char *gateway;
	int64_t prefix;
	const json_t *config;
	struct guest_volume volumes[GUEST_VOLUMES]; /* borrowed */
	size_t nvolumes;
	int logdir;
	vm_heard_fn *heard; /* NULL: what the state port says is dropped */
	void *arg;
};

struct vm {
	enum vm_state state;
	char service[64];
	unsigned index;
	char tap[NET_IFNAME];
	char wan[NET_IFNAME]; /* its second tap, or "" */
	bool tender;	      /* `qemu` is one */
	struct child qemu, watch;
	int sock;
	vm_heard_fn *heard;
	void *arg;
	int64_t console_ms;  /* from start until the kernel spoke, or -1 */
	uint32_t asked;	     /* request without an answer yet */
	bool answered_ok;    /* of the last answer */
	int64_t probe_until; /* monotonic; 0: no program is asked */
	int probed;	     /* 1 well, 0 not, -1 no answer yet */
	char probe_text[WATCH_TEXT];
	char why[WATCH_TEXT]; /* how it ended, or the last fault */
};
#define VM_INIT                                                     \
	{                                                           \
		.sock = -1, .qemu = CHILD_INIT, .watch = CHILD_INIT \
	}

int vm_start(struct vm *, const struct vm_spec *, struct err *) KILN_MUST;
/* One that an earlier program of this same process started, and that is up. */
struct vm_left {
	const char *service;
	unsigned index;
	bool wan, tender;
	pid_t qemu, watch;
	int64_t started_ms, console_ms;
	int sock; /* becomes the machine's */
	vm_heard_fn *heard;
	void *arg;
};
int vm_take(struct vm *, const struct vm_left *, struct err *) KILN_MUST;
/* Takes in what happened without waiting. */
void vm_step(struct vm *);
/* Descriptors to wait for: the watcher's socket and QEMU's pidfd. */

size_t vm_pollfds(const struct vm *, struct pollfd out[2]);

/* WATCH_STOP, WATCH_CONT, WATCH_QUIT, WATCH_POWEROFF, WATCH_RESTART,
 * WATCH_FREEZE, WATCH_THAW: waits for the answer up to the deadline.  A tender
 * gets a signal instead (solo5_ask). */
int vm_ask(
    struct vm *, uint32_t request, int64_t deadline_ms, struct err *) KILN_MUST;
int vm_clock(struct vm *, int64_t unix_seconds, int64_t deadline_ms,
    struct err *) KILN_MUST;
/* Runs a program of the image's /etc/kiln/probes; vm_probe_result: 1 well, 0
 * not, and `text` says why, -1: no answer yet. */
#define VM_PROBE_MS 5000 /* guest-init gives it 3 s */
int vm_probe(struct vm *, const char *name, struct err *) KILN_MUST;
int vm_probe_result(struct vm *, char text[WATCH_TEXT]);
/* Bytes for who reads the machine's state port. */
int vm_tell(struct vm *, const struct buf *, struct err *) KILN_MUST;
/* Asks the guest to switch off; after `grace_ms` QEMU to quit; then kills
 * both.  The machine is VM_OFF after. */
void vm_stop(struct vm *, int64_t grace_ms);
void vm_kill(struct vm *);
int64_t vm_age_ms(const struct vm *);
/* A patient one is patient no more. */
int vm_hurry(const struct vm *, struct err *) KILN_MUST;
/* What QEMU holds of the host's memory, without pages of files; 0: nothing. */
int64_t vm_memory(const struct vm *);
/* How long QEMU has computed, in milliseconds. */
int64_t vm_cpu_ms(const struct vm *);
/* How long its threads, together, were ready to compute and had no processor;
 * 0 also where the kernel does not count that (CONFIG_SCHED_INFO). */
int64_t vm_waited_ms(const struct vm *);
const char *vm_state_name(enum vm_state);

#endif
