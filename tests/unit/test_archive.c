/* rooms: builder/schema.c builder/progress.c builder/inputs
 * tests/support/archive */

#include "builder/inputs/gpg.h"
#include "tests/support/archive/two_suites.h"

static int
setup(void **state)
{
	if (suites_setup(state) == -1)
		return -1;
	fake_package(&bookworm, "hello", "1.0", NULL, "hello one");
	fake_source(&bookworm, "hello", "1.0", "hello_1.0.tar", "source");
	fake_package(&security, "hello", "1.0+deb1", NULL, "hello safe");
	suites_publish();
	fake_count_reset();
	return 0;
}

static void
must_poll(size_t changed)
{
	struct archive_news news;

	if (suites_poll(&news) == -1)
		fail_msg("%s", parts.err.msg);
	assert_int_equal(news.checked, 2);
	assert_int_equal(news.changed, changed);
	assert_int_equal(news.event != 0, changed != 0);
}

/* The poll is refused, in words that hold `part`, and the rows stay. */
static void
must_refuse(enum err_class cls, const char *part)
{
	static const char sum[] = "SELECT ifnull(sum(date) + sum(changed_at) +"
				  " sum(checked_at), 0) FROM suite";
	int64_t before = parts_ask(sum);
	struct archive_news news;

	assert_int_equal(suites_poll(&news), -1);
	if (parts.err.cls != cls || !strstr(parts.err.msg, part))
		fail_msg("class %d: %s", parts.err.cls, parts.err.msg);
	assert_int_equal(parts_ask(sum), before);
}

static void
first_poll_takes_signed_indexes_into_the_store(void **state)
{
	(void)state;
	must_poll(2);
	assert_int_equal(parts_ask("SELECT count(*) FROM suite"), 2);
	/* Two InRelease files; Packages of each; one Sources is empty. */
	assert_int_equal(parts_stored(), 6);
	assert_int_equal(parts_ask("SELECT count(*) FROM event WHERE kind ="
				   " 'archive-changed'"),
	    2);
}

static void
unchanged_poll_is_one_request_a_suite(void **state)
{
	(void)state;
	must_poll(2);
	fake_count_reset();
	must_poll(0);
	assert_int_equal(fake_count("InRelease"), 2);
	assert_int_equal(fake_count("/"), 2);
}

/* Bytes of the two files. */
static int64_t
inrelease_bytes(void)
{
	int64_t sum = 0;

	for (size_t i = 0; i < ARRAY_LEN(suites); i++) {
		auto_free char *file = mem_printf(
		    "%s/debian/dists/%s/InRelease", fake_root(), suites[i]);
		struct stat st;

		assert_int_equal(stat(file, &st), 0);
		sum += st.st_size;
	}
	return sum;
}

static void
unchanged_poll_moves_the_inrelease_files_and_parses_nothing(void **state)
{
	uint32_t asked;

	(void)state;
	must_poll(2);
	asked = parts.workers.index.last;
	fake_count_reset();
	must_poll(0);
	assert_int_equal(fake_bytes(), inrelease_bytes());
	assert_int_equal(parts.workers.index.last, asked);
}

static void
server_with_tags_is_asked_conditionally_and_sends_no_bytes(void **state)
{
	(void)state;
	for (int etag = 0; etag <= 1; etag++) {
		uint32_t asked;

		fake_tags(etag, !etag);
		fake_package(&bookworm, etag ? "more" : "less", "1", NULL, "x");
		fake_publish(&bookworm);
		must_poll(etag ? 1 : 2);
		must_poll(0); /* the other suite's tags are heard here */
		asked = parts.workers.index.last;
		fake_count_reset();
		must_poll(0);
		assert_int_equal(fake_count("InRelease"), 2);
		assert_int_equal(fake_bytes(), 0);
		assert_int_equal(parts.workers.index.last, asked);
		/* A change is seen at once. */
		fake_package(&security, etag ? "new" : "old", "1", NULL, "x");
		fake_publish(&security);
		must_poll(1);
	}
	fake_tags(false, false);
}

static void
unchanged_by_its_tag_is_refused_all_the_same_once_it_expires(void **state)
{
	(void)state;
	fake_tags(true, true);
	security.valid_until = time(NULL) + 3600;
	fake_publish(&security);
	must_poll(2);
	/* Time passes. */
	assert_int_equal(db_exec(parts.db,
			     "UPDATE suite SET valid_until = date - 1 WHERE"
			     " name = 'bookworm-security'",
			     &parts.err),
	    0);
	must_refuse(ERR_TRUST, "was valid until");
	fake_tags(false, false);
}

static void
proxy_and_mirror_of_the_settings_are_asked(void **state)
{
	char *end;

	(void)state;
	apt_sources_release(&parts.sources);
	for (size_t i = 0; i < ARRAY_LEN(suites); i++)
		assert_int_equal(apt_sources_add(&parts.sources,
				     "http://mirror.invalid/debian", suites[i],
				     fake_keyring(), &parts.err),
		    0);
	parts.sources.proxy = mem_str(fake_uri());
	end = strstr(parts.sources.proxy, "/debian/");
	assert_non_null(end);
	*end = '\0';
	must_poll(2);
	assert_int_equal(fake_count("http://mirror.invalid/debian/dists/"
				    "bookworm/InRelease"),
	    1);
}

static void
silence_is_told_once_for_each_silence(void **state)
{
	static const char told[] =
	    "SELECT count(*) FROM event WHERE kind = 'archive-silent'";
	static const char old[] =
	    "UPDATE suite SET checked_at = checked_at - 90000";
	static const char past[] = "UPDATE event SET at = at - 200000";

	(void)state;
	must_poll(2);
	archive_tell_silence(&parts.archive, 86400);
	assert_int_equal(parts_ask(told), 0);
	assert_int_equal(db_exec(parts.db, old, &parts.err), 0);
	archive_tell_silence(&parts.archive, 86400);
	archive_tell_silence(&parts.archive, 86400);
	assert_int_equal(parts_ask(told), 2); /* suites */
	assert_int_equal(db_exec(parts.db, past, &parts.err), 0);
	must_poll(0);
	archive_tell_silence(&parts.archive, 86400);
	assert_int_equal(parts_ask(told), 2);
	assert_int_equal(db_exec(parts.db, old, &parts.err), 0);
	archive_tell_silence(&parts.archive, 86400);
	assert_int_equal(parts_ask(told), 4);
}

static void
changed_suite_fetches_only_the_changed_index_by_its_hash(void **state)
{
	(void)state;
	must_poll(2);
	fake_count_reset();
	fake_package(&security, "hello", "1.0+deb2", NULL, "hello safer");
	fake_publish(&security);
	must_poll(1);
	assert_int_equal(fake_count("/"), 3);
	assert_int_equal(fake_count("by-hash"), 1);
}

static void
index_is_fetched_by_its_plain_name_when_its_hash_is_not_served(void **state)
{
	auto_free char *dir = mem_printf(
	    "%s/debian/dists/bookworm/main/binary-amd64", fake_root());
	auto_fd int fd = dir_open(dir, &parts.err);

	(void)state;
	assert_int_equal(tree_remove_at(fd, "by-hash", &parts.err), 0);
	must_poll(2);
	assert_int_equal(
	    fake_count("bookworm/main/binary-amd64/Packages.xz"), 1);
}

static void
signature_of_another_key_is_refused_and_the_old_state_stays(void **state)
{
	(void)state;
	must_poll(2);
	fake_package(&bookworm, "hello", "6.66", NULL, "evil");
	bookworm.other_key = true;
	fake_publish(&bookworm);
	must_refuse(ERR_TRUST, "signed by a key that the keyring does not");
	assert_int_equal(parts_ask("SELECT count(*) FROM event WHERE kind ="
				   " 'archive-refused' AND subject ="
				   " 'bookworm'"),
	    1);
	/* The same again is no news. */
	must_refuse(ERR_TRUST, "keyring");
	assert_int_equal(parts_ask("SELECT count(*) FROM event WHERE kind ="
				   " 'archive-refused'"),
	    1);
}

static void
one_changed_letter_of_the_signed_text_is_refused(void **state)
{
	auto_buf struct buf text = BUF_INIT;
	auto_free char *file =
	    mem_printf("%s/debian/dists/bookworm/InRelease", fake_root());
	char *at;

	(void)state;
	assert_int_equal(file_read(file, 1 << 20, &text, &parts.err), 0);
	at = strstr(text.data, "Origin: Fake");
	assert_non_null(at);
	at[8] = 'G';
	fake_damage("debian/dists/bookworm/InRelease", text.data);
	must_refuse(ERR_TRUST, "the signature is bad");
}

static void
text_outside_the_signature_is_refused_or_not_read(void **state)
{
	auto_buf struct buf text = BUF_INIT, more = BUF_INIT;
	auto_free char *file =
	    mem_printf("%s/debian/dists/bookworm/InRelease", fake_root());
	struct archive_news news;

	(void)state;
	assert_int_equal(file_read(file, 1 << 20, &text, &parts.err), 0);
	buf_printf(&more, "Codename: evil\nDate: never\n\n%s", text.data);
	fake_damage("debian/dists/bookworm/InRelease", more.data);
	/* gpgv writes the signed text alone. */
	if (suites_poll(&news) == -1)
		assert_int_equal(parts.err.cls, ERR_TRUST);
	else
		assert_int_equal(parts_ask("SELECT count(*) FROM suite WHERE"
					   " name = 'bookworm'"),
		    1);
}

static void
unsigned_file_is_refused(void **state)
{
	(void)state;
	fake_damage("debian/dists/bookworm/InRelease",
	    "Codename: bookworm\nDate: Sat, 11 Jul 2026 10:16:37 UTC\n");
	must_refuse(ERR_TRUST, "not a signed file");
}

static void
index_that_is_not_what_is_listed_is_refused(void **state)
{
	(void)state;
	must_poll(2);
	fake_package(&bookworm, "other", "1", NULL, "x");
	bookworm.wrong_index = true;
	fake_publish(&bookworm);
	must_refuse(ERR_TRUST, "instead of");
}

static void
suite_of_another_name_is_refused(void **state)
{
	(void)state;
	bookworm.name = "trixie";
	fake_publish(&bookworm);
	must_refuse(ERR_TRUST, "holds the suite trixie");
}

static void
date_that_goes_back_is_refused(void **state)
{
	(void)state;
	must_poll(2);
	bookworm.date -= 86400;
	fake_publish(&bookworm);
	must_refuse(ERR_TRUST, "older than");
}

static void
expired_file_is_refused(void **state)
{
	(void)state;
	security.valid_until = time(NULL) - 60;
	fake_publish(&security);
	must_refuse(ERR_TRUST, "was valid until");
	parts.sources.check_valid_until = false; /* as apt can be told */
	must_poll(2);
}

static void
unchanged_file_is_refused_once_it_expires(void **state)
{
	(void)state;
	security.valid_until = time(NULL) + 2;
	fake_publish(&security);
	must_poll(2);
	sleep(3);
	must_refuse(ERR_TRUST, "was valid until");
}

static void
suites_change_together_or_not_at_all(void **state)
{
	(void)state;
	must_poll(2);
	fake_package(&bookworm, "new", "1", NULL, "new");
	fake_publish(&bookworm);
	security.other_key = true;
	fake_package(&security, "new", "1", NULL, "new");
	fake_publish(&security);
	must_refuse(ERR_TRUST, "bookworm-security");
	security.other_key = false;
	fake_publish(&security);
	must_poll(2);
}

static void
server_that_does_not_answer_is_busy_and_changes_nothing(void **state)
{
	(void)state;
	apt_sources_release(&parts.sources);
	/* Nobody listens on the discard port. */
	assert_int_equal(apt_sources_add(&parts.sources, "http://127.0.0.1:9",
			     "bookworm", fake_keyring(), &parts.err),
	    0);
	must_refuse(ERR_BUSY, "127.0.0.1:9");
	assert_int_equal(parts_ask("SELECT count(*) FROM event WHERE kind ="
				   " 'archive-unreachable'"),
	    1);
}

static void
suite_is_found_under_another_name_by_its_codename(void **state)
{
	struct archive_news news;
	const char *one[] = { "bookworm" };

	(void)state;
	apt_sources_release(&parts.sources);
	bookworm.dist = "stable";
	fake_publish(&bookworm);
	assert_int_equal(apt_sources_add(&parts.sources, fake_uri(),
			     "bookworm-security", fake_keyring(), &parts.err),
	    0);
	assert_int_equal(apt_sources_add(&parts.sources, fake_uri(), "stable",
			     fake_keyring(), &parts.err),
	    0);
	for (int i = 0; i < 2; i++) {
		fake_count_reset();
		if (archive_poll(&parts.archive, one, 1, "amd64", 0, &news,
			&parts.err) == -1)
			fail_msg("%s", parts.err.msg);
		assert_int_equal(news.changed, i == 0);
	}
	assert_int_equal(fake_count("/"), 1);
	assert_int_equal(fake_count("stable/InRelease"), 1);
}

static void
suite_in_no_source_is_named(void **state)
{
	const char *one[] = { "sid" };
	struct archive_news news;

	(void)state;
	assert_int_equal(
	    archive_poll(&parts.archive, one, 1, "amd64", 0, &news, &parts.err),
	    -1);
	assert_int_equal(parts.err.cls, ERR_INPUT);
	assert_non_null(strstr(parts.err.msg, "suite sid is in none of"));
}

static void
worker_that_dies_is_started_again(void **state)
{
	struct archive_news news;

	(void)state;
	must_poll(2);
	/* A message that its parent would never send ends the server. */
	{
		auto_buf struct buf b = BUF_INIT;

		assert_int_equal(ipc_send(parts.workers.fetch.sock, 9999, &b,
				     NULL, 0, &parts.err),
		    0);
	}
	assert_int_equal(suites_poll(&news), -1);
	assert_non_null(strstr(parts.err.msg, "the fetch worker ended"));
	must_poll(0);
}

static void
sources_of_this_machine_need_no_downloaded_lists(void **state)
{
	auto_apt struct apt_sources s = APT_SOURCES_INIT;

	(void)state;
	if (access("/usr/bin/apt-get", X_OK) == -1)
		skip();
	if (apt_sources_read(&s, NULL, &parts.err) == -1)
		assert_int_equal(parts.err.cls, ERR_INPUT);
	for (size_t i = 0; i < s.n; i++) {
		assert_int_equal(s.v[i].uri[strlen(s.v[i].uri) - 1], '/');
		assert_int_equal(s.v[i].keyring[0], '/');
	}
}

static void
sources_that_cannot_be_fetched_are_refused(void **state)
{
	struct apt_sources *s = &parts.sources;
	struct err *err = &parts.err;

	(void)state;
	assert_int_equal(
	    apt_sources_add(s, "ftp://x/", "bookworm", "/k", err), -1);
	assert_int_equal(
	    apt_sources_add(s, "http://x/", "../etc", "/k", err), -1);
	assert_int_equal(
	    apt_sources_add(s, "http://x/", "bookworm", "ABCD", err), -1);
}

int
main(int argc, char **argv)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, suites_teardown)
	const struct CMUnitTest tests[] = {
		T(first_poll_takes_signed_indexes_into_the_store),
		T(unchanged_poll_is_one_request_a_suite),
		T(unchanged_poll_moves_the_inrelease_files_and_parses_nothing),
		T(server_with_tags_is_asked_conditionally_and_sends_no_bytes),
		T(unchanged_by_its_tag_is_refused_all_the_same_once_it_expires),
		T(proxy_and_mirror_of_the_settings_are_asked),
		T(silence_is_told_once_for_each_silence),
		T(changed_suite_fetches_only_the_changed_index_by_its_hash),
		T(index_is_fetched_by_its_plain_name_when_its_hash_is_not_served),
		T(signature_of_another_key_is_refused_and_the_old_state_stays),
		T(one_changed_letter_of_the_signed_text_is_refused),
		T(text_outside_the_signature_is_refused_or_not_read),
		T(unsigned_file_is_refused),
		T(index_that_is_not_what_is_listed_is_refused),
		T(suite_of_another_name_is_refused),
		T(date_that_goes_back_is_refused),
		T(expired_file_is_refused),
		T(unchanged_file_is_refused_once_it_expires),
		T(suites_change_together_or_not_at_all),
		T(server_that_does_not_answer_is_busy_and_changes_nothing),
		T(suite_is_found_under_another_name_by_its_codename),
		T(suite_in_no_source_is_named),
		T(worker_that_dies_is_started_again),
		T(sources_of_this_machine_need_no_downloaded_lists),
		T(sources_that_cannot_be_fetched_are_refused),
	};

	return suites_main(argc, argv, tests);
}
