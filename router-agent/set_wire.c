/* A set as it crosses from the verifier to the parent. */
#include <string.h>

#include "lib/own.h"
#include "router-agent/set.h"

static void
send_file(const struct set_file *f, struct buf *b)
{
	ipc_add_str(b, f->target);
	ipc_add_hash(b, &f->hash);
	ipc_add_i64(b, f->size);
}

void
set_send(const struct set *s, struct buf *b)
{
	ipc_add_str(b, s->channel);
	ipc_add_str(b, s->arch);
	ipc_add_i64(b, s->counter);
	ipc_add_hash(b, &s->sha256);
	send_file(&s->vmlinuz, b);
	send_file(&s->initrd, b);
	ipc_add_str(b, s->machine);
	ipc_add_str(b, s->cmdline);
	ipc_add_str(b, s->kernel_version);
	ipc_add_i64(b, s->kernel_memory);
	ipc_add_i64(b, s->metadata.root);
	ipc_add_i64(b, s->metadata.timestamp);
	ipc_add_i64(b, s->metadata.snapshot);
	ipc_add_i64(b, s->metadata.targets);
	ipc_add_u32(b, s->has_agent);
	if (s->has_agent) {
		send_file(&s->agent, b);
		ipc_add_str(b, s->agent_version);
	}
	ipc_add_u32(b, (uint32_t)s->nservices);
	for (size_t i = 0; i < s->nservices; i++) {
		const struct set_service *v = &s->services[i];

		ipc_add_str(b, v->name);
		ipc_add_str(b, v->version);
		send_file(&v->image, b);
		ipc_add_i64(b, v->memory);
		ipc_add_i64(b, v->serial);
		ipc_add_i64(b, v->keys);
		ipc_add_u32(b, (uint32_t)v->handover);
		ipc_add_u32(b, (uint32_t)v->nprobes);
		for (size_t k = 0; k < v->nprobes; k++)
			probe_send(&v->probes[k], b);
		ipc_add_u32(b, (uint32_t)v->nports);
		for (size_t k = 0; k < v->nports; k++) {
			ipc_add_u32(b, v->ports[k].tcp);
			ipc_add_u32(b, v->ports[k].number);
		}
		ipc_add_u32(b, (uint32_t)v->nvolumes);
		for (size_t k = 0; k < v->nvolumes; k++) {
			ipc_add_str(b, v->volumes[k].name);
			ipc_add_str(b, v->volumes[k].path);
			ipc_add_i64(b, v->volumes[k].size);
		}
		ipc_add_str(b, v->solo5);
		ipc_add_str(b, v->config);
	}
}

static int
get_file(struct ipc_msg *m, struct set_file *f, struct err *err)
{
	if (IPC_GET_TEXT(m, f->target, err) == -1 ||
	    ipc_get_hash(m, &f->hash, err) == -1 ||
	    ipc_get_i64(m, &f->size, err) == -1)
		return -1;
	return 0;
}

static int
get_count(struct ipc_msg *m, size_t max, size_t *out, struct err *err)
{
	uint32_t n;

	if (ipc_get_u32(m, &n, err) == -1)
		return -1;
	if (n > max)
		return err_set(err, ERR_INPUT,
		    "a set with %u entries, at most %zu allowed", n, max);
	*out = n;
	return 0;
}

static int
get_ports(struct ipc_msg *m, struct set_service *v, struct err *err)
{
	uint32_t tcp, number;

	if (get_count(m, SET_PORTS, &v->nports, err) == -1)
		return -1;
	for (size_t k = 0; k < v->nports; k++) {
		if (ipc_get_u32(m, &tcp, err) == -1 ||
		    ipc_get_u32(m, &number, err) == -1)
			return -1;
		if (tcp > 1 || number < 1 || number > 65535)
			return err_set(err, ERR_INPUT, "a port out of range");
		v->ports[k] = (struct set_port){ tcp == 1, (uint16_t)number };
	}
	return 0;
}

static int
get_volumes(struct ipc_msg *m, struct set_service *v, struct err *err)
{
	if (get_count(m, SET_VOLUMES, &v->nvolumes, err) == -1)
		return -1;
	for (size_t k = 0; k < v->nvolumes; k++)
		if (IPC_GET_TEXT(m, v->volumes[k].name, err) == -1 ||
		    IPC_GET_TEXT(m, v->volumes[k].path, err) == -1 ||
		    ipc_get_i64(m, &v->volumes[k].size, err) == -1)
			return -1;
	return 0;
}

static int
get_service(struct ipc_msg *m, struct set_service *v, struct err *err)
{
	uint32_t handover;

	if (IPC_GET_TEXT(m, v->name, err) == -1 ||
	    IPC_GET_TEXT(m, v->version, err) == -1 ||
	    get_file(m, &v->image, err) == -1 ||
	    ipc_get_i64(m, &v->memory, err) == -1 ||
	    ipc_get_i64(m, &v->serial, err) == -1 ||
	    ipc_get_i64(m, &v->keys, err) == -1 ||
	    ipc_get_u32(m, &handover, err) == -1 ||
	    get_count(m, SET_PROBES, &v->nprobes, err) == -1)
		return -1;
	if (handover > HANDOVER_EXCLUSIVE)
		return err_set(err, ERR_INPUT, "a hand-over out of range");
	v->handover = (enum set_handover)handover;
	for (size_t k = 0; k < v->nprobes; k++)
		if (probe_receive(m, &v->probes[k], err) == -1)
			return -1;
	if (get_ports(m, v, err) == -1 || get_volumes(m, v, err) == -1 ||
	    IPC_GET_TEXT(m, v->solo5, err) == -1)
		return -1;
	return IPC_GET_TEXT(m, v->config, err);
}

static int
get_agent(struct ipc_msg *m, struct set *s, struct err *err)
{
	uint32_t has;

	if (ipc_get_u32(m, &has, err) == -1)
		return -1;
	s->has_agent = has == 1;
	if (!s->has_agent)
		return 0;
	return get_file(m, &s->agent, err) == -1
		   ? -1
		   : IPC_GET_TEXT(m, s->agent_version, err);
}

int
set_receive(struct ipc_msg *m, struct set *s, struct err *err)
{
	memset(s, 0, sizeof(*s));
	if (IPC_GET_TEXT(m, s->channel, err) == -1 ||
	    IPC_GET_TEXT(m, s->arch, err) == -1 ||
	    ipc_get_i64(m, &s->counter, err) == -1 ||
	    ipc_get_hash(m, &s->sha256, err) == -1 ||
	    get_file(m, &s->vmlinuz, err) == -1 ||
	    get_file(m, &s->initrd, err) == -1 ||
	    IPC_GET_TEXT(m, s->machine, err) == -1 ||
	    IPC_GET_TEXT(m, s->cmdline, err) == -1 ||
	    IPC_GET_TEXT(m, s->kernel_version, err) == -1 ||
	    ipc_get_i64(m, &s->kernel_memory, err) == -1 ||
	    ipc_get_i64(m, &s->metadata.root, err) == -1 ||
	    ipc_get_i64(m, &s->metadata.timestamp, err) == -1 ||
	    ipc_get_i64(m, &s->metadata.snapshot, err) == -1 ||
	    ipc_get_i64(m, &s->metadata.targets, err) == -1 ||
	    get_agent(m, s, err) == -1 ||
	    get_count(m, SET_SERVICES, &s->nservices, err) == -1)
		return -1;
	for (size_t i = 0; i < s->nservices; i++)
		if (get_service(m, &s->services[i], err) == -1)
			return -1;
	return set_check(s, err);
}
