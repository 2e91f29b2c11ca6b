#include "router-agent/traffic.h"

#include <inttypes.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/fdio.h"
#include "lib/num.h"

#define FILE_NAME "traffic"
#define DAY ((int64_t)86400)

/* As many numbers as there are; an older agent wrote two. */
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
	int64_t at[4];
	size_t n = 0;

	*t = (struct traffic){ .since = told };
	if (file_read_at(statefd, FILE_NAME, 128, &b, &why) == 0)
		n = numbers(&b, at, 4);
	if (n >= 2) {
		t->day = at[0];
		t->bytes = at[1];
	}
	if (n == 4 && at[3] == told)
		t->update = at[2];
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

int
traffic_add(
    int statefd, struct traffic *t, int64_t bytes, int64_t now, struct err *err)
{
	auto_buf struct buf b = BUF_INIT;

	if (bytes <= 0)
		return 0;
	if (t->day != now / DAY) {
		t->day = now / DAY;
		t->bytes = 0;
	}
	t->bytes += bytes;
	t->update += bytes;
	buf_printf(&b, "%" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 "\n",
	    t->day, t->bytes, t->update, t->since);
	return file_write_at(statefd, FILE_NAME, b.data, b.len, 0644, err);
}

void
traffic_told(struct traffic *t, int64_t sequence)
{
	t->update = 0;
	t->since = sequence;
}
