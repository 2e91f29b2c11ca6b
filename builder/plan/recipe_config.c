/* What a service's configuration may say: as a recipe has it, and as it enters
 * a release. */
#include "builder/plan/recipe.h"
#include "builder/plan/recipe_read.h"
#include "lib/conf.h"
#include "lib/conf_schema.h"
#include "lib/json.h"
#include "lib/own.h"

int
recipe_config_check(
    const struct conf_node *root, const struct recipe *r, struct err *err)
{
	auto_json json_t *config = recipe_config(r);
	auto_buf struct buf text = BUF_INIT;
	struct err why = ERR_INIT;

	if (!config)
		return 0;
	if (!r->configure && r->kind != RECIPE_SOLO5)
		return conf_error(root, "config", err,
		    "there is no configure program that would read it");
	if (conf_schema_text(config, &text, &why) == -1)
		return conf_error(root, "config", err, "%s", why.msg);
	return 0;
}

json_t *
recipe_config(const struct recipe *r)
{
	return conf_json(conf_root(r->conf), "config");
}
