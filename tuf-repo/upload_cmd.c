/* `kiln-tuf upload`: its settings, its rights, and when it looks again. */
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/cli.h"
#include "lib/drop.h"
#include "lib/farm.h"
#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/kiln_yaml.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"
#include "tuf-repo/commands.h"
#include "tuf-repo/metadata.h"
#include "tuf-repo/upload.h"

#define WHERE "kiln-tuf upload"
#define LOOK_MS 2000
#define RETRY_S 30 /* after a round that failed; twice as long each time … */
#define RETRY_MAX_S 600

/* --- settings
 * ------------------------------------------------------------------
 */

static bool
bucket_ok(const char *s, size_t n)
{
	return n >= 3 && n <= 63 && s[0] != '.' && s[0] != '-' &&
	       strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789.-") >= n;
}

static int
read_to(struct upload_where *w, const struct conf_node *p, struct err *err)
{
	const char *to = conf_str(p, "to", ""), *rest = to + strlen("s3://");
	size_t n;

	if (strncmp(to, "s3://", 5) != 0)
		return conf_error(
		    p, "to", err, "to: s3://BUCKET or s3://BUCKET/PREFIX");
	n = strcspn(rest, "/");
	if (!bucket_ok(rest, n))
		return conf_error(p, "to", err,
		    "to: a bucket has 3 to 63 of a-z, 0-9, dot and minus");
	if (rest[n] && !path_ok(rest + n + 1))
		return conf_error(p, "to", err,
		    "to: what stands behind the bucket is no plain path, as "
		    "routers/stable");
	w->bucket = mem_strn(rest, n);
	w->prefix = rest[n] ? mem_printf("%s/", rest + n + 1) : mem_str("");
	w->shown = mem_str(to);
	return 0;
}

int
upload_where_read(
    struct upload_where *w, const struct conf_node *root, struct err *err)
{
	const struct conf_node *p = conf_map(root, "publish");
	const char *end = conf_str(p, "endpoint", "");
	size_t n = strlen(end);
	bool https = strncmp(end, "https://", 8) == 0;

	if ((!https && strncmp(end, "http://", 7) != 0) ||
	    strpbrk(end + 7, "?#@ ") || end[n - 1] == '/')
		return conf_error(p, "endpoint", err,
		    "endpoint: https://HOST or https://HOST:PORT, without a "
		    "slash at its end");
	if (read_to(w, p, err) == -1)
		return -1;
	w->whole = mem_printf("%s/%s/%s", end, w->bucket, w->prefix);
	w->key = conf_str(p, "key", "");
	w->s3 = (struct s3_where){ .endpoint = end,
		.bucket = w->bucket,
		.region = conf_str(p, "region", "us-east-1"),
		.proxy = conf_str(root, "proxy", NULL) };
	return 0;
}

void
upload_where_release(struct upload_where *w)
{
	free(w->bucket);
	free(w->prefix);
	free(w->shown);
	free(w->whole);
}

/* --- what is told
 * ---------------------------------------------------------------
 */

static int
tell(const struct upload *u, const struct err *failed, struct err *err)
{
	auto_json json_t *j = js_record_new("kiln/upload", 1);
	auto_buf struct buf b = BUF_INIT;

	js_set_str(j, "to", u->where->shown);
	meta_set_time(j, "at", time_now());
	js_set_str(j, "state", failed ? "failed" : "complete");
	js_set_str(j, "error", failed ? failed->msg : NULL);
	js_set_int(j, "waiting", u->waiting);
	js_text(j, true, &b);
	return file_write_at(
	    u->folder, UPLOAD_STATUS, b.data, b.len, 0644, err);
}

static int
round_and_tell(struct upload *u, struct err *err)
{
	struct err why = ERR_INIT;
	int rc = upload_round(u, err);

	if (tell(u, rc == -1 ? err : NULL, &why) == -1)
		log_err("status", &why);
	return rc;
}

static void
say(const struct upload *u)
{
	auto_buf struct buf size = BUF_INIT;

	num_add_size(&size, u->bytes);
	printf("%s: sent %lld files, %s; %lld were there", u->where->shown,
	    (long long)u->sent, size.data, (long long)u->there);
	if (u->mended)
		printf("; replaced %lld half ones", (long long)u->mended);
	if (u->removed)
		printf("; removed %lld", (long long)u->removed);
	printf("\n");
}

/* --- the loop
 * --------------------------------------------------------------------
 */

struct watching {
	struct upload *u;
	int signals;
	struct stat had[2];
	int64_t retry_at, delay;
	char told[sizeof(((struct err *)0)->msg)];
};

static bool
is_over(void *arg)
{
	struct pollfd p = { .fd = *(int *)arg, .events = POLLIN };

	return poll(&p, 1, 0) == 1;
}

/* Both are replaced by renaming. */
static bool
changed(struct watching *w)
{
	static const char *const heads[] = { "metadata/timestamp.json",
		"log/checkpoint" };
	bool yes = false;

	for (size_t i = 0; i < ARRAY_LEN(heads); i++) {
		struct stat st = { 0 };

		if (fstatat(w->u->tree, heads[i], &st, 0) == -1)
			st.st_ino = 0;
		yes |= st.st_ino != w->had[i].st_ino ||
		       st.st_mtim.tv_sec != w->had[i].st_mtim.tv_sec ||
		       st.st_mtim.tv_nsec != w->had[i].st_mtim.tv_nsec;
		w->had[i] = st;
	}
	return yes;
}

static void
failed(struct watching *w, const struct err *err)
{
	w->delay = w->delay == 0 ? RETRY_S : 2 * w->delay;
	if (w->delay > RETRY_MAX_S)
		w->delay = RETRY_MAX_S;
	w->retry_at = time_mono_ms() + 1000 * w->delay;
	/* The same failure every time would hide all others. */
	if (strcmp(w->told, err->msg) == 0)
		return;
	memcpy(w->told, err->msg, sizeof(w->told));
	log_err("upload", err);
}

static void
look(struct watching *w)
{
	struct err err = ERR_INIT;
	bool due = w->retry_at && time_mono_ms() >= w->retry_at;

	if (!changed(w) && !due)
		return;
	w->retry_at = 0;
	if (round_and_tell(w->u, &err) == -1) {
		if (!is_over(&w->signals))
			failed(w, &err);
		return;
	}
	w->delay = 0;
	w->told[0] = '\0';
	if (w->u->sent || w->u->removed)
		log_info("uploaded",
		    "files=%lld bytes=%lld there=%lld mended=%lld "
		    "removed=%lld",
		    (long long)w->u->sent, (long long)w->u->bytes,
		    (long long)w->u->there, (long long)w->u->mended,
		    (long long)w->u->removed);
}

static int
watch(struct upload *u, int signals)
{
	struct watching w = { .u = u, .signals = signals };

	log_info("uploading", "to=%s", u->where->shown);
	for (;;) {
		struct pollfd p = { .fd = signals, .events = POLLIN };

		look(&w);
		if (poll(&p, 1, LOOK_MS) == 1)
			return 0;
	}
}

static int
catch_signals(struct err *err)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	if (sigprocmask(SIG_BLOCK, &set, NULL) == -1 ||
	    (fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK)) == -1)
		return err_sys(err, "wait for signals");
	return fd;
}

/* --- the command
 * ------------------------------------------------------------------
 */

static int
run(struct farm *farm, bool once, struct err *err)
{
	struct upload_where where = { .key = NULL };
	struct upload u = { .where = &where };
	auto_conf struct conf *c = NULL;
	auto_fd int tree = -1, folder = -1, lock = -1, signals = -1;
	int rc = -1;

	if (drop_to(ROLE_UPLOAD, err) == -1 ||
	    drop_syscalls(false, true, err) == -1 ||
	    kiln_yaml_read(&c, farm->dirfd, NULL, err) == -1)
		return -1;
	if (!c || !conf_map(conf_root(c), "publish")) {
		if (once)
			return err_set(err, ERR_INPUT,
			    "kiln.yaml has no `publish`: there is nowhere to "
			    "copy the tree to");
		log_info("nowhere", "msg=\"kiln.yaml has no `publish`\"");
		return 0;
	}
	if (upload_where_read(&where, conf_root(c), err) == 0 &&
	    (tree = farm_dir(farm, "tuf", err)) != -1 &&
	    (folder = farm_dir(farm, "upload", err)) != -1 &&
	    (lock = lock_file_at(folder, "lock", err)) != -1 &&
	    (signals = catch_signals(err)) != -1) {
		u.tree = tree;
		u.folder = folder;
		u.stop = is_over;
		u.arg = &signals;
		rc = once ? round_and_tell(&u, err) : watch(&u, signals);
		if (once && rc == 0)
			say(&u);
	}
	upload_where_release(&where);
	return rc;
}

/* What is missing in a farm of an older kiln is made; a farm is not. */
static int
enter(struct farm *farm, const char *state, struct err *err)
{
	auto_free char *made =
	    mem_printf("%s/tuf/metadata", state ? state : farm_default());

	return farm_enter(farm, state, NULL, access(made, F_OK) == 0, err);
}

int
cmd_upload(int argc, char **argv)
{
	static const struct option options[] = {
		{ "state", required_argument, NULL, 's' },
		{ "once", no_argument, NULL, '1' },
		{ "verbose", no_argument, NULL, 'v' },
		{ NULL, 0, NULL, 0 },
	};
	struct farm farm = FARM_INIT;
	struct err err = ERR_INIT;
	const char *state = NULL;
	bool once = false;
	int c, rc = -1;

	while ((c = getopt_long(argc, argv, "s:v", options, NULL)) != -1) {
		if (c == 's')
			state = optarg;
		else if (c == '1')
			once = true;
		else if (c == 'v')
			log_verbose(true);
		else
			return cli_usage(WHERE, "see --help");
	}
	if (optind != argc)
		return cli_usage(WHERE, "it takes no argument");
	log_open("kiln-upload", false);
	if (enter(&farm, state, &err) == 0) {
		rc = run(&farm, once, &err);
		farm_release(&farm);
	}
	return rc == 0 ? EXIT_DONE : cli_fail(WHERE, &err, false);
}
