/* kiln-agent: a router's part of kiln.  See kiln-agent(8). */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "lib/cli.h"
#include "lib/log.h"
#include "router-agent/change/probe.h"
#include "router-agent/change/unpack.h"
#include "router-agent/machine/launch.h"
#include "router-agent/machine/watch.h"
#include "router-agent/owner/commands.h"
#include "router-agent/trust/fetch.h"
#include "router-agent/trust/verify.h"
#include "router-agent/tuf_client.h"

static const struct cli_command commands[] = {
	{ "run", "[--config FILE] [--once] [--syslog] [-n]",
	    "keep this router's services up to date", cmd_run,
	    "  --config FILE   agent.yaml (/etc/kiln/agent.yaml)\n"
	    "  --once          one pass, then stop the machines and exit\n"
	    "  --syslog        talk to syslog instead of stderr\n"
	    "  -n              only check the configuration\n" },
	{ "supervise", "[--config FILE] [--deadline SECONDS] [--syslog]",
	    "run, again and again, and take another program on trial",
	    cmd_supervise,
	    "  --config FILE   agent.yaml (/etc/kiln/agent.yaml)\n"
	    "  --deadline N    seconds that a program on trial has (300)\n"
	    "  --syslog        talk to syslog instead of stderr\n" },
	{ "status", "[--config FILE] [--json] [--why]", "what runs, and why",
	    cmd_status,
	    "  --config FILE   agent.yaml (/etc/kiln/agent.yaml)\n"
	    "  --json          for programs\n"
	    "  --why           one sentence: why it is not newer\n" },
	{ "check", "[--config FILE] [--json]",
	    "verify what is offered and print the plan; change nothing",
	    cmd_check,
	    "  --config FILE   agent.yaml (/etc/kiln/agent.yaml)\n"
	    "  --json          for programs\n" },
	{ "plan", "[--config FILE] [--json]",
	    "what the offered set would do, and that plan's hash", cmd_plan,
	    "  --config FILE   agent.yaml (/etc/kiln/agent.yaml)\n"
	    "  --json          for programs\n" },
	{ "fetch", "[--config FILE] [--json]",
	    "fetch what is offered before its turn comes", cmd_fetch,
	    "  --config FILE   agent.yaml (/etc/kiln/agent.yaml)\n"
	    "  --json          for programs\n" },
	{ "confirm", "[--config FILE] [--json] HASH",
	    "approve a plan: it is carried out in its time", cmd_confirm,
	    "  --config FILE   agent.yaml (/etc/kiln/agent.yaml)\n"
	    "  --json          for programs\n" },
	{ "apply", "[--config FILE] [--json] [--plan HASH]",
	    "carry out the plan now, without waiting for its turn", cmd_apply,
	    "  --plan HASH     only if it is that plan\n"
	    "  --config FILE   agent.yaml (/etc/kiln/agent.yaml)\n"
	    "  --json          for programs\n" },
	{ "hold", "[--config FILE] [--json] DURATION | off",
	    "take no other set for a while", cmd_hold,
	    "  --config FILE   agent.yaml (/etc/kiln/agent.yaml)\n"
	    "  --json          for programs\n" },
	{ "pin", "[--config FILE] [--json] [off]",
	    "stay with what runs until told otherwise", cmd_pin,
	    "  --config FILE   agent.yaml (/etc/kiln/agent.yaml)\n"
	    "  --json          for programs\n" },
	{ "rollback", "[--config FILE] [--json] [--previous]",
	    "undo the set on trial: the one before serves again", cmd_rollback,
	    "  --previous      none is on trial: back to the set before, and\n"
	    "                  stay there\n"
	    "  --config FILE   agent.yaml (/etc/kiln/agent.yaml)\n"
	    "  --json          for programs\n" },
	{ "report", "--show [--config FILE] [--json]",
	    "print the reports that wait to be sent", cmd_report,
	    "  --show          one line each\n"
	    "  --config FILE   agent.yaml (/etc/kiln/agent.yaml)\n"
	    "  --json          all of them as one array\n" },
	{ "history", "[--config FILE] [--json]", "what became of each set",
	    cmd_history,
	    "  --config FILE   agent.yaml (/etc/kiln/agent.yaml)\n"
	    "  --json          for programs\n" },
	{ "verify", "[--config FILE] [--json]",
	    "hash the files of the running, previous and golden set",
	    cmd_verify,
	    "  --config FILE   agent.yaml (/etc/kiln/agent.yaml)\n"
	    "  --json          for programs\n" },
	{ "doctor", "[--config FILE] [--json]",
	    "what this router lacks, if anything", cmd_doctor,
	    "  --config FILE   agent.yaml (/etc/kiln/agent.yaml)\n"
	    "  --json          for programs\n" },
	{ "console", "[--config FILE] [--json] SERVICE",
	    "what a service's machine has said", cmd_console,
	    "  --config FILE   agent.yaml (/etc/kiln/agent.yaml)\n"
	    "  --json          for programs\n" },
	{ "install", "[--config FILE] [--json] FILE",
	    "make this machine a router, by one file from its farm",
	    cmd_install,
	    "  --config FILE   agent.yaml (/var/lib/kiln-agent/agent.yaml)\n"
	    "  --json          for programs\n" },
	{ "import", "[--config FILE] [--json] FOLDER | FILE",
	    "take the newest set from a USB stick instead of a server",
	    cmd_import,
	    "  --config FILE   agent.yaml (/etc/kiln/agent.yaml)\n"
	    "  --json          for programs\n" },
	{ "enrol", "[--config FILE] [--json]",
	    "come to the servers' fleet, by a token from standard input",
	    cmd_enrol,
	    "  --config FILE   agent.yaml (/etc/kiln/agent.yaml)\n"
	    "  --json          for programs\n" },
	{ "import-dnsmasq", "[--json] FILE",
	    "turn a dnsmasq.conf into the dns-dhcp service's configuration",
	    cmd_import_dnsmasq, "  --json          for programs\n" },
	{ "probe", "dns ADDRESS NAME [TYPE] [--tcp]",
	    "ask a DNS server one question", cmd_probe,
	    "  TYPE            A, AAAA or TXT (A)\n"
	    "  --tcp           over TCP from the start\n" },
	{ "tuf-client", "…", "what the TUF conformance tests drive",
	    tuf_client_main, NULL },
	{ 0 },
};

static const struct cli_program program = {
	"kiln-agent",
	"runs a router's services as verified virtual machines",
	commands,
};

/* Duties are processes of their own: the program started again. */
static int
duty(const char *name, int argc, char **argv)
{
	log_open("kiln-agent", false);
	if (strcmp(name, "stick") == 0)
		return stick_main();
	if (strcmp(name, "verify") == 0)
		return verify_main(argc > 0);
	if (strcmp(name, "unpack") == 0)
		return unpack_main();
	if (strcmp(name, "launch") == 0)
		return launch_main(argc, argv);
	if (strcmp(name, "watch") == 0)
		return watch_main();
	if (strcmp(name, "probe") == 0)
		return probe_main();
	return EXIT_USAGE;
}

int
main(int argc, char **argv)
{
	/* A file that may not grow is an error, as on a full disk. */
	signal(SIGXFSZ, SIG_IGN);
	if (argc >= 3 && strcmp(argv[1], "-x") == 0)
		return duty(argv[2], argc - 3, argv + 3);
	/* Its own contract: exit status 0 or 1. */
	if (argc >= 2 && strcmp(argv[1], "tuf-client") == 0)
		return tuf_client_main(argc - 1, argv + 1);
	return cli_main(&program, argc, argv);
}
