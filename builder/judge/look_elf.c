/*
 * ELF by section, and by the symbol that covers a byte (System V ABI,
 * chapters 4 and 5).  Little-endian ones of either class.
 */
#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "builder/judge/differ.h"
#include "builder/judge/look.h"
#include "lib/mem.h"
#include "lib/own.h"

#define SECTIONS 20000
#define SYMBOLS_TOLD 5
#define SPOTS 3 /* of one section */
#define APART 64

struct section {
	const char *name; /* escaped; owned by the file */
	unsigned nth;	  /* of that name */
	uint64_t type, flags, addr, offset, size, link;
	struct span bytes; /* none of SHT_NOBITS */
};

struct symbol {
	char *name;
	uint64_t value, size, shndx;
};

struct elf {
	struct span s;
	bool wide; /* 64 bits */
	bool object;
	struct section *v;
	size_t n;
	struct symbol *symbols; /* sorted by name; defined ones */
	size_t nsymbols;
};

/* A field of either class. */
static uint64_t
field(const struct elf *e, uint64_t base, int at32, int n32, int at64, int n64)
{
	return e->wide ? look_le(e->s, base + (uint64_t)at64, n64)
		       : look_le(e->s, base + (uint64_t)at32, n32);
}

static char *
string_at(struct span table, uint64_t at)
{
	struct span s = look_part(table, at, table.n);
	auto_buf struct buf b = BUF_INIT;

	s.n = s.n ? strnlen(s.p, s.n) : 0;
	look_escape(&b, s, LOOK_NAME / 2);
	return buf_take(&b);
}

static void
elf_release(struct elf *e)
{
	for (size_t i = 0; i < e->n; i++)
		free((char *)(uintptr_t)e->v[i].name);
	for (size_t i = 0; i < e->nsymbols; i++)
		free(e->symbols[i].name);
	free(e->v);
	free(e->symbols);
}

static void
name_sections(struct elf *e, uint64_t strings)
{
	uint64_t names = field(e, 0, 32, 4, 40, 8), step = e->wide ? 64 : 40;
	struct span table =
	    strings < e->n ? e->v[strings].bytes : (struct span){ e->s.p, 0 };

	for (size_t i = 0; i < e->n; i++) {
		e->v[i].name =
		    string_at(table, look_le(e->s, names + i * step, 4));
		/* Quadratic only in sections that share a name. */
		for (size_t k = i; k-- > 0 && i < 2000;)
			if (strcmp(e->v[k].name, e->v[i].name) == 0) {
				e->v[i].nth = e->v[k].nth + 1;
				break;
			}
	}
}

static int
symbol_cmp(const void *a, const void *b)
{
	const struct symbol *sa = a, *sb = b;
	int c = strcmp(sa->name, sb->name);

	return c ? c : (sa->value > sb->value) - (sa->value < sb->value);
}

static void
read_symbols(struct elf *e, const struct section *table)
{
	uint64_t step = e->wide ? 24 : 16, n = table->bytes.n / step;
	struct span names = table->link < e->n ? e->v[table->link].bytes
					       : (struct span){ e->s.p, 0 };

	e->symbols = mem_zero(n + 1, sizeof(*e->symbols));
	for (uint64_t i = 0; i < n; i++) {
		struct span s = look_part(table->bytes, i * step, step);
		unsigned info = (unsigned)look_le(s, e->wide ? 4 : 12, 1);
		struct symbol *y = &e->symbols[e->nsymbols];

		y->shndx = look_le(s, e->wide ? 6 : 14, 2);
		if (y->shndx == SHN_UNDEF || y->shndx >= SHN_LORESERVE ||
		    ELF32_ST_TYPE(info) == STT_SECTION ||
		    ELF32_ST_TYPE(info) == STT_FILE)
			continue;
		y->value = e->wide ? look_le(s, 8, 8) : look_le(s, 4, 4);
		y->size = e->wide ? look_le(s, 16, 8) : look_le(s, 8, 4);
		y->name = string_at(names, look_le(s, 0, 4));
		e->nsymbols++;
	}
	qsort(e->symbols, e->nsymbols, sizeof(*e->symbols), symbol_cmp);
}

static bool
elf_open(struct elf *e, struct span s)
{
	uint64_t at, step, n;
	const struct section *table = NULL;

	*e = (struct elf){ .s = s };
	if (s.n < 64 || s.p[5] != ELFDATA2LSB ||
	    (s.p[4] != ELFCLASS32 && s.p[4] != ELFCLASS64))
		return false;
	e->wide = s.p[4] == ELFCLASS64;
	e->object = look_le(s, 16, 2) == ET_REL;
	at = field(e, 0, 32, 4, 40, 8);
	step = e->wide ? 64 : 40;
	n = field(e, 0, 48, 2, 60, 2);
	if (n == 0 || n > SECTIONS || field(e, 0, 46, 2, 58, 2) != step ||
	    at > s.n || (s.n - at) / step < n)
		return false;
	e->v = mem_zero(n, sizeof(*e->v));
	e->n = n;
	for (size_t i = 0; i < n; i++) {
		struct section *c = &e->v[i];
		uint64_t h = at + i * step;

		c->type = look_le(s, h + 4, 4);
		c->flags = field(e, h, 8, 4, 8, 8);
		c->addr = field(e, h, 12, 4, 16, 8);
		c->offset = field(e, h, 16, 4, 24, 8);
		c->size = field(e, h, 20, 4, 32, 8);
		c->link = field(e, h, 24, 4, 40, 4);
		c->bytes = c->type == SHT_NOBITS
			       ? (struct span){ s.p, 0 }
			       : look_part(s, c->offset, c->size);
		if (c->type == SHT_SYMTAB || (!table && c->type == SHT_DYNSYM))
			table = c;
	}
	name_sections(e, field(e, 0, 50, 2, 62, 2));
	if (table)
		read_symbols(e, table);
	return true;
}

static const struct section *
find(const struct elf *e, const struct section *like)
{
	for (size_t i = 0; i < e->n; i++)
		if (e->v[i].nth == like->nth &&
		    strcmp(e->v[i].name, like->name) == 0)
			return &e->v[i];
	return NULL;
}

/* "symbol NAME+0x4", or "". */
static void
where(
    const struct elf *e, const struct section *c, uint64_t at, struct buf *out)
{
	uint64_t index = (uint64_t)(c - e->v);
	const struct symbol *best = NULL;

	for (size_t i = 0; i < e->nsymbols; i++) {
		const struct symbol *y = &e->symbols[i];
		uint64_t addr = e->object ? at : c->addr + at;

		if (y->shndx != index || addr < y->value ||
		    addr - y->value >= y->size)
			continue;
		if (!best || y->size < best->size)
			best = y;
	}
	if (!best)
		return;
	buf_printf(out, "symbol %s", best->name);
	if ((e->object ? at : c->addr + at) > best->value)
		buf_printf(out, "+0x%llx",
		    (unsigned long long)((e->object ? at : c->addr + at) -
					 best->value));
}

static void
add_spot(struct look *l, const struct elf *a, const struct section *ca,
    const struct section *cb, size_t at)
{
	auto_buf struct buf in = BUF_INIT, ta = BUF_INIT, tb = BUF_INIT;
	struct found f = FOUND("bytes");

	where(a, ca, at, &in);
	look_excerpt(&ta, ca->bytes, at);
	look_excerpt(&tb, cb->bytes, at);
	f.where = in.len ? in.data : NULL;
	f.offset = (int64_t)at;
	f.a = ta.data;
	f.b = tb.data;
	look_add(l, &f);
}

static void
compare_section(struct look *l, const struct elf *a, const struct section *ca,
    const struct section *cb)
{
	struct span ra = ca->bytes, rb = cb->bytes;
	size_t base = 0;

	if (ca->size != cb->size) {
		char sa[32], sb[32];
		struct found f = FOUND("size");

		snprintf(sa, sizeof(sa), "%llu", (unsigned long long)ca->size);
		snprintf(sb, sizeof(sb), "%llu", (unsigned long long)cb->size);
		f.a = sa;
		f.b = sb;
		look_add(l, &f);
	}
	for (int i = 0; i < SPOTS; i++) {
		size_t at =
		    look_first((struct span){ ra.p + base, ra.n - base },
			(struct span){ rb.p + base, rb.n - base });

		if (at == SIZE_MAX)
			return;
		add_spot(l, a, ca, cb, base + at);
		base += at + APART;
		if (ra.n != rb.n || base >= ra.n)
			return;
	}
}

/* Does the first difference stand in a string?  Those tell the most. */
static bool
in_text(const struct section *ca, const struct section *cb)
{
	size_t at = look_first(ca->bytes, cb->bytes);

	if (at == SIZE_MAX || at >= ca->bytes.n || at >= cb->bytes.n)
		return false;
	return (ca->flags & SHF_STRINGS) ||
	       (!(ca->flags & SHF_EXECINSTR) &&
		   strncmp(ca->name, ".rodata", 7) == 0);
}

static void
compare_sections(
    struct look *l, const struct elf *a, const struct elf *b, bool texts)
{
	for (size_t i = 0; i < a->n && !look_full(l); i++) {
		const struct section *ca = &a->v[i], *cb = find(b, ca);

		if (!cb ||
		    (ca->size == cb->size &&
			span_equal(ca->bytes, cb->bytes)) ||
		    in_text(ca, cb) != texts)
			continue;
		/* Symbols are told by name. */
		if (ca->type == SHT_SYMTAB || ca->type == SHT_DYNSYM)
			continue;
		if (!look_enter(l, ca->name))
			return;
		compare_section(l, a, ca, cb);
		look_leave(l);
	}
}

static void
only(struct look *l, const struct elf *a, const struct elf *b, const char *what)
{
	for (size_t i = 0; i < a->n && !look_full(l); i++) {
		struct found f = FOUND(what);

		if (find(b, &a->v[i]) || !look_enter(l, a->v[i].name))
			continue;
		f.where = "section";
		look_add(l, &f);
		look_leave(l);
	}
}

static void
tell_symbol(struct look *l, const char *what, const char *name, int *told)
{
	auto_free char *text = mem_printf("symbol %s", name);
	struct found f = FOUND(what);

	if ((*told)++ >= SYMBOLS_TOLD) {
		l->cut = true;
		return;
	}
	f.where = text;
	look_add(l, &f);
}

static void
compare_symbols(struct look *l, const struct elf *a, const struct elf *b)
{
	size_t i = 0, k = 0;
	int told = 0;

	while ((i < a->nsymbols || k < b->nsymbols) && told <= SYMBOLS_TOLD) {
		int c = i == a->nsymbols ? 1
			: k == b->nsymbols
			    ? -1
			    : strcmp(a->symbols[i].name, b->symbols[k].name);

		if (c < 0)
			tell_symbol(l, "only-a", a->symbols[i++].name, &told);
		else if (c > 0)
			tell_symbol(l, "only-b", b->symbols[k++].name, &told);
		else
			i++, k++;
	}
}

bool
look_elf(struct look *l, struct span a, struct span b)
{
	size_t before = json_array_size(l->findings);
	struct elf ea, eb = { 0 };

	if (elf_open(&ea, a) && elf_open(&eb, b)) {
		compare_sections(l, &ea, &eb, true);
		compare_symbols(l, &ea, &eb);
		compare_sections(l, &ea, &eb, false);
		only(l, &ea, &eb, "only-a");
		only(l, &eb, &ea, "only-b");
	}
	elf_release(&ea);
	elf_release(&eb);
	return json_array_size(l->findings) > before;
}
