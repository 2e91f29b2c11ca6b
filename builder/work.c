#include "builder/work.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "lib/mem.h"
#include "lib/num.h"
#include "lib/sandbox.h"

int
work_init(
    struct work *w, const struct build_place *place, int slots, struct err *err)
{
	*w = (struct work){ .place = *place, .nslots = slots };
	w->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (w->event == -1)
		return err_sys(err, "make an event counter");
	w->slots = mem_zero((size_t)slots, sizeof(*w->slots));
	for (int i = 0; i < slots; i++)
		w->slots[i].work = w;
	return 0;
}

void
work_release(struct work *w)
{
	if (w->event != -1)
		close(w->event);
	free(w->slots);
	*w = (struct work){ .event = -1 };
}

int
work_ready(struct work *w, struct err *err)
{
	if (!w->jailed && sandbox_check(err) == -1)
		return -1;
	w->jailed = true;
	return 0;
}

struct work_slot *
work_free(struct work *w)
{
	for (int i = 0; i < w->nslots; i++)
		if (!w->slots[i].busy)
			return &w->slots[i];
	return NULL;
}

static void *
run(void *arg)
{
	struct work_slot *s = arg;
	uint64_t one = 1;

	s->rc = build_run(&s->work->place, &s->order, &s->result, &s->err);
	atomic_store(&s->done, true);
	(void)!write(s->work->event, &one, sizeof(one));
	return NULL;
}

int
work_start(struct work_slot *s, const struct build_order *order, void *owner,
    struct err *err)
{
	sigset_t all, before;
	int rc;

	s->order = *order;
	s->owner = owner;
	s->err = (struct err)ERR_INIT;
	s->started_ms = time_mono_ms();
	atomic_store(&s->done, false);
	atomic_store(&s->stop, false);
	/* Signals are the main thread's. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(&s->thread, NULL, run, s);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (rc != 0)
		return err_set(
		    err, ERR_SYSTEM, "start a thread: %s", strerror(rc));
	s->busy = true;
	s->work->nbusy++;
	return 0;
}

static struct work_slot *
ended(struct work *w)
{
	for (int i = 0; i < w->nslots; i++)
		if (w->slots[i].busy && atomic_load(&w->slots[i].done))
			return &w->slots[i];
	return NULL;
}

struct work_slot *
work_wait(struct work *w, int timeout_ms)
{
	struct pollfd p = { .fd = w->event, .events = POLLIN };
	struct work_slot *s = ended(w);
	uint64_t count;

	if (!s && poll(&p, 1, timeout_ms) == 1) {
		(void)!read(w->event, &count, sizeof(count));
		s = ended(w);
	}
	if (s)
		pthread_join(s->thread, NULL);
	return s;
}

void
work_done(struct work_slot *s)
{
	if (s->rc == 0)
		build_result_release(&s->result);
	s->busy = false;
	s->work->nbusy--;
}
