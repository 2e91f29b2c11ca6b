/*
 * kiln-agent-fetch: the router's only program that talks to the network.  It
 * opens no file and parses no answer; bytes go into a pipe of the parent's,
 * which counts and checks them.  It lives as long as the parent's socket, so
 * that connections stay open between requests.
 */
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/cli.h"
#include "lib/drop.h"
#include "lib/http.h"
#include "lib/ipc.h"
#include "lib/own.h"
#include "router-agent/fetch_proto.h"
#include "router-agent/fetch_tls.h"

/* Not 0 ends the transfer: the parent is gone. */
static int
tell_progress(void *arg, int64_t done, int64_t total)
{
	auto_buf struct buf b = BUF_INIT;
	struct err err = ERR_INIT;

	(void)arg;
	ipc_add_i64(&b, done);
	ipc_add_i64(&b, total);
	return ipc_send(FETCH_SOCKET, FETCH_PROGRESS, &b, NULL, 0, &err);
}

static int
tell_done(const struct http_answer *a, struct err *err)
{
	auto_buf struct buf b = BUF_INIT;

	ipc_add_u32(&b, (uint32_t)a->status);
	ipc_add_i64(&b, a->bytes);
	ipc_add_str(&b, a->etag);
	ipc_add_i64(&b, a->retry_after);
	return ipc_send(FETCH_SOCKET, FETCH_DONE, &b, NULL, 0, err);
}

/*
 * A redirect ends nowhere, headers do not end at all: who stands between could
 * not be asked, and is asked again later.
 */
static int
tell_failed(const struct err *why, struct err *err)
{
	auto_buf struct buf b = BUF_INIT;

	ipc_add_u32(&b, why->cls == ERR_INPUT ? ERR_BUSY : why->cls);
	ipc_add_u32(&b, (uint32_t)why->sys);
	ipc_add_str(&b, why->msg);
	return ipc_send(FETCH_SOCKET, FETCH_FAILED, &b, NULL, 0, err);
}

/* By which time is a server's certificate judged? */
static int
get_at(struct http *http, struct ipc_msg *m, struct err *err)
{
	static int64_t at;

	if (ipc_get_i64(m, &at, err) == -1 || ipc_end(m, err) == -1)
		return -1;
	http_tls(http, fetch_tls, &at);
	return 0;
}

static int
post(struct http *http, struct ipc_msg *m, struct err *err)
{
	auto_free char *url = NULL, *type = NULL;
	auto_buf struct buf reply = BUF_INIT;
	struct http_answer answer = { 0 };
	struct err why = ERR_INIT;
	struct span body;

	if (ipc_get_str(m, FETCH_URL_MAX, &url, err) == -1 ||
	    ipc_get_str(m, FETCH_ETAG_MAX, &type, err) == -1 ||
	    ipc_get_bytes(m, FETCH_POST_MAX, &body, err) == -1 ||
	    get_at(http, m, err) == -1)
		return -1;
	if (http_post(http, url, type, body.p, body.n, &reply, &answer.status,
		&why) == -1)
		return tell_failed(&why, err);
	answer.bytes = span_begins((struct span){ reply.data, reply.len }, '{');
	return tell_done(&answer, err);
}

/* -1: the parent cannot be understood or told; the transfer's own failure is
 * an answer. */
static int
serve(struct http *http, struct ipc_msg *m, struct err *err)
{
	struct http_get get = { .progress = tell_progress };
	struct http_answer answer = { 0 };
	auto_free char *url = NULL, *etag = NULL;
	auto_fd int body = take_fd(&m->fds[0]);
	struct err why = ERR_INIT;
	int rc;

	if (m->type == FETCH_POST)
		return post(http, m, err);
	if (m->type != FETCH_GET || body == -1)
		return err_set(err, ERR_INPUT, "not a request for a file");
	if (ipc_get_str(m, FETCH_URL_MAX, &url, err) == -1 ||
	    ipc_get_i64(m, &get.limit, err) == -1 ||
	    ipc_get_i64(m, &get.from, err) == -1 ||
	    ipc_get_i64(m, &get.deadline_ms, err) == -1 ||
	    ipc_get_str(m, FETCH_ETAG_MAX, &etag, err) == -1 ||
	    get_at(http, m, err) == -1)
		return -1;
	get.url = url;
	get.fd = body;
	get.etag = *etag ? etag : NULL;
	rc = http_get(http, &get, &answer, &why);
	close(take_fd(&body));
	return rc == -1 ? tell_failed(&why, err) : tell_done(&answer, err);
}

static int
run(const char *proxy, struct err *err)
{
	struct http *http;
	int rc;

	if (drop_to(ROLE_AGENT_FETCH, err) == -1 ||
	    drop_syscalls(false, true, err) == -1)
		return -1;
	http = http_open("kiln-agent/" KILN_VERSION, proxy, err);
	if (!http)
		return -1;
	for (;;) {
		auto_ipc struct ipc_msg m = IPC_MSG_INIT;

		rc = ipc_recv(FETCH_SOCKET, -1, &m, err);
		if (rc <= 0 || serve(http, &m, err) == -1)
			break;
	}
	http_close(http);
	return rc == 0 ? 0 : -1;
}

int
main(int argc, char **argv)
{
	struct err err = ERR_INIT;
	socklen_t len = sizeof(int);
	int type = 0;

	if (getsockopt(FETCH_SOCKET, SOL_SOCKET, SO_TYPE, &type, &len) == -1 ||
	    type != SOCK_SEQPACKET || argc > 2) {
		fputs("kiln-agent-fetch is started by kiln-agent\n", stderr);
		return EXIT_USAGE;
	}
	/* A parent that closes the pipe early, and a file that may not grow,
	 * are failed writes. */
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	if (run(argc == 2 ? argv[1] : NULL, &err) == 0)
		return EXIT_DONE;
	fprintf(stderr, "kiln-agent-fetch: %s\n", err.msg);
	return err_exit(&err);
}
