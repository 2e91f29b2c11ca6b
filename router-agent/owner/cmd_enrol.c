/* The device comes to a fleet: with its key, and a token that works once. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/canon.h"
#include "lib/cli.h"
#include "lib/hex.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "router-agent/conf.h"
#include "router-agent/owner/commands.h"
#include "router-agent/owner/options.h"
#include "router-agent/owner/report.h"
#include "router-agent/trust/fetch.h"

#define TOKEN_TEXT 65

/* One line of standard input: a command line is seen by everybody. */
static int
read_token(char token[TOKEN_TEXT], struct err *err)
{
	char line[TOKEN_TEXT + 2];
	uint8_t bytes[32];

	if (isatty(STDIN_FILENO))
		fputs("token: ", stderr);
	if (fgets(line, sizeof(line), stdin) == NULL)
		return err_set(err, ERR_INPUT,
		    "a token is read from standard input, one line");
	line[strcspn(line, "\n")] = '\0';
	if (!hex_decode(bytes, sizeof(bytes), line, strlen(line)))
		return err_set(
		    err, ERR_INPUT, "a token is 64 lower-case hex digits");
	memcpy(token, line, TOKEN_TEXT);
	return 0;
}

/* {"enrol":{…},"key","sig"}: docs/formats.md. */
static int
make(int state, const char *token, struct buf *out, char router[HASH_HEX],
    struct err *err)
{
	auto_buf struct buf body = BUF_INIT;
	json_t *j = js_record_new("kiln/enrol", 1);
	struct sig_public pub;
	struct sig_seed seed;
	struct hash id;

	if (report_key(state, &seed, &pub, err) == -1) {
		json_decref(j);
		return -1;
	}
	hash_bytes(&id, pub.b, sizeof(pub.b));
	hash_hex(&id, router);
	js_set_str(j, "router", router);
	js_set_str(j, "token", token);
	return report_seal("enrol", j, &seed, &pub, &body, out, err);
}

/* The first server that answers decides; a page is nobody's answer. */
static int
post(const struct agent_conf *conf, const struct buf *text, struct err *err)
{
	struct fetcher *f = fetcher_start(NULL, NULL, err);
	struct fetch_reply reply = { 0 };
	int ret = -1;

	if (f == NULL)
		return -1;
	for (size_t i = 0; ret == -1 && i < conf->nservers; i++) {
		auto_free char *url =
		    mem_printf("%s/api/v1/enrol", conf->servers[i]);

		err_clear(err);
		ret = fetcher_post(f, url, "application/json", text->data,
		    text->len, &reply, err);
		if (ret == 0 && !reply.object)
			ret = err_set(err, ERR_BUSY,
			    "%.200s: a page came (%d) and no answer: does "
			    "this network want a login?",
			    url, reply.status);
	}
	fetcher_stop(f);
	if (ret == -1 || (reply.status >= 200 && reply.status <= 299))
		return ret;
	if (reply.status == 403)
		return err_set(err, ERR_TRUST,
		    "refused: the token is unknown, has ended or let in "
		    "another device, or this device was retired");
	return err_set(err,
	    reply.status == 429 || reply.status >= 500 ? ERR_BUSY : ERR_INPUT,
	    "the server answered %d", reply.status);
}

int
cmd_enrol(int argc, char **argv)
{
	static const char where[] = "kiln-agent enrol";
	auto_agent_conf struct agent_conf conf = { 0 };
	auto_buf struct buf text = BUF_INIT;
	char token[TOKEN_TEXT], router[HASH_HEX];
	auto_fd int state = -1;
	struct err err = ERR_INIT;
	struct options o;
	int ret = options_parse(argc, argv, where, &o);

	if (ret != 0)
		return ret;
	if (optind < argc)
		return cli_usage(
		    where, "the token is read from standard input");
	if (agent_conf_read(&conf, o.config, &err) == -1 ||
	    (state = options_state(&o, &err)) == -1 ||
	    read_token(token, &err) == -1 ||
	    make(state, token, &text, router, &err) == -1 ||
	    post(&conf, &text, &err) == -1)
		return cli_fail(where, &err, o.json);
	printf(o.json ? "{\"enrolled\":\"%s\"}\n" : "enrolled as %s\n", router);
	return EXIT_DONE;
}
