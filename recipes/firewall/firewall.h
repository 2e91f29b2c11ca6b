/* Where configure leaves things for the program that loads the rules. */
#ifndef FIREWALL_H
#define FIREWALL_H

#define FIREWALL_DIR "/run/firewall"
#define FIREWALL_CONFIG FIREWALL_DIR "/config.json"
#define FIREWALL_KNOWN FIREWALL_DIR "/known" /* the service's to write */

#endif
