#include "tuf-repo/keyring.h"

#include <assert.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/fdio.h"
#include "lib/mem.h"
#include "lib/own.h"

void
key_generation(const char *key, int n, char out[KEY_NAME_MAX])
{
	int len = n == 1 ? snprintf(out, KEY_NAME_MAX, "%s", key)
			 : snprintf(out, KEY_NAME_MAX, "%s-%d", key, n);

	assert(len > 0 && len < KEY_NAME_MAX);
}

int
key_next_generation(
    int dirfd, const char *key, char out[KEY_NAME_MAX], struct err *err)
{
	for (int n = 1; n <= KEY_GENERATIONS; n++) {
		char pub[KEY_NAME_MAX];

		key_generation(key, n, out);
		if (key_file_name(pub, out, "pub", err) == -1)
			return -1;
		/* Of a key that was removed the public half stays. */
		if (!key_exists(dirfd, out) && !file_exists_at(dirfd, pub))
			return 0;
	}
	return err_set(err, ERR_INPUT,
	    "%s has %d keys; remove those that nothing lists", key,
	    KEY_GENERATIONS);
}

bool
key_is_generation(const char *name, const char *key)
{
	size_t n = strlen(key);

	if (strncmp(name, key, n) != 0)
		return false;
	if (name[n] == '\0')
		return true;
	return name[n] == '-' && name[n + 1] != '\0' &&
	       strspn(name + n + 1, "0123456789") == strlen(name + n + 1);
}

bool
key_any_sealed(int dirfd)
{
	static const char sealed[] = KEY_HEAD "argon2id ";
	auto_key_names struct key_names names = KEY_NAMES_INIT;
	struct err ignore = ERR_INIT;

	if (key_names_read(dirfd, &names, &ignore) == -1)
		return false;
	for (size_t i = 0; i < names.n; i++) {
		char file[KEY_NAME_MAX], head[sizeof(sealed) - 1];

		if (key_file_name(file, names.v[i], "key", &ignore) == -1)
			continue;
		auto_fd int fd = file_open_at(
		    dirfd, file, O_RDONLY | O_NOFOLLOW, 0, &ignore);
		if (fd != -1 &&
		    read(fd, head, sizeof(head)) == (ssize_t)sizeof(head) &&
		    memcmp(head, sealed, sizeof(head)) == 0)
			return true;
	}
	return false;
}

void
key_names_release(struct key_names *k)
{
	for (size_t i = 0; i < k->n; i++)
		free(k->v[i]);
	free(k->v);
	*k = (struct key_names)KEY_NAMES_INIT;
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int
key_names_read(int dirfd, struct key_names *k, struct err *err)
{
	auto_dir DIR *d = dir_list_at(dirfd, ".", err);
	const struct dirent *e;

	if (!d)
		return err_prefix(err, "list keys");
	while ((e = readdir(d))) {
		size_t n = strlen(e->d_name);

		if (n < 5 || n >= KEY_NAME_MAX || !name_ok(e->d_name) ||
		    strcmp(e->d_name + n - 4, ".key") != 0)
			continue;
		MEM_GROW(k->v, k->n, k->cap);
		k->v[k->n++] = mem_strn(e->d_name, n - 4);
	}
	if (k->n)
		qsort(k->v, k->n, sizeof(*k->v), by_name);
	return 0;
}
