#include "web/guard.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "web/account.h"
#include "web/form.h"

static const char *
header(const struct req *req, const char *name)
{
	return MHD_lookup_connection_value(req->con, MHD_HEADER_KIND, name);
}

static int
identify(struct req *req, struct err *err)
{
	const char *bearer = header(req, "Authorization");
	const char *cookie =
	    MHD_lookup_connection_value(req->con, MHD_COOKIE_KIND, "kiln");

	if (bearer && strncasecmp(bearer, "Bearer ", 7) == 0)
		return account_of_token(
		    req->web->web, bearer + 7, &req->who, err);
	if (cookie)
		return account_of_session(
		    req->web->web, cookie, &req->who, err);
	return 0;
}

/* "http://HOST" or "https://HOST" of our own Host; browsers send it with each
 * POST, so who sends none is no browser of today. */
static bool
own_origin(const struct req *req)
{
	const char *origin = header(req, "Origin");
	const char *host = header(req, "Host");

	if (origin == NULL || host == NULL)
		return false;
	if (strncmp(origin, "http://", 7) == 0)
		origin += 7;
	else if (strncmp(origin, "https://", 8) == 0)
		origin += 8;
	else
		return false;
	return strcasecmp(origin, host) == 0;
}

static bool
own_word(const struct req *req)
{
	char word[SECRET_TEXT];

	return form_get(&req->body, "csrf", word, sizeof(word)) &&
	       strlen(word) == SECRET_TEXT - 1 && req->who.csrf[0] != '\0' &&
	       sodium_memcmp(word, req->who.csrf, SECRET_TEXT - 1) == 0;
}

/* A browser: programs are told 401 instead of where a person signs in. */
static bool
takes_pages(const struct req *req)
{
	const char *accept = header(req, "Accept");

	return accept && strstr(accept, "text/html");
}

static bool
refuse(struct req *req, struct reply *re, unsigned status, const char *text)
{
	reply_error(
	    req, re, status, status == 401 ? "not-signed-in" : "denied", text);
	return false;
}

bool
guard(struct req *req, struct reply *re, const struct route *r)
{
	struct err err = ERR_INIT;
	bool post = strcmp(req->method, "POST") == 0;
	enum rank need = r->need;

	if (need == RANK_NOBODY && req->web->accounts_only && !r->open)
		need = RANK_VIEWER;
	/* Pages show who is signed in what he may ask for; a session that has
	 * ended shows the page as everybody sees it. */
	if (need == RANK_NOBODY && !r->from_page) {
		if (!post && identify(req, &err) == -1)
			req->who = (struct who){ 0 };
		return true;
	}
	if (identify(req, &err) == -1)
		return refuse(req, re, 503, err.msg);
	if (req->who.rank < need) {
		if (req->who.rank != RANK_NOBODY)
			return refuse(req, re, 403,
			    "this account or token may not do that");
		if (post || req->json || !takes_pages(req))
			return refuse(req, re, 401, "sign in first");
		snprintf(re->place, sizeof(re->place), "/login");
		re->location = re->place;
		re->status = 303;
		return false;
	}
	if (!post || req->who.by_token)
		return true;
	if (!own_origin(req))
		return refuse(
		    req, re, 403, "this was not sent from a page of ours");
	if (r->need != RANK_NOBODY && !own_word(req))
		return refuse(
		    req, re, 403, "this page is too old: load it again");
	return true;
}
