#include "router-agent/owner/history.h"

#include "lib/canon.h"
#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/num.h"

#define FILE_MAX ((size_t)HISTORY_MAX * 1024)

json_t *
history_read(int statefd, struct err *err)
{
	auto_buf struct buf text = BUF_INIT;
	json_t *list = json_array();
	struct span rest, line;

	if (file_read_at(statefd, HISTORY_FILE, FILE_MAX, &text, err) == -1) {
		if (err->cls == ERR_MISSING) {
			err_clear(err);
			return list;
		}
		json_decref(list);
		return NULL;
	}
	rest = span_buf(&text);
	while (span_next(&rest, '\n', &line)) {
		struct err why = ERR_INIT;
		json_t *j = js_parse(HISTORY_FILE, line.p, line.n, &why);

		/* A damaged line is no loss that would stop a router. */
		if (json_is_object(j))
			json_array_append(list, j);
		json_decref(j);
	}
	return list;
}

int
history_add(int statefd, int64_t at, const char *state, const char *cause,
    const char *text, const struct set *set, struct err *err)
{
	json_t *list = history_read(statefd, err), *o;
	auto_buf struct buf b = BUF_INIT;
	char when[TIME_TEXT];
	int ret = 0;
	size_t i;

	if (!list)
		return -1;
	o = json_object();
	time_text(at, when);
	js_set_str(o, "at", when);
	js_set_str(o, "state", state);
	js_set_str(o, "cause", *cause ? cause : NULL);
	js_set_str(o, "text", *text ? text : NULL);
	if (set)
		js_set_int(o, "counter", set->counter);
	/* Told again after a restart. */
	if (json_equal(o, json_array_get(list, json_array_size(list) - 1)))
		json_decref(o);
	else
		json_array_append_new(list, o);
	while (json_array_size(list) > HISTORY_MAX)
		json_array_remove(list, 0);
	json_array_foreach(list, i, o)
	{
		struct err why = ERR_INIT;
		size_t before = b.len;

		/* A sentence may hold what a guest said. */
		if (canon_json(o, &b, &why) == -1)
			b.data[b.len = before] = '\0';
		else
			buf_char(&b, '\n');
	}
	if (b.len <= FILE_MAX)
		ret = file_write_at(
		    statefd, HISTORY_FILE, b.data, b.len, 0644, err);
	json_decref(list);
	return ret;
}
