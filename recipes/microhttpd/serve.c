#include "recipes/microhttpd/serve.h"

#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int
take(struct asked *a, size_t max, const char *data, size_t n)
{
	char *more;

	if (a->large || n > max - a->n) {
		a->large = true;
		return 0;
	}
	more = realloc(a->body, a->n + n);
	if (more == NULL)
		return -1;
	memcpy(more + a->n, data, n);
	a->body = more;
	a->n += n;
	return 0;
}

bool
asked_whole(void **state, size_t max, const char *data, size_t *n,
    enum MHD_Result *meanwhile)
{
	*meanwhile = MHD_YES;
	if (*state == NULL) { /* the first call has the headers alone */
		*state = calloc(1, sizeof(struct asked));
		if (*state == NULL)
			*meanwhile = MHD_NO;
		return false;
	}
	if (*n == 0)
		return true;
	if (take(*state, max, data, *n) == -1)
		*meanwhile = MHD_NO;
	*n = 0;
	return false;
}

void
asked_over(void *arg, struct MHD_Connection *c, void **state,
    enum MHD_RequestTerminationCode why)
{
	struct asked *a = *state;

	(void)arg;
	(void)c;
	(void)why;
	if (a == NULL)
		return;
	if (a->body != NULL)
		sodium_memzero(a->body, a->n);
	free(a->body);
	free(a);
	*state = NULL;
}

int
serve_main(const char *name, const char *path,
    int (*run)(const json_t *, struct fault *))
{
	auto_json json_t *config = NULL;
	struct fault f;
	char *text;
	size_t n;

	if (signal(SIGPIPE, SIG_IGN) == SIG_ERR || sodium_init() == -1) {
		fprintf(stderr, "%s: cannot begin\n", name);
		return 1;
	}
	if (guest_read(path, GUEST_CONFIG_MAX, &text, &n, &f) == 0) {
		config = guest_json("config", text, n, &f);
		if (config != NULL)
			run(config, &f);
	}
	fprintf(stderr, "%s: %s\n", name, f.text);
	return 1;
}
