# mqtt: users, client certificates, what is retained.
# tools: mosquitto_pub mosquitto_sub openssl jq
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
prepare() {
	for c in "ours broker IP:192.0.2.18" "ours laptop DNS:laptop" \
	    "theirs stranger DNS:stranger"; do
		certificate $c 2>/dev/null
	done
}
settings() {
	jq -n --arg password "$(password secret)" \
	    --arg certificate "$(folded broker.pem)" \
	    --arg key "$(folded broker.key)" --arg clients "$(folded ours.pem)" '
	    {address: "192.0.2.18", config: {
	    users: [{name: "sensor", password: $password}],
	    history: [{topic: "hall/#", keep: 3}],
	    listeners: [{port: 1883}, {port: 8883, tls:
		{certificate: $certificate, key: $key, clients: $clients}}]}}'
}
publishes() {
	$at_lan timeout 20 mosquitto_pub -h $b -t "$topic" -m "$1" -r -q 1 $login
}
receives() {
	got=$($at_lan timeout 20 mosquitto_sub -h $b -t "$topic" -C 1 -W 10 $login)
	echo "got \"$got\""
	[ "$got" = "$1" ]
}
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
# A subscriber of its own for each answer, so that it is there before the question.
history_of() { # TOPIC EXPECTED jq-filter
	id=$(date +%s%N)
	$at_lan timeout 30 mosquitto_sub -h $b -t "history/answer/$id" -C 1 \
	    $login >"$tmp/answer" &
	sub=$!
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		$at_lan mosquitto_pub -h $b -t history/ask $login -m \
		    "{\"topic\":\"$1\",\"to\":\"history/answer/$id\"}"
		kill -0 $sub 2>/dev/null || break
		sleep 0.5
	done
	wait $sub
	cat "$tmp/answer"
	[ "$(jq -c "$3" "$tmp/answer")" = "$2" ]
}
says_four() {
	for n in 1 2 3 4; do
		$at_lan mosquitto_pub -h $b -t hall/door -q 1 -m "word $n" \
		    $login || return 1
	done
}
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
prove() {
	b=192.0.2.18
	topic=kiln/retained login="-u sensor -P secret"
	t "mqtt: a user publishes" publishes 21.5
	t "mqtt: and who comes later is given it" receives 21.5
	t "mqtt: what is published arrives" arrives
	t "mqtt: a topic says four things" says_four
	t "mqtt: its history holds the last three, in order" history_of \
	    hall/door '["word 2","word 3","word 4"]' '[.messages[].text]'
	t "mqtt: … and nothing of what is not kept" history_of \
	    kiln/live '[]' .messages
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
}
