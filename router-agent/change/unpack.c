#include "router-agent/change/unpack.h"

#include <sys/resource.h>
#include <unistd.h>

#include "lib/delta.h"
#include "lib/drop.h"
#include "lib/ipc.h"
#include "lib/log.h"
#include "lib/own.h"

enum { FD_PARENT = 3, FD_FORM, FD_OUT, FD_OLD };
enum { UNPACK_GO = 1, UNPACK_DONE, UNPACK_FAILED };

#define REQUEST_MS 30000

int
unpack_start(struct unpack *u, int form, int old, int out,
    const struct hash *head, int64_t size, struct err *err)
{
	static const char *const argv[] = { "kiln-agent", "-x", "unpack",
		NULL };
	auto_buf struct buf b = BUF_INIT;
	auto_fd int ours = -1, theirs = -1;
	struct spawn sp = SPAWN_INIT;
	int sv[2];

	if (ipc_pair(sv, err) == -1)
		return -1;
	ours = sv[0];
	theirs = sv[1];
	sp.argv = argv;
	sp.exec_self = true;
	sp.die_with_parent = true;
	sp.fds[sp.nfds++] = theirs;
	sp.fds[sp.nfds++] = form;
	sp.fds[sp.nfds++] = out;
	if (old != -1)
		sp.fds[sp.nfds++] = old;
	if (spawn_start(&sp, &u->child, err) == -1)
		return err_prefix(err, "start unpacking");
	ipc_add_u32(&b, old != -1);
	ipc_add_hash(&b, head);
	ipc_add_i64(&b, size);
	if (ipc_send(ours, UNPACK_GO, &b, NULL, 0, err) == -1) {
		spawn_kill(&u->child);
		return -1;
	}
	u->sock = take_fd(&ours);
	return 0;
}

static int
take_failure(struct ipc_msg *m, struct err *err)
{
	auto_free char *text = NULL;

	if (ipc_get_str(m, sizeof(err->msg) - 1, &text, err) == -1 ||
	    ipc_end(m, err) == -1)
		return -1;
	return err_set(err, ERR_INPUT, "%s", text);
}

int
unpack_result(struct unpack *u, struct err *err)
{
	auto_ipc struct ipc_msg m = IPC_MSG_INIT;
	int got = ipc_recv(u->sock, 0, &m, err), ret = -1;

	if (got == 0)
		err_set(err, ERR_SYSTEM, "unpacking ended without an answer");
	else if (got == 1 && m.type == UNPACK_DONE)
		ret = ipc_end(&m, err);
	else if (got == 1 && m.type == UNPACK_FAILED)
		take_failure(&m, err);
	else if (got == 1)
		err_set(err, ERR_INPUT, "unpacking said what nobody asked");
	unpack_stop(u);
	return ret;
}

void
unpack_stop(struct unpack *u)
{
	own_close(&u->sock);
	u->sock = -1;
	spawn_kill(&u->child);
}

/* --- the child ----------------------------------------------------------- */

static int
get_job(struct ipc_msg *m, bool *old, struct hash *head, struct err *err)
{
	struct rlimit file;
	uint32_t has_old;
	int64_t size;

	if (m->type != UNPACK_GO || ipc_get_u32(m, &has_old, err) == -1 ||
	    ipc_get_hash(m, head, err) == -1 ||
	    ipc_get_i64(m, &size, err) == -1 || ipc_end(m, err) == -1)
		return err_prefix(err, "the parent's request");
	*old = has_old == 1;
	/* Whatever a form says, no more is written than the image has. */
	file.rlim_cur = file.rlim_max = (rlim_t)size;
	if (setrlimit(RLIMIT_FSIZE, &file) == -1)
		return err_sys(err, "limit what is written");
	return 0;
}

static int
run(struct err *err)
{
	auto_ipc struct ipc_msg m = IPC_MSG_INIT;
	auto_buf struct buf b = BUF_INIT;
	struct err why = ERR_INIT;
	struct hash head;
	bool old = false;
	int got;

	if (drop_to(ROLE_AGENT_UNPACK, err) == -1 ||
	    drop_syscalls(true, true, err) == -1)
		return -1;
	got = ipc_recv(FD_PARENT, REQUEST_MS, &m, err);
	if (got <= 0)
		return got;
	if (get_job(&m, &old, &head, err) == -1)
		return -1;
	if (delta_apply(FD_FORM, old ? FD_OLD : -1, FD_OUT, &head, &why) == 0)
		return ipc_send(FD_PARENT, UNPACK_DONE, &b, NULL, 0, err);
	ipc_add_str(&b, why.msg);
	return ipc_send(FD_PARENT, UNPACK_FAILED, &b, NULL, 0, err);
}

int
unpack_main(void)
{
	struct err err = ERR_INIT;

	if (run(&err) == 0)
		return EXIT_DONE;
	log_err("unpack", &err);
	return err_exit(&err);
}
