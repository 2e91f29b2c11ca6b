/* The verifier itself: what it gives up is on its last screen. */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/drop.h"
#include "lib/fdio.h"
#include "lib/ipc.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/tuf_read.h"
#include "router-agent/trust/fetch.h"
#include "router-agent/trust/logwatch.h"
#include "router-agent/trust/refresh.h"
#include "router-agent/trust/verify.h"
#include "router-agent/trust/verify_proto.h"

enum { FD_PARENT = 3, FD_METADATA, FD_ROOT, FD_STICK };

#define ANSWER_MS 30000 /* to hear the request */

struct here { /* an image of the set that runs */
	char *name;
	struct hash image;
	int64_t serial;
};

struct job { /* the request, owned */
	char *servers[AGENT_SERVERS];
	size_t nservers;
	char *services[AGENT_SERVICES];
	char *channel, *arch;
	struct sig_public keys[AGENT_SERVICES];
	struct here here[SET_SERVICES + 2];
	size_t nhere;
	struct rules rules;
	struct clock_facts facts;
	struct clock clock;
	struct keysets keysets;
	struct clock_view view;
	struct turn turn;
	struct forms forms;
	bool urgent;
	/* of the server in use */
	struct refresh *refresh;
	const char *targets_url;
};

static int
get_list(struct ipc_msg *m, size_t max, size_t room, char **out, size_t *n,
    struct err *err)
{
	uint32_t count;

	if (ipc_get_u32(m, &count, err) == -1)
		return -1;
	if (count > max)
		return err_set(err, ERR_INPUT, "a list is too long");
	for (*n = 0; *n < count; (*n)++)
		if (ipc_get_str(m, room, &out[*n], err) == -1)
			return -1;
	return 0;
}

static int
get_keys(struct ipc_msg *m, struct job *j, struct err *err)
{
	struct span s;
	uint32_t n;

	if (ipc_get_u32(m, &n, err) == -1)
		return -1;
	if (n > ARRAY_LEN(j->keys))
		return err_set(err, ERR_INPUT, "a list is too long");
	for (uint32_t i = 0; i < n; i++) {
		if (ipc_get_bytes(m, 32, &s, err) == -1)
			return -1;
		if (s.n != 32)
			return err_set(err, ERR_INPUT, "a key is cut off");
		memcpy(j->keys[i].b, s.p, 32);
	}
	j->rules.require_keys = j->keys;
	j->rules.nrequire_keys = n;
	return 0;
}

static int
get_here(struct ipc_msg *m, struct job *j, struct err *err)
{
	uint32_t n;

	if (ipc_get_u32(m, &n, err) == -1)
		return -1;
	if (n > ARRAY_LEN(j->here))
		return err_set(err, ERR_INPUT, "a list is too long");
	for (; j->nhere < n; j->nhere++) {
		struct here *h = &j->here[j->nhere];

		if (ipc_get_str(m, SET_NAME, &h->name, err) == -1 ||
		    ipc_get_hash(m, &h->image, err) == -1 ||
		    ipc_get_i64(m, &h->serial, err) == -1)
			return -1;
	}
	return 0;
}

static int
get_job(struct ipc_msg *m, struct job *j, struct err *err)
{
	struct rules *r = &j->rules;
	uint32_t demo, current;

	if (get_list(m, AGENT_SERVERS, 4096, j->servers, &j->nservers, err) ==
		-1 ||
	    ipc_get_str(m, SET_NAME, &j->channel, err) == -1 ||
	    ipc_get_str(m, SET_NAME, &j->arch, err) == -1 ||
	    ipc_get_u32(m, &demo, err) == -1 ||
	    ipc_get_i64(m, &r->min_keys, err) == -1 ||
	    get_keys(m, j, err) == -1 ||
	    get_list(m, AGENT_SERVICES, SET_NAME, j->services, &r->nservices,
		err) == -1 ||
	    ipc_get_i64(m, &r->counter, err) == -1 ||
	    ipc_get_hash(m, &r->counter_set, err) == -1 ||
	    ipc_get_u32(m, &current, err) == -1 ||
	    ipc_get_hash(m, &r->current, err) == -1 ||
	    ipc_get_hash(m, &r->device, err) == -1 ||
	    ipc_get_i64(m, &r->hold_keys_s, err) == -1 ||
	    get_here(m, j, err) == -1 || ipc_end(m, err) == -1)
		return -1;
	r->channel = j->channel;
	r->arch = j->arch;
	r->demo = demo == 1;
	r->has_current = current == 1;
	r->services = (const char *const *)j->services;
	return 0;
}

static int
find(void *arg, const char *path, const struct tuf_target **t,
    const char **role, struct err *err)
{
	struct job *j = arg;

	return refresh_target(j->refresh, path, t, role, err);
}

static int
load_role(void *arg, const char *role, struct err *err)
{
	struct job *j = arg;

	return refresh_role(j->refresh, role, "targets", err);
}

static int
small_target(
    void *arg, const struct tuf_target *t, struct buf *out, struct err *err)
{
	struct job *j = arg;
	auto_fd int fd = memfd_create("kiln-target", MFD_CLOEXEC);

	if (fd == -1)
		return err_sys(err, "make a memory file");
	if (refresh_download(j->refresh, j->targets_url, t, fd, NULL, err) ==
	    -1)
		return -1;
	if (lseek(fd, 0, SEEK_SET) == -1)
		return err_sys(err, "rewind a target");
	return fd_read_all(fd, RULES_SET_MAX, out, err);
}

static int
first_root(struct err *err)
{
	auto_buf struct buf b = BUF_INIT;

	if (file_exists_at(FD_METADATA, "root.json"))
		return 0;
	if (fd_read_all(FD_ROOT, TUF_ROOT_MAX, &b, err) == -1)
		return err_prefix(err, "shipped root");
	return refresh_init(FD_METADATA, b.data, b.len, err);
}

/* The root that is trusted now, for its keys and its end. */
static struct tuf_file *
stored_root(struct err *err)
{
	auto_buf struct buf b = BUF_INIT;

	if (file_read_at(FD_METADATA, "root.json", TUF_ROOT_MAX, &b, err) == -1)
		return NULL;
	return tuf_read(TUF_ROOT, "root", b.data, b.len, err);
}

/* What time it is, by what the trusted root's keys have said. */
static int
look_at_clock(struct job *j, bool *dropped, struct err *err)
{
	auto_tuf struct tuf_file *root = stored_root(err);

	if (!root)
		return -1;
	*dropped = clock_drop(&j->clock, root);
	clock_judge(&j->clock, &j->facts, root->expires, &j->view);
	j->rules.now = j->view.time;
	return 0;
}

static int
open_and_run(
    struct job *j, struct fetcher *f, const char *metadata, struct err *err)
{
	const struct refresh_opts opts = {
		.metadata_url = metadata,
		.dirfd = FD_METADATA,
		.now = j->rules.now,
		.fetcher = f,
	};

	refresh_free(j->refresh);
	j->refresh = refresh_open(&opts, err);
	return j->refresh ? refresh_run(j->refresh, err) : -1;
}

/* A floor that a stolen key set may have ended the run by its date; where the
 * new root that came first does not list that key, there is another. */
static int
refresh_by_clock(
    struct job *j, struct fetcher *f, const char *metadata, struct err *err)
{
	struct err why = ERR_INIT;
	bool dropped;

	if (look_at_clock(j, &dropped, err) == -1)
		return -1;
	if (open_and_run(j, f, metadata, err) == -1) {
		if (err->cls != ERR_TRUST ||
		    look_at_clock(j, &dropped, &why) == -1 || !dropped)
			return -1;
		err_clear(err);
		if (open_and_run(j, f, metadata, err) == -1)
			return -1;
	}
	clock_signed(&j->clock, tuf_root(refresh_trust(j->refresh)),
	    tuf_timestamp(refresh_trust(j->refresh)));
	clock_signed(&j->clock, tuf_root(refresh_trust(j->refresh)),
	    tuf_snapshot(refresh_trust(j->refresh)));
	return look_at_clock(j, &dropped, err);
}

static void
look_for(struct job *j, const char *name, const struct set_file *f)
{
	const struct form_source s = { find, j, j->arch };
	struct form_pair p = {
		.service = name, .new = f->hash, .size = f->size
	};

	if (strncmp(name, "kernel/", 7) == 0)
		p.service = "kernel";
	for (size_t i = 0; i < j->nhere; i++) {
		if (strcmp(j->here[i].name, name) != 0)
			continue;
		if (hash_equal(&j->here[i].image, &f->hash))
			return; /* it is here */
		p.old = j->here[i].image;
		p.has_old = true;
	}
	forms_find(&j->forms, &s, &p);
}

/* Has a service's role withdrawn what runs?  Then the way to the set is
 * short, also where bytes are dear. */
static bool
withdrawn(struct job *j)
{
	for (size_t i = 0; i < j->nhere; i++) {
		auto_free char *role = mem_printf("svc-%s", j->here[i].name);
		const struct tuf_file *f = tuf_role(j->rules.trust, role);
		const json_t *min =
		    f ? json_object_get(f->signed_json, "min_serial") : NULL;

		if (strncmp(j->here[i].name, "kernel/", 7) != 0 &&
		    json_is_integer(min) &&
		    json_integer_value(min) > j->here[i].serial)
			return true;
	}
	return false;
}

static bool
is_new(const struct job *j, const struct set *set)
{
	return !j->rules.has_current ||
	       !hash_equal(&set->sha256, &j->rules.current);
}

/* How the rest of it can be had.  Nothing of this can fail. */
static void
look_at_ways(struct job *j, const struct set *set)
{
	if (!is_new(j, set))
		return;
	look_for(j, VERIFY_VMLINUZ, &set->vmlinuz);
	look_for(j, VERIFY_INITRD, &set->initrd);
	for (size_t i = 0; i < set->nservices; i++)
		look_for(j, set->services[i].name, &set->services[i].image);
	j->urgent = withdrawn(j);
}

static int
watch_log(struct job *j, struct fetcher *f, const char *server, struct err *err)
{
	const struct logwatch w = { .server = server,
		.targets = tuf_role(j->rules.trust, "targets"),
		.dirfd = FD_METADATA,
		.now = j->rules.now,
		.hold_s = j->rules.hold_keys_s };

	return logwatch(f, &w, err);
}

static int
one_server(struct job *j, struct fetcher *f, const char *server,
    struct set *set, char word[RULES_WORD], struct err *err)
{
	auto_free char *metadata = mem_printf("%s/tuf/metadata/", server);
	auto_free char *targets = mem_printf("%s/tuf/targets/", server);
	int ret = -1;

	j->targets_url = targets;
	if (refresh_by_clock(j, f, metadata, err) == 0) {
		j->rules.trust = refresh_trust(j->refresh);
		j->rules.find = find;
		j->rules.role = load_role;
		j->rules.bytes = small_target;
		j->rules.arg = j;
		ret = rules_judge(&j->rules, set, word, err);
		if (ret == 0 && is_new(j, set) &&
		    watch_log(j, f, server, err) == -1) {
			rules_word(err, word);
			ret = -1;
		}
		if (ret == 0)
			look_at_ways(j, set);
	} else {
		rules_word(err, word);
	}
	refresh_free(j->refresh);
	j->refresh = NULL;
	return ret;
}

/*
 * The next server is asked when one cannot be reached, and also when it offers
 * what must be refused, since a mirror may be stale: the rules are the same
 * for all.  If none does better, what was refused first is told.
 */
static int
ask_servers(struct job *j, struct fetcher *f, struct set *set,
    char word[RULES_WORD], struct err *err)
{
	char first_word[RULES_WORD] = "";
	struct err first = ERR_INIT;

	for (size_t i = 0; i < j->nservers; i++) {
		err_clear(err);
		if (one_server(j, f, j->servers[i], set, word, err) == 0) {
			if (first.cls != ERR_NONE)
				log_err("mirror", &first);
			return 0;
		}
		if (err->cls == ERR_SYSTEM)
			return -1;
		if (first.cls == ERR_NONE ||
		    (first.cls != ERR_TRUST && err->cls == ERR_TRUST)) {
			first = *err;
			memcpy(first_word, word, RULES_WORD);
		}
	}
	*err = first;
	memcpy(word, first_word, RULES_WORD);
	return -1;
}

static int
judge(struct job *j, struct fetcher *f, struct set *set, char word[RULES_WORD],
    struct err *err)
{
	struct err why = ERR_INIT;
	int ret;

	snprintf(word, RULES_WORD, "system");
	if (first_root(err) == -1) {
		rules_word(err, word);
		return -1;
	}
	clock_load(FD_METADATA, &j->clock);
	keysets_load(FD_METADATA, &j->keysets);
	j->rules.keysets = &j->keysets;
	j->rules.seen = &j->clock;
	j->rules.turn = &j->turn;
	ret = ask_servers(j, f, set, word, err);
	clock_learn(&j->clock, &j->facts, &j->view);
	if (keysets_save(FD_METADATA, &j->keysets, &why) == -1 ||
	    clock_save(FD_METADATA, &j->clock, &why) == -1) {
		/* A brake's first sight that is lost could last for ever. */
		snprintf(word, RULES_WORD, "system");
		*err = why;
		return -1;
	}
	return ret;
}

static int
answer(const struct job *j, int64_t retry_after, int judged,
    const struct set *set, const char *word, const struct err *why,
    struct err *err)
{
	auto_buf struct buf b = BUF_INIT;

	ipc_add_u32(&b, (uint32_t)j->view.state);
	ipc_add_i64(&b, retry_after);
	if (judged == 0) {
		ipc_add_i64(&b, j->view.time);
		ipc_add_i64(&b, j->turn.at);
		ipc_add_i64(&b, j->turn.from);
		ipc_add_i64(&b, j->turn.to);
		ipc_add_u32(&b, j->urgent);
		set_send(set, &b);
		forms_send(&j->forms, &b);
		return ipc_send(FD_PARENT, VERIFY_SET, &b, NULL, 0, err);
	}
	ipc_add_str(&b, word);
	ipc_add_u32(&b, (uint32_t)why->cls);
	ipc_add_str(&b, why->msg);
	return ipc_send(FD_PARENT, VERIFY_REFUSED, &b, NULL, 0, err);
}

static int
run(bool stick, struct err *err)
{
	auto_ipc struct ipc_msg m = IPC_MSG_INIT;
	struct fetcher *f = stick ? fetcher_stick(FD_STICK, err)
				  : fetcher_start(NULL, NULL, err);
	struct set *set = mem_zero(1, sizeof(*set));
	struct job *j = mem_zero(1, sizeof(*j));
	char word[RULES_WORD];
	struct err why = ERR_INIT;
	int got;

	clock_ask(&j->facts);
	/* Nothing foreign has been read so far.  All of it ends with the
	 * process: freed memory would only be more code. */
	if (!f || drop_to(ROLE_AGENT_VERIFY, err) == -1 ||
	    drop_syscalls(true, true, err) == -1)
		return -1;
	got = ipc_recv(FD_PARENT, ANSWER_MS, &m, err);
	if (got <= 0)
		return got;
	if (m.type != VERIFY_GO || get_job(&m, j, err) == -1)
		return err_prefix(err, "the parent's request");
	got = judge(j, f, set, word, &why);
	return answer(j, fetcher_retry_after(f), got, set, word, &why, err);
}

int
verify_main(bool stick)
{
	struct err err = ERR_INIT;

	if (run(stick, &err) == 0)
		return EXIT_DONE;
	log_err("verify", &err);
	return err_exit(&err);
}
