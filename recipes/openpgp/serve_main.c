/*
 * POST /sign /verify /encrypt?to=NAME /decrypt, with the message as the body
 * and a token that may do so; GET / gives our certificate.  A signature apart
 * from what it signs is asked for by /sign, and is given to /verify in base64
 * as the header "Signature".
 */
#include <signal.h>
#include <sodium.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "recipes/microhttpd/serve.h"
#include "recipes/openpgp/pgp.h"
#include "recipes/openpgp/sq.h"

static struct pgp pgp;
static char *certificate; /* ours, armored */
static size_t ncertificate;

static enum MHD_Result
say(struct MHD_Connection *c, unsigned int status, char *text, size_t n,
    enum MHD_ResponseMemoryMode mode, const char *name)
{
	struct MHD_Response *r = MHD_create_response_from_buffer(n, text, mode);
	enum MHD_Result ret;

	if (r == NULL)
		return MHD_NO;
	MHD_add_response_header(
	    r, MHD_HTTP_HEADER_CONTENT_TYPE, "application/octet-stream");
	MHD_add_response_header(r, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
	if (name != NULL)
		MHD_add_response_header(r, "Signed-By", name);
	ret = MHD_queue_response(c, status, r);
	MHD_destroy_response(r);
	return ret;
}

static enum MHD_Result
refuse(struct MHD_Connection *c, unsigned int status, const char *why)
{
	return say(
	    c, status, (char *)why, strlen(why), MHD_RESPMEM_MUST_COPY, NULL);
}

/* What sq made of it, or that it refused. */
static enum MHD_Result
tell(struct MHD_Connection *c, int done, char *out, size_t n, const char *name,
    const struct fault *f)
{
	if (done == 1)
		return say(c, MHD_HTTP_OK, out, n, MHD_RESPMEM_MUST_FREE, name);
	if (done == 0)
		return refuse(c, MHD_HTTP_UNPROCESSABLE_CONTENT, "refused\n");
	fprintf(stderr, "openpgp: %s\n", f->text);
	return refuse(c, MHD_HTTP_SERVICE_UNAVAILABLE, "not now\n");
}

/* Of the correspondents, the first whose signature it is. */
static enum MHD_Result
verify(struct MHD_Connection *c, const struct asked *a)
{
	static unsigned char side[32768];
	char sq[] = "sq", verb[] = "verify", cert[] = "--signer-cert",
	     apart[] = "--detached", at[] = SQ_SIDE, path[96];
	char *const argv[] = { sq, verb, cert, path, NULL };
	char *const argv_apart[] = { sq, verb, cert, path, apart, at, NULL };
	const char *signature =
	    MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Signature");
	struct fault f;
	size_t i, n = 0, nside = 0;
	char *out = NULL;
	int done = 0;

	if (signature != NULL &&
	    sodium_base642bin(side, sizeof side, signature, strlen(signature),
		NULL, &nside, NULL, sodium_base64_VARIANT_ORIGINAL) == -1)
		return refuse(
		    c, MHD_HTTP_BAD_REQUEST, "Signature is not base64\n");
	for (i = 0; i < pgp.ncorrespondents; i++) {
		pgp_certificate(&pgp, pgp.correspondent[i], path, sizeof path);
		done = sq_run(signature != NULL ? argv_apart : argv, a->body,
		    a->n, signature != NULL ? side : NULL, nside, &out, &n, &f);
		if (done != 0)
			break;
	}
	return tell(
	    c, done, out, n, done == 1 ? pgp.correspondent[i] : NULL, &f);
}

static enum MHD_Result
run(struct MHD_Connection *c, enum pgp_verb v, const struct asked *a)
{
	char sq[] = "sq", sign[] = "sign", apart[] = "--detached",
	     signer[] = "--signer-key", key[] = PGP_KEY, encrypt[] = "encrypt",
	     cert[] = "--recipient-cert", decrypt[] = "decrypt",
	     ours[] = "--recipient-key", path[96];
	char *const args[PGP_VERBS][6] = {
		[PGP_SIGN] = { sq, sign, apart, signer, key, NULL },
		[PGP_ENCRYPT] = { sq, encrypt, cert, path, NULL },
		[PGP_DECRYPT] = { sq, decrypt, ours, key, NULL },
	};
	const char *to =
	    MHD_lookup_connection_value(c, MHD_GET_ARGUMENT_KIND, "to");
	struct fault f;
	char *out = NULL;
	size_t n = 0;
	int done;

	if (v == PGP_VERIFY)
		return verify(c, a);
	if (v == PGP_ENCRYPT &&
	    (to == NULL || pgp_certificate(&pgp, to, path, sizeof path) == -1))
		return refuse(c, MHD_HTTP_NOT_FOUND,
		    "\"to\" is nobody of the correspondents\n");
	done = sq_run(args[v], a->body, a->n, NULL, 0, &out, &n, &f);
	return tell(c, done, out, n, NULL, &f);
}

static enum MHD_Result
answer(void *cls, struct MHD_Connection *c, const char *path,
    const char *method, const char *version, const char *data, size_t *n,
    void **state)
{
	enum MHD_Result meanwhile;
	const struct asked *a;
	const struct pgp_client *who;
	enum pgp_verb v = pgp_verb(path);

	(void)cls;
	(void)version;
	if (!asked_whole(state, PGP_BODY, data, n, &meanwhile))
		return meanwhile;
	a = *state;
	if (strcmp(method, "GET") == 0 && strcmp(path, "/") == 0)
		return say(c, MHD_HTTP_OK, certificate, ncertificate,
		    MHD_RESPMEM_PERSISTENT, NULL);
	if (v == PGP_VERBS || strcmp(method, "POST") != 0)
		return refuse(c, MHD_HTTP_NOT_FOUND, "no such thing here\n");
	who = pgp_who(&pgp, MHD_lookup_connection_value(c, MHD_HEADER_KIND,
				MHD_HTTP_HEADER_AUTHORIZATION));
	if (who == NULL)
		return refuse(
		    c, MHD_HTTP_UNAUTHORIZED, "no token that is known\n");
	if (!(who->may & 1U << v))
		return refuse(
		    c, MHD_HTTP_FORBIDDEN, "this token may not do that\n");
	if (a->large)
		return refuse(
		    c, MHD_HTTP_CONTENT_TOO_LARGE, "more than 1 MiB\n");
	return run(c, v, a);
}

static int
serve(const json_t *config, struct fault *f)
{
	char sq[] = "sq", key[] = "key", extract[] = "extract-cert",
	     path[] = PGP_KEY;
	char *const argv[] = { sq, key, extract, path, NULL };
	const struct rlimit size = { PGP_ANSWER, PGP_ANSWER };
	struct MHD_Daemon *d;
	int done;

	if (pgp_read(config, &pgp, f) == -1)
		return -1;
	/* a message that unpacks without end meets this */
	signal(SIGXFSZ, SIG_IGN);
	setrlimit(RLIMIT_FSIZE, &size);
	done = sq_run(argv, "", 0, NULL, 0, &certificate, &ncertificate, f);
	if (done != 1)
		return done == 0 ? fault_set(f, "\"key\" is not an OpenPGP key")
				 : -1;
	d = MHD_start_daemon(
	    MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_DUAL_STACK | MHD_USE_POLL,
	    PGP_PORT, NULL, NULL, answer, NULL, MHD_OPTION_NOTIFY_COMPLETED,
	    asked_over, NULL, MHD_OPTION_CONNECTION_LIMIT, 16U,
	    MHD_OPTION_CONNECTION_TIMEOUT, 30U,
	    MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)65536, MHD_OPTION_END);
	if (d == NULL)
		return fault_sys(f, "listen on port %d", PGP_PORT);
	for (;;)
		pause();
}

int
main(void)
{
	return serve_main("openpgp", PGP_CONFIG, serve);
}
