#include "router-agent/traffic.h"

#include <inttypes.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/fdio.h"
#include "lib/num.h"

#define FILE_NAME "traffic"
#define DAY ((int64_t)86400)
#define COPIES 3

/* As many numbers as there are; older agents wrote two, or four. */
static size_t
numbers(const struct buf *b, int64_t *out, size_t most)
{
	struct span rest = span_buf(b), field;
	size_t n = 0;

	while (rest.n > 0 && rest.p[rest.n - 1] == '\n')
		rest.n--;
	while (n < most && span_next(&rest, ' ', &field) &&
	       num_span(field, 0, INT64_MAX / 2, &out[n]))
		n++;
	return n;
}

void
traffic_load(int statefd, int64_t told, struct traffic *t)
{
	auto_buf struct buf b = BUF_INIT;
	struct err why = ERR_INIT;
	int64_t at[6];
	size_t n = 0;

	*t = (struct traffic){ .since = told, .metered = fd_metered() };
	if (file_read_at(statefd, FILE_NAME, 192, &b, &why) == 0)
		n = numbers(&b, at, 6);
	if (n >= 2) {
		t->day = at[0];
		t->bytes = at[1];
	}
	if (n >= 4 && at[3] == told)
		t->update = at[2];
	if (n == 6) {
		t->written = at[4];
		t->planned = at[5];
	}
}

int64_t
traffic_left(const struct traffic *t, int64_t budget, int64_t now)
{
	int64_t used = t->day == now / DAY ? t->bytes : 0;

	if (budget == 0)
		return INT64_MAX;
	return used < budget ? budget - used : 0;
}

int64_t
traffic_wait(int64_t now)
{
	return DAY - now % DAY;
}

static void
today(struct traffic *t, int64_t now)
{
	if (t->day == now / DAY)
		return;
	t->day = now / DAY;
	t->bytes = t->written = t->planned = 0;
}

int64_t
traffic_written(struct traffic *t, int64_t more, int64_t now)
{
	int64_t metered = fd_metered();

	today(t, now);
	t->written += metered - t->metered + more;
	t->metered = metered;
	return t->written;
}

int64_t
traffic_today(const struct traffic *t, int64_t now)
{
	int64_t since = fd_metered() - t->metered;

	return t->day == now / DAY ? t->written + since : since;
}

void
traffic_planned(struct traffic *t, int64_t download, int64_t now)
{
	today(t, now);
	if (t->planned < COPIES * download)
		t->planned = COPIES * download;
}

bool
traffic_worn(struct traffic *t, int64_t budget, int64_t now)
{
	return traffic_written(t, 0, now) >= budget + t->planned;
}

int
traffic_keep(int statefd, struct traffic *t, int64_t now, struct err *err)
{
	auto_buf struct buf b = BUF_INIT;

	(void)traffic_written(t, 0, now);
	buf_printf(&b,
	    "%" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64
	    " %" PRId64 "\n",
	    t->day, t->bytes, t->update, t->since, t->written, t->planned);
	return file_write_at(statefd, FILE_NAME, b.data, b.len, 0644, err);
}

int
traffic_add(
    int statefd, struct traffic *t, int64_t bytes, int64_t now, struct err *err)
{
	if (bytes <= 0)
		return 0;
	today(t, now);
	t->bytes += bytes;
	t->update += bytes;
	return traffic_keep(statefd, t, now, err);
}

void
traffic_told(struct traffic *t, int64_t sequence)
{
	t->update = 0;
	t->since = sequence;
}
