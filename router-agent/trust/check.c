#include "router-agent/trust/check.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/fdio.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/tuf_read.h"
#include "router-agent/trust/logwatch.h"
#include "router-agent/trust/refresh.h"
#include "router-agent/trust/verify_proto.h"

/* In the metadata's folder, where no role is called so. */
#define KEPT_SET "kept.set"
#define KEPT_BRAKE "kept.brake"

static int
find(void *arg, const char *path, const struct tuf_target **t,
    const char **role, struct err *err)
{
	struct check *c = arg;

	return refresh_target(c->refresh, path, t, role, err);
}

static int
load_role(void *arg, const char *role, struct err *err)
{
	struct check *c = arg;

	return refresh_role(c->refresh, role, "targets", err);
}

/* Is what was kept of an earlier check the target that is listed now? */
static bool
is_kept(const struct check *c, const char *name, const struct tuf_target *t,
    struct buf *out)
{
	struct err ignored = ERR_INIT;
	uint8_t h512[64];
	struct hash h;

	if (file_read_at(c->metadata, name, RULES_SET_MAX, out, &ignored) == -1)
		return false;
	hash_bytes(&h, out->data, out->len);
	hash512_bytes(h512, out->data, out->len);
	if (tuf_target_check(t, (int64_t)out->len, &h, h512, &ignored) == 0)
		return true;
	buf_clear(out);
	return false;
}

/* The set and the brake are kept, so that a check that finds nothing new
 * fetches neither. */
static int
small_target(
    void *arg, const struct tuf_target *t, struct buf *out, struct err *err)
{
	const char *name =
	    strncmp(t->path, "brake/", 6) == 0 ? KEPT_BRAKE : KEPT_SET;
	struct check *c = arg;
	auto_fd int fd = -1;

	if (is_kept(c, name, t, out))
		return 0;
	fd = memfd_create("kiln-target", MFD_CLOEXEC);
	if (fd == -1)
		return err_sys(err, "make a memory file");
	if (refresh_download(c->refresh, c->targets_url, t, fd, NULL, err) ==
	    -1)
		return -1;
	if (lseek(fd, 0, SEEK_SET) == -1)
		return err_sys(err, "rewind a target");
	if (fd_read_all(fd, RULES_SET_MAX, out, err) == -1)
		return -1;
	return file_write_at(c->metadata, name, out->data, out->len, 0600, err);
}

static int
first_root(const struct check *c, struct err *err)
{
	auto_buf struct buf b = BUF_INIT;

	if (file_exists_at(c->metadata, "root.json"))
		return 0;
	if (fd_read_all(c->root, TUF_ROOT_MAX, &b, err) == -1)
		return err_prefix(err, "shipped root");
	return refresh_init(c->metadata, b.data, b.len, err);
}

/* The root that is trusted now, for its keys and its end. */
static struct tuf_file *
stored_root(const struct check *c, struct err *err)
{
	auto_buf struct buf b = BUF_INIT;

	if (file_read_at(c->metadata, "root.json", TUF_ROOT_MAX, &b, err) == -1)
		return NULL;
	return tuf_read(TUF_ROOT, "root", b.data, b.len, err);
}

/* What time it is, by what the trusted root's keys have said. */
static int
look_at_clock(struct check *c, bool *dropped, struct err *err)
{
	auto_tuf struct tuf_file *root = stored_root(c, err);

	if (!root)
		return -1;
	*dropped = clock_drop(&c->clock, root);
	clock_judge(&c->clock, &c->facts, root->expires, &c->view);
	c->rules.now = c->view.time;
	return 0;
}

static int
open_and_run(
    struct check *c, struct fetcher *f, const char *metadata, struct err *err)
{
	const struct refresh_opts opts = {
		.metadata_url = metadata,
		.dirfd = c->metadata,
		.now = c->rules.now,
		.fetcher = f,
	};

	refresh_free(c->refresh);
	c->refresh = refresh_open(&opts, err);
	return c->refresh ? refresh_run(c->refresh, err) : -1;
}

/* A floor that a stolen key set may have ended the run by its date; where the
 * new root that came first does not list that key, there is another. */
static int
refresh_by_clock(
    struct check *c, struct fetcher *f, const char *metadata, struct err *err)
{
	struct err why = ERR_INIT;
	bool dropped;

	if (look_at_clock(c, &dropped, err) == -1)
		return -1;
	fetcher_at(f, clock_for_tls(&c->view));
	if (open_and_run(c, f, metadata, err) == -1) {
		if (err->cls != ERR_TRUST ||
		    look_at_clock(c, &dropped, &why) == -1 || !dropped)
			return -1;
		err_clear(err);
		if (open_and_run(c, f, metadata, err) == -1)
			return -1;
	}
	clock_signed(&c->clock, tuf_root(refresh_trust(c->refresh)),
	    tuf_timestamp(refresh_trust(c->refresh)));
	clock_signed(&c->clock, tuf_root(refresh_trust(c->refresh)),
	    tuf_snapshot(refresh_trust(c->refresh)));
	return look_at_clock(c, &dropped, err);
}

static void
look_for(struct check *c, const char *name, const struct set_file *f)
{
	const struct form_source s = { find, c, c->rules.arch };
	struct form_pair p = {
		.service = name, .new = f->hash, .size = f->size
	};

	if (strncmp(name, "kernel/", 7) == 0)
		p.service = "kernel";
	for (size_t i = 0; i < c->nhere; i++) {
		if (strcmp(c->here[i].name, name) != 0)
			continue;
		if (hash_equal(&c->here[i].image, &f->hash))
			return; /* it is here */
		p.old = c->here[i].image;
		p.has_old = true;
	}
	forms_find(&c->forms, &s, &p);
}

/* Has a service's role withdrawn what runs?  Then the way to the set is
 * short, also where bytes are dear. */
static bool
withdrawn(struct check *c)
{
	for (size_t i = 0; i < c->nhere; i++) {
		auto_free char *role = mem_printf("svc-%s", c->here[i].name);
		const struct tuf_file *f = tuf_role(c->rules.trust, role);
		const json_t *min =
		    f ? json_object_get(f->signed_json, "min_serial") : NULL;

		if (strncmp(c->here[i].name, "kernel/", 7) != 0 &&
		    json_is_integer(min) &&
		    json_integer_value(min) > c->here[i].serial)
			return true;
	}
	return false;
}

static bool
is_new(const struct check *c, const struct set *set)
{
	return !c->rules.has_current ||
	       !hash_equal(&set->sha256, &c->rules.current);
}

/* How the rest of it can be had.  Nothing of this can fail. */
static void
look_at_ways(struct check *c, const struct set *set)
{
	if (!is_new(c, set))
		return;
	look_for(c, VERIFY_VMLINUZ, &set->vmlinuz);
	look_for(c, VERIFY_INITRD, &set->initrd);
	for (size_t i = 0; i < set->nservices; i++)
		look_for(c, set->services[i].name, &set->services[i].image);
	c->urgent = withdrawn(c);
}

static int
watch_log(
    struct check *c, struct fetcher *f, const char *server, struct err *err)
{
	const struct logwatch w = { .server = server,
		.targets = tuf_role(c->rules.trust, "targets"),
		.dirfd = c->metadata,
		.now = c->rules.now,
		.hold_s = c->rules.hold_keys_s };

	return logwatch(f, &w, err);
}

static int
one_server(struct check *c, struct fetcher *f, const char *server,
    struct set *set, char word[RULES_WORD], struct err *err)
{
	auto_free char *metadata = mem_printf("%s/tuf/metadata/", server);
	auto_free char *targets = mem_printf("%s/tuf/targets/", server);
	int ret = -1;

	c->targets_url = targets;
	if (refresh_by_clock(c, f, metadata, err) == 0) {
		c->rules.trust = refresh_trust(c->refresh);
		c->rules.find = find;
		c->rules.role = load_role;
		c->rules.bytes = small_target;
		c->rules.arg = c;
		ret = rules_judge(&c->rules, set, word, err);
		if (ret == 0 && is_new(c, set) &&
		    watch_log(c, f, server, err) == -1) {
			rules_word(err, word);
			ret = -1;
		}
		if (ret == 0)
			look_at_ways(c, set);
	} else {
		rules_word(err, word);
	}
	refresh_free(c->refresh);
	c->refresh = NULL;
	return ret;
}

/*
 * The next server is asked when one cannot be reached, and also when it offers
 * what must be refused, since a mirror may be stale: the rules are the same
 * for all.  If none does better, what was refused first is told.
 */
static int
ask_servers(struct check *c, struct fetcher *f, struct set *set,
    char word[RULES_WORD], struct err *err)
{
	char first_word[RULES_WORD] = "";
	struct err first = ERR_INIT;

	for (size_t i = 0; i < c->nservers; i++) {
		err_clear(err);
		if (one_server(c, f, c->servers[i], set, word, err) == 0) {
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

int
check_run(struct check *c, struct fetcher *f, struct set *set,
    char word[RULES_WORD], struct err *err)
{
	struct err why = ERR_INIT;
	int ret;

	snprintf(word, RULES_WORD, "system");
	if (first_root(c, err) == -1) {
		rules_word(err, word);
		return -1;
	}
	clock_load(c->metadata, &c->clock);
	keysets_load(c->metadata, &c->keysets);
	c->rules.keysets = &c->keysets;
	c->rules.seen = &c->clock;
	c->rules.turn = &c->turn;
	ret = ask_servers(c, f, set, word, err);
	clock_learn(&c->clock, &c->facts, &c->view);
	if (keysets_save(c->metadata, &c->keysets, &why) == -1 ||
	    clock_save(c->metadata, &c->clock, &why) == -1) {
		/* A brake's first sight that is lost could last for ever. */
		snprintf(word, RULES_WORD, "system");
		*err = why;
		return -1;
	}
	return ret;
}
