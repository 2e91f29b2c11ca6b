/* rooms: tuf-repo */
/*
 * The program itself, as an operator runs it: processes, uids, exit codes.
 * With $KILN_TREE it leaves the last tree there, for clients of other hands.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/own.h"
#include "lib/spawn.h"
#include "tests/support/tuf_farm.h"
#include "tests/support/tuf_forms.h"

#undef HEX
#include "web/schema.c"

static char program[4096];
static char state_dir[300], tree_dir[320];

/* --- running it -------------------------------------------------------- */

static int
find_program(void **state)
{
	ssize_t n = readlink("/proc/self/exe", program, sizeof(program) - 32);
	char *slash;

	(void)state;
	if (n == -1)
		return -1;
	program[n] = '\0';
	slash = strrchr(program, '/'); /* …/tests/test_x */
	*slash = '\0';
	slash = strrchr(program, '/');
	memcpy(slash, "/kiln-tuf", 10);
	return 0;
}

static struct buf said = BUF_INIT, complained = BUF_INIT;

/* Exit code; what it said is kept. */
static int
run(const char *const *words)
{
	const char *argv[16] = { program };
	struct spawn sp = SPAWN_INIT;
	struct spawn_end end;
	struct child child = CHILD_INIT;
	int out[2], errs[2];

	for (size_t i = 0; words[i]; i++)
		argv[i + 1] = words[i];
	assert_int_equal(pipe(out), 0);
	assert_int_equal(pipe(errs), 0);
	sp.argv = argv;
	sp.out = out[1];
	sp.err = errs[1];
	TF_OK(spawn_start(&sp, &child, &tf.err));
	close(out[1]);
	close(errs[1]);
	buf_clear(&said);
	buf_clear(&complained);
	TF_OK(fd_read_all(out[0], 1 << 20, &said, &tf.err));
	TF_OK(fd_read_all(errs[0], 1 << 20, &complained, &tf.err));
	close(out[0]);
	close(errs[0]);
	TF_OK(spawn_wait(&child, 60000, &end, &tf.err));
	if (end.code != 0)
		print_message("# exit %d: %s%s", end.code, complained.data,
		    complained.len ? "" : "\n");
	return end.code;
}

#define RUN(...) run((const char *const[]){ __VA_ARGS__, NULL })
#define STATE "--state", state_dir

static pid_t
start_daemon(struct child *child)
{
	const char *const argv[] = { program, "serve", STATE, NULL };
	struct spawn sp = SPAWN_INIT;
	auto_fd int log = openat(
	    scratch.fd, "log", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);

	sp.argv = argv;
	sp.err = log;
	TF_OK(spawn_start(&sp, child, &tf.err));
	return child->pid;
}

static bool
wait_for(struct db *db, const char *sql, int64_t value)
{
	for (int i = 0; i < 1200; i++) {
		if (tf_int(db, sql) == value)
			return true;
		usleep(50000);
	}
	return false;
}

/* --- the farm ---------------------------------------------------------- */

static int
setup(void **state)
{
	memset(&tf, 0, sizeof(tf));
	if (scratch_setup(state) == -1 || chmod(scratch.path, 0755) == -1)
		return -1;
	snprintf(state_dir, sizeof(state_dir), "%s/farm", scratch.path);
	snprintf(tree_dir, sizeof(tree_dir), "%s/tuf", state_dir);
	return 0;
}

static int
found(void)
{
	return RUN("init", STATE, "--demo", "--service", "dns-dhcp",
	    "--service", "kernel");
}

/* The builder's side of it. */
static void
open_farm(void)
{
	char *path = mem_printf("%s/farm.db", state_dir);
	int store = dir_open_at(scratch.fd, "farm/store", &tf.err);

	TF_OK(store);
	tf.farm =
	    db_open(path, farm_migrations, farm_migrations_count, &tf.err);
	tf.repo.store = store_open(store, &tf.err);
	if (!tf.farm || !tf.repo.store)
		fail_msg("%s", tf.err.msg);
	close(store);
	free(path);
}

static struct db *
open_tuf(void)
{
	char *path = mem_printf("%s/tuf.db", state_dir);
	struct db *db = db_open_reader(path, &tf.err);

	free(path);
	if (!db)
		fail_msg("%s", tf.err.msg);
	return db;
}

static int
teardown(void **state)
{
	store_free(tf.repo.store);
	db_close(tf.farm);
	tf.farm = NULL;
	buf_release(&said);
	buf_release(&complained);
	return scratch_teardown(state);
}

/* --- the cases --------------------------------------------------------- */

static void
init_makes_a_tree_once(void **state)
{
	(void)state;
	assert_int_equal(found(), 0);
	assert_int_equal(RUN("check", tree_dir), 0);
	assert_int_equal(found(), 2);
	assert_non_null(strstr(complained.data, "nothing was changed"));
	assert_int_equal(RUN("check", tree_dir), 0);
	assert_int_equal(RUN("serve", STATE, "--once"), 0);
	assert_string_equal(said.data, "nothing to publish\n");
}

static void
keys_are_closed_to_everybody_else(void **state)
{
	struct stat st;

	(void)state;
	assert_int_equal(found(), 0);
	assert_int_equal(fstatat(scratch.fd, "farm/keys/online", &st, 0), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	assert_int_equal(
	    fstatat(scratch.fd, "farm/keys/online/timestamp.key", &st, 0), 0);
	assert_int_equal(st.st_mode & 0777, 0400);
	if (role_walls())
		assert_int_equal(st.st_uid, role_uid(ROLE_SIGNER));
	assert_int_equal(fstatat(scratch.fd, "farm/keys/offline", &st, 0), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	assert_int_equal(st.st_uid, geteuid());
}

static void
serve_publishes_a_release_while_it_runs(void **state)
{
	struct child first = CHILD_INIT;
	struct spawn_end end;
	char text[64];

	(void)state;
	assert_int_equal(found(), 0);
	open_farm();
	auto_db struct db *tuf = open_tuf();
	snprintf(text, sizeof(text), "process %d", (int)start_daemon(&first));
	assert_true(wait_for(tuf, "SELECT count(*) FROM publication", 1));
	tf_release("kernel", "6.1", "kernel one");
	tf_release("dns-dhcp", "2.90", "image one");
	TF_OK(db_exec(tf.farm,
	    "INSERT INTO cycle(id, started_at, finished_at) VALUES (3, 1, 2)",
	    &tf.err));
	assert_true(wait_for(tuf, "SELECT cycle FROM served_cycle", 3));
	assert_int_equal(tf_int(tuf, "SELECT counter FROM published_set"), 1);
	assert_int_equal(RUN("check", tree_dir), 0);
	/* a second one says who has it */
	assert_int_equal(RUN("serve", STATE), 75);
	assert_non_null(strstr(complained.data, text));
	/* asked while it runs */
	assert_int_equal(RUN("refresh", STATE), 0);
	assert_int_equal(RUN("delegate", STATE, "--service", "ntp"), 0);
	assert_true(wait_for(tuf,
	    "SELECT count(*) FROM role WHERE name = 'svc-ntp'"
	    " AND published_at IS NOT NULL",
	    1));
	assert_int_equal(RUN("check", tree_dir), 0);
	spawn_signal(&first, SIGTERM);
	TF_OK(spawn_wait(&first, 10000, &end, &tf.err));
	assert_int_equal(end.code, 0);
}

/* As an upgrade leaves them until their owners are started. */
static void
open_old(const char *name, const char *const *migrations, size_t count)
{
	char *path = mem_printf("%s/%s", state_dir, name);

	db_close(db_open(path, migrations, count - 1, &tf.err));
	free(path);
	if (tf.err.cls)
		fail_msg("%s", tf.err.msg);
}

static void
an_older_farm_db_is_waited_for(void **state)
{
	struct child daemon = CHILD_INIT;
	struct spawn_end end;

	(void)state;
	assert_int_equal(found(), 0);
	auto_db struct db *tuf = open_tuf();
	open_old("farm.db", farm_migrations, farm_migrations_count);
	assert_int_equal(RUN("serve", STATE, "--once"), 75);
	assert_non_null(strstr(complained.data, "farm.db has version"));
	/* nothing of the builder's is needed to sign again */
	assert_int_equal(RUN("refresh", STATE), 0);
	start_daemon(&daemon);
	assert_true(wait_for(
	    tuf, "SELECT count(*) FROM event WHERE kind = 'waiting'", 1));
	open_farm();
	tf_release("kernel", "6.1", "kernel one");
	tf_release("dns-dhcp", "2.90", "image one");
	assert_true(wait_for(tuf,
	    "SELECT count(*) FROM release WHERE published_at IS NOT NULL", 2));
	spawn_signal(&daemon, SIGTERM);
	TF_OK(spawn_wait(&daemon, 10000, &end, &tf.err));
	assert_int_equal(end.code, 0);
}

/* Without the routers' reports nobody knows what they run. */
static void
nothing_is_pruned_beside_an_older_web_db(void **state)
{
	(void)state;
	assert_int_equal(found(), 0);
	open_old("web.db", web_migrations, web_migrations_count);
	assert_int_equal(RUN("prune", STATE), 75);
	assert_non_null(strstr(complained.data, "web.db has version"));
}

static void
a_killed_daemon_leaves_no_signer_and_no_lock(void **state)
{
	(void)state;
	assert_int_equal(found(), 0);
	open_farm();
	auto_db struct db *tuf = open_tuf();
	for (int i = 1; i <= 5; i++) {
		struct child c = CHILD_INIT;
		char version[16];

		snprintf(version, sizeof(version), "%d", i);
		tf_release("dns-dhcp", version, version);
		start_daemon(&c);
		usleep((useconds_t)i * 15000);
		spawn_kill(&c);
		assert_int_equal(RUN("serve", STATE, "--once"), 0);
		assert_int_equal(RUN("check", tree_dir), 0);
		assert_int_equal(tf_int(tuf, "SELECT count(*) FROM release"
					     " WHERE published_at IS NOT NULL"),
		    i);
	}
}

static void
withdraw_takes_a_release_from_everybody(void **state)
{
	(void)state;
	assert_int_equal(found(), 0);
	open_farm();
	auto_db struct db *tuf = open_tuf();
	tf_release("kernel", "6.1", "kernel one");
	tf_release("dns-dhcp", "1", "image one");
	assert_int_equal(RUN("serve", STATE, "--once"), 0);
	assert_int_equal(
	    RUN("withdraw", STATE, "--reason", "test", "dns-dhcp", "9"), 2);
	assert_int_equal(
	    RUN("withdraw", STATE, "--reason", "test", "dns-dhcp", "2"), 0);
	assert_string_equal(
	    tf_text(tuf, "SELECT cause FROM refusal"), "withdrawn");
	assert_int_equal(RUN("check", tree_dir), 0);
	assert_int_equal(RUN("status", STATE), 0);
	assert_non_null(strstr(said.data, "not published: dns-dhcp"));
}

static void
check_tells_what_is_wrong_with_a_tree(void **state)
{
	char other[400];

	(void)state;
	assert_int_equal(found(), 0);
	open_farm();
	tf_release("dns-dhcp", "1", "image one");
	assert_int_equal(RUN("serve", STATE, "--once"), 0);
	/* no root at all */
	snprintf(other, sizeof(other), "%s/metadata/timestamp.json", tree_dir);
	assert_int_equal(RUN("check", "--root", other, tree_dir), 4);
	assert_int_equal(RUN("check", "/nonexistent"), 1);
	assert_int_equal(file_remove_at(scratch.fd,
			     "farm/tuf/metadata/2.svc-dns-dhcp.json", &tf.err),
	    0);
	assert_int_equal(RUN("check", "--json", tree_dir), 4);
	auto_json json_t *report =
	    js_parse("report", said.data, said.len, &tf.err);
	assert_non_null(report);
	assert_true(json_array_size(json_object_get(report, "findings")) >= 1);
}

static void
usage_is_refused_with_exit_2(void **state)
{
	(void)state;
	assert_int_equal(RUN("init", STATE, "--service", "Bad_Name"), 2);
	assert_int_equal(RUN("init", STATE, "--service", "123"), 2);
	assert_int_equal(RUN("delegate", STATE, "--demo"), 2);
	assert_int_equal(RUN("check"), 2);
	assert_int_equal(RUN("withdraw", STATE, "dns-dhcp", "1"), 2);
	assert_int_equal(RUN("no-such-command"), 2);
	assert_int_equal(RUN("-x", "signer"), 2);
}

/* Copied by bytes: the tree's owner may be another uid. */
static int
copy_one(void *arg, const char *path, int dirfd, const char *name,
    const struct stat *st, struct err *err)
{
	const int *to = arg;
	auto_buf struct buf b = BUF_INIT;

	if (S_ISDIR(st->st_mode)) {
		auto_fd int made = dir_make_at(*to, path, 0755, err);

		return made == -1 ? -1 : 0;
	}
	if (file_read_at(dirfd, name, 1 << 24, &b, err) == -1)
		return -1;
	return file_write_at(*to, path, b.data, b.len, 0644, err);
}

/* So many forms that transport goes into bins; as kiln-tuf, in a process of
 * its own. */
static void
add_forms(size_t n)
{
	struct farm farm = FARM_INIT;
	struct repo r = REPO_INIT;
	struct err err = ERR_INIT;
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		int rc = farm_enter(&farm, state_dir, NULL, false, &err);

		if (rc == 0)
			rc = drop_to(ROLE_TUF, &err);
		if (rc == 0)
			rc = repo_open(&r, &farm, &err);
		if (rc == 0)
			rc = forms_add(&r, 0, n, &err);
		repo_release(&r);
		if (rc == -1)
			print_message("# %s\n", err.msg);
		_exit(rc == -1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void
a_full_tree_is_left_for_strangers(void **state)
{
	const char *where = getenv("KILN_TREE");
	char version[16];

	(void)state;
	assert_int_equal(found(), 0);
	open_farm();
	tf_release("kernel", "6.1", "kernel one");
	for (int i = 1; i <= 11; i++) {
		snprintf(version, sizeof(version), "2.%d", i);
		tf_release("dns-dhcp", version, version);
		assert_int_equal(RUN("serve", STATE, "--once"), 0);
	}
	assert_int_equal(RUN("delegate", STATE, "--service", "ntp"), 0);
	tf_release("ntp", "4.2", "image ntp");
	assert_int_equal(RUN("serve", STATE, "--once"), 0);
	add_forms(150);
	assert_int_equal(RUN("serve", STATE, "--once"), 0);
	assert_int_equal(RUN("check", tree_dir), 0);
	if (!where)
		return;
	auto_fd int from = dir_open(tree_dir, &tf.err);
	auto_fd int to = dir_open(where, &tf.err);
	TF_OK(from);
	TF_OK(to);
	TF_OK(tree_walk(from, copy_one, &to, &tf.err));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(init_makes_a_tree_once),
		TEST(keys_are_closed_to_everybody_else),
		TEST(serve_publishes_a_release_while_it_runs),
		TEST(an_older_farm_db_is_waited_for),
		TEST(nothing_is_pruned_beside_an_older_web_db),
		TEST(a_killed_daemon_leaves_no_signer_and_no_lock),
		TEST(withdraw_takes_a_release_from_everybody),
		TEST(check_tells_what_is_wrong_with_a_tree),
		TEST(usage_is_refused_with_exit_2),
		TEST(a_full_tree_is_left_for_strangers),
	};

	return cmocka_run_group_tests(tests, find_program, NULL);
}
