/* /etc/kiln/configure of the image: see web.h. */
#include <stdio.h>

#include "recipes/web-git/web.h"

int
main(void)
{
	struct fault f;

	if (guest_configure(WEB_DIR, WEB_UID, web_conf) != 0)
		return 1;
	if (guest_folder(WEB_OWN, WEB_UID, &f) == -1) {
		fprintf(stderr, "configure: %s\n", f.text);
		return 1;
	}
	return 0;
}
