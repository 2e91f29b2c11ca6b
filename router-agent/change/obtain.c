#include "router-agent/change/obtain.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/fdio.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/store.h"
#include "router-agent/agent.h"
#include "router-agent/trust/refresh_url.h"

static int
keep_serving(void *arg, int64_t done, int64_t total)
{
	struct agent *a = arg;

	(void)done;
	(void)total;
	agent_wait(a, -1, 0);
	return a->stop;
}

static int
fetch_from(struct agent *a, const char *server, const struct set_file *f,
    int fd, struct err *err)
{
	auto_free char *base = mem_printf("%s/tuf/targets/", server);
	auto_free char *path = mem_str(f->target);
	const struct tuf_target t = {
		.path = path, .has_sha256 = true, .sha256 = f->hash
	};
	auto_free char *url = url_target(base, &t, true);
	struct fetch_more more = { .progress = keep_serving, .arg = a };
	struct fetch_answer answer;
	int64_t have;

	if (fd_size(fd, &have, err) == -1)
		return -1;
	if (have > f->size) {
		have = 0;
		if (ftruncate(fd, 0) == -1)
			return err_sys(err, "empty a download");
	}
	if (lseek(fd, have, SEEK_SET) == -1)
		return err_sys(err, "go to a download's end");
	more.from = have;
	if (have < f->size) {
		if (fetcher_get(a->fetcher, url, f->size - have, fd, &more,
			&answer, err) == -1)
			return -1;
		if (answer.status != 200 && answer.status != 206)
			return err_set(err, ERR_BUSY,
			    "%.200s: the server answered %d", url,
			    answer.status);
	}
	if (lseek(fd, 0, SEEK_SET) == -1)
		return err_sys(err, "rewind a download");
	return 0;
}

/* Into the store, under the hash that the verifier named. */
static int
fetch_file(struct agent *a, const struct set_file *f, struct err *err)
{
	char name[HASH_HEX];
	auto_fd int fd = -1;
	int ret = -1;

	if (store_has(a->dir.store, &f->hash))
		return 0;
	hash_hex(&f->hash, name);
	fd = file_open_at(a->dir.tmp, name, O_RDWR | O_CREAT, 0600, err);
	if (fd == -1)
		return -1;
	for (size_t i = 0; ret == -1 && i < a->conf.nservers; i++) {
		err_clear(err);
		ret = fetch_from(a, a->conf.servers[i], f, fd, err);
		if (ret == -1)
			continue; /* what came stays, for the next try */
		ret = store_put_expected(
		    a->dir.store, fd, &f->hash, f->size, err);
		if (ret == -1 && ftruncate(fd, 0) == -1)
			return err_sys(err, "empty a download");
	}
	if (ret == 0)
		ret = file_remove_at(a->dir.tmp, name, err);
	return ret;
}

int
obtain_set(struct agent *a, const struct set *set, struct err *err)
{
	if (fetch_file(a, &set->vmlinuz, err) == -1 ||
	    fetch_file(a, &set->initrd, err) == -1)
		return -1;
	for (size_t i = 0; i < set->nservices; i++)
		if (fetch_file(a, &set->services[i].image, err) == -1)
			return -1;
	a->damaged = false;
	return 0;
}

int
obtain_check(struct agent *a, const struct set_file *f, struct err *err)
{
	char path[STORE_PATH], name[STORE_PATH + 8];
	struct err why = ERR_INIT;

	if (store_verify(a->dir.store, &f->hash, err) == 0)
		return 0;
	if (err->cls == ERR_TRUST) {
		store_path(&f->hash, path);
		snprintf(name, sizeof(name), "store/%s", path);
		if (file_remove_at(a->dir.fd, name, &why) == -1)
			log_err("store", &why);
	}
	if (err->cls == ERR_TRUST || err->cls == ERR_MISSING)
		a->damaged = true;
	return -1;
}

bool
obtain_whole(struct agent *a, const struct set *set)
{
	struct err why = ERR_INIT;
	bool whole = obtain_check(a, &set->vmlinuz, &why) == 0 &&
		     obtain_check(a, &set->initrd, &why) == 0;

	for (size_t i = 0; whole && i < set->nservices; i++)
		whole = obtain_check(a, &set->services[i].image, &why) == 0;
	return whole;
}

/* --- sweeping ------------------------------------------------------------ */

static bool
names(const struct set *set, const struct hash *h)
{
	if (!set)
		return false;
	if (hash_equal(&set->vmlinuz.hash, h) ||
	    hash_equal(&set->initrd.hash, h))
		return true;
	for (size_t i = 0; i < set->nservices; i++)
		if (hash_equal(&set->services[i].image.hash, h))
			return true;
	return false;
}

static bool
kept(const struct state *s, const char *name)
{
	struct hash h;

	/* What is no digest is not ours to remove. */
	if (strlen(name) != HASH_HEX - 1 || !hash_parse(&h, name))
		return true;
	return names(s->current, &h) || names(s->previous, &h) ||
	       names(s->golden, &h) || names(s->trial, &h);
}

/* One folder of files by digest. */
static int
sweep(const struct state *s, int in, const char *path, struct err *err)
{
	int fd = dir_open_at(in, path, err);
	auto_dir DIR *d = fd == -1 ? NULL : fdopendir(fd);
	struct dirent *e;

	if (!d) {
		if (fd == -1)
			return -1;
		close(fd);
		return err_sys(err, "list %s", path);
	}
	while ((e = readdir(d)) != NULL)
		if (!kept(s, e->d_name) &&
		    file_remove_at(dirfd(d), e->d_name, err) == -1)
			return -1;
	return 0;
}

int
obtain_sweep(struct agent *a, struct err *err)
{
	auto_fd int store = dir_open_at(a->dir.fd, "store", err);

	if (store == -1 || sweep(&a->state, a->dir.tmp, ".", err) == -1)
		return -1;
	for (unsigned i = 0; i < 256; i++) {
		char name[3];

		snprintf(name, sizeof(name), "%02x", i);
		if (file_exists_at(store, name) &&
		    sweep(&a->state, store, name, err) == -1)
			return -1;
	}
	return 0;
}
