/*
 * publish: hands files to kiln-tuf as kiln-builder would, for tests of the
 * later stages that want no builds.
 *
 *	publish STATE vm SERVICE VERSION IMAGE PROBE-NAME
 *	publish STATE solo5 SERVICE VERSION IMAGE PROBE-NAME
 *	publish STATE agent kiln-agent VERSION IMAGE
 *	publish STATE kernel kernel VERSION VMLINUZ INITRD MACHINE CMDLINE
 *	publish STATE said FROM TO
 *
 * The last says something of the newest plan, for each number; prints the
 * statements' digests.
 * KILN_ARCH in the environment, "arm64", stands for amd64.
 * KILN_PORTS in the environment, "udp/53 tcp/53", stands for dns-dhcp's own.
 * KILN_CONFIG, a JSON map, is what the configuration of dns-dhcp may say.
 * KILN_HANDOVER in the environment stands for handoff, KILN_VOLUME, "state
 * /var/lib/box 16777216", for no volumes, and KILN_PROGRAM, a probe's name, is
 * asked for besides DNS and DHCP.
 * The release is entered as reproduced: only a test may say that.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "builder/schema.h"
#include "lib/canon.h"
#include "lib/db.h"
#include "lib/drop.h"
#include "lib/farm.h"
#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/num.h"
#include "lib/own.h"
#include "lib/solo5.h"
#include "lib/store.h"

static struct err err = ERR_INIT;

#define OK(call)                                                   \
	do {                                                       \
		if ((call) == -1) {                                \
			fprintf(stderr, "publish: %s\n", err.msg); \
			return 1;                                  \
		}                                                  \
	} while (0)

static const char *
arch(void)
{
	const char *word = getenv("KILN_ARCH");

	return word ? word : "amd64";
}

static int
put_json(struct store *s, const json_t *j, struct hash *h)
{
	auto_buf struct buf b = BUF_INIT;

	if (canon_json(j, &b, &err) == -1)
		return -1;
	return store_put_bytes(s, b.data, b.len, h, &err);
}

/* $KILN_PORTS, or what dns-dhcp has. */
static json_t *
ports(void)
{
	const char *words = getenv("KILN_PORTS");
	struct span rest = span_str(words ? words : "udp/53 tcp/53 udp/67");
	json_t *list = json_array();
	struct span word;

	while (span_next(&rest, ' ', &word))
		json_array_append_new(list, json_stringn(word.p, word.n));
	return list;
}

static json_t *
volumes(void)
{
	struct span rest = span_str(getenv("KILN_VOLUME")), word;
	static const char *const keys[] = { "name", "path", "size" };
	json_t *list = json_array(), *o = json_object();

	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		if (!span_next(&rest, ' ', &word))
			return list;
		json_object_set_new(o, keys[i],
		    i < 2 ? json_stringn(word.p, word.n)
			  : json_integer(atoll(word.p)));
	}
	json_array_append_new(list, o);
	return list;
}

/* With a memory of its own, and what its notes say. */
static json_t *
unikernel(json_t *c, const char *file)
{
	auto_fd int fd = open(file, O_RDONLY | O_CLOEXEC);
	auto_buf struct buf text = BUF_INIT;
	struct solo5 notes;

	if (fd == -1 || solo5_read_fd(fd, &notes, &err) == -1)
		return NULL;
	solo5_text(&notes, &text);
	js_set_str(c, "solo5", text.data);
	js_set_int(c, "memory", 16 << 20);
	return c;
}

static json_t *
custom(struct store *s, char **argv, const char *part)
{
	json_t *c = json_object();
	struct hash sbom;

	if (store_put_bytes(s, "sbom", 4, &sbom, &err) == -1)
		return NULL;
	js_set_str(c, "type", argv[2]);
	js_set_str(c, "service", argv[3]);
	js_set_str(c, "version", argv[4]);
	js_set_hash(c, "sbom", &sbom);
	js_set_int(c, "memory", 96 << 20);
	if (part) {
		js_set_str(c, "part", part);
		js_set_str(c, "machine", argv[7]);
		js_set_str(c, "cmdline", argv[8]);
		return c;
	}
	if (strcmp(argv[2], "agent") == 0)
		return c;
	json_t *probe = js_record_new("kiln/probe", 1), *probes = json_array();

	js_set_str(probe, "type", "dns");
	js_set_str(probe, "name", argv[6]);
	js_set_str(probe, "qtype", "A");
	js_set_str(probe, "expect", "self");
	json_array_append_new(probes, probe);
	/* Asked only where the router's configuration wants DHCP. */
	probe = js_record_new("kiln/probe", 1);
	js_set_str(probe, "type", "dhcp");
	json_array_append_new(probes, probe);
	if (getenv("KILN_PROGRAM")) {
		probe = js_record_new("kiln/probe", 1);
		js_set_str(probe, "type", "program");
		js_set_str(probe, "name", getenv("KILN_PROGRAM"));
		json_array_append_new(probes, probe);
	}
	js_set(c, "probes", probes);
	js_set_str(c, "handover",
	    getenv("KILN_HANDOVER") ? getenv("KILN_HANDOVER") : "handoff");
	js_set(c, "needs", json_array());
	js_set(c, "provides", json_array());
	js_set(c, "ports", ports());
	js_set(c, "volumes", getenv("KILN_VOLUME") ? volumes() : json_array());
	if (strcmp(argv[2], "solo5") == 0)
		return unikernel(c, argv[5]);
	js_set_str(c, "configure", "/etc/kiln/configure");
	if (getenv("KILN_CONFIG") && strcmp(argv[3], "dns-dhcp") == 0)
		js_set(c, "config", json_loads(getenv("KILN_CONFIG"), 0, NULL));
	return c;
}

static int
output(struct store *s, int fd, const char *name, json_t *c, json_t *outputs,
    json_t *targets)
{
	json_t *o = json_object(), *t = json_object();
	struct hash h;
	int64_t size;

	if (fd == -1 || !c || store_put(s, fd, &h, &size, &err) == -1)
		return -1;
	js_set_str(o, "name", name);
	js_set_hash(o, "sha256", &h);
	js_set_int(o, "size", size);
	json_array_append_new(outputs, o);
	js_set_hash(t, "sha256", &h);
	js_set_int(t, "size", size);
	js_set(t, "custom", c);
	json_array_append_new(targets, t);
	return 0;
}

static int
rows(struct db *db, const char *service, const struct hash *release,
    const struct hash *plan, const struct hash *verdict)
{
	static const char plan_sql[] =
	    "INSERT OR IGNORE INTO plan(digest, recipe, stage, lock, made_at,"
	    " verdict, verdict_record)"
	    " VALUES (?1, ?2, 'image', ?1, ?4, 'reproduced', ?3)";
	static const char release_sql[] =
	    "INSERT OR IGNORE INTO release(digest, service, arch, plan,"
	    " made_at) VALUES (?1, ?2, ?5, ?3, ?4)";
	static const char current_sql[] =
	    "INSERT INTO current(recipe, stage, plan) VALUES (?1, 'image', ?2)"
	    " ON CONFLICT DO UPDATE SET plan = excluded.plan";
	auto_stmt struct stmt *p = db_stmt(db, plan_sql);
	auto_stmt struct stmt *r = db_stmt(db, release_sql);
	auto_stmt struct stmt *c = db_stmt(db, current_sql);

	stmt_bind_hash(p, 1, plan);
	stmt_bind_str(p, 2, service);
	stmt_bind_hash(p, 3, verdict);
	stmt_bind_int(p, 4, time_now());
	stmt_bind_hash(r, 1, release);
	stmt_bind_str(r, 2, service);
	stmt_bind_hash(r, 3, plan);
	stmt_bind_int(r, 4, time_now());
	stmt_bind_str(r, 5, arch());
	stmt_bind_str(c, 1, service);
	stmt_bind_hash(c, 2, plan);
	if (db_begin(db, &err) == -1 || stmt_run(p, &err) == -1 ||
	    stmt_run(r, &err) == -1 || stmt_run(c, &err) == -1)
		return -1;
	return db_commit(db, &err);
}

static int
say(struct store *s, struct db *db, int64_t n)
{
	static const char sql[] =
	    "INSERT OR IGNORE INTO attestation(digest, plan, predicate,"
	    " verdict, at) SELECT ?1, digest, 'reproduction', 'reproduced', 1"
	    " FROM plan LIMIT 1";
	auto_stmt struct stmt *q = db_stmt(db, sql);
	auto_buf struct buf text = BUF_INIT;
	char hex[HASH_HEX];
	struct hash h;

	buf_printf(&text,
	    "{\"_type\":\"https://in-toto.io/Statement/v1\",\"predicate\":"
	    "{\"n\":%lld},\"predicateType\":\"urn:x\",\"subject\":"
	    "[{\"name\":\"x\"}]}",
	    (long long)n);
	if (store_put_bytes(s, text.data, text.len, &h, &err) == -1)
		return -1;
	stmt_bind_hash(q, 1, &h);
	if (stmt_run(q, &err) == -1)
		return -1;
	hash_hex(&h, hex);
	printf("%s\n", hex);
	return 0;
}

static int
say_all(struct store *s, struct db *db, char **argv)
{
	int64_t from, to;

	if (num_int(argv[0], 1, 100000, &from, &err) == -1 ||
	    num_int(argv[1], 1, 100000, &to, &err) == -1)
		return -1;
	for (; from <= to; from++)
		if (say(s, db, from) == -1)
			return -1;
	return 0;
}

int
main(int argc, char **argv)
{
	auto_json json_t *v = js_record_new("kiln/verdict", 1);
	auto_json json_t *r = js_record_new("kiln/release", 1);
	json_t *outputs = json_array(), *targets = json_array();
	struct hash plan, verdict, release;
	auto_fd int first = -1, second = -1;
	struct hasher h;
	struct farm farm;
	bool kernel, said = argc == 5 && strcmp(argv[2], "said") == 0;

	if ((argc < 6 && !said) ||
	    ((strcmp(argv[2], "vm") == 0 || strcmp(argv[2], "solo5") == 0) &&
		argc < 7) ||
	    (strcmp(argv[2], "kernel") == 0 && argc < 9)) {
		fputs("publish: see the head of publish.c\n", stderr);
		return 2;
	}
	kernel = strcmp(argv[2], "kernel") == 0;
	if (!said)
		first = open(argv[5], O_RDONLY | O_CLOEXEC);
	if (kernel)
		second = open(argv[6], O_RDONLY | O_CLOEXEC);
	OK(farm_enter(&farm, argv[1], NULL, true, &err));
	OK(drop_to(ROLE_BUILDER, &err));

	auto_free char *path = farm_file(&farm, "farm.db");
	auto_db struct db *db =
	    db_open(path, farm_migrations, farm_migrations_count, &err);
	auto_fd int dir = farm_dir(&farm, "store", &err);

	OK(db && dir != -1 ? 0 : -1);
	struct store *s = store_open(dir, &err);

	OK(s ? 0 : -1);
	if (said) {
		OK(say_all(s, db, argv + 3));
		store_free(s);
		return 0;
	}
	if (kernel) {
		OK(output(s, first, "vmlinuz", custom(s, argv, "vmlinuz"),
		    outputs, targets));
		OK(output(s, second, "initrd", custom(s, argv, "initrd"),
		    outputs, targets));
	} else {
		OK(output(s, first, "image", custom(s, argv, NULL), outputs,
		    targets));
	}
	/* No such plan exists; its digest only has to be its own. */
	hasher_init(&h);
	for (int i = 2; i < argc; i++)
		hasher_field(&h, argv[i], strlen(argv[i]));
	hasher_end(&h, &plan);
	js_set_hash(v, "plan", &plan);
	js_set_str(v, "verdict", "reproduced");
	js_set(v, "outputs", outputs);
	OK(put_json(s, v, &verdict));
	js_set_str(r, "service", argv[3]);
	js_set_str(r, "recipe", argv[3]);
	js_set_str(r, "arch", arch());
	js_set_str(r, "version", argv[4]);
	js_set_hash(r, "plan", &plan);
	js_set_hash(r, "verdict", &verdict);
	js_set(r, "targets", targets);
	OK(put_json(s, r, &release));
	OK(rows(db, argv[3], &release, &plan, &verdict));
	store_free(s);
	return 0;
}
