/*
 * init of a service guest: process 1.
 *
 * start: mounts, configuration, clock, host name, network, volumes, the
 * image's configure program, services.  Then it waits: for children (reaped,
 * services started again), for the control port, and for the word to stop.
 * Whatever fails before the services run switches the machine off; the agent
 * outside sees it end and has the reason on the console.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/reboot.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "recipes/guest-init/child.h"
#include "recipes/guest-init/config.h"
#include "recipes/guest-init/control.h"
#include "recipes/guest-init/disks.h"
#include "recipes/guest-init/net.h"
#include "recipes/guest-init/ports.h"
#include "recipes/guest-init/probes.h"

#define CONFIGURE "/etc/kiln/configure"
#define DEVICE_WAIT 3000     /* ms for disks and cards to appear */
#define CONFIGURE_WAIT 10000 /* ms for the configure program */
#define STOP_WAIT 5000	     /* ms between SIGTERM and SIGKILL */
#define RESTART_WAIT 2000    /* the same when all are started anew */
#define PORT_LOOK 100	     /* ms between looks for the control port */
#define PORT_LOOKS 20

/* A service as it runs. */
struct job {
	const struct service *service;
	pid_t pid;	       /* 0: not running */
	int64_t started, next; /* ms; `next` counts while it does not run */
	unsigned int fast;     /* ends in a row, each before CHILD_STEADY */
	bool again;	       /* told to end, to be started anew */
};

struct machine {
	struct config config;
	struct services services;
	struct probes probes;
	struct job job[SERVICES_MAX];
	char *services_text;
	int signals, epoll;
	struct ports ports;
	struct control_lines lines;
	unsigned int looks; /* for the ports */
	int64_t restart_by; /* ms: who was told to end has ended; 0: nobody */
	bool stopping;
};

static void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* One line on the console, in one write. */
static void
say(const char *fmt, ...)
{
	char text[320] = "kiln-init: ";
	size_t at = strlen(text);
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(text + at, sizeof text - at - 1, fmt, ap);
	va_end(ap);
	if (n < 0)
		return;
	at = strlen(text);
	text[at] = '\n';
	if (write(2, text, at + 1) == -1)
		return; /* nobody left to tell */
}

static int64_t
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int
set_clock(int64_t seconds, struct fault *f)
{
	const struct timespec t = { .tv_sec = seconds };

	if (clock_settime(CLOCK_REALTIME, &t) == -1)
		return fault_sys(f, "set the clock");
	return 0;
}

/* ------------------------------------------------------------- starting -- */

static int
wait_configure(int signals, pid_t pid, struct fault *f)
{
	struct epoll_event e = { .events = EPOLLIN };
	int64_t deadline = now_ms() + CONFIGURE_WAIT, left;
	struct signalfd_siginfo info;
	int ep, status, ret = -1;
	pid_t got;

	ep = epoll_create1(EPOLL_CLOEXEC);
	if (ep == -1 || epoll_ctl(ep, EPOLL_CTL_ADD, signals, &e) == -1) {
		fault_sys(f, "wait for " CONFIGURE);
		goto out;
	}
	while ((got = waitpid(pid, &status, WNOHANG)) == 0) {
		left = deadline - now_ms();
		if (left <= 0) {
			kill(pid, SIGKILL);
			fault_set(f, CONFIGURE " did not end within %d s",
			    CONFIGURE_WAIT / 1000);
			goto out;
		}
		if (epoll_wait(ep, &e, 1, (int)left) == 1 &&
		    read(signals, &info, sizeof info) == -1 && errno != EAGAIN)
			left = 0;
	}
	if (got == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0)
		ret = 0;
	else if (got == pid && WIFEXITED(status))
		fault_set(f, CONFIGURE " ended with %d", WEXITSTATUS(status));
	else
		fault_set(f, CONFIGURE " was killed");
out:
	if (ep != -1)
		close(ep);
	return ret;
}

static int
configure(struct machine *m, struct fault *f)
{
	char *text;
	pid_t pid;
	int ret;

	text = json_dumps(m->config.service, JSON_COMPACT | JSON_SORT_KEYS);
	if (text == NULL)
		return fault_set(f, "write " GUEST_CONFIG ": no memory");
	if (mkdir("/run/kiln", 0700) == -1) {
		free(text);
		return fault_sys(f, "create /run/kiln");
	}
	ret = guest_write(GUEST_CONFIG, 0600, 0, text, strlen(text), f);
	explicit_bzero(text, strlen(text));
	free(text);
	if (ret == -1)
		return -1;
	if (access(CONFIGURE, F_OK) == -1)
		return errno == ENOENT ? 0 : fault_sys(f, CONFIGURE);
	pid = child_configure(CONFIGURE, f);
	if (pid == -1)
		return -1;
	return wait_configure(m->signals, pid, f);
}

static int
start(struct machine *m, struct fault *f)
{
	size_t n, i;

	if (disks_config(DEVICE_WAIT, &m->config, f) == -1 ||
	    set_clock(m->config.clock, f) == -1)
		return -1;
	if (sethostname(m->config.hostname, strlen(m->config.hostname)) == -1)
		return fault_sys(f, "set the host name");
	if (net_start(&m->config, DEVICE_WAIT, f) == -1 ||
	    disks_mount_volumes(&m->config, f) == -1 ||
	    guest_read(
		SERVICES_FILE, SERVICES_SIZE, &m->services_text, &n, f) == -1)
		return -1;
	if (strlen(m->services_text) != n)
		return fault_set(f, SERVICES_FILE " holds a NUL");
	if (services_parse(m->services_text, &m->services, f) == -1 ||
	    probes_read(&m->probes, f) == -1 || configure(m, f) == -1)
		return -1;
	for (i = 0; i < m->services.n; i++)
		m->job[i].service = &m->services.at[i];
	say("%s: %zu address%s, %zu volume%s, %zu service%s",
	    m->config.hostname, m->config.links,
	    m->config.links == 1 ? "" : "es", m->config.volumes,
	    m->config.volumes == 1 ? "" : "s", m->services.n,
	    m->services.n == 1 ? "" : "s");
	return 0;
}

/* ------------------------------------------------------------- services -- */

static void
job_start(struct job *j)
{
	struct fault f;
	pid_t pid = child_service(j->service, &f);

	j->started = now_ms();
	if (pid == -1) {
		say("%s", f.text);
		j->next = j->started + child_backoff(++j->fast);
		return;
	}
	j->pid = pid;
	say("%s: started", j->service->name);
}

static void
job_ended(struct job *j, int status)
{
	int64_t now = now_ms();
	int wait;

	j->pid = 0;
	if (j->again) {
		j->again = false;
		j->next = now;
		return;
	}
	if (now - j->started >= CHILD_STEADY)
		j->fast = 0;
	wait = child_backoff(++j->fast);
	j->next = now + wait;
	say("%s: %s %d, again in %d ms", j->service->name,
	    WIFSIGNALED(status) ? "killed by signal" : "ended with",
	    WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status), wait);
}

/* Starts what is due.  Returns ms until the next is, or -1. */
static int
jobs_due(struct machine *m)
{
	int64_t now = now_ms(), least = -1;
	size_t i;

	for (i = 0; i < m->services.n; i++) {
		struct job *j = &m->job[i];

		if (j->pid == 0 && j->next <= now)
			job_start(j);
		if (j->pid == 0 && (least == -1 || j->next - now < least))
			least = j->next - now;
	}
	return (int)least;
}

static void
restart(struct machine *m)
{
	size_t i;

	m->restart_by = now_ms() + RESTART_WAIT;
	for (i = 0; i < m->services.n; i++) {
		struct job *j = &m->job[i];

		j->next = 0;
		j->again = j->pid != 0;
		if (j->again)
			kill(j->pid, SIGTERM);
	}
}

/* Answers when all run again; kills who does not end.  Returns ms until the
 * next look, or -1. */
static int
restart_due(struct machine *m)
{
	int64_t left = m->restart_by - now_ms();
	bool ended = true;
	size_t i;

	if (m->restart_by == 0)
		return -1;
	for (i = 0; i < m->services.n; i++) {
		ended = ended && !m->job[i].again;
		if (m->job[i].again && left <= 0)
			kill(m->job[i].pid, SIGKILL);
	}
	if (!ended)
		return left > 0 ? (int)left : RESTART_WAIT;
	m->restart_by = 0;
	ports_answer(&m->ports, "ok\n");
	return -1;
}

static void
probe_ended(struct machine *m, int status)
{
	struct fault f;

	if (probes_end(&m->probes, status, &f) == 0)
		ports_answer(&m->ports, "probe ok\n");
	else
		ports_answer(&m->ports, "probe error %s\n", f.text);
}

static void
reap(struct machine *m)
{
	int status;
	pid_t pid;
	size_t i;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid == m->probes.pid)
			probe_ended(m, status);
		for (i = 0; i < m->services.n; i++) {
			if (m->job[i].pid == pid)
				job_ended(&m->job[i], status);
		}
	}
}

/* ------------------------------------------------------------ what comes -- */

static void
signals_ready(struct machine *m)
{
	struct signalfd_siginfo info;

	while (read(m->signals, &info, sizeof info) == sizeof info) {
		if (info.ssi_signo == SIGCHLD)
			continue;
		say("signal %u: stopping", info.ssi_signo);
		m->stopping = true;
	}
	reap(m);
}

static void
obey(struct machine *m, const char *line)
{
	struct control_request r;
	struct fault f;

	if (control_parse(line, &r, &f) == -1 ||
	    (r.verb == CONTROL_CLOCK && set_clock(r.seconds, &f) == -1) ||
	    (r.verb == CONTROL_FREEZE && disks_freeze(&m->config, &f) == -1)) {
		ports_answer(&m->ports, "error %s\n", f.text);
		return;
	}
	if (r.verb == CONTROL_PROBE) {
		if (probes_start(&m->probes, r.name, now_ms(), &f) == -1)
			ports_answer(&m->ports, "probe error %s\n", f.text);
		return; /* else answered when it has ended */
	}
	if (r.verb == CONTROL_THAW)
		disks_thaw(&m->config);
	if (r.verb == CONTROL_RESTART) {
		restart(m); /* answers when it is done */
		return;
	}
	if (r.verb == CONTROL_POWEROFF) {
		say("control port: poweroff");
		m->stopping = true;
	}
	ports_answer(&m->ports, "ok\n");
}

static void
control_ready(struct machine *m)
{
	char bytes[256];
	const char *p;
	size_t n;
	ssize_t r;
	bool bad;

	while ((r = read(m->ports.control, bytes, sizeof bytes)) > 0) {
		p = bytes;
		n = (size_t)r;
		while (control_next(&m->lines, &p, &n, &bad)) {
			if (bad)
				ports_answer(
				    &m->ports, "error a line is too long\n");
			else
				obey(m, m->lines.text);
		}
	}
	if (r == 0) /* the host has gone: half a line is no line */
		m->lines = (struct control_lines){ 0 };
}

static int
watch(const struct machine *m, int fd, uint32_t events, struct fault *f)
{
	struct epoll_event e = { .events = events, .data.fd = fd };

	if (epoll_ctl(m->epoll, EPOLL_CTL_ADD, fd, &e) == -1)
		return fault_sys(f, "watch a descriptor");
	return 0;
}

/*
 * The host tells the ports' names a moment after their device is there, so
 * the first look may be too early.  Returns ms until the next look, or -1.
 */
static int
ports_due(struct machine *m)
{
	bool control = m->ports.control != -1, button = m->ports.button != -1;
	uid_t owner = m->services.state ? m->services.state->uid : 0;
	struct fault f;

	if ((control && button && (m->ports.state || owner == 0)) ||
	    m->looks == PORT_LOOKS)
		return -1;
	m->looks++;
	ports_open(&m->ports, owner);
	/* by edge: a port without a host at its other end is always ready */
	if ((!control && m->ports.control != -1 &&
		watch(m, m->ports.control, EPOLLIN | EPOLLET, &f) == -1) ||
	    (!button && m->ports.button != -1 &&
		watch(m, m->ports.button, EPOLLIN, &f) == -1))
		say("%s", f.text);
	return PORT_LOOK;
}

static int
soonest(int a, int b)
{
	return a == -1 || (b != -1 && b < a) ? b : a;
}

static void
run(struct machine *m)
{
	struct epoll_event e;

	while (!m->stopping) {
		int wait = soonest(jobs_due(m), ports_due(m));

		wait = soonest(wait, restart_due(m));
		wait = soonest(wait, probes_due(&m->probes, now_ms()));
		if (epoll_wait(m->epoll, &e, 1, wait) != 1)
			continue;
		if (e.data.fd == m->signals) {
			signals_ready(m);
		} else if (e.data.fd == m->ports.control) {
			control_ready(m);
		} else if (ports_button(&m->ports)) {
			say("power button: stopping");
			m->stopping = true;
		}
	}
}

/* ------------------------------------------------------------- the end --- */

static void
stop_children(void)
{
	const struct timespec nap = { .tv_nsec = 10000000 };
	int64_t deadline = now_ms() + STOP_WAIT;
	pid_t pid;

	kill(-1, SIGTERM);
	while ((pid = waitpid(-1, NULL, WNOHANG)) != -1 || errno == EINTR) {
		if (now_ms() >= deadline) {
			say("not all services stopped: killed");
			kill(-1, SIGKILL);
			deadline = INT64_MAX;
		}
		if (pid == 0)
			nanosleep(&nap, NULL);
	}
}

static _Noreturn void
power_off(const struct machine *m)
{
	disks_thaw(&m->config); /* who waits there cannot be ended */
	stop_children();
	disks_unmount_volumes(&m->config);
	say("off");
	reboot(RB_POWER_OFF);
	for (;;) /* process 1 never ends */
		pause();
}

/* From here on standard error is the console, and signals wait for run(). */
static int
prepare(struct machine *m, struct fault *f)
{
	sigset_t all;
	int fd;

	sigemptyset(&all);
	sigaddset(&all, SIGCHLD);
	sigaddset(&all, SIGTERM);
	sigaddset(&all, SIGINT);
	sigaddset(&all, SIGPIPE);
	if (sigprocmask(SIG_BLOCK, &all, NULL) == -1)
		return fault_sys(f, "block signals");
	sigdelset(&all, SIGPIPE); /* blocked, and nobody's business */
	m->signals = signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
	if (m->signals == -1)
		return fault_sys(f, "create signalfd");
	m->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (m->epoll == -1)
		return fault_sys(f, "create epoll");
	reboot(RB_DISABLE_CAD); /* Ctrl-Alt-Del comes as SIGINT */
	if (disks_mount_system(f) == -1)
		return -1;
	fd = open("/dev/console", O_RDWR | O_NOCTTY);
	if (fd == -1 || dup2(fd, 0) == -1 || dup2(fd, 1) == -1 ||
	    dup2(fd, 2) == -1)
		return fault_sys(f, "open the console");
	if (fd > 2)
		close(fd);
	return 0;
}

int
main(void)
{
	static struct machine m;
	struct fault f;

	if (getpid() != 1) {
		fputs("kiln-init: runs only as process 1\n", stderr);
		return 2;
	}
	m.ports.control = m.ports.button = m.probes.out = -1;
	if (prepare(&m, &f) == -1 || start(&m, &f) == -1 ||
	    watch(&m, m.signals, EPOLLIN, &f) == -1) {
		say("cannot start: %s", f.text);
		power_off(&m);
	}
	run(&m);
	power_off(&m);
}
