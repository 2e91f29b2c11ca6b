#!/bin/sh
# expiry.sh OUT: every role really ends, and what is done then.  A farm is
# founded under a clock that runs late, left alone, and found expired by the
# true one; its signer takes no other clock than the true one from anybody, so
# the past is shifted and not the present.
set -u
lib=$(ls /usr/lib/*/faketime/libfaketime.so.1 2>/dev/null)
[ -n "$lib" ] || { echo "libfaketime is not installed" >&2; exit 1; }
cd "$(dirname "$0")/../.." || exit 1
. tests/support/lib.sh
here=$PWD/tests/interop
. tests/support/readers.sh
back() { clock="env LD_PRELOAD=$lib FAKETIME=-${1}d"; }
today() { clock=; }
founds() {
	tuf init --demo --service ntp --service kernel && release 1 &&
	    tuf serve --once && tuf promote
}
stop() { tuf halt --reason "does not boot" edge; }
founded() { # DAYS
	state=$tmp/farm-$1-$2
	rm -rf "$tmp/clients"
	back "$1"
	ceremony "a farm was founded $1 days ago" founds
}
# Whoever asks is told which role has ended, and nobody takes the tree.
ended() { # ROLE…
	today
	t "$*: kiln-tuf check says that it ended" told "$1"
	for role in "$@"; do
		t "$role: kiln-tuf status sounds an alarm" alarm "$role"
	done
	(cd "$here" && node ceremonies.js read "$*" "$state/tuf" \
	    "$tmp/clients" "$bin/kiln-agent") >"$tmp/readers" 2>&1
	t "$*: none of four readers takes the tree" refused
}
told() {
	exits 4 "$bin/kiln-tuf" check "$state/tuf" >"$tmp/said" 2>&1
	rc=$?
	cat "$tmp/said"
	[ $rc = 0 ] && grep -q "^wrong: .*$1\.json: version [0-9]* expired at" \
	    "$tmp/said"
}
alarm() {
	tuf status >"$tmp/said"
	cat "$tmp/said"
	grep -q "^alarm: $1 ended, " "$tmp/said"
}
refused() {
	cat "$tmp/readers"
	[ "$(grep -c '^not ok ' "$tmp/readers")" = 4 ] &&
	    ! grep -q '^ok ' "$tmp/readers" &&
	    [ "$(grep -ciE 'Error: .*(expired|freeze)' "$tmp/readers")" -ge 4 ]
}
silent() { ! tuf status | grep '^alarm'; }
recovered() { # LABEL command…
	ceremony "$@"
	t "$1: no alarm is left" silent
}

founded 8 timestamp
ended timestamp
recovered "timestamp is signed again by refresh" tuf refresh

founded 15 snapshot
ended timestamp snapshot
recovered "snapshot and timestamp are signed again by serve" tuf serve --once

# What stays offline was signed for another term in between.
founded 370 online
back 100
t "only targets and sets-stable are signed again" \
    tuf request --yes targets sets-stable
ended timestamp snapshot svc-ntp svc-kernel sets-edge brake transport
recovered "what the farm signs is signed again by serve" tuf serve --once

founded 370 offline
back 50
t "the farm signs what is its own again" tuf serve --once
ended timestamp snapshot targets sets-stable
recovered "targets and sets-stable are signed again by request" \
    tuf request --yes targets sets-stable

founded 740 root
back 100
t "after 640 days all others are signed again" \
    tuf request --yes targets sets-stable
ended root
recovered "root is signed again by request" tuf request --yes root

# A stop that has ended, too, which is otherwise taken off before all else.
founded 741 everything
ceremony "a set was stopped" stop
ended root timestamp snapshot targets svc-ntp svc-kernel sets-stable sets-edge \
    brake transport
recovered "all are signed again at once" \
    tuf request --yes root targets sets-stable
finish
