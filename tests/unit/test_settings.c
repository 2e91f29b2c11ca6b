/* rooms: builder/settings.c builder/inputs builder/progress.c
 * builder/plan/arch.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "builder/settings.h"
#include "lib/fdio.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "tests/support/scratch.h"

static struct err err;

static int
read_text(struct settings *s, const char *text)
{
	err = (struct err)ERR_INIT;
	assert_int_equal(file_write_at(scratch.fd, "kiln.yaml", text,
			     strlen(text), 0644, &err),
	    0);
	return settings_read(s, scratch.fd, NULL, &err);
}

static void
suites_are_on_unless_the_file_says_otherwise(void **state)
{
	struct settings s;

	(void)state;
	assert_int_equal(
	    read_text(&s, "suites:\n  bookworm-security: {enabled: false}\n"
			  "  bookworm: {enabled: true}\n"),
	    0);
	assert_false(settings_suite_enabled(&s, "bookworm-security"));
	assert_true(settings_suite_enabled(&s, "bookworm"));
	assert_true(settings_suite_enabled(&s, "bookworm-updates"));
	assert_int_equal(s.poll, 3600);
	assert_int_equal(s.jitter, 600);
	settings_release(&s);
}

static void
architectures_are_those_that_kiln_knows(void **state)
{
	struct settings s;

	(void)state;
	assert_int_equal(read_text(&s, "arch: [arm64, riscv64]\n"), 0);
	assert_int_equal(s.arches.n, 2);
	assert_string_equal(s.arches.v[1], "riscv64");
	settings_release(&s);
	assert_int_equal(read_text(&s, "arch: [sparc]\n"), -1);
	assert_non_null(strstr(err.msg, "no architecture that kiln knows"));
	assert_int_equal(read_text(&s, "arch: [arm64, arm64]\n"), -1);
	assert_non_null(strstr(err.msg, "comes twice"));
}

static void
what_is_kept_can_be_said_in_a_file_named_by_any_path(void **state)
{
	auto_free char *path = mem_printf("%s/k.yaml", scratch.path);
	static const char text[] = "keep: {plans: 1, logs: 2d}\n";
	struct settings s;

	(void)state;
	assert_int_equal(
	    file_write_at(scratch.fd, "k.yaml", text, strlen(text), 0644, &err),
	    0);
	if (settings_read(&s, scratch.fd, path, &err) == -1)
		fail_msg("%s", err.msg);
	assert_int_equal(s.keep.plans, 1);
	assert_int_equal(s.keep.logs, 2 * 86400);
	assert_int_equal(s.keep.sets, 4);
	assert_int_equal(s.keep.age, 7 * 86400);
	settings_release(&s);
	/* The newest set alone would leave routers no way back. */
	assert_int_equal(read_text(&s, "keep: {sets: 1}\n"), -1);
}

static void
mirrors_take_the_place_of_apt_sources(void **state)
{
	auto_apt struct apt_sources l = APT_SOURCES_INIT;
	struct settings s;

	(void)state;
	assert_int_equal(
	    read_text(&s, "mirrors:\n  - {uri: 'http://m.example/debian',"
			  " suite: bookworm}\nproxy: http://p.example:3128\n"
			  "poll: 30m\njitter: 1m\njobs: 3\nmemory: 1GiB\n"
			  "cpus: 2\naudit: 0\n"),
	    0);
	assert_int_equal(settings_sources(&s, &l, &err), 0);
	assert_int_equal(l.n, 1);
	assert_string_equal(l.v[0].uri, "http://m.example/debian/");
	assert_string_equal(l.proxy, "http://p.example:3128");
	assert_int_equal(s.poll, 1800);
	assert_int_equal(s.jobs, 3);
	assert_int_equal(s.memory, (int64_t)1 << 30);
	assert_int_equal(s.cpus, 2);
	assert_int_equal(s.audit, 0);
	settings_release(&s);
}

static void
repositories_of_recipes_and_their_credentials_are_read(void **state)
{
	struct settings s;

	(void)state;
	assert_int_equal(
	    read_text(&s, "recipes:\n"
			  "  - {git: 'https://h.example/a.git', ref: main,"
			  " folder: kiln/recipes}\n"
			  "  - {git: 'file:///srv/b', ref: v1}\n"
			  "credentials:\n"
			  "  - {url: 'https://h.example/', file: /etc/x}\n"),
	    0);
	assert_int_equal(s.nrepos, 2);
	assert_string_equal(s.repos[0].folder, "kiln/recipes");
	assert_string_equal(s.repos[1].folder, "");
	assert_int_equal(s.nsecrets, 1);
	assert_string_equal(s.secrets[0].file, "/etc/x");
	settings_release(&s);
}

static void
settings_refuse(const char *text, const char *part)
{
	struct settings s;

	assert_int_equal(read_text(&s, text), -1);
	if (err.cls != ERR_INPUT || !strstr(err.msg, part))
		fail_msg("%s", err.msg);
}

static void
bad_repositories_and_credentials_are_named_with_their_place(void **state)
{
	(void)state;
	settings_refuse("recipes: [{git: 'ssh://h/x', ref: a}]\n",
	    "kiln.yaml:1:12: git: \"ssh://h/x\" is no address");
	settings_refuse("recipes: [{git: 'https://u:p@h/x', ref: a}]\n",
	    "without a password in it");
	settings_refuse("recipes: [{git: 'https://h/x', ref: '-a'}]\n",
	    "not the name of a branch or tag");
	settings_refuse(
	    "recipes: [{git: 'https://h/x', ref: a, folder: ../b}]\n",
	    "not a path in a repository");
	settings_refuse("recipes: [{git: 'https://h/x', ref: a},"
			" {git: 'https://h/x', ref: b}]\n",
	    "https://h/x comes twice");
	settings_refuse("credentials: [{url: 'https://h', file: /x}]\n",
	    "is not the beginning of addresses");
	settings_refuse("credentials: [{url: 'https://h/', file: x}]\n",
	    "not an absolute path");
}

static void
named_file_may_lie_anywhere(void **state)
{
	char path[300];
	struct settings s;

	(void)state;
	snprintf(path, sizeof(path), "%s/other.yaml", scratch.path);
	assert_int_equal(file_write_at(scratch.fd, "other.yaml", "poll: 2h\n",
			     9, 0644, &err),
	    0);
	assert_int_equal(settings_read(&s, scratch.fd, path, &err), 0);
	assert_int_equal(s.poll, 7200);
	settings_release(&s);
}

static void
mistakes_are_named_with_their_place(void **state)
{
	auto_apt struct apt_sources l = APT_SOURCES_INIT;
	struct settings s;

	(void)state;
	assert_int_equal(read_text(&s, "pol: 1h\n"), -1);
	assert_non_null(strstr(err.msg, "kiln.yaml:1:1: unknown key \"pol\""));
	assert_int_equal(read_text(&s, "poll: 5s\n"), -1);
	assert_non_null(strstr(err.msg, "kiln.yaml:1:"));
	assert_int_equal(
	    read_text(&s, "mirrors:\n  - {uri: 'ftp://m.example', suite: x}\n"),
	    0);
	assert_int_equal(settings_sources(&s, &l, &err), -1);
	assert_non_null(strstr(err.msg, "kiln.yaml:2:"));
	assert_non_null(strstr(err.msg, "only http and https"));
	settings_release(&s);
}

static void
named_file_has_to_be_there(void **state)
{
	struct settings s;

	(void)state;
	err = (struct err)ERR_INIT;
	assert_int_equal(
	    settings_read(&s, scratch.fd, "/nonexistent/kiln.yaml", &err), -1);
	assert_non_null(strstr(err.msg, "/nonexistent/kiln.yaml"));
}

static void
says(const char *text, const char *words)
{
	struct settings s;

	assert_int_equal(read_text(&s, text), -1);
	assert_int_equal(err.cls, ERR_INPUT);
	if (!strstr(err.msg, words))
		fail_msg("\"%s\" does not say \"%s\"", err.msg, words);
}

static void
builds_run_on_this_machine_unless_the_file_says_otherwise(void **state)
{
	struct settings s;

	(void)state;
	assert_int_equal(read_text(&s, "poll: 1h\n"), 0);
	assert_false(s.exec.slurm);
	settings_release(&s);
	assert_int_equal(read_text(&s, "exec: {engine: local}\n"), 0);
	assert_false(s.exec.slurm);
	settings_release(&s);
	assert_int_equal(
	    read_text(&s, "exec:\n  engine: slurm\n  server: http://farm\n"
			  "  features: [big, fast]\n  lane_b: other-cpu\n"
			  "  cpu_features: [intel, amd]\n  grace: 1m\n"),
	    0);
	assert_true(s.exec.slurm);
	assert_string_equal(s.exec.features, "big&fast");
	assert_int_equal(s.exec.lane_b, APART_OTHER_CPU);
	assert_int_equal(s.exec.ncpu_features, 2);
	assert_int_equal(s.exec.grace, 60);
	assert_int_equal(s.exec.attempts, 5);
	settings_release(&s);
}

static void
what_is_wrong_of_an_engine_is_named_with_its_line(void **state)
{
	(void)state;
	says("exec:\n  engine: lsf\n", "kiln.yaml:2:");
	says("exec:\n  engine: slurm\n", "slurm wants server");
	says("exec:\n  engine: slurm\n  server: ftp://farm\n", "kiln.yaml:3:");
	says("exec:\n  runner: bin/kiln-runner\n", "kiln.yaml:2:");
	says("exec:\n  cache: /var/cache/a b\n", "absolute path");
	says("exec:\n  features: [a&b]\n", "no name of a feature");
	says("exec:\n  lane_b: other-cpu\n", "cpu_features");
	says("exec:\n  attempts: 0\n", "kiln.yaml:2:");
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, scratch_setup, scratch_teardown)
		T(architectures_are_those_that_kiln_knows),
		T(what_is_kept_can_be_said_in_a_file_named_by_any_path),
		T(suites_are_on_unless_the_file_says_otherwise),
		T(mirrors_take_the_place_of_apt_sources),
		T(mistakes_are_named_with_their_place),
		T(builds_run_on_this_machine_unless_the_file_says_otherwise),
		T(what_is_wrong_of_an_engine_is_named_with_its_line),
		T(named_file_has_to_be_there),
		T(named_file_may_lie_anywhere),
		T(repositories_of_recipes_and_their_credentials_are_read),
		T(bad_repositories_and_credentials_are_named_with_their_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
