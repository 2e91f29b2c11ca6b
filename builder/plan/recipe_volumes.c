/* Volumes as they enter a release: sizes in bytes. */
#include "builder/plan/recipe.h"
#include "lib/conf.h"
#include "lib/json.h"

json_t *
recipe_volumes(const struct recipe *r)
{
	const struct conf_node *root = conf_root(r->conf);
	json_t *list = json_array();

	for (size_t i = 0; i < conf_count(root, "volumes"); i++) {
		const struct conf_node *v = conf_at(root, "volumes", i, NULL);
		json_t *j = json_object();

		js_set_str(j, "name", conf_str(v, "name", ""));
		js_set_str(j, "path", conf_str(v, "path", ""));
		js_set_int(j, "size", conf_int(v, "size", 0));
		json_array_append_new(list, j);
	}
	return list;
}
