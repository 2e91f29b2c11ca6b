#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "recipes/mqtt/history.h"
#include "recipes/mqtt/mqtt_conf.h"

#define USERS_MAX 256

/* A guest of 96 MiB that is filled with more than some 16 MiB of messages
 * hangs: the limit lies well below. */
static const char always[] = "# written by /etc/kiln/configure\n"
			     "persistence false\n"
			     "per_listener_settings true\n"
			     "log_dest stderr\n"
			     "log_type error\n"
			     "log_type warning\n"
			     "connection_messages false\n"
			     "sys_interval 60\n"
			     "max_packet_size 262144\n"
			     "max_queued_messages 1000\n"
			     "max_queued_bytes 1048576\n"
			     "memory_limit 8388608\n"
			     "persistent_client_expiration 1d\n";

/* What is read while the main file is written. */
struct reading {
	struct guest_files *files;
	FILE *conf;
	char passwords[sizeof(((struct guest_file *)0)->path)]; /* or "" */
	bool users, anonymous;
	size_t certified; /* listeners that demand a certificate */
	size_t listeners;
};

/* One PEM text into a file of its own, named by `option` in the main one. */
static int
pem_file(struct reading *r, const json_t *tls, const char *key,
    const char *label, const char *option, struct fault *f)
{
	if (guest_file_pem(r->files, "tls", tls, key, label, f,
		MQTT_DIR "/%zu.%s", r->listeners, key) == -1)
		return -1;
	fprintf(r->conf, "%s %s\n", option, guest_file_path(r->files));
	return 0;
}

/* Who may come in, of the listener above: each has its own. */
static void
everybody(const struct reading *r)
{
	fprintf(
	    r->conf, "allow_anonymous %s\n", r->anonymous ? "true" : "false");
	if (r->passwords[0] != '\0')
		fprintf(r->conf, "password_file %s\n", r->passwords);
}

/* --- listeners ------------------------------------------------------------*/

static int
tls(struct reading *r, const json_t *j, struct fault *f)
{
	static const char *const keys[] = { "certificate", "key", "clients",
		NULL };

	if (!json_is_object(j))
		return fault_set(f, "tls: not an object");
	if (guest_only("tls", j, keys, f) == -1 ||
	    pem_file(r, j, "certificate", "CERTIFICATE", "certfile", f) == -1 ||
	    pem_file(r, j, "key", "PRIVATE KEY", "keyfile", f) == -1)
		return -1;
	fputs("tls_version tlsv1.2\n", r->conf); /* and newer */
	if (json_object_get(j, "clients") == NULL)
		return 0;
	if (pem_file(r, j, "clients", "CERTIFICATE", "cafile", f) == -1)
		return -1;
	fputs("require_certificate true\nuse_identity_as_username true\n",
	    r->conf);
	r->certified++;
	return 0;
}

static int
listener(struct reading *r, const json_t *j, bool *probed, struct fault *f)
{
	static const char *const keys[] = { "port", "address", "tls", NULL };
	const char *address = NULL;
	struct guest_addr a;
	int64_t port;

	if (!json_is_object(j))
		return fault_set(f, "listeners: an entry is not an object");
	/* below 1024 it would need a capability */
	if (guest_only("listeners", j, keys, f) == -1 ||
	    guest_int("listeners", j, "port", 1024, 65535, &port, f) == -1)
		return -1;
	if (json_object_get(j, "address") != NULL &&
	    (guest_str("listeners", j, "address", 45, &address, f) == -1 ||
		guest_addr("listeners", "address", address, &a, f) == -1))
		return -1;
	r->listeners++;
	fprintf(r->conf, "listener %lld%s%s\n", (long long)port,
	    address == NULL ? "" : " ", address == NULL ? "" : address);
	everybody(r);
	*probed = *probed || port == MQTT_PORT;
	if (json_object_get(j, "tls") == NULL)
		return 0;
	return tls(r, json_object_get(j, "tls"), f);
}

static int
listeners(struct reading *r, const json_t *config, struct fault *f)
{
	bool probed = false;
	json_t *list;
	size_t i;

	if (json_object_get(config, "listeners") == NULL) {
		fprintf(r->conf, "listener %d\n", MQTT_PORT);
		everybody(r);
		r->listeners = 1;
		return 0;
	}
	if (guest_array(
		"config", config, "listeners", MQTT_LISTENERS, &list, f) == -1)
		return -1;
	for (i = 0; i < json_array_size(list); i++) {
		if (listener(r, json_array_get(list, i), &probed, f) == -1)
			return -1;
	}
	if (!probed)
		return fault_set(f,
		    "listeners: none has port %d, where the machine is probed",
		    MQTT_PORT);
	return 0;
}

/* --- users ----------------------------------------------------------------*/

/* $7$ROUNDS$SALT$HASH, both in base64. */
static bool
hash_ok(const char *text)
{
	static const char digits[] = "0123456789";
	static const char base64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "abcdefghijklmnopqrstuvwxyz0123456789+/=";
	size_t n;

	if (strncmp(text, "$7$", 3) != 0)
		return false;
	text += 3;
	n = strspn(text, digits);
	if (n == 0 || n > 7 || text[n] != '$')
		return false;
	text += n + 1;
	n = strspn(text, base64);
	if (n == 0 || text[n] != '$')
		return false;
	text += n + 1;
	n = strspn(text, base64);
	return n == 88 && text[n] == '\0'; /* SHA-512 */
}

static int
user(FILE *out, const json_t *list, size_t at, struct fault *f)
{
	static const char *const keys[] = { "name", "password", NULL };
	const json_t *j = json_array_get(list, at);
	const char *name, *password, *other;
	size_t i;

	if (!json_is_object(j))
		return fault_set(f, "users: an entry is not an object");
	if (guest_only("users", j, keys, f) == -1 ||
	    guest_str("users", j, "name", 64, &name, f) == -1 ||
	    guest_str("users", j, "password", 256, &password, f) == -1)
		return -1;
	if (strpbrk(name, ": +#/") != NULL)
		return fault_set(
		    f, "users: a name holds a blank or one of : + # /");
	if (!hash_ok(password))
		return fault_set(f,
		    "users: %s: \"password\" is not a hash as "
		    "mosquitto_passwd makes it, $7$ROUNDS$SALT$HASH",
		    name);
	for (i = 0; i < at; i++) {
		other = json_string_value(
		    json_object_get(json_array_get(list, i), "name"));
		if (other != NULL && strcmp(other, name) == 0)
			return fault_set(f, "users: %s is named twice", name);
	}
	fprintf(out, "%s:%s\n", name, password);
	return 0;
}

static int
users(struct reading *r, const json_t *config, struct fault *f)
{
	json_t *list;
	FILE *out;
	size_t i;
	int ret = 0;

	if (json_object_get(config, "users") == NULL)
		return 0;
	if (guest_array("config", config, "users", USERS_MAX, &list, f) == -1)
		return -1;
	out = guest_file_open(r->files, f, MQTT_DIR "/passwords");
	if (out == NULL)
		return -1;
	snprintf(
	    r->passwords, sizeof r->passwords, "%s", guest_file_path(r->files));
	for (i = 0; i < json_array_size(list) && ret == 0; i++)
		ret = user(out, list, i, f);
	r->users = i > 0;
	return guest_file_close(out, ret, f);
}

static int
anonymous(struct reading *r, const json_t *config, struct fault *f)
{
	const json_t *j = json_object_get(config, "anonymous");

	if (j != NULL && !json_is_boolean(j))
		return fault_set(f, "config: \"anonymous\" is not a boolean");
	r->anonymous = json_is_true(j);
	return 0;
}

/* --- history --------------------------------------------------------------*/

static int
keep(struct reading *r, const json_t *config, struct fault *f)
{
	static struct history h;
	auto_json json_t *j = json_object();
	json_t *list = json_object_get(config, "history");
	FILE *out;
	int ret;

	json_object_set_new(
	    j, "history", list == NULL ? json_array() : json_incref(list));
	if (history_read(json_object_get(j, "history"), &h, f) == -1)
		return -1;
	fprintf(r->conf, "listener %d 127.0.0.1\nallow_anonymous true\n",
	    MQTT_INNER);
	out = guest_file_open(r->files, f, MQTT_HISTORY);
	if (out == NULL)
		return -1;
	r->files->at[r->files->n - 1].uid = MQTT_HISTORY_UID;
	ret = json_dumpf(j, out, JSON_COMPACT) == 0
		  ? 0
		  : fault_set(f, "write the filters of topics");
	return guest_file_close(out, ret, f);
}

/* --- all ------------------------------------------------------------------*/

static int
write_all(struct reading *r, const json_t *config, struct fault *f)
{
	static const char *const keys[] = { "listeners", "users", "anonymous",
		"history", NULL };

	fputs(always, r->conf);
	/* options of a listener follow it */
	if (guest_only("config", config, keys, f) == -1 ||
	    anonymous(r, config, f) == -1 || users(r, config, f) == -1 ||
	    listeners(r, config, f) == -1 || keep(r, config, f) == -1)
		return -1;
	if (!r->users && !r->anonymous && r->certified < r->listeners)
		return fault_set(f, "config: nobody could come in: there are "
				    "neither \"users\" nor \"anonymous\"");
	return 0;
}

int
mqtt_conf(const json_t *config, struct guest_files *files, struct fault *f)
{
	struct reading r = { .files = files };

	r.conf = guest_file_open(files, f, MQTT_DIR "/mosquitto.conf");
	if (r.conf == NULL)
		return -1;
	return guest_file_close(r.conf, write_all(&r, config, f), f);
}
