#include "router-agent/trust/turn.h"

#include <stdio.h>
#include <string.h>

#include "lib/json.h"
#include "lib/num.h"
#include "lib/wave.h"

#define DAY 1440

static int
read_waves(struct turn *t, const json_t *waves, unsigned place,
    int64_t first_seen, struct err *err)
{
	int64_t after;

	if (wave_after(waves, place, &after, err) == -1)
		return -1;
	t->at = after == WAVE_NEVER ? TURN_NEVER : first_seen + after;
	return 0;
}

static int
read_minute(const json_t *w, const char *key, int64_t *out, struct err *err)
{
	const char *s;

	if (js_str("window", w, key, &s, err) == -1)
		return -1;
	if (strlen(s) != 5 || s[2] != ':' || strspn(s, "0123456789") != 2 ||
	    strspn(s + 3, "0123456789") != 2)
		return err_set(err, ERR_INPUT, "window: %.10s is no HH:MM", s);
	*out = ((s[0] - '0') * 10 + s[1] - '0') * 60 + (s[3] - '0') * 10 +
	       s[4] - '0';
	if (*out >= DAY || s[3] > '5')
		return err_set(err, ERR_INPUT, "window: %.10s is no HH:MM", s);
	return 0;
}

int
turn_read(struct turn *out, const json_t *set, unsigned place,
    int64_t first_seen, struct err *err)
{
	const json_t *waves = json_object_get(set, "waves");
	const json_t *window = json_object_get(set, "window");
	struct turn t = { .at = first_seen };

	if (read_waves(&t, waves, place, first_seen, err) == -1)
		return -1;
	if (window && !json_is_null(window) &&
	    (read_minute(window, "from", &t.from, err) == -1 ||
		read_minute(window, "to", &t.to, err) == -1))
		return -1;
	*out = t;
	return 0;
}

int
turn_of(struct turn *t, const json_t *j, const struct set *set,
    const struct hash *device, int64_t now, struct clock *seen, struct err *err)
{
	char what[CLOCK_WHAT];

	snprintf(what, sizeof(what), "set %s %lld", set->channel,
	    (long long)set->counter);
	return turn_read(t, j, wave_place(device, &set->sha256),
	    clock_sight(seen, what, now), err);
}

int64_t
turn_closed(const struct turn *t, int64_t minute)
{
	int64_t long_for = (t->to - t->from + DAY) % DAY;
	int64_t into = (minute - t->from + DAY) % DAY;

	return t->from == t->to || into < long_for ? 0 : DAY - into;
}
