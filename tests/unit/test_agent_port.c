/* rooms: router-agent/machine router-agent/lease.c router-agent/conf.c */
/* Ports of services: who hears, who may speak.  In a network namespace of its
 * own, with taps that the test reads and writes as a machine would. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/own.h"
#include "lib/spawn.h"
#include "router-agent/machine/port.h"

#define FRAME 60
#define WAIT_MS 200
#define LINK(err, ...)                                                      \
	spawn_run((const char *const[]){ "ip", "link", __VA_ARGS__, NULL }, \
	    10000, err)

static struct ports ports;
static int lan = -1; /* packets as a client of the LAN sees them */

static int
packets_of(const char *ifname)
{
	struct sockaddr_ll ll = { .sll_family = AF_PACKET,
		.sll_protocol = htons(0x88b5),
		.sll_ifindex = (int)if_nametoindex(ifname) };
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(0x88b5));

	if (fd != -1 && bind(fd, (struct sockaddr *)&ll, sizeof(ll)) == 0)
		return fd;
	own_close(&fd);
	return -1;
}

static void
say(int fd, unsigned char word)
{
	unsigned char frame[FRAME] = { 0 };

	memset(frame, 0xff, 6);
	frame[6] = 2;
	frame[12] = 0x88; /* a local experiment's type */
	frame[13] = 0xb5;
	frame[14] = word;
	assert_int_equal(write(fd, frame, sizeof(frame)), FRAME);
}

/* The next word said, or 0 for silence. */
static unsigned char
hear(int fd)
{
	unsigned char frame[2048];
	struct pollfd p = { fd, POLLIN, 0 };

	while (poll(&p, 1, WAIT_MS) == 1) {
		ssize_t n = read(fd, frame, sizeof(frame));

		if (n >= FRAME && frame[12] == 0x88 && frame[13] == 0xb5)
			return frame[14];
	}
	return 0;
}

static void
give(size_t port, const char *tap)
{
	auto_buf struct buf b = BUF_INIT;
	struct err err = ERR_INIT;

	port_give(&b, port, tap);
	if (ports_move(&b, &err) == -1)
		fail_msg("%s", err.msg);
}

static int
tap(const char *name)
{
	struct err err = ERR_INIT;
	int fd = net_tap_open(name, &err);

	if (fd == -1 || net_tap_stage(name, "br-t", &err) == -1)
		fail_msg("%s", err.msg);
	return fd;
}

static void
the_port_goes_to_one_machine_and_then_to_the_other(void **state)
{
	int old, next;
	auto_buf struct buf mute = BUF_INIT;
	struct err err = ERR_INIT;

	(void)state;
	if (!ports.redirect) {
		print_message("without: %s\n", ports.missing);
		skip();
	}
	old = tap("kiln0");
	next = tap("kiln1");
	give(0, "kiln0");
	say(lan, 1);
	assert_int_equal(hear(old), 1);
	assert_int_equal(hear(next), 0);
	say(old, 2);
	assert_int_equal(hear(lan), 2);
	/* Not active yet: mute. */
	say(next, 3);
	assert_int_equal(hear(lan), 0);
	give(0, "kiln1");
	say(lan, 4);
	assert_int_equal(hear(next), 4);
	assert_int_equal(hear(old), 0);
	/* What the old one owes still comes out, until it is muted. */
	say(old, 5);
	assert_int_equal(hear(lan), 5);
	port_mute(&mute, "kiln0");
	assert_int_equal(ports_move(&mute, &err), 0);
	say(old, 6);
	assert_int_equal(hear(lan), 0);
	say(next, 7);
	assert_int_equal(hear(lan), 7);
	close(old);
	close(next);
}

static void
a_port_whose_machine_died_serves_the_next_one(void **state)
{
	int fd;

	(void)state;
	if (!ports.redirect)
		skip();
	fd = tap("kiln2");
	give(0, "kiln2");
	close(fd);
	say(lan, 1);
	fd = tap("kiln2");
	give(0, "kiln2");
	say(lan, 2);
	assert_int_equal(hear(fd), 2);
	close(fd);
}

static void
an_emptied_port_leads_nowhere_and_can_be_given_again(void **state)
{
	auto_buf struct buf b = BUF_INIT;
	struct err err = ERR_INIT;
	int fd;

	(void)state;
	if (!ports.redirect)
		skip();
	fd = tap("kiln3");
	give(1, "kiln3");
	port_empty(&b, 1);
	port_mute(&b, "kiln3");
	assert_int_equal(ports_move(&b, &err), 0);
	say(lan, 1);
	assert_int_equal(hear(fd), 0);
	give(1, "kiln3");
	say(lan, 2);
	assert_int_equal(hear(fd), 2);
	close(fd);
}

static void
a_move_that_cannot_be_made_says_why(void **state)
{
	auto_buf struct buf b = BUF_INIT;
	struct err err = ERR_INIT;

	(void)state;
	port_give(&b, 0, "kiln99");
	assert_int_equal(ports_move(&b, &err), -1);
	assert_non_null(strstr(err.msg, "kiln99"));
}

static void
no_move_is_done_already(void **state)
{
	struct buf b = BUF_INIT;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(ports_move(&b, &err), 0);
}

/* A broadcast datagram to `port`, 67 for a DHCP request. */
static void
say_udp(int fd, unsigned char port)
{
	unsigned char frame[FRAME] = { 0 }, *ip = frame + 14;
	unsigned sum = 0;

	memset(frame, 0xff, 6);
	frame[6] = 2;
	frame[12] = 0x08;
	ip[0] = 0x45;
	ip[3] = FRAME - 14;
	ip[8] = 64;
	ip[9] = 17;
	memset(ip + 16, 0xff, 4);
	/* A bridge may look at it (br_netfilter). */
	for (int i = 0; i < 20; i += 2)
		sum += (unsigned)(ip[i] << 8 | ip[i + 1]);
	sum = ~((sum & 0xffff) + (sum >> 16));
	ip[10] = (unsigned char)(sum >> 8);
	ip[11] = (unsigned char)sum;
	ip[23] = port;
	ip[25] = FRAME - 34;
	assert_int_equal(write(fd, frame, sizeof(frame)), FRAME);
}

static int
hear_udp(int fd)
{
	unsigned char frame[2048];
	struct pollfd p = { fd, POLLIN, 0 };

	while (poll(&p, 1, WAIT_MS) == 1) {
		ssize_t n = read(fd, frame, sizeof(frame));

		if (n >= FRAME && frame[12] == 0x08 && frame[23] == 17)
			return frame[37];
	}
	return 0;
}

static void
a_hold_keeps_dhcp_from_everybody_and_nothing_else(void **state)
{
	auto_buf struct buf hold = BUF_INIT, unhold = BUF_INIT;
	struct err err = ERR_INIT;
	int fd;

	(void)state;
	if (!ports.redirect)
		skip();
	fd = tap("kiln4");
	give(0, "kiln4");
	say_udp(lan, 67);
	assert_int_equal(hear_udp(fd), 67);
	port_hold(&hold, 0);
	assert_int_equal(ports_move(&hold, &err), 0);
	say_udp(lan, 67);
	assert_int_equal(hear_udp(fd), 0);
	say_udp(lan, 53);
	assert_int_equal(hear_udp(fd), 53);
	/* Held twice is held once. */
	assert_int_equal(ports_move(&hold, &err), 0);
	port_unhold(&unhold, 0);
	assert_int_equal(ports_move(&unhold, &err), 0);
	say_udp(lan, 67);
	assert_int_equal(hear_udp(fd), 67);
	close(fd);
}

static int
set_up(void **state)
{
	const char *const bridges[] = { "br-t", "br-t" };
	struct err err = ERR_INIT;

	(void)state;
	if (geteuid() != 0 || access("/dev/net/tun", R_OK | W_OK) == -1) {
		print_message("ports want root and /dev/net/tun\n");
		return 0;
	}
	if (unshare(CLONE_NEWNET) == -1)
		return -1;
	if (net_bridge("br-t", "192.0.2.1", 24, &err) == -1 ||
	    ports_open(&ports, bridges, 2, &err) == -1)
		fail_msg("%s", err.msg);
	/* A client, so that what it says comes in as from a LAN. */
	if (LINK(&err, "add", "lan0", "type", "veth", "peer", "name", "lan1") ==
		-1 ||
	    LINK(&err, "set", "lan0", "master", "br-t", "up") == -1 ||
	    LINK(&err, "set", "lan1", "up") == -1)
		fail_msg("%s", err.msg);
	lan = packets_of("lan1");
	return lan == -1 ? -1 : 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    the_port_goes_to_one_machine_and_then_to_the_other),
		cmocka_unit_test(a_port_whose_machine_died_serves_the_next_one),
		cmocka_unit_test(
		    an_emptied_port_leads_nowhere_and_can_be_given_again),
		cmocka_unit_test(
		    a_hold_keeps_dhcp_from_everybody_and_nothing_else),
		cmocka_unit_test(a_move_that_cannot_be_made_says_why),
		cmocka_unit_test(no_move_is_done_already),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
