/*
 * Answers on port 80 in one thread of libmicrohttpd: what it does to a
 * calendar is over before the next request is looked at.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <signal.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "microhttpd.h"
#include "recipes/caldav/dav.h"
#include "recipes/caldav/door.h"

#define XML "application/xml; charset=utf-8"
#define ICS "text/calendar; charset=utf-8"

static struct cal_conf conf;
static struct keep keeps[CAL_CALENDARS];

struct asked {
	char *body;
	size_t n;
	bool large;
};
struct request {
	struct MHD_Connection *c;
	const char *method;
	struct asked *asked;
	int user;
	struct dav_target at;
	char name[KEEP_NAME + 1]; /* of an item, there or not */
};

/* --- answers --------------------------------------------------------------*/

static enum MHD_Result
queue(struct MHD_Connection *c, unsigned int status, struct MHD_Response *r,
    const char *type, const char *tag)
{
	enum MHD_Result ret;

	if (r == NULL)
		return MHD_NO;
	MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	MHD_add_response_header(r, "DAV", "1, calendar-access");
	MHD_add_response_header(r, MHD_HTTP_HEADER_ALLOW,
	    "OPTIONS, GET, HEAD, PUT, DELETE, PROPFIND, REPORT");
	if (tag != NULL)
		MHD_add_response_header(r, MHD_HTTP_HEADER_ETAG, tag);
	if (status == MHD_HTTP_UNAUTHORIZED)
		MHD_add_response_header(r, MHD_HTTP_HEADER_WWW_AUTHENTICATE,
		    "Basic realm=\"calendars\", charset=\"UTF-8\"");
	if (status == MHD_HTTP_MOVED_PERMANENTLY)
		MHD_add_response_header(r, MHD_HTTP_HEADER_LOCATION, "/");
	ret = MHD_queue_response(c, status, r);
	MHD_destroy_response(r);
	return ret;
}

static enum MHD_Result
words(struct MHD_Connection *c, unsigned int status, const char *text)
{
	return queue(c, status,
	    MHD_create_response_from_buffer(
		strlen(text), (char *)text, MHD_RESPMEM_MUST_COPY),
	    "text/plain; charset=utf-8", NULL);
}

/* RFC 4791 1.3: which condition was not met. */
static enum MHD_Result
refused(struct MHD_Connection *c, unsigned int status, const char *condition)
{
	char text[200];
	int n = snprintf(text, sizeof text,
	    "<D:error xmlns:D=\"DAV:\" "
	    "xmlns:C=\"urn:ietf:params:xml:ns:caldav\"><%s/></D:error>\n",
	    condition);

	return queue(c, status,
	    MHD_create_response_from_buffer(
		(size_t)n, text, MHD_RESPMEM_MUST_COPY),
	    XML, NULL);
}

static enum MHD_Result
failed(struct MHD_Connection *c, const struct fault *f)
{
	fprintf(stderr, "caldav: %s\n", f->text);
	return words(c, MHD_HTTP_INTERNAL_SERVER_ERROR, "it was not kept\n");
}

/* --- where ----------------------------------------------------------------*/

static bool
may(uint32_t right, int user)
{
	return (right >> user & 1) != 0;
}

/* "NAME/…" of a calendar that the user may see; what follows, or NULL. */
static const char *
calendar_of(struct request *q, const char *path)
{
	size_t i, n = strcspn(path, "/");

	for (i = 0; i < conf.calendars; i++) {
		const struct cal_rights *r = &conf.calendar[i];

		if (strlen(r->name) != n || strncmp(r->name, path, n) != 0 ||
		    !may(r->read, q->user))
			continue;
		q->at.rights = r;
		q->at.keep = &keeps[i];
		q->at.writes = may(r->write, q->user);
		return path[n] == '/' ? path + n + 1 : "";
	}
	return NULL;
}

/* What is not for this user's eyes is not there. */
static int
where(struct request *q, const char *path)
{
	const char *rest;

	q->at.user = conf.user[q->user].name;
	if (strcmp(path, "/") == 0) {
		q->at.at = AT_ROOT;
		return 0;
	}
	if (strncmp(path, "/users/", 7) == 0) {
		size_t n = strcspn(path + 7, "/");

		q->at.at = AT_USER;
		return strlen(q->at.user) == n &&
			       strncmp(path + 7, q->at.user, n) == 0 &&
			       (path[7 + n] == '\0' || path[8 + n] == '\0')
			   ? 0
			   : -1;
	}
	if (strcmp(path, "/calendars") == 0 ||
	    strcmp(path, "/calendars/") == 0) {
		q->at.at = AT_HOME;
		return 0;
	}
	if (strncmp(path, "/calendars/", 11) != 0 ||
	    (rest = calendar_of(q, path + 11)) == NULL)
		return -1;
	q->at.at = AT_CALENDAR;
	if (*rest == '\0')
		return 0;
	if (!keep_name_ok(rest))
		return -1;
	q->at.at = AT_ITEM;
	snprintf(q->name, sizeof q->name, "%s", rest);
	q->at.item = keep_find(q->at.keep, rest);
	return 0;
}

static struct keep *
keep_of(const struct request *q)
{
	return &keeps[q->at.keep - keeps];
}

/* --- one item -------------------------------------------------------------*/

static const char *
header(const struct request *q, const char *name)
{
	return MHD_lookup_connection_value(q->c, MHD_HEADER_KIND, name);
}

/* RFC 7232: is the item still what the client thinks it is? */
static bool
as_expected(const struct request *q)
{
	const struct keep_item *i = q->at.item;
	const char *match = header(q, MHD_HTTP_HEADER_IF_MATCH);
	const char *none = header(q, MHD_HTTP_HEADER_IF_NONE_MATCH);

	if (match != NULL && (i == NULL || (strcmp(match, "*") != 0 &&
					       strstr(match, i->tag) == NULL)))
		return false;
	return none == NULL || i == NULL ||
	       (strcmp(none, "*") != 0 && strstr(none, i->tag) == NULL);
}

static enum MHD_Result
get(struct request *q)
{
	const struct keep_item *i = q->at.item;

	if (i == NULL)
		return words(q->c, MHD_HTTP_NOT_FOUND, "not here\n");
	if (!as_expected(q))
		return queue(q->c, MHD_HTTP_NOT_MODIFIED,
		    MHD_create_response_from_buffer(
			0, NULL, MHD_RESPMEM_PERSISTENT),
		    ICS, i->tag);
	return queue(q->c, MHD_HTTP_OK,
	    MHD_create_response_from_buffer(
		i->n, i->text, MHD_RESPMEM_MUST_COPY),
	    ICS, i->tag);
}

static enum MHD_Result
put(struct request *q)
{
	struct fault f;
	struct ics ics;

	if (q->asked->large || q->asked->n > ICS_MAX)
		return refused(q->c, MHD_HTTP_FORBIDDEN, "C:max-resource-size");
	if (ics_read(q->asked->body == NULL ? "" : q->asked->body, q->asked->n,
		&ics, &f) == -1)
		return refused(
		    q->c, MHD_HTTP_FORBIDDEN, "C:valid-calendar-data");
	if (!as_expected(q))
		return words(q->c, MHD_HTTP_PRECONDITION_FAILED,
		    "it is another one by now\n");
	switch (keep_put(keep_of(q), q->name, q->asked->body, q->asked->n, &ics,
	    q->at.user, &f)) {
	case KEEP_NEW:
	case KEEP_OK:
		break;
	case KEEP_TWICE:
		return refused(q->c, MHD_HTTP_CONFLICT, "C:no-uid-conflict");
	case KEEP_FULL:
		return words(q->c, MHD_HTTP_INSUFFICIENT_STORAGE, "full\n");
	case KEEP_FAILED:
		return failed(q->c, &f);
	}
	return queue(q->c,
	    q->at.item == NULL ? MHD_HTTP_CREATED : MHD_HTTP_NO_CONTENT,
	    MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT),
	    ICS, keep_find(q->at.keep, q->name)->tag);
}

static enum MHD_Result delete (struct request *q) {
	struct fault f;

	if (q->at.item == NULL) return words(
	    q->c, MHD_HTTP_NOT_FOUND, "not here\n");
	if (!as_expected(q)) return words(
	    q->c, MHD_HTTP_PRECONDITION_FAILED, "it is another one by now\n");
	if (keep_delete(keep_of(q), keep_find(q->at.keep, q->name), q->at.user,
		&f) != KEEP_OK) return failed(q->c, &f);
	return queue(q->c, MHD_HTTP_NO_CONTENT,
	    MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT),
	    ICS, NULL);
}

/* --- questions ------------------------------------------------------------*/

static void
each_calendar(const struct request *q, const struct ask *a, FILE *out)
{
	struct dav_target t = q->at;
	size_t i;

	t.at = AT_CALENDAR;
	for (i = 0; i < conf.calendars; i++) {
		t.rights = &conf.calendar[i];
		t.keep = &keeps[i];
		t.writes = may(t.rights->write, q->user);
		if (may(t.rights->read, q->user))
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
	    keep_of(q), a->token + sizeof urn - 1, one_changed, &s, &f);
}

static int
tell(const struct request *q, const struct ask *a, FILE *out)
{
	const char *depth = header(q, "Depth");
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

static enum MHD_Result
ask(struct request *q, bool report)
{
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
		ret = refused(q->c, MHD_HTTP_FORBIDDEN, "C:supported-filter");
		goto out;
	}
	if ((a.kind != ASK_PROPFIND) != report ||
	    (report && q->at.at != AT_CALENDAR)) {
		ret = refused(q->c, MHD_HTTP_FORBIDDEN, "D:supported-report");
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
		ret = refused(q->c, MHD_HTTP_FORBIDDEN, "D:valid-sync-token");
		goto out;
	}
	ret = queue(q->c, MHD_HTTP_MULTI_STATUS,
	    MHD_create_response_from_buffer(n, text, MHD_RESPMEM_MUST_FREE),
	    XML, NULL);
out:
	ask_release(&a);
	return ret;
}

/* --- the history, as git clones it ----------------------------------------*/

/* git's dumb protocol: plain files of the repository, and no others. */
static enum MHD_Result
history(struct request *q, const char *path)
{
	const struct open_how how = { .flags = O_RDONLY | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS };
	const char *rest = calendar_of(q, path);
	char file[300];
	struct fault f;
	struct stat st;
	int fd;

	if (rest == NULL ||
	    (strcmp(rest, "HEAD") != 0 && strcmp(rest, "info/refs") != 0 &&
		strncmp(rest, "objects/", 8) != 0))
		return words(q->c, MHD_HTTP_NOT_FOUND, "not here\n");
	if (strcmp(rest, "info/refs") == 0 &&
	    keep_for_clone(keep_of(q), &f) == -1)
		return failed(q->c, &f);
	if ((size_t)snprintf(file, sizeof file, ".git/%s", rest) >= sizeof file)
		return words(q->c, MHD_HTTP_NOT_FOUND, "not here\n");
	fd = (int)syscall(SYS_openat2, q->at.keep->dir, file, &how, sizeof how);
	if (fd == -1 || fstat(fd, &st) == -1 || !S_ISREG(st.st_mode)) {
		if (fd != -1)
			close(fd);
		return words(q->c, MHD_HTTP_NOT_FOUND, "not here\n");
	}
	return queue(q->c, MHD_HTTP_OK,
	    MHD_create_response_from_fd((size_t)st.st_size, fd),
	    "application/octet-stream", NULL);
}

/* --- requests -------------------------------------------------------------*/

static bool
is(const struct request *q, const char *method)
{
	return strcmp(q->method, method) == 0;
}

static enum MHD_Result
on_item(struct request *q)
{
	if (is(q, "GET") || is(q, "HEAD"))
		return get(q);
	if (!is(q, "PUT") && !is(q, "DELETE"))
		return words(q->c, MHD_HTTP_METHOD_NOT_ALLOWED, "no\n");
	if (!q->at.writes)
		return refused(q->c, MHD_HTTP_FORBIDDEN, "D:need-privileges");
	return is(q, "PUT") ? put(q) : delete (q);
}

static enum MHD_Result
handle(struct request *q, const char *path)
{
	bool looks = is(q, "PROPFIND") || is(q, "REPORT");

	if (is(q, "OPTIONS"))
		return words(q->c, MHD_HTTP_OK, "");
	if (strcmp(path, "/.well-known/caldav") == 0)
		return words(q->c, MHD_HTTP_MOVED_PERMANENTLY, "/\n");
	q->user = door_opens(&conf, header(q, MHD_HTTP_HEADER_AUTHORIZATION));
	if (q->user == -1)
		return words(q->c, MHD_HTTP_UNAUTHORIZED, "who are you?\n");
	if (strncmp(path, "/history/", 9) == 0 && is(q, "GET"))
		return history(q, path + 9);
	if (where(q, path) == -1 ||
	    (looks && q->at.at == AT_ITEM && q->at.item == NULL))
		return words(q->c, MHD_HTTP_NOT_FOUND, "not here\n");
	if (looks)
		return ask(q, is(q, "REPORT"));
	if (q->at.at == AT_ITEM)
		return on_item(q);
	return words(q->c, MHD_HTTP_METHOD_NOT_ALLOWED,
	    "calendars are made where the router is configured\n");
}

static int
collect(struct asked *a, const char *data, size_t n)
{
	char *more;

	if (n > ASK_MAX - a->n || a->large) {
		a->large = true; /* the rest is read and dropped */
		return 0;
	}
	more = realloc(a->body, a->n + n);
	if (more == NULL)
		return -1;
	memcpy(more + a->n, data, n);
	a->body = more;
	a->n += n;
	return 0;
}

static enum MHD_Result
answer(void *cls, struct MHD_Connection *c, const char *path,
    const char *method, const char *version, const char *data, size_t *n,
    void **state)
{
	struct request q = { .c = c, .method = method, .asked = *state };

	(void)cls;
	(void)version;
	if (q.asked == NULL) {
		*state = calloc(1, sizeof *q.asked);
		return *state == NULL ? MHD_NO : MHD_YES;
	}
	if (*n > 0) {
		if (collect(q.asked, data, *n) == -1)
			return MHD_NO;
		*n = 0;
		return MHD_YES;
	}
	return handle(&q, path);
}

static void
over(void *cls, struct MHD_Connection *c, void **state,
    enum MHD_RequestTerminationCode why)
{
	struct asked *a = *state;

	(void)cls;
	(void)c;
	(void)why;
	if (a != NULL)
		free(a->body);
	free(a);
}

static int
run(const json_t *config, struct fault *f)
{
	size_t i;

	if (cal_conf_read(config, &conf, f) == -1)
		return -1;
	for (i = 0; i < conf.calendars; i++) {
		if (keep_open(&keeps[i], conf.calendar[i].name, f) == -1)
			return -1;
	}
	if (MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD |
				 MHD_USE_DUAL_STACK | MHD_USE_POLL,
		CAL_PORT, NULL, NULL, answer, NULL, MHD_OPTION_NOTIFY_COMPLETED,
		over, NULL, MHD_OPTION_CONNECTION_LIMIT, 64U,
		MHD_OPTION_CONNECTION_TIMEOUT, 30U, MHD_OPTION_END) == NULL)
		return fault_sys(f, "listen on port %d", CAL_PORT);
	for (;;)
		pause();
}

int
main(void)
{
	auto_json json_t *config = NULL;
	struct fault f;
	char *text;
	size_t n;

	signal(SIGPIPE, SIG_IGN);
	if (sodium_init() == -1)
		return 1;
	if (guest_read(CAL_CONFIG, GUEST_CONFIG_MAX, &text, &n, &f) == 0) {
		config = guest_json("config", text, n, &f);
		if (config != NULL)
			run(config, &f);
	}
	fprintf(stderr, "caldav: %s\n", f.text);
	return 1;
}
