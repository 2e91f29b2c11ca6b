/*
 * What an operator asks kiln-builder or kiln-tuf for: looked at, written into
 * the audit log, and filed (web/ask.h).  Where a farm wants a second person
 * (kiln.yaml(5), `web.approval`), what would start something is a proposal
 * first, and a request once another account has approved it.
 */
#ifndef KILN_WEB_REQUEST_H
#define KILN_WEB_REQUEST_H

#include "web/req.h"

struct request_end {
	int64_t id;
	bool waits; /* `id` is of a proposal: nobody else knows of it yet */
};

/* By req->who.  ERR_INPUT: no such kind, or too long. */
int request_file(struct req *, const char *kind, const json_t *argument,
    struct request_end *, struct err *) KILN_MUST;
/* A proposal's end, by another account than made it: ERR_TRUST else.  *id:
 * the request it became, 0 when it was refused. */
int request_close(struct req *, int64_t proposal, bool approve, int64_t *id,
    struct err *) KILN_MUST;

/* POST /api/v1/requests {"kind", "argument": {…}} */
void api_request(struct req *, struct reply *);

#endif
