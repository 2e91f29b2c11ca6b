/* All artifacts of a store, shard after shard. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/fdio.h"
#include "lib/own.h"
#include "lib/store.h"

static int
walk_shard(
    int storefd, const char *shard, store_fn *fn, void *arg, struct err *err)
{
	auto_dir DIR *d = dir_list_at(storefd, shard, err);
	const struct dirent *e;

	if (!d)
		return -1;
	while ((errno = 0, e = readdir(d))) {
		struct hash h;
		struct stat st;

		if (strncmp(e->d_name, shard, 2) != 0 ||
		    !hash_parse(&h, e->d_name) ||
		    fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) ==
			-1)
			continue;
		if (fn(arg, &h, &st, err) != 0)
			return -1;
	}
	return errno ? err_sys(err, "list store/%s", shard) : 0;
}

int
store_walk(struct store *st, store_fn *fn, void *arg, struct err *err)
{
	char shard[3];

	for (int i = 0; i < 256; i++) {
		snprintf(shard, sizeof(shard), "%02x", (unsigned)i);
		if (file_exists_at(store_folder(st), shard) &&
		    walk_shard(store_folder(st), shard, fn, arg, err) == -1)
			return -1;
	}
	return 0;
}

int
store_remove(struct store *st, const struct hash *h, struct err *err)
{
	char path[STORE_PATH];

	store_path(h, path);
	return file_remove_at(store_folder(st), path, err);
}
