/*
 * What a service is asked besides DNS, and its answers: HTTP, TLS, MQTT and
 * DHCP, as far as a probe needs them.  Pure: bytes out, bytes in.  Answers
 * come from a machine under test and are read strictly; ERR_INPUT says what is
 * wrong with one.
 */
#ifndef AGENT_REPLY_H
#define AGENT_REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/attr.h"
#include "lib/err.h"

#define ASK_MAX 1024   /* bytes of a question */
#define REPLY_MAX 1500 /* as much of an answer is looked at */

/* How much of a stream must be there before it can be judged. */
#define REPLY_HTTP 12 /* "HTTP/1.1 200" */
#define REPLY_TLS 6
#define REPLY_MQTT 4

/* "GET PATH", for the host of that address.  Bytes. */
size_t ask_http(const char *address, const char *path, uint8_t out[ASK_MAX]);
int reply_http(const uint8_t *, size_t, int *status, struct err *) KILN_MUST;

/* A ClientHello of TLS 1.2 and 1.3: `random` 64 bytes, of which the last half
 * is a public key of X25519.  No certificate is looked at: that a server
 * speaks TLS is all that is asked. */
size_t ask_tls(const uint8_t random[64], uint8_t out[ASK_MAX]);
int reply_tls(const uint8_t *, size_t, struct err *) KILN_MUST;

/* MQTT 3.1.1 CONNECT without a name. */
size_t ask_mqtt(uint8_t out[ASK_MAX]);
/* *code: 0 accepted, 1 to 5 refused. */
int reply_mqtt(const uint8_t *, size_t, int *code, struct err *) KILN_MUST;

/* DISCOVER, to be answered by broadcast. */
size_t ask_dhcp(uint32_t id, const uint8_t mac[6], uint8_t out[ASK_MAX]);
struct dhcp_offer {
	uint32_t address, server; /* host byte order */
};
/* 1: an OFFER of ours; 0: for somebody else; -1: one that is wrong. */
int reply_dhcp(uint32_t id, const uint8_t mac[6], const uint8_t *, size_t,
    struct dhcp_offer *, struct err *) KILN_MUST;

#endif
