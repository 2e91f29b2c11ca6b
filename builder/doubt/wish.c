#include "builder/doubt/wish.h"

#include <stdlib.h>
#include <string.h>

#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"

#define URL_MAX 2000

static bool
is_url(const char *s)
{
	return strncmp(s, "http://", 7) == 0 || strncmp(s, "https://", 8) == 0;
}

int
wish_from(const char *url, char **out, struct err *err)
{
	size_t n = strlen(url);

	if (!is_url(url) || n > URL_MAX || strpbrk(url, " ?#\"'<>\\@") ||
	    !strstr(url, "://")[3] || strstr(url, "://")[3] == '/')
		return err_set(err, ERR_INPUT,
		    "\"%.200s\" is not the address of a farm: http(s)://HOST/",
		    url);
	for (const char *p = url; *p; p++)
		if ((unsigned char)*p <= ' ' || (unsigned char)*p > '~')
			return err_set(err, ERR_INPUT,
			    "an address with a byte that no address has");
	*out = mem_printf("%s%s", url, url[n - 1] == '/' ? "" : "/");
	return 0;
}

static bool
digits(const char *s)
{
	return *s && s[strspn(s, "0123456789")] == '\0';
}

/* ".json" stands for the same page. */
static char *
last_part(const char *url, const char *end)
{
	size_t n = (size_t)(end - url);

	if (n > 5 && strncmp(end - 5, ".json", 5) == 0)
		n -= 5;
	return mem_strn(url, n);
}

static int
parse_page(struct wish *w, const char *url, struct err *err)
{
	static const struct {
		const char *part;
		enum wish_kind kind;
	} pages[] = {
		{ "/build/", WISH_RUN },
		{ "/api/v1/builds/", WISH_RUN },
		{ "/image/", WISH_DIGEST },
		{ "/api/v1/artifacts/", WISH_DIGEST },
		{ "/blob/", WISH_DIGEST },
	};
	size_t cut = strcspn(url, "?#");

	for (size_t i = 0; i < ARRAY_LEN(pages); i++) {
		const char *at = strstr(url, pages[i].part), *id, *end;
		auto_free char *word = NULL, *base = NULL;

		if (!at || (size_t)(at - url) >= cut)
			continue;
		id = at + strlen(pages[i].part);
		end = id + strcspn(id, "/?#");
		word = last_part(id, end);
		w->kind = pages[i].kind;
		if (w->kind == WISH_DIGEST
			? !hash_parse(&w->digest, word)
			: !digits(word) ||
			      num_int(word, 1, INT64_MAX, &w->run, err) == -1)
			break;
		base = mem_strn(url, (size_t)(at - url));
		return wish_from(base, &w->from, err);
	}
	return err_set(err, ERR_INPUT,
	    "%.200s is the page of neither a build nor an artifact", url);
}

int
wish_parse(struct wish *w, const char *what, struct err *err)
{
	size_t n = strlen(what);

	*w = (struct wish){ 0 };
	if (n == 0)
		return err_set(err, ERR_INPUT, "nothing is named");
	if (hash_parse(&w->digest, what)) {
		w->kind = WISH_DIGEST;
		return 0;
	}
	if (digits(what)) {
		w->kind = WISH_RUN;
		return num_int(what, 1, INT64_MAX, &w->run, err);
	}
	if (is_url(what))
		return parse_page(w, what, err);
	w->path = what;
	w->kind = n > 5 && strcmp(what + n - 5, ".kiln") == 0 ? WISH_BUNDLE
							      : WISH_FILE;
	return 0;
}

void
wish_release(struct wish *w)
{
	free(w->from);
	*w = (struct wish){ 0 };
}
