#include "web/pages/image_with.h"

#include <stdlib.h>
#include <string.h>

#include "lib/hash.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"
#include "web/chart.h"
#include "web/model.h"
#include "web/pages/image_files.h"
#include "web/view.h"

/* --- what is known ---------------------------------------------------------*/

/* The packages of both closures, each once. */
static int
add_debian(json_t *m, struct web *w, const char *plan, struct err *err)
{
	static const char sql[] = "SELECT lock FROM plan WHERE digest = ?1";
	static const char *const parts[] = { "build", "image" };
	auto_json json_t *lock = NULL, *seen = json_object();
	json_t *out = json_object(), *p;
	int64_t bytes = 0;
	size_t i, k;
	int got;

	js_set(m, "debian", out);
	auto_stmt struct stmt *q = db_stmt(w->farm, sql);

	stmt_bind_str(q, 1, plan);
	if ((got = stmt_step(q, err)) == -1)
		return -1;
	if (got == 1)
		lock = model_record(w, stmt_str(q, 0));
	for (k = 0; k < ARRAY_LEN(parts); k++)
		json_array_foreach(json_object_get(lock, parts[k]), i, p)
		{
			if (json_object_get(seen, m_str(p, "sha256")))
				continue;
			js_set(seen, m_str(p, "sha256"), json_true());
			bytes += m_int(p, "size");
		}
	js_set_int(out, "packages", (int64_t)json_object_size(seen));
	js_set_int(out, "bytes", bytes);
	return 0;
}

static int
larger_first(const void *a, const void *b)
{
	const json_t *const *x = a, *const *y = b;
	int64_t n = m_int(*x, "bytes"), k = m_int(*y, "bytes");

	return n != k ? (n < k) - (n > k)
		      : strcmp(m_str(*x, "name"), m_str(*y, "name"));
}

/* Lines of "NAME VERSION BYTES", as the builder writes them. */
static json_t *
stock_list(const char *text)
{
	json_t *out = json_array(), **v = NULL;
	size_t n = 0, cap = 0, i;

	while (*text) {
		size_t name = strcspn(text, " \n");
		const char *version = text + name + (text[name] == ' ');
		size_t len = strcspn(version, " \n");
		json_t *one = json_object();

		js_set(one, "name", json_stringn(text, name));
		js_set(one, "version", json_stringn(version, len));
		text = version + len;
		js_set_int(one, "bytes", strtoll(text, NULL, 10));
		text += strcspn(text, "\n");
		text += *text == '\n';
		MEM_GROW(v, n, cap);
		v[n++] = one;
	}
	if (n)
		qsort(v, n, sizeof(*v), larger_first);
	for (i = 0; i < n; i++)
		json_array_append_new(out, v[i]);
	free(v);
	return out;
}

static int
add_stock(json_t *m, struct web *w, const char *plan, struct err *err)
{
	static const char sql[] =
	    "SELECT s.packages, s.bytes, s.list FROM plan p JOIN stock s ON"
	    " s.lock = p.lock WHERE p.digest = ?1 AND p.stage = 'image'";
	auto_stmt struct stmt *q = db_stmt(w->farm, sql);
	json_t *out = json_object();
	int got;

	js_set(m, "stock", out);
	stmt_bind_str(q, 1, plan);
	if ((got = stmt_step(q, err)) == -1)
		return -1;
	js_set_int(out, "packages", got ? stmt_int(q, 0) : 0);
	js_set_int(out, "bytes", got ? stmt_int(q, 1) : 0);
	js_set(out, "list", stock_list(got ? stmt_str(q, 2) : ""));
	return 0;
}

static const json_t *
file_of(const json_t *files, const char *path)
{
	const json_t *f;
	size_t i;

	json_array_foreach(files, i, f)
	{
		if (strcmp(m_str(f, "path"), path) == 0)
			return f;
	}
	return NULL;
}

static void
add_row(json_t *rows, const char *path, const json_t *here, const json_t *there)
{
	json_t *row = json_object();

	js_set_str(row, "path", path);
	js_set_int(row, "here", here ? m_int(here, "size") : -1);
	js_set_int(row, "there", there ? m_int(there, "size") : -1);
	js_set_bool(row, "same",
	    here && there &&
		strcmp(m_str(here, "sha256"), m_str(there, "sha256")) == 0);
	json_array_append_new(rows, row);
}

static json_t *
rows_of(const json_t *here, const json_t *there)
{
	json_t *rows = json_array();
	const json_t *f;
	size_t i;

	json_array_foreach(here, i, f) add_row(
	    rows, m_str(f, "path"), f, file_of(there, m_str(f, "path")));
	json_array_foreach(there, i, f)
	{
		if (file_of(here, m_str(f, "path")) == NULL)
			add_row(rows, m_str(f, "path"), NULL, f);
	}
	return rows;
}

int
image_with_add(json_t *m, struct web *w, const char *plan, const char *with,
    struct err *err)
{
	static const char sql[] =
	    "SELECT o.size, p.digest, p.recipe FROM output o JOIN run r ON"
	    " r.id = o.run JOIN plan p ON p.digest = r.plan WHERE o.digest ="
	    " ?1 AND p.stage = 'image' ORDER BY o.run DESC LIMIT 1";
	struct hash h;
	json_t *out, *files;
	int got;

	js_set(m, "with", json_null());
	if (add_debian(m, w, plan, err) == -1 ||
	    add_stock(m, w, plan, err) == -1)
		return -1;
	if (with == NULL)
		return 0;
	if (!hash_parse(&h, with))
		return err_set(err, ERR_INPUT,
		    "with: an image is named by 64 lower-case hex digits");
	auto_stmt struct stmt *q = db_stmt(w->farm, sql);

	stmt_bind_str(q, 1, with);
	if ((got = stmt_step(q, err)) == -1)
		return -1;
	if (got == 0)
		return err_set(
		    err, ERR_MISSING, "with: no image here has this digest");
	out = json_object();
	js_set(m, "with", out);
	files = image_files(w, stmt_str(q, 1));
	js_set_str(out, "digest", with);
	js_set_str(out, "recipe", stmt_str(q, 2));
	js_set_int(out, "size", stmt_int(q, 0));
	js_set(out, "files", files);
	js_set(out, "rows", rows_of(json_object_get(m, "files"), files));
	return 0;
}

/* --- what is shown ---------------------------------------------------------*/

static void
td_size(struct html *h, int64_t size)
{
	html_open(h, "td", "class", "number", NULL);
	if (size >= 0)
		view_size(h, size);
	html_close(h, "td");
}

static void
view_rows(struct html *h, const json_t *with)
{
	static const char *const head[] = { "file", "#here", "#there", "bytes",
		NULL };
	const json_t *row;
	size_t i;

	view_table(h, "File by file", head);
	json_array_foreach(json_object_get(with, "rows"), i, row)
	{
		html_open(h, "tr", NULL);
		html_open(h, "td", NULL);
		html_element(h, "code", m_str(row, "path"), NULL);
		html_close(h, "td");
		td_size(h, m_int(row, "here"));
		td_size(h, m_int(row, "there"));
		view_td(h, json_is_true(json_object_get(row, "same"))
			       ? "the same"
			       : "");
		html_close(h, "tr");
	}
	view_table_end(h);
}

/* Both at one scale: the image is a box among the packages. */
static void
view_stock(struct html *h, const json_t *m)
{
	static const char *const head[] = { "package", "version", "#installed",
		NULL };
	const json_t *stock = json_object_get(m, "stock"), *p;
	const json_t *list = json_object_get(stock, "list");
	struct chart_box v[CHART_BOXES];
	auto_free char *rest = NULL;
	int64_t smaller = 0;
	size_t i, n = 0;

	if (m_int(stock, "bytes") <= 0 ||
	    json_array_size(json_object_get(m, "files")) == 0)
		return;
	v[n++] = (struct chart_box){ .name = "image",
		.sub = m_str(m, "title"),
		.value = m_int(m, "size"),
		.group = 0 };
	json_array_foreach(list, i, p)
	{
		if (n < CHART_BOXES - 1)
			v[n++] = (struct chart_box){ .name = m_str(p, "name"),
				.sub = m_str(p, "version"),
				.value = m_int(p, "bytes"),
				.group = 7 };
		else
			smaller += m_int(p, "bytes");
	}
	if (smaller) {
		rest = mem_printf("%zu smaller packages",
		    json_array_size(list) - (CHART_BOXES - 2));
		v[n++] = (struct chart_box){
			.name = rest, .value = smaller, .group = 7
		};
	}
	view_section(h, "Beside a whole Debian", "stock");
	html_open(h, "p", "class", "lede", NULL);
	html_text(h, "The same service on a Debian of the day of its lock is ");
	html_textf(
	    h, "%lld packages and ", (long long)m_int(stock, "packages"));
	view_size(h, m_int(stock, "bytes"));
	html_text(h, "; this image is ");
	view_size(h, m_int(m, "size"));
	html_textf(h, ", 1 byte of %lld.",
	    (long long)(m_int(stock, "bytes") /
			(m_int(m, "size") ? m_int(m, "size") : 1)));
	html_close(h, "p");
	chart_map(h,
	    "This image among the packages of Priority required and important, "
	    "the service's own and what they depend on, by Installed-Size",
	    v, n, num_add_size);
	html_open(h, "details", NULL);
	html_element(h, "summary", "the same as a table", NULL);
	view_table(h, "Packages of a whole Debian", head);
	json_array_foreach(list, i, p)
	{
		html_open(h, "tr", NULL);
		html_open(h, "td", NULL);
		html_element(h, "code", m_str(p, "name"), NULL);
		html_close(h, "td");
		view_td(h, m_str(p, "version"));
		td_size(h, m_int(p, "bytes"));
		html_close(h, "tr");
	}
	view_table_end(h);
	html_close(h, "details");
	view_section_end(h);
}

void
image_with_view(struct html *h, const json_t *m)
{
	const json_t *with = json_object_get(m, "with");
	const json_t *debian = json_object_get(m, "debian");
	auto_free char *title = NULL;

	if (m_int(debian, "packages") &&
	    json_array_size(json_object_get(m, "files"))) {
		html_open(h, "p", "class", "note", NULL);
		html_text(h, "The image has ");
		view_size(h, m_int(m, "size"));
		html_textf(h,
		    ", and the Debian that it was built with %lld packages of ",
		    (long long)m_int(debian, "packages"));
		view_size(h, m_int(debian, "bytes"));
		html_text(h, ", packed.");
		html_close(h, "p");
	}
	view_stock(h, m);
	if (!json_is_object(with))
		return;
	title = mem_printf(
	    "Beside %s, %.12s", m_str(with, "recipe"), m_str(with, "digest"));
	image_map_view(h, title, "with", json_object_get(with, "files"),
	    m_int(with, "size"));
	view_section(h, "File by file", NULL);
	view_rows(h, with);
	view_section_end(h);
}
