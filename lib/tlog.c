#include "lib/tlog.h"

#include <assert.h>

/* Leaves and nodes cannot be taken for each other. */
void
tlog_leaf(const void *p, size_t n, struct hash *out)
{
	struct hasher h;

	hasher_init(&h);
	hasher_add(&h, "\0", 1);
	hasher_add(&h, p, n);
	hasher_end(&h, out);
}

void
tlog_node(const struct hash *left, const struct hash *right, struct hash *out)
{
	struct hasher h;

	hasher_init(&h);
	hasher_add(&h, "\1", 1);
	hasher_add(&h, left->b, sizeof(left->b));
	hasher_add(&h, right->b, sizeof(right->b));
	hasher_end(&h, out);
}

/* --- hashes of ranges ------------------------------------------------------
 */

/* The n-th complete subtree of 2^height leaves. */
static int
subtree(const struct tlog_hashes *t, unsigned height, int64_t n,
    struct hash *out, struct err *err)
{
	struct hash left, right;

	if (height % 8 == 0)
		return t->get(t->arg, height / 8, n, out, err);
	if (subtree(t, height - 1, 2 * n, &left, err) == -1 ||
	    subtree(t, height - 1, 2 * n + 1, &right, err) == -1)
		return -1;
	tlog_node(&left, &right, out);
	return 0;
}

/* The largest power of two below n, which is 2 or more: its exponent. */
static unsigned
split(int64_t n)
{
	unsigned k = 0;

	while (INT64_C(2) << k < n)
		k++;
	return k;
}

/* Leaves from..to - 1, not none; `from` is a multiple of what the range is
 * split by, as all ranges of a tree's recursion are. */
static int
range(const struct tlog_hashes *t, int64_t from, int64_t to, struct hash *out,
    struct err *err)
{
	struct hash left, right;
	int64_t n = to - from;
	unsigned k;

	assert(n > 0);
	if (n == 1)
		return subtree(t, 0, from, out, err);
	k = split(n);
	if (n == INT64_C(2) << k)
		return subtree(t, k + 1, from >> (k + 1), out, err);
	if (subtree(t, k, from >> k, &left, err) == -1 ||
	    range(t, from + (INT64_C(1) << k), to, &right, err) == -1)
		return -1;
	tlog_node(&left, &right, out);
	return 0;
}

int
tlog_root(const struct tlog_hashes *t, int64_t size, struct hash *out,
    struct err *err)
{
	assert(size >= 0 && size <= TLOG_SIZE_MAX);
	if (size > 0)
		return range(t, 0, size, out, err);
	hash_bytes(out, "", 0);
	return 0;
}

/* --- proofs ----------------------------------------------------------------
 */

static int
prove_range(const struct tlog_hashes *t, int64_t from, int64_t to,
    struct tlog_proof *p, struct err *err)
{
	assert(p->n < TLOG_PROOF_MAX);
	return range(t, from, to, &p->v[p->n++], err);
}

/* PATH of RFC 6962, 2.1.1. */
static int
path(const struct tlog_hashes *t, int64_t index, int64_t from, int64_t to,
    struct tlog_proof *p, struct err *err)
{
	int64_t middle;

	if (to - from == 1)
		return 0;
	middle = from + (INT64_C(1) << split(to - from));
	if (index < middle)
		return path(t, index, from, middle, p, err) == -1
			   ? -1
			   : prove_range(t, middle, to, p, err);
	return path(t, index, middle, to, p, err) == -1
		   ? -1
		   : prove_range(t, from, middle, p, err);
}

int
tlog_inclusion(const struct tlog_hashes *t, int64_t index, int64_t size,
    struct tlog_proof *p, struct err *err)
{
	assert(index >= 0 && index < size && size <= TLOG_SIZE_MAX);
	p->n = 0;
	return path(t, index, 0, size, p, err);
}

/* SUBPROOF of RFC 6962, 2.1.2; `known`: whoever checks has its hash. */
static int
subproof(const struct tlog_hashes *t, int64_t older, int64_t from, int64_t to,
    bool known, struct tlog_proof *p, struct err *err)
{
	int64_t middle;

	if (older == to)
		return known ? 0 : prove_range(t, from, to, p, err);
	middle = from + (INT64_C(1) << split(to - from));
	if (older <= middle)
		return subproof(t, older, from, middle, known, p, err) == -1
			   ? -1
			   : prove_range(t, middle, to, p, err);
	return subproof(t, older, middle, to, false, p, err) == -1
		   ? -1
		   : prove_range(t, from, middle, p, err);
}

int
tlog_consistency(const struct tlog_hashes *t, int64_t older, int64_t newer,
    struct tlog_proof *p, struct err *err)
{
	assert(older >= 0 && older <= newer && newer <= TLOG_SIZE_MAX);
	p->n = 0;
	if (older == 0 || older == newer)
		return 0;
	return subproof(t, older, 0, newer, true, p, err);
}

bool
tlog_includes(const struct hash *root, int64_t size, const struct hash *leaf,
    int64_t index, const struct tlog_proof *p)
{
	int64_t at = index, last = size - 1;
	struct hash h = *leaf;

	if (index < 0 || index >= size)
		return false;
	for (size_t i = 0; i < p->n; i++) {
		if (last == 0)
			return false;
		if (at % 2 == 1 || at == last) {
			tlog_node(&p->v[i], &h, &h);
			while (at % 2 == 0 && at != 0) {
				at >>= 1;
				last >>= 1;
			}
		} else {
			tlog_node(&h, &p->v[i], &h);
		}
		at >>= 1;
		last >>= 1;
	}
	return last == 0 && hash_equal(&h, root);
}

bool
tlog_extends(const struct hash *older_root, int64_t older,
    const struct hash *newer_root, int64_t newer, const struct tlog_proof *p)
{
	int64_t at = older - 1, last = newer - 1;
	struct hash o, n;
	size_t i = 0;

	if (older < 0 || older > newer)
		return false;
	if (older == newer)
		return p->n == 0 && hash_equal(older_root, newer_root);
	if (older == 0)
		return p->n == 0;
	while (at % 2 == 1) {
		at >>= 1;
		last >>= 1;
	}
	/* Of a power of two the proof leaves out what both know. */
	if (at == 0) {
		o = n = *older_root;
	} else {
		if (p->n == 0)
			return false;
		o = n = p->v[i++];
	}
	for (; i < p->n; i++) {
		if (last == 0)
			return false;
		if (at % 2 == 1 || at == last) {
			tlog_node(&p->v[i], &o, &o);
			tlog_node(&p->v[i], &n, &n);
			while (at % 2 == 0 && at != 0) {
				at >>= 1;
				last >>= 1;
			}
		} else {
			tlog_node(&n, &p->v[i], &n);
		}
		at >>= 1;
		last >>= 1;
	}
	return last == 0 && hash_equal(&o, older_root) &&
	       hash_equal(&n, newer_root);
}

/* --- tiles -----------------------------------------------------------------
 */

unsigned
tlog_tile_width(unsigned level, int64_t n, int64_t size)
{
	int64_t hashes = level < TLOG_LEVELS ? size >> (8 * level) : 0;
	int64_t left = n < TLOG_SIZE_MAX ? hashes - n * TLOG_WIDTH : 0;

	return left <= 0 ? 0 : left < TLOG_WIDTH ? (unsigned)left : TLOG_WIDTH;
}

/* Groups of three digits, all but the last behind an "x". */
static void
add_number(int64_t n, bool last, struct buf *out)
{
	if (n >= 1000)
		add_number(n / 1000, false, out);
	buf_printf(
	    out, "%s%03d%s", last ? "" : "x", (int)(n % 1000), last ? "" : "/");
}

static void
add_width(unsigned width, struct buf *out)
{
	if (width < TLOG_WIDTH)
		buf_printf(out, ".p/%u", width);
}

void
tlog_tile_name(unsigned level, int64_t n, unsigned width, struct buf *out)
{
	buf_printf(out, "tile/%u/", level);
	add_number(n, true, out);
	add_width(width, out);
}

void
tlog_bundle_name(int64_t n, unsigned width, struct buf *out)
{
	buf_str(out, "tile/entries/");
	add_number(n, true, out);
	add_width(width, out);
}
