#!/bin/sh
# harm.sh OUT: what would harm a router or its LAN by going on: a new machine
# that floods the net, images that never come whole, and flash that takes no
# writes any more (rows H1 and D5 of ROWS.md).
[ -n "${KILN_E2E_NS:-}" ] || [ "$(id -u)" != 0 ] ||
	KILN_E2E_NS=1 exec unshare -m -n sh "$0" "$@"
[ -n "${KILN_GUEST:-}" ] || [ ! -e "${1:-out/dev}/test-guest/image" ] ||
	export KILN_GUEST="$(cd "${1:-out/dev}" && pwd)/test-guest"
. tests/support/lib.sh
# The bound is low, since an emulated guest on a busy host does not get far.
more="flood: 100
write_budget: 1MiB
notices: {led: [$tmp/aside/led]}"
. tests/support/router.sh
# What the flash is stands apart from what looks at it.
mkdir "$st" "$tmp/aside" && mount -t tmpfs -o mode=755 tmpfs "$st" ||
    { skip "a file system of its own wants root"; finish; }
trap 'umount -l "$st"; cleanup' EXIT
cat >"$tmp/aside/led" <<EOF
#!/bin/sh
echo "\$1" >>$tmp/aside/leds
EOF
chmod 755 "$tmp/aside/led"
: >"$tmp/aside/leds"
json() { agent status --json | jq -r "$1"; }
is() { [ "$(json "$1")" = "$2" ]; }
newest() { cat "$st"/state.? | jq -s 'max_by(.sequence)'; }

bad=http://198.51.100.1:81
echo good >"$tmp/mode"
: >"$tmp/asked"
farm_serves
node tests/fault/bad-server.js 198.51.100.1 81 "$server" "$tmp/mode" \
    "$tmp/asked" 2>"$tmp/bad.log" &
pids="$pids $!"
sed -i "s|^server:.*|server: [\"$bad\"]|" "$tmp/agent.yaml"
t "a server that can misbehave is there" until_ok 20 \
    curl -fsS -o /dev/null $bad/tuf/metadata/timestamp.json

# From when there is a file "dead", calls that write to its flash fail.
life() {
	"$bin/tests/fault/cut" "$st" EIO "$tmp/aside/dead" "$bin/kiln-agent" run \
	    --config "$tmp/agent.yaml" 3>"$tmp/seen" 2>"$tmp/agent.log" &
	cut_pid=$!
	pids="$pids $cut_pid"
	until_ok 60 under_cut
}
under_cut() { agent_pid=$(pgrep -P $cut_pid); }
gone() { [ -z "$(cat "/proc/$1/cmdline" 2>/dev/null)" ]; }
ends() { # 99: nothing was cut
	kill $agent_pid && until_ok 60 gone $agent_pid || return
	wait $cut_pid
	case $? in 0 | 99) ;; *) false ;; esac
}

# A real guest that sends broadcasts of a type that nobody else sends.
flood_image() { # FILE WHEN
	d=$tmp/flood.root
	[ -d "$d" ] || {
		fsck.erofs --extract="$d" "$guest/image" >/dev/null &&
		    mkdir -p "$d/usr/bin" && ${CC:-cc} -O2 -static \
			-o "$d/usr/bin/flood" tests/support/flood.c &&
		    cp "$d/etc/kiln/services" "$tmp/services"
	} || return
	cp "$tmp/services" "$d/etc/kiln/services" &&
	    echo "flood 901 net_raw /usr/bin/flood $2" >>"$d/etc/kiln/services" &&
	    mkfs.erofs -T0 -U 00000000-0000-0000-0000-000000000001 "$1" "$d" \
		>/dev/null 2>&1
}

# --- D5: a mirror that never sends what was signed for ---------------------------
t "an agent starts" life
t "the first set is committed" until_ok 150 is .phase committed
poll_now() { kill -USR1 $agent_pid; sleep 1; }
enough() { is .cause flash || { poll_now; false; }; }
wears_out() {
	flood_image "$tmp/two" now && publish 2 "$tmp/two" || return
	echo "targets other" >"$tmp/mode"
	until_ok 200 enough || { agent status --json; return 1; }
	n=$(grep -c /tuf/ "$tmp/asked")
	for _ in 1 2 3; do poll_now; done
	agent status --why
	echo "# $(grep -c /targets/ "$tmp/asked") files asked for," \
	    "$(json '"\(.written) bytes written, the budget is \(.write_budget)"')" |
	    tee "$tmp/told"
	cat "$tmp/aside/leds"
	[ "$(grep -c /tuf/ "$tmp/asked")" = "$n" ] || { tail "$tmp/asked"; return 1; }
	is .cause flash && agent status --why | grep -q write_budget &&
	    [ "$(grep -c needs-you "$tmp/aside/leds")" = 1 ] &&
	    is .set.counter 1 && until_ok 10 answers
}
t "D5 what never comes whole: the day's writes are enough, and asking stops" \
    wears_out
cat "$tmp/told"
t "the agent ends" ends
echo good >"$tmp/mode"
sed -i '/^write_budget/d' "$tmp/agent.yaml"

# --- H1: a machine that floods ----------------------------------------------------
# A client of the LAN counts how many of its frames get there.
listens() {
	rm -f "$tmp/counted" "$tmp/heard"
	in_lan "$tmp/flood.root/usr/bin/flood" count "$tmp/counted" \
	    >"$tmp/heard" &
	counter=$!
	pids="$pids $counter"
}
floods() { # COUNTER: it is rolled back, and the LAN is served
	until_ok 150 is '"\(.phase) \(.cause) \(.bad_counter)"' \
	    "rolled-back flood $1"
	rc=$?
	touch "$tmp/counted"
	wait $counter
	heard=$(cat "$tmp/heard")
	echo "# set $1: $heard of its frames came to a client; $(json .error)" |
	    tee "$tmp/told"
	grep -E 'phase|ended' "$tmp/agent.log" | tail -n 6
	[ $rc = 0 ] && is .set.counter 1 && until_ok 10 answers
}
aside() { # the set is bad at once
	listens && poll_now && floods 2 && [ "$heard" = 0 ] &&
	    newest | jq -e '.bad[0].cause == "flood"'
}
on_lan() { # what was on the LAN is tried again, later
	mac=$(ip -br link show dev br-lan | awk '{ print $3 }')
	flood_image "$tmp/three" "lan $mac" && publish 3 "$tmp/three" &&
	    listens || return
	load_on # somebody who is heard
	poll_now
	floods 3
	rc=$?
	touch "$tmp/enough"
	[ $rc = 0 ] && [ "$heard" -gt 0 ] &&
	    newest | jq -e '.retry.cause == "flood"'
}
# There is a client before there is a flood.
ip address del 198.51.100.1/32 dev lo
t "the agent starts again" life
t "and serves" until_ok 60 answers
t "a client joins the LAN" client
ip address add 198.51.100.1/32 dev lo
t "H1 a machine that floods beside the LAN is given up, and nobody hears it" aside
cat "$tmp/told"
t "H1 a machine that floods the LAN is taken off, and that is named" on_lan
cat "$tmp/told"

# --- D5: flash that is worn ---------------------------------------------------------
# Each write fails, for good: what serves goes on, its owner is told once, and it
# asks ever more seldom.
told() { [ "$(grep -c needs-you "$tmp/aside/leds")" = 2 ] || { poll_now; false; }; }
rests() {
	[ "$(json '(.next_check | fromdate) - (.checked | fromdate) >= 29')" = true ]
}
dies() {
	touch "$tmp/aside/dead"
	another "$tmp/four" 1 && publish 4 "$tmp/four" || return
	until_ok 60 told
	rc=$?
	for _ in 1 2 3; do poll_now; done
	agent status --json | jq -c '[.phase, .cause, .error, .checked, .next_check]'
	cat "$tmp/aside/leds"
	[ $rc = 0 ] && rests && until_ok 10 answers && is .set.counter 1 &&
	    [ "$(grep -c needs-you "$tmp/aside/leds")" = 2 ]
}
t "D5 flash that takes no writes any more: the old set serves, told once" dies
# As if it was another flash.
mended() {
	rm "$tmp/aside/dead" && poll_now &&
	    until_ok 150 is .set.counter 4 && until_ok 30 is .phase committed
}
t "and on flash that takes them again the newest set is taken" mended
t "the end is clean" ends
tail -n 20 "$tmp/agent.log" | sed 's/^/# /'
finish
