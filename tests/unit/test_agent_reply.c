/* rooms: router-agent/change/reply.c */
/* Questions other than DNS, and what passes for an answer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "router-agent/change/reply.h"

static const uint8_t mac[6] = { 2, 0, 0, 0, 0, 1 };
#define ID 0x12345678u

static void
http_says_its_status(void **state)
{
	struct err err = ERR_INIT;
	uint8_t ask[ASK_MAX];
	size_t n = ask_http("192.0.2.80", "/health", ask);
	int status = 0;

	(void)state;
	assert_memory_equal(ask, "GET /health HTTP/1.1\r\n", 22);
	assert_memory_equal(ask + n - 4, "\r\n\r\n", 4);
#define HTTP(text) \
	reply_http((const uint8_t *)(text), strlen(text), &status, &err)
	assert_int_equal(HTTP("HTTP/1.1 204 No Content\r\n"), 0);
	assert_int_equal(status, 204);
	assert_int_equal(HTTP("HTTP/1.0 503"), 0);
	assert_int_equal(status, 503);
	assert_int_equal(HTTP("HTTP/1.1 20"), -1);
	assert_int_equal(HTTP("HTTP/2.0 200"), -1);
	assert_int_equal(HTTP("HTTP/1.1 2x0"), -1);
	assert_int_equal(HTTP("HTTP/1.1 000"), -1);
	assert_int_equal(HTTP("SSH-2.0-open 200"), -1);
}

static void
tls_is_a_server_hello(void **state)
{
	static const uint8_t hello[] = { 22, 3, 3, 0, 122, 2 };
	static const uint8_t alert[] = { 21, 3, 3, 0, 2, 2, 40 };
	static const uint8_t other[] = { 22, 3, 3, 0, 122, 1 };
	static const uint8_t empty[] = { 22, 3, 3, 0, 0, 2 };
	static const uint8_t random[64] = { 7 };
	struct err err = ERR_INIT;
	uint8_t ask[ASK_MAX];
	size_t n = ask_tls(random, ask);

	(void)state;
	/* Both lengths reach to the end. */
	assert_int_equal(ask[3] << 8 | ask[4], n - 5);
	assert_int_equal(ask[7] << 8 | ask[8], n - 9);
	assert_int_equal(reply_tls(hello, sizeof(hello), &err), 0);
	assert_int_equal(reply_tls(hello, 5, &err), -1);
	assert_int_equal(reply_tls(other, sizeof(other), &err), -1);
	assert_int_equal(reply_tls(empty, sizeof(empty), &err), -1);
	assert_int_equal(reply_tls(alert, sizeof(alert), &err), -1);
	assert_non_null(strstr(err.msg, "alert 40"));
	assert_int_equal(
	    reply_tls((const uint8_t *)"HTTP/1.1 400", 12, &err), -1);
}

static void
mqtt_is_a_connack(void **state)
{
	static const uint8_t yes[] = { 0x20, 2, 0, 0 },
			     no[] = { 0x20, 2, 0, 5 },
			     odd[] = { 0x20, 2, 0, 6 },
			     flag[] = { 0x20, 2, 2, 0 };
	struct err err = ERR_INIT;
	uint8_t ask[ASK_MAX];
	size_t n = ask_mqtt(ask);
	int code = -1;

	(void)state;
	assert_int_equal(ask[1], n - 2);
	assert_int_equal(reply_mqtt(yes, 4, &code, &err), 0);
	assert_int_equal(code, 0);
	assert_int_equal(reply_mqtt(no, 4, &code, &err), 0);
	assert_int_equal(code, 5);
	assert_int_equal(reply_mqtt(odd, 4, &code, &err), -1);
	assert_int_equal(reply_mqtt(flag, 4, &code, &err), -1);
	assert_int_equal(reply_mqtt(yes, 3, &code, &err), -1);
}

/* An OFFER, whose options end with `last`. */
static size_t
offer(uint8_t out[ASK_MAX], const uint8_t *last, size_t n)
{
	static const uint8_t head[] = { 0x63, 0x82, 0x53, 0x63 };

	memset(out, 0, ASK_MAX);
	out[0] = 2;
	out[1] = 1;
	out[2] = 6;
	memcpy(out + 4, "\x12\x34\x56\x78", 4);
	memcpy(out + 16, "\xc0\x00\x02\x64", 4);
	memcpy(out + 28, mac, 6);
	memcpy(out + 236, head, 4);
	memcpy(out + 240, last, n);
	return 240 + n;
}

static void
dhcp_is_an_offer_for_us(void **state)
{
	static const uint8_t good[] = { 53, 1, 2, 0, 54, 4, 192, 0, 2, 53,
		255 };
	static const uint8_t ack[] = { 53, 1, 5, 54, 4, 192, 0, 2, 53, 255 };
	static const uint8_t nobody[] = { 53, 1, 2, 255 };
	static const uint8_t twice[] = { 53, 1, 2, 53, 1, 2, 54, 4, 192, 0, 2,
		53, 255 };
	struct err err = ERR_INIT;
	struct dhcp_offer o;
	uint8_t p[ASK_MAX];
	size_t n = offer(p, good, sizeof(good));

	(void)state;
	assert_int_equal(reply_dhcp(ID, mac, p, n, &o, &err), 1);
	assert_int_equal(o.address, 0xc0000264);
	assert_int_equal(o.server, 0xc0000235);
	/* Another's is waited past. */
	assert_int_equal(reply_dhcp(ID + 1, mac, p, n, &o, &err), 0);
	p[28] ^= 4;
	assert_int_equal(reply_dhcp(ID, mac, p, n, &o, &err), 0);
	p[28] ^= 4;
	/* Every cut is none or wrong. */
	for (size_t cut = 0; cut < n; cut++)
		assert_int_not_equal(reply_dhcp(ID, mac, p, cut, &o, &err), 1);
	n = offer(p, ack, sizeof(ack));
	assert_int_equal(reply_dhcp(ID, mac, p, n, &o, &err), -1);
	n = offer(p, nobody, sizeof(nobody));
	assert_int_equal(reply_dhcp(ID, mac, p, n, &o, &err), -1);
	n = offer(p, twice, sizeof(twice));
	assert_int_equal(reply_dhcp(ID, mac, p, n, &o, &err), -1);
}

static void
a_discover_is_one_and_wants_a_broadcast(void **state)
{
	uint8_t p[ASK_MAX];

	(void)state;
	assert_int_equal(ask_dhcp(ID, mac, p), 300);
	assert_int_equal(p[0], 1);
	assert_int_equal(p[10], 0x80);
	assert_memory_equal(p + 28, mac, 6);
	assert_memory_equal(p + 240, "\x35\x01\x01", 3);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(http_says_its_status),
		cmocka_unit_test(tls_is_a_server_hello),
		cmocka_unit_test(mqtt_is_a_connack),
		cmocka_unit_test(dhcp_is_an_offer_for_us),
		cmocka_unit_test(a_discover_is_one_and_wants_a_broadcast),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
