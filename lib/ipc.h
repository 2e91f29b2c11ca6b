/*
 * Messages between our own processes over a SOCK_SEQPACKET pair: a type,
 * fields, and up to four descriptors.  Every length is checked, and a message
 * must be consumed entirely, or it is ERR_INPUT: the other side may be in
 * enemy hands.  A side that does not read for 30 s is ERR_BUSY to the sender.
 */
#ifndef KILN_IPC_H
#define KILN_IPC_H

#include <stddef.h>
#include <stdint.h>

#include "lib/attr.h"
#include "lib/buf.h"
#include "lib/err.h"
#include "lib/hash.h"

#define IPC_MAX (128 * 1024) /* bytes of one message */
#define IPC_FDS 4

int ipc_pair(int sv[2], struct err *) KILN_MUST; /* close-on-exec */

/* Building: fields are appended to a buf in order. */
void ipc_add_u32(struct buf *, uint32_t);
void ipc_add_i64(struct buf *, int64_t);
void ipc_add_bytes(struct buf *, const void *, size_t);
void ipc_add_str(struct buf *, const char *);
void ipc_add_err(struct buf *, const struct err *); /* class and sentence */
void ipc_add_hash(struct buf *, const struct hash *);
int ipc_send(int sock, uint32_t type, const struct buf *fields, const int *fds,
    size_t nfds, struct err *) KILN_MUST;

struct ipc_msg {
	uint32_t type;
	struct buf body;
	size_t at;	  /* read so far */
	int fds[IPC_FDS]; /* -1: none; closed by ipc_release unless taken */
};
#define auto_ipc __attribute__((cleanup(ipc_release)))
#define IPC_MSG_INIT                                        \
	{                                                   \
		.body = BUF_INIT, .fds = { -1, -1, -1, -1 } \
	}
void ipc_release(struct ipc_msg *);

/* 1: a message; 0: the other side is gone; -1: error.  `timeout_ms` -1: wait
 * for ever; a timeout is ERR_BUSY.  What the ipc_msg held before is released.
 */
int ipc_recv(
    int sock, int timeout_ms, struct ipc_msg *, struct err *) KILN_MUST;
int ipc_get_u32(struct ipc_msg *, uint32_t *, struct err *) KILN_MUST;
int ipc_get_i64(struct ipc_msg *, int64_t *, struct err *) KILN_MUST;
/* Span into the message; longer than `max` is an error. */
int ipc_get_bytes(
    struct ipc_msg *, size_t max, struct span *, struct err *) KILN_MUST;
/* Copies; no NUL inside. */
int ipc_get_str(struct ipc_msg *, size_t max, char **, struct err *) KILN_MUST;
/* The same into `room` bytes, with its NUL. */
int ipc_get_text(
    struct ipc_msg *, char *out, size_t room, struct err *) KILN_MUST;
#define IPC_GET_TEXT(m, array, err) ipc_get_text(m, array, sizeof(array), err)
/* The other side's fault, which is the rest of the message, becomes err; of
 * class `otherwise` if it names none.  Returns -1. */
int ipc_get_err(struct ipc_msg *, enum err_class otherwise, struct err *);
int ipc_get_hash(struct ipc_msg *, struct hash *, struct err *) KILN_MUST;
int ipc_end(struct ipc_msg *, struct err *) KILN_MUST; /* all consumed? */

/*
 * A bare datagram that says "look at the database": no data.  The receiver
 * binds run/NAME/wake (mode 0666); run/NAME is a folder of its own
 * (farm_enter), since nobody but root writes in run/ itself.  The socket is
 * non-blocking.
 */
int wake_bind(int rundirfd, const char *name, struct err *) KILN_MUST;
void wake_send(int rundirfd, const char *name); /* nobody there is fine */
void wake_drain(int sock);

#endif
