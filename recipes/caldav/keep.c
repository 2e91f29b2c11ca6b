#include "recipes/caldav/keep.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "recipes/caldav/git.h"

#define NEW ".new" /* what is being written */
#define SERVER "calendar-server"

static size_t all_bytes; /* of every calendar */

static const char *
folder_of(const struct keep *k)
{
	static char path[96];

	snprintf(path, sizeof path, CAL_DATA "/%s", k->name);
	return path;
}

/* --- in memory ------------------------------------------------------------*/

bool
keep_name_ok(const char *s)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "abcdefghijklmnopqrstuvwxyz"
				      "0123456789._@+=~,:{}()-";
	size_t n = strlen(s);

	return n > 4 && n <= KEEP_NAME && strcmp(s + n - 4, ".ics") == 0 &&
	       *s != '.' && *s != '-' && s[strspn(s, letters)] == '\0';
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(((const struct keep_item *)a)->name,
	    ((const struct keep_item *)b)->name);
}

struct keep_item *
keep_find(const struct keep *k, const char *name)
{
	const struct keep_item key = { .name = (char *)name };

	return k->items == 0
		   ? NULL
		   : bsearch(&key, k->item, k->items, sizeof key, by_name);
}

static int
set_text(struct keep_item *i, const char *text, size_t n, const struct ics *ics)
{
	unsigned char sum[16];
	char hex[33], *copy = malloc(n + 1);

	if (copy == NULL)
		return -1;
	memcpy(copy, text, n);
	crypto_generichash(
	    sum, sizeof sum, (const unsigned char *)text, n, NULL, 0);
	sodium_bin2hex(hex, sizeof hex, sum, sizeof sum);
	snprintf(i->tag, sizeof i->tag, "\"%s\"", hex);
	all_bytes += n - i->n;
	free(i->text);
	i->text = copy;
	i->n = n;
	i->ics = *ics;
	return 0;
}

/* Room for all was made by keep_open. */
static struct keep_item *
insert(struct keep *k, const char *name)
{
	struct keep_item *i = &k->item[k->items];
	size_t at;

	memset(i, 0, sizeof *i);
	i->name = strdup(name);
	if (i->name == NULL)
		return NULL;
	k->items++;
	qsort(k->item, k->items, sizeof *i, by_name);
	at = (size_t)(keep_find(k, name) - k->item);
	return &k->item[at];
}

static void
forget(struct keep *k, struct keep_item *i)
{
	size_t at = (size_t)(i - k->item);

	all_bytes -= i->n;
	free(i->name);
	free(i->text);
	memmove(i, i + 1, (k->items - at - 1) * sizeof *i);
	k->items--;
}

/* --- on the volume --------------------------------------------------------*/

static int
write_file(struct keep *k, const char *name, const char *text, size_t n,
    struct fault *f)
{
	int fd = openat(k->dir, NEW,
	    O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	ssize_t done;
	bool ok;

	if (fd == -1)
		return fault_sys(f, "write %s", name);
	done = write(fd, text, n);
	ok = done == (ssize_t)n && fsync(fd) == 0;
	if (close(fd) == -1 || !ok ||
	    renameat(k->dir, NEW, k->dir, name) == -1 || fsync(k->dir) == -1) {
		fault_sys(f, "write %s", name);
		unlinkat(k->dir, NEW, 0);
		return -1;
	}
	return 0;
}

/* The commit that the branch is at; refs are never packed here. */
static int
read_head(struct keep *k, struct fault *f)
{
	char path[160], *text;
	size_t n;

	snprintf(path, sizeof path, "%s/.git/refs/heads/main", folder_of(k));
	if (guest_read(path, 128, &text, &n, f) == -1)
		return -1;
	if (n > KEEP_COMMIT)
		text[KEEP_COMMIT] = '\0';
	snprintf(k->commit, sizeof k->commit, "%s", text);
	free(text);
	return 0;
}

/* What git says is wrong it has told the console. */
static int
git(struct keep *k, const char *who, char *const args[], struct fault *f)
{
	int status = git_run(folder_of(k), who, args, NULL, NULL, f);

	if (status > 0)
		fault_set(f, "git %s did not succeed", args[0]);
	return status == 0 ? 0 : -1;
}

static int
add(struct keep *k, const char *what, struct fault *f)
{
	char *const args[] = { (char[]){ "add" }, (char[]){ "-A" },
		(char[]){ "--" }, (char *)what, NULL };

	return git(k, SERVER, args, f);
}

static int
commit(struct keep *k, const char *who, const char *words, struct fault *f)
{
	char *const args[] = { (char[]){ "commit" }, (char[]){ "-q" },
		(char[]){ "--allow-empty" }, (char[]){ "-m" }, (char *)words,
		NULL };

	return git(k, who, args, f) == -1 ? -1 : read_head(k, f);
}

/* --- at the start ---------------------------------------------------------*/

static int
load_one(struct keep *k, const char *name, struct fault *f)
{
	struct keep_item *i;
	struct fault why;
	struct ics ics;
	char path[400], *text;
	size_t n;
	int ret = 0;

	snprintf(path, sizeof path, "%s/%s", folder_of(k), name);
	if (guest_read(path, ICS_MAX, &text, &n, f) == -1)
		return -1;
	if (ics_read(text, n, &ics, &why) == -1) {
		fprintf(stderr, "caldav: %s: %s\n", path, why.text);
	} else if (k->items == KEEP_ITEMS || (i = insert(k, name)) == NULL ||
		   set_text(i, text, n, &ics) == -1) {
		ret = fault_set(f, "%s does not fit", path);
	}
	free(text);
	return ret;
}

static int
load(struct keep *k, struct fault *f)
{
	DIR *d = fdopendir(dup(k->dir));
	struct dirent *e;
	int ret = 0;

	if (d == NULL)
		return fault_sys(f, "read %s", folder_of(k));
	rewinddir(d);
	while (ret == 0 && (e = readdir(d)) != NULL) {
		if (keep_name_ok(e->d_name))
			ret = load_one(k, e->d_name, f);
	}
	closedir(d);
	return ret;
}

/* A repository, and its first commit; 0 if it is there. */
static int
begin(struct keep *k, struct fault *f)
{
	char *const init[] = { (char[]){ "init" }, (char[]){ "-q" },
		(char[]){ "--template=" }, NULL };

	if (read_head(k, f) == 0)
		return 0;
	return git(k, SERVER, init, f) == -1
		   ? -1
		   : commit(k, SERVER, "the calendar begins", f);
}

/* A cut may have left a file that no commit has. */
static int
mend(struct keep *k, struct fault *f)
{
	char *const look[] = { (char[]){ "status" }, (char[]){ "--porcelain" },
		NULL };
	char *const pack[] = { (char[]){ "gc" }, (char[]){ "-q" },
		(char[]){ "--auto" }, NULL };
	char *said = NULL;
	size_t n = 0;
	int status;

	status = git_run(folder_of(k), SERVER, look, &said, &n, f);
	free(said);
	if (status != 0)
		return status == -1 ? -1 : fault_set(f, "git status failed");
	if (n > 0 && (add(k, ".", f) == -1 ||
			 commit(k, SERVER, "found at the start", f) == -1))
		return -1;
	return git(k, SERVER, pack, f);
}

int
keep_open(struct keep *k, const char *name, struct fault *f)
{
	memset(k, 0, sizeof *k);
	k->name = name;
	k->item = calloc(KEEP_ITEMS, sizeof *k->item);
	if (k->item == NULL)
		return fault_set(f, "no memory for %s", name);
	if (mkdir(folder_of(k), 0700) == -1 && errno != EEXIST)
		return fault_sys(f, "make %s", folder_of(k));
	k->dir = open(folder_of(k), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (k->dir == -1)
		return fault_sys(f, "open %s", folder_of(k));
	unlinkat(k->dir, NEW, 0);
	unlinkat(k->dir, ".git/index.lock", 0);
	unlinkat(k->dir, ".git/HEAD.lock", 0);
	unlinkat(k->dir, ".git/refs/heads/main.lock", 0);
	return begin(k, f) == -1 || load(k, f) == -1 ? -1 : mend(k, f);
}

/* --- changes --------------------------------------------------------------*/

/* Puts the file back to what memory has. */
static enum keep_result
undo(struct keep *k, const char *name)
{
	const struct keep_item *i = keep_find(k, name);
	struct fault f;

	if (i == NULL)
		unlinkat(k->dir, name, 0);
	else
		write_file(k, name, i->text, i->n, &f);
	add(k, ".", &f);
	return KEEP_FAILED;
}

enum keep_result
keep_put(struct keep *k, const char *name, const char *text, size_t n,
    const struct ics *ics, const char *user, struct fault *f)
{
	struct keep_item *i = keep_find(k, name);
	char words[400];
	bool fresh = i == NULL;
	size_t at;

	for (at = 0; at < k->items; at++) {
		if (&k->item[at] != i &&
		    strcmp(k->item[at].ics.uid, ics->uid) == 0)
			return KEEP_TWICE;
	}
	if ((fresh && k->items == KEEP_ITEMS) || all_bytes + n > KEEP_ALL)
		return KEEP_FULL;
	snprintf(words, sizeof words, "put %s: %s", name, ics->summary);
	if (write_file(k, name, text, n, f) == -1 || add(k, name, f) == -1 ||
	    commit(k, user, words, f) == -1)
		return undo(k, name);
	if (fresh)
		i = insert(k, name);
	if (i == NULL || set_text(i, text, n, ics) == -1)
		_exit(
		    1); /* no memory: the next start reads all from the disk */
	return fresh ? KEEP_NEW : KEEP_OK;
}

enum keep_result
keep_delete(
    struct keep *k, struct keep_item *i, const char *user, struct fault *f)
{
	char words[400];

	snprintf(words, sizeof words, "delete %s: %s", i->name, i->ics.summary);
	if (unlinkat(k->dir, i->name, 0) == -1 || fsync(k->dir) == -1) {
		fault_sys(f, "delete %s", i->name);
		return undo(k, i->name);
	}
	if (add(k, i->name, f) == -1 || commit(k, user, words, f) == -1)
		return undo(k, i->name);
	forget(k, i);
	return KEEP_OK;
}

/* --- what the history is asked --------------------------------------------*/

int
keep_since(struct keep *k, const char *since, keep_one_fn *one, void *arg,
    struct fault *f)
{
	char *const args[] = { (char[]){ "diff" }, (char[]){ "--name-only" },
		(char[]){ "--no-renames" }, (char[]){ "-z" }, (char *)since,
		(char[]){ "HEAD" }, (char[]){ "--" }, NULL };
	char *names, *at;
	size_t n;
	int status;

	if (strlen(since) != KEEP_COMMIT ||
	    since[strspn(since, "0123456789abcdef")] != '\0')
		return fault_set(f, "not the name of a commit");
	status = git_run(folder_of(k), SERVER, args, &names, &n, f);
	if (status == -1)
		return -1;
	for (at = names; status == 0 && at < names + n; at += strlen(at) + 1) {
		if (keep_name_ok(at))
			one(arg, at);
	}
	free(names);
	return status == 0 ? 0 : fault_set(f, "there is no such commit");
}

int
keep_for_clone(struct keep *k, struct fault *f)
{
	char *const args[] = { (char[]){ "update-server-info" }, NULL };

	return git(k, SERVER, args, f);
}
