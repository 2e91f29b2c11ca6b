#include <string.h>

#include "recipes/guest-init/control.h"

static int
parse_seconds(const char *s, int64_t *out, struct fault *f)
{
	int64_t n = 0;
	size_t i;

	for (i = 0; s[i] >= '0' && s[i] <= '9' && i < 12; i++)
		n = n * 10 + (s[i] - '0');
	if (i == 0 || s[i] != '\0')
		return fault_set(f, "clock: not a number of Unix seconds");
	*out = n;
	return 0;
}

static int
parse_name(const char *s, char out[CONTROL_NAME], struct fault *f)
{
	size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-");

	if (n == 0 || s[n] != '\0' || n >= CONTROL_NAME)
		return fault_set(f, "probe: not a name");
	memcpy(out, s, n + 1);
	return 0;
}

int
control_parse(const char *line, struct control_request *out, struct fault *f)
{
	struct control_request r = { 0 };

	if (strcmp(line, "poweroff") == 0) {
		r.verb = CONTROL_POWEROFF;
	} else if (strcmp(line, "restart") == 0) {
		r.verb = CONTROL_RESTART;
	} else if (strncmp(line, "clock ", 6) == 0) {
		r.verb = CONTROL_CLOCK;
		if (parse_seconds(line + 6, &r.seconds, f) == -1)
			return -1;
	} else if (strcmp(line, "freeze") == 0) {
		r.verb = CONTROL_FREEZE;
	} else if (strcmp(line, "thaw") == 0) {
		r.verb = CONTROL_THAW;
	} else if (strncmp(line, "probe ", 6) == 0) {
		r.verb = CONTROL_PROBE;
		if (parse_name(line + 6, r.name, f) == -1)
			return -1;
	} else {
		return fault_set(f,
		    "unknown request; known are clock SECONDS, restart, "
		    "freeze, thaw, probe NAME and poweroff");
	}
	*out = r;
	return 0;
}

bool
control_next(struct control_lines *l, const char **p, size_t *n, bool *bad)
{
	while (*n > 0) {
		char c = **p;

		(*p)++;
		(*n)--;
		if (c == '\n') {
			l->text[l->n] = '\0';
			*bad = l->overlong;
			l->n = 0;
			l->overlong = false;
			return true;
		}
		if (c == '\0' || l->n == sizeof l->text - 1)
			l->overlong = true;
		else
			l->text[l->n++] = c;
	}
	return false;
}
