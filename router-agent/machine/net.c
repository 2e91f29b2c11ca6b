#include "router-agent/machine/net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <linux/if_tun.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "lib/fdio.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/spawn.h"

#define IP_MS 10000

#define IP(err, ...) \
	spawn_run(   \
	    (const char *const[]){ "/bin/ip", __VA_ARGS__, NULL }, IP_MS, err)

/* Is `address` already on the interface? */
static int
has_address(const char *ifname, const char *address, bool *has, struct err *err)
{
	struct ifaddrs *all, *i;
	struct in_addr want;

	if (inet_pton(AF_INET, address, &want) != 1)
		return err_set(
		    err, ERR_INPUT, "%s is not an IPv4 address", address);
	if (getifaddrs(&all) == -1)
		return err_sys(err, "list the addresses");
	*has = false;
	for (i = all; i; i = i->ifa_next) {
		struct sockaddr_in sin;

		if (!i->ifa_addr || i->ifa_addr->sa_family != AF_INET ||
		    strcmp(i->ifa_name, ifname) != 0)
			continue;
		memcpy(&sin, i->ifa_addr, sizeof(sin));
		*has = *has || sin.sin_addr.s_addr == want.s_addr;
	}
	freeifaddrs(all);
	return 0;
}

void
net_tap_name(unsigned index, char out[NET_IFNAME])
{
	snprintf(out, NET_IFNAME, "kiln%u", index);
}

void
net_wan_name(unsigned index, char out[NET_IFNAME])
{
	snprintf(out, NET_IFNAME, "kilnw%u", index);
}

void
net_mac(const char *address, char out[NET_MAC])
{
	struct in_addr a = { 0 };
	const uint8_t *p = (const uint8_t *)&a.s_addr;

	/* Locally administered: 02, the letter k, then the address. */
	(void)!inet_pton(AF_INET, address, &a);
	snprintf(
	    out, NET_MAC, "02:6b:%02x:%02x:%02x:%02x", p[0], p[1], p[2], p[3]);
}

int
net_tap_open(const char *name, struct err *err)
{
	auto_fd int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	struct ifreq r = { 0 };

	if (fd == -1)
		return err_sys(err, "open /dev/net/tun");
	/* A tap of that name is somebody's: ours die with their descriptor. */
	r.ifr_flags = (short)(IFF_TAP | IFF_NO_PI | IFF_TUN_EXCL);
	snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", name);
	if (ioctl(fd, TUNSETIFF, &r) == -1)
		return err_sys(err, "make the tap %s", name);
	return take_fd(&fd);
}

static int
request(
    unsigned long what, struct ifreq *r, const char *ifname, struct err *err)
{
	auto_fd int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	snprintf(r->ifr_name, sizeof(r->ifr_name), "%s", ifname);
	if (fd == -1 || ioctl(fd, what, r) == -1)
		return err_sys(err, "set up interface %s", ifname);
	return 0;
}

static int
setting(const char *family, const char *ifname, const char *key,
    const char *value, struct err *err)
{
	auto_free char *path =
	    mem_printf("/proc/sys/net/%s/conf/%s/%s", family, ifname, key);
	auto_fd int fd = open(path, O_WRONLY | O_CLOEXEC);

	/* A kernel without IPv6 has nothing to turn off. */
	if (fd == -1 && errno == ENOENT)
		return 0;
	if (fd == -1 || write(fd, value, strlen(value)) == -1)
		return err_sys(err, "set %s of %s", key, ifname);
	return 0;
}

int
net_silent(const char *name, struct err *err)
{
	if (setting("ipv6", name, "disable_ipv6", "1", err) == -1)
		return -1;
	return setting("ipv4", name, "forwarding", "0", err);
}

/* A bridge without an address of its own takes its ports' lowest, and so
 * would change with every machine: what it has is made to stay. */
static int
keep_address(const char *bridge, const char *address, struct err *err)
{
	unsigned b[6];
	struct ifreq r = { 0 };
	char mac[NET_MAC];
	bool none = true;

	if (request(SIOCGIFHWADDR, &r, bridge, err) == -1)
		return -1;
	for (size_t i = 0; i < 6; i++)
		none = none && r.ifr_hwaddr.sa_data[i] == 0;
	net_mac(address, mac);
	if (none && sscanf(mac, "%x:%x:%x:%x:%x:%x", &b[0], &b[1], &b[2], &b[3],
			&b[4], &b[5]) == 6)
		for (size_t i = 0; i < 6; i++)
			r.ifr_hwaddr.sa_data[i] = (char)b[i];
	return request(SIOCSIFHWADDR, &r, bridge, err);
}

int
net_bridge(
    const char *bridge, const char *address, int64_t prefix, struct err *err)
{
	auto_free char *cidr = mem_printf("%s/%d", address, (int)prefix);
	bool has = false;

	if (if_nametoindex(bridge) == 0 &&
	    IP(err, "link", "add", "name", bridge, "type", "bridge") == -1)
		return -1;
	if (keep_address(bridge, address, err) == -1)
		return -1;
	if (has_address(bridge, address, &has, err) == -1)
		return -1;
	if (!has &&
	    IP(err, "address", "add", cidr, "brd", "+", "dev", bridge) == -1)
		return -1;
	return IP(err, "link", "set", "dev", bridge, "up");
}

int
net_bridge_bare(const char *bridge, struct err *err)
{
	if (if_nametoindex(bridge) == 0 &&
	    IP(err, "link", "add", "name", bridge, "type", "bridge") == -1)
		return -1;
	return IP(err, "link", "set", "dev", bridge, "up");
}

static int
borrow_address(const char *name, const char *bridge, struct err *err)
{
	struct ifreq r = { 0 };
	struct sockaddr_in alone = { .sin_family = AF_INET,
		.sin_addr.s_addr = INADDR_BROADCAST };

	if (request(SIOCGIFADDR, &r, bridge, err) == -1 ||
	    request(SIOCSIFADDR, &r, name, err) == -1)
		return -1;
	memcpy(&r.ifr_netmask, &alone, sizeof(alone));
	return request(SIOCSIFNETMASK, &r, name, err);
}

/* A port of the bridge has none: the bridge answers for it. */
int
net_tap_unstage(const char *name, struct err *err)
{
	struct ifreq r = { 0 };
	struct sockaddr_in none = { .sin_family = AF_INET };

	memcpy(&r.ifr_addr, &none, sizeof(none));
	return request(SIOCSIFADDR, &r, name, err);
}

static int
up(const char *name, struct err *err)
{
	struct ifreq r = { 0 };

	if (request(SIOCGIFFLAGS, &r, name, err) == -1)
		return -1;
	r.ifr_flags |= IFF_UP;
	return request(SIOCSIFFLAGS, &r, name, err);
}

int
net_tap_stage(const char *name, const char *bridge, struct err *err)
{
	struct ifreq r = { 0 };

	if (request(SIOCGIFHWADDR, &r, bridge, err) == -1 ||
	    request(SIOCSIFHWADDR, &r, name, err) == -1)
		return -1;
	/*
	 * Answers to a probe come in where no route points: loose filtering
	 * takes them, but only on an interface that has an address, so it
	 * borrows the bridge's, alone (/32: no route comes with it).
	 */
	if (setting("ipv4", name, "rp_filter", "2", err) == -1 ||
	    net_silent(name, err) == -1 ||
	    borrow_address(name, bridge, err) == -1)
		return -1;
	return up(name, err);
}

int
net_wan_stage(const char *name, struct err *err)
{
	return net_silent(name, err) == -1 ? -1 : up(name, err);
}

static int
port(unsigned long what, const char *name, const char *bridge, struct err *err)
{
	struct ifreq r = { 0 };

	r.ifr_ifindex = (int)if_nametoindex(name);
	if (r.ifr_ifindex == 0)
		return err_sys(err, "find interface %s", name);
	return request(what, &r, bridge, err);
}

int
net_tap_attach(const char *name, const char *bridge, struct err *err)
{
	if (net_tap_unstage(name, err) == -1)
		return -1;
	return port(SIOCBRADDIF, name, bridge, err);
}

int
net_wan_attach(const char *name, const char *bridge, struct err *err)
{
	return port(SIOCBRADDIF, name, bridge, err);
}

int
net_tap_detach(const char *name, const char *bridge, struct err *err)
{
	return port(SIOCBRDELIF, name, bridge, err);
}

/* --- the way out --------------------------------------------------------- */

static bool
has_carrier(struct span name)
{
	char path[64];
	auto_buf struct buf text = BUF_INIT;
	struct err why = ERR_INIT;

	if (name.n == 0 || name.n >= NET_IFNAME)
		return false;
	snprintf(path, sizeof(path), "/sys/class/net/%.*s/carrier", (int)name.n,
	    name.p);
	/* What has no such file (no /sys here) is taken at the route's word. */
	if (file_read(path, 16, &text, &why) == -1)
		return why.cls == ERR_MISSING;
	return text.len > 0 && text.data[0] == '1';
}

static struct span
word(struct span *rest)
{
	struct span w = { "", 0 };

	while (rest->n > 0 && w.n == 0) {
		size_t n = strcspn(rest->p, " \t\n");

		if (n > rest->n)
			n = rest->n;
		w = (struct span){ rest->p, n };
		n += n < rest->n;
		rest->p += n;
		rest->n -= n;
	}
	return w;
}

/* The kernel's tables: name and destination first, or destination and its
 * prefix first and the name last. */
static bool
default_by(const char *path, size_t to, const char *zero, size_t name)
{
	auto_buf struct buf text = BUF_INIT;
	struct err why = ERR_INIT;
	struct span rest, line;

	if (file_read(path, 1 << 20, &text, &why) == -1)
		return false;
	rest = span_buf(&text);
	while (span_next(&rest, '\n', &line)) {
		struct span w[12];
		size_t n = 0;

		while (n < ARRAY_LEN(w) && (w[n] = word(&line)).n > 0)
			n++;
		if (n <= name || n <= to + 1 || !span_is(w[to], zero))
			continue;
		if (name > to && !span_is(w[to + 1], "00"))
			continue;
		if (!span_is(w[name], "lo") && has_carrier(w[name]))
			return true;
	}
	return false;
}

bool
net_way_out(void)
{
	return default_by("/proc/self/net/route", 1, "00000000", 0) ||
	       default_by("/proc/self/net/ipv6_route", 0,
		   "00000000000000000000000000000000", 9);
}
