#include "router-agent/probe_spec.h"

#include <string.h>

#include "lib/json.h"

static const char *const expect_words[] = { "address", "self", "nxdomain",
	"any" };

static const char *const type_words[] = { "dns", "tcp", "http", "tls", "mqtt",
	"dhcp", "program" };

int
probe_type_of(const char *word)
{
	for (size_t i = 0; i < ARRAY_LEN(type_words); i++)
		if (strcmp(type_words[i], word) == 0)
			return (int)i;
	return -1;
}

bool
probe_has_port(enum probe_type t)
{
	return t != PROBE_DNS && t != PROBE_DHCP && t != PROBE_PROGRAM;
}

/* --- over ipc ------------------------------------------------------------ */

void
probe_send(const struct probe *p, struct buf *b)
{
	ipc_add_u32(b, (uint32_t)p->type);
	ipc_add_str(b, p->name);
	ipc_add_str(b, p->qtype);
	ipc_add_u32(b, (uint32_t)p->expect);
	ipc_add_str(b, p->value);
	ipc_add_u32(b, p->tcp);
	ipc_add_u32(b, p->port);
}

int
probe_receive(struct ipc_msg *m, struct probe *p, struct err *err)
{
	uint32_t type, expect, tcp, port;

	if (ipc_get_u32(m, &type, err) == -1 ||
	    IPC_GET_TEXT(m, p->name, err) == -1 ||
	    IPC_GET_TEXT(m, p->qtype, err) == -1 ||
	    ipc_get_u32(m, &expect, err) == -1 ||
	    IPC_GET_TEXT(m, p->value, err) == -1 ||
	    ipc_get_u32(m, &tcp, err) == -1 || ipc_get_u32(m, &port, err) == -1)
		return -1;
	if (type > PROBE_PROGRAM || expect > PROBE_ANY || tcp > 1 ||
	    port > 65535)
		return err_set(err, ERR_INPUT, "a probe out of range");
	p->type = (enum probe_type)type;
	p->expect = (enum probe_expect)expect;
	p->tcp = tcp == 1;
	p->port = (uint16_t)port;
	return 0;
}

/* --- as JSON of our own -------------------------------------------------- */

json_t *
probe_json(const struct probe *p)
{
	json_t *j = json_object();

	js_set_str(j, "type", type_words[p->type]);
	if (probe_has_port(p->type))
		js_set_int(j, "port", p->port);
	if (p->type == PROBE_PROGRAM)
		js_set_str(j, "name", p->name);
	if (p->type == PROBE_HTTP)
		js_set_str(j, "path", p->name);
	if (p->type == PROBE_HTTP || p->type == PROBE_MQTT)
		js_set_str(j, "value", p->value);
	if (p->type != PROBE_DNS)
		return j;
	js_set_str(j, "name", p->name);
	js_set_str(j, "qtype", p->qtype);
	js_set_str(j, "expect", expect_words[p->expect]);
	js_set_str(j, "value", p->value);
	js_set_bool(j, "tcp", p->tcp);
	return j;
}

#define COPY(what, j, key, array, err) \
	js_copy(what, j, key, array, sizeof(array), err)

int
probe_from_json(
    const char *what, const json_t *j, struct probe *p, struct err *err)
{
	const char *type, *expect;
	int64_t port;
	size_t i;
	int t;

	if (js_str(what, j, "type", &type, err) == -1)
		return -1;
	t = probe_type_of(type);
	if (t == -1)
		return err_set(err, ERR_INPUT, "%s: unknown probe", what);
	p->type = (enum probe_type)t;
	if (p->type == PROBE_PROGRAM)
		return COPY(what, j, "name", p->name, err);
	if (probe_has_port(p->type)) {
		if (js_int(what, j, "port", 1, 65535, &port, err) == -1)
			return -1;
		p->port = (uint16_t)port;
	}
	if (p->type == PROBE_HTTP && COPY(what, j, "path", p->name, err) == -1)
		return -1;
	if ((p->type == PROBE_HTTP || p->type == PROBE_MQTT) &&
	    COPY(what, j, "value", p->value, err) == -1)
		return -1;
	if (p->type != PROBE_DNS)
		return 0;
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

/* --- questions ----------------------------------------------------------- */

static bool
printable(const char *s)
{
	for (; *s; s++)
		if (*s < ' ' || *s > '~')
			return false;
	return true;
}

/* It becomes a word of a line to the guest. */
static bool
program_ok(const char *s)
{
	size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-");

	return n > 0 && n <= PROBE_PROGRAM_NAME && s[n] == '\0';
}

bool
probe_ok(const struct probe *p)
{
	if (probe_has_port(p->type) && p->port == 0)
		return false;
	if (p->type == PROBE_PROGRAM && !program_ok(p->name))
		return false;
	if (p->type == PROBE_HTTP && p->name[0] != '/')
		return false;
	return printable(p->name) && printable(p->qtype) && printable(p->value);
}

void
probe_text(const struct probe *p, struct buf *b)
{
	switch (p->type) {
	case PROBE_DNS:
		buf_printf(b, "dns %s %s%s", p->qtype, p->name,
		    p->tcp ? " over tcp" : "");
		break;
	case PROBE_HTTP:
		buf_printf(b, "http port %u %s", p->port, p->name);
		break;
	case PROBE_DHCP:
		buf_str(b, "dhcp");
		break;
	case PROBE_PROGRAM:
		buf_printf(b, "program %s", p->name);
		break;
	case PROBE_TCP:
	case PROBE_TLS:
	case PROBE_MQTT:
		buf_printf(b, "%s port %u", type_words[p->type], p->port);
		break;
	}
}
