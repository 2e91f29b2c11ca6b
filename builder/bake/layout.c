#include "builder/bake/layout.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sodium.h>

#include "builder/bake/mkpath.h"
#include "builder/bake/policy.h"
#include "lib/fdio.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/tree.h"

#define PREFIX "run-"
#define RANDOM_BYTES ((size_t)1 << 20)
/* Lane B's folder has another length, seen from outside. */
#define LONG "-a-longer-path-than-lane-A-has"

static char *
keep(struct layout *l, char *text)
{
	MEM_GROW(l->texts, l->ntexts, l->captexts);
	l->texts[l->ntexts++] = text;
	return text;
}

static void
bind_to(struct layout *l, const char *outside, const char *inside, bool rw)
{
	MEM_GROW(l->binds, l->nbinds, l->capbinds);
	l->binds[l->nbinds++] = (struct sandbox_bind){ outside, inside, rw };
}

static int
finish_input(int fd, mode_t mode, int64_t clock, struct err *err)
{
	struct timespec times[2] = { { clock, 0 }, { clock, 0 } };

	if (fchmod(fd, mode) == -1 || futimens(fd, times) == -1)
		return err_sys(err, "lay out an input");
	return 0;
}

/* Takes `inside`. */
static int
new_input(struct layout *l, int in, char *inside, struct err *err)
{
	char name[24];
	int fd;

	keep(l, inside);
	snprintf(name, sizeof(name), "%zu", l->ninputs++);
	fd = file_open_at(in, name, O_RDWR | O_CREAT | O_EXCL, 0600, err);
	if (fd != -1)
		bind_to(l, keep(l, mem_printf("%s/in/%s", l->path, name)),
		    inside, false);
	return fd;
}

static int
put_blob(struct layout *l, int in, char *inside, const struct hash *sha256,
    bool x, int64_t clock, struct store *store, struct err *err)
{
	auto_fd int to = new_input(l, in, inside, err);
	auto_fd int from = -1;
	struct hash got;
	int64_t size;

	if (to == -1)
		return -1;
	if (store_get(store, sha256, &from, err) == -1 ||
	    hash_copy(from, to, INT64_MAX, &got, &size, err) == -1)
		return err_prefix(err, "%s", inside);
	if (!hash_equal(&got, sha256))
		return err_set(
		    err, ERR_TRUST, "%s: damaged in the store", inside);
	return finish_input(to, x ? 0555 : 0444, clock, err);
}

static int
put_text(struct layout *l, int in, char *inside, struct span text,
    int64_t clock, struct err *err)
{
	auto_fd int to = new_input(l, in, inside, err);

	if (to == -1 || fd_write_all(to, text.p, text.n, err) == -1)
		return -1;
	return finish_input(to, 0444, clock, err);
}

/* The lines assemble.sh reads. */
static void
list_files(const struct plan *p, struct buf *b)
{
	for (size_t i = 0; i < p->nfiles; i++) {
		const struct plan_entry *e = &p->files[i];
		const char *colon = strchr(e->from, ':');
		bool own = strncmp(e->from, "output:", 7) == 0;

		buf_printf(b, "%.*s\t%s\t%s\t%s%s%s\n", (int)(colon - e->from),
		    e->from, e->path, e->mode, own ? p->own : "",
		    own ? "/" : "", colon + 1);
	}
}

static int
put_inputs(struct layout *l, int in, const struct plan *p,
    const struct lane *lane, struct store *store, struct err *err)
{
	size_t n = p->ntree + p->nsources + p->nuses;

	for (size_t k = 0; k < n; k++) {
		size_t i = lane->reverse_order ? n - 1 - k : k;
		int rc;

		if (i < p->ntree) {
			rc = put_blob(l, in,
			    mem_printf("/kiln/recipe/%s", p->tree[i].path),
			    &p->tree[i].sha256, p->tree[i].x, p->clock, store,
			    err);
		} else if ((i -= p->ntree) < p->nsources) {
			rc = put_blob(l, in,
			    mem_printf("/kiln/sources/%s", p->sources[i].file),
			    &p->sources[i].sha256, false, p->clock, store, err);
		} else {
			i -= p->nsources;
			rc = put_blob(l, in,
			    mem_printf("/kiln/uses/%s/%s", p->uses[i].recipe,
				p->uses[i].output),
			    &p->uses[i].sha256, true, p->clock, store, err);
		}
		if (rc == -1)
			return -1;
	}
	return 0;
}

/* In place of the kernel's: the same bytes each time. */
static int
put_random(struct layout *l, int in, int64_t clock, struct err *err)
{
	static const unsigned char seed[randombytes_SEEDBYTES] = "kiln";
	auto_free char *bytes = mem_alloc(RANDOM_BYTES);
	struct span all = { bytes, RANDOM_BYTES };

	randombytes_buf_deterministic(bytes, RANDOM_BYTES, seed);
	if (put_text(l, in, mem_str("/dev/urandom"), all, clock, err) == -1 ||
	    put_text(l, in, mem_str("/dev/random"), all, clock, err) == -1)
		return -1;
	return put_text(l, in, mem_str("/proc/sys/kernel/random/uuid"),
	    span_str("243f6a88-85a3-48d3-9319-8a2e03707344\n"), clock, err);
}

/* libfaketime takes whole seconds, and shows some microseconds less. */
static int
put_clock(struct layout *l, int in, int64_t at, struct err *err)
{
	struct timespec times[2] = { { at + 1, 0 }, { at + 1, 0 } };
	auto_fd int to = new_input(l, in, mem_str(LANE_CLOCK), err);

	if (to == -1)
		return -1;
	if (fchmod(to, 0444) == -1 || futimens(to, times) == -1)
		return err_sys(err, "lay out a clock");
	return 0;
}

int
layout_make(struct layout *l, int workdir, const char *work_path, int64_t id,
    const struct plan *p, const struct lane *lane, struct store *store,
    struct err *err)
{
	static const char *const places[] = { "/kiln/recipe", "/kiln/sources",
		"/kiln/uses" };
	auto_fd int dir = -1, in = -1;

	l->workdir = workdir;
	l->name =
	    mem_printf(PREFIX "%" PRId64 "%s", id, lane->long_path ? LONG : "");
	l->path = mem_printf("%s/%s", work_path, l->name);
	if (tree_remove_at(workdir, l->name, err) == -1)
		return -1;
	dir = mkpath(workdir, l->name, err);
	if (dir == -1)
		return -1;
	in = mkpath(dir, "in", err);
	l->builddir = mkpath(dir, "build", err);
	l->outdir = mkpath(dir, "out", err);
	if (in == -1 || l->builddir == -1 || l->outdir == -1)
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(places); i++)
		bind_to(l, NULL, places[i], false);
	if (put_inputs(l, in, p, lane, store, err) == -1)
		return err_prefix(err, "lay out the inputs");
	if (p->stage == STAGE_IMAGE) {
		auto_buf struct buf files = BUF_INIT;

		list_files(p, &files);
		if (put_text(l, in, mem_str("/kiln/files"), span_buf(&files),
			p->clock, err) == -1 ||
		    put_text(l, in, mem_str("/kiln/assemble"),
			policy_assemble(), p->clock, err) == -1)
			return err_prefix(err, "lay out the inputs");
	}
	if (lane->clock && put_clock(l, in, lane->clock, err) == -1)
		return -1;
	if (lane->hold & HOLD(HOLD_RANDOM) &&
	    put_random(l, in, p->clock, err) == -1)
		return err_prefix(err, "lay out the inputs");
	bind_to(l, keep(l, mem_printf("%s/build", l->path)), "/build", true);
	bind_to(l, keep(l, mem_printf("%s/out", l->path)), "/out", true);
	return 0;
}

void
layout_release(struct layout *l)
{
	own_close(&l->outdir);
	own_close(&l->builddir);
	for (size_t i = 0; i < l->ntexts; i++)
		free(l->texts[i]);
	free(l->texts);
	free(l->binds);
	free(l->name);
	free(l->path);
	*l = (struct layout)LAYOUT_INIT;
}

int
layout_remove(struct layout *l, struct err *err)
{
	return l->name ? tree_remove_at(l->workdir, l->name, err) : 0;
}

int
layout_recover(int workdir, struct err *err)
{
	auto_dir DIR *d = dir_list_at(workdir, ".", err);
	const struct dirent *e;

	if (!d)
		return -1;
	while ((e = readdir(d)))
		if (strncmp(e->d_name, PREFIX, strlen(PREFIX)) == 0 &&
		    tree_remove_at(workdir, e->d_name, err) == -1)
			return err_prefix(err, "clean the work folder");
	return 0;
}
