/*
 * The recipe "hello" in an archive of two suites: it builds a source with cc,
 * and its image holds writer.
 */
#ifndef KILN_LOCK_HELLO_H
#define KILN_LOCK_HELLO_H

#include "builder/inputs/lock_json.h"
#include "lib/canon.h"
#include "lib/json.h"
#include "tests/support/archive/two_suites.h"

static int
hello_poll(void)
{
	struct archive_news news;

	return suites_poll(&news);
}

static int KILN_UNUSED
hello_setup(void **state)
{
	if (suites_setup(state) == -1)
		return -1;
	fake_base(&bookworm, lock_base);
	fake_package(&bookworm, "cc", "1:4.2-3", "Depends: libc-dev (>= 2)\n",
	    "compiler");
	fake_package(&bookworm, "libc-dev", "2.36", "Recommends: doc\n", "dev");
	fake_package(&bookworm, "doc", "1", NULL, "doc");
	fake_package(&bookworm, "gawk", "9", "Provides: awk\n", "gawk");
	fake_package(&bookworm, "script", "1", "Depends: gawk | mawk\n", "s");
	fake_package(&bookworm, "writer", "1", NULL, "writer");
	fake_package(&security, "libc-dev", "2.36+deb1", NULL, "dev, mended");
	fake_source(&bookworm, "hello", "1.0-9", "hello_1.0.tar", "old source");
	fake_source(&security, "hello", "1.0-10", "hello_1.1.tar", "source");
	suites_publish();
	if (hello_poll() == -1)
		return -1;
	fake_count_reset();
	return 0;
}

static const char *const build[] KILN_UNUSED = { "cc" };
static const char *const image[] KILN_UNUSED = { "writer" };
static const char *const sources[] KILN_UNUSED = { "hello" };

static struct lock_request KILN_UNUSED
request(void)
{
	return (struct lock_request){
		.recipe = "hello",
		.arch = "amd64",
		.suites = suites,
		.nsuites = ARRAY_LEN(suites),
		.build = build,
		.nbuild = 1,
		.image = image,
		.nimage = 1,
		.sources = sources,
		.nsources = 1,
	};
}

static int KILN_UNUSED
make(const struct lock_request *rq, struct hash *h)
{
	parts.err = (struct err)ERR_INIT;
	return lock_make(&parts.archive, rq, 0, h, &parts.err);
}

static struct lock *KILN_UNUSED
must_make(struct hash *h)
{
	struct lock_request rq = request();
	struct lock *l;

	if (make(&rq, h) == -1)
		fail_msg("%s", parts.err.msg);
	l = lock_load(parts.store, h, &parts.err);
	if (!l)
		fail_msg("%s", parts.err.msg);
	return l;
}

static void KILN_UNUSED
must_fail(const struct lock_request *rq, enum err_class cls, const char *part)
{
	struct hash h;

	assert_int_equal(make(rq, &h), -1);
	if (parts.err.cls != cls || !strstr(parts.err.msg, part))
		fail_msg("class %d: %s", parts.err.cls, parts.err.msg);
	assert_int_equal(parts_ask("SELECT count(*) FROM lock"), 0);
}

#endif
