#include "router-agent/owner/notice.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/canon.h"
#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/log.h"
#include "lib/num.h"
#include "lib/own.h"
#include "lib/spawn.h"
#include "router-agent/agent.h"

#define PROGRAM_MS 30000

static const char *const words[] = { "updated", "rolled-back", "needs-you" };

/* The machines go on while it works. */
static int
run(struct agent *a, const char *const *argv, int in, struct err *err)
{
	struct spawn sp = SPAWN_INIT;
	auto_fd int null = -1;
	struct child c = CHILD_INIT;
	struct spawn_end end;
	int64_t until = time_mono_ms() + PROGRAM_MS;
	auto_buf struct buf how = BUF_INIT;
	int got = 0;

	/* What it says is nobody's. */
	null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (null == -1)
		return err_sys(err, "open /dev/null");
	sp.argv = argv;
	sp.in = in;
	sp.out = null;
	if (spawn_start(&sp, &c, err) == -1)
		return -1;
	while (got == 0 && time_mono_ms() < until) {
		agent_wait(a, c.pidfd, until - time_mono_ms());
		got = spawn_poll(&c, &end, err);
	}
	if (got == 0) {
		spawn_kill(&c);
		return err_set(err, ERR_BUSY, "%s takes too long", argv[0]);
	}
	if (got == -1 || end.code == 0)
		return got == -1 ? -1 : 0;
	spawn_end_text(&end, &how);
	return err_set(err, ERR_SYSTEM, "%s: %s", argv[0], how.data);
}

static int
mail(struct agent *a, const char *event, const char *sentence, struct err *err)
{
	auto_fd int fd = memfd_create("kiln-mail", MFD_CLOEXEC);
	auto_buf struct buf b = BUF_INIT;

	if (fd == -1)
		return err_sys(err, "make a memory file");
	buf_printf(&b, "Subject: router: %s\n\n%s\n", event, sentence);
	if (fd_write_all(fd, b.data, b.len, err) == -1)
		return -1;
	if (lseek(fd, 0, SEEK_SET) == -1)
		return err_sys(err, "rewind a mail");
	return run(a, (const char *const *)a->conf.mail, fd, err);
}

static int
led(struct agent *a, const char *event, struct err *err)
{
	const char *argv[CONF_ARGV + 2] = { NULL };
	size_t n = 0;

	for (; a->conf.led[n]; n++)
		argv[n] = a->conf.led[n];
	argv[n] = event;
	return run(a, argv, -1, err);
}

static int
webhook(
    struct agent *a, const char *event, const char *sentence, struct err *err)
{
	auto_json json_t *j = js_record_new("kiln/agent-notice", 1);
	auto_buf struct buf b = BUF_INIT;
	char at[TIME_TEXT];
	struct fetch_reply reply = { 0 };

	time_text(time_now(), at);
	js_set_str(j, "at", at);
	js_set_str(j, "event", event);
	js_set_str(j, "text", sentence);
	js_text(j, false, &b);
	if (fetcher_post(a->fetcher, a->conf.webhook, "application/json",
		b.data, b.len, &reply, err) == -1)
		return -1;
	if (reply.status < 200 || reply.status > 299)
		return err_set(err, ERR_BUSY, "%.200s: the server answered %d",
		    a->conf.webhook, reply.status);
	return 0;
}

void
notice_tell(struct agent *a, enum notice_event event, const char *sentence)
{
	const char *word = words[event];
	struct err err = ERR_INIT;
	struct hasher h;
	struct hash now;

	hasher_init(&h);
	hasher_field(&h, word, strlen(word));
	hasher_field(&h, sentence, strlen(sentence));
	hasher_end(&h, &now);
	if (hash_equal(&now, &a->noticed))
		return;
	a->noticed = now;
	if (a->conf.led && led(a, word, &err) == -1)
		log_err("notice", &err);
	if (a->conf.mail && mail(a, word, sentence, &err) == -1)
		log_err("notice", &err);
	if (a->conf.webhook && webhook(a, word, sentence, &err) == -1)
		log_err("notice", &err);
}
