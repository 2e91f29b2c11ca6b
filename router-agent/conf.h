/*
 * agent.yaml: what the owner of a router wants.  kiln-agent.yaml(5) is its
 * manual.  The file is trusted; everything else that the agent reads is not.
 */
#ifndef AGENT_CONF_H
#define AGENT_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "lib/attr.h"
#include "lib/conf.h"
#include "lib/err.h"
#include "lib/sig.h"

#define AGENT_CONF_DEFAULT "/etc/kiln/agent.yaml"
/* What `kiln-agent install` writes: in the state folder, so that it outlives
 * the rest of the machine.  The owner's own file comes before it. */
#define AGENT_CONF_KEPT "/var/lib/kiln-agent/agent.yaml"
#define AGENT_CONF_MAX ((size_t)256 * 1024) /* bytes */
#define AGENT_SERVICES 32
#define AGENT_SERVERS 8
#define CONF_ARGV 16

enum accel_wish { ACCEL_AUTO, ACCEL_TCG, ACCEL_KVM };
enum report_wish { REPORTS_OFF, REPORTS_MINIMAL, REPORTS_FULL };

/* A machine's second card, on the bridge towards the provider. */
struct agent_wan {
	char *address, *gateway; /* gateway: NULL for none */
	int64_t prefix;
	char *address6, *gateway6; /* NULL: no IPv6 there */
	int64_t prefix6;
};

struct agent_service {
	char *name;
	char *address;	/* of the virtual machine, numeric */
	char *address6; /* the same of IPv6, or NULL */
	int64_t prefix6;
	struct agent_wan *wan; /* NULL: the LAN alone */
	json_t *config;	       /* an object: the service's own part */
	/* Where it stands in the file, for sentences. */
	const struct conf_node *node;
};

/* What may be changed on a page of the LAN, and in whose machine that runs. */
struct agent_page {
	char *service; /* NULL: there is none */
	char **settings;
	size_t n;
};

struct agent_conf {
	struct conf *file;
	char *state;	/* folder */
	char **servers; /* base URLs without a slash at the end */
	size_t nservers;
	char *channel, *arch;
	bool demo;
	char *root; /* file of the trusted root */
	int64_t min_keys;
	struct sig_public *require_keys;
	size_t nrequire_keys;
	int64_t hold_keys_s; /* a changed set of keys waits so long */
	int64_t poll_s;
	int64_t budget;	    /* bytes to fetch in a day; 0: any */
	int64_t state_copy; /* of a state volume, where there are no reflinks */
	int64_t flood; /* frames a second of a new machine: machine/flood.h */
	int64_t write_budget; /* bytes to flash in a day, besides an update's */
	bool metered;	      /* only what replaces a withdrawn image */
	bool ask;	      /* the owner approves each plan */
	int64_t probation_s;
	enum accel_wish accel;
	char *tender; /* folder of Solo5's tenders, or NULL */
	char *bridge, *lan_address;
	int64_t prefix;
	char *wan_bridge; /* or NULL */
	struct agent_service *services;
	size_t nservices;
	struct agent_page page;
	enum report_wish reports;
	/* who is told: argv and NULL, or NULL */
	char **mail, **led;
	char *webhook; /* or NULL */
};

int agent_conf_read(
    struct agent_conf *, const char *path, struct err *) KILN_MUST;
/* The same from bytes; `name` is used in messages. */
int agent_conf_parse(struct agent_conf *, const char *name, const void *,
    size_t, struct err *) KILN_MUST;
void agent_conf_release(struct agent_conf *);
#define auto_agent_conf __attribute__((cleanup(agent_conf_release)))
const struct agent_service *agent_conf_service(
    const struct agent_conf *, const char *name);
/* May the page change that service's config? */
bool agent_conf_settable(const struct agent_conf *, const char *service);

/* The architecture this program was built for, in Debian's word. */
const char *agent_arch(void);

#endif
