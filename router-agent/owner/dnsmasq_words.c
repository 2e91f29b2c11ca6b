#include "router-agent/owner/dnsmasq_words.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <string.h>

#include "lib/num.h"

bool
dnsmasq_is_ipv4(const char *s)
{
	struct in_addr a;

	return inet_pton(AF_INET, s, &a) == 1;
}

bool
dnsmasq_is_address(const char *s)
{
	struct in6_addr a;

	return dnsmasq_is_ipv4(s) || inet_pton(AF_INET6, s, &a) == 1;
}

/* Six pairs of hex digits; in lower case into `out`. */
bool
dnsmasq_is_mac(const char *s, char out[18])
{
	for (size_t i = 0; i < 17; i++) {
		bool colon = i % 3 == 2;

		if (colon ? s[i] != ':' : !isxdigit((unsigned char)s[i]))
			return false;
		out[i] = (char)tolower((unsigned char)s[i]);
	}
	out[17] = '\0';
	return s[17] == '\0';
}

bool
dnsmasq_label_ok(const char *s)
{
	size_t n = strlen(s);

	if (n < 1 || n > 63 || s[0] == '-' || s[n - 1] == '-')
		return false;
	return strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-_") == n;
}

bool
dnsmasq_domain_ok(const char *s)
{
	char part[DNSMASQ_DOMAIN];

	if (strlen(s) >= DNSMASQ_DOMAIN)
		return false;
	for (;;) {
		size_t n = strcspn(s, ".");

		memcpy(part, s, n);
		part[n] = '\0';
		if (!dnsmasq_label_ok(part))
			return false;
		if (s[n] == '\0')
			return true;
		s += n + 1;
	}
}

void
dnsmasq_lower(char *s)
{
	for (; *s; s++)
		*s = (char)tolower((unsigned char)*s);
}

/* "12h", "45m", "3600", "infinite"; -1: none of them. */
int64_t
dnsmasq_lease_of(const char *s)
{
	struct err why = ERR_INIT;
	int64_t t;

	if (strcmp(s, "infinite") == 0)
		return INT64_MAX;
	return num_duration(s, &t, &why) == 0 ? t : -1;
}
