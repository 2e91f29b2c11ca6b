/* rooms: router-agent/trust/forms.c router-agent/traffic.c
 * router-agent/owner/wish.c router-agent/owner/hold.c */
/* The ways to an image, what a day allows, and the owner's one line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/own.h"
#include "lib/tuf.h"
#include "router-agent/owner/hold.h"
#include "router-agent/owner/wish.h"
#include "router-agent/traffic.h"
#include "router-agent/trust/forms.h"
#include "tests/support/scratch.h"

static struct listed {
	int64_t packed, delta; /* sizes; 0: not listed */
	const char *role;
	const char *head; /* key of custom */
	struct tuf_target target;
	json_t *custom;
} repo;

static int
find(void *arg, const char *path, const struct tuf_target **t,
    const char **role, struct err *err)
{
	bool delta = strstr(path, ".from.") != NULL;
	int64_t size = delta ? repo.delta : repo.packed;
	struct hash head;

	(void)arg;
	if (size == 0)
		return err_set(err, ERR_MISSING, "nobody lists it");
	json_decref(repo.custom);
	repo.custom = json_object();
	hash_bytes(&head, "head", 4);
	js_set_hash(repo.custom, repo.head, &head);
	js_set_int(repo.custom, "head_size", 580);
	repo.target = (struct tuf_target){
		.length = size, .has_sha256 = true, .custom = repo.custom
	};
	hash_bytes(&repo.target.sha256, path, strlen(path));
	*t = &repo.target;
	*role = repo.role;
	return 0;
}

static void
look(int64_t packed, int64_t delta, const char *role, const char *head,
    struct forms *f)
{
	const struct form_source s = { find, NULL, "amd64" };
	struct form_pair p = { .service = "x", .size = 1000, .has_old = true };

	hash_bytes(&p.new, "new", 3);
	hash_bytes(&p.old, "old", 3);
	repo.packed = packed;
	repo.delta = delta;
	repo.role = role;
	repo.head = head;
	f->n = 0;
	forms_find(f, &s, &p);
	json_decref(repo.custom);
	repo.custom = NULL;
}

static void
the_smaller_form_comes_first(void **state)
{
	struct forms f;

	(void)state;
	look(500, 30, "transport", "head", &f);
	assert_int_equal(f.n, 2);
	assert_true(f.at[0].from);
	assert_int_equal(f.at[0].file.size, 30);
	assert_int_equal(
	    strncmp(f.at[0].file.target, "transport/x/amd64/", 18), 0);
	assert_false(f.at[1].from);
	/* From a hash bin. */
	look(500, 30, "transport-0a0", "head", &f);
	assert_int_equal(f.n, 2);
}

static void
what_does_not_help_is_left_out(void **state)
{
	struct forms f;

	(void)state;
	look(500, 300, "transport", "head", &f); /* not under 60 % */
	assert_int_equal(f.n, 1);
	assert_false(f.at[0].from);
	look(1000, 0, "transport", "head", &f); /* no smaller than the image */
	assert_int_equal(f.n, 0);
	look(0, 500, "transport", "head", &f);
	assert_int_equal(f.n, 1);
}

static void
a_form_of_another_role_is_none(void **state)
{
	struct forms f;

	(void)state;
	look(500, 30, "targets", "head", &f);
	assert_int_equal(f.n, 0);
	look(500, 30, "transporter", "head", &f);
	assert_int_equal(f.n, 0);
	look(500, 30, "transport", "foot", &f);
	assert_int_equal(f.n, 0);
}

static void
forms_cross_a_socket_and_every_cut_is_refused(void **state)
{
	auto_buf struct buf b = BUF_INIT;
	struct err err = ERR_INIT;
	static struct forms f, back;

	(void)state;
	look(500, 30, "transport", "head", &f);
	forms_send(&f, &b);
	for (size_t n = 0; n <= b.len; n++) {
		auto_ipc struct ipc_msg m = IPC_MSG_INIT;

		buf_add(&m.body, b.data, n);
		err_clear(&err);
		assert_int_equal(
		    forms_receive(&m, &back, &err), n == b.len ? 0 : -1);
	}
	assert_int_equal(back.n, 2);
	assert_string_equal(back.at[1].file.target, f.at[1].file.target);
	assert_true(hash_equal(&back.at[0].head, &f.at[0].head));
}

static void
a_day_s_budget_runs_out_and_comes_back(void **state)
{
	struct traffic t = { 0 }, back;
	struct err err = ERR_INIT;
	int64_t noon = 20000 * (int64_t)86400 + 43200;

	(void)state;
	assert_int_equal(traffic_left(&t, 0, noon), INT64_MAX);
	assert_int_equal(traffic_left(&t, 100, noon), 100);
	assert_int_equal(traffic_add(scratch.fd, &t, 60, noon, &err), 0);
	traffic_load(scratch.fd, 0, &back);
	assert_int_equal(traffic_left(&back, 100, noon), 40);
	assert_int_equal(traffic_add(scratch.fd, &back, 60, noon, &err), 0);
	assert_int_equal(traffic_left(&back, 100, noon), 0);
	assert_int_equal(traffic_wait(noon), 43200);
	assert_int_equal(traffic_left(&back, 100, noon + 43200), 100);
	/* Nothing fetched, nothing written. */
	assert_int_equal(traffic_add(-1, &back, 0, noon, &err), 0);
}

static void
what_an_update_fetched_lasts_until_it_was_reported(void **state)
{
	struct traffic t, back;
	struct err err = ERR_INIT;

	(void)state;
	traffic_load(scratch.fd, 7, &t);
	assert_int_equal(traffic_add(scratch.fd, &t, 60, 86400, &err), 0);
	/* A restart, and another, each with more of it; a day ends. */
	traffic_load(scratch.fd, 7, &back);
	assert_int_equal(back.update, 60);
	assert_int_equal(traffic_add(scratch.fd, &back, 30, 86400, &err), 0);
	traffic_load(scratch.fd, 7, &back);
	assert_int_equal(traffic_add(scratch.fd, &back, 9, 2 * 86400, &err), 0);
	traffic_load(scratch.fd, 7, &back);
	assert_int_equal(back.update, 99);
	assert_int_equal(back.bytes, 9);
	/* Report 8 tells it; none of it is told again. */
	traffic_told(&back, 8);
	assert_int_equal(back.update, 0);
	assert_int_equal(back.bytes, 9);
	traffic_load(scratch.fd, 8, &back);
	assert_int_equal(back.update, 0);
	assert_int_equal(back.bytes, 9);
	assert_int_equal(traffic_add(scratch.fd, &back, 5, 2 * 86400, &err), 0);
	traffic_load(scratch.fd, 8, &back);
	assert_int_equal(back.update, 5);
	assert_int_equal(back.bytes, 14);
}

static void
a_record_of_before_or_a_damaged_one_is_no_more_than_it_says(void **state)
{
	static const struct {
		const char *text;
		int64_t bytes;
	} of[] = { { "3 70\n", 70 }, { "3 70 9\n", 70 }, { "3\n", 0 },
		{ "", 0 }, { "3 x 9 0\n", 0 }, { "3 70 x 0\n", 70 },
		{ "3 70 -1 0\n", 70 }, { "-3 70 9 0\n", 0 },
		{ "3 999999999999999999999999999999 9 0\n", 0 } };
	struct err err = ERR_INIT;
	struct traffic t;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(of); i++) {
		assert_int_equal(
		    file_write_at(scratch.fd, "traffic", of[i].text,
			strlen(of[i].text), 0644, &err),
		    0);
		traffic_load(scratch.fd, 0, &t);
		assert_int_equal(t.bytes, of[i].bytes);
		assert_int_equal(t.update, 0);
	}
}

static void
a_wish_is_read_as_it_was_written(void **state)
{
	struct wish w = { .kind = WISH_APPLY }, back;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(wish_read(scratch.fd, &back, &err), 0);
	assert_int_equal(back.kind, WISH_NONE);
	hash_bytes(&w.plan, "plan", 4);
	strcpy(w.folder, "/media/a stick");
	for (int k = WISH_CONFIRM; k <= WISH_PREVIOUS; k++) {
		w.kind = (enum wish_kind)k;
		assert_int_equal(wish_write(scratch.fd, &w, &err), 0);
		assert_int_equal(wish_read(scratch.fd, &back, &err), 0);
		assert_int_equal(back.kind, k);
	}
	assert_int_equal(wish_done(scratch.fd, &err), 0);
	assert_int_equal(wish_done(scratch.fd, &err), 0);
	assert_int_equal(wish_read(scratch.fd, &back, &err), 0);
	assert_int_equal(back.kind, WISH_NONE);
}

static void
a_newer_wish_outlives_the_plan(void **state)
{
	struct wish w = { .kind = WISH_PREVIOUS }, back;
	struct err err = ERR_INIT;
	struct hash plan;

	(void)state;
	hash_bytes(&plan, "plan", 4);
	assert_int_equal(wish_write(scratch.fd, &w, &err), 0);
	assert_int_equal(wish_plan_done(scratch.fd, &plan, &err), 0);
	assert_int_equal(wish_read(scratch.fd, &back, &err), 0);
	assert_int_equal(back.kind, WISH_PREVIOUS);
	w = (struct wish){ .kind = WISH_APPLY, .plan = plan };
	assert_int_equal(wish_write(scratch.fd, &w, &err), 0);
	assert_int_equal(wish_plan_done(scratch.fd, &plan, &err), 0);
	assert_int_equal(wish_read(scratch.fd, &back, &err), 0);
	assert_int_equal(back.kind, WISH_NONE);
}

static void
a_damaged_wish_is_an_error(void **state)
{
	static const char *const bad[] = { "", "apply", "apply 12", "fetch now",
		"leave", "confirm zz", "import", "import etc" };
	struct err err = ERR_INIT;
	struct wish w;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_equal(file_write_at(scratch.fd, "wish", bad[i],
				     strlen(bad[i]), 0600, &err),
		    0);
		assert_int_equal(wish_read(scratch.fd, &w, &err), -1);
		assert_int_equal(err.cls, ERR_INPUT);
	}
}

static void
a_pin_is_a_hold_without_end(void **state)
{
	struct err err = ERR_INIT;
	int64_t until;

	(void)state;
	assert_int_equal(hold_write(scratch.fd, HOLD_FOR_EVER, &err), 0);
	assert_int_equal(hold_read(scratch.fd, &until, &err), 0);
	assert_true(until == HOLD_FOR_EVER);
}

#define WITH_FOLDER(f) \
	cmocka_unit_test_setup_teardown(f, scratch_setup, scratch_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_smaller_form_comes_first),
		cmocka_unit_test(what_does_not_help_is_left_out),
		cmocka_unit_test(a_form_of_another_role_is_none),
		cmocka_unit_test(forms_cross_a_socket_and_every_cut_is_refused),
		WITH_FOLDER(a_day_s_budget_runs_out_and_comes_back),
		WITH_FOLDER(what_an_update_fetched_lasts_until_it_was_reported),
		WITH_FOLDER(
		    a_record_of_before_or_a_damaged_one_is_no_more_than_it_says),
		WITH_FOLDER(a_wish_is_read_as_it_was_written),
		WITH_FOLDER(a_newer_wish_outlives_the_plan),
		WITH_FOLDER(a_damaged_wish_is_an_error),
		WITH_FOLDER(a_pin_is_a_hold_without_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
