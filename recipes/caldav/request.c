#include "recipes/caldav/request.h"

#include <string.h>

/* --- answers --------------------------------------------------------------*/

enum MHD_Result
request_answer(struct request *q, unsigned int status, struct MHD_Response *r,
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
	ret = MHD_queue_response(q->c, status, r);
	MHD_destroy_response(r);
	return ret;
}

enum MHD_Result
request_words(struct request *q, unsigned int status, const char *text)
{
	return request_answer(q, status,
	    MHD_create_response_from_buffer(
		strlen(text), (char *)text, MHD_RESPMEM_MUST_COPY),
	    "text/plain; charset=utf-8", NULL);
}

enum MHD_Result
request_empty(struct request *q, unsigned int status, const char *tag)
{
	return request_answer(q, status,
	    MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT),
	    CAL_ICS, tag);
}

/* RFC 4791 1.3: which condition was not met. */
enum MHD_Result
request_refused(struct request *q, unsigned int status, const char *condition)
{
	char text[200];
	int n = snprintf(text, sizeof text,
	    "<D:error xmlns:D=\"DAV:\" "
	    "xmlns:C=\"urn:ietf:params:xml:ns:caldav\"><%s/></D:error>\n",
	    condition);

	return request_answer(q, status,
	    MHD_create_response_from_buffer(
		(size_t)n, text, MHD_RESPMEM_MUST_COPY),
	    CAL_XML, NULL);
}

enum MHD_Result
request_failed(struct request *q, const struct fault *f)
{
	fprintf(stderr, "caldav: %s\n", f->text);
	return request_words(
	    q, MHD_HTTP_INTERNAL_SERVER_ERROR, "it was not kept\n");
}

/* --- where ----------------------------------------------------------------*/

bool
request_is(const struct request *q, const char *method)
{
	return strcmp(q->method, method) == 0;
}

const char *
request_header(const struct request *q, const char *name)
{
	return MHD_lookup_connection_value(q->c, MHD_HEADER_KIND, name);
}

bool
request_may(const struct request *q, uint32_t right)
{
	return (right >> q->user & 1) != 0;
}

const char *
request_calendar(struct request *q, const char *path)
{
	size_t i, n = strcspn(path, "/");

	for (i = 0; i < q->server->conf.calendars; i++) {
		const struct cal_rights *r = &q->server->conf.calendar[i];

		if (strlen(r->name) != n || strncmp(r->name, path, n) != 0 ||
		    !request_may(q, r->read))
			continue;
		q->at.rights = r;
		q->at.keep = &q->server->keeps[i];
		q->at.writes = request_may(q, r->write);
		return path[n] == '/' ? path + n + 1 : "";
	}
	return NULL;
}

int
request_where(struct request *q, const char *path)
{
	const char *rest;

	q->at.user = q->server->conf.user[q->user].name;
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
	    (rest = request_calendar(q, path + 11)) == NULL)
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

struct keep *
request_keep(const struct request *q)
{
	return &q->server->keeps[q->at.keep - q->server->keeps];
}
