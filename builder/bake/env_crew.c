/*
 * Requests of one child are answered in their order.  So when a keeper tells
 * that its server has died, a ping that is answered before the request says
 * that the request is lost; it may as well have been idle, and the next one
 * does the work.
 */
#include "builder/bake/env_crew.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "lib/own.h"

int
env_crew_start(struct env_crew *c, struct err *err)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);
	size_t want = n < 1 ? 1 : n > ENV_HANDS ? ENV_HANDS : (size_t)n;

	*c = (struct env_crew){ 0 };
	while (c->n < want) {
		struct worker *w = &c->v[c->n].worker;

		*w = (struct worker){ "env", -1, CHILD_INIT, 0 };
		if (worker_start(w, err) == -1) {
			env_crew_stop(c);
			return -1;
		}
		c->n++;
	}
	return 0;
}

void
env_crew_stop(struct env_crew *c)
{
	for (size_t i = 0; i < c->n; i++)
		worker_stop(&c->v[i].worker);
	c->n = 0;
}

void
env_crew_tell(struct env_crew *c, void (*ended)(void *), void *arg)
{
	c->ended = ended;
	c->arg = arg;
}

/* --- answers ------------------------------------------------------------- */

/* Its keeper is dead as well, or speaks another language. */
static void
lay_off(struct env_hand *h)
{
	own_close(&h->worker.sock);
	h->worker.sock = -1;
	h->request = h->ping = 0;
}

static int
lost(struct env_hand *h, struct err *err)
{
	h->request = h->ping = 0;
	*err = h->death;
	return -1;
}

/* Whose death was told: of the one that has our request, or of one that was
 * idle? */
static int
mourn(struct env_hand *h, struct ipc_msg *m, struct err *err)
{
	auto_buf struct buf b = BUF_INIT;

	if (m->type != WORKER_ERROR)
		return err_set(
		    err, ERR_INPUT, "message %u is unknown", m->type);
	err_clear(&h->death);
	worker_error(&h->worker, m, &h->death);
	worker_begin(&h->worker, &b);
	h->ping = h->worker.last;
	return worker_send(&h->worker, ENV_PING, &b, NULL, 0, err);
}

static int
answered(
    struct env_crew *c, struct env_hand *h, struct ipc_msg *m, struct err *err)
{
	h->request = h->ping = 0;
	if (m->type == WORKER_ERROR)
		return worker_error(&h->worker, m, err);
	if (m->type != ENV_DONE)
		return err_set(
		    err, ERR_INPUT, "message %u is unknown", m->type);
	if (ipc_end(m, err) == -1)
		return -1;
	if (c->ended)
		c->ended(c->arg);
	return 0;
}

/* Reads one message of a hand that has a request. */
static int
hear(struct env_crew *c, struct env_hand *h, struct err *err)
{
	auto_ipc struct ipc_msg m = IPC_MSG_INIT;
	uint32_t id;
	int r = ipc_recv(h->worker.sock, -1, &m, err);

	if (r == 0) {
		lay_off(h);
		return err_set(
		    err, ERR_SYSTEM, "an env worker and its keeper are gone");
	}
	if (r == -1 || ipc_get_u32(&m, &id, err) == -1 ||
	    (id == 0 && mourn(h, &m, err) == -1)) {
		lay_off(h);
		return err_prefix(err, "env worker");
	}
	if (id == 0)
		return 0;
	if (id == h->request)
		return answered(c, h, &m, err);
	if (id == h->ping)
		return lost(h, err);
	return 0; /* a ping of before */
}

/* Waits until something comes; -1: a request has failed. */
static int
wait_any(struct env_crew *c, struct err *err)
{
	struct pollfd p[ENV_HANDS];
	struct err late = ERR_INIT;
	int rc = 0;

	for (size_t i = 0; i < c->n; i++)
		p[i] =
		    (struct pollfd){ .fd = c->v[i].request ? c->v[i].worker.sock
							   : -1,
			    .events = POLLIN };
	while (poll(p, c->n, -1) == -1)
		if (errno != EINTR)
			return err_sys(err, "wait for an env worker");
	for (size_t i = 0; i < c->n; i++)
		if (p[i].fd != -1 && p[i].revents &&
		    hear(c, &c->v[i], rc == 0 ? err : &late) == -1)
			rc = -1;
	return rc;
}

static bool
busy(const struct env_crew *c)
{
	for (size_t i = 0; i < c->n; i++)
		if (c->v[i].request)
			return true;
	return false;
}

int
env_crew_finish(struct env_crew *c, struct err *err)
{
	struct err late = ERR_INIT;
	int rc = 0;

	while (busy(c))
		if (wait_any(c, rc == 0 ? err : &late) == -1)
			rc = -1;
	return rc;
}

/* --- requests ------------------------------------------------------------ */

static struct env_hand *
find_idle(struct env_crew *c, struct err *err)
{
	for (;;) {
		for (size_t i = 0; i < c->n; i++)
			if (c->v[i].worker.sock != -1 && !c->v[i].request)
				return &c->v[i];
		if (!busy(c)) {
			err_set(err, ERR_SYSTEM,
			    "no env worker is left: restart the builder");
			return NULL;
		}
		if (wait_any(c, err) == -1)
			return NULL;
	}
}

/* `rest`: the fields after the number. */
static int
ask(struct env_crew *c, enum env_request type, const struct buf *rest,
    const int *fds, size_t nfds, struct err *err)
{
	for (;;) {
		struct env_hand *h = find_idle(c, err);
		auto_buf struct buf b = BUF_INIT;
		struct err why = ERR_INIT;

		if (!h)
			return -1;
		worker_begin(&h->worker, &b);
		buf_add(&b, rest->data, rest->len);
		if (worker_send(&h->worker, type, &b, fds, nfds, &why) == 0) {
			h->request = h->worker.last;
			return 0;
		}
		if (why.sys != EPIPE && why.sys != ECONNRESET) {
			*err = why;
			return -1;
		}
		lay_off(h);
	}
}

int
env_crew_unpack(struct env_crew *c, int env, const struct env_package *p,
    int deb, struct err *err)
{
	auto_buf struct buf b = BUF_INIT;

	ipc_add_str(&b, p->name);
	ipc_add_hash(&b, &p->sha256);
	return ask(c, ENV_UNPACK, &b, (int[]){ env, deb }, 2, err);
}

/* One that stands alone. */
static int
ask_and_wait(struct env_crew *c, enum env_request type, int env,
    const struct buf *b, struct err *err)
{
	assert(!busy(c));
	if (ask(c, type, b, &env, 1, err) == -1)
		return -1;
	return env_crew_finish(c, err);
}

static void
add_list(struct buf *b, const struct env_package *p, size_t n)
{
	ipc_add_u32(b, (uint32_t)n);
	for (size_t i = 0; i < n; i++) {
		ipc_add_str(b, p[i].name);
		ipc_add_hash(b, &p[i].sha256);
	}
}

int
env_crew_name(struct env_crew *c, int env, const struct env_package *p,
    size_t n, struct err *err)
{
	auto_buf struct buf b = BUF_INIT;

	add_list(&b, p, n);
	return ask_and_wait(c, ENV_NAME, env, &b, err);
}

int
env_crew_assemble(struct env_crew *c, int env, const struct hash *digest,
    const struct env_package *p, size_t n, struct err *err)
{
	auto_buf struct buf b = BUF_INIT;

	ipc_add_hash(&b, digest);
	add_list(&b, p, n);
	return ask_and_wait(c, ENV_ASSEMBLE, env, &b, err);
}

int
env_crew_drop(struct env_crew *c, int env, const char *name, struct err *err)
{
	auto_buf struct buf b = BUF_INIT;

	ipc_add_str(&b, name);
	return ask_and_wait(c, ENV_DROP, env, &b, err);
}

int
env_crew_clean(struct env_crew *c, int env, struct err *err)
{
	auto_buf struct buf b = BUF_INIT;

	return ask_and_wait(c, ENV_CLEAN, env, &b, err);
}
