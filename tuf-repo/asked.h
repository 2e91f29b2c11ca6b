/*
 * What people asked for on the page: rows of web.db's request table, which
 * kiln-web alone writes.  Only a stop is carried out, as a brake, since all
 * it can do ends after 14 days.  Whatever starts something is shown with the
 * command that a holder of the release key types: a web server's word starts
 * nothing.
 *
 *   kind       argument
 *   halt       {"channel","reason"[,"arch"][,"counter"]}
 *   promote    {"channel","from"[,"counter"]}      `start` is another word
 *   resume     {"channel"}
 *   waves      {"channel","waves":[{"after_h","percent"}…]}
 */
#ifndef KILN_ASKED_H
#define KILN_ASKED_H

#include "tuf-repo/repo.h"

/* web.db may appear later: opens it when it has its tables. */
int asked_open(struct repo *, const struct farm *, struct err *) KILN_MUST;
/* Takes what is new; a request that makes no sense is answered in its row. */
int asked_take(struct repo *, struct err *) KILN_MUST;
/* The channel's requests of that kind (NULL: all that wait) are done. */
int asked_done(struct repo *, const char *kind, const char *channel,
    struct err *) KILN_MUST;

#endif
