/* rooms: recipes/guest-init recipes/vpn-wireguard */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <linux/genetlink.h>
#include <linux/rtnetlink.h>
#include <linux/wireguard.h>

#include "recipes/vpn-wireguard/tunnel.h"

#define KEY "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
#define KEY2 "/wECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
#define PEER(name, key, more)                                     \
	"{\"name\":\"" name "\",\"key\":\"" key "\",\"allowed\":" \
	"[\"10.9.0.2/32\",\"fd00::2/128\"]" more "}"
#define CONFIG(peers)     \
	"{\"key\":\"" KEY \
	"\",\"addresses\":[\"10.9.0.1/24\"],\"peers\":[" peers "]}"

static struct tunnel tunnel;
static struct fault fault;

static int
make(const char *config)
{
	auto_json json_t *j =
	    guest_json("config", config, strlen(config), &fault);

	if (j == NULL)
		fail_msg("%s", fault.text);
	return tunnel_read(j, &tunnel, &fault);
}

static void
refuses(const char *config, const char *why)
{
	assert_int_equal(make(config), -1);
	if (strstr(fault.text, why) == NULL)
		fail_msg("expected \"%s\" in \"%s\"", why, fault.text);
}

static void
a_tunnel_is_read(void **state)
{
	(void)state;
	if (make(CONFIG(PEER("a", KEY2,
		",\"preshared\":\"" KEY "\",\"keepalive\":25,\"endpoint\":"
		"{\"address\":\"203.0.113.7\",\"port\":51821}"))) == -1)
		fail_msg("%s", fault.text);
	assert_int_equal(tunnel.port, 51820);
	assert_int_equal(tunnel.key[31], 31);
	assert_int_equal(tunnel.address[0].prefix, 24);
	assert_int_equal(tunnel.npeers, 1);
	assert_int_equal(tunnel.peer[0].key[0], 255);
	assert_int_equal(tunnel.peer[0].nallowed, 2);
	assert_int_equal(tunnel.peer[0].allowed[1].prefix, 128);
	assert_int_equal(tunnel.peer[0].keepalive, 25);
	assert_int_equal(ntohs(tunnel.peer[0].endpoint.v4.sin_port), 51821);
}

static void
what_cannot_be_is_refused(void **state)
{
	(void)state;
	refuses("{}", "key");
	refuses(
	    "{\"key\":\"AAECAw==\",\"addresses\":[],\"peers\":[]}", "32 bytes");
	refuses(CONFIG(PEER("a", KEY ",x", "")), "32 bytes");
	refuses(CONFIG(PEER("a", KEY2, "") "," PEER("b", KEY2, "")), "same");
	refuses(CONFIG(PEER("a", KEY2, "") "," PEER("a", KEY, "")), "same");
	refuses(CONFIG(PEER("A b", KEY2, "")), "label");
	refuses(CONFIG(PEER("a", KEY2, ",\"allow\":[]")), "allow");
	refuses("{\"key\":\"" KEY "\",\"addresses\":[\"10.9.0.1/33\"],"
		"\"peers\":[]}",
	    "not a network");
	refuses("{\"key\":\"" KEY "\",\"addresses\":[\"10.9.0.1/\"],"
		"\"peers\":[]}",
	    "not a network");
	refuses("{\"key\":\"" KEY "\",\"port\":80,\"addresses\":[],"
		"\"peers\":[]}",
	    "port");
}

/* The attribute of a type among `n` bytes. */
static const struct rtattr *
find(const void *p, size_t n, int type)
{
	const struct rtattr *a = p;
	int left = (int)n;

	for (; RTA_OK(a, left); a = RTA_NEXT(a, left))
		if ((a->rta_type & NLA_TYPE_MASK) == type)
			return a;
	fail_msg("no attribute %d", type);
	return NULL;
}

static void
the_kernel_is_told_all_of_it(void **state)
{
	static union {
		struct nlmsghdr h;
		char room[TUNNEL_ROOM];
	} m;
	const struct rtattr *peers, *peer, *allowed, *net, *a;
	const char *body;
	size_t n;

	(void)state;
	assert_int_equal(make(CONFIG(PEER("a", KEY2, ""))), 0);
	tunnel_msg_set(&m.h, 77, &tunnel);
	assert_int_equal(m.h.nlmsg_type, 77);
	body = (const char *)NLMSG_DATA(&m.h) + GENL_HDRLEN;
	n = m.h.nlmsg_len - NLMSG_LENGTH(GENL_HDRLEN);
	a = find(body, n, WGDEVICE_A_PRIVATE_KEY);
	assert_memory_equal(RTA_DATA(a), tunnel.key, TUNNEL_KEY);
	peers = find(body, n, WGDEVICE_A_PEERS);
	peer = find(RTA_DATA(peers), RTA_PAYLOAD(peers), 0);
	a = find(RTA_DATA(peer), RTA_PAYLOAD(peer), WGPEER_A_PUBLIC_KEY);
	assert_memory_equal(RTA_DATA(a), tunnel.peer[0].key, TUNNEL_KEY);
	allowed = find(RTA_DATA(peer), RTA_PAYLOAD(peer), WGPEER_A_ALLOWEDIPS);
	net = find(RTA_DATA(allowed), RTA_PAYLOAD(allowed), 0);
	a = find(RTA_DATA(net), RTA_PAYLOAD(net), WGALLOWEDIP_A_IPADDR);
	assert_int_equal(RTA_PAYLOAD(a), 4);
	assert_memory_equal(RTA_DATA(a), "\x0a\x09\x00\x02", 4);
}

static void
the_largest_tunnel_fits_its_message(void **state)
{
	static union {
		struct nlmsghdr h;
		char room[TUNNEL_ROOM];
	} m;
	size_t i, k;

	(void)state;
	memset(&tunnel, 0, sizeof tunnel);
	tunnel.npeers = TUNNEL_PEERS;
	for (i = 0; i < TUNNEL_PEERS; i++) {
		struct tunnel_peer *p = &tunnel.peer[i];

		p->has_preshared = p->has_endpoint = true;
		p->endpoint.sa.sa_family = AF_INET6;
		p->nallowed = TUNNEL_ALLOWED;
		for (k = 0; k < TUNNEL_ALLOWED; k++)
			p->allowed[k].address.family = AF_INET6;
	}
	tunnel_msg_set(&m.h, 77, &tunnel);
	assert_true(m.h.nlmsg_len < TUNNEL_ROOM);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_tunnel_is_read),
		cmocka_unit_test(what_cannot_be_is_refused),
		cmocka_unit_test(the_kernel_is_told_all_of_it),
		cmocka_unit_test(the_largest_tunnel_fits_its_message),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
