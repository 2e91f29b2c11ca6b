/* rooms: recipes/guest-init */
#include <arpa/inet.h>
#include <linux/rtnetlink.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "recipes/guest-init/child.h"
#include "recipes/guest-init/config.h"
#include "recipes/guest-init/control.h"
#include "recipes/guest-init/net.h"
#include "recipes/guest-init/probes.h"
#include "recipes/guest-init/services.h"

#define LINK                                                         \
	"{\"mac\":\"52:54:00:00:00:01\",\"address\":\"192.0.2.53\"," \
	"\"prefix\":24,\"gateway\":\"192.0.2.1\"}"
#define GUEST(name, network, volumes, more)                           \
	"{\"kind\":\"kiln/guest\",\"v\":1,\"hostname\":\"" name       \
	"\",\"clock\":1767225600,\"network\":[" network               \
	"],\"volumes\":[" volumes "],\"log\":\"console\",\"config\":" \
	"{\"domain\":\"lan\"}" more "}"

static void
refuses_config(const char *text, const char *why)
{
	struct config c;
	struct fault f = { "" };

	assert_int_equal(config_parse(text, strlen(text), &c, &f), -1);
	if (strstr(f.text, why) == NULL)
		fail_msg("expected \"%s\" in \"%s\"", why, f.text);
}

static void
config_reads_what_the_agent_writes(void **state)
{
	static const char text[] = GUEST("dns-dhcp",
	    LINK ",{\"mac\":\"52:54:00:00:00:01\","
		 "\"address\":\"2001:db8::53\",\"prefix\":64}",
	    "{\"serial\":\"state\",\"path\":\"/var/lib/x\"}", "");
	const unsigned char mac[6] = { 0x52, 0x54, 0, 0, 0, 1 };
	struct fault f = { "" };
	struct config c;

	(void)state;
	if (config_parse(text, strlen(text), &c, &f) == -1)
		fail_msg("%s", f.text);
	assert_string_equal(c.hostname, "dns-dhcp");
	assert_int_equal(c.clock, 1767225600);
	assert_int_equal(c.links, 2);
	assert_memory_equal(c.link[0].mac, mac, 6);
	assert_int_equal(c.link[0].prefix, 24);
	assert_true(c.link[0].has_gateway);
	assert_int_equal(c.link[1].address.family, AF_INET6);
	assert_false(c.link[1].has_gateway);
	assert_int_equal(c.volumes, 1);
	assert_string_equal(c.volume[0].path, "/var/lib/x");
	assert_string_equal(
	    json_string_value(json_object_get(c.service, "domain")), "lan");
	config_release(&c);
}

static void
config_refuses_what_it_does_not_know(void **state)
{
	(void)state;
	refuses_config(
	    GUEST("a", LINK, "", ",\"new\":1"), "unknown key \"new\"");
	refuses_config(
	    GUEST("a", LINK, "", ",\"n\\u001bw\":1"), "unknown key \"n?w\"");
	refuses_config(GUEST("a", LINK, "", ",\"v\":1"), "duplicate");
	refuses_config(GUEST("a", LINK, "", "") " x", "end of file expected");
	refuses_config("[]", "not a JSON object");
	refuses_config("{\"kind\":\"kiln/set\",\"v\":1}", "not kiln/guest");
	refuses_config("{\"kind\":\"kiln/guest\",\"v\":2}", "\"v\"");
	refuses_config("{\"kind\":\"kiln/guest\",\"v\":1}", "missing");
}

static void
config_refuses_bad_names_and_addresses(void **state)
{
	(void)state;
	refuses_config(GUEST("", LINK, "", ""), "\"hostname\"");
	refuses_config(GUEST("a.b", LINK, "", ""), "\"hostname\"");
	refuses_config(GUEST("a", "1", "", ""), "not an object");
	refuses_config(
	    GUEST("a", "{\"mac\":\"52:54:00:00:00:0G\"}", "", ""), "\"mac\"");
	refuses_config(GUEST("a",
			   "{\"mac\":\"52:54:00:00:00:01\",\"address\":"
			   "\"192.0.2.256\",\"prefix\":24}",
			   "", ""),
	    "\"address\" is not an address");
	refuses_config(GUEST("a",
			   "{\"mac\":\"52:54:00:00:00:01\",\"address\":"
			   "\"192.0.2.2\",\"prefix\":33}",
			   "", ""),
	    "from 1 to 32");
	refuses_config(GUEST("a",
			   "{\"mac\":\"52:54:00:00:00:01\",\"address\":"
			   "\"192.0.2.2\",\"prefix\":24,"
			   "\"gateway\":\"2001:db8::1\"}",
			   "", ""),
	    "another family");
}

static void
config_refuses_volume_paths_that_climb(void **state)
{
	(void)state;
	refuses_config(
	    GUEST("a", "", "{\"serial\":\"s\",\"path\":\"/a/../b\"}", ""),
	    "plain absolute path");
	refuses_config(GUEST("a", "", "{\"serial\":\"s\",\"path\":\"a\"}", ""),
	    "plain absolute path");
	refuses_config(GUEST("a", "", "{\"serial\":\"s\",\"path\":\"/\"}", ""),
	    "plain absolute path");
	refuses_config(
	    GUEST("a", "", "{\"serial\":\"s s\",\"path\":\"/a\"}", ""),
	    "\"serial\"");
}

static void
disk_head_tells_the_length(void **state)
{
	unsigned char head[CONFIG_HEAD] = "kilnconf";
	struct fault f;
	size_t n = 7;

	(void)state;
	assert_true(config_magic(head));
	assert_int_equal(config_length(head, &n, &f), -1); /* zero */
	head[14] = 1;
	head[15] = 2;
	assert_int_equal(config_length(head, &n, &f), 0);
	assert_int_equal(n, 258);
	head[8] = 1;
	assert_int_equal(config_length(head, &n, &f), -1); /* too long */
	assert_int_equal(n, 258);
	head[0] = 'K';
	assert_false(config_magic(head));
}

static void
refuses_services(const char *given, const char *why)
{
	struct fault f = { "" };
	struct services s;
	char text[1024];

	snprintf(text, sizeof text, "%s", given);
	assert_int_equal(services_parse(text, &s, &f), -1);
	if (strstr(f.text, why) == NULL)
		fail_msg("expected \"%s\" in \"%s\"", why, f.text);
}

static void
services_are_read_line_by_line(void **state)
{
	char text[] =
	    "# what runs\n"
	    "\n"
	    "dns 53 net_bind_service,net_raw /bin/dns -k\t-C  /x # y\n"
	    "web 80 - /bin/web";
	struct services s;
	struct fault f = { "" };

	(void)state;
	if (services_parse(text, &s, &f) == -1)
		fail_msg("%s", f.text);
	assert_int_equal(s.n, 2);
	assert_string_equal(s.at[0].name, "dns");
	assert_int_equal(s.at[0].uid, 53);
	assert_int_equal(s.at[0].caps, 1 << 10 | 1 << 13);
	assert_string_equal(s.at[0].argv[0], "/bin/dns");
	assert_string_equal(s.at[0].argv[3], "/x");
	assert_null(s.at[0].argv[4]);
	assert_int_equal(s.at[1].caps, 0);
	assert_null(s.at[1].argv[1]);
	assert_null(s.state);
}

static void
the_state_port_belongs_to_one_service(void **state)
{
	char text[] = "web 80 - /bin/web\ndhcp 53 net_raw,state /bin/dhcp";
	struct services s;
	struct fault f = { "" };

	(void)state;
	if (services_parse(text, &s, &f) == -1)
		fail_msg("%s", f.text);
	assert_ptr_equal(s.state, &s.at[1]);
	assert_int_equal(s.at[1].caps, 1 << 13);
	refuses_services("a 1 state /bin/a\nb 2 state /bin/b",
	    ":2: a second owner of the state port");
}

static void
services_refuse_root_and_unknown_rights(void **state)
{
	(void)state;
	refuses_services("", "names no service");
	refuses_services("# only this", "names no service");
	refuses_services("a 0 - /bin/a", ":1: \"0\" is not a uid");
	refuses_services("a 01 - /bin/a", "is not a uid");
	refuses_services("a 65534 - /bin/a", "is not a uid");
	refuses_services("a root - /bin/a", "is not a uid");
	refuses_services("a 1 sys_admin /bin/a", "unknown capability");
	refuses_services("a 1 net_raw, /bin/a", "unknown capability");
	refuses_services("a 1 - bin/a", "not absolute");
	refuses_services("a 1 -", "expected NAME UID");
	refuses_services("A 1 - /bin/a", "not a service name");
	refuses_services("a 1 - /bin/a\na 2 - /bin/b", ":2: \"a\" is named");
}

static void
control_lines_are_put_together_from_pieces(void **state)
{
	struct control_lines l = { 0 };
	const char *p = "clo";
	size_t n = 3;
	bool bad;

	(void)state;
	assert_false(control_next(&l, &p, &n, &bad));
	assert_int_equal(n, 0);
	p = "ck 5\npoweroff\nx";
	n = 15;
	assert_true(control_next(&l, &p, &n, &bad));
	assert_false(bad);
	assert_string_equal(l.text, "clock 5");
	assert_true(control_next(&l, &p, &n, &bad));
	assert_string_equal(l.text, "poweroff");
	assert_false(control_next(&l, &p, &n, &bad));
	assert_int_equal(l.n, 1);
}

static void
control_line_that_is_too_long_is_dropped_whole(void **state)
{
	char text[CONTROL_LINE + 20];
	struct control_lines l = { 0 };
	const char *p = text;
	size_t n = sizeof text;
	bool bad = false;

	(void)state;
	memset(text, 'x', sizeof text);
	memcpy(text + sizeof text - 3, "\na\n", 3);
	assert_true(control_next(&l, &p, &n, &bad));
	assert_true(bad);
	assert_true(control_next(&l, &p, &n, &bad));
	assert_false(bad);
	assert_string_equal(l.text, "a");
}

static void
control_requests_are_these(void **state)
{
	struct control_request r;
	struct fault f;

	(void)state;
	assert_int_equal(control_parse("clock 1767225600", &r, &f), 0);
	assert_int_equal(r.verb, CONTROL_CLOCK);
	assert_int_equal(r.seconds, 1767225600);
	assert_int_equal(control_parse("poweroff", &r, &f), 0);
	assert_int_equal(r.verb, CONTROL_POWEROFF);
	assert_int_equal(control_parse("restart", &r, &f), 0);
	assert_int_equal(r.verb, CONTROL_RESTART);
	assert_int_equal(control_parse("restart all", &r, &f), -1);
	assert_int_equal(control_parse("clock", &r, &f), -1);
	assert_int_equal(control_parse("clock ", &r, &f), -1);
	assert_int_equal(control_parse("clock -1", &r, &f), -1);
	assert_int_equal(control_parse("clock 1 ", &r, &f), -1);
	assert_int_equal(control_parse("clock 9999999999999", &r, &f), -1);
	assert_int_equal(control_parse("poweroff now", &r, &f), -1);
	assert_int_equal(control_parse("freeze", &r, &f), 0);
	assert_int_equal(r.verb, CONTROL_FREEZE);
	assert_int_equal(control_parse("thaw", &r, &f), 0);
	assert_int_equal(r.verb, CONTROL_THAW);
	assert_int_equal(control_parse("thaw all", &r, &f), -1);
	assert_int_equal(control_parse("probe is-well", &r, &f), 0);
	assert_int_equal(r.verb, CONTROL_PROBE);
	assert_string_equal(r.name, "is-well");
	assert_int_equal(control_parse("probe ", &r, &f), -1);
	assert_int_equal(control_parse("probe ../x", &r, &f), -1);
	assert_int_equal(control_parse("probe a b", &r, &f), -1);
	assert_int_equal(
	    control_parse("probe abcdefghijklmnopqrstuvwxyz0123456", &r, &f),
	    -1);
}

static void
of_what_a_probe_writes_the_first_line_counts(void **state)
{
	static const char text[] = "not\x1b well\nmore", *bytes = text;
	struct probes p = { .out = -1 };
	char big[PROBES_SAID + 50];
	struct fault f;

	(void)state;
	probes_hear(&p, bytes, 3);
	probes_hear(&p, bytes + 3, sizeof text - 4);
	assert_int_equal(p.nsaid, 9);
	assert_memory_equal(p.said, "not? well", 9);
	memset(big, 'x', sizeof big);
	p = (struct probes){ .out = -1 };
	probes_hear(&p, big, sizeof big);
	assert_int_equal(p.nsaid, PROBES_SAID - 1);
	assert_int_equal(probes_start(&p, "none", 0, &f), -1);
	assert_non_null(strstr(f.text, "names no program \"none\""));
}

/* A probe that runs here, as this user: 0 well, else what it said. */
static const char *
probed(const char *script, int64_t now, struct fault *f)
{
	static char line[256];
	struct probes p = { .out = -1 };
	int status, ret;

	snprintf(
	    line, sizeof line, "well %u - /bin/sh -c %s", getuid() + 1, script);
	assert_int_equal(services_parse(line, &p.list, f), 0);
	p.list.at[0].uid = 0; /* what a test may be */
	assert_int_equal(probes_start(&p, "well", 0, f), 0);
	assert_int_equal(probes_start(&p, "well", 0, f), -1);
	probes_due(&p, now);
	assert_int_equal(waitpid(p.pid, &status, 0), p.pid);
	ret = probes_end(&p, status, f);
	assert_int_equal(p.pid, 0);
	return ret == 0 ? "" : f->text;
}

static void
a_probe_is_well_when_it_ends_with_0(void **state)
{
	struct fault f;

	(void)state;
	assert_string_equal(probed("true", 0, &f), "");
	assert_string_equal(probed("false", 0, &f), "ended with 1");
	assert_string_equal(
	    probed("pwd;false", 0, &f)[0] == '/' ? "" : "?", "");
	/* Late: killed, with what it started. */
	assert_non_null(strstr(
	    probed("sleep${IFS}100", PROBES_WAIT, &f), "did not end within"));
}

static void
network_messages_carry_address_and_card(void **state)
{
	struct config_link l = { .prefix = 24, .has_gateway = true };
	union {
		struct nlmsghdr h;
		char room[NET_MSG];
	} m;
	const struct ifaddrmsg *body = NLMSG_DATA(&m.h);
	const struct rtattr *a;
	struct fault f;

	(void)state;
	assert_int_equal(guest_addr("t", "a", "192.0.2.5", &l.address, &f), 0);
	assert_int_equal(guest_addr("t", "a", "192.0.2.1", &l.gateway, &f), 0);
	net_msg_address(&m.h, 3, &l);
	assert_int_equal(m.h.nlmsg_type, RTM_NEWADDR);
	assert_int_equal(m.h.nlmsg_len, NLMSG_LENGTH(sizeof *body) + 16);
	assert_int_equal(body->ifa_index, 3);
	assert_int_equal(body->ifa_prefixlen, 24);
	a = IFA_RTA(body);
	assert_int_equal(a->rta_type, IFA_LOCAL);
	assert_memory_equal(RTA_DATA(a), l.address.bytes, 4);
	net_msg_gateway(&m.h, 3, &l);
	assert_int_equal(m.h.nlmsg_type, RTM_NEWROUTE);
	assert_true(m.h.nlmsg_len <= NET_MSG);
}

static void
longest_network_message_has_room(void **state)
{
	struct config_link l = { .prefix = 64 };
	union {
		struct nlmsghdr h;
		char room[NET_MSG];
	} m;
	struct fault f;

	(void)state;
	assert_int_equal(
	    guest_addr("t", "a", "2001:db8::5", &l.address, &f), 0);
	l.gateway = l.address;
	net_msg_address(&m.h, 3, &l);
	assert_true(m.h.nlmsg_len <= NET_MSG);
	net_msg_gateway(&m.h, 3, &l);
	assert_true(m.h.nlmsg_len <= NET_MSG);
}

static void
starting_again_waits_longer_each_time(void **state)
{
	(void)state;
	assert_int_equal(child_backoff(0), 0);
	assert_int_equal(child_backoff(1), 100);
	assert_int_equal(child_backoff(2), 200);
	assert_int_equal(child_backoff(9), 25600);
	assert_int_equal(child_backoff(10), 30000);
	assert_int_equal(child_backoff(1000000), 30000);
}

static void
names_are_labels_joined_by_dots(void **state)
{
	(void)state;
	assert_true(guest_name_ok("home.lan"));
	assert_true(guest_name_ok("_x.a-b"));
	assert_false(guest_name_ok(""));
	assert_false(guest_name_ok("."));
	assert_false(guest_name_ok("a..b"));
	assert_false(guest_name_ok("a."));
	assert_false(guest_name_ok(".a"));
	assert_false(guest_name_ok("-a"));
	assert_false(guest_name_ok("a-.b"));
	assert_false(guest_name_ok("A"));
	assert_false(guest_name_ok("a/b"));
	assert_false(guest_name_ok("a,b"));
	assert_true(guest_label_ok("a-b"));
	assert_false(guest_label_ok("a.b"));
	assert_false(guest_label_ok("a-"));
}

static void
files_are_created_anew_and_read_up_to_a_limit(void **state)
{
	char dir[] = "/tmp/kiln-guest.XXXXXX", path[64], *text;
	struct fault f;
	struct stat st;
	size_t n;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof path, "%s/f", dir);
	assert_int_equal(guest_write(path, 0400, 0, "abc", 3, &f), 0);
	assert_int_equal(guest_write(path, 0400, 0, "x", 1, &f), -1);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0400);
	assert_int_equal(guest_read(path, 3, &text, &n, &f), 0);
	assert_int_equal(n, 3);
	assert_string_equal(text, "abc");
	free(text);
	assert_int_equal(guest_read(path, 2, &text, &n, &f), -1);
	unlink(path);
	rmdir(dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(config_reads_what_the_agent_writes),
		cmocka_unit_test(config_refuses_what_it_does_not_know),
		cmocka_unit_test(config_refuses_bad_names_and_addresses),
		cmocka_unit_test(config_refuses_volume_paths_that_climb),
		cmocka_unit_test(disk_head_tells_the_length),
		cmocka_unit_test(services_are_read_line_by_line),
		cmocka_unit_test(the_state_port_belongs_to_one_service),
		cmocka_unit_test(services_refuse_root_and_unknown_rights),
		cmocka_unit_test(control_lines_are_put_together_from_pieces),
		cmocka_unit_test(
		    control_line_that_is_too_long_is_dropped_whole),
		cmocka_unit_test(control_requests_are_these),
		cmocka_unit_test(of_what_a_probe_writes_the_first_line_counts),
		cmocka_unit_test(a_probe_is_well_when_it_ends_with_0),
		cmocka_unit_test(network_messages_carry_address_and_card),
		cmocka_unit_test(longest_network_message_has_room),
		cmocka_unit_test(starting_again_waits_longer_each_time),
		cmocka_unit_test(names_are_labels_joined_by_dots),
		cmocka_unit_test(files_are_created_anew_and_read_up_to_a_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
