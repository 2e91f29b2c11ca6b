#include "recipes/caldav/ics.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define SLACK (14 * 3600) /* the farthest zone is 14 hours off */
#define DAY 86400
#define DEPTH 8

/* Content lines of an object, unfolded (RFC 5545 3.1). */
struct lines {
	const char *at, *end;
	char *line; /* room for all of it */
};
struct line {
	const char *name; /* upper case, in lines.line */
	const char *params, *value;
};

static int
lines_init(struct lines *l, const char *text, size_t n)
{
	l->at = text;
	l->end = text + n;
	l->line = malloc(n + 1);
	return l->line == NULL ? -1 : 0;
}

/* 1, 0 at the end, or -1: no content line. */
static int
next(struct lines *l, struct line *out)
{
	char *to = l->line, *colon, *semi, *p;
	bool quoted = false;

	if (l->at == l->end)
		return 0;
	for (; l->at < l->end; l->at++) {
		if (*l->at == '\0')
			return -1;
		if (*l->at == '\r' && l->at + 1 < l->end && l->at[1] == '\n')
			continue;
		if (*l->at != '\n') {
			*to++ = *l->at;
			continue;
		}
		if (l->at + 1 < l->end &&
		    (l->at[1] == ' ' || l->at[1] == '\t')) {
			l->at++; /* the line goes on */
			continue;
		}
		l->at++;
		break;
	}
	*to = '\0';
	for (colon = l->line; *colon != '\0'; colon++) {
		if (*colon == '"')
			quoted = !quoted;
		if (*colon == ':' && !quoted)
			break;
	}
	if (*colon == '\0')
		return -1;
	*colon = '\0';
	semi = strchr(l->line, ';');
	if (semi != NULL)
		*semi = '\0';
	for (p = l->line; *p != '\0'; p++) {
		if (*p >= 'a' && *p <= 'z')
			*p = (char)(*p - 'a' + 'A');
		else if ((*p < 'A' || *p > 'Z') && (*p < '0' || *p > '9') &&
			 *p != '-')
			return -1;
	}
	if (p == l->line)
		return -1;
	out->name = l->line;
	out->params = semi == NULL ? "" : semi + 1;
	out->value = colon + 1;
	return 1;
}

/* --- times ----------------------------------------------------------------*/

static int
digits(const char *s, size_t n, int *out)
{
	*out = 0;
	for (; n > 0; n--, s++) {
		if (*s < '0' || *s > '9')
			return -1;
		*out = *out * 10 + (*s - '0');
	}
	return 0;
}

/* How a time is written: of UTC, of some zone, or a day. */
enum when { WHEN_BAD, WHEN_UTC, WHEN_LOCAL, WHEN_DAY };

static enum when
when(const char *s, int64_t *out)
{
	struct tm t = { .tm_isdst = 0 };
	size_t n = strcspn(s, ",;/");

	if ((n != 8 && n != 15 && n != 16) || digits(s, 4, &t.tm_year) == -1 ||
	    digits(s + 4, 2, &t.tm_mon) == -1 ||
	    digits(s + 6, 2, &t.tm_mday) == -1)
		return WHEN_BAD;
	if (n > 8 && (s[8] != 'T' || digits(s + 9, 2, &t.tm_hour) == -1 ||
			 digits(s + 11, 2, &t.tm_min) == -1 ||
			 digits(s + 13, 2, &t.tm_sec) == -1 ||
			 (n == 16 && s[15] != 'Z')))
		return WHEN_BAD;
	if (t.tm_mon < 1 || t.tm_mon > 12 || t.tm_mday < 1 || t.tm_mday > 31 ||
	    t.tm_hour > 23 || t.tm_min > 59 || t.tm_sec > 60)
		return WHEN_BAD;
	t.tm_year -= 1900;
	t.tm_mon--;
	*out = timegm(&t);
	return n == 8 ? WHEN_DAY : n == 16 ? WHEN_UTC : WHEN_LOCAL;
}

int
ics_utc(const char *text, int64_t *out)
{
	return when(text, out) == WHEN_UTC && text[16] == '\0' ? 0 : -1;
}

/* "P1DT2H": seconds, or -1.  Years and months are none of RFC 5545's. */
static int64_t
duration(const char *s)
{
	static const char units[] = "WDHMS";
	static const int64_t seconds[] = { 7 * DAY, DAY, 3600, 60, 1 };
	int64_t sum = 0, n;
	const char *u;
	char *end;

	s += *s == '+';
	if (*s++ != 'P')
		return -1;
	while (*s != '\0') {
		if (*s == 'T') {
			s++;
			continue;
		}
		if (*s < '0' || *s > '9')
			return -1;
		n = strtol(s, &end, 10);
		u = *end == '\0' ? NULL : strchr(units, *end);
		if (u == NULL || n > 1000000)
			return -1;
		sum += n * seconds[u - units];
		s = end + 1;
	}
	return sum;
}

/* --- an object ------------------------------------------------------------*/

struct reading {
	struct ics *out;
	char stack[DEPTH][32];
	int depth;
	size_t components; /* of the kind */
	/* of the component that is open */
	bool has_uid, has_start, day;
	int64_t start, end, length;
};

static void
widen(struct ics *o, int64_t from, int64_t to)
{
	if (from < o->from)
		o->from = from;
	if (to > o->to)
		o->to = to;
}

static int
time_of(const char *text, int64_t *out, int64_t *wide, bool *day)
{
	enum when w = when(text, out);

	if (w == WHEN_BAD)
		return -1;
	*wide = w == WHEN_UTC ? 0 : SLACK;
	*day = w == WHEN_DAY;
	return 0;
}

static int
repeats(struct reading *r, const char *rule)
{
	const char *until = strstr(rule, "UNTIL=");
	int64_t last, wide;
	bool day;

	if (until == NULL) {
		r->out->to = INT64_MAX;
		return 0;
	}
	if (time_of(until + 6, &last, &wide, &day) == -1)
		return -1;
	/* the last one begins then: its end is not far behind */
	widen(r->out, INT64_MAX, last + SLACK + DAY);
	return 0;
}

static int
property(struct reading *r, const struct line *l)
{
	int64_t at, wide;
	bool day;
	size_t i;

	if (strcmp(l->name, "UID") == 0) {
		if (*l->value == '\0' || strlen(l->value) >= sizeof r->out->uid)
			return -1;
		if (r->out->uid[0] != '\0' &&
		    strcmp(r->out->uid, l->value) != 0)
			return -1;
		strcpy(r->out->uid, l->value);
		r->has_uid = true;
	} else if (strcmp(l->name, "SUMMARY") == 0) {
		for (i = 0;
		     i + 1 < sizeof r->out->summary && l->value[i] != '\0'; i++)
			r->out->summary[i] =
			    l->value[i] >= ' ' && l->value[i] <= '~'
				? l->value[i]
				: '?';
		r->out->summary[i] = '\0';
	} else if (strcmp(l->name, "DTSTART") == 0 ||
		   strcmp(l->name, "DTEND") == 0 ||
		   strcmp(l->name, "DUE") == 0) {
		if (time_of(l->value, &at, &wide, &day) == -1)
			return -1;
		if (strcmp(l->name, "DTSTART") == 0) {
			r->has_start = true;
			r->start = at;
			r->day = day;
		} else {
			r->end = at;
		}
		widen(r->out, at - wide, at + wide);
	} else if (strcmp(l->name, "DURATION") == 0) {
		r->length = duration(l->value);
		if (r->length == -1)
			return -1;
	} else if (strcmp(l->name, "RRULE") == 0) {
		return repeats(r, l->value);
	} else if (strcmp(l->name, "RDATE") == 0) {
		r->out->to = INT64_MAX;
	}
	return 0;
}

static int
component_ends(struct reading *r)
{
	int64_t length = r->length;

	if (!r->has_uid)
		return -1;
	if (!r->has_start) {
		/* a task without a beginning may be of any time */
		widen(r->out, INT64_MIN, INT64_MAX);
		return 0;
	}
	if (r->day && length < DAY)
		length = DAY;
	if (r->end > r->start && r->end - r->start > length)
		length = r->end - r->start;
	/* from whichever beginning is the last */
	if (r->out->to < INT64_MAX - length)
		r->out->to += length;
	return 0;
}

static bool
one_of_three(const char *name)
{
	return strcmp(name, "VEVENT") == 0 || strcmp(name, "VTODO") == 0 ||
	       strcmp(name, "VJOURNAL") == 0;
}

static int
begins(struct reading *r, const char *name)
{
	if (r->depth == DEPTH || strlen(name) >= sizeof r->stack[0] ||
	    (r->depth == 0) != (strcmp(name, "VCALENDAR") == 0))
		return -1;
	if (r->depth == 1 && one_of_three(name)) {
		if (r->components++ > 0 && strcmp(r->out->kind, name) != 0)
			return -1;
		strcpy(r->out->kind, name);
		r->has_uid = r->has_start = r->day = false;
		r->start = r->end = r->length = 0;
	}
	strcpy(r->stack[r->depth++], name);
	return 0;
}

static int
ends(struct reading *r, const char *name)
{
	if (r->depth == 0 || strcmp(r->stack[r->depth - 1], name) != 0)
		return -1;
	r->depth--;
	return r->depth == 1 && one_of_three(name) ? component_ends(r) : 0;
}

/* Is the line of such a component itself, no alarm in it? */
static bool
within(const struct reading *r)
{
	return r->depth == 2 && one_of_three(r->stack[1]);
}

static int
walk(struct reading *r, struct lines *l, size_t *at)
{
	struct line line;
	int more, ret = 0;
	bool over = false;

	while (ret == 0 && (more = next(l, &line)) != 0) {
		++*at;
		if (more == -1 || over)
			return -1;
		if (strcmp(line.name, "BEGIN") == 0)
			ret = begins(r, line.value);
		else if (strcmp(line.name, "END") == 0)
			ret = ends(r, line.value);
		else if (r->depth == 0)
			ret = -1;
		else if (within(r))
			ret = property(r, &line);
		over = r->depth == 0;
	}
	return ret;
}

int
ics_read(const char *text, size_t n, struct ics *out, struct fault *f)
{
	struct reading r = { .out = out };
	struct lines l;
	size_t at = 0;
	int ret;

	memset(out, 0, sizeof *out);
	out->from = INT64_MAX;
	out->to = INT64_MIN;
	if (n > ICS_MAX || lines_init(&l, text, n) == -1)
		return fault_set(f, "larger than %d bytes", ICS_MAX);
	ret = walk(&r, &l, &at);
	free(l.line);
	if (ret == -1)
		return fault_set(f, "line %zu cannot be", at);
	if (r.depth != 0 || r.components == 0)
		return fault_set(f, "no whole event, task or journal");
	return 0;
}

/* --- conditions -----------------------------------------------------------*/

static bool
holds(const char *text, size_t n, const char *kind, const struct ics_filter *c)
{
	struct lines l;
	struct line line;
	bool inside = false, there = false, found = false;

	if (lines_init(&l, text, n) == -1)
		return false;
	while (next(&l, &line) == 1) {
		if (strcmp(line.value, kind) == 0) {
			inside = strcmp(line.name, "BEGIN") == 0;
		} else if (inside && strcmp(line.name, c->name) == 0) {
			there = true;
			found =
			    found || strcasestr(line.value, c->text) != NULL;
		}
	}
	free(l.line);
	if (c->absent)
		return !there;
	return c->negate ? !found : found;
}

bool
ics_matches(const char *text, size_t n, const char *kind,
    const struct ics_filter *c, size_t filters)
{
	size_t i;

	for (i = 0; i < filters; i++) {
		if (!holds(text, n, kind, &c[i]))
			return false;
	}
	return true;
}
