/*
 * What is asked of a service to know that it is well: one probe of its image's
 * metadata, in plain bounded fields.
 */
#ifndef AGENT_PROBE_SPEC_H
#define AGENT_PROBE_SPEC_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "lib/attr.h"
#include "lib/buf.h"
#include "lib/err.h"
#include "lib/ipc.h"

enum probe_type {
	PROBE_DNS,
	PROBE_TCP,
	PROBE_HTTP, /* `name` is the path, `value` the status */
	PROBE_TLS,
	PROBE_MQTT,    /* `value`: accepted, refused, any */
	PROBE_DHCP,    /* where the service's configuration has a `dhcp` */
	PROBE_PROGRAM, /* `name` is a line of the image's /etc/kiln/probes */
};
#define PROBE_PROGRAM_NAME 32 /* bytes of a program's name */
/* Is there a port to it? */
bool probe_has_port(enum probe_type);
/* Of a type's word; -1: none. */
int probe_type_of(const char *);
enum probe_expect {
	PROBE_ADDRESS, /* or text, in `value` */
	PROBE_SELF,    /* the machine's own address */
	PROBE_NXDOMAIN,
	PROBE_ANY,
};

struct probe {
	enum probe_type type;
	/* dns */
	char name[256];
	char qtype[8]; /* A, AAAA, TXT */
	enum probe_expect expect;
	char value[256];
	bool tcp;
	uint16_t port; /* all but dns, dhcp and program */
};

void probe_send(const struct probe *, struct buf *fields);
int probe_receive(struct ipc_msg *, struct probe *, struct err *) KILN_MUST;
json_t *probe_json(const struct probe *); /* new reference */
int probe_from_json(
    const char *what, const json_t *, struct probe *, struct err *) KILN_MUST;

/* Every field within its bounds: asked after each crossing. */
bool probe_ok(const struct probe *);
/* "dns A router.lan over tcp": for people. */
void probe_text(const struct probe *, struct buf *);

#endif
