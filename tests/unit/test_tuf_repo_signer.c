/* rooms: tuf-repo */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "lib/own.h"
#include "lib/sealed.h"
#include "tests/support/tuf_farm.h"
#include "tuf-repo/journal.h"
#include "tuf-repo/signer_proto.h"

/* --- the journal ------------------------------------------------------- */

static struct hash
content(const char *text)
{
	struct hash h;

	hash_bytes(&h, text, strlen(text));
	return h;
}

static struct journal *
open_journal(void)
{
	struct journal *j = journal_open(scratch.fd, 0, &tf.err);

	if (!j)
		fail_msg("%s", tf.err.msg);
	return j;
}

static int
enter(struct journal *j, int64_t version, const char *text)
{
	struct hash h = content(text);

	err_clear(&tf.err);
	return journal_enter(j, "svc-dns-dhcp", version, &h, &tf.err);
}

static void
journal_never_takes_two_contents_for_one_version(void **state)
{
	struct journal *j = open_journal();

	(void)state;
	assert_int_equal(enter(j, 3, "a"), 0);
	assert_int_equal(enter(j, 3, "a"), 0);
	assert_int_equal(enter(j, 3, "b"), -1);
	assert_int_equal(tf.err.cls, ERR_TRUST);
	assert_string_equal(tf.err.msg,
	    "svc-dns-dhcp: version 3 was already signed with other content");
	journal_free(j);
}

static void
journal_never_goes_back_even_after_a_restart(void **state)
{
	struct journal *j = open_journal();

	(void)state;
	assert_int_equal(enter(j, 3, "a"), 0);
	journal_free(j);
	j = open_journal();
	assert_int_equal(enter(j, 2, "a"), -1);
	assert_string_equal(tf.err.msg,
	    "svc-dns-dhcp: version 2 asked, but 3 was already signed");
	assert_int_equal(enter(j, 3, "b"), -1);
	assert_int_equal(enter(j, 9, "b"), 0);
	journal_free(j);
}

static void
append(const char *text)
{
	int fd = openat(scratch.fd, "journal", O_WRONLY | O_APPEND);

	TF_OK(fd_write_all(fd, text, strlen(text), &tf.err));
	close(fd);
}

static void
journal_cuts_a_torn_line_and_goes_on(void **state)
{
	struct journal *j = open_journal();
	struct buf text = BUF_INIT;

	(void)state;
	assert_int_equal(enter(j, 3, "a"), 0);
	journal_free(j);
	append("svc-dns-dhcp 4 0123");
	j = open_journal();
	assert_int_equal(enter(j, 4, "other"), 0);
	journal_free(j);
	TF_OK(file_read_at(scratch.fd, "journal", 4096, &text, &tf.err));
	assert_int_equal(text.len, 2 * strlen("svc-dns-dhcp 4 \n") + 128);
	buf_release(&text);
}

static void
refused_with(const char *line)
{
	struct journal *j;

	unlinkat(scratch.fd, "journal", 0);
	j = open_journal();
	assert_int_equal(enter(j, 3, "a"), 0);
	journal_free(j);
	append(line);
	err_clear(&tf.err);
	assert_null(journal_open(scratch.fd, 0, &tf.err));
	assert_int_equal(tf.err.cls, ERR_TRUST);
}

static void
journal_with_a_damaged_line_signs_nothing(void **state)
{
	char line[256], hex[HASH_HEX];
	struct hash h = content("b");

	(void)state;
	hash_hex(&h, hex);
	refused_with("nonsense\n");
	refused_with("svc-dns-dhcp 4 0123\n");
	snprintf(line, sizeof(line), "svc-dns-dhcp 3 %s\n", hex);
	refused_with(line); /* two contents */
	snprintf(line, sizeof(line), "svc-dns-dhcp 2 %s\n", hex);
	refused_with(line); /* backwards */
	snprintf(line, sizeof(line), "no-role 1 %s\n", hex);
	refused_with(line);
	snprintf(line, sizeof(line), "svc-dns-dhcp -4 %s\n", hex);
	refused_with(line);
}

static void
journal_belongs_to_one_signer(void **state)
{
	struct journal *j = open_journal();

	(void)state;
	err_clear(&tf.err);
	assert_null(journal_open(scratch.fd, 0, &tf.err));
	assert_int_equal(tf.err.cls, ERR_BUSY);
	journal_free(j);
}

/* --- the signer -------------------------------------------------------- */

/* Sends a question; 0 and no message when it was signed. */
static int
ask_with(uint32_t type, const struct buf *fields, const int *fds, size_t nfds)
{
	auto_ipc struct ipc_msg m = IPC_MSG_INIT;
	char *text;
	uint32_t cls;

	err_clear(&tf.err);
	TF_OK(ipc_send(tf.repo.signer, type, fields, fds, nfds, &tf.err));
	assert_int_equal(ipc_recv(tf.repo.signer, 10000, &m, &tf.err), 1);
	if (m.type == SIGNED)
		return 0;
	assert_int_equal(m.type, REFUSED);
	TF_OK(ipc_get_u32(&m, &cls, &tf.err));
	TF_OK(ipc_get_str(&m, 480, &text, &tf.err));
	err_set(&tf.err, (enum err_class)cls, "%s", text);
	free(text);
	return -1;
}

static int
ask(uint32_t type, const struct buf *fields)
{
	return ask_with(type, fields, NULL, 0);
}

static int
ask_timestamp(int64_t version, int64_t expires, int64_t at, int64_t snapshot)
{
	auto_buf struct buf b = BUF_INIT;
	struct hash h = content("snapshot");

	ipc_add_i64(&b, version);
	ipc_add_i64(&b, expires);
	ipc_add_i64(&b, at);
	ipc_add_i64(&b, snapshot);
	ipc_add_i64(&b, 100);
	ipc_add_hash(&b, &h);
	return ask(SIGN_TIMESTAMP, &b);
}

static int
ask_role_from(const char *role, int64_t version, int fd)
{
	auto_buf struct buf b = BUF_INIT;

	ipc_add_str(&b, role);
	ipc_add_i64(&b, version);
	return ask_with(SIGN_ROLE, &b, &fd, fd != -1);
}

static int
ask_role(const char *role, int64_t version, const char *bytes)
{
	auto_fd int fd = sealed_make(bytes, strlen(bytes), &tf.err);

	assert_int_not_equal(fd, -1);
	return ask_role_from(role, version, fd);
}

static void
signer_keeps_versions_and_contents_apart(void **state)
{
	int64_t now = time_now();

	(void)state;
	assert_int_equal(ask_timestamp(5, now + 7 * DAY, now, 1), 0);
	assert_int_equal(ask_timestamp(5, now + 7 * DAY, now, 1), 0);
	assert_int_equal(ask_timestamp(5, now + 7 * DAY, now, 2), -1);
	assert_int_equal(tf.err.cls, ERR_TRUST);
	assert_int_equal(ask_timestamp(4, now + 7 * DAY, now, 1), -1);
	assert_int_equal(tf.err.cls, ERR_TRUST);
}

static void
signer_refuses_times_that_would_poison_a_router(void **state)
{
	int64_t now = time_now();

	(void)state;
	assert_int_equal(ask_timestamp(1, now + 7 * DAY, now + 7200, 1), -1);
	assert_string_equal(tf.err.msg,
	    "timestamp: its signing time lies ahead of the signer's clock");
	assert_int_equal(ask_timestamp(1, now + 30 * DAY, now, 1), -1);
	assert_string_equal(
	    tf.err.msg, "timestamp: it would live longer than 7 days");
	assert_int_equal(ask_timestamp(0, now + DAY, now, 1), -1);
	assert_int_equal(ask_timestamp(1, now + DAY, now, 0), -1);
	assert_int_equal(
	    ask_timestamp(INT64_C(1) << 53, now + DAY, now, 1), -1);
}

static void
signer_takes_given_bytes_of_online_delegations_only(void **state)
{
	static const char fmt[] = "{\"_type\":\"%s\",\"expires\":\"%s\","
				  "\"targets\":{},\"version\":%d}";
	char soon[TIME_TEXT], late[TIME_TEXT], bytes[256];

	(void)state;
	time_text(time_now() + 300 * DAY, soon);
	time_text(time_now() + 900 * DAY, late);
	snprintf(bytes, sizeof(bytes), fmt, "targets", soon, 4);
	assert_int_equal(ask_role("svc-ntp", 4, bytes), 0);
	assert_int_equal(ask_role("sets-edge", 4, bytes), 0);
	assert_int_equal(ask_role("targets", 4, bytes), -1);
	assert_int_equal(ask_role("root", 4, bytes), -1);
	assert_int_equal(ask_role("sets-stable", 4, bytes), -1);
	assert_int_equal(ask_role("snapshot", 4, bytes), -1);
	assert_int_equal(ask_role("brake", 4, bytes), -1);
	assert_int_equal(ask_role("svc-../x", 4, bytes), -1);
	/* the version it is journalled under must be the one inside */
	assert_int_equal(ask_role("svc-ntp", 5, bytes), -1);
	snprintf(bytes, sizeof(bytes), fmt, "targets", late, 5);
	assert_int_equal(ask_role("svc-ntp", 5, bytes), -1);
	snprintf(bytes, sizeof(bytes), fmt, "timestamp", soon, 5);
	assert_int_equal(ask_role("svc-ntp", 5, bytes), -1);
	assert_int_equal(ask_role("svc-ntp", 5, ""), -1);
	/* to some clients a date that is none never comes */
	snprintf(bytes, sizeof(bytes),
	    "{\"_type\":\"targets\",\"expires\":\"%s0\",\"targets\":{},"
	    "\"version\":5}",
	    soon);
	assert_int_equal(ask_role("svc-ntp", 5, bytes), -1);
}

static void
signer_takes_delegations_of_transport_to_its_bins_alone(void **state)
{
	static const char fmt[] =
	    "{\"_type\":\"targets\",\"delegations\":{\"keys\":{},\"roles\":"
	    "[]},\"expires\":\"%s\",\"spec_version\":\"" TUF_SPEC
	    "\",\"targets\":{%s},\"version\":%d}";
	char soon[TIME_TEXT], late[TIME_TEXT], bytes[400];

	(void)state;
	time_text(time_now() + 300 * DAY, soon);
	time_text(time_now() + 900 * DAY, late);
	snprintf(bytes, sizeof(bytes), fmt, soon, "", 4);
	assert_int_equal(ask_role("transport", 4, bytes), 0);
	assert_int_equal(ask_role("transport", 5, bytes), -1);
	assert_int_equal(ask_role("sets-edge", 4, bytes), -1);
	assert_int_equal(ask_role("svc-ntp", 4, bytes), -1);
	assert_int_equal(ask_role("transport-0a0", 4, bytes), -1);
	snprintf(bytes, sizeof(bytes), fmt, late, "", 5);
	assert_int_equal(ask_role("transport", 5, bytes), -1);
	assert_string_equal(
	    tf.err.msg, "transport: it would live longer than 365 days");
	/* its own list and its bins': not both */
	snprintf(bytes, sizeof(bytes), fmt, soon, "\"a\":{}", 5);
	assert_int_equal(ask_role("transport", 5, bytes), -1);
}

/* A role file of about `size` bytes, all of one member. */
static char *
long_role(size_t size, int version)
{
	auto_free char *fill = mem_zero(size + 1, 1);
	char soon[TIME_TEXT];

	memset(fill, 'x', size);
	time_text(time_now() + 300 * DAY, soon);
	return mem_printf("{\"_type\":\"targets\",\"expires\":\"%s\",\"fill\":"
			  "\"%s\",\"targets\":{},\"version\":%d}",
	    soon, fill, version);
}

static void
signer_takes_as_much_as_a_client_reads_and_no_more(void **state)
{
	auto_free char *much = long_role(SIGNER_BYTES_MAX - 200, 1);
	auto_free char *more = long_role(SIGNER_BYTES_MAX, 2);

	(void)state;
	assert_true(strlen(much) > (size_t)30 * IPC_MAX);
	assert_int_equal(ask_role("transport", 1, much), 0);
	assert_int_equal(ask_role("transport", 2, more), -1);
	assert_int_equal(tf.err.cls, ERR_INPUT);
}

static void
signer_reads_nothing_that_could_still_change(void **state)
{
	auto_free char *bytes = long_role(10, 1);
	auto_fd int open = memfd_create("open", MFD_CLOEXEC);
	auto_fd int half =
	    memfd_create("half", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	auto_fd int file = -1;

	(void)state;
	TF_OK(file_write_at(
	    scratch.fd, "role", bytes, strlen(bytes), 0600, &tf.err));
	file = file_open_at(scratch.fd, "role", O_RDONLY, 0, &tf.err);
	TF_OK(fd_write_all(open, bytes, strlen(bytes), &tf.err));
	TF_OK(fd_write_all(half, bytes, strlen(bytes), &tf.err));
	/* neither grows nor shrinks, but its content may be written again */
	assert_int_equal(
	    fcntl(half, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK), 0);
	assert_int_equal(ask_role_from("transport", 1, -1), -1);
	assert_int_equal(ask_role_from("transport", 1, open), -1);
	assert_int_equal(ask_role_from("transport", 1, half), -1);
	assert_int_equal(ask_role_from("transport", 1, file), -1);
	assert_string_equal(tf.err.msg, "a message without its sealed bytes");
	assert_int_equal(ask_role("transport", 1, bytes), 0);
}

static int
ask_snapshot(const char *first, const char *second)
{
	auto_buf struct buf b = BUF_INIT;
	struct hash h = content("x");
	int64_t now = time_now();

	ipc_add_i64(&b, 1);
	ipc_add_i64(&b, now + DAY);
	ipc_add_i64(&b, now);
	ipc_add_u32(&b, 2);
	ipc_add_str(&b, first);
	ipc_add_i64(&b, 1);
	ipc_add_i64(&b, 1);
	ipc_add_hash(&b, &h);
	ipc_add_str(&b, second);
	ipc_add_i64(&b, 1);
	ipc_add_i64(&b, 1);
	ipc_add_hash(&b, &h);
	return ask(SIGN_SNAPSHOT, &b);
}

static void
signer_writes_only_plain_sorted_names(void **state)
{
	(void)state;
	assert_int_equal(ask_snapshot("b.json", "a.json"), -1);
	assert_int_equal(ask_snapshot("a.json", "a.json"), -1);
	assert_int_equal(ask_snapshot("a\"}.json", "b.json"), -1);
	assert_int_equal(ask_snapshot("a.json", "../b.json"), -1);
	assert_int_equal(ask_snapshot("a.json", "b.json"), 0);
}

static void
signer_survives_messages_that_are_none(void **state)
{
	auto_buf struct buf b = BUF_INIT;
	int64_t now = time_now();

	(void)state;
	for (uint32_t type = 0; type < 9; type++) {
		buf_clear(&b);
		assert_int_equal(ask(type, &b), -1);
		for (int i = 0; i < 40; i++) {
			ipc_add_u32(&b, UINT32_MAX);
			assert_int_equal(ask(type, &b), -1);
		}
	}
	assert_int_equal(ask_timestamp(1, now + DAY, now, 1), 0);
}

/* It has read every key before it answers, so each look is a new signer. */
static void
signer_uses_no_key_that_others_can_read(void **state)
{
	int64_t now = time_now();
	int status;

	(void)state;
	assert_int_equal(ask_timestamp(1, now + DAY, now, 1), 0);
	own_close(&tf.repo.signer);
	assert_int_equal(waitpid(tf.signer, NULL, 0), tf.signer);
	assert_int_equal(fchmodat(tf.online, "timestamp.key", 0440, 0), 0);
	tf_signer_start();
	assert_int_equal(waitpid(tf.signer, &status, 0), tf.signer);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == EXIT_TRUST);
	own_close(&tf.repo.signer);
	assert_int_equal(fchmodat(tf.online, "timestamp.key", 0400, 0), 0);
	tf_signer_start();
	assert_int_equal(ask_timestamp(1, now + DAY, now, 1), 0);
}

static void
signer_and_collector_write_the_same_bytes(void **state)
{
	(void)state;
	/* every role, with entries: the collector verifies each signature over
	 * its own serialisation */
	tf_release("dns-dhcp", "1", "image one");
	tf_release("kernel", "6.1", "kernel one");
	TF_OK(tf_pass());
	assert_int_equal(tf_findings(), 0);
	auto_json json_t *brake = json_object();
	struct hash h = content("brake");
	json_t *t = json_object(), *e = json_object(), *hashes = json_object();
	char until[TIME_TEXT];
	bool complete;

	time_text(tf.start + 300 * DAY, until);
	js_set_hash(hashes, "sha256", &h);
	js_set(e, "hashes", hashes);
	js_set_int(e, "length", 5);
	js_set(t, "brake/edge/amd64.json", e);
	js_set_str(brake, "_type", "targets");
	js_set_str(brake, "spec_version", TUF_SPEC);
	js_set_str(brake, "expires", until);
	js_set_int(brake, "version", 2);
	js_set(brake, "targets", t);
	TF_OK(collect_propose(&tf.repo, "brake", brake, &tf.err));
	TF_OK(collect_sign(&tf.repo, "brake", 2, &complete, &tf.err));
	assert_true(complete);
}

static int
scratch_only(void **state)
{
	memset(&tf, 0, sizeof(tf));
	return scratch_setup(state);
}

#define JOURNAL(f) \
	cmocka_unit_test_setup_teardown(f, scratch_only, scratch_teardown)
#define SIGNER(f) cmocka_unit_test_setup_teardown(f, tf_setup, tf_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		JOURNAL(journal_never_takes_two_contents_for_one_version),
		JOURNAL(journal_never_goes_back_even_after_a_restart),
		JOURNAL(journal_cuts_a_torn_line_and_goes_on),
		JOURNAL(journal_with_a_damaged_line_signs_nothing),
		JOURNAL(journal_belongs_to_one_signer),
		SIGNER(signer_keeps_versions_and_contents_apart),
		SIGNER(signer_refuses_times_that_would_poison_a_router),
		SIGNER(signer_takes_given_bytes_of_online_delegations_only),
		SIGNER(signer_takes_delegations_of_transport_to_its_bins_alone),
		SIGNER(signer_takes_as_much_as_a_client_reads_and_no_more),
		SIGNER(signer_reads_nothing_that_could_still_change),
		SIGNER(signer_writes_only_plain_sorted_names),
		SIGNER(signer_survives_messages_that_are_none),
		SIGNER(signer_uses_no_key_that_others_can_read),
		SIGNER(signer_and_collector_write_the_same_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
