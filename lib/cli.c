/* Tables of commands. */
#include <assert.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "lib/cli.h"
#include "lib/mem.h"
#include "lib/near.h"
#include "lib/own.h"

static const char *const class_words[] = {
	[ERR_NONE] = "none",
	[ERR_SYSTEM] = "system",
	[ERR_INPUT] = "input",
	[ERR_TRUST] = "trust",
	[ERR_MISSING] = "missing",
	[ERR_BUSY] = "busy",
};

static const struct cli_command *
find(const struct cli_program *p, const char *name)
{
	for (const struct cli_command *c = p->commands; c->name; c++)
		if (strcmp(c->name, name) == 0)
			return c;
	return NULL;
}

static void
list(const struct cli_program *p, FILE *to)
{
	int width = 0;

	for (const struct cli_command *c = p->commands; c->name; c++)
		if ((int)strlen(c->name) > width)
			width = (int)strlen(c->name);
	fprintf(to, "usage: %s COMMAND ...\n\n%s\n\nCommands:\n", p->name,
	    p->summary);
	for (const struct cli_command *c = p->commands; c->name; c++)
		fprintf(to, "  %-*s  %s\n", width, c->name, c->summary);
	fprintf(to,
	    "\n\"%s COMMAND --help\" tells more; \"%s --version\" the "
	    "version.\n",
	    p->name, p->name);
}

static int
unknown(const struct cli_program *p, const char *word)
{
	struct near near;

	if (word[0] == '-')
		return cli_usage(p->name, "unknown option %s", word);
	near_init(&near, word);
	for (const struct cli_command *c = p->commands; c->name; c++)
		near_try(&near, c->name);
	if (near.best)
		return cli_usage(p->name,
		    "unknown command \"%s\" (did you mean \"%s\"?)", word,
		    near.best);
	return cli_usage(p->name, "unknown command \"%s\"", word);
}

/* Results that could not be written are no success. */
static int
finish(const struct cli_program *p, int code)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return code;
	fprintf(stderr, "%s: cannot write to standard output\n", p->name);
	return code ? code : EXIT_FAILED;
}

int
cli_main(const struct cli_program *p, int argc, char **argv)
{
	const struct cli_command *c;

	if (argc < 2) {
		list(p, stderr);
		return EXIT_USAGE;
	}
	if (strcmp(argv[1], "--version") == 0) {
		printf("%s %s\n", p->name, KILN_VERSION);
		return finish(p, EXIT_DONE);
	}
	c = find(p, argv[1]);
	if (!c &&
	    (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
		strcmp(argv[1], "help") == 0)) {
		if (argc > 2 && !find(p, argv[2]))
			return unknown(p, argv[2]);
		if (argc > 2)
			return finish(p, cli_help(p, argv[2]));
		list(p, stdout);
		return finish(p, EXIT_DONE);
	}
	if (!c)
		return unknown(p, argv[1]);
	if (argc > 2 && strcmp(argv[2], "--help") == 0)
		return finish(p, cli_help(p, c->name));
	return finish(p, c->run(argc - 1, argv + 1));
}

int
cli_help(const struct cli_program *p, const char *command)
{
	const struct cli_command *c = find(p, command);

	if (!c) {
		list(p, stdout);
		return EXIT_DONE;
	}
	printf("usage: %s %s%s%s\n\n%s\n", p->name, c->name,
	    c->usage && c->usage[0] ? " " : "", c->usage ? c->usage : "",
	    c->summary);
	if (c->help && c->help[0])
		printf("\n%s%s", c->help,
		    c->help[strlen(c->help) - 1] == '\n' ? "" : "\n");
	return EXIT_DONE;
}

/* libc's table of them, with --help behind them. */
static size_t
longs_of(const struct cli_option *options, struct option *longs)
{
	size_t n = 0;

	for (; options[n].name; n++) {
		assert(n < CLI_OPTIONS_MAX);
		longs[n] = (struct option){ options[n].name,
			options[n].text ? required_argument : no_argument, NULL,
			0 };
	}
	longs[n] = (struct option){ "help", no_argument, NULL, 0 };
	return n;
}

int
cli_options(const struct cli_program *p, int argc, char **argv,
    const struct cli_option *options)
{
	auto_free char *where = mem_printf("%s %s", p->name, argv[0]);
	struct option longs[CLI_OPTIONS_MAX + 2] = { 0 };
	size_t help = longs_of(options, longs);
	int c, at;

	opterr = 0;
	while ((c = getopt_long(argc, argv, ":", longs, &at)) != -1) {
		if (c == ':' || c == '?')
			return cli_usage(where,
			    c == ':' ? "%s needs a value" : "unknown option %s",
			    argv[optind - 1]);
		if ((size_t)at == help)
			return cli_help(p, argv[0]);
		if (options[at].text)
			*options[at].text = optarg;
		else
			*options[at].flag = true;
	}
	return -1;
}

int
cli_usage(const char *where, const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "%s: ", where);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, "; see %s --help\n", where);
	return EXIT_USAGE;
}

int
cli_fail(const char *where, const struct err *err, bool json)
{
	const char *cause = err_cause(err);

	fprintf(stderr, "%s: %s (cause=%s)\n", where, err->msg, cause);
	if (json) {
		json_t *j = json_pack("{s:{s:s, s:s, s:s+}}", "error", "class",
		    class_words[err->cls], "cause", cause, "message", err->msg,
		    "");

		/* A sentence with foreign bytes that are no UTF-8. */
		if (!j)
			j = json_pack("{s:{s:s, s:s, s:s}}", "error", "class",
			    class_words[err->cls], "cause", cause, "message",
			    "see standard error");
		json_dumpf(j, stdout, JSON_COMPACT);
		putchar('\n');
		json_decref(j);
	}
	return err_exit(err);
}
