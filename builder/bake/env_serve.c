/* The child's side of env_crew.h. */
#include <errno.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "builder/bake/env_crew.h"
#include "builder/bake/env_tree.h"
#include "lib/cli.h"
#include "lib/fdio.h"
#include "lib/mem.h"
#include "lib/own.h"

#define REQUEST_SECONDS 3600 /* a large package on a slow disk */

struct packages {
	struct env_package *v;
	char **names;
	size_t n;
};

static void
packages_release(struct packages *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->names[i]);
	free(l->names);
	free(l->v);
}

static int
get_package(struct ipc_msg *m, struct packages *l, struct err *err)
{
	struct env_package *p = &l->v[l->n];

	if (ipc_get_str(m, ENV_NAME_MAX, &l->names[l->n], err) == -1)
		return -1;
	p->name = l->names[l->n++];
	return ipc_get_hash(m, &p->sha256, err);
}

static void
make_room(struct packages *l, size_t n)
{
	l->v = mem_zero(n + 1, sizeof(*l->v));
	l->names = mem_zero(n + 1, sizeof(char *));
}

static int
get_list(struct ipc_msg *m, struct packages *l, struct err *err)
{
	uint32_t n;

	if (ipc_get_u32(m, &n, err) == -1)
		return -1;
	if (n > IPC_MAX / sizeof(struct hash))
		return err_set(err, ERR_INPUT, "a list of %u packages", n);
	make_room(l, n);
	while (l->n < n)
		if (get_package(m, l, err) == -1)
			return -1;
	return ipc_end(m, err);
}

static int
unpack(struct ipc_msg *m, struct packages *l, struct err *err)
{
	make_room(l, 1);
	if (get_package(m, l, err) == -1 || ipc_end(m, err) == -1)
		return -1;
	if (m->fds[1] == -1)
		return err_set(err, ERR_INPUT, "a package without bytes");
	return env_tree_unpack(m->fds[0], &l->v[0], m->fds[1], err);
}

/*
 * Held as long as somebody writes.  A child outlives a builder that was
 * killed by a moment, and the next builder cleans after it: not before it is
 * gone.
 */
static int
hold(int env, int how, struct err *err)
{
	auto_fd int fd = dir_open_at(env, ".", err);

	if (fd == -1)
		return -1;
	while (flock(fd, how) == -1)
		if (errno != EINTR)
			return err_sys(err, "lock env");
	return take_fd(&fd);
}

static int
drop(struct ipc_msg *m, struct err *err)
{
	auto_free char *name = NULL;

	if (ipc_get_str(m, ENV_NAME_MAX, &name, err) == -1 ||
	    ipc_end(m, err) == -1)
		return -1;
	return env_tree_drop(m->fds[0], name, err);
}

static int
serve_one(struct ipc_msg *m, struct packages *l, struct err *err)
{
	auto_fd int held = -1;
	struct hash digest;

	if (m->type == ENV_PING)
		return ipc_end(m, err);
	if (m->fds[0] == -1)
		return err_set(err, ERR_INPUT, "a request without its folder");
	held = hold(m->fds[0], m->type == ENV_CLEAN ? LOCK_EX : LOCK_SH, err);
	if (held == -1)
		return -1;
	switch (m->type) {
	case ENV_UNPACK:
		return unpack(m, l, err);
	case ENV_NAME:
		if (get_list(m, l, err) == -1)
			return -1;
		return env_tree_name(m->fds[0], l->v, l->n, err);
	case ENV_ASSEMBLE:
		if (ipc_get_hash(m, &digest, err) == -1 ||
		    get_list(m, l, err) == -1)
			return -1;
		return env_tree_assemble(m->fds[0], &digest, l->v, l->n, err);
	case ENV_CLEAN:
		if (ipc_end(m, err) == -1)
			return -1;
		return env_tree_clean(m->fds[0], err);
	case ENV_DROP:
		return drop(m, err);
	default:
		return err_set(
		    err, ERR_INPUT, "message %u is unknown", m->type);
	}
}

static int
serve(int sock)
{
	for (;;) {
		auto_ipc struct ipc_msg m = IPC_MSG_INIT;
		auto_buf struct buf answer = BUF_INIT;
		struct packages list = { 0 };
		struct err err = ERR_INIT;
		int r = ipc_recv(sock, -1, &m, &err);
		uint32_t id;

		if (r == 0)
			return EXIT_DONE;
		if (r == -1 || ipc_get_u32(&m, &id, &err) == -1)
			return EXIT_FAILED;
		alarm(REQUEST_SECONDS);
		r = serve_one(&m, &list, &err);
		alarm(0);
		packages_release(&list);
		ipc_add_u32(&answer, id);
		if (r == -1)
			worker_fail(id, &err);
		else if (ipc_send(sock, ENV_DONE, &answer, NULL, 0, &err) == -1)
			return EXIT_FAILED;
	}
}

int
env_main(void)
{
	static const struct worker_duty duty = { "env", ROLE_ENV, false,
		serve };

	return worker_run(&duty);
}
