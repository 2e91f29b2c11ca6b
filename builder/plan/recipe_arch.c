/* A recipe for another architecture than the machine's. */
#include <stdlib.h>
#include <string.h>

#include "builder/inputs/lock_make.h"
#include "builder/plan/arch.h"
#include "builder/plan/recipe_read.h"
#include "lib/fdio.h"
#include "lib/mem.h"
#include "lib/own.h"

const struct conf_key recipe_cross_keys[] = {
	{ .name = "amd64", .type = CONF_STRS, .max = 500 },
	{ .name = "arm64", .type = CONF_STRS, .max = 500 },
	{ .name = "armhf", .type = CONF_STRS, .max = 500 },
	{ .name = "riscv64", .type = CONF_STRS, .max = 500 },
	{ 0 },
};

static const struct conf_key machine_keys[] = {
	{ .name = "machine", .type = CONF_STR, .required = true },
	{ .name = "cmdline", .type = CONF_STR, .required = true },
	{ 0 },
};
const struct conf_key recipe_machine_keys[] = {
	{ .name = "amd64", .type = CONF_MAP, .sub = machine_keys },
	{ .name = "arm64", .type = CONF_MAP, .sub = machine_keys },
	{ .name = "armhf", .type = CONF_MAP, .sub = machine_keys },
	{ .name = "riscv64", .type = CONF_MAP, .sub = machine_keys },
	{ 0 },
};

bool
recipe_arch_ok(const char *word)
{
	return strcmp(word, ARCH_ALL) == 0 || arch_known(word);
}

int
recipe_arch_choose(
    const struct conf_node *root, struct recipe *r, struct err *err)
{
	const struct strs *l = &r->arches;
	bool all = strs_has(l, ARCH_ALL);

	if (all && l->n > 1)
		return conf_error(root, "arch", err,
		    "\"" ARCH_ALL "\" stands alone: its outputs are the same"
		    " for every architecture");
	if (!r->arch) {
		r->arch = arch_own(err);
		if (!r->arch)
			return -1;
		if (l->n > 0 && !all && !strs_has(l, r->arch)) {
			r->on = r->arch;
			r->arch = arch_known(l->v[0]);
		}
	}
	if (r->on && !strs_has(l, r->arch))
		return conf_error(
		    root, "arch", err, "it is not for %s", r->arch);
	return 0;
}

/* "NAME", or "NAME:ARCH" of the architecture that is built for. */
static bool
package_ok(const struct recipe *r, const char *word)
{
	size_t n = lock_package_plain(word);
	auto_free char *plain = mem_strn(word, n);

	return name_ok(plain) &&
	       (!word[n] || strcmp(word + n + 1, r->arch) == 0);
}

static void
add(struct strs *to, const char *word)
{
	to->v = mem_resize(to->v, to->n + 1, sizeof(*to->v));
	to->v[to->n++] = word;
}

static const char *
keep(struct recipe *r, char *made)
{
	r->made = mem_resize(r->made, r->nmade + 1, sizeof(*r->made));
	r->made[r->nmade++] = made;
	return made;
}

const char *
recipe_arch_text(struct recipe *r, const char *text)
{
	static const char *const words[] = { "{arch}", "{triplet}",
		"{loader}" };
	auto_buf struct buf b = BUF_INIT;

	if (!strchr(text, '{'))
		return text;
	while (*text) {
		size_t i = 0;

		while (i < ARRAY_LEN(words) &&
		       strncmp(text, words[i], strlen(words[i])) != 0)
			i++;
		if (i == ARRAY_LEN(words)) {
			buf_char(&b, *text++);
			continue;
		}
		buf_str(&b, i == 0   ? r->arch
			    : i == 1 ? arch_triplet(r->arch)
				     : arch_loader(r->arch));
		text += strlen(words[i]);
	}
	return keep(r, buf_take(&b));
}

bool
recipe_arch_package_ok(const char *word)
{
	static const char arch[] = "{arch}";
	const char *at = strstr(word, arch);
	auto_free char *filled = at ? mem_printf("%.*sx%s", (int)(at - word),
					  word, at + strlen(arch))
				    : mem_str(word);

	return name_ok(filled);
}

/* "linux-image-{arch}" is one of the architecture that is built for. */
void
recipe_arch_packages(struct recipe *r)
{
	struct strs *l = &r->packages[STAGE_BUILD];

	for (size_t i = 0; i < l->n; i++) {
		const char *word = recipe_arch_text(r, l->v[i]);

		if (word != l->v[i] && r->on)
			word = keep(r, mem_printf("%s:%s", word, r->arch));
		l->v[i] = word;
	}
}

void
recipe_arch_machine(const struct conf_node *image, struct recipe *r)
{
	const struct conf_node *cross = r->on ? conf_map(image, "cross") : NULL;
	const struct conf_node *m = cross ? conf_map(cross, r->arch) : NULL;

	if (r->on && !m)
		return;
	r->machine = conf_str(r->on ? m : image, "machine", NULL);
	r->cmdline = conf_str(r->on ? m : image, "cmdline", NULL);
}

int
recipe_arch_cross(
    const struct conf_node *build, struct recipe *r, struct err *err)
{
	const struct conf_node *cross = conf_map(build, "cross");
	struct strs *to = &r->packages[STAGE_BUILD];

	if (!r->on)
		return 0;
	if (!cross || !conf_has(cross, r->arch))
		return conf_error(build, "cross", err,
		    "names no packages that compile for %s", r->arch);
	for (size_t i = 0; i < conf_count(cross, r->arch); i++) {
		const char *word = conf_str_at(cross, r->arch, i);

		if (!package_ok(r, word))
			return conf_error(cross, r->arch, err,
			    "\"%s\" is not allowed here", word);
		if (strs_has(to, word))
			return conf_error(
			    cross, r->arch, err, "\"%s\" comes twice", word);
		add(to, word);
	}
	return 0;
}

/* What the assembler runs is the machine's; what the image holds is not. */
void
recipe_arch_image(struct recipe *r)
{
	struct strs *l = &r->packages[STAGE_IMAGE];

	for (size_t i = 0; r->on && i < l->n; i++)
		if (!lock_assembles(l->v[i]))
			l->v[i] =
			    keep(r, mem_printf("%s:%s", l->v[i], r->arch));
}

char *
recipe_arch_name(const char *folder, const char *arch)
{
	return mem_printf("%s.%s", folder, arch);
}

const void *
recipe_arch_used(const char *name, const char *arch, const char *on,
    recipe_arch_find *find, const void *all)
{
	auto_free char *same = on ? recipe_arch_name(name, arch) : NULL;
	const void *u = same ? find(all, same) : NULL;

	return u ? u : find(all, name);
}

static const void *
find(const void *all, const char *name)
{
	return recipes_find(all, name);
}

void
recipe_arch_resolve(const struct recipes *all, struct recipe *r)
{
	for (size_t i = 0; r->conf && i < r->nuses; i++) {
		const struct recipe *u = recipe_arch_used(
		    r->uses[i].recipe, r->arch, r->on, find, all);

		if (u)
			r->uses[i].from = u->name;
	}
}

bool
recipe_arch_fits(const struct recipe *r, const struct recipe *u)
{
	return !u->arch || strcmp(u->arch, r->arch) == 0 ||
	       strs_has(&u->arches, ARCH_ALL);
}
