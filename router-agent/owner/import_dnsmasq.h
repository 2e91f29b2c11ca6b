/*
 * dnsmasq.conf becomes the configuration of the dns-dhcp service
 * (recipes/dns-dhcp/README.md), with a verdict on each line of it.  Pure:
 * bytes in, JSON and verdicts out; other files that it names are not read.
 */
#ifndef AGENT_IMPORT_DNSMASQ_H
#define AGENT_IMPORT_DNSMASQ_H

#include <stddef.h>

#include <jansson.h>

#include "lib/attr.h"
#include "lib/buf.h"
#include "lib/err.h"

#define IMPORT_FILE_MAX ((size_t)1 << 20)

enum import_verdict {
	IMPORT_TAKEN,	    /* it means the same there */
	IMPORT_CHANGED,	    /* `why` says how it differs */
	IMPORT_UNSUPPORTED, /* `why` says what is missing */
};
const char *import_verdict_name(enum import_verdict);

struct import_line {
	size_t number; /* from 1 */
	char *text;    /* tamed, at most 200 bytes */
	enum import_verdict verdict;
	const char *why; /* constant; "" when taken */
};
struct import {
	json_t *config; /* the service's part; always has a domain */
	struct import_line *lines;
	size_t n;
};

/* Comments and empty lines are no lines.  ERR_INPUT: not a text. */
int import_dnsmasq(
    const void *, size_t, struct import *, struct err *) KILN_MUST;
void import_release(struct import *);
/* agent.yaml's lines for it, indented for `services:`. */
void import_yaml(const struct import *, struct buf *);

#endif
