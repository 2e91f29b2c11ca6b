# A service that is a unikernel of Solo5, on a router in a network namespace of
# its own: planned, started beside the one before, probed from the LAN, switched,
# committed; one that answers wrongly goes back; state is carried over.
#
# No tender of Solo5 can be installed on Debian 12.  What starts the unikernel
# here is tests/support/solo5/spt_tender.c, our own reading of the ABI that
# Solo5 publishes; the unikernel is our own, too.
[ -n "${KILN_E2E_NS:-}" ] || [ "$(id -u)" != 0 ] ||
	KILN_E2E_NS=1 exec unshare -n sh "$0" "$@"
. tests/support/lib.sh

if [ "$(id -u)" != 0 ] || [ ! -c /dev/net/tun ] || [ "$(uname -m)" != x86_64 ]; then
	skip "unikernels want root, /dev/net/tun and an x86-64 processor"
	finish
fi
solo5=$bin/tests/support/solo5
var=$tmp/var st=$tmp/agent server=http://198.51.100.1
ip link set lo up
ip address add 198.51.100.1/32 dev lo
mkdir "$tmp/tenders"
chmod 755 "$tmp/tenders"
cat >"$tmp/agent.yaml" <<EOF
state: $st
server: ["$server"]
channel: edge
demo: true
trust: {root: $tmp/root.json, min_keys: 1}
poll: 1h
probation: 1h
accel: tcg
tender: $tmp/tenders
lan: {bridge: br-lan, address: 192.0.2.1, prefix: 24}
services:
  echo:
    address: 192.0.2.54
    config: {greeting: hello}
reports: "off"
EOF
agent() {
	verb=$1
	shift
	"$bin/kiln-agent" "$verb" --config "$tmp/agent.yaml" "$@"
}
has() { agent status --json | grep -q "$1"; }
told() { # TEXT: the console of the machine
	agent console echo | tee /dev/stderr | grep -q "$1"
}
publish() { # VERSION UNIKERNEL
	KILN_PORTS=udp/53 KILN_HANDOVER=${handover:-parallel} \
	    "$bin/tests/support/publish" "$var" solo5 echo "$1" "$2" router.lan &&
	    "$bin/kiln-tuf" serve --once --state "$var"
}
found() {
	# A kernel is a part of every set, and nothing here boots it.
	echo vmlinuz >"$tmp/vmlinuz"
	echo initrd >"$tmp/initrd"
	"$bin/kiln-tuf" init --state "$var" --demo --service echo \
	    --service kernel &&
	    "$bin/kiln-tuf" export-root --state "$var" >"$tmp/root.json" &&
	    "$bin/tests/support/publish" "$var" kernel kernel 6.1 "$tmp/vmlinuz" \
		"$tmp/initrd" microvm quiet && publish 1 "$solo5/echo"
}
t "a farm is founded and publishes a set with a unikernel" found
"$bin/kiln-web" --state "$var" --listen 198.51.100.1:80 2>"$tmp/web.log" &
pids="$pids $!"
t "kiln-web serves it" until_ok 20 \
    curl -fsS -o /dev/null $server/tuf/metadata/timestamp.json

# --- the plan --------------------------------------------------------------------
refused() { # SENTENCE
	agent check >"$tmp/check" 2>&1
	rc=$?
	cat "$tmp/check"
	[ $rc -eq 2 ] && grep -qF "$1" "$tmp/check"
}
t "without a tender the plan says so" refused \
    "echo: needs solo5-spt, which is not installed in $tmp/tenders"
nothing() { [ ! -e "$st/store/$1" ]; }
image=$(sha256sum "$solo5/echo" | cut -c1-64)
t "… before anything was fetched" nothing "$(echo "$image" | cut -c1-2)/$image"
printf '#!/bin/sh\necho "ABI version 1"\n' >"$tmp/tenders/solo5-spt"
chmod 755 "$tmp/tenders/solo5-spt"
t "with a tender of another ABI the plan says that" refused \
    "echo: needs version 2 of its ABI, which $tmp/tenders/solo5-spt does not speak"
cp "$solo5/spt_tender" "$tmp/tenders/solo5-spt"
planned() { agent check | tee /dev/stderr | grep -q '^memory   20 MiB'; }
t "with its tender it is planned, with little memory" planned

# --- the first -------------------------------------------------------------------
start_agent() {
	"$bin/kiln-agent" run --config "$tmp/agent.yaml" 2>>"$tmp/agent.log" &
	agent_pid=$!
	pids="$pids $agent_pid"
}
start_agent
t "the unikernel is started, probed and committed" until_ok 20 \
    has '"phase":"committed"'
asks() { "$bin/kiln-agent" probe dns 192.0.2.54 router.lan 2>/dev/null; }
answers() { asks | grep -q '192\.0\.2\.54'; }
t "it answers DNS from the LAN" until_ok 10 answers
ping_it() { perl -MNet::Ping -e \
    'exit !Net::Ping->new("icmp", 5)->ping("192.0.2.54")'; }
t "… and ICMP" ping_it
t "it read its configuration disk" told 'configuration of bytes [1-9]'
# Not the one that is asked for its version.
tender() { pgrep -P $agent_pid -f 'tenders/solo5-spt --mem' | head -n 1; }
walls() {
	p=/proc/$(tender)
	uid=$(awk '/^Uid:/ {print $2}' "$p/status")
	caps=$(awk '/^CapEff:/ {print $2}' "$p/status")
	filter=$(awk '/^Seccomp:/ {print $2}' "$p/status")
	echo "uid $uid caps $caps seccomp $filter"
	[ "$uid" -ge 60832 ] && [ "$caps" = 0000000000000000 ] &&
	    [ "$filter" = 2 ] &&
	    [ "$(readlink "$p/ns/net")" != "$(readlink /proc/self/ns/net)" ]
}
t "its tender has a uid, a filter and a network of its own, and no capability" walls
secret() { ! tr '\0' '\n' <"/proc/$(tender)/cmdline" | grep hello; }
t "no word of its configuration is on the command line" secret

# --- one that answers wrongly ------------------------------------------------------
first=$(tender)
t "a version that answers with another address is published" \
    publish 2 "$solo5/wrong"
kill -USR1 $agent_pid
others() { pgrep -P $agent_pid -f 'tenders/solo5-spt --mem' | grep -vx "$first"; }
t "it is started beside the first one" until_ok 20 others
if [ "${KILN_FAULTS:-}" = full ]; then # after 150 s
	t "it never answers rightly, and is marked bad" until_ok 180 \
	    has '"bad_counter":2.*"phase":"rolled-back".*"set":{"counter":1'
	wrongly() { agent status --why | tee /dev/stderr | grep -q 'echo answers wrongly'; }
	t "status --why says what was wrong" wrongly
else
	t "its owner goes back" agent rollback
	t "it is marked bad" until_ok 20 \
	    has '"bad_counter":2.*"phase":"rolled-back".*"set":{"counter":1'
fi
gone() { ! others; }
t "it is gone" until_ok 10 gone
t "the first one served all the time" answers

# --- back after the switch ----------------------------------------------------------
cat "$solo5/echo" >"$tmp/two"
echo two >>"$tmp/two"
t "another version is published" publish 3 "$tmp/two"
kill -USR1 $agent_pid
t "it serves on probation" until_ok 20 has '"phase":"probation"'
paused() { [ "$(awk '/^State:/ {print $2}' "/proc/$first/status")" = T ]; }
t "the one before waits, stopped by a signal" until_ok 10 paused
t "the LAN is answered" until_ok 10 answers
t "the owner goes back" agent rollback
t "the one before serves again" until_ok 20 \
    has '"bad_counter":3.*"phase":"rolled-back".*"set":{"counter":1'
same() { ! paused && gone && answers; }
t "… as the same process" until_ok 10 same

# --- state, a commit, death ----------------------------------------------------------
kill "$agent_pid"
wait $agent_pid
t "the agent ends well" [ $? -eq 0 ]
ended() { [ -z "$(cat "/proc/$first/cmdline" 2>/dev/null)" ]; }
t "… with its tender" ended
sed -i 's/^probation: .*/probation: 1s/' "$tmp/agent.yaml"
start_agent
t "its unikernel runs again at the next start" until_ok 20 answers
export KILN_VOLUME="state /state 16777216"
handover=exclusive
echo three >>"$tmp/two"
t "a version whose volume is no device of it is published" publish 4 "$tmp/two"
t "its plan says so" refused \
    "echo: has the volume state, and no block device of that name"
t "a version that keeps state is published" publish 5 "$solo5/state"
kill -USR1 $agent_pid
t "it takes over and is committed" until_ok 30 \
    has '"phase":"committed".*"set":{"counter":5'
t "it counted its first start on its volume" told 'echo: start 1'
killed=$(tender)
kill -9 "$killed"
another() { [ -n "$(tender)" ] && [ "$(tender)" != "$killed" ] && answers; }
t "a tender that is killed is started again" until_ok 20 another
t "… with its state" told 'echo: start 2'
t "… and status counts it" until_ok 10 has '"restarts":1'
t "the log has its signal" grep -q 'its tender ended: signal 9' "$tmp/agent.log"

tail -n 40 "$tmp/agent.log" | sed 's/^/# /'
finish
