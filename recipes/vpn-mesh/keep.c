#include "recipes/vpn-mesh/keep.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STATE MESH_DATA "/state.json"
#define STATE_NEW MESH_DATA "/state.new"

int
keep_save(const struct admit *a, struct fault *f)
{
	auto_json json_t *j = admit_json(a);
	char *text = json_dumps(j, JSON_COMPACT);
	int fd, dir, ret = -1;

	fd = open(STATE_NEW, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	dir = open(MESH_DATA, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (text != NULL && fd != -1 && dir != -1 &&
	    write(fd, text, strlen(text)) == (ssize_t)strlen(text) &&
	    fsync(fd) == 0 && rename(STATE_NEW, STATE) == 0 && fsync(dir) == 0)
		ret = 0;
	else
		fault_sys(f, "keep the state");
	if (fd != -1)
		close(fd);
	if (dir != -1)
		close(dir);
	if (text != NULL)
		sodium_memzero(text, strlen(text));
	free(text);
	return ret;
}

int
keep_load(struct admit *a, bool founds, struct fault *f)
{
	auto_json json_t *j = NULL;
	char *text;
	size_t n;

	if (access(STATE, F_OK) == -1 && errno == ENOENT) {
		admit_new(a, founds);
		return founds ? 0 : keep_save(a, f);
	}
	if (guest_read(STATE, GUEST_CONFIG_MAX, &text, &n, f) == -1)
		return -1;
	j = guest_json("state", text, n, f);
	sodium_memzero(text, n);
	free(text);
	if (j == NULL || admit_read(j, a, f) == -1)
		return -1;
	if (a->founder != founds)
		return fault_set(f,
		    "the volume is of a node that %s a mesh: a node does not "
		    "change that",
		    a->founder ? "founded" : "joined");
	return 0;
}
