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

static void
msg_start(struct nlmsghdr *h, int type, int flags, const void *body, size_t n)
{
	memset(h, 0, NET_MSG);
	h->nlmsg_len = (unsigned int)NLMSG_LENGTH(n);
	h->nlmsg_type = (unsigned short)type;
	h->nlmsg_flags = (unsigned short)(NLM_F_REQUEST | NLM_F_ACK | flags);
	memcpy(NLMSG_DATA(h), body, n);
}

static void
msg_attr(struct nlmsghdr *h, int type, const void *value, size_t n)
{
	struct rtattr *a;
	size_t at = NLMSG_ALIGN(h->nlmsg_len);

	a = (struct rtattr *)(void *)((char *)h + at);
	a->rta_type = (unsigned short)type;
	a->rta_len = (unsigned short)RTA_LENGTH(n);
	memcpy(RTA_DATA(a), value, n);
	h->nlmsg_len = (unsigned int)(at + RTA_ALIGN(a->rta_len));
}

void
net_msg_up(struct nlmsghdr *h, int index)
{
	struct ifinfomsg body = { .ifi_family = AF_UNSPEC,
		.ifi_index = index,
		.ifi_flags = IFF_UP,
		.ifi_change = IFF_UP };

	msg_start(h, RTM_NEWLINK, 0, &body, sizeof body);
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

	msg_start(
	    h, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, &body, sizeof body);
	msg_attr(h, IFA_LOCAL, l->address.bytes, guest_addr_size(&l->address));
	msg_attr(
	    h, IFA_ADDRESS, l->address.bytes, guest_addr_size(&l->address));
}

void
net_msg_gateway(struct nlmsghdr *h, int index, const struct config_link *l)
{
	struct rtmsg body = { .rtm_family = (unsigned char)l->gateway.family,
		.rtm_table = RT_TABLE_MAIN,
		.rtm_protocol = RTPROT_STATIC,
		.rtm_scope = RT_SCOPE_UNIVERSE,
		.rtm_type = RTN_UNICAST };

	msg_start(
	    h, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, &body, sizeof body);
	msg_attr(
	    h, RTA_GATEWAY, l->gateway.bytes, guest_addr_size(&l->gateway));
	msg_attr(h, RTA_OIF, &index, sizeof index);
}

/* Sends one message and waits for the kernel's word on it. */
static int
ask(int fd, const struct nlmsghdr *h, const char *what, struct fault *f)
{
	union {
		struct nlmsghdr h;
		char bytes[1024];
	} answer;
	const struct nlmsgerr *e;
	ssize_t n;

	if (send(fd, h, h->nlmsg_len, 0) == -1)
		return fault_sys(f, "network: %s", what);
	do {
		n = recv(fd, &answer, sizeof answer, 0);
	} while (n == -1 && errno == EINTR);
	if (n == -1)
		return fault_sys(f, "network: %s", what);
	if (!NLMSG_OK(&answer.h, (size_t)n) ||
	    answer.h.nlmsg_type != NLMSG_ERROR ||
	    answer.h.nlmsg_len < NLMSG_LENGTH(sizeof *e))
		return fault_set(f, "network: %s: no answer", what);
	e = NLMSG_DATA(&answer.h);
	if (e->error != 0) {
		errno = -e->error;
		return fault_sys(f, "network: %s", what);
	}
	return 0;
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

static void
refuse_advertisements(void)
{
	static const char *const files[] = {
		"/proc/sys/net/ipv6/conf/all/accept_ra",
		"/proc/sys/net/ipv6/conf/default/accept_ra",
	};
	size_t i;
	int fd;

	/* a kernel without IPv6 has no such file and takes none anyway */
	for (i = 0; i < sizeof files / sizeof files[0]; i++) {
		fd = open(files[i], O_WRONLY | O_CLOEXEC);
		if (fd == -1)
			continue;
		if (write(fd, "0", 1) == -1)
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
	net_msg_up(&m.h, index);
	if (ask(fd, &m.h, "switch a card on", f) == -1)
		return -1;
	net_msg_address(&m.h, index, l);
	if (ask(fd, &m.h, "set an address", f) == -1)
		return -1;
	if (!l->has_gateway)
		return 0;
	net_msg_gateway(&m.h, index, l);
	return ask(fd, &m.h, "set a gateway", f);
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
	refuse_advertisements();
	net_msg_up(&m.h, (int)if_nametoindex("lo"));
	if (ask(fd, &m.h, "switch the loopback on", f) == -1)
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
