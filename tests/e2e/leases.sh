# DHCP leases outlive the machines that gave them: new clients come all the time
# through an update, a rollback and a restart of the agent.
[ -n "${KILN_E2E_NS:-}" ] || [ "$(id -u)" != 0 ] ||
	KILN_E2E_NS=1 exec unshare -n sh "$0" "$@"
. tests/support/lib.sh
config='{domain: lan, hosts: [{name: router, address: 192.0.2.53}],
      dhcp: {start: 192.0.2.100, end: 192.0.2.250, lease: 3600}}'
. tests/support/router.sh
# 150 addresses are few: the LAN of this test is larger.
sed -i 's/prefix: 24/prefix: 16/; s/192\.0\.2\.100/192.0.8.1/; s/192\.0\.2\.250/192.0.23.250/' \
    "$tmp/agent.yaml"

farm_serves
start_agent
t "the first set is committed" until_ok 150 has '"phase":"committed"'
t "a client joins the LAN" client
pace

dhcp_on() {
	rm -f "$tmp/dhcp-enough"
	clients "$bin/tests/support/dhcpload" eth0 $every "$tmp/dhcp-enough" \
	    >"$tmp/dhcp" 2>"$tmp/dhcp-leases" &
	dhcp=$!
	pids="$pids $dhcp"
}
dhcp_off() { # WHAT
	touch "$tmp/dhcp-enough"
	wait $dhcp
	dhcp_rc=$?
	echo "# $1: $(cat "$tmp/dhcp")"
}
each_one_lease() {
	cat "$tmp/dhcp"
	read -r _ n _ got _ _ _ twice _ both _ <"$tmp/dhcp"
	[ "$dhcp_rc" -eq 0 ] && [ "$n" -gt 20 ] && [ "$got" -eq "$n" ] &&
	    [ "$twice" -eq 0 ] && [ "$both" -eq 0 ]
}
known() { # every acknowledged lease is in the agent's list
	tr '{' '\n' <"$st/leases/dns-dhcp" |
	    sed -n 's/"address":"\([^"]*\)".*"hw":"\([^"]*\)".*/\1 \2/p' |
	    sort >"$tmp/listed"
	sort "$tmp/dhcp-leases" >"$tmp/given"
	[ -s "$tmp/given" ] || return 1
	comm -23 "$tmp/given" "$tmp/listed" | tee "$tmp/unknown"
	[ ! -s "$tmp/unknown" ]
}
another "$tmp/two" 1
t "a second image is published" publish 2 "$tmp/two"
load_on
dhcp_on
sleep 2
kill -USR1 $agent_pid
t "the second set is committed" until_ok 150 \
    has '"phase":"committed".*"set":{"counter":2'
dhcp_off "an update"
load_off "an update"
t "each new client has one lease, and renews it" each_one_lease
t "every acknowledged lease is in the agent's list" until_ok 5 known
t "none of $queries queries a second is lost during the update" none_lost
another "$tmp/three" 2
t "a third image is published" publish 3 "$tmp/three"
load_on
dhcp_on
kill -USR1 $agent_pid
t "it is on the LAN, on probation" until_ok 150 has '"phase":"probation"'
sleep 2
t "the owner goes back" agent rollback
t "the second set serves again" until_ok 30 \
    has '"bad_counter":3.*"phase":"rolled-back".*"set":{"counter":2'
dhcp_off "a rollback"
load_off "a rollback"
t "each new client has one lease, and renews it" each_one_lease
t "every acknowledged lease is in the agent's list" until_ok 5 known
t "none of $queries queries a second is lost during the rollback" none_lost
cp "$tmp/dhcp-leases" "$tmp/before"
kill -9 $agent_pid
wait $agent_pid 2>/dev/null
start_agent
t "after a kill the machine serves again" until_ok 60 answers
dhcp_on
sleep 3
dhcp_off "after a kill"
t "the same clients get the same addresses" sh -c \
    'sort "$1/dhcp-leases" >"$1/again"; sort "$1/before" >"$1/was"
    [ -s "$1/again" ] && [ -z "$(comm -23 "$1/again" "$1/was")" ]' sh "$tmp"
# All of it if something failed.
story="handover|switch"
[ "$failed" -eq 0 ] || story=.
grep -E "$story" "$tmp/agent.log" | sed "s/^/# /"
finish
