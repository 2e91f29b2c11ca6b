/*
 * An archive of two suites, bookworm and its security suite, served by
 * fake_archive on loopback and known to parts' apt sources: what the tests of
 * the inputs start from.
 *
 * Keys and server are made once for a group of tests, the suites for each.
 */
#ifndef KILN_TWO_SUITES_H
#define KILN_TWO_SUITES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "tests/support/archive/fake_archive.h"
#include "tests/support/archive/farm_parts.h"

static struct fake_suite bookworm, security;
static const char *const suites[] = { "bookworm", "bookworm-security" };

/* The folder of keys and server, which outlives each test's scratch. */
static char suites_keys[256];

static int
suites_group_setup(void **state)
{
	(void)state;
	snprintf(suites_keys, sizeof(suites_keys), "/tmp/kiln-keys-XXXXXX");
	if (!mkdtemp(suites_keys) || chmod(suites_keys, 0755) == -1)
		return -1;
	return fake_start(suites_keys);
}

static int
suites_group_teardown(void **state)
{
	(void)state;
	fake_stop();
	snprintf(scratch.path, sizeof(scratch.path), "%s", suites_keys);
	scratch.fd = -1;
	return scratch_teardown(state);
}

/* Says where the suites are; again after parts_open(). */
static int
suites_add_sources(void)
{
	for (size_t i = 0; i < ARRAY_LEN(suites); i++)
		if (apt_sources_add(&parts.sources, fake_uri(), suites[i],
			fake_keyring(), &parts.err) == -1)
			return -1;
	return 0;
}

/* An empty farm and two empty suites, not yet published. */
static int
suites_setup(void **state)
{
	if (scratch_setup(state) == -1 || parts_open() == -1 ||
	    suites_add_sources() == -1)
		return -1;
	fake_suite_init(&bookworm, "bookworm");
	fake_suite_init(&security, "bookworm-security");
	return 0;
}

static void
suites_publish(void)
{
	fake_publish(&bookworm);
	fake_publish(&security);
}

static int
suites_poll(struct archive_news *news)
{
	parts.err = (struct err)ERR_INIT;
	return archive_poll(&parts.archive, suites, ARRAY_LEN(suites), "amd64",
	    0, news, &parts.err);
}

static int
suites_teardown(void **state)
{
	fake_suite_release(&bookworm);
	fake_suite_release(&security);
	parts_close();
	return scratch_teardown(state);
}

/* cmocka's main, or a worker's when it is started as one. */
#define suites_main(argc, argv, tests)               \
	((argc) == 3 && strcmp((argv)[1], "-x") == 0 \
		? worker_main((argv)[2])             \
		: cmocka_run_group_tests(            \
		      tests, suites_group_setup, suites_group_teardown))

#endif
