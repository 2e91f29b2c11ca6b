#include "tuf-repo/setrules.h"

#include <stdlib.h>
#include <string.h>

#include "lib/json.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "tuf-repo/consider.h"
#include "tuf-repo/own_target.h"
#include "tuf-repo/roles.h"
#include "tuf-repo/service.h"
#include "tuf-repo/waves.h"

static const char *const set_keys[] = { "kind", "v", "channel", "arch",
	"counter", "kernel", "services", "waves", "window", "notes", NULL };
static const char *const kernel_keys[] = { "vmlinuz", "initrd", NULL };
static const char *const service_keys[] = { "service", "kind", "image", NULL };

static const char *
word(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "";
}

/* --- its form ---------------------------------------------------------- */

static int
read_services(const json_t *services, struct err *err)
{
	const char *service, *kind, *last = "";
	struct hash image;

	for (size_t i = 0; i < json_array_size(services); i++) {
		const json_t *o = json_array_get(services, i);

		if (js_only("service", o, service_keys, err) == -1 ||
		    js_str("service", o, "service", &service, err) == -1 ||
		    js_str("service", o, "kind", &kind, err) == -1 ||
		    js_hash("service", o, "image", &image, err) == -1)
			return -1;
		if (!service_ok(service) || strcmp(service, last) <= 0)
			return err_set(err, ERR_INPUT,
			    "set: services must be sorted and named once");
		last = service;
	}
	return 0;
}

static int
read_parts(const char *path, const json_t *set, struct err *err)
{
	const char *channel, *arch, *notes;
	json_t *kernel, *services, *waves;
	struct hash h;
	int64_t counter;

	if (js_only("set", set, set_keys, err) == -1 ||
	    js_str("set", set, "channel", &channel, err) == -1 ||
	    js_str("set", set, "arch", &arch, err) == -1 ||
	    js_int("set", set, "counter", 1, JS_INT_MAX, &counter, err) == -1 ||
	    js_object("set", set, "kernel", &kernel, err) == -1 ||
	    js_only("kernel", kernel, kernel_keys, err) == -1 ||
	    js_hash("kernel", kernel, "vmlinuz", &h, err) == -1 ||
	    js_hash("kernel", kernel, "initrd", &h, err) == -1 ||
	    js_array("set", set, "services", &services, err) == -1 ||
	    js_array("set", set, "waves", &waves, err) == -1 ||
	    waves_check(waves, err) == -1 ||
	    window_check(json_object_get(set, "window"), err) == -1 ||
	    js_str("set", set, "notes", &notes, err) == -1 ||
	    read_services(services, err) == -1)
		return -1;
	auto_free char *expected = mem_printf("sets/%s/%s.json", channel, arch);
	if (strcmp(expected, path) != 0)
		return err_set(
		    err, ERR_TRUST, "%s: its content says %s", path, expected);
	return 0;
}

json_t *
set_read(const char *path, const void *p, size_t len, struct err *err)
{
	auto_json json_t *set = NULL;

	if (len > SET_MAX) {
		err_set(err, ERR_INPUT, "%s: too long", path);
		return NULL;
	}
	set = js_record(path, "kiln/set", 1, p, len, err);
	if (!set || read_parts(path, set, err) == -1)
		return NULL;
	return take_ptr(&set);
}

/* --- what it names ----------------------------------------------------- */

static int
judge_image(struct repo *r, const char *arch, const char *service,
    const char *type, const char *hex, struct err *err)
{
	auto_free char *role = mem_printf("svc-%s", service);
	auto_free char *path =
	    mem_printf("images/%s/%s/%s", service, arch, hex);
	auto_tuf struct tuf_file *f = NULL;
	const struct tuf_target *t;
	int64_t min;

	if (role_load_newest(r->db, role, &f, err) == -1 ||
	    withdrawn_below(r, service, &min, err) == -1)
		return -1;
	t = f ? tuf_target_find(f, path) : NULL;
	if (!t)
		return err_set(err, ERR_TRUST,
		    "%s: %s does not list it: it was not reproduced, was"
		    " withdrawn, or is another service's",
		    path, role);
	if (target_serial(t) < min)
		return err_set(err, ERR_TRUST, "%s: it is withdrawn", path);
	if (strcmp(word(t->custom, "type"), type) != 0)
		return err_set(err, ERR_TRUST, "%s: it is no %s", path, type);
	return 0;
}

int
set_judge(struct repo *r, const json_t *set, struct err *err)
{
	const json_t *kernel = json_object_get(set, "kernel");
	const json_t *services = json_object_get(set, "services");
	const char *arch = word(set, "arch");

	if (judge_image(r, arch, "kernel", "kernel", word(kernel, "vmlinuz"),
		err) == -1 ||
	    judge_image(
		r, arch, "kernel", "kernel", word(kernel, "initrd"), err) == -1)
		return -1;
	for (size_t i = 0; i < json_array_size(services); i++) {
		const json_t *o = json_array_get(services, i);

		if (judge_image(r, arch, word(o, "service"), word(o, "kind"),
			word(o, "image"), err) == -1)
			return -1;
	}
	return 0;
}

/* --- roles of ceremonies ----------------------------------------------- */

static int
load_set(
    struct repo *r, const struct tuf_target *t, json_t **set, struct err *err)
{
	auto_free char *text = NULL;

	if (own_target_get(r, &t->sha256, &text, err) == -1)
		return -1;
	if (!text)
		return err_set(err, ERR_MISSING,
		    "%s: the set itself is not here; promote it again",
		    t->path);
	*set = set_read(t->path, text, strlen(text), err);
	return *set ? 0 : -1;
}

/* A counter that was used stands for that set for ever. */
static int
judge_counter(
    struct repo *r, const json_t *set, const struct hash *h, struct err *err)
{
	static const char sql[] =
	    "SELECT coalesce(max(counter), 0),"
	    " (SELECT counter FROM \"set\" WHERE channel = ?1 AND arch = ?2"
	    " AND digest = ?3) FROM \"set\" WHERE channel = ?1 AND arch = ?2";
	auto_stmt struct stmt *q = db_stmt(r->db, sql);
	int64_t counter = json_integer_value(json_object_get(set, "counter"));

	stmt_bind_str(q, 1, word(set, "channel"));
	stmt_bind_str(q, 2, word(set, "arch"));
	stmt_bind_hash(q, 3, h);
	if (stmt_step(q, err) == -1)
		return -1;
	if ((!stmt_null(q, 1) && stmt_int(q, 1) == stmt_int(q, 0)) ||
	    counter > stmt_int(q, 0))
		return 0;
	return err_set(err, ERR_TRUST,
	    "set %s/%s: counter %lld comes after %lld", word(set, "channel"),
	    word(set, "arch"), (long long)counter, (long long)stmt_int(q, 0));
}

int
sets_role_judge(struct repo *r, const struct tuf_file *f, struct err *err)
{
	for (size_t i = 0; i < f->ntargets; i++) {
		auto_json json_t *set = NULL;

		if (load_set(r, &f->targets[i], &set, err) == -1 ||
		    judge_counter(r, set, &f->targets[i].sha256, err) == -1 ||
		    set_judge(r, set, err) == -1)
			return -1;
	}
	return 0;
}

int
set_note(
    struct repo *r, const json_t *set, const struct hash *h, struct err *err)
{
	static const char sql[] =
	    "INSERT INTO \"set\"(channel, arch, counter, digest, made_at)"
	    " VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING";
	auto_stmt struct stmt *q = db_stmt(r->db, sql);

	stmt_bind_str(q, 1, word(set, "channel"));
	stmt_bind_str(q, 2, word(set, "arch"));
	stmt_bind_int(
	    q, 3, json_integer_value(json_object_get(set, "counter")));
	stmt_bind_hash(q, 4, h);
	stmt_bind_int(q, 5, r->now);
	return stmt_run(q, err);
}

int
sets_role_note(struct repo *r, const struct tuf_file *f, struct err *err)
{
	for (size_t i = 0; i < f->ntargets; i++) {
		auto_json json_t *set = NULL;

		if (load_set(r, &f->targets[i], &set, err) == -1 ||
		    set_note(r, set, &f->targets[i].sha256, err) == -1)
			return -1;
	}
	return 0;
}

int
set_counter(struct repo *r, const char *channel, const char *arch,
    int64_t *counter, struct err *err)
{
	static const char sql[] =
	    "SELECT coalesce(max(counter), 0) FROM \"set\""
	    " WHERE channel = ?1 AND arch = ?2";
	auto_stmt struct stmt *q = db_stmt(r->db, sql);

	stmt_bind_str(q, 1, channel);
	stmt_bind_str(q, 2, arch);
	if (stmt_step(q, err) == -1)
		return -1;
	*counter = stmt_int(q, 0);
	return 0;
}
