#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "recipes/tls-proxy/stunnel_conf.h"

static const char always[] = "; written by /etc/kiln/configure\n"
			     "foreground = yes\n"
			     "syslog = no\n"
			     "pid =\n"
			     "debug = err\n"
			     "sslVersionMin = TLSv1.2\n"
			     "options = NO_RENEGOTIATION\n"
			     "sessionCacheSize = 1000\n"
			     "TIMEOUTbusy = 30\n"
			     "TIMEOUTconnect = 10\n"
			     "TIMEOUTidle = 3600\n";

static bool
name_ok(const char *name)
{
	if (strncmp(name, "*.", 2) == 0)
		name += 2;
	return guest_name_ok(name) && strchr(name, '.') != NULL;
}

static int
target(const json_t *host, FILE *out, struct fault *f)
{
	static const char *const keys[] = { "address", "port", NULL };
	const json_t *to = json_object_get(host, "to");
	struct guest_addr a;
	const char *address;
	int64_t port;

	if (!json_is_object(to))
		return fault_set(f, "hosts: \"to\" is not an object");
	if (guest_only("to", to, keys, f) == -1 ||
	    guest_str("to", to, "address", 45, &address, f) == -1 ||
	    guest_addr("to", "address", address, &a, f) == -1 ||
	    guest_int("to", to, "port", 1, 65535, &port, f) == -1)
		return -1;
	fprintf(out, "connect = %s:%lld\n", address, (long long)port);
	return 0;
}

/* Writes the certificate and key of a host, and their lines. */
static int
identity(struct guest_files *files, const json_t *host, size_t number,
    FILE *out, struct fault *f)
{
	if (guest_file_pem(files, "hosts", host, "certificate", "CERTIFICATE",
		f, STUNNEL_DIR "/%zu.certificate", number) == -1)
		return -1;
	fprintf(out, "cert = %s\n", guest_file_path(files));
	if (guest_file_pem(files, "hosts", host, "key", "PRIVATE KEY", f,
		STUNNEL_DIR "/%zu.key", number) == -1)
		return -1;
	fprintf(out, "key = %s\n", guest_file_path(files));
	return 0;
}

static int
host(struct guest_files *files, const json_t *list, size_t at, FILE *out,
    struct fault *f)
{
	static const char *const keys[] = { "name", "certificate", "key", "to",
		NULL };
	const json_t *j = json_array_get(list, at);
	const char *name, *other;
	size_t i;

	if (guest_only("hosts", j, keys, f) == -1 ||
	    guest_str("hosts", j, "name", 253, &name, f) == -1)
		return -1;
	if (!name_ok(name))
		return fault_set(
		    f, "hosts: %.100s is not a host's full name", name);
	for (i = 0; i < at; i++) {
		other = json_string_value(
		    json_object_get(json_array_get(list, i), "name"));
		if (other != NULL && strcmp(other, name) == 0)
			return fault_set(
			    f, "hosts: %.100s is named twice", name);
	}
	fprintf(out, "[host%zu]\nsni = all:%s\n", at, name);
	if (identity(files, j, at, out, f) == -1)
		return -1;
	return target(j, out, f);
}

static int
hosts(
    const json_t *config, struct guest_files *files, FILE *out, struct fault *f)
{
	int64_t port = STUNNEL_PORT;
	json_t *list;
	size_t i;

	if (json_object_get(config, "port") != NULL &&
	    guest_int("config", config, "port", 1, 65535, &port, f) == -1)
		return -1;
	if (guest_array("config", config, "hosts", STUNNEL_HOSTS, &list, f) ==
	    -1)
		return -1;
	if (json_array_size(list) == 0)
		return fault_set(f, "hosts: there is none");
	for (i = 0; i < json_array_size(list); i++) {
		if (!json_is_object(json_array_get(list, i)))
			return fault_set(f, "hosts: an entry is not an object");
	}
	/* nobody listens on port 1 of this machine: who is sent there is let
	 * go */
	fprintf(out, "[all]\naccept = :::%lld\nconnect = 127.0.0.1:1\n",
	    (long long)port);
	if (identity(files, json_array_get(list, 0), STUNNEL_HOSTS, out, f) ==
	    -1)
		return -1;
	for (i = 0; i < json_array_size(list); i++) {
		if (host(files, list, i, out, f) == -1)
			return -1;
	}
	return 0;
}

int
stunnel_conf(const json_t *config, struct guest_files *files, struct fault *f)
{
	static const char *const keys[] = { "port", "hosts", NULL };
	FILE *out;
	int ret = -1;

	out = guest_file_open(files, f, STUNNEL_DIR "/stunnel.conf");
	if (out == NULL)
		return -1;
	fputs(always, out);
	if (guest_only("config", config, keys, f) == 0)
		ret = hosts(config, files, out, f);
	return guest_file_close(out, ret, f);
}
