#include "recipes/caldav/ask.h"

#include <expat.h>
#include <stdlib.h>
#include <string.h>

#define DAV "DAV:"
#define CAL "urn:ietf:params:xml:ns:caldav"
#define CS "http://calendarserver.org/ns/"
#define DEPTH 16
#define TEXT 4096 /* bytes of one element's words */

static const struct {
	const char *space, *name;
} props[] = {
	[PROP_CALENDAR_DATA] = { CAL, "calendar-data" },
	[PROP_CONTENT_LENGTH] = { DAV, "getcontentlength" },
	[PROP_CONTENT_TYPE] = { DAV, "getcontenttype" },
	[PROP_CTAG] = { CS, "getctag" },
	[PROP_DISPLAY_NAME] = { DAV, "displayname" },
	[PROP_ETAG] = { DAV, "getetag" },
	[PROP_HOME] = { CAL, "calendar-home-set" },
	[PROP_PRINCIPAL] = { DAV, "current-user-principal" },
	[PROP_PRINCIPAL_URL] = { DAV, "principal-URL" },
	[PROP_PRIVILEGES] = { DAV, "current-user-privilege-set" },
	[PROP_REPORTS] = { DAV, "supported-report-set" },
	[PROP_SYNC_TOKEN] = { DAV, "sync-token" },
	[PROP_TYPE] = { DAV, "resourcetype" },
	[PROP_COMPONENTS] = { CAL, "supported-calendar-component-set" },
};

const char *
prop_name(enum prop p, const char **space)
{
	*space = props[p].space;
	return props[p].name;
}

struct reading {
	XML_Parser parser;
	struct ask *ask;
	int depth, in_prop; /* depth of the open <prop>, or 0 */
	char text[TEXT];
	size_t n;
	bool bad;
};

static void
stop(struct reading *r)
{
	r->bad = true;
	XML_StopParser(r->parser, XML_FALSE);
}

static const char *
attribute(const char **list, const char *name)
{
	for (; *list != NULL; list += 2) {
		if (strcmp(list[0], name) == 0)
			return list[1];
	}
	return NULL;
}

/* Expat gives "NAMESPACE|name". */
static bool
is(const char *name, const char *space, const char *local)
{
	size_t n = strlen(space);

	return strncmp(name, space, n) == 0 && name[n] == '|' &&
	       strcmp(name + n + 1, local) == 0;
}

static void
root(struct reading *r, const char *name)
{
	if (is(name, DAV, "propfind"))
		r->ask->kind = ASK_PROPFIND;
	else if (is(name, CAL, "calendar-query"))
		r->ask->kind = ASK_QUERY;
	else if (is(name, CAL, "calendar-multiget"))
		r->ask->kind = ASK_MULTIGET;
	else if (is(name, DAV, "sync-collection"))
		r->ask->kind = ASK_SYNC;
	else
		stop(r);
}

static void
wanted(struct reading *r, const char *name)
{
	const char *bar = strrchr(name, '|');
	struct ask_prop *p = &r->ask->prop[r->ask->props];
	size_t i;

	if (r->ask->props == ASK_PROPS) {
		stop(r);
		return;
	}
	p->space =
	    bar == NULL ? strdup("") : strndup(name, (size_t)(bar - name));
	p->name = strdup(bar == NULL ? name : bar + 1);
	r->ask->props++;
	if (p->space == NULL || p->name == NULL) {
		stop(r);
		return;
	}
	p->prop = PROP_UNKNOWN;
	for (i = 0; i < PROP_UNKNOWN; i++) {
		if (strcmp(props[i].space, p->space) == 0 &&
		    strcmp(props[i].name, p->name) == 0)
			p->prop = (enum prop)i;
	}
}

static void
component(struct reading *r, const char *name)
{
	struct ask *a = r->ask;

	if (name == NULL || strlen(name) >= sizeof a->component ||
	    a->component[0] != '\0')
		stop(r);
	else if (strcmp(name, "VCALENDAR") != 0)
		strcpy(a->component, name);
}

static void
range(struct reading *r, const char **list)
{
	const char *from = attribute(list, "start"),
		   *before = attribute(list, "end");

	if ((from != NULL && ics_utc(from, &r->ask->from) == -1) ||
	    (before != NULL && ics_utc(before, &r->ask->before) == -1))
		stop(r);
}

static void
condition(struct reading *r, const char *name)
{
	struct ics_filter *c = &r->ask->filter[r->ask->filters];

	if (name == NULL || strlen(name) >= sizeof c->name ||
	    r->ask->filters == ASK_FILTERS) {
		stop(r);
		return;
	}
	strcpy(c->name, name);
	r->ask->filters++;
}

static void
of_condition(struct reading *r, const char *name, const char **list)
{
	struct ics_filter *c =
	    r->ask->filters == 0 ? NULL : &r->ask->filter[r->ask->filters - 1];
	const char *negate = attribute(list, "negate-condition");

	if (c == NULL) {
		stop(r); /* what a component lacks is not asked here */
	} else if (is(name, CAL, "is-not-defined")) {
		c->absent = true;
	} else {
		c->negate = negate != NULL && strcmp(negate, "yes") == 0;
	}
}

static void
starts(void *arg, const char *name, const char **list)
{
	struct reading *r = arg;

	r->n = 0;
	if (++r->depth > DEPTH)
		stop(r);
	else if (r->depth == 1)
		root(r, name);
	else if (r->in_prop != 0 && r->depth == r->in_prop + 1)
		wanted(r, name);
	else if (r->in_prop != 0)
		return; /* parts of calendar-data: all of it is given */
	else if (r->depth == 2 && is(name, DAV, "prop"))
		r->in_prop = r->depth;
	else if (r->depth == 2 &&
		 (is(name, DAV, "allprop") || is(name, DAV, "propname")))
		r->ask->all = true;
	else if (is(name, CAL, "comp-filter"))
		component(r, attribute(list, "name"));
	else if (is(name, CAL, "time-range"))
		range(r, list);
	else if (is(name, CAL, "prop-filter"))
		condition(r, attribute(list, "name"));
	else if (is(name, CAL, "text-match") || is(name, CAL, "is-not-defined"))
		of_condition(r, name, list);
	else if (is(name, CAL, "param-filter"))
		stop(r);
}

static void
words(void *arg, const char *text, int n)
{
	struct reading *r = arg;

	if ((size_t)n >= sizeof r->text - r->n) {
		stop(r);
		return;
	}
	memcpy(r->text + r->n, text, (size_t)n);
	r->n += (size_t)n;
}

static void
ends(void *arg, const char *name)
{
	struct reading *r = arg;
	struct ask *a = r->ask;

	r->text[r->n] = '\0';
	if (is(name, DAV, "href") && a->kind == ASK_MULTIGET) {
		if (a->hrefs == ASK_HREFS ||
		    (a->href[a->hrefs] = strdup(r->text)) == NULL)
			stop(r);
		else
			a->hrefs++;
	} else if (is(name, DAV, "sync-token") && r->in_prop == 0) {
		free(a->token);
		a->token = strdup(r->text);
	} else if (is(name, CAL, "text-match") && a->filters > 0) {
		if (r->n >= sizeof a->filter[0].text)
			stop(r);
		else
			strcpy(a->filter[a->filters - 1].text, r->text);
	}
	r->n = 0;
	if (r->depth == r->in_prop)
		r->in_prop = 0;
	r->depth--;
}

/* Nobody declares anything here: entities only serve to make us large. */
static void
declares(void *arg, const char *name, const char *system, const char *public,
    int internal)
{
	(void)name;
	(void)system;
	(void)public;
	(void)internal;
	stop(arg);
}

int
ask_read(const char *xml, size_t n, struct ask *a, struct fault *f)
{
	static struct reading r; /* one at a time */
	enum XML_Status ok;

	memset(a, 0, sizeof *a);
	a->from = INT64_MIN;
	a->before = INT64_MAX;
	if (n == 0) { /* RFC 4918 9.1: an empty PROPFIND asks for all */
		a->all = true;
		return 0;
	}
	memset(&r, 0, sizeof r);
	r.ask = a;
	r.parser = XML_ParserCreateNS("UTF-8", '|');
	if (r.parser == NULL || n > ASK_MAX)
		return fault_set(f, "the request is too large");
	XML_SetUserData(r.parser, &r);
	XML_SetElementHandler(r.parser, starts, ends);
	XML_SetCharacterDataHandler(r.parser, words);
	XML_SetStartDoctypeDeclHandler(r.parser, declares);
	ok = XML_Parse(r.parser, xml, (int)n, 1);
	XML_ParserFree(r.parser);
	return ok == XML_STATUS_OK && !r.bad
		   ? 0
		   : fault_set(f, "the request is not understood");
}

void
ask_release(struct ask *a)
{
	size_t i;

	for (i = 0; i < a->props; i++) {
		free(a->prop[i].space);
		free(a->prop[i].name);
	}
	for (i = 0; i < a->hrefs; i++)
		free(a->href[i]);
	free(a->token);
	a->props = a->hrefs = 0;
	a->token = NULL;
}
