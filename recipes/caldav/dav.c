#include "recipes/caldav/dav.h"

#include <string.h>

static void
text(FILE *out, const char *s, size_t n)
{
	for (; n > 0; n--, s++) {
		unsigned char c = (unsigned char)*s;

		if (c == '<')
			fputs("&lt;", out);
		else if (c == '>')
			fputs("&gt;", out);
		else if (c == '&')
			fputs("&amp;", out);
		else if (c == '\r')
			fputs("&#13;", out);
		else if (c >= ' ' || c == '\n' || c == '\t')
			fputc(c, out); /* XML has no others */
	}
}

/* A path as it stands in an address. */
static void
path(FILE *out, const char *s)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "abcdefghijklmnopqrstuvwxyz"
				    "0123456789._@~=,:()-";

	for (; *s != '\0'; s++) {
		if (strchr(plain, *s) != NULL)
			fputc(*s, out);
		else
			fprintf(out, "%%%02X", (unsigned char)*s);
	}
}

static void
href(FILE *out, const struct dav_target *t)
{
	fputs("<D:href>/", out);
	switch (t->at) {
	case AT_ROOT:
		break;
	case AT_USER:
		fprintf(out, "users/%s/", t->user);
		break;
	case AT_HOME:
		fputs("calendars/", out);
		break;
	case AT_CALENDAR:
	case AT_ITEM:
		fprintf(out, "calendars/%s/", t->keep->name);
		if (t->at == AT_ITEM)
			path(out, t->item->name);
		break;
	}
	fputs("</D:href>", out);
}

static void
type(FILE *out, const struct dav_target *t)
{
	if (t->at != AT_ITEM)
		fputs("<D:collection/>", out);
	if (t->at == AT_USER)
		fputs("<D:principal/>", out);
	if (t->at == AT_CALENDAR)
		fputs("<C:calendar/>", out);
}

static void
privileges(FILE *out, const struct dav_target *t)
{
	fputs("<D:privilege><D:read/></D:privilege>", out);
	if (t->writes)
		fputs("<D:privilege><D:write/></D:privilege>"
		      "<D:privilege><D:write-content/></D:privilege>"
		      "<D:privilege><D:bind/></D:privilege>"
		      "<D:privilege><D:unbind/></D:privilege>",
		    out);
}

static void
reports(FILE *out)
{
	static const char *const all[] = { "<C:calendar-query/>",
		"<C:calendar-multiget/>", "<D:sync-collection/>" };
	size_t i;

	for (i = 0; i < 3; i++)
		fprintf(out,
		    "<D:supported-report><D:report>%s</D:report>"
		    "</D:supported-report>",
		    all[i]);
}

static bool
has(enum prop p, const struct dav_target *t)
{
	bool calendar = t->at == AT_CALENDAR, item = t->at == AT_ITEM;

	switch (p) {
	case PROP_TYPE:
	case PROP_PRINCIPAL:
		return true;
	case PROP_DISPLAY_NAME:
		return calendar || t->at == AT_USER;
	case PROP_HOME:
	case PROP_PRINCIPAL_URL:
		return t->at == AT_USER;
	case PROP_PRIVILEGES:
		return calendar || item;
	case PROP_CTAG:
	case PROP_SYNC_TOKEN:
	case PROP_REPORTS:
	case PROP_COMPONENTS:
		return calendar;
	case PROP_CALENDAR_DATA:
	case PROP_CONTENT_LENGTH:
	case PROP_CONTENT_TYPE:
	case PROP_ETAG:
		return item;
	case PROP_UNKNOWN:
		break;
	}
	return false;
}

static void
value(FILE *out, enum prop p, const struct dav_target *t)
{
	const char *s;

	switch (p) {
	case PROP_TYPE:
		type(out, t);
		break;
	case PROP_PRINCIPAL:
	case PROP_PRINCIPAL_URL:
		fprintf(out, "<D:href>/users/%s/</D:href>", t->user);
		break;
	case PROP_HOME:
		fputs("<D:href>/calendars/</D:href>", out);
		break;
	case PROP_DISPLAY_NAME:
		s = t->at == AT_USER ? t->user : t->rights->title;
		text(out, s, strlen(s));
		break;
	case PROP_PRIVILEGES:
		privileges(out, t);
		break;
	case PROP_CTAG:
	case PROP_SYNC_TOKEN:
		fprintf(out, "urn:git:%s", t->keep->commit);
		break;
	case PROP_REPORTS:
		reports(out);
		break;
	case PROP_COMPONENTS:
		fputs("<C:comp name=\"VEVENT\"/><C:comp name=\"VTODO\"/>"
		      "<C:comp name=\"VJOURNAL\"/>",
		    out);
		break;
	case PROP_CALENDAR_DATA:
		text(out, t->item->text, t->item->n);
		break;
	case PROP_CONTENT_LENGTH:
		fprintf(out, "%zu", t->item->n);
		break;
	case PROP_CONTENT_TYPE:
		fprintf(out, "text/calendar; charset=utf-8; component=%s",
		    t->item->ics.kind);
		break;
	case PROP_ETAG:
		text(out, t->item->tag, strlen(t->item->tag));
		break;
	case PROP_UNKNOWN:
		break;
	}
}

static void
element(FILE *out, enum prop p, const struct dav_target *t)
{
	const char *space, *name = prop_name(p, &space);

	fprintf(out, "<X:%s xmlns:X=\"%s\">", name, space);
	value(out, p, t);
	fprintf(out, "</X:%s>", name);
}

static void
status(FILE *out, const char *words)
{
	fprintf(out, "<D:status>HTTP/1.1 %s</D:status>", words);
}

void
dav_begin(FILE *out)
{
	fputs("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n"
	      "<D:multistatus xmlns:D=\"DAV:\" "
	      "xmlns:C=\"urn:ietf:params:xml:ns:caldav\">\n",
	    out);
}

void
dav_end(FILE *out, const char *token)
{
	if (token != NULL)
		fprintf(
		    out, "<D:sync-token>urn:git:%s</D:sync-token>\n", token);
	fputs("</D:multistatus>\n", out);
}

static void
has_not(FILE *out, const struct ask *a, const struct dav_target *t)
{
	bool any = false;
	size_t i;

	for (i = 0; i < a->props; i++) {
		const struct ask_prop *p = &a->prop[i];

		if (has(p->prop, t))
			continue;
		if (!any)
			fputs("<D:propstat><D:prop>", out);
		any = true;
		fprintf(out, "<%s xmlns=\"", p->name);
		text(out, p->space, strlen(p->space));
		fputs("\"/>", out);
	}
	if (any) {
		fputs("</D:prop>", out);
		status(out, "404 Not Found");
		fputs("</D:propstat>", out);
	}
}

void
dav_response(FILE *out, const struct ask *a, const struct dav_target *t)
{
	size_t i;
	int p;

	fputs("<D:response>", out);
	href(out, t);
	fputs("<D:propstat><D:prop>", out);
	for (i = 0; i < a->props; i++) {
		if (has(a->prop[i].prop, t))
			element(out, a->prop[i].prop, t);
	}
	for (p = 0; a->all && p < PROP_UNKNOWN; p++) {
		/* RFC 4791 9.6: only who names it is sent the data */
		if (p != PROP_CALENDAR_DATA && has((enum prop)p, t))
			element(out, (enum prop)p, t);
	}
	fputs("</D:prop>", out);
	status(out, "200 OK");
	fputs("</D:propstat>", out);
	has_not(out, a, t);
	fputs("</D:response>\n", out);
}

void
dav_gone(FILE *out, const char *where)
{
	fputs("<D:response><D:href>", out);
	text(out, where, strlen(where));
	fputs("</D:href>", out);
	status(out, "404 Not Found");
	fputs("</D:response>\n", out);
}

void
dav_item_gone(FILE *out, const struct keep *k, const char *name)
{
	fprintf(out, "<D:response><D:href>/calendars/%s/", k->name);
	path(out, name);
	fputs("</D:href>", out);
	status(out, "404 Not Found");
	fputs("</D:response>\n", out);
}
