/* Values of a configuration held against a schema: conf_schema.h. */
#include <arpa/inet.h>
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "lib/conf_option.h"
#include "lib/conf_schema.h"
#include "lib/conf_tree.h"
#include "lib/mem.h"
#include "lib/near.h"
#include "lib/own.h"

#define ALLOWED_MAX 120 /* bytes of a list of words in a sentence */

static bool
word_well(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!strchr("abcdefghijklmnopqrstuvwxyz0123456789-_", s[i]))
			return false;
	return n >= 1 && n <= 63;
}

static bool
name_well(const char *s)
{
	struct span rest = span_str(s), label;

	if (rest.n > 253 || rest.n == 0 || s[rest.n - 1] == '.')
		return false;
	while (span_next(&rest, '.', &label))
		if (!word_well(label.p, label.n))
			return false;
	return true;
}

static bool
address_well(const char *s, bool four, bool six)
{
	unsigned char bytes[16];

	return (four && inet_pton(AF_INET, s, bytes) == 1) ||
	       (six && inet_pton(AF_INET6, s, bytes) == 1);
}

static bool
network_well(const char *s)
{
	const char *slash = strchr(s, '/');
	char address[64];
	int64_t prefix;
	size_t n;

	if (!slash)
		return address_well(s, true, true);
	n = (size_t)(slash - s);
	if (n >= sizeof(address) ||
	    !option_number(span_str(slash + 1), &prefix))
		return false;
	memcpy(address, s, n);
	address[n] = '\0';
	if (prefix < 0 || prefix > 128)
		return false;
	return address_well(address, prefix <= 32, true);
}

static bool
mac_well(const char *s)
{
	static const char like[] = "xx:xx:xx:xx:xx:xx";

	if (strlen(s) != sizeof(like) - 1)
		return false;
	for (size_t i = 0; like[i]; i++)
		if (like[i] == ':' ? s[i] != ':'
				   : !strchr("0123456789abcdef", s[i]))
			return false;
	return true;
}

static bool
among(const char *s, struct span words)
{
	struct span word;

	while (span_next(&words, '|', &word))
		if (span_is(word, s))
			return true;
	return false;
}

static bool
is_bool(const struct conf_node *n)
{
	return n->plain &&
	       (strcmp(n->text, "true") == 0 || strcmp(n->text, "false") == 0);
}

static bool
text_well(const char *s, int64_t max)
{
	size_t n = strlen(s);

	for (size_t i = 0; i < n; i++)
		if (s[i] < ' ' || s[i] > '~')
			return false;
	return (int64_t)n <= max;
}

struct fit {
	const char *schema, *what;
	struct buf path;
	struct err *err;
};

static void
cut(struct buf *b, size_t len)
{
	if (b->len == len)
		return;
	b->len = len;
	b->data[len] = '\0';
}

static int
misfit(struct fit *f, const struct conf_node *n, const char *why)
{
	return conf_err_at(n->conf, n->line, n->column, f->err,
	    "%s: %s: expected %s", f->what,
	    f->path.len ? f->path.data : "config", why);
}

static const char *
words_of(const struct option *o, struct buf *b)
{
	static const char *const says[] = { [T_NAME] = "a domain name",
		[T_LABEL] = "one label of a name",
		[T_ADDRESS] = "an address",
		[T_IPV4] = "an IPv4 address",
		[T_IPV6] = "an IPv6 address",
		[T_NETWORK] = "an address or a network",
		[T_MAC] = "a MAC address, as 52:54:00:00:00:01",
		[T_BOOL] = "true or false",
		[T_MAP] = "a map",
		[T_LIST] = "a list" };

	if (o->type <= T_LINE)
		buf_printf(b, "%d to %lld bytes of printable ASCII",
		    o->type == T_TEXT, (long long)o->max);
	else if (o->type == T_RANGE)
		buf_printf(b, "a number from %lld to %lld", (long long)o->min,
		    (long long)o->max);
	else if (o->type == T_ENUM)
		buf_printf(b, "one of %.*s",
		    (int)(o->words.n < 100 ? o->words.n : 100), o->words.p);
	else
		buf_str(b, says[o->type]);
	return b->data;
}

/* As conf_json would type it. */
static bool
well_typed(const struct conf_node *n, const struct option *o)
{
	int64_t v;
	bool whole = conf_plain_int(n, &v);

	if (o->type == T_RANGE)
		return whole && v >= o->min && v <= o->max;
	if (o->type == T_BOOL)
		return is_bool(n);
	if (whole || is_bool(n))
		return false;
	switch (o->type) {
	case T_TEXT:
		return *n->text && text_well(n->text, o->max);
	case T_LINE:
		return text_well(n->text, o->max);
	case T_NAME:
		return name_well(n->text);
	case T_LABEL:
		return word_well(n->text, strlen(n->text));
	case T_ADDRESS:
		return address_well(n->text, true, true);
	case T_IPV4:
		return address_well(n->text, true, false);
	case T_IPV6:
		return address_well(n->text, false, true);
	case T_NETWORK:
		return network_well(n->text);
	case T_MAC:
		return mac_well(n->text);
	case T_ENUM:
		return among(n->text, o->words);
	default:
		return false;
	}
}

static int
fit_scalar(struct fit *f, const struct conf_node *n)
{
	auto_buf struct buf says = BUF_INIT;
	struct option o;
	int64_t v;

	if (!option_find(f->schema, span_buf(&f->path), &o)) {
		o.type = option_any_below(f->schema, span_buf(&f->path), "[]")
			     ? T_LIST
			     : T_MAP;
		return misfit(f, n, words_of(&o, &says));
	}
	if (well_typed(n, &o))
		return 0;
	words_of(&o, &says);
	if (o.type != T_RANGE && o.type != T_BOOL && o.type != T_MAP &&
	    o.type != T_LIST && (conf_plain_int(n, &v) || is_bool(n)))
		buf_str(&says, ": put it in quotes");
	return misfit(f, n, says.data);
}

static int fit(struct fit *, const struct conf_node *);

static int
fit_list(struct fit *f, const struct conf_node *n)
{
	auto_buf struct buf says = BUF_INIT;
	size_t len = f->path.len;
	struct option o;
	bool has = option_find(f->schema, span_buf(&f->path), &o);

	if (!option_any_below(f->schema, span_buf(&f->path), "[]")) {
		if (!has)
			o.type = T_MAP;
		return misfit(f, n, words_of(&o, &says));
	}
	if (has && (int64_t)n->count > o.max) {
		buf_printf(&says, "at most %lld entries", (long long)o.max);
		return misfit(f, n, says.data);
	}
	buf_str(&f->path, "[]");
	for (size_t i = 0; i < n->count; i++)
		if (fit(f, n->items[i].value) == -1)
			return -1;
	cut(&f->path, len);
	return 0;
}

/* The first word of what a path has behind the map that is looked at. */
static struct span
member(struct span path, size_t above)
{
	size_t from = above == 0 ? 0 : above + 1, i = from;

	while (i < path.n && path.p[i] != '.' && path.p[i] != '[')
		i++;
	return (struct span){ path.p + from, i - from };
}

static int
unknown(struct fit *f, const struct conf_node *n, const struct conf_pair *item)
{
	struct span rest = span_str(f->schema), last = { "", 0 };
	auto_buf struct buf list = BUF_INIT, best = BUF_INIT;
	struct option o;
	struct near near;

	near_init(&near, item->key);
	while (option_next(&rest, &o)) {
		struct span m;
		auto_free char *word = NULL;

		if (!option_lies_below(o.path, span_buf(&f->path), "."))
			continue;
		m = member(o.path, f->path.len);
		if (m.n == last.n && memcmp(m.p, last.p, m.n) == 0)
			continue;
		last = m;
		word = mem_strn(m.p, m.n);
		near_try(&near, word);
		if (near.best == word) {
			buf_clear(&best);
			buf_str(&best, word);
			near.best = "";
		}
		if (list.len + m.n < ALLOWED_MAX)
			buf_printf(&list, "%s%s", list.len ? ", " : "", word);
	}
	if (best.len)
		return conf_err_at(n->conf, item->line, item->column, f->err,
		    "%s: unknown option \"%.60s\" (did you mean \"%s\"? "
		    "allowed: %s)",
		    f->what, item->key, best.data, list.data);
	return conf_err_at(n->conf, item->line, item->column, f->err,
	    "%s: unknown option \"%.60s\" (allowed: %s)", f->what, item->key,
	    list.data);
}

static bool
has_key(const struct conf_node *n, struct span key)
{
	for (size_t i = 0; n && i < n->count; i++)
		if (span_is(key, n->items[i].key))
			return true;
	return false;
}

/* `n` is NULL for a map that is not there, whose place is `at`. */
static int
all_required(
    struct fit *f, const struct conf_node *n, const struct conf_node *at)
{
	struct span rest = span_str(f->schema);
	struct option o;

	while (option_next(&rest, &o)) {
		struct span m = member(o.path, f->path.len);

		if (o.required &&
		    option_lies_below(o.path, span_buf(&f->path), ".") &&
		    m.p + m.n == o.path.p + o.path.n && !has_key(n, m))
			return conf_err_at(at->conf, at->line, at->column,
			    f->err, "%s: option \"%.*s\" is missing", f->what,
			    (int)o.path.n, o.path.p);
	}
	return 0;
}

static int
fit_map(struct fit *f, const struct conf_node *n)
{
	auto_buf struct buf says = BUF_INIT;
	size_t len = f->path.len;
	struct option o;

	if (!option_any_below(f->schema, span_buf(&f->path), ".")) {
		if (!option_find(f->schema, span_buf(&f->path), &o))
			o.type = T_LIST;
		return misfit(f, n, words_of(&o, &says));
	}
	for (size_t i = 0; i < n->count; i++) {
		struct span path;

		buf_printf(&f->path, "%s%s", len ? "." : "", n->items[i].key);
		path = span_buf(&f->path);
		if (strpbrk(n->items[i].key, ".[") ||
		    (!option_find(f->schema, path, &o) &&
			!option_any_below(f->schema, path, ".") &&
			!option_any_below(f->schema, path, "[]"))) {
			cut(&f->path, len);
			return unknown(f, n, &n->items[i]);
		}
		if (fit(f, n->items[i].value) == -1)
			return -1;
		cut(&f->path, len);
	}
	return all_required(f, n, n);
}

static int
fit(struct fit *f, const struct conf_node *n)
{
	if (n->kind == CONF_SCALAR)
		return fit_scalar(f, n);
	return n->kind == CONF_LIST ? fit_list(f, n) : fit_map(f, n);
}

int
conf_schema_fits(const struct conf_node *at, const char *key, const char *what,
    const char *text, struct err *err)
{
	struct fit f = { text, what, BUF_INIT, err };
	const struct conf_node *n = NULL;
	int ret;

	assert(at->kind == CONF_PAIRS);
	if (*text == '\0')
		return 0;
	for (size_t i = 0; i < at->count; i++)
		if (strcmp(at->items[i].key, key) == 0)
			n = at->items[i].value;
	ret = n ? fit(&f, n) : all_required(&f, NULL, at);
	buf_release(&f.path);
	return ret;
}
