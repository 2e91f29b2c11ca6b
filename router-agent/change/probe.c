#include "router-agent/change/probe.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "lib/drop.h"
#include "lib/ipc.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"
#include "router-agent/change/ask.h"
#include "router-agent/change/probe_dns.h"
#include "router-agent/change/probe_more.h"

enum { FD_PARENT = 3, FD_DHCP };
enum { PROBE_GO = 1, PROBE_DONE };

#define PROBE_UID 63 /* of the machines' numbers: no machine has it */
#define GRACE_MS 1000
#define DNS_PORT 53

/* --- the parent's side --------------------------------------------------- */

/* What DHCP is to be asked for, if the service does DHCP at all.  Its port is
 * root's, so the socket is. */
static int
add_pool(struct buf *b, const struct set_service *s, const json_t *config,
    const char *device, struct spawn *sp, int *sock, struct err *err)
{
	const json_t *dhcp = json_object_get(config, "dhcp");
	const char *start = json_string_value(json_object_get(dhcp, "start"));
	const char *end = json_string_value(json_object_get(dhcp, "end"));
	bool wanted = false;

	for (size_t i = 0; i < s->nprobes; i++)
		wanted = wanted || s->probes[i].type == PROBE_DHCP;
	wanted = wanted && start && end;
	ipc_add_str(b, wanted ? start : "");
	ipc_add_str(b, wanted ? end : "");
	if (!wanted)
		return 0;
	*sock = probe_dhcp_socket(device, err);
	if (*sock == -1)
		return -1;
	sp->fds[sp->nfds++] = *sock;
	return 0;
}

int
probe_prepare(struct probe_run *r, const struct set_service *s,
    const json_t *config, const char *bridge, const char *address,
    const char *from, const char *device, int64_t deadline_ms, struct err *err)
{
	static const char *const argv[] = { "kiln-agent", "-x", "probe", NULL };
	auto_buf struct buf b = BUF_INIT;
	auto_fd int ours = -1, theirs = -1, dhcp = -1;
	struct spawn sp = SPAWN_INIT;
	int sv[2];

	if (ipc_pair(sv, err) == -1)
		return -1;
	ours = sv[0];
	theirs = sv[1];
	sp.argv = argv;
	sp.exec_self = true;
	sp.die_with_parent = true;
	if (role_walls())
		sp.uid = role_uid(ROLE_VM) + PROBE_UID;
	sp.fds[sp.nfds++] = theirs;
	ipc_add_str(&b, address);
	ipc_add_str(&b, from);
	ipc_add_str(&b, device ? device : "");
	ipc_add_i64(&b, deadline_ms);
	if (add_pool(
		&b, s, config, device ? device : bridge, &sp, &dhcp, err) == -1)
		return -1;
	ipc_add_u32(&b, (uint32_t)s->nprobes);
	for (size_t i = 0; i < s->nprobes; i++)
		probe_send(&s->probes[i], &b);
	if (spawn_start(&sp, &r->child, err) == -1)
		return err_prefix(err, "start a probe");
	r->sock = take_fd(&ours);
	r->deadline_ms = deadline_ms;
	r->until = time_mono_ms() + PROBE_GO_MS;
	r->ask = b;
	b = (struct buf)BUF_INIT;
	return 0;
}

int
probe_go(struct probe_run *r, struct err *err)
{
	int ret = ipc_send(r->sock, PROBE_GO, &r->ask, NULL, 0, err);

	buf_release(&r->ask);
	r->until = time_mono_ms() + r->deadline_ms + GRACE_MS;
	if (ret == -1)
		probe_stop(r);
	return ret;
}

int
probe_start(struct probe_run *r, const struct set_service *s,
    const json_t *config, const char *bridge, const char *address,
    const char *from, const char *device, int64_t deadline_ms, struct err *err)
{
	if (probe_prepare(r, s, config, bridge, address, from, device,
		deadline_ms, err) == -1)
		return -1;
	return probe_go(r, err);
}

static int
take_result(struct ipc_msg *m, char out[PROBE_TEXT], struct err *err)
{
	auto_free char *text = NULL;
	uint32_t good;

	if (m->type != PROBE_DONE)
		return err_set(err, ERR_INPUT, "a probe said something else");
	if (ipc_get_u32(m, &good, err) == -1 ||
	    ipc_get_str(m, PROBE_TEXT - 1, &text, err) == -1 ||
	    ipc_end(m, err) == -1)
		return -1;
	snprintf(out, PROBE_TEXT, "%s", text);
	return good == 1;
}

int
probe_result(struct probe_run *r, char text[PROBE_TEXT])
{
	auto_ipc struct ipc_msg m = IPC_MSG_INIT;
	struct err err = ERR_INIT;
	int got, good = 0;

	if (r->sock == -1)
		return -1;
	got = ipc_recv(r->sock, 0, &m, &err);
	if (got == -1 && err.cls == ERR_BUSY && time_mono_ms() < r->until)
		return -1;
	if (got == 1)
		good = take_result(&m, text, &err);
	if (got == 0)
		err_set(&err, ERR_SYSTEM, "the probe ended unasked");
	if (got != 1 || good == -1) {
		snprintf(text, PROBE_TEXT, "%.200s", err.msg);
		good = 0;
	}
	probe_stop(r);
	return good;
}

void
probe_stop(struct probe_run *r)
{
	own_close(&r->sock);
	r->sock = -1;
	buf_release(&r->ask);
	spawn_kill(&r->child);
}

/* --- judging an answer --------------------------------------------------- */

/* One spelling for one address. */
static void
normal(const char *from, char *to, size_t room)
{
	unsigned char bytes[16];
	int family = strchr(from, ':') ? AF_INET6 : AF_INET;

	snprintf(to, room, "%s", from);
	if (inet_pton(family, from, bytes) == 1)
		(void)!inet_ntop(family, bytes, to, (socklen_t)room);
}

static void
tell(const struct probe *p, const struct dns_answer *a, char text[PROBE_TEXT])
{
	int n = snprintf(text, PROBE_TEXT, "%.100s %s ", p->name, p->qtype);
	const char *got = "no record";

	if (a->rcode == DNS_NXDOMAIN)
		got = "NXDOMAIN";
	else if (a->rcode == DNS_NOERROR && a->n > 0)
		got = a->records[0].text;
	if (a->rcode != DNS_NOERROR && a->rcode != DNS_NXDOMAIN)
		snprintf(
		    text + n, (size_t)(PROBE_TEXT - n), "error %d", a->rcode);
	else
		snprintf(text + n, (size_t)(PROBE_TEXT - n), "%.100s", got);
}

/* One answer against one probe; `self` is the machine's address.  The text
 * says what came, good or bad. */
static bool
judge(const struct probe *p, const char *self, const struct dns_answer *a,
    char text[PROBE_TEXT])
{
	char want[256];

	tell(p, a, text);
	if (p->expect == PROBE_NXDOMAIN)
		return a->rcode == DNS_NXDOMAIN;
	if (a->rcode != DNS_NOERROR || a->n == 0)
		return false;
	if (p->expect == PROBE_ANY)
		return true;
	normal(p->expect == PROBE_SELF ? self : p->value, want, sizeof(want));
	for (size_t i = 0; i < a->n; i++)
		if (strcmp(a->records[i].text, want) == 0)
			return true;
	return false;
}

/* --- the child ----------------------------------------------------------- */

struct ask {
	char *address, *from, *device;
	char *start, *end; /* of the pool; "": no DHCP */
	int64_t deadline_ms;
	uint32_t n;
	struct probe probes[SET_PROBES];
};

static int
get_ask(struct ipc_msg *m, struct ask *a, struct err *err)
{
	if (ipc_get_str(m, 64, &a->address, err) == -1 ||
	    ipc_get_str(m, 64, &a->from, err) == -1 ||
	    ipc_get_str(m, 16, &a->device, err) == -1 ||
	    ipc_get_i64(m, &a->deadline_ms, err) == -1 ||
	    ipc_get_str(m, 64, &a->start, err) == -1 ||
	    ipc_get_str(m, 64, &a->end, err) == -1 ||
	    ipc_get_u32(m, &a->n, err) == -1)
		return -1;
	if (a->n > SET_PROBES)
		return err_set(err, ERR_INPUT, "too many probes");
	for (uint32_t i = 0; i < a->n; i++)
		if (probe_receive(m, &a->probes[i], err) == -1)
			return -1;
	return ipc_end(m, err);
}

static bool
one(const struct ask *a, const struct probe *p, int64_t left,
    char text[PROBE_TEXT])
{
	const char *device = *a->device ? a->device : NULL;
	const struct probe_dns ask = {
		.server = a->address,
		.port = DNS_PORT,
		.from = a->from,
		.device = device,
		.name = p->name,
		.qtype = p->qtype,
		.tcp = p->tcp,
		.deadline_ms = left,
	};
	const struct probe_more more = {
		.server = a->address,
		.from = a->from,
		.device = device,
		.dhcp = FD_DHCP,
		.start = a->start,
		.end = a->end,
		.deadline_ms = left,
	};
	struct dns_answer answer;
	struct err err = ERR_INIT;
	auto_buf struct buf what = BUF_INIT;

	if (p->type == PROBE_DHCP && !*a->start)
		return true; /* the owner wants none */
	if (p->type == PROBE_PROGRAM)
		return true; /* the guest is asked, when all this is well */
	if (p->type == PROBE_DNS) {
		if (probe_dns_ask(&ask, &answer, &err) == 0)
			return judge(p, a->address, &answer, text);
	} else if (probe_more(&more, p, text, &err) == 0) {
		return true;
	}
	probe_text(p, &what);
	snprintf(text, PROBE_TEXT, "%.90s: %.140s", what.data, err.msg);
	return false;
}

static int
run(struct err *err)
{
	auto_ipc struct ipc_msg m = IPC_MSG_INIT;
	auto_buf struct buf b = BUF_INIT;
	static struct ask a;
	char text[PROBE_TEXT] = "it has no probes";
	int64_t until;
	bool good = true;
	int got;

	if (drop_to(ROLE_VM, err) == -1 ||
	    drop_syscalls(false, true, err) == -1)
		return -1;
	got = ipc_recv(FD_PARENT, PROBE_GO_MS, &m, err);
	if (got <= 0)
		return got;
	if (m.type != PROBE_GO || get_ask(&m, &a, err) == -1)
		return err_prefix(err, "the parent's request");
	until = time_mono_ms() + a.deadline_ms;
	for (uint32_t i = 0; good && i < a.n; i++) {
		int64_t left = until - time_mono_ms();

		good = one(&a, &a.probes[i], left > 0 ? left : 0, text);
	}
	ipc_add_u32(&b, good);
	ipc_add_str(&b, text);
	return ipc_send(FD_PARENT, PROBE_DONE, &b, NULL, 0, err);
}

int
probe_main(void)
{
	struct err err = ERR_INIT;

	if (run(&err) == 0)
		return EXIT_DONE;
	log_err("probe", &err);
	return EXIT_FAILED;
}
