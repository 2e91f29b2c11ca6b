/* Volumes: what may be asked for, and as they enter a release. */
#include <string.h>

#include "builder/plan/recipe.h"
#include "builder/plan/recipe_read.h"
#include "lib/conf.h"
#include "lib/fdio.h"
#include "lib/json.h"

/* What a router's agent would refuse (router-agent/set.h). */
int
recipe_volumes_check(
    const struct conf_node *root, const struct recipe *r, struct err *err)
{
	size_t n = conf_count(root, "volumes");

	if (n > 0 && strcmp(r->handover, "parallel") == 0)
		return conf_error(root, "volumes", err,
		    "a service with state is handed over by handoff or "
		    "exclusive, since two machines cannot write it");
	for (size_t i = 0; i < n; i++) {
		const struct conf_node *v = conf_at(root, "volumes", i, NULL);
		const char *name = conf_str(v, "name", "");
		const char *path = conf_str(v, "path", "");

		if (path[0] != '/' || !path_ok(path + 1))
			return conf_error(
			    v, "path", err, "not an absolute path");
		if (strcmp(name, "root") == 0 || strcmp(name, "config") == 0)
			return conf_error(v, "name", err,
			    "\"%s\" is the name of another disk", name);
		if (conf_int(v, "size", 0) % 4096 != 0)
			return conf_error(
			    v, "size", err, "not a multiple of 4 KiB");
		for (size_t k = 0; k < i; k++)
			if (strcmp(conf_str(conf_at(root, "volumes", k, NULL),
				       "name", ""),
				name) == 0)
				return conf_error(v, "name", err,
				    "another volume has this name");
	}
	return 0;
}

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
