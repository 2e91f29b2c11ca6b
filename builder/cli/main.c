/* kiln: the operator's and the doubter's command. */
#include <string.h>

#include "builder/bake/env_crew.h"
#include "builder/cli/cmd.h"
#include "builder/cli/cosigner.h"
#include "builder/cli/watch.h"
#include "builder/inputs/worker.h"
#include "builder/judge/differ.h"
#include "builder/keep/backup.h"
#include "lib/log.h"

static const struct cli_command commands[] = {
	{ "up", "[--demo] [--once] [--state DIR] [--recipe NAME]... [--all]",
	    "start the farm: builder, repository, dashboard", cmd_up,
	    "  --demo          make throw-away keys and start a demonstration "
	    "router\n"
	    "  --once          one cycle, then exit 0, or name the step that "
	    "failed\n"
	    "  --state DIR     folder of the farm (./var in a checkout, else "
	    "/var/lib/kiln)\n"
	    "  --recipes DIR   recipes (./recipes in a checkout)\n"
	    "  --recipe NAME   only this recipe and what it uses; may be "
	    "repeated\n"
	    "  --all           every recipe (--demo: only what its router "
	    "needs)\n"
	    "  --listen A:P    dashboard (127.0.0.1:8080)\n"
	    "  --jobs N        builds at once (as many as cores)\n"
	    "  --offline       never ask the archive: build from the locks\n"
	    "  --verbose       what each program says, on stderr too\n" },
	{ "recipe", "new [--recipes DIR] NAME | sign --key FILE NAME",
	    "begin a service of your own, or sign a recipe as its maintainer",
	    cmd_recipe,
	    "  --recipes DIR   the recipes (./recipes in a checkout)\n"
	    "  --key FILE      sign: kiln-tuf key's, or a pkcs11: URI\n"
	    "  --passphrase-file FILE  of the key\n"
	    "  --yes           do not ask before signing\n" },
	{ "build", "[--state DIR] [--recipes DIR] [--offline] RECIPE...",
	    "bake these recipes, in both lanes, and say what came of it",
	    cmd_build,
	    "  --state DIR     folder of the farm (./var in a checkout, else "
	    "/var/lib/kiln)\n"
	    "  --recipes DIR   recipes (./recipes in a checkout)\n"
	    "  --jobs N        builds at once (as many as cores)\n"
	    "  --offline       never ask the archive: build from the locks\n"
	    "  --verbose       what kiln-builder says, on stderr too\n" },
	{ "lock", "export RECIPE FILE | import FILE | show RECIPE|DIGEST",
	    "carry a lock with all its bytes from farm to farm", cmd_lock,
	    "  --state DIR     folder of the farm\n"
	    "  --json          show: the lock as it is\n" },
	{ "plan", "[--json] [--bump PACKAGE=VERSION]",
	    "what would be rebuilt, and for how long, without doing it",
	    cmd_plan,
	    "  --state DIR     folder of the farm\n"
	    "  --recipes DIR   the recipes (./recipes in a checkout)\n"
	    "  --bump P=V      a package or source package, and its new "
	    "version\n"
	    "  --json          as JSON\n" },
	{ "builds", "[--json]", "what runs, what waits and why, what is held",
	    cmd_builds,
	    "  --state DIR     folder of the farm\n"
	    "  --json          as JSON\n" },
	{ "exec", "status [--json]",
	    "where builds run: nodes, placement, what waits there and why",
	    cmd_exec,
	    "  --state DIR     folder of the farm\n"
	    "  --json          as JSON\n" },
	{ "why", "[--json] RECIPE|RUN|PLAN | --cycle N|last | --event N|last",
	    "the chain from an event to a build, and what a cycle cost",
	    cmd_why,
	    "  --state DIR     folder of the farm\n"
	    "  --cycle N       what that cycle (or the last one) executed, "
	    "and\n"
	    "                  the fewest runs that would have done\n"
	    "  --event N       the same for what one event led to, in any "
	    "cycle\n"
	    "  --json          as JSON\n" },
	{ "sbom", "[--arch ARCH] [--format F] IMAGE|SERVICE",
	    "what went into an image, for other tools to read", cmd_sbom,
	    "  --state DIR     folder of the farm\n"
	    "  --arch ARCH     of the service; else this machine's\n"
	    "  --format F      spdx (2.3, JSON), cyclonedx (1.5, JSON) or\n"
	    "                  buildinfo (Debian's)\n" },
	{ "proof", "record FILE... | show [--json] [RECIPE|DIGEST]",
	    "what images were measured to take, and who asked them", cmd_proof,
	    "  record          statements of tests, all of them or none\n"
	    "  show            size, time to the first answer, memory, tests\n"
	    "  --state DIR     folder of the farm\n"
	    "  --json          as JSON\n" },
	{ "reproduce", "[--from URL] [--root FILE | --tofu] [--json] WHAT",
	    "build somebody else's artifact again, trusting nobody",
	    cmd_reproduce,
	    "  WHAT            a SHA-256, the number of a build, the URL of a "
	    "page of\n"
	    "                  one of the two, a bundle NAME.kiln, or a file\n"
	    "  --from URL      the farm that says what it was built from\n"
	    "  --root FILE     root metadata to judge who signs for it by\n"
	    "  --tofu          take the farm's own root the first time\n"
	    "  --unpublished   do not ask who signs for it\n"
	    "  --lanes A|B|AB  how to build (AB: once quietly, once contrary)\n"
	    "  --jobs N        builds at once (as many as cores)\n"
	    "  --keep          keep what comes out, and say where\n"
	    "  --diff          where it differs, and what is the cause\n"
	    "  --deep          … and what diffoscope says of it\n"
	    "  --state DIR     folder to work in (/var/cache/kiln, "
	    "~/.cache/kiln)\n"
	    "  --config FILE   kiln.yaml(5), for its mirrors and \"doubt\"\n"
	    "  --json          as JSON\n" },
	{ "bundle", "[--unpublished] WHAT FILE.kiln",
	    "all that a reproduction wants in one file", cmd_bundle,
	    "  WHAT            a recipe, a SHA-256, or the number of a "
	    "build\n"
	    "  --unpublished   without asking who signs for it\n"
	    "  --state DIR     folder of the farm\n"
	    "  --json          a failure as JSON\n" },
	{ "explain", "[--json | --deep] RECIPE|RUN|PLAN",
	    "why a plan differs: build it again until one thing flips it",
	    cmd_explain,
	    "  --state DIR     folder of the farm\n"
	    "  --config FILE   kiln.yaml(5)\n"
	    "  --deep          what diffoscope says of the outputs, too\n"
	    "  --json          as JSON\n" },
	{ "fleet",
	    "token [GROUP [LIFETIME]] | list [STANDING] |"
	    " accept|hold|retire DEVICE [REASON] | update PACKAGE [ask]",
	    "which devices belong to the fleet", cmd_fleet,
	    "  token           prints a token that lets in one device, once;\n"
	    "                  it lives for a day unless said\n"
	    "  update          which sets hold a package, who runs them, and "
	    "the one\n"
	    "                  promotion that mends them; ask: of the release "
	    "key\n"
	    "  --state DIR     folder of the farm\n" },
	{ "log", "verify [--from URL] [--root FILE | --tofu] [--quick]",
	    "is the log of what was said of runs whole, and the one seen "
	    "before?",
	    cmd_log,
	    "  --from URL      a farm's server, instead of the farm here\n"
	    "  --root FILE     the TUF root to judge by "
	    "(/etc/kiln/root.json)\n"
	    "  --tofu          the server's own first root, which is shown\n"
	    "  --seen DIR      what was seen stays here "
	    "(~/.local/state/kiln-log)\n"
	    "  --statement HEX is this one in it? (exit 3: no)\n"
	    "  --quick         do not read all entries\n"
	    "  --state DIR     folder of the farm\n"
	    "  --json          as JSON\n" },
	{ "rebuilder", "--follow URL --key FILE [--once] [--poll TIME]",
	    "sign what a farm publishes, once it came out of builds here",
	    cmd_rebuilder,
	    "  --follow URL    the farm\n"
	    "  --key FILE      kiln-tuf key's; its journal lies beside it\n"
	    "  --passphrase-file FILE  of the key\n"
	    "  --poll TIME     look so often (5m)\n"
	    "  --once          look once; exit 3: something was not signed\n"
	    "  --lanes A|B|AB  how to build (AB)\n"
	    "  --state DIR     folder to work in (/var/cache/kiln, "
	    "~/.cache/kiln)\n"
	    "  --config FILE   kiln.yaml(5), for its mirrors\n" },
	{ "gc", "[--dry-run] [--verbose] [--json]",
	    "remove what nothing needs, and say why the rest stays", cmd_gc,
	    "  --state DIR     folder of the farm\n"
	    "  --config FILE   kiln.yaml(5), for its \"keep\"\n"
	    "  --dry-run       only say what would go\n"
	    "  --verbose       what stays one by one, not by reason\n"
	    "  --json          as JSON\n" },
	{ "verify", "[--dry-run] [--offline] [--json]",
	    "read all of it, name what is damaged, mend what can be had again",
	    cmd_verify,
	    "  --state DIR     folder of the farm\n"
	    "  --config FILE   kiln.yaml(5), for its mirrors\n"
	    "  --dry-run       only look\n"
	    "  --offline       fetch nothing\n"
	    "  --json          as JSON\n" },
	{ "doctor", "[--json]", "the usual troubles, each with its remedy",
	    cmd_doctor,
	    "  --state DIR     folder of the farm\n"
	    "  --config FILE   kiln.yaml(5)\n"
	    "  --json          as JSON\n" },
	{ "backup", "[--keep N] [--list] [--json] FOLDER",
	    "copy databases, store and keys, while the farm runs", cmd_backup,
	    "  --state DIR     folder of the farm\n"
	    "  --keep N        how many backups stay in FOLDER (7)\n"
	    "  --list          only say which are there\n"
	    "  --json          as JSON\n" },
	{ "restore", "[--at TIME] [--state DIR] [--json] FOLDER",
	    "make a farm again from a backup", cmd_restore,
	    "  --state DIR     where: a folder that is not there yet\n"
	    "  --at TIME       which backup (the newest)\n"
	    "  --json          as JSON\n" },
	{ 0 },
};

const struct cli_program kiln_program = {
	"kiln",
	"bakes a router's services twice and publishes what came out equal",
	commands,
};

int
main(int argc, char **argv)
{
	log_open("kiln", false);
	if (argc == 3 && strcmp(argv[1], "-x") == 0 &&
	    strcmp(argv[2], "watch") == 0)
		return watch_main();
	if (argc == 3 && strcmp(argv[1], "-x") == 0 &&
	    strcmp(argv[2], "cosign") == 0)
		return cosigner_main();
	if (argc == 3 && strcmp(argv[1], "-x") == 0 &&
	    strcmp(argv[2], "env") == 0)
		return env_main();
	if (argc == 3 && strcmp(argv[1], "-x") == 0 &&
	    strcmp(argv[2], "differ") == 0)
		return differ_main();
	if (argc == 3 && strcmp(argv[1], "-x") == 0 &&
	    strcmp(argv[2], "backup") == 0)
		return backup_child();
	if (argc == 3 && strcmp(argv[1], "-x") == 0)
		return worker_main(argv[2]);
	return cli_main(&kiln_program, argc, argv);
}
