/*
 * The log of what is said of runs, as this router saw it last: before it takes
 * a new set it looks whether that is still so (lib/tlog_follow.h).  Whoever
 * shows this router another log than everybody else cannot join the two again.
 */
#ifndef AGENT_LOGWATCH_H
#define AGENT_LOGWATCH_H

#include "lib/attr.h"
#include "lib/err.h"
#include "lib/tuf.h"
#include "router-agent/trust/fetch.h"

/*
 * `server`: its base URL; `targets`: trusted, names the keys; `dirfd`: the
 * verifier's folder, which keeps TLOG_SEEN.  A server without a log, or one
 * that does not answer, is no failure: it is logged.  ERR_TRUST otherwise; the
 * sentence ends in the word.
 */
int logwatch(struct fetcher *, const char *server,
    const struct tuf_file *targets, int dirfd, struct err *) KILN_MUST;

#endif
