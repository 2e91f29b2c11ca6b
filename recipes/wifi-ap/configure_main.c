/* /etc/kiln/configure of the image: see radio.h. */
#include "recipes/wifi-ap/radio.h"

int
main(void)
{
	struct fault f;

	if (guest_configure(WIFI_DIR, WIFI_UID, wifi_conf) != 0)
		return 1;
	if (guest_folder(WIFI_CONTROL, WIFI_UID, &f) == -1) {
		fprintf(stderr, "configure: %s\n", f.text);
		return 1;
	}
	return 0;
}
