#include "router-agent/clock.h"

#include <stdio.h>
#include <string.h>
#include <sys/timex.h>

#include "lib/canon.h"
#include "lib/fdio.h"
#include "lib/hex.h"
#include "lib/json.h"
#include "lib/num.h"

#define KIND "kiln/agent-clock"
#define FILE_MAX (64 * 1024)
#define SLACK 300     /* two good clocks may differ by so much */
#define EVEN 3600     /* and one may drift by so much within a boot */
#define OFFSET_MIN 60 /* smaller corrections are not worth a write */

const char *
clock_state_name(enum clock_state s)
{
	static const char *const names[] = { "wild", "floor", "synced" };

	return names[s];
}

void
clock_ask(struct clock_facts *f)
{
	struct timex t = { 0 };

	*f = (struct clock_facts){ .now = time_now(),
		.up = time_mono_ms() / 1000 };
	f->ntp = adjtimex(&t) != TIME_ERROR && !(t.status & STA_UNSYNC);
	boot_id(f->boot);
}

/* --- judging ------------------------------------------------------------- */

static int64_t
later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static bool
same_boot(const struct clock *c, const struct clock_facts *f)
{
	return c->boot[0] && strcmp(c->boot, f->boot) == 0;
}

static int64_t
floor_of(
    const struct clock *c, const struct clock_facts *f, int64_t root_expires)
{
	int64_t vouched = later(CLOCK_BUILD, c->synced), said = 0;

	for (size_t i = 0; i < c->nfloors; i++)
		said = later(said, c->floors[i].at);
	if (same_boot(c, f)) {
		if (c->kept)
			vouched = later(vouched, c->offset + f->up);
		else
			said = later(said, c->offset + f->up);
	}
	/* A stolen key may say any date; it must not outdate the root that is
	 * needed to be rid of it. */
	if (root_expires > 0 && said >= root_expires)
		said = root_expires - 1;
	return later(vouched, said);
}

void
clock_judge(const struct clock *c, const struct clock_facts *f,
    int64_t root_expires, struct clock_view *v)
{
	int64_t even = f->now - (c->offset + f->up);

	v->floor = floor_of(c, f, root_expires);
	v->time = v->floor;
	v->state = CLOCK_FLOOR;
	if (f->now < v->floor - SLACK)
		v->state = CLOCK_WILD;
	else if (f->ntp || f->now <= v->floor + CLOCK_DAY ||
		 (same_boot(c, f) && c->kept && even >= -EVEN && even <= EVEN))
		v->state = CLOCK_SYNCED;
	else if (root_expires > 0 && f->now > root_expires)
		v->state = CLOCK_WILD;
	if (v->state == CLOCK_SYNCED)
		v->time = later(f->now, v->floor);
}

int64_t
clock_for_tls(const struct clock_view *v)
{
	return v->state == CLOCK_SYNCED ? 0 : v->time;
}

/* --- learning ------------------------------------------------------------ */

void
clock_learn(
    struct clock *c, const struct clock_facts *f, const struct clock_view *v)
{
	bool kept = f->ntp && v->state == CLOCK_SYNCED;
	int64_t offset = (kept ? f->now : v->floor) - f->up;

	if (kept)
		c->synced = later(c->synced, f->now);
	if (same_boot(c, f) && c->kept && !kept)
		return; /* better is known */
	if (same_boot(c, f) && c->kept == kept &&
	    offset - c->offset < OFFSET_MIN && c->offset - offset < OFFSET_MIN)
		return;
	snprintf(c->boot, sizeof(c->boot), "%s", f->boot);
	c->offset = offset;
	c->kept = kept;
	c->changed = true;
}

static const struct tuf_role *
signer_of(const struct tuf_file *root, const struct tuf_signature *s,
    const char *role, const struct tuf_key **key)
{
	const struct tuf_role *r = tuf_role_find(root, role);

	*key = tuf_key_find(root, s->keyid);
	for (size_t i = 0; r && *key && (*key)->usable && i < r->nkeyids; i++)
		if (strcmp(r->keyids[i], s->keyid) == 0)
			return r;
	return NULL;
}

static void
raise(struct clock *c, const struct sig_public *key, int64_t at)
{
	size_t i, low = 0;

	for (i = 0; i < c->nfloors; i++) {
		if (memcmp(c->floors[i].key.b, key->b, sizeof(key->b)) == 0)
			break;
		if (c->floors[i].at < c->floors[low].at)
			low = i;
	}
	if (i == c->nfloors) {
		if (c->nfloors < CLOCK_KEYS)
			c->nfloors++;
		else
			i = low;
		c->floors[i].key = *key;
		c->floors[i].at = 0;
	}
	if (at <= c->floors[i].at)
		return;
	c->floors[i].at = at;
	c->changed = true;
}

void
clock_signed(
    struct clock *c, const struct tuf_file *root, const struct tuf_file *file)
{
	const char *text =
	    json_string_value(json_object_get(file->signed_json, "signed_at"));
	auto_buf struct buf bytes = BUF_INIT;
	struct err why = ERR_INIT;
	int64_t at;

	/* Other repositories than kiln's do not say it. */
	if (!text || time_parse(text, &at, &why) == -1 || at < 0 ||
	    canon_foreign(file->signed_json, &bytes, &why) == -1)
		return;
	for (size_t i = 0; i < file->nsignatures; i++) {
		const struct tuf_signature *s = &file->signatures[i];
		const struct tuf_key *k;

		if (s->usable &&
		    signer_of(root, s, tuf_type_name(file->type), &k) &&
		    sig_verify(&k->pub, bytes.data, bytes.len, &s->sig))
			raise(c, &k->pub, at);
	}
}

static bool
lists(
    const struct tuf_file *root, const char *role, const struct sig_public *key)
{
	const struct tuf_role *r = tuf_role_find(root, role);

	for (size_t i = 0; r && i < r->nkeyids; i++) {
		const struct tuf_key *k = tuf_key_find(root, r->keyids[i]);

		if (k && k->usable &&
		    memcmp(k->pub.b, key->b, sizeof(key->b)) == 0)
			return true;
	}
	return false;
}

bool
clock_drop(struct clock *c, const struct tuf_file *root)
{
	size_t n = 0;

	for (size_t i = 0; i < c->nfloors; i++)
		if (lists(root, "timestamp", &c->floors[i].key) ||
		    lists(root, "snapshot", &c->floors[i].key))
			c->floors[n++] = c->floors[i];
	if (n == c->nfloors)
		return false;
	c->nfloors = n;
	if (!c->kept) /* it may stand on what that key said */
		c->boot[0] = '\0';
	c->changed = true;
	return true;
}

int64_t
clock_sight(struct clock *c, const char *what, int64_t now)
{
	for (size_t i = 0; i < c->nsights; i++)
		if (strcmp(c->sights[i].what, what) == 0)
			return c->sights[i].at;
	if (c->nsights == CLOCK_SIGHTS) {
		memmove(c->sights, c->sights + 1,
		    (CLOCK_SIGHTS - 1) * sizeof(c->sights[0]));
		c->nsights--;
	}
	snprintf(c->sights[c->nsights].what, CLOCK_WHAT, "%s", what);
	c->sights[c->nsights++].at = now;
	c->changed = true;
	return now;
}

/* --- remembering --------------------------------------------------------- */

static int
read_floors(const json_t *j, struct clock *c, struct err *err)
{
	json_t *list;

	if (js_array(CLOCK_FILE, j, "floors", &list, err) == -1)
		return -1;
	for (size_t i = 0; i < json_array_size(list) && i < CLOCK_KEYS; i++) {
		const json_t *o = json_array_get(list, i);
		struct hash key;

		if (js_hash(CLOCK_FILE, o, "key", &key, err) == -1 ||
		    js_int(CLOCK_FILE, o, "at", 0, JS_INT_MAX, &c->floors[i].at,
			err) == -1)
			return -1;
		memcpy(c->floors[i].key.b, key.b, sizeof(key.b));
		c->nfloors++;
	}
	return 0;
}

static int
read_sights(const json_t *j, struct clock *c, struct err *err)
{
	const char *text;
	json_t *list;

	if (js_array(CLOCK_FILE, j, "sights", &list, err) == -1)
		return -1;
	for (size_t i = 0; i < json_array_size(list) && i < CLOCK_SIGHTS; i++) {
		const json_t *o = json_array_get(list, i);

		if (js_str(CLOCK_FILE, o, "what", &text, err) == -1 ||
		    js_int(CLOCK_FILE, o, "at", 0, JS_INT_MAX, &c->sights[i].at,
			err) == -1)
			return -1;
		snprintf(c->sights[i].what, CLOCK_WHAT, "%s", text);
		c->nsights++;
	}
	return 0;
}

static int
read_clock(const struct buf *text, struct clock *c, struct err *err)
{
	auto_json json_t *j =
	    js_record(CLOCK_FILE, KIND, 1, text->data, text->len, err);
	const char *boot;

	if (!j ||
	    js_int(CLOCK_FILE, j, "synced", 0, JS_INT_MAX, &c->synced, err) ==
		-1 ||
	    js_int(CLOCK_FILE, j, "offset", -JS_INT_MAX, JS_INT_MAX, &c->offset,
		err) == -1 ||
	    js_str(CLOCK_FILE, j, "boot", &boot, err) == -1)
		return -1;
	snprintf(c->boot, sizeof(c->boot), "%s", boot);
	c->kept = json_is_true(json_object_get(j, "kept"));
	return read_floors(j, c, err) == -1 ? -1 : read_sights(j, c, err);
}

void
clock_load(int dirfd, struct clock *out)
{
	auto_buf struct buf text = BUF_INIT;
	struct err why = ERR_INIT;
	struct clock c = { 0 };

	*out = c;
	if (file_read_at(dirfd, CLOCK_FILE, FILE_MAX, &text, &why) == 0 &&
	    read_clock(&text, &c, &why) == 0)
		*out = c;
}

int
clock_save(int dirfd, struct clock *c, struct err *err)
{
	auto_json json_t *j = NULL;
	auto_buf struct buf text = BUF_INIT;
	json_t *floors, *sights;

	if (!c->changed)
		return 0;
	j = js_record_new(KIND, 1);
	floors = json_array();
	sights = json_array();
	for (size_t i = 0; i < c->nfloors; i++) {
		json_t *o = json_object();
		struct hash key;

		memcpy(key.b, c->floors[i].key.b, sizeof(key.b));
		js_set_hash(o, "key", &key);
		js_set_int(o, "at", c->floors[i].at);
		json_array_append_new(floors, o);
	}
	for (size_t i = 0; i < c->nsights; i++) {
		json_t *o = json_object();

		js_set_str(o, "what", c->sights[i].what);
		js_set_int(o, "at", c->sights[i].at);
		json_array_append_new(sights, o);
	}
	js_set(j, "floors", floors);
	js_set(j, "sights", sights);
	js_set_int(j, "synced", c->synced);
	js_set_str(j, "boot", c->boot);
	js_set_int(j, "offset", c->offset);
	js_set_bool(j, "kept", c->kept);
	if (canon_json(j, &text, err) == -1 ||
	    file_write_at(dirfd, CLOCK_FILE, text.data, text.len, 0600, err) ==
		-1)
		return err_prefix(err, "remember the time");
	c->changed = false;
	return 0;
}
