/*
 * Answers on port 80, one request after the other: all state is in one
 * thread's hands.
 */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "recipes/microhttpd/serve.h"
#include "recipes/router-config/door.h"
#include "recipes/router-config/talk.h"

#define CONNECTIONS 32
#define IDLE_S 20

static struct page_own own;
static struct door door;

struct reply {
	unsigned int status;
	const char *type;
	char *text; /* malloc'd */
	size_t n;
	const char *to; /* Location of a 303, or NULL */
	char cookie[160];
};

static enum MHD_Result
send_reply(struct MHD_Connection *c, struct reply *r)
{
	struct MHD_Response *m = MHD_create_response_from_buffer(r->n,
	    r->text == NULL ? (char *)"" : r->text,
	    r->text == NULL ? MHD_RESPMEM_PERSISTENT : MHD_RESPMEM_MUST_FREE);
	enum MHD_Result ret;

	if (m == NULL) {
		free(r->text);
		return MHD_NO;
	}
	MHD_add_response_header(m, "Content-Type", r->type);
	MHD_add_response_header(m, "Content-Security-Policy",
	    "default-src 'none'; style-src 'self'; form-action 'self'; "
	    "base-uri 'none'; frame-ancestors 'none'");
	MHD_add_response_header(m, "X-Content-Type-Options", "nosniff");
	MHD_add_response_header(m, "X-Frame-Options", "DENY");
	/* With "no-referrer" a browser's own form would come from "null". */
	MHD_add_response_header(m, "Referrer-Policy", "same-origin");
	MHD_add_response_header(m, "Cache-Control", "no-store");
	if (r->to != NULL)
		MHD_add_response_header(m, "Location", r->to);
	if (r->cookie[0] != '\0')
		MHD_add_response_header(m, "Set-Cookie", r->cookie);
	ret = MHD_queue_response(c, r->status, m);
	MHD_destroy_response(m);
	return ret;
}

/* --- pages ---------------------------------------------------------------- */

static void
words(struct reply *r, unsigned int status, const char *text)
{
	r->status = status;
	r->type = "text/plain; charset=utf-8";
	r->text = strdup(text);
	r->n = r->text == NULL ? 0 : strlen(text);
}

static FILE *
begin(struct reply *r, unsigned int status)
{
	r->status = status;
	r->type = "text/html; charset=utf-8";
	return open_memstream(&r->text, &r->n);
}

static void
show_door(struct reply *r, unsigned int status, const char *said)
{
	FILE *o = begin(r, status);

	if (o == NULL)
		return;
	if (door.hash[0] == '\0')
		page_first(o, door.login, said);
	else
		page_login(o, door.login, said);
	fclose(o);
}

/* `answer`: what the agent said already, taken; NULL: it is asked. */
static void
show_settings(struct reply *r, const struct session *s, json_t *answer,
    unsigned int status, const char *said)
{
	struct fault f = { .text = "" };
	FILE *o;

	if (answer == NULL)
		answer = talk_settings(&f);
	if (answer == NULL) {
		words(r, MHD_HTTP_BAD_GATEWAY, f.text);
		return;
	}
	o = begin(r, status);
	if (o != NULL) {
		page_settings(o, answer, s->token, said);
		fclose(o);
	}
	json_decref(answer);
}

static void
enter(struct reply *r)
{
	const struct session *s = door_enter(&door);

	snprintf(r->cookie, sizeof r->cookie,
	    "session=%s; Path=/; HttpOnly; SameSite=Strict", s->id);
	r->status = MHD_HTTP_SEE_OTHER;
	r->type = "text/plain";
	r->to = "/";
}

/* --- forms ---------------------------------------------------------------- */

static char *
field(const struct asked *a, const char *name)
{
	return page_field(a->body == NULL ? "" : a->body, a->n, name);
}

static void
forget(char *secret)
{
	if (secret != NULL)
		sodium_memzero(secret, strlen(secret));
	free(secret);
}

/* The sentence why not, or NULL. */
static const char *
new_password(const struct asked *a, struct fault *f)
{
	char *one = field(a, "password"), *two = field(a, "again");
	const char *why = NULL;

	if (one == NULL || strlen(one) < PAGE_PASSWORD_MIN ||
	    strlen(one) > PAGE_PASSWORD_MAX)
		why = "It needs 10 to 200 characters.";
	else if (two == NULL || strcmp(one, two) != 0)
		why = "The two are not the same.";
	else if (door_set(&door, one, f) == -1)
		why = f->text;
	forget(one);
	forget(two);
	return why;
}

/* Wrong ones are counted, and cost time. */
static bool
knows(const struct asked *a, const char *name, unsigned int *status, char *said,
    size_t room)
{
	char *password;
	bool good;

	if (door_wait(&door) > 0) {
		*status = MHD_HTTP_TOO_MANY_REQUESTS;
		snprintf(said, room,
		    "Too many wrong passwords: wait %lld seconds.",
		    (long long)door_wait(&door));
		return false;
	}
	password = field(a, name);
	good = password != NULL && strlen(password) <= PAGE_PASSWORD_MAX &&
	       door_try(&door, password);
	forget(password);
	*status = MHD_HTTP_FORBIDDEN;
	snprintf(said, room, "That is not the password.");
	return good;
}

/* Before there is a session. */
static void
at_door(struct reply *r, const char *path, const struct asked *a)
{
	bool first = door.hash[0] == '\0';
	unsigned int status;
	struct fault f;
	const char *why;
	char said[100];

	if (first && strcmp(path, "/first") == 0) {
		why = new_password(a, &f);
		if (why == NULL)
			enter(r);
		else
			show_door(r, MHD_HTTP_BAD_REQUEST, why);
	} else if (!first && strcmp(path, "/login") == 0) {
		if (knows(a, "password", &status, said, sizeof said))
			enter(r);
		else
			show_door(r, status, said);
	} else {
		show_door(r, MHD_HTTP_FORBIDDEN, "");
	}
}

static void
show_answer(
    struct reply *r, const struct session *s, json_t *answer, struct fault *f)
{
	const char *said;
	char text[300];

	if (answer == NULL) {
		words(r, MHD_HTTP_BAD_GATEWAY, f->text);
		return;
	}
	said = json_string_value(json_object_get(answer, "answer"));
	if (said == NULL || strcmp(said, "ok") == 0) {
		json_decref(answer);
		r->status = MHD_HTTP_SEE_OTHER;
		r->type = "text/plain";
		r->to = "/";
		return;
	}
	snprintf(text, sizeof text, "Not changed: %.250s", said);
	show_settings(r, s, answer, MHD_HTTP_CONFLICT, text);
}

static const json_t *
config_of(const json_t *answer, const char *service)
{
	const json_t *one;
	size_t i;

	json_array_foreach(json_object_get(answer, "services"), i, one)
	{
		const char *name =
		    json_string_value(json_object_get(one, "service"));

		if (name != NULL && strcmp(name, service) == 0)
			return json_object_get(one, "config");
	}
	return NULL;
}

/* What is none of this page's goes to the agent all the same, whose word
 * counts. */
static void
change(struct reply *r, const struct session *s, const struct asked *a,
    const char *service)
{
	struct fault f = { .text = "" };
	json_t *was = talk_settings(&f), *config, *empty = json_object();
	const json_t *now;
	char text[300];

	if (was == NULL) {
		json_decref(empty);
		words(r, MHD_HTTP_BAD_GATEWAY, f.text);
		return;
	}
	now = config_of(was, service);
	config = page_edited(now == NULL ? empty : now, a->body, a->n, &f);
	if (config == NULL) {
		snprintf(text, sizeof text, "Not changed: %s", f.text);
		show_settings(r, s, was, MHD_HTTP_BAD_REQUEST, text);
	} else {
		json_decref(was);
		show_answer(r, s, talk_change(service, config, &f), &f);
	}
	json_decref(config);
	json_decref(empty);
}

static void
another_password(struct reply *r, struct session *s, const struct asked *a)
{
	unsigned int status;
	struct fault f;
	const char *why;
	char said[100];

	if (!knows(a, "old", &status, said, sizeof said)) {
		show_settings(r, s, NULL, status, said);
		return;
	}
	why = new_password(a, &f);
	if (why == NULL)
		enter(r);
	else
		show_settings(r, s, NULL, MHD_HTTP_BAD_REQUEST, why);
}

static void
inside(
    struct reply *r, const char *path, struct session *s, const struct asked *a)
{
	char *service = field(a, "service");
	struct fault f = { .text = "" };

	if (strcmp(path, "/logout") == 0) {
		memset(s, 0, sizeof *s);
		r->status = MHD_HTTP_SEE_OTHER;
		r->type = "text/plain";
		r->to = "/";
	} else if (strcmp(path, "/password") == 0) {
		another_password(r, s, a);
	} else if (service == NULL || strlen(service) > 63 ||
		   !guest_name_ok(service)) {
		words(r, MHD_HTTP_BAD_REQUEST, "which service?\n");
	} else if (strcmp(path, "/change") == 0) {
		change(r, s, a, service);
	} else if (strcmp(path, "/back") == 0) {
		show_answer(r, s, talk_back(service, &f), &f);
	} else {
		words(r, MHD_HTTP_NOT_FOUND, "not here\n");
	}
	free(service);
}

static void
posted(
    struct reply *r, const char *path, struct session *s, const struct asked *a)
{
	char *token = field(a, "token");
	bool ours = !a->large &&
		    page_token_ok(s == NULL ? door.login : s->token, token);

	free(token);
	if (!ours)
		words(r, MHD_HTTP_FORBIDDEN,
		    "this form is not of the page as it is now: load it "
		    "anew\n");
	else if (s == NULL)
		at_door(r, path, a);
	else
		inside(r, path, s, a);
}

/* --- requests ------------------------------------------------------------- */

static const char *
header(struct MHD_Connection *c, const char *name)
{
	return MHD_lookup_connection_value(c, MHD_HEADER_KIND, name);
}

static void
handle(struct MHD_Connection *c, struct reply *r, const char *path,
    const char *method, const struct asked *a)
{
	const char *host = header(c, "Host");
	struct session *s = door_session(&door, header(c, "Cookie"));
	bool get = strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;

	if (!page_host_ok(&own, host)) {
		words(r, MHD_HTTP_MISDIRECTED_REQUEST,
		    "this router's page is not called so\n");
	} else if (strcmp(method, "POST") == 0) {
		if (page_origin_ok(header(c, "Origin"), host))
			posted(r, path, s, a);
		else
			words(
			    r, MHD_HTTP_FORBIDDEN, "a form of another page\n");
	} else if (!get) {
		words(r, MHD_HTTP_METHOD_NOT_ALLOWED, "GET or POST\n");
	} else if (strcmp(path, "/page.css") == 0) {
		words(r, MHD_HTTP_OK, page_css);
		r->type = "text/css";
	} else if (strcmp(path, "/") != 0) {
		words(r, MHD_HTTP_NOT_FOUND, "not here\n");
	} else if (s != NULL) {
		show_settings(r, s, NULL, MHD_HTTP_OK, "");
	} else {
		show_door(r, MHD_HTTP_OK, "");
	}
}

static enum MHD_Result
answer(void *arg, struct MHD_Connection *c, const char *path,
    const char *method, const char *version, const char *data, size_t *n,
    void **state)
{
	struct reply r = { .type = "text/plain" };
	enum MHD_Result meanwhile;

	(void)arg;
	(void)version;
	if (!asked_whole(state, PAGE_BODY, data, n, &meanwhile))
		return meanwhile;
	handle(c, &r, path, method, *state);
	if (r.status == 0)
		return MHD_NO;
	return send_reply(c, &r);
}

static void
quiet(void *arg, const char *format, va_list ap)
{
	(void)arg;
	(void)format;
	(void)ap;
}

static int
run(const json_t *config, struct fault *f)
{
	const struct rlimit no_core = { 0 };

	if (setrlimit(RLIMIT_CORE, &no_core) == -1)
		return fault_sys(f, "limit the core");
	if (page_read(config, &own, f) == -1 || door_open(&door, f) == -1)
		return -1;
	if (MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL,
		PAGE_PORT, NULL, NULL, answer, NULL,
		MHD_OPTION_NOTIFY_COMPLETED, asked_over, NULL,
		MHD_OPTION_EXTERNAL_LOGGER, quiet, NULL,
		MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS,
		MHD_OPTION_PER_IP_CONNECTION_LIMIT, (unsigned)8,
		MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_S,
		MHD_OPTION_END) == NULL)
		return fault_sys(f, "listen on port %d", PAGE_PORT);
	for (;;)
		pause();
}

int
main(void)
{
	return serve_main("page", PAGE_CONFIG, run);
}
