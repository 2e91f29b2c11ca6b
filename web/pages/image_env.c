#include "web/pages/image_env.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/fdio.h"
#include "lib/hash.h"
#include "lib/own.h"
#include "web/model.h"

#define LINKS 8
#define PATH 1024

/* /bin is /usr/bin, and so on: packages are unpacked so. */
static bool
place(char out[PATH], const char *path)
{
	static const char *const merged[] = { "bin/", "sbin/", "lib/", "lib32/",
		"lib64/", "libx32/" };
	const char *usr = "";
	int n;

	path += strspn(path, "/");
	for (size_t i = 0; i < ARRAY_LEN(merged); i++)
		if (strncmp(path, merged[i], strlen(merged[i])) == 0)
			usr = "usr/";
	n = snprintf(out, PATH, "%s%s", usr, path);
	return n > 0 && n < PATH;
}

/* Which package has it, a link not followed. */
static const json_t *
holder(const struct web *w, const json_t *packages, const char *path, int *fd,
    struct stat *st)
{
	const json_t *p;
	size_t i;

	json_array_foreach(packages, i, p)
	{
		char at[PATH + HASH_HEX + 16];
		struct err none = ERR_INIT;
		struct hash h;

		if (!hash_parse(&h, m_str(p, "sha256")))
			continue;
		snprintf(at, sizeof(at), "env/deb/%s/root/%s",
		    m_str(p, "sha256"), path);
		own_close(fd);
		*fd = file_open_at(w->state, at, O_PATH | O_NOFOLLOW, 0, &none);
		if (*fd != -1 && fstat(*fd, st) == 0)
			return p;
	}
	return NULL;
}

/* Where a link at `path` leads. */
static bool
follow(int fd, char path[PATH])
{
	char target[PATH], whole[2 * PATH], *slash = strrchr(path, '/');
	ssize_t n = readlinkat(fd, "", target, sizeof(target) - 1);

	if (n <= 0)
		return false;
	target[n] = '\0';
	if (target[0] == '/')
		return place(path, target);
	/* Packages lead up with "..": rare, and not worth to be known. */
	if (strstr(target, ".."))
		return false;
	snprintf(whole, sizeof(whole), "%.*s%s",
	    slash ? (int)(slash - path) + 1 : 0, path, target);
	return place(path, whole);
}

const json_t *
image_env_find(const struct web *w, const json_t *packages, const char *path,
    int64_t *size)
{
	char at[PATH];
	const json_t *p;
	struct stat st;

	if (!place(at, path))
		return NULL;
	for (int i = 0; i < LINKS; i++) {
		auto_fd int fd = -1;

		p = holder(w, packages, at, &fd, &st);
		if (p == NULL)
			return NULL;
		if (S_ISREG(st.st_mode)) {
			*size = st.st_size;
			return p;
		}
		if (!S_ISLNK(st.st_mode) || !follow(fd, at))
			return NULL;
	}
	return NULL;
}
