#include "builder/inputs/gpg.h"

#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/spawn.h"

#define DEADLINE_MS 60000
#define STATUS_MAX (256 * 1024)

/* The n-th word of a status line, counted from 0. */
static struct span
word(struct span line, int n)
{
	struct span w = { "", 0 };

	do
		if (!span_next(&line, ' ', &w))
			return (struct span){ "", 0 };
	while (n-- > 0);
	return w;
}

/* RFC 4880, 9.4. */
static bool
digest_ok(struct span algorithm)
{
	return span_is(algorithm, "8") || span_is(algorithm, "9") ||
	       span_is(algorithm, "10");
}

struct status {
	bool any;     /* gpgv has spoken at all */
	bool valid;   /* one that counts */
	bool unknown; /* a key that the keyring does not have */
	bool old;     /* signature or key has expired, or is revoked */
	bool bad;
};

static void
read_status(const struct buf *text, struct status *st)
{
	struct span rest = span_buf(text), line;
	bool good = false; /* GOODSIG stands before its VALIDSIG */

	*st = (struct status){ 0 };
	while (span_next(&rest, '\n', &line)) {
		struct span what = word(line, 1);

		if (!span_is(word(line, 0), "[GNUPG:]"))
			continue;
		st->any = true;
		if (span_is(what, "NEWSIG"))
			good = false;
		else if (span_is(what, "GOODSIG"))
			good = true;
		else if (span_is(what, "VALIDSIG"))
			st->valid |= good && digest_ok(word(line, 9));
		else if (span_is(what, "NO_PUBKEY"))
			st->unknown = true;
		else if (span_is(what, "BADSIG"))
			st->bad = true;
		else if (span_is(what, "EXPSIG") ||
			 span_is(what, "EXPKEYSIG") ||
			 span_is(what, "REVKEYSIG"))
			st->old = true;
	}
}

int
gpg_verify(int signed_fd, const char *keyring, int text_fd, struct err *err)
{
	/* The descriptors become 3 and 4. */
	const char *argv[] = { "gpgv", "--status-fd", "1", "--keyring", keyring,
		"--output", "/dev/fd/4", "/dev/fd/3", NULL };
	struct spawn sp = SPAWN_INIT;
	auto_buf struct buf out = BUF_INIT, talk = BUF_INIT;
	struct status st;
	int r;

	if (access(keyring, R_OK) == -1)
		return err_sys(err, "keyring %s", keyring);
	sp.argv = argv;
	sp.fds[0] = signed_fd;
	sp.fds[1] = text_fd;
	sp.nfds = 2;
	r = spawn_capture(&sp, DEADLINE_MS, STATUS_MAX, &out, &talk, err);
	read_status(&out, &st);
	if (r == 0 && st.valid)
		return 0;
	if (r == -1 && !st.any)
		return -1; /* it did not even start */
	return err_set(err, ERR_TRUST, "%s (keyring %s)",
	    st.bad	 ? "the signature is bad"
	    : st.unknown ? "signed by a key that the keyring does not have"
	    : st.old	 ? "the signature or its key is not valid any more"
	    : st.any && r == 0 ? "no signature that counts"
			       : "not a signed file",
	    keyring);
}
