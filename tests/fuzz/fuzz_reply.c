/* rooms: router-agent/change/reply.c */
/* Answers of a machine under test to the other probes. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "router-agent/change/reply.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const uint8_t mac[6] = { 2, 0, 0, 0, 0, 1 };
	struct dhcp_offer offer = { 0, 0 };
	struct err err = ERR_INIT;
	int number = -1;

	if (reply_http(data, n, &number, &err) == 0 &&
	    (number < 100 || number > 999))
		abort();
	if (reply_mqtt(data, n, &number, &err) == 0 &&
	    (number < 0 || number > 5))
		abort();
	if (reply_tls(data, n, &err) == 0 && n < REPLY_TLS)
		abort();
	if (reply_dhcp(0x12345678, mac, data, n, &offer, &err) == 1 &&
	    (offer.address == 0 || offer.server == 0))
		abort();
	return 0;
}
