/* What programs post, and look at. */
#ifndef KILN_API_H
#define KILN_API_H

#include "web/req.h"

void api_report(struct req *, struct reply *);
void api_enrol(struct req *, struct reply *);
void api_fleet_token(struct req *, struct reply *);
void api_router(struct req *, struct reply *); /* part[0]: HEX64 */
void api_hook(struct req *, struct reply *);
void api_drafts(struct req *, struct reply *);
void api_draft(struct req *, struct reply *); /* part[0]: role */
void api_signature(struct req *, struct reply *);
void api_statement(struct req *, struct reply *);
void api_attestation(struct req *, struct reply *); /* part[0]: HEX64 */
void api_document(struct req *, struct reply *);    /* part[0]: HEX64 */
void api_origin(struct req *, struct reply *);	    /* part[0]: HEX64, run id */
void api_healthz(struct req *, struct reply *);
void api_metrics(struct req *, struct reply *);
void api_feed(struct req *, struct reply *);

#endif
