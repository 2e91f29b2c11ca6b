#include "lib/checkpoint.h"

#include <stdio.h>
#include <string.h>

#include <sodium.h>

#include "lib/num.h"
#include "lib/tlog.h"

#define DASH "\xe2\x80\x94 " /* U+2014 and a blank begin a signature */
#define ED25519 1	     /* its number among the algorithms of notes */
#define VARIANT sodium_base64_VARIANT_ORIGINAL
#define ID 4 /* bytes of the key's hash before a signature */

/* --- notes -----------------------------------------------------------------
 */

static void
key_id(struct span name, const struct sig_public *key, uint8_t out[ID])
{
	static const char type = ED25519;
	struct hasher h;
	struct hash all;

	hasher_init(&h);
	hasher_add(&h, name.p, name.n);
	hasher_add(&h, "\n", 1);
	hasher_add(&h, &type, 1);
	hasher_add(&h, key->b, sizeof(key->b));
	hasher_end(&h, &all);
	memcpy(out, all.b, ID);
}

void
note_sign(struct buf *note, const char *name, const struct sig_public *key,
    const struct sig *sig)
{
	uint8_t both[ID + sizeof(sig->b)];
	char text[sodium_base64_ENCODED_LEN(sizeof(both), VARIANT)];

	key_id(span_str(name), key, both);
	memcpy(both + ID, sig->b, sizeof(sig->b));
	sodium_bin2base64(text, sizeof(text), both, sizeof(both), VARIANT);
	buf_printf(note, DASH "%s %s\n", name, text);
}

/* "— NAME BASE64": is it by one of the keys? */
static bool
good_line(struct span line, struct span text, const struct sig_public *keys,
    size_t nkeys, struct span *name, size_t *key)
{
	const size_t dash = strlen(DASH);
	uint8_t both[ID + sizeof(struct sig)], id[ID];
	struct sig sig;
	size_t n;

	if (line.n < dash || memcmp(line.p, DASH, dash) != 0)
		return false;
	line.p += dash;
	line.n -= dash;
	/* Another algorithm's may be longer. */
	if (!span_next(&line, ' ', name) || name->n == 0 ||
	    sodium_base642bin(both, sizeof(both), line.p, line.n, NULL, &n,
		NULL, VARIANT) != 0 ||
	    n != sizeof(both))
		return false;
	memcpy(sig.b, both + ID, sizeof(sig.b));
	for (*key = 0; *key < nkeys; ++*key) {
		key_id(*name, &keys[*key], id);
		if (memcmp(id, both, ID) == 0 &&
		    sig_verify(&keys[*key], text.p, text.n, &sig))
			return true;
	}
	return false;
}

/* The last empty line: what stands before it, and the rest. */
static bool
cut(const char *p, size_t n, struct span *text, struct span *rest)
{
	for (size_t i = n; i-- > 1;)
		if (p[i] == '\n' && p[i - 1] == '\n') {
			*text = (struct span){ p, i };
			*rest = (struct span){ p + i + 1, n - i - 1 };
			return true;
		}
	return false;
}

int
note_open(const void *p, size_t n, const struct sig_public *keys, size_t nkeys,
    struct span *text, struct span *name, size_t *key, struct err *err)
{
	struct span rest, line;

	if (n > NOTE_MAX || memchr(p, '\0', n) || !cut(p, n, text, &rest) ||
	    rest.n == 0 || rest.p[rest.n - 1] != '\n')
		return err_set(err, ERR_INPUT, "not a signed note");
	while (span_next(&rest, '\n', &line))
		if (good_line(line, *text, keys, nkeys, name, key))
			return 0;
	return err_set(
	    err, ERR_TRUST, "the note is signed by no key that is trusted");
}

/* --- checkpoints -----------------------------------------------------------
 */

void
checkpoint_text(const struct checkpoint *c, struct buf *out)
{
	char root[sodium_base64_ENCODED_LEN(sizeof(c->root.b), VARIANT)];

	sodium_bin2base64(
	    root, sizeof(root), c->root.b, sizeof(c->root.b), VARIANT);
	buf_printf(out, "%s\n%lld\n%s\n", c->origin, (long long)c->size, root);
}

static int
read_size(struct span line, int64_t *size)
{
	/* No leading zeros: one number has one text. */
	if (line.n == 0 || (line.p[0] == '0' && line.n > 1) ||
	    line.p[0] == '-' || !num_span(line, 0, TLOG_SIZE_MAX, size))
		return -1;
	return 0;
}

/* Lines after the third are extensions that nobody has to know. */
static int
read_text(struct span text, struct checkpoint *c)
{
	struct span line;
	size_t n;

	if (!span_next(&text, '\n', &line) || line.n == 0 ||
	    line.n >= sizeof(c->origin))
		return -1;
	memcpy(c->origin, line.p, line.n);
	c->origin[line.n] = '\0';
	if (!span_next(&text, '\n', &line) || read_size(line, &c->size) == -1)
		return -1;
	if (!span_next(&text, '\n', &line) ||
	    sodium_base642bin(c->root.b, sizeof(c->root.b), line.p, line.n,
		NULL, &n, NULL, VARIANT) != 0 ||
	    n != sizeof(c->root.b))
		return -1;
	return 0;
}

int
checkpoint_open(const void *p, size_t n, const struct sig_public *keys,
    size_t nkeys, struct checkpoint *out, struct err *err)
{
	struct checkpoint c;
	struct span text, name;
	size_t key;

	if (note_open(p, n, keys, nkeys, &text, &name, &key, err) == -1)
		return -1;
	if (read_text(text, &c) == -1)
		return err_set(err, ERR_INPUT, "the note is no checkpoint");
	if (!span_is(name, c.origin))
		return err_set(err, ERR_TRUST,
		    "the checkpoint of %.80s is signed under another name",
		    c.origin);
	*out = c;
	return 0;
}
