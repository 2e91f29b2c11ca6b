# dhcp: a lease, its renewal, what it says besides, and a host's own address.
# tools: dhclient socat
# stock: dnsmasq
prepare() {
	new_ns && guest=$ns_pid
	at_guest="nsenter --net=/proc/$guest/ns/net"
	$at_guest ip link set lo up
	$at_router ip link add port4 type veth peer name eth0 netns "$guest"
	$at_router ip link set port4 master br-lan up
	$at_guest ip link set eth0 address 02:00:00:00:00:aa
	$at_guest ip link set eth0 up
	mkdir "$tmp/dhclient"
	cat >"$tmp/dhclient/conf" <<END
request subnet-mask, routers, domain-name, domain-name-servers, ntp-servers;
timeout 20;
retry 1;
END
}
settings() {
	jq -n '{address: "192.0.2.67", address6: "2001:db8:7::67", prefix6: 64,
	    config: {domain: "lan", dns: ["192.0.2.5"], ntp: ["192.0.2.1"],
	    hosts: [{name: "nas", address: "192.0.2.7",
		mac: "02:00:00:00:00:07"}],
	    dhcp: {start: "192.0.2.200", end: "192.0.2.220", lease: 3600,
		router: "192.0.2.1"},
	    dhcp6: {start: "2001:db8:7::100", end: "2001:db8:7::1ff",
		lease: 3600, dns: ["2001:db8:7::5"]}}}'
}
link_local() { $at_guest ip -6 address show dev eth0 scope link |
	grep inet6 | grep -qv tentative; }
asks_for_lease() { # FAMILY
	until_ok 10 link_local || return 1 # IPv6 is asked for from there
	asks_dhcp "$at_guest" "$1" "$tmp/dhclient"
}
leased() { # PATTERN FAMILY: it stands in the newest lease
	sed -n 'H; /^lease/{x; s/.*//; x; h}; /^lease6/{h}; ${x; p}' \
	    "$tmp/dhclient/$2.leases"
	grep -q "$1" "$tmp/dhclient/$2.leases"
}
same_again() {
	before=$(sed -n 's/.*fixed-address \(.*\);/\1/p' \
	    "$tmp/dhclient/4.leases" | tail -n 1)
	asks_for_lease 4 || return 1
	after=$(sed -n 's/.*fixed-address \(.*\);/\1/p' \
	    "$tmp/dhclient/4.leases" | tail -n 1)
	echo "$before, then $after"
	[ "$before" ] && [ "$before" = "$after" ] &&
	    grep -q 'DHCPREQUEST' "$tmp/dhclient/4.log" &&
	    ! grep -q 'DHCPDISCOVER' "$tmp/dhclient/4.log"
}
as_nas() {
	rm "$tmp/dhclient/4.leases"
	$at_guest ip link set eth0 down &&
	    $at_guest ip link set eth0 address 02:00:00:00:00:07 &&
	    $at_guest ip link set eth0 up && asks_for_lease 4
}
agent_knows() { grep -q '"192.0.2.7"' "$tmp/agent/leases/dhcp"; }
no_names() {
	$at_lan dig +time=1 +tries=1 @192.0.2.67 router.lan >"$tmp/answer" 2>&1
	cat "$tmp/answer"
	grep -q 'refused\|timed out\|no servers' "$tmp/answer"
}
prove() {
	t "dhcp: a client gets a lease" asks_for_lease 4
	t "dhcp: … from the range" leased 'fixed-address 192\.0\.2\.2[012]' 4
	t "dhcp: … with the router" leased 'routers 192\.0\.2\.1;' 4
	t "dhcp: … the resolver" leased 'domain-name-servers 192\.0\.2\.5;' 4
	t "dhcp: … the clock's server" leased 'ntp-servers 192\.0\.2\.1;' 4
	t "dhcp: … and the LAN's name" leased 'domain-name "lan";' 4
	t "dhcp: the same one when it asks again" same_again
	t "dhcp: a host with an address of its own …" as_nas
	t "dhcp: … gets that" leased 'fixed-address 192\.0\.2\.7;' 4
	t "dhcp: … and the agent keeps it" until_ok 5 agent_knows
	t "dhcp: a client of IPv6 gets an address" asks_for_lease 6
	t "dhcp: … from its range" leased 'iaaddr 2001:db8:7::1' 6
	t "dhcp: it answers no names" no_names
}
