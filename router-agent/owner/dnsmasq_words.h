/* The words of a dnsmasq.conf, as import-dnsmasq reads them. */
#ifndef AGENT_DNSMASQ_WORDS_H
#define AGENT_DNSMASQ_WORDS_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/attr.h"

#define DNSMASQ_DOMAIN 190 /* bytes with NUL */

bool dnsmasq_is_ipv4(const char *);
bool dnsmasq_is_address(const char *);
/* Six pairs of hex digits; in lower case into `out`. */
bool dnsmasq_is_mac(const char *, char out[18]);
bool dnsmasq_label_ok(const char *);
bool dnsmasq_domain_ok(const char *);
void dnsmasq_lower(char *);
/* "12h", "45m", "3600", "infinite" (INT64_MAX), in seconds; -1: no time. */
int64_t dnsmasq_lease_of(const char *);

#endif
