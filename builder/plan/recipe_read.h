/* recipe.yaml: from the checked tree of keys to a struct recipe. */
#ifndef KILN_RECIPE_READ_H
#define KILN_RECIPE_READ_H

#include "builder/plan/recipe.h"

/* `dirfd`: the recipe's folder, whose tree was read before.  Keeps the conf
 * in the recipe.  ERR_INPUT: "NAME/recipe.yaml:LINE:COLUMN: …". */
int recipe_read(int dirfd, struct recipe *, struct err *) KILN_MUST;
/* The same of the text alone. */
int recipe_read_text(
    const void *, size_t, struct recipe *, struct err *) KILN_MUST;
void recipe_read_release(struct recipe *);
/* Of a probe; and whether the image has what they ask for. */
extern const struct conf_key recipe_probe_keys[];
int recipe_probes_check(const struct conf_node *root, const struct recipe *,
    struct err *) KILN_MUST;
/* Its `volumes`, once `handover` is known. */
int recipe_volumes_check(const struct conf_node *root, const struct recipe *,
    struct err *) KILN_MUST;
int recipe_config_check(const struct conf_node *root, const struct recipe *,
    struct err *) KILN_MUST;
/* recipe_arch.c: what another architecture than the machine's changes. */
extern const struct conf_key recipe_cross_keys[], recipe_machine_keys[];
bool recipe_arch_ok(const char *word);
/* By `arches`: sets `arch` unless it is given, and then `on`. */
int recipe_arch_choose(
    const struct conf_node *root, struct recipe *, struct err *) KILN_MUST;
/* "NAME", of which a part may be "{arch}" … */
bool recipe_arch_package_ok(const char *word);
/* … which is replaced in the packages of the build. */
void recipe_arch_packages(struct recipe *);
/* Those of a kernel's image. */
void recipe_arch_machine(const struct conf_node *image, struct recipe *);
/* Adds build.cross to the packages of the build … */
int recipe_arch_cross(
    const struct conf_node *build, struct recipe *, struct err *) KILN_MUST;
/* … and qualifies those that an image takes its files from. */
void recipe_arch_image(struct recipe *);
/* With {triplet} and {loader} replaced; lives as long as the recipe. */
const char *recipe_arch_text(struct recipe *, const char *);
/* "FOLDER.ARCH" */
char *recipe_arch_name(const char *folder, const char *arch) KILN_MUST;
/* Whose outputs NAME means where something is built for `arch` on `on`: what
 * `find` knows as "NAME.ARCH", those for its own architecture, or else as
 * NAME.  On the machine's own (`on` is NULL) it is NAME. */
typedef const void *recipe_arch_find(const void *all, const char *name);
const void *recipe_arch_used(const char *name, const char *arch, const char *on,
    recipe_arch_find *, const void *all) KILN_MUST;
/* Sets where `uses` come from, as far as there is such a recipe. */
void recipe_arch_resolve(const struct recipes *, struct recipe *);
/* Are the outputs of the second for the first's architecture? */
bool recipe_arch_fits(const struct recipe *, const struct recipe *used);
/* Checks that `uses` name recipes and outputs that exist. */
int recipe_check_uses(
    const struct recipes *, const struct recipe *, struct err *) KILN_MUST;

#endif
