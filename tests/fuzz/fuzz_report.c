/* rooms: web web/pages web/api */
/* A router's report as the server takes it from anybody: the envelope, and
 * the record in it as if its signature were good. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

/* Its parser is its own; the room has the call that is asked. */
#define api_report fuzzed_api_report
#include "web/api/report.c"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	auto_buf struct buf canonical = BUF_INIT;
	struct said s = { .sequence = 0 };
	struct err err = ERR_INIT;
	auto_json json_t *j = js_parse("report", data, n, &err);
	const json_t *record = json_object_get(j, "report");

	if (j && check(j, &s, &canonical, &err) == 0 &&
	    (!s.router || !s.state || !s.key || !s.sig))
		abort();
	s = (struct said){ .sequence = 0 };
	if (json_is_object(record) &&
	    check_record("report", record, &s, &err) == 0 &&
	    (s.sequence < 1 || !s.state))
		abort();
	return 0;
}
