/* rooms: tuf-repo */
/*
 * Questions to the signer, by a parent in enemy hands: the kind (1 byte), a
 * flag (bit 0: with a sealed file), the length of the fields (2 bytes, big end
 * first), the fields, and what the sealed file holds.
 *
 * Whatever it signs of given bytes has, once parsed, the type, the version and
 * an expiry that it was asked for.
 */
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/fdio.h"
#include "lib/ipc.h"
#include "lib/json.h"
#include "lib/own.h"
#include "lib/sealed.h"
#include "lib/tree.h"
#include "tuf-repo/ceremony.h"
#include "tuf-repo/signer.h"
#include "tuf-repo/signer_proto.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
must(int rc)
{
	if (rc == -1)
		abort();
}

static int online = -1;
static char folder[64];

static void
remove_keys(void)
{
	char *name = strrchr(folder, '/');
	struct err err = ERR_INIT;
	auto_fd int parent = -1;

	*name++ = '\0';
	parent = dir_open(folder, &err);
	must(parent);
	must(tree_remove_at(parent, name, &err));
}

/* Keys of a farm of its own, in memory where there is room for it. */
static void
make_keys(void)
{
	static const char *const services[] = { "ntp" };
	struct founding f = { .demo = true,
		.services = services,
		.nservices = 1,
		.now = time_now() };
	struct ceremony c = CEREMONY_INIT;
	struct err err = ERR_INIT;
	const char *tmp = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
	auto_fd int top = -1, offline = -1;

	snprintf(folder, sizeof(folder), "%s/kiln-fuzz.XXXXXX", tmp);
	if (!mkdtemp(folder))
		abort();
	atexit(remove_keys);
	top = dir_open(folder, &err);
	must(top);
	online = dir_make_at(top, "online", 0700, &err);
	offline = dir_make_at(top, "offline", 0700, &err);
	must(online);
	must(offline);
	must(ceremony_found(&c, offline, online, &f, &err));
	ceremony_release(&c);
}

/* What the bytes say must be what was asked. */
static void
check_signed(const struct buf *fields, const struct buf *given)
{
	auto_ipc struct ipc_msg m = IPC_MSG_INIT;
	auto_free char *role = NULL;
	auto_json json_t *j = NULL;
	struct err err = ERR_INIT;
	int64_t version, expires;
	const char *text;

	buf_add(&m.body, fields->data, fields->len);
	must(ipc_get_str(&m, SERVICE_MAX + 8, &role, &err));
	must(ipc_get_i64(&m, &version, &err));
	j = js_parse("given", given->data, given->len, &err);
	if (!j)
		return; /* no client reads it */
	text = json_string_value(json_object_get(j, "_type"));
	if (!text || strcmp(text, "targets") != 0)
		abort();
	if (json_integer_value(json_object_get(j, "version")) != version)
		abort();
	text = json_string_value(json_object_get(j, "expires"));
	if (!text || time_parse(text, &expires, &err) == -1 ||
	    expires > time_now() + SIGNER_AHEAD + rule_of(role)->lifetime + DAY)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	auto_buf struct buf fields = BUF_INIT, given = BUF_INIT;
	auto_ipc struct ipc_msg answer = IPC_MSG_INIT;
	auto_fd int sealed = -1, sock = -1;
	struct err err = ERR_INIT;
	size_t len;
	int sv[2];

	if (online == -1)
		make_keys();
	if (n < 4)
		return 0;
	len = (size_t)data[2] << 8 | data[3];
	if (len > n - 4)
		len = n - 4;
	buf_add(&fields, data + 4, len);
	buf_add(&given, data + 4 + len, n - 4 - len);
	must(ipc_pair(sv, &err));
	sock = sv[0];
	if (data[1] & 1) {
		sealed = sealed_make(given.data, given.len, &err);
		must(sealed);
	}
	must(ipc_send(sock, data[0], &fields, &sealed, sealed != -1, &err));
	must(shutdown(sock, SHUT_WR));
	must(file_remove_at(online, "journal", &err));
	/* It answers once, sees that nobody asks any more, and ends. */
	if (signer_serve(sv[1], dup(online)) != 0)
		abort();
	if (ipc_recv(sock, 0, &answer, &err) != 1)
		abort();
	if (answer.type == SIGNED && data[0] == SIGN_ROLE)
		check_signed(&fields, &given);
	else if (answer.type != SIGNED && answer.type != REFUSED)
		abort();
	return 0;
}
