#include "router-agent/machine/port.h"

#include <assert.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/fdio.h"
#include "lib/own.h"
#include "lib/spawn.h"

#define IP "/bin/ip"
#define TC "/sbin/tc"
#define TOOL_MS 10000
#define NOWHERE "kilnh0" /* up; its peer kilnh1 is down */
#define SAY_MAX 4096
/* An action of this number is made to see whether there can be one. */
#define TRY_INDEX "1802071150"

#define RUN(err, ...) \
	spawn_run((const char *const[]){ __VA_ARGS__, NULL }, TOOL_MS, err)

static void
outer_name(size_t port, char out[NET_IFNAME])
{
	snprintf(out, NET_IFNAME, "kilnp%u", (unsigned)port);
}

static void
inner_name(size_t port, char out[NET_IFNAME])
{
	snprintf(out, NET_IFNAME, "kilnq%u", (unsigned)port);
}

/* --- moves --------------------------------------------------------------- */

/* The handle is given, so that a replaced filter is one exchange of a pointer
 * in the kernel: no packet sees none or two. */
static void
redirect(struct buf *b, const char *verb, const char *from, const char *to)
{
	buf_printf(b,
	    "filter %s dev %s ingress pref 1 handle 800::1 protocol all u32 "
	    "match u32 0 0 action mirred egress redirect dev %s\n",
	    verb, from, to);
}

void
port_give(struct buf *b, size_t port, const char *tap)
{
	char inner[NET_IFNAME];

	inner_name(port, inner);
	/* Its voice first: nobody is asked who cannot answer. */
	buf_printf(b, "qdisc add dev %s clsact\n", tap);
	redirect(b, "add", tap, inner);
	redirect(b, "replace", inner, tap);
}

void
port_empty(struct buf *b, size_t port)
{
	char inner[NET_IFNAME];

	inner_name(port, inner);
	buf_printf(b, "filter del dev %s ingress\n", inner);
}

void
port_mute(struct buf *b, const char *tap)
{
	buf_printf(b, "qdisc del dev %s clsact\n", tap);
}

/* At the outer end, which has no other filter.  To where nobody is, since
 * dropping would need one more part of the kernel (gact). */
void
port_hold(struct buf *b, size_t port)
{
	char outer[NET_IFNAME];

	outer_name(port, outer);
	buf_printf(b,
	    "filter replace dev %s egress pref 1 handle 800::1 protocol ip u32 "
	    "match ip protocol 17 0xff match ip dport 67 0xffff action mirred "
	    "egress redirect dev " NOWHERE "\n",
	    outer);
}

void
port_unhold(struct buf *b, size_t port)
{
	char outer[NET_IFNAME];

	outer_name(port, outer);
	buf_printf(b, "filter del dev %s egress\n", outer);
}

int
ports_move(const struct buf *batch, struct err *err)
{
	static const char *const argv[] = { TC, "-b", "-", NULL };
	auto_fd int in = memfd_create("kiln-tc", MFD_CLOEXEC);
	struct spawn sp = SPAWN_INIT;
	auto_buf struct buf said = BUF_INIT;
	struct span rest, first;

	if (batch->len == 0)
		return 0;
	if (in == -1)
		return err_sys(err, "make a memory file");
	if (fd_write_all(in, batch->data, batch->len, err) == -1)
		return -1;
	if (lseek(in, 0, SEEK_SET) == -1)
		return err_sys(err, "rewind a memory file");
	sp.argv = argv;
	sp.in = in;
	if (spawn_capture(&sp, TOOL_MS, SAY_MAX, NULL, &said, err) == 0)
		return 0;
	/* The cause comes first, the number of the line last. */
	rest = span_buf(&said);
	if (!span_next(&rest, '\n', &first) || first.n == 0)
		return -1;
	return err_set(err, ERR_SYSTEM, "move ports by tc: %.*s",
	    (int)(first.n < 150 ? first.n : 150), first.p);
}

/* --- making -------------------------------------------------------------- */

static void
lacks(struct ports *p, const char *part)
{
	size_t n = strlen(p->missing);

	snprintf(p->missing + n, sizeof(p->missing) - n, "%s%s", n ? ", " : "",
	    part);
}

static int
one_batch(const char *line, struct err *err)
{
	auto_buf struct buf b = BUF_INIT;

	buf_str(&b, line);
	return ports_move(&b, err);
}

/* Each part by itself, so that the owner is told all of what is missing. */
static void
look(struct ports *p)
{
	char outer[NET_IFNAME], inner[NET_IFNAME], line[200];
	struct err err = ERR_INIT;

	outer_name(0, outer);
	inner_name(0, inner);
	if (access(TC, X_OK) == -1) {
		lacks(p, "the program " TC);
		return;
	}
	snprintf(line, sizeof(line), "qdisc add dev %s clsact", inner);
	if (one_batch(line, &err) == -1) {
		lacks(p, "clsact (CONFIG_NET_SCH_INGRESS)");
	} else {
		snprintf(line, sizeof(line),
		    "filter add dev %s ingress pref 1 protocol all u32 match "
		    "u32 0 0 flowid 1:1",
		    inner);
		if (one_batch(line, &err) == -1)
			lacks(p, "u32 (CONFIG_NET_CLS_U32)");
		snprintf(line, sizeof(line), "qdisc del dev %s clsact", inner);
		if (one_batch(line, &err) == -1)
			lacks(p, "removing a qdisc");
	}
	err_clear(&err);
	if (RUN(&err, TC, "actions", "add", "action", "mirred", "egress",
		"redirect", "dev", outer, "index", TRY_INDEX) == -1 ||
	    RUN(&err, TC, "actions", "del", "action", "mirred", "index",
		TRY_INDEX) == -1)
		lacks(p, "mirred (CONFIG_NET_ACT_MIRRED)");
}

static int
remove_port(size_t port, struct err *err)
{
	char outer[NET_IFNAME];

	outer_name(port, outer);
	if (if_nametoindex(outer) == 0)
		return 0;
	return RUN(err, IP, "link", "del", "dev", outer);
}

/* The host itself neither hears nor speaks on either end: it answers on the
 * bridge alone. */
static int
make_port(struct ports *p, size_t port, struct err *err)
{
	char outer[NET_IFNAME], inner[NET_IFNAME];

	outer_name(port, outer);
	inner_name(port, inner);
	if (remove_port(port, err) == -1 ||
	    RUN(err, IP, "link", "add", "name", outer, "type", "veth", "peer",
		"name", inner) == -1)
		return -1;
	if (net_silent(outer, err) == -1 || net_silent(inner, err) == -1 ||
	    RUN(err, IP, "link", "set", "dev", inner, "arp", "off", "up") ==
		-1 ||
	    RUN(err, IP, "link", "set", "dev", outer, "master", p->bridge[port],
		"up") == -1)
		return -1;
	return 0;
}

static int
make_nowhere(struct err *err)
{
	if (if_nametoindex(NOWHERE) != 0)
		return 0;
	if (RUN(err, IP, "link", "add", "name", NOWHERE, "type", "veth", "peer",
		"name", "kilnh1") == -1 ||
	    net_silent(NOWHERE, err) == -1 || net_silent("kilnh1", err) == -1)
		return -1;
	return RUN(err, IP, "link", "set", "dev", NOWHERE, "arp", "off", "up");
}

static int
make_ports(struct ports *p, struct err *err)
{
	auto_buf struct buf b = BUF_INIT;
	struct err why = ERR_INIT;

	for (size_t i = 0; i < p->n; i++) {
		char inner[NET_IFNAME], outer[NET_IFNAME];

		if (make_port(p, i, i == 0 ? &why : err) == -1) {
			if (i > 0)
				return -1;
			lacks(p, "veth (CONFIG_VETH)");
			return 0;
		}
		if (i == 0)
			look(p);
		if (p->missing[0])
			return 0;
		inner_name(i, inner);
		outer_name(i, outer);
		buf_printf(&b,
		    "qdisc add dev %s clsact\nqdisc add dev %s clsact\n", inner,
		    outer);
	}
	return make_nowhere(err) == -1 ? -1 : ports_move(&b, err);
}

int
ports_open(
    struct ports *p, const char *const *bridges, size_t n, struct err *err)
{
	*p = (struct ports){ .n = n };
	assert(n <= PORTS_MAX);
	memcpy(p->bridge, bridges, n * sizeof(*bridges));
	if (make_ports(p, err) == -1) {
		ports_close(p);
		return err_prefix(err, "the services' ports");
	}
	p->redirect = p->missing[0] == '\0';
	if (!p->redirect)
		ports_close(p);
	return 0;
}

void
ports_close(struct ports *p)
{
	struct err why = ERR_INIT;

	for (size_t i = 0; i < p->n; i++)
		(void)!remove_port(i, &why); /* what is left is made anew */
	if (if_nametoindex(NOWHERE) != 0)
		(void)!RUN(&why, IP, "link", "del", "dev", NOWHERE);
}
