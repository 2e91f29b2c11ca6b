/* Questions to a checked tree.  A key that the table does not have, or has
 * with another type, is our own mistake and asserts. */
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/conf_tree.h"
#include "lib/fdio.h"

#define IS(type) (1u << (type))

struct conf *
conf_parse(const char *name, const void *bytes, size_t n,
    const struct conf_key *keys, struct err *err)
{
	struct conf *c = conf_tree_read(name, bytes, n, err);

	if (c && conf_check(c, keys, err) == -1) {
		conf_free(c);
		return NULL;
	}
	return c;
}

struct conf *
conf_read_at(int dirfd, const char *path, const char *name,
    const struct conf_key *keys, struct err *err)
{
	auto_buf struct buf text = BUF_INIT;

	if (file_read_at(dirfd, path, CONF_BYTES, &text, err) == -1)
		return NULL;
	return conf_parse(name, text.data, text.len, keys, err);
}

const struct conf_node *
conf_root(const struct conf *c)
{
	return c->root;
}

static const struct conf_pair *
pair(const struct conf_node *n, const char *key)
{
	for (size_t i = 0; i < n->count; i++)
		if (strcmp(n->items[i].key, key) == 0)
			return &n->items[i];
	return NULL;
}

static const struct conf_key *
table_key(const struct conf_node *n, const char *key)
{
	const struct conf_key *k;

	assert(n->kind == CONF_PAIRS && n->keys);
	for (k = n->keys; k->name; k++)
		if (strcmp(k->name, key) == 0)
			return k;
	fprintf(stderr, "%s: key %s is not in the table\n", n->conf->name, key);
	assert(!"conf key");
	return NULL;
}

static const struct conf_node *
value(const struct conf_node *n, const char *key, unsigned types)
{
	const struct conf_key *k = table_key(n, key);
	const struct conf_pair *p;

	assert(k && types & IS(k->type));
	p = pair(n, key);
	return p ? p->value : NULL;
}

bool
conf_has(const struct conf_node *n, const char *key)
{
	(void)table_key(n, key);
	return pair(n, key) != NULL;
}

const char *
conf_str(const struct conf_node *n, const char *key, const char * or)
{
	const struct conf_node *v = value(n, key,
	    IS(CONF_STR) | IS(CONF_NAME) | IS(CONF_ENUM) | IS(CONF_DATE));

	return v ? v->text : or ;
}

int64_t
conf_int(const struct conf_node *n, const char *key, int64_t or)
{
	const struct conf_node *v = value(n, key,
	    IS(CONF_INT) | IS(CONF_SIZE) | IS(CONF_DURATION) | IS(CONF_DATE));

	return v ? v->number : or ;
}

bool
conf_bool(const struct conf_node *n, const char *key, bool or)
{
	const struct conf_node *v = value(n, key, IS(CONF_BOOL));

	return v ? v->number != 0 : or ;
}

int
conf_enum(const struct conf_node *n, const char *key, int or)
{
	const struct conf_node *v = value(n, key, IS(CONF_ENUM));

	return v ? (int)v->number : or ;
}

const struct conf_node *
conf_map(const struct conf_node *n, const char *key)
{
	return value(n, key, IS(CONF_MAP));
}

size_t
conf_count(const struct conf_node *n, const char *key)
{
	const struct conf_node *v = value(n, key,
	    IS(CONF_STRS) | IS(CONF_SEQ) | IS(CONF_MIX) | IS(CONF_DICT));

	return v ? v->count : 0;
}

const char *
conf_str_at(const struct conf_node *n, const char *key, size_t i)
{
	const struct conf_node *v = value(n, key, IS(CONF_STRS) | IS(CONF_MIX));

	assert(v && i < v->count);
	v = v->items[i].value;
	return v->kind == CONF_SCALAR ? v->text : NULL;
}

const struct conf_node *
conf_at(
    const struct conf_node *n, const char *key, size_t i, const char **dict_key)
{
	const struct conf_node *v =
	    value(n, key, IS(CONF_SEQ) | IS(CONF_MIX) | IS(CONF_DICT));

	assert(v && i < v->count);
	if (dict_key)
		*dict_key = v->items[i].key;
	v = v->items[i].value;
	return v->kind == CONF_SCALAR ? NULL : v;
}

static json_t *
free_scalar(const struct conf_node *n)
{
	int64_t number;

	if (conf_plain_int(n, &number))
		return json_integer(number);
	if (n->plain && strcmp(n->text, "true") == 0)
		return json_true();
	if (n->plain && strcmp(n->text, "false") == 0)
		return json_false();
	return json_string(n->text);
}

static json_t *
node_json(const struct conf_node *n, bool loose)
{
	json_t *j;
	int r = 0;

	if (n->kind == CONF_SCALAR) {
		if (loose)
			return free_scalar(n);
		switch (n->type) {
		case CONF_INT:
		case CONF_SIZE:
		case CONF_DURATION:
			return json_integer(n->number);
		case CONF_BOOL:
			return json_boolean(n->number != 0);
		default:
			return json_string(n->text);
		}
	}
	j = n->kind == CONF_LIST ? json_array() : json_object();
	for (size_t i = 0; i < n->count && r == 0; i++) {
		json_t *item = node_json(n->items[i].value,
		    loose || n->items[i].value->type == CONF_FREE);

		r = n->kind == CONF_LIST
			? json_array_append_new(j, item)
			: json_object_set_new(j, n->items[i].key, item);
	}
	assert(j && r == 0); /* libyaml lets only UTF-8 through */
	return j;
}

json_t *
conf_json(const struct conf_node *n, const char *key)
{
	const struct conf_pair *p;

	if (!key)
		return node_json(n, n->type == CONF_FREE);
	(void)table_key(n, key);
	p = pair(n, key);
	return p ? node_json(p->value, p->value->type == CONF_FREE) : NULL;
}

int
conf_error(const struct conf_node *n, const char *key, struct err *err,
    const char *fmt, ...)
{
	const struct conf_pair *p =
	    key && n->kind == CONF_PAIRS ? pair(n, key) : NULL;
	char text[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return conf_err_at(n->conf, p ? p->line : n->line,
	    p ? p->column : n->column, err, "%s%s%s", key ? key : "",
	    key ? ": " : "", text);
}
