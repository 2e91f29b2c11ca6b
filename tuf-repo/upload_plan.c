#include "tuf-repo/upload_plan.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"
#include "lib/tree.h"
#include "lib/tuf_check.h"
#include "lib/tuf_read.h"

struct planning {
	struct plan *p;
	json_t *done, *seen;
	const char *top;  /* "targets", "metadata", "log" */
	int64_t had_root; /* the newest that the store holds; 0: none */
};

void
plan_release(struct plan *p)
{
	for (size_t i = 0; i < p->n; i++) {
		own_close(&p->list[i].fd);
		free(p->list[i].path);
		free(p->list[i].key);
	}
	free(p->list);
	buf_release(&p->timestamp);
	buf_release(&p->checkpoint);
	tuf_file_free(p->stamp);
}

static struct order *
add(struct plan *p, enum order_kind kind, int64_t rank, const char *path)
{
	MEM_GROW(p->list, p->n, p->cap);
	p->list[p->n] = (struct order){
		.kind = kind, .rank = rank, .path = mem_str(path), .fd = -1
	};
	return &p->list[p->n++];
}

/* "12.root.json": 12 and "root.json"; false: no such name. */
static bool
versioned(const char *name, int64_t *version, const char **rest)
{
	size_t digits = strspn(name, "0123456789");
	struct err ignored = ERR_INIT;
	char text[20];

	if (digits == 0 || digits >= sizeof(text) || name[digits] != '.')
		return false;
	memcpy(text, name, digits);
	text[digits] = '\0';
	*rest = name + digits + 1;
	return num_int(text, 1, INT32_MAX, version, &ignored) == 0;
}

static void
look_at_metadata(struct planning *w, const char *path, const char *name)
{
	int64_t version, rank = RANK_ROLES;
	const char *rest;
	bool had = json_object_get(w->done, path);

	if (!versioned(name, &version, &rest))
		return;
	if (strcmp(rest, "root.json") == 0) {
		if (version > w->p->root)
			w->p->root = version;
		if (had && version > w->had_root)
			w->had_root = version;
		rank = RANK_ROOTS + version;
	} else if (strcmp(rest, "targets.json") == 0) {
		rank = RANK_TARGETS;
	} else if (strcmp(rest, "snapshot.json") == 0) {
		rank = RANK_SNAPSHOT;
	}
	json_object_set_new(w->seen, path, json_true());
	if (!had)
		add(w->p, ORDER_VERSION, rank, path);
}

static int
look(void *arg, const char *below, int dirfd KILN_UNUSED, const char *name,
    const struct stat *st, struct err *err KILN_UNUSED)
{
	struct planning *w = arg;
	auto_free char *path = mem_printf("%s/%s", w->top, below);
	struct hash h;
	char hex[HASH_HEX];

	if (!S_ISREG(st->st_mode) || name[0] == '.')
		return 0;
	if (w->top[0] == 'm') {
		look_at_metadata(w, path, name);
		return 0;
	}
	if (w->top[0] == 't') {
		if (strlen(name) < HASH_HEX || name[HASH_HEX - 1] != '.')
			return 0;
		memcpy(hex, name, HASH_HEX - 1);
		hex[HASH_HEX - 1] = '\0';
		if (!hash_parse(&h, hex))
			return 0;
	} else if (strncmp(below, "tile/", 5) != 0) {
		return 0;
	}
	json_object_set_new(w->seen, path, json_true());
	if (json_object_get(w->done, path))
		return 0;
	if (w->top[0] == 't')
		add(w->p, ORDER_TARGET, RANK_FILES, path)->sha256 = h;
	else
		add(w->p, ORDER_TILE, RANK_FILES, path);
	return 0;
}

static int
walk(struct planning *w, int tree, const char *top, struct err *err)
{
	auto_fd int dir = dir_open_at(tree, top, err);

	if (dir == -1)
		return -1;
	w->top = top;
	return tree_walk(dir, look, w, err);
}

/* --- roots ------------------------------------------------------------------
 */

static struct tuf_file *
read_version(int tree, enum tuf_type type, const char *role, int64_t version,
    struct err *err)
{
	auto_free char *path =
	    mem_printf("metadata/%lld.%s.json", (long long)version, role);
	auto_buf struct buf b = BUF_INIT;

	if (file_read_at(tree, path, TUF_TARGETS_MAX, &b, err) == -1)
		return NULL;
	return tuf_read(type, role, b.data, b.len, err);
}

struct tuf_file *
plan_root(int tree, int64_t version, struct err *err)
{
	return read_version(tree, TUF_ROOT, "root", version, err);
}

/* Do timestamp, snapshot and targets hold under the root that routers of the
 * store have?  Then a new root comes after them. */
static int
holds_before(struct planning *w, int tree, bool *yes, struct err *err)
{
	const struct tuf_meta *m = &w->p->stamp->meta[0];
	auto_tuf struct tuf_file *root = NULL, *snapshot = NULL,
				 *targets = NULL;
	struct err why = ERR_INIT;

	root = plan_root(tree, w->had_root, err);
	snapshot =
	    root ? read_version(tree, TUF_SNAPSHOT, "snapshot", m->version, err)
		 : NULL;
	m = snapshot ? tuf_meta_find(snapshot, "targets.json") : NULL;
	if (snapshot && !m)
		return err_set(
		    err, ERR_TRUST, "snapshot lists no targets.json");
	targets =
	    m ? read_version(tree, TUF_TARGETS, "targets", m->version, err)
	      : NULL;
	if (!targets)
		return -1;
	*yes = tuf_threshold(root, "timestamp", w->p->stamp, &why) == 0 &&
	       tuf_threshold(root, "snapshot", snapshot, &why) == 0 &&
	       tuf_threshold(root, "targets", targets, &why) == 0;
	return 0;
}

static int
place_roots(struct planning *w, int tree, struct err *err)
{
	bool late = false;

	if (w->had_root == 0 || w->had_root >= w->p->root)
		return 0;
	if (holds_before(w, tree, &late, err) == -1)
		return -1;
	for (size_t i = 0; late && i < w->p->n; i++)
		if (w->p->list[i].rank >= RANK_ROOTS &&
		    w->p->list[i].rank < RANK_TIMESTAMP)
			w->p->list[i].rank += RANK_LATE_ROOTS - RANK_ROOTS;
	return 0;
}

/* --- the whole --------------------------------------------------------------
 */

static int
by_rank(const void *a, const void *b)
{
	const struct order *x = a, *y = b;

	return x->rank < y->rank   ? -1
	       : x->rank > y->rank ? 1
				   : strcmp(x->path, y->path);
}

/* First of all: what is in the tree then is at least what these lead to. */
static int
read_heads(struct plan *p, int tree, struct err *err)
{
	struct err none = ERR_INIT;

	if (file_read_at(tree, "metadata/timestamp.json", TUF_TIMESTAMP_MAX,
		&p->timestamp, err) == -1)
		return err->cls == ERR_MISSING
			   ? err_set(err, ERR_MISSING,
				 "nothing is published yet: kiln-tuf init")
			   : -1;
	p->stamp = tuf_read(TUF_TIMESTAMP, "timestamp", p->timestamp.data,
	    p->timestamp.len, err);
	if (!p->stamp)
		return -1;
	if (file_read_at(tree, "log/checkpoint", TUF_TIMESTAMP_MAX,
		&p->checkpoint, &none) == -1 &&
	    none.cls != ERR_MISSING) {
		*err = none;
		return -1;
	}
	return 0;
}

int
plan_tree(struct plan *p, int tree, json_t *done, struct err *err)
{
	auto_json json_t *seen = json_object();
	struct planning w = { .p = p, .done = done, .seen = seen };
	const char *path;
	json_t *v;

	if (read_heads(p, tree, err) == -1 ||
	    walk(&w, tree, "targets", err) == -1 ||
	    walk(&w, tree, "log", err) == -1 ||
	    walk(&w, tree, "metadata", err) == -1 ||
	    place_roots(&w, tree, err) == -1)
		return err_prefix(err, "published tree");
	add(p, ORDER_TIMESTAMP, RANK_TIMESTAMP, "metadata/timestamp.json")
	    ->bytes = &p->timestamp;
	if (p->checkpoint.len)
		add(p, ORDER_CHECKPOINT, RANK_CHECKPOINT, "log/checkpoint")
		    ->bytes = &p->checkpoint;
	json_object_foreach(done, path, v) if (!json_object_get(seen, path))
	    add(p, ORDER_GONE, RANK_GONE, path);
	p->files = json_object_size(seen) + 1;
	qsort(p->list, p->n, sizeof(*p->list), by_rank);
	return 0;
}
