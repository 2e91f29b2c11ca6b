/* Tables of commands: what lands on stdout, on stderr and in the status. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/cli.h"
#include "lib/fdio.h"
#include "lib/near.h"

static int
cmd_why(int argc, char **argv)
{
	printf("%d %s %s\n", argc, argv[0], argc > 1 ? argv[1] : "-");
	return EXIT_DIFFERS;
}

static int
cmd_fail(int argc, char **argv)
{
	struct err err = ERR_INIT;

	(void)argv;
	err_set(&err, ERR_TRUST, "targets.json: \"quoted\" %s", "\xc3\xa9");
	return cli_fail("kiln fail", &err, argc > 1);
}

static int
cmd_usage(int argc, char **argv)
{
	(void)argc;
	return cli_usage("kiln usage", "%s: takes no words", argv[0]);
}

static const struct cli_program program;

static int
cmd_bake(int argc, char **argv)
{
	const char *state = "here";
	bool json = false;
	const struct cli_option options[] = {
		{ "state", .text = &state },
		{ "json", .flag = &json },
		{ 0 },
	};
	int r = cli_options(&program, argc, argv, options);

	if (r != -1)
		return r;
	printf("%s %d", state, json);
	while (optind < argc)
		printf(" %s", argv[optind++]);
	return EXIT_DONE;
}

static const struct cli_command commands[] = {
	{ "why", "[--json] BUILD", "Tell why a build ran.", cmd_why,
	    "  --json  the answer as JSON\n" },
	{ "fail", NULL, "Fail.", cmd_fail, NULL },
	{ "usage", "", "Be used wrongly.", cmd_usage, NULL },
	{ "bake", "[--state DIR] [--json] WORD", "Bake.", cmd_bake, NULL },
	{ 0 },
};

static const struct cli_program program = { "kiln", "Bakes.", commands };

struct run {
	int code;
	struct buf out, err;
};

static void
run_release(struct run *r)
{
	buf_release(&r->out);
	buf_release(&r->err);
}
#define RUN __attribute__((cleanup(run_release))) struct run

static struct run
run(const char *const *args)
{
	struct run r = { -1, BUF_INIT, BUF_INIT };
	struct err err = ERR_INIT;
	int out[2], errs[2], status, argc = 0;
	char *argv[8] = { 0 };
	pid_t pid;

	argv[argc++] = strdup("kiln");
	while (*args)
		argv[argc++] = strdup(*args++);
	assert_int_equal(pipe(out), 0);
	assert_int_equal(pipe(errs), 0);
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		int code;

		dup2(out[1], 1);
		dup2(errs[1], 2);
		code = cli_main(&program, argc, argv);
		fflush(NULL);
		_exit(code);
	}
	close(out[1]);
	close(errs[1]);
	assert_int_equal(fd_read_all(out[0], 65536, &r.out, &err), 0);
	assert_int_equal(fd_read_all(errs[0], 65536, &r.err, &err), 0);
	close(out[0]);
	close(errs[0]);
	waitpid(pid, &status, 0);
	r.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	while (argc)
		free(argv[--argc]);
	return r;
}
#define ARGS(...)                 \
	(const char *const[])     \
	{                         \
		__VA_ARGS__, NULL \
	}

static void
a_command_gets_its_own_arguments(void **state)
{
	RUN r = run(ARGS("why", "b1"));

	(void)state;
	assert_int_equal(r.code, EXIT_DIFFERS);
	assert_string_equal(r.out.data, "2 why b1\n");
	assert_string_equal(r.err.data, "");
}

static const char listing[] = "usage: kiln COMMAND ...\n"
			      "\n"
			      "Bakes.\n"
			      "\n"
			      "Commands:\n"
			      "  why    Tell why a build ran.\n"
			      "  fail   Fail.\n"
			      "  usage  Be used wrongly.\n"
			      "  bake   Bake.\n"
			      "\n"
			      "\"kiln COMMAND --help\" tells more; \"kiln "
			      "--version\" the version.\n";

static void
help_is_a_result_and_no_command_a_mistake(void **state)
{
	RUN a = run((const char *const[]){ NULL });
	RUN b = run(ARGS("--help"));
	RUN c = run(ARGS("help"));

	(void)state;
	assert_int_equal(a.code, EXIT_USAGE);
	assert_string_equal(a.out.data, "");
	assert_string_equal(a.err.data, listing);
	assert_int_equal(b.code, 0);
	assert_string_equal(b.out.data, listing);
	assert_string_equal(c.out.data, listing);
}

static void
every_command_tells_its_usage(void **state)
{
	static const char text[] = "usage: kiln why [--json] BUILD\n"
				   "\n"
				   "Tell why a build ran.\n"
				   "\n"
				   "  --json  the answer as JSON\n";
	RUN a = run(ARGS("why", "--help"));
	RUN b = run(ARGS("help", "why"));
	RUN c = run(ARGS("fail", "--help"));

	(void)state;
	assert_int_equal(a.code, 0);
	assert_string_equal(a.out.data, text);
	assert_string_equal(b.out.data, text);
	assert_string_equal(c.out.data, "usage: kiln fail\n\nFail.\n");
}

static void
the_version_is_told(void **state)
{
	RUN r = run(ARGS("--version"));

	(void)state;
	assert_int_equal(r.code, 0);
	assert_string_equal(r.out.data, "kiln " KILN_VERSION "\n");
}

static void
an_unknown_word_names_the_nearest(void **state)
{
	RUN a = run(ARGS("wyh"));
	RUN b = run(ARGS("zzzzzz"));
	RUN c = run(ARGS("--nothing"));
	RUN d = run(ARGS("help", "usgae"));

	(void)state;
	assert_int_equal(a.code, EXIT_USAGE);
	assert_string_equal(a.err.data,
	    "kiln: unknown command \"wyh\" (did you mean \"why\"?); see kiln "
	    "--help\n");
	assert_string_equal(
	    b.err.data, "kiln: unknown command \"zzzzzz\"; see kiln --help\n");
	assert_string_equal(
	    c.err.data, "kiln: unknown option --nothing; see kiln --help\n");
	assert_int_equal(d.code, EXIT_USAGE);
	assert_non_null(strstr(d.err.data, "did you mean \"usage\"?"));
	assert_string_equal(a.out.data, "");
}

static void
a_failure_is_a_sentence_a_cause_and_a_status(void **state)
{
	RUN a = run(ARGS("fail"));
	RUN b = run(ARGS("fail", "json"));
	RUN c = run(ARGS("usage"));

	(void)state;
	assert_int_equal(a.code, EXIT_TRUST);
	assert_string_equal(a.err.data,
	    "kiln fail: targets.json: \"quoted\" \xc3\xa9 "
	    "(cause=not-trusted)\n");
	assert_string_equal(a.out.data, "");
	assert_int_equal(b.code, EXIT_TRUST);
	assert_string_equal(b.out.data,
	    "{\"error\":{\"class\":\"trust\",\"cause\":\"not-trusted\","
	    "\"message\":\"targets.json: \\\"quoted\\\" \xc3\xa9\"}}\n");
	assert_int_equal(c.code, EXIT_USAGE);
	assert_string_equal(c.err.data,
	    "kiln usage: usage: takes no words; see kiln usage --help\n");
}

static void
options_go_where_the_table_says_and_words_stay(void **state)
{
	RUN a = run(ARGS("bake", "--state", "a", "one", "--json", "two"));
	RUN b = run(ARGS("bake", "--state=a", "--state", "b", "--", "--json"));
	RUN c = run(ARGS("bake"));
	RUN d = run(ARGS("bake", "one", "--help"));

	(void)state;
	assert_string_equal(a.out.data, "a 1 one two");
	assert_string_equal(b.out.data, "b 0 --json");
	assert_string_equal(c.out.data, "here 0");
	assert_int_equal(d.code, EXIT_DONE);
	assert_string_equal(d.out.data,
	    "usage: kiln bake [--state DIR] [--json] WORD\n\nBake.\n");
}

static void
options_out_of_the_table_are_refused_by_name(void **state)
{
	RUN a = run(ARGS("bake", "--frob"));
	RUN b = run(ARGS("bake", "--json", "--state"));
	RUN c = run(ARGS("bake", "--json=1"));

	(void)state;
	assert_int_equal(a.code, EXIT_USAGE);
	assert_string_equal(a.err.data,
	    "kiln bake: unknown option --frob; see kiln bake --help\n");
	assert_int_equal(b.code, EXIT_USAGE);
	assert_string_equal(b.err.data,
	    "kiln bake: --state needs a value; see kiln bake --help\n");
	assert_int_equal(c.code, EXIT_USAGE);
	assert_string_equal(c.out.data, "");
}

static void
results_that_cannot_be_written_are_a_failure(void **state)
{
	int status;
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		char *argv[] = { program.name ? strdup("kiln") : NULL,
			strdup("--version"), NULL };
		int full = open("/dev/full", O_WRONLY);

		dup2(full, 1);
		dup2(full, 2);
		_exit(cli_main(&program, 2, argv));
	}
	waitpid(pid, &status, 0);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), EXIT_FAILED);
}

static void
near_words_are_near(void **state)
{
	static const struct {
		const char *typed, *word;
		bool near;
	} all[] = {
		{ "lokc", "lock", true },
		{ "summry", "summary", true },
		{ "sumary", "summary", true },
		{ "lock", "lock", true },
		{ "a", "b", false },
		{ "", "b", false },
		{ "bundle", "why", false },
		{ "reproduce-this-very-long-word-that-does-not-end-in-time",
		    "reproduce", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		struct near n;

		near_init(&n, all[i].typed);
		near_try(&n, all[i].word);
		assert_int_equal(n.best != NULL, all[i].near);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_command_gets_its_own_arguments),
		cmocka_unit_test(help_is_a_result_and_no_command_a_mistake),
		cmocka_unit_test(every_command_tells_its_usage),
		cmocka_unit_test(the_version_is_told),
		cmocka_unit_test(an_unknown_word_names_the_nearest),
		cmocka_unit_test(a_failure_is_a_sentence_a_cause_and_a_status),
		cmocka_unit_test(
		    options_go_where_the_table_says_and_words_stay),
		cmocka_unit_test(options_out_of_the_table_are_refused_by_name),
		cmocka_unit_test(results_that_cannot_be_written_are_a_failure),
		cmocka_unit_test(near_words_are_near),
	};

	return cmocka_run_group_tests_name("cli", tests, NULL, NULL);
}
