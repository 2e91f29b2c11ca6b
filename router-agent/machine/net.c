#include "router-agent/machine/net.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

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

int
net_bridge(
    const char *bridge, const char *address, int64_t prefix, struct err *err)
{
	auto_free char *cidr = mem_printf("%s/%d", address, (int)prefix);
	bool has = false;

	if (if_nametoindex(bridge) == 0 &&
	    IP(err, "link", "add", "name", bridge, "type", "bridge") == -1)
		return -1;
	if (has_address(bridge, address, &has, err) == -1)
		return -1;
	if (!has &&
	    IP(err, "address", "add", cidr, "brd", "+", "dev", bridge) == -1)
		return -1;
	return IP(err, "link", "set", "dev", bridge, "up");
}

void
net_tap_name(unsigned index, char out[NET_IFNAME])
{
	snprintf(out, NET_IFNAME, "kiln%u", index);
}

void
net_mac(unsigned index, char out[NET_MAC])
{
	snprintf(out, NET_MAC, "52:54:00:6b:%02x:%02x", index >> 8 & 0xff,
	    index & 0xff);
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

int
net_tap_attach(const char *name, const char *bridge, struct err *err)
{
	if (IP(err, "link", "set", "dev", name, "master", bridge) == -1)
		return -1;
	return IP(err, "link", "set", "dev", name, "up");
}

int
net_tap_detach(const char *name, struct err *err)
{
	if (IP(err, "link", "set", "dev", name, "down") == -1)
		return -1;
	return IP(err, "link", "set", "dev", name, "nomaster");
}
