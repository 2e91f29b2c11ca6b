#include "router-agent/machine/guest.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/canon.h"
#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/own.h"
#include "lib/sealed.h"

#define GUEST_MAGIC "kilnconf"
#define GUEST_MAX (1 << 20) /* guest-init reads no more */
#define SECTOR 512

static json_t *
link_json(const struct guest_link *l)
{
	json_t *j = json_object();

	if (l->name)
		js_set_str(j, "name", l->name);
	js_set_str(j, "mac", l->mac);
	js_set_str(j, "address", l->address);
	js_set_int(j, "prefix", l->prefix);
	if (l->gateway)
		js_set_str(j, "gateway", l->gateway);
	return j;
}

int
guest_disk(const struct guest *g, struct buf *out, struct err *err)
{
	auto_json json_t *j = js_record_new("kiln/guest", 1);
	auto_buf struct buf text = BUF_INIT;
	json_t *network = json_array(), *volumes = json_array();

	js_set_str(j, "hostname", g->hostname);
	js_set_int(j, "clock", g->clock);
	for (size_t i = 0; i < g->nlinks; i++)
		json_array_append_new(network, link_json(&g->links[i]));
	js_set(j, "network", network);
	for (size_t i = 0; i < g->nvolumes; i++) {
		json_t *v = json_object();

		js_set_str(v, "serial", g->volumes[i].name);
		js_set_str(v, "path", g->volumes[i].path);
		json_array_append_new(volumes, v);
	}
	js_set(j, "volumes", volumes);
	js_set_str(j, "log", "console");
	js_set(j, "config", json_deep_copy(g->config));
	if (canon_json(j, &text, err) == -1)
		return err_prefix(err, "configuration of %s", g->hostname);
	if (text.len > GUEST_MAX)
		return err_set(err, ERR_INPUT,
		    "configuration of %s: %zu bytes, at most %d allowed",
		    g->hostname, text.len, GUEST_MAX);
	buf_str(out, GUEST_MAGIC);
	for (int shift = 56; shift >= 0; shift -= 8)
		buf_char(out, (char)((uint64_t)text.len >> shift & 0xff));
	buf_add(out, text.data, text.len);
	while (out->len % SECTOR != 0)
		buf_char(out, '\0');
	return 0;
}

int
guest_disk_open(const struct guest *g, struct err *err)
{
	auto_buf struct buf bytes = BUF_INIT;
	auto_fd int fd = -1;
	char path[32];
	int ro;

	if (guest_disk(g, &bytes, err) == -1)
		return -1;
	fd = sealed_make(bytes.data, bytes.len, err);
	if (fd == -1)
		return -1;
	/* The mode of the descriptor must be the one QEMU asks for. */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	ro = open(path, O_RDONLY | O_CLOEXEC);
	if (ro == -1)
		return err_sys(err, "open a memory file for reading");
	return ro;
}
