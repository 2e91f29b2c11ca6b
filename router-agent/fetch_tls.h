/*
 * Certificates on a router that may have no clock: judged at a time that is
 * given, never at "now" (reference: fault-tests.md §9, rule 5).
 *
 * That time is a floor: it is later, nobody knows by how much.  So what has
 * expired by then has expired for certain and is refused, and what is valid
 * only later may be valid: its chain is judged at the time when the last of it
 * began.  TLS is the second belt; what is installed is decided by TUF alone.
 */
#ifndef KILN_FETCH_TLS_H
#define KILN_FETCH_TLS_H

#include <stdint.h>

/* For http_tls() of lib/http.h: `arg` is an int64_t, Unix time; 0: by the
 * machine's clock, to the letter. */
int fetch_tls(void *ssl_ctx, void *arg);

#endif
