/* The folder of a farm.  Entering changes namespaces and rights, so each test
 * works in a child. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/db.h"
#include "lib/farm.h"
#include "lib/fdio.h"
#include "lib/ipc.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/spawn.h"
#include "tests/support/scratch.h"

static const char *const schema[] = {
	"CREATE TABLE t (id INTEGER PRIMARY KEY) STRICT;",
};

static struct err last;

#define WANT(cond)                                                          \
	do {                                                                \
		if (!(cond)) {                                              \
			fprintf(stderr, "line %d: %s (%s; %s)\n", __LINE__, \
			    #cond, strerror(errno), last.msg);              \
			_exit(1);                                           \
		}                                                           \
	} while (0)

static int
in_child(void (*fn)(void))
{
	int status;
	pid_t pid;

	unsetenv("KILN_STATE");
	unsetenv("KILN_RECIPES");
	pid = fork();
	if (pid == 0) {
		if (chdir(scratch.path) == -1)
			_exit(2);
		fn();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void
owner_is(int dirfd, const char *path, bool root, enum role role, mode_t mode)
{
	struct stat st;

	if (fstatat(dirfd, path, &st, AT_SYMLINK_NOFOLLOW) == -1) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		_exit(1);
	}
	if (role_walls()) {
		if (st.st_uid != (root ? 0 : role_uid(role)) ||
		    st.st_gid != (root ? 0 : role_gid(role))) {
			fprintf(stderr, "%s: uid %u\n", path, st.st_uid);
			_exit(1);
		}
	} else {
		WANT(st.st_uid == geteuid());
	}
	if ((st.st_mode & 07777) != mode) {
		fprintf(stderr, "%s: mode %o\n", path, st.st_mode & 07777);
		_exit(1);
	}
}

static void
look_at_layout(int fd)
{
	owner_is(fd, ".", true, 0, 0755);
	owner_is(fd, "store", false, ROLE_BUILDER, 0755);
	owner_is(fd, "env", false, ROLE_ENV, 0755);
	owner_is(fd, "work", false, ROLE_BUILDER, 0700);
	owner_is(fd, "spool", false, ROLE_WEB, 0755);
	owner_is(fd, "tuf", false, ROLE_TUF, 0755);
	owner_is(fd, "tuf/metadata", false, ROLE_TUF, 0755);
	owner_is(fd, "tuf/targets", false, ROLE_TUF, 0755);
	owner_is(fd, "keys", true, 0, 0711);
	owner_is(fd, "keys/online", false, ROLE_SIGNER, 0700);
	owner_is(fd, "keys/offline", true, 0, 0700);
	owner_is(fd, "run", true, 0, 0755);
	owner_is(fd, "run/builder", false, ROLE_BUILDER, 0755);
	owner_is(fd, "run/tuf", false, ROLE_TUF, 0755);
	owner_is(fd, "run/web", false, ROLE_WEB, 0755);
	owner_is(fd, "log", true, 0, 0755);
	owner_is(fd, "router", true, 0, 0755);
	owner_is(fd, "farm.db", false, ROLE_BUILDER, 0644);
	owner_is(fd, "farm.db-wal", false, ROLE_BUILDER, 0644);
	owner_is(fd, "farm.db-shm", false, ROLE_BUILDER, 0644);
	owner_is(fd, "web.db", false, ROLE_WEB, 0644);
	owner_is(fd, "web.db-shm", false, ROLE_WEB, 0644);
	owner_is(fd, "tuf.db-wal", false, ROLE_TUF, 0644);
}

static void
enter(struct farm *f, const char *state, const char *recipes)
{
	WANT(farm_enter(f, state, recipes, true, &last) == 0);
}

static void
make_and_look(void)
{
	struct farm f = FARM_INIT;
	auto_free char *file = NULL;
	struct stat st;
	int fd;

	umask(077);
	enter(&f, "deep/below/var", NULL);
	look_at_layout(f.dirfd);
	WANT(strcmp(f.shown, "deep/below/var") == 0);
	WANT(f.path[0] == '/' && f.bin[0] == '/');
	WANT(stat(f.bin, &st) == 0);
	fd = farm_dir(&f, "tuf/metadata", &last);
	WANT(fd >= 0);
	close(fd);
	WANT(farm_dir(&f, "nothing", &last) == -1 && last.cls == ERR_MISSING);
	file = farm_file(&f, "farm.db");
	WANT(stat(file, &st) == 0);
	WANT(faccessat(f.dirfd, "farm.db.new", F_OK, 0) == -1);
	WANT(faccessat(f.dirfd, "farm.db-journal", F_OK, 0) == -1);
	WANT(umask(0) == 077);
	farm_release(&f);
	farm_release(&f);
}

static void
a_new_farm_has_its_parts_and_owners(void **state)
{
	(void)state;
	assert_int_equal(in_child(make_and_look), 0);
	/* Again: nothing changes, nothing is in the way. */
	assert_int_equal(in_child(make_and_look), 0);
}

static void
without_create(void)
{
	struct farm f = FARM_INIT;
	struct stat st;

	WANT(farm_enter(&f, "var", NULL, false, &last) == -1);
	WANT(last.cls == ERR_MISSING);
	WANT(stat("var", &st) == -1);
	WANT(mkdir("var", 0755) == 0);
	WANT(farm_enter(&f, "var", NULL, false, &last) == 0);
	WANT(stat("var/store", &st) == -1);
	farm_release(&f);
	WANT(farm_enter(&f, "var", "no-recipes", false, &last) == -1);
	WANT(last.cls == ERR_MISSING);
}

static void
looking_makes_nothing(void **state)
{
	(void)state;
	assert_int_equal(in_child(without_create), 0);
}

static void
defaults(void)
{
	struct farm f = FARM_INIT;

	WANT(strcmp(farm_default(), "/var/lib/kiln") == 0);
	WANT(mkdir("recipes", 0755) == 0);
	WANT(strcmp(farm_default(), "./var") == 0);
	WANT(strcmp(farm_default_recipes(), "./recipes") == 0);
	enter(&f, NULL, NULL);
	WANT(strcmp(f.shown, "./var") == 0);
	WANT(f.recipes && f.recipes[0] == '/');
	farm_release(&f);
	setenv("KILN_STATE", "/elsewhere", 1);
	setenv("KILN_RECIPES", "/nowhere", 1);
	WANT(strcmp(farm_default(), "/elsewhere") == 0);
	WANT(strcmp(farm_default_recipes(), "/nowhere") == 0);
	WANT(farm_enter(&f, "var", NULL, true, &last) == -1);
	WANT(last.cls == ERR_MISSING);
}

static void
defaults_are_a_checkouts_or_the_systems(void **state)
{
	(void)state;
	assert_int_equal(in_child(defaults), 0);
}

/* Below a closed folder, under another uid, with nothing but the paths. */
static void
role_works(void)
{
	struct farm f = FARM_INIT;
	auto_free char *file = NULL, *recipe = NULL;
	struct db *db;
	struct statvfs vfs;
	auto_fd int run = -1;
	int fd;

	WANT(mkdir("recipes", 0700) == 0);
	WANT(chmod("recipes", 0755) == 0);
	WANT(close(open("recipes/a", O_CREAT | O_WRONLY, 0644)) == 0);
	enter(&f, "var", "recipes");
	file = farm_file(&f, "farm.db");
	run = farm_dir(&f, "run", &last);
	WANT(drop_to(ROLE_BUILDER, &last) == 0);
	db = db_open(file, schema, 1, &last);
	WANT(db);
	WANT(db_exec(db, "INSERT INTO t DEFAULT VALUES", &last) == 0);
	WANT(db_exec(db, "PRAGMA wal_checkpoint(TRUNCATE)", &last) == 0);
	fd = farm_dir(&f, "store", &last);
	WANT(fd >= 0);
	WANT(close(openat(fd, "x", O_CREAT | O_WRONLY, 0644)) == 0);
	close(fd);
	fd = wake_bind(run, "builder", &last);
	WANT(fd >= 0);
	if (getuid() == role_uid(ROLE_BUILDER)) {
		/* Not its own: */
		fd = openat(f.dirfd, "web.db", O_RDWR);
		WANT(fd == -1 && errno == EACCES);
		fd = openat(f.dirfd, "farm.db-journal", O_CREAT | O_RDWR, 0644);
		WANT(fd == -1 && errno == EACCES);
		fd = openat(f.dirfd, "keys/online", O_RDONLY);
		WANT(fd == -1 && errno == EACCES);
		WANT(wake_bind(run, "web", &last) == -1);
		recipe = mem_printf("%s/a", f.recipes);
		WANT((fd = open(recipe, O_RDONLY)) >= 0);
		close(fd);
		WANT(statvfs(f.recipes, &vfs) == 0 && vfs.f_flag & ST_RDONLY);
		WANT(statvfs(f.path, &vfs) == 0 && vfs.f_flag & ST_NOSUID);
		/* The closed folder is closed by its own name. */
		WANT(access(scratch.path, X_OK) == -1);
	}
	db_close(db);
	/* Kept for readers, who cannot make them. */
	WANT(faccessat(f.dirfd, "farm.db-wal", F_OK, 0) == 0);
	WANT(faccessat(f.dirfd, "farm.db-shm", F_OK, 0) == 0);
}

static void
a_role_reaches_its_parts_below_a_closed_home(void **state)
{
	(void)state;
	assert_int_equal(chmod(scratch.path, 0700), 0);
	assert_int_equal(in_child(role_works), 0);
	/* Nothing is left mounted for others. */
	assert_int_not_equal(access("/run/kiln/state", F_OK), 0);
}

static void
inside_again(void)
{
	struct farm f = FARM_INIT, g = FARM_INIT;
	struct stat a, b;
	auto_buf struct buf before = BUF_INIT, after = BUF_INIT;

	WANT(mkdir("recipes", 0755) == 0);
	enter(&f, "var", "recipes");
	WANT(strcmp(f.path, "/run/kiln/state") == 0);
	WANT(file_read("/proc/self/mountinfo", 1 << 20, &before, &last) == 0);
	enter(&g, "/run/kiln/state", "/run/kiln/recipes");
	WANT(file_read("/proc/self/mountinfo", 1 << 20, &after, &last) == 0);
	WANT(strcmp(before.data, after.data) == 0);
	WANT(fstat(f.dirfd, &a) == 0 && fstat(g.dirfd, &b) == 0);
	WANT(a.st_ino == b.st_ino && a.st_dev == b.st_dev);
	WANT(strcmp(g.shown, "var") == 0);
	WANT(strcmp(g.recipes, f.recipes) == 0);
	farm_release(&g);
	WANT(farm_enter(&g, "/run/kiln/state", "/etc", true, &last) == -1);
	/* Another farm from inside gets a room of its own. */
	enter(&g, "other", "/run/kiln/recipes");
	WANT(strcmp(g.path, "/run/kiln/state") == 0);
	WANT(fstat(g.dirfd, &b) == 0 && a.st_ino != b.st_ino);
	WANT(strcmp(g.shown, "other") == 0);
}

static void
a_child_inside_uses_the_same_room(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(in_child(inside_again), 0);
}

static void
foreign_folder(void)
{
	struct farm f = FARM_INIT;
	struct stat st;

	enter(&f, "var", NULL);
	WANT(fchownat(f.dirfd, "store", 1234, 1234, 0) == 0);
	WANT(mkdirat(f.dirfd, "store/ab", 0755) == 0);
	farm_release(&f);
	WANT(farm_enter(&f, "var", NULL, true, &last) == -1);
	WANT(last.cls == ERR_INPUT && strstr(last.msg, "store belongs to"));
	WANT(stat("var/store", &st) == 0 && st.st_uid == 1234);
	/* Empty it is taken over. */
	WANT(rmdir("var/store/ab") == 0);
	enter(&f, "var", NULL);
	WANT(stat("var/store", &st) == 0);
	WANT(st.st_uid == role_uid(ROLE_BUILDER));
}

static void
old_env(void)
{
	struct farm f = FARM_INIT;
	struct stat st;

	enter(&f, "var", NULL);
	WANT(mkdirat(f.dirfd, "env/deb", 0755) == 0);
	WANT(fchownat(f.dirfd, "env", role_uid(ROLE_BUILDER), 0, 0) == 0);
	farm_release(&f);
	enter(&f, "var", NULL);
	WANT(stat("var/env", &st) == 0 && st.st_uid == role_uid(ROLE_ENV));
	WANT(access("var/env/deb", F_OK) == -1 && errno == ENOENT);
}

static void
environments_that_the_builder_could_write_are_forgotten(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(in_child(old_env), 0);
}

static void
what_somebody_else_filled_is_not_taken_over(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(in_child(foreign_folder), 0);
}

static void
links_inside(void)
{
	struct farm f = FARM_INIT;
	struct stat st;

	WANT(mkdir("var", 0755) == 0 && mkdir("victim", 0700) == 0);
	WANT(symlink("../victim", "var/store") == 0);
	WANT(farm_enter(&f, "var", NULL, true, &last) == -1);
	WANT(stat("victim", &st) == 0 && (st.st_mode & 0777) == 0700);
	WANT(unlink("var/store") == 0);
	WANT(close(open("victim/f", O_CREAT | O_WRONLY, 0600)) == 0);
	WANT(link("victim/f", "var/farm.db") == 0);
	WANT(farm_enter(&f, "var", NULL, true, &last) == -1);
	WANT(strstr(last.msg, "no plain file"));
	WANT(stat("victim/f", &st) == 0 && (st.st_mode & 0777) == 0600);
}

static void
links_in_the_folder_lead_nowhere(void **state)
{
	(void)state;
	assert_int_equal(in_child(links_inside), 0);
}

static void
many_at_once(void)
{
	pid_t pids[6];

	for (size_t i = 0; i < ARRAY_LEN(pids); i++) {
		pids[i] = fork();
		if (pids[i] == 0) {
			struct farm f = FARM_INIT;

			enter(&f, "var", NULL);
			look_at_layout(f.dirfd);
			_exit(0);
		}
	}
	for (size_t i = 0; i < ARRAY_LEN(pids); i++) {
		int status;

		WANT(waitpid(pids[i], &status, 0) == pids[i]);
		WANT(status == 0);
	}
}

static void
programs_may_start_at_the_same_time(void **state)
{
	(void)state;
	assert_int_equal(in_child(many_at_once), 0);
}

#define TEST(f) \
	cmocka_unit_test_setup_teardown(f, scratch_setup, scratch_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_new_farm_has_its_parts_and_owners),
		TEST(looking_makes_nothing),
		TEST(defaults_are_a_checkouts_or_the_systems),
		TEST(a_role_reaches_its_parts_below_a_closed_home),
		TEST(a_child_inside_uses_the_same_room),
		TEST(environments_that_the_builder_could_write_are_forgotten),
		TEST(what_somebody_else_filled_is_not_taken_over),
		TEST(links_in_the_folder_lead_nowhere),
		TEST(programs_may_start_at_the_same_time),
	};

	return cmocka_run_group_tests_name("farm", tests, NULL, NULL);
}
