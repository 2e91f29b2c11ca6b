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

const char *const lane_packages[] = { "libfaketime", NULL };

/* Sorted, in the order of the enum. */
static const char *const names[] = {
	[VARY_ASLR] = "aslr",
	[VARY_COLUMNS] = "columns",
	[VARY_CPUS] = "cpus",
	[VARY_DATE] = "date",
	[VARY_DOMAIN] = "domain",
	[VARY_FILE_ORDER] = "file-order",
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

/* What two runs on one machine cannot differ in. */
static const char *const fixed[] = { "build-path", "cpu", "kernel" };

const char *
variation_name(enum variation v)
{
	return names[v];
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

static void
set(struct lane *l, const char *name, const char *value)
{
	assert(l->nenv < ARRAY_LEN(l->env));
	buf_init(&l->env[l->nenv]);
	buf_printf(&l->env[l->nenv++], "%s=%s", name, value);
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

static void
set_date(struct lane *l, const char *root)
{
	auto_free char *library = find_faketime(root);

	if (!library) {
		l->vary &= ~VARY(VARY_DATE);
		return;
	}
	set(l, "LD_PRELOAD", library);
	/* More than a year, and another day of the week. */
	set(l, "FAKETIME", "+400d");
	/* Waits and timers keep running; files keep the times they have, or
	 * a copied time would move at each copy. */
	set(l, "FAKETIME_DONT_FAKE_MONOTONIC", "1");
	set(l, "NO_FAKE_STAT", "1");
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
