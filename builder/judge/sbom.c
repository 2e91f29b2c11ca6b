#include "builder/judge/sbom.h"

#include <stdlib.h>
#include <string.h>

#include "lib/json.h"
#include "lib/mem.h"
#include "lib/own.h"

static const char *const kinds[] = { "image", "output", "deb", "source", "git",
	"file" };

static void
item_release(struct sbom_item *i)
{
	free(i->id);
	free(i->name);
	free(i->version);
	free(i->arch);
	free(i->file);
	free(i->url);
}

void
sbom_release(struct sbom *s)
{
	for (size_t i = 0; i < s->n; i++)
		item_release(&s->items[i]);
	free(s->items);
	free(s->links);
	json_decref(s->known);
	*s = (struct sbom)SBOM_INIT;
}

/* Everything but unreserved characters escaped. */
static void
add_escaped(struct buf *b, const char *s)
{
	for (; *s; s++) {
		if (strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwx"
			   "yz0123456789.-_~",
			*s))
			buf_char(b, *s);
		else
			buf_printf(b, "%%%02X", (unsigned char)*s);
	}
}

void
sbom_purl(
    const char *name, const char *version, const char *arch, struct buf *out)
{
	auto_free char *plain = mem_strn(name, lock_package_plain(name));

	buf_printf(out, "pkg:deb/debian/");
	add_escaped(out, plain);
	buf_char(out, '@');
	add_escaped(out, version);
	buf_printf(out, "?arch=%s", arch);
}

/* --- the list --------------------------------------------------------------
 */

/* A text is copied; the same bytes of the same kind are one item, whose name
 * is the first that they had. */
static size_t
add(struct sbom *s, enum sbom_kind kind, const struct hash *sha256,
    const struct sbom_item *say)
{
	char hex[HASH_HEX];
	auto_free char *key = NULL;
	const json_t *at;
	struct sbom_item i = *say;

	if (!s->known)
		s->known = json_object();
	hash_hex(sha256, hex);
	key = mem_printf("%d %s", (int)kind, hex);
	at = json_object_get(s->known, key);
	if (at)
		return (size_t)json_integer_value(at);
	i.kind = kind;
	i.sha256 = *sha256;
	i.id = mem_printf("%s-%zu", kinds[kind], s->n);
	i.name = mem_str(say->name);
	i.version = mem_str(say->version);
	i.arch = mem_str(say->arch);
	i.file = mem_str(say->file);
	i.url = mem_str(say->url);
	MEM_GROW(s->items, s->n, s->cap);
	s->items[s->n] = i;
	js_set_int(s->known, key, (int64_t)s->n);
	return s->n++;
}

static void
link_to(struct sbom *s, size_t from, enum sbom_how how, size_t to)
{
	MEM_GROW(s->links, s->nlinks, s->links_cap);
	s->links[s->nlinks++] = (struct sbom_link){ from, to, how };
}

/* --- from the records ------------------------------------------------------
 */

/* What of a part is used, or published: items. */
struct made {
	size_t *v;
	size_t n, cap;
};

static void
made_add(struct made *m, size_t item)
{
	for (size_t i = 0; i < m->n; i++)
		if (m->v[i] == item)
			return;
	MEM_GROW(m->v, m->n, m->cap);
	m->v[m->n++] = item;
}

static void
link_all(struct sbom *s, const struct made *m, enum sbom_how how, size_t to)
{
	for (size_t i = 0; i < m->n; i++)
		link_to(s, m->v[i], how, to);
}

static char *
last_part(const char *path)
{
	const char *slash = strrchr(path, '/');

	return mem_str(slash ? slash + 1 : path);
}

static void
add_packages(
    struct sbom *s, const struct made *m, const struct lock_packages *l)
{
	for (size_t i = 0; i < l->n; i++) {
		const struct lock_package *p = &l->v[i];
		auto_free char *file = last_part(p->path);
		auto_free char *plain =
		    mem_strn(p->name, lock_package_plain(p->name));
		struct sbom_item say = { .name = plain,
			.version = p->version,
			.arch = p->arch,
			.file = file };

		link_all(
		    s, m, SBOM_MADE_WITH, add(s, SBOM_DEB, &p->sha256, &say));
	}
}

static void
add_sources(struct sbom *s, const struct made *m, const struct lock *l)
{
	for (size_t i = 0; i < l->sources.n; i++) {
		const struct lock_source *f = &l->sources.v[i];
		struct sbom_item say = {
			.name = f->name, .version = f->version, .file = f->file
		};

		link_all(s, m, SBOM_MADE_FROM,
		    add(s, SBOM_SOURCE, &f->sha256, &say));
	}
	for (size_t i = 0; i < l->git.n; i++) {
		const struct lock_git *g = &l->git.v[i];
		struct sbom_item say = { .name = g->file,
			.version = g->commit,
			.file = g->file,
			.url = g->url };

		link_all(
		    s, m, SBOM_MADE_FROM, add(s, SBOM_GIT, &g->sha256, &say));
	}
	for (size_t i = 0; i < l->files.n; i++) {
		const struct lock_file *f = &l->files.v[i];
		struct sbom_item say = {
			.name = f->file, .file = f->file, .url = f->url
		};

		link_all(
		    s, m, SBOM_MADE_FROM, add(s, SBOM_FILE, &f->sha256, &say));
	}
}

/* Does an image take it as it is? */
static bool
held(const struct plan *p, const struct plan_use *u)
{
	bool own = strcmp(u->recipe, p->own) == 0;
	auto_free char *from =
	    own ? mem_printf("output:%s", u->output)
		: mem_printf("use:%s/%s", u->recipe, u->output);

	for (size_t i = 0; i < p->nfiles; i++)
		if (strcmp(p->files[i].from, from) == 0)
			return true;
	return false;
}

static size_t
use_item(struct sbom *s, const struct closure *c, size_t part, size_t use)
{
	const struct closure_part *p = &c->v[part];
	const struct plan_use *u = &p->plan->uses[use];
	auto_free char *name =
	    mem_printf("%s/%s", c->v[p->made_by[use]].recipe, u->output);
	struct sbom_item say = { .name = name, .file = (char *)u->output };

	return add(s, SBOM_OUTPUT, &u->sha256, &say);
}

/* All before any is linked: a part may be used by one that comes later. */
static void
name_uses(struct sbom *s, const struct closure *c, struct made *made)
{
	for (size_t i = 0; i < c->n; i++)
		for (size_t k = 0; k < c->v[i].plan->nuses; k++)
			made_add(
			    &made[c->v[i].made_by[k]], use_item(s, c, i, k));
}

static int
add_part(struct sbom *s, struct store *store, const struct closure *c,
    size_t part, const struct made *made, struct err *err)
{
	const struct closure_part *p = &c->v[part];
	auto_lock struct lock *l = lock_load(store, &p->lock, err);

	if (!l)
		return err_prefix(err, "lock of %s", p->recipe);
	for (size_t i = 0; i < p->plan->nuses; i++)
		link_all(s, &made[part],
		    held(p->plan, &p->plan->uses[i]) ? SBOM_HOLDS
						     : SBOM_MADE_USING,
		    use_item(s, c, part, i));
	if (p->plan->stage == STAGE_IMAGE) {
		add_packages(s, &made[part], &l->image);
		return 0;
	}
	add_packages(s, &made[part], &l->build);
	add_sources(s, &made[part], l);
	return 0;
}

static int
add_images(struct sbom *s, const char *service, const char *version,
    const json_t *outputs, struct made *made, struct err *err)
{
	const json_t *one;
	size_t i;

	json_array_foreach(outputs, i, one)
	{
		const char *name;
		struct hash sha256;
		struct sbom_item say = { .name = (char *)service,
			.version = (char *)version };

		if (js_str("verdict", one, "name", &name, err) == -1 ||
		    js_hash("verdict", one, "sha256", &sha256, err) == -1)
			return -1;
		say.file = (char *)name;
		made_add(made, add(s, SBOM_IMAGE, &sha256, &say));
	}
	return 0;
}

int
sbom_collect(struct sbom *s, struct store *store, const struct closure *c,
    const char *service, const char *version, const json_t *outputs,
    struct err *err)
{
	struct made *made = mem_zero(c->n, sizeof(*made));
	int rc = add_images(s, service, version, outputs, &made[0], err);

	name_uses(s, c, made);
	for (size_t i = 0; i < c->n && rc == 0; i++)
		rc = add_part(s, store, c, i, made, err);
	for (size_t i = 0; i < c->n; i++)
		free(made[i].v);
	free(made);
	return rc;
}
