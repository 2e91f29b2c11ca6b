/* kiln fleet: devices, their tokens, and a flaw's one act.  web.db has one
 * writing program, so kiln-web does it: this is its command by the name that
 * people look for. */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "builder/cli/cmd.h"
#include "lib/err.h"
#include "lib/mem.h"
#include "lib/own.h"

#define WHERE "kiln fleet"
#define WORDS 8

static char *
beside_us(const char *name, struct err *err)
{
	char exe[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	char *slash;

	if (n < 0) {
		err_sys(err, "look at /proc/self/exe");
		return NULL;
	}
	exe[n] = '\0';
	slash = strrchr(exe, '/');
	return mem_printf("%.*s/%s", (int)(slash - exe), exe, name);
}

int
cmd_fleet(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "state", required_argument, NULL, 's' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	const char *words[WORDS + 5] = { "kiln-web", NULL };
	auto_free char *program = NULL;
	struct err err = ERR_INIT;
	size_t n = 1;
	int c;

	/* Options come first: a reason may begin with a dash. */
	while ((c = getopt_long(argc, argv, "+", longs, NULL)) != -1)
		if (c == 's') {
			words[n++] = "--state";
			words[n++] = optarg;
		} else if (c == 'h') {
			return cli_help(&kiln_program, "fleet");
		} else {
			return EXIT_USAGE;
		}
	if (optind == argc || argc - optind > WORDS || n > 3)
		return cli_usage(WHERE,
		    "token [GROUP [LIFETIME]], list [STANDING], update "
		    "PACKAGE [ask], or accept, hold, retire DEVICE [REASON]");
	words[n++] = "--";
	words[n++] = "fleet";
	while (optind < argc)
		words[n++] = argv[optind++];
	program = beside_us("kiln-web", &err);
	if (program) {
		execv(program, (char *const *)words);
		err_sys(&err, "start %s", program);
	}
	return cli_fail(WHERE, &err, false);
}
