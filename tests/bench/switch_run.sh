# switch_run.sh BIN RESULT: one router under 1,000 DNS queries a second and a
# new DHCP client every 20 ms: nothing, then updates and rollbacks.  RESULT gets
#	gap WHAT MS	the longest time between two answers
#	lost WHAT N	queries without an answer, wrong or twice
#	held WHAT MS	how long DHCP was held
#	clients WHAT N LEASED TWICE TWO-SERVERS RENEWED
[ -n "${KILN_E2E_NS:-}" ] || KILN_E2E_NS=1 exec unshare -n sh "$0" "$@"
result=$2
. tests/support/lib.sh
. tests/support/router.sh
sed -i 's/prefix: 24/prefix: 16/; s/192\.0\.2\.100/192.0.8.1/
    s/192\.0\.2\.200/192.0.23.250/' "$tmp/agent.yaml"
# They are other machines: what this one is busy with does not keep them from it.
queries=${KILN_QUERIES:-1000} every=${KILN_DHCP_MS:-20}
ahead="chrt --fifo 1"
farm_serves
start_agent
t "the first set is committed" until_ok 60 has '"phase":"committed"'
t "a client joins the LAN" client

loads_on() {
	load_on
	rm -f "$tmp/dhcp-enough"
	clients "$bin/tests/support/dhcpload" eth0 $every "$tmp/dhcp-enough" \
	    >"$tmp/dhcp" 2>/dev/null &
	dhcp=$!
	pids="$pids $dhcp"
	sleep 1
}
loads_off() { # WHAT
	touch "$tmp/dhcp-enough"
	wait $dhcp
	load_off "$1"
	sed 's/^/# /' "$tmp/dhcp"
	awk -v what="$1" '{ print "gap", what, $12
	    print "lost", what, $6 + $8 + $10 }' "$tmp/load" >>"$result"
	awk -v what="$1" '{ print "clients", what, $2, $4, $8, $10, $14 }' \
	    "$tmp/dhcp" >>"$result"
	sed -n "s/.*switch ms=.* held-ms=/held $1 /p" "$tmp/agent.log" |
	    tail -n 1 >>"$result"
}
: >"$result"
loads_on
sleep 6
loads_off none
counter=1
for _ in $(seq 1 "${KILN_ROUNDS:-2}"); do
	counter=$((counter + 1))
	another "$tmp/next" $counter
	t "an image is published" publish $counter "$tmp/next"
	loads_on
	kill -USR1 $agent_pid
	t "it is committed" until_ok 60 \
	    has '"phase":"committed".*"set":{"counter":'$counter
	loads_off update
	running=$counter
	counter=$((counter + 1))
	another "$tmp/next" $counter
	t "an image is published" publish $counter "$tmp/next"
	kill -USR1 $agent_pid
	t "it is on probation" until_ok 60 has '"phase":"probation"'
	loads_on
	t "the owner goes back" agent rollback
	t "it is gone back from" until_ok 30 \
	    has '"phase":"rolled-back".*"set":{"counter":'$running
	loads_off rollback
done
finish
