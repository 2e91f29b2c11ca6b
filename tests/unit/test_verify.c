/* rooms: builder builder/inputs builder/plan builder/bake builder/exec
 * builder/judge builder/keep tuf-repo/schema.c web/schema.c */
/* What verify finds damaged, and what it mends. */
#include "builder/keep/verify.h"
#include "tests/support/keepfarm.h"

static struct verify verify;

static void
look(int tuf)
{
	verify_release(&verify);
	verify = (struct verify){ .tuf = tuf };
	collect();
	if (verify_look(&verify, &needs, &place, &err) == -1)
		fail_msg("%s", err.msg);
}

static const json_t *
damage(const char *what, const char *name)
{
	for (size_t i = 0; i < json_array_size(verify.damage); i++) {
		const json_t *j = json_array_get(verify.damage, i);

		if (strcmp(json_string_value(json_object_get(j, "what")),
			what) == 0 &&
		    strcmp(json_string_value(json_object_get(j, "name")),
			name) == 0)
			return j;
	}
	fail_msg("%s %s is not damaged", what, name);
	return NULL;
}

static void
spoil(int dirfd, const char *path)
{
	auto_fd int fd = -1;

	assert_int_equal(fchmodat(dirfd, path, 0644, 0), 0);
	fd = openat(dirfd, path, O_WRONLY | O_APPEND);
	assert_int_equal(write(fd, "!", 1), 1);
}

static void
spoil_artifact(const char *name)
{
	char path[STORE_PATH];
	auto_free char *file = NULL;
	struct hash h;

	assert_true(hash_parse(&h, hex_of(name)));
	store_path(&h, path);
	file = mem_printf("s/%s", path);
	spoil(scratch.fd, file);
}

static void
verify_names_each_damage_and_mends_what_has_a_copy(void **state)
{
	const char *lock = put_lock("l");
	auto_env struct env e = ENV_INIT;
	auto_free char *bad = NULL, *good = NULL, *tree = NULL, *bin = NULL;
	struct hash h;

	(void)state;
	put_plan("r", "p", lock, 1, NULL);
	stands("r", "p-plan");
	make_env("tool", &e);
	assert_int_equal(mkdirat(scratch.fd, "tuf", 0755), 0);
	auto_fd int tuf = openat(scratch.fd, "tuf", O_RDONLY);
	auto_fd int targets =
	    dir_make_at(tuf, "targets/images/r/amd64", 0755, &err);
	bad = mem_printf("%s.x", hex_of("p-script"));
	good = mem_printf("%s.x", hex_of("p-out"));
	assert_true(hash_parse(&h, hex_of("p-out")));
	/* A copy, as under different uids. */
	assert_int_equal(
	    file_write_at(targets, good, "p-out", 5, 0644, &err), 0);
	assert_int_equal(
	    file_write_at(targets, bad, "other", 5, 0644, &err), 0);
	sql(needs.tuf,
	    "INSERT INTO placed (path, digest, at) VALUES "
	    "('images/r/amd64/gone', '%s', 1)",
	    hex_of("p-out"));
	look(tuf);
	assert_int_equal(json_array_size(verify.damage), 2);
	auto_free char *shown = mem_printf("targets/images/r/amd64/%s", bad);
	damage("published", shown);

	spoil_artifact("p-out");
	spoil_artifact("p-script");
	put("stray");
	spoil_artifact("stray");
	assert_true(hash_parse(&h, hex_of("l-deb")));
	assert_int_equal(store_remove(st, &h, &err), 0);
	tree = mem_printf("deb/%s", hex_of("tool-deb"));
	bin = mem_printf("deb/%s/root/usr/bin/tool", hex_of("tool-deb"));
	spoil(place.dirfd, bin);
	look(tuf);
	damage("artifact", hex_of("p-out"));
	damage("artifact", hex_of("p-script"));
	damage("artifact", hex_of("stray"));
	assert_string_equal(
	    json_string_value(json_object_get(
		damage("artifact", hex_of("l-deb")), "problem")),
	    "it is not there");
	damage("package", tree);
	damage("environment", strrchr(e.root, '/') + 1);
	assert_int_equal(json_array_size(verify.damage), 8);

	assert_int_equal(
	    verify_mend(&verify, &needs, &place, NULL, "amd64", &err), 0);
	/* Two published ones, the script and the package that nobody fetched.
	 */
	assert_int_equal(verify_left(&verify), 4);
	assert_true(hash_parse(&h, hex_of("p-out")));
	assert_int_equal(store_verify(st, &h, &err), 0);
	gone("stray");
	assert_false(file_exists_at(place.dirfd, tree));
	assert_false(has_env(&e));
	look(tuf);
	assert_int_equal(json_array_size(verify.damage), 4);
	verify_release(&verify);
}

int
main(void)
{
#define T(name) \
	cmocka_unit_test_setup_teardown(name, keepfarm_setup, keepfarm_teardown)
	const struct CMUnitTest tests[] = {
		T(verify_names_each_damage_and_mends_what_has_a_copy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
