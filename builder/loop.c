#include "builder/loop.h"

#include <dirent.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "builder/pace.h"
#include "builder/plan/ledger.h"
#include "builder/progress.h"
#include "builder/tidy.h"
#include "lib/fdio.h"
#include "lib/ipc.h"
#include "lib/log.h"
#include "lib/num.h"
#include "lib/own.h"
#include "lib/tree.h"

#define GLANCE_MS 5000 /* between two looks at the recipes' folder */
#define ROOM_MS 10000  /* between two looks whether there is room again */

/* --- has a recipe changed? ----------------------------------------------- */

static int
add_stat(void *arg, const char *path, int dirfd, const char *name,
    const struct stat *st, struct err *err)
{
	struct hasher *h = arg;
	int64_t facts[] = { st->st_mode, st->st_size, st->st_mtim.tv_sec,
		st->st_mtim.tv_nsec, (int64_t)st->st_ino };

	(void)dirfd;
	(void)name;
	(void)err;
	hasher_field(h, path, strlen(path));
	hasher_field(h, facts, sizeof(facts));
	return 0;
}

/* Names and times, not contents: cheap enough for every few seconds. */
static bool
glance(int recipes, struct hash *out)
{
	struct err err = ERR_INIT;
	struct hasher h;

	hasher_init(&h);
	if (tree_walk(recipes, add_stat, &h, &err) == -1)
		return false; /* somebody is writing: look again */
	hasher_end(&h, out);
	return true;
}

/* --- the loop ------------------------------------------------------------ */

static void
wait_wake(int wake)
{
	struct pollfd p = { .fd = wake, .events = POLLIN };

	if (poll(&p, 1, GLANCE_MS) == 1)
		wake_drain(wake);
}

/*
 * A disk is full or read-only.  Nothing is lost: what had begun is begun
 * again, once there is room.  Told once for each cause.
 */
static int64_t
wait_for_room(struct builder *b, const struct err *err, char told[480])
{
	if (strcmp(told, err->msg) != 0) {
		memcpy(told, err->msg, sizeof(err->msg));
		log_err("waits", err);
	}
	/* A cycle that cannot go on stops its runs; a signal stops us. */
	atomic_store(&b->stop, false);
	if (atomic_load(&b->told))
		atomic_store(&b->stop, true);
	return time_mono_ms() + ROOM_MS;
}

/* What a cycle that failed could not write down. */
static int
cycle_after(
    struct builder *b, bool fault, bool poll, struct cycle *c, struct err *err)
{
	*c = (struct cycle){ 0 };
	b->no_room = false;
	if (fault && ledger_recover(b->db, err) == -1)
		return -1;
	return cycle_run(b, poll, c, err);
}

int
loop_run(struct builder *b, const struct loop *l, struct err *err)
{
	struct hash seen = { 0 }, now = { 0 };
	int64_t due = 0, retry = 0, asked = -1000 * PACE_ASKED_S;
	bool begun = false, fault = false;
	char told[sizeof(err->msg)] = "";
	struct tidy tidy = { .farm = l->farm };

	while (!atomic_load(&b->stop)) {
		int64_t ms = time_mono_ms();
		/* Repositories are not glanced at: they change with a poll. */
		bool glanced = b->recipes != -1 && glance(b->recipes, &now);
		bool changed = !begun || (glanced && !hash_equal(&now, &seen));
		bool by_wish =
		    b->wishes.poll && ms - asked >= 1000 * PACE_ASKED_S;
		bool poll_now = !l->offline && (ms >= due || by_wish);

		if (poll_now || changed || b->wishes.again ||
		    (retry && ms >= retry)) {
			struct cycle c;
			int rc;

			begun = true;
			seen = now;
			b->wishes.again = false;
			if (by_wish) {
				asked = ms;
				b->wishes.poll = false;
			}
			rc = cycle_after(b, fault, poll_now, &c, err);
			fault = rc == -1;
			if (rc == -1) {
				cycle_release(&c);
				if (!err_no_room(err))
					return -1;
				retry = wait_for_room(b, err, told);
				err_clear(err);
				continue;
			}
			told[0] = '\0';
			if (poll_now)
				due = time_mono_ms() +
				      pace_poll_ms(&b->settings,
					  c.archive_reached, pace_random());
			retry = c.failed ? time_mono_ms() +
					       pace_retry_ms(pace_random())
					 : 0;
			if (b->no_room)
				retry = time_mono_ms() + ROOM_MS;
			log_info("cycle",
			    "executed=%lld lost=%lld releases=%lld alarms=%lld",
			    (long long)c.executed, (long long)c.failed,
			    (long long)c.released, (long long)c.alarms);
			cycle_release(&c);
			continue;
		}
		wait_wake(l->wake);
		if (b->work.again) {
			b->work.again = false;
			b->wishes.again = true;
		}
		if (work_idle(&b->work, false, err) == -1 ||
		    tidy_when_due(&tidy, b, err) == -1 ||
		    wishes_take(b, NULL, 0, err) == -1) {
			if (!err_no_room(err))
				return -1;
			retry = wait_for_room(b, err, told);
			err_clear(err);
		}
	}
	return 0;
}

int
loop_clean_logs(int logdir, struct err *err)
{
	auto_dir DIR *d = dir_list_at(logdir, ".", err);
	const struct dirent *e;

	if (!d)
		return -1;
	while ((e = readdir(d)))
		if (strncmp(e->d_name, "run-", 4) == 0 &&
		    file_remove_at(logdir, e->d_name, err) == -1)
			return -1;
	return 0;
}
