/* rooms: router-agent router-agent/change router-agent/machine
 * router-agent/owner router-agent/trust */
/* wrap: time_mono_ms machine_start net_tap_unstage ports_move plan_host */
/* wrap: vm_hurry vm_stop */
/* A config that agent.yaml has since: its machine beside the one that serves,
 * the move of the port, and the way back.  No machine is started here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/fdio.h"
#include "lib/mem.h"
#include "router-agent/agent.h"
#include "router-agent/change/beside.h"
#include "router-agent/change/switch.h"
#include "tests/support/scratch.h"

enum { WEB, DNS };

static int64_t now, memory;
static bool starts, moves;
static struct agent a;
static struct set *set;
static char path[300], moved[400];

int64_t __wrap_time_mono_ms(void);
int64_t
__wrap_time_mono_ms(void)
{
	return now;
}

int __wrap_machine_start(
    struct agent *, struct machines *, size_t, bool, struct err *);
int
__wrap_machine_start(struct agent *of, struct machines *ms, size_t i,
    bool staged, struct err *err)
{
	assert_ptr_equal(of, &a);
	assert_true(staged);
	if (!starts)
		return err_set(err, ERR_SYSTEM, "no");
	ms->at[i].wanted = true;
	ms->at[i].staged = staged;
	ms->at[i].vm.state = VM_UP;
	snprintf(ms->at[i].vm.service, 64, "%s", set->services[i].name);
	snprintf(ms->at[i].vm.tap, NET_IFNAME, "new");
	return 0;
}

int __wrap_net_tap_unstage(const char *, struct err *);
int
__wrap_net_tap_unstage(const char *tap, struct err *err)
{
	(void)tap;
	(void)err;
	return 0;
}

int __wrap_ports_move(const struct buf *, struct err *);
int
__wrap_ports_move(const struct buf *batch, struct err *err)
{
	if (!moves)
		return err_set(err, ERR_SYSTEM, "tc says no");
	snprintf(moved, sizeof(moved), "%.*s", (int)batch->len,
	    batch->len > 0 ? batch->data : "");
	return 0;
}

int __wrap_plan_host(struct plan_host *, int, struct store *, int, const char *,
    int64_t, struct err *);
int
__wrap_plan_host(struct plan_host *h, int fd, struct store *store, int volumes,
    const char *accel, int64_t copy, struct err *err)
{
	(void)fd;
	(void)store;
	(void)volumes;
	(void)copy;
	(void)err;
	*h = (struct plan_host){ .memory = memory, .accel = accel };
	return 0;
}

int __wrap_vm_hurry(const struct vm *, struct err *);
int
__wrap_vm_hurry(const struct vm *vm, struct err *err)
{
	(void)vm;
	(void)err;
	return 0;
}

void __wrap_vm_stop(struct vm *, int64_t);
void
__wrap_vm_stop(struct vm *vm, int64_t grace_ms)
{
	(void)grace_ms;
	vm->state = VM_OFF;
}

static void
owner_writes(const char *web, const char *dns)
{
	struct err err = ERR_INIT;
	char text[1000];

	snprintf(text, sizeof(text),
	    "state: /var/x\nserver: [\"http://198.51.100.1\"]\nchannel: edge\n"
	    "trust: {root: /r}\nlan: {address: 192.0.2.1, prefix: 24}\n"
	    "services:\n  web: {address: 192.0.2.80, config: {name: %s}}\n"
	    "  dns: {address: 192.0.2.53, config: {name: %s}}\n",
	    web, dns);
	assert_int_equal(file_write_at(scratch.fd, "agent.yaml", text,
			     strlen(text), 0600, &err),
	    0);
}

static void
serves(size_t i)
{
	struct machine *m = &a.live.at[i];

	m->wanted = m->on_lan = m->speaks = true;
	m->good = 9;
	m->vm.state = VM_UP;
	snprintf(m->vm.service, 64, "%s", set->services[i].name);
	snprintf(m->vm.tap, NET_IFNAME, "old");
}

static int
set_up(void **state)
{
	struct err err = ERR_INIT;

	assert_int_equal(scratch_setup(state), 0);
	memset(&a, 0, sizeof(a));
	a.dir = (struct state_dir)STATE_DIR_NONE;
	a.dir.fd = scratch.fd;
	snprintf(a.accel.kind, sizeof(a.accel.kind), "tcg");
	a.ports.redirect = true;
	a.phase = PHASE_COMMITTED;
	snprintf(path, sizeof(path), "%s/agent.yaml", scratch.path);
	a.config = path;
	set = mem_zero(1, sizeof(*set));
	set->nservices = 2;
	snprintf(set->services[WEB].name, SET_NAME, "web");
	snprintf(set->services[DNS].name, SET_NAME, "dns");
	for (size_t i = 0; i < 2; i++)
		snprintf(
		    set->services[i].config, CONF_SCHEMA_MAX, "name! name\n");
	set->services[WEB].handover = HANDOVER_PARALLEL;
	set->services[DNS].handover = HANDOVER_HANDOFF;
	a.state.current = set;
	now = 12345;
	memory = (int64_t)1 << 40;
	starts = moves = true;
	owner_writes("one", "one");
	if (agent_conf_read(&a.conf, path, &err) == -1)
		fail_msg("%s", err.msg);
	settings_open(&a);
	machines_init(&a.live, set);
	serves(WEB);
	serves(DNS);
	return 0;
}

static int
tear_down(void **state)
{
	beside_end_all(&a);
	assert_null(a.next);
	settings_close(&a);
	agent_conf_release(&a.conf);
	free(set);
	return scratch_teardown(state);
}

static void
is_told(void)
{
	a.reload = true;
	settings_step(&a);
}

static const char *
name_of(size_t i)
{
	return json_string_value(
	    json_object_get(a.conf.services[i].config, "name"));
}

static void
is_well(void)
{
	a.next->at[WEB].good = SETTINGS_ROUNDS;
	settings_step(&a);
}

/* --- the way there ------------------------------------------------------- */

static void
a_machine_with_it_takes_the_port_when_it_is_well(void **state)
{
	(void)state;
	owner_writes("two", "one");
	is_told();
	assert_string_equal(name_of(WEB), "two");
	assert_non_null(beside_machine(&a, WEB));
	assert_null(beside_machine(&a, DNS));
	assert_true(a.live.at[WEB].on_lan);
	settings_step(&a);
	assert_string_equal(a.live.at[WEB].vm.tap, "old");
	is_well();
	assert_string_equal(a.live.at[WEB].vm.tap, "new");
	assert_true(a.live.at[WEB].on_lan && a.live.at[WEB].wanted);
	assert_non_null(strstr(moved, "new"));
}

static void
the_one_before_ends_when_what_it_owes_has_left(void **state)
{
	(void)state;
	owner_writes("two", "one");
	is_told();
	is_well();
	now += TRIAL_DRAIN_MS - 1;
	settings_step(&a);
	assert_int_equal(beside_machine(&a, WEB)->vm.state, VM_UP);
	assert_true(beside_machine(&a, WEB)->speaks);
	now++;
	settings_step(&a);
	assert_null(a.next);
	assert_string_equal(name_of(WEB), "two");
	assert_int_equal(a.settings[WEB].until, 0);
	assert_null(a.settings[WEB].before);
}

static void
what_was_kept_is_the_owners_and_not_tried_again(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	owner_writes("two", "one");
	is_told();
	is_well();
	now += TRIAL_DRAIN_MS;
	settings_step(&a);
	is_told();
	assert_null(a.next);
	assert_true(json_is_null(settings_status(&a, "web")));
	/* A set is judged by what agent.yaml says now. */
	snprintf(set->services[WEB].config, CONF_SCHEMA_MAX, "other! name\n");
	assert_int_equal(plan_config(&a.conf, set, &err), -1);
	snprintf(
	    set->services[WEB].config, CONF_SCHEMA_MAX, "name! two|three\n");
	err_clear(&err);
	if (plan_config(&a.conf, set, &err) == -1)
		fail_msg("%s", err.msg);
}

static void
two_services_change_at_once(void **state)
{
	(void)state;
	set->services[DNS].handover = HANDOVER_PARALLEL;
	owner_writes("two", "two");
	is_told();
	assert_non_null(beside_machine(&a, WEB));
	assert_non_null(beside_machine(&a, DNS));
	is_well();
	now += TRIAL_DRAIN_MS;
	settings_step(&a);
	assert_null(beside_machine(&a, WEB));
	assert_non_null(beside_machine(&a, DNS));
	a.next->at[DNS].good = SETTINGS_ROUNDS;
	settings_step(&a);
	now += TRIAL_DRAIN_MS;
	settings_step(&a);
	assert_null(a.next);
	assert_string_equal(name_of(DNS), "two");
}

/* --- and back ------------------------------------------------------------ */

static void
serves_as_before(void)
{
	assert_null(a.next);
	assert_string_equal(name_of(WEB), "one");
	assert_string_equal(a.live.at[WEB].vm.tap, "old");
	assert_int_equal(a.live.at[WEB].vm.state, VM_UP);
	assert_true(a.live.at[WEB].on_lan && a.live.at[WEB].wanted);
	assert_int_equal(a.settings[WEB].until, 0);
}

static void
one_that_ends_leaves_the_one_before_alone(void **state)
{
	(void)state;
	owner_writes("two", "one");
	is_told();
	a.next->at[WEB].ends = 1;
	a.next->at[WEB].vm.state = VM_OFF;
	snprintf(a.next->at[WEB].fault, WATCH_TEXT, "it ended");
	settings_step(&a);
	serves_as_before();
	assert_non_null(strstr(a.settings[WEB].why, "is not kept: it ended"));
	/* The owner may try the same again. */
	is_told();
	assert_non_null(a.next);
}

static void
one_that_is_not_well_in_time_does_too(void **state)
{
	(void)state;
	owner_writes("two", "one");
	is_told();
	now += SETTINGS_TRIAL_MS - 1;
	settings_step(&a);
	assert_non_null(a.next);
	now++;
	settings_step(&a);
	serves_as_before();
}

static void
so_does_one_that_does_not_get_the_port(void **state)
{
	(void)state;
	owner_writes("two", "one");
	is_told();
	moves = false;
	is_well();
	serves_as_before();
	assert_non_null(strstr(a.settings[WEB].why, "tc says no"));
}

static void
one_before_that_ended_meanwhile_is_started_again(void **state)
{
	(void)state;
	owner_writes("two", "one");
	is_told();
	a.live.at[WEB].vm.state = VM_ENDED;
	a.next->at[WEB].ends = 1;
	settings_step(&a);
	assert_null(a.next);
	assert_int_equal(a.live.at[WEB].vm.state, VM_OFF);
	assert_true(a.live.at[WEB].wanted);
	assert_int_equal(a.live.at[WEB].retry_at, 0);
}

static void
an_agent_that_ends_takes_it_along(void **state)
{
	(void)state;
	owner_writes("two", "one");
	is_told();
	beside_end_all(&a);
	assert_null(a.next);
}

/* --- what is not beside -------------------------------------------------- */

static void
started_in_its_place(size_t i)
{
	is_told();
	assert_null(a.next);
	assert_int_equal(a.live.at[i].vm.state, VM_OFF);
	assert_true(a.live.at[i].wanted);
	assert_string_equal(name_of(i), "two");
	a.live.at[i].good = SETTINGS_ROUNDS;
	settings_step(&a);
	assert_int_equal(a.settings[i].until, 0);
	assert_string_equal(name_of(i), "two");
}

static void
a_service_of_another_class_is_started_in_its_place(void **state)
{
	(void)state;
	owner_writes("one", "two");
	started_in_its_place(DNS);
}

static void
so_is_one_with_a_volume_or_without_room(void **state)
{
	(void)state;
	set->services[WEB].nvolumes = 1;
	owner_writes("two", "one");
	started_in_its_place(WEB);
	serves(WEB);
	set->services[WEB].nvolumes = 0;
	memory = 1 << 20;
	owner_writes("one", "one");
	is_told();
	assert_null(a.next);
	assert_int_equal(a.live.at[WEB].vm.state, VM_OFF);
}

static void
so_is_one_whose_second_machine_cannot_start(void **state)
{
	(void)state;
	starts = false;
	owner_writes("two", "one");
	started_in_its_place(WEB);
}

/* --- what is not begun --------------------------------------------------- */

static void
what_the_image_does_not_understand_is_not_begun(void **state)
{
	(void)state;
	owner_writes("\"not a name\"", "one");
	is_told();
	assert_null(a.next);
	assert_string_equal(name_of(WEB), "one");
	owner_writes("{", "one");
	is_told();
	assert_null(a.next);
	assert_false(a.reload);
}

static void
with_one_that_does_not_fit_none_is_begun(void **state)
{
	(void)state;
	owner_writes("two", "\"not a name\"");
	is_told();
	assert_null(a.next);
	assert_string_equal(name_of(WEB), "one");
	assert_string_equal(name_of(DNS), "one");
	assert_false(a.reload);
}

static void
a_set_on_trial_is_waited_for(void **state)
{
	struct machines *next = mem_zero(1, sizeof(*next));
	struct set other = { 0 };

	(void)state;
	machines_init(next, &other);
	a.next = next;
	owner_writes("two", "one");
	is_told();
	assert_string_equal(name_of(WEB), "one");
	assert_true(a.reload);
	a.next = NULL;
	free(next);
	settings_step(&a);
	assert_false(a.reload);
	assert_non_null(beside_machine(&a, WEB));
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(a_machine_with_it_takes_the_port_when_it_is_well),
		T(the_one_before_ends_when_what_it_owes_has_left),
		T(what_was_kept_is_the_owners_and_not_tried_again),
		T(two_services_change_at_once),
		T(one_that_ends_leaves_the_one_before_alone),
		T(one_that_is_not_well_in_time_does_too),
		T(so_does_one_that_does_not_get_the_port),
		T(one_before_that_ended_meanwhile_is_started_again),
		T(an_agent_that_ends_takes_it_along),
		T(a_service_of_another_class_is_started_in_its_place),
		T(so_is_one_with_a_volume_or_without_room),
		T(so_is_one_whose_second_machine_cannot_start),
		T(what_the_image_does_not_understand_is_not_begun),
		T(with_one_that_does_not_fit_none_is_begun),
		T(a_set_on_trial_is_waited_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
