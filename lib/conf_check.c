/* Measuring a tree against the table of keys. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/conf_tree.h"
#include "lib/fdio.h"
#include "lib/near.h"
#include "lib/num.h"

#define STR_MAX 4096
#define LIST_MAX 260 /* bytes of a list of allowed words in a message */

static int
bad(const struct conf_node *n, const char *key, struct err *err,
    const char *text)
{
	return conf_err_at(
	    n->conf, n->line, n->column, err, "%s: %s", key, text);
}

static void
add_word(struct buf *list, const char *word)
{
	if (list->len + strlen(word) > LIST_MAX) {
		if (list->data[list->len - 1] != '.')
			buf_str(list, ", ...");
		return;
	}
	buf_printf(list, "%s%s", list->len ? ", " : "", word);
}

static int
unknown_key(const struct conf *c, const struct conf_pair *item,
    const struct conf_key *keys, struct err *err)
{
	auto_buf struct buf list = BUF_INIT;
	struct near near;

	near_init(&near, item->key);
	for (const struct conf_key *k = keys; k->name; k++) {
		near_try(&near, k->name);
		add_word(&list, k->name);
	}
	if (near.best)
		return conf_err_at(c, item->line, item->column, err,
		    "unknown key \"%.60s\" (did you mean \"%s\"? allowed: %s)",
		    item->key, near.best, list.data);
	return conf_err_at(c, item->line, item->column, err,
	    "unknown key \"%.60s\" (allowed: %s)", item->key, list.data);
}

static int
check_word(struct conf_node *n, const char *key, const char *const *words,
    struct err *err)
{
	auto_buf struct buf list = BUF_INIT;
	struct near near;

	near_init(&near, n->text);
	for (size_t i = 0; words[i]; i++) {
		if (strcmp(words[i], n->text) == 0) {
			n->number = (int64_t)i;
			return 0;
		}
		near_try(&near, words[i]);
		add_word(&list, words[i]);
	}
	if (near.best)
		return conf_err_at(n->conf, n->line, n->column, err,
		    "%s: \"%.60s\" is not allowed (did you mean \"%s\"? "
		    "allowed: %s)",
		    key, n->text, near.best, list.data);
	return conf_err_at(n->conf, n->line, n->column, err,
	    "%s: \"%.60s\" is not allowed (allowed: %s)", key, n->text,
	    list.data);
}

static int
check_str(
    const struct conf_node *n, const char *key, int64_t max, struct err *err)
{
	size_t limit = max > 0 ? (size_t)max : STR_MAX, len;

	if (n->kind != CONF_SCALAR)
		return bad(
		    n, key, err, "expected one value, not a list or map");
	len = strlen(n->text);
	if (len == 0)
		return bad(n, key, err, "the value is empty");
	if (len > limit)
		return conf_err_at(n->conf, n->line, n->column, err,
		    "%s: longer than the %zu bytes allowed", key, limit);
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)n->text[i] < 0x20 || n->text[i] == 0x7f)
			return bad(n, key, err, "control character");
	return 0;
}

/* Says the bounds as the type writes them. */
static int
out_of_range(
    const struct conf_node *n, const struct conf_key *k, struct err *err)
{
	auto_buf struct buf low = BUF_INIT, high = BUF_INIT;

	if (k->type == CONF_SIZE) {
		num_add_size(&low, k->min);
		num_add_size(&high, k->max);
	} else if (k->type == CONF_DURATION) {
		num_add_duration(&low, k->min * 1000);
		num_add_duration(&high, k->max * 1000);
	} else {
		buf_printf(&low, "%lld", (long long)k->min);
		buf_printf(&high, "%lld", (long long)k->max);
	}
	return conf_err_at(n->conf, n->line, n->column, err,
	    "%s: %.60s is not between %s and %s", k->name, n->text, low.data,
	    high.data);
}

/* INT, SIZE, DURATION: without bounds when both are 0. */
static int
check_number(struct conf_node *n, const struct conf_key *k, struct err *err)
{
	struct err why = ERR_INIT;
	int r;

	if (check_str(n, k->name, 64, err) == -1)
		return -1;
	if (k->type == CONF_INT) {
		if (!conf_plain_int(n, &n->number))
			return conf_err_at(n->conf, n->line, n->column, err,
			    "%s: expected a whole number, not \"%.60s\"",
			    k->name, n->text);
	} else {
		r = k->type == CONF_SIZE
			? num_size(n->text, &n->number, &why)
			: num_duration(n->text, &n->number, &why);
		if (r == -1)
			return bad(n, k->name, err, why.msg);
	}
	if ((k->min != 0 || k->max != 0) &&
	    (n->number < k->min || n->number > k->max))
		return out_of_range(n, k, err);
	return 0;
}

static int
check_bool(struct conf_node *n, const char *key, struct err *err)
{
	if (n->kind == CONF_SCALAR && n->plain) {
		n->number = strcmp(n->text, "true") == 0;
		if (n->number || strcmp(n->text, "false") == 0)
			return 0;
	}
	return bad(n, key, err, "expected true or false");
}

static int
check_count(
    const struct conf_node *n, const struct conf_key *k, struct err *err)
{
	if ((int64_t)n->count < k->min)
		return conf_err_at(n->conf, n->line, n->column, err,
		    "%s: %zu given, at least %lld needed", k->name, n->count,
		    (long long)k->min);
	if (k->max > 0 && (int64_t)n->count > k->max)
		return conf_err_at(n->conf, n->line, n->column, err,
		    "%s: %zu given, at most %lld allowed", k->name, n->count,
		    (long long)k->max);
	return 0;
}

static int check_map(
    struct conf_node *, const char *key, const struct conf_key *, struct err *);

static int
check_list(struct conf_node *n, const struct conf_key *k, struct err *err)
{
	if (n->kind != CONF_LIST)
		return bad(n, k->name, err,
		    k->type == CONF_SEQ	  ? "expected a list of maps"
		    : k->type == CONF_MIX ? "expected a list of values or maps"
					  : "expected a list of values");
	if (check_count(n, k, err) == -1)
		return -1;
	for (size_t i = 0; i < n->count; i++) {
		struct conf_node *item = n->items[i].value;

		if (k->type == CONF_SEQ ||
		    (k->type == CONF_MIX && item->kind == CONF_PAIRS)) {
			if (check_map(item, k->name, k->sub, err) == -1)
				return -1;
			continue;
		}
		item->type = CONF_STR;
		if (check_str(item, k->name, 0, err) == -1 ||
		    (k->words &&
			check_word(item, k->name, k->words, err) == -1))
			return -1;
	}
	return 0;
}

static int
check_dict(struct conf_node *n, const struct conf_key *k, struct err *err)
{
	if (n->kind != CONF_PAIRS)
		return bad(n, k->name, err, "expected a map of names");
	if (check_count(n, k, err) == -1)
		return -1;
	for (size_t i = 0; i < n->count; i++) {
		const struct conf_pair *item = &n->items[i];

		if (!name_ok(item->key))
			return conf_err_at(n->conf, item->line, item->column,
			    err,
			    "%s: \"%.60s\" is not a name (allowed: A-Z "
			    "a-z 0-9 . _ + ~ -)",
			    k->name, item->key);
		if (check_map(item->value, item->key, k->sub, err) == -1)
			return -1;
	}
	return 0;
}

static int
check_value(struct conf_node *n, const struct conf_key *k, struct err *err)
{
	struct err why = ERR_INIT;

	n->type = k->type;
	switch (k->type) {
	case CONF_STR:
		return check_str(n, k->name, k->max, err);
	case CONF_NAME:
		if (check_str(n, k->name, k->max, err) == -1)
			return -1;
		if (!name_ok(n->text))
			return conf_err_at(n->conf, n->line, n->column, err,
			    "%s: \"%.60s\" is not a name (allowed: A-Z a-z "
			    "0-9 . _ + ~ -)",
			    k->name, n->text);
		return 0;
	case CONF_INT:
	case CONF_SIZE:
	case CONF_DURATION:
		return check_number(n, k, err);
	case CONF_BOOL:
		return check_bool(n, k->name, err);
	case CONF_ENUM:
		if (check_str(n, k->name, 0, err) == -1)
			return -1;
		return check_word(n, k->name, k->words, err);
	case CONF_DATE:
		if (check_str(n, k->name, 0, err) == -1)
			return -1;
		if (time_parse(n->text, &n->number, &why) == -1)
			return conf_err_at(n->conf, n->line, n->column, err,
			    "%s: \"%.60s\" is not a time "
			    "(YYYY-MM-DDTHH:MM:SSZ)",
			    k->name, n->text);
		return 0;
	case CONF_STRS:
	case CONF_SEQ:
	case CONF_MIX:
		return check_list(n, k, err);
	case CONF_MAP:
		return check_map(n, k->name, k->sub, err);
	case CONF_DICT:
		return check_dict(n, k, err);
	case CONF_FREE:
		return 0;
	}
	assert(!"conf_type");
	return -1;
}

static int
check_map(struct conf_node *n, const char *key, const struct conf_key *keys,
    struct err *err)
{
	if (n->kind != CONF_PAIRS) {
		if (!key)
			return conf_err_at(n->conf, n->line, n->column, err,
			    "expected a map of keys");
		return bad(n, key, err, "expected a map of keys");
	}
	n->type = CONF_MAP;
	n->keys = keys;
	for (size_t i = 0; i < n->count; i++) {
		const struct conf_key *k = keys;

		while (k->name && strcmp(k->name, n->items[i].key) != 0)
			k++;
		if (!k->name)
			return unknown_key(n->conf, &n->items[i], keys, err);
		if (check_value(n->items[i].value, k, err) == -1)
			return -1;
	}
	for (const struct conf_key *k = keys; k->name; k++) {
		size_t i = 0;

		if (!k->required)
			continue;
		while (i < n->count && strcmp(n->items[i].key, k->name) != 0)
			i++;
		if (i == n->count)
			return conf_err_at(n->conf, n->line, n->column, err,
			    "%s%smissing key \"%s\"", key ? key : "",
			    key ? ": " : "", k->name);
	}
	return 0;
}

int
conf_check(struct conf *c, const struct conf_key *keys, struct err *err)
{
	return check_map(c->root, NULL, keys, err);
}
