/* /etc/kiln/configure of the image: see mqtt_conf.h. */
#include "recipes/mqtt/mqtt_conf.h"

int
main(void)
{
	return guest_configure(MQTT_DIR, MQTT_UID, mqtt_conf);
}
