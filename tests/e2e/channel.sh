# Starting and stopping with real processes: promote and resume with the
# release key, halt through the running daemon.
. tests/support/lib.sh

var=$tmp/var
tuf=$bin/kiln-tuf
sql() { sqlite3 -readonly "$var/tuf.db" "$1"; }
publish() { # VERSION TEXT
	echo "$2" >"$tmp/image.$1"
	"$bin/tests/support/publish" "$var" vm dns-dhcp "$1" "$tmp/image.$1" \
	    router.lan
}
found() {
	"$tuf" init --state "$var" --demo --service kernel --service dns-dhcp &&
	    echo kernel >"$tmp/k" && echo initrd >"$tmp/i" &&
	    "$bin/tests/support/publish" "$var" kernel kernel 6.1 "$tmp/k" \
		"$tmp/i" microvm console=ttyS0 &&
	    publish 1 one && "$tuf" serve --state "$var" --once
}
t "a farm is founded and publishes an edge set" found
exits() { # STATUS command…
	want=$1
	shift
	"$@" >"$tmp/said" 2>&1
	got=$?
	cat "$tmp/said"
	[ $got = "$want" ]
}
t "promote without a daemon publishes by itself" "$tuf" promote \
    --state "$var" --notes "the first" --waves 0:10,24:100
t "the stable set is in the tree" test \
    "$(sql "SELECT counter FROM published_set WHERE channel = 'stable'")" = 1
t "a stranger finds nothing wrong" "$tuf" check "$var/tuf"

"$tuf" serve --state "$var" >"$tmp/serve.log" 2>&1 &
daemon=$!
pids="$pids $daemon"
t "the daemon serves" until_ok 10 grep -q serving "$tmp/serve.log"
halted() {
	"$tuf" halt --state "$var" --reason "probe failures" stable
}
braked() { [ "$(sql "SELECT max(version) FROM role WHERE name = 'brake'
    AND published_at IS NOT NULL")" = "$1" ]; }
t "halt hands the stop to the daemon" halted
t "which publishes it at once" until_ok 5 braked 2
t "a stopped set is not promoted on" exits 2 "$tuf" promote \
    --state "$var" --from stable
t "halting what is not there is refused" exits 2 "$tuf" halt \
    --state "$var" --reason x --counter 9 stable
t "a channel that waits for nobody is not promoted to" exits 2 "$tuf" promote \
    --state "$var" --channel edge
mv "$var/keys/offline/release-1.key" "$tmp/away"
t "resume without the release key is refused" exits 1 "$tuf" resume \
    --state "$var" stable
t "so is promote" exits 1 "$tuf" promote --state "$var"
t "and nothing has changed" braked 2
mv "$tmp/away" "$var/keys/offline/release-1.key"
t "resume with it takes the brake off" "$tuf" resume --state "$var" stable
t "through the daemon" until_ok 5 braked 3
promoted() { [ "$(sql "SELECT max(counter) FROM published_set
    WHERE channel = 'stable'")" = "$1" ]; }
t "promote hands over to the daemon too" "$tuf" promote --state "$var"
t "which publishes the next counter" until_ok 5 promoted 2
t "delegate hands nothing old over" "$tuf" delegate --state "$var" --service ntp
t "a stranger still finds nothing wrong" "$tuf" check "$var/tuf"
kill $daemon
wait $daemon 2>/dev/null
finish
