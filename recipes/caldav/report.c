/* PROPFIND and REPORT: what a calendar has, and what has changed in it. */
#include <stdlib.h>
#include <string.h>

#include "recipes/caldav/request.h"

static void
each_calendar(const struct request *q, const struct ask *a, FILE *out)
{
	struct dav_target t = q->at;
	size_t i;

	t.at = AT_CALENDAR;
	for (i = 0; i < q->server->conf.calendars; i++) {
		t.rights = &q->server->conf.calendar[i];
		t.keep = &q->server->keeps[i];
		t.writes = request_may(q, t.rights->write);
		if (request_may(q, t.rights->read))
			dav_response(out, a, &t);
	}
}

static bool
asked_for(const struct ask *a, const struct keep_item *i)
{
	return (a->component[0] == '\0' ||
		   strcmp(a->component, i->ics.kind) == 0) &&
	       i->ics.from < a->before && i->ics.to >= a->from &&
	       ics_matches(i->text, i->n, i->ics.kind, a->filter, a->filters);
}

static void
each_item(const struct request *q, const struct ask *a, FILE *out)
{
	struct dav_target t = q->at;
	size_t i;

	t.at = AT_ITEM;
	for (i = 0; i < q->at.keep->items; i++) {
		t.item = &q->at.keep->item[i];
		if (a->kind != ASK_QUERY || asked_for(a, t.item))
			dav_response(out, a, &t);
	}
}

static void
named(const struct request *q, const struct ask *a, FILE *out)
{
	struct dav_target t = q->at;
	char base[96], name[3 * KEEP_NAME + 1];
	size_t i, n;

	t.at = AT_ITEM;
	n = (size_t)snprintf(
	    base, sizeof base, "/calendars/%s/", q->at.keep->name);
	for (i = 0; i < a->hrefs; i++) {
		const char *at = strstr(a->href[i], base);

		t.item = NULL;
		if (at != NULL && strlen(at + n) < sizeof name) {
			strcpy(name, at + n);
			MHD_http_unescape(name);
			t.item = keep_find(q->at.keep, name);
		}
		if (t.item == NULL)
			dav_gone(out, a->href[i]);
		else
			dav_response(out, a, &t);
	}
}

struct since {
	const struct request *q;
	const struct ask *ask;
	FILE *out;
};

static void
one_changed(void *arg, const char *name)
{
	const struct since *s = arg;
	struct dav_target t = s->q->at;

	t.at = AT_ITEM;
	t.item = keep_find(t.keep, name);
	if (t.item == NULL)
		dav_item_gone(s->out, t.keep, name);
	else
		dav_response(s->out, s->ask, &t);
}

/* -1: the token is none of ours. */
static int
changes(const struct request *q, const struct ask *a, FILE *out)
{
	static const char urn[] = "urn:git:";
	struct since s = { q, a, out };
	struct fault f;

	if (a->token == NULL || a->token[0] == '\0') {
		each_item(q, a, out);
		return 0;
	}
	if (strncmp(a->token, urn, sizeof urn - 1) != 0)
		return -1;
	return keep_since(
	    request_keep(q), a->token + sizeof urn - 1, one_changed, &s, &f);
}

static int
tell(const struct request *q, const struct ask *a, FILE *out)
{
	const char *depth = request_header(q, "Depth");
	bool deep = depth == NULL || strcmp(depth, "0") != 0;

	switch (a->kind) {
	case ASK_PROPFIND:
		dav_response(out, a, &q->at);
		if (deep && q->at.at == AT_HOME)
			each_calendar(q, a, out);
		if (deep && q->at.at == AT_CALENDAR)
			each_item(q, a, out);
		return 0;
	case ASK_QUERY:
		each_item(q, a, out);
		return 0;
	case ASK_MULTIGET:
		named(q, a, out);
		return 0;
	case ASK_SYNC:
		return changes(q, a, out);
	}
	return -1;
}

enum MHD_Result
report_asked(struct request *q)
{
	const bool report = request_is(q, "REPORT");
	static struct ask a; /* one at a time */
	struct fault f;
	enum MHD_Result ret;
	char *text = NULL;
	size_t n = 0;
	FILE *out;
	int told;

	if (q->asked->large ||
	    ask_read(q->asked->body == NULL ? "" : q->asked->body, q->asked->n,
		&a, &f) == -1) {
		ret = request_refused(
		    q, MHD_HTTP_FORBIDDEN, "C:supported-filter");
		goto out;
	}
	if ((a.kind != ASK_PROPFIND) != report ||
	    (report && q->at.at != AT_CALENDAR)) {
		ret = request_refused(
		    q, MHD_HTTP_FORBIDDEN, "D:supported-report");
		goto out;
	}
	out = open_memstream(&text, &n);
	if (out == NULL) {
		ret = MHD_NO;
		goto out;
	}
	dav_begin(out);
	told = tell(q, &a, out);
	dav_end(out, a.kind == ASK_SYNC ? q->at.keep->commit : NULL);
	if (fclose(out) != 0 || told == -1) {
		free(text);
		ret = request_refused(
		    q, MHD_HTTP_FORBIDDEN, "D:valid-sync-token");
		goto out;
	}
	ret = request_answer(q, MHD_HTTP_MULTI_STATUS,
	    MHD_create_response_from_buffer(n, text, MHD_RESPMEM_MUST_FREE),
	    CAL_XML, NULL);
out:
	ask_release(&a);
	return ret;
}
