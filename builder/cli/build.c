/* kiln build: `kiln up --once` of some recipes, without all that publishes. */
#include <getopt.h>

#include "builder/cli/cmd.h"
#include "builder/cli/up.h"

int
cmd_build(int argc, char **argv)
{
	struct up u = UP_INIT("kiln build");
	const struct cli_option options[] = {
		{ "state", .text = &u.state_arg },
		{ "recipes", .text = &u.recipes_arg },
		{ "jobs", .text = &u.jobs },
		{ "offline", .flag = &u.offline },
		{ "verbose", .flag = &u.verbose },
		{ 0 },
	};
	int rc = cli_options(&kiln_program, argc, argv, options);

	if (rc != -1)
		return rc;
	if (optind == argc)
		return cli_usage(u.name, "name one recipe or more");
	for (; optind < argc; optind++)
		if (up_only(&u, argv[optind]) == -1)
			return EXIT_USAGE;
	u.once = u.alone = true;
	return up_run(&u);
}
