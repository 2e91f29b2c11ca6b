# For agent.sh of this folder: a router in a network namespace and
# on a file system of its own, which has a set and leases and is offered
# another; and what must hold after whatever befell it.
if [ "$(id -u)" = 0 ] && [ -z "${KILN_FAULT_NS:-}" ]; then
	KILN_FAULT_NS=1 exec unshare -m -n -- sh "$0" "$@"
fi
. tests/fault/own.sh
[ -n "${KILN_GUEST:-}" ] || [ ! -e "${1:-out/dev}/test-guest/image" ] ||
	export KILN_GUEST="$(cd "${1:-out/dev}" && pwd)/test-guest"
. tests/support/lib.sh
. tests/fault/lib.sh
[ "$(id -u)" != 0 ] || own_tmpfs || exit
probation=1s
. tests/support/router.sh

shown=/run/kiln-agent/$(printf %s "$st" | sha256sum | cut -c 1-16)
state=$st base=$tmp/base known=$tmp/known act_max=75
mkdir "$known"
farm_serves
sed 's/^probation:.*/probation: 30s/' "$tmp/agent.yaml" >"$tmp/slow.yaml"
json() { agent status --json | jq -r "$1"; }
is() { [ "$(json "$1")" = "$2" ]; }
ended() { # PID
	until_ok 30 gone "$1" && wait "$1"
}
gone() { [ -z "$(cat "/proc/$1/cmdline" 2>/dev/null)" ]; }

# --- a router that has a set and leases, and is offered another ----------------
leases() {
	tr '{' '\n' <"$1/leases/dns-dhcp" |
	    sed -n 's/.*"address":"\([^"]*\)".*"hw":"\([^"]*\)".*/\1 \2/p' | sort
}
prepare() {
	start_agent
	until_ok 60 is .phase committed && client || return
	rm -f "$tmp/dhcp-enough"
	(sleep 1 && touch "$tmp/dhcp-enough") &
	clients "$bin/tests/support/dhcpload" eth0 100 "$tmp/dhcp-enough" || return
	kill $agent_pid && ended $agent_pid && mv "$st" "$base" &&
	    leases "$base" >"$tmp/leases" && [ -s "$tmp/leases" ]
}
t "the first set is committed, and clients have leases" prepare
mkdir "$tmp/stick" && cp -r "$var/tuf" "$tmp/stick"
another "$tmp/two" 1
t "a second set is published" publish 2 "$tmp/two"
online() { ip address replace 198.51.100.1/32 dev lo; }
offline() { ip address del 198.51.100.1/32 dev lo; }
fresh() {
	rm -f "$shown/status.json"
	online && rm -rf "$state" "$state.stage" && cp -a "$base" "$state"
}

# --- what is looked at -----------------------------------------------------------
newest() { cat "$1"/state.? | jq -s 'max_by(.sequence)'; }
versions() { # of metadata, and the highest counter seen: I3
	for f in "$1"/metadata/*.json; do
		echo "$(basename "$f") $(jq .signed.version "$f")"
	done
	newest "$1" | jq -r '.counters[] | "\(.channel) \(.counter)"'
}
no_lower() { # BEFORE AFTER
	awk 'NR == FNR {v[$1] = $2; next} {n[$1] = $2}
	    END {for (k in v) if (n[k] + 0 < v[k] + 0) {
	        print "went back:", k, v[k], n[k]; bad = 1}; exit bad}' "$1" "$2"
}
whole() { # I2: what has a digest for its name has that digest
	(cd "$state/store" && find . -type f -name '????????*' ! -name '.*' |
	    xargs sha256sum | awk '{n = $2; sub(/.*\//, "", n)
	    if ($1 != n) {print "damaged:", n; bad = 1}} END {exit bad}')
}
records() { # what nobody finished (.tmp-) goes a day later
	newest "$state" | jq -c '[.current.counter, .previous.counter,
	    .golden.counter, .trial, .tries, (.bad | map([.counter, .cause])),
	    .retry, (.counters | map(.counter))]'
	agent history --json |
	    jq -r '.[] | "\(.state) \(.cause) \(.counter)"' >"$tmp/history"
	# That it was cut off is told, and is no other end.
	grep -v "^rolled-back ${lost_part:-interrupted}" "$tmp/history"
	# Each line of the history has its report, and each of them was sent.
	echo "reports: $(($(newest "$state" | jq .report_sequence) -
	    $(wc -l <"$tmp/history"))) more, waiting:" \
	    "$(find "$state/reports" -type f ! -name '.tmp-*' | wc -l)"
	(cd "$state" && find store tmp -type f ! -name '.tmp-*' | sort)
	versions "$state"
	leases "$state" | diff "$tmp/leases" - >/dev/null || echo "other leases"
	agent verify >/dev/null || echo "verify $?"
}

# Two faults that leave the same behind need one recovery: what lies on the
# disk, without its times, and what the kernel has of interfaces. What is not
# finished (.tmp-) nobody reads: that there is some is enough.
left_behind() {
	(cd "$state" && find . ! -path './store/*' ! -name '.tmp-*' -type f |
	    sort | while read -r f; do
		echo "$f $(stat -c '%a %u' "$f")"
		sed 's/[0-9-]\{10\}T[0-9:]\{8\}Z/T/g
		    s/"\(at\|sum\|sig\|report_previous\|previous\|offset\)":[^{,}]*//g
		    ' "$f" | sha256sum
	done
	find store ! -name '.tmp-*' -printf '%P %s %m\n' | sort)
	find "$state" -name '.tmp-*' | head -n 1 | wc -l
	ip -br link | cut -d ' ' -f 1 | sed 's/@.*//' | sort
}

# again: starts the agent where no server can be reached, until the LAN is
# served by the old set or the new one; then the server is there.
again() {
	offline
	: >"$tmp/agent.log"
	start_agent
	recovers
	rc=$?
	kill $agent_pid 2>/dev/null
	ended $agent_pid || { echo "it ends with $?"; rc=1; }
	[ $rc = 0 ] || tail -n 20 "$tmp/agent.log"
	return $rc
}
# By itself, or by its owner's word where that would take an hour: when it was
# cut off twice, or ($lost_part) when a process that it stands on was killed.
lost_part=
at_last() {
	is '.set.counter' "$newer" && is .phase committed && return
	if is .phase rolled-back && { [ "$lost_part" ] || is .cause interrupted; }
	then
		agent apply
	fi
	false
}
recovers() {
	until_ok 30 answers || { echo "I1: the LAN is not served"; return 1; }
	has "\"set\":{\"counter\":\($older\|$newer\)," ||
	    { echo "I1: $(json .set)"; return 1; }
	online
	was=$(json .checked)
	# One a second at most: status has seconds.
	sleep 1
	kill -USR1 $agent_pid
	until_ok 30 asked || { echo "I6: it asks nobody"; return 1; }
	until_ok 60 $goal || { echo "I6: $(agent status --json)"; return 1; }
	until_ok 5 sent || { echo "I7: not reported"; return 1; }
	until_ok 5 answers
}
asked() { [ "$(json .checked)" != "$was" ]; }
sent() { ! [ "$(agent report --show)" ]; }
older=1 newer=2 goal=at_last

# Right after the fault.
raw() {
	case $how in # an error of the disk ends nobody
	E*) [ $rc -le 75 ] && ! grep -q 'state=ended' "$tmp/err" ||
	    { echo "exit $rc"; tail -n 10 "$tmp/err"; return 1; } ;;
	esac
	whole || return
	[ -e "$state/state.0" ] || [ -e "$state/state.1" ] ||
	    { echo "no record"; return 1; }
	versions "$state" >"$tmp/after" 2>&1
	no_lower "$tmp/before" "$tmp/after" || return
	kib=$(du -sk "$state" | cut -f 1)
	[ "$kib" -le $((2 * $(du -sk "$base" | cut -f 1))) ] ||
	    { echo "I5: $kib KiB"; return 1; }
}
settled() {
	left_behind >"$tmp/left" 2>&1
	name=$known/$(sha256sum <"$tmp/left" | cut -c 1-32)
	[ ! -e "$name" ] || return 0
	again >"$tmp/out" 2>&1 || { cat "$tmp/out"; return 1; }
	versions "$state" >"$tmp/after" 2>&1
	no_lower "$tmp/before" "$tmp/after" || return
	records >"$tmp/is" 2>&1
	for want in "$tmp"/want*; do
		cmp -s "$want" "$tmp/is" && touch "$name" && return
	done
	diff "$tmp/want" "$tmp/is" | head -n 20
	return 1
}
