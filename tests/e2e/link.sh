# A dear link: a day's bytes are kept to, what came is gone on with after a
# restart, and a metered router waits.
[ -n "${KILN_E2E_NS:-}" ] || [ "$(id -u)" != 0 ] ||
	KILN_E2E_NS=1 exec unshare -n sh "$0" "$@"
. tests/support/lib.sh
more='link: {budget: 1MiB}'
. tests/support/router.sh
farm_serves

json() { agent status --json | jq -r "$1"; }
is() { [ "$(json "$1")" = "$2" ]; }
fetched() { cut -d ' ' -f 2 "$st/traffic"; }
start_agent
t "the day's bytes run out before the first image is here" \
    until_ok 60 is .cause budget
t "status --why says so" sh -c '"$1" status --config "$2" --why |
    tee /dev/stderr | grep -q "bytes that may be fetched in a day are spent"' \
    sh "$bin/kiln-agent" "$tmp/agent.yaml"
parts() { cat "$st"/tmp/* | wc -c; }
spent() {
	echo "fetched $(fetched), parts $(parts)"
	[ "$(fetched)" -ge 1048576 ] && [ "$(fetched)" -lt 1179648 ] &&
	    [ "$(parts)" -eq "$(fetched)" ]
}
t "no more than a chunk came beyond them, and all of it is kept" spent
day=$(cut -d ' ' -f 1 "$st/traffic")
kill -9 $agent_pid
wait $agent_pid 2>/dev/null
sed -i 's/^link:.*/link: {metered: true}/' "$tmp/agent.yaml"
# The first server is not there.
sed -i "s|^server:.*|server: [\"$server:81\", \"$server\"]|" \
    "$tmp/agent.yaml"
start_agent
t "with another day's bytes, a metered link and a mirror, the first set is taken" \
    until_ok 240 is .phase committed
exactly() {
	want=$(sed -n 's/.*info fetch .* bytes=\([0-9]*\) .*/\1/p' "$tmp/agent.log" |
	    awk '{n += $1} END {print n}')
	echo "fetched $(cat "$st/traffic") in all, wanted $want"
	# A day that ended meanwhile began to count anew.
	[ "$(cut -d ' ' -f 1 "$st/traffic")" != "$day" ] ||
	    [ "$(fetched)" -eq "$want" ]
}
t "no byte was fetched twice" exactly
no_parts() { [ -z "$(ls "$st/tmp")" ]; }
t "no part is left" until_ok 10 no_parts
another "$tmp/two" 1
t "a second set is published" publish 2 "$tmp/two"
kill -USR1 $agent_pid
t "it waits, since nothing that runs was withdrawn" until_ok 60 is .cause metered
t "its owner applies it all the same" agent apply
t "it is committed" until_ok 240 is .set.counter 2
t "the end is clean" sh -c "kill $agent_pid"
wait $agent_pid
t "it ends with 0" test $? -eq 0
tail -n 20 "$tmp/agent.log" | sed 's/^/# /'
finish
