#include "builder/exec/work.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "builder/exec/local.h"
#include "builder/exec/remote.h"
#include "builder/exec/slurm.h"
#include "lib/mem.h"
#include "lib/num.h"

#define STEP_MS 200

static void
make_slots(struct work *w, int n)
{
	w->nslots = n;
	w->slots = mem_zero((size_t)n, sizeof(*w->slots));
	for (int i = 0; i < n; i++)
		w->slots[i].work = w;
}

int
work_init(
    struct work *w, const struct build_place *place, int slots, struct err *err)
{
	*w = (struct work){ .place = *place };
	w->engine = exec_local_open(place, slots, err);
	if (!w->engine)
		return -1;
	make_slots(w, slots);
	return 0;
}

void
work_init_remote(
    struct work *w, const struct exec_conf *conf, const struct remote_place *at)
{
	const struct slurm_conf slurm = { .partition = conf->partition,
		.config = conf->config,
		.features = conf->features };

	*w = (struct work){ .engine = exec_slurm_open(&slurm) };
	make_slots(w, conf->places);
	w->remote = remote_open(w->engine, conf, at, w);
}

void
work_release(struct work *w)
{
	remote_free(w->remote);
	if (w->engine)
		w->engine->ops->close(w->engine);
	free(w->slots);
	*w = (struct work){ .engine = NULL };
}

int
work_ready(struct work *w, struct err *err)
{
	/* One that is elsewhere may be away for a while: runs wait. */
	if (!w->healthy && !w->remote &&
	    w->engine->ops->health(w->engine, err) == -1)
		return -1;
	w->healthy = true;
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

int
work_start(struct work_slot *s, const struct build_order *order, int64_t apart,
    void *owner, struct err *err)
{
	struct exec *e = s->work->engine;
	struct exec_spec spec = { .id = s->id, .order = order };
	char job[EXEC_ID];

	snprintf(s->id, sizeof(s->id), "run-%" PRId64, order->id);
	s->order = *order;
	s->owner = owner;
	s->err = (struct err)ERR_INIT;
	s->started_ms = time_mono_ms();
	s->ended = s->left = s->hold = false;
	s->rc = 0;
	s->result = (struct build_result){ 0 };
	s->apart = apart;
	atomic_store(&s->stop, false);
	if (s->work->remote) {
		if (remote_start(s->work->remote, s, err) == -1)
			return -1;
	} else if (e->ops->submit(e, &spec, job, err) != EXEC_ACCEPTED)
		return -1;
	s->busy = true;
	s->work->nbusy++;
	return 0;
}

void
work_stop(struct work_slot *s)
{
	struct exec *e = s->work ? s->work->engine : NULL;
	struct err ignored = ERR_INIT;

	if (s->work && s->work->remote)
		remote_stop(s->work->remote, s);
	else if (!atomic_exchange(&s->stop, true) && e &&
		 e->ops->cancel(e, s->id, &ignored) == -1)
		err_clear(&ignored);
}

void
work_leave(struct work *w)
{
	for (int i = 0; i < w->nslots; i++) {
		if (!w->slots[i].busy)
			continue;
		if (w->remote)
			remote_leave(w->remote, &w->slots[i]);
		else
			work_stop(&w->slots[i]);
	}
}

int
work_idle(struct work *w, bool sweep, struct err *err)
{
	if (!w->remote)
		return 0;
	if (sweep && remote_sweep(w->remote, err) == -1)
		return -1;
	return remote_look(w->remote, err);
}

static struct work_slot *
ended(struct work *w)
{
	for (int i = 0; i < w->nslots; i++)
		if (w->slots[i].busy && w->slots[i].ended)
			return &w->slots[i];
	return NULL;
}

/* Takes what a local run brings along. */
static void
on_seen(void *arg, const struct exec_seen *seen)
{
	struct work *w = arg;

	for (int i = 0; seen->end && i < w->nslots; i++) {
		struct work_slot *s = &w->slots[i];

		if (!s->busy || s->ended || strcmp(s->id, seen->id) != 0)
			continue;
		s->rc = seen->end->rc;
		s->result = seen->end->result;
		s->err = seen->end->err;
		s->ended = true;
	}
}

/* There is nothing to wait on but a clock. */
static struct work_slot *
wait_remote(struct work *w, int timeout_ms)
{
	int64_t end = time_mono_ms() + timeout_ms;
	struct work_slot *s = ended(w);

	while (!s && !w->failed) {
		if (remote_look(w->remote, &w->failure) == -1)
			w->failed = true;
		s = ended(w);
		if (s || timeout_ms == 0 || time_mono_ms() >= end)
			break;
		poll(NULL, 0, STEP_MS);
	}
	return s;
}

struct work_slot *
work_wait(struct work *w, int timeout_ms)
{
	struct exec *e = w->engine;
	struct pollfd p = { .fd = e->event, .events = POLLIN };
	struct work_slot *s = ended(w);
	struct err ignored = ERR_INIT;
	uint64_t count;

	if (w->remote)
		return wait_remote(w, timeout_ms);
	if (!s && poll(&p, 1, timeout_ms) == 1) {
		(void)!read(e->event, &count, sizeof(count));
		if (e->ops->snapshot(e, on_seen, w, &ignored) == -1)
			err_clear(&ignored);
		s = ended(w);
	}
	return s;
}

void
work_done(struct work_slot *s)
{
	if (s->rc == 0)
		build_result_release(&s->result);
	if (s->work->remote)
		remote_done(s->work->remote, s);
	s->busy = false;
	s->work->nbusy--;
}
