#include "tuf-repo/work.h"

#include <fcntl.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "lib/fdio.h"
#include "lib/ipc.h"
#include "lib/own.h"
#include "tuf-repo/ask.h"
#include "tuf-repo/keyring.h"
#include "tuf-repo/pass.h"

#define SIGNER_END_MS 5000

bool
work_option(struct work *w, const char *where, int c, int *rc)
{
	*rc = 0;
	if (c == 's')
		w->state = optarg;
	else if (c == 'q')
		w->pass.file = optarg;
	else if (c == 'Q')
		*rc = secret_fd_option(where, &w->pass, optarg);
	else
		return false;
	return true;
}

int
work_enter(struct work *w, bool create, struct err *err)
{
	if (farm_enter(&w->farm, w->state, NULL, create, err) == -1)
		return -1;
	w->entered = true;
	return 0;
}

static int
take_lock(struct work *w, struct err *err)
{
	auto_fd int run = farm_dir(&w->farm, "run/tuf", err);

	if (run == -1)
		return -1;
	w->lock = lock_file_at(run, "lock", err);
	return w->lock == -1 ? err_prefix(err, "kiln-tuf") : 0;
}

/* Does another one serve?  Then our signer will not be asked. */
static bool
is_served(struct work *w)
{
	struct err ignore = ERR_INIT;
	auto_fd int run = farm_dir(&w->farm, "run/tuf", &ignore);
	auto_fd int lock = run == -1 ? -1
				     : file_open_at(run, "lock",
					   O_RDONLY | O_NOFOLLOW, 0, &ignore);

	return lock != -1 && flock(lock, LOCK_SH | LOCK_NB) == -1;
}

/* A pipe that holds the passphrase: the signer reads it and we forget it. */
static int
ask_for_signer(int *fd, struct err *err)
{
	auto_secret struct secret pass = SECRET_INIT;

	if (secret_process(err) == -1 ||
	    secret_ask(&pass, "passphrase of the online keys", false, err) ==
		-1)
		return -1;
	return secret_give(&pass, fd, err);
}

static int
signer_pass(struct work *w, int keys, int *fd, struct err *err)
{
	if (secret_open(&w->pass, fd, err) == -1)
		return -1;
	if (*fd != -1 || !key_any_sealed(keys) || is_served(w))
		return 0;
	return ask_for_signer(fd, err);
}

static int
start_signer(struct work *w, struct err *err)
{
	auto_fd int keys = farm_dir(&w->farm, "keys/online", err);
	auto_fd int pass = -1;

	if (keys == -1 || signer_pass(w, keys, &pass, err) == -1)
		return -1;
	return signer_start(keys, pass, &w->signer, &w->repo.signer, err);
}

static int
begin(struct work *w, bool alone, struct err *err)
{
	if (!w->keyless && start_signer(w, err) == -1)
		return -1;
	if (w->squeezes && transport_start(&w->transport, err) == -1)
		return -1;
	if (drop_to(ROLE_TUF, err) == -1 ||
	    drop_syscalls(true, true, err) == -1)
		return -1;
	if (take_lock(w, err) == -1 && (alone || err->cls != ERR_BUSY))
		return -1;
	err_clear(err);
	return repo_open(&w->repo, &w->farm, err);
}

int
work_begin(struct work *w, struct err *err)
{
	return begin(w, true, err);
}

int
work_join(struct work *w, struct err *err)
{
	return begin(w, false, err);
}

int
work_publish(struct work *w, bool *handed_over, struct err *err)
{
	struct pass p = { .refresh = false };

	*handed_over = w->lock == -1;
	if (w->lock != -1)
		return pass_run(&w->repo, &p, err);
	auto_fd int run = farm_dir(&w->farm, "run", err);
	if (run == -1)
		return -1;
	wake_send(run, "tuf");
	return 0;
}

void
work_release(struct work *w)
{
	struct err ignore = ERR_INIT;
	struct spawn_end end;

	transport_stop(&w->transport);
	repo_release(&w->repo); /* the signer sees its socket close and ends */
	if (w->signer.pid &&
	    spawn_wait(&w->signer, SIGNER_END_MS, &end, &ignore) == -1)
		spawn_kill(&w->signer);
	own_close(&w->lock);
	if (w->entered)
		farm_release(&w->farm);
}
