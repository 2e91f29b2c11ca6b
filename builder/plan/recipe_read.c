#include "builder/plan/recipe_read.h"

#include <stdlib.h>
#include <string.h>

#include "builder/plan/recipe_sources.h"
#include "builder/plan/recipe_tree.h"
#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"

#define KIB ((int64_t)1 << 10)
#define MIB ((int64_t)1 << 20)
#define GIB ((int64_t)1 << 30)
#define CLOCK_DEFAULT 1577836800 /* 2020-01-01T00:00:00Z */

/* In the order of enum recipe_kind. */
static const char *const kinds[] = { "source", "repack", "image", "kernel",
	"agent", "solo5", NULL };
static const char *const stages[] = { "build", "image" };
static const char *const handovers[] = { "parallel", "handoff", "exclusive",
	NULL };

static const struct conf_key build_keys[] = {
	{ .name = "packages", .type = CONF_STRS, .required = true, .max = 500 },
	{ .name = "script", .type = CONF_STR, .required = true },
	{ .name = "files", .type = CONF_STRS, .max = 20 },
	{ .name = "cross", .type = CONF_MAP, .sub = recipe_cross_keys },
	{ 0 },
};
static const struct conf_key file_keys[] = {
	{ .name = "path", .type = CONF_STR, .required = true },
	{ .name = "from", .type = CONF_STR, .required = true },
	{ .name = "mode", .type = CONF_STR },
	{ 0 },
};
static const struct conf_key image_keys[] = {
	{ .name = "packages", .type = CONF_STRS, .max = 500 },
	{ .name = "files", .type = CONF_SEQ, .sub = file_keys, .max = 4000 },
	{ .name = "machine", .type = CONF_STR },
	{ .name = "cmdline", .type = CONF_STR },
	{ .name = "cross", .type = CONF_MAP, .sub = recipe_machine_keys },
	{ 0 },
};
static const struct conf_key use_keys[] = {
	{ .name = "recipe", .type = CONF_NAME, .required = true },
	{ .name = "outputs",
	    .type = CONF_STRS,
	    .required = true,
	    .min = 1,
	    .max = 100 },
	{ 0 },
};
static const struct conf_key volume_keys[] = {
	/* It is the disk's serial number, of which virtio has 20 bytes. */
	{ .name = "name", .type = CONF_NAME, .required = true, .max = 20 },
	{ .name = "path", .type = CONF_STR, .required = true },
	{ .name = "size",
	    .type = CONF_SIZE,
	    .required = true,
	    .min = MIB,
	    .max = 16 * GIB },
	{ 0 },
};
static const struct conf_key budget_keys[] = {
	{ .name = "memory",
	    .type = CONF_SIZE,
	    .min = 64 * MIB,
	    .max = 1024 * GIB },
	{ .name = "wall", .type = CONF_DURATION, .min = 1, .max = 86400 },
	{ .name = "log", .type = CONF_SIZE, .min = KIB, .max = GIB },
	{ .name = "output", .type = CONF_SIZE, .min = 1, .max = 64 * GIB },
	{ .name = "image", .type = CONF_SIZE, .min = 1, .max = 64 * GIB },
	{ 0 },
};
static const struct conf_key keys[] = {
	{ .name = "name", .type = CONF_NAME, .required = true, .max = 64 },
	{ .name = "kind", .type = CONF_ENUM, .required = true, .words = kinds },
	{ .name = "summary", .type = CONF_STR, .required = true, .max = 200 },
	{ .name = "upstream", .type = CONF_STR },
	{ .name = "arch", .type = CONF_STRS, .max = 8 },
	{ .name = "clock", .type = CONF_DATE },
	{ .name = "suites",
	    .type = CONF_STRS,
	    .required = true,
	    .min = 1,
	    .max = 16 },
	{ .name = "build", .type = CONF_MAP, .sub = build_keys },
	{ .name = "sources",
	    .type = CONF_MIX,
	    .sub = recipe_source_keys,
	    .max = 50 },
	{ .name = "uses", .type = CONF_SEQ, .sub = use_keys, .max = 50 },
	{ .name = "outputs", .type = CONF_STRS, .max = 100 },
	{ .name = "image", .type = CONF_MAP, .sub = image_keys },
	{ .name = "needs", .type = CONF_STRS, .max = 50 },
	{ .name = "provides", .type = CONF_STRS, .max = 50 },
	{ .name = "handover", .type = CONF_ENUM, .words = handovers },
	{ .name = "memory",
	    .type = CONF_SIZE,
	    .min = 16 * MIB,
	    .max = 64 * GIB },
	{ .name = "ports", .type = CONF_STRS, .max = 50 },
	{ .name = "volumes", .type = CONF_SEQ, .sub = volume_keys, .max = 4 },
	{ .name = "probes",
	    .type = CONF_SEQ,
	    .sub = recipe_probe_keys,
	    .max = 20 },
	{ .name = "configure", .type = CONF_STR },
	{ .name = "config", .type = CONF_FREE },
	{ .name = "budget", .type = CONF_MAP, .sub = budget_keys },
	{ 0 },
};

const char *
recipe_kind_name(enum recipe_kind k)
{
	return kinds[k];
}

const char *
recipe_stage_name(enum recipe_stage s)
{
	return stages[s];
}

bool
strs_has(const struct strs *s, const char *word)
{
	for (size_t i = 0; i < s->n; i++)
		if (strcmp(s->v[i], word) == 0)
			return true;
	return false;
}

typedef bool word_ok(const char *);

/* A list in which each word is good and comes once. */
static int
read_strs(const struct conf_node *at, const char *key, word_ok *ok,
    struct strs *out, struct err *err)
{
	size_t n = conf_count(at, key);

	if (n == 0)
		return 0;
	out->v = mem_zero(n, sizeof(*out->v));
	for (size_t i = 0; i < n; i++) {
		const char *word = conf_str_at(at, key, i);

		if (!ok(word))
			return conf_error(
			    at, key, err, "\"%s\" is not allowed here", word);
		if (strs_has(out, word))
			return conf_error(
			    at, key, err, "\"%s\" comes twice", word);
		out->v[out->n++] = word;
	}
	return 0;
}

/* "dns/1" */
static bool
interface_ok(const char *s)
{
	const char *slash = strchr(s, '/');
	int64_t version;
	struct err ignored = ERR_INIT;

	return slash && path_ok(s) && !strchr(slash + 1, '/') &&
	       num_int(slash + 1, 0, 1000000, &version, &ignored) == 0;
}

/* "udp/53" */
static bool
port_ok(const char *s)
{
	int64_t port;
	struct err ignored = ERR_INIT;

	return (strncmp(s, "udp/", 4) == 0 || strncmp(s, "tcp/", 4) == 0) &&
	       num_int(s + 4, 1, 65535, &port, &ignored) == 0;
}

static bool
absolute_ok(const char *s)
{
	return s[0] == '/' && path_ok(s + 1);
}

static int
read_uses(const struct conf_node *root, struct recipe *r, struct err *err)
{
	size_t n = conf_count(root, "uses");

	r->uses = mem_zero(n + 1, sizeof(*r->uses));
	for (size_t i = 0; i < n; i++) {
		const struct conf_node *at = conf_at(root, "uses", i, NULL);
		struct recipe_use *u = &r->uses[i];

		u->recipe = u->from = conf_str(at, "recipe", "");
		r->nuses = i + 1;
		for (size_t k = 0; k < i; k++)
			if (strcmp(r->uses[k].recipe, u->recipe) == 0)
				return conf_error(at, "recipe", err,
				    "\"%s\" comes twice", u->recipe);
		if (read_strs(at, "outputs", name_ok, &u->outputs, err) == -1)
			return -1;
	}
	return 0;
}

static bool
uses_output(const struct recipe *r, const char *what)
{
	for (size_t i = 0; i < r->nuses; i++) {
		size_t n = strlen(r->uses[i].recipe);

		if (strncmp(what, r->uses[i].recipe, n) == 0 &&
		    what[n] == '/' &&
		    strs_has(&r->uses[i].outputs, what + n + 1))
			return true;
	}
	return false;
}

static int
check_from(const struct conf_node *at, const struct recipe *r,
    struct image_file *f, struct err *err)
{
	static const char *const prefixes[] = {
		"output:", "use:", "env:", "recipe:", "dir:", "link:"
	};
	size_t i = 0, n;

	while (i < ARRAY_LEN(prefixes) &&
	       strncmp(f->from, prefixes[i], strlen(prefixes[i])) != 0)
		i++;
	if (i == ARRAY_LEN(prefixes))
		return conf_error(at, "from", err,
		    "\"%s\" is not output:NAME, use:RECIPE/OUTPUT, env:/PATH,"
		    " recipe:PATH, dir: or link:TARGET",
		    f->from);
	f->type = (enum from)i;
	n = strlen(prefixes[i]);
	f->what = f->from + n;
	switch (f->type) {
	case FROM_OUTPUT:
		if (!r->has_build || !strs_has(&r->outputs, f->what))
			return conf_error(at, "from", err,
			    "\"%s\" is none of this recipe's outputs", f->what);
		break;
	case FROM_USE:
		if (!uses_output(r, f->what))
			return conf_error(at, "from", err,
			    "\"%s\" is not listed under uses", f->what);
		break;
	case FROM_ENV:
		if (!absolute_ok(f->what))
			return conf_error(at, "from", err,
			    "\"%s\" is not an absolute path", f->what);
		break;
	case FROM_RECIPE:
		if (!recipe_tree_find(r, f->what))
			return conf_error(at, "from", err,
			    "no file \"%s\" in the recipe's folder", f->what);
		break;
	case FROM_DIR:
		if (f->what[0])
			return conf_error(at, "from", err, "dir: stands alone");
		break;
	case FROM_LINK:
		if (!path_ok(f->what + (f->what[0] == '/')) &&
		    strncmp(f->what, "../", 3) != 0)
			return conf_error(at, "from", err,
			    "\"%s\" cannot be a link's target", f->what);
		for (const char *c = f->what; *c; c++)
			if (strchr(" \t\"'\\", *c))
				return conf_error(at, "from", err,
				    "\"%s\" cannot be a link's target",
				    f->what);
		break;
	}
	return 0;
}

static bool
mode_ok(const char *mode)
{
	return strlen(mode) == 4 && mode[0] == '0' &&
	       strspn(mode, "01234567") == 4;
}

static int
read_files(const struct conf_node *image, struct recipe *r, struct err *err)
{
	size_t n = conf_count(image, "files");

	r->files = mem_zero(n + 1, sizeof(*r->files));
	for (size_t i = 0; i < n; i++) {
		const struct conf_node *at = conf_at(image, "files", i, NULL);
		struct image_file *f = &r->files[i];

		f->path = recipe_arch_text(r, conf_str(at, "path", ""));
		f->from = recipe_arch_text(r, conf_str(at, "from", ""));
		if (!absolute_ok(f->path))
			return conf_error(at, "path", err,
			    "\"%s\" is not an absolute path of plain names",
			    f->path);
		for (size_t k = 0; k < i; k++)
			if (strcmp(r->files[k].path, f->path) == 0)
				return conf_error(
				    at, "path", err, "%s comes twice", f->path);
		if (check_from(at, r, f, err) == -1)
			return -1;
		f->mode =
		    conf_str(at, "mode", f->type == FROM_DIR ? "0755" : "0644");
		if (!mode_ok(f->mode))
			return conf_error(at, "mode", err,
			    "\"%s\" is not \"0000\" to \"0777\"", f->mode);
		if (f->type == FROM_LINK && conf_has(at, "mode"))
			return conf_error(
			    at, "mode", err, "a link has no mode");
		r->nfiles = i + 1;
	}
	return 0;
}

static int
read_script(const struct conf_node *build, struct recipe *r, struct err *err)
{
	r->script = conf_str(build, "script", "");
	if (!recipe_tree_find(r, r->script))
		return conf_error(build, "script", err,
		    "no file \"%s\" in the recipe's folder", r->script);
	return 0;
}

/* What somebody has to lay there first: asked when all else is right. */
static int
check_laid(const struct conf_node *root, struct recipe *r, struct err *err)
{
	const struct conf_node *build = conf_map(root, "build");

	for (size_t i = 0; build && i < conf_count(build, "files"); i++) {
		const char *file = conf_str_at(build, "files", i);

		if (recipe_tree_find(r, file))
			continue;
		r->lacking = true;
		return conf_error(build, "files", err,
		    "no file \"%s\" in the recipe's folder: its"
		    " README says where it comes from",
		    file);
	}
	return 0;
}

/* What is published as the build left it, without an image. */
static int
check_alone(
    const struct conf_node *root, const struct recipe *r, struct err *err)
{
	bool solo5 = r->kind == RECIPE_SOLO5;

	if (!r->has_build || r->has_image)
		return conf_error(root, NULL, err,
		    "%s has build: and no image:",
		    solo5 ? "a unikernel" : "an agent");
	if (r->outputs.n != 1)
		return conf_error(root, "outputs", err, "%s",
		    solo5 ? "a unikernel has one output: its ELF file"
			  : "an agent has one output: both its programs in a "
			    "file");
	/* Whatever else a unikernel cannot do depends on the router. */
	if (solo5 && strcmp(r->handover, handovers[1]) == 0)
		return conf_error(root, "handover", err,
		    "a unikernel cannot hand its state over");
	if (solo5 && r->configure)
		return conf_error(root, "configure", err,
		    "a unikernel runs no program: it reads its config from "
		    "the block device \"config\"");
	return 0;
}

static int
read_stages(const struct conf_node *root, struct recipe *r, struct err *err)
{
	const struct conf_node *build = conf_map(root, "build");
	const struct conf_node *image = conf_map(root, "image");
	bool kernel = r->kind == RECIPE_KERNEL;

	r->has_build = build != NULL;
	r->has_image = image && !kernel;
	if (build && (r->kind == RECIPE_REPACK || r->kind == RECIPE_IMAGE))
		return conf_error(root, "build", err,
		    "a recipe of kind %s builds nothing", kinds[r->kind]);
	if (!build && !image)
		return conf_error(
		    root, NULL, err, "neither build nor image: nothing to do");
	if (!build && r->outputs.n)
		return conf_error(
		    root, "outputs", err, "outputs without build");
	if (build) {
		if (r->outputs.n == 0)
			return conf_error(root, "build", err,
			    "needs outputs: what the script leaves in /out");
		if (read_strs(build, "packages", recipe_arch_package_ok,
			&r->packages[STAGE_BUILD], err) == -1)
			return -1;
		recipe_arch_packages(r);
		if (recipe_arch_cross(build, r, err) == -1)
			return -1;
		if (read_script(build, r, err) == -1)
			return -1;
	}
	if (r->kind == RECIPE_AGENT || r->kind == RECIPE_SOLO5)
		return check_alone(root, r, err);
	if (!image)
		return kernel ? conf_error(root, NULL, err,
				    "a kernel needs image: with machine and"
				    " cmdline")
			      : 0;
	recipe_arch_machine(image, r);
	if (kernel) {
		if (!r->machine || !r->cmdline || conf_has(image, "files") ||
		    conf_has(image, "packages"))
			return conf_error(root, "image", err,
			    "a kernel's image has machine and cmdline only");
		if (r->outputs.n != 2 || !strs_has(&r->outputs, "vmlinuz") ||
		    !strs_has(&r->outputs, "initrd"))
			return conf_error(root, "outputs", err,
			    "a kernel has the outputs vmlinuz and initrd");
		return 0;
	}
	if (r->machine || r->cmdline)
		return conf_error(image, r->machine ? "machine" : "cmdline",
		    err, "only for a recipe of kind kernel");
	if (conf_count(image, "files") == 0)
		return conf_error(root, "image", err, "needs files");
	if (read_strs(image, "packages", name_ok, &r->packages[STAGE_IMAGE],
		err) == -1)
		return -1;
	recipe_arch_image(r);
	return read_files(image, r, err);
}

static void
read_budget(const struct conf_node *root, struct recipe *r)
{
	const struct conf_node *b = conf_map(root, "budget");

	r->budget.memory = b ? conf_int(b, "memory", 2 * GIB) : 2 * GIB;
	r->budget.wall = b ? conf_int(b, "wall", 1800) : 1800;
	r->budget.log = b ? conf_int(b, "log", 16 * MIB) : 16 * MIB;
	r->budget.output = b ? conf_int(b, "output", 256 * MIB) : 256 * MIB;
	r->budget.image = b ? conf_int(b, "image", 0) : 0;
}

static int
read_upstream(const struct conf_node *root, struct recipe *r, struct err *err)
{
	const char *word = conf_str(root, "upstream", NULL);

	r->upstream = word ? recipe_arch_text(r, word) : NULL;
	if (!word || name_ok(r->upstream))
		return 0;
	return conf_error(
	    root, "upstream", err, "\"%s\" is not allowed here", word);
}

static int
read_all(const struct conf_node *root, struct recipe *r, struct err *err)
{
	const char *name = conf_str(root, "name", "");

	if (strcmp(name, r->folder) != 0)
		return conf_error(root, "name", err,
		    "\"%s\" is not the folder's name, %s", name, r->folder);
	if (strcmp(name, PLAN_OWN) == 0)
		return conf_error(root, "name", err,
		    "\"%s\" is what a plan calls its own recipe", name);
	r->kind = (enum recipe_kind)conf_enum(root, "kind", 0);
	r->summary = conf_str(root, "summary", "");
	r->clock = conf_int(root, "clock", CLOCK_DEFAULT);
	r->handover = handovers[conf_enum(root, "handover", 0)];
	r->memory = conf_int(root, "memory", 0);
	r->configure = conf_str(root, "configure", NULL);
	if (r->clock < 315532800)
		return conf_error(
		    root, "clock", err, "before 1980 some formats cannot say");
	if (r->configure && !absolute_ok(r->configure))
		return conf_error(
		    root, "configure", err, "not an absolute path");
	if (read_strs(root, "arch", recipe_arch_ok, &r->arches, err) == -1 ||
	    recipe_arch_choose(root, r, err) == -1 ||
	    read_upstream(root, r, err) == -1 ||
	    read_strs(root, "suites", name_ok, &r->suites, err) == -1 ||
	    recipe_sources_read(root, r, err) == -1 ||
	    read_strs(root, "outputs", name_ok, &r->outputs, err) == -1 ||
	    read_strs(root, "needs", interface_ok, &r->needs, err) == -1 ||
	    read_strs(root, "provides", interface_ok, &r->provides, err) ==
		-1 ||
	    read_strs(root, "ports", port_ok, &r->ports, err) == -1 ||
	    read_uses(root, r, err) == -1 || read_stages(root, r, err) == -1 ||
	    recipe_probes_check(root, r, err) == -1)
		return -1;
	if (recipe_is_service(r) && r->memory == 0)
		return conf_error(
		    root, NULL, err, "needs memory: how much the guest gets");
	if (recipe_volumes_check(root, r, err) == -1 ||
	    recipe_config_check(root, r, err) == -1)
		return -1;
	read_budget(root, r);
	return check_laid(root, r, err);
}

int
recipe_read(int dirfd, struct recipe *r, struct err *err)
{
	auto_free char *shown = mem_printf("%s/recipe.yaml", r->folder);

	r->conf = conf_read_at(dirfd, "recipe.yaml", shown, keys, err);
	return r->conf ? read_all(conf_root(r->conf), r, err) : -1;
}

int
recipe_read_text(const void *text, size_t n, struct recipe *r, struct err *err)
{
	auto_free char *shown = mem_printf("%s/recipe.yaml", r->folder);

	r->conf = conf_parse(shown, text, n, keys, err);
	return r->conf ? read_all(conf_root(r->conf), r, err) : -1;
}

void
recipe_read_release(struct recipe *r)
{
	struct strs *all[] = { &r->arches, &r->suites, &r->sources, &r->outputs,
		&r->needs, &r->provides, &r->ports, &r->packages[STAGE_BUILD],
		&r->packages[STAGE_IMAGE] };

	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		free(all[i]->v);
	recipe_sources_release(r);
	for (size_t i = 0; i < r->nuses; i++)
		free(r->uses[i].outputs.v);
	for (size_t i = 0; i < r->nmade; i++)
		free(r->made[i]);
	free(r->made);
	free(r->uses);
	free(r->files);
	conf_free(r->conf);
}

int
recipe_check_uses(
    const struct recipes *all, const struct recipe *r, struct err *err)
{
	for (size_t i = 0; i < r->nuses; i++) {
		const struct conf_node *at =
		    conf_at(conf_root(r->conf), "uses", i, NULL);
		const struct recipe *used = recipes_find(all, r->uses[i].from);

		if (!used)
			return conf_error(at, "recipe", err,
			    "there is no recipe \"%s\"", r->uses[i].recipe);
		if (used == r)
			return conf_error(
			    at, "recipe", err, "a recipe cannot use itself");
		/* A broken one holds us anyway, by its own mistake. */
		if (used->error && !used->lacking)
			continue;
		if (!used->error && !recipe_arch_fits(r, used))
			return conf_error(at, "recipe", err,
			    "%s is not built for %s: its recipe.yaml would say"
			    " arch: [%s, %s]",
			    used->name, r->arch, used->arch, r->arch);
		for (size_t k = 0; k < r->uses[i].outputs.n; k++)
			if (!strs_has(&used->outputs, r->uses[i].outputs.v[k]))
				return conf_error(at, "outputs", err,
				    "\"%s\" is no output of %s",
				    r->uses[i].outputs.v[k], used->name);
	}
	return 0;
}
