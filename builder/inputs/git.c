#include "builder/inputs/git.h"

#include <stdio.h>
#include <string.h>

#include "lib/hash.h"
#include "lib/num.h"
#include "lib/own.h"

#define DEADLINE_MS (15 * 60 * 1000)
#define LOCAL_MS (10 * 60 * 1000) /* without a network */

bool
git_url_ok(const char *url)
{
	static const char *const schemes[] = { "https://", "http://",
		"file:///" };
	bool ok = false;

	for (size_t i = 0; !ok && i < ARRAY_LEN(schemes); i++)
		ok = strncmp(url, schemes[i], strlen(schemes[i])) == 0 &&
		     url[strlen(schemes[i])] != '\0';
	if (!ok || strlen(url) > GIT_URL_MAX)
		return false;
	for (const char *c = url; *c; c++)
		if (*c <= ' ' || *c > '~' || strchr("\"\\<>^`{|}@", *c))
			return false; /* '@': credentials have a file */
	return true;
}

bool
git_ref_ok(const char *ref)
{
	size_t n = strlen(ref);

	return n > 0 && n <= GIT_REF_MAX && strchr("-/.", ref[0]) == NULL &&
	       ref[n - 1] != '/' && ref[n - 1] != '.' && !strstr(ref, "..") &&
	       !strstr(ref, "//") && !strstr(ref, "/.") &&
	       !strstr(ref, ".lock") &&
	       ref[strspn(ref, "0123456789abcdefghijklmnopqrstuvwxyz"
			       "ABCDEFGHIJKLMNOPQRSTUVWXYZ._/+-")] == '\0';
}

bool
git_commit_ok(const char *s)
{
	return strlen(s) == GIT_ID - 1 &&
	       strspn(s, "0123456789abcdef") == GIT_ID - 1;
}

void
git_checkout_path(const char *url, const char *commit, const char *folder,
    char path[GIT_CHECKOUT_MAX])
{
	char hex[HASH_HEX];
	struct hasher h;
	struct hash digest;

	hasher_init(&h);
	hasher_field(&h, url, strlen(url));
	hasher_field(&h, folder, strlen(folder));
	hasher_end(&h, &digest);
	hash_hex(&digest, hex);
	snprintf(path, GIT_CHECKOUT_MAX, "checkout/%s-%.40s", hex, commit);
}

/* Sends, and waits for the one answer. */
static int
ask(struct worker *w, uint32_t type, const struct buf *b, const int *fds,
    size_t nfds, int64_t deadline_ms, uint32_t want, struct ipc_msg *m,
    struct err *err)
{
	if (worker_send(w, type, b, fds, nfds, err) == -1 ||
	    worker_recv(w, (int)deadline_ms + 10000, m, err) == -1)
		return -1;
	if (m->type != want)
		return err_set(err, ERR_INPUT,
		    "git worker: message %u is unknown", m->type);
	return 0;
}

static int
get_id(struct ipc_msg *m, char out[GIT_ID], struct err *err)
{
	auto_free char *text = NULL;

	if (ipc_get_str(m, GIT_ID, &text, err) == -1)
		return -1;
	if (!git_commit_ok(text))
		return err_set(err, ERR_INPUT, "git worker: not an object id");
	memcpy(out, text, GIT_ID);
	return 0;
}

int
git_look(const struct git *g, const struct git_look *look,
    struct git_seen *seen, struct err *err)
{
	int64_t deadline = look->deadline_ms ? look->deadline_ms : DEADLINE_MS;
	auto_buf struct buf b = BUF_INIT;
	auto_ipc struct ipc_msg m = IPC_MSG_INIT;

	if (!git_url_ok(look->url) || !git_ref_ok(look->ref))
		return err_set(err, ERR_INPUT,
		    "git %.200s: the address or the ref is not allowed",
		    look->url);
	worker_begin(g->worker, &b);
	ipc_add_str(&b, look->url);
	ipc_add_str(&b, look->ref);
	ipc_add_str(&b, look->credentials ? look->credentials : "");
	ipc_add_str(&b, look->proxy ? look->proxy : "");
	ipc_add_i64(&b, look->limit ? look->limit : GIT_LIMIT);
	ipc_add_i64(&b, deadline);
	if (ask(g->worker, GIT_LOOK, &b, &g->dirfd, 1, deadline, GIT_SEEN, &m,
		err) == -1 ||
	    get_id(&m, seen->commit, err) == -1 ||
	    get_id(&m, seen->tree, err) == -1 ||
	    ipc_get_i64(&m, &seen->received, err) == -1 ||
	    ipc_end(&m, err) == -1)
		return err_prefix(err, "git %s %s", look->url, look->ref);
	return 0;
}

int
git_tar(const struct git *g, const char *url, const char *commit,
    const char *name, int64_t limit, int out, struct err *err)
{
	auto_buf struct buf b = BUF_INIT;
	auto_ipc struct ipc_msg m = IPC_MSG_INIT;
	int fds[] = { g->dirfd, out };

	worker_begin(g->worker, &b);
	ipc_add_str(&b, url);
	ipc_add_str(&b, commit);
	ipc_add_str(&b, name);
	ipc_add_i64(&b, limit ? limit : GIT_LIMIT);
	if (ask(g->worker, GIT_TAR, &b, fds, 2, LOCAL_MS, GIT_DONE, &m, err) ==
		-1 ||
	    ipc_end(&m, err) == -1)
		return err_prefix(err, "git %s %.12s", url, commit);
	return 0;
}

int
git_checkout(const struct git *g, const char *url, const char *commit,
    const char *folder, char path[GIT_CHECKOUT_MAX], struct err *err)
{
	auto_buf struct buf b = BUF_INIT;
	auto_ipc struct ipc_msg m = IPC_MSG_INIT;

	worker_begin(g->worker, &b);
	ipc_add_str(&b, url);
	ipc_add_str(&b, commit);
	ipc_add_str(&b, folder);
	ipc_add_i64(&b, GIT_LIMIT);
	if (ask(g->worker, GIT_CHECKOUT, &b, &g->dirfd, 1, LOCAL_MS, GIT_DONE,
		&m, err) == -1 ||
	    ipc_end(&m, err) == -1)
		return err_prefix(err, "git %s %.12s", url, commit);
	git_checkout_path(url, commit, folder, path);
	return 0;
}
