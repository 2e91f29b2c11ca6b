/*
 * /etc/kiln/configure of the image: see page.h.  The volume is the service's;
 * another `reset` than the last takes the password away.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "recipes/router-config/page.h"

#define PASSWORD PAGE_STATE "/password"
#define RESET PAGE_STATE "/reset"

static int
wanted(int64_t *reset, struct fault *f)
{
	auto_json json_t *config = NULL;
	struct page_own own;
	char *text;
	size_t n;

	if (guest_read(GUEST_CONFIG, GUEST_CONFIG_MAX, &text, &n, f) == -1)
		return -1;
	config = guest_json(GUEST_CONFIG, text, n, f);
	free(text);
	if (config == NULL || page_read(config, &own, f) == -1)
		return -1;
	*reset = own.reset;
	return 0;
}

static int
volume(int64_t reset, struct fault *f)
{
	char now[32], *was = NULL;
	size_t n = 0;
	bool same;

	snprintf(now, sizeof now, "%lld\n", (long long)reset);
	if (access(RESET, F_OK) == 0 &&
	    guest_read(RESET, sizeof now, &was, &n, f) == -1)
		return -1;
	same = was != NULL && strcmp(was, now) == 0;
	free(was);
	if (!same) {
		/* The password first: cut off here, it is asked again. */
		if (unlink(PASSWORD) == -1 && errno != ENOENT)
			return fault_sys(f, "forget the password");
		if (unlink(RESET) == -1 && errno != ENOENT)
			return fault_sys(f, "replace %s", RESET);
		if (guest_write(RESET, 0600, 0, now, strlen(now), f) == -1)
			return -1;
	}
	if (chown(PAGE_STATE, PAGE_UID, PAGE_UID) == -1 ||
	    chmod(PAGE_STATE, 0700) == -1)
		return fault_sys(f, "give %s to its service", PAGE_STATE);
	return 0;
}

int
main(void)
{
	int64_t reset;
	struct fault f;

	if (guest_configure(PAGE_DIR, PAGE_UID, page_conf) != 0)
		return 1;
	if (wanted(&reset, &f) == -1 || volume(reset, &f) == -1) {
		fprintf(stderr, "configure: %s\n", f.text);
		return 1;
	}
	return 0;
}
