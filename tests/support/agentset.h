/*
 * A set of one service, with something in each of its fields, for tests of what
 * the agent remembers and of what it plans.  Filled member by member, so that
 * two of them are equal in their padding, too.
 */
#ifndef TEST_AGENTSET_H
#define TEST_AGENTSET_H

#include <stdio.h>
#include <string.h>

#include "lib/mem.h"
#include "router-agent/set.h"

#define MIB ((int64_t)1 << 20)

static inline void
set_file(struct set_file *f, const char *content)
{
	hash_bytes(&f->hash, content, strlen(content));
	f->size = (int64_t)strlen(content);
	snprintf(f->target, sizeof(f->target), "images/x/amd64/%s", content);
}

static inline void
a_set(struct set *s, int64_t counter, const char *image)
{
	struct probe *p = s->services[0].probes;
	char name[32];

	memset(s, 0, sizeof(*s));
	strcpy(s->channel, "edge");
	strcpy(s->arch, "amd64");
	s->counter = counter;
	snprintf(name, sizeof(name), "set %d", (int)counter);
	hash_bytes(&s->sha256, name, strlen(name));
	set_file(&s->vmlinuz, "vmlinuz");
	set_file(&s->initrd, "initrd");
	strcpy(s->machine, "microvm,pit=on,pic=on,rtc=on");
	strcpy(s->cmdline, "console=ttyS0 quiet");
	strcpy(s->kernel_version, "6.1");
	s->kernel_memory = 96 * MIB;
	s->metadata = (struct set_metadata){ 1, 2, 3, 4 };
	s->has_agent = true;
	set_file(&s->agent, "agent");
	strcpy(s->agent_version, "0.2");
	s->nservices = 1;
	strcpy(s->services[0].name, "dns-dhcp");
	strcpy(s->services[0].version, "2.90");
	set_file(&s->services[0].image, image);
	s->services[0].memory = 96 * MIB;
	s->services[0].serial = 5;
	s->services[0].keys = 2;
	s->services[0].nports = 2;
	s->services[0].ports[0].number = 53;
	s->services[0].ports[1].tcp = true;
	s->services[0].ports[1].number = 53;
	s->services[0].nvolumes = 1;
	s->services[0].volumes[0] =
	    (struct set_volume){ "state", "/var/lib/x", 16 * MIB };
	strcpy(s->services[0].config, "domain! name\nhosts[].name! label\n");
	s->services[0].nprobes = 2;
	p->type = PROBE_DNS;
	strcpy(p->name, "router.lan");
	strcpy(p->qtype, "A");
	p->expect = PROBE_SELF;
	strcpy(p->value, "self");
	p->tcp = true;
	p[1].type = PROBE_TCP;
	p[1].port = 443;
}

static inline struct set *
new_set(int64_t counter, const char *image)
{
	struct set *s = mem_alloc(sizeof(*s));

	a_set(s, counter, image);
	return s;
}

#endif
