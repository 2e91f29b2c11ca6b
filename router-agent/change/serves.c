#include "router-agent/change/serves.h"

#include <string.h>

/* --- what is said -------------------------------------------------------- */

static bool
has_port(const struct set_service *s, const struct set_port *p)
{
	for (size_t i = 0; i < s->nports; i++)
		if (s->ports[i].tcp == p->tcp &&
		    s->ports[i].number == p->number)
			return true;
	return false;
}

static bool
has_volume(const struct set_service *s, const char *name)
{
	for (size_t i = 0; i < s->nvolumes; i++)
		if (strcmp(s->volumes[i].name, name) == 0)
			return true;
	return false;
}

static int
said(const struct set_service *o, const struct set_service *n, struct err *err)
{
	char port[SET_PORT_TEXT];

	for (size_t i = 0; i < o->nports; i++) {
		if (has_port(n, &o->ports[i]))
			continue;
		set_port_text(&o->ports[i], port);
		return err_set(err, ERR_INPUT,
		    "%s %.40s would serve less than %.40s, which runs: it has "
		    "no port %s",
		    n->name, n->version, o->version, port);
	}
	for (size_t i = 0; i < o->nvolumes; i++)
		if (!has_volume(n, o->volumes[i].name))
			return err_set(err, ERR_INPUT,
			    "%s %.40s would lose what %.40s, which runs, "
			    "keeps: it has no volume %s",
			    n->name, n->version, o->version,
			    o->volumes[i].name);
	return 0;
}

int
serves_said(const struct set *current, const struct set *next, struct err *err)
{
	for (size_t i = 0; current && i < current->nservices; i++) {
		const struct set_service *o = &current->services[i];
		const struct set_service *n = set_service(next, o->name);

		if (n && said(o, n, err) == -1)
			return -1;
	}
	return 0;
}

/* --- what is asked ------------------------------------------------------- */

static bool
same_question(const struct probe *a, const struct probe *b)
{
	return a->type == b->type && a->expect == b->expect &&
	       a->tcp == b->tcp && a->port == b->port &&
	       strcmp(a->name, b->name) == 0 &&
	       strcmp(a->qtype, b->qtype) == 0 &&
	       strcmp(a->value, b->value) == 0;
}

static bool
asks(const struct set_service *s, const struct probe *p)
{
	for (size_t i = 0; i < s->nprobes; i++)
		if (same_question(&s->probes[i], p))
			return true;
	return false;
}

void
serves_questions(const struct set_service *o, const struct set_service *n,
    struct set_service *out)
{
	memset(out, 0, sizeof(*out));
	memcpy(out->name, n->name, sizeof(out->name));
	for (size_t i = 0; i < o->nprobes; i++)
		if (!asks(n, &o->probes[i]))
			out->probes[out->nprobes++] = o->probes[i];
	for (size_t i = 0; i < o->nports; i++) {
		const struct probe p = { .type = PROBE_TCP,
			.port = o->ports[i].number };

		if (o->ports[i].tcp && out->nprobes < SET_PROBES &&
		    !asks(n, &p) && !asks(out, &p))
			out->probes[out->nprobes++] = p;
	}
}
