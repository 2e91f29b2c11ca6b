#include "tuf-repo/release_key.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/ipc.h"
#include "lib/own.h"
#include "tuf-repo/keyring.h"
#include "tuf-repo/metadata.h"
#include "tuf-repo/roles.h"

#define RELEASE_KEYS 9
#define PATIENCE_MS 600000
#define DRAFTED 1
#define FAILED 2

/* --- apart ------------------------------------------------------------- */

static int
draft_here(struct work *w, release_draft *draft, void *arg, struct buf *answer,
    struct err *err)
{
	auto_buf struct buf out = BUF_INIT, shown = BUF_INIT;

	if (drop_to(ROLE_TUF, err) == -1 ||
	    drop_syscalls(true, true, err) == -1 ||
	    repo_open(&w->repo, &w->farm, err) == -1 ||
	    repo_is_made(w->repo.db, err) == -1 ||
	    draft(&w->repo, arg, &out, &shown, err) == -1)
		return -1;
	ipc_add_bytes(answer, out.data, out.len);
	ipc_add_bytes(answer, shown.data, shown.len);
	return 0;
}

static void KILN_NORETURN
child(struct work *w, release_draft *draft, void *arg, int sock)
{
	struct buf answer = BUF_INIT;
	struct err err = ERR_INIT;
	uint32_t type = DRAFTED;

	if (draft_here(w, draft, arg, &answer, &err) == -1) {
		type = FAILED;
		buf_clear(&answer);
		ipc_add_err(&answer, &err);
	}
	_exit(ipc_send(sock, type, &answer, NULL, 0, &err) == -1);
}

static int
read_draft(int sock, struct buf *out, struct buf *shown, struct err *err)
{
	auto_ipc struct ipc_msg m = IPC_MSG_INIT;
	struct span a, b;
	int got = ipc_recv(sock, PATIENCE_MS, &m, err);

	if (got == -1)
		return -1;
	if (got == 0)
		return err_set(err, ERR_SYSTEM, "the draft's process ended");
	if (m.type != DRAFTED)
		return ipc_get_err(&m, ERR_SYSTEM, err);
	if (ipc_get_bytes(&m, IPC_MAX, &a, err) == -1 ||
	    ipc_get_bytes(&m, IPC_MAX, &b, err) == -1 || ipc_end(&m, err) == -1)
		return -1;
	buf_add(out, a.p, a.n);
	buf_add(shown, b.p, b.n);
	return 0;
}

int
release_draft_apart(struct work *w, release_draft *draft, void *arg,
    struct buf *out, struct buf *shown, struct err *err)
{
	int sv[2], rc, status;
	pid_t pid;

	if (ipc_pair(sv, err) == -1)
		return -1;
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		close(sv[0]);
		child(w, draft, arg, sv[1]);
	}
	close(sv[1]);
	rc = pid == -1 ? err_sys(err, "start the draft's process")
		       : read_draft(sv[0], out, shown, err);
	close(sv[0]);
	if (pid > 0)
		while (waitpid(pid, &status, 0) == -1)
			continue;
	return rc;
}

/* --- signing ----------------------------------------------------------- */

static bool
is_release_key(const char *name)
{
	const char *key = rule_of("sets-stable")->key;
	size_t n = strlen(key);

	return strncmp(name, key, n) == 0 && (name[n] == '-' || !name[n]);
}

int
release_sign(int offline, struct key_access *access, const struct buf *bytes,
    struct buf *file, struct err *err)
{
	auto_key_names struct key_names names = KEY_NAMES_INIT;
	struct meta_signature sigs[RELEASE_KEYS];
	size_t n = 0;

	if (secret_process(err) == -1 ||
	    key_names_read(offline, &names, err) == -1)
		return -1;
	for (size_t i = 0; i < names.n && n < RELEASE_KEYS; i++) {
		if (!is_release_key(names.v[i]))
			continue;
		if (key_sign(offline, names.v[i], access, bytes, &sigs[n].key,
			&sigs[n].sig, err) == -1)
			return -1;
		n++;
	}
	if (n == 0)
		return err_set(err, ERR_MISSING,
		    "no release key lies in keys/offline: bring it, and leave"
		    " it here no longer than this takes");
	return meta_file(bytes->data, bytes->len, sigs, n, file, err);
}
