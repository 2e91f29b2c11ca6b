/*
 * Command lines: a table of name, usage, summary and function; a table of
 * options, or libc getopt, inside each function.  Results on stdout, talk on
 * stderr.
 */
#ifndef KILN_CLI_H
#define KILN_CLI_H

#include <stdbool.h>

#include "lib/attr.h"
#include "lib/err.h"

struct cli_command {
	const char *name;		   /* NULL ends the table */
	const char *usage;		   /* "[--json] BUILD" */
	const char *summary;		   /* one line */
	int (*run)(int argc, char **argv); /* argv[0] is the command's name */
	const char *help; /* options, one a line, for `--help`; may be NULL */
};

struct cli_program {
	const char *name;
	const char *summary;
	const struct cli_command *commands;
};

/* Finds argv[1] in the table and runs it; handles --help, help, --version and
 * unknown words (exit 2, with the nearest command named). */
int cli_main(const struct cli_program *, int argc, char **argv);
/* An option of a command, and where it goes; one of the two is set. */
struct cli_option {
	const char *name;  /* "state", for --state; NULL ends the table */
	const char **text; /* it takes a value: the last one given */
	bool *flag;	   /* it takes none, and makes this true */
};
#define CLI_OPTIONS_MAX 16

/* Inside a command: reads its options, and answers --help anywhere among them.
 * -1: other words begin at libc's optind; else the command ends with that. */
int cli_options(const struct cli_program *, int argc, char **argv,
    const struct cli_option *);
/* Inside a command: prints its usage and help, returns 0. */
int cli_help(const struct cli_program *, const char *command);
/* "kiln why: unknown option …; see kiln why --help", returns EXIT_USAGE. */
int cli_usage(const char *where, const char *fmt, ...) KILN_PRINTF(2, 3);
/* "where: sentence (cause=…)" on stderr, and {"error":{…}} on stdout when
 * json; returns err_exit(). */
int cli_fail(const char *where, const struct err *, bool json);

#define KILN_VERSION "0.1.0"

#endif
