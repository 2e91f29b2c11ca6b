#include "builder/repos.h"

#include <stdlib.h>
#include <string.h>

#include "builder/inputs/git.h"
#include "builder/progress.h"
#include "lib/fdio.h"
#include "lib/mem.h"
#include "lib/own.h"

static struct upstream_git
want(const struct settings_repo *r)
{
	return (struct upstream_git){ "recipes", r->url, r->ref };
}

int
repos_poll(struct builder *b, bool *reached, struct err *err)
{
	for (size_t i = 0; i < b->settings.nrepos; i++) {
		struct upstream_git g = want(&b->settings.repos[i]);
		struct upstream_news news;

		if (upstream_poll(&b->archive, &g, 1, 0, &news, err) == -1)
			return -1;
		if (news.unreachable)
			*reached = false;
	}
	return 0;
}

/* The folder at the commit where the ref was last seen. */
static int
open_repo(struct builder *b, const struct settings_repo *r,
    struct recipe_folder *out, struct err *err)
{
	struct upstream_git g = want(r);
	struct lock_gits l = { .v = mem_zero(1, sizeof(*l.v)), .cap = 1 };
	char path[GIT_CHECKOUT_MAX];
	int rc = upstream_pin(&b->archive, &g, &l.v[0], err);

	if (rc == 0) {
		l.n = 1;
		rc = upstream_checkout(
		    &b->archive, &l.v[0], r->folder, path, err);
	}
	if (rc == 0) {
		out->origin = mem_printf("%s %s", r->url, l.v[0].commit);
		out->dirfd = dir_open_at(b->archive.gitdir, path, err);
		rc = out->dirfd == -1 ? -1 : 0;
	}
	lock_gits_release(&l);
	return rc;
}

static void
tell_failure(struct builder *b, const struct err *why)
{
	static const char sql[] =
	    "SELECT text = ?1 FROM event WHERE kind = 'recipes-missing'"
	    " ORDER BY id DESC LIMIT 1";
	auto_free char *text =
	    mem_printf("%s (cause=%s)", why->msg, err_cause(why));
	struct err err = ERR_INIT;
	bool said;

	{
		auto_stmt struct stmt *q = db_stmt(b->db, sql);

		stmt_bind_str(q, 1, text);
		said = stmt_step(q, &err) == 1 && stmt_int(q, 0) == 1;
	}
	if (!said)
		event_add(b->db, "recipes-missing", "recipes", 0, "%s", text);
}

int
repos_load(struct builder *b, struct recipes *all, struct err *err)
{
	size_t n = b->settings.nrepos;
	struct recipe_folder *v = mem_zero(n + 1, sizeof(*v));
	struct err why = ERR_INIT;
	int rc = 1;

	if (n == 0) {
		v[0].dirfd = b->recipes;
		rc = recipes_load_from(
			 v, 1, &b->settings.arches, b->store, all, err) == -1
			 ? -1
			 : 1;
		free(v);
		return rc;
	}
	for (size_t i = 0; i < n; i++)
		v[i].dirfd = -1;
	for (size_t i = 0; rc == 1 && i < n; i++)
		if (open_repo(b, &b->settings.repos[i], &v[i], &why) == -1)
			rc = 0;
	if (rc == 0)
		tell_failure(b, &why);
	else if (recipes_load_from(
		     v, n, &b->settings.arches, b->store, all, err) == -1)
		rc = -1;
	for (size_t i = 0; i < n; i++) {
		own_close(&v[i].dirfd);
		free((char *)v[i].origin);
	}
	free(v);
	return rc;
}

int64_t
repos_event(struct builder *b, const struct recipe *r, int64_t since)
{
	static const char sql[] =
	    "SELECT max(id) FROM event WHERE id > ?2 AND subject = ?1 AND"
	    " kind = 'git-changed'";
	int64_t found = 0;

	for (size_t i = 0; r->origin && i < b->settings.nrepos; i++) {
		const struct settings_repo *repo = &b->settings.repos[i];
		auto_free char *subject =
		    upstream_subject(repo->url, repo->ref);
		auto_stmt struct stmt *q = db_stmt(b->db, sql);
		struct err err = ERR_INIT;
		size_t n = strlen(repo->url);

		if (strncmp(r->origin, repo->url, n) != 0 ||
		    r->origin[n] != ' ')
			continue;
		stmt_bind_str(q, 1, subject);
		stmt_bind_int(q, 2, since);
		if (stmt_step(q, &err) == 1 && stmt_int(q, 0) > found)
			found = stmt_int(q, 0);
	}
	return found;
}
