/*
 * sshd's configuration for SFTP alone, from the service's part of the router's
 * configuration:
 *
 *	host_key	private, PEM as ssh-keygen writes it
 *	keys		[{"name","key","readonly"}]: key is a public one,
 *			"ssh-ed25519 AAAA…"
 *
 * Everybody is the user "storage" and sees the same folder; who is readonly
 * changes nothing.  Pure: nothing is written here.
 */
#ifndef STORAGE_SFTP_CONF_H
#define STORAGE_SFTP_CONF_H

#include "recipes/guest-init/files.h"

#define SFTP_UID 2200
#define SFTP_DIR "/run/storage"
#define SFTP_VOLUME "/data"
#define SFTP_FILES SFTP_VOLUME "/files"
#define SFTP_KEYS 64

int sftp_conf(const json_t *config, struct guest_files *, struct fault *);

#endif
