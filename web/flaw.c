#include "web/flaw.h"

#include <string.h>

#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "web/model.h"
#include "web/routers.h"

/* --- what an image holds ---------------------------------------------------*/

/* Each version once; NULL: it does not hold it, or nobody can say. */
static int
versions_in(struct web *w, const char *image, const char *package, json_t **out,
    struct err *err)
{
	static const char sql[] =
	    "SELECT digest FROM document WHERE subject = ?1 AND format ="
	    " 'spdx'";
	auto_stmt struct stmt *q = db_stmt(w->farm, sql);
	auto_json json_t *sbom = NULL, *seen = json_object();
	const char *version;
	json_t *p, *v;
	size_t i;
	int got;

	*out = NULL;
	stmt_bind_str(q, 1, image);
	if ((got = stmt_step(q, err)) != 1)
		return got;
	sbom = model_record(w, stmt_str(q, 0));
	json_array_foreach(json_object_get(sbom, "packages"), i, p)
	{
		if (strcmp(m_str(p, "name"), package) == 0 &&
		    m_str(p, "versionInfo")[0])
			js_set(seen, m_str(p, "versionInfo"), json_true());
	}
	if (json_object_size(seen) == 0)
		return 0;
	*out = json_array();
	json_object_foreach(seen, version, v)
	    json_array_append_new(*out, json_string(version));
	return 0;
}

/* The images of a service's newest release, by kiln-tuf: {image: true}. */
static int
newest_of(struct web *w, const char *service, const char *arch, json_t *out,
    struct err *err)
{
	static const char sql[] =
	    "SELECT t.sha256 FROM release r JOIN release_target t ON"
	    " t.release = r.digest WHERE r.service = ?1 AND r.arch = ?2 AND"
	    " r.current = 1 AND r.published_at IS NOT NULL";
	auto_stmt struct stmt *q = db_stmt(w->tuf, sql);
	int got;

	stmt_bind_str(q, 1, service);
	stmt_bind_str(q, 2, arch);
	while ((got = stmt_step(q, err)) == 1)
		js_set(out, stmt_str(q, 0), json_true());
	return got;
}

/* --- a set -----------------------------------------------------------------*/

static int
add_service(json_t *set, struct web *w, const char *package,
    const char *service, const char *image, struct err *err)
{
	auto_json json_t *newest = json_object();
	json_t *versions, *others = NULL, *one;
	const char *its;
	bool same, behind;

	if (versions_in(w, image, package, &versions, err) == -1)
		return -1;
	if (versions == NULL)
		return 0;
	one = json_object();
	js_set_str(one, "service", service);
	js_set_str(one, "image", image);
	js_set(one, "versions", versions);
	json_array_append_new(json_object_get(set, "services"), one);
	if (newest_of(w, service, m_str(set, "arch"), newest, err) == -1)
		return -1;
	same = json_object_size(newest) == 0 || json_object_get(newest, image);
	its = same ? image : json_object_iter_key(json_object_iter(newest));
	if (!same && versions_in(w, its, package, &others, err) == -1)
		return -1;
	behind = !same && !json_equal(versions, others);
	js_set_str(one, "newest", its);
	js_set(one, "newest_versions",
	    same     ? json_incref(versions)
	    : others ? others
		     : json_array());
	js_set_bool(one, "behind", behind);
	if (behind)
		js_set_int(set, "behind", m_int(set, "behind") + 1);
	return 0;
}

static int
add_services(json_t *set, struct web *w, const char *package, struct err *err)
{
	const char *text = m_str(set, "bytes");
	struct err ignored = ERR_INIT;
	auto_json json_t *bytes = js_parse("set", text, strlen(text), &ignored);
	const json_t *s, *kernel = json_object_get(bytes, "kernel");
	json_t *images = json_object();
	size_t i;

	js_set(set, "images", images);
	js_set(set, "services", json_array());
	js_set_int(set, "behind", 0);
	json_object_del(set, "bytes");
	json_array_foreach(json_object_get(bytes, "services"), i, s)
	{
		js_set_str(images, m_str(s, "service"), m_str(s, "image"));
		if (add_service(set, w, package, m_str(s, "service"),
			m_str(s, "image"), err) == -1)
			return -1;
	}
	js_set_str(images, "kernel", m_str(kernel, "vmlinuz"));
	return add_service(
	    set, w, package, "kernel", m_str(kernel, "vmlinuz"), err);
}

/* Does that set have the newest image of each service that is behind here? */
static bool
mends(const json_t *from, const json_t *set)
{
	const json_t *images = json_object_get(from, "images"), *s;
	size_t i;

	if (strcmp(m_str(from, "arch"), m_str(set, "arch")) != 0 ||
	    strcmp(m_str(from, "channel"), m_str(set, "channel")) == 0 ||
	    m_int(from, "behind") > 0)
		return false;
	json_array_foreach(json_object_get(set, "services"), i, s)
	{
		if (json_is_true(json_object_get(s, "behind")) &&
		    strcmp(m_str(images, m_str(s, "service")),
			m_str(s, "image")) == 0)
			return false;
	}
	return true;
}

static void
find_act(json_t *set, const json_t *sets)
{
	const char *from = NULL;
	const json_t *o;
	size_t i;

	json_array_foreach(sets, i, o)
	{
		if (m_int(set, "behind") && from == NULL && mends(o, set))
			from = m_str(o, "channel");
	}
	js_set_str(set, "from", from);
	js_set_str(set, "why",
	    json_array_size(json_object_get(set, "services")) == 0
		? "it does not hold this package"
	    : m_int(set, "behind") == 0 ? "it holds what the newest images hold"
	    : from ? "one promotion brings the newest images"
		   : "no other channel offers the newest images yet");
}

json_t *
flaw_model(struct web *w, const char *package, struct err *err)
{
	static const char sql[] =
	    "SELECT s.channel, s.arch, s.counter, s.digest, t.bytes FROM"
	    " (SELECT channel, arch, max(counter) AS counter, digest FROM"
	    "  published_set GROUP BY channel, arch) s JOIN own_target t ON"
	    " t.digest = s.digest ORDER BY s.channel, s.arch LIMIT 50";
	static const char *const cols[] = { "channel", "arch", "#counter",
		"set", "bytes", NULL };
	auto_json json_t *m = json_object();
	json_t *sets, *s;
	int64_t n;
	size_t i;

	if (!name_ok(package) || strlen(package) > FLAW_PACKAGE_MAX) {
		err_set(err, ERR_INPUT, "package: the name of one is needed");
		return NULL;
	}
	js_set_str(m, "package", package);
	if (model_add(m, "sets", w->tuf, sql, cols, err) == -1)
		return NULL;
	sets = json_object_get(m, "sets");
	json_array_foreach(sets, i, s)
	{
		if (add_services(s, w, package, err) == -1 ||
		    (n = routers_of_set(w->web, m_str(s, "set"), err)) == -1)
			return NULL;
		js_set_int(s, "routers", n);
	}
	json_array_foreach(sets, i, s) find_act(s, sets);
	json_array_foreach(sets, i, s) json_object_del(s, "images");
	return json_incref(m);
}
