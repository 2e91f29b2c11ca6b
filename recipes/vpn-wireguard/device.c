#include "recipes/vpn-wireguard/device.h"

#include <linux/genetlink.h>
#include <linux/rtnetlink.h>
#include <linux/time_types.h>
#include <linux/wireguard.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "recipes/guest-init/nl.h"

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

/* --- what came -----------------------------------------------------------*/

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

/* --- the tunnel ----------------------------------------------------------*/

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

int
device_routes(struct device *d, const struct tunnel *t, struct fault *f)
{
	int index = (int)if_nametoindex(TUNNEL_CARD);
	size_t i, k;

	for (i = 0; i < t->npeers; i++) {
		for (k = 0; k < t->peer[i].nallowed; k++) {
			if (set_route(d->route, index, &t->peer[i].allowed[k],
				f) == -1)
				return -1;
		}
	}
	return 0;
}

int
device_up(struct device *d, const struct tunnel *t, struct fault *f)
{
	struct ifinfomsg up = { .ifi_family = AF_UNSPEC,
		.ifi_flags = IFF_UP,
		.ifi_change = IFF_UP };
	size_t i;

	up.ifi_index = (int)if_nametoindex(TUNNEL_CARD);
	for (i = 0; i < t->naddresses; i++) {
		if (set_address(d->route, up.ifi_index, &t->address[i], f) ==
		    -1)
			return -1;
	}
	nl_start(&message.h, RTM_NEWLINK, 0, &up, sizeof up);
	if (nl_ask(d->route, &message.h, "switch the tunnel on", f) == -1)
		return -1;
	return device_routes(d, t, f);
}

/* A service that was started anew finds its card, and sets it again. */
int
device_open(struct device *d, struct fault *f)
{
	d->genl = open_netlink(NETLINK_GENERIC, f);
	if (d->genl == -1 || (d->family = find_family(d->genl, f)) == -1)
		return -1;
	d->route = open_netlink(NETLINK_ROUTE, f);
	if (d->route == -1)
		return -1;
	if (if_nametoindex(TUNNEL_CARD) != 0)
		return 0;
	tunnel_msg_card(&message.h);
	return nl_ask(d->route, &message.h, "make the tunnel", f);
}

int
device_set(
    struct device *d, const struct tunnel *t, bool these, struct fault *f)
{
	if (these)
		tunnel_msg_peers(&message.h, d->family, t);
	else
		tunnel_msg_set(&message.h, d->family, t);
	return nl_ask(d->genl, &message.h, "set the tunnel's keys", f);
}

void
device_forget(void)
{
	explicit_bzero(&message, sizeof message);
}

/* --- how the peers are ----------------------------------------------------*/

static void
tell_peer(const struct rtattr *peer, device_peer_fn *one, void *arg)
{
	const struct rtattr *a[WGPEER_A_MAX + 1];
	struct __kernel_timespec last = { 0 };
	struct device_peer p;

	memset(&p, 0, sizeof p);
	attributes(RTA_DATA(peer), RTA_PAYLOAD(peer), a, WGPEER_A_MAX);
	if (a[WGPEER_A_PUBLIC_KEY] == NULL)
		return;
	memcpy(p.key, RTA_DATA(a[WGPEER_A_PUBLIC_KEY]), TUNNEL_KEY);
	if (a[WGPEER_A_LAST_HANDSHAKE_TIME] != NULL)
		memcpy(&last, RTA_DATA(a[WGPEER_A_LAST_HANDSHAKE_TIME]),
		    sizeof last);
	p.handshake = last.tv_sec;
	if (a[WGPEER_A_ENDPOINT] != NULL &&
	    RTA_PAYLOAD(a[WGPEER_A_ENDPOINT]) <= sizeof p.endpoint)
		memcpy(&p.endpoint, RTA_DATA(a[WGPEER_A_ENDPOINT]),
		    RTA_PAYLOAD(a[WGPEER_A_ENDPOINT]));
	if (a[WGPEER_A_RX_BYTES] != NULL)
		memcpy(&p.received, RTA_DATA(a[WGPEER_A_RX_BYTES]), 8);
	if (a[WGPEER_A_TX_BYTES] != NULL)
		memcpy(&p.sent, RTA_DATA(a[WGPEER_A_TX_BYTES]), 8);
	one(arg, &p);
}

static void
tell_device(const struct nlmsghdr *h, device_peer_fn *one, void *arg)
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
		tell_peer(peer, one, arg);
}

/* The kernel's whole answer may come in several messages. */
void
device_each(struct device *d, device_peer_fn *one, void *arg)
{
	const struct genlmsghdr body = { .cmd = WG_CMD_GET_DEVICE,
		.version = WG_GENL_VERSION };
	const struct nlmsghdr *h;
	ssize_t n;

	nl_start(&message.h, d->family, NLM_F_DUMP, &body, sizeof body);
	message.h.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	nl_attr(&message.h, WGDEVICE_A_IFNAME, TUNNEL_CARD, sizeof TUNNEL_CARD);
	if (send(d->genl, &message, message.h.nlmsg_len, 0) == -1)
		return;
	while ((n = recv(d->genl, &message, sizeof message, 0)) > 0) {
		for (h = &message.h; NLMSG_OK(h, (size_t)n);
		     h = NLMSG_NEXT(h, n)) {
			if (h->nlmsg_type == NLMSG_DONE ||
			    h->nlmsg_type == NLMSG_ERROR)
				return;
			tell_device(h, one, arg);
		}
	}
}
