/* What travels between farm and holders: `kiln-tuf request`, `sign` and
 * `accept`. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "lib/cli.h"
#include "lib/fdio.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "tuf-repo/commands.h"
#include "tuf-repo/keyfile.h"
#include "tuf-repo/rite.h"
#include "tuf-repo/token.h"

/* --- request: the same content for another term ------------------------ */

static int
request(struct rite *r, char **words, int n, struct err *err)
{
	bool done;

	if (rite_open(r, err) == -1)
		return -1;
	for (int i = 0; i < n; i++) {
		int p = 0;

		while (p < PART_COUNT && strcmp(part_roles[p], words[i]) != 0)
			p++;
		if (p == PART_COUNT)
			return err_set(err, ERR_INPUT,
			    "%s is none of root, targets, sets-stable: others"
			    " are signed by the farm itself",
			    words[i]);
		change_renew(&r->change, (enum part)p);
	}
	return rite_finish(r, &done, err);
}

static const struct option request_options[] = {
	RITE_OPTIONS,
	{ "yes", no_argument, NULL, 'y' },
	{ NULL, 0, NULL, 0 },
};

int
cmd_request(int argc, char **argv)
{
	static const char where[] = "kiln-tuf request";
	struct err err = ERR_INIT;
	struct rite r;
	int c, rc;

	rite_init(&r);
	while (
	    (c = getopt_long(argc, argv, "s:y", request_options, NULL)) != -1) {
		if (!rite_option(&r, where, c, &rc))
			return cli_usage(where, "see --help");
		if (rc)
			return rc;
	}
	if (optind == argc)
		return cli_usage(where, "name root, targets or sets-stable");
	return rite_end(
	    &r, where, request(&r, argv + optind, argc - optind, &err), &err);
}

/* --- sign, on a machine that has no farm ------------------------------- */

static int
read_request(const char *path, struct request *q, struct err *err)
{
	auto_buf struct buf text = BUF_INIT;

	if (file_read(path, REQUEST_MAX, &text, err) == -1 ||
	    request_read(q, text.data, text.len, err) == -1)
		return err_prefix(err, "%s", path);
	return 0;
}

static int
sign_with(struct rite *r, const char *path, size_t *n, struct err *err)
{
	auto_free char *name = NULL;
	const char *base;
	size_t len;

	if (token_uri(path))
		return rite_sign_token(&r->request, path, &r->access, n, err);
	auto_fd int dir = rite_parent(path, &base, err);
	len = strlen(base);
	if (dir == -1)
		return -1;
	name = mem_strn(base,
	    len > 4 && strcmp(base + len - 4, ".key") == 0 ? len - 4 : len);
	return rite_sign(&r->request, dir, name, &r->access, n, err);
}

static int
sign(struct rite *r, const char *path, const char *const *keys, size_t nkeys,
    struct err *err)
{
	auto_buf struct buf words = BUF_INIT, text = BUF_INIT;
	auto_buf struct buf missing = BUF_INIT;
	size_t n = 0;

	if (secret_process(err) == -1 ||
	    read_request(path, &r->request, err) == -1)
		return -1;
	request_words(&r->request, &words);
	fputs(words.data, stdout);
	if (rite_confirm(r->yes, err) == -1)
		return -1;
	for (size_t i = 0; i < nkeys; i++)
		if (sign_with(r, keys[i], &n, err) == -1)
			return -1;
	if (n == 0)
		return err_set(err, ERR_INPUT,
		    "none of these keys may sign what is in %s", path);
	request_text(&r->request, &text);
	if (rite_write(path, &text, err) == -1)
		return -1;
	if (request_missing(&r->request, &missing))
		printf("signed; it still needs\n%s", missing.data);
	else
		printf("signed; it is complete: kiln-tuf accept %s\n", path);
	return 0;
}

static const struct option sign_options[] = {
	KEY_OPTIONS,
	{ "yes", no_argument, NULL, 'y' },
	{ "key", required_argument, NULL, 'k' },
	{ NULL, 0, NULL, 0 },
};

int
cmd_sign(int argc, char **argv)
{
	static const char where[] = "kiln-tuf sign";
	const char *keys[64];
	struct err err = ERR_INIT;
	struct rite r;
	size_t n = 0;
	int c, rc;

	rite_init(&r);
	while ((c = getopt_long(argc, argv, "k:y", sign_options, NULL)) != -1) {
		if (c == 'k' && n < ARRAY_LEN(keys))
			keys[n++] = optarg;
		else if (!rite_option(&r, where, c, &rc))
			return cli_usage(where, "see --help");
		else if (rc)
			return rc;
	}
	if (argc - optind != 1 || n == 0)
		return cli_usage(where, "say --key and the request");
	return rite_end(&r, where, sign(&r, argv[optind], keys, n, &err), &err);
}

/* --- accept ------------------------------------------------------------ */

static int
same_state(struct rite *r, struct err *err)
{
	const json_t *cur = json_object_get(r->request.json, "current");

	for (int p = 0; p < PART_COUNT; p++) {
		const char *text =
		    json_string_value(json_object_get(cur, part_roles[p]));

		if (strcmp(text, r->change.current[p].data) != 0)
			return err_set(err, ERR_INPUT,
			    "it was made after version %lld of %s, and version"
			    " %lld stands: make a new request",
			    (long long)r->request.now[p]->version,
			    part_roles[p],
			    (long long)r->change.now[p]->version);
	}
	return 0;
}

static int
accept_files(struct rite *r, char **files, int n, struct err *err)
{
	auto_buf struct buf missing = BUF_INIT;

	if (rite_open(r, err) == -1)
		return -1;
	for (int i = 0; i < n; i++) {
		auto_request struct request q;

		request_init(&q);
		if (read_request(files[i], i == 0 ? &r->request : &q, err) ==
			-1 ||
		    (i > 0 && request_merge(&r->request, &q, err) == -1))
			return -1;
	}
	if (same_state(r, err) == -1)
		return -1;
	if (request_missing(&r->request, &missing)) {
		fputs(missing.data, stderr);
		return err_set(err, ERR_BUSY, "it needs more signatures");
	}
	return rite_accept(r, err);
}

static const struct option accept_options[] = {
	WORK_OPTIONS,
	{ NULL, 0, NULL, 0 },
};

int
cmd_accept(int argc, char **argv)
{
	static const char where[] = "kiln-tuf accept";
	struct err err = ERR_INIT;
	struct rite r;
	int c, rc;

	rite_init(&r);
	while (
	    (c = getopt_long(argc, argv, "s:", accept_options, NULL)) != -1) {
		if (!work_option(&r.w, where, c, &rc))
			return cli_usage(where, "see --help");
		if (rc)
			return rc;
	}
	if (optind == argc)
		return cli_usage(where, "name the signed request");
	return rite_end(&r, where,
	    accept_files(&r, argv + optind, argc - optind, &err), &err);
}
