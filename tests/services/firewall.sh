# firewall: out and in, between the LAN and the provider's cable.
# with: dns-dhcp
# tools: socat curl
#
# The LAN's clients have the machine as their gateway to 203.0.113.0/24 and to
# 2001:db8:2::/64.  What stands in the provider's network is real: a server that
# says whom it sees.
# As socat writes ::ffff:203.0.113.2, the machine, and its neighbour.
machine="[0000:0000:0000:0000:0000:ffff:cb00:7102]"
provider="[0000:0000:0000:0000:0000:ffff:cb00:7101]"
prepare() {
	$at_lan ip route add 203.0.113.0/24 via 192.0.2.3 &&
	    $at_lan ip address add 2001:db8:1::100/64 dev lan0 nodad &&
	    $at_lan ip route add 2001:db8:2::/64 via 2001:db8:1::3 &&
	    $at_wan ip address add 203.0.113.66/32 dev wan0 &&
	    $at_wan ip address add 203.0.113.67/32 dev wan0 &&
	    $at_wan ip address add 2001:db8:2::1/64 dev wan0 nodad &&
	    $at_wan ip route add 192.0.2.0/24 via 203.0.113.2 &&
	    $at_wan ip route add 2001:db8:1::/64 via 2001:db8:2::2
	# whom does it see? and a server that echoes as long as one likes
	$at_wan socat TCP6-LISTEN:8000,fork,reuseaddr,ipv6only=0 \
	    SYSTEM:'echo $SOCAT_PEERADDR' &
	pids="$pids $!"
	$at_wan socat TCP6-LISTEN:8001,fork,reuseaddr,ipv6only=0 EXEC:cat &
	pids="$pids $!"
	$at_lan socat TCP6-LISTEN:8002,fork,reuseaddr,ipv6only=0 \
	    SYSTEM:'echo LAN $SOCAT_PEERADDR' &
	pids="$pids $!"
	# the name's servers: one answer, then another
	name_leads_to 203.0.113.66
}
name_leads_to() { # ADDRESS: of ads.test, for 5 seconds
	if [ "${names_pid:-}" ]; then
		kill "$names_pid"
		wait "$names_pid" # its port is free then
	fi
	cat >"$tmp/ads.conf" <<END
server:
	ip-address: 192.0.2.8
	port: 53
	username: ""
	chroot: ""
	zonesdir: "$tmp"
	pidfile: ""
	database: ""
	zonelistfile: "$tmp/ads.list"
	xfrdfile: "$tmp/ads.xfrd"
	xfrdir: "$tmp"
	server-count: 1
remote-control:
	control-enable: no
zone:
	name: test
	zonefile: ads.zone
END
	printf '@ 5 SOA ns a 1 60 60 60 5\n@ 5 NS ns\nns 5 A 192.0.2.8\nads 5 A %s\n' \
	    "$1" >"$tmp/ads.zone"
	$at_lan nsd -d -c "$tmp/ads.conf" 2>>"$tmp/ads.log" &
	names_pid=$!
	pids="$pids $names_pid"
}
settings() {
	jq -n '{address: "192.0.2.3", address6: "2001:db8:1::3", prefix6: 64,
	    wan: {address: "203.0.113.2", prefix: 24, gateway: "203.0.113.1",
		address6: "2001:db8:2::2", prefix6: 64},
	    config: {resolver: "192.0.2.8",
		forward: [{proto: "tcp", port: 8080, to: "192.0.2.100",
		    to_port: 8002}],
		open: [{proto: "tcp", port: 8002, to: "2001:db8:1::100"}],
		block: [{to: "ads.test"},
		    {from: "192.0.2.100", proto: "tcp", port: 8003}]}}'
}
gets() { # NAMESPACE ADDRESS PORT: what is said there
	case $1 in lan) from=$at_lan ;; wan) from=$at_wan ;; esac
	timeout 5 $from socat -T 4 - "TCP:$2:$3,connect-timeout=3" </dev/null
}
sees() { # WHOM NAMESPACE ADDRESS PORT
	whom=$1
	shift
	got=$(gets "$@")
	echo "got \"$got\""
	[ "$got" = "$whom" ]
}
closed() { ! gets "$@"; }
loads() { $at_lan socat -T 2 - TCP:192.0.2.3:4747 </dev/null |
	sed 's/.* loads //'; }
reloaded() { [ "$(loads)" -gt "$1" ]; }
# A connection that is open while the rules are replaced, and one port that is
# tried all the time.
held_open() {
	mkfifo "$tmp/talk" &&
	    { $at_lan socat -T 120 - TCP:203.0.113.1:8001 <"$tmp/talk" \
		>"$tmp/heard" & } && talker=$! && pids="$pids $talker"
	exec 7>"$tmp/talk"
	echo before >&7
	until_ok 10 grep -q before "$tmp/heard"
}
still_open() {
	echo after >&7
	until_ok 10 grep -q after "$tmp/heard"
}
try_all_the_time() {
	while :; do
		$at_wan socat -T 1 - \
		    TCP:192.0.2.100:8002,connect-timeout=0.3 </dev/null \
		    2>/dev/null && echo opened
		$at_lan socat -T 1 - TCP:203.0.113.67:8000,connect-timeout=0.3 \
		    </dev/null >/dev/null 2>&1 && echo before-the-name-moved
		echo tried
	done >"$tmp/tries" &
	trier=$!
	pids="$pids $trier"
}
tried() { [ "$(grep -c tried "$tmp/tries")" -gt 3 ]; }
never_opened() {
	sort "$tmp/tries" | uniq -c
	tried && ! grep -q opened "$tmp/tries"
}
follows() { closed lan 203.0.113.67 8000 &&
	sees "$machine" lan 203.0.113.66 8000; }
prove() {
	t "firewall: the LAN goes out, and is seen as the machine's address" \
	    sees "$machine" lan 203.0.113.1 8000
	t "firewall: nobody comes in" closed wan 192.0.2.100 8002
	t "firewall: nor to the machine itself" closed wan 203.0.113.2 4747
	t "firewall: a forwarded port leads to its host, which sees who asks" \
	    sees "LAN $provider" wan 203.0.113.2 8080
	t "firewall: IPv6 goes out as it is" \
	    sees "[2001:0db8:0001:0000:0000:0000:0000:0100]" lan \
	    "[2001:db8:2::1]" 8000
	t "firewall: an open port of IPv6 comes in" \
	    sees "LAN [2001:0db8:0002:0000:0000:0000:0000:0001]" wan \
	    "[2001:db8:1::100]" 8002
	t "firewall: another does not" closed wan "[2001:db8:1::100]" 8001
	t "firewall: a name's address is blocked" \
	    until_ok 20 closed lan 203.0.113.66 8000
	t "firewall: another address is not" sees "$machine" lan 203.0.113.67 8000
	t "firewall: a connection is open" held_open
	was=$(loads)
	try_all_the_time
	name_leads_to 203.0.113.67
	t "firewall: the name leads elsewhere, and the rules are replaced" \
	    until_ok 30 reloaded "$was"
	until_ok 20 tried # the rules may be replaced before its fourth
	kill $trier
	wait $trier
	t "firewall: … what it led to before is open, what it leads to blocked" \
	    until_ok 20 follows
	t "firewall: … the connection still is" still_open
	t "firewall: … and the blocked port never was" never_opened
	exec 7>&-
	kill "$names_pid"
}
