/* rooms: router-agent/owner/import_dnsmasq.c
 * router-agent/owner/dnsmasq_words.c router-agent/conf.c */
/* A dnsmasq.conf of anybody's: what comes out is always YAML that the agent
 * reads back as the same configuration. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "router-agent/conf.h"
#include "router-agent/owner/import_dnsmasq.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const char start[] = "state: /x\n"
				    "server: [\"http://farm.example\"]\n"
				    "channel: edge\n"
				    "trust: {root: /r}\n"
				    "lan: {address: 192.0.2.1, prefix: 24}\n"
				    "services:\n"
				    "  dns-dhcp:\n"
				    "    address: 192.0.2.53\n";
	auto_agent_conf struct agent_conf conf = { 0 };
	auto_buf struct buf yaml = BUF_INIT;
	struct err err = ERR_INIT;
	struct import m;

	if (import_dnsmasq(data, n, &m, &err) == -1)
		return 0;
	buf_str(&yaml, start);
	import_yaml(&m, &yaml);
	/* A file of over 256 KiB is the agent's limit, not ours. */
	if (yaml.len < 200000 &&
	    (agent_conf_parse(&conf, "x", yaml.data, yaml.len, &err) == -1 ||
		!json_equal(conf.services[0].config, m.config)))
		abort();
	import_release(&m);
	return 0;
}
