# tls-proxy: two names, two certificates, two servers; a renewed one, and a third
# name, come while it serves.
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
	for n in 1 2 3; do
		$at_lan socat "TCP-LISTEN:820$n,fork,reuseaddr,bind=192.0.2.100" \
		    "EXEC:sh $tmp/web $n" &
		pids="$pids $!"
	done
}
proxies() { # NAME…: the n-th leads to server n
	n=0
	for name; do
		n=$((n + 1))
		jq -n --arg name "$name" --argjson n $n \
		    --arg c "$(folded "$name.pem")" \
		    --arg k "$(folded "$name.key")" '{$name, certificate: $c,
			key: $k, to: {address: "192.0.2.100", port: (8200 + $n)}}'
	done | jq -s --arg at $proxy '{address: $at, config: {hosts: .}}'
}
settings() { proxies one.test two.test; }
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
# --- while it serves -----------------------------------------------------------
serial() { # CERTIFICATE
	openssl x509 -in "$1" -noout -serial | sed 's/.*=//' | tr A-F a-f
}
# One question behind the other, each by a connection of its own: a line with the
# certificate's serial number and what was answered, or "lost".
asks_without_end() {
	while :; do
		if $at_lan curl -sS --max-time 20 --cacert "$k/ours.pem" \
		    --connect-to "one.test:443:$proxy:443" -o "$tmp/asked.body" \
		    -w '%{certs}' https://one.test/ >"$tmp/asked.certs" \
		    2>"$tmp/asked.err"; then
			echo "$(sed -n 's/^Serial Number://p' \
			    "$tmp/asked.certs" | head -n 1) $(cat \
			    "$tmp/asked.body")"
		else
			echo "lost $(cat "$tmp/asked.err")"
		fi
	done >"$tmp/asked" &
	asker=$!
	pids="$pids $asker"
}
ends_asking() {
	kill $asker
	wait $asker 2>/dev/null
	echo "# tls-proxy: asked, by end of serial number:" $(awk '{
		print substr($1, length($1) - 3)}' "$tmp/asked" | uniq -c)
}
asked() { # SERIAL: how often it was shown
	grep -c "^$1 server 1\$" "$tmp/asked"
}
asked_more() { [ "$(asked "$1")" -ge $(($2 + 5)) ]; } # SERIAL THAN
# A question that is not at its end.
holds_open() {
	mkfifo "$tmp/half" &&
	    { $at_lan openssl s_client -quiet -connect $proxy:443 \
		-servername one.test <"$tmp/half" >"$tmp/half.got" 2>&1 & } &&
	    half=$! && pids="$pids $half"
	exec 7>"$tmp/half"
	printf 'GET / HTTP/1.0\r\n' >&7
	until_ok 20 grep -q one.test "$tmp/half.got"
}
half_is_refused() {
	kill -0 $half && printf '\r\n' >&7 &&
	    until_ok 20 half_is_over || return 1
	tail -n 3 "$tmp/half.got"
	! grep -q server "$tmp/half.got"
}
half_is_over() { ! kill -0 $half; }
tells_agent() { # JSON-FILE: as its owner does
	sed "s,^  tls-proxy: .*,  tls-proxy: $(jq -c . "$1" |
	    sed 's/[&,\\]/\\&/g')," "$tmp/agent.yaml" >"$tmp/agent.yaml.new" &&
	    mv "$tmp/agent.yaml.new" "$tmp/agent.yaml" &&
	    "$bin/kiln-agent" run -n --config "$tmp/agent.yaml" &&
	    kill -HUP $agent_pid
}
renews() {
	old=$(serial "$k/one.test.pem")
	certificate ours one.test DNS:one.test &&
	    certificate ours three.test DNS:three.test || return 1
	new=$(serial "$k/one.test.pem")
	proxies one.test two.test three.test >"$tmp/tls-proxy.json"
	had=$(asked "$old")
	tells_agent "$tmp/tls-proxy.json"
}
# What is promised: who asks is answered by one machine or by the other, first
# the one and then the other; what was under way in the moment of the change may
# be refused.
none_but_one_lost() {
	cut -c 1-60 "$tmp/asked" | uniq -c
	echo "$had before the agent was told"
	awk -v old="$old" -v new="$new" -v had="$had" '
	    $1 == old && !seen {n++; next}
	    $1 == new {seen++; next}
	    $1 == "lost" && !lost++ {next}
	    {bad = 1}
	    END {exit bad || n <= had + 1 || seen < 5}' "$tmp/asked"
}
beside_and_kept() {
	grep 'service=tls-proxy state=' "$tmp/agent.log" | tail -n 3
	grep -q 'service=tls-proxy state=trial beside=yes' "$tmp/agent.log" &&
	    grep -q 'service=tls-proxy state=kept' "$tmp/agent.log"
}
twice() { # the same name
	proxies one.test two.test one.test >"$tmp/twice.json"
	tells_agent "$tmp/twice.json"
}
undone() { grep 'service=tls-proxy state=undone' "$tmp/agent.log"; }
none_lost() {
	cut -c 1-60 "$tmp/asked" | uniq -c
	[ "$(asked "$new")" -ge 5 ] && ! grep -qv "^$new server 1$" "$tmp/asked"
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
	asks_without_end
	t "tls-proxy: somebody has a connection open" holds_open
	t "tls-proxy: a certificate is renewed, a third name comes, the agent is told" \
	    renews
	t "tls-proxy: … the new certificate is shown" \
	    until_ok 60 asked_more "$new" 0
	t "tls-proxy: … the third name served" fetches three.test "server 3"
	t "tls-proxy: … the second as before" fetches two.test "server 2"
	ends_asking
	t "tls-proxy: who asked all the time was answered, but once at most" \
	    none_but_one_lost
	t "tls-proxy: a connection that was open is refused at its next word" \
	    half_is_refused
	exec 7>&-
	t "tls-proxy: the machine came beside the one before" \
	    until_ok 20 beside_and_kept
	asks_without_end
	t "tls-proxy: the agent is told what no machine starts with" twice
	t "tls-proxy: … it is not kept" until_ok 60 undone
	t "tls-proxy: … the machine before serves on" \
	    until_ok 30 asked_more "$new" 0
	ends_asking
	t "tls-proxy: … and not one question was lost" none_lost
	t "tls-proxy: the agent is told the former again" \
	    tells_agent "$tmp/tls-proxy.json"
}
