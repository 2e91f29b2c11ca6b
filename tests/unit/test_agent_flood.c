/* rooms: router-agent/machine/flood.c */
/* What a machine sends, seen at an interface that stands for its tap: in a
 * network of its own, without which there is nothing to see. */
#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/own.h"
#include "lib/spawn.h"
#include "router-agent/machine/flood.h"

#define LIMIT 1000
#define ALL "\xff\xff\xff\xff\xff\xff"
#define MULTICAST "\x01\x00\x5e\x00\x00\xfb"
#define SOMEBODY "\x02\x6b\xc0\x00\x02\x35"

#define IP(...)                                                              \
	assert_int_equal(                                                    \
	    spawn_run((const char *const[]){ "/bin/ip", __VA_ARGS__, NULL }, \
		10000, &err),                                                \
	    0)

static bool ours; /* a network */
static struct flood f;
static struct err err;

static void
quiet(const char *ifname)
{
	char path[80];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/disable_ipv6",
	    ifname);
	file = fopen(path, "w");
	if (file) {
		fputs("1", file);
		fclose(file);
	}
}

static void
plug_in(void)
{
	IP("link", "add", "name", "tap", "type", "veth", "peer", "name",
	    "guest");
	quiet("tap");
	quiet("guest");
	IP("link", "set", "dev", "tap", "up");
	IP("link", "set", "dev", "guest", "up");
}

static int
set_up(void **state)
{
	(void)state;
	if (!ours)
		skip();
	err_clear(&err);
	f = (struct flood)FLOOD_INIT;
	plug_in();
	assert_int_equal(flood_look(&f, "tap", LIMIT, 1000, &err), 0);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	flood_release(&f);
	if (ours)
		IP("link", "del", "dev", "tap");
	return 0;
}

static void
send_from(const char *ifname, const char *to, int n)
{
	struct sockaddr_ll where = { .sll_family = AF_PACKET,
		.sll_ifindex = (int)if_nametoindex(ifname) };
	auto_fd int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	char frame[60] = { 0 };

	assert_int_not_equal(fd, -1);
	memcpy(frame, to, 6);
	frame[6] = 2;
	frame[12] = (char)0x88; /* local experiments */
	frame[13] = (char)0xb5;
	for (int i = 0; i < n; i++)
		assert_int_equal(
		    sendto(fd, frame, sizeof(frame), 0,
			(const struct sockaddr *)&where, sizeof(where)),
		    sizeof(frame));
}

static int64_t
a_second_later(void)
{
	int64_t got = flood_look(&f, "tap", LIMIT, f.since + 1000, &err);

	if (got == -1)
		fail_msg("%s", err.msg);
	return got;
}

static void
what_goes_to_everybody_counts(void **state)
{
	(void)state;
	assert_int_equal(a_second_later(), 0);
	send_from("guest", ALL, LIMIT);
	assert_int_equal(a_second_later(), 0);
	send_from("guest", ALL, 700);
	send_from("guest", MULTICAST, 700);
	assert_int_equal(a_second_later(), 1400);
	/* Each look is at what came since the last. */
	assert_int_equal(a_second_later(), 0);
	send_from("guest", ALL, 1400);
	assert_int_equal(flood_look(&f, "tap", LIMIT, f.since + 2000, &err), 0);
}

static void
what_nobody_answers_counts(void **state)
{
	(void)state;
	send_from("guest", SOMEBODY, 5000);
	assert_int_equal(a_second_later(), 5000);
	send_from("guest", SOMEBODY, 5000);
	send_from("tap", SOMEBODY, 49);
	assert_int_equal(a_second_later(), 5000);
}

static void
work_is_answered_and_does_not(void **state)
{
	(void)state;
	send_from("guest", SOMEBODY, 5000);
	send_from("tap", SOMEBODY, 50);
	assert_int_equal(a_second_later(), 0);
	/* Answers excuse nothing that goes to everybody. */
	send_from("guest", ALL, 2000);
	send_from("tap", SOMEBODY, 2000);
	assert_int_equal(a_second_later(), 2000);
}

/* What is sent to a machine is not its own doing. */
static void
a_machine_that_is_flooded_floods_not(void **state)
{
	(void)state;
	send_from("tap", ALL, 5000);
	assert_int_equal(a_second_later(), 0);
}

static void
a_machine_that_is_started_again_is_looked_at_anew(void **state)
{
	(void)state;
	send_from("guest", ALL, 5000);
	IP("link", "del", "dev", "tap");
	assert_int_equal(a_second_later(), 0);
	plug_in();
	assert_int_equal(a_second_later(), 0);
	send_from("guest", ALL, 5000);
	assert_int_equal(a_second_later(), 5000);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		T(what_goes_to_everybody_counts),
		T(what_nobody_answers_counts),
		T(work_is_answered_and_does_not),
		T(a_machine_that_is_flooded_floods_not),
		T(a_machine_that_is_started_again_is_looked_at_anew),
	};

	ours = unshare(getuid() == 0 ? CLONE_NEWNET
				     : CLONE_NEWUSER | CLONE_NEWNET) == 0;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
