/* rooms: router-agent router-agent/change router-agent/machine
 * router-agent/owner router-agent/trust */
/* wrap: agent_wait net_way_out vm_memory time_mono_ms flood_look */
/* A probation against what befalls a new machine, its host and its line: what
 * is given up, when and why, and what is not held against it.  The time is
 * ours. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/mem.h"
#include "router-agent/agent.h"
#include "router-agent/change/probation.h"
#include "router-agent/change/switch.h"
#include "router-agent/change/trial.h"
#include "router-agent/machine/flood.h"

#define SECOND ((int64_t)1000)
#define HOUR (3600 * SECOND)
#define MIB ((int64_t)1 << 20)
#define GUEST (96 * MIB)

static int64_t now, began, memory;
static bool way_out;
static void (*befalls)(int64_t since);
static struct agent agent;
static struct machines next;
static struct set *set;
static struct trial trial;
static struct machine *m;

int64_t __wrap_time_mono_ms(void);
int64_t
__wrap_time_mono_ms(void)
{
	return now;
}

int __wrap_agent_wait(struct agent *, int fd, int64_t ms);
int
__wrap_agent_wait(struct agent *a, int fd, int64_t ms)
{
	(void)a;
	(void)fd;
	now += ms;
	befalls(now - began);
	return 0;
}

bool __wrap_net_way_out(void);
bool
__wrap_net_way_out(void)
{
	return way_out;
}

int64_t __wrap_vm_memory(const struct vm *);
int64_t
__wrap_vm_memory(const struct vm *vm)
{
	(void)vm;
	return memory;
}

static int64_t sent;

int64_t __wrap_flood_look(
    struct flood *, const char *tap, int64_t limit, int64_t ms, struct err *);
int64_t
__wrap_flood_look(struct flood *f, const char *tap, int64_t limit, int64_t ms,
    struct err *err)
{
	(void)f, (void)tap, (void)ms, (void)err;
	return sent > limit ? sent : 0;
}

static int
set_up(void **state)
{
	(void)state;
	memset(&agent, 0, sizeof(agent));
	snprintf(agent.accel.kind, sizeof(agent.accel.kind), "tcg");
	agent.next = &next;
	agent.conf.flood = FLOOD_LIMIT;
	sent = 0;
	set = mem_zero(1, sizeof(*set));
	set->nservices = 1;
	snprintf(
	    set->services[0].name, sizeof(set->services[0].name), "dns-dhcp");
	set->services[0].memory = GUEST;
	machines_init(&next, set);
	m = &next.at[0];
	m->wanted = true;
	m->good = TRIAL_ROUNDS;
	trial = (struct trial){
		.a = &agent, .set = set, .switched = true, .way_out = true
	};
	trial.plan.act[0] = PLAN_REPLACE;
	way_out = true;
	memory = GUEST + 60 * MIB;
	now = began = 12345;
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	free(set);
	return 0;
}

/* How long it took; *got is what came out. */
static int64_t
probation(int64_t least, int64_t most, int *got)
{
	*got = probation_watch(&trial, least, most, "probation");
	return now - began;
}

static void
nothing(int64_t since)
{
	(void)since;
}

static void
a_good_machine_passes_when_its_time_is_over(void **state)
{
	int got;

	(void)state;
	befalls = nothing;
	assert_in_range(probation(HOUR, 30 * SECOND, &got), HOUR, HOUR + 200);
	assert_int_equal(got, 0);
}

/* --- H1: a machine that is not well ------------------------------------------
 */

static void
leaks(int64_t since)
{
	memory = GUEST + 60 * MIB + since / 1000 * MIB;
}

static void
a_machine_that_takes_more_and_more_memory_is_given_up(void **state)
{
	static const struct set_service qemu_s;
	int64_t own = plan_overhead(&qemu_s, "tcg"), most = own + own / 2, took;
	int got;

	(void)state;
	befalls = leaks;
	took = probation(HOUR, 30 * SECOND, &got);
	assert_int_equal(got, -1);
	assert_string_equal(trial.cause, "memory");
	assert_non_null(strstr(trial.text, "dns-dhcp: QEMU takes"));
	/* As soon as it has what the plan did not count, and no sooner. */
	assert_in_range(took / 1000, most / MIB - 60, most / MIB - 60 + 3);
}

static void
dies_after_an_hour(int64_t since)
{
	if (since > HOUR)
		m->ends = 1;
}

static void
floods(int64_t since)
{
	sent = since > 20 * SECOND ? 2 * FLOOD_LIMIT : 3;
}

static void
a_machine_that_floods_is_given_up(void **state)
{
	int got;

	(void)state;
	befalls = floods;
	assert_in_range(
	    probation(HOUR, 30 * SECOND, &got), 25 * SECOND, 27 * SECOND);
	assert_int_equal(got, -1);
	assert_string_equal(trial.cause, "flood");
	assert_non_null(strstr(trial.text, "dns-dhcp floods the net: 10000"));
	/* Beside the LAN, too, before it answers anything. */
	began = now;
	trial.switched = false;
	m->good = 0;
	assert_in_range(
	    probation(0, TRIAL_STAGE_MS, &got), 20 * SECOND, 29 * SECOND);
	assert_string_equal(trial.cause, "flood");
}

/* Every home comes back at once after the power was gone. */
static void
bursts(int64_t since)
{
	sent = since / 1000 % 10 < 4 ? 2 * FLOOD_LIMIT : FLOOD_LIMIT;
}

static void
a_burst_is_no_flood(void **state)
{
	int got;

	(void)state;
	befalls = bursts;
	/* It is not believed to be well while it lasts. */
	assert_in_range(probation(HOUR, 30 * SECOND, &got), HOUR + 3 * SECOND,
	    HOUR + 5 * SECOND);
	assert_int_equal(got, 0);
}

static void
one_death_after_the_switch_is_enough(void **state)
{
	int got;

	(void)state;
	befalls = dies_after_an_hour;
	assert_in_range(
	    probation(2 * HOUR, 30 * SECOND, &got), HOUR, HOUR + SECOND);
	assert_int_equal(got, -1);
	assert_string_equal(trial.cause, "died");
}

static void
boots_and_ends(int64_t since)
{
	m->good = 0;
	m->ends = (unsigned)(since / (10 * SECOND));
}

static void
a_boot_loop_beside_the_lan_is_given_up_at_its_third_end(void **state)
{
	int got;

	(void)state;
	trial.switched = false;
	m->good = 0;
	befalls = boots_and_ends;
	assert_in_range(
	    probation(0, TRIAL_STAGE_MS, &got), 30 * SECOND, 31 * SECOND);
	assert_int_equal(got, -1);
	assert_string_equal(trial.cause, "boot");
}

static void
answers_wrongly(int64_t since)
{
	(void)since;
	m->good = 0;
	snprintf(m->answer, sizeof(m->answer), "router.lan is 192.0.2.9");
}

static void
wrong_answers_are_given_up_with_the_last_of_them(void **state)
{
	int got;

	(void)state;
	befalls = answers_wrongly;
	assert_in_range(
	    probation(HOUR, 30 * SECOND, &got), 30 * SECOND, 31 * SECOND);
	assert_int_equal(got, -1);
	assert_string_equal(trial.cause, "probation");
	assert_non_null(strstr(trial.text, "router.lan is 192.0.2.9"));
}

/* --- H2: what is not its fault
 * ------------------------------------------------ */

/* The line is cut after ten minutes, for six hours; nothing that asks beyond
 * it is answered meanwhile. */
static void
line_is_cut(int64_t since)
{
	way_out = since < HOUR / 6 || since > HOUR * 37 / 6;
	m->good = way_out ? TRIAL_ROUNDS : 0;
}

static void
a_line_that_is_cut_stops_the_clock_of_the_probation(void **state)
{
	int64_t took;
	int got;

	(void)state;
	befalls = line_is_cut;
	took = probation(HOUR, 30 * SECOND, &got);
	assert_int_equal(got, 0);
	assert_in_range(took, 7 * HOUR - 5 * SECOND, 7 * HOUR + 5 * SECOND);
}

static void
never_back(int64_t since)
{
	way_out = since < SECOND;
	m->good = way_out ? TRIAL_ROUNDS : 0;
}

static void
a_line_that_stays_cut_excuses_for_a_day(void **state)
{
	int64_t took;
	int got;

	(void)state;
	befalls = never_back;
	took = probation(HOUR, 30 * SECOND, &got);
	assert_int_equal(got, -1);
	assert_string_equal(trial.cause, "boot");
	assert_in_range(took, 24 * HOUR, 24 * HOUR + 60 * SECOND);
}

/* Where there was no way out before, none was lost. */
static void
without_a_line_from_the_beginning_the_clock_goes_on(void **state)
{
	int got;

	(void)state;
	trial.way_out = way_out = false;
	befalls = nothing;
	assert_in_range(probation(HOUR, 30 * SECOND, &got), HOUR, HOUR + 200);
	assert_int_equal(got, 0);
}

/* Answers to one round of probes in three. */
static void
host_is_overloaded(int64_t since)
{
	int64_t s = since / SECOND;

	m->good = s < 140 ? 0 : TRIAL_ROUNDS;
	m->bad = s < 140 && s % 3;
}

static void
a_host_without_time_has_its_boot_waited_for(void **state)
{
	int got;

	(void)state;
	trial.switched = false;
	m->good = 0;
	befalls = host_is_overloaded;
	assert_in_range(
	    probation(0, TRIAL_STAGE_MS, &got), 140 * SECOND, 141 * SECOND);
	assert_int_equal(got, 0);
}

/* For twenty seconds of each minute. */
static void
answers_at_times(int64_t since)
{
	m->good = since / SECOND % 60 < 20 ? 0 : TRIAL_ROUNDS;
}

static void
answers_that_come_late_are_no_reason_to_go_back(void **state)
{
	int got;

	(void)state;
	befalls = answers_at_times;
	assert_in_range(
	    probation(HOUR, 30 * SECOND, &got), HOUR, HOUR + 21 * SECOND);
	assert_int_equal(got, 0);
}

/* --- S2: an agent that was stopped for an hour -------------------------------
 */

static bool slept;

static void
sleeps(int64_t since)
{
	if (!slept && since >= 5 * SECOND) {
		slept = true;
		now += HOUR;
	}
}

/* What was looked at before is no word for the hour after it, either. */
static void
an_hour_in_which_nobody_looked_is_no_probation(void **state)
{
	int got;

	(void)state;
	slept = false;
	befalls = sleeps;
	assert_in_range(probation(60 * SECOND, 30 * SECOND, &got),
	    HOUR + 57 * SECOND, HOUR + 61 * SECOND);
	assert_int_equal(got, 0);
}

/* The probes that were under way ran into their deadlines meanwhile. */
static void
is_asked_anew(int64_t since)
{
	sleeps(since);
	m->good = slept && since < HOUR + 25 * SECOND ? 0 : TRIAL_ROUNDS;
}

static void
an_hour_in_which_nobody_looked_is_no_illness(void **state)
{
	int got;

	(void)state;
	slept = false;
	befalls = is_asked_anew;
	assert_in_range(probation(60 * SECOND, 30 * SECOND, &got),
	    HOUR + 57 * SECOND, HOUR + 61 * SECOND);
	assert_int_equal(got, 0);
}

static void
boots_meanwhile(int64_t since)
{
	sleeps(since);
	m->good = since < HOUR + 60 * SECOND ? 0 : TRIAL_ROUNDS;
}

static void
an_hour_in_which_nobody_looked_fails_no_boot(void **state)
{
	int got;

	(void)state;
	slept = false;
	trial.switched = false;
	m->good = 0;
	befalls = boots_meanwhile;
	assert_in_range(probation(0, TRIAL_STAGE_MS, &got), HOUR + 59 * SECOND,
	    HOUR + 61 * SECOND);
	assert_int_equal(got, 0);
}

static void
owner_goes_back(int64_t since)
{
	agent.back = since > 5 * SECOND;
}

static void
the_owner_ends_it_at_once(void **state)
{
	int got;

	(void)state;
	befalls = owner_goes_back;
	assert_in_range(
	    probation(HOUR, 30 * SECOND, &got), 5 * SECOND, 6 * SECOND);
	assert_int_equal(got, -1);
	assert_string_equal(trial.cause, "owner");
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		T(a_good_machine_passes_when_its_time_is_over),
		T(a_machine_that_takes_more_and_more_memory_is_given_up),
		T(a_machine_that_floods_is_given_up),
		T(a_burst_is_no_flood),
		T(one_death_after_the_switch_is_enough),
		T(a_boot_loop_beside_the_lan_is_given_up_at_its_third_end),
		T(wrong_answers_are_given_up_with_the_last_of_them),
		T(a_line_that_is_cut_stops_the_clock_of_the_probation),
		T(a_line_that_stays_cut_excuses_for_a_day),
		T(without_a_line_from_the_beginning_the_clock_goes_on),
		T(a_host_without_time_has_its_boot_waited_for),
		T(answers_that_come_late_are_no_reason_to_go_back),
		T(an_hour_in_which_nobody_looked_is_no_probation),
		T(an_hour_in_which_nobody_looked_is_no_illness),
		T(an_hour_in_which_nobody_looked_fails_no_boot),
		T(the_owner_ends_it_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
