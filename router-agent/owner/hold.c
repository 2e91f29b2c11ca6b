#include "router-agent/owner/hold.h"

#include <inttypes.h>

#include "lib/buf.h"
#include "lib/fdio.h"
#include "lib/num.h"

#define FILE_NAME "hold"

int
hold_read(int statefd, int64_t *until, struct err *err)
{
	auto_buf struct buf b = BUF_INIT;

	*until = 0;
	if (file_read_at(statefd, FILE_NAME, 64, &b, err) == -1) {
		if (err->cls != ERR_MISSING)
			return -1;
		err_clear(err);
		return 0;
	}
	if (b.len > 0 && b.data[b.len - 1] == '\n')
		b.data[--b.len] = '\0';
	return num_int(b.data, 0, INT64_MAX, until, err) == -1
		   ? err_prefix(err, "%s", FILE_NAME)
		   : 0;
}

int
hold_write(int statefd, int64_t until, struct err *err)
{
	auto_buf struct buf b = BUF_INIT;

	if (until == 0)
		return file_exists_at(statefd, FILE_NAME)
			   ? file_remove_at(statefd, FILE_NAME, err)
			   : 0;
	buf_printf(&b, "%" PRId64 "\n", until);
	return file_write_at(statefd, FILE_NAME, b.data, b.len, 0644, err);
}
