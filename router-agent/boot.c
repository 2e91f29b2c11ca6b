#include "router-agent/boot.h"

#include <stdio.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/fdio.h"
#include "lib/log.h"

#define FILE_NAME "boot"

static void
first_line(const struct buf *b, char out[BOOT_ID])
{
	snprintf(out, BOOT_ID, "%.*s", (int)strcspn(b->data, "\n"), b->data);
}

void
boot_id(char out[BOOT_ID])
{
	auto_buf struct buf text = BUF_INIT;
	struct err ignored = ERR_INIT;

	out[0] = '\0';
	if (file_read("/proc/sys/kernel/random/boot_id", 64, &text, &ignored) ==
	    0)
		first_line(&text, out);
}

bool
boot_is_new(int statefd)
{
	auto_buf struct buf text = BUF_INIT;
	char now[BOOT_ID], last[BOOT_ID] = "";
	struct err err = ERR_INIT;

	boot_id(now);
	if (file_read_at(statefd, FILE_NAME, 64, &text, &err) == 0)
		first_line(&text, last);
	if (!*now || strcmp(now, last) == 0)
		return false;
	err_clear(&err);
	buf_clear(&text);
	buf_printf(&text, "%s\n", now);
	if (file_write_at(
		statefd, FILE_NAME, text.data, text.len, 0644, &err) == -1)
		log_err("boot", &err);
	return *last;
}
