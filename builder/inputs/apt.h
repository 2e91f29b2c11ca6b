/*
 * Where this machine's own apt would look for packages: repositories, proxy,
 * whether it believes in expiry.  Asked of apt-get and apt-config, never
 * parsed by ourselves; apt's downloaded lists are not used and need not be
 * there.
 */
#ifndef KILN_APT_H
#define KILN_APT_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/attr.h"
#include "lib/err.h"

struct apt_source {
	char *uri;     /* "http://HOST/debian/": ends in a slash */
	char *dist;    /* what stands behind dists/: "bookworm", "stable" */
	char *keyring; /* absolute path */
};

struct apt_sources {
	struct apt_source *v; /* in apt's order */
	size_t n;
	bool check_valid_until; /* Acquire::Check-Valid-Until */
	char *proxy;		/* Acquire::http::Proxy, or NULL */
};

#define APT_SOURCES_INIT            \
	{                           \
		NULL, 0, true, NULL \
	}
#define auto_apt __attribute__((cleanup(apt_sources_release)))

/* Adds every http(s) source with component main.  `keyring` (NULL: Debian's)
 * is for sources of which apt names none. */
int apt_sources_read(
    struct apt_sources *, const char *keyring, struct err *) KILN_MUST;
/* Adds one, as a configuration names it.  The uri gets its slash. */
int apt_sources_add(struct apt_sources *, const char *uri, const char *dist,
    const char *keyring, struct err *) KILN_MUST;
void apt_sources_release(struct apt_sources *);

#endif
