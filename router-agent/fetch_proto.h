/*
 * What kiln-agent and kiln-agent-fetch say to each other, over lib/ipc, on
 * the child's descriptor 3.  One request at a time; the child ends when the
 * socket does.
 *
 *   FETCH_GET       url str, limit i64, from i64, deadline_ms i64, etag str
 *                   ("": none), at i64, and one descriptor: a pipe for the body
 *   FETCH_POST      url str, content type str, body bytes, at i64; answered
 *                   like a GET, what the server says is thrown away; bytes is
 *                   1 when it began like a JSON object, else 0
 *   FETCH_PROGRESS  done i64, total i64 (0: unknown); any number of times
 *   FETCH_DONE      status u32, bytes i64, etag str, retry_after i64
 *   FETCH_FAILED    class u32 (enum err_class), errno u32, sentence str
 *
 * `at` is the time to judge certificates by (fetch_tls.h), or 0.
 * The child closes the pipe before it sends one of the last two.
 */
#ifndef KILN_FETCH_PROTO_H
#define KILN_FETCH_PROTO_H

#define FETCH_SOCKET 3
#define FETCH_URL_MAX 8192
#define FETCH_ETAG_MAX 128
#define FETCH_POST_MAX 65536		   /* bytes of a body */
#define FETCH_DEADLINE_MS (15 * 60 * 1000) /* when a request names none */

enum fetch_message {
	FETCH_GET = 1,
	FETCH_PROGRESS,
	FETCH_DONE,
	FETCH_FAILED,
	FETCH_POST,
};

#endif
