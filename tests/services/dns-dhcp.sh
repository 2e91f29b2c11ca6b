# dns-dhcp: names of the LAN, and a LAN of its own where it gives addresses.
# tools: dig dhclient dhcpcd rdisc6 tcpdump
#
# The router's LAN has dhcp for a server, so this is a second machine, started by
# hand on a cable with one client: $at_home and $at_client.  The client is dhclient,
# the kernel's own autoconfiguration, and dhcpcd with its profile of RFC 7844.
prepare() { :; }
settings() {
	jq -n '{address: "192.0.2.53", config: {domain: "lan",
	    hosts: [{name: "router", address: "192.0.2.53"}]}}'
}
home_settings() {
	jq -n '{address: "192.0.2.53", address6: "2001:db8:8::53", prefix6: 64,
	    config: {domain: "lan",
	    hosts: [{name: "nas", address: "192.0.2.7",
		mac: "02:00:00:00:00:07"}],
	    dhcp: {start: "192.0.2.200", end: "192.0.2.220", lease: 3600,
		router: "192.0.2.1"},
	    dhcp6: {start: "2001:db8:8::100", end: "2001:db8:8::1ff",
		lease: 3600},
	    ra: "both"}}'
}
home() {
	new_ns && house=$ns_pid && new_ns && client=$ns_pid || return 1
	at_home="nsenter --net=/proc/$house/ns/net"
	at_client="nsenter --net=/proc/$client/ns/net"
	$at_home ip link set lo up &&
	    $at_home ip link add br0 type bridge &&
	    $at_home ip link set br0 up || return 1
	for n in 0 1; do
		$at_home ip tuntap add t$n mode tap &&
		    $at_home ip link set t$n master br0 &&
		    $at_home ip link set t$n up || return 1
	done
	$at_client ip link set lo up &&
	    $at_home ip link add port type veth peer name eth0 netns "$client" &&
	    $at_home ip link set port master br0 &&
	    $at_home ip link set port up || return 1
	home_settings >"$tmp/home.json"
	config_disk dns-dhcp "$tmp/home.json" 0 "$tmp/home.disk"
	machine "$at_home" dns-dhcp "$(given_mib dns-dhcp)" "$tmp/home.disk" 0 \
	    t0 t1
	home_machine=$qemu
	mkdir "$tmp/home"
	cat >"$tmp/home/conf" <<END
send host-name "laptop";
send fqdn.fqdn "laptop";
send fqdn.server-update on;
request subnet-mask, routers, domain-name, domain-name-servers, host-name;
timeout 20;
retry 1;
END
	joins 02:00:00:00:00:aa
}
joins() { # MAC: the client's card goes, and comes back as another's
	$at_client ip link set eth0 down &&
	    $at_client ip address flush dev eth0 &&
	    $at_client ip link set eth0 address "$1" &&
	    $at_client sysctl -qw net.ipv6.conf.eth0.accept_ra=1 \
		net.ipv6.conf.eth0.autoconf=1 \
		net.ipv6.conf.eth0.dad_transmits=0 &&
	    $at_client ip link set eth0 up
}
asks_home() { # FAMILY: $address is what it is given, and none of before
	rm -f "$tmp/home/$1.leases"
	asks_dhcp "$at_client" "$1" "$tmp/home" || return 1
	address=$(sed -n 's/.*fixed-address \(.*\);/\1/p
	    s/.*iaaddr \(.*\) {/\1/p' "$tmp/home/$1.leases" | tail -n 1)
	echo "given $address"
}
takes_lease() { # PATTERN of the address
	asks_home 4 && echo "$address" | grep -q "$1" &&
	    $at_client ip address replace "$address/24" dev eth0
}
knows() { # NAME TYPE VALUE, or VALUE by "-x" ADDRESS
	$at_client dig +time=2 +tries=3 +short @192.0.2.53 "$1" "$2" |
	    tee /dev/stderr | grep -qixF "$3"
}
# rdisc6 ends with 0 when one came.
advertised() {
	timeout 20 $at_client rdisc6 -1 -w 2000 -r 5 eth0 >"$tmp/ra" 2>&1
	cat "$tmp/ra"
	[ -s "$tmp/ra" ]
}
in_ra() { tee /dev/stderr <"$tmp/ra" | grep -q "$1"; }
configures_itself() {
	$at_client ip -6 address show dev eth0 scope global dynamic |
	    tee /dev/stderr | grep -q 'inet6 2001:db8:8::ff:fe00:aa/64'
}
no_way_out() { ! $at_client ip -6 route show default | grep .; }
takes_lease6() {
	asks_home 6 && echo "$address" | grep -q '^2001:db8:8::1'
}
# In a mount namespace of its own: it has folders of this machine's for state.
anonymous() {
	cat >"$tmp/dhcpcd.conf" <<END
noipv6
timeout 30
hostname laptop
randomise_hwaddr
anonymous
END
	mkdir -p "$tmp/dhcpcd"
	$at_client ip link set eth0 down
	$at_client ip address flush dev eth0
	$at_home tcpdump -i br0 -n -vv -l udp port 67 \
	    >"$tmp/anonymous" 2>"$tmp/tcpdump" &
	listener=$!
	pids="$pids $listener"
	until_ok 10 grep -q listening "$tmp/tcpdump" || return 1
	$at_client unshare -m sh -c 'mkdir -p /run/dhcpcd &&
	    mount --bind "$0" /var/lib/dhcpcd &&
	    mount -t tmpfs none /run/dhcpcd &&
	    exec dhcpcd -1 -B -d -c /bin/true -f "$1" eth0' \
	    "$tmp/dhcpcd" "$tmp/dhcpcd.conf" >"$tmp/dhcpcd.log" 2>&1 &
	asker=$!
	pids="$pids $asker"
	until_ok 15 grep -q 'leased 192\.0\.2\.2[012]' "$tmp/dhcpcd.log"
	rc=$?
	until_ok 5 grep -q 'DHCP-Message.*ACK' "$tmp/anonymous"
	kill "$listener"
	# It ends by itself, once it has a lease; the signal to end it may lose.
	until_ok 10 sh -c "! kill -0 $asker 2>/dev/null" || kill -9 "$asker"
	cat "$tmp/dhcpcd.log"
	return $rc
}
# RFC 7844 3.7: no name, and of the client identifier the link layer alone.
told_nothing() {
	cat "$tmp/anonymous"
	grep -q 'DHCP-Message.*Discover' "$tmp/anonymous" &&
	    grep -q 'DHCP-Message.*ACK' "$tmp/anonymous" &&
	    ! grep -q 'Hostname\|FQDN\|Vendor-Class\|02:00:00:00:00:' \
		"$tmp/anonymous"
}
prove() {
	t "dns-dhcp: a static host resolves" answers 192.0.2.53 router.lan 192.0.2.53
	t "dns-dhcp: an unknown one does not" says NXDOMAIN 192.0.2.53 nobody.lan
	t "dns-dhcp: a machine begins on a LAN of its own" home
	t "dns-dhcp: … a client gets a lease" until_ok 60 \
	    takes_lease '^192\.0\.2\.2[012][0-9]$'
	t "dns-dhcp: … with the router" grep -q 'routers 192\.0\.2\.1;' \
	    "$tmp/home/4.leases"
	t "dns-dhcp: … and itself as the resolver" \
	    grep -q 'domain-name-servers 192\.0\.2\.53;' "$tmp/home/4.leases"
	t "dns-dhcp: the name of the lease resolves" knows laptop.lan A "$address"
	t "dns-dhcp: … and its address has that name" \
	    knows -x "$address" laptop.lan.
	t "dns-dhcp: it advertises the LAN's prefix" advertised
	t "dns-dhcp: … with itself as the resolver" \
	    in_ra 'Recursive DNS server *: 2001:db8:8::53'
	t "dns-dhcp: … says that it gives addresses, too" \
	    in_ra 'Stateful address conf\. *: *Yes'
	t "dns-dhcp: … and is nobody's way out" in_ra 'Router lifetime *: *0 '
	t "dns-dhcp: the client has configured itself by it" \
	    until_ok 10 configures_itself
	t "dns-dhcp: … without a way out" no_way_out
	t "dns-dhcp: a client of DHCPv6 gets an address" takes_lease6
	t "dns-dhcp: … of which the name resolves, too" \
	    knows laptop.lan AAAA "$address"
	t "dns-dhcp: a host with an address of its own" joins 02:00:00:00:00:07
	t "dns-dhcp: … gets that" takes_lease '^192\.0\.2\.7$'
	t "dns-dhcp: an anonymous client is served (RFC 7844)" anonymous
	t "dns-dhcp: … that told nothing of itself" told_nothing
	kill "$home_machine"
	wait "$home_machine" 2>/dev/null
}
