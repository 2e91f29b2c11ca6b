#include "tuf-repo/transport.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/delta.h"
#include "lib/fdio.h"
#include "lib/ipc.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "tuf-repo/collect.h"
#include "tuf-repo/metadata.h"
#include "tuf-repo/release.h"
#include "tuf-repo/service.h"
#include "tuf-repo/transport_proto.h"

#define ROLE "transport"
#define LEVEL 19
#define END_MS 2000
#define FOLDER_MODE 0755

struct transport_job {
	char service[SERVICE_MAX], arch[TARGET_PATH_MAX];
	struct hash image, base;
	bool delta;
	struct tmp tmp; /* the result, in `dir` */
	int dir;
};

static void
job_free(struct transport_job *j)
{
	if (!j)
		return;
	tmp_release(&j->tmp);
	own_close(&j->dir);
	free(j);
}

/* --- the child ----------------------------------------------------------- */

int
transport_start(struct transport *t, struct err *err)
{
	static const char *const argv[] = { "kiln-tuf", "-x", "transport",
		NULL };
	struct spawn sp = SPAWN_INIT;
	int sv[2], leash[2];

	if (ipc_pair(sv, err) == -1)
		return -1;
	if (pipe2(leash, O_CLOEXEC) == -1) {
		close(sv[0]);
		close(sv[1]);
		return err_sys(err, "make a leash");
	}
	sp.argv = argv;
	sp.exec_self = true;
	sp.new_session = true;
	sp.fds[0] = sv[1];
	sp.fds[1] = leash[0];
	sp.nfds = 2;
	if (spawn_start(&sp, &t->child, err) == -1) {
		close(sv[0]);
		close(sv[1]);
		close(leash[0]);
		close(leash[1]);
		return err_prefix(err, "start the transport child");
	}
	close(sv[1]);
	close(leash[0]);
	t->sock = sv[0];
	t->leash = leash[1];
	return 0;
}

void
transport_stop(struct transport *t)
{
	struct err ignore = ERR_INIT;
	struct spawn_end end;

	own_close(&t->sock);
	own_close(&t->leash);
	t->sock = t->leash = -1;
	job_free(t->job);
	t->job = NULL;
	t->busy = false;
	if (!t->child.pid)
		return;
	/* It ends when its leash closes, at work or not. */
	if (spawn_wait(&t->child, END_MS, &end, &ignore) == -1)
		spawn_kill(&t->child);
}

/* --- what is missing ------------------------------------------------------ */

static int
on_record(struct repo *r, const struct hash *image, const struct hash *base,
    bool *yes, struct err *err)
{
	static const char sql[] =
	    "SELECT 1 FROM transport WHERE image = ?1 AND base = ?2";
	auto_stmt struct stmt *q = db_stmt(r->db, sql);
	char hex[HASH_HEX] = "";
	int rc;

	if (base)
		hash_hex(base, hex);
	stmt_bind_hash(q, 1, image);
	stmt_bind_str(q, 2, hex);
	rc = stmt_step(q, err);
	*yes = rc == 1;
	return rc == -1 ? -1 : 0;
}

/* Of a release that stands and that routers can see. */
static int
is_current(struct repo *r, const char *service, const struct tuf_target *t,
    bool *yes, struct err *err)
{
	static const char sql[] =
	    "SELECT 1 FROM release r JOIN release_target t"
	    " ON t.release = r.digest WHERE r.service = ?1 AND r.current = 1"
	    " AND r.published_at IS NOT NULL AND t.sha256 = ?2";
	auto_stmt struct stmt *q = db_stmt(r->db, sql);
	int rc;

	stmt_bind_str(q, 1, service);
	stmt_bind_hash(q, 2, &t->sha256);
	rc = stmt_step(q, err);
	*yes = rc == 1;
	return rc == -1 ? -1 : 0;
}

static const char *
custom_word(const struct tuf_target *t, const char *key)
{
	const char *s = json_string_value(json_object_get(t->custom, key));

	return s ? s : "";
}

/* An earlier form of the same thing: kernels have two parts. */
static bool
is_earlier(const struct tuf_target *t, const struct tuf_target *b)
{
	char x[TARGET_PATH_MAX], y[TARGET_PATH_MAX];

	return target_serial(b) < target_serial(t) &&
	       !hash_equal(&b->sha256, &t->sha256) && target_arch(t, x) &&
	       target_arch(b, y) && strcmp(x, y) == 0 &&
	       strcmp(custom_word(t, "type"), custom_word(b, "type")) == 0 &&
	       strcmp(custom_word(t, "part"), custom_word(b, "part")) == 0;
}

static size_t
newer_bases(const struct tuf_file *f, const struct tuf_target *t,
    const struct tuf_target *b)
{
	size_t n = 0;

	for (size_t i = 0; i < f->ntargets; i++)
		n += is_earlier(t, &f->targets[i]) &&
		     target_serial(&f->targets[i]) > target_serial(b);
	return n;
}

static void
set_job(struct transport_job *j, const char *service,
    const struct tuf_target *t, const struct tuf_target *base)
{
	snprintf(j->service, sizeof(j->service), "%s", service);
	target_arch(t, j->arch);
	j->image = t->sha256;
	j->delta = base != NULL;
	if (base)
		j->base = base->sha256;
}

static int
missing_of(struct repo *r, const char *service, const struct tuf_file *f,
    const struct tuf_target *t, struct transport_job *j, bool *found,
    struct err *err)
{
	bool have;

	if (is_current(r, service, t, &have, err) == -1)
		return -1;
	if (!have)
		return 0;
	if (on_record(r, &t->sha256, NULL, &have, err) == -1)
		return -1;
	if (!have) {
		set_job(j, service, t, NULL);
		*found = true;
		return 0;
	}
	for (size_t i = 0; i < f->ntargets && !*found; i++) {
		const struct tuf_target *b = &f->targets[i];

		if (!is_earlier(t, b) ||
		    newer_bases(f, t, b) >= TRANSPORT_BASES)
			continue;
		if (on_record(r, &t->sha256, &b->sha256, &have, err) == -1)
			return -1;
		if (!have) {
			set_job(j, service, t, b);
			*found = true;
		}
	}
	return 0;
}

static int
find_job(struct repo *r, struct transport_job *j, bool *found, struct err *err)
{
	auto_tuf struct tuf_file *targets = NULL;

	*found = false;
	if (collect_delegator(r, ROLE, &targets, err) == -1)
		return -1;
	for (size_t i = 0; i < targets->nroles && !*found; i++) {
		const char *role = targets->roles[i].name;
		auto_tuf struct tuf_file *f = NULL;

		if (!role_service(role))
			continue;
		if (role_load_newest(r->db, role, &f, err) == -1)
			return -1;
		for (size_t k = 0; f && k < f->ntargets && !*found; k++)
			if (missing_of(r, role_service(role), f, &f->targets[k],
				j, found, err) == -1)
				return -1;
	}
	return 0;
}

/* --- one form ------------------------------------------------------------- */

static int
record(struct repo *r, const struct transport_job *j,
    const struct delta_made *made, const char *why, struct err *err)
{
	static const char sql[] =
	    "INSERT INTO transport(image, base, service, arch, at, sha256,"
	    " size, head_size, head_sha256, text)"
	    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)"
	    " ON CONFLICT DO NOTHING";
	auto_stmt struct stmt *q = db_stmt(r->db, sql);
	char hex[HASH_HEX] = "";

	if (j->delta)
		hash_hex(&j->base, hex);
	stmt_bind_hash(q, 1, &j->image);
	stmt_bind_str(q, 2, hex);
	stmt_bind_str(q, 3, j->service);
	stmt_bind_str(q, 4, j->arch);
	stmt_bind_int(q, 5, r->now);
	if (made) {
		stmt_bind_hash(q, 6, &made->sha256);
		stmt_bind_int(q, 7, made->size);
		stmt_bind_int(q, 8, (int64_t)made->head_size);
		stmt_bind_hash(q, 9, &made->head_sha256);
	}
	stmt_bind_str(q, 10, why);
	return stmt_run(q, err);
}

static int
send_job(struct transport *t, struct repo *r, struct transport_job *j,
    struct err *err)
{
	auto_free char *folder = mem_printf(ROLE "/%s/%s", j->service, j->arch);
	auto_fd int new = -1, old = -1;
	auto_buf struct buf fields = BUF_INIT;
	int fds[3];

	j->dir = dir_make_at(r->targets, folder, FOLDER_MODE, err);
	if (j->dir == -1 || store_get(r->store, &j->image, &new, err) == -1 ||
	    (j->delta && store_get(r->store, &j->base, &old, err) == -1) ||
	    tmp_open(&j->tmp, j->dir, 0644, err) == -1)
		return -1;
	fds[0] = new;
	fds[1] = j->tmp.fd;
	fds[2] = old;
	ipc_add_u32(&fields, LEVEL);
	return ipc_send(
	    t->sock, TRANSPORT_MAKE, &fields, fds, j->delta ? 3 : 2, err);
}

int
transport_next(struct transport *t, struct repo *r, struct err *err)
{
	struct transport_job *j;
	struct err why = ERR_INIT;
	bool found;
	int rc;

	while (t->sock != -1 && !t->busy) {
		j = mem_zero(1, sizeof(*j));
		j->tmp = (struct tmp)TMP_INIT;
		j->dir = -1;
		rc = find_job(r, j, &found, err);
		if (rc == -1 || !found) {
			job_free(j);
			return rc;
		}
		if (send_job(t, r, j, &why) == 0) {
			t->job = j;
			t->busy = true;
			return 0;
		}
		/* An old image may be gone from the store for good. */
		if (why.cls == ERR_MISSING) {
			rc = record(r, j, NULL, why.msg, err);
		} else {
			*err = why;
			rc = -1;
		}
		job_free(j);
		if (rc == -1)
			return -1;
		err_clear(&why);
	}
	return 0;
}

/* --- taking it ------------------------------------------------------------ */

static int
read_answer(struct transport *t, struct delta_made *made, struct err *err)
{
	auto_ipc struct ipc_msg m = IPC_MSG_INIT;
	auto_free char *text = NULL;
	uint32_t n;
	int got = ipc_recv(t->sock, -1, &m, err);

	if (got == -1)
		return -1;
	if (got == 0)
		return err_set(err, ERR_BUSY, "the transport child has ended");
	if (ipc_get_u32(&m, &n, err) == -1)
		return -1;
	if (m.type == TRANSPORT_FAILED) {
		if (ipc_get_str(&m, sizeof(err->msg), &text, err) == -1 ||
		    ipc_end(&m, err) == -1)
			return -1;
		if (n <= ERR_NONE || n > ERR_BUSY)
			n = ERR_INPUT;
		return err_set(err, (enum err_class)n, "%s", text);
	}
	made->head_size = n;
	if (m.type != TRANSPORT_MADE || ipc_end(&m, err) == -1)
		return err_set(err, ERR_INPUT, "transport: another answer");
	return 0;
}

/* Nothing the child says is believed: the file is read as a router would. */
static int
inspect(const struct transport_job *j, struct delta_made *made, struct err *err)
{
	auto_buf struct buf head = BUF_INIT;
	auto_delta struct delta d = DELTA_INIT;

	if (made->head_size > DELTA_HEAD_MAX)
		return err_set(err, ERR_INPUT, "transport: the head's size");
	buf_reserve(&head, made->head_size);
	if (pread(j->tmp.fd, head.data, made->head_size, 0) !=
	    (ssize_t)made->head_size)
		return err_set(err, ERR_INPUT, "transport: a short file");
	if (delta_read_head(&d, head.data, made->head_size, NULL, err) == -1 ||
	    hash_fd(j->tmp.fd, &made->sha256, &made->size, err) == -1)
		return -1;
	hash_bytes(&made->head_sha256, head.data, made->head_size);
	if (d.size != made->size || d.head_size != made->head_size ||
	    !hash_equal(&d.new_sha256, &j->image) ||
	    (j->delta ? !hash_equal(&d.old_sha256, &j->base)
		      : d.old_size != -1))
		return err_set(
		    err, ERR_INPUT, "transport: it made another file");
	return 0;
}

static int
full_size(struct repo *r, const struct transport_job *j, int64_t *size,
    struct err *err)
{
	static const char sql[] =
	    "SELECT size FROM transport WHERE image = ?1 AND base = ''";
	auto_stmt struct stmt *q = db_stmt(r->db, sql);
	auto_fd int fd = -1;
	int rc;

	stmt_bind_hash(q, 1, &j->image);
	rc = stmt_step(q, err);
	if (rc == -1)
		return -1;
	if (rc == 1 && !stmt_null(q, 0)) {
		*size = stmt_int(q, 0);
		return 0;
	}
	if (store_get(r->store, &j->image, &fd, err) == -1)
		return -1;
	return fd_size(fd, size, err);
}

static int
keep(struct repo *r, struct transport_job *j, const struct delta_made *made,
    bool *kept, struct err *err)
{
	char image[HASH_HEX], base[HASH_HEX], hex[HASH_HEX];
	auto_free char *name = NULL;
	int64_t full;

	if (full_size(r, j, &full, err) == -1)
		return -1;
	if (made->size * 100 >= full * (j->delta ? TRANSPORT_PERCENT : 100))
		return record(r, j, NULL, "it is hardly smaller", err);
	hash_hex(&made->sha256, hex);
	hash_hex(&j->image, image);
	hash_hex(&j->base, base);
	name = j->delta ? mem_printf("%s.%s.from.%s", hex, image, base)
			: mem_printf("%s.%s.zst", hex, image);
	if (tmp_link(&j->tmp, name, err) == -1 ||
	    record(r, j, made, NULL, err) == -1)
		return -1;
	*kept = true;
	return 0;
}

int
transport_take(struct transport *t, struct repo *r, bool *made, struct err *err)
{
	struct transport_job *j = t->job;
	struct delta_made m = { .size = 0 };
	struct err why = ERR_INIT;
	int rc = 0;

	*made = false;
	t->job = NULL;
	t->busy = false;
	if (read_answer(t, &m, &why) == -1 || inspect(j, &m, &why) == -1 ||
	    keep(r, j, &m, made, &why) == -1) {
		/* What the image is to blame for is not tried again; a full
		 * disk is. */
		if (why.cls == ERR_INPUT || why.cls == ERR_TRUST)
			rc = record(r, j, NULL, why.msg, err);
		else {
			*err = why;
			rc = -1;
		}
	}
	job_free(j);
	return rc;
}
