#include "tuf-repo/rite.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/cli.h"
#include "lib/drop.h"
#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"
#include "tuf-repo/collect.h"
#include "tuf-repo/keyfile.h"
#include "tuf-repo/keyring.h"
#include "tuf-repo/keysign.h"
#include "tuf-repo/roles.h"

#define KEPT_BACK 64 /* so many versions back are handed over again */

void
rite_init(struct rite *r)
{
	*r = (struct rite){ .w = WORK_INIT, .offline = -1, .online = -1 };
	r->access = (struct key_access)KEY_ACCESS_INIT;
	change_init(&r->change, time_now());
	request_init(&r->request);
}

void
rite_release(struct rite *r)
{
	work_release(&r->w);
	own_close(&r->offline);
	own_close(&r->online);
	change_release(&r->change);
	request_release(&r->request);
	key_access_release(&r->access);
	secret_release(&r->online_pass);
	secret_release(&r->new_pass);
}

bool
rite_option(struct rite *r, const char *where, int c, int *rc)
{
	*rc = 0;
	if (c == 'o')
		r->out = optarg;
	else if (c == 'y')
		r->yes = true;
	else
		return work_option(&r->w, where, c, rc) ||
		       key_access_option(&r->access, where, c, rc);
	return true;
}

int
rite_end(struct rite *r, const char *where, int rc, const struct err *err)
{
	rite_release(r);
	return rc == 0 ? EXIT_DONE : cli_fail(where, err, false);
}

/* --- the folder -------------------------------------------------------- */

/* The number of a generation of `key`; 0: none. */
static int64_t
generation_of(const char *name, const char *key)
{
	struct err ignore = ERR_INIT;
	int64_t n;

	if (!key_is_generation(name, key))
		return 0;
	if (strcmp(name, key) == 0)
		return 1;
	if (num_int(name + strlen(key) + 1, 2, KEY_GENERATIONS, &n, &ignore) ==
	    -1)
		return 0;
	return n;
}

static int64_t
newest_listed(struct rite *r, const struct key_names *names, const char *key)
{
	int64_t newest = 0;

	for (size_t i = 0; i < names->n; i++) {
		int64_t n = generation_of(names->v[i], key);
		struct err ignore = ERR_INIT;
		struct sig_public pub;

		if (n > newest &&
		    key_public(r->online, names->v[i], &pub, &ignore) == 0 &&
		    change_lists(&r->change, &pub))
			newest = n;
	}
	return newest;
}

/* Has the tree the present root and targets?  Then whatever they replaced is
 * no longer needed by anybody. */
static bool
is_published(struct rite *r)
{
	struct err ignore = ERR_INIT;
	auto_fd int tree = farm_dir(&r->w.farm, "tuf/metadata", &ignore);
	char root[ROLE_FILE_MAX], targets[ROLE_FILE_MAX];

	role_file("root", r->change.now[PART_ROOT]->version, root);
	role_file("targets", r->change.now[PART_TARGETS]->version, targets);
	return tree != -1 && file_exists_at(tree, root) &&
	       file_exists_at(tree, targets);
}

/* Generations before one that is listed; a later one waits for its request to
 * be signed. */
static int
remove_retired(struct rite *r, struct err *err)
{
	auto_key_names struct key_names names = KEY_NAMES_INIT;

	if (!is_published(r))
		return 0;
	if (key_names_read(r->online, &names, err) == -1)
		return -1;
	for (size_t k = 0; k < rules_count; k++) {
		const char *key = rules[k].key;
		int64_t newest = newest_listed(r, &names, key);

		for (size_t i = 0; rules[k].online && i < names.n; i++) {
			auto_free char *file = mem_printf("%s.key", names.v[i]);
			int64_t n = generation_of(names.v[i], key);
			struct sig_public pub;

			if (n == 0 || n >= newest ||
			    key_public(r->online, names.v[i], &pub, err) ==
				-1 ||
			    change_lists(&r->change, &pub))
				continue;
			if (file_remove_at(r->online, file, err) == -1)
				return -1;
		}
	}
	err_clear(err);
	return dir_sync(r->online, err);
}

int
rite_open(struct rite *r, struct err *err)
{
	if (secret_process(err) == -1 || work_enter(&r->w, false, err) == -1)
		return -1;
	r->offline = farm_dir(&r->w.farm, "keys/offline", err);
	if (r->offline == -1)
		return -1;
	r->online = farm_dir(&r->w.farm, "keys/online", err);
	if (r->online == -1 || tmp_sweep(r->offline, err) == -1 ||
	    tmp_sweep(r->online, err) == -1 ||
	    change_load(&r->change, r->offline, err) == -1)
		return -1;
	r->demo = json_is_true(
	    json_object_get(r->change.now[PART_TARGETS]->signed_json, "demo"));
	return remove_retired(r, err);
}

/* --- new keys ---------------------------------------------------------- */

/* The signer opens all its keys with one passphrase: a new key under another
 * one would stop it. */
static int
online_passphrase(struct rite *r, struct err *err)
{
	auto_key_names struct key_names names = KEY_NAMES_INIT;
	struct sig_seed seed;
	enum key_form form;

	if (secret_get(&r->online_pass, &r->w.pass,
		"passphrase of the online keys", false, err) == -1 ||
	    key_names_read(r->online, &names, err) == -1)
		return -1;
	for (size_t i = 0; i < names.n; i++) {
		if (key_form_of(r->online, names.v[i], &form, err) == -1)
			return -1;
		if (form == KEY_DEMO)
			continue;
		if (key_load(r->online, names.v[i], &r->online_pass, &seed,
			err) == -1)
			return -1;
		sig_wipe(&seed);
		break;
	}
	return secret_give(&r->online_pass, &r->w.pass.fd, err);
}

static int
new_online(
    struct rite *r, const char *key, struct sig_public *pub, struct err *err)
{
	bool walls = role_walls();
	char name[KEY_NAME_MAX];

	if (!r->demo && !r->online_pass.p && online_passphrase(r, err) == -1)
		return -1;
	if (key_next_generation(r->online, key, name, err) == -1)
		return -1;
	return key_make(r->online, name, r->demo ? NULL : &r->online_pass,
	    walls ? role_uid(ROLE_SIGNER) : (uid_t)-1,
	    walls ? role_gid(ROLE_SIGNER) : (gid_t)-1, pub, err);
}

/* What was named opens all offline keys; what is asked for is of this one. */
static const struct secret *
new_passphrase(struct rite *r, struct err *err)
{
	bool named = secret_named(&r->access.pass);
	struct secret *s = named ? &r->access.have : &r->new_pass;

	if (!s->p && secret_get(s, &r->access.pass,
			 "passphrase of the new offline key", true, err) == -1)
		return NULL;
	return s;
}

static int
new_offline(
    struct rite *r, const char *key, struct sig_public *pub, struct err *err)
{
	const struct secret *pass = NULL;
	char name[KEY_NAME_MAX], file[KEY_NAME_MAX + 8];
	int n = 1;

	for (;; n++) {
		snprintf(name, sizeof(name), "%s-%d", key, n);
		snprintf(file, sizeof(file), "%s.pub", name);
		if (!file_exists_at(r->offline, file))
			break;
	}
	if (!r->demo && (pass = new_passphrase(r, err)) == NULL)
		return -1;
	return key_make(r->offline, name, pass, (uid_t)-1, (gid_t)-1, pub, err);
}

int
rite_new_key(
    struct rite *r, const char *role, struct sig_public *pub, struct err *err)
{
	const struct rule *rule = rule_of(role);

	return rule->online ? new_online(r, rule->key, pub, err)
			    : new_offline(r, rule->key, pub, err);
}

/* --- signing ----------------------------------------------------------- */

int
rite_confirm(bool yes, struct err *err)
{
	static const char question[] = "Sign this?  Type yes: ";
	char answer[8] = "";
	ssize_t n;

	if (yes)
		return 0;
	auto_fd int tty = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
	if (tty == -1)
		return err_set(err, ERR_INPUT,
		    "there is no terminal to ask whether to sign: say --yes");
	fflush(stdout);
	if (fd_write_all(tty, question, sizeof(question) - 1, err) == -1)
		return -1;
	n = read(tty, answer, sizeof(answer) - 1);
	if (n == 4 && strcmp(answer, "yes\n") == 0)
		return 0;
	return err_set(err, ERR_INPUT, "not signed, as you wish");
}

int
rite_sign(struct request *q, int dirfd, const char *name,
    struct key_access *access, size_t *n, struct err *err)
{
	struct sig_public pub;

	if (key_public(dirfd, name, &pub, err) == -1)
		return -1;
	for (int p = 0; p < PART_COUNT; p++) {
		struct sig_public by;
		struct sig sig;

		if (!request_wants(q, (enum part)p, &pub))
			continue;
		if (key_sign(dirfd, name, access, &q->bytes[p], &by, &sig,
			err) == -1 ||
		    request_add(q, (enum part)p, &by, &sig, err) == -1)
			return -1;
		++*n;
	}
	return 0;
}

int
rite_sign_token(struct request *q, const char *uri, struct key_access *access,
    size_t *n, struct err *err)
{
	char found[KEY_URI_MAX];
	struct sig_public pub;

	if (key_token_public(uri, NULL, access, &pub, found, err) == -1)
		return -1;
	for (int p = 0; p < PART_COUNT; p++) {
		struct sig_public by;
		struct sig sig;

		if (!request_wants(q, (enum part)p, &pub))
			continue;
		if (key_token_sign(
			found, access, &q->bytes[p], &by, &sig, err) == -1 ||
		    request_add(q, (enum part)p, &by, &sig, err) == -1)
			return -1;
		++*n;
	}
	return 0;
}

static int
sign_here(struct rite *r, struct err *err)
{
	auto_key_names struct key_names names = KEY_NAMES_INIT;
	auto_buf struct buf missing = BUF_INIT;
	size_t n = 0;

	if (key_names_read(r->offline, &names, err) == -1)
		return -1;
	for (size_t i = 0; i < names.n; i++)
		if (rite_sign(&r->request, r->offline, names.v[i], &r->access,
			&n, err) == -1)
			return -1;
	if (!request_missing(&r->request, &missing))
		return 0;
	for (size_t i = 0; i < missing.len; i++)
		if (missing.data[i] == '\n')
			missing.data[i] = i + 1 == missing.len ? '\0' : ';';
	return err_set(err, ERR_MISSING,
	    "too few keys lie in keys/offline (%s); write the request to a"
	    " file with --out and have it signed elsewhere",
	    missing.data);
}

/* --- handing over ------------------------------------------------------ */

/* Every root that is kept, in order, and the last of the others. */
static int
gather(struct rite *r, struct collect_item *items, size_t *n, struct err *err)
{
	int64_t last = r->change.now[PART_ROOT]->version;
	int64_t v = last > KEPT_BACK ? last - KEPT_BACK : 1;

	for (; v < last; v++) {
		char name[ROLE_FILE_MAX];

		role_file("root", v, name);
		if (!file_exists_at(r->offline, name))
			continue;
		items[*n].role = "root";
		if (file_read_at(r->offline, name, TUF_ROOT_MAX,
			&items[(*n)++].bytes, err) == -1)
			return -1;
	}
	for (int p = 0; p < PART_COUNT; p++) {
		items[*n].role = part_roles[p];
		buf_add(&items[(*n)++].bytes, r->change.current[p].data,
		    r->change.current[p].len);
	}
	return 0;
}

int
rite_hand_over(struct rite *r, struct err *err)
{
	struct collect_item items[KEPT_BACK + PART_COUNT];
	bool handed_over;
	size_t n = 0;
	int rc;

	for (size_t i = 0; i < ARRAY_LEN(items); i++)
		buf_init(&items[i].bytes);
	rc = gather(r, items, &n, err);
	if (rc == 0)
		rc = work_join(&r->w, err);
	if (rc == 0 && (rc = collect_files(&r->w.repo, items, n, err)) == -1)
		err_prefix(err, "ceremony");
	if (rc == 0)
		rc = work_publish(&r->w, &handed_over, err);
	for (size_t i = 0; i < ARRAY_LEN(items); i++)
		buf_release(&items[i].bytes);
	if (rc == 0)
		printf("%s\n", handed_over
				   ? "signed; the running kiln-tuf publishes it"
				   : "signed and published");
	return rc;
}

int
rite_accept(struct rite *r, struct err *err)
{
	if (change_keep(r->offline, &r->request, err) == -1)
		return -1;
	change_release(&r->change);
	change_init(&r->change, time_now());
	if (change_load(&r->change, r->offline, err) == -1)
		return -1;
	return rite_hand_over(r, err);
}

int
rite_parent(const char *path, const char **base, struct err *err)
{
	const char *slash = strrchr(path, '/');
	auto_free char *parent = NULL;

	*base = slash ? slash + 1 : path;
	parent = !slash		 ? mem_str(".")
		 : slash == path ? mem_str("/")
				 : mem_strn(path, (size_t)(slash - path));
	return dir_open(parent, err);
}

int
rite_write(const char *path, const struct buf *text, struct err *err)
{
	const char *base;
	auto_fd int dir = rite_parent(path, &base, err);

	if (dir == -1)
		return -1;
	return file_write_at(dir, base, text->data, text->len, 0644, err);
}

static int
write_out(struct rite *r, struct err *err)
{
	auto_buf struct buf text = BUF_INIT, missing = BUF_INIT;

	request_text(&r->request, &text);
	if (rite_write(r->out, &text, err) == -1)
		return -1;
	(void)request_missing(&r->request, &missing);
	printf("written to %s; it needs\n%s", r->out, missing.data);
	return 0;
}

int
rite_finish(struct rite *r, bool *done, struct err *err)
{
	auto_buf struct buf words = BUF_INIT;

	*done = false;
	if (change_request(&r->change, &r->request, err) == -1)
		return -1;
	request_words(&r->request, &words);
	fputs(words.data, stdout);
	if (r->out)
		return write_out(r, err);
	if (rite_confirm(r->yes, err) == -1 || sign_here(r, err) == -1)
		return -1;
	*done = true;
	return rite_accept(r, err);
}
