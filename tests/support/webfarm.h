/*
 * A farm with rows in all its databases, a kiln-web serving it in a child of
 * its own, with the rights it really has, and a raw HTTP client.
 *
 * webfarm_start() once, webfarm_stop() at the end.  Schemas are compiled in,
 * so a test needs no room but web.
 */
#ifndef KILN_TEST_WEBFARM_H
#define KILN_TEST_WEBFARM_H

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/db.h"
#include "lib/drop.h"
#include "lib/farm.h"
#include "lib/fdio.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/store.h"
#include "tests/support/scratch.h"
#include "web/asset.h"
#include "web/hot.h"
#include "web/schema.h"
#include "web/server.h"
#include "web/tls.h"

#include "builder/schema.c"
#undef HEX
#include "tuf-repo/schema.c"
#undef HEX

static struct {
	struct farm farm;
	struct db *farm_db, *tuf_db; /* as their owners have them */
	struct store *store;
	pid_t pid;
	int stop; /* closing it ends the server */
	unsigned short port;
	/* Set before the server starts: */
	const char *certificate, *key; /* HTTPS, anew on SIGHUP */
	bool accounts_only, approval;
	bool hasty;	   /* replies have to be taken in seconds */
	int64_t stream_ms; /* an event stream's life; 0: as it is */
	int send_buffer;   /* bytes of the server's sockets; 0: as they come */
} webfarm = { .farm = FARM_INIT };

static void KILN_UNUSED
webfarm_die(const char *what, const struct err *err)
{
	fprintf(stderr, "%s: %s\n", what, err ? err->msg : strerror(errno));
	exit(1);
}

/* --- rows ------------------------------------------------------------------*/

static void KILN_UNUSED webfarm_sql(struct db *db, const char *fmt, ...)
    KILN_PRINTF(2, 3);
static void KILN_UNUSED
webfarm_sql(struct db *db, const char *fmt, ...)
{
	auto_buf struct buf sql = BUF_INIT;
	struct err err = ERR_INIT;
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&sql, fmt, ap);
	va_end(ap);
	if (db_exec(db, sql.data, &err) == -1)
		webfarm_die(sql.data, &err);
}

static void KILN_UNUSED
webfarm_put(const void *bytes, size_t n, char hex[HASH_HEX])
{
	struct err err = ERR_INIT;
	struct hash h;

	if (store_put_bytes(webfarm.store, bytes, n, &h, &err) == -1)
		webfarm_die("store", &err);
	hash_hex(&h, hex);
}

static void KILN_UNUSED
webfarm_file(const char *folder, const char *name, const void *p, size_t n)
{
	struct err err = ERR_INIT;
	auto_fd int dir = dir_make_at(webfarm.farm.dirfd, folder, 0755, &err);

	if (dir == -1 || file_write_at(dir, name, p, n, 0644, &err) == -1)
		webfarm_die(name, &err);
}

/* --- the server ------------------------------------------------------------*/

static int
webfarm_serve(int listener, int stop, struct err *err)
{
	const struct farm *f = &webfarm.farm;
	struct server server = { .all = { .patience_ms = 3000,
				     .grace_ms = webfarm.hasty ? 3000 : 0,
				     .floor = webfarm.hasty ? 16 << 20 : 0 } };
	struct web web = { .state = f->dirfd,
		.path = f->path,
		.accounts_only = webfarm.accounts_only,
		.approval = webfarm.approval,
		.stream_ms = webfarm.stream_ms };
	auto_free char *path = farm_file(f, "web.db");
	int ret;

	signal(SIGPIPE, SIG_IGN);
	if (drop_to(ROLE_WEB, err) == -1 ||
	    (web.metadata = farm_dir(f, "tuf/metadata", err)) == -1 ||
	    (web.targets = farm_dir(f, "tuf/targets", err)) == -1 ||
	    (web.store = farm_dir(f, "store", err)) == -1 ||
	    (web.live = farm_dir(f, "log/runs", err)) == -1 ||
	    !(web.web =
		    db_open(path, web_migrations, web_migrations_count, err)))
		return -1;
	db_patience(web.web, REQ_PATIENCE_MS);
	if (webfarm.key) {
		sigset_t set;

		sigemptyset(&set);
		sigaddset(&set, SIGHUP);
		sigprocmask(SIG_BLOCK, &set, NULL);
		server.again = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
		if (tls_load(webfarm.certificate, webfarm.key, err) == -1)
			return -1;
	}
	if (drop_syscalls(false, true, err) == -1)
		return -1;
	if (server_add(&server, listener, &web, webfarm.key, err) == -1)
		return -1;
	ret = server_run(&server, stop, err);
	server_release(&server);
	hot_free(&web);
	asset_free();
	db_close(web.farm);
	db_close(web.tuf);
	db_close(web.web);
	return ret;
}

static void KILN_UNUSED
webfarm_child_start(void)
{
	struct sockaddr_in a;
	socklen_t n = sizeof(a);
	struct err err = ERR_INIT;
	int pipes[2], listener = server_bind("127.0.0.1:0", &err);

	if (listener == -1 || pipe(pipes) == -1 ||
	    getsockname(listener, (struct sockaddr *)&a, &n) == -1)
		webfarm_die("listen", &err);
	if (webfarm.send_buffer)
		setsockopt(listener, SOL_SOCKET, SO_SNDBUF,
		    &webfarm.send_buffer, sizeof(webfarm.send_buffer));
	webfarm.port = ntohs(a.sin_port);
	webfarm.pid = fork();
	if (webfarm.pid == -1)
		webfarm_die("fork", NULL);
	if (webfarm.pid == 0) {
		close(pipes[1]);
		if (webfarm_serve(listener, pipes[0], &err) == -1) {
			fprintf(stderr, "server: %s\n", err.msg);
			_exit(1);
		}
		_exit(0);
	}
	close(pipes[0]);
	close(listener);
	webfarm.stop = pipes[1];
}

/* `databases`: with tables.  Then rows can be added, before or after. */
static void KILN_UNUSED
webfarm_make(bool databases)
{
	struct err err = ERR_INIT;
	auto_free char *state = NULL, *farm_db = NULL, *tuf_db = NULL;
	auto_fd int store = -1;

	if (scratch_setup(NULL) == -1)
		webfarm_die("scratch", NULL);
	state = mem_printf("%s/var", scratch.path);
	if (farm_enter(&webfarm.farm, state, NULL, true, &err) == -1)
		webfarm_die("farm", &err);
	farm_db = farm_file(&webfarm.farm, "farm.db");
	tuf_db = farm_file(&webfarm.farm, "tuf.db");
	if ((store = farm_dir(&webfarm.farm, "store", &err)) == -1 ||
	    !(webfarm.store = store_open(store, &err)))
		webfarm_die("store", &err);
	if (!databases)
		return;
	webfarm.farm_db =
	    db_open(farm_db, farm_migrations, farm_migrations_count, &err);
	webfarm.tuf_db =
	    db_open(tuf_db, tuf_migrations, tuf_migrations_count, &err);
	if (!webfarm.farm_db || !webfarm.tuf_db)
		webfarm_die("databases", &err);
}

static int KILN_UNUSED
webfarm_stop(void)
{
	int status = 0;

	close(webfarm.stop);
	if (waitpid(webfarm.pid, &status, 0) != webfarm.pid)
		status = -1;
	db_close(webfarm.farm_db);
	db_close(webfarm.tuf_db);
	store_free(webfarm.store);
	farm_release(&webfarm.farm);
	scratch_teardown(NULL);
	return status;
}

/* --- the client ------------------------------------------------------------*/

struct answer {
	int status; /* 0: the connection ended without one */
	struct buf head, body;
};
#define ANSWER_INIT                   \
	{                             \
		0, BUF_INIT, BUF_INIT \
	}

static void KILN_UNUSED
answer_release(struct answer *a)
{
	buf_release(&a->head);
	buf_release(&a->body);
	a->status = 0;
}
#define auto_answer __attribute__((cleanup(answer_release)))

static int KILN_UNUSED
http_connect(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_port = htons(webfarm.port),
		.sin_addr = { htonl(INADDR_LOOPBACK) } };
	struct timeval patience = { 20, 0 };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd == -1 || connect(fd, (struct sockaddr *)&a, sizeof(a)) == -1)
		webfarm_die("connect", NULL);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	return fd;
}

static void KILN_UNUSED
http_write(int fd, const void *p, size_t n)
{
	/* A server that refuses need not read it all. */
	while (n > 0) {
		ssize_t w = send(fd, p, n, MSG_NOSIGNAL);

		if (w <= 0)
			return;
		p = (const char *)p + w;
		n -= (size_t)w;
	}
}

/* Until the server closes; requests say "Connection: close". */
static void KILN_UNUSED
http_read(int fd, struct answer *a)
{
	auto_buf struct buf all = BUF_INIT;
	char chunk[16384];
	const char *end;
	ssize_t n;

	while ((n = recv(fd, chunk, sizeof(chunk), 0)) > 0)
		buf_add(&all, chunk, (size_t)n);
	end = memmem(all.data, all.len, "\r\n\r\n", 4);
	if (!end || sscanf(all.data, "HTTP/1.%*d %d", &a->status) != 1) {
		a->status = 0;
		return;
	}
	buf_add(&a->head, all.data, (size_t)(end - all.data) + 2);
	buf_add(&a->body, end + 4, all.len - (size_t)(end + 4 - all.data));
}

/* `headers`: whole lines, or "". */
static void KILN_UNUSED
http_ask(struct answer *a, const char *method, const char *path,
    const char *headers, const void *body, size_t n)
{
	auto_buf struct buf b = BUF_INIT;
	int fd = http_connect();

	answer_release(a);
	buf_printf(&b, "%s %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n%s",
	    method, path, headers);
	if (body)
		buf_printf(&b, "Content-Length: %zu\r\n", n);
	buf_str(&b, "\r\n");
	if (body)
		buf_add(&b, body, n);
	http_write(fd, b.data, b.len);
	http_read(fd, a);
	close(fd);
}

static int KILN_UNUSED
http_get(struct answer *a, const char *path, const char *headers)
{
	http_ask(a, "GET", path, headers, NULL, 0);
	return a->status;
}

/* A header's value, "" without it; good until the next call. */
static KILN_UNUSED const char *
http_header(const struct answer *a, const char *name)
{
	static char value[512];
	size_t n = strlen(name);
	const char *p = a->head.data;

	value[0] = '\0';
	while ((p = strstr(p, "\r\n")) != NULL) {
		p += 2;
		if (strncasecmp(p, name, n) == 0 && p[n] == ':') {
			snprintf(value, sizeof(value), "%.*s",
			    (int)strcspn(p + n + 2, "\r"), p + n + 2);
			break;
		}
	}
	return value;
}

#endif
