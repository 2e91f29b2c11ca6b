#include "router-agent/traffic.h"

#include <inttypes.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/fdio.h"
#include "lib/num.h"

#define FILE_NAME "traffic"
#define DAY ((int64_t)86400)

void
traffic_load(int statefd, struct traffic *t)
{
	auto_buf struct buf b = BUF_INIT;
	struct err why = ERR_INIT;
	struct traffic got;
	char *space;

	*t = (struct traffic){ 0 };
	if (file_read_at(statefd, FILE_NAME, 64, &b, &why) == -1)
		return;
	if (b.len > 0 && b.data[b.len - 1] == '\n')
		b.data[--b.len] = '\0';
	space = strchr(b.data, ' ');
	if (!space)
		return;
	*space = '\0';
	if (num_int(b.data, 0, INT64_MAX, &got.day, &why) == 0 &&
	    num_int(space + 1, 0, INT64_MAX / 2, &got.bytes, &why) == 0)
		*t = got;
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
	if (t->day != now / DAY)
		*t = (struct traffic){ .day = now / DAY };
	t->bytes += bytes;
	buf_printf(&b, "%" PRId64 " %" PRId64 "\n", t->day, t->bytes);
	return file_write_at(statefd, FILE_NAME, b.data, b.len, 0644, err);
}
