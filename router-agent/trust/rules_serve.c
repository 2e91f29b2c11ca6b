/* What an image's metadata says that it listens on, keeps, and can be told. */
#include <string.h>

#include "lib/json.h"
#include "router-agent/trust/judge.h"

static int
take_ports(struct judge *j, const json_t *custom, struct set_service *v)
{
	const json_t *list = json_object_get(custom, "ports");

	if (json_array_size(list) > SET_PORTS)
		return refuse(
		    j, "unsupported", "%s: over %d ports", v->name, SET_PORTS);
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *s = json_string_value(json_array_get(list, i));

		if (!s || !set_port_of(s, &v->ports[v->nports]))
			return refuse(
			    j, "metadata", "%s: a port that is none", v->name);
		v->nports++;
	}
	return 0;
}

static int
take_volume(
    struct judge *j, const char *what, const json_t *o, struct set_volume *w)
{
	static const char *const keys[] = { "name", "path", "size", NULL };

	if (js_only(what, o, keys, j->err) == -1)
		return refuse(j, "unsupported",
		    "%s: a volume with keys this agent does not know", what);
	if (TAKE_TEXT(j, what, o, "name", w->name) == -1 ||
	    TAKE_TEXT(j, what, o, "path", w->path) == -1)
		return -1;
	if (js_int(what, o, "size", SET_VOLUME_MIN, SET_VOLUME_MAX, &w->size,
		j->err) == -1)
		return refuse(
		    j, "metadata", "%s: a volume of no sensible size", what);
	return 0;
}

/* Images made before recipes said it have none. */
static int
take_config(struct judge *j, const json_t *custom, struct set_service *v)
{
	const json_t *map = json_object_get(custom, "config");
	auto_buf struct buf text = BUF_INIT;

	if (!map)
		return 0;
	if (conf_schema_text(map, &text, j->err) == -1)
		return refuse(j, "unsupported",
		    "%s: its configuration has a form that this agent does not "
		    "know",
		    v->name);
	memcpy(v->config, text.data, text.len + 1);
	return 0;
}

int
take_serves(struct judge *j, const json_t *custom, struct set_service *v)
{
	const json_t *list = json_object_get(custom, "volumes");

	if (take_ports(j, custom, v) == -1 || take_config(j, custom, v) == -1)
		return -1;
	if (json_array_size(list) > SET_VOLUMES)
		return refuse(j, "unsupported", "%s: over %d volumes", v->name,
		    SET_VOLUMES);
	for (size_t i = 0; i < json_array_size(list); i++) {
		if (take_volume(j, v->name, json_array_get(list, i),
			&v->volumes[i]) == -1)
			return -1;
		v->nvolumes++;
	}
	/* Two of them would write one state. */
	if (v->nvolumes > 0 && v->handover == HANDOVER_PARALLEL)
		return refuse(j, "metadata",
		    "%s has volumes and is handed over in parallel", v->name);
	return 0;
}
