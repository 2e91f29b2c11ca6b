#include "web/server.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/log.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"
#include "web/connection.h"
#include "web/dispatch.h"
#include "web/forget.h"
#include "web/live.h"
#include "web/send.h"
#include "web/tls.h"
#include "web/upload.h"

/* A chunked body says no length; beyond this even refusing is too much. */
#define BODY_PATIENCE (1 << 20)
#define LOOK_MS 5000 /* between two looks at the certificate's files */

#define RESERVED 256 /* descriptors: databases, folders, files */

/* --- sockets ---------------------------------------------------------------*/

static bool
have_ipv6(void)
{
	auto_fd int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

	return fd != -1;
}

int
server_bind(const char *address, struct err *err)
{
	const char *colon = strrchr(address, ':');
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
		.ai_flags = AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV };
	struct addrinfo *ai = NULL;
	auto_free char *host = NULL;
	auto_fd int fd = -1;
	int rc, on = 1, off = 0;
	int64_t port;

	if (colon == NULL)
		return err_set(err, ERR_INPUT,
		    "--listen %s: ADDRESS:PORT is needed", address);
	if (address[0] == '[' && colon > address + 1 && colon[-1] == ']')
		host = mem_strn(address + 1, (size_t)(colon - address) - 2);
	else
		host = mem_strn(address, (size_t)(colon - address));
	if (num_int(colon + 1, 0, 65535, &port, err) == -1)
		return err_prefix(err, "--listen %s", address);
	/* All addresses: one socket of both families, where there are both. */
	if (host[0] == '\0')
		hints.ai_family = have_ipv6() ? AF_INET6 : AF_INET;
	rc = getaddrinfo(host[0] ? host : NULL, colon + 1, &hints, &ai);
	if (rc != 0)
		return err_set(err, ERR_INPUT, "--listen %s: %s", address,
		    gai_strerror(rc));
	fd = socket(
	    ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd != -1)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (fd != -1 && ai->ai_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, host[0] ? &on : &off,
		    sizeof(on));
	if (fd == -1 || bind(fd, ai->ai_addr, ai->ai_addrlen) == -1 ||
	    listen(fd, SERVER_BACKLOG) == -1) {
		freeaddrinfo(ai);
		return err_sys(err, "listen on %s", address);
	}
	freeaddrinfo(ai);
	return take_fd(&fd);
}

/* --- connections -----------------------------------------------------------*/

static struct connection *
connection_of(struct MHD_Connection *con)
{
	const union MHD_ConnectionInfo *info =
	    MHD_get_connection_info(con, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	return info ? info->socket_context : NULL;
}

static void
on_connection(void *cls, struct MHD_Connection *con, void **context,
    enum MHD_ConnectionNotificationCode code)
{
	const union MHD_ConnectionInfo *info;

	if (code == MHD_CONNECTION_NOTIFY_STARTED) {
		info = MHD_get_connection_info(
		    con, MHD_CONNECTION_INFO_CONNECTION_FD);
		*context = connection_new(cls, info ? info->connect_fd : -1);
	} else {
		connection_free(*context);
		*context = NULL;
	}
}

/* All sockets share the places.  Who comes too late is closed at once. */
static enum MHD_Result
on_accept(void *cls, const struct sockaddr *from, socklen_t len)
{
	const struct connections *all = cls;

	(void)from;
	(void)len;
	return all->open < all->room ? MHD_YES : MHD_NO;
}

/* A connection has a descriptor, and a file at times. */
static size_t
room(void)
{
	struct rlimit files;
	rlim_t places;

	if (getrlimit(RLIMIT_NOFILE, &files) == -1)
		return 256;
	files.rlim_cur = files.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &files) == -1 ||
	    files.rlim_cur < 2 * RESERVED)
		return 64;
	places = (files.rlim_cur - RESERVED) / 4 * 3;
	return places < SERVER_CONNECTIONS ? (size_t)places
					   : SERVER_CONNECTIONS;
}

/* --- requests --------------------------------------------------------------*/

static int
hex_digit(char c)
{
	static const char digits[] = "0123456789abcdef0123456789ABCDEF";
	const char *at = c ? strchr(digits, c) : NULL;

	return at ? (int)((at - digits) & 15) : -1;
}

static bool
hex_digits(const char s[2], uint8_t *byte)
{
	int hi = hex_digit(s[0]), lo = hex_digit(s[1]);

	if (hi < 0 || lo < 0)
		return false;
	*byte = (uint8_t)(hi << 4 | lo);
	return true;
}

/* Percent-encoding.  An encoded NUL stays as it is: it would end the path
 * before its end, and a raw '%' is in no name of ours. */
static size_t
on_unescape(void *cls, struct MHD_Connection *con, char *s)
{
	char *in = s, *out = s;

	(void)cls;
	(void)con;
	for (; *in; in++) {
		uint8_t byte;

		if (*in == '%' && in[1] && in[2] && hex_digits(in + 1, &byte) &&
		    byte != 0) {
			*out++ = (char)byte;
			in += 2;
		} else {
			*out++ = *in;
		}
	}
	*out = '\0';
	return (size_t)(out - s);
}

static bool
announced_too_long(struct MHD_Connection *con)
{
	const char *length =
	    MHD_lookup_connection_value(con, MHD_HEADER_KIND, "Content-Length");
	struct err err = ERR_INIT;
	int64_t n;

	return length && num_int(length, 0, REQ_BODY_MAX, &n, &err) == -1;
}

static enum MHD_Result
answer(struct req *req, struct connection *c)
{
	struct reply re = { .status = 200, .body = BUF_INIT, .fd = -1 };
	enum MHD_Result ret;

	dispatch(req, &re);
	ret = send_reply(req, &re);
	if (c)
		connection_sends(c, req->sends);
	buf_release(&re.body);
	return ret;
}

/* Told at once, before any byte of it is sent. */
static bool
refused(const struct upload *u)
{
	return u && !upload_goes_on(u);
}

static enum MHD_Result
on_access(void *cls, struct MHD_Connection *con, const char *url,
    const char *method, const char *version, const char *data, size_t *size,
    void **state)
{
	struct connection *c = connection_of(con);
	struct req *req = *state;

	(void)version;
	if (req == NULL) {
		*state = req = mem_zero(1, sizeof(*req));
		buf_init(&req->body);
		req->web = cls;
		req->con = con;
		req->path = url;
		req->method = method;
		req->upload = upload_begin(req);
		req->too_long = !req->upload && announced_too_long(con);
		if (!req->too_long && !refused(req->upload))
			return MHD_YES;
		*size = 0;
	}
	req->con = con;
	req->path = url;
	/* libmicrohttpd leaves the body away for HEAD. */
	req->method = strcmp(method, "HEAD") == 0 ? "GET" : method;
	if (*size > 0 && req->upload) {
		bool more = upload_add(req->upload, data, *size);

		/* Who is let in may take its time, as long as bytes come. */
		if (more && c)
			connection_waits(c);
		req->got += more ? 0 : *size;
		*size = 0;
		return req->got > BODY_PATIENCE ? MHD_NO : MHD_YES;
	}
	if (*size > 0) {
		if (req->body.len + *size > REQ_BODY_MAX)
			req->too_long = true;
		else
			buf_add(&req->body, data, *size);
		req->got += *size;
		*size = 0;
		return req->got > BODY_PATIENCE ? MHD_NO : MHD_YES;
	}
	return answer(req, c);
}

static void
on_done(void *cls, struct MHD_Connection *con, void **state,
    enum MHD_RequestTerminationCode code)
{
	struct connection *c = connection_of(con);
	struct req *req = *state;

	(void)cls;
	(void)code;
	if (c)
		connection_waits(c); /* for the next one */
	if (req) {
		buf_release(&req->body);
		upload_free(req->upload);
	}
	free(req);
	*state = NULL;
}

/* Anybody can provoke these: no reason to fill the log. */
static void
on_complaint(void *cls, const char *fmt, va_list ap)
{
	auto_buf struct buf b = BUF_INIT;

	(void)cls;
	buf_vprintf(&b, fmt, ap);
	log_debug("http", "msg=\"%s\"", b.data);
}

/* --- life ------------------------------------------------------------------*/

/* GnuTLS's words: nothing older than TLS 1.2. */
static char priorities[] = "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2";

int
server_add(struct server *s, int listener, struct web *web, bool https,
    struct err *err)
{
	unsigned flags =
	    MHD_USE_EPOLL | MHD_USE_ERROR_LOG | MHD_ALLOW_SUSPEND_RESUME;
	struct MHD_OptionItem secure[] = {
		{ MHD_OPTION_HTTPS_CERT_CALLBACK, 0,
		    (void *)(intptr_t)tls_pair },
		{ MHD_OPTION_HTTPS_PRIORITIES, 0, priorities },
		{ MHD_OPTION_END, 0, NULL },
	};
	struct MHD_OptionItem plain[] = { { MHD_OPTION_END, 0, NULL } };
	const union MHD_DaemonInfo *info;
	struct MHD_Daemon *d;

	if (s->n == SERVER_SOCKETS)
		return err_set(
		    err, ERR_INPUT, "at most %d sockets", SERVER_SOCKETS);
	if (s->all.room == 0)
		s->all.room = room();
	/* No thread of its own: one connection to each database (lib/db.h). */
	d = MHD_start_daemon(https ? flags | MHD_USE_TLS : flags, 0, on_accept,
	    &s->all, on_access, web, MHD_OPTION_EXTERNAL_LOGGER, on_complaint,
	    NULL, MHD_OPTION_LISTEN_SOCKET, listener,
	    MHD_OPTION_NOTIFY_COMPLETED, on_done, NULL,
	    MHD_OPTION_NOTIFY_CONNECTION, on_connection, &s->all,
	    MHD_OPTION_UNESCAPE_CALLBACK, on_unescape, NULL,
	    /* server_run() ignores it; without this no sendfile() is used. */
	    MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, MHD_OPTION_CONNECTION_LIMIT,
	    (unsigned)s->all.room, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
	    (size_t)SERVER_HEAD_MAX, MHD_OPTION_PER_IP_CONNECTION_LIMIT,
	    (unsigned)SERVER_PER_ADDRESS, MHD_OPTION_CONNECTION_TIMEOUT,
	    (unsigned)SERVER_SILENCE_S, MHD_OPTION_ARRAY,
	    https ? secure : plain, MHD_OPTION_END);
	if (d == NULL)
		return err_set(err, ERR_SYSTEM, "cannot start the server");
	info = MHD_get_daemon_info(d, MHD_DAEMON_INFO_EPOLL_FD);
	if (info == NULL) {
		MHD_stop_daemon(d);
		return err_set(err, ERR_SYSTEM, "no epoll descriptor");
	}
	s->web = web;
	s->d[s->n] = d;
	s->epoll[s->n++] = info->epoll_fd;
	return 0;
}

/* A certificate that was renewed; SIGHUP, or the file itself, says so. */
static void
look_at_certificate(struct server *s, bool asked)
{
	struct signalfd_siginfo info;
	struct err err = ERR_INIT;
	int got;

	while (asked && read(s->again, &info, sizeof(info)) > 0)
		;
	if (!asked && time_mono_ms() - s->looked_ms < LOOK_MS)
		return;
	s->looked_ms = time_mono_ms();
	got = tls_again(asked, &err);
	if (got == -1 && strcmp(err.msg, s->told) != 0)
		log_err("certificate", &err);
	memcpy(s->told, err.msg, sizeof(s->told));
	if (got == 1)
		log_info("certificate", "new=yes");
}

int
server_run(struct server *s, int stop, struct err *err)
{
	bool more = false;

	signal(SIGPIPE, SIG_IGN);
	for (;;) {
		struct pollfd p[SERVER_SOCKETS + 2];
		size_t i;
		MHD_UNSIGNED_LONG_LONG wait;
		int timeout = s->all.waiting || s->all.sending ? 1000 : 5000;

		if (s->web->live_streams && s->web->live_streams->first)
			timeout = LIVE_TICK_MS;
		if (more)
			timeout = 0;
		for (i = 0; i < s->n; i++) {
			p[i] = (struct pollfd){ s->epoll[i], POLLIN, 0 };
			if (MHD_get_timeout(s->d[i], &wait) == MHD_YES &&
			    wait < (MHD_UNSIGNED_LONG_LONG)timeout)
				timeout = (int)wait;
		}
		p[s->n] = (struct pollfd){ stop, POLLIN, 0 };
		p[s->n + 1] =
		    (struct pollfd){ s->again ? s->again : -1, POLLIN, 0 };
		if (poll(p, s->n + 2, timeout) == -1 && errno != EINTR)
			return err_sys(err, "poll");
		if (p[s->n].revents)
			return 0;
		look_at_certificate(s, (p[s->n + 1].revents & POLLIN) != 0);
		for (i = 0; i < s->n; i++)
			MHD_run(s->d[i]);
		connections_cut(&s->all);
		live_tick(s->web);
		more = forget_tick(&s->web->forget, s->web->web);
	}
}

void
server_release(struct server *s)
{
	size_t i;

	/* A suspended connection would keep its daemon from stopping. */
	if (s->web)
		live_end(s->web);
	for (i = 0; i < s->n; i++) {
		MHD_run(s->d[i]);
		MHD_stop_daemon(s->d[i]);
	}
	s->n = 0;
}
