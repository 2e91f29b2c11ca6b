/* rooms: router-agent/setting.c router-agent/conf.c */
/* What a page of the LAN may say to the agent, and what agent.yaml lets it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/json.h"
#include "lib/own.h"
#include "router-agent/conf.h"
#include "router-agent/setting.h"

#define T "0123456789abcdef"

static struct err err = ERR_INIT;

static int
line(struct setting_reader *r, const char *text, struct setting_word *w)
{
	err_clear(&err);
	return setting_read(r, text, w, &err);
}

static void
must_refuse(const char *text)
{
	struct setting_reader r = SETTING_READER_INIT;
	struct setting_word w = SETTING_WORD_INIT;

	assert_true(setting_is(text));
	if (line(&r, text, &w) != -1)
		fail_msg("taken: %s", text);
	buf_release(&r.text);
}

static void
a_change_is_put_together_from_its_parts(void **state)
{
	struct setting_reader r = SETTING_READER_INIT;
	auto_setting struct setting_word w = SETTING_WORD_INIT;

	(void)state;
	/* of another token: dropped */
	assert_int_equal(line(&r, "part fedcba9876543210 eyJ4Ijoy", &w), 0);
	assert_int_equal(line(&r, "part " T " eyJkb21haW4i", &w), 0);
	assert_int_equal(line(&r, "part " T " OiJsYW4ifQ==", &w), 0);
	assert_int_equal(line(&r, "change " T " dns-dhcp", &w), 1);
	assert_int_equal(w.verb, SETTING_CHANGE);
	assert_string_equal(w.service, "dns-dhcp");
	assert_string_equal(w.text.data, "{\"domain\":\"lan\"}");
	/* it is used up */
	assert_int_equal(line(&r, "change " T " dns-dhcp", &w), -1);
	buf_release(&r.text);
}

static void
what_is_no_config_is_told_and_not_taken(void **state)
{
	static const char *const parts[] = {
		"W10=",			/* [] */
		"eyJhIjpudWxsfQ==",	/* {"a":null} */
		"eyJhIjoxLjV9",		/* {"a":1.5} */
		"eyJhIjoxLCJhIjoyfQ==", /* {"a":1,"a":2} */
		"eyJhIjoiXHUwMDAxIn0=", /* {"a":"\u0001"} */
		"e30gJg==",		/* {} & */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		struct setting_reader r = SETTING_READER_INIT;
		auto_setting struct setting_word w = SETTING_WORD_INIT;
		char text[80];

		snprintf(text, sizeof(text), "part " T " %s", parts[i]);
		assert_int_equal(line(&r, text, &w), 0);
		assert_int_equal(line(&r, "change " T " a", &w), 1);
		if (w.verb != SETTING_REFUSED)
			fail_msg("taken: %s", w.text.data);
		assert_true(w.text.len > 0);
		buf_release(&r.text);
	}
}

static void
there_are_no_other_words(void **state)
{
	(void)state;
	assert_false(setting_is("trust " T));
	assert_false(setting_is("pin " T " dns-dhcp"));
	assert_false(setting_is("settingsx " T));
	assert_false(setting_is("lease 192.0.2.7 aa 1 - -"));
	must_refuse("settings");
	must_refuse("settings " T " dns-dhcp");
	must_refuse("settings 0123456789ABCDEF");
	must_refuse("back " T);
	must_refuse("back " T " ../trust");
	must_refuse("back " T " dns-dhcp more");
	must_refuse("change " T " dns-dhcp");
	must_refuse("part " T " !");
	must_refuse("part short e30=");
}

static void
a_text_is_bounded(void **state)
{
	struct setting_reader r = SETTING_READER_INIT;
	struct setting_word w = SETTING_WORD_INIT;
	char text[1000] = "part " T " ";
	size_t at = strlen(text);
	int got = 0, n = 0;

	(void)state;
	memset(text + at, 'A', 800);
	text[at + 800] = '\0';
	while (got == 0 && n++ < 100)
		got = line(&r, text, &w);
	assert_int_equal(got, -1);
	assert_int_equal(n, SETTING_TEXT / 600 + 1);
	buf_release(&r.text);
}

static void
messages_are_checked_again(void **state)
{
	struct setting_word w = { .verb = SETTING_BACK,
		.token = T,
		.service = "dns-dhcp",
		.text = BUF_INIT };
	auto_setting struct setting_word got = SETTING_WORD_INIT;
	auto_ipc struct ipc_msg m = IPC_MSG_INIT;

	(void)state;
	setting_word_send(&w, &m.body);
	assert_int_equal(setting_word_receive(&m, &got, &err), 0);
	assert_string_equal(got.service, "dns-dhcp");
	ipc_release(&m);
	memcpy(w.service, "../trust", 9);
	setting_word_send(&w, &m.body);
	assert_int_equal(setting_word_receive(&m, &got, &err), -1);
	ipc_release(&m);
	memcpy(w.service, "dns", 4);
	w.verb = (enum setting_verb)9;
	setting_word_send(&w, &m.body);
	assert_int_equal(setting_word_receive(&m, &got, &err), -1);
}

/* --- agent.yaml ----------------------------------------------------------- */

static int
conf(const char *page, struct agent_conf *c)
{
	char text[1000];

	snprintf(text, sizeof(text),
	    "state: /var/x\nserver: [\"http://198.51.100.1\"]\nchannel: edge\n"
	    "trust: {root: /r}\nlan: {address: 192.0.2.1, prefix: 24}\n"
	    "services:\n  dns: {address: 192.0.2.53}\n"
	    "  web: {address: 192.0.2.80}\n%s",
	    page);
	err_clear(&err);
	return agent_conf_parse(c, "agent.yaml", text, strlen(text), &err);
}

static void
the_owner_says_what_a_page_may_change(void **state)
{
	auto_agent_conf struct agent_conf c = { 0 };

	(void)state;
	assert_int_equal(
	    conf("page: {service: web, settings: [dns]}\n", &c), 0);
	assert_true(agent_conf_settable(&c, "dns"));
	assert_false(agent_conf_settable(&c, "web"));
	assert_false(agent_conf_settable(&c, "trust"));
}

static void
a_page_changes_services_and_nothing_else(void **state)
{
	static const char *const pages[] = {
		"page: {service: nobody, settings: [dns]}\n",
		"page: {service: web, settings: [trust]}\n",
		"page: {service: web, settings: [web]}\n",
		"page: {service: web, settings: [dns, dns]}\n",
		"page: {service: web, settings: []}\n",
		"page: {service: web}\n",
		"page: {service: web, settings: [dns], trust: true}\n",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(pages); i++) {
		auto_agent_conf struct agent_conf c = { 0 };

		if (conf(pages[i], &c) != -1)
			fail_msg("taken: %s", pages[i]);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_change_is_put_together_from_its_parts),
		cmocka_unit_test(what_is_no_config_is_told_and_not_taken),
		cmocka_unit_test(there_are_no_other_words),
		cmocka_unit_test(a_text_is_bounded),
		cmocka_unit_test(messages_are_checked_again),
		cmocka_unit_test(the_owner_says_what_a_page_may_change),
		cmocka_unit_test(a_page_changes_services_and_nothing_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
