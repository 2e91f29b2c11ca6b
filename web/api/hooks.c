/*
 * POST /hooks/NAME: somebody's repository says that it has changed.  The body
 * is not read: only whether who sent it knows the secret in keys/hooks/NAME,
 * by the HMAC-SHA256 that forges send along.  One row is written, and the
 * builder looks for itself; it does so at most once a minute, however often a
 * hook is sent again.
 */
#include <string.h>

#include "lib/fdio.h"
#include "lib/hex.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "web/api/api.h"
#include "web/ask.h"

#define SECRET_LEAST 16 /* bytes: what is shorter can be guessed */
#define SECRET_MOST 1024

/* Without the line's end that editors add. */
static int
read_secret(
    struct req *req, const char *name, struct buf *secret, struct err *err)
{
	auto_free char *path = mem_printf("keys/hooks/%s", name);

	if (file_read_at(req->web->state, path, SECRET_MOST, secret, err) == -1)
		return -1;
	while (secret->len && (secret->data[secret->len - 1] == '\n' ||
				  secret->data[secret->len - 1] == '\r'))
		secret->len--;
	if (secret->len < SECRET_LEAST)
		return err_set(err, ERR_INPUT,
		    "the secret of the hook %s is shorter than %d bytes", name,
		    SECRET_LEAST);
	return 0;
}

static void
mac_of(const struct buf *secret, const struct buf *body,
    uint8_t out[crypto_auth_hmacsha256_BYTES])
{
	crypto_auth_hmacsha256_state st;

	crypto_auth_hmacsha256_init(
	    &st, (const uint8_t *)secret->data, secret->len);
	crypto_auth_hmacsha256_update(
	    &st, (const uint8_t *)body->data, body->len);
	crypto_auth_hmacsha256_final(&st, out);
	sodium_memzero(&st, sizeof(st));
}

/* "sha256=HEX", as GitHub has it; Gitea and Forgejo send it, too. */
static bool
is_signed(struct req *req, const struct buf *secret)
{
	static const char prefix[] = "sha256=";
	const char *sent = MHD_lookup_connection_value(
	    req->con, MHD_HEADER_KIND, "X-Hub-Signature-256");
	uint8_t want[crypto_auth_hmacsha256_BYTES], got[sizeof(want)];

	if (!sent || strncmp(sent, prefix, strlen(prefix)) != 0)
		return false;
	sent += strlen(prefix);
	if (!hex_decode(got, sizeof(got), sent, strlen(sent)))
		return false;
	mac_of(secret, &req->body, want);
	return sodium_memcmp(want, got, sizeof(want)) == 0;
}

void
api_hook(struct req *req, struct reply *re)
{
	auto_buf struct buf secret = BUF_INIT;
	auto_json json_t *ok = json_object();
	const char *name = req->part[0];
	struct ask wish = { .kind = "poll", .argument = name, .by = "hook" };
	int64_t id;
	struct err err = ERR_INIT;
	bool known = read_secret(req, name, &secret, &err) == 0;
	bool good = known && is_signed(req, &secret);

	sodium_memzero(secret.data, secret.len);
	/* Which hooks there are is nobody's business. */
	if (!good) {
		reply_error(req, re, 403, "not-trusted",
		    "no such hook, or the signature does not fit");
	} else if (ask_file(req->web, &wish, &id, &err) == -1) {
		reply_error(req, re, 503, err_cause(&err), err.msg);
	} else {
		js_set_str(ok, "hook", name);
		reply_json(re, ok);
		re->status = 202;
	}
}
