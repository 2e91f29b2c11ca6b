/* A configuration against a table with a key of every type. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "lib/conf.h"
#include "lib/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static const char *const words[] = { "kvm", "tcg", "auto", NULL };

static const struct conf_key inner[] = {
	{ "name", CONF_NAME, true, 0, 0, NULL, NULL },
	{ "port", CONF_INT, false, 1, 65535, NULL, NULL },
	{ NULL, CONF_STR, false, 0, 0, NULL, NULL },
};

static const struct conf_key keys[] = {
	{ "text", CONF_STR, false, 0, 40, NULL, NULL },
	{ "name", CONF_NAME, false, 0, 0, NULL, NULL },
	{ "number", CONF_INT, false, -5, 1000, NULL, NULL },
	{ "size", CONF_SIZE, false, 0, 1 << 30, NULL, NULL },
	{ "every", CONF_DURATION, false, 0, 0, NULL, NULL },
	{ "demo", CONF_BOOL, false, 0, 0, NULL, NULL },
	{ "accel", CONF_ENUM, false, 0, 0, words, NULL },
	{ "clock", CONF_DATE, false, 0, 0, NULL, NULL },
	{ "list", CONF_STRS, false, 0, 4, NULL, NULL },
	{ "choice", CONF_STRS, false, 0, 0, words, NULL },
	{ "one", CONF_MAP, false, 0, 0, NULL, inner },
	{ "many", CONF_SEQ, false, 0, 3, NULL, inner },
	{ "named", CONF_DICT, false, 0, 0, NULL, inner },
	{ "free", CONF_FREE, false, 0, 0, NULL, NULL },
	{ NULL, CONF_STR, false, 0, 0, NULL, NULL },
};

/* Every way of asking, for what is there and for what is not. */
static void
look(const struct conf_node *node, const struct conf_key *table)
{
	for (const struct conf_key *k = table; k->name; k++) {
		auto_json json_t *j = conf_json(node, k->name);
		struct err err = ERR_INIT;

		if (conf_has(node, k->name) != (j != NULL))
			abort();
		if (conf_error(node, k->name, &err, "asked") != -1)
			abort();
		switch (k->type) {
		case CONF_MAP:
			if (conf_map(node, k->name))
				look(conf_map(node, k->name), k->sub);
			break;
		case CONF_SEQ:
		case CONF_DICT:
			for (size_t i = 0; i < conf_count(node, k->name); i++) {
				const char *key;

				look(conf_at(node, k->name, i, &key), k->sub);
			}
			break;
		case CONF_STRS:
			for (size_t i = 0; i < conf_count(node, k->name); i++)
				if (!conf_str_at(node, k->name, i))
					abort();
			break;
		default:
			break;
		}
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct err err = ERR_INIT;
	auto_conf struct conf *c = conf_parse("fuzz.yaml", data, n, keys, &err);

	if (c)
		look(conf_root(c), keys);
	return 0;
}
