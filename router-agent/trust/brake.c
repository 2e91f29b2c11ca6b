#include "router-agent/trust/brake.h"

#include <stdio.h>

#include "lib/json.h"
#include "lib/num.h"

int
brake_read(struct brake *b, const struct buf *bytes, struct err *err)
{
	auto_json json_t *j =
	    js_record("brake", "kiln/brake", 1, bytes->data, bytes->len, err);
	const char *until, *reason;

	if (!j ||
	    js_int("brake", j, "counter", 0, JS_INT_MAX, &b->counter, err) ==
		-1 ||
	    js_str("brake", j, "until", &until, err) == -1 ||
	    time_parse(until, &b->until, err) == -1 ||
	    js_str("brake", j, "reason", &reason, err) == -1)
		return -1;
	snprintf(b->until_text, sizeof(b->until_text), "%s", until);
	snprintf(b->reason, sizeof(b->reason), "%s", reason);
	return 0;
}

bool
brake_holds(const struct brake *b, const char *channel, int64_t counter,
    int64_t now, struct clock *seen)
{
	char what[CLOCK_WHAT];

	if (b->counter != counter || b->until <= now ||
	    b->until > now + BRAKE_SECONDS)
		return false;
	if (!seen)
		return true;
	snprintf(
	    what, sizeof(what), "brake %s %lld", channel, (long long)counter);
	return now < clock_sight(seen, what, now) + BRAKE_SECONDS;
}
