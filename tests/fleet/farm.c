/* The farm, by its own programs under the shared clock. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/fdio.h"
#include "lib/hex.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"
#include "lib/spawn.h"
#include "lib/tuf_read.h"
#include "tests/fleet/fleet.h"
#include "web/routers.h"

#define PASS_MS (120 * 1000)

int
farm_run(struct fleet *f, const char *const *argv, struct err *err)
{
	auto_buf struct buf out = BUF_INIT, text = BUF_INIT;
	struct spawn sp = SPAWN_INIT;

	sp.argv = argv;
	sp.cwd = f->work; /* where the clock is */
	return spawn_capture(&sp, PASS_MS, 1 << 20, &out, &text, err);
}

int
farm_pass(struct fleet *f, struct err *err)
{
	auto_free char *program = mem_printf("%s/tests/fleet/kiln-tuf", f->bin);
	auto_free char *path =
	    mem_printf("%s/tuf/metadata/timestamp.json", f->state);
	const char *const argv[] = { program, "serve", "--once", "--state",
		f->state, NULL };
	auto_buf struct buf b = BUF_INIT;
	auto_tuf struct tuf_file *stamp = NULL;

	if (farm_run(f, argv, err) == -1 ||
	    file_read(path, TUF_TIMESTAMP_MAX, &b, err) == -1)
		return -1;
	stamp = tuf_read(TUF_TIMESTAMP, "timestamp", b.data, b.len, err);
	if (!stamp)
		return -1;
	f->publication = stamp->version;
	f->backs_since_pass = 0;
	return 0;
}

/* --- what an answer costs beside its body
 * ---------------------------------------
 */

static int
ask(struct fleet *f, const char *path, int64_t *head, int64_t *whole,
    struct err *err)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	auto_fd int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	auto_buf struct buf q = BUF_INIT, a = BUF_INIT;
	const char *end;
	int64_t port;

	if (num_int(strrchr(f->url, ':') + 1, 1, 65535, &port, err) == -1)
		return -1;
	to.sin_port = htons((uint16_t)port);
	buf_printf(&q,
	    "GET %s HTTP/1.1\r\nHost: x\r\nUser-Agent: x\r\nAccept: */*\r\n"
	    "Connection: close\r\n\r\n",
	    path);
	if (s == -1 || connect(s, (struct sockaddr *)&to, sizeof(to)) == -1)
		return err_sys(err, "connect to the farm");
	if (fd_write_all(s, q.data, q.len, err) == -1 ||
	    fd_read_all(s, 1 << 20, &a, err) == -1)
		return -1;
	end = strstr(a.data, "\r\n\r\n");
	if (!end)
		return err_set(err, ERR_INPUT, "no answer from the farm");
	*head = end + 4 - a.data;
	*whole = (int64_t)a.len;
	return 0;
}

int
farm_measure(struct fleet *f, struct err *err)
{
	int64_t unused;

	if (ask(f, "/tuf/metadata/timestamp.json", &f->head_ok, &unused, err) ==
	    -1)
		return -1;
	return ask(f, "/tuf/metadata/99.root.json", &unused, &f->missing, err);
}

/* --- reports
 * -----------------------------------------------------------------------
 */

int
farm_accept(struct fleet *f, struct err *err)
{
	return db_exec(f->web,
	    "UPDATE router SET standing = 'accepted', standing_by = 'fleet'"
	    " WHERE standing = 'waiting'",
	    err);
}

int
farm_report(struct fleet *f, const struct router *r, const json_t *report,
    const struct buf *body, const char *sig_hex, struct err *err)
{
	const json_t *set = json_object_get(report, "set");
	char key[KEY_HEX], device[HASH_HEX];
	struct said s = { .state = json_string_value(
			      json_object_get(report, "state")),
		.cause = json_string_value(json_object_get(report, "cause")),
		.channel = f->conf.channel,
		.arch = f->conf.arch,
		.agent = json_string_value(json_object_get(report, "agent")),
		.body = body->data,
		.body_len = body->len,
		.sig = sig_hex,
		.published = true };
	struct sig sig;

	hash_hex(&r->device, device);
	hex_encode(key, r->key.b, sizeof(r->key.b));
	s.router = device;
	s.key = key;
	s.sequence = r->sequence;
	s.set_sha = json_string_value(json_object_get(set, "sha256"));
	s.counter = json_integer_value(json_object_get(set, "counter"));
	s.timestamp = json_integer_value(
	    json_object_get(json_object_get(report, "metadata"), "timestamp"));
	if (!hex_decode(sig.b, sizeof(sig.b), sig_hex, strlen(sig_hex)) ||
	    !sig_verify(&r->key, body->data, body->len, &sig))
		return err_set(err, ERR_TRUST, "a report is not signed");
	return routers_said(f->web, &s, err);
}
