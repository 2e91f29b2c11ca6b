#include "builder/inputs/apt.h"

#include <stdlib.h>
#include <string.h>

#include "builder/inputs/gpg.h"
#include "lib/buf.h"
#include "lib/fdio.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/spawn.h"

#define DEADLINE_MS 60000
#define OUTPUT_MAX (4 * 1024 * 1024)

void
apt_sources_release(struct apt_sources *s)
{
	for (size_t i = 0; i < s->n; i++) {
		free(s->v[i].uri);
		free(s->v[i].dist);
		free(s->v[i].keyring);
	}
	free(s->v);
	free(s->proxy);
	*s = (struct apt_sources)APT_SOURCES_INIT;
}

static bool
is_http(const char *uri)
{
	return strncmp(uri, "http://", 7) == 0 ||
	       strncmp(uri, "https://", 8) == 0;
}

int
apt_sources_add(struct apt_sources *s, const char *uri, const char *dist,
    const char *keyring, struct err *err)
{
	size_t len = strlen(uri);
	auto_free char *whole =
	    mem_printf("%s%s", uri, len && uri[len - 1] == '/' ? "" : "/");

	if (!is_http(uri))
		return err_set(err, ERR_INPUT,
		    "archive %s: only http and https can be fetched", uri);
	/* "stable/updates" is a name with a slash. */
	if (!path_ok(dist))
		return err_set(err, ERR_INPUT,
		    "archive %s: \"%s\" is not a distribution's name", uri,
		    dist);
	if (keyring[0] != '/')
		return err_set(err, ERR_INPUT,
		    "archive %s: Signed-By \"%s\" is not the path of a "
		    "keyring",
		    uri, keyring);
	for (size_t i = 0; i < s->n; i++)
		if (strcmp(s->v[i].uri, whole) == 0 &&
		    strcmp(s->v[i].dist, dist) == 0)
			return 0; /* apt lists one line for each index */
	s->v = mem_resize(s->v, s->n + 1, sizeof(*s->v));
	s->v[s->n++] = (struct apt_source){
		.uri = take_ptr(&whole),
		.dist = mem_str(dist),
		.keyring = mem_str(keyring),
	};
	return 0;
}

/* Identifier, component, type, keyring, uri, release. */
static int
read_target(struct apt_sources *s, struct span line, const char *keyring,
    struct err *err)
{
	struct span f[6];
	auto_free char *by = NULL, *uri = NULL, *dist = NULL;

	for (size_t i = 0; i < ARRAY_LEN(f); i++)
		if (!span_next(&line, '\t', &f[i]))
			f[i] = (struct span){ "", 0 };
	uri = mem_strn(f[4].p, f[4].n);
	dist = mem_strn(f[5].p, f[5].n);
	if (!span_is(f[0], "Packages") || !span_is(f[1], "main") ||
	    !span_is(f[2], "deb") || !is_http(uri) || !path_ok(dist))
		return 0; /* not ours: cdrom:, flat repositories … */
	/* An apt that does not know the field leaves "$(SIGNED_BY)". */
	if (f[3].n == 0 || f[3].p[0] == '$')
		by = mem_str(keyring);
	else
		by = mem_strn(f[3].p, f[3].n);
	return apt_sources_add(s, uri, dist, by, err);
}

static int
read_targets(struct apt_sources *s, const char *keyring, struct err *err)
{
	/* --no-release-info: also what was never downloaded. */
	static const char *const argv[] = { "apt-get", "--no-release-info",
		"indextargets", "--format",
		"$(IDENTIFIER)\t$(COMPONENT)\t$(TARGET_OF)\t$(SIGNED_BY)\t"
		"$(REPO_URI)\t$(RELEASE)",
		NULL };
	struct spawn sp = SPAWN_INIT;
	auto_buf struct buf out = BUF_INIT, talk = BUF_INIT;
	struct span rest, line;

	sp.argv = argv;
	if (spawn_capture(&sp, DEADLINE_MS, OUTPUT_MAX, &out, &talk, err) == -1)
		return -1;
	rest = span_buf(&out);
	while (span_next(&rest, '\n', &line))
		if (read_target(s, line, keyring, err) == -1)
			return -1;
	return 0;
}

/* "EXPIRY='false'", one a line; what is not set is not printed. */
static int
read_settings(struct apt_sources *s, struct err *err)
{
	static const char *const argv[] = { "apt-config", "shell", "EXPIRY",
		"Acquire::Check-Valid-Until/b", "PROXY", "Acquire::http::Proxy",
		NULL };
	struct spawn sp = SPAWN_INIT;
	auto_buf struct buf out = BUF_INIT, talk = BUF_INIT;
	struct span rest, line, name;

	sp.argv = argv;
	if (spawn_capture(&sp, DEADLINE_MS, OUTPUT_MAX, &out, &talk, err) == -1)
		return -1;
	rest = span_buf(&out);
	while (span_next(&rest, '\n', &line)) {
		if (!span_next(&line, '=', &name) || line.n < 2)
			continue;
		line.p++;
		line.n -= 2; /* the quotes */
		if (span_is(name, "EXPIRY")) {
			s->check_valid_until = !span_is(line, "false");
		} else if (span_is(name, "PROXY") && line.n > 0 &&
			   !span_is(line, "DIRECT")) {
			free(s->proxy);
			s->proxy = mem_strn(line.p, line.n);
		}
	}
	return 0;
}

int
apt_sources_read(struct apt_sources *s, const char *keyring, struct err *err)
{
	size_t before = s->n;

	if (read_targets(s, keyring ? keyring : DEBIAN_KEYRING, err) == -1 ||
	    read_settings(s, err) == -1)
		return err_prefix(err, "read this machine's apt sources");
	if (s->n == before)
		return err_set(err, ERR_INPUT,
		    "this machine's apt has no http source with component "
		    "main: see sources.list(5)");
	return 0;
}
