#include "router-agent/owner/wish.h"

#include <string.h>

#include "lib/buf.h"
#include "lib/fdio.h"

#define FILE_NAME "wish"

static const char *const words[] = { NULL, "confirm", "apply", "fetch",
	"import", "previous" };

static bool
names_plan(enum wish_kind k)
{
	return k == WISH_CONFIRM || k == WISH_APPLY;
}

static bool
take_rest(struct wish *w, struct span rest)
{
	if (w->kind == WISH_NONE)
		return false;
	if (names_plan(w->kind))
		return rest.n == HASH_HEX - 1 && hash_parse(&w->plan, rest.p);
	if (w->kind != WISH_IMPORT)
		return rest.n == 0;
	if (rest.n == 0 || rest.n >= sizeof(w->folder) || rest.p[0] != '/')
		return false;
	memcpy(w->folder, rest.p, rest.n);
	w->folder[rest.n] = '\0';
	return true;
}

int
wish_read(int statefd, struct wish *w, struct err *err)
{
	auto_buf struct buf b = BUF_INIT;
	struct span rest, word = { "", 0 };
	struct wish got = { .kind = WISH_NONE };

	if (file_read_at(statefd, FILE_NAME, 2048, &b, err) == -1) {
		if (err->cls != ERR_MISSING)
			return -1;
		err_clear(err);
		*w = got;
		return 0;
	}
	if (b.len > 0 && b.data[b.len - 1] == '\n')
		b.data[--b.len] = '\0';
	rest = span_buf(&b);
	(void)!span_next(&rest, ' ', &word);
	for (int k = WISH_CONFIRM; k <= WISH_PREVIOUS; k++)
		if (span_is(word, words[k]))
			got.kind = (enum wish_kind)k;
	if (!take_rest(&got, rest))
		return err_set(err, ERR_INPUT, "%s is damaged", FILE_NAME);
	*w = got;
	return 0;
}

int
wish_write(int statefd, const struct wish *w, struct err *err)
{
	auto_buf struct buf b = BUF_INIT;
	char hex[HASH_HEX];

	hash_hex(&w->plan, hex);
	buf_str(&b, words[w->kind]);
	if (names_plan(w->kind))
		buf_printf(&b, " %s", hex);
	if (w->kind == WISH_IMPORT)
		buf_printf(&b, " %s", w->folder);
	buf_char(&b, '\n');
	return file_write_at(statefd, FILE_NAME, b.data, b.len, 0600, err);
}

int
wish_done(int statefd, struct err *err)
{
	return file_exists_at(statefd, FILE_NAME)
		   ? file_remove_at(statefd, FILE_NAME, err)
		   : 0;
}

int
wish_plan_done(int statefd, const struct hash *plan, struct err *err)
{
	struct wish w;

	if (wish_read(statefd, &w, err) == -1)
		return -1;
	if (!names_plan(w.kind) || !hash_equal(&w.plan, plan))
		return 0;
	return wish_done(statefd, err);
}
