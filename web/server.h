/* libmicrohttpd's side: from a connection to a struct req and back. */
#ifndef KILN_SERVER_H
#define KILN_SERVER_H

#include "lib/attr.h"
#include "lib/err.h"
#include "web/req.h"

#define SERVER_SOCKETS 4
#define SERVER_CONNECTIONS 16000 /* of all sockets, if descriptors last */
#define SERVER_BACKLOG 4096	 /* not accepted yet: a fleet polls at once */
#define SERVER_PER_ADDRESS 64	 /* at each socket */
/* The requests' lines and headers; more is 431 (RFC 6585 5). */
#define SERVER_HEAD_MAX 16384
/* A whole request must be here after so many seconds, however busily its
 * bytes drip; a connection on which nothing moves ends after the second. */
#define SERVER_REQUEST_S 60
#define SERVER_SILENCE_S 30
/* … and of these, when three of four places are taken. */
#define SERVER_HURRY_S 5

struct connection;

struct server {
	struct MHD_Daemon *d[SERVER_SOCKETS];
	int epoll[SERVER_SOCKETS];
	size_t n;
	struct web *web; /* borrowed */
	/* For the rest of their requests: newest first. */
	struct connection *waiting, *longest;
	size_t open, room;   /* connections: now, at most */
	int64_t patience_ms; /* 0: SERVER_REQUEST_S */
	int again;	     /* signalfd: read the certificate anew; 0: none */
	int64_t looked_ms;   /* at the certificate's files */
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
