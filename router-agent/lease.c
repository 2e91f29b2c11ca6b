#include "router-agent/lease.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "lib/canon.h"
#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"

#define LEASES_KIND "kiln/leases"
#define LEASES_BYTES (8 << 20)
#define NEWS_MS 1000
#define RENEWALS_MS 600000

#define HEX "0123456789abcdefABCDEF"
#define ALNUM "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

struct lease_entry {
	uint32_t address;
	char *hw, *name, *client;
	int64_t expires; /* Unix seconds; 0: never */
	int64_t term;	 /* seconds it was given for */
};

/* --- words --------------------------------------------------------------- */

static bool
made_of(const char *s, const char *letters, size_t room)
{
	size_t n = strlen(s);

	return n > 0 && n < room && strspn(s, letters) == n;
}

bool
lease_word_ok(const struct lease_word *w)
{
	const struct lease *l = &w->lease;

	if (w->verb == LEASE_ASKED)
		return made_of(w->token, HEX, sizeof(w->token)) &&
		       strlen(w->token) == LEASE_TOKEN - 1;
	if (l->address == 0 || !made_of(l->hw, HEX ":-", sizeof(l->hw)))
		return false;
	return w->verb == LEASE_GONE ||
	       (l->left >= 0 && l->left <= LEASE_TERM_MAX &&
		   made_of(l->name, ALNUM "-_.", sizeof(l->name)) &&
		   made_of(l->client, HEX ":-", sizeof(l->client)));
}

static int
word(struct span *rest, char *out, size_t room, struct err *err)
{
	if (!span_word(rest, out, room))
		return err_set(err, ERR_INPUT, "a missing or overlong word");
	return 0;
}

static int
address(struct span *rest, uint32_t *out, struct err *err)
{
	char text[INET_ADDRSTRLEN];
	struct in_addr a;

	if (word(rest, text, sizeof(text), err) == -1)
		return -1;
	if (inet_pton(AF_INET, text, &a) != 1)
		return err_set(err, ERR_INPUT, "no IPv4 address");
	*out = ntohl(a.s_addr);
	return 0;
}

static int
fields(struct span *rest, struct lease_word *w, struct err *err)
{
	struct lease *l = &w->lease;
	char left[16];

	if (w->verb == LEASE_ASKED)
		return word(rest, w->token, sizeof(w->token), err);
	if (address(rest, &l->address, err) == -1 ||
	    word(rest, l->hw, sizeof(l->hw), err) == -1)
		return -1;
	if (w->verb == LEASE_GONE)
		return 0;
	if (word(rest, left, sizeof(left), err) == -1 ||
	    num_int(left, 0, LEASE_TERM_MAX, &l->left, err) == -1 ||
	    word(rest, l->name, sizeof(l->name), err) == -1 ||
	    word(rest, l->client, sizeof(l->client), err) == -1)
		return -1;
	return 0;
}

int
lease_read(const char *line, struct lease_word *out, struct err *err)
{
	static const char *const verbs[] = { "lease", "gone", "init" };
	struct lease_word w = { .verb = LEASE_GIVEN };
	struct span rest = span_str(line), verb = { "", 0 };
	size_t i = 0;

	span_next(&rest, ' ', &verb);
	while (i < ARRAY_LEN(verbs) && !span_is(verb, verbs[i]))
		i++;
	if (i == ARRAY_LEN(verbs))
		return err_set(err, ERR_INPUT, "state port: an unknown word");
	w.verb = (enum lease_verb)i;
	if (fields(&rest, &w, err) == -1)
		return err_prefix(err, "state port: %s", verbs[i]);
	if (rest.n > 0 || !lease_word_ok(&w))
		return err_set(
		    err, ERR_INPUT, "state port: %s out of form", verbs[i]);
	*out = w;
	return 0;
}

void
lease_word_send(const struct lease_word *w, struct buf *b)
{
	const struct lease *l = &w->lease;

	ipc_add_u32(b, (uint32_t)w->verb);
	ipc_add_u32(b, l->address);
	ipc_add_i64(b, l->left);
	ipc_add_str(b, l->hw);
	ipc_add_str(b, l->name);
	ipc_add_str(b, l->client);
	ipc_add_str(b, w->token);
}

int
lease_word_receive(struct ipc_msg *m, struct lease_word *out, struct err *err)
{
	struct lease_word w = { .verb = LEASE_GIVEN };
	struct lease *l = &w.lease;
	uint32_t verb;

	if (ipc_get_u32(m, &verb, err) == -1 ||
	    ipc_get_u32(m, &l->address, err) == -1 ||
	    ipc_get_i64(m, &l->left, err) == -1 ||
	    IPC_GET_TEXT(m, l->hw, err) == -1 ||
	    IPC_GET_TEXT(m, l->name, err) == -1 ||
	    IPC_GET_TEXT(m, l->client, err) == -1 ||
	    IPC_GET_TEXT(m, w.token, err) == -1 || ipc_end(m, err) == -1)
		return -1;
	w.verb = (enum lease_verb)verb;
	if (verb > LEASE_ASKED || !lease_word_ok(&w))
		return err_set(err, ERR_INPUT, "a lease out of form");
	*out = w;
	return 0;
}

/* --- the list ------------------------------------------------------------ */

static void
entry_release(struct lease_entry *e)
{
	free(e->hw);
	free(e->name);
	free(e->client);
}

void
leases_release(struct leases *l)
{
	for (size_t i = 0; i < l->n; i++)
		entry_release(&l->at[i]);
	free(l->at);
	*l = (struct leases){ 0 };
}

/* Where the address stands, or would. */
static size_t
place(const struct leases *l, uint32_t a)
{
	size_t low = 0, high = l->n;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (l->at[mid].address < a)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static void
forget(struct leases *l, size_t i)
{
	entry_release(&l->at[i]);
	l->n--;
	memmove(l->at + i, l->at + i + 1, (l->n - i) * sizeof(*l->at));
	l->news = true;
}

static void
make_room(struct leases *l)
{
	size_t least = 0;

	if (l->n == LEASES_MAX) {
		for (size_t i = 1; i < l->n; i++)
			if (l->at[i].expires != 0 &&
			    (l->at[least].expires == 0 ||
				l->at[i].expires < l->at[least].expires))
				least = i;
		forget(l, least);
	}
	MEM_GROW(l->at, l->n, l->room);
}

static bool
exchange(char **text, const char *with)
{
	if (*text && strcmp(*text, with) == 0)
		return false;
	free(*text);
	*text = mem_str(with);
	return true;
}

/* A machine has one address of a list: dnsmasq says so with `gone` too, but a
 * word may be lost with its machine. */
static void
forget_others(struct leases *l, const struct lease *given)
{
	for (size_t i = l->n; i-- > 0;)
		if (l->at[i].address != given->address &&
		    strcmp(l->at[i].hw, given->hw) == 0 &&
		    strcmp(l->at[i].client, given->client) == 0)
			forget(l, i);
}

static void
give(struct leases *l, const struct lease *given, int64_t now)
{
	size_t i;

	forget_others(l, given);
	i = place(l, given->address);
	if (i == l->n || l->at[i].address != given->address) {
		make_room(l);
		i = place(l, given->address);
		memmove(l->at + i + 1, l->at + i, (l->n - i) * sizeof(*l->at));
		l->at[i] = (struct lease_entry){ .address = given->address };
		l->n++;
	}
	if (exchange(&l->at[i].hw, given->hw) |
	    exchange(&l->at[i].name, given->name) |
	    exchange(&l->at[i].client, given->client))
		l->news = true;
	l->at[i].expires = given->left ? now + given->left : 0;
	l->at[i].term = given->left;
	l->renewals = true;
}

void
leases_take(struct leases *l, const struct lease_word *w, int64_t now)
{
	size_t i = place(l, w->lease.address);

	if (w->verb == LEASE_GIVEN)
		give(l, &w->lease, now);
	else if (w->verb == LEASE_GONE && i < l->n &&
		 l->at[i].address == w->lease.address &&
		 strcmp(l->at[i].hw, w->lease.hw) == 0)
		forget(l, i);
}

static const char *
show(uint32_t address, char text[INET_ADDRSTRLEN])
{
	const struct in_addr a = { .s_addr = htonl(address) };

	return inet_ntop(AF_INET, &a, text, INET_ADDRSTRLEN);
}

void
leases_text(
    const struct leases *l, const char *token, int64_t now, struct buf *b)
{
	char text[INET_ADDRSTRLEN];

	buf_printf(b, "begin %s\n", token);
	for (size_t i = 0; i < l->n; i++) {
		const struct lease_entry *e = &l->at[i];
		int64_t left = e->expires - now;

		if (e->expires != 0 && left <= 0)
			continue;
		/* A clock that was set back lends nobody more time. */
		if (left > e->term)
			left = e->term;
		buf_printf(b, "lease %s %s %lld %s %s\n",
		    show(e->address, text), e->hw,
		    (long long)(e->expires ? left : 0), e->name, e->client);
	}
	buf_printf(b, "end %s\n", token);
}

/* --- the file ------------------------------------------------------------ */

bool
leases_due(const struct leases *l, int64_t mono_ms)
{
	int64_t since = mono_ms - l->saved_ms;

	return (l->news && (l->saved_ms == 0 || since >= NEWS_MS)) ||
	       (l->renewals && since >= RENEWALS_MS);
}

int
leases_save(int dirfd, const char *service, struct leases *l, struct err *err)
{
	auto_json json_t *j = js_record_new(LEASES_KIND, 1);
	auto_buf struct buf text = BUF_INIT;
	json_t *list = json_array();
	char a[INET_ADDRSTRLEN];

	js_set_str(j, "service", service);
	for (size_t i = 0; i < l->n; i++) {
		json_t *e = json_object();

		js_set_str(e, "address", show(l->at[i].address, a));
		js_set_str(e, "hw", l->at[i].hw);
		js_set_str(e, "name", l->at[i].name);
		js_set_str(e, "client", l->at[i].client);
		js_set_int(e, "expires", l->at[i].expires);
		js_set_int(e, "term", l->at[i].term);
		json_array_append_new(list, e);
	}
	js_set(j, "leases", list);
	l->saved_ms = time_mono_ms(); /* a full disk is not asked each tick */
	if (canon_summed(j, &text, err) == -1 ||
	    file_write_at(dirfd, service, text.data, text.len, 0600, err) == -1)
		return err_prefix(err, "leases of %s", service);
	l->news = l->renewals = false;
	return 0;
}

static int
read_entry(struct leases *l, const json_t *j, struct err *err)
{
	struct lease_word w = { .verb = LEASE_GIVEN };
	struct lease *g = &w.lease;
	struct in_addr a;
	const char *text;
	int64_t expires;
	size_t i;

	if (js_str("leases", j, "address", &text, err) == -1 ||
	    js_copy("leases", j, "hw", g->hw, sizeof(g->hw), err) == -1 ||
	    js_copy("leases", j, "name", g->name, sizeof(g->name), err) == -1 ||
	    js_copy("leases", j, "client", g->client, sizeof(g->client), err) ==
		-1 ||
	    js_int("leases", j, "expires", 0, JS_INT_MAX, &expires, err) ==
		-1 ||
	    js_int("leases", j, "term", 0, LEASE_TERM_MAX, &g->left, err) == -1)
		return -1;
	if (inet_pton(AF_INET, text, &a) != 1)
		return err_set(err, ERR_INPUT, "leases: no address");
	g->address = ntohl(a.s_addr);
	if (!lease_word_ok(&w))
		return err_set(err, ERR_INPUT, "leases: an entry out of form");
	give(l, g, 0);
	i = place(l, g->address);
	l->at[i].expires = expires;
	return 0;
}

int
leases_load(int dirfd, const char *service, struct leases *out, struct err *err)
{
	auto_buf struct buf text = BUF_INIT;
	auto_json json_t *j = NULL;
	struct leases l = { 0 };
	json_t *list;

	*out = l;
	if (file_read_at(dirfd, service, LEASES_BYTES, &text, err) == -1) {
		if (err->cls != ERR_MISSING)
			return -1;
		err_clear(err);
		return 0;
	}
	j = js_record("leases", LEASES_KIND, 1, text.data, text.len, err);
	if (!j || js_array("leases", j, "leases", &list, err) == -1)
		return -1;
	if (canon_sum_holds("the list", j, err) == -1)
		return err_prefix(err, "leases of %s", service);
	if (json_array_size(list) > LEASES_MAX)
		return err_set(
		    err, ERR_INPUT, "the leases of %s are too many", service);
	for (size_t i = 0; i < json_array_size(list); i++)
		if (read_entry(&l, json_array_get(list, i), err) == -1) {
			leases_release(&l);
			return -1;
		}
	l.news = l.renewals = false;
	*out = l;
	return 0;
}
