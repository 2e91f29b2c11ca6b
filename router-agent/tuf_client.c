#include "router-agent/tuf_client.h"

#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "lib/fdio.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "router-agent/trust/refresh.h"

#define NAME_LONG 200 /* of at most 255, with room for what is added */

struct client {
	const char *metadata_url, *metadata_dir;
	const char *targets_url, *target_dir;
	char **names;
	size_t nnames, cap;
	const char *verb;
	const char *argument; /* of init */
};

/* One file name per target path; a dot at its start would hide it. */
static char *
local_name(const char *path)
{
	auto_free char *enc = tuf_role_filename(path);
	char hex[HASH_HEX];
	struct hash h;

	if (strlen(enc) > NAME_LONG) {
		hash_bytes(&h, path, strlen(path));
		hash_hex(&h, hex);
		return mem_str(hex);
	}
	if (enc[0] == '.')
		return mem_printf("%%2E%s", enc + 1);
	return take_ptr(&enc);
}

static bool
here_already(int dirfd, const char *name, const struct tuf_target *t)
{
	struct err why = ERR_INIT;
	auto_fd int fd = file_open_at(dirfd, name, O_RDONLY, 0, &why);

	return fd != -1 && refresh_have(t, fd);
}

/* The order of downloads is told by modification times, and the kernel's own
 * stamps are too coarse to tell two quick ones apart. */
static int
stamp(int fd, struct err *err)
{
	struct timespec t[2];

	if (clock_gettime(CLOCK_REALTIME, &t[0]) == -1)
		return err_sys(err, "read the clock");
	t[1] = t[0];
	return futimens(fd, t) == -1 ? err_sys(err, "set a file's time") : 0;
}

static int
download_one(struct refresh *r, const struct client *c, int dirfd,
    const char *path, struct err *err)
{
	auto_free char *name = local_name(path);
	auto_tmp struct tmp tmp = TMP_INIT;
	const struct tuf_target *t;
	const char *role;

	if (refresh_target(r, path, &t, &role, err) == -1)
		return -1;
	if (here_already(dirfd, name, t))
		return 0;
	if (tmp_open(&tmp, dirfd, 0644, err) == -1 ||
	    refresh_download(r, c->targets_url, t, tmp.fd, NULL, err) == -1 ||
	    stamp(tmp.fd, err) == -1)
		return -1;
	return tmp_replace(&tmp, name, err);
}

static int
download_all(struct refresh *r, const struct client *c, struct err *err)
{
	auto_fd int dirfd = dir_open(c->target_dir, err);

	if (dirfd == -1)
		return -1;
	for (size_t i = 0; i < c->nnames; i++)
		if (download_one(r, c, dirfd, c->names[i], err) == -1)
			return -1;
	return 0;
}

static int
with_fetcher(
    const struct client *c, int dirfd, struct fetcher *f, struct err *err)
{
	struct refresh_opts o = {
		.metadata_url = c->metadata_url,
		.dirfd = dirfd,
		.now = time(NULL),
		.fetcher = f,
	};
	struct refresh *r = refresh_open(&o, err);
	int rc = r ? refresh_run(r, err) : -1;

	if (rc == 0 && strcmp(c->verb, "download") == 0)
		rc = download_all(r, c, err);
	refresh_free(r);
	return rc;
}

static int
run_refresh(const struct client *c, struct err *err)
{
	auto_fd int dirfd = dir_open(c->metadata_dir, err);
	struct fetcher *f;
	int rc;

	if (dirfd == -1)
		return -1;
	f = fetcher_start(NULL, NULL, err);
	if (!f)
		return -1;
	rc = with_fetcher(c, dirfd, f, err);
	fetcher_stop(f);
	return rc;
}

static int
run_init(const struct client *c, struct err *err)
{
	auto_fd int dirfd = dir_open(c->metadata_dir, err);
	auto_buf struct buf b = BUF_INIT;

	if (dirfd == -1 || file_read(c->argument, TUF_ROOT_MAX, &b, err) == -1)
		return -1;
	return refresh_init(dirfd, b.data, b.len, err);
}

static int
missing(const char *option, struct err *err)
{
	return err_set(err, ERR_INPUT, "%s is missing", option);
}

static int
run(const struct client *c, struct err *err)
{
	if (!c->metadata_dir)
		return missing("--metadata-dir", err);
	if (strcmp(c->verb, "init") == 0)
		return c->argument ? run_init(c, err)
				   : missing("the trusted root file", err);
	if (!c->metadata_url)
		return missing("--metadata-url", err);
	if (strcmp(c->verb, "refresh") == 0)
		return run_refresh(c, err);
	if (c->nnames == 0)
		return missing("--target-name", err);
	if (!c->target_dir)
		return missing("--target-dir", err);
	if (!c->targets_url)
		return missing("--target-base-url", err);
	return run_refresh(c, err);
}

static int
usage(void)
{
	fputs("usage: kiln-agent tuf-client --metadata-dir DIR init ROOT\n"
	      "       kiln-agent tuf-client --metadata-url URL"
	      " --metadata-dir DIR refresh\n"
	      "       kiln-agent tuf-client --metadata-url URL"
	      " --metadata-dir DIR\n"
	      "           --target-name PATH … --target-dir DIR"
	      " --target-base-url URL download\n",
	    stderr);
	return 1;
}

static bool
parse(struct client *c, int argc, char **argv)
{
	static const struct option options[] = {
		{ "metadata-url", required_argument, NULL, 'u' },
		{ "metadata-dir", required_argument, NULL, 'm' },
		{ "target-name", required_argument, NULL, 'n' },
		{ "target-dir", required_argument, NULL, 't' },
		{ "target-base-url", required_argument, NULL, 'b' },
		{ NULL, 0, NULL, 0 },
	};
	int ch;

	optind = 1;
	while ((ch = getopt_long(argc, argv, "+", options, NULL)) != -1) {
		switch (ch) {
		case 'u':
			c->metadata_url = optarg;
			break;
		case 'm':
			c->metadata_dir = optarg;
			break;
		case 'n':
			MEM_GROW(c->names, c->nnames, c->cap);
			c->names[c->nnames++] = optarg;
			break;
		case 't':
			c->target_dir = optarg;
			break;
		case 'b':
			c->targets_url = optarg;
			break;
		default:
			return false;
		}
	}
	if (optind == argc)
		return false;
	c->verb = argv[optind++];
	if (strcmp(c->verb, "init") == 0 && optind < argc)
		c->argument = argv[optind++];
	return optind == argc && (strcmp(c->verb, "init") == 0 ||
				     strcmp(c->verb, "refresh") == 0 ||
				     strcmp(c->verb, "download") == 0);
}

int
tuf_client_main(int argc, char **argv)
{
	struct client c = { 0 };
	struct err err = ERR_INIT;
	int rc = 1;

	if (!parse(&c, argc, argv))
		usage();
	else if (run(&c, &err) == -1)
		fprintf(stderr, "tuf-client: %s (cause=%s)\n", err.msg,
		    err_cause(&err));
	else
		rc = 0;
	free(c.names);
	return rc;
}
