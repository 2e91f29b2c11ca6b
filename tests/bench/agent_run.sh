# agent_run.sh BIN RESULT: one router in a namespace of its own takes a first
# set and a second one by a delta, and rests; what its processes took of memory
# goes to RESULT, by tests/support/peaks.
[ -n "${KILN_E2E_NS:-}" ] || KILN_E2E_NS=1 exec unshare -n sh "$0" "$@"
result=$2
. tests/support/lib.sh
. tests/support/router.sh
farm_serves
start_agent
"$bin/tests/support/peaks" $agent_pid "$tmp/enough" >"$tmp/peaks" &
peaks=$!
pids="$pids $peaks"
t "the first set is committed" until_ok 150 has '"phase":"committed"'
another "$tmp/two" 1
t "a second image is published" publish 2 "$tmp/two"
kill -USR1 $agent_pid
t "the second set is committed" until_ok 150 \
    has '"phase":"committed".*"set":{"counter":2'
sent() { ! [ "$(agent report --show)" ]; }
t "its report is sent" until_ok 20 sent
idle() {
	pgrep -a -P $agent_pid
	[ "$(pgrep -c -P $agent_pid)" -le 2 ]
}
t "nothing runs but its machine and who listens to it" until_ok 60 idle
touch "$tmp/enough"
wait $peaks
cp "$tmp/peaks" "$result"
finish
