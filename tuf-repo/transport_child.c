/*
 * kiln-tuf -x transport: squeezes one image after the other.  It has two or
 * three descriptors at a time and can open nothing.
 */
#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <unistd.h>

#include "lib/delta.h"
#include "lib/drop.h"
#include "lib/ipc.h"
#include "lib/log.h"
#include "tuf-repo/transport.h"
#include "tuf-repo/transport_proto.h"

#define MEMORY_MAX ((rlim_t)2 << 30)

static int
make_one(struct ipc_msg *m, struct delta_made *made, struct err *err)
{
	uint32_t level;

	if (m->type != TRANSPORT_MAKE || ipc_get_u32(m, &level, err) == -1 ||
	    ipc_end(m, err) == -1)
		return -1;
	if (level < 1 || level > 22 || m->fds[0] == -1 || m->fds[1] == -1)
		return err_set(err, ERR_INPUT, "no such order");
	return delta_make(
	    m->fds[0], m->fds[2], m->fds[1], (int)level, made, err);
}

static int
serve(int sock, struct err *err)
{
	for (;;) {
		auto_ipc struct ipc_msg m = IPC_MSG_INIT;
		auto_buf struct buf answer = BUF_INIT;
		struct err no = ERR_INIT;
		struct delta_made made;
		int got = ipc_recv(sock, -1, &m, err);
		uint32_t type = TRANSPORT_MADE;

		if (got <= 0)
			return got;
		if (make_one(&m, &made, &no) == 0) {
			ipc_add_u32(&answer, (uint32_t)made.head_size);
		} else {
			type = TRANSPORT_FAILED;
			ipc_add_err(&answer, &no);
		}
		if (ipc_send(sock, type, &answer, NULL, 0, err) == -1)
			return -1;
	}
}

/*
 * While it works nobody reads the socket, and its parent has another uid and
 * could not kill it: the leash, a pipe into which nobody ever writes, sends
 * SIGIO when its other end is gone.  The socket itself would not do: it sends
 * SIGIO for a message that was read late, too.
 */
static int
take_leash(int leash, struct err *err)
{
	struct pollfd gone = { .fd = leash, .events = POLLIN };

	if (fcntl(leash, F_SETFD, FD_CLOEXEC) == -1 ||
	    fcntl(leash, F_SETOWN, getpid()) == -1 ||
	    fcntl(leash, F_SETFL, O_ASYNC) == -1 || poll(&gone, 1, 0) == -1)
		return err_sys(err, "take the leash");
	return gone.revents ? err_set(err, ERR_BUSY, "kiln-tuf has ended") : 0;
}

int
transport_serve(int sock, int leash)
{
	struct err err = ERR_INIT;

	if (take_leash(leash, &err) == 0 && serve(sock, &err) == 0)
		return EXIT_DONE;
	log_err("transport-ended", &err);
	return err_exit(&err);
}

int
transport_main(void)
{
	const struct rlimit memory = { MEMORY_MAX, MEMORY_MAX };
	struct err err = ERR_INIT;

	log_open("kiln-tuf-transport", false);
	if (fcntl(TRANSPORT_SOCKET, F_SETFD, FD_CLOEXEC) == -1) {
		err_set(&err, ERR_INPUT, "only kiln-tuf itself starts this");
		goto fail;
	}
#ifndef KILN_ASAN
	if (setrlimit(RLIMIT_AS, &memory) == -1) {
		err_sys(&err, "limit memory");
		goto fail;
	}
#else
	(void)memory;
#endif
	if (setpriority(PRIO_PROCESS, 0, 10) == -1 ||
	    drop_to(ROLE_TRANSPORT, &err) == -1 ||
	    drop_syscalls(true, true, &err) == -1)
		goto fail;
	return transport_serve(TRANSPORT_SOCKET, TRANSPORT_LEASH);
fail:
	log_err("transport-start", &err);
	return err_exit(&err);
}
