/* rooms: builder/schema.c builder/progress.c builder/inputs builder/plan
 * builder/bake builder/exec */
/* What engines and nodes say is read strictly: lines of Slurm's commands,
 * tickets, hand-ins.  tests/e2e/slurm.sh has the real ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "builder/bake/lane.h"
#include "builder/exec/slurm.h"
#include "builder/exec/ticket.h"
#include "lib/canon.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/own.h"

#define ID "0123456789abcdef0123456789abcdef"

static struct err err;

static bool
queue(const char *text, struct exec_seen *s, char line[300])
{
	snprintf(line, 300, "%s", text);
	return slurm_queue_line(line, s);
}

static void
a_job_is_seen_by_its_name(void **state)
{
	struct exec_seen s;
	char line[300];

	(void)state;
	assert_true(queue("17|" ID "|RUNNING|n1|None", &s, line));
	assert_string_equal(s.id, ID);
	assert_string_equal(s.job, "17");
	assert_string_equal(s.node, "n1");
	assert_string_equal(s.why, "");
	assert_int_equal(s.state, EXEC_RUNS);
	assert_true(queue("18|" ID "|PENDING||Resources", &s, line));
	assert_int_equal(s.state, EXEC_WAITS);
	assert_string_equal(s.why, "Resources");
}

static void
jobs_of_others_are_passed_over(void **state)
{
	struct exec_seen s;
	char line[300];

	(void)state;
	assert_false(queue("17|wrap|RUNNING|n1|None", &s, line));
	assert_false(queue("17|" ID "x|RUNNING|n1|None", &s, line));
	assert_false(queue("17|" ID "|RUNNING|n1", &s, line));
	assert_false(queue("17|" ID "|RUNNING|n1|a|b", &s, line));
	assert_false(queue("", &s, line));
}

static void
a_state_that_nobody_knows_is_a_loss(void **state)
{
	static const struct {
		const char *word;
		enum exec_state state;
	} all[] = {
		{ "COMPLETED", EXEC_ENDED },
		{ "COMPLETING", EXEC_RUNS },
		{ "TIMEOUT", EXEC_LIMIT },
		{ "OUT_OF_MEMORY", EXEC_LIMIT },
		{ "FAILED", EXEC_LOST },
		{ "NODE_FAIL", EXEC_LOST },
		{ "CANCELLED", EXEC_LOST },
		{ "FROM_THE_FUTURE", EXEC_LOST },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		auto_free char *text =
		    mem_printf("1|" ID "|%s|n1|None", all[i].word);
		struct exec_seen s;
		char line[300];

		assert_true(queue(text, &s, line));
		assert_int_equal(s.state, all[i].state);
		if (s.state >= EXEC_LOST)
			assert_string_equal(s.why, all[i].word);
	}
}

static void
a_job_that_waits_for_an_operator_is_lost(void **state)
{
	struct exec_seen s;
	char line[300];

	(void)state;
	assert_true(
	    queue("1|" ID "|PENDING|n1|launch failed requeued held", &s, line));
	assert_int_equal(s.state, EXEC_LOST);
}

static void
a_node_has_processors_memory_and_a_reason(void **state)
{
	char line[] = "n1|amd64,intel|idle|1/3/0/4|6000|N/A|none";
	char down[] = "n2|(null)|down*|0/0/4/4|6000|17|Not responding";
	char bad[] = "n2|(null)|down*|0/4|6000|17|Not responding";
	struct exec_node n;

	(void)state;
	assert_true(slurm_node_line(line, &n));
	assert_string_equal(n.name, "n1");
	assert_string_equal(n.features, "amd64,intel");
	assert_int_equal(n.cpus, 4);
	assert_int_equal(n.cpus_free, 3);
	assert_int_equal(n.memory, (int64_t)6000 << 20);
	assert_int_equal(n.memory_free, 0);
	assert_string_equal(n.why, "");
	assert_true(slurm_node_line(down, &n));
	assert_string_equal(n.features, "");
	assert_string_equal(n.why, "Not responding");
	assert_false(slurm_node_line(bad, &n));
}

static void
only_what_cannot_get_better_is_final(void **state)
{
	(void)state;
	assert_true(slurm_is_final(
	    "sbatch: error: Batch job submission failed: Requested node"
	    " configuration is not available"));
	assert_true(slurm_is_final("Invalid feature specification"));
	assert_false(slurm_is_final(
	    "Batch job submission failed: Socket timed out on send/recv"
	    " operation"));
	assert_false(slurm_is_final(
	    "Unable to contact slurm controller (connect failure)"));
}

/* --- what travels ----------------------------------------------------------*/

static void
text_of(json_t *j, struct buf *out)
{
	assert_int_equal(canon_json(j, out, &err), 0);
	json_decref(j);
}

static struct ticket
a_ticket(void)
{
	struct ticket t = { .lane = 'B',
		.vary = VARY_ALL,
		.process_memory = 1 << 29,
		.limits = { .wall_ms = 1,
		    .silence_ms = 2,
		    .log = 3,
		    .output = 4,
		    .disk = 5,
		    .files = 6,
		    .memory = 7,
		    .processes = 8,
		    .disk_free = 9 } };

	hash_bytes(&t.plan, "plan", 4);
	return t;
}

static void
a_ticket_comes_back_as_it_was(void **state)
{
	const struct ticket t = a_ticket();
	auto_buf struct buf text = BUF_INIT;
	struct ticket got;

	(void)state;
	text_of(ticket_json(&t), &text);
	assert_int_equal(
	    ticket_read(&got, "ticket", text.data, text.len, &err), 0);
	assert_true(hash_equal(&got.plan, &t.plan));
	assert_int_equal(got.lane, 'B');
	assert_int_equal(got.vary, VARY_ALL);
	assert_int_equal(got.process_memory, t.process_memory);
	assert_memory_equal(&got.limits, &t.limits, sizeof(t.limits));
}

static void
fill_handin(struct handin *h)
{
	*h = (struct handin){ .attempt = ID,
		.lane = 'A',
		.node = "n1",
		.outcome = HANDIN_SUCCEEDED,
		.log_size = 5 };
	hash_bytes(&h->plan, "plan", 4);
	hash_bytes(&h->ticket, "ticket", 6);
	h->result = (struct build_result){ .succeeded = true, .wall_ms = 7 };
	h->result.outputs.v = mem_zero(1, sizeof(*h->result.outputs.v));
	h->result.outputs.n = 1;
	h->result.outputs.v[0].name = mem_str("hello");
	h->result.outputs.v[0].size = 6;
}

static void
a_hand_in_comes_back_as_it_was(void **state)
{
	auto_handin struct handin h = { .lane = 0 }, got = { .lane = 0 };
	auto_buf struct buf text = BUF_INIT;

	(void)state;
	fill_handin(&h);
	text_of(handin_json(&h), &text);
	assert_int_equal(
	    handin_read(&got, "hand-in", text.data, text.len, &err), 0);
	assert_string_equal(got.attempt, ID);
	assert_string_equal(got.node, "n1");
	assert_int_equal(got.outcome, HANDIN_SUCCEEDED);
	assert_int_equal(got.result.wall_ms, 7);
	assert_int_equal(got.result.outputs.n, 1);
	assert_string_equal(got.result.outputs.v[0].name, "hello");
	assert_non_null(got.result.machine);
}

/* One member put in the place of what is there. */
static void
refuses(const char *key, json_t *value)
{
	auto_handin struct handin h = { .lane = 0 }, got = { .lane = 0 };
	auto_buf struct buf text = BUF_INIT;
	json_t *j;

	fill_handin(&h);
	j = handin_json(&h);
	js_set(j, key, value);
	text_of(j, &text);
	err_clear(&err);
	if (handin_read(&got, "hand-in", text.data, text.len, &err) == 0)
		fail_msg("%s: taken: %s", key, text.data);
	assert_int_equal(err.cls, ERR_INPUT);
}

static void
a_hand_in_with_anything_odd_is_refused(void **state)
{
	(void)state;
	refuses("attempt", json_string("../../etc/passwd"));
	refuses("lane", json_string("C"));
	refuses("outcome", json_string("perfect"));
	refuses("outcome", json_string("lost")); /* … with outputs */
	refuses("environment", json_string("x"));
	refuses("variations", json_pack("[s]", "gravity"));
	refuses("machine", json_object());
	refuses("wall_ms", json_integer(-1));
	refuses("more", json_true());
	refuses("outputs",
	    json_pack("[{s:s,s:s,s:i}]", "name", "../x", "sha256",
		"00000000000000000000000000000000000000000000000000000000"
		"00000000",
		"size", 1));
	refuses("outputs", json_pack("[{s:s,s:s,s:i}]", "name", "x", "sha256",
			       "00", "size", 1));
}

static void
what_a_node_says_holds_no_control_characters(void **state)
{
	auto_handin struct handin h = { .lane = 0 }, got = { .lane = 0 };
	auto_buf struct buf text = BUF_INIT;
	json_t *j;

	(void)state;
	fill_handin(&h);
	j = handin_json(&h);
	js_set(j, "message", json_string("a\033[2Jb"));
	js_text(j, false, &text);
	json_decref(j);
	assert_int_equal(
	    handin_read(&got, "hand-in", text.data, text.len, &err), 0);
	assert_string_equal(got.result.message, "a?[2Jb");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_job_is_seen_by_its_name),
		cmocka_unit_test(jobs_of_others_are_passed_over),
		cmocka_unit_test(a_state_that_nobody_knows_is_a_loss),
		cmocka_unit_test(a_job_that_waits_for_an_operator_is_lost),
		cmocka_unit_test(a_node_has_processors_memory_and_a_reason),
		cmocka_unit_test(only_what_cannot_get_better_is_final),
		cmocka_unit_test(a_ticket_comes_back_as_it_was),
		cmocka_unit_test(a_hand_in_comes_back_as_it_was),
		cmocka_unit_test(a_hand_in_with_anything_odd_is_refused),
		cmocka_unit_test(what_a_node_says_holds_no_control_characters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
