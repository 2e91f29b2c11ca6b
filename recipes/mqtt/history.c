#include <stdlib.h>
#include <string.h>

#include "recipes/mqtt/history.h"

#define KEEP_DEFAULT 100
#define COST 64 /* bytes of a message beside its payload */

struct message {
	struct message *next;
	int64_t at;
	size_t n;
	unsigned char payload[];
};

struct history_topic {
	struct history_topic *next;
	struct message *first, **last;
	size_t messages, keep;
	char name[];
};

/* --- what is kept
 * ------------------------------------------------------------*/

/* Each level is a plain text, "+", or at the end "#". */
static bool
filter_ok(const char *s)
{
	for (;;) {
		size_t n = strcspn(s, "/"), wild = strcspn(s, "#+");

		if (wild < n && n != 1)
			return false;
		if (*s == '#')
			return s[1] == '\0';
		if (s[n] == '\0')
			return true;
		s += n + 1;
	}
}

int
history_read(const json_t *list, struct history *h, struct fault *f)
{
	static const char *const keys[] = { "topic", "keep", NULL };
	const char *topic;
	int64_t keep;
	size_t i;

	memset(h, 0, sizeof *h);
	if (!json_is_array(list) || json_array_size(list) > HISTORY_FILTERS)
		return fault_set(
		    f, "history: not a list of at most %d", HISTORY_FILTERS);
	for (i = 0; i < json_array_size(list); i++) {
		const json_t *j = json_array_get(list, i);

		if (!json_is_object(j))
			return fault_set(
			    f, "history: an entry is not an object");
		keep = KEEP_DEFAULT;
		if (guest_only("history", j, keys, f) == -1 ||
		    guest_str("history", j, "topic", HISTORY_TOPIC - 1, &topic,
			f) == -1 ||
		    (json_object_get(j, "keep") != NULL &&
			guest_int("history", j, "keep", 1, HISTORY_KEEP, &keep,
			    f) == -1))
			return -1;
		if (!filter_ok(topic) || topic[0] == '$')
			return fault_set(f,
			    "history: %.100s is not a filter of topics", topic);
		strcpy(h->filter[i].topic, topic);
		h->filter[i].keep = (size_t)keep;
		h->filters = i + 1;
	}
	return 0;
}

bool
history_matches(const char *filter, const char *topic)
{
	if (*topic == '$')
		return false;
	for (;;) {
		size_t n = strcspn(topic, "/"), m = strcspn(filter, "/");

		if (strcmp(filter, "#") == 0)
			return true;
		if (!(m == 1 && *filter == '+') &&
		    (n != m || memcmp(filter, topic, n) != 0))
			return false;
		filter += m;
		topic += n;
		if (*topic == '\0') /* "a/#" is "a", too */
			return *filter == '\0' || strcmp(filter, "/#") == 0;
		if (*filter == '\0')
			return false;
		filter++;
		topic++;
	}
}

static void
drop_oldest(struct history *h, struct history_topic *t)
{
	struct message *m = t->first;

	t->first = m->next;
	if (t->first == NULL)
		t->last = &t->first;
	t->messages--;
	h->messages--;
	h->bytes -= m->n + COST;
	free(m);
}

static void
make_room(struct history *h)
{
	while (h->bytes > HISTORY_BYTES) {
		struct history_topic *t, *oldest = NULL;

		for (t = h->topics; t != NULL; t = t->next) {
			if (t->first != NULL &&
			    (oldest == NULL ||
				t->first->at < oldest->first->at))
				oldest = t;
		}
		if (oldest == NULL)
			return;
		drop_oldest(h, oldest);
	}
}

static struct history_topic *
find(const struct history *h, const char *name)
{
	struct history_topic *t;

	for (t = h->topics; t != NULL && strcmp(t->name, name) != 0;)
		t = t->next;
	return t;
}

/* The topic, new if need be; NULL when no filter is for it. */
static struct history_topic *
topic_for(struct history *h, const char *name)
{
	struct history_topic *t = find(h, name);
	size_t i, n = strlen(name);

	if (t != NULL || n >= HISTORY_TOPIC)
		return t;
	for (i = 0; i < h->filters; i++) {
		if (history_matches(h->filter[i].topic, name))
			break;
	}
	if (i == h->filters || (t = malloc(sizeof *t + n + 1)) == NULL)
		return NULL;
	*t = (struct history_topic){ .next = h->topics,
		.keep = h->filter[i].keep };
	t->last = &t->first;
	strcpy(t->name, name);
	h->topics = t;
	h->bytes += sizeof *t + n + 1; /* names are memory, too */
	return t;
}

void
history_take(struct history *h, const char *topic, int64_t at,
    const void *payload, size_t n)
{
	struct history_topic *t;
	struct message *m;

	if (n > HISTORY_PAYLOAD || (t = topic_for(h, topic)) == NULL ||
	    (m = malloc(sizeof *m + n)) == NULL)
		return;
	*m = (struct message){ .at = at, .n = n };
	if (n > 0)
		memcpy(m->payload, payload, n);
	*t->last = m;
	t->last = &m->next;
	t->messages++;
	h->messages++;
	h->bytes += n + COST;
	while (t->messages > t->keep)
		drop_oldest(h, t);
	make_room(h);
}

void
history_release(struct history *h)
{
	struct history_topic *t;

	while ((t = h->topics) != NULL) {
		while (t->first != NULL)
			drop_oldest(h, t);
		h->topics = t->next;
		free(t);
	}
	memset(h, 0, sizeof *h);
}

/* --- questions
 * ----------------------------------------------------------------*/

static char *
base64(const unsigned char *p, size_t n)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "abcdefghijklmnopqrstuvwxyz0123456789+/";
	char *out = malloc((n + 2) / 3 * 4 + 1), *o = out;
	size_t i;

	for (i = 0; out != NULL && i < n; i += 3) {
		uint32_t v = (uint32_t)p[i] << 16 |
			     (i + 1 < n ? (uint32_t)p[i + 1] << 8 : 0) |
			     (i + 2 < n ? p[i + 2] : 0);

		*o++ = digits[v >> 18];
		*o++ = digits[v >> 12 & 63];
		*o++ = i + 1 < n ? digits[v >> 6 & 63] : '=';
		*o++ = i + 2 < n ? digits[v & 63] : '=';
	}
	if (out != NULL)
		*o = '\0';
	return out;
}

static json_t *
shown(const struct message *m)
{
	json_t *j = json_object();
	json_t *text = json_stringn((const char *)m->payload, m->n);

	json_object_set_new(j, "at", json_integer(m->at));
	if (text != NULL) {
		json_object_set_new(j, "text", text);
	} else { /* not UTF-8 */
		char *coded = base64(m->payload, m->n);

		json_object_set_new(
		    j, "base64", json_string(coded != NULL ? coded : ""));
		free(coded);
	}
	return j;
}

static json_t *
messages(const struct history_topic *t, int64_t since, int64_t last)
{
	json_t *list = json_array();
	const struct message *m;
	size_t n = 0, skip, bytes = 0;

	for (m = t != NULL ? t->first : NULL; m != NULL; m = m->next)
		n += m->at >= since;
	skip = n > (size_t)last ? n - (size_t)last : 0;
	for (m = t != NULL ? t->first : NULL; m != NULL; m = m->next) {
		if (m->at < since || (skip > 0 && skip--))
			continue;
		/* who wants more asks for what came since */
		bytes += m->n * 2 + COST;
		if (bytes > HISTORY_TEXT)
			break;
		json_array_append_new(list, shown(m));
	}
	return list;
}

static int
read_question(const json_t *q, const char **topic, int64_t *since,
    int64_t *last, struct fault *f)
{
	static const char *const keys[] = { "topic", "last", "since", "to",
		NULL };

	if (guest_only("question", q, keys, f) == -1 ||
	    guest_str("question", q, "topic", HISTORY_TOPIC - 1, topic, f) ==
		-1)
		return -1;
	*since = 0;
	*last = HISTORY_LAST;
	if (json_object_get(q, "since") != NULL &&
	    guest_int("question", q, "since", 0, INT64_C(1) << 40, since, f) ==
		-1)
		return -1;
	if (json_object_get(q, "last") != NULL &&
	    guest_int("question", q, "last", 1, HISTORY_LAST, last, f) == -1)
		return -1;
	return 0;
}

char *
history_answer(
    const struct history *h, const void *question, size_t n, char **to)
{
	struct fault f;
	auto_json json_t *q = guest_json("question", question, n, &f);
	auto_json json_t *answer = NULL;
	const char *topic, *where = NULL;
	int64_t since, last;

	/* to topics of its own alone: it is no way to speak as somebody else */
	if (q == NULL ||
	    guest_str("question", q, "to", HISTORY_TOPIC - 1, &where, &f) ==
		-1 ||
	    strncmp(where, HISTORY_ANSWER, strlen(HISTORY_ANSWER)) != 0 ||
	    strpbrk(where, "#+") != NULL)
		return NULL;
	answer = json_object();
	if (read_question(q, &topic, &since, &last, &f) == -1) {
		json_object_set_new(answer, "error", json_string(f.text));
	} else {
		json_object_set_new(answer, "topic", json_string(topic));
		json_object_set_new(
		    answer, "messages", messages(find(h, topic), since, last));
	}
	*to = strdup(where);
	return *to == NULL ? NULL : json_dumps(answer, JSON_COMPACT);
}
