/* rooms: web web/pages web/api */
/* HTTPS: a real client's handshake, and certificates that are renewed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include <gnutls/x509.h>

#include "lib/num.h"
#include "tests/support/webfarm.h"

static char *certificate, *key;
static struct err err;

#define OK(call) assert_true((call) >= 0)

/* A key, and a certificate of that serial for it, or for another key. */
static void
make(unsigned char serial, bool fits)
{
	gnutls_x509_privkey_t priv, other;
	unsigned char pem[8192];
	size_t n = sizeof(pem);
	gnutls_x509_crt_t crt;

	OK(gnutls_x509_privkey_init(&priv));
	OK(gnutls_x509_privkey_init(&other));
	OK(gnutls_x509_privkey_generate(priv, GNUTLS_PK_ECDSA,
	    GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0));
	OK(gnutls_x509_privkey_generate(other, GNUTLS_PK_ECDSA,
	    GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0));
	OK(gnutls_x509_crt_init(&crt));
	OK(gnutls_x509_crt_set_version(crt, 3));
	OK(gnutls_x509_crt_set_serial(crt, &serial, 1));
	OK(gnutls_x509_crt_set_dn(crt, "CN=x", NULL));
	OK(gnutls_x509_crt_set_activation_time(crt, time_now() - 60));
	OK(gnutls_x509_crt_set_expiration_time(crt, time_now() + 86400));
	OK(gnutls_x509_crt_set_key(crt, fits ? priv : other));
	OK(gnutls_x509_crt_sign2(
	    crt, crt, fits ? priv : other, GNUTLS_DIG_SHA256, 0));
	OK(gnutls_x509_crt_export(crt, GNUTLS_X509_FMT_PEM, pem, &n));
	assert_int_equal(
	    file_write_at(scratch.fd, "chain.pem", pem, n, 0644, &err), 0);
	n = sizeof(pem);
	OK(gnutls_x509_privkey_export(priv, GNUTLS_X509_FMT_PEM, pem, &n));
	assert_int_equal(
	    file_write_at(scratch.fd, "key.pem", pem, n, 0644, &err), 0);
	gnutls_x509_crt_deinit(crt);
	gnutls_x509_privkey_deinit(priv);
	gnutls_x509_privkey_deinit(other);
}

static int
setup(void **state)
{
	(void)state;
	webfarm_make(true);
	if (chmod(scratch.path, 0755) == -1)
		return -1;
	certificate = mem_printf("%s/chain.pem", scratch.path);
	key = mem_printf("%s/key.pem", scratch.path);
	make(1, true);
	webfarm.certificate = certificate;
	webfarm.key = key;
	webfarm_child_start();
	return 0;
}

static int
teardown(void **state)
{
	int rc;

	(void)state;
	rc = webfarm_stop();
	free(certificate);
	free(key);
	return rc;
}

/* Asks over TLS; the serial of the server's certificate, -1 without one. */
static int
ask(const char *priorities, const char *path, struct buf *out)
{
	gnutls_certificate_credentials_t cred;
	gnutls_session_t s;
	unsigned char serial[32];
	size_t n = sizeof(serial);
	const gnutls_datum_t *peer;
	gnutls_x509_crt_t crt;
	char chunk[4096];
	unsigned count;
	int fd = http_connect(), rc, got = -1;
	auto_free char *request = mem_printf(
	    "GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", path);

	OK(gnutls_certificate_allocate_credentials(&cred));
	OK(gnutls_init(&s, GNUTLS_CLIENT));
	OK(gnutls_priority_set_direct(s, priorities, NULL));
	OK(gnutls_credentials_set(s, GNUTLS_CRD_CERTIFICATE, cred));
	gnutls_transport_set_int(s, fd);
	do
		rc = gnutls_handshake(s);
	while (rc < 0 && !gnutls_error_is_fatal(rc));
	if (rc == 0 &&
	    (peer = gnutls_certificate_get_peers(s, &count)) != NULL) {
		OK(gnutls_x509_crt_init(&crt));
		OK(gnutls_x509_crt_import(crt, peer, GNUTLS_X509_FMT_DER));
		OK(gnutls_x509_crt_get_serial(crt, serial, &n));
		got = serial[n - 1];
		gnutls_x509_crt_deinit(crt);
		OK(gnutls_record_send(s, request, strlen(request)));
		while (
		    (rc = (int)gnutls_record_recv(s, chunk, sizeof(chunk))) > 0)
			buf_add(out, chunk, (size_t)rc);
	}
	gnutls_deinit(s);
	gnutls_certificate_free_credentials(cred);
	close(fd);
	return got;
}

static void
pages_and_files_come_by_tls(void **state)
{
	auto_buf struct buf out = BUF_INIT, big = BUF_INIT;
	char hex[HASH_HEX];

	(void)state;
	assert_int_equal(ask("NORMAL", "/healthz", &out), 1);
	assert_non_null(strstr(out.data, "HTTP/1.1 200"));
	/* More than one record, from a file. */
	while (big.len < 300000)
		buf_str(&big, "0123456789abcdef");
	webfarm_put(big.data, big.len, hex);
	auto_free char *path = mem_printf("/blob/%s", hex);

	buf_clear(&out);
	assert_int_equal(ask("NORMAL", path, &out), 1);
	assert_true(out.len > big.len);
	assert_memory_equal(out.data + out.len - big.len, big.data, big.len);
}

static void
who_speaks_plainly_is_not_answered(void **state)
{
	auto_answer struct answer a = ANSWER_INIT;

	(void)state;
	assert_int_equal(http_get(&a, "/healthz", ""), 0);
	assert_string_equal(http_header(&a, "Content-Type"), "");
}

static void
nothing_older_than_tls_1_2_is_spoken(void **state)
{
	auto_buf struct buf out = BUF_INIT;

	(void)state;
	assert_int_equal(
	    ask("NORMAL:-VERS-ALL:+VERS-TLS1.1:%COMPAT", "/healthz", &out), -1);
	assert_int_equal(
	    ask("NORMAL:-VERS-ALL:+VERS-TLS1.2", "/healthz", &out), 1);
}

/* Until the server has looked; at most a minute. */
static int
wait_for(int serial)
{
	int64_t until = time_mono_ms() + 60000;
	int got;

	do {
		auto_buf struct buf out = BUF_INIT;

		got = ask("NORMAL", "/healthz", &out);
	} while (got != serial && time_mono_ms() < until);
	return got;
}

static void
a_renewed_certificate_is_used_after_sighup_or_by_itself(void **state)
{
	auto_buf struct buf out = BUF_INIT;

	(void)state;
	make(2, true);
	kill(webfarm.pid, SIGHUP);
	assert_int_equal(wait_for(2), 2);
	make(3, true);
	assert_int_equal(wait_for(3), 3);
	/* A key that does not fit: the old pair goes on. */
	make(4, false);
	kill(webfarm.pid, SIGHUP);
	assert_int_equal(
	    file_write_at(scratch.fd, "chain.pem", "rubbish", 7, 0644, &err),
	    0);
	kill(webfarm.pid, SIGHUP);
	for (int i = 0; i < 5; i++)
		assert_int_equal(ask("NORMAL", "/healthz", &out), 3);
	make(5, true);
	kill(webfarm.pid, SIGHUP);
	assert_int_equal(wait_for(5), 5);
}

static void
what_is_no_pair_is_refused_with_a_reason(void **state)
{
	struct err why = ERR_INIT;

	(void)state;
	make(6, false);
	assert_int_equal(tls_load(certificate, key, &why), -1);
	assert_int_equal(why.cls, ERR_INPUT);
	assert_non_null(strstr(why.msg, "is not the key of the first"));
	assert_int_equal(tls_load(key, key, &why), -1);
	assert_int_equal(tls_load("/nonexistent", key, &why), -1);
	assert_int_equal(why.cls, ERR_MISSING);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pages_and_files_come_by_tls),
		cmocka_unit_test(who_speaks_plainly_is_not_answered),
		cmocka_unit_test(nothing_older_than_tls_1_2_is_spoken),
		cmocka_unit_test(
		    a_renewed_certificate_is_used_after_sighup_or_by_itself),
		cmocka_unit_test(what_is_no_pair_is_refused_with_a_reason),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
