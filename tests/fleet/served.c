/* How many requests of such checks a server answers: for make bench. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/fdio.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"
#include "lib/tree.h"
#include "tests/fleet/fleet.h"

struct told { /* by a worker: once when it is ready, once at its end */
	int64_t requests;
	char error[200];
};

static int
ask(struct fleet *f, const char *fetch, int worker, struct router *r,
    struct err *err)
{
	auto_free char *name = mem_printf("served/%d", worker);
	struct kind k;

	if (tree_remove_at(f->work, name, err) == -1)
		return -1;
	*r = (struct router){ .current = -1,
		.seen = -1,
		.folder = dir_make_at(f->work, name, 0755, err) };
	f->fetcher = fetcher_start(fetch, NULL, err);
	if (r->folder == -1 || !f->fetcher ||
	    fleet_check_own(f, r, &k, err) == -1)
		return -1;
	if (k.set == -1)
		return err_set(err, ERR_INPUT, "no set: %s", k.word);
	r->current = r->seen = k.set; /* from now on there is nothing new */
	return 0;
}

static void
work(struct fleet *f, const char *fetch, int worker, int64_t checks, int go,
    int out)
{
	struct err err = ERR_INIT;
	struct told t = { 0 };
	struct router r;
	struct kind k;
	char byte;
	int rc = ask(f, fetch, worker, &r, &err);

	snprintf(t.error, sizeof(t.error), "%.199s", rc ? err.msg : "");
	if (fd_write_all(out, &t, sizeof(t), &err) == -1 || rc == -1 ||
	    read(go, &byte, 1) != 1)
		_exit(1);
	for (int64_t i = 0; rc == 0 && i < checks; i++) {
		rc = fleet_check_own(f, &r, &k, &err);
		t.requests += k.requests;
	}
	snprintf(t.error, sizeof(t.error), "%.199s", rc ? err.msg : "");
	rc = fd_write_all(out, &t, sizeof(t), &err);
	fetcher_stop(f->fetcher);
	_exit(rc ? 1 : 0);
}

static int
hear(int in, int workers, int64_t *sum, struct err *err)
{
	struct told t;

	for (int i = 0; i < workers; i++) {
		if (read(in, &t, sizeof(t)) != sizeof(t))
			return err_set(err, ERR_SYSTEM, "a worker is gone");
		if (t.error[0])
			return err_set(err, ERR_SYSTEM, "%s", t.error);
		*sum += t.requests;
	}
	return 0;
}

int
fleet_served(struct fleet *f, const char *fetch, int workers, int64_t checks,
    double *rate, struct err *err)
{
	int out[2], go[2], rc = -1;
	int64_t sum = 0, began;

	if (pipe2(out, O_CLOEXEC) == -1 || pipe2(go, O_CLOEXEC) == -1)
		return err_sys(err, "make a pipe");
	for (int i = 0; i < workers; i++)
		if (fork() == 0)
			work(f, fetch, i, checks, go[0], out[1]);
	close(out[1]);
	if (hear(out[0], workers, &sum, err) == 0) {
		auto_free char *bytes = mem_zero((size_t)workers, 1);

		sum = 0;
		began = time_mono_ms();
		rc = fd_write_all(go[1], bytes, (size_t)workers, err);
		if (rc == 0)
			rc = hear(out[0], workers, &sum, err);
		*rate = 1000.0 * (double)sum / (double)(time_mono_ms() - began);
	}
	close(go[1]);
	close(go[0]);
	close(out[0]);
	while (wait(NULL) > 0)
		;
	return rc;
}
