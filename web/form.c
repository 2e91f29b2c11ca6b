#include "web/form.h"

#include <string.h>

static int
digit(char c)
{
	const char *all = "0123456789abcdef0123456789ABCDEF";
	const char *at = c ? strchr(all, c) : NULL;

	return at ? (int)((at - all) & 15) : -1;
}

static bool
decode(struct span s, char *out, size_t n)
{
	size_t i, o = 0;

	for (i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (c == '+') {
			c = ' ';
		} else if (c == '%') {
			if (s.n - i < 3)
				return false;
			if (digit(s.p[i + 1]) < 0 || digit(s.p[i + 2]) < 0)
				return false;
			c = (char)(digit(s.p[i + 1]) << 4 | digit(s.p[i + 2]));
			i += 2;
		}
		if (c == '\0' || o + 1 >= n)
			return false;
		out[o++] = c;
	}
	out[o] = '\0';
	return true;
}

bool
form_get(const struct buf *body, const char *name, char *out, size_t n)
{
	struct span rest = span_buf(body), field;

	while (span_next(&rest, '&', &field)) {
		struct span key;

		if (!span_next(&field, '=', &key) || !span_is(key, name))
			continue;
		return decode(field, out, n);
	}
	return false;
}
