#include "router-agent/plan.h"

#include <errno.h>
#include <string.h>
#include <sys/statvfs.h>

#include "lib/canon.h"
#include "lib/conf_schema.h"
#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/num.h"
#include "router-agent/machine/solo5.h"
#include "router-agent/machine/volume.h"

#define MIB ((int64_t)1 << 20)
/* QEMU beside the guest's memory (reference/risks.md 3): 32 MiB of its own,
 * and under TCG 16 MiB of translated code, as it is started. */
#define OVERHEAD (32 * MIB)
#define OVERHEAD_TCG (16 * MIB)
#define MEMORY_RESERVE (32 * MIB)
#define DISK_RESERVE (8 * MIB)

static const char *const act_words[] = { "keep", "replace", "add" };

int64_t
plan_overhead(const struct set_service *v, const char *accel)
{
	if (v->solo5[0])
		return SOLO5_OVERHEAD;
	return strcmp(accel, "kvm") == 0 ? OVERHEAD : OVERHEAD + OVERHEAD_TCG;
}

static int64_t
memory_of(const struct set *s, const struct set_service *v, const char *accel)
{
	return set_guest_memory(s, v) + plan_overhead(v, accel);
}

static bool
same_kernel(const struct set *a, const struct set *b)
{
	return hash_equal(&a->vmlinuz.hash, &b->vmlinuz.hash) &&
	       hash_equal(&a->initrd.hash, &b->initrd.hash) &&
	       strcmp(a->machine, b->machine) == 0 &&
	       strcmp(a->cmdline, b->cmdline) == 0 &&
	       a->kernel_memory == b->kernel_memory;
}

/* --- the disk ------------------------------------------------------------ */

struct files {
	const struct set_file *at[SET_SERVICES + 3];
	size_t n;
};

/* One file may serve several services. */
static void
want(struct files *f, const struct plan_host *host, const struct set_file *file)
{
	for (size_t i = 0; i < f->n; i++)
		if (hash_equal(&f->at[i]->hash, &file->hash))
			return;
	if (!host->store || !store_has(host->store, &file->hash))
		f->at[f->n++] = file;
}

/* What is to be fetched, and beside the largest of it its packed form. */
static void
count_disk(struct plan *p, const struct set *next, const struct plan_host *host)
{
	struct files f = { .n = 0 };
	int64_t largest = 0;

	want(&f, host, &next->vmlinuz);
	want(&f, host, &next->initrd);
	for (size_t i = 0; i < next->nservices; i++)
		want(&f, host, &next->services[i].image);
	if (next->has_agent)
		want(&f, host, &next->agent);
	for (size_t i = 0; i < f.n; i++) {
		p->download += f.at[i]->size;
		if (f.at[i]->size > largest)
			largest = f.at[i]->size;
	}
	p->disk = f.n == 0 ? 0 : p->download + largest + DISK_RESERVE;
}

/* What runs keeps its volumes, whatever becomes of the copies. */
static int
count_state(struct plan *p, const struct set *current, const struct set *next,
    const struct plan_host *host, struct err *err)
{
	for (size_t i = 0; i < next->nservices && !host->reflinks; i++) {
		const struct set_service *o =
		    current ? set_service(current, next->services[i].name)
			    : NULL;

		if (!o || o->state == 0 || p->act[i] != PLAN_REPLACE)
			continue;
		for (size_t k = 0; k < o->nvolumes; k++) {
			int64_t n = volume_allocated(host->volumes, o->name,
			    o->volumes[k].name, o->state);

			p->copy += n;
			if (n <= host->state_copy)
				continue;
			err_set(err, ERR_SYSTEM,
			    "volume %s of %s holds %lld bytes, and at most "
			    "%lld are copied: raise state_copy, or keep the "
			    "state folder on a file system with reflinks",
			    o->volumes[k].name, o->name, (long long)n,
			    (long long)host->state_copy);
			err->sys = EFBIG;
			return -1;
		}
	}
	if (p->copy > 0)
		p->disk += p->copy + DISK_RESERVE;
	return 0;
}

static int
fits_disk(const struct plan *p, const struct set *next,
    const struct plan_host *host, struct err *err)
{
	if (p->disk <= host->disk)
		return 0;
	err_set(err, ERR_SYSTEM,
	    "set %lld needs %lld bytes of the disk, %lld are free",
	    (long long)next->counter, (long long)p->disk,
	    (long long)host->disk);
	err->sys = ENOSPC;
	return -1;
}

/* --- the plan ------------------------------------------------------------ */

/* What an approval is for: the same words, the same plan. */
static json_t *
identity(
    const struct plan *p, const struct set *current, const struct set *next)
{
	json_t *j = js_record_new("kiln/agent-plan", 1);
	json_t *services = json_array(), *gone = json_array();

	if (current)
		js_set_hash(j, "from", &current->sha256);
	else
		js_set(j, "from", json_null());
	js_set_hash(j, "to", &next->sha256);
	js_set_bool(j, "beside", p->beside);
	for (size_t i = 0; i < next->nservices; i++) {
		json_t *s = json_object();

		js_set_str(s, "service", next->services[i].name);
		js_set_str(s, "act", act_words[p->act[i]]);
		js_set_hash(s, "image", &next->services[i].image.hash);
		json_array_append_new(services, s);
	}
	for (size_t i = 0; current && i < current->nservices; i++)
		if (p->remove[i])
			json_array_append_new(
			    gone, json_string(current->services[i].name));
	js_set(j, "services", services);
	js_set(j, "remove", gone);
	return j;
}

static int
fits_memory(struct plan *p, const struct set *next, int64_t first,
    int64_t freed, const struct plan_host *host, struct err *err)
{
	p->beside = p->memory + MEMORY_RESERVE <= host->memory + first;
	if (p->beside || p->memory + MEMORY_RESERVE <= host->memory + freed)
		return 0;
	return err_set(err, ERR_SYSTEM,
	    "set %lld needs %lld MiB of memory for its machines with QEMU's "
	    "own, %lld MiB can be had",
	    (long long)next->counter, (long long)(p->memory / MIB),
	    (long long)((host->memory + freed) / MIB));
}

int
plan_make(const struct set *current, const struct set *next,
    const struct plan_host *host, struct plan *p, struct err *err)
{
	bool kernel = current && same_kernel(current, next);
	json_t *j;
	int64_t freed = 0, first = 0; /* first: whatever the memory */
	int ret;

	memset(p, 0, sizeof(*p));
	for (size_t i = 0; i < next->nservices; i++) {
		const struct set_service *n = &next->services[i];
		const struct set_service *o =
		    current ? set_service(current, n->name) : NULL;

		p->act[i] = !o ? PLAN_ADD : PLAN_REPLACE;
		if (o && (kernel || n->solo5[0]) && o->memory == n->memory &&
		    hash_equal(&o->image.hash, &n->image.hash)) {
			p->act[i] = PLAN_KEEP;
			continue;
		}
		p->changes++;
		p->memory += memory_of(next, n, host->accel);
		if (o)
			freed += memory_of(current, o, host->accel);
		if (o && n->handover == HANDOVER_EXCLUSIVE)
			first += memory_of(current, o, host->accel);
	}
	for (size_t i = 0; current && i < current->nservices; i++) {
		p->remove[i] = !set_service(next, current->services[i].name);
		p->changes += p->remove[i];
	}
	count_disk(p, next, host);
	if (count_state(p, current, next, host, err) == -1 ||
	    fits_memory(p, next, first, freed, host, err) == -1 ||
	    fits_disk(p, next, host, err) == -1)
		return -1;
	j = identity(p, current, next);
	ret = canon_hash(j, &p->hash, err);
	json_decref(j);
	return ret;
}

bool
plan_has_room(const struct set *s, const struct set_service *v,
    const struct plan_host *host)
{
	return memory_of(s, v, host->accel) + MEMORY_RESERVE <= host->memory;
}

int
plan_config(
    const struct agent_conf *conf, const struct set *next, struct err *err)
{
	for (size_t i = 0; i < next->nservices; i++) {
		const struct set_service *v = &next->services[i];
		const struct agent_service *s =
		    agent_conf_service(conf, v->name);

		if (s && conf_schema_fits(
			     s->node, "config", v->name, v->config, err) == -1)
			return -1;
	}
	return 0;
}

int
plan_unikernels(const struct agent_conf *conf, const struct set *next,
    const struct plan_host *host, struct err *err)
{
	for (size_t i = 0; i < next->nservices; i++)
		if (next->services[i].solo5[0] &&
		    solo5_fits(conf, &next->services[i], next->arch,
			host->accel, err) == -1)
			return -1;
	return 0;
}

const char *
plan_cause(const struct err *err)
{
	if (err->sys == ENOEXEC)
		return "tender";
	if (err->sys)
		return err_cause(err);
	return err->cls == ERR_INPUT ? "config" : "memory";
}

void
plan_text(const struct plan *p, const struct set *current,
    const struct set *next, struct buf *b)
{
	char hex[HASH_HEX];

	for (size_t i = 0; i < next->nservices; i++) {
		const struct set_service *s = &next->services[i];

		hash_hex(&s->image.hash, hex);
		buf_printf(b, "%-8s %s %s %.12s (%lld of the keys signed)\n",
		    act_words[p->act[i]], s->name, s->version, hex,
		    (long long)s->keys);
	}
	for (size_t i = 0; current && i < current->nservices; i++)
		if (p->remove[i])
			buf_printf(b, "%-8s %s\n", "remove",
			    current->services[i].name);
	if (next->has_agent &&
	    (!current || !current->has_agent ||
		!hash_equal(&current->agent.hash, &next->agent.hash))) {
		hash_hex(&next->agent.hash, hex);
		buf_printf(b,
		    "%-8s kiln-agent %s %.12s: itself; machines go on\n",
		    act_words[PLAN_REPLACE], next->agent_version, hex);
	}
	if (p->changes > 0)
		buf_printf(b, "old and new machines run %s\n",
		    p->beside ? "side by side"
			      : "one after the other: memory is short");
	buf_printf(
	    b, "memory   %lld MiB, to fetch ", (long long)(p->memory / MIB));
	num_add_size(b, p->download);
	if (p->copy > 0) {
		buf_str(b, ", state to copy ");
		num_add_size(b, p->copy);
	}
	hash_hex(&p->hash, hex);
	buf_printf(b, "\nplan     %s\n", hex);
}

json_t *
plan_json(
    const struct plan *p, const struct set *current, const struct set *next)
{
	json_t *j = identity(p, current, next);
	json_t *services = json_object_get(j, "services");

	js_set_hash(j, "hash", &p->hash);
	js_set_int(j, "counter", next->counter);
	js_set_int(j, "changes", (int64_t)p->changes);
	js_set_int(j, "memory", p->memory);
	js_set_int(j, "download", p->download);
	js_set_int(j, "disk", p->disk);
	js_set_int(j, "copy", p->copy);
	for (size_t i = 0; i < next->nservices; i++) {
		const struct set_service *v = &next->services[i];
		json_t *s = json_array_get(services, i);

		js_set_str(s, "version", v->version);
		js_set_int(s, "keys", v->keys);
	}
	return j;
}

/* --- the host ------------------------------------------------------------ */

/* MemAvailable. */
static int
ask_memory(int64_t *out, struct err *err)
{
	auto_buf struct buf text = BUF_INIT;
	struct span rest, line;

	if (file_read("/proc/meminfo", 65536, &text, err) == -1)
		return -1;
	rest = span_buf(&text);
	while (span_next(&rest, '\n', &line)) {
		struct span key, word;
		char digits[32];

		if (!span_next(&line, ':', &key) ||
		    !span_is(key, "MemAvailable"))
			continue;
		line = span_trim(line);
		if (!span_next(&line, ' ', &word) ||
		    !span_copy(word, digits, sizeof(digits)))
			break;
		if (num_int(digits, 0, INT64_MAX >> 10, out, err) == -1)
			return -1;
		*out <<= 10;
		return 0;
	}
	return err_set(err, ERR_SYSTEM, "/proc/meminfo: no MemAvailable");
}

int
plan_host(struct plan_host *h, int statefd, struct store *store, int volumes,
    const char *accel, int64_t state_copy, struct err *err)
{
	struct statvfs v;

	*h = (struct plan_host){ .accel = accel,
		.store = store,
		.volumes = volumes,
		.reflinks = volume_reflinks(volumes),
		.state_copy = state_copy };
	if (fstatvfs(statefd, &v) == -1)
		return err_sys(err, "ask for the room on the disk");
	h->disk = (int64_t)v.f_bavail * (int64_t)v.f_frsize;
	return ask_memory(&h->memory, err);
}
