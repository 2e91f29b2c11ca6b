#include "tuf-repo/making.h"

#include <stdlib.h>
#include <string.h>

#include "lib/json.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "tuf-repo/roles.h"
#include "tuf-repo/service.h"

void
making_init(struct making *m, const char *arch)
{
	*m = (struct making){ .arch = arch };
	m->services = json_array();
	m->provides = json_object();
	m->needs = json_object();
}

void
making_release(struct making *m)
{
	json_decref(m->services);
	json_decref(m->provides);
	json_decref(m->needs);
	free(m->unsigned_one);
	free(m->gone);
}

/* --- what the service roles list --------------------------------------- */

static int
current_target(struct repo *r, const char *service, const char *arch,
    const char *sha256, bool *yes, struct err *err)
{
	static const char sql[] =
	    "SELECT 1 FROM release r JOIN release_target t"
	    " ON t.release = r.digest WHERE r.service = ?1 AND r.arch = ?2"
	    " AND r.current = 1 AND t.sha256 = ?3";
	auto_stmt struct stmt *q = db_stmt(r->db, sql);
	int rc;

	stmt_bind_str(q, 1, service);
	stmt_bind_str(q, 2, arch);
	stmt_bind_str(q, 3, sha256);
	rc = stmt_step(q, err);
	*yes = rc == 1;
	return rc == -1 ? -1 : 0;
}

/* Has it a release that stands?  *had: has it ever had one? */
static int
stands(struct repo *r, const char *service, const char *arch, bool *yes,
    bool *had, struct err *err)
{
	static const char sql[] =
	    "SELECT count(*), coalesce(max(current), 0)"
	    " FROM release WHERE service = ?1 AND arch = ?2";
	auto_stmt struct stmt *q = db_stmt(r->db, sql);

	stmt_bind_str(q, 1, service);
	stmt_bind_str(q, 2, arch);
	if (stmt_step(q, err) == -1)
		return -1;
	*had = stmt_int(q, 0) > 0;
	*yes = stmt_int(q, 1) == 1;
	return 0;
}

static const char *
custom_word(const struct tuf_target *t, const char *key)
{
	const char *s = json_string_value(json_object_get(t->custom, key));

	return s ? s : "";
}

static void
note_interfaces(
    struct making *m, const char *service, const struct tuf_target *t)
{
	const json_t *needs = json_object_get(t->custom, "needs");
	const json_t *provides = json_object_get(t->custom, "provides");

	for (size_t i = 0; i < json_array_size(needs); i++)
		js_set_str(m->needs,
		    json_string_value(json_array_get(needs, i)), service);
	for (size_t i = 0; i < json_array_size(provides); i++)
		js_set_bool(m->provides,
		    json_string_value(json_array_get(provides, i)), true);
}

static void
note_kernel(struct making *m, const struct tuf_target *t)
{
	if (strcmp(custom_word(t, "part"), "vmlinuz") == 0) {
		m->vmlinuz = t->sha256;
		m->has_vmlinuz = true;
	} else {
		m->initrd = t->sha256;
		m->has_initrd = true;
	}
}

static void
note_service(struct making *m, const char *service, const struct tuf_target *t)
{
	json_t *o = json_object();

	js_set_str(o, "service", service);
	js_set_str(o, "kind", custom_word(t, "type"));
	js_set_hash(o, "image", &t->sha256);
	json_array_append_new(m->services, o);
	note_interfaces(m, service, t);
}

static int
note_targets(struct repo *r, struct making *m, const char *service,
    const struct tuf_file *f, bool *noted, struct err *err)
{
	for (size_t i = 0; i < f->ntargets; i++) {
		const struct tuf_target *t = &f->targets[i];
		char arch[TARGET_PATH_MAX], hex[HASH_HEX];
		bool current;

		if (!target_arch(t, arch) || strcmp(arch, m->arch) != 0)
			continue;
		hash_hex(&t->sha256, hex);
		if (current_target(r, service, arch, hex, &current, err) == -1)
			return -1;
		if (!current)
			continue;
		*noted = true;
		if (strcmp(custom_word(t, "type"), "kernel") == 0)
			note_kernel(m, t);
		else
			note_service(m, service, t);
	}
	return 0;
}

static int
note_role(struct repo *r, struct making *m, const char *role, struct err *err)
{
	auto_tuf struct tuf_file *f = NULL;
	const char *service = role_service(role);
	bool yes, had, noted = false;

	if (stands(r, service, m->arch, &yes, &had, err) == -1)
		return -1;
	/* Leaving it out would stop it on every router. */
	if (!yes && had && !m->gone)
		m->gone = mem_str(service);
	if (!yes)
		return 0;
	if (role_load_newest(r->db, role, &f, err) == -1 ||
	    (f && note_targets(r, m, service, f, &noted, err) == -1))
		return -1;
	if (!noted && !m->unsigned_one)
		m->unsigned_one = mem_str(service);
	return 0;
}

static int
by_name(const void *a, const void *b)
{
	return strcmp((*(const struct tuf_role *const *)a)->name,
	    (*(const struct tuf_role *const *)b)->name);
}

/* Sorted by role name, so the record is sorted by service. */
int
making_collect(struct repo *r, const struct tuf_file *targets, struct making *m,
    struct err *err)
{
	auto_free const struct tuf_role **sorted =
	    mem_zero(targets->nroles + 1, sizeof(struct tuf_role *));

	for (size_t i = 0; i < targets->nroles; i++)
		sorted[i] = &targets->roles[i];
	qsort(sorted, targets->nroles, sizeof(struct tuf_role *), by_name);
	for (size_t i = 0; i < targets->nroles; i++) {
		if (role_service(sorted[i]->name) &&
		    note_role(r, m, sorted[i]->name, err) == -1)
			return -1;
	}
	return 0;
}

/* --- is it whole? ------------------------------------------------------ */

bool
making_whole(const struct making *m, struct buf *why)
{
	const char *need;
	json_t *who;

	if (m->gone)
		buf_printf(why, "all releases of %s are withdrawn", m->gone);
	else if (m->unsigned_one)
		buf_printf(why, "%s waits for signatures of other rebuilders",
		    m->unsigned_one);
	else if (json_array_size(m->services) == 0)
		buf_str(why, "no service has a published image yet");
	else if (!m->has_vmlinuz || !m->has_initrd)
		buf_str(why, "no kernel is published yet");
	else {
		json_object_foreach(m->needs, need, who)
		{
			if (json_object_get(m->provides, need))
				continue;
			buf_printf(why, "%s needs %s, which nothing provides",
			    json_string_value(who), need);
			return false;
		}
		return true;
	}
	return false;
}
