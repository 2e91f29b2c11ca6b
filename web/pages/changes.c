#include "web/pages/changes.h"

#include "web/model.h"
#include "web/view.h"

void
changes_view(struct html *h, const char *caption, const json_t *rows)
{
	static const char *const head[] = { "package", "part", "before",
		"after", "from", NULL };
	const json_t *c;
	size_t i;

	view_table(h, caption, head);
	json_array_foreach(rows, i, c)
	{
		html_open(h, "tr", NULL);
		html_open(h, "td", NULL);
		html_text(h, m_str(c, "package"));
		if (m_int(c, "security")) {
			html_text(h, " ");
			html_element(h, "span", "security", "class",
			    "chip security", NULL);
		}
		html_close(h, "td");
		view_td(h, m_str(c, "part"));
		html_open(h, "td", NULL);
		html_element(h, "code",
		    m_str(c, "old")[0] ? m_str(c, "old") : "new", NULL);
		html_close(h, "td");
		html_open(h, "td", NULL);
		html_element(h, "code",
		    m_str(c, "new")[0] ? m_str(c, "new") : "gone", NULL);
		html_close(h, "td");
		view_td(h, m_str(c, "suite"));
		html_close(h, "tr");
	}
	view_table_end(h);
}
