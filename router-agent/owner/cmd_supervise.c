/* kiln-agent supervise. */
#include <getopt.h>
#include <limits.h>
#include <unistd.h>

#include "lib/cli.h"
#include "lib/log.h"
#include "lib/num.h"
#include "router-agent/conf.h"
#include "router-agent/owner/commands.h"
#include "router-agent/owner/options.h"
#include "router-agent/supervise.h"

#define PAUSE_MS 1000

int
cmd_supervise(int argc, char **argv)
{
	auto_agent_conf struct agent_conf conf = { 0 };
	char exe[PATH_MAX];
	struct err err = ERR_INIT;
	struct options o;
	int64_t seconds = SUPERVISE_DEADLINE_MS / 1000;
	int ret = options_parse(argc, argv, &o);
	ssize_t n;

	if (ret != 0)
		return ret;
	if (o.deadline && num_int(o.deadline, 1, 86400, &seconds, &err) == -1)
		return cli_usage(o.where, "--deadline: %s", err.msg);
	/* The folder is needed once; a later fault of the file is the
	 * agent's to tell. */
	if (agent_conf_read(&conf, o.config, &err) == -1)
		return cli_fail(o.where, &err, false);
	log_open("kiln-agent", o.syslog);
	n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	if (n == -1) {
		err_sys(&err, "find the running program");
		return cli_fail(o.where, &err, false);
	}
	exe[n] = '\0';
	const struct supervise s = {
		.state = conf.state,
		.config = o.config,
		.installed = exe,
		.deadline_ms = 1000 * seconds,
		.pause_ms = PAUSE_MS,
		.syslog = o.syslog,
	};
	if (supervise(&s, &err) == -1)
		return cli_fail(o.where, &err, false);
	return EXIT_DONE;
}
