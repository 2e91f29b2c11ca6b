/* kiln-tuf: collector and publisher of a farm's tree of trust.  The table of
 * commands, and the signer's entrance. */
#include <string.h>

#include <sodium.h>

#include "lib/cli.h"
#include "tuf-repo/commands.h"
#include "tuf-repo/signer.h"
#include "tuf-repo/token.h"
#include "tuf-repo/transport.h"

#define STATE "  --state DIR      folder of the farm\n"
/* Of the offline keys, and of the signer's: alike in every command. */
#define PASS                                                       \
	"  --passphrase-file FILE, --passphrase-fd N\n"            \
	"                   of the offline keys; else asked for\n" \
	"  --pin-file FILE, --pin-fd N\n"                          \
	"                   PIN of tokens; else asked for\n"
#define PASS_SIGNER                                                   \
	"  --signer-passphrase-file FILE, --signer-passphrase-fd N\n" \
	"                   of the online keys; else asked for\n"
#define RITE                                                         \
	STATE                                                        \
	"  --out FILE       write what is to be signed there; sign " \
	"nothing\n" PASS PASS_SIGNER

static const struct cli_command commands[] = {
	{ "init", "[--state DIR] [--demo] [--service NAME]...",
	    "make all keys, the first root and an empty tree", cmd_init,
	    STATE
	    "  --demo           one key each for root and targets; marked so\n"
	    "  --service NAME   delegate svc-NAME; the kernel is one too\n" PASS
		PASS_SIGNER },
	{ "delegate", "[--state DIR] [--out FILE] [--service NAME]...",
	    "delegate further services, with the offline targets keys",
	    cmd_delegate, RITE "  --service NAME   delegate svc-NAME\n" },
	{ "key", "[--dir DIR] [--state DIR] new NAME | list | import FILE",
	    "make, list and re-encrypt keys; needs no farm", cmd_key,
	    STATE
	    "  --dir DIR        folder of the key files; default: this one\n"
	    "  --token URI      new: make it on this token (pkcs11:, RFC "
	    "7512)\n"
	    "  --as NAME        import under another name; of a pkcs11: URI,\n"
	    "                   under this one\n"
	    "  --demo           without a passphrase, and marked so\n"
	    "  --new-passphrase-file FILE, --new-passphrase-fd N\n"
	    "                   of the key that is made; of an imported "
	    "one:\n" PASS },
	{ "rotate",
	    "[--state DIR] [--add PUB]... [--remove KEYID]... [--new]"
	    " [--threshold N] [--out FILE] [--yes] ROLE...",
	    "change the keys of a role", cmd_rotate,
	    RITE
	    "  --yes            do not ask before signing\n"
	    "  --add PUB        take this public key in: a file or 64 digits\n"
	    "  --remove KEYID   drop the key whose id begins so\n"
	    "  --new            make a key here and take it in\n"
	    "  --threshold N    so many must sign\n" },
	{ "request", "[--state DIR] [--out FILE] [--yes] ROLE...",
	    "sign root, targets or sets-stable for another term", cmd_request,
	    RITE "  --yes            do not ask before signing\n" },
	{ "sign", "[--yes] --key FILE... REQUEST",
	    "add a signature to a request; needs no farm and no network",
	    cmd_sign,
	    "  --key FILE       NAME.key, with NAME.pub beside it, or a "
	    "pkcs11: "
	    "URI\n"
	    "  --yes            do not ask before signing\n" PASS },
	{ "cosign", "[--yes] --key FILE --out FILE ROLE DRAFT",
	    "another rebuilder's signature over what waits for one; needs no"
	    " farm",
	    cmd_cosign,
	    "  --key FILE       NAME.key, with NAME.pub beside it\n"
	    "  --out FILE       the signature, to be handed in\n"
	    "  --yes            do not ask before signing\n" PASS },
	{ "attest", "[--yes] --key FILE --out FILE STATEMENT",
	    "a rebuilder's signature over what it says of a run; needs no "
	    "farm",
	    cmd_attest,
	    "  --key FILE       NAME.key, with NAME.pub beside it\n"
	    "  --out FILE       the envelope, to be handed in\n"
	    "  --yes            do not ask before signing\n" PASS },
	{ "sign-recipe", "[--yes] --key FILE --out FILE LIST",
	    "a maintainer's signature over a recipe's files; needs no farm",
	    cmd_sign_recipe,
	    "  --key FILE       NAME.key, with NAME.pub beside it, or a "
	    "pkcs11: "
	    "URI\n"
	    "  --out FILE       recipe.sig, to which it is added\n"
	    "  --yes            do not ask before signing\n" PASS },
	{ "accept", "[--state DIR] REQUEST...",
	    "take in a request that has its signatures", cmd_accept,
	    STATE PASS_SIGNER },
	{ "recover", "[--state DIR]",
	    "make a lost tuf.db anew from the published tree", cmd_recover,
	    STATE PASS_SIGNER },
	{ "export-root", "[--state DIR]", "print the newest root, for routers",
	    cmd_export_root, STATE },
	{ "serve", "[--state DIR] [--once]",
	    "publish what the builder releases, for as long as it runs",
	    cmd_serve,
	    STATE "  --once           one pass, then end\n"
		  "  -v, --verbose    log more\n" PASS_SIGNER },
	{ "upload", "[--state DIR] [--once]",
	    "copy the published tree to the object store of kiln.yaml, and go"
	    " on",
	    cmd_upload,
	    STATE "  --once           all that is new, then end\n"
		  "  -v, --verbose    log more\n" },
	{ "refresh", "[--state DIR]",
	    "sign the timestamp anew and publish, now", cmd_refresh,
	    STATE PASS_SIGNER },
	{ "promote",
	    "[--state DIR] [--channel stable] [--from CHANNEL]"
	    " [--counter N]\n    [--arch ARCH] [--notes TEXT] [--waves LIST]"
	    " [--window FROM-TO]",
	    "choose what stable routers run; needs the release key",
	    cmd_promote,
	    STATE
	    "  --channel NAME   stable\n"
	    "  --from NAME      whose set: edge, or stable for new waves\n"
	    "  --counter N      of that set; refused if it is not this\n"
	    "  --arch ARCH      one architecture alone\n"
	    "  --notes TEXT     for the owners of routers\n"
	    "  --waves LIST     HOURS:PERCENT,…; else everybody at once\n"
	    "  --window FROM-TO hours of the day, as 02:00-05:00\n" PASS
		PASS_SIGNER },
	{ "halt",
	    "[--state DIR] [--counter N] [--arch ARCH] [--for TIME]\n"
	    "    --reason TEXT CHANNEL",
	    "stop a set at once, for 14 days at most", cmd_halt,
	    STATE "  --counter N      of the set; else the newest\n"
		  "  --arch ARCH      one architecture alone\n"
		  "  --for TIME       as 6h or 3d\n"
		  "  --reason TEXT    routers show it\n" PASS_SIGNER },
	{ "resume", "[--state DIR] [--arch ARCH] CHANNEL",
	    "take a channel's brakes off; needs the release key", cmd_resume,
	    STATE
	    "  --arch ARCH      one architecture alone\n" PASS PASS_SIGNER },
	{ "withdraw", "[--state DIR] --reason TEXT SERVICE SERIAL",
	    "withdraw a service's releases up to SERIAL, for good",
	    cmd_withdraw,
	    STATE "  --reason TEXT    kept with the event\n" PASS_SIGNER },
	{ "prune", "[--state DIR] [--dry-run]",
	    "remove from the published tree what nobody needs, and say why",
	    cmd_prune,
	    STATE "  -n, --dry-run    only say what would go, and why not\n" },
	{ "status", "[--state DIR] [--json]",
	    "show roles, releases, sets, and what is not published and why",
	    cmd_status, STATE "  --json           the same as JSON\n" },
	{ "check", "[--root FILE] [--json] DIR|URL",
	    "judge a published tree as a stranger; exit 4 if it is wrong",
	    cmd_check,
	    "  --root FILE      trusted root; else the tree's own first one\n"
	    "  --json           the same as JSON\n" },
	{ "router-file",
	    "[--channel NAME] [--service NAME]... [--token-file FILE]\n"
	    "    --arch ARCH --root FILE --config FILE DIR|URL OUT",
	    "write the one file that makes a plain machine a router",
	    cmd_router_file,
	    "  --root FILE      trusted root, that the router starts from\n"
	    "  --config FILE    agent.yaml of the router\n"
	    "  --arch ARCH      of the router, as amd64 or arm64\n"
	    "  --channel NAME   whose set; stable\n"
	    "  --service NAME   these services alone\n"
	    "  --token-file FILE  of `kiln fleet token`; -: standard input\n" },
	{ NULL, NULL, NULL, NULL, NULL },
};

static const struct cli_program program = {
	.name = "kiln-tuf",
	.summary = "collects signatures and publishes a farm's images with"
		   " TUF metadata",
	.commands = commands,
};

int
main(int argc, char **argv)
{
	if (sodium_init() == -1)
		return EXIT_FAILED;
	if (argc == 3 && strcmp(argv[1], "-x") == 0 &&
	    strcmp(argv[2], "signer") == 0)
		return signer_main();
	if (argc == 3 && strcmp(argv[1], "-x") == 0 &&
	    strcmp(argv[2], "transport") == 0)
		return transport_main();
	if (argc == 3 && strcmp(argv[1], "-x") == 0 &&
	    strcmp(argv[2], "token") == 0)
		return token_main();
	return cli_main(&program, argc, argv);
}
