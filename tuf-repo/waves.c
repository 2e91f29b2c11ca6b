#include "tuf-repo/waves.h"

#include <stdlib.h>
#include <string.h>

#include "lib/json.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"

#define HOURS_MAX (24 * 90)

static int
add_wave(json_t *waves, struct span field, struct err *err)
{
	auto_free char *text = mem_strn(field.p, field.n);
	char *colon = strchr(text, ':');
	int64_t hours, percent;
	json_t *o;

	if (!colon)
		return err_set(
		    err, ERR_INPUT, "waves: %.20s is not HOURS:PERCENT", text);
	*colon = '\0';
	if (num_int(text, 0, HOURS_MAX, &hours, err) == -1 ||
	    num_int(colon + 1, 0, 100, &percent, err) == -1)
		return err_prefix(err, "waves");
	o = json_object();
	js_set_int(o, "after_h", hours);
	js_set_int(o, "percent", percent);
	json_array_append_new(waves, o);
	return 0;
}

json_t *
waves_parse(const char *s, struct err *err)
{
	auto_json json_t *waves = json_array();
	struct span rest = span_str(s), field;

	if (*s && s[strlen(s) - 1] == ',')
		rest.n = 0; /* nothing follows it */
	while (span_next(&rest, ',', &field))
		if (json_array_size(waves) > WAVES_MAX ||
		    add_wave(waves, field, err) == -1)
			return NULL;
	if (waves_check(waves, err) == -1)
		return NULL;
	return take_ptr(&waves);
}

int
waves_check(const json_t *waves, struct err *err)
{
	static const char *const keys[] = { "after_h", "percent", NULL };
	int64_t hours = -1, percent = -1;
	size_t n = json_array_size(waves);

	if (!json_is_array(waves) || n == 0 || n > WAVES_MAX)
		return err_set(
		    err, ERR_INPUT, "waves: 1 to %d of them", WAVES_MAX);
	for (size_t i = 0; i < n; i++) {
		const json_t *o = json_array_get(waves, i);
		int64_t h, p;

		if (js_only("waves", o, keys, err) == -1 ||
		    js_int("waves", o, "after_h", 0, HOURS_MAX, &h, err) ==
			-1 ||
		    js_int("waves", o, "percent", 0, 100, &p, err) == -1)
			return -1;
		if (h <= hours || p <= percent)
			return err_set(err, ERR_INPUT,
			    "waves: hours and percent must grow");
		hours = h;
		percent = p;
	}
	return 0;
}

void
waves_text(const json_t *waves, struct buf *b)
{
	for (size_t i = 0; i < json_array_size(waves); i++) {
		const json_t *o = json_array_get(waves, i);

		buf_printf(b, "%s%lld:%lld", i ? "," : "",
		    (long long)json_integer_value(
			json_object_get(o, "after_h")),
		    (long long)json_integer_value(
			json_object_get(o, "percent")));
	}
}

static bool
clock_ok(const char *s)
{
	return s && strlen(s) == 5 && s[2] == ':' &&
	       strspn(s, "0123456789:") == 5 && s[0] != ':' && s[1] != ':' &&
	       s[3] <= '5' && s[3] != ':' && s[4] != ':' &&
	       (s[0] < '2' || (s[0] == '2' && s[1] <= '3'));
}

json_t *
window_parse(const char *s, struct err *err)
{
	auto_json json_t *o = json_object();
	const char *minus = strchr(s, '-');
	auto_free char *from = mem_strn(s, minus ? (size_t)(minus - s) : 0);

	js_set_str(o, "from", from);
	js_set_str(o, "to", minus ? minus + 1 : "");
	if (window_check(o, err) == -1)
		return NULL;
	return take_ptr(&o);
}

int
window_check(const json_t *o, struct err *err)
{
	static const char *const keys[] = { "from", "to", NULL };

	if (json_is_null(o))
		return 0;
	if (js_only("window", o, keys, err) == -1)
		return -1;
	if (!clock_ok(json_string_value(json_object_get(o, "from"))) ||
	    !clock_ok(json_string_value(json_object_get(o, "to"))) ||
	    json_equal(json_object_get(o, "from"), json_object_get(o, "to")))
		return err_set(err, ERR_INPUT, "window: not HH:MM-HH:MM");
	return 0;
}
