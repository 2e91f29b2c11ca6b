/*
 * DNS messages (RFC 1035), as far as a probe needs them: one question out,
 * one answer in.  The answer comes from a machine under test and is read
 * strictly: what does not answer exactly our question is refused, names are
 * followed only backwards and only so often, and every byte must belong to
 * something.
 */
#ifndef AGENT_DNS_H
#define AGENT_DNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/attr.h"
#include "lib/err.h"

#define DNS_NAME 256 /* text with NUL */
#define DNS_MESSAGE 4096
#define DNS_QUERY 300 /* bytes of a query at most */
#define DNS_ANSWERS 16

enum dns_type { DNS_A = 1, DNS_CNAME = 5, DNS_TXT = 16, DNS_AAAA = 28 };
enum dns_rcode { DNS_NOERROR = 0, DNS_NXDOMAIN = 3 };

/* "A", "AAAA", "TXT"; 0: none of them. */
uint16_t dns_type_of(const char *word);

struct dns_question {
	char name[DNS_NAME]; /* without a dot at the end */
	uint16_t type;
	uint16_t id;
};
/* Bytes written, or -1 (ERR_INPUT) for a name that is none. */
int dns_query(const struct dns_question *, uint8_t out[DNS_QUERY],
    struct err *) KILN_MUST;

struct dns_record {
	uint16_t type;	/* the one asked for */
	char text[256]; /* an address, or the first string of a TXT, tamed */
};
struct dns_answer {
	int rcode;
	bool truncated; /* ask again over TCP */
	struct dns_record records[DNS_ANSWERS];
	size_t n;
};
/* ERR_INPUT says what is wrong with it. */
int dns_parse(const struct dns_question *, const uint8_t *, size_t,
    struct dns_answer *, struct err *) KILN_MUST;
/* Is it meant for this question at all?  By id and the question's bytes; a
 * stray datagram is waited past instead of failing the probe. */
bool dns_is_ours(const struct dns_question *, const uint8_t *, size_t);

#endif
