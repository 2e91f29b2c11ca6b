/* rooms: recipes/guest-init recipes/vpn-wireguard recipes/vpn-mesh */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "recipes/vpn-mesh/admit.h"
#include "recipes/vpn-mesh/path.h"
#include "recipes/vpn-mesh/relay.h"

#define CONFIGURE mesh_conf
#include "tests/support/configured.h"

#define END "{\"address\":\"203.0.113.2\",\"port\":51820}"
#define SECRET "01234567890123456789012345678901"
#define OTHER "11234567890123456789012345678901"
#define FOUND(more)                                                      \
	"{\"endpoint\":" END ",\"found\":{\"name\":\"home\",\"network\"" \
	":\"10.66.0.0\",\"invitations\":[{\"name\":\"cabin\",\"secret\"" \
	":\"" SECRET "\",\"lan\":\"10.1.0.0/16\"}]" more "}}"
#define JOIN(secret) \
	"{\"join\":{\"endpoint\":" END ",\"secret\":\"" secret "\"}}"

static void
what_cannot_be_is_refused(void **state)
{
	(void)state;
	refuses("{}", "neither");
	refuses("{\"join\":1,\"found\":1}", "both");
	refuses("{\"found\":{\"name\":\"a\",\"network\":\"10.0.0.0\"}}",
	    "endpoint");
	refuses("{\"endpoint\":" END ",\"found\":{\"name\":\"a\",\"network\":"
		"\"10.0.0.1\"}}",
	    "A.B.C.0");
	refuses(JOIN("short"), "less than");
	refuses(FOUND(",\"port\":1"), "port");
	refuses(FOUND(",\"revoked\":[\"home\"]"), "itself");
	refuses(FOUND(",\"lan\":\"0.0.0.0/0\""), "larger");
	refuses("{\"endpoint\":" END ",\"found\":{\"name\":\"a\",\"network\":"
		"\"10.0.0.0\",\"invitations\":[{\"name\":\"b\",\"secret\":"
		"\"" SECRET "\"},{\"name\":\"c\",\"secret\":\"" SECRET "\"}]}}",
	    "same secret");
}

/* --- members --------------------------------------------------------------*/

struct node {
	json_t *config;
	struct mesh_conf conf;
	struct admit admit;
};

static struct node *
node(const char *config)
{
	struct node *n = calloc(1, sizeof *n);
	struct fault f = { "" };

	assert_non_null(n);
	n->config = parsed(config);
	if (mesh_conf_read(n->config, &n->conf, &f) == -1)
		fail_msg("%s", f.text);
	admit_new(&n->admit, n->conf.founds);
	if (n->conf.founds)
		assert_int_equal(admit_settle(&n->admit, &n->conf, &f), 0);
	return n;
}

static void
configure(struct node *n, const char *config)
{
	struct fault f = { "" };

	json_decref(n->config);
	n->config = parsed(config);
	assert_int_equal(mesh_conf_read(n->config, &n->conf, &f), 0);
}

static void
end(struct node *n)
{
	json_decref(n->config);
	json_decref(n->admit.used);
	free(n->admit.text);
	free(n);
}

/* 0: the node is a member now; else *why says why not. */
static int
meet(struct node *founder, struct node *who, struct fault *why)
{
	unsigned char *ask, *answer;
	size_t n, m;
	bool changed;
	int ret = -1;

	ask = admit_ask(&who->admit, &who->conf, &n);
	assert_non_null(ask);
	answer = admit_answer(
	    &founder->admit, &founder->conf, ask, n, &m, &changed, why);
	if (answer != NULL)
		ret = admit_done(&who->admit, &who->conf, answer, m, why);
	free(ask);
	free(answer);
	return ret;
}

static void
an_invitation_makes_one_node_a_member(void **state)
{
	struct node *home = node(FOUND("")), *cabin = node(JOIN(SECRET)),
		    *thief = node(JOIN(SECRET)), *guess = node(JOIN(OTHER));
	struct fault f = { "" };
	struct mesh_member *m;

	(void)state;
	assert_int_equal(meet(home, guess, &f), -1);
	assert_non_null(strstr(f.text, "without an invitation"));
	assert_int_equal(meet(home, cabin, &f), 0);
	m = mesh_by_name(&cabin->admit.roster, "cabin");
	assert_non_null(m);
	assert_memory_equal(m->key, cabin->admit.public, TUNNEL_KEY);
	assert_int_equal(m->host, 2);
	assert_true(m->has_lan && m->lan.prefix == 16);
	assert_int_equal(meet(home, thief, &f), -1);
	assert_non_null(strstr(f.text, "is used"));
	/* whose answer was lost asks again, and nothing changes */
	assert_int_equal(meet(home, cabin, &f), 0);
	assert_int_equal(home->admit.roster.version, 2);
	end(home);
	end(cabin);
	end(thief);
	end(guess);
}

static void
what_is_kept_is_read_again(void **state)
{
	struct node *home = node(FOUND("")), *cabin = node(JOIN(SECRET)),
		    *thief = node(JOIN(SECRET));
	auto_json json_t *kept = NULL;
	struct fault f = { "" };

	(void)state;
	assert_int_equal(meet(home, cabin, &f), 0);
	kept = admit_json(&home->admit);
	json_decref(home->admit.used);
	free(home->admit.text);
	assert_int_equal(admit_read(kept, &home->admit, &f), 0);
	assert_int_equal(home->admit.roster.version, 2);
	assert_int_equal(meet(home, thief, &f), -1);
	assert_non_null(strstr(f.text, "is used"));
	end(home);
	end(cabin);
	end(thief);
}

static void
a_roster_is_believed_if_newer_and_signed(void **state)
{
	struct node *home = node(FOUND("")), *cabin = node(JOIN(SECRET)),
		    *rogue = node(FOUND(""));
	char hex[2 * crypto_sign_BYTES + 1];
	struct fault f = { "" };

	(void)state;
	assert_int_equal(meet(home, cabin, &f), 0);
	sodium_bin2hex(hex, sizeof hex, home->admit.sig, crypto_sign_BYTES);
	assert_int_equal(
	    admit_take(&cabin->admit, home->admit.text, hex, &f), 0);
	configure(home, FOUND(",\"revoked\":[\"cabin\"]"));
	assert_int_equal(admit_settle(&home->admit, &home->conf, &f), 0);
	assert_int_equal(
	    admit_take(&cabin->admit, home->admit.text, hex, &f), -1);
	sodium_bin2hex(hex, sizeof hex, home->admit.sig, crypto_sign_BYTES);
	assert_int_equal(
	    admit_take(&cabin->admit, home->admit.text, hex, &f), 1);
	assert_null(mesh_by_key(&cabin->admit.roster, cabin->admit.public));
	/* who is revoked does not come in by its old invitation */
	assert_int_equal(meet(home, cabin, &f), -1);
	assert_non_null(strstr(f.text, "revoked"));
	/* another founder's word is nobody's */
	rogue->admit.roster.version = 9;
	assert_int_equal(admit_sign(&rogue->admit, &f), 0);
	sodium_bin2hex(hex, sizeof hex, rogue->admit.sig, crypto_sign_BYTES);
	assert_int_equal(
	    admit_take(&cabin->admit, rogue->admit.text, hex, &f), -1);
	end(home);
	end(cabin);
	end(rogue);
}

static void
a_message_that_was_touched_is_refused(void **state)
{
	struct node *home = node(FOUND("")), *cabin = node(JOIN(SECRET));
	struct fault f = { "" };
	unsigned char *ask;
	bool changed;
	size_t n, m;

	(void)state;
	ask = admit_ask(&cabin->admit, &cabin->conf, &n);
	ask[n - 1] ^= 1;
	assert_null(
	    admit_answer(&home->admit, &home->conf, ask, n, &m, &changed, &f));
	assert_null(
	    admit_answer(&home->admit, &home->conf, ask, 9, &m, &changed, &f));
	/* what is asked is no answer */
	ask[n - 1] ^= 1;
	assert_int_equal(
	    admit_done(&cabin->admit, &cabin->conf, ask, n, &f), -1);
	free(ask);
	end(home);
	end(cabin);
}

static void
an_end_is_read_as_it_is_written(void **state)
{
	static const char *const good[] = { "203.0.113.7:51820",
		"[2001:db8::7]:1" };
	static const char *const bad[] = { "", ":1", "1.2.3.4", "1.2.3.4:0",
		"1.2.3.4:70000", "[::1:5", "a:1", "1.2.3.4:5x" };
	union tunnel_end e;
	char text[64];
	size_t i;

	(void)state;
	for (i = 0; i < 2; i++) {
		assert_int_equal(mesh_end_read(good[i], &e), 0);
		mesh_end_text(&e, text, sizeof text);
		assert_string_equal(text, good[i]);
	}
	for (i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_int_equal(mesh_end_read(bad[i], &e), -1);
}

/* --- ways -----------------------------------------------------------------*/

static void
a_way_that_is_not_heard_gives_place_to_the_other(void **state)
{
	struct path p = { 0 };
	struct path_facts f = {
		.now = 100, .has_direct = true, .has_relay = true
	};

	(void)state;
	assert_int_equal(path_step(&p, &f), PATH_RELAY);
	f.now += PATH_TRY - 1;
	assert_int_equal(path_step(&p, &f), PATH_KEEP);
	f.now += 1;
	assert_int_equal(path_step(&p, &f), PATH_DIRECT);
	f.now += PATH_TRY;
	assert_int_equal(path_step(&p, &f), PATH_RELAY);
	f.now += PATH_TRY;
	assert_int_equal(path_step(&p, &f), PATH_DIRECT);
	f.now += 3;
	f.received = 92;
	assert_int_equal(path_step(&p, &f), PATH_KEEP);
	assert_true(path_alive(&p, f.now));
	assert_false(p.relayed);
	f.now += PATH_DEAD - 1;
	assert_int_equal(path_step(&p, &f), PATH_KEEP);
	f.now += 1;
	assert_false(path_alive(&p, f.now));
	assert_int_equal(path_step(&p, &f), PATH_RELAY);
	/* nowhere to go */
	f.has_direct = f.has_relay = false;
	f.now += PATH_TRY;
	assert_int_equal(path_step(&p, &f), PATH_KEEP);
}

/* Two who go by a relay, at the same second, from now on. */
static struct path
by_relay(struct path_facts *f)
{
	struct path p = { .by_relay = true, .tried = 1 };

	*f = (struct path_facts){ .now = 100,
		.received = 1,
		.by_relay = true,
		.has_direct = true,
		.has_relay = true,
		.leads = true };
	assert_int_equal(path_step(&p, f), PATH_KEEP);
	return p;
}

/* How often one calls in so many seconds, if the other is heard by the relay
 * alone; a call that comes to nothing is the relay's again at its end. */
static int
calls(struct path *p, struct path_facts *f, int seconds)
{
	enum path_act act;
	int64_t meet;
	int n = 0;

	for (; seconds > 0; seconds--) {
		f->now++;
		f->received++;
		meet = p->meet;
		act = path_step(p, f);
		n += act == PATH_CALL;
		if (meet != 0)
			assert_int_equal(
			    act, f->now < meet ? PATH_DIRECT : PATH_RELAY);
	}
	return n;
}

static void
who_leads_calls_again_and_ever_more_seldom(void **state)
{
	struct path_facts f;
	struct path p = by_relay(&f);

	(void)state;
	assert_int_equal(calls(&p, &f, PATH_SOON), 1);
	assert_true(p.relayed);
	assert_int_equal(calls(&p, &f, PATH_AGAIN - 1), 0);
	assert_int_equal(calls(&p, &f, 1), 1);
	assert_int_equal(calls(&p, &f, PATH_AGAIN * 2 - 1), 0);
	assert_int_equal(calls(&p, &f, 1), 1);
	assert_int_equal(calls(&p, &f, PATH_AGAIN * 2), 0);
	path_moved(&p, f.now);
	assert_int_equal(calls(&p, &f, 1), 1);
	path_moved(&p, f.now); /* not at each word */
	assert_int_equal(calls(&p, &f, PATH_AGAIN - 1), 0);
	assert_int_equal(calls(&p, &f, 1), 1);
	/* soon after a try that will not come again for long */
	assert_int_equal(calls(&p, &f, PATH_AGAIN * 2), 1);
	assert_int_equal(calls(&p, &f, PATH_MEET), 0);
	path_moved(&p, f.now);
	assert_int_equal(calls(&p, &f, PATH_AGAIN - 1), 0);
	assert_int_equal(calls(&p, &f, 1), 1);
	f.leads = false;
	assert_int_equal(calls(&p, &f, PATH_AGAIN_MAX), 0);
}

static void
two_that_are_called_aim_until_they_hear_each_other(void **state)
{
	struct path_facts f;
	struct path p = by_relay(&f);

	(void)state;
	f.leads = false;
	path_called(&p, f.now);
	/* nothing is direct because it is aimed there */
	f.by_relay = false;
	f.now++;
	assert_int_equal(path_step(&p, &f), PATH_DIRECT);
	assert_true(p.relayed);
	/* a word that was on its way by the relay */
	f.by_relay = true;
	f.received++;
	f.now++;
	assert_int_equal(path_step(&p, &f), PATH_DIRECT);
	f.by_relay = false;
	f.received++;
	f.now++;
	assert_int_equal(path_step(&p, &f), PATH_KEEP);
	assert_false(p.relayed);
	assert_int_equal(p.meet, 0);
	/* it holds, and nobody is called any more */
	f.now += PATH_DEAD - 1;
	assert_int_equal(path_step(&p, &f), PATH_KEEP);
	path_called(&p, f.now);
	assert_int_equal(p.meet, 0);
}

static void
a_relay_takes_packets_of_its_two_alone(void **state)
{
	struct relay_pair p = { .host = { 2, 3 } };
	union tunnel_end one, other, moved, stranger;

	(void)state;
	mesh_end_read("203.0.113.21:1", &one);
	mesh_end_read("203.0.113.22:2", &other);
	mesh_end_read("203.0.113.22:3", &moved);
	mesh_end_read("203.0.113.99:1", &stranger);
	assert_int_equal(relay_side(&p, &one, &one, NULL), 0);
	assert_int_equal(relay_side(&p, &other, &one, NULL), -1);
	assert_int_equal(relay_side(&p, &other, &one, &other), 1);
	assert_int_equal(relay_side(&p, &stranger, &one, &other), -1);
	assert_int_equal(relay_side(&p, &moved, &one, &other), 1);
	assert_true(mesh_end_same(&p.at[1], &moved));
	/* both behind one address */
	memset(p.at, 0, sizeof p.at);
	assert_int_equal(relay_side(&p, &other, &other, &other), 0);
	assert_int_equal(relay_side(&p, &moved, &other, &other), 1);
	assert_int_equal(relay_side(&p, &other, &other, &other), 0);
	assert_int_equal(mesh_relay_port(2, 3), mesh_relay_port(3, 2));
}

static void
a_relay_knows_who_has_a_port_for_each(void **state)
{
	struct relay r = { .pairs = 1, .pair[0] = { .host = { 2, 3 } } };
	struct relay_pair *p = &r.pair[0];
	union tunnel_end cabin, office, elsewhere;

	(void)state;
	mesh_end_read("203.0.113.21:51820", &cabin);
	mesh_end_read("203.0.113.22:1024", &office);
	mesh_end_read("203.0.113.22:1025", &elsewhere);
	assert_false(relay_apart(&r, 3, &office, 100)); /* not heard yet */
	p->at[0] = cabin;
	p->at[1] = office;
	p->heard[0] = p->heard[1] = 100;
	assert_false(relay_apart(&r, 2, &cabin, 100));
	assert_false(relay_apart(&r, 3, &office, 100));
	p->at[1] = elsewhere;
	assert_true(relay_apart(&r, 3, &office, 100));
	assert_false(relay_apart(&r, 2, &cabin, 100));
	assert_false(relay_apart(&r, 4, &office, 100));
	/* long ago, or whose it is is not known */
	assert_false(relay_apart(&r, 3, &office, 200));
	p->at[0] = office;
	assert_false(relay_apart(&r, 3, &office, 100));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_cannot_be_is_refused),
		cmocka_unit_test(an_invitation_makes_one_node_a_member),
		cmocka_unit_test(what_is_kept_is_read_again),
		cmocka_unit_test(a_roster_is_believed_if_newer_and_signed),
		cmocka_unit_test(a_message_that_was_touched_is_refused),
		cmocka_unit_test(an_end_is_read_as_it_is_written),
		cmocka_unit_test(
		    a_way_that_is_not_heard_gives_place_to_the_other),
		cmocka_unit_test(who_leads_calls_again_and_ever_more_seldom),
		cmocka_unit_test(
		    two_that_are_called_aim_until_they_hear_each_other),
		cmocka_unit_test(a_relay_takes_packets_of_its_two_alone),
		cmocka_unit_test(a_relay_knows_who_has_a_port_for_each),
	};

	if (sodium_init() == -1)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
