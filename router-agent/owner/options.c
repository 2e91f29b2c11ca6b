#include "router-agent/owner/options.h"

#include <getopt.h>
#include <stdio.h>
#include <unistd.h>

#include "lib/cli.h"
#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/own.h"
#include "router-agent/conf.h"
#include "router-agent/owner/status.h"

#define STATUS_MAX (1 << 20)

/* The owner's own file, or what was installed. */
static const char *
usual_config(void)
{
	return access(AGENT_CONF_DEFAULT, F_OK) == -1 &&
		       access(AGENT_CONF_KEPT, F_OK) == 0
		   ? AGENT_CONF_KEPT
		   : AGENT_CONF_DEFAULT;
}

int
options_words(int argc, char **argv, int least, int most, const char *form,
    struct options *o)
{
	static const struct option longs[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "deadline", required_argument, NULL, 'd' },
		{ "json", no_argument, NULL, 'j' },
		{ "once", no_argument, NULL, '1' },
		{ "plan", required_argument, NULL, 'p' },
		{ "previous", no_argument, NULL, 'P' },
		{ "show", no_argument, NULL, 's' },
		{ "syslog", no_argument, NULL, 'l' },
		{ "tcp", no_argument, NULL, 't' },
		{ "why", no_argument, NULL, 'w' },
		{ 0 },
	};
	int c;

	*o = (struct options){ .name = argv[0], .config = usual_config() };
	snprintf(o->where, sizeof(o->where), "kiln-agent %s", argv[0]);
	optind = 1;
	opterr = 0;
	while ((c = getopt_long(argc, argv, ":c:n", longs, NULL)) != -1) {
		switch (c) {
		case 'c':
			o->config = optarg;
			o->given = true;
			break;
		case 'd':
			o->deadline = optarg;
			break;
		case 'j':
			o->json = true;
			break;
		case 'p':
			o->plan = optarg;
			break;
		case 'P':
			o->previous = true;
			break;
		case '1':
			o->once = true;
			break;
		case 's':
			o->show = true;
			break;
		case 'l':
			o->syslog = true;
			break;
		case 'n':
			o->check = true;
			break;
		case 't':
			o->tcp = true;
			break;
		case 'w':
			o->why = true;
			break;
		case ':':
			return cli_usage(
			    o->where, "%s needs a value", argv[optind - 1]);
		default:
			return cli_usage(
			    o->where, "unknown option %s", argv[optind - 1]);
		}
	}
	o->words = argv + optind;
	o->n = argc - optind;
	if (o->n >= least && o->n <= most)
		return 0;
	return form ? cli_usage(o->where, "%s", form)
		    : cli_usage(o->where, "too many words: %s", o->words[most]);
}

int
options_parse(int argc, char **argv, struct options *o)
{
	return options_words(argc, argv, 0, 0, NULL, o);
}

int
options_state(const struct options *o, struct err *err)
{
	auto_agent_conf struct agent_conf conf = { 0 };

	if (agent_conf_read(&conf, o->config, err) == -1)
		return -1;
	return dir_open(conf.state, err);
}

json_t *
options_status(const struct options *o, struct err *err)
{
	auto_agent_conf struct agent_conf conf = { 0 };
	auto_buf struct buf bytes = BUF_INIT;
	auto_fd int dir = -1;

	if (agent_conf_read(&conf, o->config, err) == -1)
		return NULL;
	dir = status_dir(conf.state, false, err);
	if (dir == -1 ||
	    file_read_at(dir, STATUS_FILE, STATUS_MAX, &bytes, err) == -1) {
		if (err->cls == ERR_MISSING)
			err_set(err, ERR_MISSING,
			    "the agent of %s has not run since the last boot",
			    o->config);
		return NULL;
	}
	return js_record(
	    STATUS_FILE, "kiln/agent-status", 1, bytes.data, bytes.len, err);
}
