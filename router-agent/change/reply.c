#include "router-agent/change/reply.h"

#include <stdio.h>
#include <string.h>

/* --- bytes --------------------------------------------------------------- */

struct out {
	uint8_t *at;
	size_t n;
};

static void
put(struct out *o, const void *bytes, size_t n)
{
	memcpy(o->at + o->n, bytes, n);
	o->n += n;
}

static void
put8(struct out *o, unsigned v)
{
	o->at[o->n++] = (uint8_t)v;
}

static void
put16(struct out *o, unsigned v)
{
	put8(o, v >> 8);
	put8(o, v & 0xff);
}

static uint32_t
get32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
	       (uint32_t)p[2] << 8 | p[3];
}

static void
put32(struct out *o, uint32_t v)
{
	put16(o, v >> 16);
	put16(o, v & 0xffff);
}

/* --- HTTP ---------------------------------------------------------------- */

size_t
ask_http(const char *address, const char *path, uint8_t out[ASK_MAX])
{
	int n = snprintf((char *)out, ASK_MAX,
	    "GET %.500s HTTP/1.1\r\nHost: %.60s\r\nUser-Agent: kiln-agent\r\n"
	    "Connection: close\r\n\r\n",
	    path, address);

	return (size_t)n;
}

int
reply_http(const uint8_t *p, size_t n, int *status, struct err *err)
{
	if (n < REPLY_HTTP || memcmp(p, "HTTP/1.", 7) != 0 ||
	    (p[7] != '0' && p[7] != '1') || p[8] != ' ')
		return err_set(err, ERR_INPUT, "not an answer of HTTP/1");
	for (size_t i = 9; i < 12; i++)
		if (p[i] < '0' || p[i] > '9')
			return err_set(
			    err, ERR_INPUT, "HTTP: a status of no digits");
	*status = (p[9] - '0') * 100 + (p[10] - '0') * 10 + p[11] - '0';
	if (*status < 100)
		return err_set(err, ERR_INPUT, "HTTP: status %d", *status);
	return 0;
}

/* --- TLS (RFC 8446, 4.1.2) ----------------------------------------------- */

static void
put_extensions(struct out *o, const uint8_t *key)
{
	static const uint8_t fixed[] = {
		0x00, 0x0a, 0, 8, 0, 6, 0, 0x1d, 0, 0x17, 0, 0x18, /* groups */
		0x00, 0x0b, 0, 2, 1, 0,				   /* points */
		0x00, 0x0d, 0, 14, 0, 12, 4, 3, 5, 3, 8, 4, 8, 5, 4, 1, 8,
		7,					 /* signatures */
		0x00, 0x2b, 0, 5, 4, 3, 4, 3, 3,	 /* versions 1.3, 1.2 */
		0x00, 0x33, 0, 38, 0, 36, 0, 0x1d, 0, 32 /* the key */
	};

	put16(o, sizeof(fixed) + 32);
	put(o, fixed, sizeof(fixed));
	put(o, key, 32);
}

size_t
ask_tls(const uint8_t random[64], uint8_t out[ASK_MAX])
{
	static const uint8_t suites[] = { 0x13, 1, 0x13, 2, 0x13, 3, 0xc0, 0x2b,
		0xc0, 0x2f, 0xc0, 0x2c, 0xc0, 0x30, 0x00, 0x9c, 0x00, 0x2f };
	struct out o = { out, 0 };
	size_t record, hello;

	put8(&o, 22); /* handshake */
	put16(&o, 0x0301);
	put16(&o, 0);
	record = o.n;
	put8(&o, 1); /* ClientHello */
	put8(&o, 0);
	put16(&o, 0);
	hello = o.n;
	put16(&o, 0x0303);
	put(&o, random, 32);
	put8(&o, 0); /* no session */
	put16(&o, sizeof(suites));
	put(&o, suites, sizeof(suites));
	put16(&o, 0x0100); /* no compression */
	put_extensions(&o, random + 32);
	out[record - 2] = (uint8_t)((o.n - record) >> 8);
	out[record - 1] = (uint8_t)(o.n - record);
	out[hello - 2] = (uint8_t)((o.n - hello) >> 8);
	out[hello - 1] = (uint8_t)(o.n - hello);
	return o.n;
}

int
reply_tls(const uint8_t *p, size_t n, struct err *err)
{
	unsigned length;

	if (n < REPLY_TLS || p[1] != 3 || p[2] > 4 ||
	    (p[0] != 22 && p[0] != 21))
		return err_set(err, ERR_INPUT, "not an answer of TLS");
	length = (unsigned)p[3] << 8 | p[4];
	if (length < 1 || length > 16384)
		return err_set(
		    err, ERR_INPUT, "TLS: a record of %u bytes", length);
	if (p[0] == 21)
		return err_set(err, ERR_INPUT,
		    "TLS: the server refuses, alert %d", n > 6 ? p[6] : 0);
	if (p[5] != 2)
		return err_set(err, ERR_INPUT,
		    "TLS: message %d and not a ServerHello", p[5]);
	return 0;
}

/* --- MQTT 3.1.1 (3.1, 3.2) ------------------------------------------------ */

size_t
ask_mqtt(uint8_t out[ASK_MAX])
{
	static const char id[] = "kiln-probe";
	struct out o = { out, 0 };

	put8(&o, 0x10); /* CONNECT */
	put8(&o, 10 + 2 + sizeof(id) - 1);
	put16(&o, 4);
	put(&o, "MQTT", 4);
	put8(&o, 4);   /* 3.1.1 */
	put8(&o, 2);   /* a clean session */
	put16(&o, 30); /* keep alive, seconds */
	put16(&o, sizeof(id) - 1);
	put(&o, id, sizeof(id) - 1);
	return o.n;
}

int
reply_mqtt(const uint8_t *p, size_t n, int *code, struct err *err)
{
	if (n < REPLY_MQTT || p[0] != 0x20 || p[1] != 2 || p[2] > 1)
		return err_set(err, ERR_INPUT, "not a CONNACK of MQTT");
	if (p[3] > 5)
		return err_set(
		    err, ERR_INPUT, "MQTT: answer %d is none of 3.1.1", p[3]);
	*code = p[3];
	return 0;
}

/* --- DHCP (RFC 2131, RFC 2132) ---------------------------------------------
 */

enum { DHCP_FIXED = 236, DHCP_MAGIC = 4, BOOTP_LEAST = 300 };
enum { OPT_PAD = 0, OPT_TYPE = 53, OPT_SERVER = 54, OPT_END = 255 };
enum { DHCP_DISCOVER = 1, DHCP_OFFER = 2 };

static const uint8_t magic[DHCP_MAGIC] = { 0x63, 0x82, 0x53, 0x63 };

size_t
ask_dhcp(uint32_t id, const uint8_t mac[6], uint8_t out[ASK_MAX])
{
	static const uint8_t options[] = { OPT_TYPE, 1, DHCP_DISCOVER,
		/* mask, router, DNS */
		55, 3, 1, 3, 6, OPT_END };
	struct out o = { out, 0 };

	memset(out, 0, BOOTP_LEAST);
	put8(&o, 1); /* request */
	put8(&o, 1); /* Ethernet */
	put8(&o, 6);
	put8(&o, 0);
	put32(&o, id);
	put16(&o, 0);
	put16(&o, 0x8000); /* answer by broadcast */
	o.n = 28;
	put(&o, mac, 6);
	o.n = DHCP_FIXED;
	put(&o, magic, sizeof(magic));
	put(&o, options, sizeof(options));
	return BOOTP_LEAST;
}

static int
bad(struct err *err, const char *what)
{
	return err_set(err, ERR_INPUT, "DHCP: %s", what);
}

static int
options(const uint8_t *p, size_t n, int *type, struct dhcp_offer *o,
    struct err *err)
{
	size_t at = 0;

	while (at < n && p[at] != OPT_END) {
		size_t len;

		if (p[at] == OPT_PAD) {
			at++;
			continue;
		}
		if (n - at < 2 || (len = p[at + 1]) > n - at - 2)
			return bad(err, "an option is cut off");
		if (p[at] == OPT_TYPE) {
			if (len != 1 || *type != 0)
				return bad(err, "its type is not one byte");
			*type = p[at + 2];
		} else if (p[at] == OPT_SERVER) {
			if (len != 4 || o->server != 0)
				return bad(err, "its server is not one");
			o->server = get32(p + at + 2);
		}
		at += 2 + len;
	}
	return at < n ? 0 : bad(err, "its options have no end");
}

int
reply_dhcp(uint32_t id, const uint8_t mac[6], const uint8_t *p, size_t n,
    struct dhcp_offer *out, struct err *err)
{
	struct dhcp_offer o = { 0, 0 };
	int type = 0;

	/* What is meant for another client is none of ours. */
	if (n < DHCP_FIXED + DHCP_MAGIC || p[0] != 2 || get32(p + 4) != id ||
	    memcmp(p + 28, mac, 6) != 0)
		return 0;
	if (p[1] != 1 || p[2] != 6 ||
	    memcmp(p + DHCP_FIXED, magic, sizeof(magic)) != 0)
		return bad(err, "not an answer for Ethernet");
	if (options(p + DHCP_FIXED + DHCP_MAGIC, n - DHCP_FIXED - DHCP_MAGIC,
		&type, &o, err) == -1)
		return -1;
	if (type != DHCP_OFFER)
		return err_set(
		    err, ERR_INPUT, "DHCP: message %d and not an OFFER", type);
	o.address = get32(p + 16);
	if (o.address == 0 || o.server == 0)
		return bad(err, "an OFFER without address or server");
	*out = o;
	return 1;
}
