# dns-resolver: what is signed and what is forged, and upstream over TLS.
# with: dns-dhcp
# tools: dig nsd ldns-signzone openssl tcpdump
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
authority_up() { $at_lan dig +short +time=1 @192.0.2.9 www.tls.test | grep -q .; }
nsd_conf() {
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
}
prepare() {
	mkdir "$tmp/zones"
	t "a zone is signed, and one of its records forged" zones
	certificate ours dns.test DNS:dns.test 2>/dev/null
	nsd_conf
	$at_lan nsd -d -c "$tmp/nsd.conf" 2>"$tmp/nsd.log" &
	pids="$pids $!"
	t "the test's authority serves them" until_ok 20 authority_up
}
settings() {
	jq -n --arg ca "$(folded ours.pem)" --arg ds "$(cat "$tmp/zones/ds")" '
	    {address: "192.0.2.5", config: {ca: $ca, clients: ["192.0.2.0/24"],
	    zones: [
		{name: "lan", servers: [{address: "192.0.2.53"}]},
		{name: "signed.test", anchor: $ds,
		    servers: [{address: "192.0.2.9"}]},
		{name: "tls.test",
		    servers: [{address: "192.0.2.9", name: "dns.test"}]},
		{name: "wrong.test",
		    servers: [{address: "192.0.2.8", name: "other.test"}]}]}}'
}
there() {
	echo | $at_lan timeout 10 openssl s_client -connect 192.0.2.8:853 \
	    -CAfile "$k/ours.pem" -verify_hostname "$1" -verify_return_error
}
stranger() {
	$at_router dig -b 198.51.100.1 +time=3 "@$r" www.signed.test \
	    >"$tmp/answer"
	cat "$tmp/answer"
	grep -q REFUSED "$tmp/answer"
}
# What it asks the authority while a name is asked for twice.
asked_twice() {
	$at_lan tcpdump -i any -n -vv -l src 192.0.2.5 and dst 192.0.2.9 and \
	    udp port 53 >"$tmp/asked" 2>"$tmp/watcher" &
	watcher=$!
	pids="$pids $watcher"
	until_ok 10 grep -q listening "$tmp/watcher" &&
	    answers $r ns.signed.test 192.0.2.9 &&
	    answers $r ns.signed.test 192.0.2.9 &&
	    until_ok 5 grep -q 'A? ns\.signed\.test' "$tmp/asked"
	rc=$?
	kill "$watcher"
	wait "$watcher"
	return $rc
}
asked_once() {
	cat "$tmp/asked"
	[ "$(grep -c ' A? ns\.signed\.test' "$tmp/asked")" = 1 ]
}
no_subnet() { ! grep -i 'ECS\|subnet' "$tmp/asked"; }
keeps_quiet() { ! agent console dns-resolver | grep 'signed\.test'; }
prove() {
	r=192.0.2.5
	t "dns-resolver: a signed name is answered" answers $r www.signed.test 192.0.2.10
	t "dns-resolver: and known to be authentic" \
	    says 'flags:.* ad[ ;]' $r www.signed.test
	t "dns-resolver: a forged signature is refused" \
	    says SERVFAIL $r forged.signed.test
	t "dns-resolver: … the forgery was there to be had" \
	    says '192\.0\.2\.66' $r forged.signed.test +cd
	t "dns-resolver: an upstream is asked over TLS" answers $r www.tls.test 192.0.2.10
	t "dns-resolver: … another one proves that it is dns.test" there dns.test
	t "dns-resolver: … and is refused where it should be other.test" \
	    says SERVFAIL $r www.wrong.test
	t "dns-resolver: the LAN's own zone comes from dns-dhcp" \
	    answers $r router.lan 192.0.2.53
	t "dns-resolver: it answers over TCP" \
	    says 'IN.*A.*192\.0\.2\.10' $r www.signed.test +tcp
	t "dns-resolver: who is no client is refused" stranger
	t "dns-resolver: it does not say what it is" \
	    says REFUSED $r version.bind -c CH -t TXT
	t "dns-resolver: a name is asked for twice" asked_twice
	t "dns-resolver: … and its authority once" asked_once
	t "dns-resolver: … which is not told of the client's network" no_subnet
	t "dns-resolver: no name stands in its log" keeps_quiet
}
