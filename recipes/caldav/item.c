/* One item: fetched, put, deleted. */
#include <string.h>

#include "recipes/caldav/request.h"

/* RFC 7232: is the item still what the client thinks it is? */
static bool
as_expected(const struct request *q)
{
	const struct keep_item *i = q->at.item;
	const char *match = request_header(q, MHD_HTTP_HEADER_IF_MATCH);
	const char *none = request_header(q, MHD_HTTP_HEADER_IF_NONE_MATCH);

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
		return request_words(q, MHD_HTTP_NOT_FOUND, "not here\n");
	if (!as_expected(q))
		return request_empty(q, MHD_HTTP_NOT_MODIFIED, i->tag);
	return request_answer(q, MHD_HTTP_OK,
	    MHD_create_response_from_buffer(
		i->n, i->text, MHD_RESPMEM_MUST_COPY),
	    CAL_ICS, i->tag);
}

static enum MHD_Result
put(struct request *q)
{
	struct fault f;
	struct ics ics;

	if (q->asked->large || q->asked->n > ICS_MAX)
		return request_refused(
		    q, MHD_HTTP_FORBIDDEN, "C:max-resource-size");
	if (ics_read(q->asked->body == NULL ? "" : q->asked->body, q->asked->n,
		&ics, &f) == -1)
		return request_refused(
		    q, MHD_HTTP_FORBIDDEN, "C:valid-calendar-data");
	if (!as_expected(q))
		return request_words(q, MHD_HTTP_PRECONDITION_FAILED,
		    "it is another one by now\n");
	switch (keep_put(request_keep(q), q->name, q->asked->body, q->asked->n,
	    &ics, q->at.user, &f)) {
	case KEEP_NEW:
	case KEEP_OK:
		break;
	case KEEP_TWICE:
		return request_refused(
		    q, MHD_HTTP_CONFLICT, "C:no-uid-conflict");
	case KEEP_FULL:
		return request_words(
		    q, MHD_HTTP_INSUFFICIENT_STORAGE, "full\n");
	case KEEP_FAILED:
		return request_failed(q, &f);
	}
	return request_answer(q,
	    q->at.item == NULL ? MHD_HTTP_CREATED : MHD_HTTP_NO_CONTENT,
	    MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT),
	    CAL_ICS, keep_find(q->at.keep, q->name)->tag);
}

static enum MHD_Result
drop(struct request *q)
{
	struct fault f;

	if (q->at.item == NULL)
		return request_words(q, MHD_HTTP_NOT_FOUND, "not here\n");
	if (!as_expected(q))
		return request_words(q, MHD_HTTP_PRECONDITION_FAILED,
		    "it is another one by now\n");
	if (keep_delete(request_keep(q), keep_find(q->at.keep, q->name),
		q->at.user, &f) != KEEP_OK)
		return request_failed(q, &f);
	return request_empty(q, MHD_HTTP_NO_CONTENT, NULL);
}

enum MHD_Result
item_asked(struct request *q)
{
	if (request_is(q, "GET") || request_is(q, "HEAD"))
		return get(q);
	if (!request_is(q, "PUT") && !request_is(q, "DELETE"))
		return request_words(q, MHD_HTTP_METHOD_NOT_ALLOWED, "no\n");
	if (!q->at.writes)
		return request_refused(
		    q, MHD_HTTP_FORBIDDEN, "D:need-privileges");
	return request_is(q, "PUT") ? put(q) : drop(q);
}
