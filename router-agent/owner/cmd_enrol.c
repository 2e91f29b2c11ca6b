/* kiln-agent enrol. */
#include <stdio.h>
#include <unistd.h>

#include "lib/cli.h"
#include "lib/own.h"
#include "router-agent/clock.h"
#include "router-agent/owner/commands.h"
#include "router-agent/owner/enrol.h"
#include "router-agent/owner/options.h"

/* One line of standard input: a command line is seen by everybody. */
static int
read_token(char token[ENROL_TOKEN], struct err *err)
{
	char line[ENROL_TOKEN + 1];

	if (isatty(STDIN_FILENO))
		fputs("token: ", stderr);
	if (fgets(line, sizeof(line), stdin) == NULL)
		return err_set(err, ERR_INPUT,
		    "a token is read from standard input, one line");
	return enrol_token(line, token, err);
}

static int
enrol(const struct agent_conf *conf, int state, const char *token,
    char router[HASH_HEX], struct err *err)
{
	static const struct clock none;
	struct fetcher *f = fetcher_start(NULL, NULL, err);
	struct clock_facts facts;
	struct clock_view view;
	int ret;

	if (f == NULL)
		return -1;
	/* What the verifier has learnt of the time is no reading for root. */
	clock_ask(&facts);
	clock_judge(&none, &facts, 0, &view);
	fetcher_at(f, clock_for_tls(&view));
	ret = enrol_post(conf, f, state, token, router, err);
	fetcher_stop(f);
	return ret;
}

int
cmd_enrol(int argc, char **argv)
{
	auto_agent_conf struct agent_conf conf = { 0 };
	char token[ENROL_TOKEN], router[HASH_HEX];
	auto_fd int state = -1;
	struct err err = ERR_INIT;
	struct options o;
	int ret = options_words(
	    argc, argv, 0, 0, "the token is read from standard input", &o);

	if (ret != 0)
		return ret;
	if (agent_conf_read(&conf, o.config, &err) == -1 ||
	    (state = options_state(&o, &err)) == -1 ||
	    read_token(token, &err) == -1 ||
	    enrol(&conf, state, token, router, &err) == -1)
		return cli_fail(o.where, &err, o.json);
	printf(o.json ? "{\"enrolled\":\"%s\"}\n" : "enrolled as %s\n", router);
	return EXIT_DONE;
}
