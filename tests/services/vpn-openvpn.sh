# vpn-openvpn: the LAN's way out through a tunnel, and no other way.
# tools: openvpn socat jq
#
# The machine is the client of a server that Debian's own OpenVPN is, on a
# machine beside the LAN.  Behind it is 198.18.0.1, which says whom it sees; the
# router has an address of the same name, so that whoever gets there has left
# the tunnel.  A second machine, started by hand from the same image, is a
# server; Debian's OpenVPN comes in.
ovpn=192.0.2.60 ovpn_server=192.0.2.61
prepare() {
	# A client looks whether who answers may be a server.
	certificate ours vpn "DNS:vpn
keyUsage=digitalSignature
extendedKeyUsage=serverAuth" 2>/dev/null
	certificate ours router DNS:router 2>/dev/null
	certificate ours traveller DNS:traveller 2>/dev/null
	for n in one two; do
		openvpn --genkey tls-crypt-v2-server "$k/$n.v2"
		openvpn --tls-crypt-v2 "$k/$n.v2" \
		    --genkey tls-crypt-v2-client "$k/$n.client"
	done
	new_ns && outside=$ns_pid
	at_outside="nsenter --net=/proc/$outside/ns/net"
	$at_outside ip link set lo up
	$at_router ip link add port6 type veth peer name out0 netns "$outside"
	$at_router ip link set port6 master br-lan up
	$at_outside ip address add 192.0.2.160/24 dev out0
	$at_outside ip address add 198.18.0.1/32 dev lo
	$at_outside ip link set out0 up
	$at_router ip address add 198.18.0.1/32 dev lo
	$at_lan ip route add 198.18.0.0/24 via $ovpn
	$at_lan ip route add 10.7.0.0/24 via $ovpn_server
	$at_outside socat TCP-LISTEN:8600,fork,reuseaddr,bind=198.18.0.1 \
	    SYSTEM:'echo $SOCAT_PEERADDR' &
	pids="$pids $!"
	$at_router socat TCP-LISTEN:8600,fork,reuseaddr,bind=198.18.0.1 \
	    SYSTEM:'echo leaked' &
	pids="$pids $!"
	$at_lan socat TCP-LISTEN:8601,fork,reuseaddr,bind=192.0.2.100 \
	    SYSTEM:'echo $SOCAT_PEERADDR' &
	pids="$pids $!"
}
block() { printf '<%s>\n%s\n</%s>\n' "$1" "$(cat "$k/$2")" "$1"; }
# As a provider writes it.
client_file() { # NAME V2-KEY REMOTE
	cat <<END
# made for $1
client
dev tun
proto udp
remote $3 1194
resolv-retry infinite
nobind
user nobody
group nogroup
persist-key
persist-tun
remote-cert-tls server
verify-x509-name vpn name
cipher AES-256-GCM
keepalive 1 4
connect-retry 1 2
hand-window 5
verb 3
END
	block ca ours.pem
	block cert "$1.pem"
	block key "$1.key"
	block tls-crypt-v2 "$2"
}
server_file() { # ADDRESSES PUSHED
	cat <<END
port 1194
proto udp
dev tun
topology subnet
server $1 255.255.255.0
push "route $2"
dh none
keepalive 1 4
END
	block ca ours.pem
	block cert vpn.pem
	block key vpn.key
	block tls-crypt-v2 one.v2
}
as_lines() { jq -Rs 'rtrimstr("\n") | split("\n")'; }
settings() {
	client_file router one.client 192.0.2.160 | as_lines |
	    jq --arg at $ovpn '{address: $at, config: {ovpn: .}}'
}
provider_starts() {
	server_file 10.6.0.0 "198.18.0.0 255.255.255.0" >"$tmp/provider.conf"
	$at_outside openvpn --config "$tmp/provider.conf" --dev kiln-ovpn \
	    --dev-type tun >>"$tmp/provider.log" 2>&1 &
	provider=$!
	pids="$pids $provider"
}
provider_goes() {
	kill -9 $provider
	until_ok 10 sh -c "! kill -0 $provider 2>/dev/null"
}
gets() { # NAMESPACE ADDRESS PORT
	got=$(timeout 5 $1 socat -T 3 - "TCP:$2:$3,connect-timeout=3" </dev/null)
	echo "got \"$got\""
}
sees() { # WHOM NAMESPACE ADDRESS PORT
	gets "$2" "$3" "$4"
	[ "$got" = "$1" ]
}
dropped() {
	gets "$at_lan" 198.18.0.1 8600
	[ -z "$got" ]
}
trap_works() {
	$at_lan ip route replace 198.18.0.0/24 via 192.0.2.1
	sees leaked "$at_lan" 198.18.0.1 8600
	rc=$?
	$at_lan ip route replace 198.18.0.0/24 via $ovpn
	return $rc
}
status() { # PATTERN
	$at_lan socat -T 3 - TCP:$ovpn:1195 </dev/null | tee "$tmp/status"
	grep -q "$1" "$tmp/status"
}
serve_by_hand() {
	server_file 10.7.0.0 "192.0.2.100 255.255.255.255" | as_lines |
	    jq --arg at $ovpn_server '{address: $at, config: {ovpn: .}}' \
		>"$tmp/ovpn-server.json" &&
	    beside vpn-openvpn "$tmp/ovpn-server.json" &&
	    until_ok 60 $at_lan socat -T 3 - TCP:$ovpn_server:1195 </dev/null
}
comes_in() { # V2-KEY
	client_file traveller "$1" $ovpn_server >"$tmp/laptop.conf"
	$at_outside openvpn --config "$tmp/laptop.conf" --dev kiln-in \
	    --dev-type tun >"$tmp/laptop.log" 2>&1 &
	laptop=$!
	pids="$pids $laptop"
}
laptop_goes() {
	kill $laptop
	until_ok 10 sh -c "! kill -0 $laptop 2>/dev/null"
}
asked_in_vain() {
	tail -n 3 "$tmp/laptop.log"
	grep -q 'Inactivity timeout\|TLS Error' "$tmp/laptop.log" &&
	    ! grep -q 'Initialization Sequence Completed' "$tmp/laptop.log"
}
prove() {
	at_outside="nsenter --net=/proc/$outside/ns/net"
	t "vpn-openvpn: who leaves the tunnel would be seen" trap_works
	t "vpn-openvpn: without a provider the tunnel is down" status ^down
	t "vpn-openvpn: … and nothing goes out" dropped
	provider_starts
	t "vpn-openvpn: a provider appears, and the tunnel is up" \
	    until_ok 30 status "^up 10.6.0.2"
	t "vpn-openvpn: the LAN goes out through it, by the tunnel's address" \
	    until_ok 20 sees 10.6.0.2 "$at_lan" 198.18.0.1 8600
	provider_goes
	t "vpn-openvpn: the provider goes, and the tunnel is down" \
	    until_ok 40 status ^down
	t "vpn-openvpn: … nothing goes out" dropped
	provider_starts
	t "vpn-openvpn: it comes back, and so does the LAN's way out" \
	    until_ok 60 sees 10.6.0.2 "$at_lan" 198.18.0.1 8600
	t "vpn-openvpn: another machine is a server" serve_by_hand
	comes_in two.client
	t "vpn-openvpn: who has another key is not answered" \
	    until_ok 90 asked_in_vain
	laptop_goes
	comes_in one.client
	t "vpn-openvpn: who has its key comes in, and reaches a host of the LAN" \
	    until_ok 40 sees 10.7.0.2 "$at_outside" 192.0.2.100 8601
	laptop_goes
}
