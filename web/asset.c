#include "web/asset.h"

#include <string.h>

#include "lib/hash.h"
#include "web/hot.h"

/* The assembler reads the file at build time, relative to the top. */
#define ASSET(symbol, path)                                                  \
	__asm__(".section .rodata\n.global " #symbol "\n" #symbol            \
		":\n.incbin \"" path "\"\n.global " #symbol "_end\n" #symbol \
		"_end:\n.previous\n");                                       \
	extern const char symbol[], symbol##_end[]

ASSET(asset_style, "web/static/style.css");
ASSET(asset_script, "web/static/kiln.js");
ASSET(asset_icon, "web/static/kiln.svg");
ASSET(asset_api, "web/static/openapi.json");

static const struct {
	const char *name, *type;
	const char *begin, *end;
} assets[] = {
#define OPENAPI 0
	{ "openapi.json", "application/json", asset_api, asset_api_end },
	{ "style.css", "text/css; charset=utf-8", asset_style,
	    asset_style_end },
	{ "kiln.js", "text/javascript; charset=utf-8", asset_script,
	    asset_script_end },
	{ "kiln.svg", "image/svg+xml", asset_icon, asset_icon_end },
};

static struct hot hot[ARRAY_LEN(assets)];

static void
give(struct reply *re, size_t i)
{
	size_t n = (size_t)(assets[i].end - assets[i].begin);
	struct hash h;

	re->type = assets[i].type;
	re->cache = "no-cache";
	if (hot[i].form[HOT_PLAIN].whole == NULL) {
		hash_bytes(&h, assets[i].begin, n);
		hash_hex(&h, hot[i].digest);
		hot_make(&hot[i], assets[i].begin, n, re);
	}
	re->hot = &hot[i];
}

void
asset_free(void)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(assets); i++)
		hot_release(&hot[i]);
}

void
asset_openapi(struct req *req, struct reply *re)
{
	(void)req;
	give(re, OPENAPI);
}

void
asset_reply(struct req *req, struct reply *re)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(assets); i++)
		if (strcmp(assets[i].name, req->part[0]) == 0)
			break;
	if (i == ARRAY_LEN(assets)) {
		reply_error(req, re, 404, "missing", "no such file");
		return;
	}
	give(re, i);
}
