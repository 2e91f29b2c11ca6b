#include "router-agent/change/obtain.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/fdio.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"
#include "lib/store.h"
#include "router-agent/agent.h"
#include "router-agent/change/unpack.h"
#include "router-agent/trust/refresh_url.h"

#define UNPACK_MS (15 * 60 * 1000)
/* A file's deadline: a quarter of an hour, and what the slowest link that is
 * worth waiting for needs. */
#define DEADLINE_MS ((int64_t)15 * 60 * 1000)
#define SLOWEST 4 /* bytes a millisecond */
#define COUNT_BYTES ((int64_t)4 << 20)

/* --- bytes --------------------------------------------------------------- */

struct fetching {
	struct agent *a;
	int64_t left;	 /* of today's budget */
	int64_t counted; /* bytes of this file that are in `traffic` */
	bool spent;
};

/* A stick's cost nothing. */
static void
count_bytes(struct fetching *f, int64_t done)
{
	struct agent *a = f->a;
	struct err why = ERR_INIT;

	if (!a->stick && traffic_add(a->dir.fd, &a->traffic, done - f->counted,
			     time_now(), &why) == -1)
		log_err("traffic", &why);
	f->counted = done;
}

static int
keep_serving(void *arg, int64_t done, int64_t total)
{
	struct fetching *f = arg;

	(void)total;
	agent_wait(f->a, -1, 0);
	/* So much at most is forgotten by a power cut. */
	if (done - f->counted >= COUNT_BYTES)
		count_bytes(f, done);
	f->spent = done >= f->left;
	return f->a->stop || f->spent;
}

static int
get(struct agent *a, const char *url, int64_t have, int64_t want, int fd,
    struct err *err)
{
	struct fetcher *by = a->stick ? a->stick : a->fetcher;
	struct fetching f = { .a = a, .left = INT64_MAX };
	struct fetch_more more = { .from = have,
		.progress = keep_serving,
		.arg = &f,
		.deadline_ms = DEADLINE_MS + (want - have) / SLOWEST };
	struct fetch_answer answer = { 0 };
	struct err why = ERR_INIT;
	int64_t after = have;
	int ret = -1;

	if (!a->stick)
		f.left = traffic_left(&a->traffic, a->conf.budget, time_now());
	if (f.left == 0)
		f.spent = true;
	else
		ret =
		    fetcher_get(by, url, want - have, fd, &more, &answer, err);
	if (a->stick)
		after = want;
	else if (fd_size(fd, &after, &why) == -1)
		log_err("traffic", &why);
	count_bytes(&f, after - have);
	if (f.spent && after < want)
		return err_set(err, ERR_BUSY,
		    "the %lld bytes that may be fetched in a day are spent",
		    (long long)a->conf.budget);
	if (ret == -1)
		return -1;
	if (answer.status != 200 && answer.status != 206)
		return err_set(err, ERR_BUSY, "%.200s: the server answered %d",
		    url, answer.status);
	return 0;
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
	if (have < f->size && get(a, url, have, f->size, fd, err) == -1)
		return -1;
	if (lseek(fd, 0, SEEK_SET) == -1)
		return err_sys(err, "rewind a download");
	return 0;
}

/* From the first server that has it whole, into `fd`. */
static int
fetch_checked(
    struct agent *a, const struct set_file *f, int fd, struct err *err)
{
	size_t n = a->stick ? 1 : a->conf.nservers;
	struct hash h;
	int64_t size;

	for (size_t i = 0; i < n && !a->stop; i++) {
		const char *server =
		    a->stick ? FETCH_STICK : a->conf.servers[i];

		err_clear(err);
		if (fetch_from(a, server, f, fd, err) == -1)
			continue; /* what came stays, for the next try */
		if (hash_fd(fd, &h, &size, err) == -1)
			return -1;
		if (size == f->size && hash_equal(&h, &f->hash))
			return 0;
		err_set(err, ERR_TRUST,
		    "%.200s: %s sent other bytes than were signed for",
		    f->target, server);
		log_err("fetch", err);
		if (ftruncate(fd, 0) == -1)
			return err_sys(err, "empty a download");
	}
	if (err->cls == ERR_NONE)
		return err_set(err, ERR_BUSY, "stopped while fetching");
	/* Another try may find what no server has now. */
	if (err->cls == ERR_TRUST)
		err->cls = ERR_BUSY;
	return -1;
}

/* --- one file ------------------------------------------------------------ */

static int
part_open(
    struct agent *a, const struct hash *h, char name[HASH_HEX], struct err *err)
{
	hash_hex(h, name);
	return file_open_at(a->dir.tmp, name, O_RDWR | O_CREAT, 0600, err);
}

static int
unpacked(struct agent *a, int form, int old, int out, const struct form *f,
    int64_t size, struct err *err)
{
	int64_t until = time_mono_ms() + UNPACK_MS;
	struct unpack u = { CHILD_INIT, -1 };

	/* Fetching and unpacking are never in memory together. */
	fetcher_rest(a->stick ? a->stick : a->fetcher);
	if (unpack_start(&u, form, old, out, &f->head, size, err) == -1)
		return -1;
	while (!a->stop && time_mono_ms() < until)
		if (agent_wait(a, u.sock, 1000))
			return unpack_result(&u, err);
	unpack_stop(&u);
	return err_set(err, ERR_BUSY,
	    a->stop ? "stopped while unpacking" : "unpacking takes too long");
}

static int
by_form(struct agent *a, const struct form *f, const struct set_file *want,
    struct err *err)
{
	auto_fd int form = -1, old = -1, out = -1;
	char name[HASH_HEX], image[HASH_HEX];

	if (f->from && store_get(a->dir.store, &f->old, &old, err) == -1)
		return -1;
	form = part_open(a, &f->file.hash, name, err);
	if (form == -1 || fetch_checked(a, &f->file, form, err) == -1)
		return -1;
	out = part_open(a, &want->hash, image, err);
	if (out == -1)
		return -1;
	if (ftruncate(out, 0) == -1 || lseek(form, 0, SEEK_SET) == -1)
		return err_sys(err, "empty a download");
	/* By another process; all of it, however far it came. */
	(void)traffic_written(&a->traffic, want->size, time_now());
	if (unpacked(a, form, old, out, f, want->size, err) == -1 ||
	    lseek(out, 0, SEEK_SET) == -1 ||
	    store_put_expected(
		a->dir.store, out, &want->hash, want->size, err) == -1) {
		struct err why = ERR_INIT;

		/* None of it is a part of the image as it is. */
		if (ftruncate(out, 0) == -1)
			err_sys(&why, "empty a download");
		(void)!file_remove_at(a->dir.tmp, name, &why);
		return -1;
	}
	log_info("fetch", "image=%.12s form=%s bytes=%lld of=%lld", image,
	    f->from ? "delta" : "compressed", (long long)f->file.size,
	    (long long)want->size);
	if (file_remove_at(a->dir.tmp, name, err) == -1)
		return -1;
	return file_remove_at(a->dir.tmp, image, err);
}

static int
as_it_is(struct agent *a, const struct set_file *f, struct err *err)
{
	char name[HASH_HEX];
	auto_fd int fd = part_open(a, &f->hash, name, err);

	if (fd == -1 || fetch_checked(a, f, fd, err) == -1)
		return -1;
	if (lseek(fd, 0, SEEK_SET) == -1)
		return err_sys(err, "rewind a download");
	if (store_put_expected(a->dir.store, fd, &f->hash, f->size, err) == -1)
		return -1;
	log_info("fetch", "image=%.12s form=image bytes=%lld of=%lld", name,
	    (long long)f->size, (long long)f->size);
	return file_remove_at(a->dir.tmp, name, err);
}

/* Into the store, under the hash that the verifier named.  A fault of a form
 * means the next larger one, at once; the image's own digest decides. */
static int
fetch_file(struct agent *a, const struct set_file *f, const struct forms *forms,
    struct err *err)
{
	if (store_has(a->dir.store, &f->hash))
		return 0;
	for (size_t i = 0; i < forms->n && !a->stop; i++) {
		if (!hash_equal(&forms->at[i].image, &f->hash))
			continue;
		if (by_form(a, &forms->at[i], f, err) == 0)
			return 0;
		if (obtain_spent(a))
			return -1;
		log_err("form", err);
		err_clear(err);
	}
	return as_it_is(a, f, err);
}

int
obtain_set(struct agent *a, const struct set *set, const struct forms *forms,
    struct err *err)
{
	if (fetch_file(a, &set->vmlinuz, forms, err) == -1 ||
	    fetch_file(a, &set->initrd, forms, err) == -1)
		return -1;
	for (size_t i = 0; i < set->nservices; i++)
		if (fetch_file(a, &set->services[i].image, forms, err) == -1)
			return -1;
	if (set->has_agent && fetch_file(a, &set->agent, forms, err) == -1)
		return -1;
	a->damaged = false;
	return 0;
}

bool
obtain_spent(const struct agent *a)
{
	return traffic_left(&a->traffic, a->conf.budget, time_now()) == 0;
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
	return set->has_agent && hash_equal(&set->agent.hash, h);
}

/* `whole`: what is there already, so that no part of it is wanted; or NULL. */
static bool
kept(const struct state *s, struct store *whole, const char *name)
{
	struct hash h;

	/* What is no digest is not ours to remove. */
	if (strlen(name) != HASH_HEX - 1 || !hash_parse(&h, name))
		return true;
	if (whole && store_has(whole, &h))
		return false;
	return names(s->current, &h) || names(s->previous, &h) ||
	       names(s->golden, &h) || names(s->trial, &h);
}

/* One folder of files by digest. */
static int
sweep(const struct state *s, struct store *whole, int in, const char *path,
    struct err *err)
{
	auto_dir DIR *d = dir_list_at(in, path, err);
	struct dirent *e;

	if (!d)
		return -1;
	while ((e = readdir(d)) != NULL)
		if (!kept(s, whole, e->d_name) &&
		    file_remove_at(dirfd(d), e->d_name, err) == -1)
			return -1;
	return 0;
}

int
obtain_sweep(struct agent *a, struct err *err)
{
	auto_fd int store = dir_open_at(a->dir.fd, "store", err);

	if (store == -1 ||
	    sweep(&a->state, a->dir.store, a->dir.tmp, ".", err) == -1)
		return -1;
	for (unsigned i = 0; i < 256; i++) {
		char name[3];

		snprintf(name, sizeof(name), "%02x", i);
		if (file_exists_at(store, name) &&
		    sweep(&a->state, NULL, store, name, err) == -1)
			return -1;
	}
	return 0;
}
