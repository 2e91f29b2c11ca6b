#include "builder/judge/buildinfo.h"

#include <string.h>

#include "builder/bake/lane.h"
#include "lib/json.h"

static void
add_environment(const struct plan *p, struct buf *out)
{
	struct lane lane;

	lane_init(&lane, 'A', VARY_NONE, NULL, p->arch, p->clock);
	buf_str(out, "Environment:\n");
	for (size_t i = 0; i < lane.nenv; i++) {
		const char *text = lane.env[i].data;
		size_t name = strcspn(text, "=");

		buf_printf(out, " %.*s=\"", (int)name, text);
		for (const char *s = text + name + 1; *s; s++) {
			if (*s == '"' || *s == '\\')
				buf_char(out, '\\');
			buf_char(out, *s);
		}
		buf_str(out, "\"\n");
	}
	lane_release(&lane);
}

int
buildinfo_make(const struct buildinfo *b, struct buf *out, struct err *err)
{
	const struct lock_packages *l =
	    b->plan->stage == STAGE_IMAGE ? &b->lock->image : &b->lock->build;
	char hex[HASH_HEX];
	const json_t *one;
	size_t i;

	buf_printf(out, "Format: 1.0\nSource: %s\nBinary:", b->recipe);
	json_array_foreach(b->outputs, i, one)
	{
		const char *name;

		if (js_str("verdict", one, "name", &name, err) == -1)
			return -1;
		buf_printf(out, " %s", name);
	}
	buf_printf(out, "\nArchitecture: %s\nVersion: %s\nChecksums-Sha256:\n",
	    b->plan->arch, b->version);
	json_array_foreach(b->outputs, i, one)
	{
		const char *name, *sha256;
		int64_t size;

		if (js_str("verdict", one, "name", &name, err) == -1 ||
		    js_str("verdict", one, "sha256", &sha256, err) == -1 ||
		    js_int("verdict", one, "size", 0, JS_INT_MAX, &size, err) ==
			-1)
			return -1;
		buf_printf(out, " %s %lld %s\n", sha256, (long long)size, name);
	}
	hash_hex(&b->plan->digest, hex);
	buf_printf(out,
	    "Build-Origin: kiln\nBuild-Architecture: %s\nBuild-Path: /build\n"
	    "Kiln-Plan: %s\nInstalled-Build-Depends:",
	    b->plan->on ? b->plan->on : b->plan->arch, hex);
	for (i = 0; i < l->n; i++)
		buf_printf(out, "%s\n %s (= %s)", i ? "," : "", l->v[i].name,
		    l->v[i].version);
	buf_char(out, '\n');
	add_environment(b->plan, out);
	return 0;
}
