#include "recipes/router-config/page.h"

#include <arpa/inet.h>
#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define DEPTH 8
#define LEAVES 500
#define POINTER 512

/* --- of the configuration ------------------------------------------------ */

int
page_read(const json_t *config, struct page_own *out, struct fault *f)
{
	static const char *const keys[] = { "names", "reset", NULL };
	struct page_own own = { .reset = 0 };
	json_t *names;
	size_t i;

	if (guest_only("config", config, keys, f) == -1 ||
	    (json_object_get(config, "reset") != NULL &&
		guest_int("config", config, "reset", 0, 1000000, &own.reset,
		    f) == -1))
		return -1;
	if (json_object_get(config, "names") != NULL) {
		if (guest_array(
			"config", config, "names", PAGE_NAMES, &names, f) == -1)
			return -1;
		for (i = 0; i < json_array_size(names); i++) {
			const char *name =
			    json_string_value(json_array_get(names, i));

			if (name == NULL || !guest_name_ok(name))
				return fault_set(
				    f, "names: entry %zu is no name", i + 1);
			own.names[own.nnames++] = name;
		}
	}
	*out = own;
	return 0;
}

int
page_conf(const json_t *config, struct guest_files *files, struct fault *f)
{
	struct page_own own;
	FILE *out;

	if (page_read(config, &own, f) == -1)
		return -1;
	out = guest_file_open(files, f, PAGE_CONFIG);
	if (out == NULL)
		return -1;
	return guest_file_close(out, json_dumpf(config, out, JSON_COMPACT), f);
}

/* --- requests ------------------------------------------------------------- */

static bool
is_address(const char *s, size_t n)
{
	unsigned char bytes[16];
	char text[64];

	if (n > 2 && s[0] == '[' && s[n - 1] == ']') {
		s++;
		n -= 2;
	}
	if (n >= sizeof text)
		return false;
	memcpy(text, s, n);
	text[n] = '\0';
	return inet_pton(AF_INET, text, bytes) == 1 ||
	       inet_pton(AF_INET6, text, bytes) == 1;
}

bool
page_host_ok(const struct page_own *own, const char *host)
{
	size_t n, i;

	if (host == NULL)
		return false;
	n = host[0] == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":");
	if (n > strlen(host) || (host[n] != '\0' && host[n] != ':'))
		return false;
	if (is_address(host, n))
		return true;
	for (i = 0; i < own->nnames; i++) {
		if (strlen(own->names[i]) == n &&
		    strncasecmp(own->names[i], host, n) == 0)
			return true;
	}
	return false;
}

bool
page_origin_ok(const char *origin, const char *host)
{
	if (origin == NULL)
		return true;
	if (strncmp(origin, "https://", 8) == 0)
		origin += 8;
	else if (strncmp(origin, "http://", 7) == 0)
		origin += 7;
	else
		return false; /* "null" among others */
	return strcasecmp(origin, host) == 0;
}

static int
digit(char c)
{
	const char *all = "0123456789abcdef", *at;

	at = c == '\0' ? NULL : strchr(all, c >= 'A' && c <= 'F' ? c | 32 : c);
	return at == NULL ? -1 : (int)(at - all);
}

/* -1: it holds a NUL, or a broken escape. */
static int
decode(const char *s, size_t n, char *out)
{
	size_t i;

	for (i = 0; i < n; i++) {
		char c = s[i] == '+' ? ' ' : s[i];

		if (c == '%') {
			int high = i + 2 < n ? digit(s[i + 1]) : -1;
			int low = i + 2 < n ? digit(s[i + 2]) : -1;

			if (high == -1 || low == -1)
				return -1;
			c = (char)(high << 4 | low);
			i += 2;
		}
		if (c == '\0')
			return -1;
		*out++ = c;
	}
	*out = '\0';
	return 0;
}

char *
page_field(const char *body, size_t n, const char *name)
{
	const char *end = body + n, *at = body;

	while (at < end) {
		const char *stop = memchr(at, '&', (size_t)(end - at));
		const char *equal;
		char *key, *value;
		bool same;

		if (stop == NULL)
			stop = end;
		equal = memchr(at, '=', (size_t)(stop - at));
		key = malloc((size_t)(stop - at) + 1);
		value = malloc((size_t)(stop - at) + 1);
		same = key != NULL && value != NULL && equal != NULL &&
		       decode(at, (size_t)(equal - at), key) == 0 &&
		       strcmp(key, name) == 0;
		free(key);
		if (same &&
		    decode(equal + 1, (size_t)(stop - equal) - 1, value) == 0)
			return value;
		free(value);
		if (same)
			return NULL;
		at = stop + 1;
	}
	return NULL;
}

bool
page_token_ok(const char *mine, const char *theirs)
{
	return theirs != NULL && strlen(theirs) == PAGE_TOKEN - 1 &&
	       strlen(mine) == PAGE_TOKEN - 1 &&
	       sodium_memcmp(mine, theirs, PAGE_TOKEN - 1) == 0;
}

/* --- walking a configuration --------------------------------------------- */

/* "/hosts/0/name"; -1: too long. */
static int
below(char *out, const char *at, const char *key)
{
	size_t n = strlen(at);

	memcpy(out, at, n);
	out[n++] = '/';
	for (; *key != '\0'; key++) {
		if (n + 3 >= POINTER)
			return -1;
		if (*key == '~' || *key == '/') {
			out[n++] = '~';
			out[n++] = *key == '~' ? '0' : '1';
		} else {
			out[n++] = *key;
		}
	}
	out[n] = '\0';
	return 0;
}

/* Calls `fn` with each scalar, in order; `instead` takes its place. */
static int
walk(json_t *j, const char *at, int depth, size_t *left, page_leaf_fn *fn,
    void *arg, struct fault *f)
{
	size_t n = json_is_array(j) ? json_array_size(j) : 0, i;
	void *iter = json_is_object(j) ? json_object_iter(j) : NULL;
	char path[POINTER], number[24];

	if (depth > DEPTH)
		return fault_set(f, "%.100s: too deep for this page", at);
	for (i = 0; i < n || iter != NULL; i++) {
		json_t *one = iter != NULL ? json_object_iter_value(iter)
					   : json_array_get(j, i);
		const char *key =
		    iter != NULL ? json_object_iter_key(iter) : number;
		json_t *instead = NULL;
		int ret;

		snprintf(number, sizeof number, "%zu", i);
		if (below(path, at, key) == -1)
			return fault_set(f, "a key is too long for this page");
		if (json_is_object(one) || json_is_array(one)) {
			ret = walk(one, path, depth + 1, left, fn, arg, f);
		} else if (*left == 0) {
			return fault_set(f, "too much for this page");
		} else {
			(*left)--;
			ret = fn(arg, path, one, &instead, f);
		}
		if (ret == 0 && instead != NULL)
			ret = iter != NULL
				  ? json_object_iter_set_new(j, iter, instead)
				  : json_array_set_new(j, i, instead);
		if (ret == -1)
			return -1;
		if (iter != NULL)
			iter = json_object_iter_next(j, iter);
	}
	return 0;
}

int
page_leaves(json_t *config, page_leaf_fn *fn, void *arg, struct fault *f)
{
	size_t left = LEAVES;

	return walk(config, "", 0, &left, fn, arg, f);
}

/* --- a form that came back ------------------------------------------------ */

struct form {
	const char *body;
	size_t n;
};

static json_t *
number(const char *at, const char *text, struct fault *f)
{
	long long value;
	char *end;

	errno = 0;
	value = strtoll(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0') {
		fault_set(f, "%.100s: \"%.40s\" is no whole number", at, text);
		return NULL;
	}
	return json_integer(value);
}

/* Null: cleared, or a blank that stayed one; it goes. */
static int
take(void *arg, const char *at, json_t *leaf, json_t **instead, struct fault *f)
{
	const struct form *form = arg;
	char *text = page_field(form->body, form->n, at);
	const char *was = json_string_value(leaf);

	if (text == NULL)
		return 0; /* not of this form */
	if (json_is_boolean(leaf))
		*instead = json_boolean(strcmp(text, "true") == 0);
	else if (text[0] == '\0' && (was == NULL || was[0] != '\0'))
		*instead = json_null();
	else if (json_is_number(leaf))
		*instead = number(at, text, f);
	else if ((*instead = json_string(text)) == NULL)
		fault_set(f, "%.100s: no text in UTF-8", at);
	free(text);
	return *instead == NULL ? -1 : 0;
}

static bool
is_blank(const json_t *j)
{
	return json_is_null(j) || json_is_real(j);
}

/* Takes out what is blank, and whatever has nothing else in it.  True: so has
 * j. */
static bool
prune(json_t *j)
{
	size_t n = json_is_array(j) ? json_array_size(j) : 0, i;
	bool had = n > 0 || json_object_size(j) > 0;
	const char *key;
	json_t *one;
	void *next;

	for (i = n; i-- > 0;) {
		one = json_array_get(j, i);
		if (is_blank(one) || (json_is_object(one) && prune(one)))
			json_array_remove(j, i);
		else if (json_is_array(one))
			prune(one);
	}
	json_object_foreach_safe(j, next, key, one)
	{
		if (is_blank(one) || (json_is_object(one) && prune(one)))
			json_object_del(j, key);
		else if (json_is_array(one))
			prune(one);
	}
	return had && json_array_size(j) == 0 && json_object_size(j) == 0;
}

/* --- room for more -------------------------------------------------------- */

static json_t *
blank_of(const json_t *like)
{
	json_t *map, *value;
	const char *key;

	if (json_is_string(like))
		return json_null();
	if (json_is_integer(like))
		return json_real(0);
	if (!json_is_object(like))
		return NULL;
	map = json_object();
	json_object_foreach((json_t *)like, key, value)
	{
		if (json_is_string(value) || json_is_integer(value))
			json_object_set_new(map, key, blank_of(value));
	}
	return map;
}

static void
add_blanks(json_t *j, int depth)
{
	size_t n = json_is_array(j) ? json_array_size(j) : 0, i;
	const char *key;
	json_t *one;

	if (depth > DEPTH)
		return;
	for (i = 0; i < n; i++)
		add_blanks(json_array_get(j, i), depth + 1);
	json_object_foreach(j, key, one) add_blanks(one, depth + 1);
	if (n > 0 && (one = blank_of(json_array_get(j, n - 1))) != NULL)
		json_array_append_new(j, one);
}

json_t *
page_roomy(const json_t *config)
{
	json_t *j = json_deep_copy(config);

	if (j != NULL)
		add_blanks(j, 0);
	return j;
}

json_t *
page_edited(const json_t *config, const char *body, size_t n, struct fault *f)
{
	char *text = page_field(body, n, "text");
	struct form form = { body, n };
	json_t *j;

	if (text != NULL) {
		j = guest_json("the text", text, strlen(text), f);
		free(text);
		return j;
	}
	j = page_roomy(config);
	if (j == NULL) {
		fault_set(f, "no memory");
		return NULL;
	}
	if (page_leaves(j, take, &form, f) == 0) {
		prune(j);
		return j;
	}
	json_decref(j);
	return NULL;
}
