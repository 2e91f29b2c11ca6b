/* The probes that an image's metadata names. */
#include <string.h>

#include "lib/json.h"
#include "router-agent/trust/judge.h"

static int
take_dns(struct judge *j, const char *what, const json_t *o, struct probe *p)
{
	static const char *const keys[] = { "kind", "v", "type", "name",
		"qtype", "expect", "transport", NULL };
	const json_t *transport = json_object_get(o, "transport");

	if (js_only(what, o, keys, j->err) == -1)
		return refuse(j, "unsupported",
		    "%s: a probe with keys this agent does not know", what);
	if (TAKE_TEXT(j, what, o, "name", p->name) == -1 ||
	    TAKE_TEXT(j, what, o, "qtype", p->qtype) == -1 ||
	    TAKE_TEXT(j, what, o, "expect", p->value) == -1)
		return -1;
	if (strcmp(p->qtype, "A") != 0 && strcmp(p->qtype, "AAAA") != 0 &&
	    strcmp(p->qtype, "TXT") != 0)
		return refuse(j, "unsupported",
		    "%s: a probe for records of type %.8s", what, p->qtype);
	if (transport && !json_is_string(transport))
		return refuse(j, "metadata", "%s: transport", what);
	p->tcp = transport && strcmp(json_string_value(transport), "tcp") == 0;
	if (transport && !p->tcp &&
	    strcmp(json_string_value(transport), "udp") != 0)
		return refuse(j, "unsupported",
		    "%s: a probe over another transport", what);
	p->expect = PROBE_ADDRESS;
	if (strcmp(p->value, "self") == 0)
		p->expect = PROBE_SELF;
	else if (strcmp(p->value, "nxdomain") == 0)
		p->expect = PROBE_NXDOMAIN;
	else if (strcmp(p->value, "any") == 0)
		p->expect = PROBE_ANY;
	return 0;
}

/* A port, a path, and what is expected. */
static int
take_stream(struct judge *j, const char *what, const json_t *o, struct probe *p)
{
	static const char *const plain[] = { "kind", "v", "type", "port",
		NULL };
	static const char *const http[] = { "kind", "v", "type", "port", "path",
		"expect", NULL };
	static const char *const mqtt[] = { "kind", "v", "type", "port",
		"expect", NULL };
	static const char *const dhcp[] = { "kind", "v", "type", NULL };
	static const char *const program[] = { "kind", "v", "type", "name",
		NULL };
	const char *const *keys = p->type == PROBE_HTTP	     ? http
				  : p->type == PROBE_MQTT    ? mqtt
				  : p->type == PROBE_DHCP    ? dhcp
				  : p->type == PROBE_PROGRAM ? program
							     : plain;
	int64_t port;

	if (js_only(what, o, keys, j->err) == -1)
		return refuse(j, "unsupported",
		    "%s: a probe with keys this agent does not know", what);
	if (p->type == PROBE_DHCP)
		return 0;
	if (p->type == PROBE_PROGRAM)
		return TAKE_TEXT(j, what, o, "name", p->name);
	if (js_int(what, o, "port", 1, 65535, &port, j->err) == -1)
		return refuse(j, "metadata", "%s: a probe of no port", what);
	p->port = (uint16_t)port;
	if (p->type == PROBE_HTTP &&
	    TAKE_TEXT(j, what, o, "path", p->name) == -1)
		return -1;
	if (keys != plain && TAKE_TEXT(j, what, o, "expect", p->value) == -1)
		return -1;
	if (p->type == PROBE_MQTT && strcmp(p->value, "accepted") != 0 &&
	    strcmp(p->value, "refused") != 0 && strcmp(p->value, "any") != 0)
		return refuse(j, "unsupported",
		    "%s: an mqtt probe that expects %.20s", what, p->value);
	return 0;
}

static int
take_probe(struct judge *j, const char *what, const json_t *o, struct probe *p)
{
	const char *kind, *type;
	int64_t v;
	int t;

	if (js_str(what, o, "kind", &kind, j->err) == -1 ||
	    strcmp(kind, "kiln/probe") != 0 ||
	    js_int(what, o, "v", 1, 1, &v, j->err) == -1 ||
	    js_str(what, o, "type", &type, j->err) == -1)
		return refuse(j, "unsupported",
		    "%s: a probe of another kind or version", what);
	t = probe_type_of(type);
	if (t == -1)
		return refuse(
		    j, "unsupported", "%s: a probe of type %.20s", what, type);
	p->type = (enum probe_type)t;
	return p->type == PROBE_DNS ? take_dns(j, what, o, p)
				    : take_stream(j, what, o, p);
}

int
take_probes(struct judge *j, const json_t *custom, struct set_service *v)
{
	json_t *probes, *o;
	size_t i;

	if (js_array(v->name, custom, "probes", &probes, j->err) == -1)
		return refuse(j, "metadata", "%s: no probes", v->name);
	if (json_array_size(probes) > SET_PROBES)
		return refuse(j, "unsupported", "%s: over %d probes", v->name,
		    SET_PROBES);
	json_array_foreach(probes, i,
	    o) if (take_probe(j, v->name, o, &v->probes[i]) == -1) return -1;
	v->nprobes = json_array_size(probes);
	return 0;
}
