#include "router-agent/change/dns.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define HEADER 12
#define CLASS_IN 1
#define HOPS 16	   /* pointers followed in one name */
#define RECORDS 64 /* of all sections together */

struct reader {
	const uint8_t *p;
	size_t n, at;
};

static int
broken(struct err *err, const char *what)
{
	return err_set(err, ERR_INPUT, "DNS answer: %s", what);
}

static int
get16(struct reader *r, uint16_t *out, struct err *err)
{
	if (r->n - r->at < 2)
		return broken(err, "cut off");
	*out = (uint16_t)(r->p[r->at] << 8 | r->p[r->at + 1]);
	r->at += 2;
	return 0;
}

static int
skip(struct reader *r, size_t n, struct err *err)
{
	if (r->n - r->at < n)
		return broken(err, "cut off");
	r->at += n;
	return 0;
}

/* A name at r->at as text, labels tamed to lower case; pointers must lead
 * backwards, so that none can be followed for ever. */
static int
get_name(struct reader *r, char out[DNS_NAME], struct err *err)
{
	size_t at = r->at, len = 0, low = r->at;
	bool jumped = false;
	int hops = 0;

	for (;;) {
		uint8_t c;

		if (at >= r->n)
			return broken(err, "a name is cut off");
		c = r->p[at];
		if ((c & 0xc0) == 0xc0) {
			size_t to;

			if (at + 1 >= r->n)
				return broken(err, "a name is cut off");
			to = (size_t)(c & 0x3f) << 8 | r->p[at + 1];
			if (!jumped)
				r->at = at + 2;
			jumped = true;
			if (to >= low || to < HEADER || ++hops > HOPS)
				return broken(err, "a name points nowhere");
			at = low = to;
			continue;
		}
		if (c & 0xc0)
			return broken(err, "a label of unknown kind");
		at++;
		if (c == 0)
			break;
		if (at + c > r->n)
			return broken(err, "a name is cut off");
		if (len + c + 2 > DNS_NAME)
			return broken(err, "a name is too long");
		if (len > 0)
			out[len++] = '.';
		for (uint8_t i = 0; i < c; i++) {
			uint8_t ch = r->p[at + i];

			if (ch <= ' ' || ch > '~' || ch == '.')
				return broken(err, "a name is not printable");
			out[len++] = (char)tolower(ch);
		}
		at += c;
	}
	if (!jumped)
		r->at = at;
	out[len] = '\0';
	return 0;
}

uint16_t
dns_type_of(const char *word)
{
	if (strcmp(word, "A") == 0)
		return DNS_A;
	if (strcmp(word, "AAAA") == 0)
		return DNS_AAAA;
	return strcmp(word, "TXT") == 0 ? DNS_TXT : 0;
}

static size_t
put16(uint8_t *out, size_t at, uint16_t v)
{
	out[at] = (uint8_t)(v >> 8);
	out[at + 1] = (uint8_t)v;
	return at + 2;
}

int
dns_query(const struct dns_question *q, uint8_t out[DNS_QUERY], struct err *err)
{
	size_t at = HEADER, len = strlen(q->name);
	const char *p = q->name;

	if (len == 0 || len > 253)
		return err_set(err, ERR_INPUT, "a name of %zu bytes", len);
	memset(out, 0, HEADER);
	put16(out, 0, q->id);
	out[2] = 0x01; /* recursion desired */
	put16(out, 4, 1);
	while (*p) {
		size_t n = strcspn(p, ".");

		if (n == 0 || n > 63)
			return err_set(err, ERR_INPUT,
			    "\"%.100s\" is not a DNS name", q->name);
		out[at++] = (uint8_t)n;
		for (size_t i = 0; i < n; i++) {
			if (p[i] <= ' ' || p[i] > '~')
				return err_set(err, ERR_INPUT,
				    "a DNS name that is not printable");
			out[at++] = (uint8_t)tolower((unsigned char)p[i]);
		}
		p += n;
		if (*p == '.' && *++p == '\0')
			return err_set(err, ERR_INPUT,
			    "\"%.100s\" ends with a dot", q->name);
	}
	out[at++] = 0;
	at = put16(out, at, q->type);
	at = put16(out, at, CLASS_IN);
	return (int)at;
}

bool
dns_is_ours(const struct dns_question *q, const uint8_t *p, size_t n)
{
	return n >= HEADER && (uint16_t)(p[0] << 8 | p[1]) == q->id &&
	       (p[2] & 0x80) != 0;
}

static int
get_question(struct reader *r, const struct dns_question *q, struct err *err)
{
	char name[DNS_NAME];
	uint16_t type, class;
	size_t i;

	if (get_name(r, name, err) == -1 || get16(r, &type, err) == -1 ||
	    get16(r, &class, err) == -1)
		return -1;
	for (i = 0; name[i] && name[i] == tolower((unsigned char)q->name[i]);
	     i++)
		;
	if (name[i] || q->name[i] || type != q->type || class != CLASS_IN)
		return broken(err, "it answers another question");
	return 0;
}

static int
get_txt(const uint8_t *p, size_t n, char out[256], struct err *err)
{
	size_t len = n > 0 ? p[0] : 0;

	/* Every string must fit; the first is the one compared. */
	for (size_t at = 0; at < n; at += (size_t)p[at] + 1)
		if (at + p[at] + 1 > n)
			return broken(err, "a text is cut off");
	if (n == 0)
		return broken(err, "a text without a string");
	for (size_t i = 0; i < len; i++)
		out[i] =
		    p[i + 1] >= ' ' && p[i + 1] <= '~' ? (char)p[i + 1] : '?';
	out[len] = '\0';
	return 0;
}

static int
get_data(const uint8_t *p, size_t n, struct dns_record *rec, struct err *err)
{
	switch (rec->type) {
	case DNS_A:
		if (n != 4 || !inet_ntop(AF_INET, p, rec->text, 256))
			return broken(err, "an A record of another length");
		return 0;
	case DNS_AAAA:
		if (n != 16 || !inet_ntop(AF_INET6, p, rec->text, 256))
			return broken(err, "an AAAA record of another length");
		return 0;
	default:
		return get_txt(p, n, rec->text, err);
	}
}

/* One record.  `name` is what is asked for; a CNAME moves it on. */
static int
get_record(struct reader *r, const struct dns_question *q, bool answers,
    char name[DNS_NAME], struct dns_answer *a, struct err *err)
{
	char owner[DNS_NAME], target[DNS_NAME];
	uint16_t type, class, length;
	size_t end;

	if (get_name(r, owner, err) == -1 || get16(r, &type, err) == -1 ||
	    get16(r, &class, err) == -1 || skip(r, 4, err) == -1 ||
	    get16(r, &length, err) == -1)
		return -1;
	end = r->at + length;
	if (end > r->n)
		return broken(err, "a record is cut off");
	if (answers && class == CLASS_IN && strcmp(owner, name) == 0) {
		if (type == DNS_CNAME) {
			if (get_name(r, target, err) == -1)
				return -1;
			if (r->at != end)
				return broken(
				    err, "an alias of another length");
			memcpy(name, target, sizeof(target));
		} else if (type == q->type) {
			struct dns_record *rec;

			if (a->n == DNS_ANSWERS)
				return broken(err, "too many records");
			rec = &a->records[a->n++];
			rec->type = type;
			if (get_data(r->p + r->at, length, rec, err) == -1)
				return -1;
		}
	}
	r->at = end;
	return 0;
}

int
dns_parse(const struct dns_question *q, const uint8_t *p, size_t n,
    struct dns_answer *out, struct err *err)
{
	struct reader r = { p, n, 0 };
	struct dns_answer a = { 0 };
	uint16_t id = 0, flags = 0, count[4];
	char name[DNS_NAME];

	if (n > 65535 || get16(&r, &id, err) == -1 ||
	    get16(&r, &flags, err) == -1)
		return broken(err, "cut off");
	for (int i = 0; i < 4; i++)
		if (get16(&r, &count[i], err) == -1)
			return -1;
	if (id != q->id)
		return broken(err, "another id");
	if (!(flags & 0x8000) || (flags & 0x7800))
		return broken(err, "not an answer to a query");
	if (count[0] != 1)
		return broken(err, "it does not repeat the question");
	if (get_question(&r, q, err) == -1)
		return -1;
	a.rcode = flags & 0xf;
	a.truncated = (flags & 0x0200) != 0;
	if (a.truncated) {
		*out = a;
		return 0;
	}
	if ((size_t)count[1] + count[2] + count[3] > RECORDS)
		return broken(err, "too many records");
	for (size_t i = 0; q->name[i] || (name[i] = '\0'); i++) {
		name[i] = (char)tolower((unsigned char)q->name[i]);
		name[i + 1] = '\0';
	}
	for (int s = 1; s < 4; s++)
		for (uint16_t i = 0; i < count[s]; i++)
			if (get_record(&r, q, s == 1, name, &a, err) == -1)
				return -1;
	if (r.at != r.n)
		return broken(err, "bytes after its end");
	*out = a;
	return 0;
}
