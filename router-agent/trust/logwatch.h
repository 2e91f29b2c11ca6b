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
 * A server without a log, or one that does not answer, is no failure: it is
 * logged.  ERR_TRUST for another log than before; the sentence ends in the
 * word.  It is refused for `hold_s` since it was first seen, while the owner
 * hears of it, as other keys are (keyset.h); then it is taken: a farm that came
 * back from an older backup has no other log to show.
 */
struct logwatch {
	const char *server;		/* its base URL */
	const struct tuf_file *targets; /* trusted, names the keys */
	int dirfd; /* the verifier's folder, which keeps TLOG_SEEN */
	int64_t now, hold_s;
};
int logwatch(struct fetcher *, const struct logwatch *, struct err *) KILN_MUST;

#endif
