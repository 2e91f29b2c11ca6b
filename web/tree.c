#include "web/tree.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/fdio.h"
#include "lib/hash.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/store.h"
#include "web/hot.h"

#define FOREVER "public, max-age=31536000, immutable"
/* A proxy may keep it for a moment, and asks whether it changed. */
#define BRIEFLY "public, max-age=10, must-revalidate"
#define METADATA_MAX (8 << 20)

static void
not_here(struct req *req, struct reply *re, const struct err *err)
{
	if (err->cls == ERR_MISSING || err->cls == ERR_INPUT)
		reply_error(req, re, 404, "missing", "no such file");
	else
		reply_error(req, re, 500, "system", "the file cannot be read");
}

static void
send_file(struct req *req, struct reply *re, int dirfd, const char *path,
    const char *etag)
{
	struct err err = ERR_INIT;
	struct stat st;
	int fd = file_open_at(dirfd, path, O_RDONLY, 0, &err);

	if (fd == -1) {
		not_here(req, re, &err);
		return;
	}
	if (fstat(fd, &st) == -1 || !S_ISREG(st.st_mode)) {
		close(fd);
		reply_error(req, re, 404, "missing", "no such file");
		return;
	}
	re->fd = fd;
	re->fd_size = st.st_size;
	re->type = "application/octet-stream";
	re->cache = FOREVER;
	memcpy(re->etag, etag, strlen(etag) + 1);
}

/* A part of it is cut from the file itself. */
static bool
give_hot(const struct req *req, struct reply *re, const struct hot *hot)
{
	if (hot == NULL || hot->form[HOT_PLAIN].whole == NULL ||
	    MHD_lookup_connection_value(req->con, MHD_HEADER_KIND, "Range"))
		return false;
	re->hot = hot;
	return true;
}

void
tree_metadata(struct req *req, struct reply *re)
{
	struct web *w = req->web;
	const char *name = req->part[0];
	const struct hot *hot = hot_look(w, w->metadata, name);
	struct err err = ERR_INIT;
	struct hash h;

	if (give_hot(req, re, hot))
		return;
	send_file(req, re, w->metadata, name, hot ? hot->digest : "");
	if (re->fd == -1)
		return;
	/* Only timestamp.json ever changes under its name. */
	re->cache = strcmp(name, "timestamp.json") == 0 ? BRIEFLY : FOREVER;
	re->type = "application/json";
	if (hot)
		return;
	/* Replaced by renaming, so these are the bytes that will be sent. */
	if (re->fd_size > METADATA_MAX ||
	    hash_fd(re->fd, &h, NULL, &err) == -1) {
		reply_error(req, re, 500, "system", "the file cannot be read");
		return;
	}
	hash_hex(&h, re->etag);
	hot = hot_keep(w, name, re->fd, re->etag, re);
	if (give_hot(req, re, hot)) {
		own_close(&re->fd);
		re->fd = -1;
	}
}

void
tree_target(struct req *req, struct reply *re)
{
	const char *base = strrchr(req->part[0], '/');
	char etag[HASH_HEX];
	struct hash h;

	/* dir/HASH.name: consistent snapshots (TUF 6.2) name the content. */
	base = base ? base + 1 : req->part[0];
	if (strlen(base) < 66 || base[64] != '.') {
		reply_error(req, re, 404, "missing", "no such target");
		return;
	}
	memcpy(etag, base, 64);
	etag[64] = '\0';
	if (!hash_parse(&h, etag)) {
		reply_error(req, re, 404, "missing", "no such target");
		return;
	}
	send_file(req, re, req->web->targets, req->part[0], etag);
}

/* Tiles never change under their names; what is not a tile is the checkpoint,
 * replaced by renaming. */
void
tree_log(struct req *req, struct reply *re)
{
	auto_free char *path = mem_printf("tuf/log/%s", req->part[0]);
	bool now = strcmp(req->part[0], "checkpoint") == 0;
	struct err err = ERR_INIT;
	struct hash h;

	if (!now && strncmp(req->part[0], "tile/", 5) != 0) {
		reply_error(req, re, 404, "missing", "no such file");
		return;
	}
	send_file(req, re, req->web->state, path, "");
	if (re->fd == -1 || !now)
		return;
	if (hash_fd(re->fd, &h, NULL, &err) == -1) {
		reply_error(req, re, 500, "system", "the file cannot be read");
		return;
	}
	hash_hex(&h, re->etag);
	re->type = "text/plain; charset=utf-8";
	re->cache = "no-cache";
}

void
tree_blob(struct req *req, struct reply *re)
{
	const char *as = req_arg(req, "as");
	char path[STORE_PATH];
	struct hash h;

	if (!hash_parse(&h, req->part[0])) {
		reply_error(req, re, 404, "missing",
		    "a blob is named by 64 lower-case hex digits");
		return;
	}
	store_path(&h, path);
	send_file(req, re, req->web->store, path, req->part[0]);
	/* For reading in a browser; it may not guess anything else. */
	if (re->fd != -1 && as && strcmp(as, "text") == 0)
		re->type = "text/plain; charset=utf-8";
	else if (re->fd != -1 && as && strcmp(as, "json") == 0)
		re->type = "application/json";
}
