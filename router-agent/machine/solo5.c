#include "router-agent/machine/solo5.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/drop.h"
#include "lib/own.h"
#include "lib/spawn.h"

#define VERSION_MS 5000
#define VERSION_MAX 4096 /* bytes of what a tender says of itself */
#define MIB (1 << 20)
#define WAN "wan"
#define CONFIG "config"

/* --- the tender ---------------------------------------------------------- */

int
solo5_tender(const struct agent_conf *c, enum solo5_target target,
    char out[SOLO5_PROGRAM], struct err *err)
{
	const char *const folders[] = { c->tender ? c->tender
						  : "/usr/local/bin",
		c->tender ? NULL : "/usr/bin" };
	const char *name = solo5_target_name(target);

	for (size_t i = 0; i < ARRAY_LEN(folders) && folders[i]; i++)
		if (snprintf(out, SOLO5_PROGRAM, "%s/solo5-%s", folders[i],
			name) < SOLO5_PROGRAM &&
		    access(out, X_OK) == 0)
			return 0;
	return err_set(err, ERR_MISSING,
	    "needs solo5-%s, which is not installed in %.100s", name,
	    c->tender ? c->tender : "/usr/local/bin or /usr/bin");
}

/* `--version` says "ABI version N" in a line. */
static int
speaks(const char *program, uint32_t abi, struct err *err)
{
	const char *const argv[] = { program, "--version", NULL };
	auto_buf struct buf out = BUF_INIT, text = BUF_INIT;
	struct spawn sp = SPAWN_INIT;
	char line[40];

	sp.argv = argv;
	if (role_walls())
		sp.uid = role_uid(ROLE_VM) + VM_MAX;
	if (spawn_capture(&sp, VERSION_MS, VERSION_MAX, &out, &text, err) == -1)
		return -1;
	buf_add(&text, out.data, out.len);
	buf_char(&text, '\n');
	snprintf(line, sizeof(line), "ABI version %u\n", abi);
	if (!strstr(text.data, line))
		return err_set(err, ERR_INPUT,
		    "needs version %u of its ABI, which %s does not speak", abi,
		    program);
	return 0;
}

static int
tender_fits(const struct agent_conf *c, const struct solo5 *u, const char *arch,
    const char *accel, struct err *err)
{
	char program[SOLO5_PROGRAM];

	if (u->target != SOLO5_SPT && u->target != SOLO5_HVT)
		return err_set(err, ERR_INPUT,
		    "is a unikernel for %s, which has no tender here",
		    solo5_target_name(u->target));
	if (strcmp(arch, agent_arch()) != 0)
		return err_set(err, ERR_INPUT,
		    "is a unikernel for %s, and this router is %s", arch,
		    agent_arch());
	if (solo5_tender(c, u->target, program, err) == -1)
		return -1;
	if (u->target == SOLO5_HVT && strcmp(accel, "kvm") != 0)
		return err_set(err, ERR_INPUT,
		    "needs KVM for solo5-hvt, and this router has none");
	return speaks(program, u->abi, err);
}

/* --- the devices --------------------------------------------------------- */

static const struct solo5_device *
device(const struct solo5 *u, enum solo5_device_type type, const char *name)
{
	for (size_t i = 0; i < u->ndevices; i++)
		if (u->devices[i].type == type &&
		    strcmp(u->devices[i].name, name) == 0)
			return &u->devices[i];
	return NULL;
}

static int
cards_fit(const struct solo5 *u, bool wan, struct err *err)
{
	size_t n = 0;

	for (size_t i = 0; i < u->ndevices; i++)
		n += u->devices[i].type == SOLO5_NET;
	if (n != 1 + (size_t)wan || (device(u, SOLO5_NET, WAN) != NULL) != wan)
		return err_set(err, ERR_INPUT,
		    "has %zu net devices: it gets one for the LAN%s", n,
		    wan ? ", and one called \"wan\""
			: ", and one called \"wan\" where agent.yaml gives it "
			  "a wan");
	return 0;
}

static bool
has_volume(const struct set_service *v, const char *name)
{
	for (size_t i = 0; i < v->nvolumes; i++)
		if (strcmp(v->volumes[i].name, name) == 0)
			return true;
	return false;
}

static int
disks_fit(const struct set_service *v, const struct solo5 *u,
    const json_t *config, struct err *err)
{
	for (size_t i = 0; i < u->ndevices; i++)
		if (u->devices[i].type == SOLO5_BLOCK &&
		    strcmp(u->devices[i].name, CONFIG) != 0 &&
		    !has_volume(v, u->devices[i].name))
			return err_set(err, ERR_INPUT,
			    "has the block device %s, and no volume of that "
			    "name",
			    u->devices[i].name);
	for (size_t i = 0; i < v->nvolumes; i++)
		if (!device(u, SOLO5_BLOCK, v->volumes[i].name))
			return err_set(err, ERR_INPUT,
			    "has the volume %s, and no block device of that "
			    "name",
			    v->volumes[i].name);
	if (json_object_size(config) > 0 && !device(u, SOLO5_BLOCK, CONFIG))
		return err_set(err, ERR_INPUT,
		    "cannot be told its config: it has no block device called "
		    "\"config\"");
	return 0;
}

static int
ways_fit(const struct set_service *v, struct err *err)
{
	if (v->handover == HANDOVER_HANDOFF)
		return err_set(err, ERR_INPUT,
		    "is a unikernel, whose state cannot be handed over: its "
		    "class must be parallel or exclusive");
	for (size_t i = 0; i < v->nprobes; i++)
		if (v->probes[i].type == PROBE_PROGRAM)
			return err_set(err, ERR_INPUT,
			    "is a unikernel, and cannot run the probe %s",
			    v->probes[i].name);
	return 0;
}

int
solo5_fits(const struct agent_conf *c, const struct set_service *v,
    const char *arch, const char *accel, struct err *err)
{
	const struct agent_service *s = agent_conf_service(c, v->name);
	struct solo5 u;

	if (!s ||
	    (solo5_from_text(v->solo5, &u, err) == 0 && ways_fit(v, err) == 0 &&
		cards_fit(&u, s->wan != NULL, err) == 0 &&
		disks_fit(v, &u, s->config, err) == 0 &&
		tender_fits(c, &u, arch, accel, err) == 0))
		return 0;
	err->cls = ERR_INPUT;
	err->sys = ENOEXEC;
	return err_prefix(err, "%s", v->name);
}

/* --- the command line ---------------------------------------------------- */

/* Which of them it has is known to fit. */
static int
volume_fd(const struct vm_spec *s, const char *name)
{
	size_t i = 0;

	while (i < s->nvolumes && strcmp(s->volumes[i].name, name) != 0)
		i++;
	return SOLO5_FD_END + (int)i;
}

static void
device_words(const struct vm_spec *s, const struct solo5_device *d,
    const char macs[2][NET_MAC], struct qemu_argv *a)
{
	bool wan = strcmp(d->name, WAN) == 0;

	if (d->type == SOLO5_NET) {
		qemu_arg(a, "--net:%s=@%d", d->name,
		    wan ? SOLO5_FD_END + (int)s->nvolumes : SOLO5_TAP);
		qemu_arg(a, "--net-mac:%s=%s", d->name, macs[wan]);
		return;
	}
	qemu_arg(a, "--block:%s=/proc/self/fd/%d", d->name,
	    strcmp(d->name, CONFIG) == 0 ? SOLO5_CONFIG
					 : volume_fd(s, d->name));
}

void
solo5_argv(
    const struct vm_spec *s, const char macs[2][NET_MAC], struct qemu_argv *a)
{
	const struct agent_service *c = s->service_conf;
	const struct agent_wan *w = c->wan;
	const char *gateway = w ? w->gateway : s->gateway;

	memset(a, 0, sizeof(*a));
	qemu_arg(a, "%s", s->program);
	qemu_arg(a, "--mem=%lld", (long long)(s->memory / MIB));
	for (size_t i = 0; i < s->solo5->ndevices; i++)
		device_words(s, &s->solo5->devices[i], macs, a);
	qemu_arg(a, "--");
	qemu_arg(a, "/proc/self/fd/%d", SOLO5_KERNEL);
	/* As unikernels of MirageOS are told. */
	qemu_arg(a, "--ipv4=%s/%lld", c->address, (long long)s->prefix);
	if (gateway)
		qemu_arg(a, "--ipv4-gateway=%s", gateway);
	if (c->address6)
		qemu_arg(
		    a, "--ipv6=%s/%lld", c->address6, (long long)c->prefix6);
}

/* --- requests ------------------------------------------------------------ */

int
solo5_ask(struct vm *vm, uint32_t request, struct err *err)
{
	static const int signals[] = {
		[WATCH_STOP] = SIGSTOP,
		[WATCH_CONT] = SIGCONT,
		[WATCH_QUIT] = SIGKILL,
		[WATCH_POWEROFF] = SIGTERM,
		/* It writes to its disks at once, and not while it stands. */
		[WATCH_FREEZE] = SIGSTOP,
		[WATCH_THAW] = SIGCONT,
	};

	if (request == WATCH_CLOCK)
		return 0; /* it reads the host's */
	if (request >= ARRAY_LEN(signals) || signals[request] == 0)
		return err_set(err, ERR_INPUT,
		    "machine %s: a unikernel cannot do that", vm->service);
	spawn_signal(&vm->qemu, signals[request]);
	if (request == WATCH_STOP)
		vm->state = VM_PAUSED;
	else if (request == WATCH_CONT)
		vm->state = VM_UP;
	return 0;
}
