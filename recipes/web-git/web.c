#include <sodium.h>
#include <string.h>

#include "recipes/web-git/web.h"

/* --- requests -------------------------------------------------------------*/

bool
web_hook_ok(
    const char *secret, const char *signature, const void *body, size_t n)
{
	static const char name[] = "sha256=";
	unsigned char want[32], got[32];
	crypto_auth_hmacsha256_state s;
	size_t ngot;

	if (secret == NULL || signature == NULL ||
	    strncmp(signature, name, sizeof name - 1) != 0)
		return false;
	signature += sizeof name - 1;
	if (strlen(signature) != 64 ||
	    sodium_hex2bin(got, sizeof got, signature, 64, NULL, &ngot, NULL) ==
		-1 ||
	    ngot != sizeof got)
		return false;
	crypto_auth_hmacsha256_init(
	    &s, (const unsigned char *)secret, strlen(secret));
	crypto_auth_hmacsha256_update(&s, body, n);
	crypto_auth_hmacsha256_final(&s, want);
	return sodium_memcmp(want, got, sizeof want) == 0;
}

int
web_path(const char *path, char *out, size_t room)
{
	size_t n = strlen(path);
	const char *p;

	if (*path != '/' || n + sizeof "index.html" > room)
		return -1;
	for (p = path; *p != '\0'; p++) {
		if (*p == '/' && (p[1] == '.' || p[1] == '/'))
			return -1;
	}
	memcpy(out, path + 1, n);
	if (path[n - 1] == '/')
		strcpy(out + n - 1, "index.html");
	return 0;
}

const char *
web_type(const char *path)
{
	static const char *const types[][2] = {
		{ "html", "text/html; charset=utf-8" },
		{ "css", "text/css; charset=utf-8" },
		{ "js", "text/javascript; charset=utf-8" },
		{ "txt", "text/plain; charset=utf-8" },
		{ "md", "text/plain; charset=utf-8" },
		{ "json", "application/json" },
		{ "xml", "application/xml" },
		{ "svg", "image/svg+xml" },
		{ "png", "image/png" },
		{ "jpg", "image/jpeg" },
		{ "jpeg", "image/jpeg" },
		{ "gif", "image/gif" },
		{ "webp", "image/webp" },
		{ "ico", "image/vnd.microsoft.icon" },
		{ "woff2", "font/woff2" },
		{ "pdf", "application/pdf" },
	};
	const char *dot = strrchr(path, '.');
	size_t i;

	for (i = 0; dot != NULL && i < sizeof types / sizeof types[0]; i++) {
		if (strcmp(dot + 1, types[i][0]) == 0)
			return types[i][1];
	}
	return "application/octet-stream";
}

/* --- the configuration ----------------------------------------------------*/

/* It stands among git's arguments, and in quotes nowhere. */
static bool
address_ok(const char *text)
{
	static const char *const schemes[] = { "https://", "http://",
		"git://" };
	size_t i;

	for (i = 0; i < 3; i++) {
		if (strncmp(text, schemes[i], strlen(schemes[i])) == 0)
			return strpbrk(text, " \"'\\@") == NULL &&
			       text[strlen(schemes[i])] != '\0';
	}
	return false;
}

static bool
branch_ok(const char *text)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz"
				      "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789._/-";

	return text[strspn(text, letters)] == '\0' && *text != '-' &&
	       *text != '.' && *text != '/' && strstr(text, "..") == NULL;
}

int
web_read(const json_t *config, struct web *w, struct fault *f)
{
	static const char *const keys[] = { "repository", "branch", "authority",
		"authorization", "hook", "every", "resolver", NULL };

	memset(w, 0, sizeof *w);
	w->branch = "main";
	if (guest_only("config", config, keys, f) == -1 ||
	    guest_str("config", config, "repository", 500, &w->repository, f) ==
		-1)
		return -1;
	if (!address_ok(w->repository))
		return fault_set(f,
		    "config: \"repository\" is no address of https, http or "
		    "git, or holds a name and password");
	if (json_object_get(config, "branch") != NULL &&
	    guest_str("config", config, "branch", 200, &w->branch, f) == -1)
		return -1;
	if (!branch_ok(w->branch))
		return fault_set(
		    f, "config: \"branch\" is not the name of one");
	if (json_object_get(config, "hook") != NULL) {
		if (guest_str("config", config, "hook", 200, &w->hook, f) == -1)
			return -1;
		if (strlen(w->hook) < 16)
			return fault_set(f, "config: \"hook\" is a secret of "
					    "16 letters at least");
	}
	if (json_object_get(config, "every") != NULL &&
	    guest_int("config", config, "every", 0, 1440, &w->every, f) == -1)
		return -1;
	if (w->hook == NULL && w->every == 0)
		return fault_set(f, "config: neither \"hook\" nor \"every\": "
				    "no change would be seen");
	return 0;
}

static int
gitconfig(const json_t *config, struct guest_files *files, struct fault *f)
{
	const char *header = NULL, *authority = "/etc/ssl/authorities.pem";
	FILE *out;

	if (json_object_get(config, "authority") != NULL) {
		if (guest_file_pem(files, "config", config, "authority",
			"CERTIFICATE", f, WEB_DIR "/authority.pem") == -1)
			return -1;
		authority = WEB_DIR "/authority.pem";
	}
	if (json_object_get(config, "authorization") != NULL) {
		if (guest_str("config", config, "authorization", 1000, &header,
			f) == -1)
			return -1;
		if (strpbrk(header, "\"\\#;") != NULL)
			return fault_set(f, "config: \"authorization\" holds "
					    "one of \" \\ # ;");
	}
	out = guest_file_open(files, f, WEB_GITCONFIG);
	if (out == NULL)
		return -1;
	/* links become files that say where they lead: none is followed */
	fprintf(out,
	    "[core]\n\tsymlinks = false\n\thooksPath = /etc/kiln/none\n"
	    "[gc]\n\tauto = 0\n[maintenance]\n\tauto = false\n"
	    "[fetch]\n\tfsckObjects = true\n[init]\n\tdefaultBranch = site\n"
	    "[http]\n\tsslCAInfo = %s\n\tfollowRedirects = false\n"
	    "\tlowSpeedLimit = 100\n\tlowSpeedTime = 30\n",
	    authority);
	if (header != NULL)
		fprintf(out, "\textraHeader = \"Authorization: %s\"\n", header);
	return guest_file_close(out, 0, f);
}

static int
resolver(const json_t *config, struct guest_files *files, struct fault *f)
{
	struct guest_addr a;
	const char *text = NULL;
	FILE *out;

	if (json_object_get(config, "resolver") != NULL &&
	    (guest_str("config", config, "resolver", 45, &text, f) == -1 ||
		guest_addr("config", "resolver", text, &a, f) == -1))
		return -1;
	out = guest_file_open(files, f, WEB_DIR "/resolv.conf");
	if (out == NULL)
		return -1;
	fprintf(out, "%s%s\n", text != NULL ? "nameserver " : "# nobody",
	    text != NULL ? text : "");
	return guest_file_close(out, 0, f);
}

int
web_conf(const json_t *config, struct guest_files *files, struct fault *f)
{
	auto_json json_t *rest = NULL;
	struct web w;
	FILE *out;

	if (web_read(config, &w, f) == -1 ||
	    gitconfig(config, files, f) == -1 ||
	    resolver(config, files, f) == -1)
		return -1;
	rest = json_copy((json_t *)config); /* shallow */
	json_object_del(rest, "authorization");
	json_object_del(rest, "authority");
	out = guest_file_open(files, f, WEB_CONFIG);
	if (out == NULL)
		return -1;
	return guest_file_close(out,
	    json_dumpf(rest, out, JSON_COMPACT) == 0
		? 0
		: fault_set(f, "write " WEB_CONFIG),
	    f);
}
