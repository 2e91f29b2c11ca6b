/* libmicrohttpd's side: from a connection to a struct req and back. */
#ifndef KILN_SERVER_H
#define KILN_SERVER_H

#include "lib/attr.h"
#include "lib/err.h"
#include "web/connection.h"
#include "web/req.h"

#define SERVER_SOCKETS 4
#define SERVER_CONNECTIONS 16000 /* of all sockets, if descriptors last */
#define SERVER_BACKLOG 4096	 /* not accepted yet: a fleet polls at once */
#define SERVER_PER_ADDRESS 64	 /* at each socket */
/* The requests' lines and headers; more is 431 (RFC 6585 5).  Each connection
 * holds as much memory while it is open, idle or not. */
#define SERVER_HEAD_MAX 8192
#define SERVER_SILENCE_S 30 /* nothing moves: it ends */

struct server {
	struct MHD_Daemon *d[SERVER_SOCKETS];
	int epoll[SERVER_SOCKETS];
	size_t n;
	struct web *web; /* borrowed */
	struct connections all;
	int again;	   /* signalfd: read the certificate anew; 0: none */
	int64_t looked_ms; /* at the certificate's files */
	char told[sizeof(((struct err *)0)->msg)]; /* of them, last */
};

/* "127.0.0.1:8080", "[::1]:8080", ":8080" (all addresses): bound and
 * listening. */
int server_bind(const char *address, struct err *) KILN_MUST;
/* Takes the listening socket; `https` after tls_load(). */
int server_add(struct server *, int listener, struct web *, bool https,
    struct err *) KILN_MUST;
/* Serves until `stop` becomes readable; all requests on this one thread. */
int server_run(struct server *, int stop, struct err *) KILN_MUST;
void server_release(struct server *);

#endif
