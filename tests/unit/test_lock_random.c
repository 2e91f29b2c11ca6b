/* rooms: builder/schema.c builder/progress.c builder/inputs
 * tests/support/archive */
/* Archives by chance: what is kept is what would have been solved. */
#include "tests/support/archive/lock_choices.h"

#define NAMES 60
#define ROUNDS 30
#define RECIPES 6

static uint32_t seed;

static uint32_t
pick(uint32_t n)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % n;
}

/* A package with some dependencies, alternatives, conflicts and provides
 * among the others, of which not all exist. */
static void
random_package(unsigned version)
{
	auto_buf struct buf more = BUF_INIT;
	char name[16], text[16], bytes[32];

	snprintf(name, sizeof(name), "p%02u", pick(NAMES));
	snprintf(text, sizeof(text), "%u", version);
	snprintf(bytes, sizeof(bytes), "%s-%u", name, version);
	switch (pick(4)) {
	case 0:
		buf_printf(&more, "Depends: p%02u | p%02u, v%u\n", pick(NAMES),
		    pick(NAMES), pick(4));
		break;
	case 1:
		buf_printf(
		    &more, "Depends: p%02u | v%u\n", pick(NAMES), pick(4));
		break;
	case 2:
		buf_printf(&more, "Provides: v%u\n", pick(4));
		break;
	default:
		buf_printf(&more, "Conflicts: p%02u\nProvides: v%u\n",
		    pick(NAMES), pick(4));
	}
	fake_package(&security, name, text, more.data, bytes);
}

/* What it says, and whether it says anything: other locks, other sentences. */
static bool
try(const struct lock_request *rq, struct hash *h)
{
	parts.err = (struct err)ERR_INIT;
	return lock_make(&parts.archive, rq, 0, h, &parts.err) == 0;
}

static void
forget(const char *recipe)
{
	auto_free char *sql =
	    mem_printf("DELETE FROM lock_kept WHERE lock IN"
		       " (SELECT digest FROM lock WHERE recipe = '%s')",
		recipe);

	assert_int_equal(db_exec(parts.db, sql, &parts.err), 0);
}

static void
keeping_is_never_other_than_solving(void **state)
{
	unsigned kept = 0, changed = 0;
	struct hash before[RECIPES] = { 0 };

	(void)state;
	seed = (uint32_t)time(NULL);
	print_message("seed %u\n", seed);
	for (unsigned i = 0; i < NAMES; i++) {
		char name[16];

		snprintf(name, sizeof(name), "p%02u", i);
		fake_package(&bookworm, name, "0", NULL, name);
	}
	for (unsigned i = 0; i < ROUNDS; i++) {
		random_package(i + 1);
		publish();
		if (i % 2) {
			size_t held, touched;

			ask_all(&held, &touched);
		}
		for (unsigned k = 0; k < RECIPES; k++) {
			char name[16], root[16];
			const char *const build[] = { root };
			struct lock_request rq = request(name, build);
			struct hash fast, slow;
			int64_t n = parts.archive.kept;
			bool ok;

			snprintf(name, sizeof(name), "r%u", k);
			snprintf(root, sizeof(root), "p%02u", k);
			ok = try(&rq, &fast);
			if (ok)
				stands(name, &fast);
			if (parts.archive.kept == n)
				continue; /* solved anyway */
			kept++;
			assert_true(ok);
			forget(name);
			assert_true(try(&rq, &slow));
			assert_true(hash_equal(&fast, &slow));
			changed += !hash_equal(&before[k], &fast);
			before[k] = fast;
		}
	}
	print_message("%u kept\n", kept);
	assert_true(changed < kept || kept == 0);
}

int
main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, keep_setup, suites_teardown)
		T(keeping_is_never_other_than_solving),
	};

	return suites_main(argc, argv, tests);
}
