# vpn-wireguard: another implementation comes in, moves, and stays.
# tools: wireguard-go wg socat
# stock: wireguard-tools
#
# The client is a machine of its own beside the LAN; what it reaches through the
# tunnel is a host of the LAN, which has the service as its way back.
tunnel=192.0.2.20
prepare() {
	(umask 077 && wg genkey >"$k/wg.key" && wg genkey >"$k/far.key" &&
	    wg genkey >"$k/stranger.key" && wg genpsk >"$k/wg.psk")
	new_ns && far=$ns_pid
	at_far="nsenter --net=/proc/$far/ns/net"
	$at_far ip link set lo up
	$at_router ip link add port3 type veth peer name far0 netns "$far"
	$at_router ip link set port3 master br-lan up
	$at_far ip address add 192.0.2.120/24 dev far0
	$at_far ip link set far0 up
	$at_lan ip route add 10.9.0.0/24 via $tunnel
	$at_lan socat TCP-LISTEN:8100,fork,reuseaddr,bind=192.0.2.100 \
	    SYSTEM:'echo $SOCAT_PEERADDR' &
	pids="$pids $!"
}
settings() {
	jq -n --arg key "$(cat "$k/wg.key")" --arg psk "$(cat "$k/wg.psk")" \
	    --arg far "$(wg pubkey <"$k/far.key")" --arg at $tunnel '
	    {address: $at, config: {key: $key, addresses: ["10.9.0.1/24"],
	    peers: [{name: "laptop", key: $far, preshared: $psk,
		allowed: ["10.9.0.2/32"]}]}}'
}
card=kiln-far
connects() { # KEYFILE
	WG_PROCESS_FOREGROUND=1 $at_far wireguard-go -f $card \
	    >"$tmp/wg-go.log" 2>&1 &
	goer=$!
	pids="$pids $goer"
	until_ok 10 $at_far wg show $card &&
	    $at_far wg set $card private-key "$1" peer \
		"$(wg pubkey <"$k/wg.key")" preshared-key "$k/wg.psk" \
		endpoint $tunnel:51820 allowed-ips 10.9.0.1/32,192.0.2.100/32 &&
	    $at_far ip address add 10.9.0.2/24 dev $card &&
	    $at_far ip link set $card up &&
	    $at_far ip route add 192.0.2.100/32 dev $card
}
disconnects() {
	kill $goer
	until_ok 10 sh -c "! kill -0 $goer 2>/dev/null"
}
reaches() {
	got=$(timeout 10 $at_far socat -T 5 - \
	    TCP:192.0.2.100:8100,connect-timeout=5 </dev/null)
	echo "got \"$got\""
	[ "$got" = 10.9.0.2 ]
}
status() { $at_lan socat -T 2 - TCP:$tunnel:51821 </dev/null; }
comes_from() {
	status | tee "$tmp/status"
	grep -q "^laptop [0-9]* $1 " "$tmp/status"
}
moves() {
	$at_far ip address del 192.0.2.120/24 dev far0 &&
	    $at_far ip address add 192.0.2.121/24 dev far0 &&
	    $at_far ip route replace 192.0.2.100/32 dev $card
}
never_met() {
	status | tee "$tmp/status"
	grep -q '^laptop -1 - 0$' "$tmp/status"
}
prove() {
	at_far="nsenter --net=/proc/$far/ns/net"
	t "vpn-wireguard: nobody has come in yet" never_met
	t "vpn-wireguard: a stranger's key …" connects "$k/stranger.key"
	t "vpn-wireguard: … leads nowhere" exits 1 reaches
	t "vpn-wireguard: … and is not met" never_met
	disconnects
	t "vpn-wireguard: a peer's key …" connects "$k/far.key"
	t "vpn-wireguard: … leads to a host of the LAN" until_ok 10 reaches
	t "vpn-wireguard: … after a handshake" comes_from 192.0.2.120
	t "vpn-wireguard: the peer moves to another address" moves
	t "vpn-wireguard: … reaches the same host" until_ok 10 reaches
	t "vpn-wireguard: … and is known there" comes_from 192.0.2.121
	disconnects
}
