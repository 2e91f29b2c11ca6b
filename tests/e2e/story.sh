#!/bin/sh
# The farm's central story, with real packages: the security suite switched
# off, on, and off again.  What changes, what is rebuilt, what comes out equal,
# and that a change back costs nothing.
set -u
. tests/support/lib.sh

state=$tmp/state
mkdir "$state" && chmod 755 "$state"
cp -R recipes "$tmp/recipes" && chmod -R a+rX "$tmp/recipes"
sql() { sqlite3 -batch -readonly "$state/farm.db" "$1"; }
is() { [ "$1" = "$2" ] || { echo "is \"$1\", not \"$2\""; return 1; }; }
has() { case $1 in *"$2"*) ;; *) echo "no \"$2\" in \"$1\""; return 1 ;; esac; }
suite() {
	printf 'suites:\n  bookworm-security: {enabled: %s}\n' "$1" \
	    >"$state/kiln.yaml"
}
cycle() {
	"$bin/kiln-builder" --state "$state" --recipes "$tmp/recipes" --once \
	    --only dns-dhcp --only mqtt "$@" >"$tmp/out" 2>"$tmp/err" ||
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

runs() {
	sql "SELECT count(*) FROM run r JOIN plan p ON p.digest = r.plan
	    WHERE p.recipe = '$1' AND p.stage = '$2' AND r.state = 'succeeded'"
}
plan_of() { sql "SELECT plan FROM current WHERE recipe = '$1' AND stage = '$2'"; }

# --- without security updates ------------------------------------------------
without() {
	suite false && cycle &&
	    is "$(sql "SELECT count(*) FROM suite WHERE name = 'bookworm-security'")" 0
}
t "both are built without the security suite, which nobody asks" without
image=$(digest dns-dhcp image image)
broker=$(digest mqtt build mosquitto)
old=$(plan_of mqtt image)
t "… and released" is "$(releases dns-dhcp) $(releases mqtt)" "1 1"

# --- with them: nobody does anything but switch the suite on -----------------
# The builder runs as it does for years; it looks at the archive by itself.
watched() {
	before=$(sql "SELECT max(id) FROM cycle")
	suite true
	"$bin/kiln-builder" --state "$state" --recipes "$tmp/recipes" \
	    --only dns-dhcp --only mqtt >"$tmp/out" 2>"$tmp/err" </dev/null &
	pids="$pids $!"
	until_ok 1200 ended
	rc=$?
	kill -TERM "$(cat "$state/work/lock")"
	wait $! || rc=$?
	[ $rc = 0 ] || tail -20 "$tmp/err"
	return $rc
}
ended() {
	[ "$(sql "SELECT count(*) FROM cycle WHERE id > $before AND finished_at IS NOT NULL")" -gt 0 ]
}
t "the suite is switched on, and the watch does the rest" watched
changed=$(sql "SELECT count(DISTINCT package) FROM lock_change WHERE old IS NOT NULL AND new IS NOT NULL")
entries=$(sql "SELECT count(*) FROM lock_change")
echo "# $changed packages changed, in $entries places of the locks"
# How many is the archive's to say: what its last point release left over.
some() { echo "$changed $entries"; [ "$changed" -ge 2 ] && [ "$entries" -le 200 ]; }
t "a few packages change" some
t "… in every recipe by that suite" \
    is "$(sql "SELECT count(DISTINCT recipe) FROM lock_change WHERE security AND suite = 'bookworm-security'")" \
    "$(sql "SELECT count(DISTINCT recipe) FROM lock_change")"
t "both recompile" is "$(runs dns-dhcp build) $(runs mqtt build)" "4 4"
t "dns-dhcp comes out the same, byte for byte" \
    is "$(digest dns-dhcp image image)" "$image"
t "… so that no release follows" is "$(releases dns-dhcp)" 1
differs() {
	[ -n "$broker" ] && [ "$broker" != "$(digest mqtt build mosquitto)" ] &&
	    is "$(releases mqtt)" 2
}
t "mqtt has another libssl in it, and is released" differs

# --- why -----------------------------------------------------------------------
tells() {
	why dns-dhcp &&
	    has "$(cat "$tmp/why")" "bookworm-security is" &&
	    has "$(cat "$tmp/why")" "(security)" &&
	    has "$(cat "$tmp/why")" "no release followed"
}
t "kiln why tells dns-dhcp's story from the suite to the missing release" tells
tells_mqtt() {
	why mqtt && has "$(cat "$tmp/why")" "bookworm-security is" &&
	    has "$(cat "$tmp/why")" "libssl" &&
	    has "$(cat "$tmp/why")" "may be published"
}
t "… and mqtt's from the suite by its libssl to the release" tells_mqtt
as_json() {
	why --json mqtt && node -e '
	    const b = JSON.parse(require("fs").readFileSync(0)).builds;
	    const image = b.find((x) => x.stage === "image");
	    const kinds = image.chain.map((e) => e.kind);
	    process.exit(kinds.includes("archive-changed") &&
		kinds.includes("lock-changed") && kinds.includes("verdict") &&
		image.releases.length === 1 && image.verdict === "reproduced" &&
		image.changes.some((c) => c.security) ? 0 : 1)' <"$tmp/why"
}
t "… as JSON, too" as_json
limit() { why --cycle last && has "$(cat "$tmp/why")" "excess: its output is the one that stood before"; }
t "the ledger counts each run beyond the lower limit" limit
account() { why --event last && has "$(cat "$tmp/why")" "mqtt/build" && has "$(cat "$tmp/why")" "lower limit"; }
t "… for the event as for the cycle" account

# --- back, and forth --------------------------------------------------------------
back() {
	suite false && cycle --offline && is "$(last executed)" 0 &&
	    is "$(last solved)" 0 && is "$(plan_of mqtt image)" "$old"
}
t "a change back executes nothing and solves nothing" back
t "… and what stood then stands again" is "$(digest mqtt build mosquitto)" "$broker"
forth() {
	suite true && cycle --offline && is "$(last executed)" 0 &&
	    is "$(last solved)" 0
}
t "… and neither does forth" forth
finish
