#include "builder/judge/differ.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "builder/judge/look.h"
#include "lib/drop.h"
#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/landlock.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"
#include "lib/spawn.h"

#define SAID_MAX ((size_t)8 << 20)  /* bytes of JSON */
#define MEMORY ((rlim_t)2560 << 20) /* beside the two files */
#define FD_A 3
#define FD_B 4
#define TEXT_MAX 2000 /* of anything it says */

/* --- the child ----------------------------------------------------------- */

static int
map(int fd, struct span *out, struct err *err)
{
	int64_t size;
	void *p;

	*out = span_str("");
	if (fd_size(fd, &size, err) == -1)
		return -1;
	if (size == 0)
		return 0;
	/* The store's files never change, so that none gets shorter. */
	p = mmap(NULL, (size_t)size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (p == MAP_FAILED)
		return err_sys(err, "map a file of %" PRId64 " bytes", size);
	*out = (struct span){ p, (size_t)size };
	return 0;
}

static int
confine(struct span a, struct span b, struct err *err)
{
	struct rlimit cpu = { DIFFER_SECONDS + 5, DIFFER_SECONDS + 5 };
#ifndef KILN_ASAN /* its shadow is 16 TiB of address space */
	struct rlimit memory = { MEMORY + a.n + b.n, MEMORY + a.n + b.n };

	if (setrlimit(RLIMIT_AS, &memory) == -1)
		return err_sys(err, "limit the memory");
#else
	(void)a;
	(void)b;
#endif
	if (setrlimit(RLIMIT_CPU, &cpu) == -1)
		return err_sys(err, "limit the time");
	return 0;
}

/* What this process may do from here on: read two files, write one pipe. */
static int
give_up(struct err *err)
{
	struct rlimit none = { 0, 0 };

	if (drop_to(ROLE_DIFFER, err) == -1 ||
	    drop_syscalls(true, true, err) == -1 ||
	    landlock_only(NULL, 0, err) == -1)
		return -1;
	/* A pipe is no file that grows. */
	if (setrlimit(RLIMIT_FSIZE, &none) == -1)
		return err_sys(err, "limit the files");
	return 0;
}

static int
look_and_tell(struct err *err)
{
	struct look l = { .room = LOOK_ROOM,
		.until = time_mono_ms() + DIFFER_SECONDS * 1000 };
	auto_json json_t *j = json_object();
	auto_buf struct buf text = BUF_INIT;
	struct span a, b;

	if (map(FD_A, &a, err) == -1 || map(FD_B, &b, err) == -1 ||
	    confine(a, b, err) == -1)
		return -1;
	l.findings = json_array();
	js_set(j, "findings", l.findings);
	look_at(&l, a, b);
	js_set_bool(j, "cut", l.cut);
	js_text(j, false, &text);
	return fd_write_all(STDOUT_FILENO, text.data, text.len, err);
}

int
differ_main(void)
{
	struct err err = ERR_INIT;

	/* libarchive's names; there is no other text here. */
	if (!setlocale(LC_CTYPE, "C.UTF-8"))
		setlocale(LC_CTYPE, "C");
	if (give_up(&err) == 0 && look_and_tell(&err) == 0)
		return EXIT_DONE;
	fprintf(stderr, "kiln -x differ: %s\n", err.msg);
	return EXIT_FAILED;
}

/* --- its parent ---------------------------------------------------------- */

/* Printable ASCII, since it goes to a terminal. */
static bool
text_ok(const json_t *j)
{
	const char *s = json_string_value(j);

	if (!s || json_string_length(j) > TEXT_MAX)
		return false;
	for (; *s; s++)
		if (*s < 0x20 || *s == 0x7f)
			return false;
	return true;
}

static bool
finding_ok(const json_t *f)
{
	static const char *const texts[] = { "what", "where", "a", "b" };
	static const char *const numbers[] = { "offset", "line" };
	static const char *const keys[] = { "path", "what", "where", "offset",
		"line", "a", "b", NULL };
	const json_t *path = json_object_get(f, "path"), *one;
	struct err err = ERR_INIT;
	size_t i;

	if (js_only("finding", f, keys, &err) == -1 || !json_is_array(path) ||
	    json_array_size(path) > LOOK_PATH || !json_object_get(f, "what"))
		return false;
	json_array_foreach(path, i, one) if (!text_ok(one)) return false;
	for (i = 0; i < ARRAY_LEN(texts); i++) {
		one = json_object_get(f, texts[i]);
		if (one && !text_ok(one))
			return false;
	}
	for (i = 0; i < ARRAY_LEN(numbers); i++) {
		one = json_object_get(f, numbers[i]);
		if (one &&
		    (!json_is_integer(one) || json_integer_value(one) < 0))
			return false;
	}
	return true;
}

/* Takes what the child said into `findings`, below the output's name. */
static int
take(const char *name, const struct buf *said, json_t *findings, bool *cut,
    struct err *err)
{
	auto_json json_t *j = js_parse("differ", said->data, said->len, err);
	json_t *list, *one;
	size_t i;

	if (!j || js_array("differ", j, "findings", &list, err) == -1)
		return -1;
	if (json_array_size(list) > DIFFER_FINDINGS)
		return err_set(err, ERR_INPUT, "differ: it says too much");
	json_array_foreach(list, i, one)
	{
		if (!finding_ok(one))
			return err_set(err, ERR_INPUT,
			    "differ: what it says is no finding");
	}
	json_array_foreach(list, i, one)
	{
		json_array_insert_new(
		    json_object_get(one, "path"), 0, json_string(name));
		json_array_append(findings, one);
	}
	*cut = *cut || json_is_true(json_object_get(j, "cut"));
	return 0;
}

static void
add_plain(json_t *findings, const char *name, const char *what,
    const char *where, int64_t offset, const char *a, const char *b)
{
	json_t *j = json_object(), *path = json_array();

	json_array_append_new(path, json_string(name));
	js_set(j, "path", path);
	js_set_str(j, "what", what);
	if (where)
		js_set_str(j, "where", where);
	if (offset >= 0)
		js_set_int(j, "offset", offset);
	if (a)
		js_set_str(j, "a", a);
	if (b)
		js_set_str(j, "b", b);
	json_array_append_new(findings, j);
}

/* First byte that differs, by reading alone; -1 in *at: they are equal. */
static int
first_byte(int a, int b, int64_t *at, struct err *err)
{
	char ba[65536], bb[65536];

	for (*at = 0;;) {
		ssize_t na = pread(a, ba, sizeof(ba), *at),
			nb = pread(b, bb, sizeof(bb), *at);
		size_t n, first;

		if (na == -1 || nb == -1)
			return err_sys(err, "read an output");
		n = (size_t)(na < nb ? na : nb);
		for (first = 0; first < n && ba[first] == bb[first];)
			first++;
		*at += (int64_t)first;
		if (first < n || na != nb)
			return 0;
		if (na == 0) {
			*at = -1;
			return 0;
		}
	}
}

static int
ask_child(const struct differ_pair *p, struct buf *said, struct err *err)
{
	static const char *const argv[] = { "kiln", "-x", "differ", NULL };
	static const char *const env[] = { "PATH=/usr/bin:/bin", "TZ=UTC",
		"ASAN_OPTIONS=detect_leaks=0", NULL };
	struct spawn sp = SPAWN_INIT;

	sp.argv = argv;
	sp.env = env;
	sp.exec_self = true;
	sp.die_with_parent = true;
	sp.fds[0] = p->a;
	sp.fds[1] = p->b;
	sp.nfds = 2;
	return spawn_capture(
	    &sp, 4ll * DIFFER_SECONDS * 1000, SAID_MAX, said, NULL, err);
}

static int
compare(
    const struct differ_pair *p, json_t *findings, bool *cut, struct err *err)
{
	auto_buf struct buf said = BUF_INIT;
	struct err died = ERR_INIT;
	int64_t at;

	if (p->a == -1 || p->b == -1) {
		add_plain(findings, p->name, p->a == -1 ? "only-b" : "only-a",
		    NULL, -1, NULL, NULL);
		return 0;
	}
	if (first_byte(p->a, p->b, &at, err) == -1)
		return -1;
	if (at == -1)
		return 0;
	if (ask_child(p, &said, &died) == 0 &&
	    take(p->name, &said, findings, cut, &died) == 0)
		return 0;
	/* Its bytes killed it; they differ all the same. */
	*cut = true;
	add_plain(
	    findings, p->name, "bytes", "the differ ended", at, NULL, NULL);
	return 0;
}

json_t *
differ_compare(const struct differ_pair *v, size_t n, struct err *err)
{
	auto_json json_t *j = js_record_new("kiln/difference", 1);
	json_t *findings = json_array();
	bool cut = false;

	js_set(j, "findings", findings);
	for (size_t i = 0; i < n; i++)
		if (compare(&v[i], findings, &cut, err) == -1)
			return NULL;
	js_set_bool(j, "cut", cut);
	return json_incref(j);
}

static const struct output *
find(const struct outputs *all, const char *name)
{
	for (size_t i = 0; i < all->n; i++)
		if (strcmp(all->v[i].name, name) == 0)
			return &all->v[i];
	return NULL;
}

/* Outputs of `from` that `other` has otherwise; those it lacks on `side`. */
static int
pair_up(struct store *store, const struct outputs *from,
    const struct outputs *other, bool from_a, struct differ_pair *v, size_t *n,
    struct err *err)
{
	for (size_t i = 0; i < from->n; i++) {
		const struct output *o = &from->v[i], *t = find(other, o->name);
		auto_fd int fo = -1, ft = -1;

		if (t && (!from_a || hash_equal(&o->sha256, &t->sha256)))
			continue;
		if (store_get(store, &o->sha256, &fo, err) == -1 ||
		    (t && store_get(store, &t->sha256, &ft, err) == -1))
			return err_prefix(err, "output %s", o->name);
		v[(*n)++] =
		    (struct differ_pair){ o->name, from_a ? take_fd(&fo) : -1,
			    from_a ? take_fd(&ft) : take_fd(&fo) };
	}
	return 0;
}

json_t *
differ_outputs(struct store *store, const struct outputs *a,
    const struct outputs *b, struct err *err)
{
	auto_free struct differ_pair *v = mem_zero(a->n + b->n + 1, sizeof(*v));
	json_t *j = NULL;
	size_t n = 0;

	if (pair_up(store, a, b, true, v, &n, err) == 0 &&
	    pair_up(store, b, a, false, v, &n, err) == 0)
		j = differ_compare(v, n, err);
	for (size_t i = 0; i < n; i++) {
		own_close(&v[i].a);
		own_close(&v[i].b);
	}
	return j;
}

/* --- words --------------------------------------------------------------- */

static const char *
text_of(const json_t *f, const char *key)
{
	return json_string_value(json_object_get(f, key));
}

static void
add_sides(struct buf *out, const json_t *f)
{
	const char *a = text_of(f, "a"), *b = text_of(f, "b");

	if (a && b)
		buf_printf(out, ": \"%s\" and \"%s\"", a, b);
	else if (a || b)
		buf_printf(out, ": \"%s\"", a ? a : b);
}

void
differ_words_one(const json_t *f, struct buf *out)
{
	const json_t *path = json_object_get(f, "path"), *one,
		     *offset = json_object_get(f, "offset"),
		     *line = json_object_get(f, "line");
	const char *where = text_of(f, "where");
	size_t i;

	json_array_foreach(path, i, one)
	{
		buf_printf(out, "%s%s", i ? " > " : "", json_string_value(one));
	}
	if (line)
		buf_printf(
		    out, ", line %" PRId64, (int64_t)json_integer_value(line));
	if (offset)
		buf_printf(out, ", offset %" PRId64,
		    (int64_t)json_integer_value(offset));
	if (where)
		buf_printf(out, ", %s", where);
	buf_printf(out, ": %s", text_of(f, "what"));
	add_sides(out, f);
}

void
differ_words(const json_t *difference, struct buf *out)
{
	const json_t *one;
	size_t i;

	json_array_foreach(json_object_get(difference, "findings"), i, one)
	{
		differ_words_one(one, out);
		buf_char(out, '\n');
	}
	if (json_is_true(json_object_get(difference, "cut")))
		buf_str(out, "(there is more)\n");
}
