# router-config: the page in a browser, and what it must not do.
# with: dns-dhcp
# tools: node npm chromium curl dig
page=http://192.0.2.89 page_password='a long enough one'
page_state=$tmp/agent/volumes/router-config
prepare() {
	echo 'page: {service: router-config, settings: [dns-dhcp]}' \
	    >"$tmp/router-config.yaml"
	(cd tests/browser && { [ node_modules/.package-lock.json -nt package-lock.json ] ||
	    npm ci --silent; })
}
settings() {
	jq -n '{address: "192.0.2.89", config: {names: ["router.lan"]}}'
}
browses() { # PART; its lines are cases
	$at_lan timeout 600 node tests/services/router-config.js $page "$page_password" "$1" \
	    >"$tmp/browsed-$1" 2>&1
	cat "$tmp/browsed-$1"
	while read -r line; do
		case $line in
		'ok '*) t "router-config: ${line#ok }" true ;;
		'not ok '*) t "router-config: ${line#not ok }" cat "$tmp/browsed-$1" /none ;;
		esac
	done <"$tmp/browsed-$1"
	t "router-config: the browser saw the $1 part" \
	    sh -c "grep -c '^ok' '$tmp/browsed-$1' && ! grep '^not ok' '$tmp/browsed-$1'"
}
page_get() { # STATUS PATH curl-options…
	want=$1 path=$2
	shift 2
	got=$($at_lan curl -sS --max-time 40 -o "$tmp/page" -D "$tmp/heads" \
	    -b "$tmp/jar" -c "$tmp/jar" -w '%{http_code}' "$@" "$page$path")
	echo "status $got: $(cat "$tmp/page")"
	[ "$got" = "$want" ]
}
page_token() {
	page_get 200 / >/dev/null
	sed -n 's/.*name=token value="\([0-9a-f]*\)".*/\1/p;q' "$tmp/page" | tail -c 33
}
enters() {
	page_get 303 /login --data-urlencode "token=$(page_token)" \
	    --data-urlencode "password=$page_password"
}
heads() {
	page_get 200 / && cat "$tmp/heads" &&
	    grep -qi "^content-security-policy: default-src 'none'" "$tmp/heads" &&
	    grep -qi '^cache-control: no-store' "$tmp/heads" &&
	    ! grep -qi '<script' "$tmp/page"
}
wants() { # SERVICE: of the agent, past the page's own forms
	page_get 409 /change --data-urlencode "token=$(page_token)" \
	    --data-urlencode "service=$1" \
	    --data-urlencode 'text={"min_keys":0,"root":"/tmp/mine"}' &&
	    grep -q 'none of the settings of this page' "$tmp/page"
}
untouched() { cmp "$tmp/agent.yaml" "$tmp/agent.yaml.was"; }
secret() {
	for f in "$page_state"/*; do
		grep -aq argon2id "$f" || return 1
		! grep -aqF "$page_password" "$f" || return 1
	done
}
tells() { # what the page changed
	agent status | tee "$tmp/told" && grep -q 'page: hosts (kept)' "$tmp/told" &&
	    agent status --json | jq -e '[.services[] | select(.page)] |
		length == 1 and .[0].service == "dns-dhcp" and
		(.[0].page | .state == "kept" and .changed == ["hosts"])'
}
boots_anew() {
	kill $agent_pid
	wait $agent_pid
	$at_router "$bin/kiln-agent" $life --config "$tmp/agent.yaml" \
	    2>>"$tmp/agent.log" &
	agent_pid=$!
	pids="$pids $agent_pid"
	until_ok 120 answers 192.0.2.53 nas.lan 192.0.2.7 &&
	    until_ok 120 page_get 200 /
}
hurries() { # until the page wants a pause
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		page_get 429 /login --data-urlencode "token=$(page_token)" \
		    --data-urlencode password=wrong-password && return
	done
	return 1
}
prove() {
	cp "$tmp/agent.yaml" "$tmp/agent.yaml.was"
	browses first
	t "router-config: … and the service does what was asked" \
	    until_ok 30 answers 192.0.2.53 nas.lan 192.0.2.7
	t "router-config: … and status says so" until_ok 10 tells
	t "router-config: … and after a restart too" boots_anew
	browses second
	t "router-config: … and the service is as it was at first" \
	    until_ok 30 says NXDOMAIN 192.0.2.53 nas.lan
	t "router-config: no script, and none could run" heads
	t "router-config: another name for it is refused" \
	    page_get 421 / -H 'Host: evil.example'
	t "router-config: a form of another page is refused" \
	    page_get 403 /login -H 'Origin: http://evil.example' -d token=x
	t "router-config: … and one without its token" \
	    page_get 403 /login -d "password=$page_password"
	t "router-config: without a session nothing is changed" \
	    page_get 403 /change --data-urlencode "token=$(page_token)" \
	    -d service=dns-dhcp -d 'text={}'
	t "router-config: curl comes in by the same door" enters
	for what in trust pin keys router-config; do
		t "router-config: the agent gives it no $what" wants $what
	done
	t "router-config: agent.yaml is as its owner wrote it" untouched
	rm -f "$tmp/jar"
	t "router-config: the volume has no password but its hash" secret
	t "router-config: who guesses has to wait" hurries
}
