#include "web/pages/router_why.h"

#include <string.h>

#include "lib/num.h"
#include "web/model.h"

#define SILENT (2 * 86400) /* it polls at least once a day */

static const json_t *
offered(const json_t *router, const json_t *newest)
{
	const json_t *n;
	size_t i;

	json_array_foreach(newest, i, n)
	{
		if (strcmp(m_str(n, "channel"), m_str(router, "channel")) ==
			0 &&
		    strcmp(m_str(n, "arch"), m_str(router, "arch")) == 0)
			return n;
	}
	return NULL;
}

void
router_why(const json_t *r, const json_t *newest, struct buf *out)
{
	const json_t *n = offered(r, newest);
	int64_t silent = time_now() - m_int(r, "seen_at");
	const char *state = m_str(r, "state"), *cause = m_str(r, "cause");

	if (n == NULL) {
		buf_printf(out, "no set is published for %s, %s",
		    m_str(r, "channel"), m_str(r, "arch"));
	} else if (m_int(r, "counter") >= m_int(n, "counter")) {
		buf_str(out, "it runs the newest set");
	} else if (strcmp(state, "rolled-back") == 0) {
		buf_printf(out, "it went back: %s",
		    cause[0] ? cause : "it did not say why");
	} else if (strcmp(state, "refused") == 0 ||
		   strcmp(state, "failed") == 0) {
		buf_printf(out, "it %s set %lld: %s", state,
		    (long long)m_int(n, "counter"),
		    cause[0] ? cause : "it did not say why");
	} else if (silent > SILENT) {
		buf_printf(out, "it has not been heard of for %lld days",
		    (long long)(silent / 86400));
	} else if (m_int(r, "timestamp") < m_int(n, "timestamp")) {
		buf_printf(out, "it has seen timestamp %lld; %lld is published",
		    (long long)m_int(r, "timestamp"),
		    (long long)m_int(n, "timestamp"));
	} else {
		buf_printf(out,
		    "set %lld is offered; its wave or its window has not come",
		    (long long)m_int(n, "counter"));
	}
}
