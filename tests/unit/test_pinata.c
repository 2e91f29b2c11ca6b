/* rooms: recipes/guest-init recipes/pinata */
/* libs: -lssl -lcrypto */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "recipes/pinata/conf.h"

static struct pinata pinata;

struct served {
	int fd;
	bool given;
};

static void *
serve(void *arg)
{
	struct served *s = arg;

	s->given = pinata_serve(&pinata, s->fd);
	shutdown(s->fd, SHUT_RDWR);
	return NULL;
}

/* What a client with this certificate reads; NULL: none. */
static bool
given_to(EVP_PKEY *key, X509 *cert, char *out, size_t size)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	struct served s;
	pthread_t server;
	int sv[2], n = -1;
	SSL *ssl;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, sv), 0);
	s = (struct served){ sv[0], false };
	assert_int_equal(pthread_create(&server, NULL, serve, &s), 0);
	if (cert != NULL) {
		assert_int_equal(SSL_CTX_use_certificate(ctx, cert), 1);
		assert_int_equal(SSL_CTX_use_PrivateKey(ctx, key), 1);
	}
	ssl = SSL_new(ctx);
	SSL_set_fd(ssl, sv[1]);
	if (SSL_connect(ssl) == 1)
		n = SSL_read(ssl, out, (int)size - 1);
	out[n > 0 ? n : 0] = '\0';
	shutdown(sv[1], SHUT_RDWR);
	pthread_join(server, NULL);
	SSL_free(ssl);
	SSL_CTX_free(ctx);
	close(sv[0]);
	close(sv[1]);
	return s.given;
}

static int
setup(void **state)
{
	struct fault f;

	(void)state;
	signal(SIGPIPE, SIG_IGN);
	if (pinata_open(&pinata, "the prize", &f) == -1)
		fail_msg("%s", f.text);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	pinata_release(&pinata);
	return 0;
}

static void
a_certificate_of_the_authority_gets_the_secret(void **state)
{
	EVP_PKEY *key;
	X509 *cert;
	struct fault f;
	char said[64];

	(void)state;
	assert_int_equal(pinata_issue(&pinata, "me", 9, &key, &cert, &f), 0);
	assert_true(given_to(key, cert, said, sizeof said));
	assert_string_equal(said, "the prize");
	EVP_PKEY_free(key);
	X509_free(cert);
}

static void
without_one_nothing_is_given(void **state)
{
	char said[64];

	(void)state;
	assert_false(given_to(NULL, NULL, said, sizeof said));
	assert_string_equal(said, "");
}

static void
an_authority_of_the_same_name_is_another(void **state)
{
	struct pinata other;
	EVP_PKEY *key;
	X509 *cert;
	struct fault f;
	char said[64];

	(void)state;
	assert_int_equal(pinata_open(&other, "x", &f), 0);
	assert_int_equal(pinata_issue(&other, "me", 9, &key, &cert, &f), 0);
	assert_false(given_to(key, cert, said, sizeof said));
	assert_string_equal(said, "");
	/* nor does the authority's own certificate open, if its key leaked from
	 * elsewhere: it may sign certificates and nothing else */
	assert_false(given_to(other.key, other.authority, said, sizeof said));
	EVP_PKEY_free(key);
	X509_free(cert);
	pinata_release(&other);
}

static void
a_secret_is_all_it_takes(void **state)
{
	struct guest_files files = { .n = 0 };
	struct fault f = { "" };
	auto_json json_t *good = json_pack("{s:s}", "secret", "s");
	auto_json json_t *bad =
	    json_pack("{s:s,s:i}", "secret", "s", "port", 1);
	auto_json json_t *none = json_object();

	(void)state;
	assert_int_equal(pinata_conf(good, &files, &f), 0);
	assert_int_equal(files.n, 1);
	assert_string_equal(files.at[0].path, PINATA_SECRET);
	assert_string_equal(files.at[0].text, "s");
	guest_files_release(&files);
	assert_int_equal(pinata_conf(bad, &files, &f), -1);
	assert_non_null(strstr(f.text, "port"));
	assert_int_equal(pinata_conf(none, &files, &f), -1);
	guest_files_release(&files);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    a_certificate_of_the_authority_gets_the_secret),
		cmocka_unit_test(without_one_nothing_is_given),
		cmocka_unit_test(an_authority_of_the_same_name_is_another),
		cmocka_unit_test(a_secret_is_all_it_takes),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
