#include "tuf-repo/router_file.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <archive.h>
#include <archive_entry.h>

#include "lib/canon.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/tuf_refresh.h"
#include "tuf-repo/check.h"
#include "tuf-repo/roles.h"
#include "tuf-repo/setrules.h"

#define METADATA "tuf/metadata/"
#define TARGETS "tuf/targets/"
#define BLOCK 65536

struct kept { /* a metadata file, as it came */
	char *name;
	struct buf bytes;
};

struct work {
	struct router_file *f;
	struct source *src;
	struct tuf_refresh *tuf;
	struct kept *v;
	size_t n, cap;
	struct archive *tar;
};

/* --- what a router would ask for ------------------------------------------ */

static int
get(void *arg, const char *url, int64_t limit, struct buf *out, int *status,
    struct err *err)
{
	const char *name = url + strlen(METADATA);
	struct work *w = arg;
	size_t before = out->len;
	struct kept *k;

	*status = 404;
	if (source_read(w->src, name, (size_t)limit, out, err) == -1) {
		if (err->cls != ERR_MISSING)
			return -1;
		err_clear(err);
		return 0;
	}
	*status = 200;
	MEM_GROW(w->v, w->n, w->cap);
	k = &w->v[w->n++];
	*k = (struct kept){ mem_str(name), BUF_INIT };
	buf_add(&k->bytes, out->data + before, out->len - before);
	return 0;
}

/* The role that lists it, and every other whose patterns reach it: a router
 * looks whether they list it as well. */
static int
look(struct work *w, const char *path, const struct tuf_target **t,
    struct err *err)
{
	const struct tuf_file *targets;
	const char *role;

	if (tuf_refresh_target(w->tuf, path, t, &role, err) == -1)
		return -1;
	targets = tuf_role(tuf_refresh_trust(w->tuf), "targets");
	for (size_t i = 0; i < targets->nroles; i++) {
		const char *other = targets->roles[i].name;

		/* One that is there already stays: targets were found in it. */
		if (tuf_role_covers(&targets->roles[i], path) &&
		    !tuf_role(tuf_refresh_trust(w->tuf), other) &&
		    tuf_refresh_role(w->tuf, other, "targets", err) == -1)
			return -1;
	}
	return 0;
}

static int
small(struct work *w, const struct tuf_target *t, struct buf *out,
    struct err *err)
{
	auto_free char *name = check_target_name(t);
	struct hash h;

	if (source_read_target(w->src, name, SET_MAX, out, err) == -1)
		return -1;
	hash_bytes(&h, out->data, out->len);
	return tuf_target_check(t, (int64_t)out->len, &h, NULL, err);
}

/* --- the archive ---------------------------------------------------------- */

static int
tar_err(struct work *w, const char *name, struct err *err)
{
	const char *text = archive_error_string(w->tar);

	err_set(err, ERR_SYSTEM, "%s: %s", name, text ? text : "not written");
	err->sys = archive_errno(w->tar);
	return -1;
}

static int
put_header(struct work *w, const char *name, int64_t size, struct err *err)
{
	struct archive_entry *e = archive_entry_new();
	int r;

	archive_entry_set_pathname(e, name);
	archive_entry_set_size(e, size);
	archive_entry_set_filetype(e, AE_IFREG);
	archive_entry_set_perm(e, 0444);
	archive_entry_set_mtime(e, 0, 0);
	r = archive_write_header(w->tar, e);
	archive_entry_free(e);
	return r == ARCHIVE_OK ? 0 : tar_err(w, name, err);
}

static int
put(struct work *w, const char *name, const void *p, size_t n, struct err *err)
{
	if (put_header(w, name, (int64_t)n, err) == -1)
		return -1;
	if (n > 0 && archive_write_data(w->tar, p, n) != (la_ssize_t)n)
		return tar_err(w, name, err);
	return 0;
}

static int
put_below(struct work *w, const char *folder, const char *name,
    const struct buf *b, struct err *err)
{
	auto_free char *path = mem_printf("%s%s", folder, name);

	return put(w, path, b->data, b->len, err);
}

/* Hashed before, and the router hashes it again. */
static int
put_target(struct work *w, const struct tuf_target *t, struct err *err)
{
	auto_free char *name = check_target_name(t);
	auto_free char *path = mem_printf(TARGETS "%s", name);
	auto_fd int fd = source_target_fd(w->src, name, t->length, err);
	char block[BLOCK];
	struct hash h;
	int64_t size;
	off_t at = 0;

	if (fd == -1 || hash_fd(fd, &h, &size, err) == -1 ||
	    tuf_target_check(t, size, &h, NULL, err) == -1 ||
	    put_header(w, path, size, err) == -1)
		return -1;
	while (at < size) {
		ssize_t n = pread(fd, block, sizeof(block), at);

		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0)
			return err_sys(err, "read %s", name);
		if (archive_write_data(w->tar, block, (size_t)n) != n)
			return tar_err(w, name, err);
		at += n;
	}
	return 0;
}

/* --- the set -------------------------------------------------------------- */

struct wanted {
	const struct tuf_target **v;
	size_t n, cap;
};

static void
want(struct wanted *all, const struct tuf_target *t)
{
	MEM_GROW(all->v, all->n, all->cap);
	all->v[all->n++] = t;
}

/* Whether it is taken along or not, the router asks the metadata for it. */
static int
want_image(struct work *w, struct wanted *all, const char *service,
    const json_t *o, const char *key, bool along, struct err *err)
{
	auto_free char *path = NULL;
	const struct tuf_target *t;
	char hex[HASH_HEX];
	struct hash h;

	if (js_hash("set", o, key, &h, err) == -1)
		return -1;
	hash_hex(&h, hex);
	path = mem_printf("images/%s/%s/%s", service, w->f->arch, hex);
	if (look(w, path, &t, err) == -1)
		return -1;
	if (along)
		want(all, t);
	return 0;
}

/* The agent's own program is every router's. */
static bool
is_chosen(const struct router_file *f, const json_t *o)
{
	const char *service = json_string_value(json_object_get(o, "service"));
	const char *kind = json_string_value(json_object_get(o, "kind"));

	for (size_t i = 0; f->services[i]; i++)
		if (strcmp(f->services[i], service) == 0)
			return true;
	return f->services[0] == NULL || strcmp(kind, "agent") == 0;
}

/* A name that the set does not have is a mistake of whoever asks. */
static int
all_are_there(const struct router_file *f, const json_t *set, struct err *err)
{
	const json_t *services = json_object_get(set, "services"), *o;
	size_t j;

	for (size_t i = 0; f->services[i]; i++) {
		bool found = false;

		json_array_foreach(services, j, o) found |=
		    strcmp(json_string_value(json_object_get(o, "service")),
			f->services[i]) == 0;
		if (!found)
			return err_set(err, ERR_INPUT,
			    "%s is not in the set of %s/%s", f->services[i],
			    f->channel, f->arch);
	}
	return 0;
}

static int
want_set(struct work *w, struct wanted *all, struct err *err)
{
	struct router_file *f = w->f;
	auto_free char *path =
	    mem_printf("sets/%s/%s.json", f->channel, f->arch);
	auto_free char *brake =
	    mem_printf("brake/%s/%s.json", f->channel, f->arch);
	auto_buf struct buf text = BUF_INIT;
	auto_json json_t *set = NULL;
	const struct tuf_target *t;
	const json_t *kernel, *o;
	size_t i;

	if (look(w, path, &t, err) == -1 || small(w, t, &text, err) == -1 ||
	    !(set = set_read(path, text.data, text.len, err)) ||
	    all_are_there(f, set, err) == -1)
		return -1;
	f->counter = json_integer_value(json_object_get(set, "counter"));
	want(all, t);
	if (look(w, brake, &t, err) == 0) {
		want(all, t);
	} else if (err->cls == ERR_MISSING) {
		err_clear(err);
	} else {
		return -1;
	}
	kernel = json_object_get(set, "kernel");
	if (want_image(w, all, "kernel", kernel, "vmlinuz", true, err) == -1 ||
	    want_image(w, all, "kernel", kernel, "initrd", true, err) == -1)
		return -1;
	json_array_foreach(json_object_get(set, "services"), i, o)
	{
		const char *service =
		    json_string_value(json_object_get(o, "service"));

		if (want_image(w, all, service, o, "image", is_chosen(f, o),
			err) == -1)
			return -1;
	}
	return 0;
}

/* --- all of it ------------------------------------------------------------ */

static int
put_index(struct work *w, struct err *err)
{
	auto_json json_t *j = js_record_new("kiln/router", 1);
	auto_buf struct buf text = BUF_INIT;

	js_set_str(j, "arch", w->f->arch);
	js_set_str(j, "channel", w->f->channel);
	js_set_int(j, "counter", w->f->counter);
	if (canon_json(j, &text, err) == -1)
		return -1;
	return put(w, "router.json", text.data, text.len, err);
}

static int
write_all(struct work *w, const struct wanted *all, struct err *err)
{
	const struct router_file *f = w->f;

	if (put_index(w, err) == -1 ||
	    put_below(w, "", "agent.yaml", f->config, err) == -1 ||
	    put_below(w, "", "root.json", f->root, err) == -1 ||
	    (f->token->len && put_below(w, "", "token", f->token, err) == -1))
		return -1;
	for (size_t i = 0; i < w->n; i++)
		if (put_below(w, METADATA, w->v[i].name, &w->v[i].bytes, err) ==
		    -1)
			return -1;
	for (size_t i = 0; i < all->n; i++)
		if (put_target(w, all->v[i], err) == -1)
			return -1;
	return archive_write_close(w->tar) == ARCHIVE_OK
		   ? 0
		   : tar_err(w, "the file", err);
}

int
router_file_write(
    struct router_file *f, struct source *src, int fd, struct err *err)
{
	struct work w = { .f = f, .src = src, .tar = archive_write_new() };
	struct tuf_refresh_opts opts = { .metadata_url = METADATA,
		.dirfd = -1,
		.root = f->root,
		.now = f->now,
		.get = get,
		.arg = &w };
	struct wanted all = { 0 };
	int ret = -1;

	w.tuf = tuf_refresh_open(&opts, err);
	if (w.tuf && tuf_refresh_run(w.tuf, err) == 0 &&
	    want_set(&w, &all, err) == 0) {
		if (archive_write_set_format_gnutar(w.tar) != ARCHIVE_OK ||
		    archive_write_open_fd(w.tar, fd) != ARCHIVE_OK)
			tar_err(&w, "the file", err);
		else
			ret = write_all(&w, &all, err);
	}
	archive_write_free(w.tar);
	tuf_refresh_free(w.tuf);
	for (size_t i = 0; i < w.n; i++) {
		free(w.v[i].name);
		buf_release(&w.v[i].bytes);
	}
	free(w.v);
	free(all.v);
	return ret;
}
