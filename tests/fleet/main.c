/*
 * fleet BIN STATE CONF URL ROUTERS SAMPLE SEED FIRST: weeks of a fleet in
 * minutes.  BIN, STATE and CONF (an agent.yaml) are absolute; the working
 * directory is its own and has the farm's clock; FIRST is the percentage of
 * the first wave.  tests/fleet/run sets all of this up.
 *
 *	day  0  all come up with the first set
 *	     1  a release in four waves
 *	     6  one whose services fail their probes after the switch
 *	     8  the mended one, in waves
 *	    13  server and farm are gone for a day
 *	    15  a release to all at once
 *	    20  power is cut, and comes back to all of them at once
 *	    21  the end
 */
#include <fcntl.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sodium.h>

#include "lib/fdio.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"
#include "lib/schema.h"
#include "tests/fleet/clock.h"
#include "tests/fleet/fleet.h"
#include "web/schema.h"

#define HOUR ((int64_t)3600)
#define DAY (24 * HOUR)
#define DAYS 21
#define WINDOW 300
#define BOOT_S 40 /* of a router */

static int passed;

static void claim(struct fleet *f, bool holds, const char *fmt, ...)
    KILN_PRINTF(3, 4);

static void
claim(struct fleet *f, bool holds, const char *fmt, ...)
{
	va_list ap;

	printf("%s ", holds ? "ok" : "not ok");
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
	fflush(stdout);
	passed += holds;
	f->failed += !holds;
}

static double
hours(const struct fleet *f, int64_t at, int64_t since)
{
	(void)f;
	return at ? (double)(at - since) / (double)HOUR : -1;
}

/* --- a release
 * ---------------------------------------------------------------------- */

static int
new_image(struct fleet *f, const char *version, struct err *err)
{
	auto_free char *publish =
	    mem_printf("%s/tests/support/publish", f->bin);
	const char *const argv[] = { publish, f->state, "vm", "dns-dhcp",
		version, "image", "router.lan", NULL };
	uint8_t bytes[40000];

	randombytes_buf(bytes, sizeof(bytes));
	if (file_write_at(f->work, "image", bytes, sizeof(bytes), 0644, err) ==
	    -1)
		return -1;
	return farm_run(f, argv, err);
}

/* From now on routers that begin it are counted. */
static int
promote(
    struct fleet *f, const char *version, const char *waves, struct err *err)
{
	auto_free char *tuf = mem_printf("%s/tests/fleet/kiln-tuf", f->bin);
	const char *const argv[] = { tuf, "promote", "--state", f->state,
		waves ? "--waves" : NULL, waves, NULL };

	f->watched = f->nsets;
	f->touched = f->arrived = 0;
	f->half_at = f->most_at = f->all_at = 0;
	for (uint32_t i = 0; i < f->n; i++)
		f->routers[i].touched = false;
	if (new_image(f, version, err) == -1 || farm_pass(f, err) == -1 ||
	    farm_run(f, argv, err) == -1)
		return err_prefix(err, "release %s", version);
	return farm_pass(f, err);
}

static int
until(struct fleet *f, int64_t days, int64_t more, struct err *err)
{
	return fleet_run(f, f->start + days * DAY + more, err);
}

/* What kiln-web says of the same. */
static int64_t
web_half_at(struct fleet *f, struct err *err)
{
	static const char sql[] =
	    "SELECT half_at FROM reach WHERE channel = 'stable' AND counter ="
	    " ?1";
	auto_stmt struct stmt *q = db_stmt(f->web, sql);

	stmt_bind_int(q, 1, f->sets[f->watched]->counter);
	return stmt_step(q, err) == 1 ? stmt_int(q, 0) : -1;
}

static void
tell_arrival(struct fleet *f, const char *what, int64_t since)
{
	printf("# %s: 50 %% after %.1f h, 90 %% after %.1f h, 100 %% after "
	       "%.1f h\n",
	    what, hours(f, f->half_at, since), hours(f, f->most_at, since),
	    hours(f, f->all_at, since));
}

/* --- the days
 * -------------------------------------------------------------------------- */

static int
first_day(struct fleet *f, struct err *err)
{
	if (farm_pass(f, err) == -1 || until(f, 1, 0, err) == -1 ||
	    farm_accept(f, err) == -1)
		return -1;
	claim(f, fleet_at(f, 0) == f->n,
	    "all %u routers come up with the first set within a day", f->n);
	return 0;
}

static int
in_waves(struct fleet *f, const char *waves, double first, struct err *err)
{
	int64_t since = f->start + DAY, at;
	double early;

	if (promote(f, "2.0", waves, err) == -1 ||
	    until(f, 1, 23 * HOUR, err) == -1)
		return -1;
	early = 100.0 * (double)f->arrived / f->n;
	claim(f, early > 0 && early < 2 * first + 1,
	    "a day after a release its first wave has it: %.2f %% of %.0f %%",
	    early, first);
	if (until(f, 5, 0, err) == -1)
		return -1;
	tell_arrival(f, "a release in waves", since);
	claim(f, f->all_at && f->all_at <= since + 72 * HOUR + 10 * HOUR,
	    "the last one has it 10 h after the last wave began");
	at = web_half_at(f, err);
	claim(f, at == f->half_at,
	    "kiln-web counts the half of them at the same moment");
	return 0;
}

static int
quiet_day(struct fleet *f, struct err *err)
{
	struct load before = f->load;
	int64_t from = f->start + 5 * DAY, to = from + DAY;
	double mean;
	int64_t peak;

	if (until(f, 6, 0, err) == -1)
		return -1;
	mean = load_mean(&f->load, from, to);
	peak = load_peak(&f->load, from, to, WINDOW);
	printf("# a quiet day: %.2f requests/s, at most %lld in a second and "
	       "%.2f/s over 5 min; a router %.0f requests, %.0f bytes down, "
	       "%.0f up\n",
	    mean, (long long)load_peak(&f->load, from, to, 1),
	    (double)peak / WINDOW,
	    (double)(f->load.total - before.total) / f->n,
	    (double)(f->load.down - before.down) / f->n,
	    (double)(f->load.up - before.up) / f->n);
	claim(f, f->load.total - before.total < 12 * (int64_t)f->n,
	    "a router that finds nothing new asks for two small files, some "
	    "four times a day");
	return 0;
}

static int
bad_image(struct fleet *f, const char *waves, struct err *err)
{
	int64_t refused = f->refused, since = f->start + 6 * DAY;

	f->bad = f->nsets;
	if (promote(f, "3.0", waves, err) == -1 || until(f, 8, 0, err) == -1)
		return -1;
	printf("# a bad image: %lld began it, %lld went back, %lld were told "
	       "that it is stopped; %.2f %% of the fleet\n",
	    (long long)f->touched, (long long)f->back,
	    (long long)(f->refused - refused),
	    100.0 * (double)f->touched / f->n);
	claim(f, f->touched >= 5 && f->touched * 100 <= f->n,
	    "a bad image in the first wave stops by itself with at most 1 %% "
	    "of the fleet touched");
	claim(f, fleet_at(f, f->bad) == 0 && f->back >= f->touched,
	    "… and all of them went back");
	claim(f, f->refused - refused >= (int64_t)f->n * 99 / 100,
	    "… and all others see the stop, and take nothing");
	(void)since;
	return 0;
}

static int
mended(struct fleet *f, const char *waves, struct err *err)
{
	if (promote(f, "3.1", waves, err) == -1 || until(f, 13, 0, err) == -1)
		return -1;
	tell_arrival(f, "the mended one", f->start + 8 * DAY);
	claim(f, fleet_at(f, f->watched) == f->n,
	    "the mended one reaches all, those who went back as well");
	return 0;
}

static int
outage(struct fleet *f, struct err *err)
{
	int64_t end = f->start + 14 * DAY, quiet = f->start + 5 * DAY;
	int64_t before = f->attempts, peak, limit;
	double mean = load_mean(&f->load, quiet, quiet + DAY);

	f->outage = true;
	if (until(f, 14, 0, err) == -1)
		return -1;
	f->outage = false;
	f->pass_at = end; /* the farm is back as well */
	if (until(f, 15, 0, err) == -1)
		return -1;
	peak = load_peak(&f->load, end, end + DAY, WINDOW);
	/* A first poll after it costs more than one that finds nothing; the
	 * second term is what chance may add in a small fleet. */
	limit =
	    (int64_t)(2 * mean * WINDOW + 10 * sqrt(2 * mean * WINDOW)) + 20;
	printf("# a day without a server: %.1f tries a router; after it at "
	       "most %lld requests in a second and %.2f/s over 5 min, %.1f "
	       "times a quiet day's mean\n",
	    (double)(f->attempts - before) / f->n,
	    (long long)load_peak(&f->load, end, end + DAY, 1),
	    (double)peak / WINDOW, (double)peak / WINDOW / mean);
	claim(f, f->attempts > before && peak <= limit,
	    "after a day without a server nobody stampedes: %lld requests in "
	    "the worst 5 minutes, %lld allowed",
	    (long long)peak, (long long)limit);
	return 0;
}

static int
all_at_once(struct fleet *f, struct err *err)
{
	int64_t since = f->start + 15 * DAY;

	if (promote(f, "4.0", NULL, err) == -1 || until(f, 20, 0, err) == -1)
		return -1;
	tell_arrival(f, "a release to all at once", since);
	claim(f, f->all_at && f->all_at <= since + 10 * HOUR,
	    "a release without waves has reached all after 10 h");
	printf("# … at most %.2f requests/s over 5 min\n",
	    (double)load_peak(&f->load, since, since + DAY, WINDOW) / WINDOW);
	return 0;
}

/* Of all that run a set: none of them was in the middle of an update. */
static int
power_cut(struct fleet *f, struct err *err)
{
	int64_t on = f->start + 20 * DAY + BOOT_S, end = on + POLL_FIRST_S;
	int64_t total, second;
	double mean;

	fleet_power_cut(f, BOOT_S);
	if (until(f, DAYS, 0, err) == -1)
		return -1;
	mean = load_mean(&f->load, on, end);
	total = (int64_t)(mean * POLL_FIRST_S + 0.5);
	second = load_peak(&f->load, on, end, 1);
	printf("# power that comes back to all at once: %lld requests in %d s, "
	       "%.1f requests/s and at most %lld in a second; without the "
	       "first wait all of them in one\n",
	    (long long)total, POLL_FIRST_S, mean, (long long)second);
	claim(f, total >= 2 * (int64_t)f->n,
	    "all have asked %d minutes after the power came back",
	    POLL_FIRST_S / 60);
	/* The second term is what chance may add in a small fleet. */
	claim(f, (double)second <= 2 * mean + 60,
	    "… and no second has more than twice the mean of these: %lld",
	    (long long)second);
	return 0;
}

static int
live(struct fleet *f, double first, struct err *err)
{
	auto_free char *waves = mem_printf("0:%.0f,24:10,48:50,72:100", first);

	if (first_day(f, err) == -1 || in_waves(f, waves, first, err) == -1 ||
	    quiet_day(f, err) == -1 || bad_image(f, waves, err) == -1 ||
	    mended(f, waves, err) == -1 || outage(f, err) == -1 ||
	    all_at_once(f, err) == -1 || power_cut(f, err) == -1)
		return -1;
	claim(f, f->checks > 0 && f->agreed == f->checks,
	    "%lld checks of the sample over HTTP came to what was worked out "
	    "for its kind",
	    (long long)f->checks);
	return 0;
}

/* --- life
 * -----------------------------------------------------------------------------------
 */

static int
set_up(struct fleet *f, char **argv, struct err *err)
{
	auto_free char *fetch = mem_printf("%s/kiln-agent-fetch", argv[1]);
	auto_free char *db = mem_printf("%s/web.db", argv[2]);
	int64_t n, sample, seed;

	f->bin = argv[1];
	f->state = argv[2];
	snprintf(f->url, sizeof(f->url), "%s", argv[4]);
	if (num_int(argv[5], 1, 1000000, &n, err) == -1 ||
	    num_int(argv[6], 1, n, &sample, err) == -1 ||
	    num_int(argv[7], 0, INT64_MAX, &seed, err) == -1 ||
	    agent_conf_read(&f->conf, argv[3], err) == -1 ||
	    (f->work = dir_open(".", err)) == -1)
		return -1;
	f->n = (uint32_t)n;
	f->sample = (uint32_t)sample;
	f->fetcher = fetcher_start(fetch, NULL, err);
	f->web = db_open(db, web_migrations, web_migrations_count, err);
	if (!f->fetcher || !f->web ||
	    db_exec(f->web, "PRAGMA synchronous = OFF", err) == -1 ||
	    farm_measure(f, err) == -1)
		return -1;
	/* kiln-web, kiln-tuf and this all see it. */
	f->now = clock_make();
	if (!f->now)
		return err_sys(err, "make a clock");
	f->start = *f->now;
	f->pass_at = f->start + DAY;
	load_init(&f->load, f->start, DAYS * DAY + 1);
	return fleet_make(f, (uint64_t)seed, err);
}

/* fleet BIN STATE CONF URL served WORKERS CHECKS SEED: what a server answers,
 * in requests a second. */
static int
served(struct fleet *f, char **argv, struct err *err)
{
	auto_free char *fetch = mem_printf("%s/kiln-agent-fetch", argv[1]);
	int64_t workers, checks;
	double rate;

	f->bin = argv[1];
	f->state = argv[2];
	snprintf(f->url, sizeof(f->url), "%s", argv[4]);
	f->now = clock_make();
	if (!f->now || num_int(argv[6], 1, 64, &workers, err) == -1 ||
	    num_int(argv[7], 1, 1000000, &checks, err) == -1 ||
	    agent_conf_read(&f->conf, argv[3], err) == -1 ||
	    (f->work = dir_open(".", err)) == -1 ||
	    fleet_served(f, fetch, (int)workers, checks, &rate, err) == -1)
		return -1;
	f->start = *f->now;
	printf("%.1f\n", rate);
	return 0;
}

int
main(int argc, char **argv)
{
	struct fleet f = { .work = -1, .bad = -1, .watched = -1 };
	struct err err = ERR_INIT;
	int64_t began = time_mono_ms(), first, wall;

	if (argc != 9 || sodium_init() == -1 ||
	    num_int(argv[8], 1, 10, &first, &err) == -1) {
		fprintf(
		    stderr, "fleet: eight arguments: see tests/fleet/run\n");
		return 2;
	}
	if (strcmp(argv[5], "served") == 0) {
		if (served(&f, argv, &err) == 0)
			return 0;
		fprintf(stderr, "fleet: %s\n", err.msg);
		return 1;
	}
	if (set_up(&f, argv, &err) == -1 ||
	    live(&f, (double)first, &err) == -1) {
		fprintf(stderr, "fleet: %s\n", err.msg);
		return 1;
	}
	wall = time_mono_ms() - began;
	printf("# %u routers, %d days, %u of them over HTTP: %lld requests "
	       "worked out, %.0f a second; %lld served over HTTP; %lld "
	       "reports, each signed and checked; %lld MB of images; %.0f s\n",
	    f.n, DAYS, f.sample, (long long)f.load.total,
	    1000.0 * (double)f.load.total / (double)wall, (long long)f.real,
	    (long long)f.reports, (long long)(f.image_bytes >> 20),
	    (double)wall / 1000);
	printf("%d passed, %d failed\n", passed, f.failed);
	fetcher_stop(f.fetcher);
	fleet_release(&f);
	db_close(f.web);
	agent_conf_release(&f.conf);
	return f.failed ? 1 : 0;
}
