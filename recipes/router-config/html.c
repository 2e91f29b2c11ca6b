/* The pages of page.h. */
#include <stdlib.h>
#include <string.h>

#include "recipes/router-config/page.h"

const char page_css[] =
    ":root{color-scheme:light dark}"
    "body{font:1rem/1.5 system-ui,sans-serif;max-width:44rem;margin:2rem auto;"
    "padding:0 1rem}"
    "h1{font-size:1.4rem}h2{font-size:1.1rem;margin-top:2rem}"
    "label{display:block;margin:.6rem 0}"
    "label span{display:block;overflow-wrap:anywhere}"
    "input,textarea,select{font:inherit;width:100%;box-sizing:border-box;"
    "padding:.3rem}"
    "textarea{font-family:monospace;min-height:12rem}"
    "button{font:inherit;padding:.4rem 1rem;margin:.4rem 0}"
    "[role=status]{border-left:.3rem solid;padding:.3rem 1rem}"
    "summary{cursor:pointer;margin:.6rem 0}";

/* The one way in which a value reaches a page. */
static void
show(FILE *o, const char *s)
{
	for (; *s != '\0'; s++) {
		switch (*s) {
		case '<':
			fputs("&lt;", o);
			break;
		case '>':
			fputs("&gt;", o);
			break;
		case '&':
			fputs("&amp;", o);
			break;
		case '"':
			fputs("&quot;", o);
			break;
		case '\'':
			fputs("&#39;", o);
			break;
		default:
			fputc(*s, o);
		}
	}
}

static void
head(FILE *o, const char *title, const char *said, bool again)
{
	fputs("<!doctype html><html lang=en><head><meta charset=utf-8>"
	      "<meta name=viewport content=\"width=device-width,"
	      "initial-scale=1\">",
	    o);
	/* While something is tried out: without a script. */
	if (again)
		fputs("<meta http-equiv=refresh content=\"3;url=/\">", o);
	fputs("<title>", o);
	show(o, title);
	fputs("</title><link rel=stylesheet href=/page.css></head><body>"
	      "<main><h1>",
	    o);
	show(o, title);
	fputs("</h1>", o);
	if (said[0] != '\0') {
		fputs("<p role=status>", o);
		show(o, said);
		fputs("</p>", o);
	}
}

static void
foot(FILE *o)
{
	fputs("</main></body></html>\n", o);
}

static void
form(FILE *o, const char *action, const char *token)
{
	fputs("<form method=post action=\"", o);
	show(o, action);
	fputs("\"><input type=hidden name=token value=\"", o);
	show(o, token);
	fputs("\">", o);
}

static void
password(FILE *o, const char *name, const char *label, const char *complete)
{
	fprintf(o,
	    "<label><span>%s</span><input type=password name=%s required "
	    "maxlength=%d autocomplete=%s></label>",
	    label, name, PAGE_PASSWORD_MAX, complete);
}

void
page_first(FILE *o, const char *token, const char *said)
{
	head(o, "Choose a password", said, false);
	fprintf(o,
	    "<p>Nobody has used this page yet. Whoever knows the password can "
	    "change this router's settings. At least %d characters.</p>",
	    PAGE_PASSWORD_MIN);
	form(o, "/first", token);
	password(o, "password", "Password", "new-password");
	password(o, "again", "The same again", "new-password");
	fputs("<button>Set it</button></form>", o);
	foot(o);
}

void
page_login(FILE *o, const char *token, const char *said)
{
	head(o, "Router settings", said, false);
	form(o, "/login", token);
	password(o, "password", "Password", "current-password");
	fputs("<button>Open</button></form>", o);
	foot(o);
}

/* --- the settings --------------------------------------------------------- */

static const char *
text_of(const json_t *j, const char *key)
{
	const char *s = json_string_value(json_object_get(j, key));

	return s == NULL ? "" : s;
}

/* "/hosts/0/name" as "hosts 1 name": people count from one. */
static void
label(FILE *o, const char *at)
{
	while (*at == '/') {
		char part[512];
		size_t n = strcspn(++at, "/"), k = 0, i;

		for (i = 0; i < n && k < sizeof part - 1; i++, k++) {
			part[k] = at[i];
			if (at[i] == '~' && i + 1 < n)
				part[k] = at[++i] == '0' ? '~' : '/';
		}
		part[k] = '\0';
		if (n > 0 && strspn(part, "0123456789") == n && n < 6)
			fprintf(o, "%d ", atoi(part) + 1);
		else {
			show(o, part);
			fputc(' ', o);
		}
		at += n;
	}
}

static void
leaf(FILE *o, const char *at, const json_t *j)
{
	fputs("<label><span>", o);
	label(o, at);
	fputs(json_is_null(j) || json_is_real(j) ? "(one more)</span>"
						 : "</span>",
	    o);
	if (json_is_boolean(j)) {
		fputs("<select name=\"", o);
		show(o, at);
		fprintf(o,
		    "\"><option value=true%s>yes</option><option "
		    "value=false%s>no</option></select>",
		    json_is_true(j) ? " selected" : "",
		    json_is_true(j) ? "" : " selected");
	} else {
		fputs("<input name=\"", o);
		show(o, at);
		fputs(json_is_number(j) ? "\" inputmode=numeric value=\""
					: "\" value=\"",
		    o);
		if (json_is_integer(j))
			fprintf(o, "%lld", (long long)json_integer_value(j));
		else if (json_is_string(j))
			show(o, json_string_value(j));
		fputs("\">", o);
	}
	fputs("</label>", o);
}

static int
show_leaf(
    void *arg, const char *at, json_t *j, json_t **instead, struct fault *f)
{
	(void)instead;
	(void)f;
	leaf(arg, at, j);
	return 0;
}

static void
one_form(FILE *o, const char *action, const char *token, const char *service)
{
	form(o, action, token);
	fputs("<input type=hidden name=service value=\"", o);
	show(o, service);
	fputs("\">", o);
}

static void
one(FILE *o, const json_t *s, const char *token)
{
	const char *service = text_of(s, "service"), *why = text_of(s, "why");
	bool trial = strcmp(text_of(s, "state"), "trial") == 0;
	const json_t *config = json_object_get(s, "config");
	json_t *roomy;
	struct fault f = { .text = "" };
	char *text;

	fputs("<section><h2>", o);
	show(o, service);
	fputs("</h2>", o);
	if (trial) {
		fputs("<p role=status>The change is being tried out. If the "
		      "service does not answer, the router goes back by itself."
		      "</p></section>",
		    o);
		return;
	}
	if (why[0] != '\0') {
		fputs("<p role=status>The last change was undone: ", o);
		show(o, why);
		fputs("</p>", o);
	}
	one_form(o, "/change", token, service);
	roomy = page_roomy(config);
	if (page_leaves(roomy, show_leaf, o, &f) == -1) {
		fputs("<p>", o);
		show(o, f.text);
		fputs("</p>", o);
	}
	json_decref(roomy);
	fputs("<p>What is cleared is taken out.</p>", o);
	fputs("<button>Change</button></form><details><summary>As text"
	      "</summary>",
	    o);
	one_form(o, "/change", token, service);
	fputs("<label><span>All of it, as JSON</span><textarea name=text "
	      "spellcheck=false>",
	    o);
	text = json_dumps(config, JSON_INDENT(2));
	if (text != NULL)
		show(o, text);
	free(text);
	fputs("</textarea></label><button>Change all</button></form></details>",
	    o);
	if (json_is_true(json_object_get(s, "back"))) {
		one_form(o, "/back", token, service);
		fputs("<button>Back to what was before</button></form>", o);
	}
	fputs("</section>", o);
}

static bool
any_trial(const json_t *services)
{
	const json_t *s;
	size_t i;

	json_array_foreach(services, i, s)
	{
		if (strcmp(text_of(s, "state"), "trial") == 0)
			return true;
	}
	return false;
}

void
page_settings(
    FILE *o, const json_t *answer, const char *token, const char *said)
{
	const json_t *router = json_object_get(answer, "router"), *s;
	const json_t *services = json_object_get(answer, "services");
	size_t i;

	head(o, "Router settings", said, any_trial(services));
	fputs("<p>Updates: ", o);
	show(o, text_of(router, "phase"));
	fprintf(o, ", release %lld of ",
	    (long long)json_integer_value(json_object_get(router, "set")));
	show(o, text_of(router, "channel"));
	fputs(".</p>", o);
	if (text_of(router, "error")[0] != '\0') {
		fputs("<p>", o);
		show(o, text_of(router, "error"));
		fputs("</p>", o);
	}
	json_array_foreach(services, i, s) one(o, s, token);
	fputs("<section><h2>This page</h2><details><summary>Another password"
	      "</summary>",
	    o);
	form(o, "/password", token);
	password(o, "old", "Password", "current-password");
	password(o, "password", "Another one", "new-password");
	password(o, "again", "The same again", "new-password");
	fputs("<button>Set it</button></form></details>", o);
	form(o, "/logout", token);
	fputs("<button>Leave</button></form></section>", o);
	foot(o);
}
