# The router's part alone, in a network namespace of its own: a tree that
# kiln-tuf made, kiln-web before it, and machines that boot.  The guest is taken
# from $KILN_GUEST (vmlinuz, initrd, image), else from what `make run` built.
[ -n "${KILN_E2E_NS:-}" ] || [ "$(id -u)" != 0 ] ||
	KILN_E2E_NS=1 exec unshare -n sh "$0" "$@"
. tests/support/lib.sh

. tests/support/router.sh
farm_serves

# --- what must be refused ------------------------------------------------------
refused() { # WORD sed-expression
	sed "$2" "$tmp/agent.yaml" >"$tmp/other.yaml"
	"$bin/kiln-agent" check --config "$tmp/other.yaml" 2>"$tmp/refused"
	rc=$?
	cat "$tmp/refused"
	[ $rc -eq 4 ] && grep -q "refused ($1)" "$tmp/refused"
}
t "a demonstration is refused unless wanted" refused demo 's/^demo: true/demo: false/'
t "an image by too few keys is refused" \
    refused too-few-keys 's/min_keys: 1/min_keys: 2/'
t "an empty channel is refused" refused no-set 's/^channel: edge/channel: stable/'
t "another architecture is refused" refused no-set 's/^demo/arch: arm64\ndemo/'
t "a service that is not in the set is refused" \
    refused not-in-set 's/^services:/services:\n  ntp: {address: 192.0.2.54}/'
t "an unknown key is an error with its line" exits 2 sh -c \
    'sed "s/^poll/pool/" "$1/agent.yaml" >"$1/bad.yaml"
    "$2/kiln-agent" run -n --config "$1/bad.yaml" 2>&1 | tee "$1/out" >&2
    grep -q "bad.yaml:6:" "$1/out" && exit 2' sh "$tmp" "$bin"

# --- the first set -------------------------------------------------------------
t "check prints the plan" exits 0 agent check
start_agent
t "the first set is committed" until_ok 150 has '"phase":"committed"'
agent status | sed 's/^/# /'
t "the machine answers from the LAN" until_ok 10 answers
t "status counts its memory, its time and its starts" until_ok 20 has \
    '"memory":[1-9][0-9]*.*"restarts":0'
t "the machine answers over TCP" \
    "$bin/kiln-agent" probe dns 192.0.2.53 router.lan --tcp
# Other agents may run on this host: only children of ours count.
qemu() { pgrep -P $agent_pid -f 'name kiln-dns-dhcp' | head -n 1; }
walls() {
	p=/proc/$(qemu)
	uid=$(awk '/^Uid:/ {print $2}' "$p/status")
	caps=$(awk '/^CapEff:/ {print $2}' "$p/status")
	filter=$(awk '/^Seccomp:/ {print $2}' "$p/status")
	echo "uid $uid caps $caps seccomp $filter"
	[ "$uid" -ge 60832 ] && [ "$caps" = 0000000000000000 ] &&
	    [ "$filter" = 2 ] &&
	    [ "$(readlink "$p/ns/net")" != "$(readlink /proc/self/ns/net)" ]
}
t "QEMU has a uid, a filter and a network of its own, and no capability" walls
t "a second agent on the same folder is told to try again" \
    exits 75 agent run --once
asked() { agent check | grep -q 'nothing newer is offered'; }
t "check asks the agent that works, and tells its answer" asked

# --- an update under questions, and one that fails -----------------------------
t "a client joins the LAN" client
pace
load_on
sleep 2
load_off "without a switch"
t "none of $queries queries a second is lost without a switch" none_lost
another "$tmp/two" 1
t "a second image is published" publish 2 "$tmp/two"
t "the owner holds what runs" agent hold 1h
kill -USR1 $agent_pid
t "so the second set waits" until_ok 20 has \
    '"phase":"waiting".*"set":{"counter":1'
why() { agent status --why | tee /dev/stderr | grep -q 'the owner holds all'; }
t "and status --why says so" why
t "a hold of nonsense is refused" exits 2 agent hold soon
t "the owner lets go" agent hold off
load_on
kill -USR1 $agent_pid
t "the second set is committed" until_ok 150 \
    has '"phase":"committed".*"set":{"counter":2'
load_off "an update"
says() { grep -q "$1" "$tmp/agent.log"; }
t "its image came as a delta" says 'form=delta'
t "none of $queries queries a second is lost during an update" none_lost
as_quick() {
	new=$(pgrep -n -P $agent_pid -f 'name kiln-dns-dhcp')
	[ "$(ps -o ni= -p "$new")" = "$(ps -o ni= -p $agent_pid)" ]
}
t "the new machine, which waited for others before, waits no more" as_quick
another "$tmp/three" 2
t "a third image is published" publish 3 "$tmp/three"
delta() { ls "$var"/tuf/targets/transport/dns-dhcp/amd64/*.from.*; }
spoil() {
	for f in $(delta); do
		size=$(stat -c %s "$f")
		rm "$f" && head -c "$size" /dev/urandom >"$f" || return 1
	done
	[ "$size" -gt 0 ]
}
t "its delta is spoilt on the server" spoil
t "nothing on trial, nothing to go back from" exits 1 agent rollback
kill -USR1 $agent_pid
t "it is on the LAN, on probation" until_ok 150 has '"phase":"probation"'
t "what the server sent was seen not to be the delta" says 'sent other bytes'
third=$(sha256sum "$tmp/three" | cut -c1-12)
t "and the compressed image came instead" says "image=$third form=compressed"
load_on
sleep 2
t "the owner goes back" agent rollback
t "the second set serves again" until_ok 30 \
    has '"bad_counter":3.*"phase":"rolled-back".*"set":{"counter":2'
load_off "a rollback"
t "none of $queries queries a second is lost during a rollback" none_lost
load_on
dd if=/dev/zero of="$tmp/broken" bs=4096 count=64 2>/dev/null
t "an image that cannot boot is published" publish 4 "$tmp/broken"
kill -USR1 $agent_pid
t "it is rolled back, and the set is marked bad" until_ok 150 \
    has '"bad_counter":4.*"phase":"rolled-back".*"set":{"counter":2'
load_off "an image that cannot boot"
t "none is lost while a bad image is tried" none_lost
another "$tmp/five" 3
fewer() {
	export KILN_PORTS='udp/53 udp/67'
	publish 5 "$tmp/five"
	rc=$?
	unset KILN_PORTS
	return $rc
}
t "an image that has lost a port is published" fewer
kill -USR1 $agent_pid
t "it is refused" until_ok 20 has '"cause":"serves-less".*"set":{"counter":2'
lost() { agent status --why | tee /dev/stderr | grep -q 'has no port tcp/53'; }
t "and status --why names the port" lost
fifth=$(sha256sum "$tmp/five" | cut -c1-64)
t "… before anything of it was fetched" \
    [ ! -e "$st/store/$(echo "$fifth" | cut -c1-2)/$fifth" ]
agent status | sed 's/^/# /'
sent() { ! [ "$(agent report --show)" ]; }
t "the reports reached the server" until_ok 20 sent
t "none is an empty array" sh -c '[ "$("$1" report --show --json --config "$2")" = "[]" ]' \
    sh "$bin/kiln-agent" "$tmp/agent.yaml"
dnsmasq_conf() {
	printf 'domain=lan\ndhcp-range=192.0.2.100,192.0.2.200,1h\nlog-queries\n' \
	    >"$tmp/dnsmasq.conf"
	"$bin/kiln-agent" import-dnsmasq "$tmp/dnsmasq.conf" >"$tmp/taken" 2>&1
	cat "$tmp/taken"
	grep -q '2 taken, 0 changed, 1 not supported' "$tmp/taken" &&
	    grep -q '3 not supported log-queries: queries are never logged' "$tmp/taken"
}
t "an old dnsmasq.conf is told of line by line" dnsmasq_conf

# --- death, and no network -----------------------------------------------------
machine=$(qemu)
kill -9 $agent_pid
wait $agent_pid 2>/dev/null
nobody() { [ -n "$machine" ] && [ -z "$(cat "/proc/$machine/cmdline" 2>/dev/null)" ]; }
t "its machines die with a killed agent" until_ok 10 nobody
ip address del 198.51.100.1/32 dev lo
start_agent
t "without a network the committed set starts" until_ok 60 answers
t "and it is the second" has '"set":{"counter":2'
machine=$(qemu)
t "the end is clean" sh -c "kill $agent_pid"
wait $agent_pid
t "it ends with 0" test $? -eq 0
t "and leaves no machine" nobody
tail -n 30 "$tmp/agent.log" | sed 's/^/# /'
finish
