#include "builder/bake/usage.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/fdio.h"
#include "lib/own.h"

/* Folders in folders: one descriptor each.  What nests deeper counts as too
 * much, since no build that means well does. */
#define DEEPEST 200
#define BLOCK 512 /* of st_blocks */

static void
add(int dirfd, int depth, int64_t most, struct usage *u)
{
	struct err gone = ERR_INIT;
	auto_dir DIR *d = dir_list_at(dirfd, ".", &gone);
	const struct dirent *e;
	struct stat st;

	if (depth > DEEPEST)
		u->files = most + 1;
	while (d && u->files <= most && (e = readdir(d))) {
		auto_fd int sub = -1;

		if (strcmp(e->d_name, ".") == 0 ||
		    strcmp(e->d_name, "..") == 0 ||
		    fstatat(dirfd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) == -1)
			continue;
		u->files++;
		if (!S_ISDIR(st.st_mode)) {
			u->bytes += st.st_blocks * BLOCK /
				    (st.st_nlink ? (int64_t)st.st_nlink : 1);
			continue;
		}
		sub = openat(dirfd, e->d_name,
		    O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		if (sub != -1)
			add(sub, depth + 1, most, u);
	}
}

void
usage_add(int dirfd, int64_t most, struct usage *u)
{
	add(dirfd, 0, most, u);
}
