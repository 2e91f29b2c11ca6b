#include "router-agent/set.h"

#include <stdio.h>
#include <string.h>

#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/own.h"

#define SET_KEYS_MAX 1024

static const char *const expect_words[] = { "address", "self", "nxdomain",
	"any" };

/* --- over ipc ------------------------------------------------------------ */

static void
send_file(const struct set_file *f, struct buf *b)
{
	ipc_add_str(b, f->target);
	ipc_add_hash(b, &f->hash);
	ipc_add_i64(b, f->size);
}

static void
send_probe(const struct probe *p, struct buf *b)
{
	ipc_add_u32(b, (uint32_t)p->type);
	ipc_add_str(b, p->name);
	ipc_add_str(b, p->qtype);
	ipc_add_u32(b, (uint32_t)p->expect);
	ipc_add_str(b, p->value);
	ipc_add_u32(b, p->tcp);
	ipc_add_u32(b, p->port);
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
	ipc_add_u32(b, (uint32_t)s->nservices);
	for (size_t i = 0; i < s->nservices; i++) {
		const struct set_service *v = &s->services[i];

		ipc_add_str(b, v->name);
		ipc_add_str(b, v->version);
		send_file(&v->image, b);
		ipc_add_i64(b, v->memory);
		ipc_add_i64(b, v->serial);
		ipc_add_i64(b, v->keys);
		ipc_add_u32(b, (uint32_t)v->nprobes);
		for (size_t k = 0; k < v->nprobes; k++)
			send_probe(&v->probes[k], b);
	}
}

static int
get_text(struct ipc_msg *m, char *out, size_t room, struct err *err)
{
	auto_free char *s = NULL;

	if (ipc_get_str(m, room - 1, &s, err) == -1)
		return -1;
	memcpy(out, s, strlen(s) + 1);
	return 0;
}
#define GET_TEXT(m, array, err) get_text(m, array, sizeof(array), err)

static int
get_file(struct ipc_msg *m, struct set_file *f, struct err *err)
{
	if (GET_TEXT(m, f->target, err) == -1 ||
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
get_probe(struct ipc_msg *m, struct probe *p, struct err *err)
{
	uint32_t type, expect, tcp, port;

	if (ipc_get_u32(m, &type, err) == -1 ||
	    GET_TEXT(m, p->name, err) == -1 ||
	    GET_TEXT(m, p->qtype, err) == -1 ||
	    ipc_get_u32(m, &expect, err) == -1 ||
	    GET_TEXT(m, p->value, err) == -1 ||
	    ipc_get_u32(m, &tcp, err) == -1 || ipc_get_u32(m, &port, err) == -1)
		return -1;
	if (type > PROBE_TCP || expect > PROBE_ANY || tcp > 1 || port > 65535)
		return err_set(err, ERR_INPUT, "a probe out of range");
	p->type = (enum probe_type)type;
	p->expect = (enum probe_expect)expect;
	p->tcp = tcp == 1;
	p->port = (uint16_t)port;
	return 0;
}

static int
get_service(struct ipc_msg *m, struct set_service *v, struct err *err)
{
	if (GET_TEXT(m, v->name, err) == -1 ||
	    GET_TEXT(m, v->version, err) == -1 ||
	    get_file(m, &v->image, err) == -1 ||
	    ipc_get_i64(m, &v->memory, err) == -1 ||
	    ipc_get_i64(m, &v->serial, err) == -1 ||
	    ipc_get_i64(m, &v->keys, err) == -1 ||
	    get_count(m, SET_PROBES, &v->nprobes, err) == -1)
		return -1;
	for (size_t k = 0; k < v->nprobes; k++)
		if (get_probe(m, &v->probes[k], err) == -1)
			return -1;
	return 0;
}

int
set_receive(struct ipc_msg *m, struct set *s, struct err *err)
{
	memset(s, 0, sizeof(*s));
	if (GET_TEXT(m, s->channel, err) == -1 ||
	    GET_TEXT(m, s->arch, err) == -1 ||
	    ipc_get_i64(m, &s->counter, err) == -1 ||
	    ipc_get_hash(m, &s->sha256, err) == -1 ||
	    get_file(m, &s->vmlinuz, err) == -1 ||
	    get_file(m, &s->initrd, err) == -1 ||
	    GET_TEXT(m, s->machine, err) == -1 ||
	    GET_TEXT(m, s->cmdline, err) == -1 ||
	    GET_TEXT(m, s->kernel_version, err) == -1 ||
	    ipc_get_i64(m, &s->kernel_memory, err) == -1 ||
	    ipc_get_i64(m, &s->metadata.root, err) == -1 ||
	    ipc_get_i64(m, &s->metadata.timestamp, err) == -1 ||
	    ipc_get_i64(m, &s->metadata.snapshot, err) == -1 ||
	    ipc_get_i64(m, &s->metadata.targets, err) == -1 ||
	    get_count(m, SET_SERVICES, &s->nservices, err) == -1)
		return -1;
	for (size_t i = 0; i < s->nservices; i++)
		if (get_service(m, &s->services[i], err) == -1)
			return -1;
	return set_check(s, err);
}

/* --- as JSON of our own -------------------------------------------------- */

static json_t *
file_json(const struct set_file *f)
{
	json_t *j = json_object();

	js_set_str(j, "target", f->target);
	js_set_hash(j, "sha256", &f->hash);
	js_set_int(j, "size", f->size);
	return j;
}

static json_t *
probe_json(const struct probe *p)
{
	json_t *j = json_object();

	js_set_str(j, "type", p->type == PROBE_DNS ? "dns" : "tcp");
	if (p->type == PROBE_TCP) {
		js_set_int(j, "port", p->port);
		return j;
	}
	js_set_str(j, "name", p->name);
	js_set_str(j, "qtype", p->qtype);
	js_set_str(j, "expect", expect_words[p->expect]);
	js_set_str(j, "value", p->value);
	js_set_bool(j, "tcp", p->tcp);
	return j;
}

static json_t *
service_json(const struct set_service *v)
{
	json_t *j = json_object(), *probes = json_array();

	js_set_str(j, "service", v->name);
	js_set_str(j, "version", v->version);
	js_set(j, "image", file_json(&v->image));
	js_set_int(j, "memory", v->memory);
	js_set_int(j, "serial", v->serial);
	js_set_int(j, "keys", v->keys);
	for (size_t i = 0; i < v->nprobes; i++)
		json_array_append_new(probes, probe_json(&v->probes[i]));
	js_set(j, "probes", probes);
	return j;
}

json_t *
set_json(const struct set *s)
{
	json_t *j = json_object(), *kernel = json_object();
	json_t *metadata = json_object(), *services = json_array();

	js_set_str(j, "channel", s->channel);
	js_set_str(j, "arch", s->arch);
	js_set_int(j, "counter", s->counter);
	js_set_hash(j, "sha256", &s->sha256);
	js_set(kernel, "vmlinuz", file_json(&s->vmlinuz));
	js_set(kernel, "initrd", file_json(&s->initrd));
	js_set_str(kernel, "machine", s->machine);
	js_set_str(kernel, "cmdline", s->cmdline);
	js_set_str(kernel, "version", s->kernel_version);
	js_set_int(kernel, "memory", s->kernel_memory);
	js_set(j, "kernel", kernel);
	js_set_int(metadata, "root", s->metadata.root);
	js_set_int(metadata, "timestamp", s->metadata.timestamp);
	js_set_int(metadata, "snapshot", s->metadata.snapshot);
	js_set_int(metadata, "targets", s->metadata.targets);
	js_set(j, "metadata", metadata);
	for (size_t i = 0; i < s->nservices; i++)
		json_array_append_new(services, service_json(&s->services[i]));
	js_set(j, "services", services);
	return j;
}

static int
copy_text(const char *what, const json_t *j, const char *key, char *out,
    size_t room, struct err *err)
{
	const char *s;

	if (js_str(what, j, key, &s, err) == -1)
		return -1;
	if (strlen(s) >= room)
		return err_set(err, ERR_INPUT, "%s: %s is too long", what, key);
	memcpy(out, s, strlen(s) + 1);
	return 0;
}
#define COPY(what, j, key, array, err) \
	copy_text(what, j, key, array, sizeof(array), err)

static int
read_file(const char *what, const json_t *j, const char *key,
    struct set_file *f, struct err *err)
{
	json_t *o;

	if (js_object(what, j, key, &o, err) == -1 ||
	    COPY(what, o, "target", f->target, err) == -1 ||
	    js_hash(what, o, "sha256", &f->hash, err) == -1 ||
	    js_int(what, o, "size", 1, SET_IMAGE_MAX, &f->size, err) == -1)
		return -1;
	return 0;
}

static int
read_probe(const char *what, const json_t *j, struct probe *p, struct err *err)
{
	const char *type, *expect;
	int64_t port;
	size_t i;

	if (js_str(what, j, "type", &type, err) == -1)
		return -1;
	if (strcmp(type, "tcp") == 0) {
		p->type = PROBE_TCP;
		if (js_int(what, j, "port", 1, 65535, &port, err) == -1)
			return -1;
		p->port = (uint16_t)port;
		return 0;
	}
	if (strcmp(type, "dns") != 0)
		return err_set(err, ERR_INPUT, "%s: unknown probe", what);
	if (COPY(what, j, "name", p->name, err) == -1 ||
	    COPY(what, j, "qtype", p->qtype, err) == -1 ||
	    js_str(what, j, "expect", &expect, err) == -1 ||
	    COPY(what, j, "value", p->value, err) == -1)
		return -1;
	for (i = 0; i < ARRAY_LEN(expect_words); i++)
		if (strcmp(expect_words[i], expect) == 0)
			break;
	if (i == ARRAY_LEN(expect_words))
		return err_set(err, ERR_INPUT, "%s: unknown expect", what);
	p->expect = (enum probe_expect)i;
	p->tcp = json_is_true(json_object_get(j, "tcp"));
	return 0;
}

static int
read_service(
    const char *what, const json_t *j, struct set_service *v, struct err *err)
{
	json_t *probes;

	if (COPY(what, j, "service", v->name, err) == -1 ||
	    COPY(what, j, "version", v->version, err) == -1 ||
	    read_file(what, j, "image", &v->image, err) == -1 ||
	    js_int(what, j, "memory", SET_MEMORY_MIN, SET_MEMORY_MAX,
		&v->memory, err) == -1 ||
	    js_int(what, j, "serial", 0, JS_INT_MAX, &v->serial, err) == -1 ||
	    js_int(what, j, "keys", 0, SET_KEYS_MAX, &v->keys, err) == -1 ||
	    js_array(what, j, "probes", &probes, err) == -1)
		return -1;
	if (json_array_size(probes) > SET_PROBES)
		return err_set(err, ERR_INPUT, "%s: too many probes", what);
	for (v->nprobes = 0; v->nprobes < json_array_size(probes); v->nprobes++)
		if (read_probe(what, json_array_get(probes, v->nprobes),
			&v->probes[v->nprobes], err) == -1)
			return -1;
	return 0;
}

int
set_from_json(const char *what, const json_t *j, struct set *s, struct err *err)
{
	json_t *kernel, *metadata, *services;

	memset(s, 0, sizeof(*s));
	if (COPY(what, j, "channel", s->channel, err) == -1 ||
	    COPY(what, j, "arch", s->arch, err) == -1 ||
	    js_int(what, j, "counter", 0, JS_INT_MAX, &s->counter, err) == -1 ||
	    js_hash(what, j, "sha256", &s->sha256, err) == -1 ||
	    js_object(what, j, "kernel", &kernel, err) == -1 ||
	    read_file(what, kernel, "vmlinuz", &s->vmlinuz, err) == -1 ||
	    read_file(what, kernel, "initrd", &s->initrd, err) == -1 ||
	    COPY(what, kernel, "machine", s->machine, err) == -1 ||
	    COPY(what, kernel, "cmdline", s->cmdline, err) == -1 ||
	    COPY(what, kernel, "version", s->kernel_version, err) == -1 ||
	    js_int(what, kernel, "memory", SET_MEMORY_MIN, SET_MEMORY_MAX,
		&s->kernel_memory, err) == -1 ||
	    js_object(what, j, "metadata", &metadata, err) == -1 ||
	    js_int(what, metadata, "root", 1, JS_INT_MAX, &s->metadata.root,
		err) == -1 ||
	    js_int(what, metadata, "timestamp", 1, JS_INT_MAX,
		&s->metadata.timestamp, err) == -1 ||
	    js_int(what, metadata, "snapshot", 1, JS_INT_MAX,
		&s->metadata.snapshot, err) == -1 ||
	    js_int(what, metadata, "targets", 1, JS_INT_MAX,
		&s->metadata.targets, err) == -1 ||
	    js_array(what, j, "services", &services, err) == -1)
		return -1;
	if (json_array_size(services) > SET_SERVICES)
		return err_set(err, ERR_INPUT, "%s: too many services", what);
	for (s->nservices = 0; s->nservices < json_array_size(services);
	     s->nservices++)
		if (read_service(what, json_array_get(services, s->nservices),
			&s->services[s->nservices], err) == -1)
			return -1;
	return set_check(s, err);
}

/* --- bounds -------------------------------------------------------------- */

static int
file_check(const char *what, const struct set_file *f, struct err *err)
{
	if (f->size < 1 || f->size > SET_IMAGE_MAX)
		return err_set(err, ERR_INPUT, "%s: a size of %lld bytes", what,
		    (long long)f->size);
	if (!path_ok(f->target))
		return err_set(err, ERR_INPUT, "%s: a bad target path", what);
	return 0;
}

static bool
printable(const char *s)
{
	for (; *s; s++)
		if (*s < ' ' || *s > '~')
			return false;
	return true;
}

/* What becomes a word of QEMU's command line: known machines with known
 * switches and nothing else. */
static bool
machine_ok(const char *s)
{
	static const char *const machines[] = { "microvm", "q35", "virt" };
	static const char *const switches[] = { "acpi", "auto-kernel-cmdline",
		"ioapic2", "isa-serial", "pcie", "pic", "pit", "rtc", "usb" };
	struct span rest = span_str(s), part, key;
	bool ok = false;

	if (!span_next(&rest, ',', &part))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(machines); i++)
		ok = ok || span_is(part, machines[i]);
	while (ok && span_next(&rest, ',', &part)) {
		ok = false;
		if (!span_next(&part, '=', &key) ||
		    !(span_is(part, "on") || span_is(part, "off")))
			return false;
		for (size_t i = 0; i < ARRAY_LEN(switches); i++)
			ok = ok || span_is(key, switches[i]);
	}
	return ok;
}

static bool
within(int64_t v, int64_t min, int64_t max)
{
	return v >= min && v <= max;
}

static bool
probe_ok(const struct probe *p)
{
	if (p->type == PROBE_TCP)
		return p->port > 0;
	return printable(p->name) && printable(p->qtype) && printable(p->value);
}

/* What set_from_json would refuse must not become the state either: it could
 * never be read again. */
static bool
numbers_ok(const struct set *s)
{
	const struct set_metadata *m = &s->metadata;

	for (size_t i = 0; i < s->nservices; i++)
		if (!within(s->services[i].serial, 0, JS_INT_MAX) ||
		    !within(s->services[i].keys, 0, SET_KEYS_MAX))
			return false;
	return within(s->counter, 0, JS_INT_MAX) &&
	       within(m->root, 1, JS_INT_MAX) &&
	       within(m->timestamp, 1, JS_INT_MAX) &&
	       within(m->snapshot, 1, JS_INT_MAX) &&
	       within(m->targets, 1, JS_INT_MAX);
}

int
set_check(const struct set *s, struct err *err)
{
	if (!name_ok(s->channel) || !name_ok(s->arch) || s->nservices == 0)
		return err_set(err, ERR_INPUT, "the set is incomplete");
	if (!numbers_ok(s))
		return err_set(
		    err, ERR_INPUT, "the set has a number out of range");
	if (file_check("kernel", &s->vmlinuz, err) == -1 ||
	    file_check("initrd", &s->initrd, err) == -1)
		return -1;
	if (!machine_ok(s->machine))
		return err_set(err, ERR_INPUT,
		    "kernel: the machine \"%.60s\" is not one this agent knows",
		    s->machine);
	if (!printable(s->cmdline) || !printable(s->kernel_version))
		return err_set(err, ERR_INPUT,
		    "kernel: a text that is not printable ASCII");
	if (s->kernel_memory < SET_MEMORY_MIN ||
	    s->kernel_memory > SET_MEMORY_MAX)
		return err_set(err, ERR_INPUT, "kernel: %lld bytes of memory",
		    (long long)s->kernel_memory);
	for (size_t i = 0; i < s->nservices; i++) {
		const struct set_service *v = &s->services[i];

		if (!name_ok(v->name) || !printable(v->version))
			return err_set(
			    err, ERR_INPUT, "the set names a service wrongly");
		if (set_service(s, v->name) != v)
			return err_set(
			    err, ERR_INPUT, "the set names %s twice", v->name);
		if (file_check(v->name, &v->image, err) == -1)
			return -1;
		if (v->memory < SET_MEMORY_MIN || v->memory > SET_MEMORY_MAX)
			return err_set(err, ERR_INPUT,
			    "%s: %lld bytes of memory", v->name,
			    (long long)v->memory);
		for (size_t k = 0; k < v->nprobes; k++)
			if (!probe_ok(&v->probes[k]))
				return err_set(err, ERR_INPUT,
				    "%s: probe %zu is out of range", v->name,
				    k + 1);
	}
	return 0;
}

const struct set_service *
set_service(const struct set *s, const char *name)
{
	for (size_t i = 0; i < s->nservices; i++)
		if (strcmp(s->services[i].name, name) == 0)
			return &s->services[i];
	return NULL;
}

void
probe_text(const struct probe *p, struct buf *b)
{
	if (p->type == PROBE_TCP)
		buf_printf(b, "tcp port %u", p->port);
	else
		buf_printf(b, "dns %s %s%s", p->qtype, p->name,
		    p->tcp ? " over tcp" : "");
}
