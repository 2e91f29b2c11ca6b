/* /etc/kiln/configure of the image: see sip_conf.h. */
#include "recipes/voip/sip_conf.h"

int
main(void)
{
	struct fault f;

	if (guest_configure(SIP_DIR, SIP_UID, sip_conf) != 0)
		return 1;
	if (guest_folder(SIP_OWN, SIP_UID, &f) == -1) {
		fprintf(stderr, "configure: %s\n", f.text);
		return 1;
	}
	return 0;
}
