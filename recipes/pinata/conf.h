/* The service's part of the router's configuration: {"secret"}, required. */
#ifndef PINATA_CONF_H
#define PINATA_CONF_H

#include "recipes/guest-init/files.h"
#include "recipes/pinata/pinata.h"

int pinata_conf(const json_t *config, struct guest_files *, struct fault *);

#endif
