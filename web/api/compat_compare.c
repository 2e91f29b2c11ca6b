/*
 * GET /compare/UUID/UUID as mollymawk reads it: every member must be there.
 * As its server has it, "left_packages" holds what is only on the right.
 */
#include <stdio.h>
#include <string.h>

#include "lib/json.h"
#include "lib/own.h"
#include "web/api/compat.h"
#include "web/model.h"
#include "web/pages/pages.h"

/* name → version, of the packages that the plan names. */
static json_t *
packages(struct web *w, const struct compat_build *b)
{
	auto_json json_t *plan = model_record(w, b->plan);
	auto_json json_t *lock = model_record(w, b->lock);
	auto_json json_t *version = json_object();
	json_t *out = json_object();
	const json_t *p;
	size_t i;

	json_array_foreach(json_object_get(lock, "image"), i, p)
	    js_set_str(version, m_str(p, "sha256"), m_str(p, "version"));
	json_array_foreach(json_object_get(plan, "packages"), i, p) js_set_str(
	    out, m_str(p, "name"), m_str(version, m_str(p, "sha256")));
	return out;
}

static json_t *
only_in(const json_t *these, const json_t *not_those)
{
	json_t *out = json_array();
	const char *name;
	json_t *v;

	json_object_foreach((json_t *)(uintptr_t)these, name, v)
	{
		json_t *one;

		if (json_object_get(not_those, name))
			continue;
		one = json_object();
		js_set_str(one, "name", name);
		js_set_str(one, "version", json_string_value(v));
		json_array_append_new(out, one);
	}
	return out;
}

static json_t *
package_diff(json_t *left, json_t *right)
{
	json_t *out = json_object(), *different = json_array(), *v;
	const char *name;

	js_set(out, "left_packages", only_in(right, left));
	js_set(out, "right_packages", only_in(left, right));
	json_object_foreach(left, name, v)
	{
		const char *a = json_string_value(v);
		const char *b = json_string_value(json_object_get(right, name));
		json_t *one;

		if (b == NULL || strcmp(a, b) == 0)
			continue;
		one = json_object();
		js_set_str(one, "name", name);
		js_set_str(one, "version_left", a);
		js_set_str(one, "version_right", b);
		json_array_append_new(different, one);
	}
	js_set(out, "different_versions", different);
	return out;
}

/* Nothing of ours is made with opam. */
static json_t *
no_opam(void)
{
	json_t *o = json_object(), *d = json_object();

	js_set(o, "opam_diff", json_array());
	js_set(o, "version_diff", json_array());
	js_set(o, "only_in_left", json_array());
	js_set(o, "only_in_right", json_array());
	js_set(d, "left", json_array());
	js_set(d, "right", json_array());
	js_set(d, "detailed_diff", json_array());
	js_set(o, "duniverse_diff", d);
	return o;
}

static json_t *
side(struct web *w, const struct compat_build *b)
{
	json_t *j = compat_build_json(w, b);

	js_set_int(j, "main_binary_size", b->size);
	return j;
}

void
compat_compare(struct req *req, struct reply *re)
{
	auto_json json_t *out = json_object(), *none = json_object();
	struct compat_build a, b;
	struct err err = ERR_INIT;
	struct web *w = req->web;

	/* Our own page names runs. */
	if (!compat_is_uuid(req->part[0])) {
		page_compare(req, re);
		return;
	}
	req_readers(req);
	if (w->farm == NULL || compat_by_uuid(w, req->part[0], &a, &err) != 1 ||
	    compat_by_uuid(w, req->part[1], &b, &err) != 1) {
		reply_error(req, re, 404, "missing", "no such build");
		return;
	}
	if (!compat_wants_json(req)) {
		snprintf(re->place, sizeof(re->place), "/compare/%lld/%lld",
		    (long long)a.run, (long long)b.run);
		re->location = re->place;
		re->status = 302;
		return;
	}
	auto_json json_t *left = packages(w, &a);
	auto_json json_t *right = packages(w, &b);

	js_set(out, "left", side(w, &a));
	js_set(out, "right", side(w, &b));
	js_set(out, "env_diff", package_diff(none, none));
	js_set(out, "package_diff", package_diff(left, right));
	js_set(out, "opam_diff", no_opam());
	reply_json(re, out);
}
