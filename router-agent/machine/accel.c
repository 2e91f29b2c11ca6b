#include "router-agent/machine/accel.h"

#include <fcntl.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "lib/canon.h"
#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/log.h"
#include "lib/own.h"
#include "router-agent/boot.h"

#define ACCEL_FILE "accel.json"
#define ACCEL_KIND "kiln/agent-accel"

static void set(struct accel *, const char *kind, bool settled, const char *fmt,
    ...) KILN_PRINTF(4, 5);

static void
set(struct accel *a, const char *kind, bool settled, const char *fmt, ...)
{
	va_list ap;

	memcpy(a->kind, kind, sizeof(a->kind));
	a->settled = settled;
	va_start(ap, fmt);
	vsnprintf(a->why, sizeof(a->why), fmt, ap);
	va_end(ap);
}

/* What was found out since this boot; false: nothing. */
static bool
recall(struct accel *a, int statefd)
{
	struct err err = ERR_INIT;
	auto_buf struct buf text = BUF_INIT;
	auto_json json_t *j = NULL;
	const char *boot, *kind, *why;
	char id[BOOT_ID];

	boot_id(id);
	if (!*id || file_read_at(statefd, ACCEL_FILE, 4096, &text, &err) == -1)
		return false;
	j = js_record(ACCEL_FILE, ACCEL_KIND, 1, text.data, text.len, &err);
	if (!j || js_str(ACCEL_FILE, j, "boot", &boot, &err) == -1 ||
	    js_str(ACCEL_FILE, j, "accel", &kind, &err) == -1 ||
	    js_str(ACCEL_FILE, j, "why", &why, &err) == -1 ||
	    strcmp(id, boot) != 0 ||
	    (strcmp(kind, "tcg") != 0 && strcmp(kind, "kvm") != 0))
		return false;
	set(a, kind, true, "%s", why);
	return true;
}

static void
remember(const struct accel *a, int statefd)
{
	auto_json json_t *j = js_record_new(ACCEL_KIND, 1);
	auto_buf struct buf text = BUF_INIT;
	struct err err = ERR_INIT;
	char boot[BOOT_ID];

	boot_id(boot);
	if (*boot) {
		js_set_str(j, "boot", boot);
		js_set_str(j, "accel", a->kind);
		js_set_str(j, "why", a->why);
		if (canon_json(j, &text, &err) == 0 &&
		    file_write_at(statefd, ACCEL_FILE, text.data, text.len,
			0644, &err) == 0)
			return;
	}
	/* It will be found out again. */
	log_err("accel", &err);
}

static bool
kvm_answers(char *why, size_t room)
{
	auto_fd int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	int version;

	if (fd == -1) {
		snprintf(why, room, "/dev/kvm: %m");
		return false;
	}
	version = ioctl(fd, KVM_GET_API_VERSION, 0);
	if (version != KVM_API_VERSION) {
		snprintf(why, room, "/dev/kvm speaks version %d", version);
		return false;
	}
	return true;
}

void
accel_choose(struct accel *a, const struct agent_conf *c, int statefd)
{
	char why[100];

	if (c->accel == ACCEL_TCG)
		set(a, "tcg", true, "the configuration says so");
	else if (c->accel == ACCEL_KVM)
		set(a, "kvm", true, "the configuration says so");
	else if (strcmp(c->arch, agent_arch()) != 0)
		set(a, "tcg", true, "machines of %s on a processor of %s",
		    c->arch, agent_arch());
	else if (recall(a, statefd))
		return;
	else if (!kvm_answers(why, sizeof(why)))
		set(a, "tcg", true, "no KVM: %s", why);
	else
		set(a, "kvm", false, "being tried out");
}

void
accel_worked(struct accel *a, int64_t ms, int statefd)
{
	set(a, "kvm", true, "a kernel under KVM spoke after %lld ms",
	    (long long)ms);
	remember(a, statefd);
}

void
accel_failed(struct accel *a, const char *how, int statefd)
{
	set(a, "tcg", true, "KVM does not work here: %s", how);
	remember(a, statefd);
}
