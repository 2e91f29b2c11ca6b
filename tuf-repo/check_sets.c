/*
 * Sets: a router installs an image only when a set names it and the role of
 * that service lists it, and no other role does (design.md, "Trust").
 */
#include <stdlib.h>
#include <string.h>

#include "lib/json.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"
#include "lib/tuf_read.h"
#include "tuf-repo/check.h"
#include "tuf-repo/roles.h"

#define SET_MAX (256 * 1024)

static const char *const set_keys[] = { "kind", "v", "channel", "arch",
	"counter", "kernel", "services", "waves", "window", "notes", NULL };
static const char *const service_keys[] = { "service", "kind", "image", NULL };

static int
not_needed(void *arg, const char *role, const char *parent, struct err *err)
{
	(void)arg;
	(void)parent;
	return err_set(err, ERR_TRUST, "%s is not good", role);
}

/* The service's own role lists it, as the type it is named for. */
static int
check_image(struct check *c, const char *arch, const char *service,
    const char *type, const struct hash *h, struct err *err)
{
	auto_free char *role = mem_printf("svc-%s", service);
	auto_free char *path = NULL;
	const struct tuf_target *t;
	const char *where, *found;
	char hex[HASH_HEX];

	hash_hex(h, hex);
	path = mem_printf("images/%s/%s/%s", service, arch, hex);
	if (tuf_find(c->trust, path, not_needed, NULL, &t, &where, err) == -1)
		return -1;
	if (!t || strcmp(where, role) != 0)
		return err_set(
		    err, ERR_TRUST, "%s does not list %s", role, path);
	found = json_string_value(json_object_get(t->custom, "type"));
	if (!found || strcmp(found, type) != 0)
		return err_set(err, ERR_TRUST, "%s is no %s", path, type);
	return 0;
}

static int
check_set_service(
    struct check *c, const char *arch, const json_t *o, struct err *err)
{
	const char *service, *kind;
	struct hash image;

	if (js_only("service", o, service_keys, err) == -1 ||
	    js_str("service", o, "service", &service, err) == -1 ||
	    js_str("service", o, "kind", &kind, err) == -1 ||
	    js_hash("service", o, "image", &image, err) == -1)
		return -1;
	return check_image(c, arch, service, kind, &image, err);
}

static int
check_record(
    struct check *c, const char *path, const json_t *set, struct err *err)
{
	auto_free char *expected = NULL;
	const char *channel, *arch;
	json_t *kernel, *services;
	struct hash vmlinuz, initrd;
	int64_t counter;

	if (js_only("set", set, set_keys, err) == -1 ||
	    js_str("set", set, "channel", &channel, err) == -1 ||
	    js_str("set", set, "arch", &arch, err) == -1 ||
	    js_int("set", set, "counter", 1, INT64_C(1) << 53, &counter, err) ==
		-1 ||
	    js_object("set", set, "kernel", &kernel, err) == -1 ||
	    js_hash("kernel", kernel, "vmlinuz", &vmlinuz, err) == -1 ||
	    js_hash("kernel", kernel, "initrd", &initrd, err) == -1 ||
	    js_array("set", set, "services", &services, err) == -1)
		return -1;
	expected = mem_printf("sets/%s/%s.json", channel, arch);
	if (strcmp(expected, path) != 0)
		return err_set(err, ERR_TRUST, "its content says %s", expected);
	if (check_image(c, arch, "kernel", "kernel", &vmlinuz, err) == -1 ||
	    check_image(c, arch, "kernel", "kernel", &initrd, err) == -1)
		return -1;
	for (size_t i = 0; i < json_array_size(services); i++)
		if (check_set_service(
			c, arch, json_array_get(services, i), err) == -1)
			return -1;
	return 0;
}

/* Is this version of the role what clients have already? */
static bool
stood_before(struct check *c, const char *role)
{
	auto_free char *name = mem_printf("%s.json", role);
	auto_buf struct buf bytes = BUF_INIT;
	auto_tuf struct tuf_file *last = NULL, *snapshot = NULL;
	struct err ignore = ERR_INIT;
	const struct tuf_meta *m;
	char file[ROLE_FILE_MAX];

	if (!c->before ||
	    source_read(c->before, "timestamp.json", TUF_TIMESTAMP_MAX, &bytes,
		&ignore) == -1 ||
	    !(last = tuf_read(
		  TUF_TIMESTAMP, "timestamp", bytes.data, bytes.len, &ignore)))
		return false;
	role_file("snapshot", last->meta[0].version, file);
	buf_clear(&bytes);
	if (source_read(c->before, file, TUF_SNAPSHOT_MAX, &bytes, &ignore) ==
		-1 ||
	    !(snapshot = tuf_read(
		  TUF_SNAPSHOT, "snapshot", bytes.data, bytes.len, &ignore)))
		return false;
	m = tuf_meta_find(snapshot, name);
	return m && m->version == tuf_role(c->trust, role)->version;
}

static int
check_set(struct check *c, const char *role, const struct tuf_target *t,
    struct err *err)
{
	auto_free char *name = check_target_name(t);
	auto_buf struct buf text = BUF_INIT;
	auto_json json_t *set = NULL;
	struct err why = ERR_INIT;

	if (source_read_target(c->src, name, SET_MAX, &text, &why) == -1) {
		if (why.cls != ERR_MISSING) {
			*err = why;
			return -1;
		}
		return 0; /* found missing with all other targets */
	}
	set = js_record("set", "kiln/set", 1, text.data, text.len, &why);
	if (set && check_record(c, t->path, set, &why) == 0)
		return 0;
	/* An offline key has to sign a newer set after a withdrawal; until
	 * then routers refuse this one, which is what was wanted.  Only the
	 * publisher knows that it stood before. */
	if (set && stood_before(c, role))
		check_note(c, role, "%s: %s", t->path, why.msg);
	else
		check_find(c, role, "%s: %s", t->path, why.msg);
	return 0;
}

/* --- brakes ------------------------------------------------------------ */

#define BRAKE_SECONDS (14 * DAY)

static int
check_brake_record(struct check *c, const struct tuf_target *t, const json_t *b,
    struct err *err)
{
	static const char *const keys[] = { "kind", "v", "channel", "arch",
		"counter", "until", "reason", NULL };
	const char *channel, *arch, *when, *reason;
	int64_t counter, until;

	if (js_only("brake", b, keys, err) == -1 ||
	    js_str("brake", b, "channel", &channel, err) == -1 ||
	    js_str("brake", b, "arch", &arch, err) == -1 ||
	    js_int("brake", b, "counter", 1, JS_INT_MAX, &counter, err) == -1 ||
	    js_str("brake", b, "until", &when, err) == -1 ||
	    time_parse(when, &until, err) == -1 ||
	    js_str("brake", b, "reason", &reason, err) == -1)
		return -1;
	auto_free char *path = mem_printf("brake/%s/%s.json", channel, arch);
	if (strcmp(path, t->path) != 0)
		return err_set(err, ERR_TRUST, "its content says %s", path);
	if (until > c->now + BRAKE_SECONDS)
		return err_set(err, ERR_TRUST,
		    "it lasts longer than 14 days: routers ignore it");
	return 0;
}

static int
check_brake(struct check *c, const struct tuf_target *t, struct err *err)
{
	auto_free char *name = check_target_name(t);
	auto_buf struct buf text = BUF_INIT;
	auto_json json_t *b = NULL;
	struct err why = ERR_INIT;

	if (source_read_target(c->src, name, SET_MAX, &text, &why) == -1) {
		if (why.cls == ERR_MISSING)
			return 0; /* found missing with all other targets */
		*err = why;
		return -1;
	}
	b = js_record("brake", "kiln/brake", 1, text.data, text.len, &why);
	if (!b || check_brake_record(c, t, b, &why) == -1)
		check_find(c, "brake", "%s: %s", t->path, why.msg);
	return 0;
}

static int
check_brakes(struct check *c, struct err *err)
{
	const struct tuf_file *f = tuf_role(c->trust, "brake");

	for (size_t i = 0; f && i < f->ntargets; i++)
		if (check_brake(c, &f->targets[i], err) == -1)
			return -1;
	return 0;
}

int
check_sets(struct check *c, struct err *err)
{
	static const char *const roles[] = { "sets-stable", "sets-edge" };

	for (size_t i = 0; i < 2; i++) {
		const struct tuf_file *f = tuf_role(c->trust, roles[i]);

		for (size_t k = 0; f && k < f->ntargets; k++)
			if (check_set(c, roles[i], &f->targets[k], err) == -1)
				return -1;
	}
	return check_brakes(c, err);
}
