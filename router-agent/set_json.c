/* A set as it lies in the state: JSON of our own. */
#include <string.h>

#include "lib/json.h"
#include "router-agent/set.h"

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
ports_json(const struct set_service *v)
{
	json_t *list = json_array();

	for (size_t i = 0; i < v->nports; i++) {
		char text[SET_PORT_TEXT];

		set_port_text(&v->ports[i], text);
		json_array_append_new(list, json_string(text));
	}
	return list;
}

static json_t *
volumes_json(const struct set_service *v)
{
	json_t *list = json_array();

	for (size_t i = 0; i < v->nvolumes; i++) {
		json_t *j = json_object();

		js_set_str(j, "name", v->volumes[i].name);
		js_set_str(j, "path", v->volumes[i].path);
		js_set_int(j, "size", v->volumes[i].size);
		json_array_append_new(list, j);
	}
	return list;
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
	js_set_str(j, "handover", set_handover_word(v->handover));
	for (size_t i = 0; i < v->nprobes; i++)
		json_array_append_new(probes, probe_json(&v->probes[i]));
	js_set(j, "probes", probes);
	js_set(j, "ports", ports_json(v));
	js_set(j, "volumes", volumes_json(v));
	if (v->solo5[0])
		js_set_str(j, "solo5", v->solo5);
	if (v->config[0])
		js_set(j, "config", conf_schema_map(v->config));
	if (v->state > 0)
		js_set_int(j, "state", v->state);
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
	if (s->has_agent) {
		json_t *agent = file_json(&s->agent);

		js_set_str(agent, "version", s->agent_version);
		js_set(j, "agent", agent);
	}
	return j;
}

#define COPY(what, j, key, array, err) \
	js_copy(what, j, key, array, sizeof(array), err)

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

/* Older records have none of these. */
static int
read_ports(
    const char *what, const json_t *j, struct set_service *v, struct err *err)
{
	const json_t *list = json_object_get(j, "ports");

	if (json_array_size(list) > SET_PORTS)
		return err_set(err, ERR_INPUT, "%s: too many ports", what);
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *s = json_string_value(json_array_get(list, i));

		if (!s || !set_port_of(s, &v->ports[v->nports]))
			return err_set(err, ERR_INPUT, "%s: a port", what);
		v->nports++;
	}
	return 0;
}

static int
read_config(
    const char *what, const json_t *j, struct set_service *v, struct err *err)
{
	const json_t *map = json_object_get(j, "config");
	auto_buf struct buf text = BUF_INIT;

	if (!map)
		return 0;
	if (conf_schema_text(map, &text, err) == -1)
		return err_prefix(err, "%s: config", what);
	memcpy(v->config, text.data, text.len + 1);
	return 0;
}

static int
read_volumes(
    const char *what, const json_t *j, struct set_service *v, struct err *err)
{
	const json_t *list = json_object_get(j, "volumes");

	if (json_array_size(list) > SET_VOLUMES)
		return err_set(err, ERR_INPUT, "%s: too many volumes", what);
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *o = json_array_get(list, i);
		struct set_volume *w = &v->volumes[v->nvolumes];

		if (COPY(what, o, "name", w->name, err) == -1 ||
		    COPY(what, o, "path", w->path, err) == -1 ||
		    js_int(what, o, "size", SET_VOLUME_MIN, SET_VOLUME_MAX,
			&w->size, err) == -1)
			return -1;
		v->nvolumes++;
	}
	if (!json_object_get(j, "state"))
		return 0;
	return js_int(what, j, "state", 1, JS_INT_MAX, &v->state, err);
}

static int
read_service(
    const char *what, const json_t *j, struct set_service *v, struct err *err)
{
	const char *handover = "parallel"; /* older records have none */
	json_t *probes;

	if (json_object_get(j, "handover") &&
	    (js_str(what, j, "handover", &handover, err) == -1 ||
		set_handover_of(handover) == -1))
		return err_set(err, ERR_INPUT, "%s: unknown hand-over", what);
	v->handover = (enum set_handover)set_handover_of(handover);
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
		if (probe_from_json(what, json_array_get(probes, v->nprobes),
			&v->probes[v->nprobes], err) == -1)
			return -1;
	if (read_ports(what, j, v, err) == -1 ||
	    read_config(what, j, v, err) == -1 ||
	    (json_object_get(j, "solo5") &&
		COPY(what, j, "solo5", v->solo5, err) == -1))
		return -1;
	return read_volumes(what, j, v, err);
}

/* Most sets have none. */
static int
read_agent(const char *what, const json_t *j, struct set *s, struct err *err)
{
	json_t *agent;

	s->has_agent = json_object_get(j, "agent") != NULL;
	if (!s->has_agent)
		return 0;
	if (read_file(what, j, "agent", &s->agent, err) == -1 ||
	    js_object(what, j, "agent", &agent, err) == -1)
		return -1;
	return COPY(what, agent, "version", s->agent_version, err);
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
	if (read_agent(what, j, s, err) == -1)
		return -1;
	return set_check(s, err);
}
