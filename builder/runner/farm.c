#include "builder/runner/farm.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/canon.h"
#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"

#define BLOB_MAX ((int64_t)1 << 36)
#define FIRST_MS 500
#define LONGEST_MS 10000

/* --- the script ------------------------------------------------------------*/

static int
keep(char *out, size_t room, struct span v, const char *key, struct err *err)
{
	if (out[0] || v.n == 0 || memchr(v.p, '\0', v.n) ||
	    !span_copy(v, out, room))
		return err_set(err, ERR_INPUT, "job: %s: bad, or twice", key);
	return 0;
}

static int
take_line(
    struct job *j, char ticket[HASH_HEX], struct span line, struct err *err)
{
	const struct {
		const char *key;
		char *out;
		size_t room;
	} keys[] = {
		{ "farm", j->server, sizeof(j->server) },
		{ "attempt", j->attempt, sizeof(j->attempt) },
		{ "ticket", ticket, HASH_HEX },
		{ "cache", j->cache, sizeof(j->cache) },
		{ "secret", j->secret, sizeof(j->secret) },
	};
	struct span rest = line, key;

	if (!span_next(&rest, ' ', &key))
		return err_set(err, ERR_INPUT, "job: an empty line");
	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		if (span_is(key, keys[i].key))
			return keep(
			    keys[i].out, keys[i].room, rest, keys[i].key, err);
	return err_set(err, ERR_INPUT, "job: unknown word \"%.*s\"",
	    key.n > 40 ? 40 : (int)key.n, key.p);
}

int
job_read(struct job *j, const void *text, size_t n, struct err *err)
{
	struct span rest = { text, n }, line;
	char ticket[HASH_HEX] = "";

	*j = (struct job){ .server = "" };
	if (!span_next(&rest, '\n', &line) || line.n < 2 ||
	    memcmp(line.p, "#!", 2) != 0)
		return err_set(err, ERR_INPUT, "job: it begins with #!");
	while (span_next(&rest, '\n', &line))
		if (line.n && take_line(j, ticket, line, err) == -1)
			return -1;
	if (!j->server[0] || !exec_id_ok(j->attempt) || !j->secret[0] ||
	    j->cache[0] != '/' || !hash_parse(&j->ticket, ticket))
		return err_set(err, ERR_INPUT,
		    "job: farm, attempt, ticket, cache and secret are needed");
	return 0;
}

/* --- patience --------------------------------------------------------------*/

struct trying {
	int64_t end_ms, wait_ms;
};

static struct trying
begin(const struct farm_link *l)
{
	return (struct trying){ time_mono_ms() + l->patience_ms, FIRST_MS };
}

/* Waits a while; -1, with the error as it is: that was the last time. */
static int
again(struct farm_link *l, struct trying *t, const struct err *err)
{
	if (time_mono_ms() >= t->end_ms || atomic_load(l->stop))
		return -1;
	log_info(
	    "again", "in_ms=%lld why=\"%s\"", (long long)t->wait_ms, err->msg);
	for (int64_t ms = 0; ms < t->wait_ms && !atomic_load(l->stop);
	     ms += 100)
		poll(NULL, 0, 100);
	t->wait_ms = 2 * t->wait_ms < LONGEST_MS ? 2 * t->wait_ms : LONGEST_MS;
	return 0;
}

/* What an answer means: 0 done, 1 try again, -1 never. */
static int
judge(int status, const char *what, const struct buf *said, struct err *err)
{
	if (status >= 200 && status < 300)
		return 0;
	err_set(err,
	    status == 404		     ? ERR_MISSING
	    : status == 429 || status >= 500 ? ERR_BUSY
	    : status == 401 || status == 403 ? ERR_TRUST
					     : ERR_INPUT,
	    "%s: the farm answers %d%s%.200s", what, status,
	    said->len ? ": " : "", said->data);
	return err->cls == ERR_BUSY ? 1 : -1;
}

static char *
url_of(const struct farm_link *l, const char *rest)
{
	size_t n = strlen(l->job->server);

	while (n > 0 && l->job->server[n - 1] == '/')
		n--;
	return mem_printf("%.*s/api/v1/attempts/%s/%s", (int)n, l->job->server,
	    l->job->attempt, rest);
}

static char *
blob_url(const struct farm_link *l, const struct hash *h)
{
	char hex[HASH_HEX], rest[HASH_HEX + 8];

	hash_hex(h, hex);
	snprintf(rest, sizeof(rest), "blob/%s", hex);
	return url_of(l, rest);
}

/* --- fetching --------------------------------------------------------------*/

/* Goes on where it was cut off. */
static int
fetch_some(struct farm_link *l, const char *url, int fd, struct err *err)
{
	struct http_get g = { .url = url,
		.limit = BLOB_MAX,
		.from = lseek(fd, 0, SEEK_END),
		.fd = fd,
		.secret = l->job->secret };
	auto_buf struct buf none = BUF_INIT;
	struct http_answer a;

	if (http_get(l->http, &g, &a, err) == -1)
		return err->cls == ERR_BUSY ? 1 : -1;
	return judge(a.status, url, &none, err);
}

int
farm_fetch(struct farm_link *l, struct store *st, int tmpdir,
    const struct hash *h, struct err *err)
{
	auto_free char *url = blob_url(l, h);
	auto_tmp struct tmp tmp = TMP_INIT;
	struct trying t = begin(l);
	int got;

	if (store_has(st, h))
		return 0;
	if (tmp_open(&tmp, tmpdir, 0600, err) == -1)
		return -1;
	while ((got = fetch_some(l, url, tmp.fd, err)) == 1)
		if (again(l, &t, err) == -1)
			return -1;
	if (got == -1)
		return -1;
	if (lseek(tmp.fd, 0, SEEK_SET) == -1)
		return err_sys(err, "seek");
	return store_put_expected(st, tmp.fd, h, -1, err);
}

/* --- handing in ------------------------------------------------------------*/

static int
send_patiently(struct farm_link *l, const struct http_send *s, struct err *err)
{
	struct trying t = begin(l);

	for (;;) {
		auto_buf struct buf said = BUF_INIT;
		int status, got = 1;

		if (http_send(l->http, s, &said, &status, err) == -1) {
			if (err->cls != ERR_BUSY)
				return -1;
		} else {
			got = judge(status, s->url, &said, err);
		}
		if (got != 1)
			return got;
		if (again(l, &t, err) == -1)
			return -1;
	}
}

int
farm_upload(struct farm_link *l, struct store *st, const struct hash *h,
    struct err *err)
{
	auto_free char *url = blob_url(l, h);
	struct http_send s = { .url = url, .secret = l->job->secret };
	auto_fd int fd = -1;

	if (store_get(st, h, &fd, err) == -1 || fd_size(fd, &s.size, err) == -1)
		return -1;
	s.fd = fd;
	return send_patiently(l, &s, err);
}

int
farm_hand_in(struct farm_link *l, const struct handin *h, struct err *err)
{
	auto_free char *url = url_of(l, "handin");
	auto_json json_t *j = handin_json(h);
	auto_buf struct buf text = BUF_INIT;
	struct http_send s = { .url = url, .secret = l->job->secret, .fd = -1 };

	if (canon_json(j, &text, err) == -1)
		return -1;
	s.body = text.data;
	s.n = text.len;
	return send_patiently(l, &s, err);
}
