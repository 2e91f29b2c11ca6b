#include "builder/exec/local.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "lib/mem.h"
#include "lib/sandbox.h"

struct job {
	bool busy;
	char id[EXEC_ID];
	pthread_t thread;
	struct local *at;
	struct build_order order;
	struct exec_end end;
	atomic_bool done, stop;
};

struct local {
	struct exec exec; /* first */
	struct build_place place;
	struct job *jobs;
	int njobs;
};

static struct local *
local_of(struct exec *e)
{
	return (struct local *)e;
}

static void *
run(void *arg)
{
	struct job *j = arg;
	uint64_t one = 1;

	j->end.rc =
	    build_run(&j->at->place, &j->order, &j->end.result, &j->end.err);
	atomic_store(&j->done, true);
	(void)!write(j->at->exec.event, &one, sizeof(one));
	return NULL;
}

static struct job *
find(struct local *l, const char *id)
{
	for (int i = 0; i < l->njobs; i++)
		if (l->jobs[i].busy && strcmp(l->jobs[i].id, id) == 0)
			return &l->jobs[i];
	return NULL;
}

static struct job *
free_job(struct local *l)
{
	for (int i = 0; i < l->njobs; i++)
		if (!l->jobs[i].busy)
			return &l->jobs[i];
	return NULL;
}

static enum exec_submit
submit(struct exec *e, const struct exec_spec *s, char job[EXEC_ID],
    struct err *err)
{
	struct local *l = local_of(e);
	struct job *j = free_job(l);
	sigset_t all, before;
	int rc;

	job[0] = '\0';
	if (!j) {
		err_set(err, ERR_BUSY, "all %d places are taken", l->njobs);
		return EXEC_REJECTED;
	}
	snprintf(j->id, sizeof(j->id), "%s", s->id);
	j->at = l;
	j->order = *s->order;
	if (!j->order.stop)
		j->order.stop = &j->stop;
	j->end = (struct exec_end){ .err = ERR_INIT };
	atomic_store(&j->done, false);
	atomic_store(&j->stop, false);
	/* Signals are the main thread's. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(&j->thread, NULL, run, j);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (rc != 0) {
		err_set(err, ERR_SYSTEM, "start a thread: %s", strerror(rc));
		return EXEC_REJECTED;
	}
	j->busy = true;
	return EXEC_ACCEPTED;
}

static int
snapshot(struct exec *e, exec_seen_fn *fn, void *arg, struct err *err)
{
	struct local *l = local_of(e);

	(void)err;
	for (int i = 0; i < l->njobs; i++) {
		struct job *j = &l->jobs[i];
		struct exec_seen s = { .id = j->id,
			.state = EXEC_RUNS,
			.job = "",
			.node = "",
			.why = "" };

		if (!j->busy)
			continue;
		if (atomic_load(&j->done)) {
			pthread_join(j->thread, NULL);
			s.state = EXEC_ENDED;
			s.end = &j->end;
			j->busy = false;
		}
		fn(arg, &s);
	}
	return 0;
}

static int
cancel(struct exec *e, const char *id, struct err *err)
{
	struct job *j = find(local_of(e), id);

	(void)err;
	if (j)
		atomic_store(&j->stop, true);
	return 0;
}

static int
capacity(struct exec *e, exec_node_fn *fn, void *arg, struct err *err)
{
	struct local *l = local_of(e);
	struct exec_node n = { .name = "this machine",
		.state = "up",
		.why = "",
		.features = "",
		.cpus = sysconf(_SC_NPROCESSORS_ONLN),
		.memory =
		    (int64_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE) };

	(void)err;
	n.cpus_free = n.cpus;
	n.memory_free =
	    (int64_t)sysconf(_SC_AVPHYS_PAGES) * sysconf(_SC_PAGESIZE);
	for (int i = 0; i < l->njobs; i++)
		if (l->jobs[i].busy && n.cpus_free > 0)
			n.cpus_free--;
	fn(arg, &n);
	return 0;
}

static int
health(struct exec *e, struct err *err)
{
	(void)e;
	return sandbox_check(err);
}

static void
close_local(struct exec *e)
{
	struct local *l = local_of(e);

	close(e->event);
	free(l->jobs);
	free(l);
}

static const struct exec_ops ops = {
	.name = "local",
	.submit = submit,
	.snapshot = snapshot,
	.cancel = cancel,
	.capacity = capacity,
	.health = health,
	.close = close_local,
};

struct exec *
exec_local_open(const struct build_place *place, int places, struct err *err)
{
	struct local *l = mem_zero(1, sizeof(*l));

	l->exec.ops = &ops;
	l->place = *place;
	l->exec.event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (l->exec.event == -1) {
		err_sys(err, "make an event counter");
		free(l);
		return NULL;
	}
	l->jobs = mem_zero((size_t)places, sizeof(*l->jobs));
	l->njobs = places;
	return &l->exec;
}
