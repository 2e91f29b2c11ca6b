/* rooms: builder builder/inputs builder/plan builder/bake builder/exec
 * builder/judge */
/*
 * Environments made by children under a uid of their own: this program runs
 * itself as them.  Each test is a process, since it enters a farm and drops.
 */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "builder/bake/env.h"
#include "builder/bake/env_crew.h"
#include "lib/farm.h"
#include "lib/sandbox.h"
#include "tests/support/debmake.h"
#include "tests/support/scratch.h"

#define WANT(cond)                                                          \
	do {                                                                \
		if (!(cond)) {                                              \
			fprintf(stderr, "line %d: %s (%s; %s)\n", __LINE__, \
			    #cond, err.msg, strerrorname_np(errno));        \
			_exit(1);                                           \
		}                                                           \
	} while (0)

static struct err err;
static struct env_crew crew;
static struct env_place place;
static struct farm farm = FARM_INIT;

static void
in_child(void (*fn)(void))
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		fn();
		env_crew_stop(&crew);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void
enter(bool drop)
{
	auto_free char *state = mem_printf("%s/var", scratch.path);
	auto_fd int store = -1;

	WANT(farm_enter(&farm, state, NULL, true, &err) == 0);
	WANT(env_crew_start(&crew, &err) == 0);
	WANT(!drop || drop_to(ROLE_BUILDER, &err) == 0);
	store = farm_dir(&farm, "store", &err);
	WANT(store != -1);
	place = (struct env_place){ .dirfd = farm_dir(&farm, "env", &err),
		.path = farm_file(&farm, "env"),
		.store = store_open(store, &err),
		.crew = &crew };
	WANT(place.dirfd != -1 && place.store);
	WANT(env_recover(&place, &err) == 0);
}

#define PACKAGES 6
static struct env_package packages[PACKAGES];

static void
make_packages(void)
{
	static char paths[PACKAGES][32];

	for (int i = 0; i < PACKAGES; i++) {
		const struct deb_member m[] = {
			{ paths[i], S_IFREG | 0755, "own\n", false }, { 0 }
		};

		snprintf(paths[i], sizeof(paths[i]), "./usr/bin/tool%d", i);
		WANT(debmake(place.store, m, &packages[i].sha256) == 0);
		packages[i].name = paths[i] + 10;
	}
}

/* One that takes a while. */
static void
make_large(struct env_package *p)
{
	size_t n = (size_t)96 << 20;
	auto_free char *zeros = mem_zero(n, 1);
	struct deb_data d;

	deb_begin(&d);
	deb_member(
	    &d, "./usr/lib/large", S_IFREG | 0644, NULL, false, zeros, n);
	p->name = "large";
	WANT(deb_end(&d, place.store, &p->sha256) == 0);
}

static int steps;

static void
count(void *arg, int64_t done, int64_t total)
{
	(void)arg;
	WANT(done <= total);
	steps++;
}

static void
looks_the_same(void)
{
	auto_env struct env a = ENV_INIT, b = ENV_INIT;
	auto_fd int mine = -1;
	auto_free char *path = NULL;
	bool walls = role_walls();
	struct env_place own;
	struct stat st;

	enter(true);
	make_packages();
	place.progress = count;
	mine = dir_make_at(farm.dirfd, "work/own", 0755, &err);
	WANT(mine != -1);
	own = place;
	own.dirfd = mine;
	own.crew = NULL;
	WANT(env_make(&place, packages, PACKAGES, &a, &err) == 0);
	WANT(steps == PACKAGES);
	WANT(env_make(&own, packages, PACKAGES, &b, &err) == 0);
	WANT(hash_equal(&a.digest, &b.digest));
	WANT(env_check(&place, packages, PACKAGES, 0, PACKAGES, &err) == 0);
	path = mem_printf("%s/usr/bin/tool0", a.root);
	WANT(stat(path, &st) == 0 && st.st_nlink == 2);
	WANT(st.st_uid == (walls ? role_uid(ROLE_ENV) : geteuid()));
	/* One that is named twice is unpacked once, and then in its own way. */
	env_release(&b);
	packages[1] = packages[0];
	WANT(env_make(&place, packages, 2, &b, &err) == -1);
	WANT(strstr(err.msg, "another package"));
}

static void
the_crew_makes_what_one_process_makes(void **state)
{
	(void)state;
	in_child(looks_the_same);
}

static void
refused_by_permission(void)
{
	auto_env struct env e = ENV_INIT;
	auto_fd int root = -1;
	const char *tool = "usr/bin/tool0";

	enter(true);
	make_packages();
	WANT(env_make(&place, packages, PACKAGES, &e, &err) == 0);
	root = open(e.root, O_RDONLY | O_DIRECTORY);
	WANT(root != -1);
	WANT(openat(root, tool, O_WRONLY) == -1 && errno == EACCES);
	WANT(openat(root, "x", O_WRONLY | O_CREAT, 0600) == -1 &&
	     errno == EACCES);
	WANT(fchmodat(root, tool, 0777, 0) == -1 && errno == EPERM);
	WANT(utimensat(root, tool, (struct timespec[2]){ { 1, 0 }, { 1, 0 } },
		 0) == -1 &&
	     errno == EPERM);
	WANT(unlinkat(root, tool, 0) == -1 && errno == EACCES);
	WANT(renameat(place.dirfd, "deb", place.dirfd, "x") == -1 &&
	     errno == EACCES);
}

static void
the_builder_cannot_write_what_environments_share(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	in_child(refused_by_permission);
}

/* The jail's own wall, the read-only mount, left out. */
static void
tried_from_a_build(void)
{
	static const char script[] =
	    "exec 2>/dev/null\n"
	    "grep -q ' /srv/env [^ ]* rw' /proc/mounts && echo writable\n"
	    "echo x >/srv/own/x && echo own\n"
	    "cd /srv/env/usr/bin || exit\n"
	    "(echo x >>tool0) && echo written\n"
	    "chmod 777 tool0 && echo chmod\n"
	    "touch -d @1 tool0 && echo touch\n"
	    "ln tool0 /srv/own/link && echo link\n"
	    "mv tool0 tool && echo mv\n"
	    "rm -f tool0 && echo rm\n"
	    "cat tool0\n";
	static const char *const env[] = { "PATH=/usr/bin:/bin", NULL };
	const char *argv[] = { "/bin/sh", "-c", script, NULL };
	auto_env struct env e = ENV_INIT;
	auto_buf struct buf said = BUF_INIT;
	auto_fd int own = -1;
	auto_free char *own_path = NULL;
	struct sandbox_jail jail = SANDBOX_JAIL_INIT;
	struct child child = CHILD_INIT;
	struct spawn_end end;
	int pair[2];
	bool ran;

	enter(true);
	make_packages();
	WANT(env_make(&place, packages, PACKAGES, &e, &err) == 0);
	own = dir_make_at(farm.dirfd, "work/own", 0755, &err);
	WANT(own != -1 && pipe2(pair, O_CLOEXEC) == 0);
	own_path = farm_file(&farm, "work/own");
	struct sandbox_bind binds[] = { { NULL, "/srv", false },
		{ e.root, "/srv/env", true }, { own_path, "/srv/own", true } };
	struct sandbox sb = { .root = "/",
		.binds = binds,
		.nbinds = 3,
		.env = env,
		.argv = argv,
		.cwd = "/",
		.hostname = "jail",
		.uid = 1000,
		.gid = 1000,
		.out = pair[1],
		.jail = &jail };
	WANT(sandbox_start(&sb, &child, &err) == 0);
	close(pair[1]);
	WANT(fd_read_all(pair[0], 1 << 20, &said, &err) == 0);
	WANT(spawn_wait(&child, 30000, &end, &err) == 0);
	WANT(sandbox_end(&jail, &ran, &err) == 0 && ran);
	if (strcmp(said.data, "writable\nown\nown\n") != 0) {
		fprintf(stderr, "%s", said.data);
		_exit(1);
	}
	WANT(env_check(&place, packages, PACKAGES, 0, PACKAGES, &err) == 0);
}

static void
a_build_is_refused_by_permission_even_on_a_writable_mount(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	in_child(tried_from_a_build);
}

/* --- dying --------------------------------------------------------------- */

/* The server below a keeper, or 0. */
static pid_t
server_of(const struct env_hand *h)
{
	auto_free char *path = mem_printf("/proc/%d/task/%d/children",
	    h->worker.child.pid, h->worker.child.pid);
	auto_buf struct buf text = BUF_INIT;
	struct err none = ERR_INIT;

	if (file_read(path, 4096, &text, &none) == -1)
		return 0;
	return (pid_t)strtol(text.data, NULL, 10);
}

static void
kill_servers(int sig)
{
	for (size_t i = 0; i < crew.n; i++) {
		pid_t pid = 0;

		while ((pid = server_of(&crew.v[i])) == 0)
			usleep(1000);
		WANT(kill(pid, sig) == 0);
	}
}

static void
killed_while_it_unpacks(void)
{
	auto_env struct env e = ENV_INIT;
	struct env_package large;
	auto_free char *half = NULL, *whole = NULL;
	char hex[HASH_HEX];
	int status;
	pid_t pid;

	enter(false);
	make_large(&large);
	hash_hex(&large.sha256, hex);
	half = mem_printf("deb/new-%s/root/usr", hex);
	whole = mem_printf("deb/%s", hex);
	pid = fork();
	if (pid == 0) {
		while (!file_exists_at(place.dirfd, half))
			usleep(1000);
		kill_servers(SIGKILL);
		_exit(0);
	}
	WANT(env_make(&place, &large, 1, &e, &err) == -1);
	WANT(strstr(err.msg, "the env worker ended by signal 9"));
	WANT(err.cls == ERR_SYSTEM);
	WANT(waitpid(pid, &status, 0) == pid && status == 0);
	WANT(!file_exists_at(place.dirfd, whole));
	/* Others have come in their place; what was begun is begun anew. */
	WANT(file_exists_at(place.dirfd, half));
	WANT(env_make(&place, &large, 1, &e, &err) == 0);
	WANT(!file_exists_at(place.dirfd, half));
	make_packages();
	WANT(env_make(&place, packages, PACKAGES, &e, &err) == 0);
}

static void
one_killed_while_it_unpacks_leaves_nothing_in_use(void **state)
{
	(void)state;
	in_child(killed_while_it_unpacks);
}

static void
killed_while_idle(void)
{
	auto_env struct env e = ENV_INIT;
	int status;
	pid_t pid;

	enter(false);
	make_packages();
	/* One request lies before each when they die. */
	kill_servers(SIGSTOP);
	pid = fork();
	if (pid == 0) {
		usleep(300000);
		kill_servers(SIGKILL);
		_exit(0);
	}
	WANT(env_make(&place, packages, PACKAGES, &e, &err) == 0);
	WANT(waitpid(pid, &status, 0) == pid && status == 0);
}

static void
one_killed_while_idle_costs_nothing(void **state)
{
	(void)state;
	in_child(killed_while_idle);
}

static void
kill_keeper(struct env_hand *h)
{
	struct pollfd p = { .fd = h->worker.sock };

	WANT(kill(h->worker.child.pid, SIGKILL) == 0);
	WANT(poll(&p, 1, 10000) == 1 && p.revents & POLLHUP);
}

static void
keepers_killed(void)
{
	auto_env struct env e = ENV_INIT;

	enter(false);
	make_packages();
	for (size_t i = 1; i < crew.n; i++)
		kill_keeper(&crew.v[i]);
	WANT(env_make(&place, packages, PACKAGES, &e, &err) == 0);
	kill_keeper(&crew.v[0]);
	env_release(&e);
	WANT(env_make(&place, packages, PACKAGES, &e, &err) == 0);
	env_release(&e);
	WANT(env_make(&place, packages, 1, &e, &err) == -1);
	WANT(strstr(err.msg, "restart the builder"));
}

static void
without_keepers_what_is_there_still_serves(void **state)
{
	(void)state;
	in_child(keepers_killed);
}

int
main(int argc, char **argv)
{
#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, scratch_setup, scratch_teardown)
	const struct CMUnitTest tests[] = {
		TEST(the_crew_makes_what_one_process_makes),
		TEST(the_builder_cannot_write_what_environments_share),
		TEST(a_build_is_refused_by_permission_even_on_a_writable_mount),
		TEST(one_killed_while_it_unpacks_leaves_nothing_in_use),
		TEST(one_killed_while_idle_costs_nothing),
		TEST(without_keepers_what_is_there_still_serves),
	};

	if (argc == 3 && strcmp(argv[1], "-x") == 0)
		return env_main();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
