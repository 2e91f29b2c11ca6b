/*
 * The service: tells the kernel its tunnel, the addresses in it and the routes
 * to its peers, lets it forward, and then says to whoever asks on the LAN's
 * side how each peer is: its name, the seconds since its last handshake, and
 * from where it comes.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/genetlink.h>
#include <linux/rtnetlink.h>
#include <linux/time_types.h>
#include <linux/wireguard.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "recipes/guest-init/forward.h"
#include "recipes/guest-init/nl.h"
#include "recipes/vpn-wireguard/tunnel.h"

static struct tunnel tunnel;
static union {
	struct nlmsghdr h;
	char room[TUNNEL_ROOM];
} message;

static int
open_netlink(int protocol, struct fault *f)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);

	return fd == -1 ? fault_sys(f, "open netlink") : fd;
}

/* --- what came
 * ---------------------------------------------------------------*/

/* Attributes of `n` bytes, by type; those above `max` are passed over. */
static void
attributes(const void *p, size_t n, const struct rtattr **out, size_t max)
{
	const struct rtattr *a = p;
	int left = (int)n;

	memset(out, 0, (max + 1) * sizeof *out);
	for (; RTA_OK(a, left); a = RTA_NEXT(a, left)) {
		size_t type = a->rta_type & NLA_TYPE_MASK;

		if (type <= max)
			out[type] = a;
	}
}

/* netlink's number for "wireguard". */
static int
find_family(int fd, struct fault *f)
{
	const struct genlmsghdr body = { .cmd = CTRL_CMD_GETFAMILY,
		.version = 1 };
	const struct rtattr *a[CTRL_ATTR_MAX + 1];
	uint16_t id;
	ssize_t n;

	nl_start(&message.h, GENL_ID_CTRL, 0, &body, sizeof body);
	message.h.nlmsg_flags = NLM_F_REQUEST; /* the answer is enough */
	nl_attr(&message.h, CTRL_ATTR_FAMILY_NAME, WG_GENL_NAME,
	    sizeof WG_GENL_NAME);
	if (send(fd, &message, message.h.nlmsg_len, 0) == -1 ||
	    (n = recv(fd, &message, sizeof message, 0)) == -1)
		return fault_sys(f, "ask for wireguard");
	if (!NLMSG_OK(&message.h, (size_t)n) ||
	    message.h.nlmsg_type != GENL_ID_CTRL ||
	    message.h.nlmsg_len < NLMSG_LENGTH(GENL_HDRLEN))
		return fault_set(f, "this kernel has no wireguard");
	attributes((char *)NLMSG_DATA(&message.h) + GENL_HDRLEN,
	    message.h.nlmsg_len - NLMSG_LENGTH(GENL_HDRLEN), a, CTRL_ATTR_MAX);
	if (a[CTRL_ATTR_FAMILY_ID] == NULL)
		return fault_set(f, "this kernel has no wireguard");
	memcpy(&id, RTA_DATA(a[CTRL_ATTR_FAMILY_ID]), sizeof id);
	return id;
}

/* --- the tunnel
 * ---------------------------------------------------------------*/

static int
set_address(int fd, int index, const struct tunnel_net *n, struct fault *f)
{
	struct ifaddrmsg body = { .ifa_family =
				      (unsigned char)n->address.family,
		.ifa_prefixlen = n->prefix,
		.ifa_index = (unsigned int)index };

	nl_start(&message.h, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, &body,
	    sizeof body);
	nl_attr(&message.h, IFA_LOCAL, n->address.bytes,
	    guest_addr_size(&n->address));
	nl_attr(&message.h, IFA_ADDRESS, n->address.bytes,
	    guest_addr_size(&n->address));
	return nl_ask(fd, &message.h, "an address of the tunnel", f);
}

static int
set_route(int fd, int index, const struct tunnel_net *n, struct fault *f)
{
	struct rtmsg body = { .rtm_family = (unsigned char)n->address.family,
		.rtm_dst_len = n->prefix,
		.rtm_table = RT_TABLE_MAIN,
		.rtm_protocol = RTPROT_STATIC,
		.rtm_scope = RT_SCOPE_LINK,
		.rtm_type = RTN_UNICAST };
	unsigned char base[16];
	size_t i, size = guest_addr_size(&n->address);

	for (i = 0; i < size; i++) {
		int bits = (int)n->prefix - (int)(8 * i);

		base[i] =
		    bits <= 0
			? 0
			: (unsigned char)(n->address.bytes[i] &
					  (bits >= 8 ? 0xff : 0xff00 >> bits));
	}
	nl_start(&message.h, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, &body,
	    sizeof body);
	nl_attr(&message.h, RTA_DST, base, size);
	nl_attr(&message.h, RTA_OIF, &index, sizeof index);
	return nl_ask(fd, &message.h, "a route into the tunnel", f);
}

static int
set_card(int fd, struct fault *f)
{
	struct ifinfomsg up = { .ifi_family = AF_UNSPEC,
		.ifi_flags = IFF_UP,
		.ifi_change = IFF_UP };
	int index;
	size_t i, k;

	index = (int)if_nametoindex(TUNNEL_CARD);
	for (i = 0; i < tunnel.naddresses; i++) {
		if (set_address(fd, index, &tunnel.address[i], f) == -1)
			return -1;
	}
	up.ifi_index = index;
	nl_start(&message.h, RTM_NEWLINK, 0, &up, sizeof up);
	if (nl_ask(fd, &message.h, "switch the tunnel on", f) == -1)
		return -1;
	for (i = 0; i < tunnel.npeers; i++) {
		for (k = 0; k < tunnel.peer[i].nallowed; k++) {
			if (set_route(
				fd, index, &tunnel.peer[i].allowed[k], f) == -1)
				return -1;
		}
	}
	return 0;
}

/* A service that was started anew finds its card, and sets it again. */
static int
start(int genl, int family, struct fault *f)
{
	int fd = open_netlink(NETLINK_ROUTE, f), ret = -1;

	if (fd == -1)
		return -1;
	if (if_nametoindex(TUNNEL_CARD) == 0) {
		tunnel_msg_card(&message.h);
		if (nl_ask(fd, &message.h, "make the tunnel", f) == -1)
			goto out;
	}
	tunnel_msg_set(&message.h, family, &tunnel);
	if (nl_ask(genl, &message.h, "set the tunnel's keys", f) == -1 ||
	    set_card(fd, f) == -1 || guest_forward(f) == -1)
		goto out;
	ret = 0;
out:
	close(fd);
	return ret;
}

/* --- who asks
 * -----------------------------------------------------------------*/

static const char *
name_of(const void *key)
{
	size_t i;

	for (i = 0; i < tunnel.npeers; i++) {
		if (memcmp(tunnel.peer[i].key, key, TUNNEL_KEY) == 0)
			return tunnel.peer[i].name;
	}
	return "?";
}

static void
tell_peer(int to, const struct rtattr *peer)
{
	const struct rtattr *a[WGPEER_A_MAX + 1];
	char where[INET6_ADDRSTRLEN] = "-";
	struct __kernel_timespec last = { 0 };
	int port = 0;

	attributes(RTA_DATA(peer), RTA_PAYLOAD(peer), a, WGPEER_A_MAX);
	if (a[WGPEER_A_PUBLIC_KEY] == NULL)
		return;
	if (a[WGPEER_A_LAST_HANDSHAKE_TIME] != NULL)
		memcpy(&last, RTA_DATA(a[WGPEER_A_LAST_HANDSHAKE_TIME]),
		    sizeof last);
	if (a[WGPEER_A_ENDPOINT] != NULL) {
		const struct sockaddr_in *v4 = RTA_DATA(a[WGPEER_A_ENDPOINT]);
		const struct sockaddr_in6 *v6 = (const void *)v4;

		if (v4->sin_family == AF_INET)
			inet_ntop(AF_INET, &v4->sin_addr, where, sizeof where);
		else
			inet_ntop(
			    AF_INET6, &v6->sin6_addr, where, sizeof where);
		port = ntohs(v4->sin_port); /* at the same place in both */
	}
	dprintf(to, "%s %lld %s %d\n",
	    name_of(RTA_DATA(a[WGPEER_A_PUBLIC_KEY])),
	    last.tv_sec == 0 ? -1LL : (long long)(time(NULL) - last.tv_sec),
	    where, port);
}

static void
tell_device(int to, const struct nlmsghdr *h)
{
	const struct rtattr *a[WGDEVICE_A_MAX + 1], *peer;
	int left;

	if (h->nlmsg_len < NLMSG_LENGTH(GENL_HDRLEN))
		return;
	attributes((const char *)NLMSG_DATA(h) + GENL_HDRLEN,
	    h->nlmsg_len - NLMSG_LENGTH(GENL_HDRLEN), a, WGDEVICE_A_MAX);
	if (a[WGDEVICE_A_PEERS] == NULL)
		return;
	peer = RTA_DATA(a[WGDEVICE_A_PEERS]);
	left = (int)RTA_PAYLOAD(a[WGDEVICE_A_PEERS]);
	for (; RTA_OK(peer, left); peer = RTA_NEXT(peer, left))
		tell_peer(to, peer);
}

/* The kernel's whole answer may come in several messages. */
static void
tell(int genl, int family, int to)
{
	const struct genlmsghdr body = { .cmd = WG_CMD_GET_DEVICE,
		.version = WG_GENL_VERSION };
	const struct nlmsghdr *h;
	ssize_t n;

	nl_start(&message.h, family, NLM_F_DUMP, &body, sizeof body);
	message.h.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	nl_attr(&message.h, WGDEVICE_A_IFNAME, TUNNEL_CARD, sizeof TUNNEL_CARD);
	if (send(genl, &message, message.h.nlmsg_len, 0) == -1)
		return;
	while ((n = recv(genl, &message, sizeof message, 0)) > 0) {
		for (h = &message.h; NLMSG_OK(h, (size_t)n);
		     h = NLMSG_NEXT(h, n)) {
			if (h->nlmsg_type == NLMSG_DONE ||
			    h->nlmsg_type == NLMSG_ERROR)
				return;
			tell_device(to, h);
		}
	}
}

static int
run(const json_t *config, struct fault *f)
{
	struct pollfd door = { .events = POLLIN };
	int genl, family;

	if (tunnel_read(config, &tunnel, f) == -1)
		return -1;
	genl = open_netlink(NETLINK_GENERIC, f);
	if (genl == -1 || (family = find_family(genl, f)) == -1 ||
	    start(genl, family, f) == -1 ||
	    (door.fd = guest_listen(TUNNEL_STATUS, f)) == -1)
		return -1;
	/* the kernel has the key now */
	explicit_bzero(&message, sizeof message);
	explicit_bzero(tunnel.key, sizeof tunnel.key);
	for (;;) {
		int fd;

		poll(&door, 1, -1);
		fd = accept4(door.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd == -1)
			continue;
		tell(genl, family, fd);
		close(fd);
	}
}

int
main(void)
{
	auto_json json_t *config = NULL;
	struct fault f;
	char *text;
	size_t n;

	signal(SIGPIPE, SIG_IGN);
	if (guest_read(TUNNEL_CONFIG, GUEST_CONFIG_MAX, &text, &n, &f) == 0) {
		config = guest_json("config", text, n, &f);
		explicit_bzero(text, n);
		if (config != NULL)
			run(config, &f);
	}
	fprintf(stderr, "wireguard: %s\n", f.text);
	return 1;
}
