#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/input.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "recipes/guest-init/control.h"
#include "recipes/guest-init/ports.h"

#define DEVICE_NAME 256

/* Finds the device NAME whose /sys/class/CLASS/NAME/ATTR reads `value`. */
static bool
find_named(const char *class, const char *attr, const char *value,
    char name[DEVICE_NAME])
{
	char dir[48], path[400], text[64];
	struct dirent *e;
	bool found = false;
	ssize_t n;
	DIR *d;
	int a;

	snprintf(dir, sizeof dir, "/sys/class/%s", class);
	d = opendir(dir);
	if (d == NULL)
		return false;
	while (!found && (e = readdir(d)) != NULL) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof path, "%s/%s/%s", dir, e->d_name, attr);
		a = open(path, O_RDONLY | O_CLOEXEC);
		if (a == -1)
			continue;
		n = read(a, text, sizeof text - 1);
		close(a);
		if (n < 0)
			continue;
		text[n] = '\0';
		text[strcspn(text, "\n")] = '\0';
		found = strcmp(text, value) == 0;
		if (found)
			snprintf(name, DEVICE_NAME, "%s", e->d_name);
	}
	closedir(d);
	return found;
}

static int
open_named(const char *class, const char *attr, const char *value,
    const char *prefix, int flags)
{
	char name[DEVICE_NAME], path[DEVICE_NAME + 16];

	if (!find_named(class, attr, value, name))
		return -1;
	snprintf(path, sizeof path, "/dev/%s%s", prefix, name);
	return open(path, flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
}

/* A node of its own: whoever may open it needs to know no numbers. */
static bool
make_state(uid_t owner)
{
	char name[DEVICE_NAME], path[DEVICE_NAME + 16];
	struct stat st;

	if (!find_named("virtio-ports", "name", STATE_PORT, name))
		return false;
	snprintf(path, sizeof path, "/dev/%s", name);
	return stat(path, &st) == 0 && S_ISCHR(st.st_mode) &&
	       (mknod(STATE_DEVICE ".new", S_IFCHR | 0600, st.st_rdev) == 0 ||
		   errno == EEXIST) &&
	       chown(STATE_DEVICE ".new", owner, owner) == 0 &&
	       rename(STATE_DEVICE ".new", STATE_DEVICE) == 0;
}

void
ports_open(struct ports *p, uid_t state_owner)
{
	if (p->control == -1)
		p->control = open_named(
		    "virtio-ports", "name", CONTROL_PORT, "", O_RDWR);
	if (p->button == -1)
		p->button = open_named(
		    "input", "device/name", "Power Button", "input/", O_RDONLY);
	if (!p->state && state_owner != 0)
		p->state = make_state(state_owner);
}

void
ports_answer(const struct ports *p, const char *fmt, ...)
{
	char text[CONTROL_LINE + sizeof(struct fault)];
	const struct timespec nap = { .tv_nsec = 5000000 };
	va_list ap;
	int tries;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	/*
	 * A line can overtake the word that the host has opened the port, and
	 * until that word is in the kernel takes no answer.  poll is no help:
	 * it reports a hang-up at once.
	 */
	for (tries = 0; tries < 40; tries++) {
		if (write(p->control, text, strlen(text)) != -1 ||
		    errno != EAGAIN)
			return;
		nanosleep(&nap, NULL);
	}
}

bool
ports_button(const struct ports *p)
{
	struct input_event e;
	bool pressed = false;

	while (read(p->button, &e, sizeof e) == sizeof e) {
		if (e.type == EV_KEY && e.code == KEY_POWER && e.value == 1)
			pressed = true;
	}
	return pressed;
}
