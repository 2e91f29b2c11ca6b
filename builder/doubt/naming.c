#include "builder/doubt/naming.h"

#include <stdio.h>
#include <string.h>

#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"

static int
fetch_first(const struct naming_order *o, struct buf *root, struct err *err)
{
	int status = 0;

	if (o->get(o->arg, "1.root.json", TUF_ROOT_MAX, root, &status, err) ==
	    -1)
		return -1;
	if (status == 200)
		return 0;
	return err_set(err, status >= 500 ? ERR_BUSY : ERR_TRUST,
	    "%s has no 1.root.json (%d)", o->where, status);
}

static void
first_use_name(const char *where, char out[80])
{
	struct hash h;
	char hex[HASH_HEX];

	hash_bytes(&h, where, strlen(where));
	hash_hex(&h, hex);
	snprintf(out, 80, "first-%s", hex);
}

/* The one that was taken the first time is kept for the next. */
static int
first_use(const struct naming_order *o, struct buf *root, struct err *err)
{
	char name[80];

	first_use_name(o->where, name);
	if (o->dirfd != -1 && file_exists_at(o->dirfd, name))
		return file_read_at(o->dirfd, name, TUF_ROOT_MAX, root, err);
	if (!o->tofu)
		return err_set(err, ERR_TRUST,
		    "there is no root to judge %s by: --root FILE names the "
		    "one you have, --tofu takes its own the first time",
		    o->where);
	if (fetch_first(o, root, err) == -1)
		return -1;
	if (o->dirfd == -1)
		return 0;
	return file_write_at(o->dirfd, name, root->data, root->len, 0644, err);
}

/* What was trusted under that root and of that place. */
static int
open_folder(
    const struct naming_order *o, const struct buf *root, struct err *err)
{
	struct hasher h;
	struct hash is;
	char hex[HASH_HEX];
	auto_fd int dir = -1;

	hasher_init(&h);
	hasher_field(&h, root->data, root->len);
	hasher_field(&h, o->where, strlen(o->where));
	hasher_end(&h, &is);
	hash_hex(&is, hex);
	dir = dir_make_at(o->dirfd, hex, 0755, err);
	if (dir == -1)
		return -1;
	if (!file_exists_at(dir, "root.json") &&
	    tuf_refresh_init(dir, root->data, root->len, err) == -1)
		return -1;
	return take_fd(&dir);
}

static void
note(const struct tuf_trust *t, const char *role, struct naming *n)
{
	const struct tuf_file *top = tuf_role(t, "targets");
	const struct tuf_role *r = tuf_role_find(top, role);

	snprintf(n->role, sizeof(n->role), "%s", role);
	n->root_version = tuf_root(t)->version;
	n->threshold = r ? r->threshold : 0;
	n->keys = (int64_t)tuf_keys_signed(top, role, tuf_role(t, role));
	n->demo = json_is_true(json_object_get(top->signed_json, "demo"));
}

static int
look(struct tuf_refresh *r, const struct naming_order *o, struct naming *n,
    struct err *err)
{
	const struct tuf_target *t;
	const char *role;
	char hex[HASH_HEX];
	auto_free char *path = NULL;

	if (tuf_refresh_run(r, err) == -1)
		return -1;
	hash_hex(o->image, hex);
	path = mem_printf("images/%s/%s/%s", o->service, o->arch, hex);
	if (tuf_refresh_target(r, path, &t, &role, err) == -1) {
		if (err->cls == ERR_MISSING)
			err->cls = ERR_TRUST;
		return -1;
	}
	/* The name says what it is; so must what is signed. */
	if (!t->has_sha256 || !hash_equal(&t->sha256, o->image))
		return err_set(err, ERR_TRUST,
		    "%s lists other bytes as %s (wrong bytes)", role, path);
	note(tuf_refresh_trust(r), role, n);
	return 0;
}

int
naming_check(const struct naming_order *o, struct naming *n, struct err *err)
{
	struct tuf_refresh_opts opts = {
		.metadata_url = "", .now = o->now, .get = o->get, .arg = o->arg
	};
	auto_buf struct buf own = BUF_INIT;
	const struct buf *root = o->root ? o->root : &own;
	struct tuf_refresh *r;
	auto_fd int dir = -1;
	int rc;

	*n = (struct naming){ .first_use = !o->root };
	if (!o->root && first_use(o, &own, err) == -1)
		return -1;
	hash_bytes(&n->root, root->data, root->len);
	if (o->dirfd != -1 && (dir = open_folder(o, root, err)) == -1)
		return -1;
	opts.dirfd = dir;
	opts.root = root;
	r = tuf_refresh_open(&opts, err);
	rc = r ? look(r, o, n, err) : -1;
	tuf_refresh_free(r);
	return rc == -1 ? err_prefix(err, "metadata of %s", o->where) : 0;
}
