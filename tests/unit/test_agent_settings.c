/* rooms: router-agent router-agent/change router-agent/machine
 * router-agent/owner router-agent/trust */
/* wrap: time_mono_ms vm_tell */
/* What a page of the LAN changes: tried, kept, undone, and passed over; and
 * what it may not.  The time is ours, and so is the machine's port. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "router-agent/agent.h"
#include "router-agent/change/handover.h"
#include "router-agent/machine/watch.h"
#include "tests/support/scratch.h"

#define TOKEN "0123456789abcdef"
#define LAN "{domain: lan}"
enum { DNS, WEB };

static int64_t now;
static struct agent a;
static struct set *set;
static struct buf told = BUF_INIT;

int64_t __wrap_time_mono_ms(void);
int64_t
__wrap_time_mono_ms(void)
{
	return now;
}

int __wrap_vm_tell(struct vm *, const struct buf *, struct err *);
int
__wrap_vm_tell(struct vm *vm, const struct buf *text, struct err *err)
{
	(void)err;
	assert_ptr_equal(vm, &a.live.at[WEB].vm);
	buf_clear(&told);
	buf_add(&told, text->data, text->len);
	return 0;
}

/* A life of the agent, with that as agent.yaml's config of the service. */
static void
begin(const char *config)
{
	struct err err = ERR_INIT;
	char text[1000];

	snprintf(text, sizeof(text),
	    "state: /var/x\nserver: [\"http://198.51.100.1\"]\nchannel: edge\n"
	    "trust: {root: /r}\nlan: {address: 192.0.2.1, prefix: 24}\n"
	    "services:\n  dns: {address: 192.0.2.53, config: %s}\n"
	    "  web: {address: 192.0.2.80}\n"
	    "page: {service: web, settings: [dns]}\n",
	    config);
	if (agent_conf_parse(&a.conf, "agent.yaml", text, strlen(text), &err) ==
	    -1)
		fail_msg("%s", err.msg);
	a.phase = PHASE_COMMITTED;
	settings_open(&a);
	machines_init(&a.live, set);
	for (size_t i = 0; i < 2; i++)
		a.live.at[i].wanted = a.live.at[i].on_lan = true;
	snprintf(a.live.at[DNS].vm.service, 64, "dns");
	snprintf(a.live.at[WEB].vm.service, 64, "web");
	a.live.at[WEB].vm.state = VM_UP;
}

static void
end(void)
{
	settings_close(&a);
	agent_conf_release(&a.conf);
	memset(&a.conf, 0, sizeof(a.conf));
	a.stray = a.asked = false;
}

static void
again(const char *config)
{
	end();
	begin(config);
}

static void
understands(const char *schema)
{
	snprintf(set->services[DNS].config, CONF_SCHEMA_MAX, "%s", schema);
}

static int
set_up(void **state)
{
	assert_int_equal(scratch_setup(state), 0);
	memset(&a, 0, sizeof(a));
	a.dir = (struct state_dir)STATE_DIR_NONE;
	a.dir.fd = scratch.fd;
	set = mem_zero(1, sizeof(*set));
	set->nservices = 2;
	snprintf(set->services[DNS].name, SET_NAME, "dns");
	snprintf(set->services[WEB].name, SET_NAME, "web");
	understands("domain! name\nlease 1..100\n");
	a.state.current = set;
	now = 12345;
	begin(LAN);
	return 0;
}

static int
tear_down(void **state)
{
	end();
	buf_release(&told);
	free(set);
	return scratch_teardown(state);
}

/* --- asking -------------------------------------------------------------- */

static json_t *
heard(void)
{
	static unsigned char bytes[65536];
	struct span rest = span_buf(&told), word;
	struct err err = ERR_INIT;
	size_t n;
	json_t *j;

	assert_true(span_next(&rest, ' ', &word) && span_is(word, "settings"));
	assert_true(span_next(&rest, ' ', &word) && span_is(word, TOKEN));
	assert_true(span_next(&rest, '\n', &word));
	assert_int_equal(sodium_base642bin(bytes, sizeof(bytes), word.p, word.n,
			     NULL, &n, NULL, sodium_base64_VARIANT_ORIGINAL),
	    0);
	j = js_record("answer", "kiln/settings", 1, bytes, n, &err);
	if (!j)
		fail_msg("%s", err.msg);
	return j;
}

/* NULL: nothing was answered.  Else a new reference. */
static json_t *
from(size_t machine, enum setting_verb verb, const char *service,
    const char *text)
{
	struct setting_word w = {
		.verb = verb, .token = TOKEN, .text = BUF_INIT
	};
	auto_ipc struct ipc_msg m = IPC_MSG_INIT;
	struct err err = ERR_INIT;

	m.type = WATCH_SETTING;
	snprintf(w.service, sizeof(w.service), "%s", service);
	buf_str(&w.text, text);
	setting_word_send(&w, &m.body);
	buf_release(&w.text);
	buf_clear(&told);
	assert_int_equal(
	    handover_heard(&a, &a.live.at[machine].vm, &m, &err), 0);
	settings_step(&a);
	return told.len > 0 ? heard() : NULL;
}

static void
must(enum setting_verb verb, const char *service, const char *text,
    const char *answer)
{
	auto_json json_t *j = from(WEB, verb, service, text);

	assert_non_null(j);
	if (!strstr(json_string_value(json_object_get(j, "answer")), answer))
		fail_msg("answered: %s",
		    json_string_value(json_object_get(j, "answer")));
}

/* What the page would show now. */
static void
stands(const char *state, const char *domain, const char *why)
{
	auto_json json_t *j = from(WEB, SETTING_ASKED, "", "");
	json_t *list = json_object_get(j, "services");
	json_t *one = json_array_get(list, 0);

	assert_int_equal(json_array_size(list), 1);
	assert_string_equal(
	    json_string_value(json_object_get(one, "service")), "dns");
	assert_string_equal(
	    json_string_value(json_object_get(one, "state")), state);
	assert_string_equal(json_string_value(json_object_get(
				json_object_get(one, "config"), "domain")),
	    domain);
	if (!strstr(json_string_value(json_object_get(one, "why")), why))
		fail_msg(
		    "why: %s", json_string_value(json_object_get(one, "why")));
}

static void
is_well(void)
{
	a.live.at[DNS].good = SETTINGS_ROUNDS;
	settings_step(&a);
}

static void
change_and_keep(const char *text)
{
	must(SETTING_CHANGE, "dns", text, "ok");
	is_well();
}

static bool
is_file(void)
{
	return faccessat(a.dir.fd, "settings/dns", F_OK, 0) == 0;
}

/* --- changes ------------------------------------------------------------- */

static void
a_change_is_tried_and_kept(void **state)
{
	auto_json json_t *status = NULL;

	(void)state;
	stands("kept", "lan", "");
	must(SETTING_CHANGE, "dns", "{\"domain\":\"home\"}", "ok");
	stands("trial", "home", "");
	is_well();
	stands("kept", "home", "");
	again(LAN);
	stands("kept", "home", "");
	status = settings_status(&a, "dns");
	assert_int_equal(
	    json_array_size(json_object_get(status, "changed")), 1);
	assert_string_equal(json_string_value(json_array_get(
				json_object_get(status, "changed"), 0)),
	    "domain");
}

static void
one_that_its_machine_does_not_survive_is_undone(void **state)
{
	(void)state;
	must(SETTING_CHANGE, "dns", "{\"domain\":\"home\"}", "ok");
	a.live.at[DNS].ends = 1;
	snprintf(a.live.at[DNS].fault, WATCH_TEXT, "it ended\033[2J");
	settings_step(&a);
	stands("undone", "lan", "it ended [2J");
	assert_false(is_file());
	assert_int_equal(a.live.at[DNS].ends, 0);
}

static void
one_that_is_not_answered_in_time_is_undone(void **state)
{
	(void)state;
	change_and_keep("{\"domain\":\"home\"}");
	must(SETTING_CHANGE, "dns", "{\"domain\":\"far\"}", "ok");
	now += SETTINGS_TRIAL_MS - 1;
	settings_step(&a);
	stands("trial", "far", "");
	now++;
	settings_step(&a);
	stands("undone", "home", "no answer in time");
	again(LAN);
	stands("kept", "home", "");
}

static void
a_trial_that_is_cut_off_is_undone(void **state)
{
	(void)state;
	must(SETTING_CHANGE, "dns", "{\"domain\":\"home\"}", "ok");
	again(LAN);
	stands("undone", "lan", "started again");
	assert_false(is_file());
	change_and_keep("{\"domain\":\"home\"}");
	must(SETTING_CHANGE, "dns", "{\"domain\":\"far\"}", "ok");
	again(LAN);
	stands("undone", "home", "started again");
	again(LAN);
	stands("kept", "home", "");
	must(SETTING_BACK, "dns", "", "ok");
	is_well();
	stands("kept", "lan", "");
}

static void
the_config_before_comes_back(void **state)
{
	(void)state;
	must(SETTING_BACK, "dns", "", "none before");
	change_and_keep("{\"domain\":\"home\"}");
	must(SETTING_BACK, "dns", "", "ok");
	is_well();
	stands("kept", "lan", "");
	again(LAN);
	stands("kept", "lan", "");
}

static void
one_change_is_tried_at_a_time(void **state)
{
	(void)state;
	must(SETTING_CHANGE, "dns", "{\"domain\":\"home\"}", "ok");
	must(SETTING_CHANGE, "dns", "{\"domain\":\"far\"}", "not now");
	is_well();
	a.phase = PHASE_PROBATION;
	must(SETTING_CHANGE, "dns", "{\"domain\":\"far\"}", "not now");
	a.phase = PHASE_STAGING;
	must(SETTING_BACK, "dns", "", "not now");
	stands("kept", "home", "");
}

/* --- what it may not ----------------------------------------------------- */

static void
an_option_that_the_image_does_not_know_is_refused_at_once(void **state)
{
	(void)state;
	must(SETTING_CHANGE, "dns", "{\"domain\":\"home\",\"colour\":\"red\"}",
	    "dns: unknown option \"colour\"");
	must(SETTING_CHANGE, "dns", "{\"domain\":\"home\",\"lease\":101}",
	    "lease");
	must(SETTING_CHANGE, "dns", "{}", "domain");
	must(SETTING_CHANGE, "dns", "{\"domain\":\"lan\"}", "nothing");
	must(SETTING_REFUSED, "dns", "it is no JSON", "it is no JSON");
	stands("kept", "lan", "");
	assert_false(is_file());
}

static void
only_what_agent_yaml_lists_is_changed(void **state)
{
	static const char *const names[] = { "web", "trust", "nobody", "pin",
		"settings" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		must(SETTING_CHANGE, names[i], "{\"domain\":\"home\"}",
		    "none of the settings of this page");
		must(SETTING_BACK, names[i], "",
		    "none of the settings of this page");
	}
	assert_false(is_file());
}

static void
only_the_page_on_the_lan_is_heard(void **state)
{
	(void)state;
	assert_null(from(DNS, SETTING_ASKED, "", ""));
	assert_null(from(DNS, SETTING_CHANGE, "dns", "{\"domain\":\"home\"}"));
	a.live.at[WEB].on_lan = false;
	assert_null(from(WEB, SETTING_CHANGE, "dns", "{\"domain\":\"home\"}"));
	a.live.at[WEB].on_lan = true;
	stands("kept", "lan", "");
	assert_false(is_file());
}

/* --- what is passed over ------------------------------------------------- */

static void
a_new_word_of_agent_yaml_counts(void **state)
{
	(void)state;
	change_and_keep("{\"domain\":\"home\"}");
	again("{domain: own}");
	stands("undone", "own", "agent.yaml has another config");
	change_and_keep("{\"domain\":\"far\"}");
	again("{domain: own}");
	stands("kept", "far", "");
}

static void
a_damaged_file_is_named_and_passed_over(void **state)
{
	auto_fd int fd = -1;
	char byte;

	(void)state;
	change_and_keep("{\"domain\":\"home\"}");
	fd = openat(a.dir.fd, "settings/dns", O_RDWR | O_CLOEXEC);
	for (off_t at = 0; pread(fd, &byte, 1, at) == 1; at++) {
		byte ^= 1;
		assert_int_equal(pwrite(fd, &byte, 1, at), 1);
		again(LAN);
		stands("undone", "lan", "settings");
		byte ^= 1;
		assert_int_equal(pwrite(fd, &byte, 1, at), 1);
	}
	again(LAN);
	stands("kept", "home", "");
}

static void
a_set_that_does_not_know_an_option_waits(void **state)
{
	struct set *next = mem_zero(1, sizeof(*next));
	struct err err = ERR_INIT;

	(void)state;
	*next = *set;
	change_and_keep("{\"domain\":\"home\",\"lease\":7}");
	assert_int_equal(settings_fit(&a, next, &err), 0);
	snprintf(next->services[DNS].config, CONF_SCHEMA_MAX, "domain! name\n");
	assert_int_equal(settings_fit(&a, next, &err), -1);
	assert_int_equal(err.cls, ERR_INPUT);
	assert_non_null(strstr(err.msg, "settings/dns"));
	assert_non_null(strstr(err.msg, "unknown option \"lease\""));
	assert_string_equal(plan_cause(&err), "config");
	stands("kept", "home", "");
	free(next);
}

static void
one_that_has_to_run_all_the_same_does_so_as_agent_yaml_says(void **state)
{
	(void)state;
	change_and_keep("{\"domain\":\"home\",\"lease\":7}");
	understands("domain! name\n");
	again(LAN);
	stands("undone", "lan", "unknown option \"lease\"");
	understands("domain! name\nlease 1..100\n");
	again(LAN);
	stands("kept", "home", "");
}

static void
more_than_its_port_takes_is_said_instead(void **state)
{
	auto_json json_t *j = NULL;
	auto_free char *big = mem_zero(WATCH_TELL_MAX, 1);

	(void)state;
	memset(big, 'x', WATCH_TELL_MAX - 1);
	json_object_set_new(
	    a.conf.services[DNS].config, "big", json_string(big));
	j = from(WEB, SETTING_ASKED, "", "");
	assert_non_null(
	    strstr(json_string_value(json_object_get(j, "answer")), "more"));
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(a_change_is_tried_and_kept),
		T(one_that_its_machine_does_not_survive_is_undone),
		T(one_that_is_not_answered_in_time_is_undone),
		T(a_trial_that_is_cut_off_is_undone),
		T(the_config_before_comes_back),
		T(one_change_is_tried_at_a_time),
		T(an_option_that_the_image_does_not_know_is_refused_at_once),
		T(only_what_agent_yaml_lists_is_changed),
		T(only_the_page_on_the_lan_is_heard),
		T(a_new_word_of_agent_yaml_counts),
		T(a_damaged_file_is_named_and_passed_over),
		T(a_set_that_does_not_know_an_option_waits),
		T(one_that_has_to_run_all_the_same_does_so_as_agent_yaml_says),
		T(more_than_its_port_takes_is_said_instead),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
