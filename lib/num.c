#include "lib/num.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* The digits at the front of *s, which moves behind them.  False: there is
 * none, or they do not fit. */
static bool
digits(const char **s, uint64_t *out)
{
	const char *p = *s;
	uint64_t n = 0;

	for (; *p >= '0' && *p <= '9'; p++)
		if (__builtin_mul_overflow(n, 10u, &n) ||
		    __builtin_add_overflow(n, (uint64_t)(*p - '0'), &n))
			return false;
	if (p == *s)
		return false;
	*s = p;
	*out = n;
	return true;
}

int
num_int(
    const char *text, int64_t min, int64_t max, int64_t *out, struct err *err)
{
	const char *p = text;
	bool minus = *p == '-';
	uint64_t n;
	int64_t v;

	if (minus)
		p++;
	if (*p < '0' || *p > '9' || p[strspn(p, "0123456789")])
		return err_set(
		    err, ERR_INPUT, "\"%.40s\" is not a whole number", text);
	if (!digits(&p, &n) || n > (uint64_t)INT64_MAX + minus)
		goto range;
	v = minus ? (int64_t)(0 - n) : (int64_t)n;
	if (v < min || v > max)
		goto range;
	*out = v;
	return 0;
range:
	return err_set(err, ERR_INPUT,
	    "%.40s is not from %" PRId64 " to %" PRId64, text, min, max);
}

bool
num_span(struct span s, int64_t min, int64_t max, int64_t *out)
{
	struct err ignored = ERR_INIT;
	char text[24]; /* the longest has 20 characters */

	return span_copy(s, text, sizeof(text)) && strlen(text) == s.n &&
	       num_int(text, min, max, out, &ignored) == 0;
}

struct unit {
	const char *name;
	int64_t times;
};

static int
with_unit(const char *text, const struct unit *units, const char *allowed,
    int64_t *out, struct err *err)
{
	const char *p = text;
	uint64_t n;
	int64_t v;

	if (*p < '0' || *p > '9')
		goto bad;
	if (!digits(&p, &n))
		goto large;
	if (*p == ' ' && p[1])
		p++;
	for (; units->name; units++)
		if (strcmp(p, units->name) == 0)
			break;
	if (!units->name)
		goto bad;
	if (__builtin_mul_overflow(n, units->times, &v))
		goto large;
	*out = v;
	return 0;
bad:
	return err_set(err, ERR_INPUT, "\"%.40s\" is not %s", text, allowed);
large:
	return err_set(err, ERR_INPUT, "%.40s is too large", text);
}

int
num_size(const char *text, int64_t *out, struct err *err)
{
	static const struct unit units[] = {
		{ "", 1 },
		{ "B", 1 },
		{ "KiB", 1LL << 10 },
		{ "MiB", 1LL << 20 },
		{ "GiB", 1LL << 30 },
		{ "TiB", 1LL << 40 },
		{ NULL, 0 },
	};

	return with_unit(text, units,
	    "a size such as 512, 64 KiB, 64 MiB or 2 GiB", out, err);
}

int
num_duration(const char *text, int64_t *out, struct err *err)
{
	static const struct unit units[] = {
		{ "", 1 },
		{ "s", 1 },
		{ "m", 60 },
		{ "h", 3600 },
		{ "d", 86400 },
		{ NULL, 0 },
	};

	return with_unit(
	    text, units, "a duration such as 90s, 15m, 6h or 7d", out, err);
}

void
num_add_size(struct buf *b, int64_t bytes)
{
	static const char *const names[] = { "KiB", "MiB", "GiB", "TiB", "PiB",
		"EiB" };
	uint64_t n = bytes < 0 ? 0 - (uint64_t)bytes : (uint64_t)bytes;
	double v = (double)n / 1024;
	size_t i = 0;

	if (bytes < 0)
		buf_char(b, '-');
	if (n < 1024) {
		buf_printf(b, "%" PRIu64 " B", n);
		return;
	}
	/* What would be printed as 1024.0 belongs to the next unit. */
	while (v >= 1023.95 && i + 1 < ARRAY_LEN(names)) {
		v /= 1024;
		i++;
	}
	buf_printf(b, "%.1f %s", v, names[i]);
}

void
num_add_duration(struct buf *b, int64_t ms)
{
	int64_t s;

	if (ms < 0) {
		buf_char(b, '-');
		ms = ms == INT64_MIN ? INT64_MAX : -ms;
	}
	if (ms < 9950) {
		ms = (ms + 50) / 100;
		buf_printf(b, "%d.%d s", (int)(ms / 10), (int)(ms % 10));
		return;
	}
	s = ms / 1000 + (ms % 1000 >= 500);
	if (s < 60)
		buf_printf(b, "%d s", (int)s);
	else if (s < 3600)
		buf_printf(b, "%d min %d s", (int)(s / 60), (int)(s % 60));
	else if (s < 86400)
		buf_printf(
		    b, "%d h %d min", (int)(s / 3600), (int)(s / 60 % 60));
	else
		buf_printf(
		    b, "%" PRId64 " d %d h", s / 86400, (int)(s / 3600 % 24));
}

void
time_text(int64_t t, char out[TIME_TEXT])
{
	/* 0000-01-01T00:00:00Z and 9999-12-31T23:59:59Z: four digits. */
	const int64_t min = -62167219200, max = 253402300799;
	time_t when = (time_t)(t < min ? min : t > max ? max : t);
	struct tm tm;

	gmtime_r(&when, &tm);
	snprintf(out, TIME_TEXT, "%04u-%02u-%02uT%02u:%02u:%02uZ",
	    (unsigned)(tm.tm_year + 1900) % 10000,
	    (unsigned)(tm.tm_mon + 1) % 100, (unsigned)tm.tm_mday % 100,
	    (unsigned)tm.tm_hour % 100, (unsigned)tm.tm_min % 100,
	    (unsigned)tm.tm_sec % 100);
}

int
time_parse(const char *text, int64_t *out, struct err *err)
{
	static const char shape[] = "dddd-dd-ddTdd:dd:ddZ";
	static const uint8_t at[] = { 5, 8, 11, 14, 17 };
	char again[TIME_TEXT];
	int v[6];
	struct tm tm = { 0 };
	int64_t t;
	size_t i;

	for (i = 0; shape[i]; i++)
		if (shape[i] == 'd' ? text[i] < '0' || text[i] > '9'
				    : text[i] != shape[i])
			goto bad;
	if (text[i])
		goto bad;
	v[0] = (text[0] - '0') * 1000 + (text[1] - '0') * 100 +
	       (text[2] - '0') * 10 + (text[3] - '0');
	for (i = 0; i < ARRAY_LEN(at); i++)
		v[i + 1] = (text[at[i]] - '0') * 10 + (text[at[i] + 1] - '0');
	tm.tm_year = v[0] - 1900;
	tm.tm_mon = v[1] - 1;
	tm.tm_mday = v[2];
	tm.tm_hour = v[3];
	tm.tm_min = v[4];
	tm.tm_sec = v[5];
	t = (int64_t)timegm(&tm);
	/* timegm takes February 31st for March; the text tells. */
	time_text(t, again);
	if (strcmp(again, text) != 0)
		goto bad;
	*out = t;
	return 0;
bad:
	return err_set(err, ERR_INPUT,
	    "\"%.40s\" is not a UTC time such as 2020-01-01T00:00:00Z", text);
}

int64_t
time_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return ts.tv_sec;
}

int64_t
time_mono_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}
