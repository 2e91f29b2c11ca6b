#include <linux/capability.h>
#include <string.h>

#include "recipes/guest-init/services.h"

/* Capabilities a network service can have a use for; others are refused. */
static const struct {
	const char *name;
	int bit;
} cap_names[] = {
	{ "chown", CAP_CHOWN },
	{ "dac_override", CAP_DAC_OVERRIDE },
	{ "net_admin", CAP_NET_ADMIN },
	{ "net_bind_service", CAP_NET_BIND_SERVICE },
	{ "net_broadcast", CAP_NET_BROADCAST },
	{ "net_raw", CAP_NET_RAW },
	{ "setgid", CAP_SETGID },
	{ "setuid", CAP_SETUID },
	{ "sys_chroot", CAP_SYS_CHROOT },
	{ "sys_time", CAP_SYS_TIME },
};

static int
parse_caps(char *list, struct service *s, struct fault *f)
{
	const size_t n = sizeof cap_names / sizeof cap_names[0];
	char *word;
	size_t i;

	if (strcmp(list, "-") == 0)
		return 0;
	while ((word = strsep(&list, ",")) != NULL) {
		if (strcmp(word, "state") == 0) {
			s->state = true;
			continue;
		}
		for (i = 0; i < n; i++) {
			if (strcmp(word, cap_names[i].name) == 0)
				break;
		}
		if (i == n)
			return fault_set(f, "unknown capability \"%s\"", word);
		s->caps |= UINT64_C(1) << cap_names[i].bit;
	}
	return 0;
}

static int
parse_uid(const char *s, uid_t *out, struct fault *f)
{
	uid_t n = 0;
	size_t i;

	for (i = 0; s[i] >= '0' && s[i] <= '9' && i < 5; i++)
		n = n * 10 + (uid_t)(s[i] - '0');
	if (s[i] != '\0' || s[0] == '0' || i == 0 || n > 65533)
		return fault_set(f, "\"%s\" is not a uid from 1 to 65533", s);
	*out = n;
	return 0;
}

/* Cuts a line into words.  Returns how many, or -1 if there are too many. */
static int
split(char *line, char **word, int max)
{
	char *w;
	int n = 0;

	while ((w = strsep(&line, " \t")) != NULL) {
		if (*w == '\0')
			continue;
		if (*w == '#')
			break;
		if (n == max)
			return -1;
		word[n++] = w;
	}
	return n;
}

static int
parse_line(char *line, struct services *all, struct fault *f)
{
	char *word[3 + SERVICES_WORDS];
	struct service s = { 0 };
	size_t i;
	int n;

	n = split(line, word, 3 + SERVICES_WORDS);
	if (n == 0)
		return 0;
	if (n == -1)
		return fault_set(f, "more than %d arguments", SERVICES_WORDS);
	if (n < 4)
		return fault_set(
		    f, "expected NAME UID CAPABILITIES /program argument ...");
	if (!guest_label_ok(word[0]))
		return fault_set(f, "\"%s\" is not a service name", word[0]);
	for (i = 0; i < all->n; i++) {
		if (strcmp(all->at[i].name, word[0]) == 0)
			return fault_set(f, "\"%s\" is named twice", word[0]);
	}
	if (all->n == SERVICES_MAX)
		return fault_set(f, "more than %d services", SERVICES_MAX);
	s.name = word[0];
	if (parse_uid(word[1], &s.uid, f) == -1 ||
	    parse_caps(word[2], &s, f) == -1)
		return -1;
	if (word[3][0] != '/')
		return fault_set(f, "program \"%s\" is not absolute", word[3]);
	if (s.state && all->state)
		return fault_set(f, "a second owner of the state port");
	memcpy(s.argv, word + 3, sizeof word[0] * (size_t)(n - 3));
	all->at[all->n] = s;
	if (s.state)
		all->state = &all->at[all->n];
	all->n++;
	return 0;
}

int
services_parse(char *text, struct services *out, struct fault *f)
{
	struct services all = { 0 };
	struct fault why;
	unsigned int at = 0;
	char *line;

	while ((line = strsep(&text, "\n")) != NULL) {
		at++;
		if (parse_line(line, &all, &why) == -1)
			return fault_set(
			    f, "%s:%u: %.200s", SERVICES_FILE, at, why.text);
	}
	if (all.n == 0)
		return fault_set(f, "%s names no service", SERVICES_FILE);
	*out = all;
	if (all.state)
		out->state = out->at + (all.state - all.at);
	return 0;
}
