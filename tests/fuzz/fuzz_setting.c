/* rooms: router-agent/setting.c */
/* Lines that a page's machine says over its state port: what its watcher makes
 * of them is a message that the parent takes, and a config that it can keep. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/canon.h"
#include "lib/json.h"
#include "lib/own.h"
#include "router-agent/lease.h"
#include "router-agent/setting.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
told(const struct setting_word *w)
{
	auto_ipc struct ipc_msg m = IPC_MSG_INIT;
	auto_setting struct setting_word got = SETTING_WORD_INIT;
	auto_json json_t *config = NULL;
	struct err err = ERR_INIT;
	struct hash hash;

	setting_word_send(w, &m.body);
	if (setting_word_receive(&m, &got, &err) == -1 || got.verb != w->verb)
		abort();
	if (got.verb != SETTING_CHANGE)
		return;
	config = setting_config(got.text.data, got.text.len, &err);
	if (!config || canon_hash(config, &hash, &err) == -1)
		abort();
	(void)!setting_fits(
	    config, got.service, "a text\nb[].c! label\n", &err);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct span rest = { (const char *)data, n }, line;
	struct setting_reader r = SETTING_READER_INIT;

	while (span_next(&rest, '\n', &line)) {
		auto_setting struct setting_word w = SETTING_WORD_INIT;
		struct err err = ERR_INIT;
		char copy[LEASE_LINE];

		if (line.n >= sizeof(copy))
			continue;
		memcpy(copy, line.p, line.n);
		copy[line.n] = '\0';
		if (setting_is(copy) && setting_read(&r, copy, &w, &err) == 1)
			told(&w);
		if (r.text.len > SETTING_TEXT)
			abort();
	}
	buf_release(&r.text);
	return 0;
}
