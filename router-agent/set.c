#include "router-agent/set.h"

#include <stdio.h>
#include <string.h>

#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/num.h"
#include "lib/solo5.h"

static const char *const handovers[] = { "parallel", "handoff", "exclusive" };

const char *
set_handover_word(enum set_handover h)
{
	return handovers[h];
}

int
set_handover_of(const char *word)
{
	for (size_t i = 0; i < ARRAY_LEN(handovers); i++)
		if (strcmp(handovers[i], word) == 0)
			return (int)i;
	return -1;
}

void
set_port_text(const struct set_port *p, char out[SET_PORT_TEXT])
{
	snprintf(
	    out, SET_PORT_TEXT, "%s/%u", p->tcp ? "tcp" : "udp", p->number);
}

bool
set_port_of(const char *text, struct set_port *out)
{
	bool tcp = strncmp(text, "tcp/", 4) == 0;
	struct err ignored = ERR_INIT;
	int64_t number;

	if ((!tcp && strncmp(text, "udp/", 4) != 0) ||
	    num_int(text + 4, 1, 65535, &number, &ignored) == -1)
		return false;
	*out = (struct set_port){ tcp, (uint16_t)number };
	return true;
}

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

/* They become a serial number on QEMU's command line, a file's name and a
 * folder of the guest. */
static bool
volumes_ok(const struct set_service *v)
{
	for (size_t i = 0; i < v->nvolumes; i++) {
		const struct set_volume *w = &v->volumes[i];

		if (!name_ok(w->name) || strchr(w->name, ',') ||
		    strcmp(w->name, "root") == 0 ||
		    strcmp(w->name, "config") == 0 || w->path[0] != '/' ||
		    !path_ok(w->path + 1) || w->size < SET_VOLUME_MIN ||
		    w->size > SET_VOLUME_MAX || w->size % 4096 != 0)
			return false;
		for (size_t k = 0; k < i; k++)
			if (strcmp(v->volumes[k].name, w->name) == 0)
				return false;
	}
	return true;
}

/* Devices become words of a tender's command line. */
static int
unikernel_check(const struct set_service *v, struct err *err)
{
	struct solo5 s;

	if (!v->solo5[0])
		return 0;
	if (solo5_from_text(v->solo5, &s, err) == -1)
		return -1;
	if (s.ndevices > SET_DEVICES)
		return err_set(err, ERR_INPUT,
		    "a unikernel with %zu devices, at most %d can be given",
		    s.ndevices, SET_DEVICES);
	return 0;
}

static bool
within(int64_t v, int64_t min, int64_t max)
{
	return v >= min && v <= max;
}

/* What set_from_json would refuse must not become the state either: it could
 * never be read again. */
static bool
numbers_ok(const struct set *s)
{
	const struct set_metadata *m = &s->metadata;

	for (size_t i = 0; i < s->nservices; i++)
		if (!within(s->services[i].serial, 0, JS_INT_MAX) ||
		    !within(s->services[i].state, 0, JS_INT_MAX) ||
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
	if (s->has_agent && (file_check(SET_AGENT, &s->agent, err) == -1 ||
				!printable(s->agent_version)))
		return err_set(
		    err, ERR_INPUT, "the set names an agent wrongly");
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
		if (!volumes_ok(v))
			return err_set(err, ERR_INPUT,
			    "%s: a volume is out of form", v->name);
		if (conf_schema_check(v->config, err) == -1)
			return err_prefix(err, "%s: config", v->name);
		if (unikernel_check(v, err) == -1)
			return err_prefix(err, "%s", v->name);
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

int64_t
set_guest_memory(const struct set *s, const struct set_service *v)
{
	return v->solo5[0] || v->memory > s->kernel_memory ? v->memory
							   : s->kernel_memory;
}
