/* A router's check, by the agent's code over HTTP. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/tree.h"
#include "lib/tuf_read.h"
#include "router-agent/trust/check.h"
#include "router-agent/trust/verify_proto.h"
#include "tests/fleet/fleet.h"

#define CLOSED "http://127.0.0.1:1" /* nobody listens there */

static struct fleet *counting; /* by __wrap_fetcher_get */
static int64_t requests, down, up;

int __wrap_fetcher_get(struct fetcher *, const char *, int64_t, int,
    const struct fetch_more *, struct fetch_answer *, struct err *);
int __real_fetcher_get(struct fetcher *, const char *, int64_t, int,
    const struct fetch_more *, struct fetch_answer *, struct err *);

int
__wrap_fetcher_get(struct fetcher *f, const char *url, int64_t limit, int fd,
    const struct fetch_more *more, struct fetch_answer *a, struct err *err)
{
	int got = __real_fetcher_get(f, url, limit, fd, more, a, err);

	if (got == -1)
		return -1;
	requests++;
	counting->real++;
	/* "GET PATH HTTP/1.1", Host, User-Agent, Accept */
	up += (int64_t)strlen(url) + 80;
	down += a->status == 200 || a->status == 206
		    ? a->bytes + counting->head_ok
		    : counting->missing;
	return 0;
}

/* --- sets --------------------------------------------------------------------
 */

/* As published: for waves and window. */
static int
know_set(struct fleet *f, const struct set *set, int *index, struct err *err)
{
	auto_buf struct buf b = BUF_INIT;
	auto_free char *path = NULL;
	char hex[HASH_HEX];

	for (*index = 0; *index < f->nsets; ++*index)
		if (hash_equal(&f->sets[*index]->sha256, &set->sha256))
			return 0;
	if (f->nsets == FLEET_SETS)
		return err_set(err, ERR_SYSTEM, "too many sets");
	hash_hex(&set->sha256, hex);
	path = mem_printf("%s/tuf/targets/sets/%s/%s.%s.json", f->state,
	    set->channel, hex, set->arch);
	if (file_read(path, RULES_SET_MAX, &b, err) == -1)
		return -1;
	f->set_json[f->nsets] = js_parse("set", b.data, b.len, err);
	if (!f->set_json[f->nsets])
		return -1;
	f->sets[f->nsets++] = set_dup(set);
	return 0;
}

/* --- one check
 * ---------------------------------------------------------------- */

static void
add_here(
    struct check *c, const char *name, const struct hash *h, int64_t serial)
{
	c->here[c->nhere++] = (struct check_here){
		.name = (char *)name, .image = *h, .serial = serial
	};
}

/* As trust/verify.c asks it of the verifier. */
static void
fill(struct fleet *f, const struct router *r, int folder, int root,
    char *const *server, const char **services, struct check *c)
{
	const struct agent_conf *a = &f->conf;
	const struct set *cur = r->current >= 0 ? f->sets[r->current] : NULL;

	*c = (struct check){ .servers = server,
		.nservers = 1,
		.metadata = folder,
		.root = root };
	c->facts = (struct clock_facts){ .now = *f->now,
		.up = *f->now - f->start + 1000,
		.ntp = true,
		.boot = "fleet" };
	c->rules.channel = a->channel;
	c->rules.arch = a->arch;
	c->rules.demo = a->demo;
	c->rules.min_keys = a->min_keys;
	c->rules.hold_keys_s = a->hold_keys_s;
	for (size_t i = 0; i < a->nservices; i++)
		services[i] = a->services[i].name;
	c->rules.services = services;
	c->rules.nservices = a->nservices;
	c->rules.device = r->device;
	c->rules.counter = -1;
	if (r->seen >= 0) {
		c->rules.counter = f->sets[r->seen]->counter;
		c->rules.counter_set = f->sets[r->seen]->sha256;
	}
	if (!cur)
		return;
	c->rules.has_current = true;
	c->rules.current = cur->sha256;
	add_here(c, VERIFY_VMLINUZ, &cur->vmlinuz.hash, 0);
	add_here(c, VERIFY_INITRD, &cur->initrd.hash, 0);
	for (size_t i = 0; i < cur->nservices; i++)
		add_here(c, cur->services[i].name, &cur->services[i].image.hash,
		    cur->services[i].serial);
}

static int
run_check(struct fleet *f, const struct router *r, int folder, struct kind *k,
    struct err *err)
{
	auto_free struct check *c = mem_zero(1, sizeof(*c));
	auto_free struct set *set = mem_zero(1, sizeof(*set));
	const char *services[AGENT_SERVICES];
	char *const server[] = { f->outage ? (char *)CLOSED : f->url };
	auto_fd int root = open(f->conf.root, O_RDONLY | O_CLOEXEC);
	struct err why = ERR_INIT;

	if (root == -1)
		return err_sys(err, "open the root");
	counting = f;
	requests = down = up = 0;
	fill(f, r, folder, root, server, services, c);
	k->set = -1;
	k->reachable = true;
	if (check_run(c, f->fetcher, set, k->word, &why) == 0) {
		k->word[0] = '\0';
		if (know_set(f, set, &k->set, err) == -1)
			return -1;
	} else if (why.cls == ERR_BUSY || why.cls == ERR_SYSTEM ||
		   why.cls == ERR_MISSING) {
		if (!f->outage) /* it should have been reached */
			return err_set(err, why.cls, "check: %s", why.msg);
		k->reachable = false;
	}
	k->requests = requests;
	k->down = down;
	k->up = up;
	return 0;
}

/* --- kinds
 * ---------------------------------------------------------------------- */

static int
copy_file(void *arg, const char *path, int dirfd, const char *name,
    const struct stat *st, struct err *err)
{
	auto_buf struct buf b = BUF_INIT;

	if (!S_ISREG(st->st_mode))
		return 0;
	if (file_read_at(dirfd, name, TUF_TARGETS_MAX, &b, err) == -1)
		return -1;
	return file_write_at(*(int *)arg, path, b.data, b.len, 0644, err);
}

/* The folder of all who have seen this publication; 0: of nobody yet. */
static int
folder_of(struct fleet *f, int64_t publication, struct err *err)
{
	auto_free char *name = mem_printf("seen/%lld", (long long)publication);

	return dir_make_at(f->work, name, 0755, err);
}

static int
learn(struct fleet *f, const struct router *r, struct kind *k, struct err *err)
{
	auto_fd int from = folder_of(f, k->from, err), to = -1;

	if (from == -1 || tree_remove_at(f->work, "seen/try", err) == -1 ||
	    (to = dir_make_at(f->work, "seen/try", 0755, err)) == -1 ||
	    tree_walk(from, copy_file, &to, err) == -1 ||
	    run_check(f, r, to, k, err) == -1)
		return -1;
	if (f->outage || k->from == k->to)
		return 0;
	auto_fd int next = folder_of(f, k->to, err);
	return next == -1 ? -1 : tree_walk(to, copy_file, &next, err);
}

static struct kind *
kind_of(struct fleet *f, const struct router *r)
{
	int64_t to = f->outage ? -1 : f->publication;
	struct kind *k = f->kinds;

	while (k && !(k->from == r->seen_publication && k->to == to &&
			k->current == r->current && k->seen == r->seen))
		k = k->next;
	return k;
}

int
fleet_check(
    struct fleet *f, struct router *r, const struct kind **out, struct err *err)
{
	struct kind *k = kind_of(f, r), own;

	if (!k) {
		k = mem_zero(1, sizeof(*k));
		*k = (struct kind){ .from = r->seen_publication,
			.to = f->outage ? -1 : f->publication,
			.current = r->current,
			.seen = r->seen,
			.next = f->kinds };
		if (learn(f, r, k, err) == -1) {
			free(k);
			return -1;
		}
		f->kinds = k;
	}
	*out = k;
	if (r->folder == -1)
		return 0;
	if (run_check(f, r, r->folder, &own, err) == -1)
		return -1;
	f->checks++;
	f->agreed += own.set == k->set && own.reachable == k->reachable &&
		     own.requests == k->requests &&
		     strcmp(own.word, k->word) == 0;
	return 0;
}

int
fleet_check_own(
    struct fleet *f, const struct router *r, struct kind *k, struct err *err)
{
	return run_check(f, r, r->folder, k, err);
}

void
fleet_kinds_free(struct fleet *f)
{
	while (f->kinds) {
		struct kind *k = f->kinds;

		f->kinds = k->next;
		free(k);
	}
}
