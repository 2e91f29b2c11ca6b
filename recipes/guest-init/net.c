#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "recipes/guest-init/net.h"
#include "recipes/guest-init/nl.h"

void
net_msg_up(struct nlmsghdr *h, int index)
{
	struct ifinfomsg body = { .ifi_family = AF_UNSPEC,
		.ifi_index = index,
		.ifi_flags = IFF_UP,
		.ifi_change = IFF_UP };

	nl_start(h, RTM_NEWLINK, 0, &body, sizeof body);
}

/* Only a card that is down takes another name. */
void
net_msg_name(struct nlmsghdr *h, int index, const char *name)
{
	struct ifinfomsg body = { .ifi_family = AF_UNSPEC, .ifi_index = index };

	nl_start(h, RTM_NEWLINK, 0, &body, sizeof body);
	nl_attr(h, IFLA_IFNAME, name, strlen(name) + 1);
}

void
net_msg_address(struct nlmsghdr *h, int index, const struct config_link *l)
{
	struct ifaddrmsg body = { .ifa_family =
				      (unsigned char)l->address.family,
		.ifa_prefixlen = l->prefix,
		/* the agent probes at once: no wait for duplicates */
		.ifa_flags = l->address.family == AF_INET6 ? IFA_F_NODAD : 0,
		.ifa_index = (unsigned int)index };

	nl_start(h, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, &body, sizeof body);
	nl_attr(h, IFA_LOCAL, l->address.bytes, guest_addr_size(&l->address));
	nl_attr(h, IFA_ADDRESS, l->address.bytes, guest_addr_size(&l->address));
}

void
net_msg_gateway(struct nlmsghdr *h, int index, const struct config_link *l)
{
	struct rtmsg body = { .rtm_family = (unsigned char)l->gateway.family,
		.rtm_table = RT_TABLE_MAIN,
		.rtm_protocol = RTPROT_STATIC,
		.rtm_scope = RT_SCOPE_UNIVERSE,
		.rtm_type = RTN_UNICAST };

	nl_start(
	    h, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, &body, sizeof body);
	nl_attr(h, RTA_GATEWAY, l->gateway.bytes, guest_addr_size(&l->gateway));
	nl_attr(h, RTA_OIF, &index, sizeof index);
}

static bool
card_has(const char *name, const char *mac)
{
	char path[64], text[32] = "";
	ssize_t n = -1;
	int fd;

	if (snprintf(path, sizeof path, "/sys/class/net/%s/address", name) >=
	    (int)sizeof path)
		return false;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd != -1) {
		n = read(fd, text, sizeof text - 1);
		close(fd);
	}
	return n == 18 && memcmp(text, mac, 17) == 0;
}

/* Index of the card, or 0. */
static int
card_look(const char *mac)
{
	struct dirent *e;
	int index = 0;
	DIR *d;

	d = opendir("/sys/class/net");
	if (d == NULL)
		return 0;
	while (index == 0 && (e = readdir(d)) != NULL) {
		if (e->d_name[0] != '.' && card_has(e->d_name, mac))
			index = (int)if_nametoindex(e->d_name);
	}
	closedir(d);
	return index;
}

static int
card_find(const unsigned char m[6], int *wait_ms, int *out, struct fault *f)
{
	const struct timespec nap = { .tv_nsec = 10000000 };
	char mac[18];
	int index;

	snprintf(mac, sizeof mac, "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1],
	    m[2], m[3], m[4], m[5]);
	while ((index = card_look(mac)) == 0) {
		if (*wait_ms <= 0)
			return fault_set(
			    f, "network: no card has the MAC %s", mac);
		nanosleep(&nap, NULL);
		*wait_ms -= 10;
	}
	*out = index;
	return 0;
}

/*
 * Takes nothing from router advertisements, and lets what comes in wait: an
 * emulated machine shares its host's processor with the one that is about to
 * replace it, and of small packets the kernel's 208 KiB hold a hundred.
 */
static void
set_kernel(void)
{
	static const struct {
		const char *file, *value;
	} settings[] = {
		{ "/proc/sys/net/ipv6/conf/all/accept_ra", "0" },
		{ "/proc/sys/net/ipv6/conf/default/accept_ra", "0" },
		{ "/proc/sys/net/core/rmem_default", "1048576" },
	};
	size_t i;
	int fd;

	/* a kernel without IPv6 has no such file and takes none anyway */
	for (i = 0; i < sizeof settings / sizeof settings[0]; i++) {
		fd = open(settings[i].file, O_WRONLY | O_CLOEXEC);
		if (fd == -1)
			continue;
		if (write(fd, settings[i].value, strlen(settings[i].value)) ==
		    -1)
			(void)0; /* nothing better to do than go on */
		close(fd);
	}
}

static int
start_link(int fd, const struct config_link *l, int *wait_ms, struct fault *f)
{
	union {
		struct nlmsghdr h;
		char room[NET_MSG];
	} m;
	int index = 0;

	if (card_find(l->mac, wait_ms, &index, f) == -1)
		return -1;
	if (l->name[0] != '\0' && if_nametoindex(l->name) == 0) {
		net_msg_name(&m.h, index, l->name);
		if (nl_ask(fd, &m.h, "name a card", f) == -1)
			return -1;
	}
	net_msg_up(&m.h, index);
	if (nl_ask(fd, &m.h, "switch a card on", f) == -1)
		return -1;
	net_msg_address(&m.h, index, l);
	if (nl_ask(fd, &m.h, "set an address", f) == -1)
		return -1;
	if (!l->has_gateway)
		return 0;
	net_msg_gateway(&m.h, index, l);
	return nl_ask(fd, &m.h, "set a gateway", f);
}

int
net_start(const struct config *c, int wait_ms, struct fault *f)
{
	union {
		struct nlmsghdr h;
		char room[NET_MSG];
	} m;
	int fd, ret = -1;
	size_t i;

	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (fd == -1)
		return fault_sys(f, "network: open rtnetlink");
	set_kernel();
	net_msg_up(&m.h, (int)if_nametoindex("lo"));
	if (nl_ask(fd, &m.h, "switch the loopback on", f) == -1)
		goto out;
	for (i = 0; i < c->links; i++) {
		if (start_link(fd, &c->link[i], &wait_ms, f) == -1)
			goto out;
	}
	ret = 0;
out:
	close(fd);
	return ret;
}
