#include "router-agent/trust/logwatch.h"

#include <string.h>

#include "lib/log.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/tlog_follow.h"

#define KEYS_MAX 64

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
	return a->size == b->size && strcmp(a->origin, b->origin) == 0;
}

int
logwatch(struct fetcher *f, const char *server, const struct tuf_file *targets,
    int dirfd, struct err *err)
{
	auto_free char *url = mem_printf("%s" LOG_URL, server);
	const struct tlog_source source = { url, get, f };
	struct sig_public keys[KEYS_MAX];
	struct checkpoint known, now;
	size_t n = tlog_keys(targets, keys, KEYS_MAX);

	if (tlog_seen_load(dirfd, &known, err) == -1)
		return -1;
	if (tlog_follow(&source, keys, n, &known, &now, err) == -1) {
		if (err->cls == ERR_TRUST || err->cls == ERR_SYSTEM)
			return -1;
		log_err("log", err);
		err_clear(err);
		return 0;
	}
	return same(&known, &now) ? 0 : tlog_seen_save(dirfd, &now, err);
}
