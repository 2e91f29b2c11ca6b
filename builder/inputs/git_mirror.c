/*
 * Fetching into a bare mirror.  Only the objects matter: refs are kept under
 * names of our own, so that the next fetch is told what is here, and a ref
 * that was moved back or has become a folder of refs is no different from
 * another.  A fetch that was killed leaves its mark, and the mirror begins
 * anew: half a pack is nobody's.
 */
#include "builder/inputs/git_mirror.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/fdio.h"
#include "lib/hash.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"
#include "lib/tree.h"

#define REFS_MAX 10000 /* of one repository */
#define OBJECTS_MAX 20000000
#define CREDENTIALS_MAX 4096
#define CERTIFICATES "/etc/ssl/certs/ca-certificates.crt"
#define MAPPED_MAX ((size_t)256 << 20)

int
git_failed(enum err_class cls, struct err *err, const char *fmt, ...)
{
	const git_error *e = git_error_last();
	char what[160], why[200];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	snprintf(why, sizeof(why), "%s", e && e->message ? e->message : "-");
	for (char *c = why; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?'; /* part of it is the server's */
	return err_set(err, cls, "%s: %s", what, why);
}

int
git_mirror_init(struct err *err)
{
	static const int levels[] = { GIT_CONFIG_LEVEL_SYSTEM,
		GIT_CONFIG_LEVEL_GLOBAL, GIT_CONFIG_LEVEL_XDG,
		GIT_CONFIG_LEVEL_PROGRAMDATA };
	int r = git_libgit2_init();

	for (size_t i = 0; r >= 0 && i < ARRAY_LEN(levels); i++)
		r = git_libgit2_opts(GIT_OPT_SET_SEARCH_PATH, levels[i], "");
	/* That check guards against hooks, which libgit2 does not run. */
	if (r >= 0)
		r = git_libgit2_opts(GIT_OPT_SET_OWNER_VALIDATION, 0);
	if (r >= 0)
		r = git_libgit2_opts(
		    GIT_OPT_SET_MWINDOW_MAPPED_LIMIT, MAPPED_MAX);
	if (r >= 0 && access(CERTIFICATES, R_OK) == 0)
		r = git_libgit2_opts(
		    GIT_OPT_SET_SSL_CERT_LOCATIONS, CERTIFICATES, NULL);
	return r >= 0 ? 0 : git_failed(ERR_SYSTEM, err, "libgit2");
}

/* --- a fetch's limits and secrets ---------------------------------------- */

struct fetching {
	const struct git_look *look;
	int64_t received;
	bool too_much, asked; /* for credentials */
	struct err why;	      /* of our own refusal */
};

static int
on_progress(const git_indexer_progress *p, void *arg)
{
	struct fetching *f = arg;

	f->received = (int64_t)p->received_bytes;
	if (f->received > f->look->limit || p->total_objects > OBJECTS_MAX) {
		f->too_much = true;
		return -1;
	}
	return 0;
}

/* Scheme, host and port, which a redirect must not change. */
static size_t
origin(const char *url)
{
	const char *host = strstr(url, "://");

	return host ? (size_t)(host - url) + 3 + strcspn(host + 3, "/")
		    : strlen(url);
}

static int
refuse(struct fetching *f, enum err_class cls, const char *text)
{
	if (!f->why.msg[0])
		err_set(&f->why, cls, "%s", text);
	return GIT_EUSER;
}

static int
on_credentials(git_credential **out, const char *url,
    const char *user KILN_UNUSED, unsigned allowed, void *arg)
{
	struct fetching *f = arg;
	const char *file = f->look->credentials;
	auto_buf struct buf text = BUF_INIT;
	char *colon;
	size_t n = origin(f->look->url);
	int r;

	if (!file)
		return refuse(f, ERR_TRUST,
		    "the server wants a name and password: name a file of "
		    "credentials in kiln.yaml");
	if (f->asked)
		return refuse(
		    f, ERR_TRUST, "the server refuses the credentials");
	f->asked = true;
	if (origin(url) != n || strncmp(url, f->look->url, n) != 0)
		return refuse(
		    f, ERR_TRUST, "another server asks for the credentials");
	if (!(allowed & GIT_CREDENTIAL_USERPASS_PLAINTEXT))
		return refuse(f, ERR_TRUST,
		    "the server does not take a name and password");
	if (file_read(file, CREDENTIALS_MAX, &text, &f->why) == -1)
		return GIT_EUSER;
	text.data[strcspn(text.data, "\r\n")] = '\0';
	colon = strchr(text.data, ':');
	if (!colon)
		return refuse(f, ERR_INPUT,
		    "the file of credentials is not one line USER:PASSWORD");
	*colon = '\0';
	r = git_credential_userpass_plaintext_new(out, text.data, colon + 1);
	explicit_bzero(text.data, text.len);
	return r;
}

/* A class by what libgit2 has to say. */
static int
remote_failed(struct fetching *f, int r, const char *what, struct err *err)
{
	const git_error *e = git_error_last();
	const char *text = e && e->message ? e->message : "";
	enum err_class cls = ERR_BUSY;

	if (f->too_much)
		return err_set(err, ERR_INPUT,
		    "the repository is larger than the %lld bytes allowed",
		    (long long)f->look->limit);
	if (f->why.msg[0]) {
		*err = f->why;
		return -1;
	}
	if (r == GIT_ECERTIFICATE || r == GIT_EAUTH)
		cls = ERR_TRUST;
	else if (r == GIT_ENOTFOUND || strstr(text, "status code: 404") ||
		 strncmp(f->look->url, "file:", 5) == 0)
		cls = ERR_MISSING;
	else if (strstr(text, "status code: 40"))
		cls = ERR_TRUST;
	return git_failed(cls, err, "%s", what);
}

/* --- refs ---------------------------------------------------------------- */

/* The full name of what is asked for. */
static const git_remote_head *
find_ref(const git_remote_head **v, size_t n, const char *ref)
{
	static const char *const below[] = { "", "refs/heads/", "refs/tags/",
		"refs/" };

	for (size_t k = 0; k < ARRAY_LEN(below); k++)
		for (size_t i = 0; i < n; i++) {
			size_t len = strlen(below[k]);

			if (strncmp(v[i]->name, below[k], len) == 0 &&
			    strcmp(v[i]->name + len, ref) == 0)
				return v[i];
		}
	return NULL;
}

static char *
spec_of(const char *name)
{
	char hex[HASH_HEX];
	struct hash h;

	hash_bytes(&h, name, strlen(name));
	hash_hex(&h, hex);
	return mem_printf("+%s:refs/kiln/%s", name, hex);
}

/* Branches and tags: some commit of theirs is wanted. */
static char **
all_specs(const git_remote_head **v, size_t n, size_t *count)
{
	char **specs = mem_zero(n + 1, sizeof(char *));

	*count = 0;
	for (size_t i = 0; i < n; i++)
		if ((strncmp(v[i]->name, "refs/heads/", 11) == 0 ||
			strncmp(v[i]->name, "refs/tags/", 10) == 0) &&
		    !strchr(v[i]->name, '^'))
			specs[(*count)++] = spec_of(v[i]->name);
	return specs;
}

/* 1: the object is here and ends in a commit, which `seen` names. */
static int
look_up(git_repository *repo, const git_oid *id, struct git_seen *seen)
{
	git_object *any = NULL, *commit = NULL;
	int there = 0;

	if (git_object_lookup(&any, repo, id, GIT_OBJECT_ANY) == 0 &&
	    git_object_peel(&commit, any, GIT_OBJECT_COMMIT) == 0) {
		git_oid_tostr(seen->commit, GIT_ID, git_object_id(commit));
		git_oid_tostr(seen->tree, GIT_ID,
		    git_commit_tree_id((git_commit *)commit));
		there = 1;
	}
	git_object_free(commit);
	git_object_free(any);
	return there;
}

/* --- the mirror ---------------------------------------------------------- */

struct mirror {
	char name[HASH_HEX + 8], mark[HASH_HEX + 16];
	git_repository *repo;
	git_remote *remote;
};

static void
mirror_name(struct mirror *m, const char *url)
{
	char hex[HASH_HEX];
	struct hash h;

	hash_bytes(&h, url, strlen(url));
	hash_hex(&h, hex);
	*m = (struct mirror){ 0 };
	snprintf(m->name, sizeof(m->name), "%s.git", hex);
	snprintf(m->mark, sizeof(m->mark), "%s.git.fetching", hex);
}

static void
mirror_close(struct mirror *m)
{
	git_remote_free(m->remote);
	git_repository_free(m->repo);
}

static int
set_mark(const struct mirror *m, bool on, struct err *err)
{
	int fd;

	if (!on) {
		if (unlinkat(AT_FDCWD, m->mark, 0) == -1 && errno != ENOENT)
			return err_sys(err, "remove git/%s", m->mark);
		return 0;
	}
	fd = open(m->mark, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd == -1)
		return err_sys(err, "make git/%s", m->mark);
	close(fd);
	return 0;
}

static int
mirror_open(struct mirror *m, struct err *err)
{
	if (file_exists_at(AT_FDCWD, m->mark)) {
		if (tree_remove_at(AT_FDCWD, m->name, err) == -1 ||
		    set_mark(m, false, err) == -1)
			return -1;
	}
	if (git_repository_open_bare(&m->repo, m->name) == 0)
		return 0;
	/* Half made, or none. */
	if (tree_remove_at(AT_FDCWD, m->name, err) == -1)
		return -1;
	if (git_repository_init(&m->repo, m->name, 1) != 0)
		return git_failed(ERR_SYSTEM, err, "make a mirror");
	return 0;
}

static void
callbacks(
    git_remote_callbacks *cb, git_proxy_options *proxy, struct fetching *f)
{
	git_remote_init_callbacks(cb, GIT_REMOTE_CALLBACKS_VERSION);
	cb->transfer_progress = on_progress;
	cb->credentials = on_credentials;
	cb->payload = f;
	git_proxy_options_init(proxy, GIT_PROXY_OPTIONS_VERSION);
	proxy->type = GIT_PROXY_AUTO;
	if (f->look->proxy && *f->look->proxy) {
		proxy->type = GIT_PROXY_SPECIFIED;
		proxy->url = f->look->proxy;
	}
}

static int
fetch(struct mirror *m, struct fetching *f, char **specs, size_t n,
    struct err *err)
{
	git_fetch_options opts;
	const git_strarray list = { specs, n };
	int r;

	git_fetch_options_init(&opts, GIT_FETCH_OPTIONS_VERSION);
	callbacks(&opts.callbacks, &opts.proxy_opts, f);
	opts.update_fetchhead = 0;
	opts.download_tags = GIT_REMOTE_DOWNLOAD_TAGS_NONE;
	opts.prune = GIT_FETCH_NO_PRUNE;
	if (set_mark(m, true, err) == -1)
		return -1;
	r = git_remote_fetch(m->remote, &list, &opts, NULL);
	if (r != 0)
		return remote_failed(f, r, "fetch", err);
	return set_mark(m, false, err);
}

/* The remote's list of refs, for as long as it is connected. */
static int
connect_remote(struct mirror *m, struct fetching *f,
    const git_remote_head ***heads, size_t *n, struct err *err)
{
	git_remote_callbacks cb;
	git_proxy_options proxy;
	int r;

	callbacks(&cb, &proxy, f);
	r = git_remote_create_anonymous(&m->remote, m->repo, f->look->url);
	if (r == 0)
		r = git_remote_connect(
		    m->remote, GIT_DIRECTION_FETCH, &cb, &proxy, NULL);
	if (r == 0)
		r = git_remote_ls(heads, n, m->remote);
	if (r != 0)
		return remote_failed(f, r, "connect", err);
	if (*n > REFS_MAX)
		return err_set(err, ERR_INPUT,
		    "the repository has %zu refs, at most %d are allowed", *n,
		    REFS_MAX);
	return 0;
}

static int
look_commit(struct mirror *m, struct fetching *f, struct git_seen *seen,
    struct err *err)
{
	const git_remote_head **heads;
	git_oid id;
	char **specs;
	size_t n, count;
	int r = 0;

	if (git_oid_fromstr(&id, f->look->ref) != 0)
		return git_failed(ERR_INPUT, err, "commit");
	if (look_up(m->repo, &id, seen))
		return 0;
	if (connect_remote(m, f, &heads, &n, err) == -1)
		return -1;
	specs = all_specs(heads, n, &count);
	if (count > 0)
		r = fetch(m, f, specs, count, err);
	for (size_t i = 0; i < count; i++)
		free(specs[i]);
	free(specs);
	if (r == -1)
		return -1;
	if (!look_up(m->repo, &id, seen))
		return err_set(err, ERR_MISSING,
		    "no branch and no tag of the repository holds the commit");
	return 0;
}

static int
look_ref(struct mirror *m, struct fetching *f, struct git_seen *seen,
    struct err *err)
{
	const git_remote_head **heads, *head;
	auto_free char *spec = NULL;
	git_oid id;
	size_t n;

	if (connect_remote(m, f, &heads, &n, err) == -1)
		return -1;
	head = find_ref(heads, n, f->look->ref);
	if (!head)
		return err_set(
		    err, ERR_MISSING, "the repository has no such ref");
	id = head->oid; /* the list ends with the connection */
	if (look_up(m->repo, &id, seen))
		return 0;
	spec = spec_of(head->name);
	if (fetch(m, f, &spec, 1, err) == -1)
		return -1;
	if (!look_up(m->repo, &id, seen))
		return err_set(err, ERR_INPUT,
		    "the ref is no commit, or the server did not send it");
	return 0;
}

int
git_mirror_look(
    const struct git_look *look, struct git_seen *seen, struct err *err)
{
	struct fetching f = { .look = look, .why = ERR_INIT };
	struct mirror m;
	int r;

	mirror_name(&m, look->url);
	r = mirror_open(&m, err);
	if (r == 0)
		r = git_commit_ok(look->ref) ? look_commit(&m, &f, seen, err)
					     : look_ref(&m, &f, seen, err);
	seen->received = f.received;
	mirror_close(&m);
	return r;
}

int
git_mirror_commit(const char *url, const char *commit, git_repository **repo,
    git_commit **out, struct err *err)
{
	struct mirror m;
	git_oid id;

	mirror_name(&m, url);
	if (file_exists_at(AT_FDCWD, m.mark) ||
	    git_repository_open_bare(&m.repo, m.name) != 0)
		return err_set(err, ERR_MISSING,
		    "its mirror is gone: it has to be fetched again");
	if (git_oid_fromstr(&id, commit) != 0 ||
	    git_commit_lookup(out, m.repo, &id) != 0) {
		mirror_close(&m);
		return err_set(err, ERR_MISSING,
		    "the mirror does not have the commit: it has to be "
		    "fetched again");
	}
	*repo = m.repo;
	return 0;
}
