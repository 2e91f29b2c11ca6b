/*
 * For the proofs of guest-init and of the kernel, in an initrd of their own:
 * starts the initrd's true init, and beside it, as root, looks at the machine
 * and tells on the console what it sees, in lines that begin with "inside: ".
 *
 *	flaw NAME STATE      of processors, and what the kernel does of it
 *	call NAME ANSWER     of system calls that would change the kernel
 *	mount LINE           of /proc/1/mounts
 *	root ANSWER          to one who would write there
 *	process PID NAME …   of /proc/PID/status, without the kernel's threads
 *	listed
 *	killed PID           at KILL_AT: a service's process
 *	ended PID            at END_AT: the same by SIGTERM
 *	again PID            the one that came after it
 *	wrote                to the volume at $volume
 *
 * Whoever sets the machine's clock says when it is time.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define PROC "/inside/proc"
#define SYS "/inside/sys"
#define ROOT PROC "/1/root"
#define KILL_AT 2000000000 /* Unix seconds */
#define END_AT 2100000000

static void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static void
say(const char *fmt, ...)
{
	char text[600] = "inside: ";
	size_t at = strlen(text);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text + at, sizeof text - at - 1, fmt, ap);
	va_end(ap);
	strcat(text, "\n");
	if (write(1, text, strlen(text)) == -1)
		_exit(1);
}

static void
nap(void)
{
	nanosleep(&(struct timespec){ .tv_nsec = 50000000 }, NULL);
}

/* What ended meanwhile reads as nothing. */
static char *
text_of(const char *path)
{
	static char text[4096];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd == -1 ? 0 : read(fd, text, sizeof text - 1);

	if (fd != -1)
		close(fd);
	text[n > 0 ? n : 0] = '\0';
	return text;
}

/* --- the kernel ---------------------------------------------------------- */

static void
tell_flaws(void)
{
	DIR *d = opendir(SYS "/devices/system/cpu/vulnerabilities");
	struct dirent *e;
	char path[400];

	while (d != NULL && (e = readdir(d)) != NULL) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof path, "%s/%s",
		    SYS "/devices/system/cpu/vulnerabilities", e->d_name);
		say("flaw %s %s", e->d_name, strtok(text_of(path), "\n"));
	}
	if (d != NULL)
		closedir(d);
}

static void
tell_calls(void)
{
	syscall(SYS_init_module, NULL, 0, "");
	say("call init_module %s", strerror(errno));
	syscall(SYS_finit_module, -1, "", 0);
	say("call finit_module %s", strerror(errno));
	syscall(SYS_kexec_load, 0, 0, NULL, 0);
	say("call kexec_load %s", strerror(errno));
	syscall(SYS_bpf, 0, NULL, 0);
	say("call bpf %s", strerror(errno));
}

/* --- processes ----------------------------------------------------------- */

static const char *
field(const char *status, const char *name, char out[160])
{
	const char *p = strstr(status, name);
	size_t n = 0;

	if (p != NULL)
		for (p += strlen(name); *p != '\n' && *p != '\0'; p++) {
			bool gap = isspace((unsigned char)*p);

			if (n < 159 && !(gap && n == 0))
				out[n++] = gap ? ',' : *p;
		}
	while (n > 0 && out[n - 1] == ',')
		n--;
	out[n] = '\0';
	return out;
}

/* Kernel threads have no memory of their own. */
static const char *
status_of(const char *pid)
{
	char path[64];
	const char *s;

	snprintf(path, sizeof path, PROC "/%.20s/status", pid);
	s = text_of(path);
	return strstr(s, "\nVmSize:") != NULL && atoi(pid) != getpid() ? s
								       : NULL;
}

static void
tell_process(const char *pid, const char *s)
{
	static const char *const names[] = { "Uid", "Gid", "Groups", "CapInh",
		"CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs" };
	char line[512], key[32], value[160];
	size_t i, n;

	n = (size_t)snprintf(
	    line, sizeof line, "%s %s", pid, field(s, "Name:", value));
	for (i = 0; i < sizeof names / sizeof names[0]; i++) {
		snprintf(key, sizeof key, "\n%s:", names[i]);
		n += (size_t)snprintf(line + n, sizeof line - n, " %s=%s",
		    names[i], field(s, key, value));
	}
	say("process %s", line);
}

/* Those there are, or the one of a service: not init's, not root's. */
static int
look(bool tell)
{
	DIR *d = opendir(PROC);
	struct dirent *e;
	char uid[160], name[160];
	const char *s;
	int found = 0;

	while (d != NULL && (e = readdir(d)) != NULL) {
		if (!isdigit((unsigned char)e->d_name[0]) ||
		    (s = status_of(e->d_name)) == NULL)
			continue;
		if (tell)
			tell_process(e->d_name, s);
		/* Before it is the service's program it is init's fork. */
		if (atoi(field(s, "\nUid:", uid)) != 0 &&
		    strcmp(field(s, "Name:", name), "init") != 0)
			found = atoi(e->d_name);
	}
	if (d != NULL)
		closedir(d);
	return found;
}

static int
another_than(int pid)
{
	int now;

	while ((now = look(false)) == 0 || now == pid)
		nap();
	return now;
}

/* --- the root ------------------------------------------------------------ */

static void
tell_mounts(void)
{
	char *line = strtok(text_of(PROC "/1/mounts"), "\n");

	for (; line != NULL; line = strtok(NULL, "\n"))
		say("mount %s", line);
	errno = 0;
	(void)!open(ROOT "/word", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	say("root %s", strerror(errno));
}

/* Nobody asks for it to be on the disk. */
static void
write_volume(void)
{
	const char *where = getenv("volume");
	char path[200];
	int fd;

	if (where == NULL)
		return;
	snprintf(path, sizeof path, ROOT "%s/word", where);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd == -1 || write(fd, "kept\n", 5) != 5)
		say("%s: %s", path, strerror(errno));
	else
		say("wrote");
	close(fd);
}

static void
replaced(int at, int sig, const char *how)
{
	int pid;

	while (time(NULL) < at)
		nap();
	pid = another_than(0);
	kill(pid, sig);
	say("%s %d", how, pid);
	say("again %d", another_than(pid));
}

static void
look_on(void)
{

	if (mount("proc", PROC, "proc", 0, NULL) == -1 ||
	    mount("sysfs", SYS, "sysfs", MS_RDONLY, NULL) == -1)
		say("mount: %s", strerror(errno));
	tell_flaws();
	tell_calls();
	another_than(0);
	tell_mounts();
	look(true);
	say("listed");
	replaced(KILL_AT, SIGKILL, "killed");
	replaced(END_AT, SIGTERM, "ended");
	write_volume();
	for (;;)
		pause();
}

int
main(void)
{
	char name[] = "/kiln-init";
	char *const argv[] = { name, NULL };

	if (fork() == 0)
		look_on();
	execv(name, argv);
	say("%s: %s", name, strerror(errno));
	return 1;
}
