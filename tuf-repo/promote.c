#include "tuf-repo/promote.h"

#include <stdlib.h>
#include <string.h>

#include "lib/canon.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"
#include "tuf-repo/asked.h"
#include "tuf-repo/brake.h"
#include "tuf-repo/check.h"
#include "tuf-repo/collect.h"
#include "tuf-repo/metadata.h"
#include "tuf-repo/own_target.h"
#include "tuf-repo/place.h"
#include "tuf-repo/setrules.h"
#include "tuf-repo/waves.h"

struct draft {
	struct repo *r;
	const struct promotion *p;
	struct check *c;
	json_t *targets; /* of the next sets-stable */
	struct buf *shown;
	size_t n; /* sets that change */
};

/* --- one set ----------------------------------------------------------- */

/* The set of the published, judged tree. */
static json_t *
published_set(struct draft *d, const struct tuf_target *t, struct err *err)
{
	auto_free char *name = check_target_name(t);
	auto_buf struct buf text = BUF_INIT;
	struct hash h;

	if (source_read_target(d->c->src, name, SET_MAX, &text, err) == -1)
		return NULL;
	hash_bytes(&h, text.data, text.len);
	if (tuf_target_check(t, (int64_t)text.len, &h, NULL, err) == -1)
		return NULL;
	return set_read(t->path, text.data, text.len, err);
}

static json_t *
next_set(const struct draft *d, const json_t *from, int64_t counter)
{
	const struct promotion *p = d->p;
	json_t *o = json_deep_copy(from);

	js_set_str(o, "channel", STABLE);
	js_set_int(o, "counter", counter);
	js_set_str(o, "notes", p->notes ? p->notes : "");
	js_set(o, "waves",
	    p->waves ? json_incref(p->waves)
		     : json_pack("[{s:i,s:i}]", "after_h", 0, "percent", 100));
	js_set(o, "window", p->window ? json_incref(p->window) : json_null());
	return o;
}

static void
show(struct draft *d, const json_t *from, const json_t *set)
{
	const json_t *services = json_object_get(set, "services");

	buf_printf(d->shown, "%s/%s set %lld, from %s set %lld\n", STABLE,
	    json_string_value(json_object_get(set, "arch")),
	    (long long)json_integer_value(json_object_get(set, "counter")),
	    d->p->from,
	    (long long)json_integer_value(json_object_get(from, "counter")));
	for (size_t i = 0; i < json_array_size(services); i++) {
		const json_t *o = json_array_get(services, i);

		buf_printf(d->shown, "  %-20s %s\n",
		    json_string_value(json_object_get(o, "service")),
		    json_string_value(json_object_get(o, "image")));
	}
	buf_str(d->shown, "  waves ");
	waves_text(json_object_get(set, "waves"), d->shown);
	buf_char(d->shown, '\n');
}

static int
put_set(struct draft *d, const json_t *set, const char *arch, struct err *err)
{
	auto_free char *path = mem_printf("sets/%s/%s.json", STABLE, arch);
	auto_buf struct buf bytes = BUF_INIT;
	auto_json json_t *again = NULL;
	struct hash h;

	if (canon_json(set, &bytes, err) == -1)
		return -1;
	again = set_read(path, bytes.data, bytes.len, err);
	if (!again || set_judge(d->r, again, err) == -1 ||
	    own_target_put(d->r, &bytes, &h, err) == -1)
		return -1;
	js_set(d->targets, path, meta_entry(&h, (int64_t)bytes.len, 0));
	d->n++;
	return 0;
}

static int
take_set(struct draft *d, const struct tuf_target *t, struct err *err)
{
	auto_json json_t *from = published_set(d, t, err);
	auto_json json_t *set = NULL;
	int64_t counter, have;
	const char *arch;
	bool stopped;

	if (!from)
		return -1;
	arch = json_string_value(json_object_get(from, "arch"));
	have = json_integer_value(json_object_get(from, "counter"));
	if (d->p->arch && strcmp(arch, d->p->arch) != 0)
		return 0;
	if (d->p->counter && d->p->counter != have)
		return err_set(err, ERR_INPUT,
		    "%s/%s: the published set is %lld, not %lld", d->p->from,
		    arch, (long long)have, (long long)d->p->counter);
	if (brake_stands(d->r, d->p->from, arch, have, &stopped, err) == -1 ||
	    set_counter(d->r, STABLE, arch, &counter, err) == -1)
		return -1;
	if (stopped)
		return err_set(err, ERR_INPUT,
		    "%s/%s: set %lld is stopped; kiln-tuf resume %s first",
		    d->p->from, arch, (long long)have, d->p->from);
	set = next_set(d, from, counter + 1);
	show(d, from, set);
	return put_set(d, set, arch, err);
}

/* --- the role ---------------------------------------------------------- */

/* Sets of other architectures stay as they are, unless a withdrawal has hit
 * them: no set is better than one that every router refuses. */
static int
keep_set(struct draft *d, const struct tuf_target *t, struct err *err)
{
	auto_json json_t *set = NULL;
	struct err why = ERR_INIT;

	if (json_object_get(d->targets, t->path))
		return 0;
	set = published_set(d, t, &why);
	if (set && set_judge(d->r, set, &why) == 0) {
		js_set(
		    d->targets, t->path, meta_entry(&t->sha256, t->length, 0));
		return 0;
	}
	if (why.cls == ERR_SYSTEM || why.cls == ERR_BUSY) {
		*err = why;
		return -1;
	}
	buf_printf(d->shown, "%s is left out: %s\n", t->path, why.msg);
	return 0;
}

static int
collect_sets(struct draft *d, struct err *err)
{
	auto_free char *role = mem_printf("sets-%s", d->p->from);
	const struct tuf_file *from = tuf_role(d->c->trust, role);
	const struct tuf_file *old = tuf_role(d->c->trust, STABLE_ROLE);

	for (size_t i = 0; from && i < from->ntargets; i++)
		if (take_set(d, &from->targets[i], err) == -1)
			return -1;
	if (d->n == 0)
		return err_set(err, ERR_MISSING,
		    "channel %s has no published set%s%s", d->p->from,
		    d->p->arch ? " for " : "", d->p->arch ? d->p->arch : "");
	for (size_t i = 0; old && i < old->ntargets; i++)
		if (keep_set(d, &old->targets[i], err) == -1)
			return -1;
	return 0;
}

static int
judge_tree(struct check *c, struct source *src, const struct buf *root,
    struct err *err)
{
	const json_t *first;

	c->root = root;
	if (check_tree(c, src, err) == -1)
		return -1;
	first = json_array_get(c->findings, 0);
	if (!first)
		return 0;
	return err_set(err, ERR_TRUST, "the published tree is not good: %s: %s",
	    json_string_value(json_object_get(first, "where")),
	    json_string_value(json_object_get(first, "text")));
}

static int
write_part(struct draft *d, int64_t after, struct buf *part, struct err *err)
{
	const struct rule *rule = rule_of(STABLE_ROLE);
	auto_json json_t *o = NULL;
	int64_t newest;

	if (role_newest(d->r->db, STABLE_ROLE, false, &newest, err) == -1)
		return -1;
	if (newest < after)
		newest = after;
	o = meta_signed(STABLE_ROLE, newest + 1, rule_expiry(rule, d->r->now));
	json_object_set(o, "targets", d->targets);
	return canon_json(o, part, err);
}

int
promote_draft(struct repo *r, const struct promotion *p, const struct buf *root,
    int64_t after, struct buf *part, struct buf *shown, struct err *err)
{
	struct check c = CHECK_INIT;
	struct source src = SOURCE_INIT, before = SOURCE_INIT;
	struct draft d = { .r = r, .p = p, .c = &c, .shown = shown };
	int rc = -1;

	d.targets = json_object();
	source_dirs(&src, r->metadata, r->targets);
	source_dirs(&before, r->metadata, r->targets);
	c.now = r->now;
	c.before = &before;
	c.known = place_known;
	c.known_arg = r;
	if (judge_tree(&c, &src, root, err) == 0 &&
	    collect_sets(&d, err) == 0 && write_part(&d, after, part, err) == 0)
		rc = 0;
	check_release(&c);
	source_release(&src);
	source_release(&before);
	json_decref(d.targets);
	return rc;
}

int
promote_accept(struct repo *r, const struct buf *file, struct err *err)
{
	if (collect_file(r, STABLE_ROLE, file->data, file->len, err) == -1)
		return -1;
	repo_event(r, "promoted", STABLE, "sets-stable is signed");
	if (asked_done(r, "promote", STABLE, err) == -1 ||
	    asked_done(r, "start", STABLE, err) == -1)
		return -1;
	return asked_done(r, "waves", STABLE, err);
}
