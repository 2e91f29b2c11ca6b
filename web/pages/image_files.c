#include "web/pages/image_files.h"

#include <fcntl.h>
#include <stdio.h>
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
			origin = mem_str("Debian packages");
		} else {
			continue; /* folders and links are no bytes */
		}
		one = json_object();
		js_set_str(one, "path", m_str(f, "path"));
		js_set_str(one, "from", from);
		js_set_str(one, "origin", origin);
		js_set_str(one, "sha256", hex);
		js_set_int(one, "size", image_stored_size(w, hex));
		json_array_append_new(out, one);
	}
	return out;
}

/* --- what is shown ---------------------------------------------------------*/

void
image_map_view(struct html *h, const char *title, const char *id,
    const json_t *files, int64_t size)
{
	static const char *const head[] = { "file", "from", "digest", "#size",
		NULL };
	const json_t *f;
	auto_json json_t *groups = json_object();
	struct chart_box boxes[CHART_BOXES];
	char hrefs[CHART_BOXES][80];
	int64_t known = 0;
	size_t i, n = 0;

	if (json_array_size(files) == 0)
		return;
	json_array_foreach(files, i, f)
	{
		const char *origin = m_str(f, "origin");

		if (m_int(f, "size") > 0)
			known += m_int(f, "size");
		if (m_int(f, "size") <= 0 || n + 1 >= CHART_BOXES)
			continue;
		if (json_object_get(groups, origin) == NULL)
			js_set_int(
			    groups, origin, (int64_t)json_object_size(groups));
		snprintf(hrefs[n], sizeof(hrefs[n]), "/image/%s",
		    m_str(f, "sha256"));
		boxes[n] = (struct chart_box){ .name = m_str(f, "path"),
			.sub = origin,
			.href = hrefs[n],
			.value = m_int(f, "size"),
			.group = (unsigned)m_int(groups, origin) };
		n++;
	}
	if (size > known)
		boxes[n++] = (struct chart_box){ .name = "file system",
			.sub = "and what the plan cannot size",
			.value = size - known,
			.group = 7 };
	view_section(h, title, id);
	chart_map(h,
	    "Every byte that a router has to trust for this service, by file; "
	    "colours are where it comes from",
	    boxes, n, num_add_size);
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
