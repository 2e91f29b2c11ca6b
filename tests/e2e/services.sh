# Every recipe baked in both lanes, booted by the agent, and asked by a client
# that nobody here wrote: `make farm-test`, or by hand.  It takes minutes, so
# `make test` leaves it out.  KILN_FARM_STATE names a farm to go on with.
. tests/support/lib.sh

if [ "$(id -u)" != 0 ] || [ ! -c /dev/net/tun ]; then
	skip "the agent wants root and /dev/net/tun"
	finish
fi
for p in dig mosquitto_pub mosquitto_sub nsd ldns-signzone openssl; do
	command -v $p >/dev/null && continue
	skip "no $p: tools/deps farm installs it"
	finish
done

var=${KILN_FARM_STATE:-$tmp/var}
services="dns-dhcp dns-resolver mqtt"
sql() { sqlite3 -readonly "$var/farm.db" "$1"; }
exits() { # CODE command…
	want=$1
	shift
	"$@"
	[ $? -eq "$want" ]
}

# --- baked ---------------------------------------------------------------------
"$bin/kiln-builder" --once --state "$var" --recipes recipes \
    >"$tmp/baked" 2>"$tmp/bake.log"
baked=$?
sed 's/^/# /' "$tmp/baked"
[ $baked -eq 0 ] || tail -n 20 "$tmp/bake.log" | sed 's/^/# /'
t "every recipe is reproduced" test $baked -eq 0
released() {
	for s in kernel $services; do
		sql "SELECT 1 FROM release WHERE service = '$s'" | grep -q 1 ||
		    { echo "no release of $s"; return 1; }
	done
}
t "and its service released" released
sql "SELECT p.recipe || ' ' || o.size FROM current c
    JOIN plan p ON p.digest = c.plan
    JOIN output o ON o.run = (SELECT max(id) FROM run
	WHERE plan = p.digest AND state = 'succeeded')
    WHERE p.stage = 'image' ORDER BY 1" >"$tmp/sizes"
sed 's/^/# image /' "$tmp/sizes"

# --- a router, and behind it a LAN ---------------------------------------------
new_ns() { # its pid is in $ns_pid
	unshare -n sleep 100000 &
	ns_pid=$!
	pids="$pids $ns_pid"
	other() { [ "$(readlink /proc/$ns_pid/ns/net)" != \
	    "$(readlink /proc/self/ns/net)" ]; }
	until_ok 5 other
}
new_ns && router=$ns_pid
new_ns && lan=$ns_pid
# No functions: what runs in the background must have the pid that $! says.
at_router="nsenter --net=/proc/$router/ns/net"
at_lan="nsenter --net=/proc/$lan/ns/net"
wire() {
	$at_router ip link set lo up && $at_lan ip link set lo up &&
	    $at_router ip address add 198.51.100.1/32 dev lo &&
	    $at_router ip link add br-lan type bridge &&
	    $at_router ip link add port1 type veth peer name lan0 netns "$lan" &&
	    $at_router ip link set port1 master br-lan &&
	    $at_router ip link set port1 up &&
	    $at_lan ip address add 192.0.2.100/24 dev lan0 &&
	    $at_lan ip address add 192.0.2.9/24 dev lan0 &&
	    $at_lan ip address add 192.0.2.8/24 dev lan0 &&
	    $at_lan ip link set lan0 up &&
	    $at_lan ip route add default via 192.0.2.1
}
t "a router and a LAN are wired" wire

# --- certificates, users, zones ------------------------------------------------
k=$tmp/keys
mkdir "$k"
authority() { # NAME
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
	    -subj "/CN=$1" -days 2 -keyout "$k/$1.key" -out "$k/$1.pem"
}
certificate() { # AUTHORITY NAME SAN
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
	    -subj "/CN=$2" -keyout "$k/$2.key" -out "$k/$2.csr" &&
	    echo "subjectAltName=$3" >"$k/$2.ext" &&
	    openssl x509 -req -in "$k/$2.csr" -CA "$k/$1.pem" \
		-CAkey "$k/$1.key" -CAcreateserial -days 2 \
		-extfile "$k/$2.ext" -out "$k/$2.pem"
}
certificates() {
	authority ours && authority theirs &&
	    certificate ours broker IP:192.0.2.18 &&
	    certificate ours laptop DNS:laptop &&
	    certificate theirs stranger DNS:stranger &&
	    certificate ours dns.test DNS:dns.test
}
t "certificates are made" certificates
folded() { tr '\n' ' ' <"$k/$1" | sed 's/ $//'; }
# What mosquitto_passwd writes, made by somebody else.
password() {
	salt=00112233445566778899aabb
	printf '$7$101$%s$%s' \
	    "$(printf '%s' "$salt" | sed 's/../\\x&/g' |
		xargs -0 env printf | base64 -w 0)" \
	    "$(openssl kdf -keylen 64 -kdfopt digest:SHA512 -kdfopt "pass:$1" \
		-kdfopt "hexsalt:$salt" -kdfopt iter:101 -binary PBKDF2 |
		base64 -w 0)"
}

mkdir "$tmp/zones"
zone() { # NAME
	cat >"$tmp/zones/$1" <<END
\$ORIGIN $1.
\$TTL 60
@	SOA ns admin 1 3600 600 86400 60
@	NS ns
ns	A 192.0.2.9
www	A 192.0.2.10
forged	A 192.0.2.11
END
}
zones() {
	for z in signed.test tls.test wrong.test; do zone $z; done
	(cd "$tmp/zones" && key=$(ldns-keygen -a ECDSAP256SHA256 -k signed.test) &&
	    ldns-signzone -f signed.test.signed signed.test "$key" &&
	    ldns-key2ds -n -2 "$key.key" | tr '\t' ' ' |
	    sed 's/.* DS //; s/^\([0-9]* [0-9]* [0-9]*\) /\1 /' >ds &&
	    # Its signature stays what it was.
	    sed -i '/^forged.*\tA\t/s/192\.0\.2\.11/192.0.2.66/' \
		signed.test.signed &&
	    grep -q '192\.0\.2\.66' signed.test.signed && [ -s ds ])
}
t "a zone is signed, and one of its records forged" zones
cat >"$tmp/nsd.conf" <<EOF
server:
	ip-address: 192.0.2.9
	ip-address: 192.0.2.9@853
	ip-address: 192.0.2.8@853
	tls-port: 853
	tls-service-key: "$k/dns.test.key"
	tls-service-pem: "$k/dns.test.pem"
	username: ""
	chroot: ""
	zonesdir: "$tmp/zones"
	pidfile: ""
	database: ""
	zonelistfile: "$tmp/nsd.list"
	xfrdfile: "$tmp/nsd.xfrd"
	xfrdir: "$tmp"
	server-count: 1
remote-control:
	control-enable: no
zone:
	name: signed.test
	zonefile: signed.test.signed
zone:
	name: tls.test
	zonefile: tls.test
zone:
	name: wrong.test
	zonefile: wrong.test
EOF
$at_lan nsd -d -c "$tmp/nsd.conf" 2>"$tmp/nsd.log" &
pids="$pids $!"
authority_up() { $at_lan dig +short +time=1 @192.0.2.9 www.tls.test | grep -q .; }
t "the test's authority serves them" until_ok 20 authority_up

# --- published, and run by the agent -------------------------------------------
cat >"$tmp/agent.yaml" <<EOF
state: $tmp/agent
server: ["http://198.51.100.1"]
channel: edge
demo: true
trust: {root: $tmp/root.json, min_keys: 1}
poll: 1h
accel: ${KILN_ACCEL:-tcg}
lan: {bridge: br-lan, address: 192.0.2.1, prefix: 24}
services:
  dns-dhcp:
    address: 192.0.2.53
    config: {domain: lan, hosts: [{name: router, address: 192.0.2.53}]}
  dns-resolver:
    address: 192.0.2.5
    config:
      ca: "$(folded ours.pem)"
      clients: [192.0.2.0/24]
      zones:
        - {name: lan, servers: [{address: 192.0.2.53}]}
        - name: signed.test
          anchor: "$(cat "$tmp/zones/ds")"
          servers: [{address: 192.0.2.9}]
        - name: tls.test
          servers: [{address: 192.0.2.9, name: dns.test}]
        - name: wrong.test
          servers: [{address: 192.0.2.8, name: other.test}]
  mqtt:
    address: 192.0.2.18
    config:
      users: [{name: sensor, password: "$(password secret)"}]
      listeners:
        - {port: 1883}
        - port: 8883
          tls:
            certificate: "$(folded broker.pem)"
            key: "$(folded broker.key)"
            clients: "$(folded ours.pem)"
reports: off
EOF
agent() {
	verb=$1
	shift
	$at_router "$bin/kiln-agent" "$verb" --config "$tmp/agent.yaml" "$@"
}
publish() {
	[ -e "$var/tuf/metadata/1.root.json" ] ||
	    "$bin/kiln-tuf" init --state "$var" --demo --service kernel \
		$(printf ' --service %s' $services) || return 1
	"$bin/kiln-tuf" export-root --state "$var" >"$tmp/root.json" &&
	    "$bin/kiln-tuf" serve --once --state "$var"
}
t "all of it is published" publish
$at_router "$bin/kiln-web" --state "$var" --listen 198.51.100.1:80 \
    2>"$tmp/web.log" &
pids="$pids $!"
t "kiln-web serves it" until_ok 20 $at_router \
    curl -fsS -o /dev/null http://198.51.100.1/tuf/metadata/timestamp.json
began=$(date +%s)
$at_router "$bin/kiln-agent" run --config "$tmp/agent.yaml" \
    2>"$tmp/agent.log" &
pids="$pids $!"
committed() { agent status --json | grep -q '"phase":"committed"'; }
t "every machine passes its probe, and the set is committed" \
    until_ok 240 committed
if ! committed; then
	tail -n 40 "$tmp/agent.log" | sed 's/^/# /'
	finish
fi
echo "# from nothing to committed: $(($(date +%s) - began)) s"
agent status | sed 's/^/# /'

# --- dns-dhcp ------------------------------------------------------------------
ask() { # SERVER NAME dig-options…
	server=$1 name=$2
	shift 2
	$at_lan dig +time=3 +tries=3 "@$server" "$name" "$@"
}
says() { # PATTERN SERVER NAME dig-options…
	word=$1
	shift
	ask "$@" >"$tmp/answer"
	cat "$tmp/answer"
	grep -q "$word" "$tmp/answer"
}
answers() { # SERVER NAME ADDRESS
	says "IN[[:space:]]A[[:space:]]$3" "$1" "$2" A
}
t "dns-dhcp: a static host resolves" answers 192.0.2.53 router.lan 192.0.2.53
t "dns-dhcp: an unknown one does not" says NXDOMAIN 192.0.2.53 nobody.lan

# --- dns-resolver --------------------------------------------------------------
r=192.0.2.5
t "dns-resolver: a signed name is answered" answers $r www.signed.test 192.0.2.10
t "dns-resolver: and known to be authentic" \
    says 'flags:.* ad[ ;]' $r www.signed.test
t "dns-resolver: a forged signature is refused" \
    says SERVFAIL $r forged.signed.test
t "dns-resolver: … the forgery was there to be had" \
    says '192\.0\.2\.66' $r forged.signed.test +cd
t "dns-resolver: an upstream is asked over TLS" answers $r www.tls.test 192.0.2.10
there() {
	echo | $at_lan timeout 10 openssl s_client -connect 192.0.2.8:853 \
	    -CAfile "$k/ours.pem" -verify_hostname "$1" -verify_return_error
}
t "dns-resolver: … another one proves that it is dns.test" there dns.test
t "dns-resolver: … and is refused where it should be other.test" \
    says SERVFAIL $r www.wrong.test
t "dns-resolver: the LAN's own zone comes from dns-dhcp" \
    answers $r router.lan 192.0.2.53
t "dns-resolver: it answers over TCP" \
    says 'IN.*A.*192\.0\.2\.10' $r www.signed.test +tcp
stranger() {
	$at_router dig -b 198.51.100.1 +time=3 "@$r" www.signed.test \
	    >"$tmp/answer"
	cat "$tmp/answer"
	grep -q REFUSED "$tmp/answer"
}
t "dns-resolver: who is no client is refused" stranger
t "dns-resolver: it does not say what it is" \
    says REFUSED $r version.bind -c CH -t TXT

# --- mqtt ----------------------------------------------------------------------
b=192.0.2.18
publishes() {
	$at_lan timeout 20 mosquitto_pub -h $b -t "$topic" -m "$1" -r -q 1 $login
}
receives() {
	got=$($at_lan timeout 20 mosquitto_sub -h $b -t "$topic" -C 1 -W 10 $login)
	echo "got \"$got\""
	[ "$got" = "$1" ]
}
topic=kiln/retained login="-u sensor -P secret"
t "mqtt: a user publishes" publishes 21.5
t "mqtt: and who comes later is given it" receives 21.5
arrives() {
	$at_lan timeout 20 mosquitto_sub -h $b -t kiln/live -C 1 -W 15 $login \
	    >"$tmp/live" &
	sub=$!
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		$at_lan mosquitto_pub -h $b -t kiln/live -m now $login
		kill -0 $sub 2>/dev/null || break
		sleep 0.5
	done
	wait $sub
	[ "$(cat "$tmp/live")" = now ]
}
t "mqtt: what is published arrives" arrives
refused() {
	publishes no 2>"$tmp/refused"
	rc=$?
	cat "$tmp/refused"
	[ $rc -ne 0 ] && [ $rc -ne 124 ]
}
fill() {
	head -c 200000 /dev/zero >"$tmp/large"
	n=0
	while [ $n -lt 200 ]; do
		n=$((n + 1))
		$at_lan timeout 20 mosquitto_pub -h $b -t "fill/$n" -r -q 1 \
		    -f "$tmp/large" $login 2>/dev/null || break
	done
	echo "full after $n messages of 200000 bytes"
	[ $n -gt 10 ] && [ $n -lt 200 ]
}
t "mqtt: when memory is full it refuses more" fill
cat "$tmp/case.out" | sed 's/^/# /'
t "mqtt: and lives: what was retained is still there" receives 21.5
login="-u sensor -P wrong"
t "mqtt: a wrong password is refused" refused
login=
t "mqtt: who has no name is refused" refused
tls="-p 8883 --cafile $k/ours.pem"
login="$tls --cert $k/laptop.pem --key $k/laptop.key"
topic=kiln/tls
t "mqtt: a client certificate comes in over TLS" publishes 22.5
t "mqtt: and is served" receives 22.5
login="$tls --cert $k/stranger.pem --key $k/stranger.key"
t "mqtt: another authority's is refused" refused
login="$tls -u sensor -P secret"
t "mqtt: a password is no certificate" refused
login="-p 8883 --cafile $k/theirs.pem --cert $k/laptop.pem --key $k/laptop.key"
t "mqtt: a client refuses a broker it does not know" refused

[ $failed -eq 0 ] || tail -n 40 "$tmp/agent.log" | sed 's/^/# /'
finish
