/* rooms: builder builder/inputs builder/plan builder/bake builder/exec
 * builder/judge */
/*
 * Real builds that try to get out, and to leave something that does: once as
 * root, if we are, and once as an ordinary user.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cmocka.h>

#include "lib/num.h"
#include "tests/support/builds.h"

#define LONG_MS 120000 /* only a hanging test comes there */

static void
builds(const char *script)
{
	build(script);
	if (!result.succeeded)
		fail_msg("%s; log: %s", result.message, text);
}

static void
says(const char *part)
{
	if (!strstr(text, part))
		fail_msg("no \"%s\" in: %s", part, text);
}

/* --- the network --------------------------------------------------------- */

static int
listen_on(struct sockaddr *a, socklen_t n, socklen_t known)
{
	int fd =
	    socket(a->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	assert_int_not_equal(fd, -1);
	assert_int_equal(bind(fd, a, known), 0);
	assert_int_equal(listen(fd, 5), 0);
	assert_int_equal(getsockname(fd, a, &n), 0);
	return fd;
}

static void
neither_the_network_nor_an_abstract_socket_is_reached(void **state)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	socklen_t room = offsetof(struct sockaddr_un, sun_path) + 1;
	auto_fd int tcp = -1, local = -1;
	auto_free char *script = NULL;

	(void)state;
	room += (socklen_t)snprintf(
	    un.sun_path + 1, 60, "kiln-test-%d", (int)getpid());
	tcp = listen_on((struct sockaddr *)&in, sizeof(in), sizeof(in));
	local = listen_on((struct sockaddr *)&un, sizeof(un), room);
	script = mem_printf(
	    "cat >t.pl <<'E'\n"
	    "use Socket;\n"
	    "sub try { my ($what, $family, $to) = @_;\n"
	    " socket(my $s, $family, SOCK_STREAM, 0) or die;\n"
	    " print $what, ': ', connect($s, $to) ? 'in' : 'out', \"\\n\"; }\n"
	    "try('tcp', PF_INET, pack_sockaddr_in(%d, INADDR_LOOPBACK));\n"
	    "try('far', PF_INET, pack_sockaddr_in(53,"
	    " inet_aton('192.0.2.1')));\n"
	    "try('abstract', PF_UNIX, pack('S a*', PF_UNIX, \"\\0%s\"));\n"
	    "E\n"
	    "perl t.pl; tail -n +2 /proc/net/route; echo x >/out/a\n",
	    ntohs(in.sin_port), un.sun_path + 1);
	builds(script);
	says("tcp: out\nfar: out\nabstract: out\nkiln: succeeded");
	assert_int_equal(accept(tcp, NULL, NULL), -1);
	assert_int_equal(errno, EAGAIN);
	assert_int_equal(accept(local, NULL, NULL), -1);
	assert_int_equal(errno, EAGAIN);
}

/* --- what is others' ----------------------------------------------------- */

struct beside {
	pthread_t thread;
	struct build_order order;
	struct build_result result;
	struct err err;
	atomic_bool stop;
	int rc;
};

static void *
run_beside(void *arg)
{
	struct beside *b = arg;

	b->rc = build_run(&place, &b->order, &b->result, &b->err);
	return NULL;
}

static void
another_builds_files_and_processes_are_out_of_reach(void **state)
{
	static const char *const outputs[] = { "a", NULL };
	struct beside b = { .stop = false };
	struct plan *first;
	auto_free char *name = NULL, *script = NULL;
	int64_t until = time_mono_ms() + LONG_MS;

	(void)state;
	make_plan("echo mine >/build/secret; sleep 1000\n", outputs);
	first = plan;
	plan = NULL;
	b.order = order_of('A');
	b.order.plan = first;
	b.order.stop = &b.stop;
	b.order.limits.silence_ms = b.order.limits.wall_ms = LONG_MS;
	name = mem_printf("run-%lld/build/secret", (long long)b.order.id);
	assert_int_equal(pthread_create(&b.thread, NULL, run_beside, &b), 0);
	while (!file_exists_at(place.workdir, name)) {
		assert_true(time_mono_ms() < until);
		usleep(10000);
	}
	script = mem_printf("set +e\n"
			    "cat %s/%s /proc/*/root/%s/%s /proc/*/cwd/secret\n"
			    "cat /proc/[0-9]*/environ | tr '\\0' '\\n' |"
			    " grep run-\n"
			    "ls -d %s; ls /proc | grep -c '^[0-9]'\n"
			    "(trap '' KILL; kill -9 -1) ; kill -9 %d %d\n"
			    "echo x >/out/a\n",
	    place.work_path, name, place.work_path, name, place.work_path,
	    (int)getpid(), (int)getppid());
	build(script);
	assert_null(strstr(text, "mine"));
	says("No such file");
	/* Still there, until it is told to stop. */
	atomic_store(&b.stop, true);
	pthread_join(b.thread, NULL);
	assert_int_equal(b.rc, 0);
	assert_true(b.result.stopped);
	build_result_release(&b.result);
	plan_free(first);
}

static void
the_store_cannot_even_be_named(void **state)
{
	char path[STORE_PATH];
	auto_free char *script = NULL;
	struct hash h;

	(void)state;
	hash_bytes(&h, "data", 4);
	store_path(&h, path);
	script =
	    mem_printf("for f in %s/s/%s %s/env %s/../ /proc/1/root%s; do\n"
		       " if test -e \"$f\" && ls \"$f\" | grep .; then"
		       " echo reached $f; fi\n"
		       "done\n"
		       "echo x >/out/a\n",
		scratch.path, path, scratch.path, scratch.path, scratch.path);
	builds(script);
	assert_null(strstr(text, "reached /proc"));
	assert_null(strstr(text, path));
}

static void
a_file_that_environments_share_cannot_be_changed(void **state)
{
	auto_free char *path = mem_printf("%s/usr/bin/env", env.root);
	struct stat before, now;
	struct hash then, is;
	auto_fd int fd = open(path, O_RDONLY | O_CLOEXEC);

	(void)state;
	assert_int_equal(fstat(fd, &before), 0);
	assert_true(before.st_nlink >= 2);
	assert_int_equal(hash_fd(fd, &then, NULL, &err), 0);
	build("set +e\n"
	      "cat >t.pl <<'E'\n"
	      "my $f = '/usr/bin/env';\n"
	      "print 'w', open(my $h, '>>', $f) ? 1 : 0,\n"
	      " truncate($f, 0) ? 1 : 0, chmod(0777, $f) ? 1 : 0,\n"
	      " utime(1, 1, $f) ? 1 : 0, unlink($f) ? 1 : 0,\n"
	      " rename('/build/t.pl', $f) ? 1 : 0,\n"
	      " chown($<, $(+0, $f) ? 1 : 0, link($f, '/out/a') ? 1 : 0,\n"
	      " link($f, '/usr/bin/env2') ? 1 : 0;\n"
	      /* The same inode through a descriptor: still that mount. */
	      "open(my $r, '<', $f);\n"
	      "print open(my $q, '+<', '/proc/self/fd/' . fileno($r)) ? 1 :"
	      " 0,\n"
	      " link('/proc/self/fd/' . fileno($r), '/out/b') ? 1 : 0,"
	      " \"\\n\";\n"
	      "E\n"
	      "perl t.pl; rm -f /out/*; echo x >/out/a\n");
	says("w00000000000\n");
	assert_int_equal(stat(path, &now), 0);
	assert_int_equal(now.st_ino, before.st_ino);
	assert_int_equal(now.st_mode, before.st_mode);
	assert_int_equal(now.st_size, before.st_size);
	assert_int_equal(now.st_nlink, before.st_nlink);
	assert_int_equal(now.st_mtim.tv_sec, before.st_mtim.tv_sec);
	assert_int_equal(now.st_ctim.tv_sec, before.st_ctim.tv_sec);
	assert_int_equal(now.st_ctim.tv_nsec, before.st_ctim.tv_nsec);
	assert_int_equal(hash_fd(fd, &is, NULL, &err), 0);
	assert_true(hash_equal(&then, &is));
}

/* --- what is left behind ------------------------------------------------- */

static void
neither_set_id_files_nor_devices_can_be_made(void **state)
{
	(void)state;
	builds("cat >t.pl <<'E'\n"
	       "sub try { print $_[0], ': ', $_[1] ? 'done' : 'refused', "
	       "\"\\n\"; }\n"
	       "open(F, '>', 'f');\n"
	       "try('chmod', chmod(04755, 'f'));\n"
	       "try('setgid', chmod(02755, 'f'));\n"
	       "try('open', sysopen(G, 'g', 0101, 04755));\n"
	       "umask(0);\n"
	       "try('tmpfile', sysopen(T, '.', 020200002, 06755));\n"
	       "try('plain', sysopen(P, 'p', 0101, 0755));\n"
	       "E\n"
	       "perl t.pl; ls -l; set +e; mknod d c 1 3; mknod b b 8 0\n"
	       "ls -l | grep -c '^[cb]\\|s'; echo x >/out/a\n");
	says("chmod: refused\nsetgid: refused\nopen: refused\n"
	     "tmpfile: refused\nplain: done\n");
	fails("mknod /out/a c 1 3\n", "exit");
	fails("mknod /out/a b 8 0\n", "exit");
	fails("echo x >/out/a; chmod u+s /out/a\n", "exit");
}

static void
a_hard_link_out_of_the_environment_or_the_inputs_is_refused(void **state)
{
	(void)state;
	fails("ln /usr/bin/env /out/a\n", "exit");
	fails("ln /kiln/recipe/sub/data /out/a\n", "exit");
	fails("ln -s /usr/bin/env /out/a\n", "output-type");
	/* Of one's own file it is one's own affair. */
	builds("echo x >/build/x; ln /build/x /out/a || cp /build/x /out/a\n");
}

static void
a_link_that_flips_while_the_build_ends_gives_nothing_foreign(void **state)
{
	struct hash own;

	(void)state;
	hash_bytes(&own, "own", 3);
	for (int i = 0; i < 10; i++) {
		build("cat >t.pl <<'E'\n"
		      "$SIG{TERM} = $SIG{HUP} = 'IGNORE';\n"
		      "for (;;) { symlink('/etc/passwd', '/out/l');\n"
		      " rename('/out/l', '/out/a');\n"
		      " open(F, '>', '/out/f'); print F 'own'; close F;\n"
		      " rename('/out/f', '/out/a'); }\n"
		      "E\n"
		      "perl t.pl & while test ! -f /out/a; do :; done\n");
		if (result.succeeded)
			assert_true(
			    hash_equal(&result.outputs.v[0].sha256, &own));
		else if (strncmp(result.cause, "output-", 7) != 0)
			fail_msg("%s: %s", result.cause, text);
	}
}

/* Is there a process whose command line has this? */
static bool
alive(const char *mark)
{
	auto_dir DIR *d = opendir("/proc");
	const struct dirent *e;

	while ((e = readdir(d))) {
		auto_free char *path =
		    mem_printf("/proc/%s/cmdline", e->d_name);
		auto_buf struct buf b = BUF_INIT;
		struct err gone = ERR_INIT;

		if (e->d_name[0] >= '1' && e->d_name[0] <= '9' &&
		    file_read(path, 1 << 20, &b, &gone) == 0 &&
		    memmem(b.data, b.len, mark, strlen(mark)))
			return true;
	}
	return false;
}

static void
no_process_outlives_its_build(void **state)
{
	auto_free char *mark = mem_printf(
	    "outlives-%d-%lld", (int)getpid(), (long long)time_now());
	auto_free char *script = mem_printf(
	    "cat >t.pl <<'E'\n"
	    "use POSIX;\n"
	    "exit if fork; POSIX::setsid(); exit if fork;\n"
	    "$SIG{$_} = 'IGNORE' for qw(TERM HUP INT QUIT CHLD);\n"
	    "fork for 1 .. 3;\n"
	    "open(F, '>', \"up$$\"); close F;\n"
	    "for (;;) { open(F, '>', '/out/late'); sleep 1; }\n"
	    "E\n"
	    "perl t.pl %s\n"
	    "while test $(ls | grep -c up) -lt 8; do sleep 0.05; done\n"
	    "rm -f /out/late; kill -STOP $(ls | sed -n 's/up//p')\n"
	    "rm -f /out/late; echo x >/out/a\n",
	    mark);

	(void)state;
	builds(script);
	assert_false(alive(mark));
}

static void
a_million_files_are_stopped(void **state)
{
	(void)state;
	limits.files = 20000;
	limits.wall_ms = limits.silence_ms = LONG_MS;
	fails("perl -e 'for (1 .. 1e6) { mkdir \"d\" . int($_ / 1000) if $_ %"
	      " 1000 == 1; open F, \">d\" . int($_ / 1000) . \"/$_\"; }"
	      " sleep 100'\n",
	    "files");
	fails("perl -e 'for (1 .. 1e6) { open F, \">/out/$_\"; } sleep 100'\n",
	    "files");
	fails("perl -e 'for (1 .. 1e6) { mkdir \"d\"; chdir \"d\"; } sleep"
	      " 100'\n",
	    "files");
}

static void
a_hundred_gigabytes_are_refused_even_as_a_hole(void **state)
{
	(void)state;
	fails("truncate -s 100G /out/a\n", "signal");
	says("File size limit");
	limits.output = (int64_t)1 << 30;
	fails("for i in 1 2 3 4 5 6 7 8 9; do truncate -s 1900M /out/$i; done;"
	      " sleep 100\n",
	    "output-size");
}

static void
a_full_work_folder_is_stopped(void **state)
{
	(void)state;
	limits.disk = 4 << 20;
	fails("head -c 8M /dev/zero >/build/x; sleep 100\n", "disk");
}

static int
run_all(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, builds_each, builds_after)
	const struct CMUnitTest tests[] = {
		T(neither_the_network_nor_an_abstract_socket_is_reached),
		T(another_builds_files_and_processes_are_out_of_reach),
		T(the_store_cannot_even_be_named),
		T(a_file_that_environments_share_cannot_be_changed),
		T(neither_set_id_files_nor_devices_can_be_made),
		T(a_hard_link_out_of_the_environment_or_the_inputs_is_refused),
		T(a_link_that_flips_while_the_build_ends_gives_nothing_foreign),
		T(no_process_outlives_its_build),
		T(a_million_files_are_stopped),
		T(a_hundred_gigabytes_are_refused_even_as_a_hole),
		T(a_full_work_folder_is_stopped),
	};

	return cmocka_run_group_tests(tests, builds_setup, builds_teardown);
}

int
main(void)
{
	const uid_t nobody = 65534;
	int status;
	pid_t pid;

	if (geteuid() != 0)
		return run_all();
	pid = fork();
	if (pid == 0) {
		if (setgroups(0, NULL) == -1 ||
		    setresgid(nobody, nobody, nobody) == -1 ||
		    setresuid(nobody, nobody, nobody) == -1)
			_exit(2);
		/* So that /proc/self is ours again. */
		prctl(PR_SET_DUMPABLE, 1);
		exit(run_all());
	}
	if (pid == -1 || waitpid(pid, &status, 0) != pid || status != 0)
		return 1;
	return run_all();
}
