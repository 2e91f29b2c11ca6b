#!/bin/sh
# The farm's central story, with real packages: the security suite switched
# off, on, and off again.  What changes, what is rebuilt, what comes out equal,
# and that a change back costs nothing.
set -u
. tests/support/lib.sh

state=$tmp/state
mkdir "$state" && chmod 755 "$state"
sql() { sqlite3 -batch -readonly "$state/farm.db" "$1"; }
is() { [ "$1" = "$2" ] || { echo "is \"$1\", not \"$2\""; return 1; }; }
has() { case $1 in *"$2"*) ;; *) echo "no \"$2\" in \"$1\""; return 1 ;; esac; }
suite() {
	printf 'suites:\n  bookworm-security: {enabled: %s}\n' "$1" \
	    >"$state/kiln.yaml"
}
cycle() {
	recipe=$1
	shift
	"$bin/kiln-builder" --state "$state" --recipes recipes --once \
	    --only "$recipe" "$@" >"$tmp/out" 2>"$tmp/err" ||
	    { cat "$tmp/out"; tail -20 "$tmp/err"; return 1; }
}
why() {
	"$bin/kiln" why --state "$state" "$@" >"$tmp/why" 2>&1 ||
	    { cat "$tmp/why"; return 1; }
}
last() { sql "SELECT $1 FROM cycle ORDER BY id DESC LIMIT 1"; }
digest() {
	sql "SELECT DISTINCT o.digest FROM current c
	    JOIN run r ON r.plan = c.plan AND r.state = 'succeeded'
	    JOIN output o ON o.run = r.id AND o.name = '$3'
	    WHERE c.recipe = '$1' AND c.stage = '$2'"
}
releases() { sql "SELECT count(*) FROM release WHERE service = '$1'"; }

without() {
	suite false && cycle dns-dhcp &&
	    is "$(sql "SELECT count(*) FROM suite WHERE name = 'bookworm-security'")" 0
}
t "dns-dhcp is built without the security suite, which nobody asks" without
image=$(digest dns-dhcp image image)
t "… and released" is "$(releases dns-dhcp)" 1

with() { suite true && cycle dns-dhcp; }
t "the suite is switched on" with
t "packages come from it" \
    is "$(sql "SELECT count(*) > 0 FROM lock_change WHERE recipe = 'dns-dhcp' AND security AND suite = 'bookworm-security'")" 1
t "dns-dhcp is compiled again" \
    is "$(sql "SELECT count(*) FROM run JOIN plan p ON p.digest = plan WHERE recipe = 'dns-dhcp' AND stage = 'build' AND state = 'succeeded'")" 4
t "… and its image is the same, byte for byte" \
    is "$(digest dns-dhcp image image)" "$image"
t "… so that no release follows" is "$(releases dns-dhcp)" 1
tells() {
	why dns-dhcp &&
	    has "$(cat "$tmp/why")" "bookworm-security is" &&
	    has "$(cat "$tmp/why")" "(security)" &&
	    has "$(cat "$tmp/why")" "no release followed"
}
t "kiln why tells it from the suite to the missing release" tells
limit() { why --cycle last && has "$(cat "$tmp/why")" "excess: its output is the one that stood before"; }
t "the ledger counts each run beyond the lower limit" limit

back() {
	suite false && cycle dns-dhcp --offline && is "$(last executed)" 0 &&
	    is "$(last solved)" 0
}
t "back again executes nothing and solves nothing" back
forth() {
	suite true && cycle dns-dhcp --offline && is "$(last executed)" 0 &&
	    is "$(last solved)" 0
}
t "… and neither does forth" forth

if [ -e recipes/mqtt/recipe.yaml ]; then
	t "mqtt is built without the security suite" \
	    eval 'suite false && cycle mqtt'
	broker=$(digest mqtt build mosquitto)
	t "… and with it" eval 'suite true && cycle mqtt'
	differs() {
		[ -n "$broker" ] && [ "$broker" != "$(digest mqtt build mosquitto)" ] &&
		    is "$(releases mqtt)" 2
	}
	t "mqtt has another libssl in it, and is released" differs
	libssl() { why mqtt && has "$(cat "$tmp/why")" "libssl"; }
	t "… which kiln why names" libssl
	t "back again executes nothing" \
	    eval 'suite false && cycle mqtt --offline && is "$(last executed)" 0'
fi
finish
