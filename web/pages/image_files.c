#include "web/pages/image_files.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/fdio.h"
#include "lib/hash.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"
#include "lib/store.h"
#include "web/chart.h"
#include "web/model.h"
#include "web/pages/image_env.h"
#include "web/view.h"

/* --- what is known ---------------------------------------------------------*/

int64_t
image_stored_size(struct web *w, const char *hex)
{
	char path[STORE_PATH];
	struct err ignored = ERR_INIT;
	struct stat st;
	struct hash h;
	auto_fd int fd = -1;

	if (!hash_parse(&h, hex))
		return -1;
	store_path(&h, path);
	fd = file_open_at(w->store, path, O_RDONLY, 0, &ignored);
	return fd != -1 && fstat(fd, &st) == 0 ? st.st_size : -1;
}

/* Its digest among those that the plan names, "" if it is not there. */
static const char *
used(const json_t *plan, const char *recipe, const char *output)
{
	const json_t *u;
	size_t i;

	json_array_foreach(json_object_get(plan, "uses"), i, u)
	{
		const char *r = m_str(u, "recipe");

		/* Version 1 names the recipe itself, version 2 says "self". */
		if (strcmp(m_str(u, "output"), output) == 0 &&
		    (strcmp(r, recipe) == 0 ||
			(strcmp(r, "self") == 0 &&
			    strcmp(recipe, m_str(plan, "recipe")) == 0) ||
			(recipe[0] == '\0' &&
			    (strcmp(r, "self") == 0 ||
				strcmp(r, m_str(plan, "recipe")) == 0))))
			return m_str(u, "sha256");
	}
	return "";
}

static const char *
recipe_file(const json_t *plan, const char *path)
{
	const json_t *f;
	size_t i;

	json_array_foreach(json_object_get(plan, "tree"), i, f)
	{
		if (strcmp(m_str(f, "path"), path) == 0)
			return m_str(f, "sha256");
	}
	return "";
}

json_t *
image_files(struct web *w, const char *plan_hex)
{
	auto_json json_t *plan = model_record(w, plan_hex);
	json_t *out = json_array();
	const json_t *f;
	size_t i;

	json_array_foreach(json_object_get(plan, "files"), i, f)
	{
		const char *from = m_str(f, "from"), *hex = "", *slash;
		auto_free char *origin = NULL;
		const json_t *package;
		int64_t size = -1;
		json_t *one;

		if (strncmp(from, "output:", 7) == 0) {
			hex = used(plan, "", from + 7);
			origin = mem_str("this recipe");
		} else if (strncmp(from, "use:", 4) == 0 &&
			   (slash = strchr(from + 4, '/')) != NULL) {
			origin = mem_strn(from + 4, (size_t)(slash - from) - 4);
			hex = used(plan, origin, slash + 1);
		} else if (strncmp(from, "recipe:", 7) == 0) {
			hex = recipe_file(plan, from + 7);
			origin = mem_str("recipe's files");
		} else if (strncmp(from, "env:", 4) == 0) {
			package = image_env_find(w,
			    json_object_get(plan, "packages"), from + 4, &size);
			origin = mem_str(package ? m_str(package, "name")
						 : "Debian packages");
		} else {
			continue; /* folders and links are no bytes */
		}
		one = json_object();
		js_set_str(one, "path", m_str(f, "path"));
		js_set_str(one, "from", from);
		js_set_str(one, "origin", origin);
		js_set_str(one, "sha256", hex);
		js_set_int(
		    one, "size", hex[0] ? image_stored_size(w, hex) : size);
		json_array_append_new(out, one);
	}
	return out;
}

/* --- what is shown ---------------------------------------------------------*/

#define COLOURS 7 /* the eighth is the file system's */
#define TITLE_MAX 80

/* Where it comes from: {origin: {files, bytes, colour}}, in order of first
 * sight. */
static json_t *
by_origin(const json_t *files)
{
	json_t *all = json_object();
	const json_t *f;
	size_t i;

	json_array_foreach(files, i, f)
	{
		const char *origin = m_str(f, "origin");
		json_t *o = json_object_get(all, origin);

		if (o == NULL) {
			o = json_object();
			js_set_int(o, "colour",
			    (int64_t)(json_object_size(all) % COLOURS));
			js_set(all, origin, o);
		}
		js_set_int(o, "files", m_int(o, "files") + 1);
		if (m_int(f, "size") > 0)
			js_set_int(
			    o, "bytes", m_int(o, "bytes") + m_int(f, "size"));
	}
	return all;
}

static void
view_origins(struct html *h, json_t *origins)
{
	const char *name;
	json_t *o;

	html_open(h, "ul", "class", "legend", NULL);
	json_object_foreach(origins, name, o)
	{
		char cls[16];

		snprintf(cls, sizeof(cls), "swatch m%d",
		    (int)m_int(o, "colour") % COLOURS);
		html_open(h, "li", NULL);
		html_element(h, "span", NULL, "class", cls, NULL);
		html_element(h, "b", name, NULL);
		html_textf(h, " %lld %s, ", (long long)m_int(o, "files"),
		    m_int(o, "files") == 1 ? "file" : "files");
		view_size(h, m_int(o, "bytes"));
		html_close(h, "li");
	}
	html_close(h, "ul");
}

static int
larger_first(const void *a, const void *b)
{
	const struct chart_box *x = a, *y = b;

	return (x->value < y->value) - (x->value > y->value);
}

/* A box for each file, and one for the smallest that have no room. */
static void
view_map(
    struct html *h, const json_t *files, const json_t *origins, int64_t size)
{
	size_t i, n = 0, total = json_array_size(files);
	auto_free struct chart_box *v = mem_zero(total + 2, sizeof(*v));
	auto_free char *hrefs = mem_zero(total + 1, TITLE_MAX);
	auto_free char *rest = NULL;
	int64_t known = 0;
	const json_t *f;

	json_array_foreach(files, i, f)
	{
		const char *hex = m_str(f, "sha256");
		const char *origin = m_str(f, "origin");
		char *href = hrefs + i * TITLE_MAX;

		if (m_int(f, "size") <= 0)
			continue;
		known += m_int(f, "size");
		snprintf(href, TITLE_MAX, "/image/%s", hex);
		v[n++] = (struct chart_box){ .name = m_str(f, "path"),
			.sub = origin,
			.href = hex[0] ? href : NULL,
			.value = m_int(f, "size"),
			.group = (unsigned)m_int(
			    json_object_get(origins, origin), "colour") };
	}
	qsort(v, n, sizeof(*v), larger_first);
	if (n > CHART_BOXES - 2) {
		struct chart_box *last = &v[CHART_BOXES - 2];

		rest = mem_printf("%zu smaller files", n - (CHART_BOXES - 2));
		for (i = CHART_BOXES - 1; i < n; i++)
			last->value += v[i].value;
		*last = (struct chart_box){
			.name = rest, .value = last->value, .group = COLOURS
		};
		n = CHART_BOXES - 1;
	}
	if (size > known)
		v[n++] = (struct chart_box){ .name = "file system",
			.sub = "and what the plan cannot size",
			.value = size - known,
			.group = COLOURS };
	chart_map(h,
	    "Every byte that a router has to trust for this service, by file; "
	    "colours are where it comes from",
	    v, n, num_add_size);
}

void
image_map_view(struct html *h, const char *title, const char *id,
    const json_t *files, int64_t size)
{
	static const char *const head[] = { "file", "from", "digest", "#size",
		NULL };
	auto_json json_t *origins = by_origin(files);
	const json_t *f;
	size_t i;

	if (json_array_size(files) == 0)
		return;
	view_section(h, title, id);
	view_map(h, files, origins, size);
	view_origins(h, origins);
	html_open(h, "details", NULL);
	html_element(h, "summary", "the same as a table", NULL);
	view_table(h, "Files of the image", head);
	json_array_foreach(files, i, f)
	{
		html_open(h, "tr", NULL);
		html_open(h, "td", NULL);
		html_element(h, "code", m_str(f, "path"), NULL);
		html_close(h, "td");
		view_td(h, m_str(f, "origin"));
		html_open(h, "td", NULL);
		if (m_str(f, "sha256")[0])
			view_artifact(h, m_str(f, "sha256"));
		html_close(h, "td");
		html_open(h, "td", "class", "number", NULL);
		if (m_int(f, "size") >= 0)
			view_size(h, m_int(f, "size"));
		html_close(h, "td");
		html_close(h, "tr");
	}
	view_table_end(h);
	html_close(h, "details");
	view_section_end(h);
}
