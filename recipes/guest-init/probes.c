#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "recipes/guest-init/child.h"
#include "recipes/guest-init/probes.h"

#define LOOK 50 /* ms between reads of what it writes */

int
probes_read(struct probes *p, struct fault *f)
{
	size_t n;

	p->out = -1;
	if (access(PROBES_FILE, F_OK) == -1)
		return errno == ENOENT ? 0 : fault_sys(f, PROBES_FILE);
	if (guest_read(PROBES_FILE, SERVICES_SIZE, &p->text, &n, f) == -1)
		return -1;
	if (strlen(p->text) != n)
		return fault_set(f, PROBES_FILE " holds a NUL");
	return services_parse(p->text, &p->list, f);
}

int
probes_start(
    struct probes *p, const char *name, int64_t now_ms, struct fault *f)
{
	const struct service *s = NULL;
	int sv[2];

	for (size_t i = 0; i < p->list.n; i++)
		if (strcmp(p->list.at[i].name, name) == 0)
			s = &p->list.at[i];
	if (s == NULL)
		return fault_set(
		    f, PROBES_FILE " names no program \"%s\"", name);
	if (p->pid != 0)
		return fault_set(f, "another probe runs");
	if (pipe2(sv, O_CLOEXEC | O_NONBLOCK) == -1)
		return fault_sys(f, "make a pipe");
	p->pid = child_probe(s, sv[1], f);
	close(sv[1]);
	if (p->pid == -1) {
		p->pid = 0;
		close(sv[0]);
		return -1;
	}
	p->out = sv[0];
	p->until = now_ms + PROBES_WAIT;
	p->late = p->ended = false;
	p->nsaid = 0;
	return 0;
}

void
probes_hear(struct probes *p, const char *bytes, size_t n)
{
	for (size_t i = 0; i < n && !p->ended; i++) {
		char c = bytes[i];

		if (c == '\n' || p->nsaid == sizeof p->said - 1)
			p->ended = true;
		else
			p->said[p->nsaid++] = c >= ' ' && c <= '~' ? c : '?';
	}
}

static void
hear(struct probes *p)
{
	char bytes[512];
	ssize_t n;

	/* One that writes without end does not keep process 1. */
	for (int i = 0; i < 16; i++) {
		n = read(p->out, bytes, sizeof bytes);
		if (n <= 0)
			return;
		probes_hear(p, bytes, (size_t)n);
	}
}

int
probes_due(struct probes *p, int64_t now_ms)
{
	if (p->pid == 0)
		return -1;
	hear(p);
	if (now_ms >= p->until && !p->late) {
		p->late = true;
		/* Its session, and itself, should it have none yet. */
		kill(-p->pid, SIGKILL);
		kill(p->pid, SIGKILL);
	}
	return LOOK;
}

int
probes_end(struct probes *p, int status, struct fault *f)
{
	hear(p);
	kill(-p->pid, SIGKILL); /* what it started goes with it */
	close(p->out);
	p->out = -1;
	p->pid = 0;
	p->said[p->nsaid] = '\0';
	if (p->late)
		return fault_set(f, "did not end within %d ms", PROBES_WAIT);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	if (p->nsaid > 0)
		return fault_set(f, "%s", p->said);
	if (WIFEXITED(status))
		return fault_set(f, "ended with %d", WEXITSTATUS(status));
	return fault_set(f, "was killed by signal %d", WTERMSIG(status));
}
