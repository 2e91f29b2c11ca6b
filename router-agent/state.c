#include "router-agent/state.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/canon.h"
#include "lib/drop.h"
#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"

#define STATE_KIND "kiln/agent-state"
#define STATE_V 2 /* 1 had neither golden nor retry */
#define STATE_MAX (4 << 20)

static const char *const names[2] = { "state.0", "state.1" };

/* --- the folder ---------------------------------------------------------- */

/* What killed processes were writing. */
static int
tidy(const struct state_dir *d, struct err *err)
{
	const int folders[] = { d->fd, d->tmp, d->leases, d->reports,
		d->metadata };

	for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++)
		if (tmp_sweep(folders[i], err) == -1)
			return -1;
	return 0;
}

int
state_dir_open(struct state_dir *d, const char *path, struct err *err)
{
	auto_fd int root = dir_open("/", err), store = -1;
	const char *below = path + strspn(path, "/");

	*d = (struct state_dir)STATE_DIR_NONE;
	if (root == -1)
		return -1;
	/* The folder itself may lie behind links of the owner's. */
	d->fd = dir_open(path, err);
	if (d->fd == -1 && err->cls == ERR_MISSING)
		d->fd = dir_make_at(root, below, 0755, err);
	if (d->fd == -1 || (d->lock = lock_file_at(d->fd, "lock", err)) == -1 ||
	    (d->tmp = dir_make_at(d->fd, "tmp", 0700, err)) == -1 ||
	    (d->leases = dir_make_at(d->fd, "leases", 0700, err)) == -1 ||
	    (d->volumes = dir_make_at(d->fd, "volumes", 0700, err)) == -1 ||
	    (d->reports = dir_make_at(d->fd, "reports", 0700, err)) == -1 ||
	    (d->metadata = dir_make_at(d->fd, "metadata", 0755, err)) == -1 ||
	    (store = dir_make_at(d->fd, "store", 0755, err)) == -1 ||
	    (d->store = store_open(store, err)) == NULL || tidy(d, err) == -1)
		goto fail;
	if (role_walls()) {
		uid_t uid = role_uid(ROLE_AGENT_VERIFY);

		/* A read-only flash still holds a set that can run. */
		if (fchown(d->metadata, uid, uid) == -1 && errno != EROFS) {
			err_sys(err, "give metadata to the verifier");
			goto fail;
		}
	}
	return 0;
fail:
	state_dir_release(d);
	return err_prefix(err, "state folder %s", path);
}

void
state_dir_release(struct state_dir *d)
{
	own_close(&d->fd);
	own_close(&d->metadata);
	own_close(&d->reports);
	own_close(&d->leases);
	own_close(&d->volumes);
	own_close(&d->tmp);
	own_close(&d->lock);
	store_free(d->store);
	*d = (struct state_dir)STATE_DIR_NONE;
}

int
state_dir_holder(const char *path, int64_t *pid, struct err *err)
{
	auto_fd int dir = dir_open(path, err), lock = -1;
	auto_buf struct buf text = BUF_INIT;

	if (dir == -1)
		return -1;
	lock = lock_file_at(dir, "lock", err);
	if (lock != -1)
		return err_set(err, ERR_MISSING, "no agent works on %s", path);
	if (err->cls != ERR_BUSY)
		return -1;
	err_clear(err);
	if (file_read_at(dir, "lock", 64, &text, err) == -1)
		return -1;
	if (text.len > 0 && text.data[text.len - 1] == '\n')
		text.data[--text.len] = '\0';
	return num_int(text.data, 2, INT32_MAX, pid, err);
}

/* --- the record ---------------------------------------------------------- */

static json_t *
set_or_null(const struct set *s)
{
	return s ? set_json(s) : json_null();
}

static json_t *
retry_or_null(const struct state_retry *r)
{
	json_t *j;

	if (r->failures == 0)
		return json_null();
	j = json_object();
	js_set_hash(j, "sha256", &r->sha256);
	js_set_int(j, "failures", r->failures);
	js_set_int(j, "at", r->at);
	js_set_str(j, "cause", r->cause);
	js_set_str(j, "text", r->text);
	return j;
}

/* Only while there are some: an older agent reads the record, too. */
static void
add_news(json_t *j, const struct state_news *n)
{
	json_t *o;

	if (!*n->state)
		return;
	o = json_object();
	js_set_str(o, "state", n->state);
	js_set_str(o, "cause", n->cause);
	js_set_str(o, "text", n->text);
	js_set_int(o, "at", n->at);
	js_set(o, "set", set_or_null(n->set));
	js_set(j, "news", o);
}

static json_t *
record(const struct state *s)
{
	json_t *j = js_record_new(STATE_KIND, STATE_V);
	json_t *bad = json_array(), *counters = json_array();

	js_set_int(j, "sequence", s->sequence);
	js_set(j, "current", set_or_null(s->current));
	js_set(j, "previous", set_or_null(s->previous));
	js_set(j, "golden", set_or_null(s->golden));
	js_set(j, "trial", set_or_null(s->trial));
	js_set_int(j, "tries", s->tries);
	for (size_t i = 0; i < s->nbad; i++) {
		json_t *b = json_object();

		js_set_hash(b, "sha256", &s->bad[i].sha256);
		js_set_int(b, "counter", s->bad[i].counter);
		js_set_str(b, "cause", s->bad[i].cause);
		js_set_str(b, "text", s->bad[i].text);
		js_set_int(b, "at", s->bad[i].at);
		json_array_append_new(bad, b);
	}
	js_set(j, "bad", bad);
	js_set(j, "retry", retry_or_null(&s->retry));
	for (size_t i = 0; i < s->ncounters; i++) {
		json_t *c = json_object();

		js_set_str(c, "channel", s->counters[i].channel);
		js_set_str(c, "arch", s->counters[i].arch);
		js_set_int(c, "counter", s->counters[i].counter);
		js_set_hash(c, "sha256", &s->counters[i].sha256);
		json_array_append_new(counters, c);
	}
	js_set(j, "counters", counters);
	js_set_int(j, "report_sequence", s->report_sequence);
	if (s->has_report)
		js_set_hash(j, "report_previous", &s->report_previous);
	else
		js_set(j, "report_previous", json_null());
	add_news(j, &s->news);
	return j;
}

int
state_save(int dirfd, struct state *s, struct err *err)
{
	auto_json json_t *j = NULL;
	auto_buf struct buf text = BUF_INIT;

	s->sequence++;
	j = record(s);
	if (canon_summed(j, &text, err) == 0 &&
	    file_write_at(dirfd, names[s->sequence & 1], text.data, text.len,
		0600, err) == 0)
		return 0;
	s->sequence--;
	return err_prefix(err, "remember the state");
}

static int
read_set(const char *what, const json_t *j, const char *key, struct set **out,
    struct err *err)
{
	const json_t *v = json_object_get(j, key);
	struct set *s;

	/* A set that an older record did not have is none. */
	if (!v || json_is_null(v))
		return 0;
	s = mem_zero(1, sizeof(*s));
	if (set_from_json(what, v, s, err) == -1) {
		free(s);
		return -1;
	}
	*out = s;
	return 0;
}

static int
copy(const char *what, const json_t *j, const char *key, char *out, size_t room,
    struct err *err)
{
	const char *text;

	if (js_str(what, j, key, &text, err) == -1)
		return -1;
	snprintf(out, room, "%s", text);
	return 0;
}

static int
read_lists(const char *what, const json_t *j, struct state *s, struct err *err)
{
	json_t *bad, *counters;

	if (js_array(what, j, "bad", &bad, err) == -1 ||
	    js_array(what, j, "counters", &counters, err) == -1)
		return -1;
	if (json_array_size(bad) > STATE_BAD ||
	    json_array_size(counters) > STATE_CHANNELS)
		return err_set(err, ERR_INPUT, "%s: lists too long", what);
	for (; s->nbad < json_array_size(bad); s->nbad++) {
		const json_t *b = json_array_get(bad, s->nbad);
		struct state_bad *o = &s->bad[s->nbad];

		if (js_hash(what, b, "sha256", &o->sha256, err) == -1 ||
		    js_int(what, b, "counter", 0, JS_INT_MAX, &o->counter,
			err) == -1 ||
		    copy(what, b, "cause", o->cause, sizeof(o->cause), err) ==
			-1 ||
		    copy(what, b, "text", o->text, sizeof(o->text), err) ==
			-1 ||
		    js_int(what, b, "at", 0, JS_INT_MAX, &o->at, err) == -1)
			return -1;
	}
	for (; s->ncounters < json_array_size(counters); s->ncounters++) {
		const json_t *c = json_array_get(counters, s->ncounters);
		struct state_counter *o = &s->counters[s->ncounters];

		if (copy(what, c, "channel", o->channel, sizeof(o->channel),
			err) == -1 ||
		    copy(what, c, "arch", o->arch, sizeof(o->arch), err) ==
			-1 ||
		    js_int(what, c, "counter", 0, JS_INT_MAX, &o->counter,
			err) == -1 ||
		    js_hash(what, c, "sha256", &o->sha256, err) == -1)
			return -1;
	}
	return 0;
}

static int
read_retry(const char *what, const json_t *record, struct state_retry *r,
    struct err *err)
{
	const json_t *j = json_object_get(record, "retry");

	if (!j || json_is_null(j))
		return 0;
	if (js_hash(what, j, "sha256", &r->sha256, err) == -1 ||
	    js_int(what, j, "at", 0, JS_INT_MAX, &r->at, err) == -1 ||
	    copy(what, j, "cause", r->cause, sizeof(r->cause), err) == -1 ||
	    copy(what, j, "text", r->text, sizeof(r->text), err) == -1)
		return -1;
	return js_int(
	    what, j, "failures", 1, STATE_RETRIES + 1, &r->failures, err);
}

static int
read_news(const char *what, const json_t *record, struct state_news *n,
    struct err *err)
{
	const json_t *j = json_object_get(record, "news");

	if (!j)
		return 0;
	if (copy(what, j, "state", n->state, sizeof(n->state), err) == -1 ||
	    copy(what, j, "cause", n->cause, sizeof(n->cause), err) == -1 ||
	    copy(what, j, "text", n->text, sizeof(n->text), err) == -1 ||
	    js_int(what, j, "at", 0, JS_INT_MAX, &n->at, err) == -1)
		return -1;
	return read_set(what, j, "set", &n->set, err);
}

static int
read_record(int dirfd, const char *name, struct state *s, struct err *err)
{
	auto_buf struct buf text = BUF_INIT;
	auto_json json_t *j = NULL;

	if (file_read_at(dirfd, name, STATE_MAX, &text, err) == -1)
		return -1;
	j = js_record(name, STATE_KIND, STATE_V, text.data, text.len, err);
	if (!j || canon_sum_holds(name, j, err) == -1 ||
	    js_int(name, j, "sequence", 1, JS_INT_MAX, &s->sequence, err) ==
		-1 ||
	    read_set(name, j, "current", &s->current, err) == -1 ||
	    read_set(name, j, "previous", &s->previous, err) == -1 ||
	    read_set(name, j, "golden", &s->golden, err) == -1 ||
	    read_set(name, j, "trial", &s->trial, err) == -1 ||
	    read_retry(name, j, &s->retry, err) == -1 ||
	    js_int(name, j, "tries", 0, 1000, &s->tries, err) == -1 ||
	    js_int(name, j, "report_sequence", 0, JS_INT_MAX,
		&s->report_sequence, err) == -1 ||
	    read_lists(name, j, s, err) == -1 ||
	    read_news(name, j, &s->news, err) == -1)
		return -1;
	if (!json_is_null(json_object_get(j, "report_previous"))) {
		if (js_hash(name, j, "report_previous", &s->report_previous,
			err) == -1)
			return -1;
		s->has_report = true;
	}
	return 0;
}

int
state_load(int dirfd, struct state *out, struct err *err)
{
	struct state got[2] = { { 0 }, { 0 } };
	struct err why[2] = { ERR_INIT, ERR_INIT };
	int best = -1, missing = 0;

	for (int i = 0; i < 2; i++) {
		if (read_record(dirfd, names[i], &got[i], &why[i]) == -1) {
			if (why[i].cls == ERR_SYSTEM) {
				state_release(&got[0]);
				state_release(&got[1]);
				*err = why[i];
				return -1;
			}
			missing += why[i].cls == ERR_MISSING;
			state_release(&got[i]);
			got[i].sequence = -1;
		} else if (best == -1 || got[i].sequence > got[best].sequence) {
			best = i;
		}
	}
	if (best == -1 && missing == 2) {
		*out = (struct state){ 0 };
		return 0;
	}
	if (best == -1) {
		*err = why[why[0].cls == ERR_MISSING];
		return err_prefix(err, "both records of the state are lost");
	}
	state_release(&got[1 - best]);
	*out = got[best];
	return 0;
}

void
state_release(struct state *s)
{
	free(s->current);
	free(s->previous);
	free(s->golden);
	free(s->trial);
	free(s->news.set);
	*s = (struct state){ 0 };
}

/* --- questions ----------------------------------------------------------- */

const struct state_bad *
state_is_bad(const struct state *s, const struct hash *set)
{
	for (size_t i = 0; i < s->nbad; i++)
		if (hash_equal(&s->bad[i].sha256, set))
			return &s->bad[i];
	return NULL;
}

void
state_mark_bad(struct state *s, const struct set *set, const char *cause,
    const char *text, int64_t now)
{
	struct state_bad *b;

	if (state_is_bad(s, &set->sha256))
		return;
	if (s->nbad == STATE_BAD) {
		memmove(
		    s->bad, s->bad + 1, (STATE_BAD - 1) * sizeof(s->bad[0]));
		s->nbad--;
	}
	b = &s->bad[s->nbad++];
	*b = (struct state_bad){
		.sha256 = set->sha256, .counter = set->counter, .at = now
	};
	snprintf(b->cause, sizeof(b->cause), "%s", cause);
	snprintf(b->text, sizeof(b->text), "%s", text);
}

static const int64_t retry_waits[STATE_RETRIES] = { 3600, 6 * 3600, 24 * 3600 };

bool
state_mark_retry(struct state *s, const struct set *set, const char *cause,
    const char *text, int64_t now)
{
	struct state_retry *r = &s->retry;

	if (!hash_equal(&r->sha256, &set->sha256))
		*r = (struct state_retry){ .sha256 = set->sha256 };
	r->failures++;
	r->at = now;
	snprintf(r->cause, sizeof(r->cause), "%s", cause);
	snprintf(r->text, sizeof(r->text), "%s", text);
	if (r->failures <= STATE_RETRIES)
		return true;
	*r = (struct state_retry){ 0 };
	return false;
}

int64_t
state_retry_wait(const struct state *s, const struct hash *set, int64_t now)
{
	const struct state_retry *r = &s->retry;
	int64_t wait, passed;

	if (r->failures == 0 || !hash_equal(&r->sha256, set))
		return 0;
	wait = retry_waits[r->failures - 1];
	passed = now - r->at;
	/* A clock that stepped back makes nothing wait longer than that. */
	if (passed < 0)
		return wait;
	return passed < wait ? wait - passed : 0;
}

const struct state_counter *
state_counter(const struct state *s, const char *channel, const char *arch)
{
	for (size_t i = 0; i < s->ncounters; i++)
		if (strcmp(s->counters[i].channel, channel) == 0 &&
		    strcmp(s->counters[i].arch, arch) == 0)
			return &s->counters[i];
	return NULL;
}

bool
state_raise_counter(struct state *s, const struct set *set)
{
	struct state_counter *c = NULL;

	for (size_t i = 0; i < s->ncounters; i++)
		if (strcmp(s->counters[i].channel, set->channel) == 0 &&
		    strcmp(s->counters[i].arch, set->arch) == 0)
			c = &s->counters[i];
	if (!c) {
		/* An owner who tries more channels than this loses the
		 * memory of the first; its TUF versions still stand. */
		if (s->ncounters == STATE_CHANNELS) {
			memmove(s->counters, s->counters + 1,
			    (STATE_CHANNELS - 1) * sizeof(s->counters[0]));
			s->ncounters--;
		}
		c = &s->counters[s->ncounters++];
		*c = (struct state_counter){ .counter = -1 };
		memcpy(c->channel, set->channel, sizeof(c->channel));
		memcpy(c->arch, set->arch, sizeof(c->arch));
	}
	if (set->counter <= c->counter)
		return false;
	c->counter = set->counter;
	c->sha256 = set->sha256;
	return true;
}

struct set *
set_dup(const struct set *s)
{
	struct set *d;

	if (!s)
		return NULL;
	/* Places without a service stay untouched, and so out of memory. */
	d = mem_zero(1, sizeof(*d));
	memcpy(d, s, offsetof(struct set, services));
	memcpy(d->services, s->services, s->nservices * sizeof(*d->services));
	d->nservices = s->nservices;
	d->metadata = s->metadata;
	return d;
}
