/*
 * unbound's configuration, from the service's part of the router's
 * configuration:
 *
 *	upstream	[server, …] asked for everything; absent: the resolver
 *			asks from the root on, with minimised names
 *	ca		PEM: whose certificates a server may have; absent: the
 *			authorities that Debian trusts
 *	zones		[{"name","servers","anchor"}]: a zone with servers of
 *			its own; without servers it is asked like the rest.
 *			anchor, the data of a DS record, is what its signatures
 *			must lead to; without one the zone needs none
 *	clients		["192.0.2.0/24", …] who is answered; absent: the
 *			networks of this machine
 *
 * A server is {"address","port","name"}.  With a name it is asked over TLS,
 * at port 853, and must prove the name; otherwise openly, at port 53.  A list
 * is of one kind: one open server would give all of it away.
 *
 * Everything else is validated up to Debian's root anchor.  Pure: the caller
 * tells what network it is in, and writes the files.
 */
#ifndef UNBOUND_CONF_H
#define UNBOUND_CONF_H

#include "recipes/guest-init/guest.h"

#define UNBOUND_UID 5353
#define UNBOUND_DIR "/run/unbound"
#define UNBOUND_CONF UNBOUND_DIR "/unbound.conf"
#define UNBOUND_CA UNBOUND_DIR "/ca.pem"
#define UNBOUND_LINKS 16

/* The addresses of this machine; link-local ones are not among them. */
struct links {
	struct {
		char text[46];
		int family;
		unsigned int prefix;
	} at[UNBOUND_LINKS];
	size_t n;
};

struct unbound_files {
	char *conf; /* malloc'd */
	char *ca;   /* malloc'd, or NULL: the image's own */
};

/* Fills `files`, {0} before, which the caller frees in any case. */
int unbound_conf(const json_t *config, const struct links *,
    struct unbound_files *files, struct fault *);

#endif
