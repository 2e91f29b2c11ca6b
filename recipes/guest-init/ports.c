#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/input.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "recipes/guest-init/control.h"
#include "recipes/guest-init/ports.h"

/*
 * Opens the device whose /sys/class/CLASS/NAME/ATTR reads `value`; the device
 * is /dev/PREFIX + NAME.
 */
static int
open_named(const char *class, const char *attr, const char *value,
    const char *prefix, int flags)
{
	char dir[48], path[400], text[64];
	struct dirent *e;
	int fd = -1, a;
	ssize_t n;
	DIR *d;

	snprintf(dir, sizeof dir, "/sys/class/%s", class);
	d = opendir(dir);
	if (d == NULL)
		return -1;
	while (fd == -1 && (e = readdir(d)) != NULL) {
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
		if (strcmp(text, value) != 0)
			continue;
		snprintf(path, sizeof path, "/dev/%s%s", prefix, e->d_name);
		fd = open(path, flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	}
	closedir(d);
	return fd;
}

void
ports_open(struct ports *p)
{
	if (p->control == -1)
		p->control = open_named(
		    "virtio-ports", "name", CONTROL_PORT, "", O_RDWR);
	if (p->button == -1)
		p->button = open_named(
		    "input", "device/name", "Power Button", "input/", O_RDONLY);
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
