#include "router-agent/trust/logwatch.h"

#include <string.h>

#include "lib/fdio.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"
#include "lib/tlog_follow.h"

#define KEYS_MAX 64
#define SINCE "log-other"

static int
get(void *arg, const char *url, int64_t limit, struct buf *out, int *status,
    struct err *err)
{
	struct fetch_more more = { .body = out };
	struct fetch_answer a;

	if (fetcher_get(arg, url, limit, -1, &more, &a, err) == -1)
		return -1;
	*status = a.status;
	return 0;
}

static bool
same(const struct checkpoint *a, const struct checkpoint *b)
{
	return a->size == b->size && hash_equal(&a->root, &b->root) &&
	       strcmp(a->origin, b->origin) == 0;
}

/* When it was first found to be another; 0: not yet. */
static int64_t
found_since(int dirfd)
{
	auto_buf struct buf text = BUF_INIT;
	struct err ignore = ERR_INIT;
	int64_t at;

	if (file_read_at(dirfd, SINCE, 32, &text, &ignore) == -1 ||
	    num_int(text.data, 1, INT64_MAX, &at, &ignore) == -1)
		return 0;
	return at;
}

/* 1: it was refused for long enough. */
static int
held(const struct logwatch *w, struct err *err)
{
	int64_t since = found_since(w->dirfd), now = w->now > 0 ? w->now : 1;
	auto_buf struct buf text = BUF_INIT;

	if (since > 0 && since <= now)
		return now - since >= w->hold_s;
	/* A clock that stepped back makes nothing wait longer. */
	buf_printf(&text, "%lld", (long long)now);
	if (file_write_at(w->dirfd, SINCE, text.data, text.len, 0600, err) ==
	    -1)
		return -1;
	return w->hold_s == 0;
}

/* Refuses with `why`, or takes the other log. */
static int
other_log(const struct tlog_source *s, const struct sig_public *keys, size_t n,
    const struct logwatch *w, struct checkpoint *now, struct err *why)
{
	const struct checkpoint none = { .size = 0 };
	struct err err = ERR_INIT;
	int got = held(w, &err);

	if (got == -1) {
		*why = err;
		return -1;
	}
	if (got == 0 || tlog_follow(s, keys, n, &none, now, &err) == -1)
		return -1;
	log_info(
	    "log-taken", "text=\"after days of refusing it: %s\"", why->msg);
	err_clear(why);
	return 0;
}

int
logwatch(struct fetcher *f, const struct logwatch *w, struct err *err)
{
	auto_free char *url = mem_printf("%s" LOG_URL, w->server);
	const struct tlog_source source = { url, get, f };
	struct sig_public keys[KEYS_MAX];
	struct checkpoint known, now;
	size_t n = tlog_keys(w->targets, keys, KEYS_MAX);

	if (tlog_seen_load(w->dirfd, &known, err) == -1)
		return -1;
	if (tlog_follow(&source, keys, n, &known, &now, err) == -1) {
		if (err->cls == ERR_SYSTEM)
			return -1;
		if (err->cls != ERR_TRUST) {
			log_err("log", err);
			err_clear(err);
			return 0;
		}
		if (other_log(&source, keys, n, w, &now, err) == -1)
			return -1;
	}
	if (file_remove_at(w->dirfd, SINCE, err) == -1)
		return -1;
	return same(&known, &now) ? 0 : tlog_seen_save(w->dirfd, &now, err);
}
