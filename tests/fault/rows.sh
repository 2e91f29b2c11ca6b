#!/bin/sh
# rows.sh OUT: what else befalls a router (tests/fault/ROWS.md): a full or
# read-only disk, damage at rest, limits, a stopped agent, sticks.
set -u
. tests/fault/router.sh
mountpoint -q "$tmp" || { skip "a file system of its own wants root"; finish; }

act() { "$bin/kiln-agent" run --once --config "$tmp/agent.yaml"; }
undisturbed() {
	fresh && act && records >"$tmp/want" && rm -rf "$tmp/second" &&
	    cp -a "$state" "$tmp/second"
}
t "an update, undisturbed" undisturbed
fresh
versions "$state" >"$tmp/before"
as_it_should() { records >"$tmp/is" && diff "$tmp/want" "$tmp/is"; }
stop() { kill $agent_pid && ended $agent_pid; }
: >"$tmp/agent.log"

# small SIZE_KIB INODES: the state folder on a file system of its own.
small() {
	fresh && mv "$state" "$tmp/apart" && mkdir "$state" &&
	    mount -t tmpfs -o "mode=755,size=${1}k,nr_inodes=$2" tmpfs "$state" &&
	    cp -a "$tmp/apart"/. "$state" && rm -rf "$tmp/apart"
}
large() { mount -o remount,rw,size=1g,nr_inodes=100k "$state"; }
unmount() { umount "$state" && rmdir "$state"; }
kib=$(du -sk "$base" | cut -f 1)
files=$(find "$base" | wc -l)

# waits SIZE INODES CAUSE: the LAN is served, the cause is told, nothing is left
# half done; with room it goes on by itself.
waits() {
	small "$1" "$2" || return
	start_agent
	waited "$3"
	rc=$?
	stop || rc=1
	[ $rc != 0 ] || as_it_should || rc=1
	unmount || rc=1
	return $rc
}
waited() {
	until_ok 30 is .cause "$1" || { agent status --json; return 1; }
	until_ok 30 answers && is .set.counter 1 && large || return
	kill -USR1 $agent_pid
	until_ok 60 at_last && until_ok 10 sent
}
disk_full() {
	t "D1 no room for the image: it waits, and goes on by itself" \
	    waits $((kib + 3000)) 100000 no-space
	room() { grep -q 'needs [0-9]* bytes' "$tmp/agent.log"; }
	t "D1 the bytes it needs are told" room
	t "D1 no inode is left: it waits, and goes on by itself" \
	    waits $((kib + 100000)) $((files + 2)) no-space
}
read_only() {
	t "D3 a read-only flash: the old set serves, and it goes on by itself" \
	    frozen
}
frozen() {
	small $((kib + 100000)) 100000 || return
	# What cannot be cleared away holds nobody up.
	for d in . store reports; do
		touch -d '2 days ago' "$state/$d/.tmp-left" || return
	done
	mount -o remount,ro "$state" || return
	start_agent
	waited read-only
	rc=$?
	stop || rc=1
	[ $rc != 0 ] || as_it_should || rc=1
	unmount || rc=1
	return $rc
}

flip() { # FILE: a bit in its middle
	size=$(stat -c %s "$1") && [ "$size" -gt 0 ] && chmod u+w "$1" || return
	at=$((size / 2))
	byte=$(od -An -tu1 -j $at -N 1 "$1")
	printf "\\$(printf %o $((byte ^ 4)))" |
	    dd of="$1" bs=1 seek=$at conv=notrunc 2>/dev/null
}
# All that is small; a record with a flipped bit is one of two.
damaged() {
	fresh && (cd "$state" && find . -path ./store -prune -o -type f -size +0 \
	    ! -name lock -print | sort) >"$tmp/small"
	n=$(wc -l <"$tmp/small")
	: >"$tmp/bad"
	for p in $(points "$n" 2); do
		f=$(sed -n "${p}p" "$tmp/small")
		fresh && flip "$state/$f" && again >"$tmp/out" 2>&1 && continue
		echo "$f"
		head -n 20 "$tmp/out"
		echo "$f" >>"$tmp/bad"
	done
	! [ -s "$tmp/bad" ]
}
rot() {
	t "D4 a bit of any small file flips at rest, and the LAN is served" damaged
	t "H3 the running set and the one before rot: the golden one serves" golden
}
image_of() { # COUNTER
	cat "$state"/state.? | jq -rs "max_by(.sequence) |
	    [.current, .previous] | map(select(.counter == $1))[0].services[0]
	    .image.sha256 // empty"
}
golden() {
	[ -e "$tmp/three" ] || { another "$tmp/three" 2 && publish 3 "$tmp/three"; } ||
	    return
	rm -rf "$state" && cp -a "$tmp/second" "$state" && online && act || return
	for c in 2 3; do
		i=$(image_of $c)
		flip "$state/store/$(printf %.2s "$i")/$i" || return
	done
	older=1 newer=3
	again
}

# A few descriptors, small files, a folder that is somebody's: it ends with a
# sentence, and the next start is as good as any.
limited() { # prlimit's option
	fresh
	prlimit "$1" "$bin/kiln-agent" run --once --config "$tmp/agent.yaml" \
	    2>"$tmp/err"
	rc=$?
	echo "exit $rc"
	tail -n 3 "$tmp/err"
	[ $rc -gt 0 ] && [ $rc -le 75 ] && grep -q 'cause=' "$tmp/err" && raw &&
	    again && as_it_should
}
limits() {
	t "S2 sixteen descriptors are too few, and that is told" \
	    limited --nofile=16
	t "S2 files that may not grow end nobody" limited --fsize=1000000
	t "S2 a stopped agent's machine serves, and the agent goes on" stopped
	t "S1 a lock of a dead agent, whose number is another's, holds nobody" \
	    stale_lock
}
stopped() {
	fresh
	start_agent
	until_ok 30 answers || return
	kill -STOP $agent_pid
	sleep 3
	answers
	served=$?
	kill -CONT $agent_pid
	until_ok 60 at_last && until_ok 10 sent && stop && as_it_should &&
	    [ $served = 0 ]
}
# An hour, which a full run really waits for, beside its other rows; three
# seconds else.  The LAN is asked once a minute, and the machine gives leases
# that nobody hears of until the agent goes on.
frozen_for() {
	t_end=$(($(date +%s) + pause)) n=0 rc=0
	kill -STOP $agent_pid
	news || rc=1
	while left=$((t_end - $(date +%s))) && [ $left -gt 0 ]; do
		sleep $((left < 60 ? left : 60))
		answers || { echo "the LAN is not served"; rc=1; }
		n=$((n + 1))
	done
	news || rc=1
	kill -CONT $agent_pid
	echo "# stopped for $pause s, the LAN asked $n times" >>"$tmp/told"
	return $rc
}
# As many words as the agent's end of a socket holds not.
news() {
	for _ in $(seq 1 $((pause > 60 ? 4 : 1))); do
		rm -f "$tmp/dhcp-enough"
		(sleep $((pause > 60 ? 8 : 1)) && touch "$tmp/dhcp-enough") &
		clients "$bin/tests/support/dhcpload" eth0 100 \
		    "$tmp/dhcp-enough" 2>"$tmp/given" >"$tmp/load"
		cat "$tmp/load"
		# How soon is the host's business.
		read -r _ came _ got _ _ _ twice _ <"$tmp/load"
		[ "$got" = "$came" ] && [ "$twice" = 0 ] || return
	done
}
# Each lease that was given while nobody heard, or before.
heard() {
	leases "$state" >"$tmp/list" && sort "$tmp/given" | join - "$tmp/list" \
	    >"$tmp/both" && [ -s "$tmp/given" ] &&
	    [ "$(wc -l <"$tmp/both")" = "$(wc -l <"$tmp/given")" ]
}
same_machine() { # and one that nobody has started again
	is '[.services[].restarts] | add' 0
}
stopped_idle() {
	rm -rf "$state" && cp -a "$tmp/second" "$state" && online
	start_agent
	until_ok 60 is .phase committed && until_ok 30 answers &&
	    until_ok 30 asked_once && was=$(json .checked) && frozen_for &&
	    kill -USR1 $agent_pid && until_ok 30 asked && until_ok 30 is .phase committed &&
	    is .set.counter 2 && same_machine && until_ok 30 heard &&
	    answers && until_ok 10 sent || { agent status --json; stop; return 1; }
	stop
}
asked_once() { [ "$(json .checked)" != null ]; }
stopped_staging() { stopped_in staging; }
stopped_probation() { stopped_in probation; }
stopped_in() { # PHASE: it is no reason to go back, and no look at the new set
	fresh && offline
	"$bin/kiln-agent" run --config "$tmp/slow.yaml" 2>>"$tmp/agent.log" &
	agent_pid=$!
	pids="$pids $agent_pid"
	until_ok 60 answers && online && kill -USR1 $agent_pid &&
	    until_ok 60 is .phase "$1" && frozen_for && until_ok 120 at_last &&
	    same_machine && until_ok 30 heard && until_ok 10 sent &&
	    answers || { agent status --json; stop; return 1; }
	agent history --json >"$tmp/history"
	! grep rolled-back "$tmp/history" && stop
}
hour() {
	pause=${KILN_STOPPED:-3}
	for w in ${KILN_HOUR:-idle probation}; do
		: >"$tmp/told"
		case $w in
		idle) t "S2 an idle agent is stopped: its machine serves, and no lease is lost" \
		    stopped_idle ;;
		staging) t "S2 an agent that stages is stopped: the set is none the worse" \
		    stopped_staging ;;
		*) t "S2 an agent in a probation is stopped: it ends well, later" \
		    stopped_probation ;;
		esac
		cat "$tmp/told"
	done
}
hours() { # those that were begun first
	for w in idle staging probation; do
		eval "h=\$hour_$w"
		t "S2 an hour of it: $w" wait "$h"
		grep -E '^(not ok|#)' "$tmp/hour.$w"
	done
}
stale_lock() { fresh && echo 1 >"$state/lock" && again && as_it_should; }

# What no set names is swept, be it ever so much; what one names stays.
crowd() {
	t "G1 a hundred thousand files that no set names are swept" crowded
}
crowded() {
	fresh
	mkdir -p $(printf "$state/store/%02x " $(seq 0 255))
	awk 'BEGIN { for (i = 0; i < 100000; i++) printf "%02x/%02x%062x\n",
	    i % 256, i % 256, i }' | (cd "$state/store" && xargs touch)
	[ "$(find "$state/store" -type f | wc -l)" -gt 100000 ] || return
	again && as_it_should
}

# A flash wears out by what is written: news once, and without any nothing but
# who holds the lock.
wear() { t "D5 a start writes little, and a second one nothing new" worn; }
started() { # WHAT: bytes and changes of names, of a start and a poll
	"$record" "$state" "$tmp/log" "$bin/kiln-agent" run --once \
	    --config "$tmp/ask.yaml" >"$tmp/out" 2>"$tmp/err"
	[ $? -le "$act_max" ] || { cat "$tmp/err"; return 1; }
	# What it says goes to files beside the folder.
	awk -v said="$tmp/err" '$1 == "write" { b += $4 }
	    $1 ~ /create|rename|link/ { n++ }
	    $1 == "@" { if ($3 != said) { bytes += b; names += n }; b = n = 0 }
	    END { print bytes + 0, names + 0 }' "$tmp/log" >"$tmp/$1"
	echo "# $1: $(cat "$tmp/$1") bytes and names written" | tee -a "$tmp/told"
}
worn() {
	fresh
	(cat "$tmp/agent.yaml" && echo "updates: ask") >"$tmp/ask.yaml"
	started news && started nothing || return
	news=$(du -sbc "$var"/tuf/metadata/*.json | tail -n 1 | cut -f 1)
	read -r bytes names <"$tmp/news"
	[ "$bytes" -gt 0 ] && [ "$bytes" -le $((2 * news)) ] || return
	read -r bytes names <"$tmp/nothing"
	[ "$bytes" -le 16 ] && [ "$names" -le 1 ]
}

# Not the new machine's fault.
host() {
	t "H2 a host with no time to spare rolls no good set back" overloaded
}
overloaded() {
	fresh
	hogs=
	for _ in 1 2 3 4; do
		sh -c 'while :; do :; done' &
		hogs="$hogs $!"
	done
	pids="$pids $hogs"
	again
	rc=$?
	kill $hogs
	[ $rc = 0 ] && as_it_should
}

# $tmp/stick is the tree as it was before the second set.
stick() {
	t "U1 a stick that was pulled in the middle changes nothing" pulled
	t "U1 a stick that is older than the router is refused" older_stick
}
pulled() {
	rm -rf "$tmp/cut" && mkdir "$tmp/cut" &&
	    cp -r "$var/tuf" "$tmp/cut" || return
	for f in $(find "$tmp/cut/tuf/targets" -type f -size +64k); do
		cut=$(($(stat -c %s "$f") / 2))
		head -c $cut "$f" >"$f.part" && mv "$f.part" "$f"
	done
	ln -s /etc "$tmp/cut/tuf/metadata/etc"
	touch "$tmp/cut/tuf/metadata/$(printf %0200d 0)"
	chmod -R go+rX "$tmp/cut"
	fresh && offline
	start_agent
	until_ok 30 answers && agent import "$tmp/cut" &&
	    until_ok 30 is .phase failed && is .set.counter 1 && answers &&
	    whole || { agent status --json; stop; return 1; }
	rm -rf "$tmp/cut/tuf" && cp -r "$var/tuf" "$tmp/cut" &&
	    chmod -R go+rX "$tmp/cut" && agent import "$tmp/cut" &&
	    until_ok 60 is .phase committed && until_ok 10 answers
	rc=$?
	stop && [ $rc = 0 ]
}
older_stick() {
	chmod -R go+rX "$tmp/stick"
	rm -rf "$state" && cp -a "$tmp/second" "$state" && offline
	start_agent
	until_ok 30 answers && agent import "$tmp/stick" &&
	    until_ok 30 is .cause rollback && is .set.counter 2 && answers
	rc=$?
	stop && [ $rc = 0 ]
}

# What the last publishes is the newest set from then on.
all="disk_full read_only stick limits crowd host wear hour rot"
if [ "${KILN_FAULTS:-}" != full ]; then
	all=$(echo "$all" | cut -d ' ' -f $((1 + seed % 9)))
elif [ -z "${KILN_SWEEPS:-}" ]; then
	for w in idle staging probation; do
		env -u KILN_FAULTS -u KILN_FAULT_NS KILN_SWEEPS=hour \
		    KILN_HOUR=$w KILN_STOPPED=3600 sh "$0" "$out" \
		    >"$tmp/hour.$w" 2>&1 &
		eval "hour_$w=$!"
		pids="$pids $!"
	done
	all="$all hours"
fi
for r in ${KILN_SWEEPS:-$all}; do
	echo "# rows: $r"
	older=1 newer=2 goal=at_last how= rc=0
	$r
done
finish
