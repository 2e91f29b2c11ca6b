#include "router-agent/machine/vm.h"

#include <assert.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/drop.h"
#include "lib/fdio.h"
#include "lib/ipc.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"
#include "router-agent/machine/guest.h"
#include "router-agent/machine/qemu.h"
#include "router-agent/machine/solo5.h"

#define STEP_MESSAGES 32 /* taken in one step; the rest waits */
#define QUIT_MS 2000

const char *
vm_state_name(enum vm_state s)
{
	static const char *const names[] = { "off", "booting", "running",
		"paused", "ended" };

	return names[s];
}

/* --- start --------------------------------------------------------------- */

struct pairs { /* ours and the machine's ends */
	int qmp[2], control[2], state[2], console[2], parent[2];
};

static void
pairs_release(struct pairs *p)
{
	for (int i = 0; i < 2; i++) {
		own_close(&p->qmp[i]);
		own_close(&p->control[i]);
		own_close(&p->state[i]);
		own_close(&p->console[i]);
		own_close(&p->parent[i]);
	}
}

static int
stream_pair(int sv[2], struct err *err)
{
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv) == -1)
		return err_sys(err, "make a socket pair");
	return 0;
}

/* By `kiln-agent -x launch`, with volumes and a second tap behind the
 * descriptors that `sp` has already.  Releases `a`. */
static int
launch(struct vm *vm, const struct vm_spec *s, const char *accel, int wan,
    struct qemu_argv *a, struct spawn *sp, struct err *err)
{
	const char *argv[QEMU_ARGS + 8];
	int64_t largest = s->solo5 ? SOLO5_ROOM : 0;
	char uid[16], room[24];
	int n = 0, ret;

	for (size_t i = 0; i < s->nvolumes; i++) {
		if (s->volumes[i].size > largest)
			largest = s->volumes[i].size;
		sp->fds[sp->nfds++] = s->volumes[i].fd;
	}
	if (wan != -1)
		sp->fds[sp->nfds++] = wan;
	snprintf(uid, sizeof(uid), "%u", role_uid(ROLE_VM) + s->index);
	snprintf(room, sizeof(room), "%lld", (long long)largest);
	argv[n++] = "kiln-agent";
	argv[n++] = "-x";
	argv[n++] = "launch";
	argv[n++] = uid;
	argv[n++] = accel;
	argv[n++] = room;
	argv[n++] = s->patient ? "patient" : "";
	for (int i = 0; i <= a->argc; i++)
		argv[n++] = a->argv[i];
	sp->argv = argv;
	sp->exec_self = true;
	sp->die_with_parent = true;
	ret = spawn_start(sp, &vm->qemu, err);
	sp->argv = NULL; /* it ends here */
	qemu_argv_release(a);
	return ret;
}

static int
start_qemu(struct vm *vm, const struct vm_spec *s, const struct pairs *p,
    int config, int tap, int wan, const char macs[2][NET_MAC], struct err *err)
{
	const struct qemu q = {
		.program = s->program,
		.name = s->service,
		.arch = s->arch,
		.accel = s->accel,
		.machine = s->machine,
		.cmdline = s->cmdline,
		.memory = s->memory,
		.mac = macs[0],
		.wan_mac = wan == -1 ? NULL : macs[1],
		.volumes = s->volumes,
		.nvolumes = s->nvolumes,
	};
	const int fds[] = { s->kernel, s->initrd, s->image, config, tap,
		p->qmp[1], p->control[1], p->state[1], p->console[1] };
	struct spawn sp = SPAWN_INIT;
	struct qemu_argv a;

	_Static_assert(ARRAY_LEN(fds) == QEMU_FD_END - QEMU_KERNEL,
	    "one descriptor for each number");
	memcpy(sp.fds, fds, sizeof(fds));
	sp.nfds = ARRAY_LEN(fds);
	qemu_argv(&q, &a);
	return launch(vm, s, s->accel, wan, &a, &sp, err);
}

/* Its console is its standard output, the one that it may write to. */
static int
start_tender(struct vm *vm, const struct vm_spec *s, const struct pairs *p,
    int config, int tap, int wan, const char macs[2][NET_MAC], struct err *err)
{
	const int fds[] = { s->image, config, tap };
	const bool hvt = s->solo5->target == SOLO5_HVT;
	struct spawn sp = SPAWN_INIT;
	struct qemu_argv a;

	_Static_assert(ARRAY_LEN(fds) == SOLO5_FD_END - SOLO5_KERNEL,
	    "one descriptor for each number");
	memcpy(sp.fds, fds, sizeof(fds));
	sp.nfds = ARRAY_LEN(fds);
	sp.out = sp.err = p->console[1];
	solo5_argv(s, macs, &a);
	vm->tender = true;
	vm->state = VM_UP;
	vm->console_ms = 0;
	return launch(vm, s, hvt ? "kvm" : "", wan, &a, &sp, err);
}

static int
start_watch(struct vm *vm, const struct vm_spec *s, const struct pairs *p,
    struct err *err)
{
	const char *const argv[] = { "kiln-agent", "-x", "watch", NULL };
	auto_free char *name = mem_printf("%s.console", s->service);
	auto_fd int log = file_open_at(
	    s->logdir, name, O_RDWR | O_CREAT | O_TRUNC, 0644, err);
	struct spawn sp = SPAWN_INIT;

	if (log == -1)
		return -1;
	sp.argv = argv;
	sp.exec_self = true;
	sp.die_with_parent = true;
	if (role_walls())
		sp.uid = role_uid(ROLE_VM) + s->index;
	sp.fds[sp.nfds++] = p->parent[1];
	sp.fds[sp.nfds++] = p->qmp[0];
	sp.fds[sp.nfds++] = p->control[0];
	sp.fds[sp.nfds++] = p->state[0];
	sp.fds[sp.nfds++] = p->console[0];
	sp.fds[sp.nfds++] = log;
	return spawn_start(&sp, &vm->watch, err);
}

static void
link_add(struct guest *g, const char *name, const char *mac,
    const char *address, int64_t prefix, const char *gateway)
{
	if (address)
		g->links[g->nlinks++] =
		    (struct guest_link){ name, mac, address, gateway, prefix };
}

/* A machine with one card has it under the name its kernel gives. */
static void
links(struct guest *g, const struct vm_spec *s, char macs[2][NET_MAC])
{
	const struct agent_service *c = s->service_conf;
	const struct agent_wan *w = c->wan;
	const char *lan = w ? "lan" : NULL;

	net_mac(c->address, macs[0]);
	link_add(g, lan, macs[0], c->address, s->prefix, w ? NULL : s->gateway);
	link_add(g, lan, macs[0], c->address6, c->prefix6, NULL);
	if (!w)
		return;
	net_mac(w->address, macs[1]);
	link_add(g, "wan", macs[1], w->address, w->prefix, w->gateway);
	link_add(g, "wan", macs[1], w->address6, w->prefix6, w->gateway6);
}

static int
start(struct vm *vm, const struct vm_spec *s, struct pairs *p, struct err *err)
{
	auto_fd int config = -1, tap = -1, wan = -1;
	struct guest g = {
		.hostname = s->service,
		.clock = time_now(),
		.config = s->config,
		.nvolumes = s->nvolumes,
	};
	char macs[2][NET_MAC];

	memcpy(g.volumes, s->volumes, sizeof(g.volumes));
	links(&g, s, macs);
	config = guest_disk_open(&g, err);
	if (config == -1)
		return -1;
	tap = net_tap_open(vm->tap, err);
	if (vm->wan[0] && (wan = net_tap_open(vm->wan, err)) == -1)
		return -1;
	if (tap == -1 || stream_pair(p->qmp, err) == -1 ||
	    stream_pair(p->control, err) == -1 ||
	    stream_pair(p->state, err) == -1 ||
	    stream_pair(p->console, err) == -1 ||
	    ipc_pair(p->parent, err) == -1)
		return -1;
	/* The watcher first: nothing is said that nobody hears. */
	if (start_watch(vm, s, p, err) == -1)
		return -1;
	return (s->solo5 ? start_tender : start_qemu)(
	    vm, s, p, config, tap, wan, macs, err);
}

int
vm_start(struct vm *out, const struct vm_spec *s, struct err *err)
{
	struct vm vm = VM_INIT;
	struct pairs p = { { -1, -1 }, { -1, -1 }, { -1, -1 }, { -1, -1 },
		{ -1, -1 } };
	int ret;

	assert(s->index < VM_MAX);
	snprintf(vm.service, sizeof(vm.service), "%s", s->service);
	vm.index = s->index;
	vm.state = VM_SILENT;
	vm.console_ms = -1;
	vm.heard = s->heard;
	vm.arg = s->arg;
	net_tap_name(s->index, vm.tap);
	if (s->service_conf->wan)
		net_wan_name(s->index, vm.wan);
	ret = start(&vm, s, &p, err);
	if (ret == 0)
		vm.sock = take_fd(&p.parent[0]);
	pairs_release(&p);
	if (ret == -1) {
		vm_kill(&vm);
		return err_prefix(err, "machine %s", s->service);
	}
	*out = vm;
	return 0;
}

int
vm_take(struct vm *out, const struct vm_left *l, struct err *err)
{
	struct vm vm = VM_INIT;

	snprintf(vm.service, sizeof(vm.service), "%s", l->service);
	vm.index = l->index;
	vm.state = VM_UP;
	vm.tender = l->tender;
	vm.console_ms = l->console_ms;
	vm.heard = l->heard;
	vm.arg = l->arg;
	net_tap_name(l->index, vm.tap);
	if (l->wan)
		net_wan_name(l->index, vm.wan);
	if (spawn_take(l->qemu, l->started_ms, &vm.qemu, err) == -1 ||
	    spawn_take(l->watch, l->started_ms, &vm.watch, err) == -1) {
		vm_kill(&vm);
		return err_prefix(err, "machine %s", l->service);
	}
	vm.sock = l->sock;
	*out = vm;
	return 0;
}

/* --- what happens -------------------------------------------------------- */

static void
ended(struct vm *vm, const char *why)
{
	if (vm->state == VM_ENDED)
		return;
	vm->state = VM_ENDED;
	snprintf(vm->why, sizeof(vm->why), "%.199s", why);
}

static int
take_answer(struct vm *vm, struct ipc_msg *m, struct err *err)
{
	auto_free char *text = NULL;
	uint32_t request, ok;

	if (ipc_get_u32(m, &request, err) == -1 ||
	    ipc_get_u32(m, &ok, err) == -1 ||
	    ipc_get_str(m, WATCH_TEXT, &text, err) == -1 ||
	    ipc_end(m, err) == -1)
		return -1;
	if (request == WATCH_PROBE) {
		if (vm->probed == -1) {
			vm->probed = ok == 1;
			snprintf(
			    vm->probe_text, sizeof(vm->probe_text), "%s", text);
		}
		return 0;
	}
	if (request != vm->asked)
		return 0; /* came after its deadline */
	vm->asked = 0;
	vm->answered_ok = ok == 1;
	if (ok == 0)
		snprintf(vm->why, sizeof(vm->why), "%s", text);
	else if (request == WATCH_STOP && vm->state == VM_UP)
		vm->state = VM_PAUSED;
	else if (request == WATCH_CONT && vm->state == VM_PAUSED)
		vm->state = VM_UP;
	return 0;
}

static int
take_message(struct vm *vm, struct ipc_msg *m, struct err *err)
{
	auto_free char *text = NULL;

	switch (m->type) {
	case WATCH_CONSOLE:
		if (ipc_end(m, err) == -1)
			return -1;
		if (vm->state == VM_SILENT) {
			vm->state = VM_UP;
			vm->console_ms = vm_age_ms(vm);
		}
		return 0;
	case WATCH_ANSWER:
		return take_answer(vm, m, err);
	case WATCH_STATE:
	case WATCH_SETTING:
		return vm->heard ? vm->heard(vm->arg, vm, m, err) : 0;
	case WATCH_EVENT:
	case WATCH_FAULT:
		if (ipc_get_str(m, 480, &text, err) == -1 ||
		    ipc_end(m, err) == -1)
			return -1;
		if (m->type == WATCH_FAULT)
			snprintf(vm->why, sizeof(vm->why), "%.190s", text);
		return 0;
	default:
		return err_set(
		    err, ERR_INPUT, "the watcher sent message %u", m->type);
	}
}

static void
take_messages(struct vm *vm)
{
	for (int i = 0; i < STEP_MESSAGES && vm->sock != -1; i++) {
		auto_ipc struct ipc_msg m = IPC_MSG_INIT;
		struct err err = ERR_INIT;
		int got = ipc_recv(vm->sock, 0, &m, &err);

		if (got == -1 && err.cls == ERR_BUSY)
			return;
		if (got == 1 && take_message(vm, &m, &err) == 0)
			continue;
		close(take_fd(&vm->sock));
		if (vm->state != VM_ENDED)
			ended(vm, got == 0 ? "its watcher ended" : err.msg);
		return;
	}
}

void
vm_step(struct vm *vm)
{
	auto_buf struct buf text = BUF_INIT;
	struct spawn_end end;
	struct err err = ERR_INIT;

	if (vm->state == VM_OFF)
		return;
	if (vm->qemu.pid != 0 && spawn_poll(&vm->qemu, &end, &err) == 1) {
		take_messages(vm); /* its last words */
		buf_str(
		    &text, vm->tender ? "its tender ended: " : "QEMU ended: ");
		spawn_end_text(&end, &text);
		ended(vm, text.data);
	}
	take_messages(vm);
}

size_t
vm_pollfds(const struct vm *vm, struct pollfd out[2])
{
	size_t n = 0;

	if (vm->state == VM_OFF)
		return 0;
	if (vm->sock != -1)
		out[n++] = (struct pollfd){ vm->sock, POLLIN, 0 };
	if (vm->qemu.pid != 0)
		out[n++] = (struct pollfd){ vm->qemu.pidfd, POLLIN, 0 };
	return n;
}

int64_t
vm_age_ms(const struct vm *vm)
{
	return time_mono_ms() - vm->qemu.started_ms;
}

/* --- requests ------------------------------------------------------------ */

static void
wait_for(struct vm *vm, int64_t until)
{
	struct pollfd p[2];
	size_t n = vm_pollfds(vm, p);
	int64_t left = until - time_mono_ms();

	if (n > 0 && left > 0)
		poll(p, n, (int)left);
	vm_step(vm);
}

static int
ask(struct vm *vm, uint32_t request, const struct buf *fields,
    int64_t deadline_ms, struct err *err)
{
	int64_t until = time_mono_ms() + deadline_ms;

	if (vm->sock == -1 || vm->state == VM_OFF || vm->state == VM_ENDED)
		return err_set(
		    err, ERR_MISSING, "machine %s does not run", vm->service);
	if (vm->tender)
		return solo5_ask(vm, request, err);
	vm->asked = request;
	vm->answered_ok = false;
	if (ipc_send(vm->sock, request, fields, NULL, 0, err) == -1)
		return -1;
	while (vm->asked == request && vm->state != VM_ENDED &&
	       time_mono_ms() < until)
		wait_for(vm, until);
	if (vm->asked == 0 && vm->answered_ok)
		return 0;
	if (vm->state == VM_ENDED)
		return err_set(
		    err, ERR_MISSING, "machine %s: %s", vm->service, vm->why);
	if (vm->asked == 0)
		return err_set(err, ERR_SYSTEM, "machine %s refuses: %s",
		    vm->service, vm->why);
	vm->asked = 0;
	return err_set(err, ERR_BUSY,
	    "machine %s does not answer within %lld "
	    "ms",
	    vm->service, (long long)deadline_ms);
}

int
vm_ask(struct vm *vm, uint32_t request, int64_t deadline_ms, struct err *err)
{
	return ask(vm, request, NULL, deadline_ms, err);
}

int
vm_clock(struct vm *vm, int64_t seconds, int64_t deadline_ms, struct err *err)
{
	auto_buf struct buf b = BUF_INIT;

	ipc_add_i64(&b, seconds);
	return ask(vm, WATCH_CLOCK, &b, deadline_ms, err);
}

int
vm_probe(struct vm *vm, const char *name, struct err *err)
{
	auto_buf struct buf b = BUF_INIT;

	if (vm->sock == -1 || vm->state != VM_UP)
		return err_set(
		    err, ERR_MISSING, "machine %s does not run", vm->service);
	ipc_add_str(&b, name);
	vm->probed = -1;
	vm->probe_until = time_mono_ms() + VM_PROBE_MS;
	return ipc_send(vm->sock, WATCH_PROBE, &b, NULL, 0, err);
}

int
vm_probe_result(struct vm *vm, char text[WATCH_TEXT])
{
	if (vm->probed == -1 && time_mono_ms() < vm->probe_until)
		return -1;
	snprintf(text, WATCH_TEXT, "%s",
	    vm->probed == -1 ? "no answer from the guest" : vm->probe_text);
	vm->probe_until = 0;
	return vm->probed == 1;
}

int
vm_tell(struct vm *vm, const struct buf *text, struct err *err)
{
	for (size_t at = 0, n; at < text->len; at += n) {
		auto_buf struct buf b = BUF_INIT;

		n = text->len - at;
		if (n > WATCH_TELL_MAX)
			n = WATCH_TELL_MAX;
		ipc_add_bytes(&b, text->data + at, n);
		if (ipc_send(vm->sock, WATCH_TELL, &b, NULL, 0, err) == -1)
			return -1;
	}
	return 0;
}

void
vm_kill(struct vm *vm)
{
	spawn_kill(&vm->qemu);
	spawn_kill(&vm->watch);
	own_close(&vm->sock);
	vm->sock = -1;
	vm->state = VM_OFF;
}

void
vm_stop(struct vm *vm, int64_t grace_ms)
{
	struct err err = ERR_INIT;
	int64_t until;

	if (vm->state == VM_UP &&
	    vm_ask(vm, WATCH_POWEROFF, grace_ms, &err) == 0) {
		until = time_mono_ms() + grace_ms;
		while (vm->state == VM_UP && time_mono_ms() < until)
			wait_for(vm, until);
	}
	if (vm->qemu.pid != 0 && vm->state != VM_ENDED &&
	    vm_ask(vm, WATCH_QUIT, QUIT_MS, &err) == 0) {
		until = time_mono_ms() + QUIT_MS;
		while (vm->state != VM_ENDED && time_mono_ms() < until)
			wait_for(vm, until);
	}
	vm_kill(vm);
}
