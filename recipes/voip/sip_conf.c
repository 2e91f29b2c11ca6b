#include <stdio.h>
#include <string.h>

#include "recipes/voip/sip_conf.h"

/* %s: the domain, wherever it stands. */
static const char head[] =
    "#!KAMAILIO\n"
    "debug=-1\nlog_stderror=yes\nfork=yes\nchildren=2\ntcp_children=2\n"
    "dns=no\nrev_dns=no\nauto_aliases=yes\nuse_dns_cache=off\n"
    "server_signature=no\nserver_header=\"Server: SIP\"\n"
    "tcp_connection_lifetime=3605\n"
    "listen=udp:0.0.0.0:5060\nlisten=tcp:0.0.0.0:5060\n"
    "mpath=\"/usr/lib/x86_64-linux-gnu/kamailio/modules/\"\n"
    "loadmodule \"tm.so\"\nloadmodule \"sl.so\"\nloadmodule \"rr.so\"\n"
    "loadmodule \"pv.so\"\nloadmodule \"maxfwd.so\"\n"
    "loadmodule \"usrloc.so\"\nloadmodule \"registrar.so\"\n"
    "loadmodule \"textops.so\"\nloadmodule \"siputils.so\"\n"
    "loadmodule \"sanity.so\"\nloadmodule \"auth.so\"\n"
    "loadmodule \"htable.so\"\n"
    "modparam(\"usrloc\", \"db_mode\", 0)\n"
    "modparam(\"registrar\", \"max_contacts\", 8)\n"
    "modparam(\"registrar\", \"max_expires\", 3600)\n"
    "modparam(\"registrar\", \"append_branches\", 1)\n"
    "modparam(\"tm\", \"fr_inv_timer\", 60000)\n"
    "modparam(\"auth\", \"nonce_expire\", 120)\n"
    "modparam(\"htable\", \"htable\", \"users=>size=8;\")\n";

static const char routes[] =
    "request_route {\n"
    "\tif (!mf_process_maxfwd_header(\"10\")) {\n"
    "\t\tsl_send_reply(\"483\", \"Too Many Hops\");\n\t\texit;\n\t}\n"
    "\tif (!sanity_check()) exit;\n"
    "\tif (is_method(\"CANCEL\")) {\n"
    "\t\tif (t_check_trans()) t_relay();\n\t\texit;\n\t}\n"
    "\tif (has_totag()) {\n"
    "\t\tif (loose_route()) {\n"
    "\t\t\tif (!t_relay()) sl_reply_error();\n"
    "\t\t} else if (is_method(\"ACK\") && t_check_trans()) {\n"
    "\t\t\tt_relay();\n"
    "\t\t} else if (!is_method(\"ACK\")) {\n"
    "\t\t\tsl_send_reply(\"404\", \"Not Here\");\n\t\t}\n\t\texit;\n\t}\n"
    "\tif (is_method(\"ACK\")) exit;\n"
    "\tt_check_trans();\n"
    "\tif (is_method(\"OPTIONS\") && uri==myself && $rU==$null) {\n"
    "\t\tsl_send_reply(\"200\", \"OK\");\n\t\texit;\n\t}\n"
    "\tif (uri!=myself || from_uri!=myself) {\n"
    "\t\tsl_send_reply(\"403\", \"Not This Domain\");\n\t\texit;\n\t}\n"
    /* an unknown name has no hash, and fails like a wrong password */
    "\t$var(ha1) = \"-\";\n"
    "\tif ($sht(users=>$fU) != $null) $var(ha1) = $sht(users=>$fU);\n"
    "\tif (is_method(\"REGISTER\")) {\n"
    "\t\tif (!pv_www_authenticate(\""
    "%1$s"
    "\", \"$var(ha1)\", \"1\")) {\n"
    "\t\t\twww_challenge(\"%1$s\", \"1\");\n\t\t\texit;\n\t\t}\n"
    "\t\tif ($au != $fU || $au != $tU) {\n"
    "\t\t\tsl_send_reply(\"403\", \"Another's Name\");\n\t\t\texit;\n\t\t}\n"
    "\t\tif (!save(\"location\")) sl_reply_error();\n\t\texit;\n\t}\n"
    "\tif (!is_method(\"INVITE|MESSAGE|OPTIONS|SUBSCRIBE|NOTIFY|INFO\")) {\n"
    "\t\tsl_send_reply(\"405\", \"Not Allowed\");\n\t\texit;\n\t}\n"
    "\tif (!pv_proxy_authenticate(\"%1$s\", \"$var(ha1)\", \"1\")) {\n"
    "\t\tproxy_challenge(\"%1$s\", \"1\");\n\t\texit;\n\t}\n"
    "\tif ($au != $fU) {\n"
    "\t\tsl_send_reply(\"403\", \"Another's Name\");\n\t\texit;\n\t}\n"
    "\tconsume_credentials();\n"
    "\tif (is_method(\"INVITE|SUBSCRIBE\")) record_route();\n"
    "\tif (!lookup(\"location\")) {\n"
    "\t\tsl_send_reply(\"404\", \"Not Registered\");\n\t\texit;\n\t}\n"
    "\tif (!t_relay()) sl_reply_error();\n"
    "}\n";

/* A name stands in quotes of the file, and in SIP addresses. */
static bool
name_ok(const char *name)
{
	return name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789._-")] ==
		   '\0' &&
	       strlen(name) <= 64;
}

static int
user(FILE *out, const json_t *list, size_t at, struct fault *f)
{
	static const char *const keys[] = { "name", "ha1", NULL };
	const json_t *j = json_array_get(list, at);
	const char *name, *ha1, *other;
	size_t i;

	if (!json_is_object(j))
		return fault_set(f, "users: an entry is not an object");
	if (guest_only("users", j, keys, f) == -1 ||
	    guest_str("users", j, "name", 64, &name, f) == -1 ||
	    guest_str("users", j, "ha1", 64, &ha1, f) == -1)
		return -1;
	if (!name_ok(name))
		return fault_set(f,
		    "users: %s: a name is of a-z, 0-9, '.', '_' and '-'", name);
	if (strlen(ha1) != 32 || ha1[strspn(ha1, "0123456789abcdef")] != '\0')
		return fault_set(f,
		    "users: %s: \"ha1\" is not the MD5 of "
		    "NAME:DOMAIN:PASSWORD in hex",
		    name);
	for (i = 0; i < at; i++) {
		other = json_string_value(
		    json_object_get(json_array_get(list, i), "name"));
		if (other != NULL && strcmp(other, name) == 0)
			return fault_set(f, "users: %s is named twice", name);
	}
	fprintf(out, "\t$sht(users=>%s) = \"%s\";\n", name, ha1);
	return 0;
}

static int
all(const json_t *config, FILE *out, struct fault *f)
{
	static const char *const keys[] = { "domain", "users", NULL };
	const char *domain;
	json_t *list;
	size_t i;

	if (guest_only("config", config, keys, f) == -1 ||
	    guest_str("config", config, "domain", 253, &domain, f) == -1 ||
	    guest_array("config", config, "users", SIP_USERS, &list, f) == -1)
		return -1;
	if (!guest_name_ok(domain))
		return fault_set(
		    f, "config: \"domain\" is not a name: %.100s", domain);
	if (json_array_size(list) == 0)
		return fault_set(f, "users: there is none");
	fputs(head, out);
	fprintf(out, "alias=\"%s\"\n", domain);
	fprintf(out, routes, domain);
	fputs("event_route[htable:mod-init] {\n", out);
	for (i = 0; i < json_array_size(list); i++) {
		if (user(out, list, i, f) == -1)
			return -1;
	}
	fputs("}\n", out);
	return 0;
}

int
sip_conf(const json_t *config, struct guest_files *files, struct fault *f)
{
	FILE *out = guest_file_open(files, f, SIP_DIR "/kamailio.cfg");

	if (out == NULL)
		return -1;
	return guest_file_close(out, all(config, out, f), f);
}
