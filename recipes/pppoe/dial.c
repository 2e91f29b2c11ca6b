#include <string.h>

#include "recipes/pppoe/dial.h"

#define TEXT_MAX 128
#define REFUSED 19 /* pppd(8), EXIT STATUS */

/* One of pppd's words: between quotes all is meant as it is but these two. */
static void
put_word(FILE *out, const char *option, const char *text)
{
	fprintf(out, "%s \"", option);
	for (; *text != '\0'; text++) {
		if (*text == '"' || *text == '\\')
			fputc('\\', out);
		fputc(*text, out);
	}
	fputs("\"\n", out);
}

static int
put_optional(FILE *out, const json_t *config, const char *key,
    const char *option, struct fault *f)
{
	const char *text;

	if (json_object_get(config, key) == NULL)
		return 0;
	if (guest_str("config", config, key, TEXT_MAX, &text, f) == -1)
		return -1;
	put_word(out, option, text);
	return 0;
}

/* EAP and what Microsoft made of CHAP are not built. */
static int
put_auth(FILE *out, const json_t *config, struct fault *f)
{
	bool chap = false, pap = false;
	const char *text;
	json_t *list;
	size_t i;

	if (json_object_get(config, "auth") == NULL)
		return 0;
	if (guest_array("config", config, "auth", 2, &list, f) == -1)
		return -1;
	for (i = 0; i < json_array_size(list); i++) {
		text = json_string_value(json_array_get(list, i));
		if (text != NULL && strcmp(text, "chap") == 0)
			chap = true;
		else if (text != NULL && strcmp(text, "pap") == 0)
			pap = true;
		else
			return fault_set(
			    f, "auth: an entry is not \"chap\" or \"pap\"");
	}
	if (!chap && !pap)
		return fault_set(f, "auth: neither \"chap\" nor \"pap\"");
	fprintf(out, "%s%s", chap ? "" : "refuse-chap\n",
	    pap ? "" : "refuse-pap\n");
	return 0;
}

static int
put_options(FILE *out, const json_t *config, struct fault *f)
{
	const char *user, *password;
	int64_t mtu = 1492; /* RFC 2516, 7: 1500 less the two headers */

	if (guest_str("config", config, "user", TEXT_MAX, &user, f) == -1 ||
	    guest_str("config", config, "password", TEXT_MAX, &password, f) ==
		-1 ||
	    (json_object_get(config, "mtu") != NULL &&
		guest_int("config", config, "mtu", 576, 1492, &mtu, f) == -1))
		return -1;
	fputs("nic-wan\nunit 0\nnodetach\nnoauth\nhide-password\n"
	      "noipdefault\ndefaultroute\nnoipv6\nnoccp\nrefuse-eap\n"
	      /* a line that is dead is hung up after 15 seconds */
	      "lcp-echo-interval 5\nlcp-echo-failure 3\n",
	    out);
	fprintf(out, "mtu %lld\nmru %lld\n", (long long)mtu, (long long)mtu);
	put_word(out, "user", user);
	put_word(out, "password", password);
	if (put_optional(out, config, "service", "pppoe-service", f) == -1 ||
	    put_optional(out, config, "concentrator", "pppoe-ac", f) == -1)
		return -1;
	return put_auth(out, config, f);
}

int
pppoe_conf(const json_t *config, struct guest_files *files, struct fault *f)
{
	static const char *const keys[] = { "user", "password", "auth",
		"service", "concentrator", "mtu", NULL };
	FILE *out;

	if (guest_only("config", config, keys, f) == -1)
		return -1;
	out = guest_file_open(files, f, PPPOE_OPTIONS);
	if (out == NULL)
		return -1;
	return guest_file_close(out, put_options(out, config, f), f);
}

void
pppoe_rules(const void *none, FILE *out)
{
	(void)none;
	fprintf(out,
	    "table inet line\ndelete table inet line\ntable inet line {\n"
	    "\tchain input {\n"
	    "\t\ttype filter hook input priority filter; policy drop\n"
	    "\t\tct state established,related accept\n"
	    "\t\tiifname \"lo\" accept\n"
	    "\t\ticmp type echo-request limit rate 20/second accept\n"
	    "\t\tiifname \"lan\" meta l4proto 58 accept\n"
	    "\t\tiifname \"lan\" tcp dport %d accept\n\t}\n"
	    "\tchain forward {\n"
	    "\t\ttype filter hook forward priority filter; policy drop\n"
	    "\t\tct state invalid drop\n"
	    /* what the LAN may send does not fit, and not all hear of it */
	    "\t\ttcp flags & (syn | rst) == syn"
	    " tcp option maxseg size set rt mtu\n"
	    "\t\tct state established,related accept\n"
	    "\t\tiifname \"lan\" oifname \"" PPPOE_CARD "\" accept\n\t}\n"
	    "\tchain out {\n"
	    "\t\ttype nat hook postrouting priority srcnat\n"
	    "\t\toifname \"" PPPOE_CARD "\" masquerade\n\t}\n}\n",
	    PPPOE_STATUS);
}

const char *
pppoe_word(int status)
{
	switch (status) {
	case 8:
		return "unanswered";
	case 10:
		return "disagreed";
	case 15:
	case 16:
		return "lost";
	case REFUSED:
		return "refused";
	default:
		return "failed";
	}
}

int
pppoe_pause(int status)
{
	return status == REFUSED ? 15 : 2;
}
