#include "builder/poll.h"

#include <stdlib.h>
#include <string.h>

#include "builder/progress.h"
#include "lib/mem.h"

#define DAY_S ((int64_t)24 * 3600)

/* A day, or three polls that came to nothing. */
static int64_t
silence(const struct settings *s)
{
	int64_t polls = 3 * (s->poll + s->jitter);

	return polls > DAY_S ? polls : DAY_S;
}

/* suite.checked_at tells the age of what is used. */
static void
poll_archive(struct builder *b, const struct recipes *all, bool *reached)
{
	struct strs suites = { 0 };
	struct archive_news news = { 0 };
	struct err err = ERR_INIT;
	size_t cap = 0;

	for (size_t i = 0; i < all->n; i++) {
		const struct recipe *r = &all->v[i];

		for (size_t k = 0; !r->error && k < r->suites.n; k++) {
			if (strs_has(&suites, r->suites.v[k]) ||
			    !settings_suite_enabled(
				&b->settings, r->suites.v[k]))
				continue;
			MEM_GROW(suites.v, suites.n, cap);
			suites.v[suites.n++] = r->suites.v[k];
		}
	}
	if (suites.n && archive_poll(&b->archive, suites.v, suites.n, b->arch,
			    0, &news, &err) == -1) {
		*reached = false;
		event_add(b->db, "archive-refused", "archive", 0,
		    "%s (cause=%s)", err.msg, err_cause(&err));
	}
	free(suites.v);
	archive_tell_silence(&b->archive, silence(&b->settings));
}

static bool
listed(const struct upstream_git *v, size_t n, const struct upstream_git *g)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(v[i].url, g->url) == 0 &&
		    strcmp(v[i].ref, g->ref) == 0)
			return true;
	return false;
}

/* Each ref once, however many recipes name it. */
static int
poll_git(struct builder *b, const struct recipes *all, bool *reached,
    struct err *err)
{
	struct upstream_news news = { 0 };
	struct upstream_git *v = NULL;
	size_t n = 0, cap = 0;
	int r;

	for (size_t i = 0; i < all->n; i++)
		for (size_t k = 0; !all->v[i].error && k < all->v[i].ngit;
		     k++) {
			const struct upstream_git *g = &all->v[i].git[k];

			if (listed(v, n, g))
				continue;
			MEM_GROW(v, n, cap);
			v[n++] = *g;
		}
	r = upstream_poll(&b->archive, v, n, 0, &news, err);
	free(v);
	if (news.unreachable)
		*reached = false;
	return r;
}

int
poll_inputs(struct builder *b, const struct recipes *all, bool *reached,
    struct err *err)
{
	poll_archive(b, all, reached);
	return poll_git(b, all, reached, err);
}
