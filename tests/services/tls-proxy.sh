# tls-proxy: two names, two certificates, two servers.
# tools: openssl socat curl
proxy=192.0.2.44
prepare() {
	for c in "ours one.test DNS:one.test" "ours two.test DNS:two.test"; do
		certificate $c 2>/dev/null
	done
	# a server reads all of the question before it answers and goes
	cat >"$tmp/web" <<'END'
end=$(printf '\r')
while read -r line && [ "$line" != "$end" ]; do :; done
printf 'HTTP/1.0 200 OK\r\nContent-Length: 8\r\n\r\nserver %s' "$1"
END
	for n in 1 2; do
		$at_lan socat "TCP-LISTEN:820$n,fork,reuseaddr,bind=192.0.2.100" \
		    "EXEC:sh $tmp/web $n" &
		pids="$pids $!"
	done
}
settings() {
	jq -n --arg at $proxy --arg c1 "$(folded one.test.pem)" \
	    --arg k1 "$(folded one.test.key)" --arg c2 "$(folded two.test.pem)" \
	    --arg k2 "$(folded two.test.key)" '{address: $at, config: {hosts: [
		{name: "one.test", certificate: $c1, key: $k1,
		    to: {address: "192.0.2.100", port: 8201}},
		{name: "two.test", certificate: $c2, key: $k2,
		    to: {address: "192.0.2.100", port: 8202}}]}}'
}
fetches() { # NAME EXPECTED curl-options…
	name=$1 want=$2
	shift 2
	got=$($at_lan curl -sS --max-time 10 --cacert "$k/ours.pem" \
	    --connect-to "$name:443:$proxy:443" "$@" "https://$name/" 2>&1)
	echo "got \"$got\""
	[ "$got" = "$want" ]
}
reaches_nobody() { # NAME
	! $at_lan curl -ksS --max-time 10 --connect-to "$1:443:$proxy:443" \
	    "https://$1/" >"$tmp/got" 2>&1
	rc=$?
	cat "$tmp/got"
	[ $rc -eq 0 ] && ! grep -q server "$tmp/got"
}
old_version() {
	! echo | timeout 10 $at_lan openssl s_client -connect $proxy:443 \
	    -servername one.test -tls1_1 -cipher ALL:@SECLEVEL=0 \
	    >"$tmp/got" 2>&1
}
shows() { # NAME: in its certificate
	echo | timeout 10 $at_lan openssl s_client -connect $proxy:443 \
	    -servername "$1" 2>/dev/null | openssl x509 -noout -subject |
	    tee "$tmp/subject"
	grep -q "$1" "$tmp/subject"
}
prove() {
	t "tls-proxy: one name leads to one server" fetches one.test "server 1"
	t "tls-proxy: … and shows its certificate" shows one.test
	t "tls-proxy: another to another" fetches two.test "server 2"
	t "tls-proxy: … with another certificate" shows two.test
	t "tls-proxy: TLS 1.3 is spoken" fetches one.test "server 1" --tlsv1.3
	t "tls-proxy: TLS 1.1 is not" old_version
	t "tls-proxy: a name that is nobody's reaches nobody" \
	    reaches_nobody three.test
}
