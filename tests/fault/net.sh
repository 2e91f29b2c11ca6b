#!/bin/sh
# net.sh OUT: what a network does to a router (rows N1 to N6 of ROWS.md): a
# server that misbehaves alone, before a good one, and then behaves.
[ -n "${KILN_E2E_NS:-}" ] || [ "$(id -u)" != 0 ] ||
	KILN_E2E_NS=1 exec unshare -n sh "$0" "$@"
[ -n "${KILN_GUEST:-}" ] || [ ! -e "${1:-out/dev}/test-guest/image" ] ||
	export KILN_GUEST="$(cd "${1:-out/dev}" && pwd)/test-guest"
. tests/support/lib.sh
# Nothing boots: the plan waits for its owner, who wants it here before.
# Each of these servers sends images that are thrown away.
more='updates: ask
write_budget: 1024MiB'
. tests/support/router.sh
farm_serves

bad=http://198.51.100.1:81
echo good >"$tmp/mode"
: >"$tmp/log"
openssl req -x509 -newkey ed25519 -nodes -days 1 -subj /CN=elsewhere \
    -keyout "$tmp/cert" -out "$tmp/cert.pem" 2>/dev/null &&
    cat "$tmp/cert.pem" >>"$tmp/cert"
# signed NAME WHEN DAYS: by an authority that routers know, at that time.
faketime=$(ls /usr/lib/*/faketime/libfaketime.so.1 2>/dev/null) ||
    { echo "libfaketime is not installed" >&2; exit 1; }
at() { t_at=$1; shift; env LD_PRELOAD="$faketime" TZ=UTC FAKETIME="$t_at" "$@"; }
signed() {
	openssl req -new -newkey ed25519 -nodes -subj "/CN=$1" \
	    -keyout "$tmp/$1.key" -out "$tmp/$1.csr" 2>/dev/null &&
	    at "$2" openssl x509 -req -in "$tmp/$1.csr" -CA "$tmp/ca.pem" \
		-CAkey "$tmp/ca.key" -CAcreateserial -days "$3" \
		-extfile "$tmp/san" -out "$tmp/$1.pem" 2>/dev/null &&
	    cat "$tmp/$1.key" "$tmp/$1.pem" >"$tmp/$1.both"
}
authority() {
	echo subjectAltName=IP:198.51.100.1 >"$tmp/san"
	at '@2015-01-01 00:00:00' openssl req -x509 -newkey ed25519 -nodes \
	    -days 14600 -subj /CN=authority -keyout "$tmp/ca.key" \
	    -out "$tmp/ca.pem" 2>/dev/null && signed good -1d 30 &&
	    signed old '@2020-01-01 00:00:00' 365 && signed yesterday -10d 9 &&
	    signed tomorrow +1d 30
}
t "an authority signs certificates for a server, at four times" authority
node tests/fault/bad-server.js 198.51.100.1 81 "$server" "$tmp/mode" "$tmp/log" \
    "$tmp/cert" "$tmp/good.both" "$tmp/old.both" "$tmp/yesterday.both" \
    "$tmp/tomorrow.both" 2>"$tmp/bad.log" &
pids="$pids $!"
t "a server that can misbehave is there" until_ok 20 \
    curl -fsS -o /dev/null $bad/tuf/metadata/timestamp.json
sed -i "s|^server:.*|server: [\"$bad\"]|" "$tmp/agent.yaml"
sed "s|^server:.*|server: [\"$bad\", \"$server\"]|" "$tmp/agent.yaml" \
    >"$tmp/two.yaml"
json() { agent status --json | jq -r "$1"; }
is() { [ "$(json "$1")" = "$2" ]; }

# refuses MODE CAUSE MOST: check says so, after at most so many requests.
refuses() {
	rm -rf "$st"
	echo "$1" >"$tmp/mode"
	: >"$tmp/log"
	timeout 100 "$bin/kiln-agent" check --config "$tmp/agent.yaml" 2>"$tmp/said"
	rc=$?
	cat "$tmp/said" "$tmp/log"
	[ $rc -gt 0 ] && [ $rc -le 75 ] && grep -q "cause=$2" "$tmp/said" &&
	    [ "$(wc -l <"$tmp/log")" -le "$3" ]
}
mirror() {
	timeout 100 "$bin/kiln-agent" check --config "$tmp/two.yaml"
}
metadata() { # MODE CAUSE MOST SENTENCE
	t "$4" refuses "$1" "$2" "$3"
	t "… and the next server is asked" mirror
}
metadata portal busy 1 "N4 a page to log in at is no metadata"
metadata gone missing 2 "N4 a server that has nothing is asked again later"
metadata busy busy 1 "N4 a server that is busy is asked again later"
metadata many busy 1 "N4 a server that had enough is asked again later"
metadata proxy busy 1 "N4 a proxy that wants a name is told of"
metadata reset busy 2 "N4 a connection that is reset is tried again later"
metadata redirect busy 6 "N2 endless redirects come to an end"
metadata file busy 1 "N2 a redirect into the file system is not followed"
metadata headers busy 1 "N2 endless headers come to an end"
metadata endless busy 1 "N2 an endless body comes to an end"
[ "${KILN_FAULTS:-}" != full ] ||
	metadata silent timeout 2 "N3 a server that says nothing is given up"

nobody_vouches() {
	rm -rf "$st"
	echo good >"$tmp/mode"
	for s in "\"https://198.51.100.1:82\"" \
	    "\"https://198.51.100.1:82\", \"$server\""; do
		sed "s|^server:.*|server: [$s]|" "$tmp/agent.yaml" >"$tmp/tls.yaml"
		"$bin/kiln-agent" check --config "$tmp/tls.yaml" 2>"$tmp/said"
		rc="${rc:-} $?"
	done
	cat "$tmp/said" "$tmp/log"
	echo "exits$rc"
	[ "$rc" = " 75 0" ]
}
rc=
t "N6 a certificate that nobody vouches for: the next server is asked" \
    nobody_vouches

# Certificates by the time that is known (fault-tests.md 9, rule 5): a router with
# an /etc of its own, which names the authority, and with a clock of its own.
good=83 old=84 yesterday=85 tomorrow=86
with_etc() { # COMMAND…
	unshare -m sh -c 'mount --bind "$0" /etc && exec "$@"' "$tmp/etc" "$@"
}
trusts() {
	cp -a /etc "$tmp/etc" &&
	    cat "$tmp/ca.pem" >>"$tmp/etc/ssl/certs/ca-certificates.crt"
}
# knows WHAT: the floor of the router's time is now, or the agent's own date.
knows() {
	rm -rf "$st" "$tmp/etc/ld.so.preload"
	[ "$1" = nothing ] ||
	    "$bin/kiln-agent" check --config "$tmp/two.yaml" 2>"$tmp/said" ||
	    { cat "$tmp/said"; return 1; }
}
clock_says() { # TIME
	echo "$1" >"$tmp/etc/faketimerc"
	echo "$faketime" >"$tmp/etc/ld.so.preload"
	with_etc date -u
}
# asks_tls EXIT PORT [SERVER]
asks_tls() {
	sed "s|^server:.*|server: [\"https://198.51.100.1:$2\"${3:+, \"$3\"}]|" \
	    "$tmp/agent.yaml" >"$tmp/tls.yaml"
	with_etc "$bin/kiln-agent" check --config "$tmp/tls.yaml" \
	    2>"$tmp/said"
	rc=$?
	cat "$tmp/said"
	[ $rc = "$1" ]
}
long_ago='@1970-01-02 00:00:00'
by_floor() {
	knows now && clock_says "$long_ago" && asks_tls 0 $good
}
over_by_floor() {
	knows now && clock_says "$long_ago" && asks_tls 75 $old &&
	    grep -q 'certificate has expired' "$tmp/said" &&
	    asks_tls 0 $old "$server"
}
begins_later() {
	knows nothing && clock_says "$long_ago" && asks_tls 0 $good
}
by_clock() {
	knows now && asks_tls 0 $good && asks_tls 75 $yesterday &&
	    grep -q 'certificate has expired' "$tmp/said" &&
	    asks_tls 0 $yesterday "$server" &&
	    asks_tls 75 $tomorrow &&
	    grep -q 'not yet valid' "$tmp/said"
}
echo good >"$tmp/mode"
if [ "$(id -u)" = 0 ] && t_etc=$(trusts 2>&1); then
	t "N6 a clock at 1970: a certificate is judged at the floor of the time" by_floor
	t "N6 … and one that was over by then is refused: the next server is asked" \
	    over_by_floor
	t "N6 … one that begins after all that is known may be good" begins_later
	t "N6 a clock that is believed decides to the letter" by_clock
else
	skip "certificates and clocks want root: ${t_etc:-}"
fi

# --- what a server asks for is obeyed ---------------------------------------------
rm -rf "$st"
echo busy >"$tmp/mode"
start_agent
t "N4 the agent says that it could not ask" until_ok 20 is .phase failed
later() {
	[ "$(json '(.next_check | fromdate) - (.checked | fromdate) >= 7200')" = true ]
}
t "N4 Retry-After is obeyed" until_ok 10 later

# A proxy that wants a name, and redirects in a circle, are no verdict on what is
# offered: the agent asks again in a minute or so, not after its whole interval.
backs_off() { # WORD
	[ "$(json ".phase == \"failed\" and (.error | contains(\"$1\")) and
	    (.next_check | fromdate) - (.checked | fromdate) < 1000")" = true ]
}
soon() { # MODE WORD
	echo "$1" >"$tmp/mode"
	kill -USR1 $agent_pid
	until_ok 20 backs_off "$2"
}
t "N4 behind a proxy that wants a name it backs off" soon proxy 407
t "N4 before redirects in a circle, too" soon redirect redirects

t "N4 before a page to log in at, too" soon portal login

# A report that such a page has answered was not taken.
waits_for_a_server() {
	grep -q 'report.*a page came (200)' "$tmp/agent.log" && [ "$(agent report --show)" ]
}
echo refused >"$tmp/mode"
kill -USR1 $agent_pid
t "N4 what is refused is not reported to a page" until_ok 20 waits_for_a_server
echo good >"$tmp/mode"
kill -USR1 $agent_pid
sent() { ! [ "$(agent report --show)" ]; }
t "N4 … but to the server, once it can be reached" until_ok 20 sent

# --- images --------------------------------------------------------------------------
echo good >"$tmp/mode"
kill -USR1 $agent_pid
t "the plan waits" until_ok 20 is .cause approval
image=$(json '.plan.services[0].image')
there() { [ -e "$st/store/$(printf %.2s "$1")/$1" ]; }
# What came is tried again sooner than the agent would.
comes() { there "$image" || { kill -USR1 $agent_pid; sleep 1; false; }; }
stored() { find "$st/store" -type f | wc -l; }
not_taken() {
	case "$(json '"\(.phase) \(.cause)"')" in
	"failed busy" | "failed timeout" | "failed missing" | "refused bad-input") ;;
	*) false ;;
	esac
}
begun() { # a first part of it is here
	find "$st/store" "$st/tmp" -type f -delete
	echo "targets cut" >"$tmp/mode"
	agent fetch && until_ok 30 not_taken
}
# spoils MODE: nothing of it is stored; then the good one is, from the parts.
spoils() {
	[ "${3:-}" = begun ] || find "$st/store" "$st/tmp" -type f -delete
	echo "targets $1" >"$tmp/mode"
	: >"$tmp/log"
	: >"$tmp/agent.log"
	agent fetch && until_ok "${2:-30}" not_taken ||
	    { agent status --json; return 1; }
	cat "$tmp/log"
	# A kernel, its initrd and an image in three forms at most.
	[ "$(stored)" = 0 ] && [ "$(wc -l <"$tmp/log")" -le 24 ] || return
	echo good >"$tmp/mode"
	agent fetch && until_ok 60 comes && until_ok 20 is .cause approval
}
splices() { begun && spoils "$1" 30 begun; }
heals() { # MODE: it is mended by itself
	begun || return
	echo "targets $1" >"$tmp/mode"
	: >"$tmp/log"
	agent fetch && until_ok 60 comes && cat "$tmp/log" &&
	    grep -q 'bytes=' "$tmp/log"
}
t "N1 a body that is cut off is kept, and gone on with" spoils cut
t "N1 other bytes of the right length are thrown away" spoils other
t "N1 a body that is too long is not taken" spoils longer
[ "${KILN_FAULTS:-}" != full ] ||
	t "N2 an endless image comes to an end" spoils endless 120
t "N4 images are gone" spoils gone
t "N4 a page to log in at is no image" spoils portal
[ "${KILN_FAULTS:-}" != full ] ||
	t "N3 a body that stalls is given up by its rate" spoils stall 400
t "N5 a server that ignores ranges is understood" heals whole
t "N5 another range than was asked for is not spliced in" splices elsewhere
t "N5 a file that changed between two ranges is thrown away" spoils changed
t "the end is clean" kill $agent_pid
wait $agent_pid
t "it ends with 0" test $? -eq 0
tail -n 20 "$tmp/agent.log" | sed 's/^/# /'
finish
