#include "tuf-repo/service.h"

#include <stdlib.h>
#include <string.h>

#include "lib/json.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "tuf-repo/metadata.h"

/* What is to be listed, before it is cut to the newest. */
struct listed {
	char path[TARGET_PATH_MAX];
	char arch[TARGET_PATH_MAX];
	int64_t serial, size;
	struct hash sha256;
	json_t *custom; /* owned */
};

struct listing {
	struct listed *e;
	size_t n, cap;
};

int64_t
target_serial(const struct tuf_target *t)
{
	return json_integer_value(json_object_get(t->custom, "serial"));
}

int64_t
service_min_serial(const struct tuf_file *f)
{
	return json_integer_value(
	    json_object_get(f->signed_json, "min_serial"));
}

bool
target_arch(const struct tuf_target *t, char out[TARGET_PATH_MAX])
{
	const char *end = strrchr(t->path, '/'), *start;

	if (!end)
		return false;
	for (start = end; start > t->path && start[-1] != '/'; start--)
		continue;
	if (start == t->path || (size_t)(end - start) >= TARGET_PATH_MAX)
		return false;
	memcpy(out, start, (size_t)(end - start));
	out[end - start] = '\0';
	return true;
}

static struct listed *
slot(struct listing *l, const char *path)
{
	struct listed *e;

	for (size_t i = 0; i < l->n; i++) {
		if (strcmp(l->e[i].path, path) == 0) {
			json_decref(l->e[i].custom);
			return &l->e[i];
		}
	}
	MEM_GROW(l->e, l->n, l->cap);
	e = &l->e[l->n++];
	memcpy(e->path, path, strlen(path) + 1);
	return e;
}

static void
add_previous(struct listing *l, const struct tuf_file *f, int64_t min_serial)
{
	for (size_t i = 0; i < f->ntargets; i++) {
		const struct tuf_target *t = &f->targets[i];
		char arch[TARGET_PATH_MAX];
		struct listed *e;

		if (target_serial(t) < min_serial || !target_arch(t, arch) ||
		    strlen(t->path) >= TARGET_PATH_MAX)
			continue;
		e = slot(l, t->path);
		memcpy(e->arch, arch, sizeof(arch));
		e->serial = target_serial(t);
		e->size = t->length;
		e->sha256 = t->sha256;
		e->custom = json_incref(t->custom);
	}
}

static void
add_release(struct listing *l, const struct release *r, int64_t serial)
{
	for (size_t i = 0; i < r->ntargets; i++) {
		char path[TARGET_PATH_MAX];
		struct listed *e;

		release_path(r, i, path);
		e = slot(l, path);
		memcpy(e->arch, r->arch, strlen(r->arch) + 1);
		e->serial = serial;
		e->size = r->targets[i].size;
		e->sha256 = r->targets[i].sha256;
		e->custom = json_copy(r->targets[i].custom);
		js_set_int(e->custom, "serial", serial);
	}
}

/* How many later releases of its architecture are there? */
static size_t
newer(const struct listing *l, const struct listed *e)
{
	size_t n = 0;

	for (size_t i = 0; i < l->n; i++) {
		bool first = l->e[i].serial > e->serial &&
			     strcmp(l->e[i].arch, e->arch) == 0;

		/* a kernel's two targets count once */
		for (size_t k = 0; first && k < i; k++)
			first = l->e[k].serial != l->e[i].serial ||
				strcmp(l->e[k].arch, e->arch) != 0;
		n += first;
	}
	return n;
}

json_t *
service_product(const char *role, const struct tuf_file *previous,
    int64_t version, int64_t expires, int64_t min_serial,
    const struct release *const *fresh, size_t nfresh)
{
	json_t *o = meta_signed(role, version, expires);
	json_t *targets = json_object();
	struct listing l = { NULL, 0, 0 };

	if (previous)
		add_previous(&l, previous, min_serial);
	for (size_t i = 0; i < nfresh; i++)
		add_release(&l, fresh[i], version);
	for (size_t i = 0; i < l.n; i++) {
		json_t *t;

		if (newer(&l, &l.e[i]) >= SERVICE_KEEP)
			continue;
		t = meta_entry(&l.e[i].sha256, l.e[i].size, 0);
		json_object_set(t, "custom", l.e[i].custom);
		js_set(targets, l.e[i].path, t);
	}
	for (size_t i = 0; i < l.n; i++)
		json_decref(l.e[i].custom);
	free(l.e);
	js_set_int(o, "min_serial", min_serial);
	js_set(o, "targets", targets);
	return o;
}

bool
service_lists(const struct tuf_file *f, const struct release *r)
{
	for (size_t i = 0; i < r->ntargets; i++) {
		const struct tuf_target *t;
		char path[TARGET_PATH_MAX];
		bool same;

		release_path(r, i, path);
		t = tuf_target_find(f, path);
		if (!t || t->length != r->targets[i].size)
			return false;
		auto_json json_t *plain = json_copy(t->custom);
		json_object_del(plain, "serial");
		same = json_equal(plain, r->targets[i].custom);
		if (!same)
			return false;
	}
	return true;
}
