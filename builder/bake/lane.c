#include "builder/bake/lane.h"

#include <assert.h>
#include <fcntl.h>
#include <glob.h>
#include <string.h>
#include <unistd.h>

#include "lib/attr.h"
#include "lib/mem.h"
#include "lib/own.h"

#define PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define JOBS_MAX 16
#define OTHER_DAYS 400 /* more than a year, and another day of the week */

const char *const lane_packages[] = { "libfaketime", NULL };

/* Sorted, in the order of the enum. */
static const char *const names[] = {
	[VARY_ASLR] = "aslr",
	[VARY_COLUMNS] = "columns",
	[VARY_CPUS] = "cpus",
	[VARY_DATE] = "date",
	[VARY_DOMAIN] = "domain",
	[VARY_FILE_ORDER] = "file-order",
	[VARY_HEAP] = "heap",
	[VARY_HOME] = "home",
	[VARY_HOSTNAME] = "hostname",
	[VARY_JOBS] = "jobs",
	[VARY_LOCALE] = "locale",
	[VARY_OUTSIDE_PATH] = "outside-path",
	[VARY_PATH] = "path",
	[VARY_TIMEZONE] = "timezone",
	[VARY_UID] = "uid",
	[VARY_UMASK] = "umask",
};

static const char *const holds[] = {
	[HOLD_CLOCK] = "clock",
	[HOLD_FILE_TIMES] = "file-times",
	[HOLD_HASHES] = "hashes",
	[HOLD_RANDOM] = "random",
};

/* What two runs on one machine cannot differ in. */
static const char *const fixed[] = { "build-path", "cpu", "kernel" };

const char *
variation_name(enum variation v)
{
	return names[v];
}

const char *
hold_name(enum hold h)
{
	return holds[h];
}

static int
find(struct span name)
{
	for (int v = 0; v < VARY_COUNT; v++)
		if (strlen(names[v]) == name.n &&
		    memcmp(names[v], name.p, name.n) == 0)
			return v;
	return -1;
}

static int
unknown(struct span name, struct err *err)
{
	auto_buf struct buf all = BUF_INIT;

	for (int v = 0; v < VARY_COUNT; v++)
		buf_printf(&all, "%s%s", v ? ", " : "", names[v]);
	return err_set(err, ERR_INPUT, "\"%.*s\" is no variation: there are %s",
	    (int)name.n, name.p, all.data);
}

int
vary_parse(const char *text, unsigned *vary, struct err *err)
{
	unsigned got = VARY_NONE;

	if (strcmp(text, "all") == 0)
		got = VARY_ALL;
	else if (*text)
		for (const char *at = text; at; at = strchr(at, ',')) {
			struct span one;
			int v;

			at += at != text;
			one = (struct span){ at, strcspn(at, ",") };
			v = find(one);
			if (v == -1)
				return unknown(one, err);
			got |= VARY(v);
		}
	*vary = got;
	return 0;
}

/* The variable's place: where it stands, or a new one. */
static struct buf *
place_of(struct lane *l, const char *name)
{
	size_t n = strlen(name);

	for (size_t i = 0; i < l->nenv; i++)
		if (strncmp(l->env[i].data, name, n) == 0 &&
		    l->env[i].data[n] == '=')
			return &l->env[i];
	assert(l->nenv < ARRAY_LEN(l->env));
	buf_init(&l->env[l->nenv]);
	return &l->env[l->nenv++];
}

static void
set(struct lane *l, const char *name, const char *value)
{
	struct buf *b = place_of(l, name);

	buf_clear(b);
	buf_printf(b, "%s=%s", name, value);
}

static void
set_int(struct lane *l, const char *name, int64_t value)
{
	auto_free char *text = mem_printf("%lld", (long long)value);

	set(l, name, text);
}

/* The library's path inside, or NULL: "/usr/lib/TRIPLET/faketime/…". */
static char *
find_faketime(const char *root)
{
	auto_free char *pattern =
	    mem_printf("%s/usr/lib/*/faketime/libfaketimeMT.so.1", root);
	char *found = NULL;
	glob_t g;

	if (glob(pattern, GLOB_NOSORT, NULL, &g) == 0 && g.gl_pathc == 1)
		found = mem_str(g.gl_pathv[0] + strlen(root));
	globfree(&g);
	return found;
}

/* false: there is none. */
static bool
set_faketime(struct lane *l, const char *root, const char *value)
{
	auto_free char *library = find_faketime(root);

	if (!library)
		return false;
	set(l, "LD_PRELOAD", library);
	set(l, "FAKETIME", value);
	/* Waits and timers keep running; files keep the times they have, or
	 * a copied time would move at each copy. */
	set(l, "FAKETIME_DONT_FAKE_MONOTONIC", "1");
	set(l, "NO_FAKE_STAT", "1");
	return true;
}

static void
set_date(struct lane *l, const char *root)
{
	auto_free char *value = mem_printf("+%dd", OTHER_DAYS);

	if (!set_faketime(l, root, value))
		l->vary &= ~VARY(VARY_DATE);
}

static void
unset(struct lane *l, const char *name)
{
	struct buf *b = place_of(l, name);

	buf_release(b);
	*b = l->env[--l->nenv];
}

/*
 * In seconds, an absolute time stands still exactly; but it is read as a local
 * one, and again by a program that sets itself another zone, as `date -u`
 * does.  The time of a file is the same in all zones, to a few microseconds;
 * but then the times of files move along, so not where those are held.
 */
static void
hold_clock(struct lane *l, const char *root, int64_t now)
{
	bool moved = l->vary & VARY(VARY_DATE);
	int64_t at = now + (moved ? OTHER_DAYS * 86400ll : 0);
	bool files = l->hold & HOLD(HOLD_FILE_TIMES);
	bool zone = (l->vary & VARY(VARY_TIMEZONE)) && !files;
	auto_free char *value =
	    zone ? mem_str("%") : mem_printf("%lld", (long long)at);

	if (!set_faketime(l, root, value)) {
		l->hold &= ~(HOLD(HOLD_CLOCK) | HOLD(HOLD_FILE_TIMES));
		return;
	}
	if (zone) {
		set(l, "FAKETIME_FOLLOW_FILE", LANE_CLOCK);
		set(l, "FAKETIME_NO_CACHE", "1");
		l->clock = at;
	} else {
		set(l, "FAKETIME_FMT", "%s");
	}
	if (files)
		unset(l, "NO_FAKE_STAT");
}

static void
hold_random(struct lane *l, const char *root)
{
	/* Beside a clock that is held or shifted, or one that is right. */
	if (!(l->vary & VARY(VARY_DATE)) && !(l->hold & HOLD(HOLD_CLOCK)) &&
	    !set_faketime(l, root, "+0"))
		l->hold &= ~HOLD(HOLD_RANDOM);
	else
		set(l, "FAKERANDOM_SEED", "0x243F6A8885A308D3");
}

void
lane_hold(struct lane *l, unsigned hold, const char *root, int64_t now)
{
	if (hold & HOLD(HOLD_FILE_TIMES))
		hold |= HOLD(HOLD_CLOCK);
	l->hold = hold;
	if (hold & HOLD(HOLD_CLOCK))
		hold_clock(l, root, now);
	if (hold & HOLD(HOLD_HASHES)) {
		set(l, "PERL_HASH_SEED", "0");
		set(l, "PERL_PERTURB_KEYS", "0");
		set(l, "PYTHONHASHSEED", "0");
	}
	if (hold & HOLD(HOLD_RANDOM))
		hold_random(l, root);
}

static int
processors(void)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);

	return n < 2 ? 2 : n > JOBS_MAX ? JOBS_MAX : (int)n;
}

void
lane_init(struct lane *l, char name, unsigned vary, const char *root,
    const char *arch, int64_t clock)
{
	bool host = vary & VARY(VARY_HOSTNAME);
	bool domain = vary & VARY(VARY_DOMAIN);
	const char *locale = vary & VARY(VARY_LOCALE) ? "C" : "C.UTF-8";

	*l = (struct lane){ .name = name, .vary = vary };
	l->uid = l->gid = vary & VARY(VARY_UID) ? 4242 : 1000;
	l->jobs = vary & VARY(VARY_JOBS) ? processors() : 1;
	l->cpus = vary & VARY(VARY_CPUS) ? 0 : 1;
	/* Quiet means the same addresses each time. */
	l->no_aslr = !(vary & VARY(VARY_ASLR));
	l->reverse_order = vary & VARY(VARY_FILE_ORDER);
	l->long_path = vary & VARY(VARY_OUTSIDE_PATH);
	l->umask = vary & VARY(VARY_UMASK) ? "077" : "022";
	l->home = vary & VARY(VARY_HOME) ? "/tmp" : "/build";
	l->hostname = host && domain ? "zork.contrary.example"
		      : host	     ? "zork"
		      : domain	     ? "build.contrary.example"
				     : "build";

	set(l, "PATH", vary & VARY(VARY_PATH) ? PATH ":/usr/games" : PATH);
	set(l, "HOME", l->home);
	set(l, "LC_ALL", locale);
	set(l, "LANG", locale);
	/* POSIX text, so that no time zone files are needed. */
	set(l, "TZ", vary & VARY(VARY_TIMEZONE) ? "<+1345>-13:45" : "UTC");
	set_int(l, "SOURCE_DATE_EPOCH", clock);
	set_int(l, "KILN_JOBS", l->jobs);
	set(l, "KILN_ARCH", arch);
	if (vary & VARY(VARY_COLUMNS)) {
		set(l, "COLUMNS", "177");
		set(l, "LINES", "13");
	}
	/* What malloc() gives and free() takes is filled: whoever writes out
	 * what it never wrote to writes other bytes. */
	if (vary & VARY(VARY_HEAP))
		set(l, "MALLOC_PERTURB_", "165");
	if (vary & VARY(VARY_DATE))
		set_date(l, root);
}

void
lane_release(struct lane *l)
{
	for (size_t i = 0; i < l->nenv; i++)
		buf_release(&l->env[i]);
	l->nenv = 0;
}

json_t *
lane_varied(unsigned vary)
{
	json_t *list = json_array();

	for (int v = 0; v < VARY_COUNT; v++)
		if (vary & VARY(v))
			json_array_append_new(list, json_string(names[v]));
	return list;
}

json_t *
lane_not_varied(unsigned vary)
{
	json_t *list = json_array();
	size_t f = 0;

	/* Two sorted lists into one. */
	for (int v = 0; v < VARY_COUNT; v++) {
		if (vary & VARY(v))
			continue;
		while (f < ARRAY_LEN(fixed) && strcmp(fixed[f], names[v]) < 0)
			json_array_append_new(list, json_string(fixed[f++]));
		json_array_append_new(list, json_string(names[v]));
	}
	while (f < ARRAY_LEN(fixed))
		json_array_append_new(list, json_string(fixed[f++]));
	return list;
}
