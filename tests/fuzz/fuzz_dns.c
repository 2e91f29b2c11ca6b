/* rooms: router-agent/change/dns.c */
/* Answers of a machine under test to each of the three questions. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "router-agent/change/dns.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
parse(const struct dns_question *q, const uint8_t *data, size_t n)
{
	struct dns_answer a = { 0 };
	struct err err = ERR_INIT;

	if (dns_parse(q, data, n, &a, &err) == -1)
		return;
	/* What answers us is ours. */
	if (a.n > DNS_ANSWERS || !dns_is_ours(q, data, n))
		abort();
	for (size_t i = 0; i < a.n; i++)
		if (!memchr(a.records[i].text, '\0', sizeof(a.records[i].text)))
			abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const uint16_t types[] = { DNS_A, DNS_AAAA, DNS_TXT };

	for (size_t i = 0; i < 3; i++) {
		struct dns_question q = { "router.lan", types[i], 0x1234 };

		parse(&q, data, n);
	}
	return 0;
}
