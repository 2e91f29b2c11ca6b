#include "router-agent/plan.h"

#include <string.h>

#include "lib/fdio.h"
#include "lib/num.h"

/* QEMU itself beside the guest's memory under TCG: reference/risks.md 3. */
#define OVERHEAD ((int64_t)48 << 20)
#define KERNEL_RESERVE ((int64_t)32 << 20)

static bool
same_kernel(const struct set *a, const struct set *b)
{
	return hash_equal(&a->vmlinuz.hash, &b->vmlinuz.hash) &&
	       hash_equal(&a->initrd.hash, &b->initrd.hash) &&
	       strcmp(a->machine, b->machine) == 0 &&
	       strcmp(a->cmdline, b->cmdline) == 0 &&
	       a->kernel_memory == b->kernel_memory;
}

int
plan_make(const struct set *current, const struct set *next, int64_t available,
    struct plan *p, struct err *err)
{
	bool kernel = current && same_kernel(current, next);
	int64_t freed = 0;

	memset(p, 0, sizeof(*p));
	for (size_t i = 0; i < next->nservices; i++) {
		const struct set_service *n = &next->services[i];
		const struct set_service *o =
		    current ? set_service(current, n->name) : NULL;

		p->act[i] = !o ? PLAN_ADD : PLAN_REPLACE;
		if (o && kernel && o->memory == n->memory &&
		    hash_equal(&o->image.hash, &n->image.hash)) {
			p->act[i] = PLAN_KEEP;
			continue;
		}
		p->changes++;
		p->memory += n->memory + OVERHEAD;
		if (o)
			freed += o->memory + OVERHEAD;
	}
	for (size_t i = 0; current && i < current->nservices; i++) {
		p->remove[i] = !set_service(next, current->services[i].name);
		p->changes += p->remove[i];
	}
	p->beside = p->memory + KERNEL_RESERVE <= available;
	if (!p->beside && p->memory + KERNEL_RESERVE > available + freed)
		return err_set(err, ERR_SYSTEM,
		    "set %lld needs %lld MiB of memory for its machines, %lld "
		    "MiB can be had",
		    (long long)next->counter, (long long)(p->memory >> 20),
		    (long long)((available + freed) >> 20));
	return 0;
}

void
plan_text(const struct plan *p, const struct set *current,
    const struct set *next, struct buf *b)
{
	static const char *const words[] = { "keep", "replace", "add" };

	for (size_t i = 0; i < next->nservices; i++) {
		const struct set_service *s = &next->services[i];
		char hex[HASH_HEX];

		hash_hex(&s->image.hash, hex);
		buf_printf(b, "%-8s %s %s %.12s (%lld of the keys signed)\n",
		    words[p->act[i]], s->name, s->version, hex,
		    (long long)s->keys);
	}
	for (size_t i = 0; current && i < current->nservices; i++)
		if (p->remove[i])
			buf_printf(b, "%-8s %s\n", "remove",
			    current->services[i].name);
	if (p->changes > 0)
		buf_printf(b, "old and new machines run %s\n",
		    p->beside ? "side by side"
			      : "one after the other: memory is short");
}

int
plan_memory(int64_t *out, struct err *err)
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
		if (!span_next(&line, ' ', &word) || word.n >= sizeof(digits))
			break;
		memcpy(digits, word.p, word.n);
		digits[word.n] = '\0';
		if (num_int(digits, 0, INT64_MAX >> 10, out, err) == -1)
			return -1;
		*out <<= 10;
		return 0;
	}
	return err_set(err, ERR_SYSTEM, "/proc/meminfo: no MemAvailable");
}
