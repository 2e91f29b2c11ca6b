#include "router-agent/owner/enrol.h"

#include <string.h>

#include "lib/fdio.h"
#include "lib/hex.h"
#include "lib/json.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "router-agent/agent.h"
#include "router-agent/owner/notice.h"
#include "router-agent/owner/report.h"

#define TOKEN_FILE "token"
#define DONE_FILE "enrolled"

int
enrol_token(const char *line, char token[ENROL_TOKEN], struct err *err)
{
	size_t n = strcspn(line, "\n");
	uint8_t bytes[32];

	if (line[n] != '\0' && line[n + 1] != '\0')
		return err_set(err, ERR_INPUT, "a token is one line");
	if (!hex_decode(bytes, sizeof(bytes), line, n))
		return err_set(
		    err, ERR_INPUT, "a token is 64 lower-case hex digits");
	memcpy(token, line, n);
	token[n] = '\0';
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

static int
judge(int status, struct err *err)
{
	if (status >= 200 && status <= 299)
		return 0;
	if (status == 403)
		return err_set(err, ERR_TRUST,
		    "refused: the token is unknown, has ended or let in "
		    "another device, or this device was retired");
	return err_set(err,
	    status == 429 || status >= 500 ? ERR_BUSY : ERR_INPUT,
	    "the server answered %d", status);
}

/* In a fleet, and no token is needed any more. */
static int
let_in(int state, const char *router, struct err *err)
{
	if (file_write_at(
		state, DONE_FILE, router, strlen(router), 0644, err) == -1 ||
	    file_remove_at(state, TOKEN_FILE, err) == -1)
		return -1;
	return dir_sync(state, err);
}

/* The first server that answers decides; a page is nobody's answer. */
int
enrol_post(const struct agent_conf *conf, struct fetcher *f, int state,
    const char *token, char router[HASH_HEX], struct err *err)
{
	auto_buf struct buf text = BUF_INIT;
	struct fetch_reply reply = { 0 };
	int ret = -1;

	if (make(state, token, &text, router, err) == -1)
		return -1;
	for (size_t i = 0; ret == -1 && i < conf->nservers; i++) {
		auto_free char *url =
		    mem_printf("%s/api/v1/enrol", conf->servers[i]);

		err_clear(err);
		ret = fetcher_post(f, url, "application/json", text.data,
		    text.len, &reply, err);
		if (ret == 0 && !reply.object)
			ret = err_set(err, ERR_BUSY,
			    "%.200s: a page came (%d) and no answer: does "
			    "this network want a login?",
			    url, reply.status);
	}
	if (ret == -1 || judge(reply.status, err) == -1)
		return -1;
	return let_in(state, router, err);
}

/* --- a token that waits --------------------------------------------------- */

int
enrol_leave(int state, const char *token, struct err *err)
{
	if (file_exists_at(state, DONE_FILE))
		return 0;
	return file_write_at(
	    state, TOKEN_FILE, token, strlen(token), 0600, err);
}

void
enrol_waiting(struct agent *a)
{
	auto_buf struct buf line = BUF_INIT;
	char token[ENROL_TOKEN], router[HASH_HEX];
	struct err err = ERR_INIT, why = ERR_INIT;

	if (a->stop || !file_exists_at(a->dir.fd, TOKEN_FILE))
		return;
	if (file_read_at(a->dir.fd, TOKEN_FILE, ENROL_TOKEN, &line, &err) ==
		0 &&
	    enrol_token(line.data, token, &err) == 0 &&
	    enrol_post(&a->conf, a->fetcher, a->dir.fd, token, router, &err) ==
		0) {
		log_info("enrolled", "router=%s", router);
		return;
	}
	err_prefix(&err, "enrolment");
	log_err("enrol", &err);
	if (err.cls != ERR_TRUST && err.cls != ERR_INPUT)
		return;
	/* It will not do better another day. */
	notice_tell(a, NOTICE_NEEDS_YOU, err.msg);
	if (file_remove_at(a->dir.fd, TOKEN_FILE, &why) == -1)
		log_err("enrol", &why);
}
