/* /etc/kiln/configure of the image: see stunnel_conf.h. */
#include "recipes/tls-proxy/stunnel_conf.h"

int
main(void)
{
	return guest_configure(STUNNEL_DIR, STUNNEL_UID, stunnel_conf);
}
