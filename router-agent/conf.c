#include "router-agent/conf.h"

#include <arpa/inet.h>
#include <string.h>

#include "lib/conf.h"
#include "lib/fdio.h"
#include "lib/hex.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "router-agent/machine/flood.h"

#define IFNAME_MAX 15 /* IFNAMSIZ with its NUL */

static const char *const accel_words[] = { "auto", "tcg", "kvm", NULL };
static const char *const update_words[] = { "auto", "ask", NULL };
static const char *const report_words[] = { "off", "minimal", "full", NULL };

static const struct conf_key trust_keys[] = {
	{ "root", CONF_STR, true, 0, 0, NULL, NULL },
	{ "min_keys", CONF_INT, false, 1, 32, NULL, NULL },
	{ "hold_keys", CONF_DURATION, false, 0, 90 * 86400, NULL, NULL },
	{ "require_keys", CONF_STRS, false, 0, 32, NULL, NULL },
	{ 0 },
};
static const struct conf_key lan_keys[] = {
	{ "bridge", CONF_NAME, false, 0, IFNAME_MAX, NULL, NULL },
	{ "address", CONF_STR, true, 0, 0, NULL, NULL },
	{ "prefix", CONF_INT, true, 8, 30, NULL, NULL },
	{ 0 },
};
static const struct conf_key link_keys[] = {
	{ "budget", CONF_SIZE, false, 1 << 20, INT64_MAX / 2, NULL, NULL },
	{ "metered", CONF_BOOL, false, 0, 0, NULL, NULL },
	{ 0 },
};
static const struct conf_key notice_keys[] = {
	{ "mail", CONF_STRS, false, 1, CONF_ARGV, NULL, NULL },
	{ "led", CONF_STRS, false, 1, CONF_ARGV, NULL, NULL },
	{ "webhook", CONF_STR, false, 0, 0, NULL, NULL },
	{ 0 },
};
static const struct conf_key page_keys[] = {
	{ "service", CONF_NAME, true, 0, 63, NULL, NULL },
	{ "settings", CONF_STRS, true, 1, AGENT_SERVICES, NULL, NULL },
	{ 0 },
};
static const struct conf_key wan_keys[] = {
	{ "bridge", CONF_NAME, true, 0, IFNAME_MAX, NULL, NULL },
	{ 0 },
};
static const struct conf_key service_wan_keys[] = {
	{ "address", CONF_STR, true, 0, 0, NULL, NULL },
	{ "prefix", CONF_INT, true, 8, 32, NULL, NULL },
	{ "gateway", CONF_STR, false, 0, 0, NULL, NULL },
	{ "address6", CONF_STR, false, 0, 0, NULL, NULL },
	{ "prefix6", CONF_INT, false, 16, 128, NULL, NULL },
	{ "gateway6", CONF_STR, false, 0, 0, NULL, NULL },
	{ 0 },
};
static const struct conf_key service_keys[] = {
	{ "address", CONF_STR, true, 0, 0, NULL, NULL },
	{ "address6", CONF_STR, false, 0, 0, NULL, NULL },
	{ "prefix6", CONF_INT, false, 16, 128, NULL, NULL },
	{ "wan", CONF_MAP, false, 0, 0, NULL, service_wan_keys },
	{ "config", CONF_FREE, false, 0, 0, NULL, NULL },
	{ 0 },
};
static const struct conf_key top_keys[] = {
	{ "state", CONF_STR, true, 0, 0, NULL, NULL },
	{ "state_copy", CONF_SIZE, false, 0, INT64_MAX / 2, NULL, NULL },
	{ "flood", CONF_INT, false, 1, INT32_MAX, NULL, NULL },
	{ "write_budget", CONF_SIZE, false, 0, INT64_MAX / 2, NULL, NULL },
	{ "server", CONF_STRS, true, 1, AGENT_SERVERS, NULL, NULL },
	{ "channel", CONF_NAME, true, 0, 63, NULL, NULL },
	{ "arch", CONF_NAME, false, 0, 31, NULL, NULL },
	{ "demo", CONF_BOOL, false, 0, 0, NULL, NULL },
	{ "trust", CONF_MAP, true, 0, 0, NULL, trust_keys },
	{ "poll", CONF_DURATION, false, 10, 7 * 86400, NULL, NULL },
	{ "link", CONF_MAP, false, 0, 0, NULL, link_keys },
	{ "updates", CONF_ENUM, false, 0, 0, update_words, NULL },
	{ "probation", CONF_DURATION, false, 1, 86400, NULL, NULL },
	{ "accel", CONF_ENUM, false, 0, 0, accel_words, NULL },
	{ "tender", CONF_STR, false, 0, 0, NULL, NULL },
	{ "lan", CONF_MAP, true, 0, 0, NULL, lan_keys },
	{ "wan", CONF_MAP, false, 0, 0, NULL, wan_keys },
	{ "services", CONF_DICT, true, 1, AGENT_SERVICES, NULL, service_keys },
	{ "page", CONF_MAP, false, 0, 0, NULL, page_keys },
	{ "notices", CONF_MAP, false, 0, 0, NULL, notice_keys },
	{ "reports", CONF_ENUM, false, 0, 0, report_words, NULL },
	{ 0 },
};

const char *
agent_arch(void)
{
#if defined(__x86_64__)
	return "amd64";
#elif defined(__aarch64__)
	return "arm64";
#else
#error "an architecture that kiln does not know"
#endif
}

static int
take_servers(struct agent_conf *c, const struct conf_node *top, struct err *err)
{
	size_t n = conf_count(top, "server");

	c->servers = mem_zero(n, sizeof(*c->servers));
	for (size_t i = 0; i < n; i++) {
		const char *url = conf_str_at(top, "server", i);
		size_t len = strlen(url);

		if (strncmp(url, "http://", 7) != 0 &&
		    strncmp(url, "https://", 8) != 0)
			return conf_error(top, "server", err,
			    "\"%.80s\" does not begin with http:// or https://",
			    url);
		while (len > 0 && url[len - 1] == '/')
			len--;
		if (strpbrk(url, " ?#\"\\") || len < 9)
			return conf_error(top, "server", err,
			    "\"%.80s\" is not the base of a URL", url);
		c->servers[c->nservers++] = mem_strn(url, len);
	}
	return 0;
}

static int
take_trust(struct agent_conf *c, const struct conf_node *trust, struct err *err)
{
	size_t n = conf_count(trust, "require_keys");

	c->root = mem_str(conf_str(trust, "root", NULL));
	c->min_keys = conf_int(trust, "min_keys", 2);
	c->hold_keys_s = conf_int(trust, "hold_keys", 7 * 86400);
	c->require_keys = mem_zero(n + 1, sizeof(*c->require_keys));
	for (size_t i = 0; i < n; i++) {
		const char *hex = conf_str_at(trust, "require_keys", i);
		struct sig_public *k = &c->require_keys[i];

		if (!hex_decode(k->b, sizeof(k->b), hex, strlen(hex)) ||
		    !sig_public_ok(k))
			return conf_error(trust, "require_keys", err,
			    "\"%.70s\" is not an Ed25519 public key of 64 "
			    "lower-case hex digits",
			    hex);
		c->nrequire_keys++;
	}
	return 0;
}

/* IPv4, within the LAN, and neither its first nor its last address. */
static int
lan_address(const struct conf_node *n, const char *key, const char *text,
    const struct in_addr *lan, int64_t prefix, struct in_addr *out,
    struct err *err)
{
	uint32_t mask = ~(uint32_t)0 << (32 - prefix), host;

	if (inet_pton(AF_INET, text, out) != 1)
		return conf_error(
		    n, key, err, "\"%.60s\" is not an IPv4 address", text);
	host = ntohl(out->s_addr) & ~mask;
	if (lan && ((ntohl(out->s_addr) ^ ntohl(lan->s_addr)) & mask) != 0)
		return conf_error(
		    n, key, err, "%.60s lies outside the LAN", text);
	if (host == 0 || host == ~mask)
		return conf_error(n, key, err,
		    "%.60s is the LAN's own or its broadcast address", text);
	return 0;
}

/* An address of a family, as text; an absent key leaves NULL. */
static int
take_address(char **out, const struct conf_node *n, const char *key, int family,
    struct err *err)
{
	const char *text = conf_str(n, key, NULL);
	unsigned char bytes[16];

	if (text && inet_pton(family, text, bytes) != 1)
		return conf_error(n, key, err, "\"%.60s\" is not an %s address",
		    text, family == AF_INET ? "IPv4" : "IPv6");
	*out = mem_str(text);
	return 0;
}

static int
take_address6(
    char **address, int64_t *prefix, const struct conf_node *n, struct err *err)
{
	if (conf_has(n, "address6") != conf_has(n, "prefix6"))
		return conf_error(
		    n, NULL, err, "address6 and prefix6 come together");
	*prefix = conf_int(n, "prefix6", 0);
	return take_address(address, n, "address6", AF_INET6, err);
}

static int
take_wan(struct agent_service *s, const struct agent_conf *c,
    const struct conf_node *service, struct err *err)
{
	const struct conf_node *n = conf_map(service, "wan");
	struct agent_wan *w;

	if (!n)
		return 0;
	if (!c->wan_bridge)
		return conf_error(service, "wan", err,
		    "there is no \"wan\" with a bridge for it");
	w = s->wan = mem_zero(1, sizeof(*w));
	w->prefix = conf_int(n, "prefix", 0);
	if (take_address(&w->address, n, "address", AF_INET, err) == -1 ||
	    take_address(&w->gateway, n, "gateway", AF_INET, err) == -1 ||
	    take_address6(&w->address6, &w->prefix6, n, err) == -1)
		return -1;
	if (conf_has(n, "gateway6") && !w->address6)
		return conf_error(
		    n, "gateway6", err, "there is no address6 to reach it");
	return take_address(&w->gateway6, n, "gateway6", AF_INET6, err);
}

static int
take_services(struct agent_conf *c, const struct conf_node *top,
    const struct in_addr *lan, struct err *err)
{
	size_t n = conf_count(top, "services");
	struct in_addr at[AGENT_SERVICES];

	c->services = mem_zero(n, sizeof(*c->services));
	for (size_t i = 0; i < n; i++) {
		struct agent_service *s = &c->services[c->nservices++];
		const char *name = NULL;
		const struct conf_node *node =
		    conf_at(top, "services", i, &name);
		const char *address = conf_str(node, "address", "");

		s->node = node;
		s->name = mem_str(name);
		s->address = mem_str(address);
		if (strlen(name) > 63)
			return conf_error(
			    node, NULL, err, "a name of over 63 bytes");
		if (lan_address(node, "address", address, lan, c->prefix,
			&at[i], err) == -1)
			return -1;
		if (at[i].s_addr == lan->s_addr)
			return conf_error(node, "address", err,
			    "%s is the router's own address", address);
		for (size_t k = 0; k < i; k++)
			if (at[k].s_addr == at[i].s_addr)
				return conf_error(node, "address", err,
				    "%s is also the address of %s", address,
				    c->services[k].name);
		if (take_address6(&s->address6, &s->prefix6, node, err) == -1 ||
		    take_wan(s, c, node, err) == -1)
			return -1;
		s->config = conf_has(node, "config") ? conf_json(node, "config")
						     : json_object();
		if (!json_is_object(s->config))
			return conf_error(
			    node, "config", err, "expected a map");
	}
	return 0;
}

static int
take_program(
    char ***out, const struct conf_node *n, const char *key, struct err *err)
{
	size_t count = conf_count(n, key);

	if (count == 0)
		return 0;
	if (conf_str_at(n, key, 0)[0] != '/')
		return conf_error(n, key, err,
		    "a program's absolute path comes first, then its words");
	*out = mem_zero(count + 1, sizeof(**out));
	for (size_t i = 0; i < count; i++)
		(*out)[i] = mem_str(conf_str_at(n, key, i));
	return 0;
}

static int
take_notices(struct agent_conf *c, const struct conf_node *n, struct err *err)
{
	const char *url = conf_str(n, "webhook", NULL);

	if (url && strncmp(url, "http://", 7) != 0 &&
	    strncmp(url, "https://", 8) != 0)
		return conf_error(n, "webhook", err,
		    "\"%.80s\" does not begin with http:// or https://", url);
	c->webhook = mem_str(url);
	return take_program(&c->mail, n, "mail", err) == -1
		   ? -1
		   : take_program(&c->led, n, "led", err);
}

/* The page cannot change itself: who has its password would give it another. */
static int
take_page(struct agent_conf *c, const struct conf_node *n, struct err *err)
{
	struct agent_page *p = &c->page;
	size_t count = conf_count(n, "settings");

	p->service = mem_str(conf_str(n, "service", NULL));
	if (!agent_conf_service(c, p->service))
		return conf_error(n, "service", err,
		    "\"%s\" is none of the services", p->service);
	p->settings = mem_zero(count, sizeof(*p->settings));
	for (size_t i = 0; i < count; i++) {
		const char *name = conf_str_at(n, "settings", i);

		if (!agent_conf_service(c, name) ||
		    strcmp(name, p->service) == 0 ||
		    agent_conf_settable(c, name))
			return conf_error(n, "settings", err,
			    "\"%s\" is none of the other services, or comes"
			    " twice",
			    name);
		p->settings[p->n++] = mem_str(name);
	}
	return 0;
}

static int
take(struct agent_conf *c, const struct conf_node *top, struct err *err)
{
	const struct conf_node *lan = conf_map(top, "lan");
	struct in_addr address;

	c->state = mem_str(conf_str(top, "state", NULL));
	if (c->state[0] != '/')
		return conf_error(
		    top, "state", err, "an absolute path is needed");
	c->state_copy = conf_int(top, "state_copy", 64 << 20);
	c->flood = conf_int(top, "flood", FLOOD_LIMIT);
	c->write_budget = conf_int(top, "write_budget", 64 << 20);
	c->channel = mem_str(conf_str(top, "channel", NULL));
	c->arch = mem_str(conf_str(top, "arch", agent_arch()));
	c->demo = conf_bool(top, "demo", false);
	c->poll_s = conf_int(top, "poll", 6 * 3600);
	if (conf_has(top, "link")) {
		const struct conf_node *link = conf_map(top, "link");

		c->budget = conf_int(link, "budget", 0);
		c->metered = conf_bool(link, "metered", false);
	}
	c->ask = conf_enum(top, "updates", 0) == 1;
	c->probation_s = conf_int(top, "probation", 600);
	c->accel = (enum accel_wish)conf_enum(top, "accel", ACCEL_AUTO);
	c->tender = mem_str(conf_str(top, "tender", NULL));
	if (c->tender && c->tender[0] != '/')
		return conf_error(
		    top, "tender", err, "an absolute path is needed");
	c->reports = (enum report_wish)conf_enum(top, "reports", REPORTS_OFF);
	c->bridge = mem_str(conf_str(lan, "bridge", "br-lan"));
	c->lan_address = mem_str(conf_str(lan, "address", NULL));
	if (conf_has(top, "wan"))
		c->wan_bridge =
		    mem_str(conf_str(conf_map(top, "wan"), "bridge", NULL));
	if (c->wan_bridge && strcmp(c->wan_bridge, c->bridge) == 0)
		return conf_error(
		    top, "wan", err, "%s is the LAN's bridge", c->bridge);
	c->prefix = conf_int(lan, "prefix", 24);
	if (lan_address(lan, "address", c->lan_address, NULL, c->prefix,
		&address, err) == -1)
		return -1;
	if (conf_has(top, "notices") &&
	    take_notices(c, conf_map(top, "notices"), err) == -1)
		return -1;
	if (take_servers(c, top, err) == -1 ||
	    take_trust(c, conf_map(top, "trust"), err) == -1)
		return -1;
	if (take_services(c, top, &address, err) == -1)
		return -1;
	return conf_has(top, "page") ? take_page(c, conf_map(top, "page"), err)
				     : 0;
}

int
agent_conf_parse(struct agent_conf *c, const char *name, const void *bytes,
    size_t n, struct err *err)
{
	auto_conf struct conf *conf = conf_parse(name, bytes, n, top_keys, err);
	struct agent_conf got = { 0 };

	if (!conf)
		return -1;
	if (take(&got, conf_root(conf), err) == -1) {
		agent_conf_release(&got);
		return -1;
	}
	got.file = conf;
	conf = NULL;
	*c = got;
	return 0;
}

int
agent_conf_read(struct agent_conf *c, const char *path, struct err *err)
{
	auto_buf struct buf text = BUF_INIT;

	if (file_read(path, AGENT_CONF_MAX, &text, err) == -1)
		return -1;
	return agent_conf_parse(c, path, text.data, text.len, err);
}

static void
wan_free(struct agent_wan *w)
{
	if (!w)
		return;
	free(w->address);
	free(w->gateway);
	free(w->address6);
	free(w->gateway6);
	free(w);
}

void
agent_conf_release(struct agent_conf *c)
{
	for (size_t i = 0; i < c->nservers; i++)
		free(c->servers[i]);
	for (size_t i = 0; i < c->nservices; i++) {
		free(c->services[i].name);
		free(c->services[i].address);
		free(c->services[i].address6);
		wan_free(c->services[i].wan);
		json_decref(c->services[i].config);
	}
	for (size_t i = 0; c->mail && c->mail[i]; i++)
		free(c->mail[i]);
	for (size_t i = 0; c->led && c->led[i]; i++)
		free(c->led[i]);
	for (size_t i = 0; i < c->page.n; i++)
		free(c->page.settings[i]);
	free(c->page.settings);
	free(c->page.service);
	free(c->mail);
	free(c->led);
	free(c->webhook);
	free(c->servers);
	free(c->services);
	free(c->state);
	free(c->tender);
	free(c->channel);
	free(c->arch);
	free(c->root);
	free(c->require_keys);
	free(c->bridge);
	free(c->wan_bridge);
	free(c->lan_address);
	conf_free(c->file);
	*c = (struct agent_conf){ 0 };
}

const struct agent_service *
agent_conf_service(const struct agent_conf *c, const char *name)
{
	for (size_t i = 0; i < c->nservices; i++)
		if (strcmp(c->services[i].name, name) == 0)
			return &c->services[i];
	return NULL;
}

bool
agent_conf_settable(const struct agent_conf *c, const char *service)
{
	for (size_t i = 0; i < c->page.n; i++)
		if (strcmp(c->page.settings[i], service) == 0)
			return true;
	return false;
}
