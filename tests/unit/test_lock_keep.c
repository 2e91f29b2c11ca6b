/* rooms: builder/schema.c builder/progress.c builder/inputs
 * tests/support/archive */
/*
 * Which locks are solved again when the archive changes: those that could
 * come out other, and as few more as possible.
 */
#include <dirent.h>

#include "tests/support/archive/lock_choices.h"

/* How many of these two were solved since the last call. */
static int64_t
solved(void)
{
	static int64_t before;
	int64_t n = parts.archive.solved;

	if (n < before)
		before = 0; /* another test */
	n -= before;
	before = parts.archive.solved;
	return n;
}

static void
unchanged_archive_solves_nothing(void **state)
{
	struct lock_request rq = request("tool", cc);
	struct hash a = must(&rq), b;

	(void)state;
	assert_int_equal(parts.archive.solved, 1);
	b = must(&rq);
	assert_true(hash_equal(&a, &b));
	assert_int_equal(parts.archive.solved, 1);
	assert_int_equal(parts.archive.kept, 1);
}

static void
only_recipes_that_a_change_touches_are_solved(void **state)
{
	struct lock_request tool = request("tool", cc),
			    text = request("text", writer);
	struct hash a = must(&tool), b = must(&text), c;

	(void)state;
	solved();
	fake_package(&security, "libc-dev", "2.37", NULL, "dev, mended");
	publish();
	c = must(&tool);
	assert_false(hash_equal(&a, &c));
	assert_int_equal(solved(), 1);
	c = must(&text);
	assert_true(hash_equal(&b, &c));
	assert_int_equal(solved(), 0);
	/* And then it is known for the new state, too. */
	fake_package(&security, "apart", "2", NULL, "apart");
	publish();
	must(&tool);
	must(&text);
	assert_int_equal(solved(), 0);
}

static void
all_locks_are_asked_at_once(void **state)
{
	struct lock_request tool = request("tool", cc),
			    text = request("text", writer),
			    greet = request("greet", writer);
	struct hash a, b, c, again;
	size_t held, touched;

	(void)state;
	greet.sources = hello;
	greet.nsources = 1;
	a = must(&tool), b = must(&text), c = must(&greet);
	stands("tool", &a), stands("text", &b), stands("greet", &c);
	ask_all(&held, &touched);
	assert_int_equal(held + touched, 0); /* nothing is new */
	fake_package(&security, "libc-dev", "2.37", NULL, "dev, mended");
	fake_source(&security, "hello", "1.0-2", "hello_1.1.tar", "more");
	publish();
	ask_all(&held, &touched);
	assert_int_equal(held, 1);
	assert_int_equal(touched, 2);
	solved();
	again = must(&text);
	assert_true(hash_equal(&again, &b));
	assert_int_equal(solved(), 0);
	must(&tool), must(&greet);
	assert_int_equal(solved(), 2);
}

/* How many indexes' facts are kept; `how`: what becomes of each. */
static unsigned
kept_facts(char how)
{
	auto_fd int work = dir_open_at(parts.work, "facts", &parts.err);
	auto_dir DIR *dir = fdopendir(dup(work));
	const struct dirent *e;
	unsigned n = 0;

	assert_non_null(dir);
	while ((e = readdir(dir)) != NULL) {
		auto_buf struct buf b = BUF_INIT;

		if (e->d_name[0] == '.')
			continue;
		n++;
		assert_int_equal(
		    file_read_at(work, e->d_name, 1 << 20, &b, &parts.err), 0);
		if (how == 'd') { /* one bit in the middle of it */
			b.data[b.len / 2] ^= 1;
			assert_int_equal(file_write_at(work, e->d_name, b.data,
					     b.len, 0600, &parts.err),
			    0);
		} else if (how == 'c') { /* its second half */
			assert_int_equal(file_write_at(work, e->d_name, b.data,
					     b.len / 2, 0600, &parts.err),
			    0);
		} else if (how == 'g') {
			assert_int_equal(
			    file_remove_at(work, e->d_name, &parts.err), 0);
		}
	}
	return n;
}

static void
facts_kept_gone_or_damaged_give_the_same_answer(void **state)
{
	struct lock_request tool = request("tool", cc),
			    text = request("text", writer),
			    greet = request("greet", writer);
	struct hash a, b, c;
	bool gone = false;

	(void)state;
	greet.sources = hello;
	greet.nsources = 1;
	a = must(&tool), b = must(&text), c = must(&greet);
	stands("tool", &a), stands("text", &b), stands("greet", &c);
	assert_int_equal(kept_facts('k'), 4);
	assert_int_equal(
	    db_exec(parts.db,
		"CREATE TABLE at_first AS SELECT * FROM lock_kept", &parts.err),
	    0);
	fake_package(&security, "libc-dev", "2.37", NULL, "dev, mended");
	fake_source(&security, "hello", "1.0-2", "hello_1.1.tar", "more");
	publish();
	for (const char *how = "kdcgk"; *how; how++) {
		size_t held, touched;

		kept_facts(*how);
		ask_all(&held, &touched);
		assert_int_equal(held, 1);
		assert_int_equal(touched, 2);
		/* Those of both states, as two locks stand on the old one; but
		 * of bookworm, which is the same, nothing has to be read. */
		gone |= *how == 'g';
		assert_int_equal(kept_facts('k'), gone ? 4 : 6);
		lock_keep_forget(parts.archive.news);
		parts.archive.news = NULL;
		assert_int_equal(
		    db_exec(parts.db,
			"DELETE FROM lock_kept;"
			"INSERT INTO lock_kept SELECT * FROM at_first",
			&parts.err),
		    0);
	}
}

static void
facts_of_states_that_no_lock_needs_are_removed(void **state)
{
	struct lock_request tool = request("tool", cc);
	struct hash a = must(&tool);
	size_t held, touched;

	(void)state;
	stands("tool", &a);
	for (unsigned i = 2; i < 5; i++) {
		auto_free char *version = mem_printf("%u", i);

		fake_package(&security, "apart", version, NULL, version);
		publish();
		ask_all(&held, &touched);
		assert_int_equal(held, 1);
		assert_int_equal(touched, 0);
		assert_int_equal(kept_facts('k'), 2);
	}
}

static void
comparing_reads_the_new_index_alone(void **state)
{
	struct lock_request tool = request("tool", cc);
	struct hash a = must(&tool);
	auto_lock struct lock *l = load(&a);
	size_t held, touched;

	(void)state;
	stands("tool", &a);
	fake_package(&security, "apart", "2", NULL, "apart");
	publish();
	for (size_t s = 0; s < l->nsuites; s++)
		for (size_t i = 0; i < l->suites[s].nindexes; i++) {
			auto_free char *path = NULL;
			char hex[HASH_HEX];

			hash_hex(&l->suites[s].indexes[i].sha256, hex);
			path = mem_printf(
			    "%s/store/%.2s/%s", scratch.path, hex, hex);
			(void)unlink(path);
		}
	ask_all(&held, &touched);
	assert_int_equal(held, 1);
	assert_int_equal(touched, 0);
}

static void
choice_that_becomes_possible_is_seen(void **state)
{
	struct lock_request rq = request("text", writer);
	struct hash a = must(&rq), b;
	auto_lock struct lock *old = load(&a), *new = NULL;

	(void)state;
	/* "paper" is the first choice and lacks "ink", which is no part of
	 * the closure. */
	assert_non_null(lock_package_find(&old->build, "screen"));
	fake_package(&security, "ink", "1", NULL, "ink");
	publish();
	b = must(&rq);
	new = load(&b);
	assert_non_null(lock_package_find(&new->build, "paper"));
}

static void
new_provider_is_seen(void **state)
{
	struct lock_request rq = request("text", writer);
	struct hash a = must(&rq);

	(void)state;
	(void)a;
	solved();
	fake_package(&security, "bottle", "1", "Provides: ink\n", "bottle");
	publish();
	must(&rq);
	assert_int_equal(solved(), 1);
}

static void
changed_source_is_seen_by_those_who_build_it(void **state)
{
	struct lock_request rq = request("hello", cc),
			    other = request("tool", cc);
	struct hash a, b;

	(void)state;
	rq.sources = hello;
	rq.nsources = 1;
	a = must(&rq);
	must(&other);
	solved();
	fake_source(&security, "hello", "1.0-2", "hello_1.1.tar", "more");
	publish();
	b = must(&rq);
	assert_false(hash_equal(&a, &b));
	assert_int_equal(solved(), 1);
	must(&other);
	assert_int_equal(solved(), 0);
}

static void
lock_that_lost_a_byte_is_made_again(void **state)
{
	struct lock_request rq = request("tool", cc);
	struct hash a = must(&rq);
	auto_lock struct lock *l = load(&a);
	auto_free char *path = NULL;
	char hex[HASH_HEX];

	(void)state;
	hash_hex(&lock_package_find(&l->build, "cc")->sha256, hex);
	path = mem_printf("%s/store/%.2s/%s", scratch.path, hex, hex);
	assert_int_equal(unlink(path), 0);
	a = must(&rq);
	assert_int_equal(parts.archive.solved, 2);
	assert_int_equal(lock_complete(parts.store, l, &parts.err), 0);
}

static void
old_indexes_that_are_gone_only_cost_solving(void **state)
{
	struct lock_request rq = request("tool", cc);
	struct hash a = must(&rq), b;
	auto_lock struct lock *l = load(&a);
	int64_t before;
	size_t gone = 0;

	(void)state;
	fake_package(&security, "apart", "2", NULL, "apart");
	publish();
	/* Not those of bookworm, which the lock's proof still shares. */
	for (size_t i = 0; i < l->suites[1].nindexes; i++) {
		auto_free char *path = NULL;
		char hex[HASH_HEX];

		hash_hex(&l->suites[1].indexes[i].sha256, hex);
		path = mem_printf("%s/store/%.2s/%s", scratch.path, hex, hex);
		gone += unlink(path) == 0;
	}
	assert_true(gone > 0);
	before = parts.archive.solved;
	b = must(&rq);
	assert_int_equal(parts.archive.solved, before + 1);
	l = (lock_free(l), load(&b));
	assert_int_equal(lock_complete(parts.store, l, &parts.err), 0);
}

int
main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, keep_setup, suites_teardown)
		T(unchanged_archive_solves_nothing),
		T(only_recipes_that_a_change_touches_are_solved),
		T(all_locks_are_asked_at_once),
		T(facts_kept_gone_or_damaged_give_the_same_answer),
		T(facts_of_states_that_no_lock_needs_are_removed),
		T(comparing_reads_the_new_index_alone),
		T(choice_that_becomes_possible_is_seen),
		T(new_provider_is_seen),
		T(changed_source_is_seen_by_those_who_build_it),
		T(lock_that_lost_a_byte_is_made_again),
		T(old_indexes_that_are_gone_only_cost_solving),
	};

	return suites_main(argc, argv, tests);
}
