# vpn-mesh: three sites, two of them behind NAT, and what is left when the one in
# the middle goes.
# tools: nft socat jq mkfs.ext4
#
# "cabin" is the agent's machine, behind the router, which masquerades;
# "office" stands behind a NAT of its own, and "home" in the open.  What crosses
# is TCP between hosts of the two LANs, who say whom they see.  The office's NAT gives
# each connection another port at first, so that nobody can meet it.
cabin=192.0.2.90 home=203.0.113.23 office=198.18.2.70
mesh_secret() { printf 'of-the-invitation-of-%s-0123456789' "$1"; }
prepare() {
	new_ns && nat=$ns_pid
	at_nat="nsenter --net=/proc/$nat/ns/net"
	$at_nat ip link set lo up
	$at_router ip link add port7 type veth peer name out0 netns "$nat"
	$at_router ip link set port7 master br-wan up
	$at_nat ip address add 203.0.113.22/24 dev out0
	$at_nat ip link set out0 up
	for n in in0 in1; do $at_nat ip tuntap add $n mode tap; done
	$at_nat ip address add 198.18.2.1/24 dev in0
	$at_nat ip link set in0 up
	$at_nat ip route add 192.0.2.0/24 via $office
	masquerades "$at_nat" out0 198.18.2.0/24 fully-random
	counts
	$at_router ip address add 203.0.113.21/24 dev br-wan
	masquerades "$at_router" br-wan 192.0.2.0/24
	$at_lan ip route add 198.18.2.0/24 via $cabin
	for n in mesh0 mesh1; do $at_router ip tuntap add $n mode tap; done
	$at_router ip link set mesh0 master br-wan up
	$at_nat socat TCP-LISTEN:8700,fork,reuseaddr,bind=198.18.2.1 \
	    SYSTEM:'echo $SOCAT_PEERADDR' &
	pids="$pids $!"
	$at_nat socat TCP-LISTEN:8701,fork,reuseaddr,bind=198.18.2.1 PIPE &
	pids="$pids $!"
	$at_lan socat TCP-LISTEN:8700,fork,reuseaddr,bind=192.0.2.100 \
	    SYSTEM:'echo $SOCAT_PEERADDR' &
	pids="$pids $!"
	for n in home office; do
		truncate -s 16M "$tmp/$n.ext4" && mkfs.ext4 -q "$tmp/$n.ext4"
	done
}
# Whom else a bridge carries is none of its business.
masquerades() { # NAMESPACE CARD NETWORK [WORD]
	$1 sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward'
	$1 nft -f - <<END
table ip nat
delete table ip nat
table ip nat {
	chain out {
		type nat hook postrouting priority srcnat
		ip saddr $3 oifname "$2" masquerade ${4:-}
	}
	# As routers do: what nobody asked for would take the port of an answer.
	chain in {
		type filter hook input priority filter
		iifname "$2" meta l4proto udp ct state new drop
	}
}
END
}
# At the office's card, behind all that its NAT does: bytes of UDP that go to the
# router and come from it, and what comes from the founder.
counts() {
	$at_nat nft -f - <<END
table ip wire {
	counter there {}
	counter back {}
	counter founder {}
	chain in {
		type filter hook prerouting priority -400
		iifname "out0" ip saddr 203.0.113.21 meta l4proto udp counter name back
		iifname "out0" ip saddr $home counter name founder
	}
	chain out {
		type filter hook postrouting priority 400
		oifname "out0" ip daddr 203.0.113.21 meta l4proto udp counter name there
	}
}
END
}
counted() { # COUNTER
	$at_nat nft -j list counter ip wire "$1" |
	    jq '.nftables[].counter.bytes // empty'
}
joining() { # NAME ADDRESS GATEWAY
	jq -n --arg at "$2" --arg gw "$3" --arg home $home \
	    --arg secret "$(mesh_secret "$1")" '
	    {address: $at, gateway: $gw, config: {join: {secret: $secret,
		endpoint: {address: $home, port: 51820}}}}'
}
settings() { joining cabin $cabin 192.0.2.1 | jq 'del(.gateway)'; }
home_settings() { # [REVOKED]
	jq -n --arg at $home --arg cabin "$(mesh_secret cabin)" \
	    --arg office "$(mesh_secret office)" --arg revoked "${1:-}" '
	    {address: $at, gateway: "203.0.113.1", config: {
		endpoint: {address: $at, port: 51820},
		found: {name: "home", network: "10.66.0.0", invitations: [
		    {name: "cabin", secret: $cabin, lan: "192.0.2.0/24"},
		    {name: "office", secret: $office, lan: "198.18.2.0/24"}],
		    revoked: [$revoked | select(. != "")]}}}'
}
node() { # NAMESPACE NAME NUMBER TAP TAP
	config_disk "$2" "$tmp/$2.json" "$3" "$tmp/disk-mesh-$2" mesh:/data
	machine "$1" vpn-mesh "$(given_mib vpn-mesh)" "$tmp/disk-mesh-$2" "$3" \
	    "$4" "$5" -drive id=vol,file="$tmp/$2.ext4",format=raw,if=none \
	    -device virtio-blk-device,drive=vol,serial=mesh
}
home_starts() { # [REVOKED]
	home_settings "$@" >"$tmp/home.json"
	node "$at_router" home 7 mesh0 mesh1
	home_qemu=$qemu
	until_ok 120 says_of "$at_wan" $home "^home of 10.66.0.1"
}
office_starts() { # [WHOSE]: by that one's invitation
	joining "${1:-office}" $office 198.18.2.1 >"$tmp/office.json"
	node "$at_nat" office 8 in0 in1
	office_qemu=$qemu
}
says_of() { # NAMESPACE ADDRESS PATTERN
	timeout 5 $1 socat -T 3 - "TCP:$2:7655,connect-timeout=3" </dev/null |
	    tee "$tmp/mesh"
	grep -q "$3" "$tmp/mesh"
}
sees() { # WHOM NAMESPACE ADDRESS
	got=$(timeout 10 $2 socat -T 5 - \
	    "TCP:$3:8700,bind=$1,connect-timeout=5" </dev/null)
	echo "got \"$got\""
	[ "$got" = "$1" ]
}
# Each way 100000 bytes between the LANs, and how many on the wire.
many_cross_directly() {
	there=$(counted there) back=$(counted back) founder=$(counted founder)
	head -c 100000 /dev/zero | timeout 20 $at_lan socat -t 5 - \
	    "TCP:198.18.2.1:8701,bind=192.0.2.100" | wc -c >"$tmp/echoed"
	there=$(($(counted there) - there)) back=$(($(counted back) - back))
	founder=$(($(counted founder) - founder))
	echo "$(cat "$tmp/echoed") came back;" \
	    "there $there, back $back, of the founder $founder"
	[ "$(cat "$tmp/echoed")" -eq 100000 ] && [ $there -gt 100000 ] &&
	    [ $back -gt 100000 ] && [ $founder -eq 0 ]
}
crosses() { sees 192.0.2.100 "$at_lan" 198.18.2.1; }
both_ways() { crosses && sees 198.18.2.1 "$at_nat" 192.0.2.100; }
crosses_no_more() { ! crosses; }
relayed() { says_of "$at_wan" $home 'relayed [1-9]'; }
plain_nat() { # what was there before goes with the card
	masquerades "$at_nat" out0 198.18.2.0/24 &&
	    $at_nat ip link set out0 down && $at_nat ip link set out0 up
}
by_the_relay() { # from either side, and why
	why='as the NAT of office is symmetric$'
	says_of "$at_lan" $cabin "^office [0-9]* relay $home:[0-9]*, $why" &&
	    says_of "$at_nat" $office "^cabin [0-9]* relay $home:[0-9]*, $why"
}
directly() { # from either side
	says_of "$at_lan" $cabin '^office [0-9]* direct 203.0.113.22:' &&
	    says_of "$at_nat" $office '^cabin [0-9]* direct 203.0.113.21:'
}
another_with_it() {
	beside_goes $office_qemu && mkfs.ext4 -q -F "$tmp/office.ext4" &&
	    office_starts cabin &&
	    until_ok 120 says_of "$at_nat" $office '^no member: .*not let'
}
without_it() {
	says_of "$at_lan" $cabin '^home .* direct' && ! grep -q office "$tmp/mesh"
}
prove() {
	at_nat="nsenter --net=/proc/$nat/ns/net"
	t "vpn-mesh: who cannot reach its founder is no member" \
	    until_ok 30 says_of "$at_lan" $cabin '^no member'
	t "vpn-mesh: a founder starts" home_starts
	t "vpn-mesh: who was invited becomes a member" \
	    until_ok 90 says_of "$at_lan" $cabin '^cabin of 10.66.0.2'
	office_starts
	t "vpn-mesh: … and another, behind its own NAT" \
	    until_ok 90 says_of "$at_nat" $office '^office of 10.66.0.3'
	t "vpn-mesh: they cannot meet, and go by the relay" \
	    until_ok 90 by_the_relay
	t "vpn-mesh: … packets of the LANs cross" until_ok 30 both_ways
	t "vpn-mesh: … by it" relayed
	t "vpn-mesh: the NAT becomes one of the usual kind" plain_nat
	t "vpn-mesh: … and they meet" until_ok 90 directly
	t "vpn-mesh: who introduced them goes" beside_goes $home_qemu
	t "vpn-mesh: … is missed" \
	    until_ok 90 says_of "$at_lan" $cabin '^home .* silent'
	t "vpn-mesh: … and they see each other all the same" both_ways
	t "vpn-mesh: … over the one wire between them" many_cross_directly
	t "vpn-mesh: … as both say" directly
	t "vpn-mesh: the founder is back, and has revoked one" \
	    home_starts office
	t "vpn-mesh: … the other hears of it" until_ok 90 without_it
	t "vpn-mesh: … and lets nothing of it in" crosses_no_more
	t "vpn-mesh: an invitation that is used makes nobody a member" another_with_it
	beside_goes $office_qemu
	beside_goes $home_qemu
}
