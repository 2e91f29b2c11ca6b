#include "router-agent/owner/report.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/canon.h"
#include "lib/cli.h"
#include "lib/fdio.h"
#include "lib/hex.h"
#include "lib/json.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"
#include "router-agent/agent.h"
#include "router-agent/owner/history.h"
#include "router-agent/owner/notice.h"

#define KEY_FILE "device.key"
#define NAME "%020lld.json" /* sorts by sequence */

/* --- the key ------------------------------------------------------------- */

int
report_key(
    int statefd, struct sig_seed *seed, struct sig_public *pub, struct err *err)
{
	auto_buf struct buf text = BUF_INIT;
	char hex[KEY_HEX];
	int ret = 0;

	if (file_read_at(statefd, KEY_FILE, 128, &text, err) == 0) {
		if (text.len != KEY_HEX ||
		    !hex_decode(seed->b, sizeof(seed->b), text.data, 64))
			ret =
			    err_set(err, ERR_INPUT, "%s is damaged", KEY_FILE);
		else
			sig_public_of(seed, pub);
		sodium_memzero(text.data, text.len);
		return ret;
	}
	if (err->cls != ERR_MISSING)
		return -1;
	err_clear(err);
	sig_keypair(seed, pub);
	hex_encode(hex, seed->b, sizeof(seed->b));
	hex[64] = '\n';
	ret = file_write_at(statefd, KEY_FILE, hex, sizeof(hex), 0600, err);
	sodium_memzero(hex, sizeof(hex));
	if (ret == -1)
		sig_wipe(seed);
	return ret;
}

/* --- making -------------------------------------------------------------- */

static json_t *
service_list(
    const struct agent_conf *c, const struct set *set, const char *state)
{
	bool runs = strcmp(state, "committed") == 0;
	json_t *list = json_array();

	if (c->reports != REPORTS_FULL || !set)
		return list;
	for (size_t i = 0; i < set->nservices; i++) {
		json_t *s = json_object();

		js_set_str(s, "service", set->services[i].name);
		js_set_hash(s, "image", &set->services[i].image.hash);
		js_set_str(s, "state", runs ? "running" : "stopped");
		json_array_append_new(list, s);
	}
	return list;
}

static void
add_set(json_t *j, const struct set *set)
{
	json_t *s, *k, *m;

	if (!set) {
		js_set(j, "set", json_null());
		js_set(j, "kernel", json_null());
		js_set(j, "metadata", json_null());
		return;
	}
	s = json_object();
	k = json_object();
	m = json_object();
	js_set_int(s, "counter", set->counter);
	js_set_hash(s, "sha256", &set->sha256);
	js_set(j, "set", s);
	js_set_hash(k, "vmlinuz", &set->vmlinuz.hash);
	js_set_hash(k, "initrd", &set->initrd.hash);
	js_set(j, "kernel", k);
	js_set_int(m, "root", set->metadata.root);
	js_set_int(m, "timestamp", set->metadata.timestamp);
	js_set_int(m, "snapshot", set->metadata.snapshot);
	js_set_int(m, "targets", set->metadata.targets);
	js_set(j, "metadata", m);
}

json_t *
report_make(const struct agent_conf *c, const char *accel,
    const struct state *s, int64_t bytes, int64_t switch_ms,
    const struct sig_public *pub)
{
	const struct state_news *n = &s->news;
	json_t *j = js_record_new("kiln/report", 2), *cost = json_object();
	char at[TIME_TEXT];
	struct hash router;

	hash_bytes(&router, pub->b, sizeof(pub->b));
	time_text(n->at, at);
	js_set_hash(j, "router", &router);
	js_set_int(j, "sequence", s->report_sequence);
	if (s->has_report)
		js_set_hash(j, "previous", &s->report_previous);
	else
		js_set(j, "previous", json_null());
	js_set_str(j, "at", at);
	js_set_str(j, "agent", KILN_VERSION);
	js_set_str(j, "arch", c->arch);
	js_set_str(j, "channel", c->channel);
	js_set_str(j, "accel", accel);
	js_set_str(j, "state", n->state);
	js_set_str(j, "cause", *n->cause ? n->cause : NULL);
	add_set(j, n->set);
	js_set(j, "services", service_list(c, n->set, n->state));
	js_set_int(cost, "bytes", bytes);
	if (switch_ms)
		js_set_int(cost, "switch_ms", switch_ms);
	else
		js_set(cost, "switch_ms", json_null());
	js_set(j, "update", cost);
	return j;
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Names of what waits, oldest first; the last is NULL.  Free them all. */
static char **
waiting(int dirfd, size_t *n, struct err *err)
{
	auto_dir DIR *d = dir_list_at(dirfd, ".", err);
	struct dirent *e;
	char **names = NULL;
	size_t cap = 0;

	*n = 0;
	if (!d)
		return NULL;
	while ((e = readdir(d)) != NULL) {
		if (!name_ok(e->d_name) || strlen(e->d_name) != 25)
			continue;
		MEM_GROW(names, *n, cap);
		names[(*n)++] = mem_str(e->d_name);
	}
	MEM_GROW(names, *n, cap);
	names[*n] = NULL;
	qsort(names, *n, sizeof(*names), by_name);
	return names;
}

static void
names_free(char **names)
{
	for (size_t i = 0; names && names[i]; i++)
		free(names[i]);
	free(names);
}

static int
keep(struct agent *a, const struct buf *text, int64_t sequence, struct err *err)
{
	char name[32];
	char **names;
	size_t n;
	int ret = 0;

	snprintf(name, sizeof(name), NAME, (long long)sequence);
	if (file_write_at(
		a->dir.reports, name, text->data, text->len, 0600, err) == -1)
		return -1;
	names = waiting(a->dir.reports, &n, err);
	if (!names)
		return -1;
	for (size_t i = 0; ret == 0 && i + REPORT_QUEUE < n; i++)
		ret = file_remove_at(a->dir.reports, names[i], err);
	names_free(names);
	return ret;
}

int
report_seal(const char *what, json_t *j, struct sig_seed *seed,
    const struct sig_public *pub, struct buf *body, struct buf *text,
    struct err *err)
{
	auto_json json_t *envelope = json_object();
	struct sig sig;
	char hex[SIG_HEX];

	js_set(envelope, what, j);
	if (canon_json(j, body, err) == -1) {
		sig_wipe(seed);
		return -1;
	}
	sig_sign(seed, body->data, body->len, &sig);
	sig_wipe(seed);
	hex_encode(hex, pub->b, sizeof(pub->b));
	js_set_str(envelope, "key", hex);
	hex_encode(hex, sig.b, sizeof(sig.b));
	js_set_str(envelope, "sig", hex);
	return canon_json(envelope, text, err);
}

static int
report(struct agent *a, struct err *err)
{
	auto_buf struct buf body = BUF_INIT, text = BUF_INIT;
	struct sig_seed seed;
	struct sig_public pub;

	if (report_key(a->dir.fd, &seed, &pub, err) == -1 ||
	    report_seal("report",
		report_make(&a->conf, a->accel.kind, &a->state,
		    a->traffic.update, a->switch_ms, &pub),
		&seed, &pub, &body, &text, err) == -1)
		return -1;
	hash_bytes(&a->state.report_previous, body.data, body.len);
	a->state.has_report = true;
	return keep(a, &text, a->state.report_sequence, err);
}

/* The owner hears of it whether or not reports leave the router. */
static void
tell_owner(struct agent *a, const struct state_news *n)
{
	bool updated = strcmp(n->state, "committed") == 0;
	bool back = strcmp(n->state, "rolled-back") == 0;
	auto_buf struct buf text = BUF_INIT;
	struct err err = ERR_INIT;

	if (history_add(a->dir.fd, n->at, n->state, n->cause, n->text, n->set,
		&err) == -1)
		log_err("history", &err);
	buf_printf(&text, "set %lld of %s is ",
	    n->set ? (long long)n->set->counter : 0LL, a->conf.channel);
	if (updated)
		buf_str(&text, "committed");
	else
		buf_printf(&text, "%s (%s): %s", back ? "undone" : "not taken",
		    n->cause, n->text);
	notice_tell(a,
	    updated ? NOTICE_UPDATED
	    : back  ? NOTICE_ROLLED_BACK
		    : NOTICE_NEEDS_YOU,
	    text.data);
}

void
report_note(struct agent *a, const char *state, const char *cause,
    const char *text, const struct set *set)
{
	struct state_news *n = &a->state.news;

	free(n->set);
	*n = (struct state_news){ .at = time_now(), .set = set_dup(set) };
	snprintf(n->state, sizeof(n->state), "%s", state);
	snprintf(n->cause, sizeof(n->cause), "%s", cause);
	snprintf(n->text, sizeof(n->text), "%s", text);
	/* The number is taken before it is used: none is used twice. */
	if (a->conf.reports != REPORTS_OFF)
		a->state.report_sequence++;
}

/* What was noted has its number and is not told yet.  Who makes no reports
 * takes none of what it fetches for the next one's. */
int64_t
report_told(const struct agent *a)
{
	if (a->conf.reports == REPORTS_OFF)
		return -1;
	return a->state.report_sequence - (*a->state.news.state != '\0');
}

void
report_tell(struct agent *a)
{
	struct state_news *n = &a->state.news;
	struct err err = ERR_INIT;

	if (!*n->state)
		return;
	tell_owner(a, n);
	if (a->conf.reports != REPORTS_OFF && report(a, &err) == -1)
		log_err("report", &err);
	traffic_told(&a->traffic, a->state.report_sequence);
	a->switch_ms = 0;
	free(n->set);
	*n = (struct state_news){ 0 };
	err_clear(&err);
	if (state_save(a->dir.fd, &a->state, &err) == -1)
		log_err("report", &err);
}

void
report_refused(struct agent *a, const char *cause, const char *text)
{
	struct err err = ERR_INIT;
	struct hasher h;
	struct hash now;

	hasher_init(&h);
	hasher_field(&h, cause, strlen(cause));
	hasher_field(&h, text, strlen(text));
	hasher_end(&h, &now);
	if (hash_equal(&now, &a->told))
		return;
	a->told = now;
	report_note(a, "refused", cause, text, a->state.current);
	if (state_save(a->dir.fd, &a->state, &err) == -1)
		log_err("report", &err);
	report_tell(a);
}

/* --- sending ------------------------------------------------------------- */

static bool
takes_none(int status)
{
	return status == 403 || status == 404 || status == 405 || status == 501;
}

/* Whoever it was did not mean this report: a network that wants a login
 * answers whatever is asked, with a page or by leading to one. */
static bool
is_page(const struct fetch_reply *r)
{
	return !r->object && r->status < 500 && r->status != 429 &&
	       !takes_none(r->status);
}

static int
send_one(struct agent *a, const char *name, int *status, struct err *err)
{
	auto_buf struct buf text = BUF_INIT;
	bool taken = false, unasked = false;
	struct fetch_reply reply = { 0 };

	if (file_read_at(a->dir.reports, name, REPORT_MAX, &text, err) == -1)
		return -1;
	/* A server of files alone (an object store, a CDN) takes none: the next
	 * one may, now or when it can be asked. */
	for (size_t i = 0; !taken && i < a->conf.nservers; i++) {
		auto_free char *url =
		    mem_printf("%s/api/v1/report", a->conf.servers[i]);
		struct err why = ERR_INIT;

		if (fetcher_post(a->fetcher, url, "application/json", text.data,
			text.len, &reply, &why) == 0 &&
		    is_page(&reply))
			err_set(&why, ERR_BUSY,
			    "%.200s: a page came (%d) and no answer", url,
			    reply.status);
		if (why.cls != ERR_NONE) {
			*err = why;
			unasked = true;
		} else {
			*status = reply.status;
			taken = !takes_none(*status);
		}
	}
	if (taken)
		err_clear(err);
	return taken || !unasked ? 0 : -1;
}

void
report_send(struct agent *a)
{
	struct err err = ERR_INIT;
	char **names;
	size_t n;

	if (a->conf.reports == REPORTS_OFF)
		return;
	names = waiting(a->dir.reports, &n, &err);
	for (size_t i = 0; names && i < n && !a->stop; i++) {
		int status = 0;

		agent_wait(a, -1, 0);
		err_clear(&err);
		if (send_one(a, names[i], &status, &err) == -1)
			break; /* they wait for the next cycle */
		if (status >= 500 || status == 429)
			break;
		if (status < 200 || status >= 300)
			log_warn("report", "name=%s status=%d dropped=yes",
			    names[i], status);
		if (file_remove_at(a->dir.reports, names[i], &err) == -1)
			break;
	}
	if (err.cls != ERR_NONE)
		log_err("report", &err);
	names_free(names);
}

int
report_show(int statefd, struct buf *out, struct err *err)
{
	auto_fd int dir = dir_open_at(statefd, "reports", err);
	char **names;
	size_t n;
	int ret = 0;

	if (dir == -1)
		return -1;
	names = waiting(dir, &n, err);
	if (!names)
		return -1;
	for (size_t i = 0; ret == 0 && i < n; i++) {
		ret = file_read_at(dir, names[i], REPORT_MAX, out, err);
		buf_char(out, '\n');
	}
	names_free(names);
	return ret;
}
