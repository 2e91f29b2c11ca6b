#include <string.h>

#include "recipes/storage/sftp_conf.h"

static const char always[] = "Port 22\n"
			     "HostKey " SFTP_DIR "/host_key\n"
			     "AuthorizedKeysFile " SFTP_DIR "/authorized_keys\n"
			     "AllowUsers storage\n"
			     "AuthenticationMethods publickey\n"
			     "PasswordAuthentication no\n"
			     "KbdInteractiveAuthentication no\n"
			     "HostbasedAuthentication no\n"
			     "Subsystem sftp internal-sftp\n"
			     "DisableForwarding yes\n"
			     "PermitTTY no\n"
			     "PermitUserRC no\n"
			     "PermitUserEnvironment no\n"
			     "PrintMotd no\n"
			     "UseDNS no\n"
			     "PidFile none\n"
			     "LogLevel ERROR\n"
			     "LoginGraceTime 20\n"
			     "MaxStartups 4:50:12\n"
			     "ClientAliveInterval 60\n";

static bool
key_ok(const char *text)
{
	static const char *const types[] = { "ssh-ed25519 ", "ssh-rsa ",
		"ecdsa-sha2-nistp256 ", "ecdsa-sha2-nistp384 ",
		"ecdsa-sha2-nistp521 " };
	static const char base64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "abcdefghijklmnopqrstuvwxyz0123456789+/=";
	size_t i, n;

	for (i = 0; i < sizeof types / sizeof types[0]; i++) {
		n = strlen(types[i]);
		if (strncmp(text, types[i], n) == 0)
			return strncmp(text + n, "AAAA", 4) == 0 &&
			       text[n + strspn(text + n, base64)] == '\0';
	}
	return false;
}

static int
key(FILE *out, const json_t *list, size_t at, struct fault *f)
{
	static const char *const keys[] = { "name", "key", "readonly", NULL };
	const json_t *j = json_array_get(list, at), *readonly;
	const char *name, *text, *other;
	size_t i;

	if (!json_is_object(j))
		return fault_set(f, "keys: an entry is not an object");
	if (guest_only("keys", j, keys, f) == -1 ||
	    guest_str("keys", j, "name", 64, &name, f) == -1 ||
	    guest_str("keys", j, "key", 2000, &text, f) == -1)
		return -1;
	if (!guest_name_ok(name))
		return fault_set(f,
		    "keys: %s: a name is of a-z, 0-9, '-', '_' and dots", name);
	if (!key_ok(text))
		return fault_set(f,
		    "keys: %s: \"key\" is not a public key of two words, as "
		    "ssh-keygen writes it",
		    name);
	readonly = json_object_get(j, "readonly");
	if (readonly != NULL && !json_is_boolean(readonly))
		return fault_set(
		    f, "keys: %s: \"readonly\" is not a boolean", name);
	for (i = 0; i < at; i++) {
		other = json_string_value(
		    json_object_get(json_array_get(list, i), "key"));
		if (other != NULL && strcmp(other, text) == 0)
			return fault_set(
			    f, "keys: %s: its key is another's, too", name);
	}
	fprintf(out,
	    "restrict,command=\"internal-sftp -d " SFTP_FILES "%s\" %s %s\n",
	    json_is_true(readonly) ? " -R" : "", text, name);
	return 0;
}

static int
all_keys(const json_t *config, FILE *out, struct fault *f)
{
	json_t *list;
	size_t i;

	if (guest_array("config", config, "keys", SFTP_KEYS, &list, f) == -1)
		return -1;
	if (json_array_size(list) == 0)
		return fault_set(f, "keys: there is none");
	for (i = 0; i < json_array_size(list); i++) {
		if (key(out, list, i, f) == -1)
			return -1;
	}
	return 0;
}

int
sftp_conf(const json_t *config, struct guest_files *files, struct fault *f)
{
	static const char *const keys[] = { "host_key", "keys", NULL };
	FILE *out;

	if (guest_only("config", config, keys, f) == -1 ||
	    guest_file_pem(files, "config", config, "host_key", "PRIVATE KEY",
		f, SFTP_DIR "/host_key") == -1)
		return -1;
	out = guest_file_open(files, f, SFTP_DIR "/authorized_keys");
	if (out == NULL ||
	    guest_file_close(out, all_keys(config, out, f), f) == -1)
		return -1;
	out = guest_file_open(files, f, SFTP_DIR "/sshd_config");
	if (out == NULL)
		return -1;
	fputs(always, out);
	return guest_file_close(out, 0, f);
}
