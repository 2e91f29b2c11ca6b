#include "lib/statement.h"

#include <string.h>

#include "lib/canon.h"
#include "lib/json.h"
#include "lib/own.h"

#define TYPE "https://in-toto.io/Statement/v1"
#define REPRODUCTION "urn:kiln:reproduction:v1"

static int
take_word(const json_t *from, const char *key, const char *const *words,
    char out[16], struct err *err)
{
	const json_t *value = json_object_get(from, key);
	const char *s = json_string_value(value);

	out[0] = '\0';
	if (json_is_null(value))
		return 0;
	for (; s && *words; words++)
		if (strcmp(s, *words) == 0) {
			memcpy(out, s, strlen(s) + 1);
			return 0;
		}
	return err_set(err, ERR_INPUT, "statement: %s: unknown word", key);
}

static int
read_predicate(struct statement *s, const json_t *p, struct err *err)
{
	static const char *const keys[] = { "builder", "cause", "environment",
		"lane", "log", "outcome", "differs", "lanes", "not_varied",
		"runs", "varied", "verdict", "machine", "plan", "judged", "run",
		NULL };
	static const char *const verdicts[] = { "reproduced", "differs",
		"failed", "inconclusive", NULL };
	static const char *const outcomes[] = { "succeeded", "failed", NULL };
	static const char *const lanes[] = { "A", "B", NULL };
	char lane[16];

	if (js_only("statement", p, keys, err) == -1 ||
	    js_hash("statement", p, "plan", &s->plan, err) == -1 ||
	    take_word(p, "verdict", verdicts, s->verdict, err) == -1 ||
	    take_word(p, "outcome", outcomes, s->outcome, err) == -1 ||
	    take_word(p, "lane", lanes, lane, err) == -1)
		return -1;
	if (!s->verdict[0])
		return err_set(err, ERR_INPUT, "statement: no verdict");
	memcpy(s->lane, lane, sizeof(s->lane));
	return 0;
}

int
statement_read(struct statement *s, const void *p, size_t n, struct err *err)
{
	static const char *const keys[] = { "_type", "subject", "predicateType",
		"predicate", NULL };
	auto_json json_t *j = NULL;
	auto_buf struct buf again = BUF_INIT;
	json_t *subject, *predicate;
	const char *type, *kind;

	*s = (struct statement){ 0 };
	if (n > STATEMENT_MAX)
		return err_set(err, ERR_INPUT, "statement: more than %zu bytes",
		    STATEMENT_MAX);
	if (!(j = js_parse("statement", p, n, err)) ||
	    js_only("statement", j, keys, err) == -1 ||
	    js_str("statement", j, "_type", &type, err) == -1 ||
	    js_str("statement", j, "predicateType", &kind, err) == -1 ||
	    js_array("statement", j, "subject", &subject, err) == -1 ||
	    js_object("statement", j, "predicate", &predicate, err) == -1 ||
	    canon_json(j, &again, err) == -1)
		return -1;
	if (strcmp(type, TYPE) != 0 || strcmp(kind, REPRODUCTION) != 0)
		return err_set(
		    err, ERR_INPUT, "statement: not of the type " REPRODUCTION);
	if (json_array_size(subject) == 0)
		return err_set(err, ERR_INPUT, "statement: no subject");
	if (again.len != n || memcmp(again.data, p, n) != 0)
		return err_set(err, ERR_INPUT, "statement: not canonical");
	hash_bytes(&s->digest, p, n);
	return read_predicate(s, predicate, err);
}

/* --- by whom ----------------------------------------------------------------
 */

static bool
is_rebuilder(const struct tuf_file *targets, const struct tuf_key *key)
{
	for (size_t i = 0; i < targets->nroles; i++) {
		const struct tuf_role *r = &targets->roles[i];

		if (strncmp(r->name, "svc-", 4) != 0)
			continue;
		for (size_t k = 0; k < r->nkeyids; k++)
			if (strcmp(r->keyids[k], key->keyid) == 0)
				return true;
	}
	return false;
}

int
statement_open(const struct tuf_file *targets, const void *envelope, size_t n,
    struct statement *s, struct dsse_signature *one, struct buf *text,
    struct err *err)
{
	if (n > STATEMENT_ENVELOPE_MAX)
		return err_set(err, ERR_INPUT, "envelope: more than %zu bytes",
		    STATEMENT_ENVELOPE_MAX);
	for (size_t i = 0; i < targets->nkeys; i++) {
		const struct tuf_key *k = &targets->keys[i];

		if (!k->usable || !is_rebuilder(targets, k))
			continue;
		err_clear(err);
		if (dsse_open_sig(DSSE_INTOTO, &k->pub, envelope, n, &one->sig,
			text, err) == 0) {
			one->key = k->pub;
			return statement_read(s, text->data, text->len, err);
		}
		if (err->cls != ERR_TRUST)
			return -1;
	}
	return err_set(err, ERR_TRUST,
	    "no rebuilder of a service has signed that statement");
}
