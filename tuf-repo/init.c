/* The first ceremony, and the root that a router is given. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/cli.h"
#include "lib/fdio.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"
#include "tuf-repo/ceremony.h"
#include "tuf-repo/collect.h"
#include "tuf-repo/commands.h"
#include "tuf-repo/roles.h"
#include "tuf-repo/work.h"

#define SERVICES_MAX 512

struct order {
	const char *services[SERVICES_MAX];
	struct founding f;
	struct key_access access;
	struct secret online;
};

#define ORDER_INIT                                               \
	{                                                        \
		.access = KEY_ACCESS_INIT, .online = SECRET_INIT \
	}

static void
order_release(struct order *o)
{
	key_access_release(&o->access);
	secret_release(&o->online);
}

/* --- command lines ----------------------------------------------------- */

static int
add_service(struct order *o, const char *where, const char *name)
{
	if (!service_ok(name))
		return cli_usage(where,
		    "%s is no service name: lower-case letters, digits, minus",
		    name);
	for (size_t i = 0; i < o->f.nservices; i++)
		if (strcmp(o->services[i], name) == 0)
			return 0;
	if (o->f.nservices == SERVICES_MAX)
		return cli_usage(where, "more than %d services", SERVICES_MAX);
	o->services[o->f.nservices++] = name;
	return 0;
}

static int
read_order(
    struct order *o, struct work *w, const char *where, int argc, char **argv)
{
	static const struct option options[] = {
		WORK_OPTIONS,
		KEY_OPTIONS,
		{ "service", required_argument, NULL, 'v' },
		{ "demo", no_argument, NULL, 'd' },
		{ NULL, 0, NULL, 0 },
	};
	int c, rc;

	o->f.services = o->services;
	o->f.now = time_now();
	while ((c = getopt_long(argc, argv, "s:", options, NULL)) != -1) {
		rc = 0;
		if (c == 'd')
			o->f.demo = true;
		else if (c == 'v')
			rc = add_service(o, where, optarg);
		else if (!work_option(w, where, c, &rc) &&
			 !key_access_option(&o->access, where, c, &rc))
			return cli_usage(where, "see --help");
		if (rc)
			return rc;
	}
	if (optind != argc)
		return cli_usage(where, "name services with --service");
	return 0;
}

/* --- handing over ------------------------------------------------------ */

/* From here on without root's rights: the collector verifies what the
 * ceremony made as if it came from anybody. */
static int
hand_over(struct work *w, const struct ceremony *c, bool *handed_over,
    struct err *err)
{
	struct repo *r = &w->repo;

	if (work_join(w, err) == -1)
		return -1;
	if (collect_file(r, "root", c->root.data, c->root.len, err) == -1 ||
	    collect_file(r, "targets", c->targets.data, c->targets.len, err) ==
		-1 ||
	    collect_file(
		r, "sets-stable", c->stable.data, c->stable.len, err) == -1)
		return err_prefix(err, "ceremony");
	return work_publish(w, handed_over, err);
}

static int
open_keys(struct work *w, int *offline, int *online, struct err *err)
{
	*offline = farm_dir(&w->farm, "keys/offline", err);
	if (*offline == -1)
		return -1;
	*online = farm_dir(&w->farm, "keys/online", err);
	return *online == -1 || tmp_sweep(*offline, err) == -1
		   ? -1
		   : tmp_sweep(*online, err);
}

static bool
published(struct work *w)
{
	struct err ignore = ERR_INIT;
	auto_fd int tree = farm_dir(&w->farm, "tuf/metadata", &ignore);

	return tree != -1 && file_exists_at(tree, "timestamp.json");
}

static int
found(
    struct work *w, const struct order *o, struct ceremony *c, struct err *err)
{
	auto_fd int offline = -1, online = -1;

	if (open_keys(w, &offline, &online, err) == -1)
		return -1;
	if (published(w))
		return err_set(err, ERR_INPUT,
		    "%s has its keys and a published tree already; nothing was"
		    " changed",
		    w->farm.shown);
	return ceremony_found(c, offline, online, &o->f, err);
}

/* Outside demonstrations no key is written as it is. */
static int
ask_passphrases(struct work *w, struct order *o, struct err *err)
{
	if (secret_process(err) == -1)
		return -1;
	if (o->f.demo || published(w))
		return 0;
	if (secret_get(&o->access.have, &o->access.pass,
		"new passphrase of the offline keys", true, err) == -1 ||
	    secret_get(&o->online, &w->pass,
		"new passphrase of the online keys", true, err) == -1)
		return -1;
	o->f.access = &o->access;
	o->f.signer_pass = &o->online;
	return secret_give(&o->online, &w->pass.fd, err);
}

static void
warn_walls(const struct order *o)
{
	if (!role_walls())
		fprintf(stderr, "kiln-tuf: without root the signer shares your"
				" uid: whoever becomes you can sign\n");
	if (o->f.demo)
		fprintf(stderr,
		    "kiln-tuf: a demonstration: root and targets are signed by"
		    " 1 key each, which lies on this machine\n");
	else
		fprintf(stderr,
		    "kiln-tuf: root and targets need 2 of 3 keys: move those in"
		    " keys/offline to three places, and leave none here\n");
}

int
cmd_init(int argc, char **argv)
{
	static const char where[] = "kiln-tuf init";
	auto_ceremony struct ceremony c = CEREMONY_INIT;
	struct order o = ORDER_INIT;
	struct work w = WORK_INIT;
	struct err err = ERR_INIT;
	bool handed_over;
	int rc = read_order(&o, &w, where, argc, argv);

	if (rc != 0)
		return rc;
	rc = -1;
	if (work_enter(&w, true, &err) == 0 &&
	    ask_passphrases(&w, &o, &err) == 0 &&
	    found(&w, &o, &c, &err) == 0 &&
	    (warn_walls(&o), hand_over(&w, &c, &handed_over, &err)) == 0) {
		printf("made keys and the first root in %s\n", w.farm.shown);
		rc = 0;
	}
	work_release(&w);
	own_close(&w.pass.fd);
	order_release(&o);
	return rc == 0 ? EXIT_DONE : cli_fail(where, &err, false);
}

/* --- the root a router is given ---------------------------------------- */

static int
newest_root(int tree, struct buf *out, struct err *err)
{
	char name[ROLE_FILE_MAX];
	int64_t v = 1;

	for (;; v++) {
		role_file("root", v, name);
		if (!file_exists_at(tree, name))
			break;
	}
	if (v == 1)
		return err_set(err, ERR_MISSING,
		    "nothing is published yet; run kiln-tuf init");
	role_file("root", v - 1, name);
	return file_read_at(tree, name, TUF_ROOT_MAX, out, err);
}

static int
export_root(struct work *w, struct err *err)
{
	auto_fd int tree = farm_dir(&w->farm, "tuf/metadata", err);
	auto_buf struct buf root = BUF_INIT;

	if (tree == -1 || drop_to(ROLE_TUF, err) == -1 ||
	    newest_root(tree, &root, err) == -1)
		return -1;
	return fd_write_all(1, root.data, root.len, err);
}

int
cmd_export_root(int argc, char **argv)
{
	static const struct option options[] = {
		{ "state", required_argument, NULL, 's' },
		{ NULL, 0, NULL, 0 },
	};
	static const char where[] = "kiln-tuf export-root";
	struct work w = WORK_INIT;
	struct err err = ERR_INIT;
	int c, rc = -1;

	while ((c = getopt_long(argc, argv, "s:", options, NULL)) != -1) {
		if (c != 's')
			return cli_usage(where, "see --help");
		w.state = optarg;
	}
	if (optind != argc)
		return cli_usage(where, "it takes no argument");
	if (work_enter(&w, false, &err) == 0)
		rc = export_root(&w, &err);
	work_release(&w);
	return rc == 0 ? EXIT_DONE : cli_fail(where, &err, false);
}
