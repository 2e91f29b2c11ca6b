/*
 * A farm in the scratch folder as kiln-tuf sees it: keys, a tree, a store, a
 * farm.db with the builder's own tables, and a real signer in a process of
 * its own.  Tests link the room tuf-repo; of the builder only the tables are
 * wanted, hence the one .c file below.
 */
#ifndef KILN_TEST_TUF_FARM_H
#define KILN_TEST_TUF_FARM_H

#include <signal.h>
#include <sys/socket.h>

#include "builder/schema.c"
#include "lib/canon.h"
#include "lib/drop.h"
#include "lib/fdio.h"
#include "lib/ipc.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "tests/support/scratch.h"
#include "tuf-repo/ceremony.h"
#include "tuf-repo/check.h"
#include "tuf-repo/collect.h"
#include "tuf-repo/pass.h"
#include "tuf-repo/repo.h"
#include "tuf-repo/schema.h"
#include "tuf-repo/signer.h"

static struct {
	struct repo repo;
	struct db *farm; /* the builder's own connection */
	int online, offline;
	pid_t signer;
	int64_t start;
	int made; /* releases so far: their made_at */
	struct err err;
} tf;

#define TF_OK(call)                                            \
	do {                                                   \
		if ((call) == -1)                              \
			fail_msg("%s: %s", #call, tf.err.msg); \
	} while (0)

static int
tf_dir(const char *name)
{
	int fd = dir_make_at(scratch.fd, name, 0755, &tf.err);

	if (fd == -1)
		fail_msg("%s", tf.err.msg);
	return fd;
}

static char *
tf_path(const char *name)
{
	return mem_printf("%s/%s", scratch.path, name);
}

/* A signer under its own uid when there is one. */
static void
tf_signer_start(void)
{
	int sv[2];

	TF_OK(ipc_pair(sv, &tf.err));
	tf.signer = fork();
	if (tf.signer == 0) {
		close(sv[0]);
		if (drop_to(ROLE_SIGNER, &tf.err) == -1)
			_exit(1);
		_exit(signer_serve(sv[1], tf.online));
	}
	close(sv[1]);
	tf.repo.signer = sv[0];
}

static void
tf_repo_open(void)
{
	char *tuf = tf_path("tuf.db"), *farm = tf_path("farm.db");
	int store = tf_dir("store");

	tf.repo = (struct repo)REPO_INIT;
	tf.repo.db =
	    db_open(tuf, tuf_migrations, tuf_migrations_count, &tf.err);
	tf.repo.farm = db_open_reader(farm, &tf.err);
	tf.repo.store = store_open(store, &tf.err);
	if (!tf.repo.db || !tf.repo.farm || !tf.repo.store)
		fail_msg("%s", tf.err.msg);
	tf.repo.metadata = tf_dir("tuf/metadata");
	tf.repo.targets = tf_dir("tuf/targets");
	tf.repo.log = tf_dir("tuf/log");
	tf.repo.now = tf.start;
	close(store);
	free(tuf);
	free(farm);
	tf_signer_start();
}

static void
tf_repo_close(void)
{
	repo_release(&tf.repo);
	if (tf.signer > 0)
		waitpid(tf.signer, NULL, 0);
	tf.signer = 0;
}

static int
tf_setup_with(void **state, bool demo)
{
	static const char *const services[] = { "dns-dhcp", "ntp", "kernel" };
	struct founding f = {
		.demo = demo, .services = services, .nservices = 3
	};
	struct ceremony c = CEREMONY_INIT;
	char *farm;

	memset(&tf, 0, sizeof(tf));
	if (scratch_setup(state) == -1 || chmod(scratch.path, 0755) == -1)
		return -1;
	/* In the past, so that tests can let time go by: the signer refuses
	 * signing times ahead of its clock. */
	tf.start = f.now = time_now() - 400 * 86400;
	tf.online = tf_dir("keys/online");
	tf.offline = tf_dir("keys/offline");
	if (role_walls() && fchown(tf.online, role_uid(ROLE_SIGNER),
				role_gid(ROLE_SIGNER)) == -1)
		return -1;
	farm = tf_path("farm.db");
	tf.farm =
	    db_open(farm, farm_migrations, farm_migrations_count, &tf.err);
	free(farm);
	if (!tf.farm)
		return -1;
	tf_repo_open();
	TF_OK(ceremony_found(&c, tf.offline, tf.online, &f, &tf.err));
	TF_OK(collect_file(&tf.repo, "root", c.root.data, c.root.len, &tf.err));
	TF_OK(collect_file(
	    &tf.repo, "targets", c.targets.data, c.targets.len, &tf.err));
	TF_OK(collect_file(
	    &tf.repo, "sets-stable", c.stable.data, c.stable.len, &tf.err));
	ceremony_release(&c);
	return 0;
}

static int KILN_UNUSED
tf_setup(void **state)
{
	return tf_setup_with(state, true);
}

static int KILN_UNUSED
tf_teardown(void **state)
{
	tf_repo_close();
	db_close(tf.farm);
	close(tf.online);
	close(tf.offline);
	return scratch_teardown(state);
}

/* --- releases ---------------------------------------------------------- */

static struct hash
tf_put(const void *bytes, size_t n)
{
	struct hash h;

	TF_OK(store_put_bytes(tf.repo.store, bytes, n, &h, &tf.err));
	return h;
}

static struct hash
tf_put_json(const json_t *j)
{
	struct buf b = BUF_INIT;
	struct hash h;

	TF_OK(canon_json(j, &b, &tf.err));
	h = tf_put(b.data, b.len);
	buf_release(&b);
	return h;
}

static json_t *
tf_list(const char *word)
{
	json_t *list = json_array();

	if (word)
		json_array_append_new(list, json_string(word));
	return list;
}

static json_t *
tf_custom(const char *service, const char *version, const char *part,
    const char *needs, const char *provides)
{
	json_t *c = json_object();
	struct hash sbom = tf_put("sbom", 4);

	js_set_str(c, "type", part ? "kernel" : "vm");
	js_set_str(c, "service", service);
	js_set_str(c, "version", version);
	js_set_hash(c, "sbom", &sbom);
	js_set_int(c, "memory", 96 << 20);
	if (part) {
		js_set_str(c, "part", part);
		js_set_str(c, "machine", "microvm");
		js_set_str(c, "cmdline", "console=ttyS0");
		return c;
	}
	js_set_str(c, "handover", "handoff");
	js_set(c, "needs", tf_list(needs));
	js_set(c, "provides", tf_list(provides));
	js_set(c, "ports", tf_list("udp/53"));
	js_set(c, "volumes", json_array());
	js_set(c, "probes", json_array());
	return c;
}

static void
tf_rows(const struct hash *release, const char *service,
    const struct hash *plan, const struct hash *verdict)
{
	static const char plan_sql[] =
	    "INSERT INTO plan(digest, recipe, stage,"
	    " lock, made_at, verdict, verdict_record)"
	    " VALUES (?1, ?2, 'image', ?1, 1, 'reproduced', ?3)";
	static const char release_sql[] =
	    "INSERT INTO release"
	    "(digest, service, arch, plan, made_at)"
	    " VALUES (?1, ?2, 'amd64', ?3, ?4)";
	static const char current_sql[] =
	    "INSERT INTO current"
	    "(recipe, stage, plan) VALUES (?1, 'image', ?2)"
	    " ON CONFLICT DO UPDATE SET plan = excluded.plan";
	auto_stmt struct stmt *p = db_stmt(tf.farm, plan_sql);
	auto_stmt struct stmt *r = db_stmt(tf.farm, release_sql);
	auto_stmt struct stmt *c = db_stmt(tf.farm, current_sql);

	stmt_bind_hash(p, 1, plan);
	stmt_bind_str(p, 2, service);
	stmt_bind_hash(p, 3, verdict);
	stmt_bind_hash(r, 1, release);
	stmt_bind_str(r, 2, service);
	stmt_bind_hash(r, 3, plan);
	stmt_bind_int(r, 4, ++tf.made);
	stmt_bind_str(c, 1, service);
	stmt_bind_hash(c, 2, plan);
	TF_OK(stmt_run(p, &tf.err));
	TF_OK(stmt_run(r, &tf.err));
	TF_OK(stmt_run(c, &tf.err));
}

struct tf_release {
	struct hash digest, plan, verdict, image;
};

static void
tf_output(json_t *outputs, json_t *targets, const char *name,
    const char *content, json_t *custom, struct hash *image)
{
	json_t *o = json_object(), *t = json_object();

	*image = tf_put(content, strlen(content));
	js_set_str(o, "name", name);
	js_set_hash(o, "sha256", image);
	js_set_int(o, "size", (int64_t)strlen(content));
	json_array_append_new(outputs, o);
	js_set_hash(t, "sha256", image);
	js_set_int(t, "size", (int64_t)strlen(content));
	js_set(t, "custom", custom);
	json_array_append_new(targets, t);
}

/* What the builder leaves: artifacts, verdict and release records, rows. */
static struct tf_release
tf_release_full(const char *service, const char *version, const char *content,
    const char *needs, const char *provides)
{
	auto_json json_t *v = js_record_new("kiln/verdict", 1);
	auto_json json_t *r = js_record_new("kiln/release", 1);
	json_t *outputs = json_array(), *targets = json_array();
	bool kernel = strcmp(service, "kernel") == 0;
	char *name = mem_printf("plan %s %s %s", service, version, content);
	char *second = mem_printf("%s initrd", content);
	struct tf_release out;

	hash_bytes(&out.plan, name, strlen(name));
	tf_output(outputs, targets, kernel ? "vmlinuz" : "image", content,
	    tf_custom(
		service, version, kernel ? "vmlinuz" : NULL, needs, provides),
	    &out.image);
	if (kernel) {
		struct hash unused;

		tf_output(outputs, targets, "initrd", second,
		    tf_custom(service, version, "initrd", NULL, NULL), &unused);
	}
	js_set_hash(v, "plan", &out.plan);
	js_set_str(v, "verdict", "reproduced");
	js_set(v, "outputs", outputs);
	out.verdict = tf_put_json(v);
	js_set_str(r, "service", service);
	js_set_str(r, "recipe", service);
	js_set_str(r, "arch", "amd64");
	js_set_str(r, "version", version);
	js_set_hash(r, "plan", &out.plan);
	js_set_hash(r, "verdict", &out.verdict);
	js_set(r, "targets", targets);
	out.digest = tf_put_json(r);
	tf_rows(&out.digest, service, &out.plan, &out.verdict);
	free(name);
	free(second);
	return out;
}

static struct tf_release KILN_UNUSED
tf_release(const char *service, const char *version, const char *content)
{
	return tf_release_full(service, version, content, NULL, NULL);
}

/* --- looking ----------------------------------------------------------- */

static int KILN_UNUSED
tf_pass(void)
{
	struct pass p = { .refresh = false };

	err_clear(&tf.err);
	return pass_run(&tf.repo, &p, &tf.err);
}

/* Findings of a stranger; prints them. */
static size_t KILN_UNUSED
tf_findings(void)
{
	struct source src = SOURCE_INIT;
	struct check c = CHECK_INIT;
	size_t n;

	c.now = tf.repo.now;
	source_dirs(&src, tf.repo.metadata, tf.repo.targets);
	TF_OK(check_tree(&c, &src, &tf.err));
	n = json_array_size(c.findings);
	for (size_t i = 0; i < n; i++) {
		const json_t *o = json_array_get(c.findings, i);

		print_message("# %s: %s\n",
		    json_string_value(json_object_get(o, "where")),
		    json_string_value(json_object_get(o, "text")));
	}
	check_release(&c);
	source_release(&src);
	return n;
}

static int64_t KILN_UNUSED
tf_int(struct db *db, const char *sql)
{
	struct stmt *q = db_stmt(db, sql);
	int64_t v;
	int rc = stmt_step(q, &tf.err);

	if (rc == -1)
		fail_msg("%s", tf.err.msg);
	v = rc ? stmt_int(q, 0) : -1;
	stmt_done(q);
	return v;
}

/* The first column of the first row, or "": lives until the next call. */
KILN_UNUSED static const char *
tf_text(struct db *db, const char *sql)
{
	static char text[4096];
	struct stmt *q = db_stmt(db, sql);
	int rc = stmt_step(q, &tf.err);

	if (rc == -1)
		fail_msg("%s", tf.err.msg);
	snprintf(text, sizeof(text), "%s", rc ? stmt_str(q, 0) : "");
	stmt_done(q);
	return text;
}

/* What a stranger sees without any repository of ours open. */
static size_t KILN_UNUSED
tf_findings_closed(void)
{
	size_t n;

	tf.repo.metadata = tf_dir("tuf/metadata");
	tf.repo.targets = tf_dir("tuf/targets");
	n = tf_findings();
	close(tf.repo.metadata);
	close(tf.repo.targets);
	tf.repo.metadata = tf.repo.targets = -1;
	return n;
}

/* Version 1.N of dns-dhcp, with an image of its own. */
static struct tf_release KILN_UNUSED
tf_release_number(int n)
{
	char version[32], content[64];

	snprintf(version, sizeof(version), "1.%d", n);
	snprintf(content, sizeof(content), "image %d", n);
	return tf_release("dns-dhcp", version, content);
}

/* The same while no repository is open. */
static void KILN_UNUSED
tf_release_number_closed(int n)
{
	int store = tf_dir("store");

	tf.repo.store = store_open(store, &tf.err);
	close(store);
	tf_release_number(n);
	store_free(tf.repo.store);
	tf.repo.store = NULL;
}

#endif
