/*
 * A calendar server, from the service's part of the router's configuration:
 *
 *	users		[{"name","password"}]: password is a hash as `openssl
 *			passwd -6` ($6$…) or `mkpasswd` ($y$…) writes it
 *	calendars	[{"name","title","write","read"}]: the names of who may
 *			change it, and of who may only look
 *
 * Pure: nothing is read or written here.
 */
#ifndef CALDAV_CONF_H
#define CALDAV_CONF_H

#include "recipes/guest-init/files.h"

#define CAL_UID 5232
#define CAL_PORT 80 /* of the recipe's probe */
#define CAL_DIR "/run/caldav"
#define CAL_CONFIG CAL_DIR "/config.json"
#define CAL_GITCONFIG CAL_DIR "/gitconfig"
#define CAL_VOLUME "/data"
#define CAL_DATA CAL_VOLUME "/calendars"
#define CAL_USERS 32 /* bits of a right */
#define CAL_CALENDARS 32

struct cal_user {
	const char *name, *password; /* borrowed */
};
struct cal_rights {
	const char *name, *title; /* borrowed */
	uint32_t write, read;	  /* bit i: user[i]; who writes reads too */
};
struct cal_conf {
	struct cal_user user[CAL_USERS];
	size_t users;
	struct cal_rights calendar[CAL_CALENDARS];
	size_t calendars;
};

int cal_conf_read(const json_t *config, struct cal_conf *, struct fault *);
int cal_conf(const json_t *config, struct guest_files *, struct fault *);

#endif
