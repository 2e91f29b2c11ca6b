/*
 * A set as the verifier vouches for it: plain, bounded fields, nothing
 * foreign left to parse.  It crosses from the verifier to the parent as
 * length-checked fields, and lies in the state as JSON of our own.
 */
#ifndef AGENT_SET_H
#define AGENT_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "lib/attr.h"
#include "lib/buf.h"
#include "lib/conf_schema.h"
#include "lib/err.h"
#include "lib/hash.h"
#include "lib/ipc.h"
#include "router-agent/probe_spec.h"

#define SET_SERVICES 32
#define SET_PROBES 16
#define SET_PORTS 32
#define SET_VOLUMES 4
#define SET_SOLO5 512	   /* bytes with NUL */
#define SET_DEVICES 7	   /* of a unikernel: two cards and five disks */
#define SET_VOLUME_NAME 21 /* with NUL: a virtio serial number */
#define SET_VOLUME_PATH 128
#define SET_VOLUME_MIN ((int64_t)1 << 20)
#define SET_VOLUME_MAX ((int64_t)16 << 30)
#define SET_KEYS_MAX 1024
#define SET_NAME 64 /* bytes with NUL: service, channel, arch */
#define SET_VERSION 128
#define SET_MACHINE 128
#define SET_CMDLINE 1024
#define SET_TARGET 320 /* a target's path */
#define SET_IMAGE_MAX ((int64_t)4 << 30)
#define SET_MEMORY_MIN ((int64_t)16 << 20)
#define SET_MEMORY_MAX ((int64_t)16 << 30)

/* What is done with a service's state when a new machine takes over. */
enum set_handover {
	HANDOVER_PARALLEL,  /* it has none */
	HANDOVER_HANDOFF,   /* it gets the old one's, through the agent */
	HANDOVER_EXCLUSIVE, /* the old one goes first */
};

struct set_file { /* one artifact: kernel, initrd, image */
	char target[SET_TARGET];
	struct hash hash;
	int64_t size;
};

struct set_port { /* what the service listens on */
	bool tcp;
	uint16_t number;
};

struct set_volume {		    /* an ext4 disk that outlives the machine */
	char name[SET_VOLUME_NAME]; /* its serial number in the guest */
	char path[SET_VOLUME_PATH]; /* where the guest mounts it */
	int64_t size;
};

struct set_service {
	char name[SET_NAME];
	char version[SET_VERSION];
	struct set_file image;
	int64_t memory;
	int64_t serial;
	int64_t keys; /* distinct keys that signed for the image */
	enum set_handover handover;
	struct probe probes[SET_PROBES];
	size_t nprobes;
	struct set_port ports[SET_PORTS];
	size_t nports;
	struct set_volume volumes[SET_VOLUMES];
	size_t nvolumes;
	/* What a unikernel says of itself (lib/solo5.h); "": it is none, but
	 * an image for QEMU. */
	char solo5[SET_SOLO5];
	/* What its configuration may say; "": anything. */
	char config[CONF_SCHEMA_MAX];
	int64_t state; /* the agent's: generation of its volumes; 0: none */
};

/* Other kinds in a set than "vm".  The service whose image is the agent's own
 * program: */
#define SET_AGENT "kiln-agent"
#define SET_AGENT_KIND "agent"
#define SET_SOLO5_KIND "solo5"

struct set_metadata { /* versions of what vouches for it */
	int64_t root, timestamp, snapshot, targets;
};

struct set {
	char channel[SET_NAME], arch[SET_NAME];
	int64_t counter;
	struct hash sha256; /* of the set's own file */
	struct set_file vmlinuz, initrd;
	char machine[SET_MACHINE], cmdline[SET_CMDLINE];
	char kernel_version[SET_VERSION];
	int64_t kernel_memory; /* smallest that boots */
	bool has_agent; /* the set names a program for the agent itself */
	struct set_file agent;
	char agent_version[SET_VERSION];
	struct set_service services[SET_SERVICES]; /* see set_dup */
	size_t nservices;
	struct set_metadata metadata;
};

void set_send(const struct set *, struct buf *fields);
int set_receive(struct ipc_msg *, struct set *, struct err *) KILN_MUST;

json_t *set_json(const struct set *); /* new reference */
int set_from_json(
    const char *what, const json_t *, struct set *, struct err *) KILN_MUST;

/* recipe.yaml's words for it; -1: none of them. */
const char *set_handover_word(enum set_handover);
int set_handover_of(const char *word);
const struct set_service *set_service(const struct set *, const char *name);
/* The guest's own memory, in bytes: a unikernel boots no kernel of the set. */
int64_t set_guest_memory(const struct set *, const struct set_service *);
/* "udp/53", as recipes write it; false: it is none. */
#define SET_PORT_TEXT 12
void set_port_text(const struct set_port *, char out[SET_PORT_TEXT]);
bool set_port_of(const char *text, struct set_port *);
/* Every field within its bounds: asked after each crossing. */
int set_check(const struct set *, struct err *) KILN_MUST;
#endif
