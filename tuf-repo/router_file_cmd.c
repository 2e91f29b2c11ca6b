/* `kiln-tuf router-file` */
#include <getopt.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/cli.h"
#include "lib/fdio.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"
#include "lib/tuf.h"
#include "tuf-repo/commands.h"
#include "tuf-repo/roles.h"
#include "tuf-repo/router_file.h"

#define WHERE "kiln-tuf router-file"
#define SERVICES 64
#define CONFIG_MAX ((size_t)256 * 1024)
#define TOKEN_MAX ((size_t)65) /* with its newline */

struct order {
	const char *root, *config, *token; /* files; token may be NULL */
	const char *tree, *out;
	const char *services[SERVICES + 1];
	size_t nservices;
	struct router_file f;
};

static int
read_token(const char *name, struct buf *out, struct err *err)
{
	if (!name)
		return 0;
	return strcmp(name, "-") == 0
		   ? fd_read_all(STDIN_FILENO, TOKEN_MAX, out, err)
		   : file_read(name, TOKEN_MAX, out, err);
}

/* It holds a token and a router's secrets: for its owner alone. */
static int
write_out(struct order *o, struct source *src, struct err *err)
{
	auto_free char *name = mem_str(o->out), *base = mem_str(o->out);
	auto_fd int dir = dir_open(dirname(name), err);
	auto_tmp struct tmp t = TMP_INIT;

	if (dir == -1 || tmp_open(&t, dir, 0600, err) == -1 ||
	    router_file_write(&o->f, src, t.fd, err) == -1)
		return -1;
	return tmp_replace(&t, basename(base), err);
}

static int
make(struct order *o, struct err *err)
{
	auto_buf struct buf root = BUF_INIT, config = BUF_INIT,
			    token = BUF_INIT;
	struct source src = SOURCE_INIT;
	int ret;

	if (file_read(o->root, TUF_ROOT_MAX, &root, err) == -1 ||
	    file_read(o->config, CONFIG_MAX, &config, err) == -1 ||
	    read_token(o->token, &token, err) == -1)
		return -1;
	o->f.root = &root;
	o->f.config = &config;
	o->f.token = &token;
	o->f.services = o->services;
	o->f.now = time_now();
	if (source_open(&src, o->tree, err) == -1)
		return -1;
	ret = write_out(o, &src, err);
	source_release(&src);
	return ret;
}

int
cmd_router_file(int argc, char **argv)
{
	static const struct option options[] = {
		{ "root", required_argument, NULL, 'r' },
		{ "config", required_argument, NULL, 'c' },
		{ "arch", required_argument, NULL, 'a' },
		{ "channel", required_argument, NULL, 'n' },
		{ "service", required_argument, NULL, 'v' },
		{ "token-file", required_argument, NULL, 't' },
		{ NULL, 0, NULL, 0 },
	};
	struct order o = { .f = { .channel = "stable" } };
	struct err err = ERR_INIT;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'r')
			o.root = optarg;
		else if (c == 'c')
			o.config = optarg;
		else if (c == 'a')
			o.f.arch = optarg;
		else if (c == 'n')
			o.f.channel = optarg;
		else if (c == 't')
			o.token = optarg;
		else if (c == 'v' && o.nservices < SERVICES)
			o.services[o.nservices++] = optarg;
		else
			return cli_usage(WHERE, "see --help");
	}
	if (argc - optind != 2 || !o.root || !o.config || !o.f.arch)
		return cli_usage(WHERE,
		    "say --root, --config and --arch, then the tree and the "
		    "file to write");
	if (!name_ok(o.f.arch) || !name_ok(o.f.channel))
		return cli_usage(
		    WHERE, "no name of an architecture or channel");
	o.tree = argv[optind];
	o.out = argv[optind + 1];
	if (make(&o, &err) == -1)
		return cli_fail(WHERE, &err, false);
	printf("%s: %s/%s set %lld\n", o.out, o.f.channel, o.f.arch,
	    (long long)o.f.counter);
	return EXIT_DONE;
}
