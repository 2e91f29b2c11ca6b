/*
 * Leases of a DHCP service, kept on the host: its machine is replaced, and a
 * paused one knows nothing of what was given meanwhile.  One list per
 * service, bounded, in memory and in the state folder.
 *
 * A machine speaks lines over its state port (docs/formats.md, leases); its
 * watcher reads them with lease_read and hands on fields, which the parent
 * checks again with lease_ok.
 */
#ifndef AGENT_LEASE_H
#define AGENT_LEASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/attr.h"
#include "lib/buf.h"
#include "lib/err.h"
#include "lib/ipc.h"

#define LEASE_LINE 1200 /* bytes of a line */
#define LEASE_HW 60	/* bytes with NUL, as the others */
#define LEASE_NAME 256
#define LEASE_CLIENT 768
#define LEASE_TOKEN 17
#define LEASE_TERM_MAX ((int64_t)10 * 365 * 86400) /* seconds */
#define LEASES_MAX 4096				   /* of a service */

struct lease {
	uint32_t address;	   /* IPv4, host byte order */
	char hw[LEASE_HW];	   /* hardware address, as dnsmasq writes it */
	char name[LEASE_NAME];	   /* "-": none */
	char client[LEASE_CLIENT]; /* client identifier in hex, "-": none */
	int64_t left;		   /* seconds; 0: for ever */
};

enum lease_verb {
	LEASE_GIVEN, /* or renewed */
	LEASE_GONE,  /* address and hw only */
	LEASE_ASKED, /* the machine wants the list: token only */
};
struct lease_word {
	enum lease_verb verb;
	struct lease lease;
	char token[LEASE_TOKEN];
};

/* A line without its end; ERR_INPUT says what is wrong with it. */
int lease_read(const char *line, struct lease_word *, struct err *) KILN_MUST;
/* Every field within its bounds and of its letters? */
bool lease_word_ok(const struct lease_word *);

/* As fields of a message; receiving ends it and asks lease_word_ok. */
void lease_word_send(const struct lease_word *, struct buf *fields);
int lease_word_receive(
    struct ipc_msg *, struct lease_word *, struct err *) KILN_MUST;

struct lease_entry;
struct leases {
	struct lease_entry *at; /* by address */
	size_t n, room;
	int64_t saved_ms; /* monotonic; 0: never in this life */
	bool news;	  /* since then: given or gone */
	bool renewals;	  /* since then: times only */
};
void leases_release(struct leases *);
/* `now`: Unix seconds.  A full list forgets what ends first. */
void leases_take(struct leases *, const struct lease_word *, int64_t now);
/* The answer to LEASE_ASKED: what has not ended. */
void leases_text(
    const struct leases *, const char *token, int64_t now, struct buf *);

/* The file SERVICE below `dirfd`: none is an empty list, a damaged one
 * ERR_INPUT. */
int leases_load(
    int dirfd, const char *service, struct leases *, struct err *) KILN_MUST;
/* Durable on return. */
int leases_save(
    int dirfd, const char *service, struct leases *, struct err *) KILN_MUST;
/* News at once, but not twice in a second; renewals after ten minutes: flash
 * wears out, and a client renews long before its lease ends. */
bool leases_due(const struct leases *, int64_t mono_ms);

#endif
