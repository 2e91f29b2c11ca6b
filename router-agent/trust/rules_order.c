/* Which service needs which: all of it must be there, and comes first. */
#include <string.h>

#include "lib/json.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "router-agent/trust/judge.h"

static bool
provides(const json_t *custom, const char *interface)
{
	const json_t *v;
	size_t i;

	json_array_foreach(json_object_get(custom, "provides"), i, v)
	{
		const char *s = json_string_value(v);

		if (s && strcmp(s, interface) == 0)
			return true;
	}
	return false;
}

/* The service that provides it, or nservices. */
static size_t
provider(const struct judge *j, const char *interface)
{
	size_t i = 0;

	while (i < j->out->nservices && !provides(j->custom[i], interface))
		i++;
	return i;
}

/* 1: all that it needs is placed; 0: not yet; -1: refused. */
static int
ready(struct judge *j, size_t service, const bool placed[SET_SERVICES])
{
	const char *name = j->out->services[service].name;
	const json_t *v;
	size_t i;

	json_array_foreach(json_object_get(j->custom[service], "needs"), i, v)
	{
		const char *s = json_string_value(v);
		size_t by;

		if (!s)
			return refuse(
			    j, "metadata", "%s: a need that is no text", name);
		by = provider(j, s);
		if (by == j->out->nservices)
			return refuse(j, "needs",
			    "%s needs %.60s, which no service of this router "
			    "provides",
			    name, s);
		if (by != service && !placed[by])
			return 0;
	}
	return 1;
}

int
take_order(struct judge *j)
{
	struct set *s = j->out;
	auto_free struct set_service *sorted =
	    mem_zero(s->nservices, sizeof(*sorted));
	bool placed[SET_SERVICES] = { false };

	for (size_t n = 0; n < s->nservices; n++) {
		size_t i, next = s->nservices;

		for (i = 0; i < s->nservices && next == s->nservices; i++) {
			int got = placed[i] ? 0 : ready(j, i, placed);

			if (got == -1)
				return -1;
			if (got == 1)
				next = i;
		}
		if (next == s->nservices)
			return refuse(j, "needs",
			    "the services of set %lld need each other in a "
			    "ring",
			    (long long)s->counter);
		placed[next] = true;
		sorted[n] = s->services[next];
	}
	memcpy(s->services, sorted, s->nservices * sizeof(*sorted));
	return 0;
}
